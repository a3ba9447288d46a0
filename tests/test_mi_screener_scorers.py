import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from skextras import MIScreener
from skextras._mi_screener_scorers import (
    BinningScorer,
    ConstantScorer,
    CorrelationScorer,
    NeighboursScorer,
    TableScorer,
    encode_outcome,
    feature_bins,
    mutual_information,
    outcome_codes,
)
from skextras._mi_screener_target import read_target
from skextras.numerics.neighbours import class_scores, continuous_scores


def variables(seed, n=200):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n)
    return np.array([y + rng.standard_normal(n), rng.exponential(size=n)]), y


def quantile_codes(x, n_bins):
    ranks = rankdata(x, "min") - 1 + rankdata(x, "max")
    return (ranks * n_bins // (2 * len(x))).astype(int)


def definition(one, other):
    table = np.zeros((one.max() + 1, other.max() + 1), int)
    np.add.at(table, (one, other), 1)
    table = table[table.sum(axis=1) > 0]
    expected = expected_mutual_information(table, len(one))
    return mutual_info_score(one, other) - expected


@pytest.mark.parametrize("n_bins", [2, 7, 16, 30, 64])
def test_binning_of_a_continuous_outcome(n_bins, seed):
    block, y = variables(seed)
    target, _ = read_target(y, "auto")
    scorer = BinningScorer(MIScreener(n_bins=n_bins), target, None)
    scores, p_values = scorer.continuous(block)
    own = quantile_codes(y, n_bins)
    wanted = [definition(quantile_codes(x, n_bins), own) for x in block]
    assert_allclose(scores, wanted, rtol=0, atol=1e-12)
    assert p_values is None


def test_binning_of_levels(seed):
    block, y = variables(seed)
    target, _ = read_target(y, "auto")
    scorer = BinningScorer(MIScreener(), target, None)
    levels = np.rint(block)
    edges = [np.unique(row)[:-1] for row in levels]
    starts = np.cumsum([0, *map(len, edges)])
    scores, _ = scorer.discrete(levels, np.concatenate(edges), starts)
    own = quantile_codes(y, 4)
    codes = [np.unique(row, return_inverse=True)[1] for row in levels]
    assert_allclose(scores, [definition(x, own) for x in codes], atol=1e-12)


def test_parts_of_a_block_change_nothing(seed, monkeypatch):
    block, y = variables(seed)
    target, _ = read_target(y, "auto")
    for params in (MIScreener(), MIScreener(strategy="uniform", n_bins=9)):
        wanted = BinningScorer(params, target, None).continuous(block)[0]
        with monkeypatch.context() as patch:
            patch.setattr("skextras._mi_screener_scorers._MAX_CELLS", 1)
            found = BinningScorer(params, target, None).continuous(block)[0]
        assert_array_equal(found, wanted)


def test_tables_beyond_memory_are_refused(monkeypatch):
    scorer = TableScorer(np.arange(2000, dtype=np.int32), 2000, None)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "1000000")
    with pytest.raises(MemoryError, match=r"2000 levels by 2000 .*discrete_features"):
        scorer.by_edges(np.arange(2000.0)[None], np.arange(1999.0), np.array([0, 1999]))


def test_outcome_is_coded_as_a_feature(seed):
    _, y = variables(seed)
    for params in (
        MIScreener(n_bins=5),
        MIScreener(strategy="uniform", n_bins=5),
        MIScreener(strategy="uniform", n_bins="birge-rozenholc"),
    ):
        codes, n_codes = outcome_codes(params, y)
        assert codes.max() == n_codes - 1
        bins = feature_bins(params, y[None])
        assert_array_equal(encode_outcome(bins, y)[0], codes)
        # What lies beyond the first rows goes to the ends.
        assert encode_outcome(bins, np.array([-99.0, 99.0]))[0].tolist() == [
            0,
            n_codes - 1,
        ]


def test_correlations(seed):
    block, y = variables(seed)
    target, _ = read_target(y, "auto")
    scores, _ = CorrelationScorer(MIScreener("pearson"), target, None).continuous(block)
    assert_allclose(scores, [abs(np.corrcoef(x, y)[0, 1]) for x in block], rtol=1e-10)
    cubes = CorrelationScorer(MIScreener("gaussian"), target, None)
    assert_allclose(cubes.continuous(block**3)[0], cubes.continuous(block)[0])


def test_neighbours_take_either_side_for_classes(seed):
    block, y = variables(seed)
    target, _ = read_target(y, "auto")
    scorer = NeighboursScorer(MIScreener(n_neighbors=4), target, None)
    found = scorer.continuous(block)[0]
    assert_allclose(found, continuous_scores(block, y, 4), rtol=0, atol=1e-12)
    levels = np.rint(np.clip(block, -1, 1))
    edges, starts = np.tile([-1.0, 0.0], 2), np.array([0, 2, 4])
    wanted = class_scores(y[None], (levels + 1).astype(np.int32), 3, 4)
    found = scorer.discrete(levels, edges, starts)[0]
    assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_constant_outcome():
    scores, p_values = ConstantScorer().continuous(np.ones((3, 4)))
    assert scores.tolist() == [0, 0, 0]
    assert p_values.tolist() == [1, 1, 1]


def test_scores_as_information():
    scores = np.array([0.5, -0.2, np.nan])
    assert_array_equal(mutual_information("knn", scores), [0.5, 0.0, np.nan])
    assert_allclose(mutual_information("pearson", scores)[0], -np.log(0.75) / 2)
