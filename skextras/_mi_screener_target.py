"""The outcome: what kind it is, and its codes or values."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d


class Target(NamedTuple):
    """A validated outcome.

    Parameters
    ----------
    values : ndarray of shape (n,) or None
        The outcome, if it is continuous.

    codes : ndarray of int32 of shape (n,) or None
        Codes of the classes, if it is discrete.

    classes : ndarray of shape (n_classes,) or None
        The classes, if it is discrete.
    """

    values: Any
    codes: Any
    classes: Any

    @property
    def discrete(self):
        """Whether the outcome has classes."""
        return self.codes is not None

    @property
    def n(self):
        """Number of samples."""
        return len(self.codes if self.discrete else self.values)

    @property
    def constant(self):
        """Whether all samples have the same outcome."""
        known = self.codes if self.discrete else self.values
        return bool((known == known[0]).all())

    @property
    def counts(self):
        """Members of each class."""
        return np.bincount(self.codes, minlength=len(self.classes))

    def take(self, rows):
        """Return the outcome of some rows, with all its classes."""
        if self.discrete:
            return self._replace(codes=self.codes[rows])
        return self._replace(values=self.values[rows])


def read_target(y, target_type, classes=None):
    """Validate an outcome and settle its kind.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels or reals.

    target_type : {"auto", "continuous", "discrete"}
        What y is; "auto" decides by its values.

    classes : array-like or None, default=None
        All labels that may occur, which makes y discrete.

    Returns
    -------
    target : Target
        The outcome.

    ambiguous : bool
        Whether "auto" has taken integers for reals, of which the user is to know.

    Raises
    ------
    ValueError
        If y has NaN, infinity, more than one column, or labels that cannot be sorted
        or are no numbers where these are needed.

    Examples
    --------
    >>> from skextras._mi_screener_target import read_target
    >>> read_target(["b", "a", "b"], "auto")[0].codes
    array([1, 0, 1], dtype=int32)
    >>> read_target([0.5, 1.5, 2.0], "auto")[0].discrete
    False
    """
    y = _check_values(column_or_1d(y, warn=True))
    if classes is not None:
        return _discrete(y, np.unique(np.asarray(classes))), False
    if target_type == "discrete":
        return _discrete(y, _levels(y)), False
    if target_type == "continuous":
        return Target(_reals(y), None, None), False
    if y.dtype.kind not in "iuf":
        return _discrete(y, _levels(y)), False
    # Floats beyond 2**53 are whole numbers whatever they stand for.
    if y.dtype.kind == "f" and ((y != np.floor(y)).any() or np.abs(y).max() > 2**53):
        return Target(_reals(y), None, None), False
    levels = np.unique(y)
    if len(levels) > max(20, len(y) / 20):
        return Target(_reals(y), None, None), True
    return _discrete(y, levels), False


def _check_values(y):
    """Refuse missing and infinite outcomes; make objects what they hold."""
    if y.dtype.kind == "O":
        if any(value is None or value != value for value in y):
            raise ValueError("Input y contains NaN.")
        if not all(isinstance(value, str) for value in y):
            # Numbers and booleans get their type back; a mixture stays as it is.
            kinds = {type(value) for value in y}
            y = np.array(y.tolist()) if len(kinds) == 1 else y
    if y.dtype.kind in "cmMV":
        raise ValueError(f"Unknown label type: y is of dtype {y.dtype}.")
    assert_all_finite(y, input_name="y")
    return y


def _levels(y):
    try:
        return np.unique(y)
    except TypeError as error:
        raise ValueError(
            f"Unknown label type: the labels of y cannot be sorted ({error})."
        ) from error


def _discrete(y, levels):
    """Code the labels; refuse one that is not among the levels."""
    codes = np.minimum(np.searchsorted(levels, y), len(levels) - 1)
    strange = levels[codes] != y
    if np.any(strange):
        raise ValueError(
            f"y has the label {y[np.argmax(strange)]!r}, which is not among those of "
            f"the first block, {levels.tolist()}. Pass all labels as classes."
        )
    return Target(None, codes.astype(np.int32), levels)


def _reals(y):
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'target_type="continuous" needs numbers, got y of dtype {y.dtype}: '
            f"{error}."
        ) from error
