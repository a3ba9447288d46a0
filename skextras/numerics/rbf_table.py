"""Weighted tables: equal rows folded into one, columns in standard units."""

from typing import NamedTuple

import numpy as np

# Columns whose spread is rounding error, in relation to their mean.
_RELATIVE_SPREAD = 1e-12
_GRID = 2.0**26


def fold_rows(X, Y, weights):
    """Drop rows without weight, and merge equal ones, in an order of their own.

    What is computed from the result is, bit for bit, the same for a weight as for
    repetitions of the row, and for any order of the rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs.

    Y : ndarray of shape (n_rows, n_outputs)
        The targets.

    weights : ndarray of shape (n_rows,)
        Weights, not negative.

    Returns
    -------
    X : ndarray of shape (n_folded, n_features)
        Inputs, sorted; a new array.

    Y : ndarray of shape (n_folded, n_outputs)
        Targets, sorted among equal inputs; a new array.

    weights : ndarray of shape (n_folded,)
        Sums of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_table import fold_rows
    >>> X, Y = np.array([[2.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [0.0]])
    >>> X, Y, weights = fold_rows(X, Y, np.array([0.5, 1.0, 0.25]))
    >>> X.ravel(), weights
    (array([1., 2.]), array([1.  , 0.75]))
    """
    # The last key counts most. Among equal rows the weights are sorted too: their sum
    # must not depend on the order in which they came.
    keys = (weights, *Y.T[::-1], *X.T[::-1])
    order = np.lexsort(keys)
    order = order[weights[order] > 0]
    # Adding 0 makes one of the two zeros that compare as equal.
    X, Y, weights = X[order] + 0.0, Y[order] + 0.0, weights[order]
    first = np.ones(len(X), dtype=bool)
    first[1:] = (X[1:] != X[:-1]).any(axis=1) | (Y[1:] != Y[:-1]).any(axis=1)
    if first.all():
        return X, Y, weights
    return X[first], Y[first], np.add.reduceat(weights, np.flatnonzero(first))


class Units(NamedTuple):
    """Mean and scale of each column.

    Parameters
    ----------
    mean : ndarray of shape (n_columns,)
        The means.

    scale : ndarray of shape (n_columns,)
        The standard deviations, 1 for constant columns.

    varies : ndarray of shape (n_columns,)
        Which columns are not constant.
    """

    mean: np.ndarray
    scale: np.ndarray
    varies: np.ndarray

    def standardise(self, X):
        """Express columns in their units, those constant in training in raw ones.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            The columns.

        Returns
        -------
        X : ndarray of shape (n_rows, n_columns)
            A new array.
        """
        # Powers of two change no digit and keep what is finite from overflowing.
        unit = _power_of_two(self.scale)
        scaled = X / unit
        scaled -= self.mean / unit
        scaled /= self.scale / unit
        return scaled


def column_units(X, weights, *, scaled=True):
    """Compute weighted means and standard deviations of columns.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The columns.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    scaled : bool, default=True
        Whether to measure the scales; else they are 1.

    Returns
    -------
    units : Units
        Means and scales.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_table import column_units
    >>> column_units(np.array([[1.0, 3.0], [1.0, 5.0]]), np.ones(2)).scale
    array([1., 1.])
    """
    unit = _power_of_two(np.abs(X).max(axis=0))
    columns = X / unit
    share = weights / weights.sum()
    mean = share @ columns
    spread = np.sqrt(share @ np.square(columns - mean))
    equal = (X[0] == X).all(axis=0)
    # A mean of equal values may differ from them by rounding.
    mean = np.where(equal, X[0], mean * unit)
    varies = ~equal & (spread > _RELATIVE_SPREAD * np.abs(mean / unit))
    scale = np.where(varies & scaled, spread * unit, 1.0)
    return Units(mean, scale, varies)


def _power_of_two(values):
    """Largest powers of two up to the values, 1 for zeros."""
    exponents = np.frexp(values)[1] - 1
    return np.where(values == 0, 1.0, np.ldexp(1.0, exponents))


def standard_columns(X, units, *, rounded):
    """Express training columns in their units; constant ones become 0.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The columns.

    units : Units
        Their units.

    rounded : bool
        Whether to round to multiples of 2**-26. The optimiser amplifies differences in
        the last bit to visible ones; rounded, a change of units makes none.

    Returns
    -------
    X : ndarray of shape (n_rows, n_columns)
        A new array.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_table import column_units, standard_columns
    >>> X = np.array([[1.0, 3.0], [1.0, 7.0]])
    >>> standard_columns(X, column_units(X, np.ones(2)), rounded=True)
    array([[ 0., -1.],
           [ 0.,  1.]])
    """
    scaled = units.standardise(X)
    scaled[:, ~units.varies] = 0.0
    if rounded:
        scaled *= _GRID
        np.rint(scaled, out=scaled)
        scaled /= _GRID
    # Rounding leaves negative zeros, which sort apart from the others.
    scaled += 0.0
    return scaled
