"""Compiled loops over contingency tables."""

import math

import numpy as np
from numba import njit

# Terms of the expectation below this share of the largest are left out.
_NEGLIGIBLE = 1e-19


@njit(cache=True, nogil=True)
def expected_xlogx(n, r, c, xlogx):
    """Mean of k log k, k hypergeometric: drawn c of n of which r count.

    The recurrence starts with weight one at the mode, and the sum of the weights
    divides in the end: no factorial is needed, nor does its rounding enter.
    """
    lowest, highest = max(0, r + c - n), min(r, c)
    mode = min(highest, max(lowest, (r + 1) * (c + 1) // (n + 2)))
    total, mean = 1.0, xlogx[mode]
    weight, k = 1.0, mode
    while k < highest:
        weight *= (r - k) * (c - k) / ((k + 1.0) * (n - r - c + k + 1))
        k += 1
        total += weight
        mean += weight * xlogx[k]
        if weight < _NEGLIGIBLE:
            break
    weight, k = 1.0, mode
    while k > lowest:
        weight *= k * (n - r - c + k) / ((r - k + 1.0) * (c - k + 1))
        k -= 1
        total += weight
        mean += weight * xlogx[k]
        if weight < _NEGLIGIBLE:
            break
    return mean / total


@njit(cache=True, nogil=True)
def expected_row(n, r, columns, repeats, xlogx):
    """Sum of the means of k log k over the cells of a row of margin r."""
    mean = 0.0
    for j in range(len(columns)):
        mean += repeats[j] * expected_xlogx(n, r, columns[j], xlogx)
    return mean


@njit(cache=True, nogil=True)
def score_tables(tables, starts, n_columns, columns, repeats, xlogx, memo):
    """Score, expected information and smallest row margin of each table."""
    n, n_tables = len(xlogx) - 1, len(starts) - 1
    scores, expected = np.zeros(n_tables), np.zeros(n_tables)
    smallest = np.empty(n_tables, np.int64)
    fixed = 0.0
    for j in range(len(columns)):
        fixed += repeats[j] * xlogx[columns[j]]
    for t in range(n_tables):
        observed, chance, rows, n_rows, least = 0.0, 0.0, 0.0, 0, n
        for start in range(starts[t], starts[t + 1], n_columns):
            r = 0
            for cell in range(start, start + n_columns):
                count = tables[cell]
                r += count
                observed += xlogx[count]
            if r == 0:
                continue
            n_rows += 1
            least = min(least, r)
            rows += xlogx[r]
            # Threads that meet the same empty place write the same number.
            if math.isnan(memo[r]):
                memo[r] = expected_row(n, r, columns, repeats, xlogx)
            chance += memo[r]
        smallest[t] = least
        if n_rows > 1:
            scores[t] = (observed - chance) / n
            expected[t] = (chance - rows - fixed + xlogx[n]) / n
    return scores, expected, smallest
