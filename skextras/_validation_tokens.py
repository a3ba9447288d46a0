"""Tokens of samples: one array, a table, or one matrix a sample, with missing ones."""

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skextras._resources import chunk_length

# Values whose finiteness is looked at in one go.
_FINITE_BLOCK = 1 << 18
# Chunks stay in the processor's cache.
_CHUNK_BYTES = 4_000_000


class Tokens:
    """Validated tokens that are read a range of samples at a time.

    Parameters
    ----------
    samples : ndarray of shape (n, n_tokens, d), or list of ndarray of shape \
            (n_tokens, d)
        The tokens as they came. They are neither copied nor written.

    valid : ndarray of shape (n, n_tokens) or list of ndarray of shape (n_tokens,), \
            or None
        Which tokens are not missing; None if none is.

    cls_token : bool
        Whether the first token of a sample stands apart.

    from_table : bool, default=False
        Whether the samples were the rows of a table.

    Attributes
    ----------
    lengths : ndarray of shape (n,)
        Tokens of each sample, without the missing ones and the one that stands apart.

    n_features : int
        Width d of the tokens.

    dtype : dtype
        float32 if no token is more precise, else float64.
    """

    def __init__(self, samples, valid, cls_token, from_table=False):
        self._samples, self._valid, self._index = samples, valid, None
        self._n_first = int(cls_token)
        self.from_table = from_table
        if isinstance(samples, np.ndarray):
            dtypes = {samples.dtype}
            self.n_features = samples.shape[2]
            lengths = np.full(len(samples), samples.shape[1], dtype=np.intp)
        else:
            dtypes = {sample.dtype for sample in samples}
            self.n_features = samples[0].shape[1]
            lengths = np.array([len(sample) for sample in samples], dtype=np.intp)
        if valid is not None:
            lengths = np.array([np.count_nonzero(v) for v in valid], dtype=np.intp)
        self.lengths = lengths - self._n_first
        single = all(t.kind == "f" and t.itemsize <= 4 for t in dtypes)
        self.dtype = np.dtype(np.float32 if single else np.float64)

    def __len__(self):
        return len(self.lengths)

    def take(self, index):
        """Return the samples of these indices, without reading them."""
        taken = Tokens.__new__(Tokens)
        vars(taken).update(vars(self))
        taken.lengths = self.lengths[index]
        taken._index = index if self._index is None else self._index[index]
        return taken

    def read(self, start, stop):
        """Return the tokens of a range of samples, one sample after the other.

        Those that are missing or stand apart are left out.
        """
        if isinstance(self._samples, np.ndarray):
            pick = (
                slice(start, stop) if self._index is None else self._index[start:stop]
            )
            block = np.asarray(self._samples[pick])
            if self._valid is None:
                rows = block[:, self._n_first :].reshape(-1, self.n_features)
            else:
                valid = self._valid[pick].copy()
                valid[:, : self._n_first] = False
                rows = block[valid]
        else:
            rows = np.concatenate([self._rest(i) for i in self._indices(start, stop)])
        return np.ascontiguousarray(rows, dtype=self.dtype)

    def read_first(self, start, stop):
        """Return the tokens of a range of samples that stand apart, one each."""
        rows = [self._samples[i][0] for i in self._indices(start, stop)]
        return np.stack(rows).astype(self.dtype)

    def chunks(self, bytes_per_sample, bytes_per_token, least_bytes=0):
        """Cut the samples into ranges whose temporaries take about as many bytes.

        These stay in cache, unless `least_bytes` says from when on a range pays. The
        ranges depend on the lengths alone, so that every container of the same tokens
        gives the same digits.
        """
        ends = np.cumsum(bytes_per_sample + bytes_per_token * self.lengths)
        budget = chunk_length(
            1, int(ends[-1]), max_bytes=max(_CHUNK_BYTES, least_bytes)
        )
        start, ranges = 0, []
        while start < len(self):
            before = ends[start - 1] if start else 0
            stop = int(np.searchsorted(ends, before + budget, side="right"))
            stop = max(stop, start + 1)
            ranges.append((start, stop))
            start = stop
        return ranges

    def _indices(self, start, stop):
        return range(start, stop) if self._index is None else self._index[start:stop]

    def _rest(self, i):
        sample = self._samples[i][self._n_first :]
        return (
            sample if self._valid is None else sample[self._valid[i][self._n_first :]]
        )


def validate_tokens(
    estimator,
    X,
    *,
    token_width=None,
    missing_tokens="error",
    n_tokens=None,
    cls_token=False,
):
    """Validate tokens, reading the rows of a table as one token or as `n_tokens`.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_`` and, for data frames, ``feature_names_in_`` if
        `token_width` is None.

    X : array-like of shape (n, n_tokens, d) or (n, p), or sequence of array-like of \
            shape (n_tokens, d)
        The tokens; their number may differ in a sequence.

    token_width : int, default=None
        Number of features that the tokens must have; None (``fit``) learns it.

    missing_tokens : {"error", "drop"}, default="error"
        Whether tokens that are NaN throughout are refused or left out.

    n_tokens : int, default=None
        Tokens in a row of a table; None means one.

    cls_token : bool, default=False
        Whether the first token of a sample stands apart.

    Returns
    -------
    tokens : Tokens
        The validated tokens.

    Raises
    ------
    ValueError
        If X has another layout, is empty, has infinite values, NaN that are not
        missing tokens, a sample without tokens, or another width than in ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation_tokens import validate_tokens
    >>> X = [np.ones((3, 2)), np.array([[1.0, 2.0], [np.nan, np.nan]])]
    >>> tokens = validate_tokens(BaseEstimator(), X, missing_tokens="drop")
    >>> tokens.lengths
    array([3, 1])
    >>> tokens.read(1, 2)
    array([[1., 2.]])
    """
    name, reset = type(estimator).__name__, token_width is None
    # Column names only, and first, as in scikit-learn.
    validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)
    if _is_sequence_of_matrices(X):
        samples, from_table = _read_sequence(X, estimator), False
        width = samples[0].shape[1]
    else:
        samples = _read_array(X, estimator)
        width, from_table = samples.shape[-1], samples.ndim == 2
    n_parts = (n_tokens or 1) if from_table else 1
    if reset:
        estimator.n_features_in_ = width
    elif width != (expected := n_parts * token_width):
        raise ValueError(
            f"X has {width} features, but {name} is expecting {expected} features as "
            "input."
        )
    if from_table:
        samples = _fold(samples, n_parts)
    valid = _find_valid(samples, missing_tokens, name)
    _check_counts(samples, valid, cls_token)
    return Tokens(samples, valid, cls_token, from_table)


def _is_sequence_of_matrices(X):
    """Tell whether X is a list, tuple or 1-D object array of matrices."""
    if isinstance(X, np.ndarray):
        if X.ndim != 1 or X.dtype != object:
            return False
    elif not isinstance(X, list | tuple):
        return False
    return len(X) > 0 and (
        _depth(X[0]) == 2 or any(getattr(item, "ndim", 0) == 2 for item in X)
    )


def _depth(item):
    """Dimensions of an array, or of nested lists by their first entries."""
    if (ndim := getattr(item, "ndim", None)) is not None:
        return ndim
    if isinstance(item, list | tuple):
        return 1 + (_depth(item[0]) if item else 0)
    return np.asarray(item).ndim if hasattr(item, "__array__") else 0


def _read_sequence(X, estimator):
    """Return the matrices of a sequence, of real dtypes and of one width."""
    samples, name = [], type(estimator).__name__
    for i, item in enumerate(X):
        sample = item
        # check_array takes longer than many a sample's moments.
        if type(item) is not np.ndarray or item.dtype.kind not in "fiub":
            sample = _convert(item, i, estimator)
        if sample.ndim != 2 or len(sample) == 0:
            raise ValueError(
                f"Sample {i} of X has the shape {sample.shape}: {name} expects a "
                "matrix of shape (n_tokens, d) with at least one token for each sample."
            )
        if sample.shape[1] == 0:
            raise ValueError(_no_features(name, (len(sample), 0)))
        if samples and sample.shape[1] != samples[0].shape[1]:
            raise ValueError(
                f"Sample {i} of X has tokens of {sample.shape[1]} features, and sample "
                f"0 tokens of {samples[0].shape[1]}: {name} expects the same width of "
                "all samples."
            )
        samples.append(sample)
    return samples


def _convert(item, i, estimator):
    """Return a sample as an array of real numbers, or scikit-learn's error."""
    try:
        return check_array(
            item,
            dtype="numeric",
            allow_nd=True,
            ensure_2d=False,
            ensure_all_finite=False,
            ensure_min_samples=0,
            ensure_min_features=0,
            estimator=estimator,
            input_name="X",
        )
    except ValueError as error:
        raise ValueError(f"{error} This is sample {i} of X.") from error


def _read_array(X, estimator):
    """Return X as a table or as an array of tokens."""
    name = type(estimator).__name__
    if isinstance(X, list | tuple) and len(X) == 0:
        raise ValueError(
            "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is "
            f"required by {name}."
        )
    X = check_array(
        X,
        dtype="numeric",
        allow_nd=True,
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    if X.ndim > 3:
        raise ValueError(
            f"Found array with dim {X.ndim} (shape {X.shape}), while {name} expects "
            "(n_samples, n_tokens, n_features), (n_samples, n_columns), or a list of "
            "matrices of shape (n_tokens, n_features)."
        )
    if 0 in X.shape[1:]:
        # check_array looks at the features of 2-D input only.
        raise ValueError(_no_features(name, (len(X) * X.shape[1], 0)))
    return X


def _no_features(name, shape):
    return (
        f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is "
        f"required by {name}: samples need at least one token of one feature."
    )


def _fold(X, n_tokens):
    """Fold the rows of a table into tokens."""
    n, width = X.shape
    if width % n_tokens:
        raise ValueError(
            f"The {width} columns of X cannot be split into n_tokens={n_tokens} tokens "
            "of the same width."
        )
    return X.reshape(n, n_tokens, width // n_tokens)


def _find_valid(samples, missing_tokens, name):
    """Check that values are finite and return which tokens are present."""
    if missing_tokens == "error" and get_config()["assume_finite"]:
        return None
    valid = None
    for first, counts, rows in _blocks(samples):
        absent = _find_missing(rows, first, counts, missing_tokens, name)
        if absent is None:
            continue
        if valid is None:
            valid = _all_valid(samples)
        owners = _owners(first, counts, absent)
        positions = absent - (np.cumsum(counts) - counts)[owners - first]
        for i, position in zip(owners, positions, strict=True):
            valid[i][position] = False
    return valid


def _blocks(samples):
    """Iterate over the first sample of a block, the lengths of all, and the rows."""
    if isinstance(samples, np.ndarray):
        if samples.dtype.kind != "f":
            return
        n, length, d = samples.shape
        size = max(1, _FINITE_BLOCK // (length * d))
        for start in range(0, n, size):
            block = np.asarray(samples[start : start + size])
            yield start, np.full(len(block), length), block.reshape(-1, d)
        return
    ends = np.cumsum([sample.size for sample in samples])
    start = 0
    while start < len(samples):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + _FINITE_BLOCK, side="right"))
        stop = max(stop, start + 1)
        block = samples[start:stop]
        yield start, np.array([len(s) for s in block]), np.concatenate(block)
        start = stop


def _find_missing(rows, first, counts, missing_tokens, name):
    """Return the rows that are missing tokens, None if all values are finite."""
    if rows.dtype.kind != "f":
        return None
    if rows.dtype.itemsize < 4:
        rows = rows.astype(np.float32)
    # A finite sum has finite terms, and sums are cheap as products with ones.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = rows @ np.ones(rows.shape[1], dtype=rows.dtype)
    suspects = np.flatnonzero(~np.isfinite(sums))
    suspects = suspects[~np.isfinite(rows[suspects]).all(axis=1)]
    if len(suspects) == 0:
        return None
    nan = np.isnan(rows[suspects])
    infinite = np.isinf(rows[suspects]).any(axis=1)
    if infinite.any():
        i = _owners(first, counts, suspects[infinite][:1])[0]
        raise ValueError(
            "Input X contains infinity or a value too large for "
            f"{rows.dtype!r}: sample {i} is the first."
        )
    if missing_tokens == "error":
        i = _owners(first, counts, suspects[:1])[0]
        raise ValueError(
            f"Input X contains NaN: sample {i} is the first. {name} leaves out tokens "
            'that are NaN throughout if missing_tokens="drop".'
        )
    partial = ~nan.all(axis=1)
    if partial.any():
        i = _owners(first, counts, suspects[partial][:1])[0]
        raise ValueError(
            f"Input X contains NaN in a part of a token of sample {i}: only tokens "
            "that are NaN throughout are taken for missing."
        )
    return suspects


def _owners(first, counts, rows):
    """Return the samples to which rows of a block belong."""
    return first + np.searchsorted(np.cumsum(counts), rows, side="right")


def _all_valid(samples):
    if isinstance(samples, np.ndarray):
        return np.ones(samples.shape[:2], dtype=bool)
    return [np.ones(len(sample), dtype=bool) for sample in samples]


def _check_counts(samples, valid, cls_token):
    """Refuse samples without a token, or without one beside the first."""
    present = samples if valid is None else valid
    for i in range(len(samples)) if cls_token or valid is not None else ():
        if cls_token and (len(present[i]) < 2):
            raise ValueError(
                f"Sample {i} of X has fewer than 2 tokens: cls_token=True needs the "
                "class token and at least one other."
            )
        if valid is None:
            continue
        if cls_token and not valid[i][0]:
            raise ValueError(
                f"The class token, token 0, of sample {i} of X is missing."
            )
        if np.count_nonzero(valid[i]) <= cls_token:
            raise ValueError(f"Sample {i} of X has no token left: all are missing.")
