"""One pass over the rows of views: column moments, and moments of variates."""

from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.scatter import empty_scatter, update_scatter


class ColumnMoments(NamedTuple):
    """Means and variances of the columns of a view.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_features,)
        Of each column; the variance of a constant column is exactly 0.

    See Also
    --------
    column_moments : Makes them.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.variate_pass import column_moments
    >>> column_moments([np.array([[1.0], [3.0]])], 10)[0].variance
    array([2.])
    """

    mean: Any
    variance: Any


def column_moments(views, step):
    """Return means and variances of the columns of all views, in one pass.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views.

    step : int
        Number of rows read at once.

    Returns
    -------
    moments : list of ColumnMoments
        Of each view.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.variate_pass import column_moments
    >>> column_moments([np.array([[1], [3]])], 10)[0].mean
    array([2.])
    """
    states = [empty_scatter(view.shape[1], columns=True) for view in views]
    for rows in row_slices(views[0].shape[0], step):
        states = [
            update_scatter(state, view[rows])
            for state, view in zip(states, views, strict=True)
        ]
    return [
        ColumnMoments(state.mean, state.scatter / (state.weight - 1))
        for state in states
    ]


def variate_moments(views, means, weights, step, *, row_weights=None, target=None):
    """Return the covariance matrix of the variates of all views.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views.

    means : list of ndarray of shape (n_features_i,)
        What their columns are centred by.

    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of each view, in float64, or in float32 to form variates in that.

    step : int
        Number of rows read at once.

    row_weights : ndarray of shape (n_rows,), default=None
        Non-negative weights of the rows.

    target : int, default=None
        A view whose covariances with the variates of the first are wanted too.

    Returns
    -------
    covariances : ndarray of shape (n_views * n_components,) * 2
        Of the variates of all views side by side.

    cross : ndarray of shape (n_components, n_features) or None
        Covariances of the first view's variates with the columns of the target.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.variate_pass import variate_moments
    >>> x = np.array([[1.0], [3.0]])
    >>> means, weights = [np.array([2.0])] * 2, [np.ones((1, 1)), np.full((1, 1), 2.0)]
    >>> variate_moments([x, x], means, weights, 10)[0]
    array([[2., 4.],
           [4., 8.]])
    """
    n_components = weights[0].shape[1]
    joint = empty_scatter(len(views) * n_components)
    cross = None
    if target is not None:
        cross = empty_scatter(n_components, views[target].shape[1])
    for rows in row_slices(views[0].shape[0], step):
        share = None if row_weights is None else row_weights[rows]
        chunks = [view[rows] for view in views]
        variates = [
            variates_of(chunk, mean, w)
            for chunk, mean, w in zip(chunks, means, weights, strict=True)
        ]
        joint = update_scatter(joint, np.hstack(variates), weights=share)
        if target is not None:
            cross = update_scatter(cross, variates[0], chunks[target], weights=share)
    divisor = joint.weight - 1
    return joint.scatter / divisor, None if cross is None else cross.scatter / divisor


def variates_of(rows, mean, weights):
    """Return the variates of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Rows of any real dtype.

    mean : ndarray of shape (n_features,)
        What they are centred by.

    weights : ndarray of shape (n_features, n_components)
        Weights, whose dtype is that of the products.

    Returns
    -------
    variates : ndarray of shape (n_rows, n_components)
        In the dtype of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.variate_pass import variates_of
    >>> variates_of(np.array([[1], [3]], dtype=np.int8), np.ones(1), np.eye(1))
    array([[0.],
           [2.]])
    """
    return centred(rows, mean, weights.dtype) @ weights


def centred(rows, mean, dtype):
    """Return rows less a mean, in a new array.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Rows of any real dtype.

    mean : ndarray of shape (n_features,)
        What is subtracted, in float64.

    dtype : dtype
        Of the result. Differences in float32 are taken only from what float32 holds
        exactly.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_features)
        The differences.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.variate_pass import centred
    >>> centred(np.array([[1e8 + 1]]), np.array([1e8]), np.float32)
    array([[1.]], dtype=float32)
    """
    if dtype == np.float32 and np.can_cast(rows.dtype, np.float32):
        # The mean of float32 data, rounded, moves all rows alike; that is undone when
        # products of rows are centred.
        return np.subtract(rows, mean.astype(np.float32), dtype=np.float32)
    difference = np.subtract(rows, mean, dtype=np.float64, casting="same_kind")
    return difference.astype(dtype, copy=False)


def row_slices(n_rows, step):
    """Return slices that cover the rows.

    Parameters
    ----------
    n_rows, step : int
        Number of rows, and of rows in a slice.

    Returns
    -------
    slices : list of slice
        In order.

    Examples
    --------
    >>> from skextras.numerics.variate_pass import row_slices
    >>> row_slices(5, 3)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(a, min(a + step, n_rows)) for a in range(0, n_rows, step)]
