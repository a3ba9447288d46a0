"""Compiled loops that decide the edges of a graph and store them as bits."""

import math

import numpy as np
from numba import njit

_HALF = np.uint64(0x00000000FFFFFFFF)
# Powers of two beyond which a scale, or its product with a number, is not finite.
_LARGEST_EXPONENT = 1000


@njit(cache=True, nogil=True)
def standardise(series, scale, mean, residual, squares, constant, unit):
    """Fill the statistics of each row of ``series``, and its unit vector.

    The sums run in the order of time and no compiler flag lets them run in another:
    they are the same whatever the machine's vectors are.
    """
    n_nodes, n_times = series.shape
    for i in range(n_nodes):
        low = high = np.float64(series[i, 0])
        for t in range(n_times):
            low = min(low, np.float64(series[i, t]))
            high = max(high, np.float64(series[i, t]))
        constant[i] = low == high
        size = max(abs(low), abs(high))
        # By a power of two, so exactly: squares neither overflow nor vanish.
        exponent = math.frexp(size)[1] if size > 0.0 else 0
        exponent = min(max(exponent, -_LARGEST_EXPONENT), _LARGEST_EXPONENT)
        factor = math.ldexp(1.0, -exponent)
        total = 0.0
        for t in range(n_times):
            total += np.float64(series[i, t]) * factor
        centre = total / n_times
        total = 0.0
        for t in range(n_times):
            total += np.float64(series[i, t]) * factor - centre
        # What rounding left in the mean of values far from zero.
        rest = total / n_times
        total = 0.0
        for t in range(n_times):
            deviation = (np.float64(series[i, t]) * factor - centre) - rest
            total += deviation * deviation
        scale[i], mean[i], residual[i], squares[i] = factor, centre, rest, total
        inverse = 0.0 if constant[i] else 1.0 / math.sqrt(total)
        for t in range(n_times):
            deviation = (np.float64(series[i, t]) * factor - centre) - rest
            unit[i, t] = np.float32(deviation * inverse)


@njit(cache=True, nogil=True)
def correlate_pairs(series, scale, mean, residual, squares, rows, columns, out):
    """Fill ``out`` with the float64 correlations of pairs of rows of ``series``."""
    n_times = series.shape[1]
    for n in range(len(rows)):
        i, j = rows[n], columns[n]
        total = 0.0
        for t in range(n_times):
            x = (np.float64(series[i, t]) * scale[i] - mean[i]) - residual[i]
            y = (np.float64(series[j, t]) * scale[j] - mean[j]) - residual[j]
            total += x * y
        out[n] = total / math.sqrt(squares[i] * squares[j])


@njit(cache=True, nogil=True)
def add_to_histogram(panel, first, left, constant, histogram):
    """Count the scores of the pairs i < j of varying nodes in a panel, from -1 to 1."""
    n_bins = len(histogram)
    half = panel.dtype.type(n_bins // 2)
    one = panel.dtype.type(1)
    for a in range(panel.shape[0]):
        if constant[first + a]:
            continue
        for b in range(max(0, first + a + 1 - left), panel.shape[1]):
            if not constant[left + b]:
                position = int((panel[a, b] + one) * half)
                histogram[min(max(position, 0), n_bins - 1)] += 1


@njit(cache=True, nogil=True)
def set_bits(bits, rows, columns):
    """Set one bit for each pair."""
    for n in range(len(rows)):
        bits[rows[n], columns[n] >> 6] |= np.uint64(1) << np.uint64(columns[n] & 63)


@njit(cache=True, nogil=True)
def mirror(bits):
    """Make a strict upper triangle of bits symmetric, by blocks of 64 by 64.

    Eight block rows at a time: the words that they write lie in the same cache lines.
    """
    n_blocks = bits.shape[0] // 64
    block = np.empty(64, np.uint64)
    for group in range(0, n_blocks, 8):
        for column in range(group, n_blocks):
            for row in range(group, min(group + 8, column + 1)):
                any_bit = np.uint64(0)
                for r in range(64):
                    block[r] = bits[64 * row + r, column]
                    any_bit |= block[r]
                if any_bit == 0:
                    continue
                _transpose(block)
                for r in range(64):
                    bits[64 * column + r, row] |= block[r]


@njit(cache=True, nogil=True)
def _transpose(block):
    """Transpose 64 by 64 bits in place, by exchanging ever smaller quarters."""
    width, mask = 32, _HALF
    while width:
        shift = np.uint64(width)
        k = 0
        while k < 64:
            swap = ((block[k] >> shift) ^ block[k + width]) & mask
            block[k + width] ^= swap
            block[k] ^= swap << shift
            k = ((k | width) + 1) & ~width
        width >>= 1
        if width:
            mask ^= mask << np.uint64(width)
