"""Mutual information from distances to nearest neighbours."""

import numpy as np
from scipy.special import digamma

from skextras.numerics.correlation import deviations


def continuous_scores(block, outcome, n_neighbors):
    r"""Estimate the mutual information of rows and a continuous outcome.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Variables, in range.

    outcome : ndarray of shape (n,)
        Outcome, in range. All are measured in units of their deviations.

    n_neighbors : int
        Number k of neighbours, below n.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        In nats; negative values occur near independence.

    Notes
    -----
    :math:`\psi(n) + \psi(k) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle`, the
    first estimator of [1]_: distances are maxima over both variables, and
    :math:`n_x, n_y` count the other samples nearer in one variable than the k-th
    neighbour. In data with ties, k becomes the number of samples no farther than the
    k-th neighbour, and :math:`n_x + 1` the number of other samples no farther in this
    variable, plus 1 if none of them lies exactly on the border; likewise
    :math:`n_y + 1`. Without ties this is the same, and one sample lies on one border.
    To leave out the border where no more than k samples lie within it yields values of
    up to 1 nat for independent variables on a lattice.

    Samples lie in strips of consecutive ranks of x, sorted by y within each.

    References
    ----------
    .. [1] A. Kraskov, H. Stögbauer and P. Grassberger, "Estimating mutual
       information", Physical Review E 69, 066138, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.neighbours import continuous_scores
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 2000))
    >>> continuous_scores(x[None], 0.6 * x + 0.8 * noise, 10).round(2)  # true: 0.22
    array([0.21])
    """
    from skextras.numerics import _neighbours_kernels as kernels

    n = len(outcome)
    strip = max(8, round(0.7 * np.sqrt(n * n_neighbors)))
    widths, y_width = deviations(block), deviations(outcome[None])[0]
    return kernels.continuous_scores(
        block,
        np.where(widths > 0, widths, 1.0),
        np.argsort(block, axis=1),
        outcome,
        y_width if y_width > 0 else 1.0,
        np.argsort(outcome),
        n_neighbors,
        strip,
        _digamma_table(n),
    )


def class_scores(block, codes, n_classes, n_neighbors):
    r"""Estimate the mutual information of continuous variables and classes.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n) or (1, n)
        Variables.

    codes : ndarray of int32 of shape (n_rows, n) or (1, n)
        Codes of the classes. One row serves all rows of the other.

    n_classes : int
        Number of classes.

    n_neighbors : int
        Number k of neighbours; a class of N members looks at N - 1 at most.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        In nats; negative values occur near independence.

    Notes
    -----
    :math:`\psi(N) + \langle \psi(k_c) - \psi(N_c) - \psi(m) \rangle` [1]_, where m
    counts the samples of all classes nearer than the k-th neighbour of the own class,
    with the sample itself. In data with ties, k_c becomes the number of samples of the
    class no farther than that neighbour, and m the number of other samples of all
    classes no farther, which without ties is the same. Classes of one member are left
    out.

    References
    ----------
    .. [1] B. C. Ross, "Mutual information between discrete and continuous data sets",
       PLoS ONE 9(2), e87357, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.neighbours import class_scores
    >>> codes = np.arange(1000, dtype=np.int32)[None] % 2
    >>> x = np.random.default_rng(0).standard_normal((1, 1000)) + 3 * codes
    >>> class_scores(x, codes, 2, 10).round(2)  # true: 0.53
    array([0.57])
    """
    from skextras.numerics import _neighbours_kernels as kernels

    orders, psi = np.argsort(block, axis=1), _digamma_table(block.shape[1])
    return kernels.class_scores(block, orders, codes, n_classes, n_neighbors, psi)


def _digamma_table(n):
    """Digamma of 0 (unused) to n."""
    return np.concatenate([[0.0], digamma(np.arange(1, n + 1, dtype=np.float64))])
