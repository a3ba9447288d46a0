"""Ridge regression at many penalties at once, with exact leave-one-out scores.

The eigenvalues of the Gram matrix of the weighted, centred rows, or of their scatter,
serve all penalties. "Rows" below are the samples in that eigenbasis.
"""

import numpy as np
from scipy import linalg

# No leverage comes closer to one than that.
_LEAST_MARGIN = 1e-8
# Values of the intermediate products that are held at once.
_BLOCK_VALUES = 1 << 21


def symmetric_spectrum(matrix):
    """Return the eigenvalues of a positive semi-definite matrix, and its eigenvectors.

    Parameters
    ----------
    matrix : ndarray of shape (r, r), dtype float64
        Symmetric; overwritten.

    Returns
    -------
    values : ndarray of shape (r,)
        Ascending; those that are rounding beside the largest are exactly zero.

    vectors : ndarray of shape (r, r)
        Eigenvectors, as columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ridge_path import symmetric_spectrum
    >>> symmetric_spectrum(np.array([[1.0, 1.0], [1.0, 1.0]]))[0]
    array([0., 2.])
    """
    values, vectors = linalg.eigh(
        matrix, overwrite_a=True, check_finite=False, driver="evd"
    )
    floor = len(values) * np.finfo(np.float64).eps * values[-1]
    values[values <= max(floor, 0.0)] = 0.0
    return values, vectors


def ridge_gains(eigenvalues, alphas, *, dual):
    r"""Return the factor of each eigen-direction at each penalty.

    Parameters
    ----------
    eigenvalues : ndarray of shape (r,)
        Non-negative; a zero marks a direction that the data do not have.

    alphas : ndarray of shape (n_alphas,)
        Positive penalties.

    dual : bool
        Whether the directions are those of the samples, with the factor
        :math:`\lambda / (\lambda + \alpha)`, or of the features, with :math:`1 /
        (\lambda + \alpha)`.

    Returns
    -------
    gains : ndarray of shape (r, n_alphas)
        The factors, zero for directions that the data do not have.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ridge_path import ridge_gains
    >>> ridge_gains(np.array([0.0, 3.0]), np.array([1.0, 3.0]), dual=True)
    array([[0.  , 0.  ],
           [0.75, 0.5 ]])
    """
    gains = 1.0 / (eigenvalues[:, None] + alphas)
    # In the dual the null space holds the constant, whose leverage is counted apart.
    return gains * (eigenvalues if dual else eigenvalues > 0)[:, None]


def leave_one_out_residuals(rows, projected, gain, targets, shares, base):
    r"""Compute the residuals of samples that are left out one copy at a time.

    Parameters
    ----------
    rows : ndarray of shape (n, r)
        Samples in the eigenbasis: the scores of the features, or the eigenvectors of
        the Gram matrix with rows divided by the roots of the weights.

    projected : ndarray of shape (r, n_targets)
        Products of the directions with the weighted targets.

    gain : ndarray of shape (r,)
        Factors of the directions, see `ridge_gains`.

    targets : ndarray of shape (n, n_targets)
        Targets less their weighted mean.

    shares : ndarray of shape (n,)
        Weight :math:`q` of the one copy that is left out.

    base : float
        One over the sum of the weights, the leverage of the intercept.

    Returns
    -------
    residuals : ndarray of shape (n, n_targets)
        :math:`(y_i - \hat y_i) / (1 - h_i)`, where :math:`h_i = q_i (\sum_j r_{ij}^2
        g_j + 1 / \sum W)`: what refitting without the copy would leave.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ridge_path import leave_one_out_residuals
    >>> y = np.array([[-1.0], [0.0], [1.0]])
    >>> nothing = np.zeros((3, 0))
    >>> leave_one_out_residuals(
    ...     nothing, np.zeros((0, 1)), np.zeros(0), y, np.ones(3), 1 / 3
    ... ).ravel()
    array([-1.5,  0. ,  1.5])
    """
    fitted = rows @ (gain[:, None] * projected)
    margins = _margins(rows, gain[:, None], shares, base)
    return (targets - fitted) / margins


def leave_one_out_errors(rows, projected, gains, targets, shares, base, weights):
    """Sum the squared leave-one-out residuals at each penalty.

    Parameters
    ----------
    rows : ndarray of shape (n, r)
        Samples in the eigenbasis, as in `leave_one_out_residuals`.

    projected : ndarray of shape (r, n_targets)
        Products of the directions with the weighted targets.

    gains : ndarray of shape (r, n_alphas)
        Factors of the directions at each penalty.

    targets : ndarray of shape (n, n_targets)
        Targets less their weighted mean.

    shares : ndarray of shape (n,)
        Weight of the one copy that is left out.

    base : float
        One over the sum of the weights.

    weights : ndarray of shape (n,)
        Weights of the samples in the sum; zero leaves one out.

    Returns
    -------
    errors : ndarray of shape (n_alphas,)
        Weighted sums over samples and targets.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ridge_path import leave_one_out_errors
    >>> y = np.array([[-1.0], [0.0], [1.0]])
    >>> ones = np.ones(3)
    >>> leave_one_out_errors(y, y.T @ y, np.array([[0.5, 0.0]]), y, ones, 1 / 3, ones)
    array([0. , 4.5])
    """
    n, n_targets = targets.shape
    n_alphas = gains.shape[1]
    margins = _margins(rows, gains, shares, base)
    step = max(1, _BLOCK_VALUES // (n_targets * max(n, len(projected), 1)))
    errors = np.empty(n_alphas)
    for start in range(0, n_alphas, step):
        part = slice(start, min(start + step, n_alphas))
        scaled = gains[:, part, None] * projected[:, None, :]
        width = (part.stop - start) * n_targets
        residuals = rows @ scaled.reshape(len(projected), width)
        residuals = residuals.reshape(n, part.stop - start, n_targets)
        np.subtract(targets[:, None], residuals, out=residuals)
        squares = np.einsum("iak,iak->ia", residuals, residuals)
        errors[part] = weights @ (squares / margins[:, part] ** 2)
    return errors


def _margins(rows, gains, shares, base):
    """One minus the leverage of a copy, at each penalty."""
    leverage = (rows * rows) @ gains
    leverage += base
    leverage *= shares[:, None]
    return np.maximum(1.0 - leverage, _LEAST_MARGIN)
