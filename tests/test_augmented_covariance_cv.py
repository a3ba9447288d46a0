"""AugmentedCovarianceClassifierCV: settings, errors, units, callbacks."""

import pickle
import warnings

import numpy as np
import pytest
from epochs import oscillations, peer
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.svm import SVC

from skextras import AugmentedCovarianceClassifierCV

FOLDS = StratifiedKFold(5, shuffle=True, random_state=42)


def test_order_one_is_computed_once_and_reported_for_each_lag(monkeypatch):
    from skextras import _augmented_covariance_search as module

    computed, compute = [], module.covariances

    def spy(X, order, lag):
        computed.append((order, lag))
        return compute(X, order, lag)

    monkeypatch.setattr(module, "covariances", spy)
    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((1, 2), (1, 3, 5), cv=2, refit=False)
    results = search.fit(X, y).cv_results_
    assert sorted(computed) == [(1, 1), (2, 1), (2, 3), (2, 5)]
    assert len(results["params"]) == 2 * 3 * 6
    first = results["mean_test_score"].reshape(3, 2, 6)[:, 0]
    np.testing.assert_array_equal(first, first[:1].repeat(3, axis=0))


def test_layout_of_the_results():
    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((1, 2), (1, 3), cv=2).fit(X, y)
    theirs = GridSearchCV(SVC(), {"C": [1.0], "kernel": ["rbf"]}, cv=2).fit(X[:, 0], y)
    assert set(search.cv_results_) == set(theirs.cv_results_) | {
        "param_order",
        "param_lag",
    }
    assert search.cv_results_["params"][0] == {
        "order": 1,
        "lag": 1,
        "C": 0.5,
        "kernel": "linear",
    }
    kernels = search.cv_results_["param_kernel"]
    assert kernels[:2].tolist() == ["linear", "rbf"]
    assert np.all(search.cv_results_["mean_fit_time"] > 0)
    mdm = AugmentedCovarianceClassifierCV((1, 2), (1, 3), final="mdm", cv=2).fit(X, y)
    assert mdm.cv_results_["params"][1] == {"order": 2, "lag": 1}
    assert "param_C" not in mdm.cv_results_


def test_threads_change_nothing():
    X, y = oscillations(1)
    alone = AugmentedCovarianceClassifierCV((1, 2, 3), (1, 3), cv=3).fit(X, y)
    threads = AugmentedCovarianceClassifierCV((1, 2, 3), (1, 3), cv=3, n_jobs=3)
    threads.fit(X, y)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], threads.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(
        alone.decision_function(X), threads.decision_function(X)
    )


def test_settings_that_do_not_fit_are_kept_with_nan():
    X, y = oscillations(0, n_times=14)
    search = AugmentedCovarianceClassifierCV((1, 2, 4), (1, 8), cv=2)
    with (
        pytest.warns(FitFailedWarning, match=r"3 of 6 .*\(order=4, lag=1\), \(order=2"),
        pytest.warns(UserWarning, match="test scores are non-finite"),
    ):
        search.fit(X, y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 3, 6)
    failed = np.isnan(scores).all(axis=2)
    assert failed.tolist() == [[False, False, True], [False, True, True]]
    assert search.best_params_["order"] < 4
    with pytest.raises(ValueError, match="Epochs of 14 samples and 3 channels are too"):
        search.set_params(orders=(8,)).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"orders": (1, 0)}, "orders must hold integers >= 1, got 0"),
        ({"orders": (True,)}, "orders must hold integers >= 1, got True"),
        ({"lags": (1.5,)}, "lags must hold integers >= 1, got 1.5"),
        ({"lags": ()}, "lags must not be empty"),
        ({"Cs": (0.0,)}, r"Cs must hold positive numbers, got 0\.0"),
        ({"Cs": ("1",)}, "Cs must hold positive numbers, got '1'"),
        ({"kernels": ("poly",)}, "kernels must hold .* got 'poly'"),
        ({"kernels": "rbf"}, "'kernels' parameter"),
        ({"orders": 3}, "'orders' parameter"),
        ({"scoring": ["accuracy"]}, "'scoring' parameter"),
    ],
)
def test_parameters_are_checked(parameters, message):
    X, y = oscillations(0)
    with pytest.raises(ValueError, match=message):
        AugmentedCovarianceClassifierCV(**parameters).fit(X, y)


def test_one_class_is_refused():
    X, _ = oscillations(0)
    with pytest.raises(ValueError, match="only one class: left"):
        AugmentedCovarianceClassifierCV().fit(X, ["left"] * len(X))


def test_no_prediction_without_refit():
    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2, refit=False).fit(X, y)
    assert search.best_params_["order"] in (1, 2)
    assert not hasattr(search, "refit_time_")
    assert not hasattr(search, "decision_function")
    with pytest.raises(AttributeError, match="predict") as caught:
        search.predict(X)
    assert "refit=False" in str(caught.value.__cause__)


def test_a_model_does_not_survive_the_next_fit():
    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2).fit(X, y)
    search.set_params(final="mdm").fit(X, y)
    assert hasattr(search, "means_")
    assert not hasattr(search, "svc_")
    assert not hasattr(search, "reference_")
    search.set_params(refit=False).fit(X, y).set_params(refit=True)
    with pytest.raises(NotFittedError):
        search.predict(X)


def test_groups_reach_the_splitter():
    X, y = oscillations(1)
    groups = np.arange(len(y)) // 5
    search = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=GroupKFold(4))
    plain = search.fit(X, y, groups=groups).cv_results_["mean_test_score"]
    with config_context(enable_metadata_routing=True):
        routed = search.fit(X, y, groups=groups).cv_results_["mean_test_score"]
        nested = cross_val_score(
            search, X, y, cv=GroupKFold(2), params={"groups": groups}
        )
    np.testing.assert_array_equal(plain, routed)
    assert len(nested) == 2
    theirs = peer("ts_svm", (1, 2), (1,), cv=GroupKFold(4)).fit(X, y, groups=groups)
    np.testing.assert_array_equal(plain, theirs.cv_results_["mean_test_score"])
    with pytest.raises(TypeError, match=r"unexpected parameters \['weights'\]"):
        search.fit(X, y, weights=groups)


def test_callable_scorer_and_unsorted_splits():
    X, y = oscillations(2)
    splits = [(np.arange(39, 9, -1), np.arange(10)), (np.arange(30), np.arange(30, 40))]
    by_name = AugmentedCovarianceClassifierCV(
        (1, 2), (1,), cv=splits, scoring="f1_macro"
    )
    by_call = AugmentedCovarianceClassifierCV(
        (1, 2), (1,), cv=splits, scoring=get_scorer("f1_macro")
    )
    np.testing.assert_array_equal(
        by_name.fit(X, y).cv_results_["mean_test_score"],
        by_call.fit(X, y).cv_results_["mean_test_score"],
    )
    assert by_name.score(X, y) == by_call.score(X, y)


def test_constant_channel_is_survived_and_told():
    X, y = oscillations(0)
    X[:, 1] = 0
    search = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2)
    with pytest.warns(UserWarning, match="40 of 40 epochs are not positive definite"):
        search.fit(X, y)
    with pytest.warns(UserWarning, match="3 of 3 epochs"):
        decisions = search.decision_function(X[:3])
    assert np.isfinite(decisions).all()
    one_by_one = []
    for x in X[:3]:
        with pytest.warns(UserWarning, match="1 of 1 epochs"):
            one_by_one.append(search.decision_function(x[None]))
    np.testing.assert_array_equal(np.concatenate(one_by_one), decisions)
    with pytest.raises(ValueError, match=r"not positive definite.*constant"):
        search.fit(np.zeros_like(X), y)


def test_short_epochs_at_predict():
    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((3,), (5,), cv=2).fit(X, y)
    assert len(search.predict(X[:, :, :60])) == 40
    with pytest.raises(ValueError, match=r"n_times=11 .*at least 12 samples"):
        search.predict(X[:, :, :11])


def test_mne_epochs():
    mne = pytest.importorskip("mne")
    X, y = oscillations(0)
    info = mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg", verbose="error")
    epochs = mne.EpochsArray(X, info, verbose="error")
    search = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2).fit(epochs, y)
    assert search.feature_names_in_.tolist() == ["C3", "Cz", "C4"]
    arrays = AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2).fit(X, y)
    np.testing.assert_array_equal(search.predict(epochs), arrays.predict(X))
    np.testing.assert_array_equal(
        cross_val_score(search, epochs, y, cv=2), cross_val_score(arrays, X, y, cv=2)
    )


def test_memory_is_refused_in_advance(monkeypatch):
    X, y = oscillations(0)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(40 * 6**2 * 40 - 1))
    with pytest.raises(
        MemoryError, match=r"40 epochs with up to 6 matrix rows.*n_jobs"
    ):
        AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2).fit(X, y)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(40 * 6**2 * 40))
    AugmentedCovarianceClassifierCV((1, 2), (1,), cv=2).fit(X, y)


def test_pickle_holds_support_vectors_and_no_epochs():
    X, y = oscillations(0, n_epochs=100)
    search = AugmentedCovarianceClassifierCV((1,), (1,), final="mdm", cv=2).fit(X, y)
    assert len(pickle.dumps(search)) < 5000
    search.set_params(final="ts_svm").fit(X, y)
    assert len(pickle.dumps(search)) < X.nbytes / 10


def test_callbacks_see_one_task_for_each_setting():
    class Recorder:
        def __init__(self):
            self.tasks = []

        def setup(self, estimator, context):
            self.tasks.append(f"setup {context.max_subtasks}")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.tasks.append(context.task_name)

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

    X, y = oscillations(0)
    recorder = Recorder()
    search = AugmentedCovarianceClassifierCV((1, 2), (1, 3), cv=2, n_jobs=2)
    search.set_callbacks(recorder).fit(X, y)
    expected = ["setup 3", *["setting"] * 3, "fit", "teardown"]
    assert recorder.tasks == expected


def test_progress_bar():
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X, y = oscillations(0)
    search = AugmentedCovarianceClassifierCV((1, 2), (1, 3), cv=2)
    search.set_callbacks(ProgressBar()).fit(X, y)
    assert search.best_params_["order"] in (1, 2)


def test_mean_that_does_not_converge_is_told(monkeypatch):
    from skextras import _augmented_covariance_cv as module

    compute = module.riemannian_mean
    monkeypatch.setattr(
        module, "riemannian_mean", lambda x, tol: compute(x, tol=tol, max_iter=1)
    )
    X, y = oscillations(0)
    with pytest.warns(ConvergenceWarning, match="gradient norm of .* 1 iterations"):
        AugmentedCovarianceClassifierCV((2,), (1,), cv=2).fit(X, y)


def test_nested_scores_are_at_chance_on_shuffled_labels():
    # The mean of 10 permutations of 48 labels has a standard error of about
    # sqrt(1/4 / 480) = 0.023, more for the dependence between folds: 4 of twice that.
    X, y = oscillations(0, n_epochs=48)
    search = AugmentedCovarianceClassifierCV(
        (1, 2, 3), (1, 3), metric="logeuclid", final="mdm", cv=3
    )
    nested, chosen = [], []
    for seed in range(10):
        shuffled = np.random.default_rng(seed).permutation(y)
        nested.append(cross_val_score(search, X, shuffled, cv=3).mean())
        chosen.append(search.fit(X, shuffled).best_score_)
    assert abs(np.mean(nested) - 0.5) < 4 * 0.045
    assert np.mean(chosen) > np.mean(nested)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
def test_units_do_not_matter(metric):
    X, y = oscillations(3)
    search = AugmentedCovarianceClassifierCV((1, 3), (1, 2), metric=metric, cv=3)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    for unit in (1e-7, 1e7):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scaled = search.fit(unit * X, y).cv_results_["mean_test_score"]
        np.testing.assert_array_equal(scaled, scores)
