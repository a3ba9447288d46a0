"""One estimator on one layout of data, with what the own checks do to it."""

import zlib
from functools import cached_property

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import set_random_state

from conformance.lifting import lift_array

# Without predict_log_proba: where a probability vanishes, rounding rules its logarithm.
OUTPUT_METHODS = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
)


class Case:
    """An estimator class, its entry, and data of one layout.

    Parameters
    ----------
    cls : type
        The estimator class; it is used with its defaults, or what stands in for them,
        and `random_state=0`.

    entry : Entry
        What the tests know about it.

    layout : str
        "2d" or one of the entry's lifts.
    """

    def __init__(self, cls, entry, layout):
        self.cls, self.entry, self.layout = cls, entry, layout
        self.name = cls.__name__
        self.X, self.y = self.make_data(entry.n_samples)

    def make_data(self, n_samples, seed=0):
        """Draw X and y; the same seed gives the same first samples."""
        estimator = self.cls()
        # Of the layout alone, so that no other estimator's data change with it.
        rng = np.random.default_rng([seed, zlib.crc32(self.layout.encode())])
        if is_regressor(estimator):
            y = rng.standard_normal(n_samples)
        else:
            tags = get_tags(estimator).classifier_tags
            n_classes = 2 if tags is not None and not tags.multi_class else 3
            y = np.arange(n_samples) % n_classes
        make = self.entry.data.get(self.layout)
        X = make(y, rng) if make else _columns_along(y, rng, self.layout)
        if get_tags(estimator).target_tags.single_output:
            return X, y
        return X, y[:, None]

    def new(self, **params):
        """Unfitted estimator made by its constructor."""
        defaults = {**self.cls().get_params(deep=False), **self.entry.stand_in}
        estimator = self.cls(**{**defaults, **params})
        if "random_state" not in params:
            set_random_state(estimator)
        return estimator

    def fit(self, X=None, y=None, **params):
        """Fitted estimator, on the case's data unless others are given."""
        X, y = (self.X if X is None else X), (self.y if y is None else y)
        return self.new(**params).fit(X, y)

    def outputs(self, fitted, X=None):
        """Every output of a fitted estimator for X, by name."""
        X = self.X if X is None else X
        outputs = {m: as_array(getattr(fitted, m)(X)) for m in self.methods(fitted)}
        return outputs | {
            name: as_array(getattr(fitted, name)) for name in self.entry.observe
        }

    def methods(self, fitted):
        """Names of the output methods that a fitted estimator has."""
        return [method for method in OUTPUT_METHODS if hasattr(fitted, method)]

    @cached_property
    def reference(self):
        """Outputs of a plain fit."""
        return self.outputs(self.fit())

    def assert_same(self, actual, expected=None, *, rtol=None, what):
        """Fail, naming the outputs, unless two dictionaries of outputs agree."""
        expected = self.reference if expected is None else expected
        rtol = self.entry.rounding if rtol is None else rtol
        difference = differences(actual, expected, rtol)
        assert not difference, f"{what}: " + "; ".join(difference)


def _columns_along(target, rng, layout, n_features=6):
    direction = np.linspace(1.0, 2.0, n_features)
    X = 3.0 * target[:, None] * direction
    X = X + rng.standard_normal((len(target), n_features))
    if layout == "2d":
        return X
    X = lift_array(X, layout)
    if isinstance(X, list):
        return [sample + 0.3 * rng.standard_normal(sample.shape) for sample in X]
    return X + 0.3 * rng.standard_normal(X.shape)


def as_array(output):
    """Turn an output into an array that can be compared."""
    return output.toarray() if hasattr(output, "toarray") else np.asarray(output)


def take(X, index):
    """Samples of an array or of a list."""
    return [X[i] for i in index] if isinstance(X, list) else X[index]


def map_samples(function, X):
    """Apply a function to an array, or to each sample of a ragged list."""
    return list(map(function, X)) if isinstance(X, list) else function(X)


def differences(actual, expected, rtol):
    """Describe in words where two dictionaries of outputs differ."""
    if actual.keys() != expected.keys():
        return [f"outputs {sorted(actual)} instead of {sorted(expected)}"]
    found = []
    for name, a in actual.items():
        b = expected[name]
        if a.shape != b.shape:
            found.append(f"{name} has shape {a.shape} instead of {b.shape}")
        elif not _is_real(a) or not _is_real(b):
            if not np.array_equal(a, b):
                found.append(f"{name} differs")
        elif not _close(a, b, rtol):
            found.append(f"{name} differs by {_distance(a, b):.1e} of its largest")
    return found


def _is_real(array):
    return np.issubdtype(array.dtype, np.number)


def _close(a, b, rtol):
    if rtol == 0 or a.dtype.kind in "iu":
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    return bool((finite == np.isfinite(a)).all()) and _distance(a, b) <= rtol


def _distance(a, b):
    """Largest difference relative to the largest finite value of ``b``."""
    finite = np.isfinite(a) & np.isfinite(b)
    if not finite.any():
        return 0.0
    a, b = a[finite].astype(float), b[finite].astype(float)
    difference, size = np.abs(a - b).max(), np.abs(b).max()
    return float(difference / size) if size > 0 else float(difference)
