"""Penalised losses of a radial basis function network, and their gradients."""

import numpy as np

from skextras.numerics import rbf_linear
from skextras.numerics.rbf import Design
from skextras.numerics.rbf_logistic import log_loss
from skextras.numerics.rbf_objective import FAILURE, Layout, PullBack


class PenalizedSquares:
    r"""Penalised squared error at its best output weights, over the sum of weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs, in standard units.

    Y : ndarray of shape (n_rows, n_outputs)
        The targets, in standard units.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    centers : ndarray of shape (n_centers, n_features)
        The centres, or where they start.

    metric : Metric
        The precision matrix.

    alpha_weights : float
        Half of it times the sum of the squared output weights is added.

    linear_term : bool
        Whether the inputs themselves are features.

    learn_centers : bool
        Whether the centres are parameters.

    alpha : float
        Half of it times the trace of the precision matrix is added.

    max_bytes : float
        Bytes up to which features are kept between the two passes over the rows.

    Notes
    -----
    :math:`1/N` times :math:`\tfrac12 \mathrm{tr} R^T \Omega R + \tfrac12 \beta \|W\|^2
    + \tfrac12 \alpha \, \mathrm{tr} P`, where W solves the ridge regression. Hence the
    gradient is the one at fixed W.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_penalized import PenalizedSquares
    >>> X, metric = np.linspace(-1, 1, 9)[:, None], Metric("diag", np.array([True]))
    >>> objective = PenalizedSquares(X, X**2, np.ones(9), X[::2], metric, 0.1)
    >>> value, gradient = objective(np.array([2.0]))
    >>> gradient.shape
    (1,)
    """

    start, bounds = np.empty(0), ()

    def __init__(
        self,
        X,
        Y,
        weights,
        centers,
        metric,
        alpha_weights,
        *,
        linear_term=True,
        learn_centers=False,
        alpha=0.0,
        max_bytes=np.inf,
    ):
        self.X, self.layout = X, Layout(metric, centers, learn_centers)
        self.alpha, self.alpha_weights = alpha, alpha_weights
        self.design = Design(
            X, weights, len(centers), linear_term=linear_term, max_bytes=max_bytes
        )
        self.Y = self.design.weighted(Y, slice(None))
        self.total = weights.sum()

    def __call__(self, theta):
        """Evaluate the objective.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            Parameters of the metric, and centres if they are learnt.

        Returns
        -------
        value : float
            The value.

        gradient : ndarray of shape (n_parameters,)
            The gradient.
        """
        params, centers, rest = self.layout.split(theta)
        metric = self.layout.metric
        z, z_centers = metric.project(params, self.X), metric.project(params, centers)
        gram, moments = 0.0, 0.0
        for block in self.design.blocks:
            _, F = self.design.fill(block, z, z_centers)
            gram = gram + F.T @ F
            moments = moments + F.T @ self.Y[block]
        W = ridge_weights(gram, moments, self.alpha_weights)
        if W is None:
            return FAILURE, np.zeros_like(theta)
        sums, value = PullBack(metric, params, z_centers), 0.0
        for block in self.design.blocks:
            kernel, F = self.design.again(block, z, z_centers)
            R = F @ W - self.Y[block]
            value += 0.5 * np.square(R).sum()
            sums.add_outer(kernel, R, W[: len(centers)], z[block], self.X[block])
        trace, d_trace = metric.trace(params)
        d_params, d_centers = sums.finish(centers)
        value += 0.5 * (self.alpha_weights * np.square(W).sum() + self.alpha * trace)
        d_params = d_params + 0.5 * self.alpha * d_trace
        gradient = self.layout.join(d_params, d_centers, rest)
        return value / self.total, gradient / self.total


class PenalizedLogLoss:
    r"""Penalised log-loss, jointly in metric, centres and output weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs, in standard units.

    targets : ndarray of shape (n_rows, n_outputs)
        The targets, see `log_loss`.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    centers : ndarray of shape (n_centers, n_features)
        The centres, or where they start.

    metric : Metric
        The precision matrix.

    alpha_weights : float
        Half of it times the sum of the squared output weights is added.

    linear_term : bool
        Whether the inputs themselves are features.

    learn_centers : bool
        Whether the centres are parameters.

    alpha : float
        Half of it times the trace of the precision matrix is added.

    Notes
    -----
    :math:`1/N` times :math:`\sum_i \omega_i \ell_i + \tfrac12 \beta \|W\|^2 + \tfrac12
    \alpha \, \mathrm{tr} P`. Each block of rows is passed over once.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_penalized import PenalizedLogLoss
    >>> X, metric = np.linspace(-1, 1, 9)[:, None], Metric("diag", np.array([True]))
    >>> objective = PenalizedLogLoss(X, X > 0, np.ones(9), X[::2], metric, 0.1)
    >>> value, gradient = objective(np.concatenate([[2.0], objective.start]))
    >>> value.round(6)  # all weights are zero
    np.float64(0.693147)
    """

    def __init__(
        self,
        X,
        targets,
        weights,
        centers,
        metric,
        alpha_weights,
        *,
        linear_term=True,
        learn_centers=False,
        alpha=0.0,
    ):
        self.X, self.layout = X, Layout(metric, centers, learn_centers)
        self.alpha, self.alpha_weights = alpha, alpha_weights
        self.targets, self.weights = targets, weights[:, None]
        self.design = Design(
            X, np.ones(len(X)), len(centers), linear_term=linear_term, max_bytes=0
        )
        self.total = weights.sum()
        n_columns = len(centers) + 1 + (X.shape[1] if linear_term else 0)
        self.start = np.zeros(n_columns * targets.shape[1])
        self.bounds = ((None, None),) * len(self.start)

    def __call__(self, theta):
        """Evaluate the objective.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            Parameters of the metric, centres if they are learnt, output weights.

        Returns
        -------
        value : float
            The value.

        gradient : ndarray of shape (n_parameters,)
            The gradient.
        """
        params, centers, rest = self.layout.split(theta)
        metric, W = self.layout.metric, rest.reshape(-1, self.targets.shape[1])
        z, z_centers = metric.project(params, self.X), metric.project(params, centers)
        sums, value, dW = PullBack(metric, params, z_centers), 0.0, 0.0
        for block in self.design.blocks:
            kernel, F = self.design.fill(block, z, z_centers)
            loss, residuals = log_loss(F @ W, self.targets[block])
            value += self.weights[block, 0] @ loss
            residuals *= self.weights[block]
            dW = dW + F.T @ residuals
            W_kernels = W[: len(centers)]
            sums.add_outer(kernel, residuals, W_kernels, z[block], self.X[block])
        trace, d_trace = metric.trace(params)
        d_params, d_centers = sums.finish(centers)
        value += 0.5 * (self.alpha_weights * np.square(W).sum() + self.alpha * trace)
        gradient = self.layout.join(
            d_params + 0.5 * self.alpha * d_trace,
            d_centers,
            (dW + self.alpha_weights * W).ravel(),
        )
        return value / self.total, gradient / self.total


def ridge_weights(gram, moments, alpha_weights):
    """Solve a ridge regression.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Weighted products of the features.

    moments : ndarray of shape (n_columns, n_outputs)
        Weighted products of features and targets.

    alpha_weights : float
        The ridge.

    Returns
    -------
    weights : ndarray of shape (n_columns, n_outputs) or None
        The weights; None if they are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_penalized import ridge_weights
    >>> ridge_weights(np.eye(1), np.ones((1, 1)), 1.0)
    array([[0.5]])
    """
    system = gram.copy()
    system[np.diag_indices(len(system))] += alpha_weights
    factor = rbf_linear.nearest_cholesky(system)
    return None if factor is None else rbf_linear.solve(factor, moments)
