"""AugmentedCovarianceClassifierCV gives the answer of GridSearchCV."""

import numpy as np
import pytest
from epochs import motor_imagery, oscillations, peer, ssvep
from sklearn.model_selection import (
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skextras import AugmentedCovariance, AugmentedCovarianceClassifierCV
from skextras._resources import single_blas_thread
from skextras.numerics import spd

FOLDS = StratifiedKFold(5, shuffle=True, random_state=42)


def assert_same_search(ours, theirs):
    for key in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])
    for split in range(ours.n_splits_):
        key = f"split{split}_test_score"
        np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])
    for name, value in theirs.best_params_.items():
        assert ours.best_params_[name.split("__")[1]] == value
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == theirs.best_score_
    assert ours.n_splits_ == theirs.n_splits_


# pyriemann's mean stops at an absolute tolerance.
ignore_pyriemann = pytest.mark.filterwarnings("ignore:Convergence not reached")


# The data are fixed: libsvm stops at a tolerance of 1e-3, and where a decision value is
# smaller than that (some 1 in 1000 predictions), it may fall on either side.
@ignore_pyriemann
@pytest.mark.parametrize("final", ["ts_svm", "mdm"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", [None, "balanced_accuracy", "roc_auc"])
def test_equals_grid_search(final, n_classes, scoring):
    if scoring == "roc_auc" and n_classes == 3:
        pytest.skip("the curve is that of two classes")
    X, y = oscillations(1, n_classes=n_classes, n_epochs=36)
    orders, lags = (1, 2, 4), (1, 3)
    settings = {"cv": 3, "scoring": scoring}
    ours = AugmentedCovarianceClassifierCV(orders, lags, final=final, **settings)
    theirs = peer(final, orders, lags, **settings)
    with single_blas_thread():
        assert_same_search(ours.fit(X, y), theirs.fit(X, y))
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.score(X, y) == theirs.score(X, y)
        if final == "ts_svm":
            np.testing.assert_allclose(
                ours.decision_function(X), theirs.decision_function(X), atol=1e-5
            )


@pytest.mark.slow
@ignore_pyriemann
@pytest.mark.parametrize("final", ["ts_svm", "mdm"])
@pytest.mark.parametrize("data", ["subject 3", "subject 12", "motor imagery"])
def test_equals_grid_search_on_recordings(data, final, shared_data):
    if data == "motor imagery":
        X, y = motor_imagery(shared_data("acm/eegmmi_S001_runs03-14.npz"))
        orders, lags = (1, 2, 3), (1, 4)
    else:
        X, y = ssvep(int(data.split()[1]))
        orders, lags = (1, 4, 8), (2, 4)
    Cs = (0.5, 1.5)
    ours = AugmentedCovarianceClassifierCV(orders, lags, Cs=Cs, final=final, cv=FOLDS)
    theirs = peer(final, orders, lags, Cs, cv=FOLDS)
    with single_blas_thread():
        assert_same_search(ours.fit(X, y), theirs.fit(X, y))
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_log_euclidean_tangent_vectors(seed, kernel):
    X, y = oscillations(seed)
    search = AugmentedCovarianceClassifierCV(
        (3,), (2,), Cs=(1.0,), kernels=(kernel,), metric="logeuclid", cv=3
    ).fit(X, y)
    vectors = spd.half_vectors(
        spd.matrix_log(AugmentedCovariance(3, 2).fit_transform(X))
    )
    scores = []
    for train, test in StratifiedKFold(3).split(X, y):
        centre = vectors[train].mean(axis=0)
        model = SVC(C=1.0, kernel=kernel).fit(vectors[train] - centre, y[train])
        scores.append(model.score(vectors[test] - centre, y[test]))
    assert search.best_score_ == np.mean(scores)
    model = SVC(C=1.0, kernel=kernel).fit(vectors - vectors.mean(axis=0), y)
    np.testing.assert_allclose(
        search.decision_function(X),
        model.decision_function(vectors - vectors.mean(axis=0)),
        atol=1e-6,
    )


def test_log_euclidean_distances(seed):
    pyriemann = pytest.importorskip("pyriemann")
    X, y = oscillations(seed, n_classes=3)
    search = AugmentedCovarianceClassifierCV(
        (3,), (2,), final="mdm", metric="logeuclid", cv=3
    ).fit(X, y)
    mdm = pyriemann.classification.MDM(metric="logeuclid")
    pipeline = make_pipeline(AugmentedCovariance(3, 2), mdm)
    assert search.best_score_ == cross_val_score(pipeline, X, y, cv=3).mean()
    distances = pipeline.fit(X, y).transform(X)
    np.testing.assert_allclose(search.decision_function(X), -(distances**2), rtol=1e-6)
    np.testing.assert_array_equal(search.predict(X), pipeline.predict(X))
