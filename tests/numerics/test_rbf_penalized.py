"""Penalised objectives: values by their definitions, gradients, blocks."""

import numpy as np
import pytest
from rbf_cases import assert_gradient, dense_kernel, table
from sklearn.linear_model import Ridge

from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_objective import FAILURE
from skextras.numerics.rbf_penalized import (
    PenalizedLogLoss,
    PenalizedSquares,
    ridge_weights,
)

ALL = np.ones(3, dtype=bool)
METRICS = {
    "full": Metric("full", ALL),
    "rank": Metric("full", ALL, 2),
    "diag": Metric("diag", ALL),
    "spherical": Metric("spherical", ALL),
}
HOW = {"alpha": 0.3, "linear_term": True}


def indicators(n_classes, n_rows=30):
    labels = np.arange(n_rows) * 7 % n_classes
    return (
        np.eye(n_classes)[labels][:, 1:]
        if n_classes == 2
        else np.eye(n_classes)[labels]
    )


def random_theta(objective, centers, seed=3):
    rng = np.random.default_rng(seed)
    params = rng.uniform(0.3, 1, objective.layout.metric.size)
    rest = rng.standard_normal(len(objective.start))
    return objective.layout.join(params, centers, rest)


@pytest.mark.parametrize("learn_centers", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("metric", METRICS)
def test_gradient_of_squares(metric, n_outputs, learn_centers):
    X, Y, weights = table(0, 30, 3, n_outputs)
    C = table(1, 6)[0]
    objective = PenalizedSquares(
        X, Y, weights, C, METRICS[metric], 0.2, learn_centers=learn_centers, **HOW
    )
    assert_gradient(objective, random_theta(objective, C))


@pytest.mark.parametrize("learn_centers", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_gradient_of_log_loss(metric, n_classes, learn_centers):
    X, _, weights = table(0)
    C = table(1, 6)[0]
    objective = PenalizedLogLoss(
        X,
        indicators(n_classes),
        weights,
        C,
        METRICS[metric],
        0.2,
        learn_centers=learn_centers,
        **HOW,
    )
    assert_gradient(objective, random_theta(objective, C))


def dense_features(X, C, widths):
    return np.hstack(
        [dense_kernel(X, C, np.diag(widths)), np.full((len(X), 1), 3.0), X]
    )


def test_value_of_squares(seed):
    X, Y, weights = table(seed)
    widths = np.array([0.5, 1.0, 1.5])
    F = dense_features(X, X[:6], widths)
    model = Ridge(0.2, fit_intercept=False).fit(F, Y[:, 0], sample_weight=weights)
    W = model.coef_
    expected = (
        0.5 * weights @ np.square(Y[:, 0] - F @ W)
        + 0.1 * W @ W
        + 0.15 * widths @ widths
    )
    objective = PenalizedSquares(X, Y, weights, X[:6], METRICS["diag"], 0.2, **HOW)
    np.testing.assert_allclose(
        objective(widths)[0], expected / weights.sum(), rtol=1e-9
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_value_of_log_loss(seed, n_classes):
    X, _, weights = table(seed)
    widths, targets = np.array([0.5, 1.0, 1.5]), indicators(n_classes)
    W = np.random.default_rng(seed).standard_normal((10, targets.shape[1]))
    scores = dense_features(X, X[:6], widths) @ W
    if n_classes == 2:
        scores, targets_of_all = np.hstack([0 * scores, scores]), indicators(2)
        targets_of_all = np.hstack([1 - targets_of_all, targets_of_all])
    else:
        targets_of_all = targets
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.log((p * targets_of_all).sum(axis=1))
    expected = weights @ loss + 0.1 * np.square(W).sum() + 0.15 * widths @ widths
    objective = PenalizedLogLoss(
        X, targets, weights, X[:6], METRICS["diag"], 0.2, **HOW
    )
    value = objective(np.concatenate([widths, W.ravel()]))[0]
    np.testing.assert_allclose(value, expected / weights.sum(), rtol=1e-10)


def test_log_loss_starts_from_zero_weights():
    X, _, weights = table(0)
    objective = PenalizedLogLoss(X, indicators(3), weights, X[:6], METRICS["diag"], 0.2)
    value = objective(np.concatenate([np.ones(3), objective.start]))[0]
    np.testing.assert_allclose(value, np.log(3), rtol=1e-12)
    assert len(objective.bounds) == len(objective.start) == 30


@pytest.mark.parametrize("form", [PenalizedSquares, PenalizedLogLoss])
def test_blocks_and_memory(monkeypatch, form):
    X, Y, weights = table(0, 200)
    Y = (Y > 0) * 1.0

    def evaluate(**how):
        objective = form(X, Y, weights, X[:10], METRICS["full"], 0.2, **how)
        return objective(random_theta(objective, X[:10]))

    value, gradient = evaluate()
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 1)
    blocked, kept = evaluate()
    np.testing.assert_allclose(blocked, value, rtol=1e-10)
    np.testing.assert_allclose(kept, gradient, atol=1e-10 * np.abs(gradient).max())
    if form is PenalizedSquares:
        again, remade = evaluate(max_bytes=0)
        assert again == blocked
        np.testing.assert_array_equal(remade, kept)


def test_failure():
    X, Y, weights = table(0)
    objective = PenalizedSquares(X, Y, weights, X[:5], METRICS["diag"], 0.2)
    value, gradient = objective(np.full(3, np.nan))
    assert value == FAILURE
    np.testing.assert_array_equal(gradient, 0)


def test_ridge_weights():
    F = table(0)[0]
    gram = F.T @ F
    W = ridge_weights(gram, F.T @ F[:, :1], 2.0)
    np.testing.assert_allclose((gram + 2 * np.eye(3)) @ W, gram[:, :1], atol=1e-12)
    assert ridge_weights(np.nan * gram, F.T @ F, 1e-3) is None
    # Columns that depend on each other, and a ridge that rounds to nothing.
    F = np.hstack([F, F])
    W = ridge_weights(F.T @ F, F.T @ F[:, :1], 1e-300)
    np.testing.assert_allclose(F @ W, F[:, :1], atol=1e-6)
