"""First minimum of a series' self mutual information."""

import math
from bisect import bisect_left, bisect_right

import numpy as np

from skextras.numerics.rounding_ties import merge_rounding_ties, rounding_tolerance

# Fewest samples from which bins are made, after the longest delay is taken off.
_MIN_BASE = 10
# 90 % quantiles of chi-square with 1 and 3 degrees of freedom, as published.
_CRITICAL_TWO_PARTS = 2.706
_CRITICAL_FOUR_PARTS = 6.251


class SeriesTooShortError(ValueError):
    """A series has too few samples for a delay rule.

    Parameters
    ----------
    n_times : int
        Samples the series has.

    n_times_needed : int
        Samples that are enough.
    """

    def __init__(self, n_times, n_times_needed):
        super().__init__(n_times, n_times_needed)
        self.n_times = n_times
        self.n_times_needed = n_times_needed

    def __str__(self):
        return f"n_times={self.n_times}, at least {self.n_times_needed} needed"


def self_mutual_information(series, max_delay):
    """Mutual information of a series with itself at delays 1 to `max_delay`.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series, at least `max_delay` + 10 samples.

    max_delay : int
        Longest delay.

    Returns
    -------
    information : ndarray of shape (max_delay,)
        In bits; entry ``k`` belongs to delay ``k + 1``.

    Raises
    ------
    SeriesTooShortError
        If `series` has fewer than `max_delay` + 10 samples.

    Notes
    -----
    With N the samples less `max_delay`, the first N samples make the bins: their sorted
    values are halved until a chi-square test (10 %; two parts below 20 values, four
    above) finds a block uniform, or it has fewer than 10 values. The information is the
    sum over pairs of bins of g / N log2(g N / (b b')), where g counts the pairs of
    samples and b, b' are the counts of the first N samples in each bin.

    Equal values always share a bin, so that quantised series are legal.

    References
    ----------
    .. [1] A. M. Fraser, H. L. Swinney, "Independent coordinates for strange attractors
       from mutual information", Physical Review A 33 (1986).

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.mutual_information_delay import self_mutual_information
    >>> walk = np.random.default_rng(0).standard_normal(1000).cumsum()
    >>> self_mutual_information(walk, 3).round(2)
    array([2.46, 2.24, 2.11])
    """
    information = _information_by_delay(series, max_delay)
    return np.array([information(delay) for delay in range(1, max_delay + 1)])


def first_minimum_delay(series, max_delay):
    """Delay of the first minimum of :func:`self_mutual_information`.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series, at least `max_delay` + 10 samples.

    max_delay : int
        Longest delay.

    Returns
    -------
    delay : int
        First delay whose successor's information is not smaller; `max_delay` if the
        information falls all the way to the delay before it.

    Raises
    ------
    SeriesTooShortError
        If `series` has fewer than `max_delay` + 10 samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.mutual_information_delay import first_minimum_delay
    >>> rng = np.random.default_rng(0)
    >>> walk = np.convolve(rng.standard_normal(1000), np.ones(8))
    >>> first_minimum_delay(walk, 30)
    7
    """
    information = _information_by_delay(series, max_delay)
    current = information(1)
    for delay in range(1, max_delay - 1):
        following = information(delay + 1)
        if not following < current:
            return delay
        current = following
    # The last pair is not compared: so does the published code.
    return max_delay


def _information_by_delay(series, max_delay):
    """Make the bins once; return the function delay -> information."""
    n_times = len(series)
    n_base = n_times - max_delay
    if n_base < _MIN_BASE:
        raise SeriesTooShortError(n_times, max_delay + _MIN_BASE)
    series = merge_rounding_ties(series)
    values = np.sort(series[:n_base])
    edges = np.array(_upper_edges(values.tolist(), rounding_tolerance(values)))
    n_bins = len(edges)
    # Values above the largest base value belong to the last bin.
    bins = np.searchsorted(edges[:-1], series)
    counts = np.bincount(bins[:n_base], minlength=n_bins)
    products = np.multiply.outer(counts, counts).ravel()
    rows = bins[:n_base] * n_bins

    def information(delay):
        pairs = np.bincount(rows + bins[delay : delay + n_base], minlength=n_bins**2)
        filled = np.flatnonzero(pairs)
        pairs = pairs[filled]
        terms = pairs * np.log2(pairs * n_base / products[filled])
        # An exact sum: tables that are permutations of each other tie exactly.
        return math.fsum(terms.tolist()) / n_base

    return information


def _upper_edges(values, tolerance):
    """Largest value of each bin of the sorted list `values`."""
    edges = []
    blocks = [(0, len(values))]
    while blocks:
        start, stop = blocks.pop()
        if _is_uniform(values, start, stop, tolerance):
            edges.append(values[stop - 1])
            continue
        middle = start + (stop - start) // 2
        split = bisect_left(values, values[middle], start, stop)
        if split == start:
            split = bisect_right(values, values[middle], start, stop)
        blocks += [(split, stop), (start, split)]
    return edges


def _is_uniform(values, start, stop, tolerance):
    """Whether the block of the sorted list `values` looks uniform over its range."""
    n_values = stop - start
    low, high = values[start], values[stop - 1]
    if n_values < _MIN_BASE or low == high:
        return True
    n_parts, critical = 4, _CRITICAL_FOUR_PARTS
    if n_values < 2 * _MIN_BASE:
        n_parts, critical = 2, _CRITICAL_TWO_PARTS
    width = (high - low) / n_parts
    expected = round(n_values / n_parts)
    statistic, position = 0.0, start
    for part in range(1, n_parts + 1):
        # Quantised values fall on the edges: the tolerance keeps them on one side in
        # every unit, and the maximum inside the last part.
        edge = low + part * width + tolerance
        following = bisect_right(values, edge, position, stop)
        statistic += (following - position - expected) ** 2 / expected
        position = following
    return statistic < critical
