"""Simulated functions of a few directions."""

import numpy as np
import pytest

from skextras.datasets import make_ridge_function

FUNCTIONS = {
    "sine": lambda u: np.sin(2 * u[:, 0]),
    "square": lambda u: u[:, 0] ** 2,
    "product": lambda u: u[:, 0] * u[:, 1],
    "exp_cosine": lambda u: np.exp(u[:, 0] / 1.5) + np.cos(2 * u[:, 1]),
    "linear_sine": lambda u: 2 * u[:, 0] + np.sin(2 * u[:, 1]),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_target_is_the_function_of_the_directions(seed, kind):
    X, y, directions = make_ridge_function(50, 6, kind=kind, noise=0, random_state=seed)
    n_directions = 1 if kind in ("sine", "square") else 2
    assert directions.shape == (6, n_directions)
    np.testing.assert_allclose(
        directions.T @ directions, np.eye(n_directions), atol=1e-12
    )
    np.testing.assert_allclose(y, FUNCTIONS[kind](X @ directions), atol=1e-12)


def test_noise_is_in_standard_deviations_of_the_function():
    clean = make_ridge_function(5000, 4, kind="product", noise=0, random_state=0)[1]
    noisy = make_ridge_function(5000, 4, kind="product", noise=0.5, random_state=0)[1]
    # Standard error of a standard deviation: 0.5 / sqrt(2 * 5000).
    assert abs((noisy - clean).std() / clean.std() - 0.5) < 0.03


def test_inputs_are_standard_normal():
    X = make_ridge_function(20_000, 3, random_state=0)[0]
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(X.T), np.eye(3), atol=0.06)


def test_random_state():
    first, again = (make_ridge_function(random_state=3) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(make_ridge_function(random_state=4)[0], first[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kind": "cube"}, "kind must be one of .* got 'cube'"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_features": 1, "kind": "product"}, "n_features .* at least 2, got 1"),
        ({"n_features": 2.0}, "n_features must be an integer"),
        ({"noise": -1}, "noise must be a number of at least 0, got -1"),
        ({"noise": np.nan}, "noise"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        make_ridge_function(**params)
