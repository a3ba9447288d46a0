"""Statistics of rows against a principal subspace, accurate in float32 too."""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.blas import dgemm, sgemm

# Directions that are projected out before norms are subtracted from one another:
# most of the energy lies there, and with it most of the cancellation.
_N_LEADING = 8

# Rows whose residual is a smaller share of what is left are computed once more.
_GUARDS = {np.dtype(np.float32): 5e-3, np.dtype(np.float64): 1e-6}


class Subspace(NamedTuple):
    """A mean, the directions kept around it and their variances.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Mean of the normal rows.

    directions : ndarray of shape (n_features, n_components)
        Orthonormal directions, by descending variance.

    variances : ndarray of shape (n_components,)
        Variance along each direction.

    noise_variance : float
        Mean variance along the directions left out.

    n_dropped : int
        Number of leading directions that count as nuisance.

    minor : ndarray of shape (n_features, n_features - n_components) or None
        The directions left out, where they are the cheaper way to the residual.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.subspace_scores import Subspace, row_statistics
    >>> plane = Subspace(np.zeros(3), np.eye(3)[:, :2], np.array([4.0, 1.0]), 0.5)
    >>> row_statistics(np.array([[2.0, 1.0, 3.0]]), plane.cast(np.float64), "residual")
    array([9.])
    """

    mean: Any
    directions: Any
    variances: Any
    noise_variance: float
    n_dropped: int = 0
    minor: Any = None

    def cast(self, dtype):
        """Prepare the subspace for rows of a floating point dtype.

        Parameters
        ----------
        dtype : dtype
            float64 or float32.

        Returns
        -------
        prepared : PreparedSubspace
            The same subspace in that dtype.
        """
        dtype = np.dtype(dtype)
        high = self.mean.astype(dtype)
        low = (self.mean - high).astype(dtype)
        n_leading = min(max(_N_LEADING, self.n_dropped), self.directions.shape[1])
        directions = self.directions.astype(dtype, copy=False)
        return PreparedSubspace(
            mean=high,
            mean_rest=low if low.any() else None,
            leading=directions[:, :n_leading],
            others=directions[:, n_leading:],
            precisions=(1 / np.sqrt(self.variances)).astype(dtype),
            noise_variance=dtype.type(self.noise_variance),
            n_dropped=min(self.n_dropped, n_leading),
            minor=None if self.minor is None else self.minor.astype(dtype, copy=False),
            guard=dtype.type(_GUARDS[dtype]),
        )


class PreparedSubspace(NamedTuple):
    """A subspace in the dtype of the rows, made by `Subspace.cast`.

    Parameters
    ----------
    mean, mean_rest : ndarray of shape (n_features,)
        The mean rounded to the dtype, and what the rounding left (None if nothing):
        both are subtracted, so that a large mean costs no digits.

    leading : ndarray of shape (n_features, n_leading)
        The first directions.

    others : ndarray of shape (n_features, n_components - n_leading)
        The other directions.

    precisions : ndarray of shape (n_components,)
        Inverse standard deviations.

    noise_variance : floating
        Mean variance along the directions left out.

    n_dropped : int
        Number of leading directions that count as nuisance.

    minor : ndarray of shape (n_features, n_features - n_components) or None
        The directions left out.

    guard : floating
        Share of the norm below which a residual is computed once more.
    """

    mean: Any
    mean_rest: Any
    leading: Any
    others: Any
    precisions: Any
    noise_variance: Any
    n_dropped: int
    minor: Any
    guard: Any


def row_statistics(x, subspace, statistic):
    r"""Compute a statistic of each row of a chunk.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        Rows of the dtype of `subspace`; a few hundred are fastest.

    subspace : PreparedSubspace
        The subspace of normal rows.

    statistic : {"residual", "t2", "combined", "cosine"}
        What to compute.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        Larger for rows that are less normal, never negative.

    Notes
    -----
    With the coordinates :math:`z_j` of the centred row :math:`y` along the
    :math:`k` directions of variances :math:`\lambda_j`, the first :math:`q` of them
    nuisance:

    - "residual": :math:`\|y\|^2 - \sum_{q < j \le k} z_j^2`;
    - "t2": :math:`\sum_{q < j \le k} z_j^2 / \lambda_j`;
    - "combined": the second plus :math:`(\|y\|^2 - \sum_{j \le k} z_j^2) / \sigma^2`;
    - "cosine": :math:`1 - \cos(x, p)`, with :math:`p = \mu + \sum_{q < j \le k} z_j
      v_j`; 1 if a norm is zero.

    A residual is a difference of norms, which costs half of explicit reconstruction.
    What cancels is kept small: the leading directions, with most of the norm, are
    projected out first, and rows that still lose too much are reconstructed.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.subspace_scores import Subspace, row_statistics
    >>> line = Subspace(np.zeros(2), np.array([[1.0], [0.0]]), np.array([4.0]), 0.5)
    >>> x = np.array([[3.0, 4.0]])
    >>> for statistic in ("residual", "t2", "combined", "cosine"):
    ...     print(row_statistics(x, line.cast(np.float64), statistic).round(12))
    [16.]
    [2.25]
    [34.25]
    [0.4]
    """
    y = _centre(x, subspace)
    if statistic == "residual" and subspace.minor is not None:
        return _minor_residual(y, subspace)
    leading, rest, others = _project(y, subspace)
    if statistic == "cosine":
        return _cosine(x, leading, rest, others, subspace)
    if statistic == "residual":
        outside = _outside(rest, others, subspace)
        return outside + _energy(leading[:, : subspace.n_dropped])
    scores = _mahalanobis(leading, others, subspace)
    if statistic == "combined":
        scores += _outside(rest, others, subspace) / subspace.noise_variance
    return scores


def residual_path(x, subspace, counts):
    """Compute the residuals of rows for several numbers of components at once.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        Rows of the dtype of `subspace`.

    subspace : PreparedSubspace
        The subspace of normal rows.

    counts : sequence of int
        Numbers of components, none above that of `subspace`.

    Returns
    -------
    residuals : ndarray of shape (n_rows, n_counts)
        The statistic "residual" of the subspaces of the first components.

    Notes
    -----
    The rows are projected once. Coordinates left out are added to the residual of all
    components, never subtracted from the norm: sums of positive terms lose no digits.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.subspace_scores import Subspace, residual_path
    >>> plane = Subspace(np.zeros(3), np.eye(3)[:, :2], np.array([4.0, 1.0]), 0.5)
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> residual_path(x, plane.cast(np.float64), [0, 1, 2])
    array([[14., 13.,  9.]])
    """
    leading, rest, others = _project(_centre(x, subspace), subspace)
    outside = _outside(rest, others, subspace)
    energies = np.concatenate([leading, others], axis=1)
    energies *= energies
    place = np.arange(energies.shape[1])[:, None]
    left_out = (place >= counts) | (place < subspace.n_dropped)
    return outside[:, None] + energies @ left_out.astype(x.dtype)


def coordinates(x, subspace):
    """Compute the coordinates of rows along the directions of a subspace.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        Rows of the dtype of `subspace`.

    subspace : PreparedSubspace
        The subspace.

    Returns
    -------
    coordinates : ndarray of shape (n_rows, n_components)
        Of the rows from the mean, nuisance directions included.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.subspace_scores import Subspace, coordinates
    >>> plane = Subspace(np.ones(3), np.eye(3)[:, :2], np.array([4.0, 1.0]), 0.5)
    >>> coordinates(np.array([[1.0, 2.0, 3.0]]), plane.cast(np.float64))
    array([[0., 1.]])
    """
    y = _centre(x, subspace)
    return np.concatenate([y @ subspace.leading, y @ subspace.others], axis=1)


def _centre(x, subspace):
    y = x - subspace.mean
    if subspace.mean_rest is not None:
        y -= subspace.mean_rest
    return y


def _project(y, subspace):
    """Coordinates along the leading directions, what is left of y, and the others."""
    leading = y @ subspace.leading
    if leading.size:
        # In the memory of y: the product would be one more array of its size.
        gemm = sgemm if y.dtype == np.float32 else dgemm
        y = gemm(-1, subspace.leading, leading.T, 1, y.T, overwrite_c=True).T
    return leading, y, y @ subspace.others


def _energy(rows):
    return np.einsum("ij,ij->i", rows, rows)


def _outside(rest, others, subspace):
    """Squared norms of what no direction explains."""
    total = _energy(rest)
    outside = total - _energy(others)
    low = np.flatnonzero(outside < subspace.guard * total)
    if low.size:
        outside[low] = _energy(rest[low] - others[low] @ subspace.others.T)
    return np.maximum(outside, 0, out=outside)


def _minor_residual(y, subspace):
    """The residual from the directions left out, fewer than those kept."""
    residual = _energy(y @ subspace.minor)
    if subspace.n_dropped:
        residual += _energy(y @ subspace.leading[:, : subspace.n_dropped])
    return residual


def _mahalanobis(leading, others, subspace):
    # Divided by standard deviations before squaring: squares could leave the range
    # of float32.
    n_leading, n_dropped = leading.shape[1], subspace.n_dropped
    scale = subspace.precisions
    scores = _energy(leading[:, n_dropped:] * scale[n_dropped:n_leading])
    return scores + _energy(others * scale[n_leading:])


def _cosine(x, leading, rest, others, subspace):
    """One minus the cosine between rows and their reconstructions."""
    n_dropped = subspace.n_dropped
    error = rest - others @ subspace.others.T
    error += leading[:, :n_dropped] @ subspace.leading[:, :n_dropped].T
    image = x - error
    x_norm, image_norm = np.sqrt(_energy(x)), np.sqrt(_energy(image))
    defined = (x_norm > 0) & (image_norm > 0)
    x_norm[~defined] = image_norm[~defined] = 1
    x, image = x / x_norm[:, None], image / image_norm[:, None]
    cosine = np.einsum("ij,ij->i", x, image)
    # The part of the error across x gives the sine: beside a large mean, vectors of
    # unit length would differ by less than their rounding.
    error /= image_norm[:, None]
    error -= np.einsum("ij,ij->i", x, error)[:, None] * x
    acute = cosine > 0
    distance = np.where(acute, _energy(error) / (1 + np.abs(cosine)), 1 - cosine)
    return np.where(defined, distance, 1)
