"""Statistics of whole arrays, chunk by chunk, and of patches to those of images."""

from numbers import Real

import numpy as np

from skextras._resources import chunk_length
from skextras._validation_grids import float_dtype, row_chunks
from skextras.numerics.calibration import largest_mean
from skextras.numerics.subspace_scores import row_statistics

# Rows that stay in cache while they are projected.
_CHUNK = 512

# Patches of the images whose scores are held at once, before they are aggregated.
_PATCHES = 16_384


def map_rows(X, subspace, function, width=()):
    """Apply a function of chunks of rows to all rows of an array.

    Parameters
    ----------
    X : ndarray of shape (n, ..., n_features)
        The array, of any real dtype.

    subspace : Subspace
        What the function compares rows with.

    function : callable
        Takes a chunk of rows and the subspace, both in the dtype of work.

    width : tuple of int, default=()
        Shape of the function's result for a row.

    Returns
    -------
    out : ndarray of shape (n, ...) + width
        float32 if X is, float64 otherwise.
    """
    dtype = float_dtype(X)
    prepared = subspace.cast(dtype)
    out = np.empty(X.shape[:-1] + width, dtype=dtype)
    flat = out.reshape(X.size // X.shape[-1], *width)
    # Rows, their deviations, and coordinates of up to as many directions.
    n_rows = chunk_length(4 * X.shape[-1] * dtype.itemsize, _CHUNK)
    for place, rows in row_chunks(X, n_rows):
        rows = np.ascontiguousarray(rows, dtype=dtype)
        flat[place] = function(rows, prepared)
    return out


def statistic_maps(X, subspace, statistic):
    """Compute a statistic of every row or patch, of shape ``X.shape[:-1]``."""
    return map_rows(
        X, subspace, lambda rows, prepared: row_statistics(rows, prepared, statistic)
    )


def unit_scores(estimator, X, subspace):
    """Compute the score of every row or image, without the maps of all images."""
    if X.ndim == 2:
        return statistic_maps(X, subspace, estimator.statistic)
    scores = np.empty(len(X), dtype=float_dtype(X))
    step = max(1, _PATCHES // (X[0].size // X.shape[-1]))
    for start in range(0, len(X), step):
        chunk = slice(start, start + step)
        maps = statistic_maps(X[chunk], subspace, estimator.statistic)
        scores[chunk] = aggregate(estimator, maps)
    return scores


def aggregate(estimator, maps):
    """Turn the patch scores of images into one score an image.

    Parameters
    ----------
    estimator : SubspaceAD
        Says how.

    maps : ndarray of shape (n_images, ...)
        Patch scores.

    Returns
    -------
    scores : ndarray of shape (n_images,)
        In the dtype of the maps.
    """
    scores = maps.reshape(len(maps), -1)
    if callable(estimator.aggregation):
        images = [_call(estimator.aggregation, image) for image in scores]
    elif estimator.aggregation == "max":
        images = scores.max(axis=1)
    elif estimator.aggregation == "mean":
        images = scores.mean(axis=1, dtype=np.float64)
    else:
        images = largest_mean(scores, estimator.tail_fraction)
    return np.asarray(images, dtype=maps.dtype)


def _call(function, scores):
    """The score that a user's function returns, checked."""
    # A copy: the function may sort in place what anomaly_map has returned.
    score = function(scores.copy())
    number = np.ndim(score) == 0 and isinstance(np.asarray(score)[()], Real)
    if number and np.isfinite(score):
        return score
    raise ValueError(
        f"aggregation={function!r} must return a finite number for the 1-D array of "
        f"the patch scores of an image, got {score!r}."
    )
