"""What must not matter: units, shifts, rotations, scale and outliers of any size.

The optimiser amplifies differences in the last bit, so that what is exact on paper is
checked on fixed data.
"""

import numpy as np
import pytest
from rbf_cases import BOTH, EXPECTED_WARNINGS, friedman, outputs, targets

from skextras import GaussianRBFNN, GaussianRBFNNClassifier

pytestmark = EXPECTED_WARNINGS


@BOTH
@pytest.mark.parametrize("precision", ["diag", "full"])
def test_units_of_the_features(cls, precision):
    X, y = friedman(n_samples=200, n_features=10)
    y = targets(cls, y)
    scales = 10.0 ** np.random.default_rng(1).uniform(-7, 7, 10)
    model = cls(precision=precision, random_state=0)
    reference = model.fit(X, y)
    expected, importances = outputs(reference, X), reference.feature_importances_
    for Z in (X * scales, X + 10):
        found = model.fit(Z, y)
        np.testing.assert_allclose(
            outputs(found, Z), expected, atol=1e-8 * expected.std()
        )
        np.testing.assert_allclose(found.feature_importances_, importances, atol=1e-8)


@pytest.mark.parametrize("precision", ["diag", "full"])
def test_units_of_the_target(precision):
    X, y = friedman(n_samples=200, n_features=10)
    model = GaussianRBFNN(precision=precision, random_state=0)
    mean, deviation = model.fit(X, y).predict(X, return_std=True)
    found = model.fit(X, 1e3 * y - 1e4).predict(X, return_std=True)
    np.testing.assert_allclose((found[0] + 1e4) / 1e3, mean, atol=1e-8 * y.std())
    np.testing.assert_allclose(found[1] / 1e3, deviation, rtol=1e-8)


@pytest.mark.parametrize("precision", ["diag", "full"])
def test_the_target_twice(precision):
    X, y = friedman(n_samples=200, n_features=10)
    model = GaussianRBFNN(precision=precision, random_state=0)
    expected = model.fit(X, y).predict(X)
    twice = model.fit(X, np.c_[y, y]).predict(X)
    np.testing.assert_array_equal(twice[:, 0], twice[:, 1])
    np.testing.assert_allclose(twice[:, 0], expected, atol=2e-2 * y.std())


def rotated(params):
    """Largest differences between a network and that of rotated inputs."""
    X, y = friedman(n_samples=100, noise=1.0)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    model = GaussianRBFNN(
        100, standardize=False, tol=1e-14, max_iter=3000, random_state=0, **params
    )
    before = model.fit(X, y)
    predictions, P = before.predict(X), before.precision_
    after = model.fit(X @ rotation, y)
    difference = np.abs(after.predict(X @ rotation) - predictions).max() / y.std()
    back = rotation @ after.precision_ @ rotation.T
    return difference, np.abs(back - P).max() / np.abs(P).max()


def test_rotation():
    # A start from the diagonal metric would favour the axes.
    predictions, precision = rotated({"rank": 5})
    assert predictions < 1e-6
    assert precision < 1e-5


def test_a_diagonal_metric_feels_rotation():
    predictions, _ = rotated({"precision": "diag"})
    assert predictions > 1e-2


def classes(y):
    return (y > np.median(y)).astype(int)


def adversaries():
    rng = np.random.default_rng(0)
    X, y = friedman(n_samples=100)
    outlier, far = X.copy(), y.copy()
    outlier[0, 0], far[0] = 1e6, 1e6
    three = np.repeat(X[:3], 20, axis=0)
    return {
        "constant column": (np.c_[X, np.full(100, 0.1)], y),
        "duplicate column": (np.c_[X, X[:, 0]], y),
        "three distinct rows": (three, np.repeat(y[:3], 20)),
        "three distinct rows and noise": (three, y[:60]),
        "wide": (rng.standard_normal((20, 200)), rng.standard_normal(20)),
        "one row": (X[:1], y[:1]),
        "two rows": (X[:2], y[:2]),
        "two targets of one row": (X[[0, 0]], y[:2]),
        "huge": (X * 1e150, y),
        "tiny": (X * 1e-150, y),
        "close to the largest float": (X * 1e307, y),
        "huge target": (X, y * 1e150),
        "tiny target": (X, y * 1e-150),
        "Cauchy": (rng.standard_cauchy((100, 3)), y),
        "outlier": (outlier, y),
        "outlying target": (X, far),
    }


@pytest.mark.parametrize("precision", ["auto", "full"])
@pytest.mark.parametrize("name", adversaries())
def test_adversaries_of_regression(name, precision):
    X, y = adversaries()[name]
    model = GaussianRBFNN(precision=precision, max_iter=40, random_state=0).fit(X, y)
    mean, deviation = model.predict(X, return_std=True)
    found = (mean, deviation, model.gradient(X), model.transform(X))
    assert all(np.isfinite(values).all() for values in found)
    assert np.isfinite(model.feature_importances_).all()
    assert np.isfinite(model.loss_)
    np.testing.assert_allclose(model.feature_importances_.sum(), 1)


CLASSES = {
    name: (X, classes(y))
    for name, (X, y) in adversaries().items()
    if name not in ("one row", "two targets of one row")
}
CLASSES["one row in a class"] = (friedman()[0], (np.arange(120) == 3).astype(int))
CLASSES["separable"] = (friedman()[0], (friedman()[0][:, 0] > 0.5).astype(int))
CLASSES["no information"] = (np.ones((40, 2)), np.arange(40) % 2)


@pytest.mark.parametrize("objective", ["evidence", "penalized"])
@pytest.mark.parametrize("name", CLASSES)
def test_adversaries_of_classification(name, objective):
    X, y = CLASSES[name]
    model = GaussianRBFNNClassifier(objective=objective, max_iter=40, random_state=0)
    p = model.fit(X, y).predict_proba(X)
    found = (p, model.predict_log_proba(X), model.gradient(X), model.transform(X))
    assert all(np.isfinite(values).all() for values in found)
    np.testing.assert_allclose(model.feature_importances_.sum(), 1)
    if name == "separable":
        assert model.score(X, y) == 1
    if name == "no information":
        np.testing.assert_allclose(p, 0.5, atol=1e-6)


@BOTH
@pytest.mark.parametrize("objective", ["evidence", "penalized"])
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_weights_of_any_size(cls, objective, factor):
    X, y = friedman()
    y = targets(cls, y)
    model = cls(20, objective=objective, max_iter=20, random_state=0)
    model.fit(X, y, sample_weight=np.full(120, factor))
    assert np.isfinite(outputs(model, X)).all()
    if factor > 1:
        assert model.score(X, y) > 0.5


@BOTH
def test_penalties_of_any_size(cls):
    X, y = friedman()
    y = targets(cls, y)
    for alpha in (1e-300, 1e-12, 1e12):
        model = cls(
            120,
            objective="penalized",
            alpha_weights=alpha,
            precision="diag",
            max_iter=20,
        )
        assert np.isfinite(outputs(model.fit(X, y), X)).all()
    for alpha in (0.0, 1e12):
        model = cls(20, alpha_precision=alpha, precision="diag", max_iter=20)
        assert np.isfinite(outputs(model.fit(X, y), X)).all()
