"""Outputs of a trained network, their gradients, and the active subspace."""

from typing import NamedTuple

import numpy as np

from skextras.numerics.rbf import features, gaussian_kernel, row_blocks


class Network(NamedTuple):
    """A network in standard units.

    Parameters
    ----------
    factor : ndarray of shape (n_coordinates, n_features)
        Factor L of the precision matrix.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        The centres times L'.

    weights : ndarray of shape (n_columns, n_outputs)
        Weights of the features: kernels, constant, and the inputs if they are features.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_network import Network
    >>> one = np.ones((1, 1))
    >>> network = Network(one, 0 * one, np.array([[1.0], [0.0], [2.0]]))
    >>> network.outputs(np.array([[1.0]])).round(3)
    array([[2.607]])
    """

    factor: np.ndarray
    z_centers: np.ndarray
    weights: np.ndarray

    @property
    def linear_term(self):
        """Whether the inputs are features."""
        return len(self.weights) > len(self.z_centers) + 1

    def features(self, X):
        """Compute the features of rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            The inputs, in standard units.

        Returns
        -------
        F : ndarray of shape (n_rows, n_columns)
            The features.
        """
        return features(X, X @ self.factor.T, self.z_centers, self.linear_term)

    def outputs(self, X):
        """Compute the outputs of rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            The inputs, in standard units.

        Returns
        -------
        outputs : ndarray of shape (n_rows, n_outputs)
            The outputs.
        """
        return self.features(X) @ self.weights

    def gradients(self, X):
        """Compute the gradients of the outputs with respect to the inputs.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            The inputs, in standard units.

        Returns
        -------
        gradients : ndarray of shape (n_rows, n_features, n_outputs)
            The gradients.
        """
        z = X @ self.factor.T
        kernel = gaussian_kernel(z, self.z_centers)
        n_outputs = self.weights.shape[1]
        gradients = np.empty((*X.shape, n_outputs))
        for output in range(n_outputs):
            gradients[:, :, output] = self._gradient(z, kernel, output)
        return gradients

    def _gradient(self, z, kernel, output):
        """Gradients of one output: sum of w k P (c - x), and the slopes."""
        n_centers = len(self.z_centers)
        pulls = kernel * self.weights[:n_centers, output]
        gradient = pulls @ self.z_centers
        gradient -= pulls.sum(axis=1, keepdims=True) * z
        gradient = gradient @ self.factor
        if self.linear_term:
            gradient += self.weights[n_centers + 1 :, output]
        return gradient


def gradient_outer_product(network, X, weights):
    """Average the outer products of the gradients of the outputs.

    Parameters
    ----------
    network : Network
        The network.

    X : ndarray of shape (n_rows, n_features)
        The rows to average over, in standard units.

    weights : ndarray of shape (n_rows,)
        Their weights.

    Returns
    -------
    M : ndarray of shape (n_features, n_features)
        Weighted mean over the rows of the sum over the outputs, symmetric.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_network import Network, gradient_outer_product
    >>> W = np.array([[0.0], [0.0], [2.0]])  # a linear function
    >>> network = Network(np.ones((1, 1)), np.zeros((1, 1)), W)
    >>> gradient_outer_product(network, np.ones((3, 1)), np.ones(3))
    array([[4.]])
    """
    n_features = X.shape[1]
    M = np.zeros((n_features, n_features))
    roots = np.sqrt(weights / weights.sum())[:, None]
    for block in row_blocks(len(X), len(network.z_centers) + n_features):
        z = X[block] @ network.factor.T
        kernel = gaussian_kernel(z, network.z_centers)
        for output in range(network.weights.shape[1]):
            gradient = roots[block] * network._gradient(z, kernel, output)
            M += gradient.T @ gradient
    return M


class Subspace(NamedTuple):
    """Directions by how much the outputs vary along them.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_features,)
        Descending, not negative.

    components : ndarray of shape (n_features, n_features)
        Orthonormal directions, one a row; the largest entry of each is positive.
    """

    eigenvalues: np.ndarray
    components: np.ndarray

    def width(self, wanted):
        """Number of directions that are wanted.

        Parameters
        ----------
        wanted : int, float or None
            Their number, the share of the sum of the eigenvalues that they must
            reach, or None for all.

        Returns
        -------
        width : int
            At least 1.
        """
        if wanted is None:
            return len(self.eigenvalues)
        if not isinstance(wanted, float | np.floating):
            return int(wanted)
        cumulated = np.cumsum(self.eigenvalues)
        if cumulated[-1] == 0:
            return 1
        reached = cumulated >= (wanted - 1e-12) * cumulated[-1]
        return int(np.argmax(reached)) + 1


def active_subspace(M):
    """Find the principal directions of a symmetric matrix.

    Parameters
    ----------
    M : ndarray of shape (n_features, n_features)
        Positive semidefinite but for rounding.

    Returns
    -------
    subspace : Subspace
        Directions and eigenvalues.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_network import active_subspace
    >>> active_subspace(np.diag([1.0, 4.0])).components
    array([[0., 1.],
           [1., 0.]])
    """
    values, vectors = np.linalg.eigh(M)
    values, components = np.maximum(values[::-1], 0.0), vectors.T[::-1]
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(M)), largest])
    return Subspace(values, np.ascontiguousarray(components * signs[:, None]))


def gradient_importances(M):
    """Root mean square of the partial derivatives, as shares.

    Parameters
    ----------
    M : ndarray of shape (n_features, n_features)
        What `gradient_outer_product` returns.

    Returns
    -------
    importances : ndarray of shape (n_features,)
        They add up to 1; all are equal if the outputs are constant.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_network import gradient_importances
    >>> gradient_importances(np.diag([1.0, 9.0]))
    array([0.25, 0.75])
    """
    return _shares(np.sqrt(np.maximum(np.diagonal(M), 0.0)))


def precision_importances(subspace):
    """Compute importances as the paper takes them from the precision matrix.

    Parameters
    ----------
    subspace : Subspace
        Principal directions of the precision matrix.

    Returns
    -------
    importances : ndarray of shape (n_features,)
        Magnitudes of the directions' entries times the eigenvalues, as shares.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_network import active_subspace
    >>> from skextras.numerics.rbf_network import precision_importances
    >>> precision_importances(active_subspace(np.diag([1.0, 9.0])))
    array([0.1, 0.9])
    """
    return _shares(subspace.eigenvalues @ np.abs(subspace.components))


def _shares(values):
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))
