"""Evidence: densities, Gaussian processes, gradients, blocks."""

import itertools

import numpy as np
import pytest
from rbf_cases import GOLDEN, assert_gradient, dense_kernel, golden_problem, table
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from skextras.numerics import rbf_posterior
from skextras.numerics.rbf_evidence import Evidence
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_objective import FAILURE

ALL = np.ones(3, dtype=bool)
METRICS = {
    "full": Metric("full", ALL),
    "rank": Metric("full", ALL, 2),
    "diag": Metric("diag", ALL),
    "spherical": Metric("spherical", ALL),
}
PRIORS = {
    "kernel": {"kernel_prior": True},
    "independent": {"kernel_prior": False},
    "tied": {"kernel_prior": False, "tied": True},
    "no slopes": {"linear_term": False},
    "learnt": {"learn_centers": True},
    "learnt, tied": {"learn_centers": True, "tied": True},
}


@pytest.fixture
def tiny_jitter(monkeypatch):
    """No jitter to speak of, as the closed forms have none."""
    monkeypatch.setattr(rbf_posterior, "_PLAIN_JITTERS", (1e-14,))
    monkeypatch.setattr(rbf_posterior, "_WHITENED_JITTERS", (1e-14,))


def golden_value(**how):
    X, C, L_o, _, y = golden_problem()
    objective = Evidence(
        X, y[:, None], np.ones(8), C, Metric("full", np.ones(3, dtype=bool)), **how
    )
    scales = np.log(GOLDEN["negative_log_evidence"]["scales"])
    theta = objective.layout.join(L_o.T.ravel(), C, scales)
    return 8 * objective(theta)[0]


def test_golden_evidence(tiny_jitter):
    expected = GOLDEN["negative_log_evidence"]
    constant = 4 * np.log(2 * np.pi)
    kernel, independent = golden_value(), golden_value(kernel_prior=False)
    close = {"rtol": 0, "atol": 1e-8}
    np.testing.assert_allclose(kernel + constant, expected["kernel_prior"], **close)
    np.testing.assert_allclose(
        independent + constant, expected["independent_prior"], **close
    )
    trace_term = golden_value(learn_centers=True) - kernel
    np.testing.assert_allclose(trace_term, expected["trace_term"], **close)


@pytest.mark.parametrize("n_centers", [4, 20])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_evidence_is_the_density_of_the_targets(seed, n_outputs, n_centers):
    X, Y, _ = table(seed, 24, 3, n_outputs)
    repeats = np.arange(24) % 3 + 1
    C = table(seed + 1, n_centers)[0]
    objective = Evidence(X, Y, repeats.astype(float), C, METRICS["full"])
    L = 0.4 * table(seed + 2, 3)[0]
    theta = np.concatenate([L.ravel(), np.log([0.3, 0.7, 0.2])])
    value = objective(theta)[0] * repeats.sum()
    rows = np.repeat(np.arange(24), repeats)
    Phi, K = dense_kernel(X[rows], C, L), dense_kernel(C, C, L)
    K += (1e-10 if n_centers == 20 else 1e-6) * np.eye(n_centers)
    covariance = 0.7 * Phi @ np.linalg.solve(K, Phi.T) + 0.7 * 9
    covariance += 0.2 * X[rows] @ X[rows].T + 0.3 * np.eye(len(rows))
    density = multivariate_normal(cov=covariance)
    expected = -sum(density.logpdf(y) for y in Y[rows].T)
    expected -= 0.5 * n_outputs * len(rows) * np.log(2 * np.pi)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_with_all_rows_as_centers_it_is_a_gaussian_process(tiny_jitter):
    X, Y, _ = table(0, 40)
    lengths = np.array([0.7, 1.0, 1.8])
    objective = Evidence(X, Y, np.ones(40), X, METRICS["diag"], linear_term=False)
    value = objective(np.concatenate([1 / lengths, np.log([0.1, 0.8])]))[0]
    kernel = ConstantKernel(0.8) * RBF(lengths) + ConstantKernel(9 * 0.8)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.1), optimizer=None)
    expected = process.fit(X, Y[:, 0]).log_marginal_likelihood()
    np.testing.assert_allclose(
        -40 * value - 20 * np.log(2 * np.pi), expected, rtol=1e-8
    )


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("metric", METRICS)
def test_gradient(metric, prior, n_outputs):
    X, Y, weights = table(7, 30, 3, n_outputs)
    for n_centers, weighted in itertools.product((5, 18), (False, True)):
        C = 1.5 * table(8, n_centers)[0]
        how = {"alpha": 0.3, **PRIORS[prior]}
        w = weights if weighted else np.ones(30)
        objective = Evidence(X, Y, w, C, METRICS[metric], **how)
        rng = np.random.default_rng(9)
        params = rng.uniform(0.3, 1, METRICS[metric].size)
        rest = objective.start + 0.2 * rng.standard_normal(len(objective.start))
        assert_gradient(objective, objective.layout.join(params, C, rest), rtol=2e-6)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("n_centers", [10, 120])
def test_blocks_and_memory(monkeypatch, prior, n_centers):
    X, Y, weights = table(0, 200, 3, 2)
    C = table(1, n_centers)[0]

    def evaluate(max_bytes):
        objective = Evidence(
            X, Y, weights, C, METRICS["full"], max_bytes=max_bytes, **PRIORS[prior]
        )
        params = METRICS["full"].start(0.8)
        return objective(objective.layout.join(params, C, objective.start))

    value, gradient = evaluate(np.inf)
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 1)
    (blocked, kept), (again, remade) = evaluate(np.inf), evaluate(0)
    np.testing.assert_allclose(blocked, value, rtol=1e-10)
    np.testing.assert_allclose(kept, gradient, atol=1e-10 * np.abs(gradient).max())
    # The memory to keep features in changes no digit.
    assert again == blocked
    np.testing.assert_array_equal(remade, kept)


def test_constant_features_have_no_gradient():
    X, Y, weights = table(0)
    X[:, 1] = 0
    active = np.array([True, False, True])
    for kind in ("full", "diag"):
        metric = Metric(kind, active)
        objective = Evidence(X, Y, weights, X[:5], metric, alpha=0.3)
        params = metric.start(0.8)
        gradient = objective(np.concatenate([params, objective.start]))[1]
        inactive = gradient[: metric.size].reshape(-1, 3)[:, 1]
        np.testing.assert_array_equal(inactive, 0)


def test_failure_is_far_above_everything():
    X, Y, weights = table(0)
    objective = Evidence(X, Y, weights, X[:5], METRICS["diag"])
    theta = np.concatenate([[np.nan] * 3, objective.start])
    value, gradient = objective(theta)
    assert value == FAILURE
    np.testing.assert_array_equal(gradient, 0)
    theta = np.concatenate([[1e152] * 3, objective.start])
    assert np.isfinite(objective(theta)[0])


def test_scales():
    X, Y, weights = table(0)
    theta = np.concatenate([np.ones(3), np.log([0.1, 2.0])])
    tied = Evidence(X, Y, weights, X[:5], METRICS["diag"], tied=True)
    np.testing.assert_allclose(tied.scales(theta), [0.1, 2.0, 2.0])
    free = Evidence(X, Y, weights, X[:5], METRICS["diag"])
    theta = np.append(theta, np.log(0.3))
    np.testing.assert_allclose(free.scales(theta), [0.1, 2.0, 0.3])
    assert len(free.bounds) == len(free.start) == 3
