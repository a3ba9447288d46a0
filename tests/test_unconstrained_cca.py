"""UnconstrainedCCA: golden values, closed forms and invariances."""

import pickle

import numpy as np
import pytest
from cca_data import GOLDEN, aligned, load_halves, load_view, relative_difference
from numerics.cca_cases import constructed_views, correlated_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from sklearn.datasets import load_iris, load_linnerud
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skextras import UnconstrainedCCA
from skextras.datasets import load_mfeat
from skextras.exceptions import DegenerateCorrelationWarning

# -- golden values ---------------------------------------------------------------


def test_linnerud():
    data = load_linnerud()
    cca = UnconstrainedCCA().fit(data.data, data.target)
    expected = GOLDEN["linnerud"]["canonical_correlations"]
    assert_allclose(cca.canonical_correlations_, expected, atol=1e-8)


def test_bundled_digits():
    mfeat, golden = load_mfeat(), GOLDEN["fou_zer"]
    cca = UnconstrainedCCA().fit(mfeat.fou, mfeat.zer)
    assert_allclose(cca.canonical_correlations_[:2], golden["first"], atol=1e-8)
    assert_allclose(cca.spectrum_.sum(), golden["sum"], atol=1e-8)


def test_digits(shared_data):
    golden = GOLDEN["kar_zer"]
    X, Y = load_view(shared_data, "kar"), load_view(shared_data, "zer")
    cca = UnconstrainedCCA().fit(X, Y)
    assert_allclose(cca.canonical_correlations_[:2], golden["first"], atol=1e-8)
    assert_allclose(cca.canonical_correlations_.sum(), golden["sum"], atol=1e-8)
    cca = UnconstrainedCCA(5, shrinkage=0.1).fit(X, Y)
    expected = golden["shrinkage_0.1"]
    assert_allclose(cca.canonical_correlations_[:2], expected, atol=1e-8)
    cca = UnconstrainedCCA(5, shrinkage="auto").fit(X, Y)
    assert_allclose(cca.shrinkage_, golden["auto_shares"], atol=1e-8)
    assert_allclose(cca.canonical_correlations_[:2], golden["auto"], atol=1e-8)
    cca = UnconstrainedCCA(3, shrinkage=1).fit(X, Y)
    assert_allclose(cca.singular_values_[:2], golden["pls_covariances"], atol=1e-6)
    expected = golden["pls_correlations"]
    assert_allclose(cca.canonical_correlations_[:2], expected, atol=1e-8)


def test_rank_deficient_digits(shared_data):
    golden = GOLDEN["fac_pix"]
    X, Y = load_view(shared_data, "fac"), load_view(shared_data, "pix")
    cca = UnconstrainedCCA().fit(X, Y)
    assert cca.ranks_.tolist() == golden["ranks"]
    assert_allclose(cca.canonical_correlations_.sum(), golden["sum"], atol=1e-6)


def test_five_views_of_digits(shared_data):
    views = [
        load_view(shared_data, name) for name in ("fac", "fou", "kar", "pix", "zer")
    ]
    cca = UnconstrainedCCA(5, views=[v.shape[1] for v in views]).fit(np.hstack(views))
    assert_allclose(cca.singular_values_[:3], GOLDEN["five_views"], atol=1e-8)


def test_halves_of_images(shared_data):
    golden = GOLDEN["mnist_halves"]
    cca = UnconstrainedCCA(5).fit(*load_halves(shared_data))
    assert cca.ranks_.tolist() == golden["ranks"]
    assert_allclose(cca.canonical_correlations_.sum(), golden["sum"], atol=1e-8)


# -- closed forms ----------------------------------------------------------------


def test_constructed_correlations(seed):
    rho = [0.95, 0.5, 0.1]
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((80, 6)) - rng.standard_normal(6))[0]
    q = np.linalg.qr(q - q.mean(0))[0]
    X, Y = q[:, :3], np.array(rho) * q[:, :3] + np.sqrt(1 - np.square(rho)) * q[:, 3:]
    cca = UnconstrainedCCA().fit(X, Y)
    assert_allclose(cca.canonical_correlations_, rho, atol=1e-14)
    assert_allclose(cca.singular_values_, rho, atol=1e-14)


def test_constructed_correlations_of_mixed_columns(seed):
    rho = np.array([0.95, 0.5, 0.1])
    cca = UnconstrainedCCA(3).fit(*constructed_views(rho, seed=seed))
    assert_allclose(cca.canonical_correlations_, rho, rtol=1e-10)


def test_one_column_is_multiple_regression(seed):
    X, Y = correlated_views(seed)
    for y in (Y[:, 0], Y[:, :1]):
        cca = UnconstrainedCCA().fit(X, y)
        r2 = LinearRegression().fit(X, y).score(X, y)
        assert_allclose(cca.canonical_correlations_, [np.sqrt(r2)], rtol=1e-12)


def test_classes_are_discriminant_analysis():
    X, labels = load_iris(return_X_y=True)
    cca = UnconstrainedCCA(2).fit(X, np.eye(3)[labels])
    means = np.array([X[labels == c].mean(0) for c in range(3)])[labels]
    total, between = np.cov(X, rowvar=False), np.cov(means, rowvar=False)
    values = linalg.eigh(between, total, eigvals_only=True)[::-1][:2]
    assert_allclose(cca.canonical_correlations_**2, values, rtol=1e-11)


def test_same_view_twice(seed):
    X, _ = correlated_views(seed)
    cca = UnconstrainedCCA().fit(X, X)
    assert_allclose(cca.canonical_correlations_, 1, rtol=1e-13)
    assert_allclose(cca.x_weights_, cca.y_weights_, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_full_prediction_is_linear_regression(seed, share):
    X, Y = correlated_views(seed, widths=(5, 5))
    cca = UnconstrainedCCA(shrinkage=share).fit(X, Y)
    expected = LinearRegression().fit(X, Y).predict(X)
    assert relative_difference(cca.predict(X), expected) < 1e-10
    one = UnconstrainedCCA(shrinkage=share).fit(X[:, :1], Y[:, 0])
    line = LinearRegression().fit(X[:, :1], Y[:, 0]).predict(X[:, :1])
    assert_allclose(one.predict(X[:, :1]), line, rtol=1e-9, atol=1e-12)


def test_prediction_by_the_formula(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y + 7)
    C = np.cov(Y, rowvar=False)
    expected = (
        Y.mean(0) + 7 + cca.transform(X) * cca.singular_values_ @ cca.y_weights_.T @ C
    )
    assert_allclose(cca.predict(X), expected, rtol=1e-10)


@pytest.mark.parametrize("solver", ["moments", "dual", "lobpcg", "ey"])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_prediction_is_least_squares_on_the_variates(seed, solver, share):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2, shrinkage=share, solver=solver, random_state=0).fit(X, Y)
    Z = cca.transform(X)
    expected = LinearRegression().fit(Z, Y).predict(Z)
    assert relative_difference(cca.predict(X), expected) < 1e-9


# -- degenerate ------------------------------------------------------------------


def test_overlapping_views_have_correlations_of_one(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((40, 30)), rng.standard_normal((40, 20))
    with pytest.warns(DegenerateCorrelationWarning, match=r"\[30, 20\].*n_samples=40"):
        cca = UnconstrainedCCA().fit(X, Y)
    assert cca.n_trivial_ == 11
    assert_allclose(cca.canonical_correlations_[:11], 1, rtol=1e-9)
    assert cca.canonical_correlations_[11] < 1 - 1e-6


def test_more_columns_than_rows(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((40, 100)), rng.standard_normal((40, 60))
    with pytest.warns(DegenerateCorrelationWarning, match='shrinkage="auto"'):
        cca = UnconstrainedCCA(3).fit(X, Y)
    assert (cca.n_trivial_, cca.solver_) == (39, "dual")
    cca = UnconstrainedCCA(3, shrinkage=0.1).fit(X, Y)
    assert cca.n_trivial_ == 0
    assert cca.ranks_.tolist() == [39, 39]


@pytest.mark.filterwarnings("ignore::skextras.exceptions.DegenerateCorrelationWarning")
@pytest.mark.parametrize("solver", ["moments", "dual"])
def test_as_many_columns_as_rows(seed, solver):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20, 20))
    cca = UnconstrainedCCA(solver=solver).fit(X, rng.standard_normal((20, 2)))
    assert cca.ranks_.tolist() == [19, 2]
    assert_allclose(cca.canonical_correlations_, 1, rtol=1e-7)


# -- invariances -----------------------------------------------------------------


def test_linear_maps_change_no_correlation(seed):
    X, Y = correlated_views(seed)
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(rng.standard_normal((6, 6)))[0] * np.linspace(1, 2, 6)
    rho = UnconstrainedCCA().fit(X, Y).canonical_correlations_
    mapped = UnconstrainedCCA().fit(X @ mix + rng.standard_normal(6), Y)
    assert_allclose(mapped.canonical_correlations_, rho, atol=1e-13)


def test_order_of_rows(seed):
    X, Y = correlated_views(seed)
    order = np.random.default_rng(seed).permutation(len(X))
    cca, shuffled = (
        UnconstrainedCCA().fit(X, Y),
        UnconstrainedCCA().fit(X[order], Y[order]),
    )
    for a, b in zip(shuffled.weights_, cca.weights_, strict=True):
        # The last components are of noise alone, and near each other.
        assert relative_difference(a[:, :3], b[:, :3]) < 1e-12


@pytest.mark.parametrize("solver", ["moments", "dual", "lobpcg", "ey"])
def test_variates_are_white_and_paired(seed, solver):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(3, solver=solver, random_state=0).fit(X, Y)
    Z1, Z2 = cca.transform(X, Y)
    C = np.cov(np.hstack([Z1, Z2]), rowvar=False)
    assert_allclose(C[:3, :3], np.eye(3), atol=1e-6)
    assert_allclose(C[3:, 3:], np.eye(3), atol=1e-6)
    assert_allclose(C[:3, 3:], np.diag(cca.singular_values_), atol=1e-6)
    assert_allclose(Z1.mean(0), 0, atol=1e-10)


def test_fewer_components_are_the_first(seed):
    X, Y = correlated_views(seed, widths=(80, 70), n_rows=400)
    three, five = UnconstrainedCCA(3).fit(X, Y), UnconstrainedCCA(5).fit(X, Y)
    assert_allclose(three.singular_values_, five.singular_values_[:3], rtol=1e-12)
    for a, b in zip(three.weights_, five.weights_, strict=True):
        assert relative_difference(a, b[:, :3]) < 1e-9


def test_swapped_views_swap_weights(seed):
    X, Y = correlated_views(seed)
    cca, swapped = UnconstrainedCCA(3).fit(X, Y), UnconstrainedCCA(3).fit(Y, X)
    for a, b in zip(
        aligned(swapped.weights_[::-1], cca.weights_), cca.weights_, strict=True
    ):
        assert relative_difference(a, b) < 1e-11


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0, "auto", [0.0, 0.7]])
@pytest.mark.parametrize("scale", [False, True])
def test_correlations_are_those_of_the_variates(seed, share, scale):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(shrinkage=share, scale=scale).fit(X, Y)
    Z1, Z2 = cca.transform(X, Y)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(Z1.T, Z2.T, strict=True)]
    assert_allclose(cca.canonical_correlations_, expected, atol=1e-10)
    assert (cca.canonical_correlations_ <= 1 + 1e-12).all()
    assert_allclose(cca.score(X, Y), np.mean(expected), atol=1e-10)


@pytest.mark.parametrize("solver", ["moments", "dual"])
def test_redundant_columns_change_nothing(seed, solver):
    X, Y = correlated_views(seed)
    extra = np.column_stack([X, X[:, 0], X[:, 1] - 2 * X[:, 2], np.full(len(X), 3.3)])
    cca = UnconstrainedCCA(3, solver=solver).fit(X, Y)
    more = UnconstrainedCCA(3, solver=solver).fit(extra, Y)
    assert more.ranks_.tolist() == [6, 4]
    assert_allclose(
        more.canonical_correlations_, cca.canonical_correlations_, rtol=1e-9
    )
    variates = aligned([more.transform(extra)], [cca.transform(X)])[0]
    assert_allclose(variates, cca.transform(X), atol=1e-6)
    assert_array_equal(more.x_weights_[-1], 0)


def test_widths_are_the_same_as_y(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    blocks = UnconstrainedCCA(2, views=[6, 4]).fit(np.hstack([X, Y]), np.zeros(300))
    for a, b in zip(blocks.weights_, cca.weights_, strict=True):
        assert_allclose(a, b, rtol=1e-10)
    assert_allclose(
        blocks.transform(np.hstack([X, Y])),
        np.hstack(cca.transform(X, Y)),
        rtol=1e-9,
        atol=1e-12,
    )
    assert not hasattr(blocks, "x_weights_")
    assert not hasattr(blocks, "predict")
    scattered = UnconstrainedCCA(2, views=[[1, 3, 5, 7, 8, 9], [0, 2, 4, 6]])
    table = np.empty((300, 10))
    table[:, [1, 3, 5, 7, 8, 9]], table[:, [0, 2, 4, 6]] = X, Y
    assert_allclose(scattered.fit(table).weights_[0], cca.x_weights_, rtol=1e-10)


@pytest.mark.parametrize("scale", [False, True])
def test_unit_of_a_view_does_not_matter(seed, scale):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2, shrinkage="auto", scale=scale).fit(X, Y)
    other = UnconstrainedCCA(2, shrinkage="auto", scale=scale).fit(1000 * X, Y)
    assert_allclose(other.shrinkage_, cca.shrinkage_, rtol=1e-10)
    assert_allclose(other.transform(1000 * X), cca.transform(X), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("share", [0.0, 0.3, "auto", 1.0])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("solver", ["moments", "dual"])
def test_weights_are_repetitions(seed, share, scale, solver):
    X, Y = correlated_views(seed, 80)
    weights = np.random.default_rng(seed).integers(0, 4, 80)
    options = {"shrinkage": share, "scale": scale, "solver": solver}
    cca = UnconstrainedCCA(3, **options).fit(X, Y, sample_weight=weights)
    repeated = [v.repeat(weights, axis=0) for v in (X, Y)]
    expected = UnconstrainedCCA(3, **options).fit(*repeated)
    assert_allclose(cca.shrinkage_, expected.shrinkage_, rtol=1e-9, atol=1e-12)
    assert_allclose(
        cca.canonical_correlations_, expected.canonical_correlations_, rtol=1e-11
    )
    assert relative_difference(cca.transform(X), expected.transform(X)) < 1e-8
    assert relative_difference(cca.predict(X), expected.predict(X)) < 1e-9
    assert cca.n_samples_seen_ == np.count_nonzero(weights)


# -- composition -----------------------------------------------------------------


def test_pipeline_with_regression(seed):
    X, Y = correlated_views(seed)
    pipe = make_pipeline(UnconstrainedCCA(2), LinearRegression()).fit(X, Y)
    assert pipe.predict(X).shape == Y.shape


def test_views_with_a_classifier():
    mfeat = load_mfeat()
    rows = np.arange(0, 2000, 4)
    cca = UnconstrainedCCA(9, views=mfeat.widths, shrinkage="auto", scale=True)
    pipe = make_pipeline(cca, LogisticRegression(max_iter=2000))
    scores = cross_val_score(pipe, mfeat.data[rows], mfeat.target[rows], cv=3)
    assert scores.min() > 0.85


def test_names_and_frames(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).set_output(transform="pandas").fit(X, Y)
    frame, second = cca.transform(X, Y)
    assert frame.columns.tolist() == ["unconstrainedcca0", "unconstrainedcca1"]
    assert second.shape == (300, 2)
    assert type(UnconstrainedCCA(2).fit_transform(X, Y)) is np.ndarray
    views = UnconstrainedCCA(2, views=[6, 4]).fit(np.hstack([X, Y]))
    assert views.get_feature_names_out()[-1] == "unconstrainedcca3"


def test_pickle_holds_no_data(seed):
    X, Y = correlated_views(seed, 3000)
    assert len(pickle.dumps(UnconstrainedCCA().fit(X, Y))) < 4000


def test_mice(shared_data):
    """40 mice, 120 genes and 21 lipids: shrinkage is what generalises."""
    X, Y = (
        np.genfromtxt(
            shared_data(f"ucca/nutrimouse/{name}.csv"), delimiter=",", skip_header=1
        )
        for name in ("gene", "lipid")
    )
    folds = RepeatedKFold(n_splits=5, n_repeats=10, random_state=0)
    for k, least in ((1, 0.80), (3, 0.75)):
        cca = UnconstrainedCCA(k, shrinkage="auto", scale=True)
        assert cross_val_score(cca, X, Y, cv=folds).mean() > least
    with pytest.warns(DegenerateCorrelationWarning):
        search = GridSearchCV(
            UnconstrainedCCA(1, scale=True), {"shrinkage": [0.0, 0.1, "auto"]}, cv=5
        ).fit(X, Y)
    assert search.best_params_["shrinkage"] != 0


def test_held_out_images(shared_data):
    X, Y = load_halves(shared_data)
    cca = UnconstrainedCCA(50, shrinkage="auto").fit(X[:8000], Y[:8000])
    assert 50 * cca.score(X[8000:], Y[8000:]) > 26
