import numpy as np
import pytest
from screening_cases import METHODS

from skextras import MIScreener
from skextras._mi_screener_clump import discrete_columns, keep_distinct


def chain(seed=0, n=400):
    """Three of a chain, one on its own, and the sign of the first."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(n)
    second = first + 0.5 * rng.standard_normal(n)
    third = second + 1.2 * rng.standard_normal(n)
    return np.array([first, second, third, rng.standard_normal(n), np.sign(first)])


def keep(block, threshold=0.2231, method="pearson"):
    discrete = discrete_columns(block, None, np.zeros(len(block), bool))
    labels = list(range(len(block)))
    params = MIScreener(method)
    return keep_distinct(params, block, discrete, labels, threshold).tolist()


def test_what_is_dropped_drops_nothing():
    block = chain()
    r = np.corrcoef(block)
    middle = (r[0, 2] + r[1, 2]) / 2
    threshold = -np.log(1 - middle**2) / 2
    # The second goes with the first; the third would go with the second only.
    assert r[0, 2] < middle < r[1, 2] < r[0, 1]
    assert keep(block[:4], threshold) == [True, False, True, True]
    assert keep(block[[1, 0, 2, 3]], threshold) == [True, False, False, True]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_copy(method):
    block = chain()
    copies = np.array([block[0], -2 * block[0], block[3]])
    assert keep(copies, method=method) == [True, False, True]


def test_kinds_are_those_of_the_features():
    block = chain()
    for method in ("binning", "knn", "fftkde"):
        assert keep(block[[0, 4, 3]], method=method) == [True, False, True]
        assert keep(block[[4, 0, 3]], method=method) == [True, False, True]


def test_gaps_leave_rows_out():
    block = chain()
    block[0, ::3] = np.nan
    block[1, 1::3] = np.nan
    assert keep(block[:4], 0.3)[:2] == [True, False]
    block[0] = np.nan
    assert keep(block[:2]) == [True, True]


def test_discrete_columns():
    block = np.array([np.arange(60.0), np.arange(60) % 3])
    none = np.zeros(2, bool)
    assert discrete_columns(block, None, none).tolist() == [False, True]
    assert discrete_columns(block, ~none, none).tolist() == [True, True]
    assert discrete_columns(block, none, none).tolist() == [False, False]
    assert discrete_columns(block, none, ~none).tolist() == [True, True]


def test_single_and_no_features():
    assert keep(chain()[:1]) == [True]
    assert keep(np.empty((0, 5))) == []
