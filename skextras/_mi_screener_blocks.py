"""Readers of X by blocks of columns, whatever holds it."""

import sys

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

from skextras._resources import chunk_length

# Bytes of a block that is worked on: with its copies it stays in the second cache.
_CACHE_BYTES = 3 << 20


def open_reader(estimator, X, y=None, *, reset):
    """Validate the layout of X and return a reader of its columns.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_`` and ``feature_names_in_`` when `reset` is true.

    X : array-like, sparse matrix, data frame or column store, 2-D
        The features. A column store is any object with a 2-D ``shape``, a ``dtype``
        and ``X[:, a:b]``.

    y : array-like or None
        Only its presence is checked, where the estimator requires it.

    reset : bool
        Whether to learn the layout (`fit`) or to check against it.

    Returns
    -------
    reader : object
        With ``n_samples``, ``n_features``, ``categories`` (a mask of columns that are
        categories or booleans), ``itemsize`` and ``blocks(start, stop, width)``, which
        yields pairs of first column and feature-major block in float32 or float64.

    Raises
    ------
    ValueError
        If X is not a table of numbers and categories, or too small.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import MIScreener
    >>> from skextras._mi_screener_blocks import open_reader
    >>> reader = open_reader(MIScreener(), np.eye(4), np.arange(4), reset=True)
    >>> [(first, block.shape) for first, block in reader.blocks(0, 4, 3)]
    [(0, (3, 4)), (3, (1, 4))]
    """
    own_checks = is_frame(X) or is_column_store(X)
    if own_checks:
        _check_table(estimator, X, 2 if reset else 1)
        X = _validate(estimator, X, y, reset, skip_check_array=True)
        reader = _FrameReader(X) if is_frame(X) else _StoreReader(X)
        return _unwrap(reader)
    X = _validate(
        estimator,
        X,
        y,
        reset,
        accept_sparse="csc",
        accept_large_sparse=True,
        dtype="numeric",
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
    )
    return SparseReader(X) if sparse.issparse(X) else _ArrayReader(X)


def _validate(estimator, X, y, reset, **options):
    if reset:
        # Whether there is a y; its values are looked at elsewhere.
        validate_data(estimator, X, y, skip_check_array=True, ensure_2d=False)
    return validate_data(estimator, X, reset=reset, **options)


def is_frame(X):
    """Tell whether X is a pandas or polars data frame."""
    # Whoever holds one has imported its package: there is no need to do it here.
    packages = [sys.modules.get(name) for name in ("pandas", "polars")]
    return any(p is not None and isinstance(X, p.DataFrame) for p in packages)


def is_column_store(X):
    """Tell whether X is read by column blocks only, as h5py, zarr and dask are."""
    if isinstance(X, np.ndarray) or sparse.issparse(X) or is_frame(X):
        return False
    shape = getattr(X, "shape", None)
    return (
        isinstance(shape, tuple)
        and len(shape) == 2
        and hasattr(X, "dtype")
        and hasattr(X, "__getitem__")
    )


def _check_table(estimator, X, least_samples):
    """Check what `check_array` would: the size of a table, and that it is numeric."""
    name = type(estimator).__name__
    for n, least, what in zip(
        X.shape, (least_samples, 1), ("sample(s)", "feature(s)"), strict=True
    ):
        if n < least:
            raise ValueError(
                f"Found array with {n} {what} (shape={tuple(X.shape)}) while a minimum "
                f"of {least} is required by {name}."
            )
    if is_column_store(X) and np.dtype(X.dtype).kind not in "biuf":
        raise ValueError(f"X must be of real numbers, got dtype {X.dtype}.")


def map_blocks(function, reader, n_jobs=None, read=None):
    """Call a function with every block of columns, over threads.

    Parameters
    ----------
    function : callable
        Called with the first column and a feature-major block. It must not warn:
        warning filters belong to the process.

    reader : object
        See `open_reader`.

    n_jobs : int or None, default=None
        Number of threads.

    read : callable or None, default=None
        What yields the blocks; ``reader.blocks`` if None.

    Returns
    -------
    results : list
        In the order of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import MIScreener
    >>> from skextras._mi_screener_blocks import map_blocks, open_reader
    >>> reader = open_reader(MIScreener(), np.eye(4), np.arange(4), reset=True)
    >>> map_blocks(lambda first, block: block.shape, reader, n_jobs=2)
    [(2, 4), (2, 4)]
    """
    n_jobs = min(effective_n_jobs(n_jobs), reader.n_features)
    share = -(-reader.n_features // n_jobs)
    column_bytes = 3 * reader.n_samples * reader.itemsize
    length = chunk_length(column_bytes * n_jobs, share)
    width = chunk_length(column_bytes, length, max_bytes=3 * _CACHE_BYTES)

    read = reader.blocks if read is None else read

    def run(part):
        blocks = read(part.start, part.stop, width)
        return [function(first, block) for first, block in blocks]

    # Not scikit-learn's Parallel: its threads set warning filters.
    lists = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(run)(part) for part in gen_batches(reader.n_features, length)
    )
    return [result for results in lists for result in results]


def read_columns(reader, columns, dtype=None):
    """Return some columns of a reader as one feature-major block.

    Parameters
    ----------
    reader : object
        See `open_reader`.

    columns : ndarray of int
        The columns, ascending.

    dtype : dtype, default=None
        That of a column store, whose values are then left as they are; None: the type
        that is computed with.

    Returns
    -------
    block : ndarray of shape (len(columns), n_samples)
        The columns.
    """
    if dtype is not None:
        reader.dtype = dtype
    block = np.empty((len(columns), reader.n_samples), reader.dtype)
    breaks = np.flatnonzero(np.diff(columns) != 1) + 1
    for run in np.split(np.arange(len(columns)), breaks) if len(columns) else ():
        low, high = run[0], run[-1] + 1
        start, stop = int(columns[low]), int(columns[high - 1]) + 1
        for first, part in reader.blocks(start, stop, stop - start):
            block[low + first - start : low + first - start + len(part)] = part
    return block


def array_reader(X):
    """Return the reader of an ndarray, without checks."""
    return _ArrayReader(X)


def _work_dtype(dtype):
    """Return float32 for what fits it as it is, else float64."""
    dtype = np.dtype(dtype)
    single = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if single else np.float64)


def _feature_major(part, dtype):
    return np.ascontiguousarray(np.asarray(part).T, dtype=dtype)


class _ArrayReader:
    """An ndarray, a memory map among them: each block is copied once."""

    def __init__(self, X):
        self.X, self.dtype = X, _work_dtype(X.dtype)
        self.n_samples, self.n_features = X.shape
        self.itemsize = self.dtype.itemsize
        self.categories = np.full(self.n_features, X.dtype.kind == "b")
        self.labels = {}

    def blocks(self, start, stop, width):
        for first in range(start, stop, width):
            last = min(first + width, stop)
            yield first, _feature_major(self.X[:, first:last], self.dtype)


class _StoreReader(_ArrayReader):
    """A column store: long blocks are fetched, short ones are worked on."""

    def blocks(self, start, stop, width):
        fetched = _ArrayReader(np.asarray(self.X[:, start:stop]))
        fetched.dtype = self.dtype
        for first, block in fetched.blocks(0, stop - start, width):
            yield start + first, block


class SparseReader:
    """A matrix of compressed sparse columns."""

    def __init__(self, X):
        # Duplicates would count twice, explicit zeros would hide in the nonzeros.
        if not X.has_canonical_format or (X.data == 0).any():
            X = X.copy()
            X.sum_duplicates()
            X.eliminate_zeros()
        self.X, self.dtype = X, _work_dtype(X.dtype)
        self.n_samples, self.n_features = X.shape
        self.itemsize = self.dtype.itemsize
        self.categories = np.full(self.n_features, X.dtype.kind == "b")
        self.labels = {}

    def blocks(self, start, stop, width):
        for first in range(start, stop, width):
            part = self.X[:, first : min(first + width, stop)]
            yield first, _feature_major(part.toarray(), self.dtype)

    def sparse_blocks(self, start, stop, width):
        """Yield first columns and (stored values, their rows, bounds of columns)."""
        for first in range(start, stop, width):
            last = min(first + width, stop)
            bounds = self.X.indptr[first : last + 1].astype(np.int64)
            inside = slice(bounds[0], bounds[-1])
            values = self.X.data[inside].astype(self.dtype)
            rows = self.X.indices[inside].astype(np.int64)
            yield first, (values, rows, bounds - bounds[0])


class _FrameReader:
    """A data frame, whose categories become codes and whose gaps become NaN."""

    def __init__(self, X):
        self.X, self.names = X, list(X.columns)
        self.n_samples, self.n_features = X.shape
        self.columns = [self._column(j) for j in range(self.n_features)]
        kinds = [_column_kind(column) for column in self.columns]
        self.categories = np.array([kind in ("category", "bool") for kind in kinds])
        for name, kind, column in zip(self.names, kinds, self.columns, strict=True):
            _check_column(name, kind, column)
        single = all(str(column.dtype).lower() == "float32" for column in self.columns)
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.itemsize = self.dtype.itemsize
        # By category column: the labels behind its codes.
        self.labels = {
            j: category_labels(column)
            for j, column in enumerate(self.columns)
            if kinds[j] == "category"
        }
        self.unordered = np.array([is_unordered(column) for column in self.columns])
        self.recoded = {}

    def recode(self, labels):
        """Give categories the codes of labels known before; refuse new ones."""
        for j, known in labels.items():
            codes = {label: code for code, label in enumerate(known)}
            own = self.labels.get(j, [])
            table = np.array([codes.get(label, np.nan) for label in own] + [np.nan])
            values = column_values(self.columns[j])
            present = values[~np.isnan(values)].astype(np.intp)
            strange = present[np.isnan(table[present])]
            if len(strange):
                raise ValueError(
                    f"The column {self.names[j]!r} of X has the level "
                    f"{own[strange[0]]!r}, which the first block does not know: "
                    "declare all its categories there, or leave the column to "
                    "discrete_features as numbers."
                )
            self.recoded[j] = table

    def _values(self, j):
        values = column_values(self.columns[j])
        if j not in self.recoded:
            return values
        gaps = np.isnan(values)
        return np.where(
            gaps, np.nan, self.recoded[j][np.where(gaps, -1, values).astype(np.intp)]
        )

    def _column(self, j):
        return self.X.iloc[:, j] if hasattr(self.X, "iloc") else self.X[:, j]

    def blocks(self, start, stop, width):
        for first in range(start, stop, width):
            columns = range(first, min(first + width, stop))
            block = np.empty((len(columns), self.n_samples), self.dtype)
            for row, j in zip(block, columns, strict=True):
                row[:] = self._values(j)
            yield first, block


def _unwrap(reader):
    """Read a pandas frame of one number type as the array that it is."""
    if isinstance(reader, _FrameReader) and hasattr(reader.X, "iloc"):
        dtypes = set(reader.X.dtypes)
        if len(dtypes) == 1 and isinstance(next(iter(dtypes)), np.dtype):
            array = reader.X.to_numpy()
            return _ArrayReader(array) if array.dtype.kind in "biuf" else reader
    return reader


def _column_kind(column):
    """Return category, bool, number, text or other for a column of a data frame."""
    name = str(column.dtype).lower().partition("(")[0]
    if name in ("category", "categorical", "enum"):
        return "category"
    if name in ("bool", "boolean"):
        return "bool"
    if name.startswith(("int", "uint", "float", "double", "decimal")):
        return "number"
    if name.startswith(("str", "object", "utf8", "string")):
        return "text"
    return "other"


def _check_column(name, kind, column):
    """Refuse a column that is neither numbers nor categories."""
    if kind == "text" and not _holds_numbers(column):
        raise ValueError(
            f"The column {name!r} of X holds strings: turn it into a category, with "
            f'astype("category") in pandas or cast(pl.Categorical) in polars.'
        )
    if kind == "other":
        raise ValueError(
            f"The column {name!r} of X is of dtype {column.dtype}; numbers, booleans "
            "and categories can be screened."
        )


def _holds_numbers(column):
    """Tell whether a column of objects is one of numbers."""
    values = column.to_numpy()
    if any(isinstance(value, str) for value in values):
        return False
    try:
        values.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def column_values(column):
    """Numbers or category codes of a column, NaN where it has none."""
    if hasattr(column, "iloc"):
        if str(column.dtype) == "category":
            codes = column.cat.codes.to_numpy().astype(np.float64)
            return np.where(codes < 0, np.nan, codes)
        if isinstance(column.dtype, np.dtype):
            return column.to_numpy()
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if _column_kind(column) == "category":
        codes = {label: code for code, label in enumerate(category_labels(column))}
        return np.array([codes.get(label, np.nan) for label in column.to_list()], float)
    return (column.cast(float) if _column_kind(column) == "bool" else column).to_numpy()


def category_labels(column):
    """Labels behind the codes of a category column; None for any other column."""
    if _column_kind(column) != "category":
        return None
    if hasattr(column, "iloc"):
        return list(column.cat.categories)
    # A polars Categorical may share its codes with other columns: they say nothing.
    if str(column.dtype).startswith("Enum"):
        return column.dtype.categories.to_list()
    return sorted(column.drop_nulls().unique().to_list())


def is_unordered(column):
    """Tell whether the codes of a column have no order: those of plain categories."""
    if _column_kind(column) != "category":
        return False
    if hasattr(column, "iloc"):
        return not column.cat.ordered
    return not str(column.dtype).startswith("Enum")
