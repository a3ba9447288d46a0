"""Whitening of covariance matrices, ridged or not, with a unit-free rank."""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.linalg.lapack import dpocon

_EPS = float(np.finfo(np.float64).eps)
# The condition number is an estimate, seldom low by more than ten.
_SAFETY = 100.0


class Whitener(NamedTuple):
    """A matrix F with F'BF = I, in the form in which it was found.

    Parameters
    ----------
    factor : ndarray of shape (n_kept, rank)
        F of the kept, scaled columns, or, if `triangular`, their lower Cholesky
        factor, whose transposed inverse F is.

    scale : ndarray of shape (n_kept,)
        What the kept columns were divided by.

    kept : ndarray of shape (n_features,) of bool, or None
        The columns that vary; None if all do.

    triangular : bool
        Which of the two forms this is.

    See Also
    --------
    whitener : Makes one.
    whiten, unwhiten : Apply it.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.whitening import whitener
    >>> whitener(np.diag([4.0, 0.0]), 1e-14).rank
    1
    """

    factor: Any
    scale: Any
    kept: Any
    triangular: bool

    @property
    def rank(self):
        """Number of columns of F."""
        return self.factor.shape[1]


def rank_cutoff(n_rows, n_features):
    """Return the share of the largest eigenvalue below which others are rounding.

    Parameters
    ----------
    n_rows, n_features : int
        Size of the data behind the covariance matrix.

    Returns
    -------
    cutoff : float
        The larger of the two times the machine epsilon.

    Examples
    --------
    >>> from skextras.numerics.whitening import rank_cutoff
    >>> rank_cutoff(1000, 20)
    2.220446049250313e-13
    """
    return max(n_rows, n_features) * _EPS


def whitener(covariance, cutoff, *, shrinkage=0.0, target=None):
    r"""Return F with F'BF = I for the ridged covariance matrix B.

    Parameters
    ----------
    covariance : ndarray of shape (n_features, n_features)
        Covariance matrix C, positive semi-definite and not zero.

    cutoff : float
        Share of the largest eigenvalue that an eigenvalue must exceed to count, see
        `rank_cutoff`.

    shrinkage : float, default=0.0
        Weight a of the scaled identity in ``B = (1 - a) C + a target I``.

    target : float, default=None
        Scale of the identity; the mean variance if None.

    Returns
    -------
    whitener : Whitener
        F, of as many columns as C has rank.

    Notes
    -----
    Without shrinkage the eigenvalues are those of the correlation matrix, so that the
    rank does not depend on the units of the columns. With shrinkage, which compares
    variances anyway, they are those of C.

    A Cholesky factor serves where the estimated condition number leaves no doubt that
    the rank is full: it costs a tenth of the eigendecomposition.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.whitening import unwhiten, whitener
    >>> C = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> F = unwhiten(whitener(C, 1e-14), np.eye(2))
    >>> np.allclose(F.T @ C @ F, np.eye(2))
    True
    """
    variances = np.diagonal(covariance)
    target = variances.mean() if target is None else target
    kept = None if (variances > 0).all() else variances > 0
    if kept is not None:
        covariance, variances = covariance[np.ix_(kept, kept)], variances[kept]
    scale = np.ones(len(variances))
    if shrinkage == 0:
        scale = np.sqrt(variances)
        covariance = covariance / scale / scale[:, None]
    factor = _safe_cholesky(covariance, cutoff)
    if factor is not None:
        if shrinkage > 0:
            factor = _cholesky(_ridge(covariance, shrinkage, target))
        return Whitener(factor, scale, kept, True)
    values, vectors = np.linalg.eigh(covariance)
    large = values > cutoff * values[-1]
    values, vectors = values[large], vectors[:, large]
    if shrinkage > 0:
        values = (1 - shrinkage) * values + shrinkage * target
    return Whitener(vectors / np.sqrt(values), scale, kept, False)


def whiten(whitener, matrix):
    """Return F'A.

    Parameters
    ----------
    whitener : Whitener
        F.

    matrix : ndarray of shape (n_features, n_columns)
        A.

    Returns
    -------
    whitened : ndarray of shape (rank, n_columns)
        The product.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.whitening import whiten, whitener
    >>> whiten(whitener(np.diag([4.0, 25.0]), 1e-14), np.ones((2, 1)))
    array([[0.5],
           [0.2]])
    """
    if whitener.kept is not None:
        matrix = matrix[whitener.kept]
    matrix = matrix / whitener.scale[:, None]
    if whitener.triangular:
        return solve_triangular(
            whitener.factor, matrix, lower=True, overwrite_b=True, check_finite=False
        )
    return whitener.factor.T @ matrix


def unwhiten(whitener, coordinates):
    """Return FQ.

    Parameters
    ----------
    whitener : Whitener
        F.

    coordinates : ndarray of shape (rank, n_columns)
        Q.

    Returns
    -------
    weights : ndarray of shape (n_features, n_columns)
        The product, exactly zero in the rows of constant columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.whitening import unwhiten, whitener
    >>> unwhiten(whitener(np.diag([4.0, 0.0]), 1e-14), np.ones((1, 1)))
    array([[0.5],
           [0. ]])
    """
    if whitener.triangular:
        weights = solve_triangular(
            whitener.factor, coordinates, lower=True, trans="T", check_finite=False
        )
    else:
        weights = whitener.factor @ coordinates
    weights = weights / whitener.scale[:, None]
    if whitener.kept is None:
        return weights
    full = np.zeros((len(whitener.kept), weights.shape[1]))
    full[whitener.kept] = weights
    return full


def _safe_cholesky(matrix, cutoff):
    """Return the Cholesky factor, None where the rank may be less than full."""
    try:
        factor = _cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    # Of a symmetric matrix the condition number in the 1-norm bounds that in the
    # 2-norm, which is the ratio of the eigenvalues.
    norm = np.abs(matrix).sum(axis=0).max()
    reciprocal, _ = dpocon(factor, norm, uplo="L")
    return factor if reciprocal > _SAFETY * cutoff else None


def _cholesky(matrix):
    return cholesky(matrix, lower=True, check_finite=False)


def _ridge(covariance, shrinkage, target):
    ridged = (1 - shrinkage) * covariance
    ridged[np.diag_indices_from(ridged)] += shrinkage * target
    return ridged
