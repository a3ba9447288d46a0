"""Output weights of a regression network, and the variance of its predictions."""

from typing import NamedTuple

import numpy as np

from skextras.numerics import rbf_linear
from skextras.numerics.rbf import Design, center_kernel
from skextras.numerics.rbf_penalized import ridge_weights

# Steps of ten from the smallest that may allow a Cholesky factor.
_JITTERS = tuple(10.0**exponent for exponent in range(-12, 1))


class Readout(NamedTuple):
    """Posterior of the output weights.

    Parameters
    ----------
    weights : ndarray of shape (n_columns, n_outputs)
        Posterior mean of the weights.

    factor : ndarray of shape (n_columns, n_columns) or None
        Cholesky factor of the matrix A of the whitened features.

    jitter : float
        By what the diagonal of the kernels between centres was increased.
    """

    weights: np.ndarray
    factor: np.ndarray | None
    jitter: float


def gaussian_readout(X, Y, weights, z, z_centers, scales, *, linear_term, max_bytes):
    """Compute the posterior of the output weights, as exactly as rounding allows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs, in standard units.

    Y : ndarray of shape (n_rows, n_outputs)
        The targets, in standard units.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    z : ndarray of shape (n_rows, n_coordinates)
        Coordinates of the rows.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        Coordinates of the centres.

    scales : Scales
        The variances.

    linear_term : bool
        Whether the inputs themselves are features.

    max_bytes : float
        Bytes up to which features are kept. It changes no digit.

    Returns
    -------
    readout : Readout
        Weights and factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_posterior import Scales
    >>> from skextras.numerics.rbf_readout import gaussian_readout
    >>> X = np.array([[0.0], [2.0]])
    >>> readout = gaussian_readout(
    ...     X, 1 - X, np.ones(2), X, X, Scales(1e-6, 1.0, 1.0), linear_term=True,
    ...     max_bytes=1e9,
    ... )
    >>> readout.weights.shape, readout.jitter
    ((4, 1), 1e-12)
    """
    m = len(z_centers)
    whitener, jitter = rbf_linear.jittered_cholesky(center_kernel(z_centers), _JITTERS)
    design = Design(
        X, weights, m, linear_term=linear_term, max_bytes=max_bytes, whiten=True
    )
    gram, moments = _moments(design, Y, z, z_centers, whitener)
    gram[np.diag_indices(m + 1)] += scales.ridge
    slopes = np.arange(m + 1, len(gram))
    gram[slopes, slopes] += scales.slope_ridge
    factor = rbf_linear.nearest_cholesky(gram)
    W = rbf_linear.solve(factor, moments)
    W[:m] = rbf_linear.solve_lower(whitener, W[:m], transposed=True)
    return Readout(W, np.ascontiguousarray(factor), jitter)


def ridge_readout(X, Y, weights, z, z_centers, alpha, *, linear_term, max_bytes):
    """Compute the output weights of least penalised squared error.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs, in standard units.

    Y : ndarray of shape (n_rows, n_outputs)
        The targets, in standard units.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    z : ndarray of shape (n_rows, n_coordinates)
        Coordinates of the rows.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        Coordinates of the centres.

    alpha : float
        The ridge.

    linear_term : bool
        Whether the inputs themselves are features.

    max_bytes : float
        Bytes up to which features are kept. It changes no digit.

    Returns
    -------
    readout : Readout
        The weights, without a factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_readout import ridge_readout
    >>> X = np.array([[0.0], [2.0]])
    >>> readout = ridge_readout(
    ...     X, 1 - X, np.ones(2), X, X, 1e-9, linear_term=True, max_bytes=1e9
    ... )
    >>> readout.weights.shape
    (4, 1)
    """
    design = Design(
        X, weights, len(z_centers), linear_term=linear_term, max_bytes=max_bytes
    )
    gram, moments = _moments(design, Y, z, z_centers, None)
    return Readout(ridge_weights(gram, moments, alpha), None, 0.0)


def _moments(design, Y, z, z_centers, whitener):
    gram, moments = 0.0, 0.0
    for block in design.blocks:
        _, F = design.fill(block, z, z_centers, whitener)
        gram = gram + F.T @ F
        moments = moments + F.T @ design.weighted(Y[block], block)
    return gram, moments


def predictive_variance(F, z_centers, readout, scales):
    """Variance of new targets given the training rows.

    Parameters
    ----------
    F : ndarray of shape (n_rows, n_columns)
        Features of the rows to predict.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        Coordinates of the centres.

    readout : Readout
        What `gaussian_readout` returned.

    scales : Scales
        The variances.

    Returns
    -------
    variance : ndarray of shape (n_rows,)
        The noise, what the posterior of the weights leaves, and what the centres do not
        explain of the prior.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf import features
    >>> from skextras.numerics.rbf_posterior import Scales
    >>> from skextras.numerics.rbf_readout import gaussian_readout, predictive_variance
    >>> X, scales = np.array([[0.0]]), Scales(0.1, 1.0, 1.0)
    >>> readout = gaussian_readout(
    ...     X, X, np.ones(1), X, X, scales, linear_term=False, max_bytes=1e9
    ... )
    >>> far = np.array([[10.0]])
    >>> F = features(np.vstack([X, far]), np.vstack([X, far]), X, False)
    >>> predictive_variance(F, X, readout, scales).round(2)
    array([0.2 , 2.08])
    """
    m = len(z_centers)
    whitener, _ = rbf_linear.jittered_cholesky(
        center_kernel(z_centers), [readout.jitter]
    )
    white = np.array(F.T, order="F")
    white[:m] = rbf_linear.solve_lower(whitener, F[:, :m].T)
    explained = np.einsum("ij,ij->j", white[:m], white[:m])
    posterior = rbf_linear.solve_lower(readout.factor, white)
    uncertain = np.einsum("ij,ij->j", posterior, posterior)
    unexplained = np.maximum(1.0 - explained, 0.0)
    return scales.noise * (1.0 + uncertain) + scales.weight * unexplained
