"""Fourth moments of rows, and Ledoit and Wolf's shrinkage that needs them."""

from typing import Any, NamedTuple

import numpy as np

_TINY = np.finfo(np.float64).tiny


class FourthMoments(NamedTuple):
    r"""What the squared lengths of centred rows z add to second moments.

    Parameters
    ----------
    powers : float
        :math:`\sum w \lVert z \rVert^4`.

    directions : ndarray of shape (n_features,)
        :math:`\sum w \lVert z \rVert^2 z`, without which the sum of fourth powers
        could not follow a change of the mean.

    See Also
    --------
    update_fourth, merge_fourth : Accumulate it.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.fourth_moments import FourthMoments
    >>> FourthMoments(0.0, np.zeros(2)).powers
    0.0
    """

    powers: Any
    directions: Any


def update_fourth(sums, before, after, rows, part, weights=None):
    """Return the fourth moments of a view after a chunk of rows.

    Parameters
    ----------
    sums : FourthMoments
        Those of the rows before.

    before, after : Scatter
        Second moments, of this and perhaps other columns, without and with the chunk.

    rows : ndarray of shape (n_rows, n_features)
        The chunk.

    part : slice
        Columns of the second moments that are these.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights; None means one each.

    Returns
    -------
    sums : FourthMoments
        About the mean of all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.fourth_moments import FourthMoments, update_fourth
    >>> from skextras.numerics.scatter import empty_scatter, update_scatter
    >>> x = np.array([[0.0], [2.0]])
    >>> state, empty = update_scatter(empty_scatter(1), x), empty_scatter(1)
    >>> sums = FourthMoments(0.0, np.zeros(1))
    >>> update_fourth(sums, empty, state, x, slice(0, 1)).powers
    np.float64(2.0)
    """
    if weights is not None:
        rows, weights = rows[weights > 0], weights[weights > 0]
    z = np.subtract(rows, after.shift[part], dtype=np.float64) - after.offset[part]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", z, z)
        weighted = squares if weights is None else weights * squares
        old = _moved(sums, before, after, part) if before.weight > 0 else sums
        return FourthMoments(
            old.powers + weighted @ squares, old.directions + weighted @ z
        )


def merge_fourth(sums, scatter, other, other_scatter, total, part):
    """Return the fourth moments of the rows of two states.

    Parameters
    ----------
    sums : FourthMoments
        Those of the first state.

    scatter : Scatter
        Its second moments.

    other : FourthMoments
        Those of the second state.

    other_scatter : Scatter
        Its second moments.

    total : Scatter
        Second moments of the rows of both.

    part : slice
        Columns of the second moments that are these.

    Returns
    -------
    sums : FourthMoments
        About the mean of all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.fourth_moments import FourthMoments, merge_fourth
    >>> from skextras.numerics.scatter import (
    ...     empty_scatter, merge_scatters, update_scatter
    ... )
    >>> a = update_scatter(empty_scatter(1), np.array([[0.0]]))
    >>> b = update_scatter(empty_scatter(1), np.array([[2.0]]))
    >>> none = FourthMoments(0.0, np.zeros(1))
    >>> merge_fourth(none, a, none, b, merge_scatters(a, b), slice(0, 1)).powers
    np.float64(2.0)
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        a = _moved(sums, scatter, total, part)
        b = _moved(other, other_scatter, total, part)
    return FourthMoments(a.powers + b.powers, a.directions + b.directions)


def ledoit_wolf_share(scatter, weight, powers):
    r"""Return Ledoit and Wolf's share of the scaled identity.

    Parameters
    ----------
    scatter : ndarray of shape (n_features, n_features), or (n_rows, n_rows)
        Scatter matrix of the centred rows, or the matrix of their inner products.

    weight : float
        Sum of weights N.

    powers : float or tuple of (float, int)
        Sum of the fourth powers of the lengths of the centred rows; with the number
        of features where `scatter` holds inner products.

    Returns
    -------
    share : float
        From 0 to 1, as :func:`sklearn.covariance.ledoit_wolf_shrinkage` has it; NaN
        where fourth powers leave the range of float64.

    Notes
    -----
    With :math:`d = \lVert S / N \rVert_F^2`, :math:`m = \operatorname{tr} S / (N p)`,
    :math:`b = (\sum w \lVert z \rVert^4 / N - d) / (N p)` and :math:`g = d / p - m^2`
    it is :math:`\min(b, g) / g`, and 0 where b or g is not positive. All four are the
    same of the inner products.

    References
    ----------
    .. [1] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis 88, 365-411, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.fourth_moments import ledoit_wolf_share
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    >>> ledoit_wolf_share(x.T @ x, 4.0, 34.0)
    np.float64(0.944...)
    """
    powers, n_features = powers if isinstance(powers, tuple) else (powers, len(scatter))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean = np.trace(scatter) / weight / n_features
        norm = np.vdot(scatter, scatter) / weight / weight
        spread = (powers / weight - norm) / (weight * n_features)
        distance = norm / n_features - mean * mean
    in_range = np.isfinite(spread) and np.isfinite(distance) and norm > _TINY
    if not in_range:
        return np.nan
    if spread <= 0 or distance <= 0:
        return 0.0
    return min(spread, distance) / distance


def _moved(sums, scatter, total, part):
    """Return fourth moments about the mean of all rows."""
    step = (scatter.shift[part] - total.shift[part]) + scatter.offset[part]
    step = step - total.offset[part]
    S = scatter.scatter[part, part]
    toward, square, trace = S @ step, step @ step, np.trace(S)
    weight = scatter.weight
    powers = sums.powers + 4 * step @ sums.directions + 2 * square * trace
    powers += 4 * step @ toward + weight * square**2
    directions = sums.directions + 2 * toward + (trace + weight * square) * step
    return FourthMoments(powers, directions)
