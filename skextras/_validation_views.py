"""Views: two or more blocks of columns that belong to the same rows."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data


class ColumnBlock:
    """Columns of an array, read when they are asked for.

    Parameters
    ----------
    array : ndarray of shape (n_rows, n_columns)
        The array, which may be a memory map.

    columns : ndarray of shape (n_features,) of int
        The columns, in the order of the block.

    Attributes
    ----------
    shape : tuple of int
        Number of rows and of columns of the block.

    dtype : dtype
        Type of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._validation_views import ColumnBlock
    >>> block = ColumnBlock(np.arange(6).reshape(2, 3), np.array([2, 0]))
    >>> block.shape, block[:, :1]
    ((2, 2), array([[2],
           [5]]))
    """

    def __init__(self, array, columns):
        self.array, self.columns = array, columns
        self.shape = (array.shape[0], len(columns))
        self.dtype = array.dtype

    def __getitem__(self, key):
        """Read rows, or (rows, columns of the block), as an array."""
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        return self.array[rows][:, self.columns[columns]]


def validate_views(estimator, X, y, views, *, reset, ensure_min_samples=1):
    """Validate the views of an estimator: blocks of X, or X and y.

    Parameters
    ----------
    estimator : estimator instance
        Receives the layout when `reset` is true: what `validate_data` sets,
        ``_view_columns`` (None if y is the second view) and, in that case,
        ``_y_width`` and ``_y_is_1d``.

    X : array-like of shape (n_samples, n_features)
        The first view, or all of them.

    y : array-like of shape (n_samples,) or (n_samples, n_targets), or None
        The second view; not looked at if `views` says that X holds them all.

    views : None or list
        As the parameter of the estimators; read only when `reset` is true.

    reset : bool
        Whether to learn the layout (``fit``) or to check against it.

    ensure_min_samples : int, default=1
        Least number of rows.

    Returns
    -------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The validated views, of any real dtype. Only X if y may be absent and is.

    Raises
    ------
    ValueError
        If X or y is no table of finite numbers, if they differ in length, if y is
        absent from ``fit`` or of another width than there, or if `views` does not fit
        the columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation_views import validate_views
    >>> X = np.ones((4, 5))
    >>> blocks = validate_views(BaseEstimator(), X, None, [3, 2], reset=True)
    >>> [block.shape for block in blocks]
    [(4, 3), (4, 2)]
    """
    X = validate_data(
        estimator,
        X,
        dtype="numeric",
        reset=reset,
        ensure_min_samples=ensure_min_samples,
    )
    if reset:
        names = getattr(estimator, "feature_names_in_", None)
        estimator._view_columns = (
            None if views is None else resolve_views(views, X.shape[1], names)
        )
    if estimator._view_columns is not None:
        return [_block(X, columns) for columns in estimator._view_columns]
    if y is None:
        if reset:
            raise ValueError(
                f"This {type(estimator).__name__} estimator requires y to be passed, "
                "but the target y is None: it is the second view. If X holds all "
                "views side by side, name their columns in views."
            )
        return [X]
    return [X, _validate_y(estimator, X, y, reset)]


def _validate_y(estimator, X, y, reset):
    """Validate the second view, as a table."""
    y = check_array(
        y,
        ensure_2d=False,
        dtype="numeric",
        ensure_min_samples=0,
        estimator=estimator,
        input_name="y",
    )
    is_1d = y.ndim == 1
    check_consistent_length(X, y)
    y = y[:, None] if is_1d else y
    if reset:
        estimator._y_width, estimator._y_is_1d = y.shape[1], is_1d
    elif y.shape[1] != estimator._y_width:
        raise ValueError(
            f"y has {y.shape[1]} columns, but {type(estimator).__name__} was fitted "
            f"with {estimator._y_width} columns."
        )
    return y


def _block(X, columns):
    """Return columns of X without copying them now."""
    if isinstance(columns, tuple):
        return X[:, columns[0] : columns[1]]
    return ColumnBlock(X, columns)


def resolve_views(views, n_features, names=None):
    """Return the columns of each view.

    Parameters
    ----------
    views : list of int, slice, array-like of int, of bool, or of str
        Widths that sum to the number of columns, or the columns of each view.

    n_features : int
        Number of columns of X.

    names : ndarray of shape (n_features,) of str, default=None
        Names of the columns of X, if it has any.

    Returns
    -------
    columns : list of tuple of (int, int), or ndarray of int
        First column and that after the last where they are neighbours in order, else
        all columns, by view.

    Raises
    ------
    ValueError
        If there are fewer than two views, widths do not sum up, or columns are
        missing, used twice, out of range or unknown.

    Examples
    --------
    >>> from skextras._validation_views import resolve_views
    >>> resolve_views([2, 3], 5)
    [(0, 2), (2, 5)]
    >>> resolve_views([[0, 3], slice(1, 3)], 5)
    [array([0, 3]), (1, 3)]
    """
    views = list(views)
    if len(views) < 2:
        raise ValueError(
            f"views must name at least two views of the n_features={n_features} "
            f"columns of X, got {len(views)}."
        )
    are_numbers = [isinstance(v, Integral | np.bool_) for v in views]
    if any(are_numbers):
        return _resolve_widths(views, are_numbers, n_features)
    columns = [_resolve_view(i, v, n_features, names) for i, v in enumerate(views)]
    owner = np.full(n_features, -1)
    for i, found in enumerate(columns):
        values, counts = np.unique(found, return_counts=True)
        taken = values[(owner[values] >= 0) | (counts > 1)]
        if taken.size:
            first = int(taken[0])
            other = owner[first] if owner[first] >= 0 else i
            raise ValueError(
                f"views overlap: column {first} of the n_features={n_features} columns "
                f"of X is named twice, in view {other} and in view {i}."
            )
        owner[values] = i
    return [_compact(found) for found in columns]


def _resolve_widths(views, are_numbers, n_features):
    for i, (view, is_number) in enumerate(zip(views, are_numbers, strict=True)):
        if not is_number or isinstance(view, bool | np.bool_) or view < 1:
            raise ValueError(
                f"views={views!r} gives widths, but view {i} is {view!r}: widths are "
                f"positive integers that sum to n_features={n_features}."
            )
    ends = np.cumsum([0, *views]).tolist()
    if ends[-1] != n_features:
        raise ValueError(
            f"views={views!r} has widths of sum {ends[-1]} (view 0 to view "
            f"{len(views) - 1}), but X has n_features={n_features} columns."
        )
    return list(pairwise(ends))


def _resolve_view(number, view, n_features, names):
    """Return the columns of one view that is not given by its width."""
    what = f"view {number} of views"
    if isinstance(view, slice):
        found = np.arange(n_features)[view]
    else:
        if isinstance(view, str):
            raise ValueError(
                f"{what} is the string {view!r}: give a list of columns, of the "
                f"n_features={n_features} columns of X."
            )
        given = np.asarray(view)
        if given.ndim != 1:
            raise ValueError(
                f"{what} must be one-dimensional, got an array of {given.ndim} "
                f"dimensions (n_features={n_features})."
            )
        found = _resolve_columns(what, given, n_features, names)
    if found.size == 0:
        raise ValueError(f"{what} is empty; X has n_features={n_features} columns.")
    return found


def _resolve_columns(what, given, n_features, names):
    """Return the columns that a mask, indices or names stand for."""
    if given.size == 0:
        return np.empty(0, dtype=np.intp)
    if given.dtype == bool:
        if len(given) != n_features:
            raise ValueError(
                f"{what} is a mask of {len(given)} entries, but X has "
                f"n_features={n_features} columns."
            )
        return np.flatnonzero(given)
    if given.dtype.kind in "iu":
        given = given.astype(np.intp)
        outside = (given < -n_features) | (given >= n_features)
        if outside.any():
            raise ValueError(
                f"{what} names column {given[outside][0]}, which is out of range for "
                f"n_features={n_features}."
            )
        return given % n_features
    return _resolve_names(what, given, n_features, names)


def _resolve_names(what, given, n_features, names):
    if given.dtype.kind not in "UO" or not all(isinstance(g, str) for g in given):
        raise ValueError(
            f"{what} must hold column indices, a mask or column names, got values of "
            f"dtype {given.dtype} (n_features={n_features})."
        )
    position = {} if names is None else {name: i for i, name in enumerate(names)}
    unknown = [str(g) for g in given if g not in position]
    if unknown:
        known = "has no column names" if names is None else "has other column names"
        raise ValueError(
            f"{what} names the column {unknown[0]!r}, but X {known} "
            f"(n_features={n_features})."
        )
    return np.array([position[g] for g in given], dtype=np.intp)


def _compact(columns):
    """Return a range as its ends, which needs no copy to be read."""
    first, last = int(columns[0]), int(columns[-1])
    if last - first + 1 == len(columns) and (np.diff(columns) == 1).all():
        return (first, last + 1)
    return columns
