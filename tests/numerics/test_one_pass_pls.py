"""One-pass partial least squares: tiles, precision, and the answer."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.one_pass_pls import (
    empty_cross_moments,
    solve_cross,
    update_cross_moments,
)


def moments_of(x, y, size, step=4096, weights=None, single=False):
    state = empty_cross_moments(x.shape[1], y.shape[1], step=step)
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        share = None if weights is None else weights[rows]
        state = update_cross_moments(state, x[rows], y[rows], share, single=single)
    return state


@pytest.mark.parametrize("size", [1, 50, 1000])
@pytest.mark.parametrize("step", [1, 4, 100])
def test_products_are_those_of_centred_columns(seed, size, step):
    x, y = correlated_views(seed)
    x, y = x + 1e4, y - 1e4
    state = moments_of(x, y, size, step)
    expected = (x - x.mean(0)).T @ (y - y.mean(0))
    assert_allclose(state.products, expected, rtol=1e-8, atol=1e-8)
    assert_allclose(np.concatenate(state.means), np.r_[x.mean(0), y.mean(0)])
    assert (state.n_rows, state.weight) == (300, 300)


def test_weights_are_repetitions(seed):
    x, y = correlated_views(seed)
    weights = np.random.default_rng(seed).integers(0, 4, 300).astype(float)
    repeated = [v.repeat(weights.astype(int), axis=0) for v in (x, y)]
    state = moments_of(x, y, 70, 4, weights)
    assert_allclose(
        state.products, moments_of(*repeated, 1000).products, rtol=1e-9, atol=1e-10
    )
    assert state.n_rows == np.count_nonzero(weights)


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.bool_])
def test_single_precision_is_good_for_six_digits(seed, dtype):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (5000, 12)).astype(dtype)
    y = (x[:, :3] + rng.standard_normal((5000, 3))).astype(np.float32)
    found = moments_of(x, y, 2048, single=True).products
    exact = moments_of(x.astype(float), y.astype(float), 5000).products
    assert found.dtype == np.float64
    assert_allclose(found, exact, atol=3e-6 * np.abs(exact).max())


@pytest.mark.parametrize("shape", [(20, 7), (7, 20), (6000, 5), (90, 80)])
def test_solution_is_the_singular_value_decomposition(seed, shape):
    C = np.random.default_rng(seed).standard_normal(shape)
    weights, values, spectrum = solve_cross(C, 3)
    assert_allclose(spectrum, np.linalg.svd(C, compute_uv=False), rtol=1e-6)
    assert_allclose(values, spectrum[:3])
    assert_allclose(weights[0].T @ C @ weights[1], np.diag(values), atol=1e-9)
    for w in weights:
        assert_allclose(w.T @ w, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_solution_in_extreme_units(unit):
    C = np.random.default_rng(0).standard_normal((100, 90))
    plain, scaled = solve_cross(C, 3), solve_cross(unit * C, 3)
    assert_allclose(scaled[1] / unit, plain[1], rtol=1e-12)


def test_nothing_in_common_gives_zeros():
    weights, values, _ = solve_cross(np.zeros((5, 4)), 2)
    assert_array_equal(values, 0)
    assert_allclose(weights[0].T @ weights[0], np.eye(2), atol=1e-14)
