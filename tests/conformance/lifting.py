"""Run scikit-learn's 2-D checks on estimators of series, tokens, grids or images.

`lifted` makes a subclass whose methods turn every 2-D X into the estimator's own
layout before the estimator sees it, without touching scikit-learn. What X is (its
dtype, NaN, infinity, strings, its being a list or read-only) stays what it is, so that
the estimator, not the adapter, has to refuse it.
"""

import functools
import importlib
import inspect

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.utils._array_api import device, get_namespace, move_to
from sklearn.utils.metaestimators import available_if

METHODS = (
    "fit",
    "partial_fit",
    "fit_transform",
    "fit_predict",
    "transform",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "score_samples",
)


def _series(n_features, length=24):
    return np.repeat(np.arange(n_features)[:, None], length, axis=1)


def _rows(n_features, length=12):
    return np.repeat(np.arange(n_features)[None, :], length, axis=0)


def _grid(n_features, height=3, width=4):
    return np.broadcast_to(np.arange(n_features), (height, width, n_features))


def _image(n_features, height=16, width=16):
    return _grid(n_features, height, width)


# Where each value of a lifted sample comes from: the column of the 2-D X.
LIFTS = {
    "3d-series": _series,  # (n, p) -> (n, p, 24): channels that follow a time course
    "3d-rows": _rows,  # (n, p) -> (n, 12, p): tokens, or times of a node
    "4d-grid": _grid,  # (n, p) -> (n, 3, 4, p): patches
    "images": _image,  # (n, p) -> (n, 16, 16, p): images of p colour channels
    "ragged": _rows,  # (n, p) -> n arrays of 4 to 12 rows
}


def lift_array(X, lift):
    """Lift a 2-D array: each value is an affine function of one column of X."""
    columns = LIFTS[lift](X.shape[1])
    lifted = _affine(np.asarray(X), columns)
    if lift == "ragged":
        return [_cut(sample, row) for sample, row in zip(lifted, X, strict=True)]
    if X.flags.f_contiguous and not X.flags.c_contiguous:
        lifted = np.asfortranarray(lifted)
    lifted.setflags(write=X.flags.writeable)
    return lifted


def _affine(X, columns):
    rng = np.random.RandomState(0)
    slope = rng.uniform(0.5, 1.5, columns.shape)
    offset = rng.standard_normal(columns.shape)
    taken = X[:, columns]
    if X.dtype.kind in "fc":
        return (taken * slope + offset).astype(X.dtype)
    if X.dtype.kind in "iu":
        return np.rint(taken * slope + np.abs(offset)).astype(X.dtype)
    if X.dtype.kind == "O":
        try:
            return taken * slope + offset
        except TypeError:  # strings, dicts: for the estimator to refuse
            return taken
    return taken


def _cut(sample, row):
    # By the row alone: a sample must not change with its neighbours.
    if row.dtype.kind not in "fiu" or not np.isfinite(row).all():
        return sample
    return sample[: 4 + int(abs(row.sum())) % (len(sample) - 3)]


def lift_input(X, lift):
    """Lift X where it is two-dimensional; give it back as it is otherwise."""
    if sparse.issparse(X) or isinstance(X, np.matrix):
        return X
    if hasattr(X, "to_numpy"):
        return lift_input(X.to_numpy(), lift)
    if isinstance(X, (list, tuple)):
        return _lift_list(X, lift)
    if isinstance(X, np.ndarray):
        return lift_array(X, lift) if X.ndim == 2 else X
    if not hasattr(X, "shape") and hasattr(X, "__array__"):
        array = np.asarray(X)
        if array.ndim != 2:
            return X
        lifted = lift_array(array, lift)
        # No array holds samples of different lengths.
        ragged = lift == "ragged"
        return list(map(type(X), lifted)) if ragged else type(X)(lifted)
    return _lift_in_namespace(X, lift) if getattr(X, "ndim", 0) == 2 else X


def _lift_list(X, lift):
    try:
        array = np.asarray(X)
    except ValueError:
        return X
    if array.ndim != 2:
        return X
    lifted = lift_array(array, lift)
    return lifted if lift == "ragged" else lifted.tolist()


def _lift_in_namespace(X, lift):
    with config_context(array_api_dispatch=True):
        xp, _ = get_namespace(X)
        lifted = lift_array(move_to(X, xp=np, device="cpu"), lift)
        if lift == "ragged":
            return [xp.asarray(sample, device=device(X)) for sample in lifted]
        return xp.asarray(lifted, device=device(X))


@functools.cache
def lifted_class(base, lift):
    """Subclass of ``base`` whose methods lift their X."""

    def __sklearn_tags__(self):
        tags = base.__sklearn_tags__(self)
        # Images have no 2-D reading, their lift has.
        tags.input_tags.two_d_array = True
        return tags

    cls = type(base)(
        base.__name__,
        (base,),
        {
            "__module__": __name__,
            "__qualname__": _encode(base, lift),
            "__doc__": base.__doc__,
            "__sklearn_tags__": __sklearn_tags__,
        },
    )
    # Set after the class exists: scikit-learn would wrap the output of the methods
    # that it finds in the body a second time.
    for name in METHODS:
        if hasattr(base, name):
            setattr(cls, name, _lifted_method(cls, base, name, lift))
    return cls


def _lifted_method(cls, base, name, lift):
    @functools.wraps(getattr(base, name))
    def method(self, X, *args, **kwargs):
        inherited = getattr(super(cls, self), name)
        result = inherited(lift_input(X, lift), *args, **kwargs)
        if hasattr(X, "iloc") and hasattr(result, "iloc"):
            result.index = X.index  # the estimator saw an array without index
        return result

    if inspect.isfunction(inspect.getattr_static(base, name)):
        return method
    return available_if(lambda self: hasattr(super(cls, self), name))(method)


def lifted(estimator, lift):
    """Copy of an unfitted estimator that lifts every 2-D X."""
    return lifted_class(type(estimator), lift)(**estimator.get_params(deep=False))


# A lifted class is an attribute of this module under a name that says how to make it:
# pickle, joblib's workers and dask's find it by reference, in fresh processes too.


def _encode(base, lift):
    # pickle takes a dot for a nested class.
    return f"{lift}|{base.__module__.replace('.', '/')}|{base.__name__}"


def __getattr__(name):
    lift, _, path = name.partition("|")
    module, _, class_name = path.rpartition("|")
    if lift not in LIFTS or not module:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base = getattr(importlib.import_module(module.replace("/", ".")), class_name)
    return lifted_class(base, lift)
