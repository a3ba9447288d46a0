"""GaussianRBFNNClassifier: probabilities, classes, weights of classes, the metric."""

import numpy as np
import pytest
from rbf_cases import EXPECTED_WARNINGS, friedman, targets
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedKFold

from skextras import GaussianRBFNNClassifier
from skextras import _gaussian_rbfnn_classifier as module
from skextras import _gaussian_rbfnn_training as module_of_training

pytestmark = EXPECTED_WARNINGS


def problem(seed=0, n_classes=3):
    X, y = friedman(seed)
    return X, targets(GaussianRBFNNClassifier, y, n_classes)


def fitted(X, y, sample_weight=None, **params):
    params = {"n_centers": 20, "max_iter": 10, "random_state": 0, **params}
    return GaussianRBFNNClassifier(**params).fit(X, y, sample_weight)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_methods_agree(seed, n_classes):
    X, y = problem(seed, n_classes)
    names = np.array(["d", "a", "c", "b"])[y]
    model = fitted(X, names)
    np.testing.assert_array_equal(model.classes_, np.unique(names))
    p, scores = model.predict_proba(X), model.decision_function(X)
    assert p.shape == (120, n_classes)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    if n_classes == 2:
        assert scores.shape == (120,)
        np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)))
        assert model.weights_.shape == (20, 1)
        assert model.gradient(X).shape == (120, 5)
    else:
        assert scores.shape == (120, n_classes)
        ratio = np.log(p) - scores
        np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones(n_classes), atol=1e-9)
        assert model.weights_.shape == (20, n_classes)
        assert model.gradient(X).shape == (120, 5, n_classes)


def test_scores_beyond_the_exponential():
    X, y = problem(n_classes=2)
    model = fitted(X, y)
    model.intercept_ = model.intercept_ + 1e5
    assert np.isfinite(model.predict_log_proba(X)).all()
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1], 1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_penalised_readout_is_logistic_regression_on_kernels(seed, n_classes):
    X, y = problem(seed, n_classes)
    model = fitted(
        X,
        y,
        precision="spherical",
        objective="penalized",
        alpha_weights=0.7,
        standardize=False,
    )
    kernels = rbf_kernel(X, model.centers_, gamma=model.precision_[0, 0] / 2)
    F = np.hstack([kernels, np.full((120, 1), 3.0), X - X.mean(axis=0)])
    peer = LogisticRegression(C=1 / 0.7, fit_intercept=False, tol=1e-10, max_iter=5000)
    expected = peer.fit(F, y).predict_proba(F)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_classes(seed, n_classes):
    X, y = problem(seed, n_classes)
    # Never in balance by chance.
    counts = np.random.default_rng(seed).integers(1, 4, 120) + 3 * (y == 0)
    totals = np.bincount(y, counts)
    factors = dict(enumerate(counts.sum() / (n_classes * totals)))
    balanced = fitted(X, y, counts, class_weight="balanced").predict_proba(X)
    explicit = fitted(X, y, counts, class_weight=factors).predict_proba(X)
    np.testing.assert_array_equal(balanced, explicit)
    by_row = np.array([factors[label] for label in y]) * counts
    rows = fitted(X, y, by_row).predict_proba(X)
    np.testing.assert_allclose(balanced, rows, atol=1e-6)
    repeated = fitted(
        np.repeat(X, counts, axis=0), np.repeat(y, counts), class_weight="balanced"
    )
    np.testing.assert_array_equal(repeated.predict_proba(X), balanced)
    plain = fitted(X, y, counts).predict_proba(X)
    assert not np.array_equal(plain, balanced)


def test_classes_without_weight_are_left_out():
    X, y = problem()
    without = fitted(X[y > 0], y[y > 0])
    for model in (
        fitted(X, y, (y > 0) * 1.0),
        fitted(X, y, class_weight={0: 0, 1: 1, 2: 1}),
    ):
        np.testing.assert_array_equal(model.classes_, [1, 2])
        np.testing.assert_array_equal(model.predict_proba(X), without.predict_proba(X))


def test_balanced_does_not_count_classes_without_weight():
    X, y = problem()
    weights = (y > 0) * 1.0
    found = fitted(X, y, weights, class_weight="balanced").predict_proba(X)
    expected = fitted(X[y > 0], y[y > 0], class_weight="balanced").predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("y", "weights", "params", "message"),
    [
        (np.linspace(0, 1, 120), None, {}, "Unknown label type: continuous"),
        (np.zeros(120), None, {}, "1 class"),
        (np.arange(120) % 2, np.arange(120) % 2, {}, "1 class"),
        (np.arange(120) % 2, None, {"class_weight": {0: 0, 1: 1}}, "1 class"),
        (np.arange(120) % 2, None, {"class_weight": {0: -1, 1: 1}}, "class_weight"),
    ],
)
def test_targets_that_are_no_classes(y, weights, params, message):
    with pytest.raises(ValueError, match=message):
        fitted(friedman()[0], y, weights, **params)


def test_auto_compares_the_metrics_by_cross_validation(monkeypatch):
    X, y = problem()
    calls = []

    def losses(self, X, labels, weights, train, test, rng):
        calls.append((train, test))
        yield "diag", favoured["diag"]
        yield "full", favoured["full"]

    monkeypatch.setattr(module, "_fold_losses", losses)
    favoured = {"diag": 1.0, "full": 0.9}
    assert fitted(X, y).precision_type_ == "full"
    assert len(calls) == 3
    held_out = np.concatenate([test for _, test in calls])
    np.testing.assert_array_equal(np.sort(held_out), np.arange(120))
    for diagonal in (0.9, 1.0):
        favoured = {"diag": diagonal, "full": 1.0}
        assert fitted(X, y).precision_type_ == "diag"
    calls.clear()
    for params in ({"precision": "full"}, {"rank": 2}, {"objective": "penalized"}):
        assert fitted(X, y, **params).precision_type_ == "full"
    # Too many features, too few rows, too few rows of a class.
    wide = np.random.default_rng(0).standard_normal((120, 101))
    rare = np.where(np.arange(120) < 2, 0, 1)
    for table in ((wide, y), (X[:29], y[:29]), (X, rare), (X[:, :1], y)):
        assert fitted(*table).precision_type_ == "diag"
    assert not calls


def test_losses_of_a_fold_are_those_of_fits_on_it():
    X, y = problem(n_classes=2)
    train, test = next(StratifiedKFold(3).split(X, y))
    model = GaussianRBFNNClassifier(20, max_iter=100, random_state=0)
    model.classes_ = np.array([0, 1])
    # As in fit, whose rows are sorted.
    order = np.lexsort(X[train].T[::-1])
    found = dict(
        module._fold_losses(
            model, X, y, np.ones(120), train[order], test, np.random.RandomState(0)
        )
    )
    for kind, loss in found.items():
        model.set_params(precision=kind, max_iter=60)
        p = model.fit(X[train], y[train]).predict_proba(X[test])
        expected = -np.log(p[np.arange(len(test)), y[test]]).sum()
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_slopes_have_a_scale_of_their_own_for_many_features_only():
    rng = np.random.default_rng(0)
    for n_features, n_groups, n_scales in ((100, 1, 2), (101, 2, 3)):
        X = rng.standard_normal((60, n_features))
        y = (X[:, 0] > 0).astype(int)
        model = GaussianRBFNNClassifier(20, max_iter=3, precision="diag")
        model.classes_ = np.array([0, 1])
        trainer = module.Trainer(
            model,
            X,
            y[:, None] * 1.0,
            np.ones(60),
            np.random.RandomState(0),
            classifies=True,
        )
        groups = []
        original = module_of_training.LogisticRegression

        def spy(blocks, labels, weights, groups_, original=original, groups=groups):
            groups.append(groups_)
            return original(blocks, labels, weights, groups_)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module_of_training, "LogisticRegression", spy)
            (stage,) = trainer.stages("diag", max_iter=3, tol=1e-5)
            trainer.trained(stage)
        assert len(stage.objective.start) == n_scales
        assert groups[0].max() + 1 == n_groups


def test_kernel_prior_is_for_learnt_centers_only():
    X, y = problem(n_classes=2)
    for learn_centers in (False, True):
        model = GaussianRBFNNClassifier(10, learn_centers=learn_centers)
        trainer = module.Trainer(
            model,
            X,
            y[:, None] * 1.0,
            np.ones(120),
            np.random.RandomState(0),
            classifies=True,
        )
        stage = trainer.start("diag")
        assert stage.objective.kernel_prior == learn_centers
