"""Compiled loops that count cycles in graphs stored as bits."""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_ROW_TILE = 128


@intrinsic
def _popcount(typing_context, word):
    """Number of set bits of a 64-bit word: one instruction, also on vectors."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(cache=True, nogil=True)
def add_degree(bits, degree):
    """Add the number of set bits of each row."""
    for i in range(len(degree)):
        total = np.uint64(0)
        for word in range(bits.shape[1]):
            total += _popcount(bits[i, word])
        degree[i] += np.int64(total)


@njit(cache=True, nogil=True)
def add_masked_degree(bits, mask, degree):
    """Add the number of bits of each row that are set in ``mask`` too."""
    for i in range(len(degree)):
        total = np.uint64(0)
        for word in range(bits.shape[1]):
            total += _popcount(bits[i, word] & mask[i, word])
        degree[i] += np.int64(total)


@njit(cache=True, nogil=True)
def add_cycle3(bits, tile_columns, part, n_parts, count):
    """Add to both ends of each edge i < j the common neighbours of i and j.

    Rows come in tiles, of which this call takes every ``n_parts``-th, and their later
    neighbours in tiles of ``tile_columns``, which stay in cache meanwhile.
    """
    n_nodes = len(count)
    found = np.empty(tile_columns, np.int64)
    for first in range(_ROW_TILE * part, n_nodes, _ROW_TILE * n_parts):
        last = min(first + _ROW_TILE, n_nodes)
        for left in range(first // tile_columns * tile_columns, n_nodes, tile_columns):
            right = min(left + tile_columns, 64 * bits.shape[1])
            for i in range(first, last):
                n_found = _later_neighbours(bits[i], i, left, right, found)
                count[i] += _add_common(bits, i, found, n_found, count)


@njit(cache=True, nogil=True)
def _later_neighbours(row, i, left, right, found):
    """List the set bits of a row that lie beyond i, in columns left to right."""
    n_found = 0
    for word in range(max(left, i) // 64, right // 64):
        rest, base = row[word], 64 * word
        if base <= i:
            # Twice, as a shift by 64 at once is undefined.
            shift = np.uint64(i - base)
            rest = ((rest >> shift) >> np.uint64(1) << shift) << np.uint64(1)
        while rest != 0:
            lowest = rest & (~rest + np.uint64(1))
            found[n_found] = base + np.int64(_popcount(lowest - np.uint64(1)))
            n_found += 1
            rest ^= lowest
    return n_found


@njit(cache=True, nogil=True)
def _add_common(bits, i, found, n_found, count):
    """Add the common neighbours of i and each node found; return their sum.

    Four nodes at a time, so that a word of row i is read once for all four.
    """
    row, sum_found = bits[i], np.int64(0)
    for n in range(0, n_found - 3, 4):
        a, b, c, d = found[n], found[n + 1], found[n + 2], found[n + 3]
        row_a, row_b, row_c, row_d = bits[a], bits[b], bits[c], bits[d]
        sum_a = sum_b = sum_c = sum_d = np.uint64(0)
        for word in range(bits.shape[1]):
            own = row[word]
            sum_a += _popcount(own & row_a[word])
            sum_b += _popcount(own & row_b[word])
            sum_c += _popcount(own & row_c[word])
            sum_d += _popcount(own & row_d[word])
        count[a] += np.int64(sum_a)
        count[b] += np.int64(sum_b)
        count[c] += np.int64(sum_c)
        count[d] += np.int64(sum_d)
        sum_found += np.int64(sum_a + sum_b + sum_c + sum_d)
    for n in range(n_found - n_found % 4, n_found):
        row_a, sum_a = bits[found[n]], np.uint64(0)
        for word in range(bits.shape[1]):
            sum_a += _popcount(row[word] & row_a[word])
        count[found[n]] += np.int64(sum_a)
        sum_found += np.int64(sum_a)
    return sum_found


@njit(cache=True, nogil=True)
def add_cycle4(bits, part, n_parts, count4, count3):
    """Add over all pairs i < j: pairs of common neighbours; those of edges, too.

    Pairs come in 4 by 4 blocks of tiles. Rows are there in multiples of 64; those
    beyond the last node have no bits and add nothing.
    """
    n_nodes = len(count4)
    common = np.empty((4, 4), np.uint64)
    for first in range(_ROW_TILE * part, n_nodes, _ROW_TILE * n_parts):
        last = min(first + _ROW_TILE, n_nodes)
        for left in range(first, n_nodes, _ROW_TILE):
            for i in range(first, last, 4):
                for j in range(max(left, i), min(left + _ROW_TILE, n_nodes), 4):
                    _common_of_block(bits, i, j, common)
                    _add_block(bits, i, j, common, count4, count3)


@njit(cache=True, nogil=True)
def _add_block(bits, i, j, common, count4, count3):
    """Add the pairs of one 4 by 4 block to both of their nodes."""
    n_nodes = len(count4)
    for a in range(i, min(i + 4, n_nodes)):
        for b in range(max(j, a + 1), min(j + 4, n_nodes)):
            n_common = np.int64(common[a - i, b - j])
            n_pairs = n_common * (n_common - 1) // 2
            count4[a] += n_pairs
            count4[b] += n_pairs
            if (bits[a, b >> 6] >> np.uint64(b & 63)) & np.uint64(1):
                count3[a] += n_common
                count3[b] += n_common


@njit(cache=True, nogil=True)
def _common_of_block(bits, i, j, common):
    """Fill the common neighbours of rows i to i + 3 and j to j + 3.

    Sixteen sums in registers: eight words are read for sixteen products.
    """
    row0, row1, row2, row3 = bits[i], bits[i + 1], bits[i + 2], bits[i + 3]
    col0, col1, col2, col3 = bits[j], bits[j + 1], bits[j + 2], bits[j + 3]
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = np.uint64(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = np.uint64(0)
    for word in range(bits.shape[1]):
        w, x, y, z = col0[word], col1[word], col2[word], col3[word]
        own = row0[word]
        s00 += _popcount(own & w)
        s01 += _popcount(own & x)
        s02 += _popcount(own & y)
        s03 += _popcount(own & z)
        own = row1[word]
        s10 += _popcount(own & w)
        s11 += _popcount(own & x)
        s12 += _popcount(own & y)
        s13 += _popcount(own & z)
        own = row2[word]
        s20 += _popcount(own & w)
        s21 += _popcount(own & x)
        s22 += _popcount(own & y)
        s23 += _popcount(own & z)
        own = row3[word]
        s30 += _popcount(own & w)
        s31 += _popcount(own & x)
        s32 += _popcount(own & y)
        s33 += _popcount(own & z)
    common[0] = s00, s01, s02, s03
    common[1] = s10, s11, s12, s13
    common[2] = s20, s21, s22, s23
    common[3] = s30, s31, s32, s33
