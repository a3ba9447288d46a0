"""From scores of normal data to thresholds and p-values, and from patches to images."""

import math

import numpy as np
from scipy.special import chdtrc, chdtri


def threshold_order(n_scores, alpha):
    r"""Return which of the ascending scores is the threshold of level `alpha`.

    Parameters
    ----------
    n_scores : int
        Number of scores of normal units.

    alpha : float
        Chance, between 0 and 1, that a new normal unit exceeds the threshold.

    Returns
    -------
    order : int
        Place from 1 on; more than `n_scores` if they are too few for the level.

    Notes
    -----
    :math:`\lceil (1 - \alpha)(n + 1) \rceil`, the order statistic of conformal
    prediction, whatever rounding does to a product that is whole.

    Examples
    --------
    >>> from skextras.numerics.calibration import threshold_order
    >>> threshold_order(19, 0.05), threshold_order(100, 0.05), threshold_order(5, 0.05)
    (19, 96, 6)
    """
    return math.ceil((1 - alpha) * (n_scores + 1) - 1e-9)


def exceedance_p_values(scores, calibration):
    """Return conformal p-values: how many calibration scores are as large.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores of new units, larger for less normal ones.

    calibration : ndarray of shape (n_scores,)
        Ascending scores of normal units.

    Returns
    -------
    p_values : ndarray of shape (n_samples,)
        ``(1 + n_as_large) / (n_scores + 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.calibration import exceedance_p_values
    >>> exceedance_p_values(np.array([0.0, 3.0, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.5 , 0.25])
    """
    n_scores = len(calibration)
    n_smaller = np.searchsorted(calibration, scores, side="left")
    return (1 + n_scores - n_smaller) / (n_scores + 1)


def quadratic_form_limit(eigenvalues, alpha):
    r"""Return the upper quantile of a sum of squares of Gaussian variables.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_values,)
        Variances of the variables, none negative.

    alpha : float
        Chance, between 0 and 1, that the sum exceeds the limit.

    Returns
    -------
    limit : float
        Zero if all variances are.

    See Also
    --------
    quadratic_form_survival : The chance for a given limit.

    Notes
    -----
    The Hall-Buckley-Eagleson approximation [1]_ [2]_: with :math:`t_i = \sum_j
    \lambda_j^i`, a chi-square variable of :math:`\nu = t_2^3 / t_3^2` degrees of
    freedom, shifted and scaled to the mean :math:`t_1` and the variance :math:`2 t_2`,
    has the third moment of the sum too.

    References
    ----------
    .. [1] P. Hall, "Chi squared approximations to the distribution of a sum of
       independent random variables", The Annals of Probability, 11(4), 1983.

    .. [2] M. J. Buckley and G. K. Eagleson, "An approximation to the distribution of
       quadratic forms in normal random variables", Australian Journal of Statistics,
       30A(1), 1988.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.stats import chi2
    >>> from skextras.numerics.calibration import quadratic_form_limit
    >>> np.isclose(quadratic_form_limit(np.full(7, 2.0), 0.05), 2 * chi2.isf(0.05, 7))
    np.True_
    """
    scale, first, second, degrees = _quadratic_form(eigenvalues)
    if scale == 0:
        return 0.0
    quantile = chdtri(degrees, alpha)
    return scale * (first + (quantile - degrees) * math.sqrt(second / degrees))


def quadratic_form_survival(values, eigenvalues):
    """Return the chance that a sum of squares of Gaussian variables is larger.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Values of the sum.

    eigenvalues : ndarray of shape (n_values,)
        Variances of the variables, none negative.

    Returns
    -------
    p_values : ndarray of shape (n_samples,)
        By the approximation of `quadratic_form_limit`. If all variances are zero, 0
        for positive values and 1 for others.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.calibration import (
    ...     quadratic_form_limit, quadratic_form_survival
    ... )
    >>> eigenvalues = np.array([3.0, 1.0, 0.2])
    >>> limit = quadratic_form_limit(eigenvalues, 0.01)
    >>> quadratic_form_survival(np.array([0.0, limit]), eigenvalues).round(12)
    array([1.  , 0.01])
    """
    values = np.asarray(values, dtype=np.float64)
    scale, first, second, degrees = _quadratic_form(eigenvalues)
    if scale == 0:
        return np.where(values > 0, 0.0, 1.0)
    steps = (values / scale - first) * math.sqrt(degrees / second)
    # The function is undefined below zero, where nothing is.
    return chdtrc(degrees, np.maximum(degrees + steps, 0.0))


def _quadratic_form(eigenvalues):
    """The largest eigenvalue, and moments and degrees of freedom in units of it."""
    scale = float(np.max(eigenvalues, initial=0.0))
    if scale == 0:
        return 0.0, 0.0, 0.0, 0.0
    shares = eigenvalues / scale
    first, second, third = (float(np.sum(shares**i)) for i in (1, 2, 3))
    return scale, first, second, second**3 / third**2


def largest_mean(scores, fraction):
    """Return the mean of the largest scores of each row.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_scores)
        Scores, such as those of the patches of images.

    fraction : float
        Share of the scores that enters, rounded down to at least one.

    Returns
    -------
    means : ndarray of shape (n_rows,)
        The means, in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.calibration import largest_mean
    >>> scores = np.array([[1.0, 9.0, 5.0, 3.0]])
    >>> largest_mean(scores, 0.5), largest_mean(scores, 0.01)
    (array([7.]), array([9.]))
    """
    n_scores = scores.shape[1]
    start = n_scores - max(1, int(fraction * n_scores))
    largest = np.partition(scores, start, axis=1)[:, start:]
    return largest.mean(axis=1, dtype=np.float64)
