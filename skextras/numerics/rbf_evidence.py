"""Marginal likelihood of a radial basis function network, and its gradient."""

import numpy as np

from skextras.numerics.rbf import Design, center_kernel
from skextras.numerics.rbf_objective import FAILURE, Layout, PullBack
from skextras.numerics.rbf_posterior import (
    IndependentPrior,
    KernelPrior,
    Scales,
    WhitenedKernelPrior,
)

# Logarithms of the scales: where they start and between what they stay.
NOISE_FLOOR = 1e-7
_START = (np.log(0.1), 0.0, -3.0)
_BOUNDS = ((np.log(NOISE_FLOOR), 2.0), (-8.0, 12.0), (-16.0, 12.0))


class Evidence:
    r"""Penalised negative log marginal likelihood, over the sum of the weights.

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

    linear_term : bool
        Whether the inputs themselves are features.

    kernel_prior : bool
        Whether the prior covariance of the kernels' weights is a multiple of the
        inverse of the kernels between centres; else of the identity.

    learn_centers : bool
        Whether the centres are parameters. The trace term then keeps them where they
        explain the rows.

    tied : bool
        Whether the slopes share the scale of the other weights.

    alpha : float
        Half of it times the trace of the precision matrix is added.

    max_bytes : float
        Bytes up to which features are kept between the two passes over the rows.

    Notes
    -----
    With the notation of `Posterior` and :math:`\lambda = s^2 / \tau`, the value is
    :math:`1/N` times

    .. math:: \tfrac12 \left[ \frac{\mathrm{tr} R^T \Omega R}{s^2}
        + \frac{\|W\|^2}{\tau} + \frac{\|W_b\|^2}{\tau_b} + k \left( (N - q) \log s^2
        + \log \frac{|A|}{|K|} + (m + 1) \log \tau + d \log \tau_b \right) \right]
        + \tfrac12 \alpha \, \mathrm{tr} P + T ,

    where :math:`T = k / (2 \lambda) \, \max(N - \mathrm{tr} K^{-1} \Phi^T \Omega \Phi,
    0)` for learnt centres and 0 for fixed ones.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_evidence import Evidence
    >>> from skextras.numerics.rbf_metric import Metric
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> objective = Evidence(
    ...     X, np.sin(3 * X), np.ones(9), X[::2], Metric("diag", np.array([True]))
    ... )
    >>> value, gradient = objective(np.concatenate([[2.0], objective.start]))
    >>> gradient.shape
    (4,)
    """

    def __init__(
        self,
        X,
        Y,
        weights,
        centers,
        metric,
        *,
        linear_term=True,
        kernel_prior=True,
        learn_centers=False,
        tied=False,
        alpha=0.0,
        max_bytes=np.inf,
    ):
        self.X, self.layout = X, Layout(metric, centers, learn_centers)
        self.alpha, self.tied = alpha, tied
        m = len(centers)
        # With few rows for the centres the whitened form costs little, and it rounds
        # less.
        self.whitens = kernel_prior and 2 * m >= len(X)
        form = WhitenedKernelPrior if self.whitens else KernelPrior
        self.prior = (form if kernel_prior else IndependentPrior)(m)
        self.kernel_prior = kernel_prior
        self.design = Design(
            X,
            weights,
            m,
            linear_term=linear_term,
            max_bytes=max_bytes,
            whiten=self.whitens,
        )
        self.Y = self.design.weighted(Y, slice(None))
        self.total = weights.sum()
        self.n_slopes = X.shape[1] if linear_term else 0
        n_scales = 2 if tied or not linear_term else 3
        self.start = np.array(_START[:n_scales])
        self.bounds = _BOUNDS[:n_scales]

    def scales(self, theta):
        """Give the variances that a vector of parameters stands for.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        Returns
        -------
        scales : Scales
            The variances.
        """
        logs = self.layout.split(theta)[2]
        noise, weight = np.exp(logs[:2])
        return Scales(noise, weight, np.exp(logs[2]) if len(logs) > 2 else weight)

    def __call__(self, theta):
        """Evaluate the objective.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            Parameters of the metric, centres if they are learnt, logarithms of the
            scales.

        Returns
        -------
        value : float
            The value.

        gradient : ndarray of shape (n_parameters,)
            The gradient.
        """
        params, centers, _ = self.layout.split(theta)
        metric, scales = self.layout.metric, self.scales(theta)
        z, z_centers = metric.project(params, self.X), metric.project(params, centers)
        kernel = center_kernel(z_centers) if self.kernel_prior else None
        posterior = None
        if self.prior.prepare(kernel):
            posterior = self._posterior(z, z_centers, scales)
        if posterior is None:
            return FAILURE, np.zeros_like(theta)
        residual, sums = self._backward(params, z, z_centers, posterior, scales)
        H = None if kernel is None else posterior.center_pull * kernel
        d_params, d_centers = sums.finish(centers, H)
        trace, d_trace = metric.trace(params)
        value, d_scales = self._value(residual, posterior, scales)
        gradient = self.layout.join(
            d_params + 0.5 * self.alpha * d_trace, d_centers, d_scales
        )
        return (value + 0.5 * self.alpha * trace) / self.total, gradient / self.total

    def _posterior(self, z, z_centers, scales):
        """Pass over the rows for the moments of features and targets."""
        gram, moments = 0.0, 0.0
        for block in self.design.blocks:
            _, F = self.design.fill(block, z, z_centers, self.prior.whitener)
            gram = gram + F.T @ F
            moments = moments + F.T @ self.Y[block]
        total = self.total if self.layout.learn_centers else None
        return self.prior.posterior(gram, moments, scales, total)

    def _backward(self, params, z, z_centers, posterior, scales):
        """Pass over the rows for the residuals and the gradient."""
        sums, residual = PullBack(self.layout.metric, params, z_centers), 0.0
        outer = posterior.kernel_mean.T / scales.noise
        for block in self.design.blocks:
            kernel, F = self.design.again(block, z, z_centers, self.prior.whitener)
            R = self.Y[block] - F @ posterior.mean
            residual += np.square(R).sum()
            G = F @ posterior.pull
            G -= R @ outer
            G *= kernel
            sums.add(G, z[block], self.X[block])
        return residual, sums

    def _value(self, residual, posterior, scales):
        """Value and gradient with respect to the scales, less the penalty."""
        k, n_slopes = self.Y.shape[1], self.n_slopes
        n_weights = self.layout.centers.shape[0] + 1
        n_free = self.total - n_weights - n_slopes
        misfit, norm = residual / scales.noise, posterior.norm / scales.weight
        slope_norm = posterior.slope_norm / scales.slope
        logs = np.log(scales)
        value = 0.5 * (misfit + norm + slope_norm)
        value += 0.5 * k * (n_free * logs[0] + posterior.log_determinant)
        value += 0.5 * k * (n_weights * logs[1] + n_slopes * logs[2])
        freedom = scales.ridge * posterior.freedom
        slope_freedom = scales.slope_ridge * posterior.slope_freedom
        gradient = 0.5 * np.array(
            [
                k * (n_free + freedom + slope_freedom) - misfit,
                k * (n_weights - freedom) - norm,
                k * (n_slopes - slope_freedom) - slope_norm,
            ]
        )
        trace = 0.5 * k / scales.ridge * posterior.unexplained
        value += trace
        gradient += [-trace, trace, 0.0]
        if len(self.bounds) == 2:
            gradient = np.array([gradient[0], gradient[1] + gradient[2]])
        return value, gradient
