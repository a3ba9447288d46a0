"""Nearest neighbours on the trajectory of a delay embedding."""

import numpy as np
from scipy.spatial import cKDTree

# Distances nearer to each other than this, relatively, are tied: on a quantised series
# equal distances come out of rounding a few units in the last place apart.
_RELATIVE_TIE = 1e-9
_FIRST_NEIGHBOURS = 3
_GROWTH = 4
# Neighbours asked for at once: bounds the memory of a query to about 16 MB.
_MAX_QUERY_SIZE = 2**20


def nearest_neighbours(points, *, window=None, p=2.0, rows=None):
    """Nearest admissible neighbour of each point of a trajectory.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_dimensions)
        The trajectory, in order of time.

    window : int, default=None
        Theiler window: neighbours of point ``i`` are the points ``j`` with
        ``|i - j| > window``. None: the points at non-zero distance.

    p : float, default=2.0
        Which Minkowski distance; ``numpy.inf`` for the maximum.

    rows : ndarray of shape (n_rows,), default=None
        Indices of the points whose neighbour is wanted; None for all.

    Returns
    -------
    neighbours : ndarray of shape (n_rows,)
        Index of the neighbour, the smallest one of neighbours that tie up to rounding;
        `n_points` where there is none.

    distances : ndarray of shape (n_rows,)
        Its distance, infinite where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.delay_neighbours import nearest_neighbours
    >>> points = np.array([[0.0], [1.0], [2.5], [0.5]])
    >>> nearest_neighbours(points, window=1)[0].tolist()
    [3, 3, 0, 0]
    """
    n_points = len(points)
    rows = np.arange(n_points) if rows is None else rows
    neighbours = np.empty(len(rows), dtype=np.intp)
    distances = np.empty(len(rows))
    tree = cKDTree(points)
    pending = np.arange(len(rows))
    n_asked = min(n_points, _FIRST_NEIGHBOURS)
    while pending.size:
        unsettled = []
        step = max(1, _MAX_QUERY_SIZE // n_asked)
        for start in range(0, len(pending), step):
            part = pending[start : start + step]
            neighbours[part], distances[part], settled = _query(
                tree, rows[part], n_asked, window, p
            )
            unsettled.append(part[~settled])
        pending = np.concatenate(unsettled)
        n_asked = min(n_points, _GROWTH * n_asked)
    return neighbours, distances


def _query(tree, rows, n_asked, window, p):
    """Neighbours, distances, and whether asking for more could change them."""
    shape = (len(rows), n_asked)
    found, index = tree.query(tree.data[rows], k=n_asked, p=p)
    found, index = found.reshape(shape), index.reshape(shape)
    apart = found if window is None else np.abs(index - rows[:, None])
    admissible = apart > (window or 0)
    distances = np.where(admissible, found, np.inf).min(axis=1)
    limit = distances * (1 + _RELATIVE_TIE)
    tied = admissible & (found <= limit[:, None])
    neighbours = np.where(tied, index, tree.n).min(axis=1)
    settled = (found[:, -1] > limit) | (n_asked == tree.n)
    return neighbours, distances, settled
