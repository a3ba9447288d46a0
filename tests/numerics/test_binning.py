import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import xlogy
from scipy.stats import rankdata
from screening_cases import GOLDEN, golden_data
from sklearn.metrics import mutual_info_score

from skextras.numerics.binning import (
    automatic_bins,
    codes_by_edges,
    extremes,
    few_levels,
    interval_width,
    penalised_bins,
    quantile_edges,
    sparse_quantile_edges,
    sparse_tables,
    tables_by_edges,
    tables_evenly,
)

N_BINS = (2, 4, 6, 7, 10, 16, 17, 64)


def columns(seed, n=257):
    """Rows with and without ties, heavy tails, an atom, many or few values."""
    rng = np.random.default_rng(seed)
    return np.array(
        [
            rng.standard_normal(n),
            rng.integers(0, 5, n),
            np.where(rng.random(n) < 0.8, 0.0, rng.standard_normal(n)),
            rng.standard_cauchy(n),
            rng.poisson(0.3, n),
            np.full(n, 3.5),
        ]
    )


def definition(x, n_bins):
    """Codes straight from the ranks."""
    below, not_above = rankdata(x, "min") - 1, rankdata(x, "max")
    return ((below + not_above) * n_bins // (2 * len(x))).astype(int)


@pytest.mark.parametrize("n_bins", N_BINS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_quantile_codes_are_those_of_the_definition(n_bins, dtype, seed):
    block = columns(seed).astype(dtype)
    edges = quantile_edges(np.sort(block, axis=1), n_bins)
    assert edges.dtype == dtype
    starts = (n_bins - 1) * np.arange(len(block) + 1)
    codes = codes_by_edges(block, edges.ravel(), starts)
    for row, own in zip(block, codes, strict=True):
        assert_array_equal(own, definition(row, n_bins))


@pytest.mark.parametrize("n_bins", N_BINS)
def test_repeating_all_rows_changes_no_code(n_bins, seed):
    block = columns(seed)
    edges = quantile_edges(np.sort(block, axis=1), n_bins)
    twice = quantile_edges(np.sort(np.tile(block, 3), axis=1), n_bins)
    for row, one, other in zip(block, edges, twice, strict=True):
        assert_array_equal(np.searchsorted(one, row), np.searchsorted(other, row))


@pytest.mark.parametrize("n_bins", N_BINS)
def test_sparse_edges_give_the_dense_codes(n_bins, seed):
    rng = np.random.default_rng(seed)
    dense = np.array(
        [
            np.where(rng.random(300) < share, 0.0, rng.standard_normal(300) + shift)
            for share in (0.0, 0.5, 0.95, 1.0)
            for shift in (0.0, 5.0, -5.0)
        ]
    )
    stored = [np.sort(row[row != 0]) for row in dense]
    edges = sparse_quantile_edges(stored, 300, n_bins)
    wanted = quantile_edges(np.sort(dense, axis=1), n_bins)
    for row, one, other in zip(dense, edges, wanted, strict=True):
        assert_array_equal(np.searchsorted(one, row), np.searchsorted(other, row))


@pytest.mark.parametrize("n_edges", [1, 3, 4, 15, 16, 17, 40])
def test_tables_by_edges_count_pairs(n_edges, seed):
    rng = np.random.default_rng(seed)
    n = 2051  # over one tile, no multiple of four
    block, y = rng.standard_normal((3, n)), rng.integers(0, 5, n).astype(np.int32)
    edges = np.sort(rng.standard_normal((3, n_edges)), axis=1)
    starts = n_edges * np.arange(4)
    tables, bounds = tables_by_edges(block, edges.ravel(), starts, y, 5)
    for row, own, low, high in zip(block, edges, bounds[:-1], bounds[1:], strict=True):
        wanted = np.zeros((n_edges + 1, 5), int)
        np.add.at(wanted, ((row[:, None] > own).sum(axis=1), y), 1)
        assert_array_equal(tables[low:high].reshape(-1, 5), wanted)


def test_large_tables_are_counted_alike(seed):
    rng = np.random.default_rng(seed)
    block, y = rng.random((2, 500)), rng.integers(0, 40, 500).astype(np.int32)
    edges = np.linspace(0.01, 0.99, 63)
    tables, _ = tables_by_edges(block, np.tile(edges, 2), np.array([0, 63, 126]), y, 40)
    wanted = np.zeros((2, 64, 40), int)
    for j, row in enumerate(block):
        np.add.at(wanted[j], (np.searchsorted(edges, row), y), 1)
    assert_array_equal(tables, wanted.ravel())


def test_even_intervals(seed):
    rng = np.random.default_rng(seed)
    block, y = rng.standard_normal((4, 333)), np.zeros(333, np.int32)
    low, high = extremes(block)
    n_bins = np.array([2, 8, 16, 99])
    width = interval_width(low, high, n_bins)
    tables, bounds = tables_evenly(block, low, width, n_bins, y, 1)
    for j, row in enumerate(block):
        codes = np.minimum(np.floor((row - low[j]) / width[j]), n_bins[j] - 1)
        wanted = np.bincount(codes.astype(int), minlength=n_bins[j])
        assert_array_equal(tables[bounds[j] : bounds[j + 1]], wanted)


def test_values_beyond_the_ends_go_to_the_ends():
    block, y = np.array([[-5.0, 0.1, 0.9, 7.0]]), np.zeros(4, np.int32)
    one = np.ones(1)
    tables, _ = tables_evenly(block, 0 * one, one / 2, np.array([2]), y, 1)
    assert tables.tolist() == [2, 2]


def test_width_survives_the_extremes_of_the_type():
    largest = np.finfo(np.float64).max
    width = interval_width(np.array([-largest]), np.array([largest]), np.array([4]))
    assert np.isfinite(width[0])
    assert interval_width(np.zeros(1), np.zeros(1), np.array([3]))[0] == 0


def test_rule_of_birge_and_rozenholc_is_the_official_one():
    X, y, _ = golden_data()
    block = np.ascontiguousarray(np.column_stack([X, y]).T)
    uncapped = penalised_bins(block, np.full(6, 99))
    assert uncapped.tolist() == GOLDEN["birge_rozenholc_bins"]
    # Its tables are the official plug-in values.
    low, high = extremes(block)
    width = interval_width(low, high, uncapped)
    codes = [
        np.minimum((row - a) / w, d - 1).astype(int)
        for row, a, w, d in zip(block, low, width, uncapped, strict=True)
    ]
    plug_in = [mutual_info_score(own, codes[5]) for own in codes[:5]]
    assert_allclose(plug_in, GOLDEN["plug_in_continuous"], rtol=0, atol=1e-9)
    _, _, binary = golden_data()
    plug_in = [mutual_info_score(own, binary) for own in codes[:5]]
    assert_allclose(plug_in, GOLDEN["plug_in_binary"], rtol=0, atol=1e-9)


def test_rule_is_capped_by_the_number_of_values():
    X, _, _ = golden_data()
    block = np.ascontiguousarray(X[:, 3:4].T)
    assert penalised_bins(block, np.array([99])).tolist() == [99]
    gains = []
    for d in range(2, 6):
        counts = np.histogram(block[0], d)[0]
        gain = xlogy(counts, counts).sum() + 400 * np.log(d)
        gains.append(gain - (d - 1 + np.log(d) ** 2.5))
    capped = penalised_bins(block, few_levels(block, 99)[1])
    assert capped.tolist() == [2 + int(np.argmax(gains))]
    assert penalised_bins(np.ones((1, 9)), np.ones(1, int)).tolist() == [1]


def test_few_levels(seed):
    block = columns(seed)
    block[1, ::3] = np.nan
    levels, found = few_levels(block, 10)
    for row, own, n in zip(block, levels, found, strict=True):
        wanted = np.unique(row[~np.isnan(row)])
        assert n == min(len(wanted), 11)
        if n <= 10:
            assert own[:n].tolist() == wanted.tolist()
    assert few_levels(np.full((1, 4), np.nan), 3)[1].tolist() == [0]
    assert few_levels(np.array([[0.0, -0.0, 1.0]]), 3)[1].tolist() == [2]


def test_sparse_tables_count_what_is_left_as_zeros(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 50).astype(np.int32)
    dense = rng.integers(0, 4, (5, 50)) * (rng.random((5, 50)) < 0.3)
    dense[4] = 0
    rows = [np.flatnonzero(row) for row in dense]
    codes = np.concatenate(
        [row[own] for row, own in zip(dense, rows, strict=True)]
    ).astype(np.int32)
    bounds = np.cumsum([0, *map(len, rows)])
    tables, starts = sparse_tables(
        codes,
        np.concatenate(rows),
        bounds,
        np.zeros(5, int),
        np.full(5, 4),
        y,
        np.bincount(y, minlength=3),
    )
    for row, low, high in zip(dense, starts[:-1], starts[1:], strict=True):
        wanted = np.zeros((4, 3), int)
        np.add.at(wanted, (row, y), 1)
        assert_array_equal(tables[low:high].reshape(4, 3), wanted)


@pytest.mark.parametrize(
    ("n", "n_bins"), [(2, 4), (400, 4), (1050, 6), (2401, 7), (10**6, 10)]
)
def test_automatic_bins(n, n_bins):
    assert automatic_bins(n) == n_bins
