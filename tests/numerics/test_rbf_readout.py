"""Output weights of regressions, and variances of predictions."""

import numpy as np
import pytest
from rbf_cases import dense_kernel, table
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    WhiteKernel,
)
from sklearn.linear_model import Ridge

from skextras.numerics.rbf import features
from skextras.numerics.rbf_posterior import Scales
from skextras.numerics.rbf_readout import (
    Readout,
    gaussian_readout,
    predictive_variance,
    ridge_readout,
)

SCALES = Scales(0.1, 0.7, 0.2)


def read_out(X, Y, weights, C, scales=SCALES, linear_term=True, max_bytes=np.inf):
    return gaussian_readout(
        X, Y, weights, X, C, scales, linear_term=linear_term, max_bytes=max_bytes
    )


def test_all_rows_as_centers_are_a_gaussian_process(seed):
    X, Y, _ = table(seed, 40, 3, 2)
    new = 1.5 * table(seed + 1)[0]
    kernel = ConstantKernel(0.7) * RBF(1.0) + ConstantKernel(9 * 0.7)
    kernel += ConstantKernel(0.2) * DotProduct(1e-12)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.1), optimizer=None)
    mean, deviation = process.fit(X, Y).predict(new, return_std=True)
    readout = read_out(X, Y, np.ones(40), X)
    F = features(new, new, X, True)
    np.testing.assert_allclose(F @ readout.weights, mean, atol=1e-7)
    variance = predictive_variance(F, X, readout, SCALES)
    np.testing.assert_allclose(np.sqrt(variance), deviation[:, 0], rtol=1e-6)


def test_few_centers_are_a_ridge_regression(seed):
    X, Y, weights = table(seed, 40)
    C = table(seed + 1, 5)[0]
    readout = read_out(X, Y, weights, C)
    F, K = features(X, X, C, True), dense_kernel(C, C, np.eye(3))
    prior = np.zeros((9, 9))
    prior[:5, :5] = K * SCALES.ridge
    prior[range(5, 9), range(5, 9)] = [SCALES.ridge] + [SCALES.slope_ridge] * 3
    W = np.linalg.solve((F.T * weights) @ F + prior, (F.T * weights) @ Y)
    np.testing.assert_allclose(F @ readout.weights, F @ W, atol=1e-8)


def test_centers_that_coincide_need_more_jitter():
    X, Y, weights = table(0, 30)
    once, twice = (
        read_out(X, Y, weights, X[:5]),
        read_out(X, Y, weights, X[[0, 1, 2, 3, 4, 0]]),
    )
    assert once.jitter == pytest.approx(1e-12)
    F = features(X, X, X[:5], True)
    G = features(X, X, X[[0, 1, 2, 3, 4, 0]], True)
    np.testing.assert_allclose(G @ twice.weights, F @ once.weights, atol=1e-6)


def test_far_from_everything_the_prior_is_left(seed):
    X, Y, weights = table(seed)
    readout = read_out(X, Y, weights, X[:10], linear_term=False)
    far = np.full((1, 3), 1e3)
    F = features(far, far, X[:10], False)
    constant = F @ readout.weights
    np.testing.assert_allclose(constant, 3 * readout.weights[10:11], rtol=1e-12)
    variance = predictive_variance(F, X[:10], readout, SCALES)
    assert variance[0] > SCALES.noise + SCALES.weight


def test_variance_of_a_weight_is_that_of_repetitions(seed):
    X, Y, _ = table(seed)
    counts = np.arange(30) % 3 + 1
    F = features(X, X, X[:10], True)
    weighted = read_out(X, Y, counts.astype(float), X[:10])
    Z, T = np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0)
    repeated = read_out(Z, T, np.ones(len(Z)), X[:10])
    np.testing.assert_allclose(
        *(predictive_variance(F, X[:10], r, SCALES) for r in (weighted, repeated)),
        rtol=1e-8,
    )


def test_memory_changes_no_digit(monkeypatch):
    X, Y, weights = table(0, 300)
    reference = read_out(X, Y, weights, X[:20])
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 1)
    kept, remade = (read_out(X, Y, weights, X[:20], max_bytes=b) for b in (np.inf, 0))
    np.testing.assert_array_equal(kept.weights, remade.weights)
    np.testing.assert_array_equal(kept.factor, remade.factor)
    F = features(X, X, X[:20], True)
    np.testing.assert_allclose(F @ kept.weights, F @ reference.weights, atol=1e-9)


def test_penalised_weights_are_a_ridge_regression(seed):
    X, Y, weights = table(seed, 40, 3, 2)
    readout = ridge_readout(
        X, Y, weights, X, X[:5], 0.2, linear_term=True, max_bytes=np.inf
    )
    F = features(X, X, X[:5], True)
    peer = Ridge(0.2, fit_intercept=False).fit(F, Y, sample_weight=weights)
    np.testing.assert_allclose(readout.weights, peer.coef_.T, atol=1e-8)
    assert isinstance(readout, Readout)
    assert readout.factor is None


def test_no_targets():
    X, _, weights = table(0)
    assert read_out(X, np.empty((30, 0)), weights, X[:5]).weights.shape == (9, 0)
