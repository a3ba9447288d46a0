"""First and second moments of token sets, each sample a set of rows."""

import numpy as np

from skextras.numerics.spd import half_vectors

# Constants of the definitions, relative to tokens whose mean variance is one.
_VARIANCE_OFFSET = 1e-5
_NORM_OFFSET = 1e-6
# Directions with less of the largest variance, times the width, count as rounding.
_RANK_TOLERANCE = 10 * np.finfo(np.float64).eps


def principal_axes(covariance, n_components=None):
    """Return the leading directions of a covariance that are not rounding.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
        Symmetric, positive semi-definite.

    n_components : int, default=None
        Most directions to keep; None means all.

    Returns
    -------
    components : ndarray of shape (k, d)
        Orthonormal directions, the one of the largest variance first, at least one.
        The entry of each that is largest in absolute value is positive.

    variances : ndarray of shape (k,)
        Their variances, descending.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import principal_axes
    >>> principal_axes(np.diag([1.0, 4.0, 0.0]))
    (array([[0., 1., 0.],
           [1., 0., 0.]]), array([4., 1.]))
    """
    d = len(covariance)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors.T[::-1]
    # Null directions would be other ones for repeated rows than for weighted ones.
    n_kept = np.count_nonzero(values > _RANK_TOLERANCE * d * values[0])
    k = max(1, min(d if n_components is None else n_components, n_kept))
    components, variances = vectors[:k], np.maximum(values[:k], 0.0)
    peaks = components[np.arange(k), np.abs(components).argmax(axis=1)]
    return components * np.where(peaks < 0, -1.0, 1.0)[:, None], variances


def segment_means(rows, lengths):
    """Return the mean of each of consecutive groups of rows.

    Parameters
    ----------
    rows : ndarray of shape (lengths.sum(), k) or (lengths.sum(),)
        The rows of all groups, one after the other.

    lengths : ndarray of shape (n,)
        Rows of each group, at least one.

    Returns
    -------
    means : ndarray of shape (n, k) or (n,)
        In the dtype of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import segment_means
    >>> segment_means(np.array([1.0, 3.0, 5.0]), np.array([2, 1]))
    array([2., 5.])
    """
    if _all_equal(lengths):
        length = int(lengths[0])
        blocks = rows.reshape(len(lengths), length, *rows.shape[1:])
        if rows.ndim == 1:
            return blocks.mean(axis=1)
        # NumPy sums down columns several times more slowly than BLAS multiplies.
        sums = np.matmul(np.ones((1, length), dtype=rows.dtype), blocks)[:, 0]
        return sums / rows.dtype.type(length)
    sums = np.add.reduceat(rows, _starts(lengths), axis=0)
    return sums / lengths.reshape(-1, *[1] * (rows.ndim - 1)).astype(rows.dtype)


def normalise_tokens(z, kind):
    r"""Normalise tokens in place and return the logarithms of their norms.

    Parameters
    ----------
    z : ndarray of shape (n_tokens, k)
        The tokens, in units of their standard deviation; overwritten.

    kind : {"layer", "l2", None}
        "layer" subtracts from a token the mean of its k values and divides by their
        standard deviation; "l2" divides by the root mean square of its values. With
        k = 1 tokens stay as they are: either would erase them.

    Returns
    -------
    log_norms : ndarray of shape (n_tokens,)
        :math:`\log(\lVert r \rVert + 10^{-6})`, of the token less the mean of its
        values (the token itself if k = 1), before the normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import normalise_tokens
    >>> z = np.array([[1.0, 3.0], [5.0, 5.0]])
    >>> normalise_tokens(z, "layer").round(2)
    array([  0.35, -13.82])
    >>> z.round(2)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    k = z.shape[1]
    if k == 1:
        return np.log(np.abs(z[:, 0]) + _offset(_NORM_OFFSET, z))
    means, r = z.mean(axis=1, keepdims=True), z
    if kind == "layer":
        z -= means
    else:
        r = z - means
    squares = _row_squares(r)
    if kind is not None:
        mean_squares = _row_squares(z) if kind == "l2" else squares
        mean_squares = mean_squares / z.dtype.type(k) + _offset(_VARIANCE_OFFSET, z)
        z /= np.sqrt(mean_squares)[:, None]
    return np.log(np.sqrt(squares) + _offset(_NORM_OFFSET, z))


def second_moments(z, lengths, *, centered=True):
    r"""Compute the mean outer product of the tokens of each sample.

    Parameters
    ----------
    z : ndarray of shape (lengths.sum(), k)
        The tokens of all samples, one sample after the other, C-contiguous;
        overwritten if `centered`.

    lengths : ndarray of shape (n,)
        Tokens of each sample, at least one.

    centered : bool, default=True
        Whether to subtract the mean of the sample's tokens first, so that no
        variance can be negative.

    Returns
    -------
    S : ndarray of shape (n, k, k)
        :math:`S_i = \frac{1}{L_i} \sum_t z_{it} z_{it}^\top`, exactly symmetric, in
        the dtype of `z`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import second_moments
    >>> z = np.array([[1.0, 0.0], [3.0, 0.0], [7.0, 7.0]])
    >>> second_moments(z, np.array([2, 1]))
    array([[[1., 0.],
            [0., 0.]],
    <BLANKLINE>
           [[0., 0.],
            [0., 0.]]])
    """
    n, k = len(lengths), z.shape[1]
    if _all_equal(lengths):
        blocks = z.reshape(n, lengths[0], k)
        if centered:
            blocks -= segment_means(z, lengths)[:, None]
        # NumPy takes a product with its own transpose for what it is.
        S = np.matmul(blocks.transpose(0, 2, 1), blocks)
        S /= z.dtype.type(lengths[0])
        return S
    if centered:
        z -= np.repeat(segment_means(z, lengths), lengths, axis=0)
    S = np.empty((n, k, k), dtype=z.dtype)
    starts = _starts(lengths)
    for i, (start, stop) in enumerate(zip(starts, starts + lengths, strict=True)):
        np.matmul(z[start:stop].T, z[start:stop], out=S[i])
    S /= lengths[:, None, None].astype(z.dtype)
    return S


def second_order_vectors(S, normalize, shrinkage):
    r"""Turn second moments into vectors, after a matrix or entry-wise function.

    Parameters
    ----------
    S : ndarray of shape (n, k, k)
        Symmetric, positive semi-definite matrices.

    normalize : {"sqrtm", "logm", "power", None}
        Matrix square root or logarithm of the shrunk matrices; or, of the vectors,
        the root of the absolute values with the sign kept, divided by the norm.

    shrinkage : float
        Weight :math:`\varepsilon` of the identity in :math:`(1 - \varepsilon) S +
        \varepsilon I`, for "sqrtm" and "logm".

    Returns
    -------
    vectors : ndarray of shape (n, k * (k + 1) / 2)
        Upper triangles row by row, values off the diagonal times the root of two.

    Notes
    -----
    Eigenvalues that rounding has left negative are taken as zero, and for "logm"
    those below the machine epsilon as that.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import second_order_vectors
    >>> second_order_vectors(np.diag([4.0, 9.0])[None], "sqrtm", 0.0)
    array([[2., 0., 3.]])
    """
    if normalize in ("sqrtm", "logm"):
        S = S.astype(np.float64)
        S *= 1 - shrinkage
        S[:, range(S.shape[1]), range(S.shape[1])] += shrinkage
        values, vectors = np.linalg.eigh(S)
        if normalize == "sqrtm":
            values = np.sqrt(np.maximum(values, 0.0))
        else:
            values = np.log(np.maximum(values, np.finfo(np.float64).eps))
        S = (vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1)
    f = half_vectors(S)
    if normalize == "power":
        f = np.copysign(np.sqrt(np.abs(f)), f)
        norms = np.sqrt(_row_squares(f))
        f /= np.where(norms > 0, norms, 1)[:, None]
    return f


def norm_moments(log_norms, lengths):
    """Compute the mean and the biased variance of the values of each sample.

    Parameters
    ----------
    log_norms : ndarray of shape (lengths.sum(),)
        One value for each token.

    lengths : ndarray of shape (n,)
        Tokens of each sample, at least one.

    Returns
    -------
    moments : ndarray of shape (n, 2)
        Means and variances.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.moments import norm_moments
    >>> norm_moments(np.array([1.0, 3.0, 5.0]), np.array([2, 1]))
    array([[2., 1.],
           [5., 0.]])
    """
    means = segment_means(log_norms, lengths)
    deviations = log_norms - np.repeat(means, lengths)
    return np.column_stack([means, segment_means(deviations**2, lengths)])


def _all_equal(lengths):
    return bool((lengths == lengths[0]).all())


def _starts(lengths):
    return np.cumsum(lengths) - lengths


def _row_squares(z):
    return np.einsum("ij,ij->i", z, z)


def _offset(value, z):
    # A Python float would do under NumPy's promotion rules, but not inside reductions.
    return z.dtype.type(value)
