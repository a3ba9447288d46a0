"""Problems and checks that the tests of the radial basis function networks share."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from skextras import GaussianRBFNN, GaussianRBFNNClassifier

# What small tables, and targets without noise, may make the estimators say.
EXPECTED_WARNINGS = [
    pytest.mark.filterwarnings("ignore:GaussianRBFNN.* stopped after max_iter"),
    pytest.mark.filterwarnings("ignore:GaussianRBFNN. the target looks noise-free"),
]
BOTH = pytest.mark.parametrize("cls", [GaussianRBFNN, GaussianRBFNNClassifier])

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "gaussian_rbfnn.json").read_text("utf-8")
)


def golden_problem():
    """Input of the golden values: X, C, L_o, w, y."""
    i = np.arange(8)[:, None]
    X = np.sin(1 + 3 * i + np.arange(3))
    C = np.cos(0.5 + 3 * i[:4] + np.arange(3))
    L = np.zeros((3, 3))
    L[np.tril_indices(3)] = 0.5 * np.cos(np.arange(6) + 0.3)
    return X, C, L, np.sin(np.arange(4) + 0.7), X[:, 0] * X[:, 1] + X[:, 2]


def table(seed, n_rows=30, n_features=3, n_outputs=1):
    """Random standardised table with weights: X, Y, weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features))
    Y = rng.standard_normal((n_rows, n_outputs))
    return X, Y, rng.uniform(0.5, 2, n_rows)


def central_differences(function, theta, step=1e-5):
    """Gradient of the first thing that a function returns, by central differences."""
    gradient = np.empty_like(theta)
    for i in range(len(theta)):
        shift = np.zeros_like(theta)
        shift[i] = step
        above, below = function(theta + shift)[0], function(theta - shift)[0]
        gradient[i] = (above - below) / (2 * step)
    return gradient


def assert_gradient(function, theta, rtol=1e-6):
    """Compare the gradient that a function returns with differences of its value."""
    _, gradient = function(theta)
    differences = central_differences(function, theta)
    assert gradient.shape == theta.shape
    np.testing.assert_allclose(
        gradient, differences, rtol=0, atol=rtol * np.abs(gradient).max()
    )


def dense_kernel(X, C, L):
    """Gaussian kernels by their definition."""
    difference = (X[:, None] - C) @ L.T
    return np.exp(-0.5 * np.square(difference).sum(axis=2))


def friedman(seed=0, n_samples=120, n_features=5, noise=0.5):
    """Table of Friedman's first function."""
    return make_friedman1(n_samples, n_features, noise=noise, random_state=seed)


def targets(cls, y, n_classes=3):
    """The target itself, or classes by its quantiles for a classifier."""
    if cls is GaussianRBFNN:
        return y
    return np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))


def outputs(model, X):
    """Predictions of a regressor, decision scores of a classifier."""
    if isinstance(model, GaussianRBFNN):
        return model.predict(X)
    return model.decision_function(X)
