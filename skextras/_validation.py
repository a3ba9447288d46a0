"""Checks of the input that scikit-learn's own do not cover."""

import sys

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import validate_data

# Values whose finiteness is looked at in one go.
_FINITE_BLOCK = 1 << 20


def validate_series(estimator, X, *, reset, ensure_min_times=1):
    """Validate multichannel series, reading 2-D input as one channel per sample.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_``, ``n_channels_in_`` and, for data frames and MNE
        objects, ``feature_names_in_`` when ``reset`` is true.

    X : array-like of shape (n_epochs, n_channels, n_times) or (n_epochs, n_times), \
            mne.BaseEpochs, or list of mne.BaseEpochs
        The series. Of MNE objects the good data channels are taken, in SI units.

    reset : bool
        Whether to learn the input's layout (``fit``) or to check against it.

    ensure_min_times : int, default=1
        Least number of samples of 2-D input.

    Returns
    -------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The validated series, of any real or integer dtype.

    Raises
    ------
    ValueError
        If X has another number of dimensions, is empty along one, has NaN or infinite
        values, or has other channels or, if it is 2-D, other times than in ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation import validate_series
    >>> estimator = BaseEstimator()
    >>> validate_series(estimator, np.ones((5, 20)), reset=True).shape
    (5, 1, 20)
    >>> estimator.n_features_in_, estimator.n_channels_in_
    (20, 1)
    """
    original, names = X, None
    if _is_epochs(X) or _is_list_of_epochs(X):
        original, names = _read_epochs(X)
    if names is None:
        # Column names only, and first, as in scikit-learn.
        validate_data(
            estimator, original, reset=reset, skip_check_array=True, ensure_2d=False
        )
    X = check_array(
        original,
        dtype="numeric",
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_features=ensure_min_times,
        estimator=estimator,
        input_name="X",
    )
    _check_shape(estimator, X, reset)
    if names is not None:
        _check_channel_names(estimator, names, reset)
    X = X[:, None, :] if X.ndim == 2 else X
    _check_finite(X)
    return X


def _is_epochs(X):
    # Whoever holds an MNE object has imported MNE: there is no need to do it here.
    mne = sys.modules.get("mne")
    return mne is not None and isinstance(X, mne.BaseEpochs)


def _is_list_of_epochs(X):
    """Tell whether X is what scikit-learn's splitters make of MNE epochs."""
    return isinstance(X, list | tuple) and len(X) > 0 and all(map(_is_epochs, X))


def _read_epochs(X):
    """Data of the good data channels of (a list of) epochs, and the names of these."""
    pieces = [X] if _is_epochs(X) else X
    names, layout, data = None, None, []
    for piece in pieces:
        if layout != (piece.ch_names, piece.info["bads"]):
            layout = (piece.ch_names, piece.info["bads"])
            found = piece[:1].pick("data", exclude="bads").ch_names
            if names is not None and found != names:
                raise ValueError(
                    f"The epochs of the list have different channels: {names} and "
                    f"{found}."
                )
            names = found
        data.append(piece.get_data(picks=names))
    return np.concatenate(data) if len(data) > 1 else data[0], names


def _check_shape(estimator, X, reset):
    """Check the dimensions of X; learn or check the number of channels or times."""
    name = type(estimator).__name__
    if X.ndim > 3:
        raise ValueError(
            f"Found array with dim {X.ndim} (shape {X.shape}), while {name} expects "
            "(n_epochs, n_channels, n_times) or (n_epochs, n_times)."
        )
    if 0 in X.shape[1:]:
        # check_array looks at the features of 2-D input only.
        raise ValueError(
            f"Found array with 0 feature(s) (shape=({X.shape[0]}, 0)) while a minimum "
            f"of 1 is required by {name}: the shape of X is {X.shape}."
        )
    n_features, n_channels = X.shape[1], 1 if X.ndim == 2 else X.shape[1]
    if reset:
        estimator.n_features_in_ = n_features
        estimator.n_channels_in_ = n_channels
        return
    if X.ndim == 2 and estimator.n_channels_in_ != 1:
        raise ValueError(
            f"X of shape {X.shape} is read as one channel per sample, but {name} is "
            f"expecting {estimator.n_channels_in_} channels."
        )
    if X.ndim == 3:
        what, expected = "channels", estimator.n_channels_in_
    else:
        # A single feature was the one channel of 3-D input, whose times are free.
        what, expected = "times", estimator.n_features_in_
        if expected == 1:
            return
    if n_features != expected:
        raise ValueError(
            f"X has {n_features} features, but {name} is expecting {expected} features "
            f"as input: these are the {what} of X, whose shape is {X.shape}."
        )


def _check_channel_names(estimator, names, reset):
    """Learn the channel names of MNE input or compare them with those of ``fit``."""
    if reset:
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    elif list(getattr(estimator, "feature_names_in_", names)) != names:
        raise ValueError(
            f"The channel names of X should be those seen in fit: expected "
            f"{list(estimator.feature_names_in_)}, got {names}."
        )


def _check_finite(X):
    """Raise scikit-learn's error about NaN or infinity, naming the first bad epoch."""
    if X.dtype.kind != "f" or get_config()["assume_finite"]:
        return
    epochs_per_block = max(1, _FINITE_BLOCK // (X.shape[1] * X.shape[2]))
    ones = np.ones(X.shape[2], dtype=X.dtype)
    for block in gen_batches(X.shape[0], epochs_per_block):
        # A finite sum has finite terms, and sums are cheap as products with ones.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(X[block] @ ones).all():
                continue
        finite = np.isfinite(X[block]).all(axis=(1, 2))
        if not finite.all():
            epoch = block.start + int(np.argmin(finite))
            what = (
                "NaN"
                if np.isnan(X[epoch]).any()
                else f"infinity or a value too large for {X.dtype!r}"
            )
            raise ValueError(f"Input X contains {what}: epoch {epoch} is the first.")
