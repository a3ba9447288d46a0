"""Moments: offsets, units, types, chunks, and rows that come in parts."""

import pickle
import threading

import numpy as np
import pytest
from cca_data import aligned, relative_difference
from numerics.cca_cases import canonical_correlations, correlated_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import clone, config_context
from sklearn.covariance import ledoit_wolf_shrinkage

from skextras import UnconstrainedCCA
from skextras._unconstrained_cca_moments import check_constant, check_range

ATTRIBUTES = (
    "singular_values_",
    "canonical_correlations_",
    "spectrum_",
    "shrinkage_",
    "ranks_",
)


def fitted_in_parts(cca, X, Y, size, weights=None):
    cca = clone(cca)
    for start in [0, *range(max(size, 2), len(X), size)]:
        rows = slice(start, max(size, 2) if start == 0 else start + size)
        share = None if weights is None else weights[rows]
        assert cca.partial_fit(X[rows], Y[rows], sample_weight=share) is cca
    return cca


# -- digits ----------------------------------------------------------------------


def test_offset_costs_no_digits(seed):
    X, Y = correlated_views(seed)
    rho = UnconstrainedCCA().fit(X, Y).canonical_correlations_
    # The shift itself rounds the data: the reference is of the shifted data.
    far = UnconstrainedCCA().fit(X + 1e6, Y - 1e6)
    assert_allclose(far.canonical_correlations_, rho, atol=1e-9)


def test_single_precision_equals_double_of_the_same_bits(seed):
    X, Y = correlated_views(seed)
    X, Y = (X + 1e4).astype(np.float32), (Y + 1e4).astype(np.float32)
    single = UnconstrainedCCA(2).fit(X, Y)
    double = UnconstrainedCCA(2).fit(X.astype(float), Y.astype(float))
    assert_allclose(
        single.canonical_correlations_, double.canonical_correlations_, rtol=1e-12
    )
    found, expected = single.transform(X), double.transform(X.astype(float))
    assert found.dtype == np.float32
    assert_allclose(found, expected, atol=1e-4)
    assert single.predict(X).dtype == np.float32
    assert single.x_weights_.dtype == np.float64


@pytest.mark.parametrize("units", [np.logspace(-4, 4, 6), np.logspace(-100, 100, 6)])
def test_units_of_columns(seed, units):
    X, Y = correlated_views(seed)
    cca, scaled = UnconstrainedCCA(3).fit(X, Y), UnconstrainedCCA(3).fit(X * units, Y)
    assert_allclose(
        scaled.canonical_correlations_, cca.canonical_correlations_, rtol=1e-10
    )
    assert scaled.ranks_.tolist() == [6, 4]
    pair = [scaled.transform(X * units)], [cca.transform(X)]
    assert relative_difference(aligned(*pair)[0], pair[1][0]) < 1e-8


def test_extreme_units_with_shrinkage(seed):
    X, Y = correlated_views(seed)
    expected = UnconstrainedCCA(2, shrinkage=0.3).fit(X, Y).canonical_correlations_
    for unit in (1e-100, 1e100):
        cca = UnconstrainedCCA(2, shrinkage=0.3).fit(unit * X, Y)
        assert_allclose(cca.canonical_correlations_, expected, rtol=1e-10)
        with pytest.raises(ValueError, match="range of float64 for view 0"):
            UnconstrainedCCA(2, shrinkage="auto").fit(unit * X, Y)


def test_rank_deficient_views(seed):
    rng = np.random.default_rng(seed)
    x, y = correlated_views(seed, 200, (30, 20))
    X = x @ rng.standard_normal((30, 50))
    Y = y @ rng.standard_normal((20, 35))
    cca = UnconstrainedCCA().fit(X, Y)
    assert cca.ranks_.tolist() == [30, 20]
    assert_allclose(cca.spectrum_, canonical_correlations(X, Y), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_, np.int64, np.float16])
def test_types_of_the_same_values(seed, dtype):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (80, 5))
    Y = (X[:, :3] + rng.integers(0, 2, (80, 3))) % 2
    expected = UnconstrainedCCA().fit(X.astype(float), Y.astype(float))
    cca = UnconstrainedCCA().fit(X.astype(dtype), Y.astype(dtype))
    assert_allclose(cca.weights_[0], expected.weights_[0], rtol=1e-9, atol=1e-12)
    assert cca.transform(X.astype(dtype)).dtype == np.float64


def test_automatic_share_of_scaled_columns(seed):
    X, Y = correlated_views(seed, 50)
    X = X * np.logspace(0, 5, 6)
    cca = UnconstrainedCCA(1, shrinkage="auto", scale=True).fit(X, Y)
    expected = [ledoit_wolf_shrinkage(v / v.std(0, ddof=1)) for v in (X, Y)]
    assert_allclose(cca.shrinkage_, expected, rtol=1e-10)


# -- chunks and parts ------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.2, "auto", "cv"])
@pytest.mark.parametrize("scale", [False, True])
def test_chunks_change_nothing(seed, share, scale):
    X, Y = correlated_views(seed, 200)
    cca = UnconstrainedCCA(3, shrinkage=share, scale=scale)
    expected = clone(cca).fit(X, Y)
    with config_context(working_memory=1e-3):
        cca.fit(X, Y)
    for name in ATTRIBUTES:
        assert_allclose(getattr(cca, name), getattr(expected, name), rtol=1e-10)
    assert relative_difference(cca.x_weights_, expected.x_weights_) < 1e-10


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, "auto"])
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_parts_equal_the_whole(seed, share, size):
    X, Y = correlated_views(seed, 120)
    X, Y = X + 1e6, Y - 1e6
    cca = UnconstrainedCCA(3, shrinkage=share)
    whole, parts = clone(cca).fit(X, Y), fitted_in_parts(cca, X, Y, size)
    assert parts.n_samples_seen_ == whole.n_samples_seen_ == 120
    assert_allclose(
        parts.canonical_correlations_, whole.canonical_correlations_, atol=1e-12
    )
    assert_allclose(parts.shrinkage_, whole.shrinkage_, atol=1e-12)
    for a, b in zip(parts.weights_, whole.weights_, strict=True):
        assert relative_difference(a, b) < 1e-9
    assert relative_difference(parts.predict(X) + 1e6, whole.predict(X) + 1e6) < 1e-9


def test_weighted_parts(seed):
    X, Y = correlated_views(seed, 120)
    weights = np.random.default_rng(seed).integers(0, 3, 120)
    cca = UnconstrainedCCA(2, shrinkage="auto")
    whole = clone(cca).fit(X, Y, sample_weight=weights)
    parts = fitted_in_parts(cca, X, Y, 17, weights)
    assert_allclose(parts.weights_[0], whole.weights_[0], rtol=1e-9, atol=1e-12)
    assert parts.n_samples_seen_ == np.count_nonzero(weights)


def test_solution_follows_every_part(seed):
    X, Y = correlated_views(seed, 120)
    cca = UnconstrainedCCA(2)
    for stop in (40, 80, 120):
        cca.partial_fit(X[stop - 40 : stop], Y[stop - 40 : stop])
        expected = UnconstrainedCCA(2).fit(X[:stop], Y[:stop])
        assert_allclose(cca.transform(X), expected.transform(X), rtol=1e-8, atol=1e-10)
        assert cca.score(X, Y) == pytest.approx(expected.score(X, Y))


def test_parts_are_solved_when_asked(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).partial_fit(X, Y)
    assert "weights_" not in vars(cca)
    copy = pickle.loads(pickle.dumps(cca))
    assert cca.weights_[0].shape == (6, 2)
    assert "weights_" in vars(cca)
    assert_array_equal(copy.x_weights_, cca.x_weights_)
    with pytest.raises(AttributeError, match="no attribute 'nothing_'"):
        _ = cca.nothing_


def test_parts_may_start_constant(seed):
    """The first rows need not tell anything yet."""
    X, Y = correlated_views(seed)
    X[:2] = 1.0
    cca = UnconstrainedCCA(2).partial_fit(X[:2], Y[:2])
    with pytest.raises(ValueError, match="view 0 is constant"):
        _ = cca.weights_
    cca.partial_fit(X[2:], Y[2:])
    assert_allclose(cca.x_weights_, UnconstrainedCCA(2).fit(X, Y).x_weights_, rtol=1e-8)


def test_state_does_not_grow(seed):
    X, Y = correlated_views(seed, 2000)
    cca = UnconstrainedCCA(2).partial_fit(X, Y)
    size = len(pickle.dumps(cca))
    assert size < 8 * 10**2 + 3000
    assert len(pickle.dumps(cca.partial_fit(X, Y))) == pytest.approx(size, abs=20)


def test_threads_ask_at_once(seed):
    X, Y = correlated_views(seed)
    cca, found = UnconstrainedCCA(2).partial_fit(X, Y), []
    barrier = threading.Barrier(6)

    def ask():
        barrier.wait(timeout=60)
        found.append(cca.transform(X))

    workers = [threading.Thread(target=ask) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 6
    for variates in found:
        assert_array_equal(variates, found[0])


@pytest.mark.parametrize("solver", ["dual", "lobpcg", "ey"])
def test_other_solvers_take_no_parts(solver):
    assert not hasattr(UnconstrainedCCA(solver=solver), "partial_fit")


def test_no_parts_after_a_fit(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    assert not hasattr(cca, "partial_fit")
    with pytest.raises(ValueError, match="fit keeps no moments; call partial_fit from"):
        cca.partial_fit(X, Y)
    assert clone(cca).partial_fit(X, Y).n_components_ == 2
    parts = UnconstrainedCCA(2).partial_fit(X[:50], Y[:50])
    assert parts.fit(X, Y).n_samples_seen_ == 300
    assert "_moments" not in vars(parts)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"shrinkage": "cv"}, '"cv" cannot be used with partial_fit: set a numeric'),
        ({"shrinkage": "auto", "scale": True}, "scale=True and partial_fit"),
    ],
)
def test_parameters_that_need_all_rows(params, words):
    X, Y = correlated_views(0)
    with pytest.raises(ValueError, match=words):
        UnconstrainedCCA(**params).partial_fit(X, Y)


def test_first_part_has_two_rows():
    X, Y = correlated_views(0)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        UnconstrainedCCA().partial_fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="expecting 6 features"):
        UnconstrainedCCA().partial_fit(X, Y).partial_fit(X[:, :3], Y)


def test_shrinkage_may_not_turn_automatic_between_parts():
    X, Y = correlated_views(0)
    cca = UnconstrainedCCA(1).partial_fit(X, Y).set_params(shrinkage="auto")
    with pytest.raises(ValueError, match="shrinkage was changed"):
        cca.partial_fit(X, Y)
    # Other parameters may: the latest count.
    cca.set_params(shrinkage=0.5, n_components=2).partial_fit(X, Y)
    assert cca.shrinkage_.tolist() == [0.5, 0.5]
    assert cca.n_components_ == 2


def test_parts_beyond_memory(monkeypatch):
    X, Y = correlated_views(0)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "100")
    with pytest.raises(
        MemoryError, match=r'widths \[6, 4\].*solver="lobpcg" and call fit'
    ):
        UnconstrainedCCA().partial_fit(X, Y)


# -- folds -----------------------------------------------------------------------


def test_choice_of_the_shrinkage(seed):
    X, Y = correlated_views(seed, 60, (10, 8), rho=(0.8,))
    chosen = UnconstrainedCCA(1, shrinkage="cv").fit(X, Y)
    scores = []
    grid = (0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.0)
    for share in grid:
        total = 0
        for fold in range(5):
            out = np.arange(60) % 5 == fold
            cca = UnconstrainedCCA(1, shrinkage=[share] * 2).fit(X[~out], Y[~out])
            total += cca.score(X[out], Y[out])
        scores.append(total / 5)
    best = len(grid) - 1 - int(np.argmax(scores[::-1]))
    assert chosen.shrinkage_.tolist() == [grid[best]] * 2
    expected = UnconstrainedCCA(1, shrinkage=[grid[best]] * 2).fit(X, Y)
    assert_allclose(chosen.x_weights_, expected.x_weights_, rtol=1e-9)


def test_checks_name_the_view():
    check_constant([np.array([0.0, 1.0])])
    with pytest.raises(ValueError, match="view 1 is constant: none of its 2 columns"):
        check_constant([np.ones(1), np.zeros(2)])
    with pytest.raises(ValueError, match="range of float64 for view 1"):
        check_range([0.5, np.nan])
