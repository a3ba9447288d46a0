import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from screening_cases import drop, mixed_data

from skextras import MIScreener
from skextras._mi_screener_blocks import array_reader
from skextras._mi_screener_density import DensityScorer
from skextras._mi_screener_scorers import (
    BinningScorer,
    ConstantScorer,
    CorrelationScorer,
    NeighboursScorer,
)
from skextras._mi_screener_screen import Screen, make_scorer
from skextras._mi_screener_target import read_target


def screen_of(X, y, forced=None, seed=None, **params):
    target, _ = read_target(y, "auto")
    categories = np.zeros(X.shape[1], bool)
    labels = [f"f{j}" for j in range(X.shape[1])]
    return Screen(MIScreener(**params), target, forced, categories, labels, seed)


def test_scorers_by_method():
    target, _ = read_target([0.1, 0.2, 0.4], "auto")
    wanted = {
        "binning": BinningScorer,
        "fftkde": DensityScorer,
        "knn": NeighboursScorer,
        "pearson": CorrelationScorer,
        "gaussian": CorrelationScorer,
    }
    for method, kind in wanted.items():
        assert type(make_scorer(MIScreener(method), target)) is kind
        constant = target.take(np.array([True, False, False]))
        assert type(make_scorer(MIScreener(method), constant)) is ConstantScorer


@pytest.mark.parametrize("method", ["binning", "knn", "fftkde", "pearson"])
def test_blocks_are_independent(method, seed):
    X, y = mixed_data(seed)
    X = drop(X, seed)
    screen = screen_of(X, y, method=method, seed=0)
    block = np.ascontiguousarray(X.T)
    whole = screen.score_block(0, block)
    for j in range(len(block)):
        alone = screen.score_block(j, block[j : j + 1])
        assert_allclose(alone[0], whole[0][[j]], rtol=0, atol=1e-13)
        assert alone[2][0] == whole[2][j] == (~np.isnan(block[j])).sum()


def test_levels_are_few_values(seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.permutation(np.arange(60) % m) for m in (1, 2, 10, 11, 60)]
    ).astype(float)
    screen = screen_of(X, rng.standard_normal(60))
    levels = screen.levels(0, np.ascontiguousarray(X.T))
    assert levels.discrete.tolist() == [True, True, True, False, False]
    few = screen_of(X[:20], rng.standard_normal(20))
    levels = few.levels(0, np.ascontiguousarray(X[:20].T))
    # At most a fifth of 20 samples.
    assert (levels.discrete == (levels.found <= 4)).all()
    forced = screen_of(X, rng.standard_normal(60), np.arange(5) == 4)
    levels = forced.levels(0, np.ascontiguousarray(X.T))
    assert levels.discrete.tolist() == [False] * 4 + [True]
    edges, starts = levels.edges(X.T[4:], np.array([4]))
    assert_array_equal(edges, np.arange(59))
    assert starts.tolist() == [0, 59]


def test_edges_of_several_rows():
    block = np.array([[0.0, 1, 2, 2, 0, 1], [5, 5, 7, 7, 5, 5], [0, 1, 2, 3, 4, 5]])
    screen = screen_of(block.T, np.arange(6) / 7, np.array([True, True, True]))
    levels = screen.levels(0, block)
    edges, starts = levels.edges(block[:2], np.array([0, 1]))
    assert edges.tolist() == [0, 1, 5]
    assert starts.tolist() == [0, 2, 3]


def test_gaps_and_what_is_refused():
    X, y = mixed_data(0)
    block = np.ascontiguousarray(X.T)
    block[1, 4] = np.nan
    screen = screen_of(X, y)
    found = screen.find_missing(0, block)
    assert list(found) == [1]
    assert np.flatnonzero(found[1]).tolist() == [4]
    huge = np.full((1, 200), np.finfo(float).max)
    assert screen.find_missing(0, huge) == {}
    block[2, 3] = np.inf
    with pytest.raises(ValueError, match=r"infinity: column 'f2'"):
        screen.find_missing(0, block)
    strict = screen_of(X, y, missing="error")
    with pytest.raises(ValueError, match=r"NaN: column 'f3'"):
        strict.find_missing(3, block[1:2])
    with pytest.raises(ValueError, match=r"NaN: column 'f1'"):
        strict.find_missing(0, block[:2])


def test_least_number_of_pairs():
    X, y = mixed_data(0)
    counts = np.array([9, 10, 11, 12])
    assert screen_of(X, y).enough(counts).tolist() == [False, True, True, True]
    knn = screen_of(X, y, method="knn", n_neighbors=11)
    assert knn.enough(counts).tolist() == [False, False, False, True]
    small = screen_of(X[:6], y[:6])
    assert small.enough(np.array([5, 6])).tolist() == [False, True]


def test_run_returns_everything():
    X, y = mixed_data(1)
    found = screen_of(X, y, seed=0).run(array_reader(X))
    assert found.scores.shape == found.p_values.shape == found.n_valid.shape == (6,)
    assert found.n_coarse == 0
    assert screen_of(X, y).run(array_reader(X)).p_values is None
