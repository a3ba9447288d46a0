"""Parametrisations of the precision matrix that the kernels share."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Metric:
    """How a vector of parameters gives the factor L of the precision matrix L' L.

    Parameters
    ----------
    kind : {"full", "diag", "spherical"}
        L has free entries, is diagonal, or a multiple of the identity.

    active : ndarray of shape (n_features,)
        Which features may count. The columns of L of the others are zero: a feature
        that is constant in training must not matter where it varies later.

    rank : int or None
        Number of rows of a full L; None: the number of features.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> metric = Metric("diag", np.array([True, False]))
    >>> metric.factor(metric.start(0.5))
    array([[0.5, 0. ],
           [0. , 0. ]])
    """

    kind: str
    active: np.ndarray
    rank: int | None = None

    @property
    def n_rows(self):
        """Number of rows of L."""
        return len(self.active) if self.rank is None else self.rank

    @property
    def size(self):
        """Number of parameters."""
        n_features = len(self.active)
        sizes = {"full": self.n_rows * n_features, "diag": n_features, "spherical": 1}
        return sizes[self.kind]

    def start(self, scale, rotation=None):
        """Give the parameters of a multiple of the identity, or of a projection.

        Parameters
        ----------
        scale : float
            The multiple.

        rotation : ndarray of shape (n_features, n_rows) or None
            Matrix whose columns are orthonormalised for the rows of a full L of lower
            rank; they are lengthened so that distances stay what they are on average.

        Returns
        -------
        params : ndarray of shape (size,)
            The parameters.
        """
        if self.kind == "spherical":
            return np.array([scale])
        if self.kind == "diag":
            return np.where(self.active, scale, 0.0)
        if rotation is None:
            return (scale * np.eye(len(self.active)) * self.active).ravel()
        stretch = scale * np.sqrt(len(self.active) / self.n_rows)
        orthonormal = np.linalg.qr(rotation)[0].T
        return (stretch * orthonormal * self.active).ravel()

    def from_diagonal(self, params):
        """Give the parameters of a full L that is the diagonal one of some parameters.

        Parameters
        ----------
        params : ndarray of shape (n_features,)
            Parameters of the diagonal metric.

        Returns
        -------
        params : ndarray of shape (size,)
            Parameters of this full metric.
        """
        return np.diag(params).ravel()

    def project(self, params, X):
        """Map rows into the coordinates of the kernels, X L'.

        Parameters
        ----------
        params : ndarray of shape (size,)
            The parameters.

        X : ndarray of shape (n, n_features)
            The rows.

        Returns
        -------
        Z : ndarray of shape (n, n_rows)
            The coordinates.
        """
        if self.kind == "full":
            return X @ self._matrix(params).T
        return X * self._diagonal(params)

    def pull(self, params, dZ, X):
        """Gradient with respect to the parameters, from that of coordinates.

        Parameters
        ----------
        params : ndarray of shape (size,)
            The parameters.

        dZ : ndarray of shape (n, n_rows)
            Gradient with respect to ``project(params, X)``.

        X : ndarray of shape (n, n_features)
            The rows.

        Returns
        -------
        gradient : ndarray of shape (size,)
            The gradient.
        """
        if self.kind == "full":
            return (dZ.T @ X * self.active).ravel()
        diagonal = np.einsum("ij,ij->j", dZ, X) * self.active
        return diagonal if self.kind == "diag" else diagonal.sum(keepdims=True)

    def trace(self, params):
        """Trace of the precision matrix, and its gradient.

        Parameters
        ----------
        params : ndarray of shape (size,)
            The parameters.

        Returns
        -------
        trace : float
            The trace.

        gradient : ndarray of shape (size,)
            Its gradient.
        """
        count = self.active.sum() if self.kind == "spherical" else 1
        return count * (params @ params), 2 * count * params

    def factor(self, params):
        """Give the factor L.

        Parameters
        ----------
        params : ndarray of shape (size,)
            The parameters.

        Returns
        -------
        L : ndarray of shape (n_rows, n_features)
            The factor.
        """
        if self.kind == "full":
            return self._matrix(params).copy()
        return np.diag(self._diagonal(params))

    def _matrix(self, params):
        return params.reshape(self.n_rows, len(self.active))

    def _diagonal(self, params):
        return params * self.active
