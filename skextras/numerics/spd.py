"""Symmetric positive definite matrices: functions, logarithms, distances."""

import numpy as np
from scipy.linalg import lapack

# Matrices that are worked on together, in bytes of one temporary: what a core's
# cache holds. Every product is one BLAS call a matrix, so that no digit depends on it.
_BLOCK_BYTES = 2**20


class NotPositiveDefiniteError(ValueError):
    """Some matrices have an eigenvalue that is zero or negative, or rounds to it.

    Parameters
    ----------
    count : int
        Number of such matrices.

    smallest_ratio : float
        Their smallest eigenvalue in relation to the eigenvalue of largest magnitude
        of the same matrix; 0 for a matrix of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import NotPositiveDefiniteError, matrix_log
    >>> try:
    ...     matrix_log(np.stack([np.eye(2), np.diag([-1.0, 4.0])]))
    ... except NotPositiveDefiniteError as error:
    ...     error.count, error.smallest_ratio
    (1, -0.25)
    """

    def __init__(self, count, smallest_ratio):
        # The arguments as they are, not a sentence: pickle calls the class with them.
        super().__init__(count, smallest_ratio)
        self.count = count
        self.smallest_ratio = smallest_ratio

    def __str__(self):
        return (
            f"{self.count} matrices are not positive definite: smallest eigenvalue "
            f"{self.smallest_ratio:.3g} times the largest"
        )


def matrix_log(x):
    """Logarithm of symmetric positive definite matrices.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        The matrices; their lower triangles are read.

    Returns
    -------
    log : ndarray of shape (..., n_rows, n_rows)
        Symmetric matrices, but for rounding.

    Raises
    ------
    NotPositiveDefiniteError
        If an eigenvalue is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import matrix_log
    >>> matrix_log(np.diag([1.0, np.e]))
    array([[0., 0.],
           [0., 1.]])
    """
    return _apply(x, np.log)


def matrix_exp(x):
    """Exponential of symmetric matrices.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        The matrices; their lower triangles are read.

    Returns
    -------
    exp : ndarray of shape (..., n_rows, n_rows)
        Symmetric positive definite matrices, but for rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import matrix_exp
    >>> matrix_exp(np.log(2) * np.eye(2)).round(12)
    array([[2., 0.],
           [0., 2.]])
    """
    values, vectors = np.linalg.eigh(x)
    return _recompose(np.exp(values), vectors)


def matrix_sqrt(x):
    """Symmetric square root of symmetric positive definite matrices.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        The matrices; their lower triangles are read.

    Returns
    -------
    root : ndarray of shape (..., n_rows, n_rows)
        Symmetric positive definite matrices whose squares are `x`.

    Raises
    ------
    NotPositiveDefiniteError
        If an eigenvalue is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import matrix_sqrt
    >>> matrix_sqrt(np.diag([4.0, 9.0]))
    array([[2., 0.],
           [0., 3.]])
    """
    return _apply(x, np.sqrt)


def matrix_inverse_sqrt(x):
    """Inverse of the symmetric square root: the symmetric whitener.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    Returns
    -------
    whitener : ndarray of shape (..., n_rows, n_rows)
        Symmetric matrices W with W x W = I.

    Raises
    ------
    NotPositiveDefiniteError
        If an eigenvalue is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import matrix_inverse_sqrt
    >>> matrix_inverse_sqrt(np.diag([4.0, 16.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return _apply(x, _inverse_sqrt)


def half_vectors(x):
    """Turn symmetric matrices into vectors with the same inner products.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        Symmetric matrices; their upper triangles are read.

    Returns
    -------
    vectors : ndarray of shape (..., n_rows * (n_rows + 1) / 2)
        Upper triangles by rows, entries off the diagonal times the root of two.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import half_vectors
    >>> half_vectors(np.array([[1.0, 2.0], [2.0, 3.0]])).round(3)
    array([1.   , 2.828, 3.   ])
    """
    n_rows = x.shape[-1]
    rows, columns = np.triu_indices(n_rows)
    # A flat index gathers several times faster than a pair of them.
    vectors = np.take(x.reshape(*x.shape[:-2], -1), rows * n_rows + columns, axis=-1)
    vectors *= np.where(rows == columns, 1.0, np.sqrt(2.0))
    return vectors


def cholesky_factors(x):
    """Lower triangular factors C with C C' = x.

    Parameters
    ----------
    x : ndarray of shape (..., n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    Returns
    -------
    factors : ndarray of shape (..., n_rows, n_rows)
        The factors, in float64.

    Raises
    ------
    NotPositiveDefiniteError
        If a matrix has no factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import cholesky_factors
    >>> cholesky_factors(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 1.]])
    """
    x = np.asarray(x, dtype=np.float64)
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        matrices = x.reshape(-1, *x.shape[-2:])
        refused = matrices[[not _has_factor(matrix) for matrix in matrices]]
        raise _refusal(np.linalg.eigvalsh(refused)) from None


def inverse_factors(factors):
    """Invert lower triangular matrices.

    Parameters
    ----------
    factors : ndarray of shape (..., n_rows, n_rows)
        The matrices, without zeros on their diagonals and zero above them. The
        inverse of a Cholesky factor of M is a whitener of M.

    Returns
    -------
    inverses : ndarray of shape (..., n_rows, n_rows)
        Lower triangular matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import inverse_factors
    >>> inverse_factors(np.array([[2.0, 0.0], [1.0, 1.0]]))
    array([[ 0.5,  0. ],
           [-0.5,  1. ]])
    """
    inverses = np.empty_like(factors)
    flat = inverses.reshape(-1, *factors.shape[-2:])
    for factor, inverse in zip(factors.reshape(flat.shape), flat, strict=True):
        # Transposed, the rows of C are the columns of Fortran: nothing is copied.
        inverse[...] = lapack.dtrtri(factor.T, lower=0)[0].T
    return inverses


def whitened_logs(x, whitener):
    """Tangent vectors at a matrix M, as logarithms of whitened matrices.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    whitener : ndarray of shape (n_rows, n_rows)
        Any W with W M W' = I. Another choice rotates all logarithms alike.

    Returns
    -------
    logs : ndarray of shape (n_matrices, n_rows, n_rows)
        Logarithms of W x W', symmetric but for rounding.

    Raises
    ------
    NotPositiveDefiniteError
        If a matrix has no Cholesky factor, or, whitened, an eigenvalue that is not
        positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import whitened_logs
    >>> whitened_logs(np.diag([2.0, 2.0 * np.e])[None], np.eye(2) / np.sqrt(2)).round(9)
    array([[[0., 0.],
            [0., 1.]]])
    """
    factors = cholesky_factors(x)
    whitened_factor_logs(factors, whitener, out=factors)
    return factors


def whitened_factor_logs(factors, whitener, out):
    """Take logarithms of whitened matrices that are given by their factors.

    Parameters
    ----------
    factors : ndarray of shape (n_matrices, n_rows, n_rows)
        Any C with C C' = x, for the matrices x.

    whitener : ndarray of shape (n_rows, n_rows)
        The matrix W.

    out : ndarray of shape (n_matrices, n_rows, n_rows)
        Where log(W x W') is written; it may be `factors`.

    Returns
    -------
    eigenvalues : ndarray of shape (n_matrices, n_rows)
        Eigenvalues of W x W', ascending.

    Raises
    ------
    NotPositiveDefiniteError
        If an eigenvalue is not positive; what `out` then holds is undefined.

    Notes
    -----
    The whitened matrix is (W C)(W C)'. A product with its own transpose takes half
    the time of another, and its rounding errors grow with the square root of the
    condition number of W, where those of W x W' grow with the condition number.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import whitened_factor_logs
    >>> logs = np.empty((1, 1, 1))
    >>> whitened_factor_logs(np.array([[[3.0]]]), np.array([[1 / 3]]), out=logs)
    array([[1.]])
    >>> logs
    array([[[0.]]])
    """
    eigenvalues = np.empty(factors.shape[:2])
    for block in blocks(factors):
        found, vectors = _decompose(whitener @ factors[block])
        eigenvalues[block] = found
        # All are looked at before any is refused, so that the count is complete.
        with np.errstate(divide="ignore", invalid="ignore"):
            out[block] = _recompose(np.log(found), vectors)
    _require_positive(eigenvalues)
    return eigenvalues


def squared_distances(x, whiteners):
    """Squared affine-invariant distances of matrices to reference matrices.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        Symmetric positive definite matrices; their lower triangles are read.

    whiteners : ndarray of shape (n_references, n_rows, n_rows)
        For each reference M any W with W M W' = I.

    Returns
    -------
    distances : ndarray of shape (n_matrices, n_references)
        Sums of the squared logarithms of the eigenvalues of W x W'.

    Raises
    ------
    NotPositiveDefiniteError
        If a matrix has no Cholesky factor, or, whitened, an eigenvalue that is not
        positive.

    See Also
    --------
    inverse_factors : Whiteners from Cholesky factors.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import squared_distances
    >>> squared_distances(np.exp([[[2.0]], [[3.0]]]), np.eye(1)[None])
    array([[4.],
           [9.]])
    """
    factors = cholesky_factors(x)
    eigenvalues = np.empty((len(x), len(whiteners), x.shape[1]))
    for block in blocks(factors):
        for index, whitener in enumerate(whiteners):
            eigenvalues[block, index] = _decompose_values(whitener @ factors[block])
    _require_positive(eigenvalues)
    return np.square(np.log(eigenvalues)).sum(axis=-1)


def floor_eigenvalues(x, floor):
    """Raise the eigenvalues of symmetric matrices that lie below a floor.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices, which are not written; their lower triangles are read.

    floor : float
        Smallest eigenvalue allowed.

    Returns
    -------
    floored : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices; those above the floor as they were.

    n_changed : int
        Number of matrices that were below.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import floor_eigenvalues
    >>> floored, n_changed = floor_eigenvalues(np.diag([0.0, 1.0])[None], 0.25)
    >>> floored
    array([[[0.25, 0.  ],
            [0.  , 1.  ]]])
    >>> n_changed
    1
    """
    floored = np.array(x, dtype=np.float64)
    n_changed = 0
    for block in blocks(x):
        values, vectors = np.linalg.eigh(floored[block])
        low = np.flatnonzero(values[:, 0] < floor)
        roots = np.sqrt(np.maximum(values[low], floor))
        # A product with itself, since only that is positive whatever the rounding.
        floored[block][low] = _gram(vectors[low] * roots[:, None])
        n_changed += len(low)
    return floored, n_changed


def blocks(x):
    """Cut a stack of matrices into slices that a core's cache holds.

    Parameters
    ----------
    x : ndarray of shape (n_matrices, n_rows, n_rows)
        The stack.

    Returns
    -------
    slices : iterator of slice
        Slices of the first axis, in order, at least one matrix each.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.spd import blocks
    >>> list(blocks(np.empty((3, 400, 400))))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    n_matrices, n_rows = x.shape[:2]
    size = max(1, _BLOCK_BYTES // (8 * n_rows**2))
    return (
        slice(start, min(start + size, n_matrices))
        for start in range(0, n_matrices, size)
    )


def _apply(x, function):
    """Apply a function to the eigenvalues of positive definite matrices."""
    eigenvalues, vectors = np.linalg.eigh(x)
    _require_positive(eigenvalues)
    return _recompose(function(eigenvalues), vectors)


def _inverse_sqrt(values):
    return 1 / np.sqrt(values)


def _recompose(values, vectors):
    """Symmetric matrices of eigenvalues and eigenvectors."""
    return (vectors * values[..., None, :]) @ vectors.mT


def _gram(x):
    """Products x x', which BLAS computes as the symmetric ones that they are."""
    return x @ x.mT


def _decompose(roots):
    """Eigenvalues of the products C C', ascending, and their eigenvectors."""
    eigenvalues, vectors = np.linalg.eigh(_gram(roots))
    for index in _imprecise(eigenvalues):
        left, singular, _ = np.linalg.svd(roots[index])
        eigenvalues[index] = singular[::-1] ** 2
        vectors[index] = left[:, ::-1]
    return eigenvalues, vectors


def _decompose_values(roots):
    """Eigenvalues of the products C C', ascending."""
    eigenvalues = np.linalg.eigvalsh(_gram(roots))
    for index in _imprecise(eigenvalues):
        singular = np.linalg.svd(roots[index], compute_uv=False)
        eigenvalues[index] = singular[::-1] ** 2
    return eigenvalues


def _imprecise(eigenvalues):
    """Indices of ascending eigenvalues that have lost half their digits or more."""
    largest = np.sqrt(np.finfo(np.float64).eps) * eigenvalues[:, -1]
    return np.flatnonzero(~(eigenvalues[:, 0] > largest))


def _has_factor(matrix):
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _require_positive(eigenvalues):
    """Raise where the smallest of ascending eigenvalues is not positive."""
    refused = ~(eigenvalues[..., 0] > 0)
    if refused.any():
        raise _refusal(eigenvalues[refused])


def _refusal(eigenvalues):
    """Exception for matrices of these ascending eigenvalues."""
    smallest, largest = eigenvalues[:, 0], np.abs(eigenvalues).max(axis=1)
    ratios = np.divide(
        smallest, largest, out=np.zeros_like(smallest), where=largest > 0
    )
    return NotPositiveDefiniteError(len(ratios), float(ratios.min()))
