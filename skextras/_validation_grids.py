"""Reading of tables, patch lists and patch grids, whose last axis is the features."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data


def validate_patches(estimator, X, *, reset, ensure_min_rows=1):
    """Validate rows, or images of patches, of features.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_`` and, for data frames, ``feature_names_in_`` when
        ``reset`` is true. Otherwise its ``grid_shape_`` says what X must be: None for
        rows.

    X : array-like of shape (n_samples, n_features), (n_images, n_patches, n_features) \
            or (n_images, height, width, n_features)
        The rows or images.

    reset : bool
        Whether to learn the input's layout (``fit``) or to check against it.

    ensure_min_rows : int, default=1
        Least number of rows or, over all images, of patches.

    Returns
    -------
    X : ndarray of the shape of X
        The validated array, of any real or integer dtype.

    Raises
    ------
    ValueError
        If X has another number of dimensions, is empty along one, has NaN or infinite
        values, or has other features than in ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation_grids import validate_patches
    >>> estimator = BaseEstimator()
    >>> validate_patches(estimator, np.ones((5, 4, 3, 20)), reset=True).shape
    (5, 4, 3, 20)
    >>> estimator.n_features_in_
    20
    """
    # Column names only, and first, as in scikit-learn.
    validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)
    X = check_array(
        X, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X"
    )
    name = type(estimator).__name__
    if X.ndim > 4:
        raise ValueError(
            f"Found array with dim {X.ndim} (shape {X.shape}), while {name} expects 2 "
            "(rows), 3 (patches of images) or 4 dimensions (grids of patches)."
        )
    if X.shape[-1] == 0:
        # check_array looks at the features of 2-D input only.
        raise ValueError(
            f"Found array with 0 feature(s) (shape=({X.shape[0]}, 0)) while a minimum "
            f"of 1 is required by {name}: the shape of X is {X.shape}."
        )
    n_rows = X.size // X.shape[-1]
    if n_rows < ensure_min_rows:
        raise ValueError(
            f"Found array with {n_rows} sample(s) (shape={X.shape}) while a minimum of "
            f"{ensure_min_rows} is required by {name}."
        )
    _check_layout(estimator, X, reset)
    return X


def _check_layout(estimator, X, reset):
    """Learn the number of features, or check X against what was learnt."""
    name = type(estimator).__name__
    if reset:
        estimator.n_features_in_ = X.shape[-1]
        return
    n_fitted = 2 if estimator.grid_shape_ is None else 2 + len(estimator.grid_shape_)
    if (X.ndim == 2) != (n_fitted == 2):
        raise ValueError(
            f"X has {X.ndim} dimensions, but {name} was fitted on {n_fitted}: rows "
            "(2 dimensions) and images (3 or 4) cannot take each other's place."
        )
    if X.shape[-1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[-1]} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input: these are the last axis "
            f"of X, whose shape is {X.shape}."
        )


def float_dtype(X):
    """Return the dtype in which an array is worked on.

    Parameters
    ----------
    X : ndarray
        The array.

    Returns
    -------
    dtype : dtype
        float32 if X is, in whatever byte order; float64 otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._validation_grids import float_dtype
    >>> float_dtype(np.ones(3, dtype=">f4")), float_dtype(np.ones(3, dtype="int8"))
    (dtype('float32'), dtype('float64'))
    """
    single = X.dtype.kind == "f" and X.dtype.itemsize == 4
    return np.dtype(np.float32 if single else np.float64)


def row_chunks(X, n_rows):
    """Cut an array into chunks of rows without copying all of it.

    Parameters
    ----------
    X : ndarray of shape (n, ..., n_features)
        The array.

    n_rows : int
        Most rows in a chunk.

    Yields
    ------
    place : slice
        Where the chunk stands among all rows.

    rows : ndarray of shape (n_chunk, n_features)
        The rows in X's dtype: a view of X where its layout has one, a copy of the
        chunk (or, if a sample has more rows, of the sample) otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._validation_grids import row_chunks
    >>> X = np.arange(24).reshape(2, 4, 3)
    >>> [(place.start, rows.shape) for place, rows in row_chunks(X, 6)]
    [(0, (6, 3)), (6, (2, 3))]
    """
    n_features = X.shape[-1]
    if X.ndim > 2 and X.flags.c_contiguous:
        X = X.reshape(-1, n_features)
    per_sample = int(np.prod(X.shape[1:-1]))
    step = max(1, n_rows // per_sample)
    for first in range(0, X.shape[0], step):
        rows = X[first : first + step].reshape(-1, n_features)
        for start in range(0, rows.shape[0], n_rows):
            chunk = rows[start : start + n_rows]
            at = first * per_sample + start
            yield slice(at, at + chunk.shape[0]), chunk
