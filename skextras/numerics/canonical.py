"""Canonical directions of whitened views, and what is read off their variates."""

from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np

# Below this size all singular vectors cost no more than a few, unless the other side
# is long.
_SMALL, _LONG = 64, 4096


class Canonical(NamedTuple):
    """Canonical directions of two or more views.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        The directions of each view, in whatever coordinates its columns have.

    singular_values : ndarray of shape (n_components,)
        What the directions attain, in descending order.

    spectrum : ndarray of shape (n_values,)
        What all directions attain; those after the first `n_components` to about
        1e-8 only.

    See Also
    --------
    canonical_directions : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical import canonical_directions
    >>> canonical_directions([[None, np.diag([0.9, 0.2])]], 1).spectrum
    array([0.9, 0.2])
    """

    weights: list
    singular_values: Any
    spectrum: Any


def canonical_directions(cross, n_components):
    r"""Return the directions in which whitened views covary most.

    Parameters
    ----------
    cross : list of list of ndarray of shape (rank_i, rank_j)
        ``cross[i][j]``, for i < j, is the covariance :math:`T_{ij}` between the
        whitened views i and j; other entries are not read.

    n_components : int
        Number of directions, at most the smallest rank.

    Returns
    -------
    canonical : Canonical
        Directions :math:`Q_i` of the whitened views.

    Notes
    -----
    Of two views these are the singular vectors of :math:`T_{12}`. Of M > 2 views they
    are :math:`\sqrt M` times the blocks of the top eigenvectors of the matrix with the
    blocks :math:`T_{ij}` and a zero diagonal, and the value is the eigenvalue over
    M - 1: for the first component, at most 1, as for two views.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical import canonical_directions
    >>> T = np.full((1, 1), 0.5)
    >>> found = canonical_directions([[None, T, T], [None, None, T]], 1)
    >>> found.singular_values
    array([0.5])
    >>> [abs(q).item().__round__(12) for q in found.weights]
    [1.0, 1.0, 1.0]
    """
    n_views = len(cross[0])
    if n_views == 2:
        left, values, right, spectrum = top_singular(cross[0][1], n_components)
        return Canonical([left, right], values, spectrum)
    ranks = [cross[0][1].shape[0], *(t.shape[1] for t in cross[0][1:])]
    ends = np.cumsum([0, *ranks])
    rows = [slice(a, b) for a, b in pairwise(ends)]
    joint = np.zeros((ends[-1], ends[-1]))
    for i, j in combinations(range(n_views), 2):
        joint[rows[i], rows[j]] = cross[i][j]
        joint[rows[j], rows[i]] = cross[i][j].T
    values, vectors = np.linalg.eigh(joint)
    spectrum = values[: -min(ranks) - 1 : -1] / (n_views - 1)
    vectors = np.sqrt(n_views) * vectors[:, : -n_components - 1 : -1]
    return Canonical(
        [vectors[part] for part in rows], spectrum[:n_components], spectrum
    )


def top_singular(matrix, n_components):
    """Return the largest singular values with their vectors, and the other values.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_columns)
        Any matrix.

    n_components : int
        Number of singular vectors, at most the smaller side of the matrix.

    Returns
    -------
    left : ndarray of shape (n_rows, n_components)
        Left singular vectors, orthonormal even where a value is zero.

    values : ndarray of shape (n_components,)
        The largest singular values, to full relative precision of the largest.

    right : ndarray of shape (n_columns, n_components)
        Right singular vectors.

    spectrum : ndarray of shape (min(n_rows, n_columns),)
        All singular values; the others as square roots of eigenvalues.

    Notes
    -----
    A few vectors of a large matrix come from the product of the matrix with its
    transpose. That alone would leave half of the digits of small singular values: a
    Rayleigh-Ritz step on the matrix itself brings them back.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical import top_singular
    >>> left, values, right, spectrum = top_singular(np.diag([1.0, 3.0, 2.0]), 2)
    >>> values, spectrum
    (array([3., 2.]), array([3., 2., 1.]))
    """
    if matrix.shape[0] > matrix.shape[1]:
        right, values, left, spectrum = top_singular(matrix.T, n_components)
        return left, values, right, spectrum
    n_small = len(matrix)
    few = n_small <= _SMALL or 2 * n_components > n_small
    if few and matrix.shape[1] <= _LONG:
        left, spectrum, right = np.linalg.svd(matrix, full_matrices=False)
        values = spectrum[:n_components]
        return left[:, :n_components], values, right[:n_components].T, spectrum
    squares, vectors = np.linalg.eigh(matrix @ matrix.T)
    spectrum = np.sqrt(np.maximum(squares[::-1], 0))
    vectors = vectors[:, : -n_components - 1 : -1]
    basis, triangle = np.linalg.qr(matrix.T @ vectors)
    left, values, right = np.linalg.svd(triangle.T)
    spectrum[:n_components] = values
    return vectors @ left, values, basis @ right.T, spectrum


def component_signs(weights):
    """Return the signs that make the largest entry of each component positive.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_components)
        Weights of the first view.

    Returns
    -------
    signs : ndarray of shape (n_components,)
        Factors of 1 or -1, for the weights of all views. Of entries that are equally
        large in magnitude the first counts.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical import component_signs
    >>> component_signs(np.array([[1.0, 3.0], [-2.0, -3.0]]))
    array([-1.,  1.])
    """
    largest = np.abs(weights).argmax(axis=0)
    return np.where(weights[largest, np.arange(weights.shape[1])] < 0, -1.0, 1.0)


def variate_correlations(covariances, n_views):
    """Return the correlation of each component's variates, mean over pairs of views.

    Parameters
    ----------
    covariances : ndarray of shape (n_views * n_components, n_views * n_components)
        Covariance matrix, of any scale, of the variates of all views side by side.

    n_views : int
        Number of views.

    Returns
    -------
    correlations : ndarray of shape (n_components,)
        Means of correlations; one with a constant variate counts as 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical import variate_correlations
    >>> variate_correlations(np.array([[4.0, 1.0], [1.0, 1.0]]), 2)
    array([0.5])
    """
    n_components = len(covariances) // n_views
    variances = np.maximum(np.diagonal(covariances), 0)
    deviations = np.sqrt(variances).reshape(n_views, n_components)
    found = []
    for i, j in combinations(range(n_views), 2):
        block = covariances[i * n_components :, j * n_components :]
        numerator = np.diagonal(block)[:n_components]
        norm = deviations[i] * deviations[j]
        found.append(
            np.divide(numerator, norm, out=np.zeros(n_components), where=norm > 0)
        )
    return np.clip(np.mean(found, axis=0), -1.0, 1.0)
