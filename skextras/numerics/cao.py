"""Embedding dimension by averaged false neighbours (Cao's method)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skextras.numerics.delay_neighbours import nearest_neighbours
from skextras.numerics.rounding_ties import merge_rounding_ties

_MAX_DIMENSION = 30
_MIN_POINTS = 10
_SATURATED = 0.05


def mean_expansion(series, dimension, delay):
    r"""Mean growth of neighbour distances when one delayed copy is added.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series.

    dimension : int
        Copies in the embedding, d.

    delay : int
        Samples between copies; ``n_times > dimension * delay``.

    Returns
    -------
    expansion : float
        E(d), at least 1; NaN where no two points differ.

    Notes
    -----
    .. math:: E(d) = \frac{1}{N} \sum_i
        \frac{\lVert y_i(d + 1) - y_{n_i}(d + 1) \rVert_\infty}
        {\lVert y_i(d) - y_{n_i}(d) \rVert_\infty}

    over the N = n_times - d delay points y_i(d) = (s_i, ..., s_{i + (d - 1) delay}),
    where n_i is the nearest neighbour of i at non-zero distance.

    References
    ----------
    .. [1] L. Cao, "Practical method for determining the minimum embedding dimension of
       a scalar time series", Physica D 110 (1997).

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cao import mean_expansion
    >>> float(mean_expansion(np.array([0.0, 1.0, 3.0, 7.0]), 1, 1))
    2.0
    """
    return _mean_expansion(merge_rounding_ties(series), dimension, delay)


def cao_dimension(series, delay):
    """Smallest embedding dimension at which the mean expansion saturates.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series.

    delay : int
        Samples between copies; ``n_times >= delay + 10``.

    Returns
    -------
    dimension : int
        Smallest d up to 30 with ``|E(d + 1) / E(d) - 1| < 0.05``, else the last d with
        at least 10 points; 0 where E(1) does not exist, since no two points differ.

    See Also
    --------
    mean_expansion : E(d).

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.cao import cao_dimension
    >>> sine = np.sin(2 * np.pi * np.arange(1000) / 41.3)
    >>> cao_dimension(sine, 10)
    2
    """
    series = merge_rounding_ties(series)
    last = min(_MAX_DIMENSION, (len(series) - _MIN_POINTS) // delay)
    previous = np.nan
    for dimension in range(1, last + 1):
        expansion = _mean_expansion(series, dimension, delay)
        if np.isnan(expansion) or abs(expansion / previous - 1) < _SATURATED:
            return dimension - 1
        previous = expansion
    return last


def _mean_expansion(series, dimension, delay):
    """E(d) of a series without rounding ties."""
    rows = sliding_window_view(series, dimension * delay + 1)[:, ::delay]
    points, added = rows[:, :-1], rows[:, -1]
    neighbours, distances = nearest_neighbours(points, p=np.inf)
    paired = np.isfinite(distances)
    neighbours, distances = neighbours[paired], distances[paired]
    if not neighbours.size:
        return np.nan
    expanded = np.abs(added[paired] - added[neighbours])
    return np.mean(np.maximum(distances, expanded) / distances)
