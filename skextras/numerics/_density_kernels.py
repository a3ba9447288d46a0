"""Compiled loops of kernel density estimates on grids."""

import math

import numpy as np
from numba import njit

# Kernels end at so many widths.
_REACH = 4.5
# The bits of the square root of one half, in float64.
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
# What stands for zero: it has a logarithm.
_TINY = 1e-300


# Sums in any order and divisions that may be by zero: else no vector instructions.
@njit(
    cache=True,
    nogil=True,
    fastmath={"reassoc", "contract", "arcp"},
    error_model="numpy",
)
def sum_xlogx(values, bits, scratch, scratch_bits):
    """Sum of v log v over positive values, with an error of about 1e-15 of it.

    `bits` and `scratch_bits` are the integers in the memory of the other two.
    """
    for i in range(len(values)):
        # v = m 2**e with m within sqrt(1/2) and sqrt(2), by the bits alone.
        scratch_bits[i] = bits[i] - (((bits[i] - _ROOT_HALF) >> 52) << 52)
    total = 0.0
    for i in range(len(values)):
        m = scratch[i]
        # log m = 2 artanh t with |t| <= 0.172, by its series.
        t = (m - 1.0) / (m + 1.0)
        s = t * t
        p = s / 15 + 1 / 13
        p = p * s + 1 / 11
        p = p * s + 1 / 9
        p = p * s + 1 / 7
        p = p * s + 1 / 5
        p = p * s + 1 / 3
        p = p * s + 1.0
        power = np.float64((bits[i] - _ROOT_HALF) >> 52)
        total += values[i] * (power * 0.6931471805599453 + 2.0 * t * p)
    return total


@njit(cache=True, nogil=True)
def kernel_weights(width, size):
    """Half of a Gaussian kernel of sum one, its width in steps of the grid."""
    reach = min(size - 1, int(_REACH * width))
    weights = np.ones(reach + 1)
    total = 1.0
    for q in range(1, reach + 1):
        weights[q] = math.exp(-0.5 * (q / width) ** 2)
        total += 2 * weights[q]
    return weights / total


@njit(cache=True, nogil=True)
def joint_histogram(positions, y_cells, y_shares, counts, n_rows, n_columns):
    """Linear binning of pairs into four cells each, row by row in `counts`."""
    for cell in range(n_rows * n_columns):
        counts[cell] = 0.0
    # Unsigned, since signed indices are checked for being negative.
    top, width, one = np.uint64(n_rows - 2), np.uint64(n_columns), np.uint64(1)
    for i in range(len(positions)):
        row = min(np.uint64(positions[i]), top)
        share, y_share = positions[i] - np.float64(row), y_shares[i]
        both = share * y_share
        cell = row * width + y_cells[i]
        counts[cell] += 1.0 - share - y_share + both
        counts[cell + one] += y_share - both
        counts[cell + width] += share - both
        counts[cell + width + one] += both


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def smooth_rows(counts, weights, smoothed):
    """Convolve along the first axis; rows of zeros at the ends are passed over."""
    n_rows, n_columns = counts.shape
    reach = len(weights) - 1
    first, last = 0, n_rows - 1
    while first < last and not counts[first].any():
        first += 1
    while last > first and not counts[last].any():
        last -= 1
    for a in range(n_rows):
        own = smoothed[a]
        for c in range(n_columns):
            own[c] = 0.0
        b, stop = max(first, a - reach), min(last, a + reach) + 1
        # Four rows in one pass over the sums.
        while b + 3 < stop:
            w0, w1 = weights[abs(a - b)], weights[abs(a - b - 1)]
            w2, w3 = weights[abs(a - b - 2)], weights[abs(a - b - 3)]
            r0, r1, r2, r3 = counts[b], counts[b + 1], counts[b + 2], counts[b + 3]
            for c in range(n_columns):
                own[c] += w0 * r0[c] + w1 * r1[c] + w2 * r2[c] + w3 * r3[c]
            b += 4
        while b < stop:
            w0, r0 = weights[abs(a - b)], counts[b]
            for c in range(n_columns):
                own[c] += w0 * r0[c]
            b += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def smooth_columns(table, weights, padded, smoothed):
    """Convolve along the second axis, with work space for a row and both reaches."""
    n_rows, n_columns = table.shape
    reach = len(weights) - 1
    padded[: n_columns + 2 * reach] = 0.0
    for a in range(n_rows):
        own = smoothed[a]
        padded[reach : reach + n_columns] = table[a]
        for c in range(n_columns):
            own[c] = weights[0] * table[a, c]
        q = 1
        while q + 1 <= reach:
            w0, left0, right0 = weights[q], padded[reach - q :], padded[reach + q :]
            w1, left1 = weights[q + 1], padded[reach - q - 1 :]
            right1 = padded[reach + q + 1 :]
            for c in range(n_columns):
                own[c] += w0 * (left0[c] + right0[c]) + w1 * (left1[c] + right1[c])
            q += 2
        if q == reach:
            w0, left0, right0 = weights[q], padded[:], padded[reach + q :]
            for c in range(n_columns):
                own[c] += w0 * (left0[c] + right0[c])


@njit(cache=True, nogil=True)
def margin_term(positions, size, weights):
    """Sum of f log f for the smoothed density f of one variable."""
    counts = np.zeros((size, 1))
    for position in positions:
        cell = min(int(position), size - 2)
        counts[cell, 0] += 1.0 - (position - cell)
        counts[cell + 1, 0] += position - cell
    counts /= len(positions)
    smoothed = np.empty((size, 1))
    smooth_rows(counts, weights, smoothed)
    total = 0.0
    for value in smoothed[:, 0]:
        if value > 0:
            total += value * math.log(value)
    return total


@njit(cache=True, nogil=True)
def product_kernel_scores(positions, sizes, widths, y_positions, y_size, y_width):
    """Mutual information of each row and y, their density by a product kernel."""
    n_rows, n = positions.shape
    y_weights = kernel_weights(y_width, y_size)
    y_term = margin_term(y_positions, y_size, y_weights)
    y_cells, y_shares = np.empty(n, np.uint64), np.empty(n)
    for i in range(n):
        y_cells[i] = min(np.uint64(y_positions[i]), np.uint64(y_size - 2))
        y_shares[i] = y_positions[i] - np.float64(y_cells[i])
    largest = sizes.max() * y_size
    joint, work, padded = np.empty(largest), np.empty(largest), np.empty(3 * y_size)
    bits, work_bits = joint.view(np.int64), work.view(np.int64)
    scores = np.empty(n_rows)
    for j in range(n_rows):
        size = sizes[j]
        total = size * y_size
        density, weights = joint[:total], kernel_weights(widths[j], size)
        joint_histogram(positions[j], y_cells, y_shares, density, size, y_size)
        along_x = work[:total].reshape(size, y_size)
        smooth_rows(density.reshape(size, y_size), weights, along_x)
        smooth_columns(along_x, y_weights, padded, density.reshape(size, y_size))
        for i in range(total):
            density[i] = max(density[i] / n, _TINY)
        scores[j] = sum_xlogx(density, bits[:total], work, work_bits)
        # No mass leaves the grid: the margins are the densities of one variable.
        scores[j] -= margin_term(positions[j], size, weights) + y_term
    return scores


@njit(cache=True, nogil=True)
def class_histograms(positions, codes, n_classes, size):
    """Linear binning of each row by class; one row of positions serves all codes."""
    n_rows, n = max(len(positions), len(codes)), positions.shape[1]
    counts = np.zeros((n_rows, n_classes, size))
    for j in range(n_rows):
        own, labels = positions[j % len(positions)], codes[j % len(codes)]
        for i in range(n):
            cell = min(int(own[i]), size - 2)
            share = own[i] - cell
            counts[j, labels[i], cell] += 1.0 - share
            counts[j, labels[i], cell + 1] += share
    return counts
