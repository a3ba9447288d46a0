"""The public contract of MIScreener and mi_scores."""

import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from screening_cases import GOLDEN, METHODS, drop, golden_data, mixed_data
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectFdr, SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skextras import MIScreener, mi_scores


def scores(X, y, **params):
    return MIScreener(**params).fit(X, y).scores_


def test_golden_input():
    X, y, binary = golden_data()
    assert_allclose(X.sum(axis=0), GOLDEN["sums"]["X"], rtol=1e-12)
    assert_allclose(y.sum(), GOLDEN["sums"]["y"], rtol=1e-12)
    assert binary.sum() == GOLDEN["sums"]["binary"]


def test_golden_scores():
    X, y, binary = golden_data()
    wanted = GOLDEN["scores_continuous"]
    assert_allclose(scores(X, y), wanted, rtol=0, atol=1e-8)
    assert_allclose(scores(X, binary), GOLDEN["scores_binary"], rtol=0, atol=1e-8)
    wanted = GOLDEN["gaussian"]
    assert_allclose(scores(X, y, method="gaussian")[:3], wanted, rtol=0, atol=1e-9)


def test_golden_densities():
    X, y, binary = golden_data()
    for params, outcome, wanted in (
        ({}, y, GOLDEN["fftkde_diag"]),
        ({"bandwidth_matrix": "full"}, y, GOLDEN["fftkde_full"]),
        ({}, binary, GOLDEN["fftkde_binary"]),
    ):
        ours = scores(X, outcome, method="fftkde", **params)[:3]
        assert_allclose(ours, wanted, rtol=0, atol=3e-4)
    ours = scores(X, y, method="fftkde")[3]
    assert_allclose(ours, GOLDEN["fftkde_x4"], rtol=0, atol=3e-4)
    raw = {"method": "fftkde", "marginal": None, "bandwidth": 300 ** (-1 / 5)}
    ours = scores(X, y, **raw)[:3]
    assert_allclose(ours, GOLDEN["fftkde_unscaled"], rtol=0, atol=2e-4)
    # The official code stands a little apart: its grid is coarser than its kernel.
    assert_allclose(ours, GOLDEN["fftkde_with_bandwidth"], rtol=0, atol=1e-3)


def test_golden_neighbours():
    X, y, _ = golden_data()
    ours = scores(X, y, method="knn", n_neighbors=3)[:3]
    assert_allclose(ours, GOLDEN["knn_3"], rtol=0, atol=1e-7)
    assert_allclose(ours, GOLDEN["mutual_info_regression"], rtol=0, atol=1e-7)
    ours = scores(X, y, method="knn")[:2]
    assert_allclose(ours, GOLDEN["knn_10"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_and_features(method, seed):
    X, y = mixed_data(seed)
    rng = np.random.default_rng(seed)
    rows, order = rng.permutation(len(X)), rng.permutation(X.shape[1])
    fitted = MIScreener(method, random_state=0).fit(X, y)
    shuffled = MIScreener(method, random_state=0).fit(X[rows][:, order], y[rows])
    assert_allclose(shuffled.scores_, fitted.scores_[order], rtol=0, atol=1e-9)
    if fitted.pvalues_ is not None:
        assert_allclose(shuffled.pvalues_, fitted.pvalues_[order], rtol=1e-9, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_symmetry(method, seed):
    X, y = mixed_data(seed)
    for j in range(3):
        one = scores(X[:, [j]], y, method=method)
        other = scores(y[:, None], X[:, j], method=method)
        assert_allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["binning", "fftkde", "gaussian"])
def test_increasing_maps_change_nothing(method, seed):
    X, y = mixed_data(seed)
    wanted = scores(X, y, method=method)
    assert_allclose(scores(np.exp(X), y**3, method=method), wanted, atol=1e-9)


@pytest.mark.parametrize("marginal", ["normal-score", None])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_scale(method, marginal, factor, seed):
    X, y = mixed_data(seed)
    params = {"method": method, "marginal": marginal}
    wanted = scores(X, y, **params)
    assert_allclose(scores(factor * X, factor * y, **params), wanted, atol=1e-9)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
@pytest.mark.parametrize("method", METHODS)
def test_offset(method, strategy, seed):
    X, y = mixed_data(seed)
    far, params = X + 1e10, {"method": method, "strategy": strategy, "pvalues": False}
    for marginal in ("normal-score", None):
        one = scores(far, y, marginal=marginal, **params)
        other = scores(far - 1e10, y, marginal=marginal, **params)
        assert_allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_labels_are_names(method, seed):
    X, y = mixed_data(seed)
    wanted = MIScreener(method).fit(X, (y > 0).astype(int))
    for labels in (["b", "a"], [-1, 1], [5, 7], [True, False], [0.0, 1.0]):
        named = np.array(labels)[(y > 0).astype(int)]
        fitted = MIScreener(method).fit(X, named)
        assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-9)
        assert_array_equal(fitted.classes_, np.unique(labels))
        assert fitted.target_type_ == "discrete"


@pytest.mark.parametrize("method", ["binning", "fftkde", "knn"])
def test_labels_have_no_distance(method, seed):
    X, y = mixed_data(seed)
    codes = np.digitize(y, (-0.5, 0.5))
    far = np.array([0, 1, 10])[codes]
    assert_allclose(scores(X, far, method=method), scores(X, codes, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_containers_and_layouts(method, seed):
    X, y = mixed_data(seed)
    X[:, 2] *= np.random.default_rng(seed).random(len(X)) < 0.2
    wanted = scores(X, y, method=method)
    for other in (np.asfortranarray(X), sparse.csr_array(X), sparse.csc_matrix(X)):
        assert_allclose(scores(other, y, method=method), wanted, rtol=0, atol=1e-12)
    jobs = scores(X, y, method=method, n_jobs=3)
    assert_allclose(jobs, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_float32(method, seed):
    X, y = mixed_data(seed)
    X = X.astype(np.float32)
    single = scores(X, y, method=method)
    assert_allclose(single, scores(X.astype(float), y, method=method), atol=1e-9)
    assert MIScreener(method, k=2).fit(X, y).transform(X).dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
def test_gaps_leave_rows_out(method, seed):
    X, y = mixed_data(seed)
    X = drop(X, seed)
    # Kinds are settled beforehand: the rows that remain may suggest another.
    params = {"method": method, "discrete_features": [4, 5], "pvalues": False}
    fitted = MIScreener(**params).fit(X, y)
    for j in range(X.shape[1]):
        kept = ~np.isnan(X[:, j])
        alone = {**params, "discrete_features": j > 3}
        wanted = scores(X[kept][:, [j]], y[kept], **alone)
        assert_allclose(fitted.scores_[[j]], wanted, rtol=0, atol=1e-12)
        assert fitted.n_valid_[j] == kept.sum()


def test_gaps_as_errors_and_infinity():
    X, y = mixed_data(0)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN: column 2 .*pairwise"):
        MIScreener(missing="error").fit(X, y)
    X[4, 1] = -np.inf
    with pytest.raises(ValueError, match="Input X contains infinity: column 1 "):
        MIScreener().fit(X, y)
    with pytest.raises(ValueError, match="Input X contains infinity: column 1 "):
        MIScreener().fit(sparse.csr_array(X), y)


def test_too_few_pairs():
    X, y = mixed_data(0)
    X[9:, 1] = np.nan
    X[10:, 2] = np.nan
    with pytest.warns(UserWarning, match="1 of 6 features have too few") as record:
        fitted = MIScreener(k="all").fit(X, y)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert np.isnan(fitted.scores_).tolist() == [False, True] + 4 * [False]
    assert np.isnan(fitted.pvalues_[1])
    assert np.isnan(fitted.mi_[1])
    assert fitted.support_.tolist() == [True, False] + 4 * [True]
    with pytest.warns(UserWarning, match="2 of 6 features"):
        MIScreener("knn").fit(X, y)
    with pytest.raises(ValueError, match="No feature of X has enough valid pairs"):
        MIScreener().fit(X[:, [1]], y)


def test_outcome_is_required_and_complete():
    X, y = mixed_data(0)
    with pytest.raises(ValueError, match="requires y to be passed"):
        MIScreener().fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MIScreener().fit(X, y[:-1])
    y[3] = np.nan
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MIScreener().fit(X, y)


def test_integers_of_many_values_are_reals_with_a_warning():
    X, y = mixed_data(0)
    many = np.rint(20 * y).astype(int)
    with pytest.warns(UserWarning, match="target_type"):
        fitted = MIScreener().fit(X, many)
    assert fitted.target_type_ == "continuous"
    assert not hasattr(fitted, "classes_")
    assert_allclose(scores(X, many, target_type="continuous"), fitted.scores_)
    discrete = MIScreener(target_type="discrete").fit(X, many)
    assert_array_equal(discrete.classes_, np.unique(many))


@pytest.mark.parametrize("method", METHODS)
def test_constant_feature_and_constant_outcome(method, seed):
    X, y = mixed_data(seed)
    X[:, 2] = 7.25
    fitted = MIScreener(method, alpha=0.5, random_state=0).fit(X, y)
    assert fitted.scores_[2] == 0.0
    assert fitted.pvalues_[2] == 1.0
    with pytest.warns(UserWarning, match=r"y has only one class, .*'a'"):
        fitted = MIScreener(method, alpha=0.5).fit(X, np.full(len(X), "a"))
    assert (fitted.scores_ == 0).all()
    assert (fitted.pvalues_ == 1).all()
    with pytest.warns(UserWarning, match="y is constant"):
        fitted = MIScreener(method, alpha=0.5).fit(X, np.full(len(X), 0.5))
    assert (fitted.scores_ == 0).all()


def test_scores_and_information():
    X, y = mixed_data(1)
    fitted = MIScreener().fit(X, y)
    assert (fitted.scores_ < 0).any()
    assert_array_equal(fitted.mi_, np.maximum(fitted.scores_, 0))
    pearson = MIScreener("pearson").fit(X, y)
    r = np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    assert_allclose(pearson.scores_, np.abs(r), rtol=1e-12)
    assert_allclose(pearson.mi_, -np.log(1 - r**2) / 2, rtol=1e-10)


def test_p_values_on_request():
    X, y = mixed_data(2)
    assert MIScreener(pvalues=False).fit(X, y).pvalues_ is None
    for method in ("fftkde", "knn"):
        assert MIScreener(method).fit(X, y).pvalues_ is None
        fitted = MIScreener(method, alpha=0.05, random_state=0).fit(X, y)
        assert fitted.pvalues_.shape == (6,)
        assert_array_equal(fitted.support_, fitted.pvalues_ < 0.05)
    for method in METHODS:
        fitted = MIScreener(method, pvalues="permutation", random_state=0).fit(X, y)
        assert fitted.pvalues_.min() >= 1 / 2001
        assert fitted.pvalues_[0] == 1 / 2001


def test_random_state_moves_null_samples_alone():
    X, y = mixed_data(3)
    first, second = (
        MIScreener(pvalues="permutation", random_state=s).fit(X, y) for s in (0, 1)
    )
    assert_array_equal(first.scores_, second.scores_)
    assert (first.pvalues_ != second.pvalues_).any()
    again = MIScreener(pvalues="permutation", random_state=0).fit(X, y)
    assert_array_equal(first.pvalues_, again.pvalues_)


def test_number_of_features_kept():
    X, y = mixed_data(4)
    assert MIScreener(k=2).fit(X, y).support_.sum() == 2
    assert MIScreener(k=0.5).fit(X, y).support_.sum() == 3
    assert MIScreener(k=0.01).fit(X, y).support_.sum() == 1
    for k in (100, "all"):
        assert MIScreener(k=k).fit(X, y).support_.all()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_bins": "birge-rozenholc"}, 'n_bins="birge-rozenholc".*strategy'),
        ({"alpha": 0.1, "pvalues": False}, r"alpha=0.1.*pvalues=False"),
        ({"alpha": 0.1, "method": "fftkde", "marginal": None}, "alpha=0.1.*marginal"),
        (
            {"pvalues": "permutation", "method": "fftkde", "marginal": None},
            "pvalues='permutation'.*marginal",
        ),
        ({"pvalues": True}, "pvalues must be"),
        ({"k": True}, "k must be a number"),
        ({"grid_size": (48, 8)}, "grid_size must be"),
        ({"grid_size": [48]}, "grid_size must be"),
        ({"method": "knn", "n_neighbors": 200}, "n_neighbors=200.*n_samples=200"),
        ({"discrete_features": [6]}, r"discrete_features must be .*6 features"),
        ({"discrete_features": [0.5]}, "discrete_features must be"),
        ({"discrete_features": [True, False]}, "discrete_features must be"),
    ],
)
def test_contradictions_are_refused(params, match):
    X, y = mixed_data(0)
    with pytest.raises(ValueError, match=match):
        MIScreener(**params).fit(X, y)


@pytest.mark.parametrize("method", ["pearson", "gaussian"])
def test_correlations_take_two_classes(method):
    X, y = mixed_data(0)
    classes = np.digitize(y, (-0.5, 0.5))
    with pytest.raises(ValueError, match=rf"method='{method}'.*got 3.*binning"):
        MIScreener(method).fit(X, classes)
    MIScreener(method, target_type="continuous").fit(X, classes)


def test_class_of_one_member_in_nearest_neighbours():
    X, y = mixed_data(0)
    labels = np.where(y > 0, "a", "b")
    labels[0] = "c"
    with pytest.warns(UserWarning, match=r"classes of one member, \['c'\]"):
        fitted = MIScreener("knn", discrete_features=False).fit(X, labels)
    wanted = MIScreener("knn", discrete_features=False).fit(X[1:], labels[1:])
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-9)


def test_outliers_make_coarse_grids():
    X, y = mixed_data(0)
    X[0, 0] = 1e6
    with pytest.warns(UserWarning, match='marginal="normal-score"'):
        MIScreener("fftkde", marginal=None).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MIScreener("fftkde").fit(X, y)
        MIScreener("fftkde", marginal=None, grid_size=(512, 64)).fit(X, y)


def test_discrete_features():
    X, y = mixed_data(5)
    automatic = scores(X, y)
    assert_array_equal(scores(X, y, discrete_features=[4, 5]), automatic)
    mask = np.arange(6) > 3
    assert_array_equal(scores(X, y, discrete_features=mask), automatic)
    none = scores(X, y, discrete_features=False)
    assert none[4] != automatic[4]
    assert_array_equal(none[:4], automatic[:4])
    every = scores(X, y, discrete_features=True)
    assert_array_equal(every[4:], automatic[4:])
    assert (every[:3] != automatic[:3]).all()


def test_clump_drops_what_repeats():
    rng = np.random.default_rng(0)
    a, c = rng.standard_normal((2, 500))
    b = a + 0.2 * rng.standard_normal(500)
    y = a + c**2 + 0.3 * rng.standard_normal(500)
    X = np.column_stack([b, c, a, rng.standard_normal(500)])
    for method in ("binning", "fftkde", "knn"):
        fitted = MIScreener(method, k=3).fit(X, y)
        before = fitted.support_.copy()
        kept = fitted.clump(X)
        best = 0 if fitted.scores_[0] > fitted.scores_[2] else 2
        assert np.flatnonzero(kept).tolist() == sorted([1, best])
        assert_array_equal(fitted.clump(X, threshold=np.inf), before)
        assert_array_equal(fitted.support_, before)


def test_selectors_of_scikit_learn():
    X, y = mixed_data(6)
    best = SelectKBest(mi_scores, k=2).fit(X, y)
    assert_array_equal(best.scores_, scores(X, y))
    chosen = SelectFdr(partial(mi_scores, method="knn", random_state=0)).fit(X, y)
    wanted = MIScreener("knn", k="all", alpha=0.05, random_state=0).fit(X, y)
    assert_array_equal(chosen.get_support(), wanted.support_)


def test_pipeline_and_grid_search():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MIScreener(), LogisticRegression())
    grid = {"miscreener__k": [2, 20], "miscreener__method": ["binning", "pearson"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.95
    assert clone(search.best_estimator_).fit(X, y).score(X, y) > 0.95


def test_inverse_transform_places_scores():
    X, y = mixed_data(7)
    fitted = MIScreener(k=2).fit(X, y)
    back = fitted.inverse_transform(fitted.transform(X))
    assert_array_equal(back != 0, (X != 0) & fitted.support_)


@pytest.mark.parametrize("method", METHODS)
def test_input_is_not_written(method, seed):
    X, y = mixed_data(seed)
    X = drop(X, seed)
    before, outcome = X.tobytes(), y.tobytes()
    MIScreener(method).fit(X, y).transform(X)
    assert X.tobytes() == before
    assert y.tobytes() == outcome
