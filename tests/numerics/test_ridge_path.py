"""Ridge regression at many penalties, with exact leave-one-out scores."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skextras.numerics.ridge_path import (
    leave_one_out_errors,
    leave_one_out_residuals,
    ridge_gains,
    symmetric_spectrum,
)

ALPHAS = np.array([0.1, 1.0, 10.0, 100.0])


def _data(seed, n=14, p=5, n_targets=3):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, p)), rng.standard_normal((n, n_targets))
    return x, y, rng.uniform(0.3, 2.5, n)


def _path(x, y, weights, dual):
    """The arguments of the functions, as a caller makes them."""
    total = weights.sum()
    a, t = x - weights @ x / total, y - weights @ y / total
    roots = np.sqrt(weights)[:, None]
    if dual:
        values, vectors = symmetric_spectrum((roots * a) @ (roots * a).T)
        return values, vectors / roots, vectors.T @ (roots * t), t
    values, vectors = symmetric_spectrum((a * weights[:, None]).T @ a)
    return values, a @ vectors, vectors.T @ (a.T @ (weights[:, None] * t)), t


def _residuals(x, y, weights, shares, dual):
    values, rows, projected, targets = _path(x, y, weights, dual)
    gains = ridge_gains(values, ALPHAS, dual=dual)
    residuals = [
        leave_one_out_residuals(
            rows, projected, gain, targets, shares, 1 / weights.sum()
        )
        for gain in gains.T
    ]
    errors = leave_one_out_errors(
        rows, projected, gains, targets, shares, 1 / weights.sum(), weights
    )
    return np.array(residuals), errors


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("shape", [(14, 5), (8, 20)])
def test_leave_one_out_is_refitting(seed, dual, shape):
    x, y, _ = _data(seed, *shape)
    counts = np.random.default_rng(seed).integers(1, 4, len(x)).astype(float)
    found, _ = _residuals(x, y, counts, np.ones(len(x)), dual)
    for a, alpha in enumerate(ALPHAS):
        for i in range(len(x)):
            left = counts - (np.arange(len(x)) == i)
            model = Ridge(alpha=alpha, solver="svd").fit(x, y, left)
            expected = y[i] - model.predict(x[[i]])[0]
            np.testing.assert_allclose(found[a, i], expected, rtol=1e-9, atol=1e-11)


def test_shares_leave_out_that_weight(seed):
    x, y, weights = _data(seed)
    shares = weights * np.random.default_rng(seed).uniform(0.2, 1, len(x))
    found, _ = _residuals(x, y, weights, shares, False)
    for i in (0, 7):
        left = weights - shares * (np.arange(len(x)) == i)
        model = Ridge(alpha=ALPHAS[1], solver="cholesky").fit(x, y, left)
        expected = y[i] - model.predict(x[[i]])[0]
        np.testing.assert_allclose(found[1, i], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(14, 5), (8, 20), (10, 10)])
def test_dual_is_primal(seed, shape):
    x, y, weights = _data(seed, *shape)
    shares = np.minimum(weights, 1)
    dual, dual_errors = _residuals(x, y, weights, shares, True)
    primal, primal_errors = _residuals(x, y, weights, shares, False)
    np.testing.assert_allclose(dual, primal, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dual_errors, primal_errors, rtol=1e-10)


def test_errors_sum_the_residuals(seed, monkeypatch):
    x, y, weights = _data(seed)
    residuals, errors = _residuals(x, y, weights, np.ones(len(x)), False)
    expected = (weights * (residuals**2).sum(axis=2)).sum(axis=1)
    np.testing.assert_allclose(errors, expected, rtol=1e-12)
    monkeypatch.setattr("skextras.numerics.ridge_path._BLOCK_VALUES", 1)
    _, one_by_one = _residuals(x, y, weights, np.ones(len(x)), False)
    np.testing.assert_allclose(one_by_one, errors, rtol=1e-13)


def test_weight_zero_leaves_a_sample_out_of_the_errors(seed):
    x, y, weights = _data(seed)
    values, rows, projected, targets = _path(x, y, weights, False)
    gains = ridge_gains(values, ALPHAS, dual=False)
    counted = weights * (np.arange(len(x)) != 3)
    base, ones = 1 / weights.sum(), np.ones(len(x))
    errors = leave_one_out_errors(rows, projected, gains, targets, ones, base, counted)
    kept = np.arange(len(x)) != 3
    expected = leave_one_out_errors(
        rows[kept], projected, gains, targets[kept], ones[kept], base, weights[kept]
    )
    np.testing.assert_allclose(errors, expected, rtol=1e-13)


@pytest.mark.parametrize("dual", [True, False])
def test_duplicate_columns_and_rows_keep_it_exact(seed, dual):
    x, y, _ = _data(seed, 9, 4)
    x, y = np.hstack([x, x]), y
    x[4], y[4] = x[5], y[5]
    found, _ = _residuals(x, y, np.ones(9), np.ones(9), dual)
    kept = np.arange(9) != 4
    model = Ridge(alpha=ALPHAS[1], solver="svd").fit(x[kept], y[kept])
    np.testing.assert_allclose(
        found[1, 4], y[4] - model.predict(x[[4]])[0], rtol=1e-9, atol=1e-11
    )


def test_null_directions_have_no_gain():
    values = np.array([0.0, 1e-9, 2.0])
    for dual in (True, False):
        gains = ridge_gains(values, np.array([1e-30, 1.0]), dual=dual)
        assert (gains[0] == 0).all()
        assert np.isfinite(gains).all()


def test_a_tiny_penalty_interpolates_without_noise(seed):
    x, y, weights = _data(seed, 6, 30)
    found = [_residuals(x, y, weights, np.minimum(weights, 1), d)[0] for d in (0, 1)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-9)


def test_leverage_of_one_stays_finite():
    x, y = np.eye(3), np.eye(3)
    values, rows, projected, targets = _path(x, y, np.ones(3), True)
    gain = ridge_gains(values, np.array([1e-300]), dual=True)[:, 0]
    residuals = leave_one_out_residuals(
        rows, projected, gain, targets, np.ones(3), 1 / 3
    )
    assert np.isfinite(residuals).all()


def test_spectrum(seed):
    x, _, _ = _data(seed, 4, 7)
    matrix = x.T @ x
    values, vectors = symmetric_spectrum(matrix.copy())
    assert (values[:3] == 0).all()
    assert (values[3:] > 0).all()
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose((vectors * values) @ vectors.T, matrix, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(7), atol=1e-13)


def test_spectrum_of_zeros():
    values, _ = symmetric_spectrum(np.zeros((3, 3)))
    assert values.tolist() == [0, 0, 0]
