"""Compiled loops over sorted columns."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def tie_ranks(block, order):
    """Number of values below plus number not above, and whether there are ties."""
    n_rows, n = block.shape
    ranks = np.empty((n_rows, n), np.int32)
    tied = np.zeros(n_rows, np.bool_)
    ordered = np.empty(n, block.dtype)
    for j in range(n_rows):
        values, places, own = block[j], order[j], ranks[j]
        for r in range(n):
            place = places[r]
            ordered[r] = values[place]
            own[place] = 2 * r + 1
        for r in range(n - 1):
            tied[j] |= ordered[r] == ordered[r + 1]
        if tied[j]:
            _average(ordered, places, own)
    return ranks, tied


@njit(cache=True, nogil=True)
def _average(ordered, places, ranks):
    """Give tied values the same rank."""
    n, low = len(ordered), 0
    while low < n:
        high = low + 1
        while high < n and ordered[high] == ordered[low]:
            high += 1
        for r in range(low, high):
            ranks[places[r]] = low + high
        low = high


@njit(cache=True, nogil=True)
def take(table, ranks):
    """Look the ranks up in a table."""
    found = np.empty(ranks.shape, table.dtype)
    for j in range(len(ranks)):
        row, own = ranks[j], found[j]
        for i in range(len(row)):
            own[i] = table[row[i]]
    return found
