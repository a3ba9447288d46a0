"""Compiled loops that turn columns into codes and codes into tables."""

import math

import numpy as np
from numba import njit

# Up to so many edges each sample is compared with all of them: no branch is missed.
_FEW_EDGES = 16
_TILE = 2048
# Cells of a table up to which four copies fit the first cache.
_SMALL_TABLE = 1024


@njit(cache=True, nogil=True)
def few_levels(block, limit):
    """Distinct values of each row, NaN aside: sorted, and limit + 1 for more."""
    n_rows, n = block.shape
    levels = np.zeros((n_rows, limit), block.dtype)
    found = np.zeros(n_rows, np.int64)
    for j in range(n_rows):
        row, known, size = block[j], levels[j], 0
        last = np.nan
        for i in range(n):
            value = row[i]
            if value == last or math.isnan(value):
                continue
            last = value
            place = 0
            while place < size and known[place] < value:
                place += 1
            if place < size and known[place] == value:
                continue
            size += 1
            if size > limit:
                break
            for k in range(size - 1, place, -1):
                known[k] = known[k - 1]
            known[place] = value
        found[j] = size
    return levels, found


@njit(cache=True, nogil=True)
def atom_edges(values, n, n_bins, edges):
    """Quantile edges of a column of n values: the sorted ones given, else zeros."""
    n_values = len(values)
    n_zeros = n - n_values
    below = np.searchsorted(values, 0.0) if n_zeros > 0 else n_values
    for d in range(1, n_bins):
        place = -((n_bins - 2 * n * d) // (2 * n_bins)) - 1
        edges[d - 1] = -np.inf
        if place < 0:
            continue
        if place < below:
            value = values[place]
        elif place < below + n_zeros:
            value = values.dtype.type(0)
        else:
            value = values[place - n_zeros]
        # The tie run is short or found at once by bisection; zeros count by number.
        low = np.searchsorted(values, value)
        high = np.searchsorted(values, value, side="right")
        if n_zeros > 0:
            low += n_zeros if value > 0 else 0
            high += n_zeros if value >= 0 else 0
        if ((low + high) * n_bins) // (2 * n) < d:
            edges[d - 1] = value
        elif low > 0:
            if low <= below:
                edges[d - 1] = values[low - 1]
            elif low <= below + n_zeros:
                edges[d - 1] = 0
            else:
                edges[d - 1] = values[low - 1 - n_zeros]


@njit(cache=True, nogil=True)
def quantile_edges(ordered, n_bins):
    """Quantile edges of sorted rows."""
    edges = np.empty((len(ordered), n_bins - 1), ordered.dtype)
    for j in range(len(ordered)):
        atom_edges(ordered[j], ordered.shape[1], n_bins, edges[j])
    return edges


@njit(cache=True, nogil=True)
def _encode_by_edges(row, edges, codes):
    """Number of edges below each value."""
    if len(edges) > _FEW_EDGES:
        for i in range(len(row)):
            codes[i] = np.searchsorted(edges, row[i])
        return
    for start in range(0, len(row), _TILE):
        _compare(row[start : start + _TILE], edges, codes[start : start + _TILE])


@njit(cache=True, nogil=True)
def _compare(row, edges, codes):
    """Add up comparisons, four at a time to spare passes over the codes."""
    # Loops from 0 to the length, nothing else, become vector instructions.
    for i in range(len(row)):
        codes[i] = 0
    n_fours = len(edges) // 4 * 4
    for e in range(0, n_fours, 4):
        a, b, c, d = edges[e], edges[e + 1], edges[e + 2], edges[e + 3]
        for i in range(len(row)):
            value = row[i]
            above = np.int32(value > a) + np.int32(value > b)
            codes[i] += above + np.int32(value > c) + np.int32(value > d)
    for e in range(n_fours, len(edges)):
        a = edges[e]
        for i in range(len(row)):
            codes[i] += np.int32(row[i] > a)


@njit(cache=True, nogil=True)
def _encode_evenly(row, low, width, n_bins, codes):
    """Number of the interval of equal width; what lies outside goes to the ends."""
    top = np.int32(n_bins - 1)
    for i in range(len(row)):
        code = np.int32((np.float64(row[i]) - low) / width)
        codes[i] = max(min(code, top), np.int32(0))


@njit(cache=True, nogil=True)
def _count(codes, y_codes, n_columns, work, table):
    """Count pairs; four interleaved tables break the chains through memory."""
    n, size = len(codes), len(table)
    for cell in range(size):
        table[cell] = 0
    if size > _SMALL_TABLE:
        for i in range(n):
            table[codes[i] * n_columns + y_codes[i]] += 1
        return
    for cell in range(3 * size):
        work[cell] = 0
    second, third = work[:size], work[size : 2 * size]
    fourth = work[2 * size : 3 * size]
    quarter = n // 4
    for i in range(quarter):
        table[codes[i] * n_columns + y_codes[i]] += 1
        j = i + quarter
        second[codes[j] * n_columns + y_codes[j]] += 1
        j += quarter
        third[codes[j] * n_columns + y_codes[j]] += 1
        j += quarter
        fourth[codes[j] * n_columns + y_codes[j]] += 1
    for i in range(4 * quarter, n):
        table[codes[i] * n_columns + y_codes[i]] += 1
    for cell in range(size):
        table[cell] += second[cell] + third[cell] + fourth[cell]


@njit(cache=True, nogil=True)
def codes_by_edges(block, edges, starts):
    """Codes of each row by its own edges."""
    codes = np.empty(block.shape, np.int32)
    for j in range(len(block)):
        _encode_by_edges(block[j], edges[starts[j] : starts[j + 1]], codes[j])
    return codes


@njit(cache=True, nogil=True)
def tables_by_edges(block, edges, starts, y_codes, n_columns, tables):
    """Count the pairs of each row, coded by its edges, and y."""
    codes = np.empty(block.shape[1], np.int32)
    work = np.empty(3 * _SMALL_TABLE, np.int32)
    at = 0
    for j in range(len(block)):
        own = edges[starts[j] : starts[j + 1]]
        size = (len(own) + 1) * n_columns
        _encode_by_edges(block[j], own, codes)
        _count(codes, y_codes, n_columns, work, tables[at : at + size])
        at += size


@njit(cache=True, nogil=True)
def tables_evenly(block, low, width, n_bins, y_codes, n_columns, tables):
    """Count the pairs of each row, cut into intervals of equal width, and y."""
    codes = np.empty(block.shape[1], np.int32)
    work = np.empty(3 * _SMALL_TABLE, np.int32)
    at = 0
    for j in range(len(block)):
        size = n_bins[j] * n_columns
        if width[j] > 0:
            _encode_evenly(block[j], low[j], width[j], n_bins[j], codes)
        else:
            codes[:] = 0
        _count(codes, y_codes, n_columns, work, tables[at : at + size])
        at += size


@njit(cache=True, nogil=True)
def sparse_tables(codes, rows, bounds, zeros, n_bins, y_codes, y_counts, tables):
    """Count the pairs of each sparse column, whose other values are zeros, and y."""
    n_columns, at = len(y_counts), 0
    for j in range(len(bounds) - 1):
        size = n_bins[j] * n_columns
        table = tables[at : at + size]
        table[:] = 0
        zero = zeros[j] * n_columns
        for c in range(n_columns):
            table[zero + c] = y_counts[c]
        for i in range(bounds[j], bounds[j + 1]):
            c = y_codes[rows[i]]
            table[zero + c] -= 1
            table[codes[i] * n_columns + c] += 1
        at += size


@njit(cache=True, nogil=True)
def penalised_bins(block, low, high, most, xlogx):
    """Birge and Rozenholc's number of intervals of each row."""
    n = block.shape[1]
    counts = np.empty(most.max() + 1, np.int64)
    chosen = np.ones(len(block), np.int64)
    for j in range(len(block)):
        row, best = block[j], -np.inf
        for n_bins in range(2, most[j] + 1):
            width = (high[j] - low[j]) / n_bins
            counts[:n_bins] = 0
            for i in range(n):
                code = int((np.float64(row[i]) - low[j]) / width)
                counts[min(code, n_bins - 1)] += 1
            gain = n * math.log(n_bins) - (n_bins - 1 + math.log(n_bins) ** 2.5)
            for d in range(n_bins):
                gain += xlogx[counts[d]]
            if gain > best:
                best, chosen[j] = gain, n_bins
    return chosen
