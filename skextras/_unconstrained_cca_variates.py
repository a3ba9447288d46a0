"""Variates and predictions of rows, by chunks."""

import numpy as np

from skextras._resources import chunk_length

# Temporaries of a chunk, beyond which nothing is gained.
_CHUNK_BYTES = 2**23


def variates_side_by_side(views, means, weights):
    """Return the variates of views, the first view's first.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The rows.

    means : list of ndarray of shape (n_features_i,)
        What their columns are centred by.

    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of the views; of more views than are given, the first ones count.

    Returns
    -------
    variates : ndarray of shape (n_samples, n_views * n_components)
        In single precision if the first view is, computed in double.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_variates import variates_side_by_side
    >>> x = np.array([[1], [2]])
    >>> variates_side_by_side([x, x], [[1.0], [0.0]], [np.eye(1), np.eye(1)])
    array([[0., 1.],
           [1., 2.]])
    """
    width = weights[0].shape[1]
    shape = (views[0].shape[0], width * len(views))
    out = np.empty(shape, dtype=_output_dtype(views[0]))
    for i, view in enumerate(views):
        part = slice(i * width, (i + 1) * width)
        for rows in _chunks(view, width):
            centred = np.subtract(view[rows], means[i], dtype=np.float64)
            out[rows, part] = centred @ weights[i]
    return out


def predictions(X, mean, weights, regression, offset):
    """Return what the first view's variates say of y.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of the first view.

    mean : ndarray of shape (n_features,)
        What its columns are centred by.

    weights : ndarray of shape (n_features, n_components)
        Its weights.

    regression : ndarray of shape (n_components, n_targets)
        Coefficients of the variates.

    offset : ndarray of shape (n_targets,)
        Mean of y.

    Returns
    -------
    y : ndarray of shape (n_samples, n_targets)
        In single precision if X is.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_variates import predictions
    >>> one = np.ones((1, 1))
    >>> predictions(np.array([[3.0]]), one[0], one, 2 * one, one[0])
    array([[5.]])
    """
    out = np.empty((X.shape[0], len(offset)), dtype=_output_dtype(X))
    for rows in _chunks(X, weights.shape[1] + len(offset)):
        centred = np.subtract(X[rows], mean, dtype=np.float64)
        out[rows] = centred @ weights @ regression + offset
    return out


def _output_dtype(view):
    """Single precision for single precision, double for all else."""
    return np.float32 if view.dtype == np.float32 else np.float64


def _chunks(view, n_outputs):
    """Slices of rows whose copy in float64 stays within the working memory."""
    row_bytes = 8 * (2 * view.shape[1] + n_outputs)
    step = chunk_length(row_bytes, view.shape[0], max_bytes=_CHUNK_BYTES)
    return [
        slice(start, min(start + step, view.shape[0]))
        for start in range(0, view.shape[0], step)
    ]
