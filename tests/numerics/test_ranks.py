import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri
from scipy.stats import rankdata

from skextras.numerics.ranks import (
    normal_score_table,
    normal_scores,
    table_lookup,
    tie_ranks,
)


def test_ranks_are_scipys_averages(seed, float_dtype):
    rng = np.random.default_rng(seed)
    block = np.array(
        [rng.standard_normal(101), rng.integers(0, 5, 101), np.zeros(101)]
    ).astype(float_dtype)
    ranks, tied = tie_ranks(block)
    assert_array_equal(ranks, 2 * rankdata(block, axis=1) - 1)
    assert tied.tolist() == [False, True, True]


def test_normal_scores(seed):
    rng = np.random.default_rng(seed)
    block = np.array([rng.exponential(size=60), rng.poisson(1, 60)])
    wanted = ndtri((rankdata(block, axis=1) - 0.5) / 60)
    assert_allclose(normal_scores(block), wanted, rtol=0, atol=1e-14)


def test_increasing_maps_change_no_score(seed):
    x = np.random.default_rng(seed).standard_normal((1, 50))
    assert_array_equal(normal_scores(x), normal_scores(np.exp(3 * x)))


def test_table_lookup_is_indexing(seed):
    rng = np.random.default_rng(seed)
    table, ranks = rng.random(20), rng.integers(0, 20, (3, 10)).astype(np.int32)
    assert_array_equal(table_lookup(table, ranks), table[ranks])


def test_table_is_odd():
    table = normal_score_table(25)
    assert_allclose(table[1:], -table[:0:-1], atol=1e-15)
