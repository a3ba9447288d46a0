"""Logistic and multinomial regression with a prior that is learnt."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression as Peer

from skextras.numerics.rbf_logistic import LogisticRegression, log_loss, probabilities


def problem(seed, n_classes, n_rows=60, n_columns=5):
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((n_rows, n_columns))
    labels = (F[:, :n_classes] + 0.8 * rng.standard_normal((n_rows, n_classes))).argmax(
        axis=1
    )
    targets = np.eye(n_classes)[labels]
    weights = rng.uniform(0.5, 2, n_rows)
    return F, labels, targets[:, 1:] if n_classes == 2 else targets, weights


def blocks(F, cuts=(0, 20, 60)):
    def make():
        for start, stop in pairwise(cuts):
            yield slice(start, stop), F[start:stop]

    return make


def test_log_loss_of_two_and_of_more_classes(seed):
    rng = np.random.default_rng(seed)
    scores, labels = 3 * rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    loss, gradient = log_loss(scores, np.eye(3)[labels])
    expected = -log_softmax(scores, axis=1)[np.arange(20), labels]
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, softmax(scores, axis=1) - np.eye(3)[labels])
    two = scores[:, :1]
    y = (labels > 0)[:, None] * 1.0
    loss, gradient = log_loss(two, y)
    expected = -log_softmax(np.hstack([0 * two, two]), axis=1)
    expected = expected[np.arange(20), y[:, 0].astype(int)]
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, 1 / (1 + np.exp(-two)) - y)


def test_scores_of_any_size():
    scores = np.array([[-1e4], [1e4], [0.0]])
    loss, gradient = log_loss(scores, np.ones((3, 1)))
    np.testing.assert_allclose(loss, [1e4, 0, np.log(2)])
    np.testing.assert_allclose(gradient[:, 0], [-1, 0, -0.5])
    many = np.array([[1e4, 0.0, -1e4]])
    np.testing.assert_array_equal(probabilities(many), [[1, 0, 0]])
    np.testing.assert_allclose(log_loss(many, np.array([[0, 0, 1.0]]))[0], [2e4])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_minimum_is_that_of_scikit_learn(seed, n_classes):
    F, labels, targets, weights = problem(seed, n_classes)
    model = LogisticRegression(blocks(F), targets, weights, np.zeros(5, dtype=int))
    W = model.minimise(np.zeros((5, targets.shape[1])), np.array([0.7]))
    peer = Peer(C=1 / 0.7, fit_intercept=False, tol=1e-10, max_iter=1000)
    peer.fit(F, labels, sample_weight=weights)
    np.testing.assert_allclose(W, peer.coef_.T, atol=1e-5)


def test_groups_have_penalties_of_their_own(seed):
    F, _, targets, weights = problem(seed, 2)
    groups, precisions = np.array([0, 0, 0, 1, 1]), np.array([0.5, 3.0])
    model = LogisticRegression(blocks(F), targets, weights, groups)
    W = model.minimise(np.zeros((5, 1)), precisions)
    gradient = F.T @ ((probabilities(F @ W) - targets) * weights[:, None])
    np.testing.assert_allclose(gradient, -precisions[groups, None] * W, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_learnt_precision_is_a_fixed_point(seed, n_classes):
    F, _, targets, weights = problem(seed, n_classes)
    groups = np.zeros(5, dtype=int)
    model = LogisticRegression(blocks(F), targets, weights, groups)
    W, (precision,) = model.fit(1.0, 5)
    p = probabilities(F @ W)
    determined = 0.0
    for output in range(targets.shape[1]):
        v = weights * p[:, output] * (1 - p[:, output])
        inverse = np.linalg.inv((F.T * v) @ F + precision * np.eye(5))
        determined += 5 - precision * np.trace(inverse)
    # The last update moved it by less than a twentieth, or was the sixth.
    np.testing.assert_allclose(precision, determined / np.square(W).sum(), rtol=0.1)


def test_precision_stays_in_its_range():
    F, weights = np.ones((60, 1)), np.ones(60)
    half = np.tile([[0.0], [1.0]], (30, 1))
    model = LogisticRegression(blocks(F), half, weights, np.zeros(1, dtype=int))
    W, (precision,) = model.fit(0.0, 1)
    np.testing.assert_allclose(W, 0, atol=1e-9)
    assert precision == 1e4
    separable = np.linspace(-1, 1, 60)[:, None]
    model = LogisticRegression(
        blocks(1e4 * separable), (separable > 0) * 1.0, weights, np.zeros(1, dtype=int)
    )
    W, (precision,) = model.fit(1.0, 1)
    assert precision >= 1e-4
    assert np.isfinite(W).all()


def test_blocks_do_not_matter(seed):
    F, _, targets, weights = problem(seed, 3)
    found = [
        LogisticRegression(blocks(F, cuts), targets, weights, np.zeros(5, dtype=int))
        .fit(1.0, 5)
        .weights
        for cuts in ((0, 60), (0, 1, 30, 60))
    ]
    np.testing.assert_allclose(*found, atol=1e-5)
