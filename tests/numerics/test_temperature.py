"""The temperature at which scores become calibrated probabilities."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from skextras.numerics.temperature import inverse_temperature


def _loss(beta, scores, codes, weights):
    epsilon = 1 / (weights.sum() + 1)
    n_classes = scores.shape[1]
    targets = (1 - epsilon) * np.eye(n_classes)[codes] + epsilon / n_classes
    return -weights @ (targets * log_softmax(beta * scores, axis=1)).sum(axis=1)


def _case(seed, n=60, n_classes=4, sharpness=2.0):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((n, n_classes))
    probabilities = softmax(sharpness * scores, axis=1)
    codes = (probabilities.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    return scores, np.minimum(codes, n_classes - 1), rng.uniform(0.5, 3, n)


def test_minimises_the_smoothed_cross_entropy(seed):
    case = _case(seed)
    found = minimize_scalar(
        lambda u: _loss(np.exp(u), *case), bounds=(-5, 10), options={"xatol": 1e-10}
    )
    beta = inverse_temperature(*case)
    # A minimum is flat: its place is known to half the digits of its value.
    np.testing.assert_allclose(np.log(beta), found.x, atol=1e-6)
    assert _loss(beta, *case) <= found.fun * (1 + 1e-14)


def test_derivative_vanishes(seed):
    case, h = _case(seed), 1e-5
    beta = inverse_temperature(*case)
    slope = (_loss(beta + h, *case) - _loss(beta - h, *case)) / (2 * h)
    assert abs(slope) < 1e-6


def test_two_classes_have_a_closed_form():
    # Three samples of the same scores, two of them of the second class.
    scores, codes = np.tile([0.0, 1.0], (3, 1)), np.array([1, 1, 0])
    share = (0.75 * 2 + 0.25 * 1.5) / 3
    expected = np.log(share / (1 - share))
    beta = inverse_temperature(scores, codes, np.ones(3))
    np.testing.assert_allclose(beta, expected, rtol=1e-12)


def test_recovers_the_sharpness():
    scores, codes, _ = _case(0, n=20_000, sharpness=3.0)
    beta = inverse_temperature(scores, codes, np.ones(len(codes)))
    np.testing.assert_allclose(beta, 3.0, rtol=0.05)


@pytest.mark.parametrize("scale", [1e-3, 10.0])
def test_is_inverse_to_the_scale(seed, scale):
    scores, codes, weights = _case(seed)
    beta = inverse_temperature(scores, codes, weights)
    scaled = inverse_temperature(scale * scores, codes, weights)
    expected = np.clip(beta / scale, np.exp(-5), np.exp(10))
    np.testing.assert_allclose(scaled, expected, rtol=1e-10)


def test_adding_a_constant_to_a_sample_changes_nothing(seed):
    scores, codes, weights = _case(seed)
    shifted = scores + np.random.default_rng(seed).standard_normal((len(codes), 1))
    np.testing.assert_allclose(
        inverse_temperature(shifted, codes, weights),
        inverse_temperature(scores, codes, weights),
        rtol=1e-10,
    )


def test_weights_are_repetition(seed):
    scores, codes, _ = _case(seed)
    counts = np.random.default_rng(seed).integers(0, 4, len(codes))
    counts[0] = 1
    np.testing.assert_allclose(
        inverse_temperature(scores, codes, counts.astype(float)),
        inverse_temperature(
            np.repeat(scores, counts, axis=0),
            np.repeat(codes, counts),
            np.ones(counts.sum()),
        ),
        rtol=1e-10,
    )


def test_separable_scores_stay_inside_the_bounds():
    codes = np.arange(40) % 2
    scores = np.eye(2)[codes]
    beta = inverse_temperature(scores, codes, np.ones(40))
    assert 1 < beta < np.exp(10)
    # The probability of the class is the target's: (1 - 1/41) + 1/82.
    np.testing.assert_allclose(1 / (1 + np.exp(-beta)), 1 - 1 / 82, rtol=1e-12)


def test_wrong_scores_end_at_the_lower_bound():
    codes = np.arange(10) % 2
    scores = np.eye(2)[1 - codes]
    beta = inverse_temperature(scores, codes, np.ones(10))
    np.testing.assert_allclose(beta, np.exp(-5))


def test_tiny_correct_scores_end_at_the_upper_bound():
    codes = np.arange(10) % 2
    beta = inverse_temperature(1e-9 * np.eye(2)[codes], codes, np.ones(10))
    np.testing.assert_allclose(beta, np.exp(10))


def test_scores_that_say_nothing_are_legal():
    beta = inverse_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0]), np.ones(4))
    assert np.isfinite(beta)


def test_blocks_change_nothing(monkeypatch, seed):
    case = _case(seed)
    expected = inverse_temperature(*case)
    monkeypatch.setattr("skextras.numerics.temperature._BLOCK_VALUES", 7)
    np.testing.assert_allclose(inverse_temperature(*case), expected, rtol=1e-11)
