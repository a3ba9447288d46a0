"""What the networks find on data whose truth is known, and on digits and diabetes."""

import numpy as np
import pytest
from rbf_cases import EXPECTED_WARNINGS
from sklearn.datasets import load_diabetes, load_digits

from skextras import GaussianRBFNN, GaussianRBFNNClassifier
from skextras.datasets import make_ridge_function

pytestmark = EXPECTED_WARNINGS


@pytest.fixture(scope="module")
def two_effects():
    """A linear and a sine effect, and four columns of noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6))
    return X, 3 * X[:, 0] + np.sin(2 * X[:, 1]) + 0.1 * rng.standard_normal(300)


def test_importances_of_the_gradient(two_effects):
    model = GaussianRBFNN(random_state=0).fit(*two_effects)
    importances = model.feature_importances_
    np.testing.assert_allclose(importances[:2], [0.69, 0.31], atol=0.03)
    assert importances[2:].max() < 0.02


def test_importances_of_the_precision_miss_linear_effects(two_effects):
    model = GaussianRBFNN(importance="precision", random_state=0).fit(*two_effects)
    assert model.feature_importances_[0] < 1e-3
    assert model.feature_importances_[1] > 0.9


@pytest.mark.parametrize(
    ("n_samples", "n_features", "largest"), [(300, 10, 0.06), (1000, 30, 0.10)]
)
@pytest.mark.parametrize(
    "kind", ["sine", "square", "product", "exp_cosine", "linear_sine"]
)
def test_active_subspace(kind, n_samples, n_features, largest):
    X, y, directions = make_ridge_function(
        n_samples, n_features, kind=kind, random_state=0
    )
    model = GaussianRBFNN(100, n_components=directions.shape[1], random_state=0)
    model.fit(X, y)
    found = np.linalg.qr((model.components_ / model.scale_).T)[0]
    cosines = np.linalg.svd(directions.T @ found, compute_uv=False)
    assert np.sqrt(1 - cosines.min() ** 2) < largest


def test_the_precision_alone_misses_a_linear_direction():
    X, y, directions = make_ridge_function(kind="linear_sine", random_state=0)
    model = GaussianRBFNN(100, importance="precision", n_components=2, random_state=0)
    found = np.linalg.qr((model.fit(X, y).components_ / model.scale_).T)[0]
    cosines = np.linalg.svd(directions.T @ found, compute_uv=False)
    assert np.sqrt(1 - cosines.min() ** 2) > 0.5


def test_noise_is_not_fitted():
    scores = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((300, 5)), rng.standard_normal(300)
        scores.append(GaussianRBFNN(random_state=0).fit(X, y).score(X, y))
    assert np.median(scores) <= 0.03


def test_digits():
    X, y = load_digits(return_X_y=True)
    chosen = np.isin(y, (3, 8))
    model = GaussianRBFNNClassifier(max_iter=50, random_state=0)
    assert model.fit(X[chosen], y[chosen]).score(X[chosen], y[chosen]) >= 0.99


def test_learnt_centers_do_not_overfit():
    X, y = load_diabetes(return_X_y=True)
    errors = {}
    for learn_centers in (False, True):
        model = GaussianRBFNN(learn_centers=learn_centers, random_state=0)
        order = np.random.RandomState(0).permutation(len(X))
        train, test = order[:398], order[398:]
        prediction = model.fit(X[train], y[train]).predict(X[test])
        errors[learn_centers] = np.sqrt(np.mean((prediction - y[test]) ** 2))
    assert errors[True] <= 1.1 * errors[False]
