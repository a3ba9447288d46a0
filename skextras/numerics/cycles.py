"""Numbers of neighbours and of short cycles at each node of graphs stored as bits."""

import math

import numpy as np

from skextras.numerics.edges import empty_graphs

# Bytes of the rows among which neighbours are looked up: they stay in cache.
_TILE_BYTES = 1 << 19

# Share of edges above which looking at all pairs is faster than at those with an edge.
_DENSE = 0.45


def degree(bits, n_nodes):
    """Count the neighbours of each node.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words), dtype uint64
        The graph, as :func:`skextras.numerics.edges.empty_graphs` lays it out.

    n_nodes : int
        Number of nodes.

    Returns
    -------
    k : ndarray of shape (n_nodes,), dtype int64
        Numbers of neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import degree
    >>> from skextras.numerics.edges import MatrixScores, threshold_bits
    >>> graph = threshold_bits(MatrixScores(np.ones((4, 4))), [0.5])[0]
    >>> degree(graph, 4)
    array([3, 3, 3, 3])
    """
    from skextras.numerics._cycle_kernels import add_degree

    k = np.zeros(n_nodes, dtype=np.int64)
    add_degree(bits, k)
    return k


def cycle3(bits, n_nodes, *, n_edges=None, n_parts=1, map_function=map):
    r"""Count the 3-cycles through each node.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words), dtype uint64
        The graph, as :func:`skextras.numerics.edges.empty_graphs` lays it out.

    n_nodes : int
        Number of nodes.

    n_edges : int, default=None
        Number of edges; counted if None. It decides the way, not the result.

    n_parts : int, default=1
        Number of parts into which the rows are split.

    map_function : callable, default=map
        Called with a function and the parts; it may use threads.

    Returns
    -------
    t : ndarray of shape (n_nodes,), dtype int64
        Numbers of 3-cycles, each counted once at each of its three nodes.

    Notes
    -----
    With the adjacency matrix A, :math:`t_i = \frac{1}{2} \sum_j A_{ij} (A^2)_{ij}`.
    The common neighbours of two nodes are the bits that both of their rows have.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import cycle3
    >>> from skextras.numerics.edges import MatrixScores, threshold_bits
    >>> graph = threshold_bits(MatrixScores(np.ones((4, 4))), [0.5])[0]
    >>> cycle3(graph, 4)
    array([3, 3, 3, 3])
    """
    from skextras.numerics._cycle_kernels import add_cycle3

    if n_edges is None:
        n_edges = degree(bits, n_nodes).sum() // 2
    if n_edges > _DENSE * n_nodes * (n_nodes - 1) / 2:
        options = {"n_parts": n_parts, "map_function": map_function}
        return cycle4(bits, n_nodes, **options)[1]
    # Whole words of a row.
    tile_columns = max(_TILE_BYTES // (8 * bits.shape[1]) // 64, 1) * 64

    def count(part):
        t = np.zeros(n_nodes, dtype=np.int64)
        add_cycle3(bits, tile_columns, part, n_parts, t)
        return t

    return sum(map_function(count, range(n_parts))) // 2


def cycle4(bits, n_nodes, *, n_parts=1, map_function=map):
    r"""Count the 4-cycles and the 3-cycles through each node.

    Parameters
    ----------
    bits, n_nodes, n_parts, map_function : object
        As in :func:`cycle3`.

    Returns
    -------
    q : ndarray of shape (n_nodes,), dtype int64
        Numbers of 4-cycles, each counted once at each of its four nodes. Its chords
        may be edges or not.

    t : ndarray of shape (n_nodes,), dtype int64
        Numbers of 3-cycles.

    Notes
    -----
    With the common neighbours :math:`p = A^2` of two nodes, :math:`q_i = \sum_{j \ne
    i} p_{ij} (p_{ij} - 1) / 2`: node j is the opposite corner.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import cycle4
    >>> from skextras.numerics.edges import MatrixScores, threshold_bits
    >>> square = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    >>> cycle4(threshold_bits(MatrixScores(square), [0.5])[0], 4)
    (array([1, 1, 1, 1]), array([0, 0, 0, 0]))
    """
    from skextras.numerics._cycle_kernels import add_cycle4

    def count(part):
        counts = np.zeros((2, n_nodes), dtype=np.int64)
        add_cycle4(bits, part, n_parts, *counts)
        return counts

    q, t = sum(map_function(count, range(n_parts)))
    return q, t // 2


def clustering(t, k):
    """Compute the clustering coefficient of each node.

    Parameters
    ----------
    t : ndarray of shape (n_nodes,)
        Numbers of 3-cycles.

    k : ndarray of shape (n_nodes,)
        Numbers of neighbours.

    Returns
    -------
    c : ndarray of shape (n_nodes,)
        The share of the pairs of neighbours that are neighbours themselves; 0 for a
        node with fewer than two.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import clustering
    >>> clustering(np.array([1, 0]), np.array([3, 1])).round(3)
    array([0.333, 0.   ])
    """
    pairs = k * (k - 1.0)
    return np.divide(2.0 * t, pairs, out=np.zeros(len(t)), where=k > 1)


def distance_masks(coordinates, edges, *, rows_per_block=256):
    """Mark the pairs of nodes whose distance lies in each bin.

    Parameters
    ----------
    coordinates : ndarray of shape (n_nodes, n_dimensions)
        Positions of the nodes.

    edges : ndarray of shape (n_bins + 1,)
        Increasing edges of the bins, each of which holds its lower one.

    rows_per_block : int, default=256
        Rows of distances that are computed at a time.

    Returns
    -------
    masks : ndarray of shape (n_bins, n_rows, n_words), dtype uint64
        The marks, laid out as graphs.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import distance_masks
    >>> from skextras.numerics.edges import unpack_graph
    >>> masks = distance_masks(np.array([[0.0], [1.0], [3.0]]), np.array([1, 2.5]))
    >>> unpack_graph(masks[0], 3).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    n_nodes = len(coordinates)
    masks = empty_graphs(len(edges) - 1, n_nodes)
    for first in range(0, n_nodes, rows_per_block):
        block = coordinates[first : first + rows_per_block]
        squares = np.zeros((len(block), n_nodes))
        # One dimension after the other: a sum of fixed order, and no large array.
        for x, y in zip(block.T, coordinates.T, strict=True):
            squares += (x[:, None] - y) ** 2
        distance = np.sqrt(squares)
        for mask, lower, upper in zip(masks, edges[:-1], edges[1:], strict=True):
            inside = (distance >= lower) & (distance < upper)
            octets = np.packbits(inside, axis=1, bitorder="little")
            rows = slice(first, first + len(block))
            mask.view(np.uint8)[rows, : octets.shape[1]] = octets
    return masks


def distance_degree(bits, masks, n_nodes):
    """Count the neighbours of each node in bins of distance.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words), dtype uint64
        The graph, as :func:`skextras.numerics.edges.empty_graphs` lays it out.

    masks : ndarray of shape (n_bins, n_rows, n_words), dtype uint64
        From :func:`distance_masks`.

    n_nodes : int
        Number of nodes.

    Returns
    -------
    k : ndarray of shape (n_bins, n_nodes), dtype int64
        Numbers of neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cycles import distance_degree, distance_masks
    >>> from skextras.numerics.edges import MatrixScores, threshold_bits
    >>> graph = threshold_bits(MatrixScores(np.ones((3, 3))), [0.5])[0]
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> distance_degree(graph, distance_masks(x, np.array([0, 2, np.inf])), 3)
    array([[1, 1, 0],
           [1, 1, 2]])
    """
    from skextras.numerics._cycle_kernels import add_masked_degree

    k = np.zeros((len(masks), n_nodes), dtype=np.int64)
    for mask, counts in zip(masks, k, strict=True):
        add_masked_degree(bits, mask, counts)
    return k


def largest_count(name, n_nodes):
    """Compute what each node of a complete graph has.

    Parameters
    ----------
    name : {"degree", "distance_degree", "cycle3", "cycle4"}
        What is counted.

    n_nodes : int
        Number of nodes.

    Returns
    -------
    count : int
        The largest count that a node can have.

    Examples
    --------
    >>> from skextras.numerics.cycles import largest_count
    >>> [largest_count(name, 5) for name in ("degree", "cycle3", "cycle4")]
    [4, 6, 12]
    """
    if name == "cycle3":
        return math.comb(n_nodes - 1, 2)
    if name == "cycle4":
        return 3 * math.comb(n_nodes - 1, 3)
    return n_nodes - 1
