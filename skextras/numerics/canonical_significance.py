"""Tests of canonical correlations: Rao's F and a permutation test."""

import numpy as np
from scipy.stats import f as f_distribution

# Statistics of equal permutations differ in their last digits.
_SLACK = 1e-12


def rao_test(correlations, n_rows, ranks):
    r"""Return p-values of Rao's F approximation to Wilks' lambda.

    Parameters
    ----------
    correlations : ndarray of shape (min(ranks),)
        All canonical correlations, in descending order.

    n_rows : int
        Number of rows.

    ranks : tuple of (int, int)
        Ranks of the two views.

    Returns
    -------
    p_values : ndarray of shape (min(ranks),)
        Of the hypotheses that the correlations from the j-th on are all zero.

    statistics : ndarray of shape (min(ranks),)
        The values of F.

    degrees : ndarray of shape (min(ranks), 2)
        Their degrees of freedom.

    Notes
    -----
    For j = 0, 1, ... with :math:`A = p - j`, :math:`B = q - j`,
    :math:`\Lambda = \prod_{i \ge j} (1 - \rho_i^2)` and
    :math:`v = \sqrt{(A^2 B^2 - 4) / (A^2 + B^2 - 5)}` (1 where A² + B² is at most 5),

    .. math:: F = \frac{1 - \Lambda^{1/v}}{\Lambda^{1/v}} \frac{d_2}{d_1}, \quad
        d_1 = A B, \quad d_2 = \left(n - 1 - \tfrac{p + q + 1}{2}\right) v
        - \tfrac{A B}{2} + 1 .

    It needs normal rows, and n well above p + q.

    References
    ----------
    .. [1] C. R. Rao, "Linear statistical inference and its applications", 2nd edition,
       Wiley, 1973.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical_significance import rao_test
    >>> p_values, statistics, degrees = rao_test(np.array([0.5]), 20, (1, 1))
    >>> p_values.round(4), degrees
    (array([0.0248]), array([[ 1., 18.]]))
    """
    p, q = ranks
    j = np.arange(len(correlations))
    a, b = p - j, q - j
    # Sums of logarithms from the last on: the product for every j at once.
    terms = np.log1p(-np.square(correlations))
    log_lambda = np.cumsum(terms[::-1])[::-1]
    square = a**2 + b**2 - 5
    root = np.sqrt(
        np.where(square > 0, (a * b) ** 2 - 4, 1) / np.where(square > 0, square, 1)
    )
    first = a * b
    second = (n_rows - 1 - (p + q + 1) / 2) * root - first / 2 + 1
    statistics = np.expm1(-log_lambda / root) * second / first
    p_values = f_distribution.sf(statistics, first, second)
    return p_values, statistics, np.column_stack([first, second]).astype(float)


def permutation_test(left, right, n_components, permutations):
    r"""Return p-values from permuted rows of the second view.

    Parameters
    ----------
    left, right : ndarray of shape (n_rows, rank_i)
        Coordinates of the centred rows of the two views in whitened bases.

    n_components : int
        Number of components tested, at most the smaller rank.

    permutations : iterable of ndarray of shape (n_rows,)
        Orders of the rows.

    Returns
    -------
    p_values : ndarray of shape (n_components,)
        (1 + number of permutations whose statistic is not smaller) / (1 + their
        number), made non-decreasing over components.

    Notes
    -----
    With the singular vectors :math:`E_1^\top E_2 = U S V^\top`, all of them, and
    :math:`M = (E_1 U)^\top (E_2 V)_{\text{permuted}}`, the j-th statistic is
    :math:`\sum_{a, b \ge j} M_{ab}^2`: what remains when the components before the
    j-th are removed from both views [1]_. Under shrinkage this holds of the first
    component only.

    References
    ----------
    .. [1] A. M. Winkler, O. Renaud, S. M. Smith and T. E. Nichols, "Permutation
       inference for canonical correlation analysis", NeuroImage 220, 117065, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical_significance import permutation_test
    >>> rng = np.random.default_rng(0)
    >>> x = np.linspace(-1, 1, 30)[:, None]
    >>> orders = (rng.permutation(30) for _ in range(99))
    >>> permutation_test(x, x, 1, orders)
    array([0.01])
    """
    u, _, vt = np.linalg.svd(left.T @ right, full_matrices=True)
    left, right = left @ u, right @ vt.T
    observed = _tail_sums(left.T @ right, n_components) * (1 - _SLACK)
    exceeding, count = np.ones(n_components), 1
    for order in permutations:
        exceeding += _tail_sums(left.T @ right[order], n_components) >= observed
        count += 1
    return np.maximum.accumulate(exceeding / count)


def _tail_sums(matrix, n_components):
    """Return the sums of squares of the lower right blocks that start at (j, j)."""
    squares = matrix * matrix
    sums = squares[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    return np.diagonal(sums)[:n_components].copy()
