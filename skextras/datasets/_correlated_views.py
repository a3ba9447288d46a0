"""A simulator of two views with known canonical correlations."""

import numpy as np
from sklearn.utils import check_random_state


def make_correlated_views(
    n_samples=1000,
    n_features=(20, 15),
    correlations=(0.9, 0.6, 0.3),
    *,
    condition=10.0,
    random_state=None,
):
    """Draw two views of normal columns with given canonical correlations.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.

    n_features : tuple of (int, int), default=(20, 15)
        Number of columns of the two views.

    correlations : sequence of float, default=(0.9, 0.6, 0.3)
        Canonical correlations of the population, from 0 to 1, at most as many as the
        narrower view has columns; the others are 0.

    condition : float, default=10.0
        Ratio of the largest to the smallest eigenvalue of the covariance matrix of
        each view, at least 1.

    random_state : int, RandomState instance or None, default=None
        Determines the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features[0])
        The first view.

    Y : ndarray of shape (n_samples, n_features[1])
        The second view.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    The j-th columns of two standard normal matrices get the j-th correlation; each
    view is then multiplied by a random matrix whose singular values are spread evenly
    on a logarithmic scale.

    Examples
    --------
    >>> from skextras import UnconstrainedCCA
    >>> from skextras.datasets import make_correlated_views
    >>> X, Y = make_correlated_views(20_000, random_state=0)
    >>> UnconstrainedCCA(3).fit(X, Y).canonical_correlations_.round(1)
    array([0.9, 0.6, 0.3])
    """
    rho = np.asarray(correlations, dtype=np.float64)
    widths = tuple(n_features)
    if len(widths) != 2 or min(widths) < 1 or n_samples < 1:
        raise ValueError(
            f"n_features={n_features!r} must be two positive numbers, and n_samples="
            f"{n_samples!r} positive."
        )
    if rho.ndim != 1 or len(rho) > min(widths) or not ((rho >= 0) & (rho <= 1)).all():
        raise ValueError(
            f"correlations={correlations!r} must be numbers from 0 to 1, at most "
            f"{min(widths)} of them (the smaller of n_features={n_features!r})."
        )
    if not condition >= 1:
        raise ValueError(f"condition={condition!r} must be at least 1.")
    rng = check_random_state(random_state)
    X = rng.standard_normal((n_samples, widths[0]))
    Y = rng.standard_normal((n_samples, widths[1]))
    shared = slice(0, len(rho))
    Y[:, shared] = rho * X[:, shared] + np.sqrt(1 - rho**2) * Y[:, shared]
    return X @ _mixing(widths[0], condition, rng), Y @ _mixing(
        widths[1], condition, rng
    )


def _mixing(width, condition, rng):
    """Draw a matrix whose squared singular values span the condition number."""
    left = np.linalg.qr(rng.standard_normal((width, width)))[0]
    right = np.linalg.qr(rng.standard_normal((width, width)))[0]
    return left * np.logspace(0, np.log10(condition) / 2, width) @ right
