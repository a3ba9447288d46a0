"""Passes over the rows: column moments and moments of variates."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.variate_pass import (
    centred,
    column_moments,
    row_slices,
    variate_moments,
    variates_of,
)


@pytest.mark.parametrize("step", [1, 64, 300])
def test_column_moments(seed, step):
    views = correlated_views(seed)
    for view, found in zip(views, column_moments(views, step), strict=True):
        assert_allclose(found.mean, view.mean(0), rtol=1e-9, atol=1e-12)
        assert_allclose(found.variance, view.var(0, ddof=1), rtol=1e-10)


def test_variance_of_a_constant_is_zero():
    view = np.full((50, 2), 0.1)
    view[:, 1] = np.arange(50)
    assert column_moments([view], 7)[0].variance[0] == 0


@pytest.mark.parametrize("step", [1, 64, 300])
def test_variate_moments(seed, step):
    x, y = correlated_views(seed)
    rng = np.random.default_rng(seed)
    w = [rng.standard_normal((6, 2)), rng.standard_normal((4, 2))]
    means = [x.mean(0), y.mean(0)]
    found, cross = variate_moments([x, y], means, w, step, target=1)
    z = np.hstack([x @ w[0], y @ w[1]])
    assert_allclose(found, np.cov(z, rowvar=False), rtol=1e-9, atol=1e-11)
    expected = np.cov(np.hstack([z[:, :2], y]), rowvar=False)[:2, 2:]
    assert_allclose(cross, expected, rtol=1e-9, atol=1e-11)


def test_weighted_variate_moments(seed):
    x, y = correlated_views(seed)
    w, means = [np.eye(6)[:, :1], np.eye(4)[:, :1]], [x.mean(0), y.mean(0)]
    weights = np.random.default_rng(seed).integers(0, 3, 300).astype(float)
    found, cross = variate_moments([x, y], means, w, 64, row_weights=weights)
    assert cross is None
    z = np.column_stack([x[:, 0], y[:, 0]])
    expected = np.cov(z, rowvar=False, fweights=weights.astype(int))
    assert_allclose(found, expected, rtol=1e-10)


def test_variates_have_the_type_of_the_weights():
    rows, mean = np.array([[1, 2]], dtype=np.int8), np.array([0.5, 0.5])
    for dtype in (np.float32, np.float64):
        found = variates_of(rows, mean, np.eye(2, dtype=dtype))
        assert found.dtype == dtype
        assert_array_equal(found, [[0.5, 1.5]])


def test_differences_of_doubles_are_taken_in_double():
    rows = np.array([[1e8 + 0.25]])
    assert_array_equal(centred(rows, np.array([1e8]), np.float32), [[0.25]])
    original = np.ones((2, 1), dtype=np.float32)
    centred(original, np.ones(1), np.float32)
    assert_array_equal(original, 1)


def test_slices_cover_all_rows():
    found = row_slices(10, 4)
    assert np.concatenate([np.arange(10)[s] for s in found]).tolist() == list(range(10))
    assert row_slices(0, 4) == []
