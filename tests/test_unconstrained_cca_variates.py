"""Variates and predictions by chunks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skextras._unconstrained_cca_variates import predictions, variates_side_by_side


@pytest.mark.parametrize("memory", [1e-3, 1024])
def test_variates(seed, memory):
    rng = np.random.default_rng(seed)
    views = [rng.standard_normal((50, p)) for p in (4, 3)]
    means = [rng.standard_normal(p) for p in (4, 3)]
    weights = [rng.standard_normal((p, 2)) for p in (4, 3)]
    with config_context(working_memory=memory):
        found = variates_side_by_side(views, means, weights)
    for i in range(2):
        expected = (views[i] - means[i]) @ weights[i]
        assert_allclose(found[:, 2 * i : 2 * i + 2], expected, rtol=1e-12, atol=1e-13)
    first = variates_side_by_side(views[:1], means, weights)
    assert_allclose(first, found[:, :2], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("memory", [1e-3, 1024])
def test_predictions(seed, memory):
    rng = np.random.default_rng(seed)
    X, mean, weights = (
        rng.standard_normal((50, 4)),
        np.ones(4),
        rng.standard_normal((4, 2)),
    )
    regression, offset = rng.standard_normal((2, 3)), rng.standard_normal(3)
    with config_context(working_memory=memory):
        found = predictions(X, mean, weights, regression, offset)
    expected = (X - 1) @ weights @ regression + offset
    assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.int8, np.float64)],
)
def test_types(dtype, expected):
    X, one = np.array([[1], [3]], dtype=dtype), np.ones((1, 1))
    variates = variates_side_by_side([X], [one[0]], [one])
    assert variates.dtype == predictions(X, one[0], one, one, one[0]).dtype == expected
    assert_array_equal(variates, [[0], [2]])


def test_single_precision_far_from_zero():
    """Differences are taken in double precision, whatever the data are."""
    X = np.array([[1e7 + 1], [1e7 + 2]], dtype=np.float32)
    found = variates_side_by_side([X], [np.array([1e7 + 0.25])], [np.ones((1, 1))])
    assert_array_equal(found, np.float32([[0.75], [1.75]]))


def test_no_rows():
    found = variates_side_by_side([np.empty((0, 2))], [np.zeros(2)], [np.eye(2)])
    assert found.shape == (0, 2)
