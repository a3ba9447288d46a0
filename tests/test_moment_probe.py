"""Classifier of token sets by their moments."""

import pickle

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from tokens import FORMS, ragged_tokens, token_array, with_padding

from skextras import MomentProbe, TokenMoments
from skextras.numerics.temperature import inverse_temperature

ALPHAS = np.logspace(-2, 4, 13)


def _means(X):
    return np.array([x.mean(axis=0) for x in X])


def _assert_same(a, b, X, **tolerance):
    np.testing.assert_allclose(
        a.decision_function(X), b.decision_function(X), **tolerance
    )
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), **tolerance)


# -- closed forms ----------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_order_one_is_ridge_classifier_on_means(seed, n_classes):
    X, y = ragged_tokens(seed)
    y = y % n_classes
    probe = MomentProbe(order=1, solver="ridge", alphas=ALPHAS).fit(X, y)
    peer = RidgeClassifierCV(ALPHAS, store_cv_results=True)
    peer = make_pipeline(StandardScaler(), peer).fit(_means(X), y)
    assert probe.alpha_ == peer[-1].alpha_
    # Its classes are -1 and 1, ours 0 and 1; for two classes we give the difference.
    expected = peer.decision_function(_means(X))
    found = probe.decision_function(X)
    found = found if n_classes == 2 else 2 * found - 1
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(probe.predict(X), peer.predict(_means(X)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_order_one_is_logistic_regression_on_means(seed, n_classes):
    X, y = ragged_tokens(seed)
    y = y % n_classes
    probe = MomentProbe(order=1, C=0.7).fit(X, y)
    peer = LogisticRegression(C=0.7, max_iter=500)
    peer = make_pipeline(StandardScaler(), peer).fit(_means(X), y)
    np.testing.assert_allclose(
        probe.predict_proba(X), peer.predict_proba(_means(X)), rtol=1e-7, atol=1e-9
    )
    assert probe.n_iter_ == peer[-1].n_iter_[0]
    assert probe.temperature_ == 1.0
    assert not hasattr(probe, "alpha_")


def test_one_token_centred_is_order_one(seed):
    X = np.random.default_rng(seed).standard_normal((40, 6))
    y = np.arange(40) % 3
    a = MomentProbe().fit(X, y)
    b = MomentProbe(order=1, solver="ridge").fit(X, y)
    _assert_same(a, b, X, rtol=1e-13, atol=1e-14)
    assert a.token_moments_.order == 1


def test_one_token_uncentred_is_quadratic_ridge(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((60, 4)), np.arange(60) % 3
    plain = {"token_norm": None, "normalize": None, "norm_moments": False}
    probe = MomentProbe(centered=False, alphas=ALPHAS, **plain).fit(X, y)
    moments = TokenMoments(centered=False, **plain)
    A = StandardScaler().fit_transform(moments.fit_transform(X))
    z = (X - X.mean(axis=0)) @ moments.components_.T / moments.token_scale_
    i, j = np.triu_indices(4)
    products = StandardScaler().fit_transform(z[:, i] * z[:, j])
    np.testing.assert_allclose(A[:, 4:], products, atol=1e-10)
    A[:, 4:] *= np.sqrt(4 / 10)
    peer = RidgeClassifierCV(ALPHAS).fit(A, y)
    found = 2 * probe.decision_function(X) - 1
    np.testing.assert_allclose(found, peer.decision_function(A), rtol=1e-9, atol=1e-9)


def test_infinite_penalty_gives_class_frequencies(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe(alphas=[1e14]).fit(X, y)
    frequencies = np.bincount(y) / len(y)
    scores = probe.decision_function(X)
    np.testing.assert_allclose(scores, np.tile(frequencies, (40, 1)), atol=1e-9)


def test_scores_are_linear_in_scaled_moments(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe().fit(X, y)
    A = probe.token_moments_.transform(X) - probe.feature_mean_
    A *= probe.feature_scale_
    np.testing.assert_allclose(
        A @ probe.coef_.T + probe.intercept_, probe.decision_function(X), atol=1e-12
    )
    variances = A.var(axis=0)
    np.testing.assert_allclose(variances[:5], 1)
    np.testing.assert_allclose(variances[5:20].sum(), 5)
    np.testing.assert_allclose(variances[20:].sum(), 0.09 * 5)
    np.testing.assert_allclose(probe.head_norm_, np.linalg.norm(probe.coef_))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities(seed, n_classes):
    X, y = ragged_tokens(seed)
    probe = MomentProbe().fit(X, np.array(["a", "b", "c"])[y % n_classes])
    scores = probe.decision_function(X)
    if n_classes == 2:
        assert scores.shape == (40,)
        assert probe.coef_.shape[0] == len(probe.intercept_) == 1
        scores = np.column_stack([np.zeros(40), scores])
    p = probe.predict_proba(X)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p, softmax(scores / probe.temperature_, axis=1))
    np.testing.assert_allclose(
        probe.predict_log_proba(X), log_softmax(scores / probe.temperature_, axis=1)
    )
    np.testing.assert_array_equal(probe.classes_[p.argmax(axis=1)], probe.predict(X))


# -- weights ---------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.5}])
@pytest.mark.parametrize("rank", [5, 3])
@pytest.mark.parametrize("params", [{}, {"normalize": "logm", "n_components": 12}])
def test_weights_are_repetition(seed, class_weight, rank, params):
    X, y = ragged_tokens(seed)
    rng = np.random.default_rng(seed)
    if rank < 5:
        projector = rng.standard_normal((5, rank)) @ rng.standard_normal((rank, 5))
        X = [x @ projector for x in X]
    counts = rng.integers(0, 4, len(X))
    index = np.repeat(np.arange(len(X)), counts)
    probe = MomentProbe(class_weight=class_weight, **params)
    weighted = pickle.loads(pickle.dumps(probe)).fit(X, y, sample_weight=counts)
    repeated = probe.fit([X[i] for i in index], y[index])
    assert weighted.alpha_ == pytest.approx(repeated.alpha_, rel=1e-9)
    assert weighted.temperature_ == pytest.approx(repeated.temperature_, rel=1e-6)
    assert weighted.loo_score_ == pytest.approx(repeated.loo_score_)
    _assert_same(weighted, repeated, X, rtol=1e-7, atol=1e-7)


def test_weight_zero_is_removal(seed):
    X, y = ragged_tokens(seed)
    weights = np.ones(40)
    weights[y == 1] = 0
    weights[:4] = 0
    probe = MomentProbe().fit(X, y, sample_weight=weights)
    kept = [i for i in range(40) if weights[i]]
    removed = MomentProbe().fit([X[i] for i in kept], y[kept])
    assert probe.classes_.tolist() == [0, 2]
    _assert_same(probe, removed, X, rtol=1e-10, atol=1e-12)


def test_scale_of_the_weights_does_not_move_the_scores(seed):
    X, y = ragged_tokens(seed)
    weights = np.random.default_rng(seed).uniform(1, 2, 40)
    a = MomentProbe(calibrate=False).fit(X, y, weights)
    A = a.token_moments_.transform(X)
    b = TokenMoments().fit(X, sample_weight=5 * weights).transform(X)
    np.testing.assert_allclose(A, b, atol=1e-10)


def test_balanced_counts_by_weight(seed):
    X, y = ragged_tokens(seed)
    weights = np.random.default_rng(seed).uniform(0.5, 2, 40)
    c = compute_class_weight(
        "balanced", classes=np.arange(3), y=y, sample_weight=weights
    )
    a = MomentProbe(class_weight="balanced").fit(X, y, weights)
    b = MomentProbe(class_weight=dict(enumerate(c))).fit(X, y, weights)
    _assert_same(a, b, X, rtol=1e-12, atol=1e-14)


# -- containers, chunks, scales --------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_containers_give_the_same_bits(seed, form):
    X, y = ragged_tokens(seed)
    a = MomentProbe().fit(X, y)
    b = MomentProbe(missing_tokens="drop").fit(FORMS[form](X), y)
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(FORMS[form](X)))


@pytest.mark.parametrize("working_memory", [1e-4, 1e-2])
@pytest.mark.parametrize("class_weight", [None, {1: 3.0}])
def test_streaming_is_in_memory(seed, working_memory, class_weight, tmp_path):
    X, y = token_array(seed, n=60)
    expected = MomentProbe(class_weight=class_weight).fit(X, y)
    np.save(tmp_path / "x.npy", X)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    with config_context(working_memory=working_memory):
        found = MomentProbe(class_weight=class_weight, n_jobs=2).fit(stored, y)
        _assert_same(found, expected, stored, rtol=1e-10, atol=1e-10)
    assert found.temperature_ == pytest.approx(expected.temperature_, rel=1e-9)


def test_parts_predict_like_the_whole(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe().fit(X, y)
    parts = np.concatenate([probe.predict_proba(X[i : i + 7]) for i in range(0, 40, 7)])
    np.testing.assert_allclose(parts, probe.predict_proba(X), rtol=1e-12, atol=1e-14)


def test_float32_far_from_zero_predicts_as_float64(seed):
    X, y = ragged_tokens(seed, n=60)
    far = [(x + 1e4).astype(np.float32) for x in X]
    wide = [x.astype(np.float64) for x in far]
    single, double = MomentProbe().fit(far, y), MomentProbe().fit(wide, y)
    p = single.predict_proba(far)
    np.testing.assert_allclose(p, double.predict_proba(wide), rtol=0, atol=5e-4)


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_scale(seed, scale):
    X, y = ragged_tokens(seed)
    a = MomentProbe().fit(X, y)
    b = MomentProbe().fit([scale * x for x in X], y)
    found = b.predict_proba([scale * x for x in X])
    np.testing.assert_allclose(found, a.predict_proba(X), rtol=1e-7, atol=1e-9)


def test_wide_moments_use_the_dual(seed):
    X, y = token_array(seed, n=30, length=10, d=9)
    dual = MomentProbe().fit(X, y)
    assert dual.coef_.shape == (3, 9 + 45 + 2)
    # Each sample twice at half the weight is the same problem, solved the other way.
    both = np.concatenate([X, X])
    primal = MomentProbe(alphas=[dual.alpha_], calibrate=False)
    primal.fit(both, np.tile(y, 2), np.full(60, 0.5))
    np.testing.assert_allclose(
        primal.decision_function(X), dual.decision_function(X), rtol=1e-8, atol=1e-9
    )


# -- composition -----------------------------------------------------------------


def test_padding_survives_cross_validation(seed):
    X, y = ragged_tokens(seed, n=60)
    expected = cross_val_score(MomentProbe(), X, y, cv=3)
    drop = MomentProbe(missing_tokens="drop")
    np.testing.assert_array_equal(
        cross_val_score(drop, with_padding(X), y, cv=3), expected
    )


@pytest.mark.parametrize("form", [list, *FORMS.values()])
def test_grid_search_in_processes(form):
    X, y = ragged_tokens(0)
    probe = MomentProbe(missing_tokens="drop")
    search = GridSearchCV(probe, {"order": [1, 2]}, cv=3, n_jobs=2).fit(form(X), y)
    assert search.best_score_ > 0.5
    assert search.predict(form(X)).shape == (40,)


def test_bagging_over_tables(seed):
    X, y = token_array(seed)
    bagging = BaggingClassifier(MomentProbe(n_tokens=8), n_estimators=3, random_state=0)
    assert bagging.fit(X.reshape(40, -1), y).score(X.reshape(40, -1), y) > 0.5


def test_a_fold_without_a_class():
    X, y = ragged_tokens(0)
    y = np.where(np.arange(40) == 0, 5, y)
    # A single split, whose training part lacks class 5.
    folds = [(np.arange(1, 40), np.arange(3))]
    p = [MomentProbe().fit([X[i] for i in a], y[a]).predict_proba(X) for a, _ in folds]
    np.testing.assert_allclose(p[0].sum(axis=1), 1)


def test_cross_val_predict_probabilities(seed):
    X, y = ragged_tokens(seed, n=60)
    p = cross_val_predict(MomentProbe(), X, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(p.sum(axis=1), 1)


# -- parameters and errors -------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: np.ones((12, 4, 3)),
        lambda rng: np.repeat(rng.standard_normal((12, 1, 3)), 4, axis=1),
        lambda rng: np.repeat(rng.standard_normal((1, 4, 3)), 12, axis=0),
        lambda rng: rng.standard_normal((12, 4, 1)),
        lambda rng: rng.standard_normal((12, 2, 9)),
        lambda rng: rng.standard_normal((12, 4, 3)) * [1, 0, 1e-9],
        lambda rng: rng.integers(0, 2, (12, 4, 3)),
        lambda rng: [rng.standard_normal((1 + i % 3, 3)) for i in range(12)],
    ],
    ids=[
        "constant",
        "same tokens",
        "same samples",
        "1 feature",
        "few",
        "zero",
        "int",
        "short",
    ],
)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"solver": "logistic"},
        {"normalize": "logm", "shrinkage": 0.0},
        {"token_norm": None, "normalize": None},
        {"centered": False},
    ],
)
def test_degenerate_input_gives_probabilities(seed, make, params):
    X, y = make(np.random.default_rng(seed)), np.arange(12) % 3
    p = MomentProbe(**params).fit(X, y).predict_proba(X)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_temperature_and_accuracy_come_from_scores_of_samples_left_out(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe(order=1, solver="ridge", alphas=[10.0]).fit(X, y)
    A = StandardScaler().fit_transform(_means(X))
    left_out = np.array(
        [
            Ridge(alpha=10.0)
            .fit(np.delete(A, i, 0), np.delete(np.eye(3)[y], i, 0))
            .predict(A[[i]])[0]
            for i in range(40)
        ]
    )
    beta = inverse_temperature(left_out, y, np.ones(40))
    np.testing.assert_allclose(probe.temperature_, 1 / beta, rtol=1e-8)
    assert probe.loo_score_ == np.mean(left_out.argmax(axis=1) == y)
    training = inverse_temperature(probe.decision_function(X), y, np.ones(40))
    assert abs(training / beta - 1) > 1e-3


def test_second_order_weight_zero_drops_the_block(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe(second_order_weight=0.0, norm_moments=False).fit(X, y)
    other = MomentProbe(order=1, solver="ridge").fit(X, y)
    _assert_same(probe, other, X, rtol=1e-9, atol=1e-10)


def test_calibrate_changes_the_temperature_alone(seed):
    X, y = ragged_tokens(seed)
    a, b = MomentProbe().fit(X, y), MomentProbe(calibrate=False).fit(X, y)
    np.testing.assert_array_equal(a.decision_function(X), b.decision_function(X))
    assert b.temperature_ == 1.0 != a.temperature_


def test_temperature_of_separable_data_is_inside_the_bounds():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.standard_normal((60, 10, 4)) + 50 * y[:, None, None]
    probe = MomentProbe().fit(X, y)
    assert probe.loo_score_ == 1.0
    assert np.exp(-10) < probe.temperature_ < 1


def test_singleton_classes(seed):
    X, y = ragged_tokens(seed)
    y = np.where(np.arange(40) == 7, 9, y)
    p = MomentProbe().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_single_samples_of_all_classes_warn(seed):
    X, _ = ragged_tokens(seed, n=4)
    probe = MomentProbe(alphas=[1.0, 100.0, 10.0])
    with pytest.warns(UserWarning, match="Every class has a single sample") as seen:
        probe.fit(X, np.arange(4))
    assert seen[0].filename == __file__
    assert probe.alpha_ == 10.0
    assert probe.temperature_ == 1.0
    np.testing.assert_allclose(probe.predict_proba(X).sum(axis=1), 1)


def test_one_token_arrays_warn(seed):
    X, y = token_array(seed, length=1)
    with pytest.warns(UserWarning, match="No sample has two tokens") as seen:
        MomentProbe().fit(X, y)
    assert seen[0].filename == __file__


def test_logistic_that_stops_early_warns(seed):
    X, y = ragged_tokens(seed)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"):
        MomentProbe(solver="logistic", max_iter=1).fit(X, y)


def test_refit_forgets_the_other_solver(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe().fit(X, y).set_params(solver="logistic").fit(X, y)
    assert not hasattr(probe, "alpha_")
    assert not hasattr(probe, "loo_score_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"alphas": [[1.0]]},
            r"alphas must be one-dimensional and not empty, got shape",
        ),
        ({"alphas": []}, r"alphas must be one-dimensional and not empty, got shape"),
        ({"alphas": [1.0, 0.0]}, "alphas must be positive and finite"),
        ({"alphas": [np.nan]}, "alphas must be positive and finite"),
        ({"class_weight": {0: 0.0}}, "class_weight must be positive for every class"),
        ({"class_weight": {0: -1.0}}, "class_weight must be positive for every class"),
        ({"order": 3}, "'order' parameter of MomentProbe"),
        ({"n_components": 0}, "'n_components' parameter of MomentProbe"),
        ({"second_order_weight": -1}, "'second_order_weight' parameter of MomentProbe"),
        ({"cls_token": "yes"}, "'cls_token' parameter of MomentProbe"),
    ],
)
def test_illegal_parameters(params, message):
    X, y = ragged_tokens(0)
    with pytest.raises(ValueError, match=message):
        MomentProbe(**params).fit(X, y)


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        (np.zeros(40), None, "only one class"),
        (np.linspace(0, 1, 40), None, "Unknown label type"),
        (np.arange(39) % 2, None, "inconsistent numbers of samples"),
        (np.arange(40) % 2, -np.ones(40), "Negative values"),
        (np.arange(40) % 2, np.ones(39), r"sample_weight.shape == \(39,\)"),
        (np.arange(40) % 2, np.zeros(40), "at least one non-zero|[Zz]ero"),
        (np.arange(40) % 2, np.arange(40) % 2, "only one class"),
        (None, None, "requires y to be passed"),
    ],
)
def test_illegal_targets(y, weight, message):
    X, _ = ragged_tokens(0)
    with pytest.raises(ValueError, match=message):
        MomentProbe().fit(X, y, weight)


def test_other_width_at_predict(seed):
    X, y = ragged_tokens(seed)
    probe = MomentProbe().fit(X, y)
    message = "X has 4 features, but MomentProbe is expecting 5 features as input"
    with pytest.raises(ValueError, match=message):
        probe.predict([x[:, :4] for x in X])
    # Another number of tokens is legal.
    assert probe.predict(np.zeros((3, 50, 5))).shape == (3,)


def test_a_store_beyond_memory_is_refused(monkeypatch):
    X, y = token_array(0, n=20, d=9)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "5000")
    with pytest.raises(MemoryError, match=r"8,960 bytes.*Lower n_components"):
        MomentProbe().fit(X, y)
