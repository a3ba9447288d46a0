"""Partial least squares from one pass over the rows, in column tiles."""

from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.canonical import top_singular
from skextras.numerics.scatter import empty_scatter, update_scatter


class CrossMoments(NamedTuple):
    """Scatter between two views of the rows seen so far, and their means.

    Parameters
    ----------
    products : ndarray of shape (n_features, n_others)
        Scatter between the views. An update writes into it.

    tiles : list of (slice, Scatter)
        Weight and means for each tile of columns of the first view.

    n_rows : int
        Number of rows of positive weight.

    See Also
    --------
    empty_cross_moments : The state before any row.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.one_pass_pls import (
    ...     empty_cross_moments, update_cross_moments
    ... )
    >>> state = empty_cross_moments(3, 1)
    >>> state = update_cross_moments(state, np.eye(3), np.array([[0.0], [1.0], [2.0]]))
    >>> state.products.T, state.means[1]
    (array([[-1.,  0.,  1.]]), array([1.]))
    """

    products: Any
    tiles: list
    n_rows: int

    @property
    def weight(self):
        """Sum of the weights."""
        return self.tiles[0][1].weight

    @property
    def means(self):
        """Means of the columns of the two views."""
        first = np.concatenate([state.mean for _, state in self.tiles])
        return [first, self.tiles[0][1].other_mean]


def empty_cross_moments(n_features, n_others, *, step=4096):
    """Return the state of no rows.

    Parameters
    ----------
    n_features, n_others : int
        Number of columns of the two views.

    step : int, default=4096
        Number of columns of the first view in a tile.

    Returns
    -------
    state : CrossMoments
        Zeros.

    Examples
    --------
    >>> from skextras.numerics.one_pass_pls import empty_cross_moments
    >>> empty_cross_moments(3, 2).products.shape
    (3, 2)
    """
    tiles = []
    for start in range(0, n_features, step):
        part = slice(start, min(start + step, n_features))
        empty = empty_scatter(part.stop - start, n_others)
        tiles.append((part, empty._replace(scatter=None)))
    return CrossMoments(np.zeros((n_features, n_others)), tiles, 0)


def update_cross_moments(state, x, y, weights=None, *, single=False):
    """Return the state after a chunk of rows.

    Parameters
    ----------
    state : CrossMoments
        The rows before. Its products are written, so that it must not be used again.

    x : array-like of shape (n_rows, n_features)
        The chunk of the first view, which columns are read from in slices.

    y : ndarray of shape (n_rows, n_others)
        That of the second view.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights; None means one each.

    single : bool, default=False
        Whether products may be formed in float32, and summed so within the chunk.

    Returns
    -------
    state : CrossMoments
        All rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.one_pass_pls import (
    ...     empty_cross_moments, update_cross_moments
    ... )
    >>> x, y = np.array([[1.0], [3.0]]), np.array([[2.0], [6.0]])
    >>> update_cross_moments(empty_cross_moments(1, 1), x, y).products
    array([[4.]])
    """
    tiles = []
    for part, tile in state.tiles:
        # The products of all tiles stand in one array: no second copy at the end.
        tile = tile._replace(scatter=state.products[part])
        tile = update_scatter(tile, x[:, part], y, weights=weights, single=single)
        state.products[part] = tile.scatter
        tiles.append((part, tile._replace(scatter=None)))
    seen = x.shape[0] if weights is None else int(np.count_nonzero(weights))
    return CrossMoments(state.products, tiles, state.n_rows + seen)


def solve_cross(covariances, n_components):
    """Return the singular vectors of the covariances between two views.

    Parameters
    ----------
    covariances : ndarray of shape (n_features, n_others)
        Covariances between the views.

    n_components : int
        Number of components, at most the smaller width.

    Returns
    -------
    weights : list of two ndarray, of shapes (n_features, n_components) and \
            (n_others, n_components)
        Orthonormal weights.

    singular_values : ndarray of shape (n_components,)
        Covariances of the variates.

    spectrum : ndarray of shape (min(n_features, n_others),)
        All singular values; those not asked for to about 1e-8 of the largest.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.one_pass_pls import solve_cross
    >>> solve_cross(np.diag([1.0, 2.0]), 1)[1]
    array([2.])
    """
    # Entries of extreme units would square out of the range of float64.
    peak = max(covariances.max(), -covariances.min())
    unit = 2.0 ** np.round(np.log2(peak)) if peak > 0 else 1.0
    scaled = covariances if _is_moderate(peak) else covariances / unit
    unit = 1.0 if scaled is covariances else unit
    left, values, right, spectrum = top_singular(scaled, n_components)
    return [left, right], values * unit, spectrum * unit


def _is_moderate(peak):
    return peak == 0 or 1e-100 < peak < 1e100
