"""Means of symmetric positive definite matrices."""

from typing import NamedTuple

import numpy as np

from skextras.numerics import spd

_MEMORY = 4


class RiemannianMean(NamedTuple):
    """The affine-invariant mean and what its computation leaves behind.

    Parameters
    ----------
    mean : ndarray of shape (n_rows, n_rows)
        The mean M, exactly symmetric.

    whitener : ndarray of shape (n_rows, n_rows)
        Matrix W with W M W' = I; not the symmetric one.

    logs : ndarray of shape (n_matrices, n_rows, n_rows)
        log(W x W') of the matrices x: their tangent vectors at M, in the frame of W.

    n_iter : int
        Number of times that all logarithms were computed to find the mean.

    converged : bool
        Whether the gradient norm is within the tolerance.

    gradient_norm : float
        Frobenius norm of the mean of `logs`, over the square root of `n_rows`.

    See Also
    --------
    riemannian_mean : Computes it.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd_mean import riemannian_mean
    >>> result = riemannian_mean(np.array([[[1.0]], [[4.0]]]))
    >>> result.mean.round(9), result.converged
    (array([[2.]]), True)
    """

    mean: np.ndarray
    whitener: np.ndarray
    logs: np.ndarray
    n_iter: int
    converged: bool
    gradient_norm: float


def riemannian_mean(x, *, start=None, tol=1e-8, max_iter=50):
    r"""Affine-invariant (Riemannian, Fréchet) mean of positive definite matrices.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    start : ndarray of shape (n_rows, n_rows), default=None
        Where to start, such as the mean of almost the same matrices. None starts at
        the geometric mean of the arithmetic and the harmonic mean.

    tol : float, default=1e-8
        Largest gradient norm at which the mean has converged. As the norm is that of
        logarithms, the tolerance has no unit and holds for any number of rows.

    max_iter : int, default=50
        Number of times that all logarithms may be computed.

    Returns
    -------
    result : RiemannianMean
        The mean, or the point of the smallest gradient that was found.

    Raises
    ------
    NotPositiveDefiniteError
        If a matrix (or the start) has no Cholesky factor, or, whitened, an eigenvalue
        that is not positive.

    See Also
    --------
    log_euclidean_mean : A mean in closed form, invariant to rotations only.

    Notes
    -----
    The mean minimises the sum of squared distances. At a point M with a whitener W,
    :math:`W M W^\top = I`, the gradient of half their mean is

    .. math:: G = -\frac{1}{n} \sum_i \log(W X_i W^\top),

    and a step s leads to the whitener :math:`\exp(-s/2) W`. Whitening by it carries
    earlier steps and gradients along as they are, so that L-BFGS with a memory of
    four runs on them as in a vector space. Without memory the step is
    :math:`-\min(1, 2\theta) G`, where

    .. math:: \theta = \frac{2}{1 + \frac{1}{n} \sum_i
        \frac{\kappa_i + 1}{\kappa_i - 1} \frac{\log \kappa_i}{2}}

    with the condition numbers :math:`\kappa_i` of the whitened matrices is the best
    step of a gradient descent [1]_. Where the norm of G rises, the memory is dropped
    and the descent taken up from the best point with the step :math:`\theta`, halved
    each time that this fails.

    The matrices are kept as factors, whitened once by the starting point. What
    rounding does to them then depends on how much they differ, and not on the
    condition number of their mean.

    References
    ----------
    .. [1] D. A. Bini and B. Iannazzo, "Computing the Karcher mean of symmetric
       positive definite matrices", Linear Algebra and its Applications 438 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd_mean import riemannian_mean
    >>> result = riemannian_mean(np.stack([np.diag([1.0, 4.0]), np.diag([4.0, 16.0])]))
    >>> result.mean.round(9)
    array([[2., 0.],
           [0., 8.]])
    >>> result.whitener @ result.mean @ result.whitener.T
    array([[1., 0.],
           [0., 1.]])
    """
    factors = spd.cholesky_factors(x)
    root = spd.cholesky_factors(_average(x) if start is None else start)
    inverse_root = spd.inverse_factors(root)
    for block in spd.blocks(x):
        factors[block] = inverse_root @ factors[block]
    first = np.eye(len(root)) if start is not None else _towards_harmonic(factors)
    logs = np.empty_like(factors)
    point, n_iter = _descend(factors, first, logs, tol, max_iter)
    root = root @ np.linalg.inv(point.whitener)
    return RiemannianMean(
        mean=root @ root.T,
        whitener=point.whitener @ inverse_root,
        logs=logs,
        n_iter=n_iter,
        converged=bool(point.norm <= tol),
        gradient_norm=point.norm,
    )


def log_euclidean_mean(x):
    """Exponential of the mean logarithm of positive definite matrices.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    Returns
    -------
    mean : ndarray of shape (n_rows, n_rows)
        The mean.

    Raises
    ------
    NotPositiveDefiniteError
        If an eigenvalue is not positive.

    See Also
    --------
    riemannian_mean : A mean that follows any linear map of the channels.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd_mean import log_euclidean_mean
    >>> log_euclidean_mean(np.array([[[1.0]], [[4.0]]]))
    array([[2.]])
    """
    return spd.matrix_exp(spd.matrix_log(x).mean(axis=0))


def _average(x):
    return np.mean(x, axis=0, dtype=np.float64)


def _towards_harmonic(factors):
    """Whitener of the mean of I and the harmonic mean H, where I is the arithmetic."""
    inverse = np.zeros(factors.shape[1:])
    for block in spd.blocks(factors):
        rows = spd.inverse_factors(factors[block]).reshape(-1, len(inverse))
        inverse += rows.T @ rows
    # The mean of I and H is the root of H, and its whitener a root of that.
    return spd.matrix_sqrt(spd.matrix_sqrt(inverse / len(factors)))


class _Point(NamedTuple):
    """A whitener W, the gradient there, its norm, and the length of a safe step."""

    whitener: np.ndarray
    gradient: np.ndarray
    norm: float
    theta: float


def _descend(factors, whitener, logs, tol, max_iter):
    """Return the point of the smallest gradient, its logarithms, and the iterations."""
    best = point = _evaluate(factors, whitener, logs)
    memory, failures, n_iter = [], 0, 1
    while best.norm > tol and n_iter < max_iter:
        step = -_inverse_hessian(memory, best)
        if failures:
            step = -best.theta * 0.5 ** (failures - 1) * best.gradient
        point = _evaluate(factors, spd.matrix_exp(-step / 2) @ best.whitener, logs)
        n_iter += 1
        if point.norm < best.norm:
            memory = _remember(memory, step, point.gradient - best.gradient)
            best, failures = point, 0
        else:
            memory, failures = [], failures + 1
    if best is not point:
        _evaluate(factors, best.whitener, logs)
    return best, n_iter


def _evaluate(factors, whitener, logs):
    """Compute the logarithms, and the point that they describe."""
    eigenvalues = spd.whitened_factor_logs(factors, whitener, out=logs)
    gradient = -logs.mean(axis=0)
    gradient = (gradient + gradient.T) / 2
    half = np.log(eigenvalues[:, -1] / eigenvalues[:, 0]) / 2
    # (k + 1) / (k - 1) is the hyperbolic cotangent of half the logarithm of k. Where
    # k is 1 the product with that half is 1.
    product = np.divide(half, np.tanh(half), out=np.ones_like(half), where=half > 0)
    norm = np.linalg.norm(gradient) / np.sqrt(len(gradient))
    return _Point(whitener, gradient, float(norm), float(2 / (1 + product.mean())))


def _remember(memory, step, change):
    """Add a step and the change of the gradient, and forget the oldest."""
    # No eigenvalue of the Hessian is below one: a smaller product is rounding.
    if np.vdot(step, change) < np.vdot(step, step) / 2:
        return memory
    return [*memory, (step, change)][-_MEMORY:]


def _inverse_hessian(memory, point):
    """Apply the inverse Hessian of L-BFGS to the gradient (two-loop recursion)."""
    step, weights = point.gradient.copy(), []
    for s, y in reversed(memory):
        weights.append(np.vdot(s, step) / np.vdot(s, y))
        step -= weights[-1] * y
    if memory:
        s, y = memory[-1]
        step *= np.vdot(s, y) / np.vdot(y, y)
    else:
        step *= min(1.0, 2 * point.theta)
    for (s, y), weight in zip(memory, reversed(weights), strict=True):
        step += (weight - np.vdot(y, step) / np.vdot(s, y)) * s
    # For the same reason the mean is no farther away than the gradient is long.
    length, limit = np.linalg.norm(step), np.linalg.norm(point.gradient)
    return step * min(1.0, limit / length)
