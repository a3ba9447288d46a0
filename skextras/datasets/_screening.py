"""Simulated tables in which a few features are known to matter."""

import numpy as np
from sklearn.utils import check_array, check_random_state

_N_FACTORS = 30
_MEAN_COEFFICIENT, _COEFFICIENT_CORRELATION = 6.0, 0.6
_SIGNAL_TO_NOISE = 3.0


def make_screening(
    n_samples=1000,
    n_features=700,
    n_informative=20,
    *,
    effect="square",
    target="continuous",
    base=None,
    random_state=None,
):
    r"""Generate correlated features, a few of which act on the outcome.

    It is the simulation by which the paper compares screening methods [1]_: an outcome
    is planted on correlated features, or on those of a real table.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.

    n_features : int, default=700
        Number of features.

    n_informative : int, default=20
        Number of features that act on the outcome.

    effect : {"square", "linear"}, default="square"
        Whether an informative feature acts by its square, which no correlation shows,
        or by itself.

    target : {"continuous", "binary"}, default="continuous"
        Kind of the outcome.

    base : array-like of shape (n_samples, n_features), default=None
        Features to plant the outcome on; `n_samples` and `n_features` are not looked
        at then.

    random_state : int, RandomState instance or None, default=None
        Source of features, coefficients and noise.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The features: `base`, or 30 shared factors and noise of equal variance.

    y : ndarray of shape (n_samples,)
        The outcome: reals, or 0 and 1.

    mask : ndarray of bool of shape (n_features,)
        The informative features.

    Raises
    ------
    ValueError
        If effect or target has another value, there are fewer features than
        informative ones, or `base` has constant columns among too few others.

    Notes
    -----
    With the standardised informative features, or their standardised squares, as
    columns of Z and coefficients b of mean 6 and covariance 0.6 ** \|i - j\|, y is Zb
    and noise of a third of its variance, or P(y = 1) is logistic in the standardised
    Zb.

    References
    ----------
    .. [1] K. Yang, M. Asgharian, N. Bhagwat, J.-B. Poline and C. Greenwood, "fastHDMI:
       Fast Mutual Information Estimation for High-Dimensional Data", 2024,
       arXiv:2410.10082.

    Examples
    --------
    >>> from skextras.datasets import make_screening
    >>> X, y, mask = make_screening(200, 50, 5, random_state=0)
    >>> X.shape, y.shape, mask.sum()
    ((200, 50), (200,), np.int64(5))
    """
    if effect not in ("square", "linear"):
        raise ValueError(f'effect must be "square" or "linear", got {effect!r}.')
    if target not in ("continuous", "binary"):
        raise ValueError(f'target must be "continuous" or "binary", got {target!r}.')
    rng = check_random_state(random_state)
    if base is None:
        X = _correlated_features(n_samples, n_features, rng)
    else:
        X = check_array(base, dtype=[np.float64, np.float32], copy=True)
    # A constant feature cannot act.
    able = np.flatnonzero(X.min(axis=0) < X.max(axis=0))
    if not 1 <= n_informative <= len(able):
        raise ValueError(
            f"n_informative={n_informative} must be from 1 to the number of features "
            f"that are not constant, {len(able)}."
        )
    chosen = rng.choice(able, n_informative, replace=False)
    mask = np.zeros(X.shape[1], bool)
    mask[chosen] = True
    Z = _standardise(X[:, chosen].astype(np.float64))
    if effect == "square":
        Z = _standardise(Z**2)
    signal = Z @ _coefficients(n_informative, rng)
    if target == "binary":
        chance = 1.0 / (1.0 + np.exp(-_standardise(signal)))
        return X, (rng.uniform(size=len(X)) < chance).astype(np.int64), mask
    noise = signal.std() / np.sqrt(_SIGNAL_TO_NOISE)
    return X, signal + noise * rng.standard_normal(len(X)), mask


def _correlated_features(n_samples, n_features, rng):
    """Shared factors and noise, half of the variance each."""
    factors = rng.standard_normal((n_samples, _N_FACTORS))
    loadings = rng.standard_normal((_N_FACTORS, n_features)) / np.sqrt(_N_FACTORS)
    noise = rng.standard_normal((n_samples, n_features))
    return (factors @ loadings + noise) / np.sqrt(2)


def _coefficients(n, rng):
    """Correlated coefficients, nearly all of them positive."""
    gap = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    root = np.linalg.cholesky(_COEFFICIENT_CORRELATION**gap)
    return _MEAN_COEFFICIENT + root @ rng.standard_normal(n)


def _standardise(values):
    """Centre and scale columns; a square that is constant, of values +-1, stays 0."""
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, 1.0)
