"""Correlations of columns with one outcome, whatever their offset and scale."""

import numpy as np
from scipy.special import betainc


def standardise(block):
    """Centre rows and scale them to unit standard deviation.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    Returns
    -------
    scaled : ndarray of shape (n_rows, n)
        In float64; 0 for constant rows.

    Notes
    -----
    Rows are brought into range by a power of two and then measured from their first
    value, neither of which costs a digit of rows with a large offset; the mean goes
    last.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import standardise
    >>> standardise(np.array([[1e200, 3e200], [1e10, 1e10 + 1]]))
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    scaled = in_range(block)
    scaled -= scaled[:, :1].copy()
    scaled /= _one_where_zero(np.abs(scaled).max(axis=1))[:, None]
    scaled -= scaled.mean(axis=1, keepdims=True)
    scaled /= _one_where_zero(scaled.std(axis=1))[:, None]
    return scaled


def in_range(block):
    """Divide rows by powers of two, so that neither they nor squares leave the range.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    Returns
    -------
    scaled : ndarray of shape (n_rows, n)
        In float64, below 1 in size. Nothing is rounded: differences that were equal
        still are.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import in_range
    >>> in_range(np.array([[6.0, -2.0]]))
    array([[ 0.75, -0.25]])
    """
    scaled = block.astype(np.float64)
    # Within what a factor can be: extreme powers leave the range of float64.
    power = np.clip(np.frexp(np.abs(scaled).max(axis=1))[1], -1000, 1000)
    scaled *= np.ldexp(1.0, -power)[:, None]
    return scaled


def deviations(block):
    """Return the standard deviations of rows, whatever their offset.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Values in range.

    Returns
    -------
    deviations : ndarray of shape (n_rows,)
        0 for constant rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import deviations
    >>> deviations(np.array([[1e10, 1e10 + 2]]))
    array([1.])
    """
    return (block - block[:, :1]).std(axis=1)


def correlations(block, outcome):
    """Return the correlation of each row with an outcome.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    outcome : ndarray of shape (n,)
        The outcome, standardised.

    Returns
    -------
    r : ndarray of shape (n_rows,)
        Within -1 and 1; 0 for constant rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import correlations, standardise
    >>> y = standardise(np.array([[0.0, 1.0, 2.0]]))[0]
    >>> correlations(np.array([[1e10, 1e10 + 1, 1e10 + 2], [3.0, 3.0, 3.0]]), y)
    array([1., 0.])
    """
    return np.clip(standardise(block) @ outcome / len(outcome), -1.0, 1.0)


def correlation_p_values(r, n):
    """Return two-sided p-values of correlations of independent normal variables.

    Parameters
    ----------
    r : ndarray
        Correlations.

    n : int or ndarray
        Number of samples; 1 is the p-value of two or fewer.

    Returns
    -------
    p_values : ndarray
        Those of Student's t with n - 2 degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import correlation_p_values
    >>> correlation_p_values(np.array([0.0, 0.5]), 20).round(4)
    array([1.    , 0.0248])
    """
    r, n = np.broadcast_arrays(np.asarray(r, np.float64), n)
    half = np.maximum(n - 2, 1) / 2
    return np.where(n > 2, betainc(half, 0.5, (1 - r) * (1 + r)), 1.0)


def correlation_information(r):
    """Return the mutual information of normal variables of a correlation.

    Parameters
    ----------
    r : ndarray
        Correlations.

    Returns
    -------
    information : ndarray
        Half of -log(1 - r**2), in nats; infinite for correlations of one.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.correlation import correlation_information
    >>> correlation_information(np.array([0.0, 0.6])).round(4)
    array([0.    , 0.2231])
    """
    with np.errstate(divide="ignore"):
        # Not -log / 2, which is -0 for independent variables.
        return 0.5 * np.abs(np.log1p(-np.square(r)))


def _one_where_zero(values):
    return np.where(values > 0, values, 1.0)
