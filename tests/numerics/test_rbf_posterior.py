"""Posterior of the output weights: three forms of the prior against dense algebra."""

import numpy as np
import pytest
from rbf_cases import table

from skextras.numerics.rbf import center_kernel, features
from skextras.numerics.rbf_posterior import (
    IndependentPrior,
    KernelPrior,
    Scales,
    WhitenedKernelPrior,
)

SCALES = Scales(0.1, 0.7, 0.2)
M = 5


def problem(seed, n_outputs=2):
    X, Y, _ = table(seed, 12, 2, n_outputs)
    C = X[:M] + 0.1
    return features(X, X, C, True), center_kernel(C), Y


def dense(F, K, Y):
    """Matrix A, its inverse and the weights, written out."""
    prior = np.zeros((len(F.T), len(F.T)))
    prior[:M, :M] = SCALES.ridge * K
    prior[M, M] = SCALES.ridge
    slopes = np.arange(M + 1, len(prior))
    prior[slopes, slopes] = SCALES.slope_ridge
    A = F.T @ F + prior
    return A, np.linalg.inv(A), np.linalg.solve(A, F.T @ Y)


def posteriors(F, K, Y, total=None):
    """Name, jittered K, and posterior of each form."""
    plain, white = KernelPrior(M), WhitenedKernelPrior(M)
    assert plain.prepare(K)
    assert white.prepare(K)
    found = [
        (
            "kernel",
            K + 1e-6 * np.eye(M),
            plain.posterior(F.T @ F, F.T @ Y, SCALES, total),
        )
    ]
    G = F.copy()
    G[:, :M] = np.linalg.solve(white.whitener, F[:, :M].T).T
    posterior = white.posterior(G.T @ G, G.T @ Y, SCALES, total)
    found.append(("whitened", K + 1e-10 * np.eye(M), posterior))
    if total is None:
        independent = IndependentPrior(M)
        assert independent.prepare(None)
        posterior = independent.posterior(F.T @ F, F.T @ Y, SCALES)
        found.append(("independent", np.eye(M), posterior))
    return found


def test_posterior_is_that_of_dense_algebra(seed):
    F, K, Y = problem(seed)
    for name, prior, posterior in posteriors(F, K, Y):
        A, inverse, W = dense(F, prior, Y)
        close = {"rtol": 1e-6, "atol": 1e-9, "err_msg": name}
        np.testing.assert_allclose(posterior.kernel_mean, W[:M], **close)
        logs = np.linalg.slogdet(A)[1] - np.linalg.slogdet(prior)[1]
        np.testing.assert_allclose(posterior.log_determinant, logs, **close)
        freedom = np.trace(inverse[:M, :M] @ prior) + inverse[M, M]
        np.testing.assert_allclose(posterior.freedom, freedom, **close)
        slopes = np.trace(inverse[M + 1 :, M + 1 :])
        np.testing.assert_allclose(posterior.slope_freedom, slopes, **close)
        norm = np.trace(W[:M].T @ prior @ W[:M]) + np.square(W[M]).sum()
        np.testing.assert_allclose(posterior.norm, norm, **close)
        np.testing.assert_allclose(
            posterior.slope_norm, np.square(W[M + 1 :]).sum(), **close
        )


def test_pulls_of_plain_and_whitened_kernels_agree(seed):
    F, K, Y = problem(seed)
    (_, _, plain), (_, _, white), _ = posteriors(F, K, Y)
    G = F.copy()
    prior = WhitenedKernelPrior(M)
    prior.prepare(K)
    G[:, :M] = np.linalg.solve(prior.whitener, F[:, :M].T).T
    np.testing.assert_allclose(G @ white.mean, F @ plain.mean, atol=1e-4)
    scale = np.abs(F @ plain.pull).max()
    np.testing.assert_allclose(G @ white.pull, F @ plain.pull, atol=1e-3 * scale)
    scale = np.abs(plain.center_pull).max()
    np.testing.assert_allclose(white.center_pull, plain.center_pull, atol=1e-3 * scale)


def test_what_the_centers_leave_unexplained(seed):
    F, K, Y = problem(seed)
    for name, prior, posterior in posteriors(F, K, Y, total=12.0):
        explained = np.trace(F[:, :M] @ np.linalg.solve(prior, F[:, :M].T))
        np.testing.assert_allclose(
            posterior.unexplained, 12 - explained, rtol=1e-6, atol=1e-8, err_msg=name
        )


def test_nothing_is_left_where_rounding_explains_more_than_all():
    K = np.eye(M)
    F = np.hstack([np.sqrt(1 + 1e-5) * np.eye(M), np.ones((M, 1))])
    posterior, without = (
        prior.posterior(F.T @ F, F.T @ np.ones((M, 1)), SCALES, total)
        for prior, total in ((KernelPrior(M), float(M)), (KernelPrior(M), None))
        if prior.prepare(K)
    )
    assert posterior.unexplained == 0
    np.testing.assert_array_equal(posterior.pull, without.pull)
    np.testing.assert_array_equal(posterior.center_pull, without.center_pull)


def test_jitter_rises_and_stays():
    prior = WhitenedKernelPrior(2)
    assert prior.prepare(np.array([[1.0, 1.0 + 1e-8], [1.0 + 1e-8, 1.0]]))
    assert prior.jitter == pytest.approx(1e-7)
    assert prior.prepare(np.eye(2))
    assert prior.jitter == pytest.approx(1e-7)
    assert not prior.prepare(-np.eye(2))
    assert not KernelPrior(2).prepare(-np.eye(2))


def test_no_posterior_of_what_is_not_finite():
    bad = np.full((M + 1, M + 1), np.nan)
    for form in (IndependentPrior, KernelPrior, WhitenedKernelPrior):
        prior = form(M)
        prior.prepare(np.eye(M))
        assert prior.posterior(bad, np.ones((M + 1, 1)), SCALES) is None
