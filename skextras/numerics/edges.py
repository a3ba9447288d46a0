"""Exact edges of thresholded correlation graphs, stored as bits."""

import math
from dataclasses import dataclass

import numpy as np

# Rows and columns of the scores that are computed at a time: they stay in cache while
# they are compared and packed.
PANEL = (256, 2048)

# Bins of the scores' histogram, from -1 to 1.
_N_BINS = 1 << 16

# Peak bytes of each pair that density_bits sorts: nodes, score, order, and copies.
BYTES_PER_CANDIDATE = 40


class SeriesScores:
    r"""Correlations of the columns of a series, fast with a bound or exactly.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        The series, one column for each node; finite, ``n_times >= 2``. float32 is
        read as the float64 of the same value. It is not written.

    sign : {"positive", "negative", "absolute"}, default="positive"
        Whether the score of a pair is its correlation r, -r or abs(r).

    Attributes
    ----------
    n_nodes : int
        Number of columns.

    constant : ndarray of shape (n_nodes,), dtype bool
        Columns whose largest value is their smallest. They have no score.

    band : float
        Bound of the difference between a score of :meth:`panel` and the exact one.

    tie : float
        Difference below which two float64 scores count as equal.

    dtype : dtype
        Type of the scores of :meth:`panel`.

    Notes
    -----
    Columns are centred in float64 and then rounded to float32 vectors of unit length.
    A float32 inner product of T terms, in any order, is within :math:`T u` of the
    exact product of unit vectors, :math:`u = 2^{-24}` [1]_; rounding the vectors
    adds :math:`2 u`, and as much again is left for terms of higher order.

    References
    ----------
    .. [1] C.-P. Jeannerod and S. M. Rump, "Improved error bounds for inner products in
       floating-point arithmetic", SIAM Journal on Matrix Analysis and Applications 34,
       338-344, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.edges import SeriesScores
    >>> X = np.array([[0.0, 0, 1, 5], [1, 0, 0, 5], [2, 1, 0, 5]])
    >>> scores = SeriesScores(X)
    >>> scores.of_pairs(np.array([0, 0]), np.array([1, 2])).round(3)
    array([ 0.866, -0.866])
    >>> scores.constant
    array([False, False, False,  True])
    """

    dtype = np.dtype(np.float32)

    def __init__(self, X, sign="positive"):
        from skextras.numerics._edge_kernels import standardise

        single = X.dtype.kind == "f" and X.dtype.itemsize == 4
        dtype = np.float32 if single else np.float64
        # C-ordered: one order of the sums and one compiled loop for all layouts.
        self._series = np.ascontiguousarray(X.T, dtype=dtype)
        self.n_nodes, n_times = self._series.shape
        self._statistics = tuple(np.empty(self.n_nodes) for _ in range(4))
        self.constant = np.empty(self.n_nodes, dtype=bool)
        self._unit = np.empty(self._series.shape, dtype=np.float32)
        standardise(self._series, *self._statistics, self.constant, self._unit)
        self._sign = sign
        self.band = (n_times + 4) * 2.0**-24
        self.tie = 4 * (n_times + 4) * 2.0**-53

    def panel(self, rows, columns, out):
        """Fill ``out`` with the float32 scores of a block of pairs.

        Parameters
        ----------
        rows, columns : slice
            The nodes.

        out : ndarray of shape (n_rows, n_columns), dtype float32
            C-contiguous; receives the scores, those of constant columns being zero.
        """
        np.dot(self._unit[rows], self._unit[columns].T, out=out)
        _apply_sign(out, self._sign)

    def of_pairs(self, rows, columns):
        """Compute float64 scores, summed in the order of time.

        Parameters
        ----------
        rows, columns : ndarray of shape (n_pairs,)
            The nodes of each pair, none of them constant.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            The scores: the same, bit for bit, whatever else is computed.
        """
        from skextras.numerics._edge_kernels import correlate_pairs

        out = np.empty(len(rows))
        correlate_pairs(self._series, *self._statistics, rows, columns, out)
        _apply_sign(out, self._sign)
        return out


class MatrixScores:
    """Given correlations, of which the entries above the diagonal count.

    Parameters
    ----------
    R : ndarray of shape (n_nodes, n_nodes)
        The correlations, read as float64. It is not written.

    sign : {"positive", "negative", "absolute"}, default="positive"
        Whether the score of a pair is its correlation r, -r or abs(r).

    Attributes
    ----------
    n_nodes, constant, band, tie, dtype : object
        As of :class:`SeriesScores`; there is no constant node, and nothing to bound.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.edges import MatrixScores
    >>> scores = MatrixScores(np.array([[1.0, -0.5], [-0.5, 1.0]]), "absolute")
    >>> scores.of_pairs(np.array([0]), np.array([1]))
    array([0.5])
    """

    dtype = np.dtype(np.float64)
    band = tie = 0.0

    def __init__(self, R, sign="positive"):
        self._R, self._sign, self.n_nodes = R, sign, len(R)
        self.constant = np.zeros(len(R), dtype=bool)

    def panel(self, rows, columns, out):
        """Fill ``out`` with the scores of a block of pairs.

        Parameters
        ----------
        rows, columns : slice
            The nodes.

        out : ndarray of shape (n_rows, n_columns), dtype float64
            Receives the scores.
        """
        out[...] = self._R[rows, columns]
        _apply_sign(out, self._sign)

    def of_pairs(self, rows, columns):
        """Look up scores.

        Parameters
        ----------
        rows, columns : ndarray of shape (n_pairs,)
            The nodes of each pair.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            The scores.
        """
        out = self._R[rows, columns].astype(np.float64)
        _apply_sign(out, self._sign)
        return out


def _apply_sign(r, sign):
    """Turn correlations into scores, in place."""
    if sign == "negative":
        np.negative(r, out=r)
    elif sign == "absolute":
        np.abs(r, out=r)


def empty_graphs(n_graphs, n_nodes):
    """Allocate graphs without edges.

    Parameters
    ----------
    n_graphs : int
        Number of graphs.

    n_nodes : int
        Number of nodes of each.

    Returns
    -------
    bits : ndarray of shape (n_graphs, n_rows, n_words), dtype uint64
        Zeros. Bit ``j % 64`` of word ``j // 64`` of row i stands for the edge of i and
        j. Rows are padded to a multiple of 64, words to one of 8.

    Examples
    --------
    >>> from skextras.numerics.edges import empty_graphs
    >>> empty_graphs(2, 1000).shape
    (2, 1024, 16)
    """
    n_rows, n_words = -(-n_nodes // 64) * 64, -(-n_nodes // 512) * 8
    return np.zeros((n_graphs, n_rows, n_words), dtype=np.uint64)


def graph_bytes(n_nodes):
    """Compute the memory of one graph.

    Parameters
    ----------
    n_nodes : int
        Number of nodes.

    Returns
    -------
    n_bytes : int
        An eighth of the square of `n_nodes`, and the padding.

    Examples
    --------
    >>> from skextras.numerics.edges import empty_graphs, graph_bytes
    >>> graph_bytes(1000), empty_graphs(1, 1000).nbytes
    (131072, 131072)
    """
    return 64 * -(-n_nodes // 64) * 64 * -(-n_nodes // 512)


def unpack_graph(bits, n_nodes):
    """Turn a graph stored as bits into its adjacency matrix.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words), dtype uint64
        The graph.

    n_nodes : int
        Number of nodes.

    Returns
    -------
    A : ndarray of shape (n_nodes, n_nodes), dtype bool
        The adjacency matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.edges import MatrixScores, threshold_bits, unpack_graph
    >>> A = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> unpack_graph(threshold_bits(MatrixScores(A), [0.5])[0], 3).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    octets = bits[:n_nodes].view(np.uint8)
    unpacked = np.unpackbits(octets, axis=1, count=n_nodes, bitorder="little")
    return unpacked.astype(bool)


def threshold_bits(scores, thresholds, *, panel=PANEL, n_parts=1, map_function=map):
    """Build the graphs of the pairs whose score exceeds thresholds.

    Parameters
    ----------
    scores : SeriesScores or MatrixScores
        The scores.

    thresholds : sequence of float
        One for each graph. A score within `scores.tie` of it makes no edge.

    panel : tuple of two int, default=PANEL
        Rows and columns of the scores that are computed at a time. The result does not
        depend on it.

    n_parts : int, default=1
        Number of parts into which the rows are split.

    map_function : callable, default=map
        Called with a function and the parts; it may use threads.

    Returns
    -------
    bits : ndarray of shape (n_thresholds, n_rows, n_words), dtype uint64
        The graphs, as :func:`empty_graphs` lays them out: symmetric, without loops.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.edges import SeriesScores, threshold_bits, unpack_graph
    >>> X = np.array([[0.0, 0, 1], [1, 0, 0], [2, 1, 0]])
    >>> bits = threshold_bits(SeriesScores(X), [0.5, 0.9])
    >>> unpack_graph(bits[0], 3).astype(int)
    array([[0, 1, 0],
           [1, 0, 0],
           [0, 0, 0]])
    >>> unpack_graph(bits[1], 3).any()
    np.False_
    """
    from skextras.numerics._edge_kernels import mirror

    bits = empty_graphs(len(thresholds), scores.n_nodes)
    cuts = [threshold + scores.tie for threshold in thresholds]
    limits = [_outwards(cut, cut, scores.band, scores.dtype) for cut in cuts]

    def fill(part):
        for tile in _tiles(scores, panel, part, n_parts):
            for graph, cut, (lower, upper) in zip(bits, cuts, limits, strict=True):
                rows, columns = tile.compare(lower, upper)
                if len(rows):
                    edge = scores.of_pairs(rows, columns) > cut
                    tile.edges[rows[edge] - tile.first, columns[edge] - tile.left] = 1
                tile.pack(graph)

    list(map_function(fill, range(n_parts)))
    for graph in bits:
        mirror(graph)
    return bits


@dataclass(frozen=True)
class DensityCut:
    """Where the scores of a given number of largest ones end.

    Parameters
    ----------
    n_edges : int
        The number.

    lower, upper : float
        Scores of :meth:`SeriesScores.panel` below `lower` are not among them, scores
        above `upper` are.

    n_between : int
        Upper bound of the number of pairs between the two, which must be sorted.
    """

    n_edges: int
    lower: float
    upper: float
    n_between: int


def density_cuts(scores, numbers, *, panel=PANEL, n_parts=1, map_function=map):
    """Find between which scores the cuts of given numbers of edges lie.

    Parameters
    ----------
    scores : SeriesScores or MatrixScores
        The scores.

    numbers : sequence of int
        Numbers of edges, none larger than the number of pairs of varying nodes.

    panel, n_parts, map_function : object
        As in :func:`threshold_bits`.

    Returns
    -------
    cuts : list of DensityCut
        One for each number, for :func:`density_bits`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.edges import SeriesScores, density_cuts
    >>> X = np.random.default_rng(0).standard_normal((50, 100))
    >>> (cut,) = density_cuts(SeriesScores(X), [495])
    >>> cut.n_between < 10, bool(cut.upper - cut.lower < 1e-4)
    (True, True)
    """
    from skextras.numerics._edge_kernels import add_to_histogram

    def count(part):
        histogram = np.zeros(_N_BINS, dtype=np.int64)
        for tile in _tiles(scores, panel, part, n_parts):
            add_to_histogram(
                tile.scores, tile.first, tile.left, scores.constant, histogram
            )
        return histogram

    histogram = sum(map_function(count, range(n_parts)))
    return [_cut(histogram, int(number), scores) for number in numbers]


def _cut(histogram, n_edges, scores):
    """Limits, in scores, of the bin that holds the score of the last edge."""
    if n_edges == 0:
        return DensityCut(0, np.inf, np.inf, 0)
    n_above = np.cumsum(histogram[::-1])
    k = _N_BINS - 1 - int(np.searchsorted(n_above, n_edges))
    width = 2 / _N_BINS
    # Twice the bound: once as the bin was chosen by inexact scores, once as the pairs
    # are. A hundredth of a bin more than covers how the bin's number was rounded.
    slack = 2 * scores.band + width / 100
    lower, upper = _outwards(k * width - 1, (k + 1) * width - 1, slack, scores.dtype)
    # The first and the last bin hold what lies beyond them.
    lower, upper = lower if k > 0 else -np.inf, upper if k < _N_BINS - 1 else np.inf
    reach = math.ceil(slack / width) + 1
    n_between = int(histogram[max(k - reach, 0) : k + reach + 1].sum())
    return DensityCut(n_edges, lower, upper, n_between)


def density_bits(scores, cuts, *, panel=PANEL, n_parts=1, map_function=map):
    """Build the graphs of given numbers of largest scores.

    Parameters
    ----------
    scores : SeriesScores or MatrixScores
        The scores.

    cuts : sequence of DensityCut
        From :func:`density_cuts` of the same scores, one for each graph.

    panel, n_parts, map_function : object
        As in :func:`threshold_bits`.

    Returns
    -------
    bits : ndarray of shape (n_cuts, n_rows, n_words), dtype uint64
        The graphs, each with exactly the number of edges asked for: the pairs of
        varying nodes with the largest float64 scores; of equal scores the pairs that
        come first, row by row, above the diagonal.

    last_scores : ndarray of shape (n_cuts,)
        The smallest score of an edge; infinity where there is no edge.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import degree
    >>> from skextras.numerics.edges import SeriesScores, density_bits, density_cuts
    >>> X = np.random.default_rng(0).standard_normal((50, 100))
    >>> scores = SeriesScores(X)
    >>> bits, last_scores = density_bits(scores, density_cuts(scores, [495]))
    >>> degree(bits[0], 100).sum() // 2, last_scores.round(2)
    (np.int64(495), array([0.18]))
    """
    from skextras.numerics._edge_kernels import mirror

    bits = empty_graphs(len(cuts), scores.n_nodes)

    def fill(part):
        n_sure = np.zeros(len(cuts), dtype=np.int64)
        between = [([], []) for _ in cuts]
        for tile in _tiles(scores, panel, part, n_parts):
            for k, cut in enumerate(cuts):
                rows, columns = tile.compare(cut.lower, cut.upper)
                between[k][0].append(rows.astype(np.int32))
                between[k][1].append(columns.astype(np.int32))
                n_sure[k] += tile.pack(bits[k])
        return n_sure, between

    filled = list(map_function(fill, range(n_parts)))
    last_scores = np.full(len(cuts), np.inf)
    for k, cut in enumerate(cuts):
        if cut.n_edges > 0:
            n_missing = cut.n_edges - sum(int(n_sure[k]) for n_sure, _ in filled)
            pieces = [between[k] for _, between in filled]
            last_scores[k] = _fill_up(scores, bits[k], n_missing, pieces)
        mirror(bits[k])
    return bits, last_scores


def _fill_up(scores, graph, n_missing, pieces):
    """Add the edges of the largest scores among the pairs that were left open."""
    from skextras.numerics._edge_kernels import set_bits

    rows = np.concatenate([array for piece in pieces for array in piece[0]])
    columns = np.concatenate([array for piece in pieces for array in piece[1]])
    values = scores.of_pairs(rows, columns)
    chosen = np.lexsort((columns, rows, -values))[:n_missing]
    set_bits(graph, rows[chosen], columns[chosen])
    return values[chosen[-1]]


def _outwards(lower, upper, slack, dtype):
    """Widen an interval by ``slack``, and by what rounding its ends to dtype takes."""
    if slack == 0:
        return dtype.type(lower), dtype.type(upper)
    return (
        np.nextafter(dtype.type(lower - slack), dtype.type(-np.inf)),
        np.nextafter(dtype.type(upper + slack), dtype.type(np.inf)),
    )


def _tiles(scores, panel, part, n_parts):
    """Compute the scores of the upper triangle, tile by tile, of every n-th row of it.

    The arrays of a tile are overwritten by the next one.
    """
    n_nodes, height = scores.n_nodes, panel[0]
    width = -(-panel[1] // 64) * 64
    size = min(height, n_nodes) * min(width, n_nodes)
    buffers = np.empty(size, scores.dtype), np.empty(size, bool), np.empty(size, bool)
    for first in range(height * part, n_nodes, height * n_parts):
        last = min(first + height, n_nodes)
        # From a whole word on, whatever the height is.
        for left in range(first // 64 * 64, n_nodes, width):
            right = min(left + width, n_nodes)
            shape = last - first, right - left
            arrays = [b[: shape[0] * shape[1]].reshape(shape) for b in buffers]
            scores.panel(slice(first, last), slice(left, right), arrays[0])
            yield _Tile(first, left, scores.constant, *arrays)


class _Tile:
    """Scores of a block of pairs, and the edges among them."""

    def __init__(self, first, left, constant, scores, edges, possible):
        self.first, self.left = first, left
        self.scores, self.edges, self._possible = scores, edges, possible
        height, width = scores.shape
        self._constant_rows = np.flatnonzero(constant[first : first + height])
        self._constant_columns = np.flatnonzero(constant[left : left + width])
        # The square that the diagonal crosses, without the pairs below it.
        self._n_crossed = max(0, min(first + height - left, width))
        nodes = np.arange(left, left + self._n_crossed, dtype=np.int32)
        own = np.arange(first, first + height, dtype=np.int32)
        self._above = nodes > own[:, None]

    def compare(self, lower, upper):
        """Set the edges whose score exceeds ``upper``; list those in between."""
        np.greater(self.scores, upper, out=self.edges)
        self._clear(self.edges)
        if lower == upper and np.isfinite(lower):
            return _NO_PAIRS
        np.greater(self.scores, lower, out=self._possible)
        # Pairs that do not count may differ; they are cleared only if there is need.
        n_edges = np.count_nonzero(self.edges)
        if np.count_nonzero(self._possible) == n_edges:
            return _NO_PAIRS
        self._clear(self._possible)
        np.not_equal(self._possible, self.edges, out=self._possible)
        flat = np.flatnonzero(self._possible)
        rows, columns = np.divmod(flat, self.scores.shape[1])
        return rows + self.first, columns + self.left

    def _clear(self, pairs):
        """Drop pairs that do not lie above the diagonal or have a constant node."""
        pairs[:, : self._n_crossed] &= self._above
        if len(self._constant_rows):
            pairs[self._constant_rows] = False
        if len(self._constant_columns):
            pairs[:, self._constant_columns] = False

    def pack(self, graph):
        """Store the edges in the upper triangle of a graph; return their number."""
        height = len(self.edges)
        octets = np.packbits(self.edges, axis=1, bitorder="little")
        rows, start = slice(self.first, self.first + height), self.left // 8
        graph.view(np.uint8)[rows, start : start + octets.shape[1]] = octets
        return np.count_nonzero(self.edges)


_NO_PAIRS = np.empty(0, np.intp), np.empty(0, np.intp)
