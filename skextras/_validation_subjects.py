"""Checks of series, or of matrices, of several subjects."""

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

# Deviation from symmetry, and from the range of a correlation, that rounding explains.
_TOLERANCE = 1e-6

# Values of a matrix that are checked in one go.
_BLOCK = 1 << 20

_READINGS = (
    "A list of (n_times, n_nodes) arrays or a 3-D X is read as one graph per subject, "
    "a 2-D X as one node per sample; pass one subject as X[None]."
)


class Subjects:
    """Validated subjects, converted one at a time.

    Parameters
    ----------
    items : sequence of array-like of shape (n_times, n_nodes)
        The subjects, as they were given; one array if `is_table`.

    lengths : list of int
        Number of time points of each subject.

    n_nodes : int
        Number of columns.

    is_table : bool, default=False
        Whether X was 2-D: one node per sample.
    """

    def __init__(self, items, lengths, n_nodes, *, is_table=False):
        self.items, self.lengths = items, lengths
        self.n_nodes, self.is_table = n_nodes, is_table

    def __len__(self):
        return len(self.lengths)

    def load(self, i):
        """Return subject i as float32 or float64 of native byte order.

        NumPy only: scikit-learn's checks must not run in threads.
        """
        return _to_float(np.asarray(self.items[i]))


def read_subjects(estimator, X, *, reset, input_type="timeseries"):
    """Validate the series, or matrices, of subjects; read 2-D input as one node each.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_``, ``n_nodes_`` and, for data frames,
        ``feature_names_in_`` when ``reset`` is true.

    X : list of array-like of shape (n_times, n_nodes), array-like of shape \
            (n_subjects, n_times, n_nodes) or (n_samples, n_times)
        The subjects: arrays or data frames, with any number of time points each.

    reset : bool
        Whether to learn the input's layout (``fit``) or to check against it.

    input_type : {"timeseries", "correlation", "adjacency"}, default="timeseries"
        What the subjects are. The last two are square, symmetric matrices.

    Returns
    -------
    subjects : Subjects
        The subjects.

    Raises
    ------
    TypeError
        If X is sparse or an iterator.

    ValueError
        If X has another number of dimensions, no subject or no node, if its subjects
        differ in their nodes or from those seen in ``fit``, have fewer than two time
        points, NaN or infinite values, or are no matrices of the given type.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation_subjects import read_subjects
    >>> estimator = BaseEstimator()
    >>> subjects = read_subjects(
    ...     estimator, [np.eye(20)[:, :4], np.eye(30)[:, :4]], reset=True
    ... )
    >>> estimator.n_nodes_, subjects.lengths
    (4, [20, 30])
    """
    _refuse_unreadable(X)
    if _is_list_of_subjects(X):
        items, names_from = list(X), _common_frame(X)
        _check_names(estimator, names_from, reset)
        subjects = _read_list(estimator, items)
    else:
        _check_names(estimator, X, reset)
        subjects = _read_array(estimator, X)
    if subjects.is_table and input_type != "timeseries":
        raise ValueError(
            f'X is 2-D, but input_type="{input_type}" needs one matrix per subject: '
            "pass a single one as X[None]."
        )
    _check_layout(estimator, subjects, reset)
    if input_type == "timeseries" and not subjects.is_table:
        _check_lengths(subjects)
    for i in range(1 if subjects.is_table else len(subjects)):
        _check_values(subjects, i, input_type)
    return subjects


def _refuse_unreadable(X):
    """Refuse what NumPy would wrap into an object or read as something else."""
    if hasattr(X, "__next__"):
        raise TypeError(
            f"X is a {type(X).__name__}, which can be read only once: pass a list of "
            "(n_times, n_nodes) arrays."
        )
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        raise ValueError(
            "X is a 1-D array of objects: pass a list of (n_times, n_nodes) arrays."
        )
    if isinstance(X, list | tuple) and len(X) == 0:
        raise ValueError(
            "Found array with 0 sample(s): X is an empty list, while at least one "
            "subject is required."
        )


def _is_list_of_subjects(X):
    return isinstance(X, list | tuple) and any(_depth(item) >= 2 for item in X)


def _depth(item):
    """Number of dimensions of an array, or of nested lists by their first entries."""
    if hasattr(item, "shape"):
        return len(item.shape)
    if isinstance(item, list | tuple):
        return 1 + (_depth(item[0]) if len(item) else 0)
    return 0


def _common_frame(items):
    """First subject if all are data frames, which must then have the same columns."""
    if not all(hasattr(item, "columns") for item in items):
        return np.empty((0, 0))
    first = list(items[0].columns)
    for i, item in enumerate(items):
        if list(item.columns) != first:
            raise ValueError(
                f"The column names of subject {i} differ from those of subject 0: got "
                f"{list(item.columns)} and {first}."
            )
    return items[0]


def _check_names(estimator, X, reset):
    # Column names only, and first, as in scikit-learn.
    validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)


def _read_list(estimator, items):
    """Read one array or data frame per subject."""
    shapes = [_shape(item, i) for i, item in enumerate(items)]
    n_nodes = shapes[0][1]
    for i, shape in enumerate(shapes):
        if shape[1] == 0:
            raise ValueError(_no_features(shape, type(estimator).__name__))
        if shape[1] != n_nodes:
            raise ValueError(
                f"Subject {i} has {shape[1]} nodes and subject 0 has {n_nodes}: all "
                "subjects must have the same nodes."
            )
    return Subjects(items, [shape[0] for shape in shapes], n_nodes)


def _shape(item, i):
    if isinstance(item, np.ndarray) and item.dtype.kind in "fiub" and item.ndim == 2:
        return item.shape
    options = {"ensure_min_samples": 0, "ensure_min_features": 0}
    try:
        return check_array(
            item, dtype="numeric", ensure_all_finite=False, **options
        ).shape
    except (TypeError, ValueError) as error:
        raise type(error)(f"Subject {i}: {error}") from error


def _no_features(shape, name):
    return (
        f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is "
        f"required by {name}."
    )


def _read_array(estimator, X):
    """Read one array: 2-D, a node a sample, or 3-D, a graph a subject."""
    name = type(estimator).__name__
    # Real numbers of any type stay as they are: none is converted before its turn.
    X = check_array(
        X,
        dtype="numeric",
        allow_nd=True,
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    lengths = [X.shape[1]] * len(X)
    if X.ndim == 2:
        return Subjects([X], lengths, X.shape[1], is_table=True)
    if X.ndim > 3:
        raise ValueError(
            f"Found array with dim {X.ndim} (shape {X.shape}), while {name} expects a "
            "list of (n_times, n_nodes) arrays or one of 3 dimensions."
        )
    if X.shape[2] == 0:
        raise ValueError(_no_features(X.shape[1:], name))
    return Subjects(X, lengths, X.shape[2])


def _check_lengths(subjects):
    for i, n_times in enumerate(subjects.lengths):
        if n_times < 2:
            raise ValueError(
                f"Subject {i} has n_times={n_times} time points, while correlations "
                "need at least 2."
            )


def _check_layout(estimator, subjects, reset):
    """Learn or check the number of nodes and which of the two readings X has."""
    n_features = subjects.n_nodes
    n_nodes = 1 if subjects.is_table else n_features
    if reset:
        estimator.n_features_in_, estimator.n_nodes_ = n_features, n_nodes
        return
    seen = estimator.n_features_in_, estimator.n_nodes_
    if (n_features, n_nodes) == seen:
        return
    name = type(estimator).__name__
    expecting = f"{seen[0]} features as input"
    if (n_nodes == 1) != (seen[1] == 1):
        expecting += (
            f", in graphs of {seen[1]} nodes" if seen[1] > 1 else ", in a 2-D X"
        )
    raise ValueError(
        f"X has {n_features} features, but {name} is expecting {expecting}. {_READINGS}"
    )


def _check_values(subjects, i, input_type):
    """Check that a subject is finite and, if it is a matrix, of the given type."""
    x = np.asarray(subjects.items[i])
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        # An extended number may be too large for float64.
        with np.errstate(over="ignore"):
            x = _to_float(x)
    if x.dtype.kind == "f" and not get_config()["assume_finite"]:
        _check_finite(x, None if subjects.is_table else i, input_type)
    if input_type != "timeseries":
        _check_matrix(x, i, input_type)


def _check_finite(x, i, input_type):
    if np.isfinite(x).all():
        return
    what = f"infinity or a value too large for {x.dtype!r}"
    what = "NaN" if np.isnan(x).any() else what
    where = "" if i is None else f": subject {i} is the first"
    hint = ""
    if input_type == "correlation":
        hint = (
            " Correlations with a constant node are NaN: pass the series instead, with "
            'input_type="timeseries".'
        )
    raise ValueError(f"Input X contains {what}{where}.{hint}")


def _check_matrix(R, i, input_type):
    """Refuse a matrix that is not square, symmetric, or of its type's range."""
    n_rows, n_nodes = R.shape
    if n_rows != n_nodes:
        raise ValueError(
            f'Subject {i} has shape {R.shape}, but input_type="{input_type}" needs a '
            "square matrix."
        )
    tolerance = _TOLERANCE if input_type == "correlation" else 0.0
    step = max(1, _BLOCK // n_nodes)
    for first in range(0, n_nodes, step):
        rows = slice(first, first + step)
        block = R[rows].astype(np.float64)
        if (np.abs(block - R[:, rows].T) > tolerance).any():
            raise ValueError(
                f'Subject {i} is not symmetric, as input_type="{input_type}" needs.'
            )
        nodes = np.arange(first, first + len(block))
        if input_type == "adjacency" and not np.isin(block, (0, 1)).all():
            raise ValueError(
                f'Subject {i} has other values than 0 and 1, but input_type="adjacency"'
                " needs these. Matrices of correlations are "
                'input_type="correlation".'
            )
        block[np.arange(len(block)), nodes] = 0
        if np.abs(block).max() > 1 + _TOLERANCE:
            raise ValueError(
                f"Subject {i} has a correlation of absolute value "
                f"{np.abs(block).max():.3g}, larger than 1. If these are Fisher z "
                "values, apply np.tanh; if they are series, set "
                'input_type="timeseries".'
            )


def _to_float(x):
    """Convert to float64 unless x is float32, and to native byte order."""
    single = x.dtype.kind == "f" and x.dtype.itemsize == 4
    return x.astype(np.float32 if single else np.float64, copy=False)
