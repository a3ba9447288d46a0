"""Laws of scores at independence, known by a few moments."""

import numpy as np
from scipy.special import gammainc, gammaincc, ndtr


def gamma_tail(values, mean, variance):
    """Return the upper tail of gamma distributions given by mean and variance.

    Parameters
    ----------
    values : ndarray
        Where the tail begins.

    mean, variance : ndarray or float
        Of the distributions. One of mean 0 is concentrated at 0.

    Returns
    -------
    tail : ndarray
        Probability of a greater value; 1 for values of 0 or below.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.null_laws import gamma_tail
    >>> gamma_tail(np.array([1.0, 0.0]), 1.0, 1.0).round(4)  # exponential
    array([0.3679, 1.    ])
    """
    values, mean, variance = np.broadcast_arrays(values, mean, variance)
    proper = (mean > 0) & (variance > 0)
    mean, variance = np.where(proper, mean, 1.0), np.where(proper, variance, 1.0)
    tail = gammaincc(mean**2 / variance, np.maximum(values, 0.0) * mean / variance)
    return np.where(proper, tail, 1.0)


def three_moments(sample):
    """Return mean, standard deviation and skewness of a sample.

    Parameters
    ----------
    sample : ndarray of shape (n,)
        Values.

    Returns
    -------
    moments : ndarray of shape (3,)
        The skewness of a constant sample is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.null_laws import three_moments
    >>> three_moments(np.array([0.0, 0.0, 3.0])).round(4)
    array([1.    , 1.4142, 0.7071])
    """
    mean, deviation = sample.mean(), sample.std()
    if not deviation > 0:
        return np.array([mean, 0.0, 0.0])
    return np.array([mean, deviation, (((sample - mean) / deviation) ** 3).mean()])


def pearson3_tail(values, mean, deviation, skewness):
    """Return the upper tail of Pearson's type III distributions.

    Parameters
    ----------
    values : ndarray
        Where the tail begins.

    mean, deviation, skewness : ndarray or float
        Of the distributions.

    Returns
    -------
    tail : ndarray
        Probability of a greater value.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.null_laws import pearson3_tail
    >>> pearson3_tail(np.array([0.0, 1.0]), 0.0, 1.0, [0.0, 2.0]).round(4)
    array([0.5   , 0.1353])
    """
    values, mean, deviation, skewness = np.broadcast_arrays(
        np.asarray(values, np.float64), mean, deviation, skewness
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, (values - mean) / deviation, 0.0)
        # A gamma distribution of this shape, shifted and, for left skew, turned.
        shape = 4.0 / np.square(skewness)
        argument = np.maximum(shape + z * 2.0 / skewness, 0.0)
        tail = np.where(
            skewness > 0, gammaincc(shape, argument), gammainc(shape, argument)
        )
    # Beyond a shape of 1e8 the gamma functions lose digits and the law is normal.
    return np.where(np.abs(skewness) > 2e-4, tail, ndtr(-z))
