"""What the training objectives of a network have in common."""

from dataclasses import dataclass

import numpy as np

from skextras.numerics.rbf_metric import Metric

# Value where a matrix is not positive definite in floating point: far above any other,
# so that the line search turns back.
FAILURE = 1e10


@dataclass(frozen=True)
class Layout:
    """Where parameters stand in the vector that is optimised.

    Parameters
    ----------
    metric : Metric
        The precision matrix.

    centers : ndarray of shape (n_centers, n_features)
        The centres: where they are, or where they start.

    learn_centers : bool
        Whether they are parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_objective import Layout
    >>> metric = Metric("spherical", np.array([True]))
    >>> layout = Layout(metric, np.zeros((2, 1)), learn_centers=True)
    >>> layout.split(np.array([0.5, 1.0, 2.0, -1.0]))
    (array([0.5]), array([[1.],
           [2.]]), array([-1.]))
    """

    metric: Metric
    centers: np.ndarray
    learn_centers: bool

    def split(self, theta):
        """Cut the vector into parameters of the metric, centres, and the rest.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The vector.

        Returns
        -------
        params : ndarray of shape (metric.size,)
            Parameters of the metric.

        centers : ndarray of shape (n_centers, n_features)
            The centres.

        rest : ndarray
            What is left.
        """
        size, centers = self.metric.size, self.centers
        rest = theta[size:]
        if self.learn_centers:
            centers = rest[: centers.size].reshape(centers.shape)
            rest = rest[centers.size :]
        return theta[:size], centers, rest

    def join(self, params, centers, rest):
        """Make the vector.

        Parameters
        ----------
        params : ndarray of shape (metric.size,)
            Parameters of the metric, or the gradient with respect to them.

        centers : ndarray of shape (n_centers, n_features)
            The same of the centres; left out where they are not learnt.

        rest : ndarray
            The same of the rest.

        Returns
        -------
        theta : ndarray of shape (n_parameters,)
            The vector.
        """
        parts = [params, centers.ravel(), rest]
        return np.concatenate(parts if self.learn_centers else parts[::2])


class PullBack:
    """Gradient with respect to metric and centres, summed over blocks of rows.

    Parameters
    ----------
    metric : Metric
        The precision matrix.

    params : ndarray of shape (metric.size,)
        Its parameters.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        Coordinates of the centres.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_objective import PullBack
    >>> metric, X = Metric("diag", np.array([True])), np.array([[2.0]])
    >>> sums = PullBack(metric, np.array([1.0]), np.zeros((1, 1)))
    >>> sums.add(np.exp(-0.5 * X**2), X, X)  # the kernel itself: d/dl exp(-(2 l)^2/2)
    >>> sums.metric_gradient.round(3)
    array([-0.541])
    """

    def __init__(self, metric, params, z_centers):
        self._metric, self._params, self._z_centers = metric, params, z_centers
        self._with_ones = _with_ones(z_centers)
        self.metric_gradient = np.zeros(metric.size)
        self._sums = np.zeros_like(self._with_ones)

    def add(self, G, z, X):
        """Add a block of rows.

        Parameters
        ----------
        G : ndarray of shape (n_block, n_centers)
            Gradient with respect to the kernels, times the kernels.

        z : ndarray of shape (n_block, n_coordinates)
            Coordinates of the rows.

        X : ndarray of shape (n_block, n_features)
            The rows.
        """
        # The column of ones gives the sums of G along either axis.
        self._add(G @ self._with_ones, G.T @ _with_ones(z), z, X)

    def add_outer(self, kernel, left, right, z, X):
        """Add a block of rows whose gradient is an outer product.

        Parameters
        ----------
        kernel : ndarray of shape (n_block, n_centers)
            The kernels.

        left : ndarray of shape (n_block, n_outputs)
            One factor of the gradient with respect to them.

        right : ndarray of shape (n_centers, n_outputs)
            The other one.

        z : ndarray of shape (n_block, n_coordinates)
            Coordinates of the rows.

        X : ndarray of shape (n_block, n_features)
            The rows.
        """
        if left.shape[1] > 1:
            G = left @ right.T
            G *= kernel
            self.add(G, z, X)
            return
        # The product of vectors need not be formed, which would take as long as one
        # more exponential of all kernels.
        by_row = left * (kernel @ (right * self._with_ones))
        by_center = right * (kernel.T @ (left * _with_ones(z)))
        self._add(by_row, by_center, z, X)

    def _add(self, by_row, by_center, z, X):
        dz = by_row[:, :-1] - by_row[:, -1:] * z
        self._sums += by_center
        self.metric_gradient += self._metric.pull(self._params, dz, X)

    def finish(self, centers, H=None):
        """Add what comes from the centres and return the gradients.

        Parameters
        ----------
        centers : ndarray of shape (n_centers, n_features)
            The centres.

        H : ndarray of shape (n_centers, n_centers) or None
            Gradient with respect to the kernels between centres, times the kernels.

        Returns
        -------
        metric_gradient : ndarray of shape (metric.size,)
            Gradient with respect to the metric's parameters.

        center_gradient : ndarray of shape (n_centers, n_features)
            Gradient with respect to the centres.
        """
        z = self._z_centers
        dz = self._sums[:, :-1] - self._sums[:, -1:] * z
        if H is not None:
            dz += 2 * (H @ z - H.sum(axis=1, keepdims=True) * z)
        gradient = self.metric_gradient + self._metric.pull(self._params, dz, centers)
        return gradient, dz @ self._metric.factor(self._params)


def _with_ones(columns):
    return np.column_stack([columns, np.ones(len(columns))])
