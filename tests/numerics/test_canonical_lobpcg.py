"""LOBPCG: exact answers, stopping, precision, units."""

import itertools

import numpy as np
import pytest
from numerics.cca_cases import correlated_views, generalised_values
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.canonical_lobpcg import iterate_directions
from skextras.numerics.variate_pass import column_moments, variate_moments
from skextras.numerics.view_moments import rotate_weights


def iterates(views, k, share=0.0, *, tol=1e-10, single=False, limit=200, seed=0):
    moments = column_moments(views, 64)
    targets = [m.variance.mean() for m in moments]
    found = iterate_directions(
        views,
        moments,
        [share] * len(views),
        targets,
        k,
        np.random.RandomState(seed),
        tol=tol,
        step=64,
        single=single,
    )
    return list(itertools.islice(found, limit))


def values_of(views, weights, share=0.0):
    moments = column_moments(views, 64)
    covariances, _ = variate_moments(views, [m.mean for m in moments], weights, 64)
    targets = [m.variance.mean() for m in moments]
    shares = [share] * len(views)
    return rotate_weights(weights, covariances, shares, targets)[0].singular_values


def wide_views(seed, n_rows=400, widths=(40, 30)):
    return correlated_views(seed, n_rows, widths, rho=(0.95, 0.9, 0.8, 0.7, 0.6))


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("single", [False, True])
def test_reaches_the_exact_values(seed, share, single):
    views = wide_views(seed)
    last = iterates(views, 3, share, single=single)[-1]
    assert last.converged
    expected = generalised_values(views, [share] * 2)[:3]
    assert_allclose(values_of(views, last.weights, share), expected, rtol=1e-7)


def test_three_views(seed):
    x, y = wide_views(seed)
    noise = np.random.default_rng(seed).standard_normal((400, 20))
    views = [x, y, x[:, :20] + noise]
    last = iterates(views, 2, 0.1)[-1]
    assert last.converged
    expected = generalised_values(views, [0.1] * 3)[:2]
    assert_allclose(values_of(views, last.weights, 0.1), expected, rtol=1e-7)


def test_estimate_falls_to_the_tolerance(seed):
    views = wide_views(seed)
    found = iterates(views, 3, tol=1e-6)
    estimates = [iterate.estimate for iterate in found]
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[-1] <= 1e-6 < estimates[-2]
    assert [iterate.n_passes for iterate in found] == list(range(1, len(found) + 1))


def test_single_precision_ends_in_double(seed):
    views = [v.astype(np.float32) for v in wide_views(seed)]
    last = iterates(views, 3, tol=1e-12, single=True)[-1]
    expected = generalised_values([v.astype(float) for v in views], [0, 0])[:3]
    assert last.converged
    assert_allclose(values_of(views, last.weights), expected, rtol=1e-9)


def test_units_are_of_no_consequence(seed):
    views = wide_views(seed)
    scaled = [views[0] * np.logspace(-9, 9, 40), views[1] * 1e30]
    last, other = iterates(views, 2)[-1], iterates(scaled, 2, single=True)[-1]
    assert last.converged
    assert other.converged
    assert_allclose(
        values_of(scaled, other.weights), values_of(views, last.weights), rtol=1e-8
    )


def test_constant_columns_get_no_weight(seed):
    views = wide_views(seed)
    views[0][:, 3] = 7.5
    last = iterates(views, 2)[-1]
    assert last.converged
    assert_array_equal(last.weights[0][3], 0)


def test_duplicated_columns_do_no_harm(seed):
    x, y = wide_views(seed)
    views = [np.hstack([x, x[:, :5]]), y]
    last = iterates(views, 2)[-1]
    expected = generalised_values([x, y], [0, 0])[:2]
    assert_allclose(values_of(views, last.weights), expected, rtol=1e-7)


def test_more_passes_keep_the_best(seed):
    """Once rounding rules, the iterate must not drift away."""
    views = wide_views(seed)
    last = iterates(views, 3, tol=1e-300, limit=150)[-1]
    assert last.n_passes == 150
    expected = generalised_values(views, [0, 0])[:3]
    assert_allclose(values_of(views, last.weights), expected, rtol=1e-11)


def test_narrow_views(seed):
    x, y = correlated_views(seed, widths=(3, 1), rho=(0.8,))
    last = iterates([x, y], 1)[-1]
    assert_allclose(
        values_of([x, y], last.weights), generalised_values([x, y], [0, 0])[:1]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_offset_is_of_no_consequence(seed, dtype, offset):
    # Sums of columns of one sign: their variates have large means.
    views = [(v / v.std(axis=0) + offset).astype(dtype) for v in wide_views(seed)]
    before = [v.copy() for v in views]
    last = iterates(views, 3, single=True)[-1]
    expected = generalised_values([v.astype(float) for v in views], [0, 0])[:3]
    assert last.converged
    assert_allclose(values_of(views, last.weights), expected, rtol=1e-9)
    for view, kept in zip(views, before, strict=True):
        assert_array_equal(view, kept)
