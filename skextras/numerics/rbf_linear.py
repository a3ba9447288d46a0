"""Cholesky factors of the matrices of a radial basis function network."""

import numpy as np
from scipy.linalg import blas, lapack

# Of the largest diagonal entry, what rounding may take from a semidefinite matrix.
_SHARES = (0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8)


def cholesky(matrix):
    """Factorise a symmetric matrix, if it is positive definite.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        The matrix.

    Returns
    -------
    factor : ndarray of shape (n, n) or None
        Lower triangle, Fortran-ordered, with zeros above; None if the matrix is not
        positive definite in floating point, or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import cholesky
    >>> cholesky(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 1.]])
    >>> cholesky(np.array([[1.0, 2.0], [2.0, 1.0]])) is None
    True
    """
    factor, info = lapack.dpotrf(matrix.T, lower=1, clean=1)
    # Some LAPACKs let NaN pass.
    return factor if info == 0 and np.isfinite(np.diagonal(factor)).all() else None


def log_determinant(factor):
    """Logarithm of the determinant of a matrix, from its factor.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        What `cholesky` returns.

    Returns
    -------
    log_determinant : float
        The logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import cholesky, log_determinant
    >>> log_determinant(cholesky(np.diag([1.0, np.e])))
    np.float64(1.0)
    """
    return 2.0 * np.log(np.diagonal(factor)).sum()


def inverse(factor):
    """Inverse of a matrix, exactly symmetric, from its factor.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        What `cholesky` returns.

    Returns
    -------
    inverse : ndarray of shape (n, n)
        The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import cholesky, inverse
    >>> inverse(cholesky(np.diag([1.0, 4.0])))
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """
    lower, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(lower)
    full = lower + lower.T
    full[np.diag_indices(len(full))] *= 0.5
    return full


def solve(factor, right):
    """Solve a linear system, from the factor of its matrix.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        What `cholesky` returns.

    right : ndarray of shape (n, n_columns)
        Right-hand sides.

    Returns
    -------
    solution : ndarray of shape (n, n_columns)
        The solutions.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import cholesky, solve
    >>> solve(cholesky(np.diag([1.0, 4.0])), np.ones((2, 1)))
    array([[1.  ],
           [0.25]])
    """
    return np.ascontiguousarray(lapack.dpotrs(factor, right, lower=1)[0])


def solve_lower(factor, right, transposed=False):
    """Solve a triangular system.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        Lower triangle.

    right : ndarray of shape (n, n_columns)
        Right-hand sides.

    transposed : bool, default=False
        Whether the matrix is the transpose of the triangle.

    Returns
    -------
    solution : ndarray of shape (n, n_columns)
        The solutions, Fortran-ordered.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import solve_lower
    >>> solve_lower(np.array([[2.0, 0.0], [1.0, 1.0]]), np.ones((2, 1)))
    array([[0.5],
           [0.5]])
    """
    return blas.dtrsm(1.0, factor, right, lower=1, trans_a=int(transposed))


def jittered_cholesky(matrix, jitters):
    """Factorise a matrix with the first increase of its diagonal that allows it.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        The matrix.

    jitters : sequence of float
        What to add to the diagonal, in the order of the attempts.

    Returns
    -------
    factor : ndarray of shape (n, n) or None
        As of `cholesky`; None if all attempts fail.

    jitter : float
        What was added, the last of `jitters` if all attempts fail.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import jittered_cholesky
    >>> factor, jitter = jittered_cholesky(np.ones((3, 3)), [0.0, 1e-12])
    >>> jitter
    1e-12
    """
    factor, jitter = None, 0.0
    for jitter in jitters:
        shifted = matrix.copy()
        shifted[np.diag_indices(len(matrix))] += jitter
        factor = cholesky(shifted)
        if factor is not None:
            break
    return factor, jitter


def nearest_cholesky(matrix):
    """Factorise a positive semidefinite matrix, up to rounding.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        The matrix.

    Returns
    -------
    factor : ndarray of shape (n, n) or None
        As of `cholesky`, of the matrix with the smallest share of its largest diagonal
        entry added to the diagonal that allows it; None if the matrix is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_linear import nearest_cholesky
    >>> nearest_cholesky(np.ones((2, 2))).round(6)
    array([[1., 0.],
           [1., 0.]])
    """
    largest = np.diagonal(matrix).max()
    return jittered_cholesky(matrix, [share * largest for share in _SHARES])[0]
