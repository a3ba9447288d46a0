"""Posterior of the output weights of a network, under three forms of their prior."""

from typing import NamedTuple

import numpy as np

from skextras.numerics import rbf_linear

# What the diagonal of the kernels between centres is increased by, at first and at
# most, as it is and whitened. Whitening rounds less, and takes longer.
_PLAIN_JITTERS = (1e-6,)
_WHITENED_JITTERS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6)


class Scales(NamedTuple):
    """Variances of the noise and of the priors.

    Parameters
    ----------
    noise : float
        Variance of the noise.

    weight : float
        Scale of the variances of the weights of the kernels and of the constant.

    slope : float
        Variance of the weights of the inputs.

    Examples
    --------
    >>> from skextras.numerics.rbf_posterior import Scales
    >>> Scales(0.1, 1.0, 0.05).slope_ridge
    2.0
    """

    noise: float
    weight: float
    slope: float

    @property
    def ridge(self):
        """Noise over the scale of the weights."""
        return self.noise / self.weight

    @property
    def slope_ridge(self):
        """Noise over the variance of the slopes."""
        return self.noise / self.slope


class Posterior(NamedTuple):
    """What the evidence and its gradient take from the posterior of the weights.

    Parameters
    ----------
    mean : ndarray of shape (n_columns, n_outputs)
        Posterior mean of the weights of the features as they are given.

    kernel_mean : ndarray of shape (n_centers, n_outputs)
        Posterior mean of the weights of the kernels.

    pull : ndarray of shape (n_columns, n_centers)
        The given features times this, less the residuals' part, are the gradient with
        respect to the kernels between rows and centres.

    center_pull : ndarray of shape (n_centers, n_centers) or None
        Gradient with respect to the kernels between centres.

    log_determinant : float
        Logarithm of the determinant of A over that of the prior's K.

    freedom : float
        Trace of the posterior over that of the prior: kernels and the constant.

    slope_freedom : float
        The same of the slopes.

    norm : float
        Square of the prior's norm of the weights of kernels and constant.

    slope_norm : float
        Sum of the squares of the slopes.

    unexplained : float
        Sum over the rows of the prior variance that the centres leave, at least 0; 0
        where it is not asked for.
    """

    mean: np.ndarray
    kernel_mean: np.ndarray
    pull: np.ndarray
    center_pull: np.ndarray | None
    log_determinant: float
    freedom: float
    slope_freedom: float
    norm: float
    slope_norm: float
    unexplained: float = 0.0


class IndependentPrior:
    """Weights of the kernels that are independent of each other.

    Parameters
    ----------
    n_centers : int
        Number of centres.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_posterior import IndependentPrior, Scales
    >>> prior, scales = IndependentPrior(1), Scales(1.0, 1.0, 1.0)
    >>> prior.posterior(np.eye(2), np.ones((2, 1)), scales).mean
    array([[0.5],
           [0.5]])
    """

    whitener = None

    def __init__(self, n_centers):
        self.n_centers = n_centers

    def prepare(self, kernel):
        """Take note of the kernels between centres.

        Parameters
        ----------
        kernel : ndarray of shape (n_centers, n_centers) or None
            The kernels, which this prior does not look at.

        Returns
        -------
        success : bool
            Whether they have a Cholesky factor, if it needs one.
        """
        return True

    def posterior(self, gram, moments, scales, total=None):
        """Compute the posterior.

        Parameters
        ----------
        gram : ndarray of shape (n_columns, n_columns)
            Weighted products of the features.

        moments : ndarray of shape (n_columns, n_outputs)
            Weighted products of features and targets.

        scales : Scales
            The variances.

        total : float, default=None
            Sum of the rows' weights, if what the centres do not explain is penalised;
            the gradients then include that.

        Returns
        -------
        posterior : Posterior or None
            None if a matrix is not positive definite in floating point.
        """
        solved = _solve(gram, moments, _ridges(self.n_centers, len(gram), scales))
        if solved is None:
            return None
        factor, inverse, mean = solved
        m, n_outputs = self.n_centers, moments.shape[1]
        return Posterior(
            mean=mean,
            kernel_mean=mean[:m],
            pull=n_outputs * inverse[:, :m],
            center_pull=None,
            log_determinant=rbf_linear.log_determinant(factor),
            freedom=np.trace(inverse[: m + 1, : m + 1]),
            slope_freedom=np.trace(inverse[m + 1 :, m + 1 :]),
            norm=np.square(mean[: m + 1]).sum(),
            slope_norm=np.square(mean[m + 1 :]).sum(),
        )


class WhitenedKernelPrior(IndependentPrior):
    """Weights whose prior makes a Gaussian process of the network, whitened.

    The features it is given are the kernels times the inverse transpose of the Cholesky
    factor of the kernels between centres.

    Parameters
    ----------
    n_centers : int
        Number of centres.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_posterior import WhitenedKernelPrior
    >>> prior = WhitenedKernelPrior(2)
    >>> prior.prepare(np.ones((2, 2))), prior.jitter
    (True, 1e-10)
    """

    def __init__(self, n_centers):
        super().__init__(n_centers)
        self.jitter = _WHITENED_JITTERS[0]

    def prepare(self, kernel):
        """Factorise the kernels between centres."""
        # What failed once is not tried again: the objective must not change its form
        # from one evaluation to the next.
        jitters = [jitter for jitter in _WHITENED_JITTERS if jitter >= self.jitter]
        self.whitener, self.jitter = rbf_linear.jittered_cholesky(kernel, jitters)
        return self.whitener is not None

    def posterior(self, gram, moments, scales, total=None):
        """Compute the posterior, as `IndependentPrior.posterior` says."""
        white = super().posterior(gram, moments, scales)
        if white is None:
            return None
        m, n_outputs = self.n_centers, moments.shape[1]
        kernel_mean = white.kernel_mean
        pull, center_pull = white.pull, scales.ridge * white.pull[:m]
        center_pull[np.diag_indices(m)] -= n_outputs
        center_pull += kernel_mean @ kernel_mean.T / scales.weight
        unexplained = _left(total, np.trace(gram[:m, :m]))
        if unexplained:
            pull = pull.copy()
            pull[np.diag_indices(m)] -= n_outputs / scales.ridge
            center_pull += n_outputs / scales.ridge * gram[:m, :m]
        return white._replace(
            kernel_mean=self._back(kernel_mean),
            pull=self._back(pull.T).T,
            center_pull=0.5 * self._back(self._back(center_pull).T),
            unexplained=unexplained,
        )

    def _back(self, columns):
        return rbf_linear.solve_lower(self.whitener, columns, transposed=True)


class KernelPrior(IndependentPrior):
    """Weights whose prior makes a Gaussian process of the network.

    Parameters
    ----------
    n_centers : int
        Number of centres.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_posterior import KernelPrior
    >>> KernelPrior(2).prepare(np.ones((2, 2)))
    True
    """

    def prepare(self, kernel):
        """Factorise the kernels between centres."""
        factor, self.jitter = rbf_linear.jittered_cholesky(kernel, _PLAIN_JITTERS)
        if factor is None:
            return False
        self._kernel = kernel.copy()
        self._kernel[np.diag_indices(len(kernel))] += self.jitter
        self._inverse = rbf_linear.inverse(factor)
        self._log_determinant = rbf_linear.log_determinant(factor)
        return True

    def posterior(self, gram, moments, scales, total=None):
        """Compute the posterior, as `IndependentPrior.posterior` says."""
        m, n_outputs, kernel = self.n_centers, moments.shape[1], self._kernel
        diagonal = _ridges(m, len(gram), scales)
        diagonal[:m] = 0
        penalised = gram.copy()
        penalised[:m, :m] += scales.ridge * kernel
        solved = _solve(penalised, moments, diagonal)
        if solved is None:
            return None
        factor, inverse, mean = solved
        kernel_mean = mean[:m]
        pull, center_pull = n_outputs * inverse[:, :m], kernel_mean @ kernel_mean.T
        center_pull /= scales.weight
        center_pull += n_outputs * (scales.ridge * inverse[:m, :m] - self._inverse)
        half = self._inverse @ gram[:m, :m] if total else np.zeros((1, 1))
        unexplained = _left(total, np.trace(half))
        if unexplained:
            share = n_outputs / scales.ridge
            pull[:m] -= share * self._inverse
            center_pull += share * (half @ self._inverse)
        return Posterior(
            mean=mean,
            kernel_mean=kernel_mean,
            pull=pull,
            center_pull=0.5 * center_pull,
            log_determinant=rbf_linear.log_determinant(factor) - self._log_determinant,
            freedom=(inverse[:m, :m] * kernel).sum() + inverse[m, m],
            slope_freedom=np.trace(inverse[m + 1 :, m + 1 :]),
            norm=(kernel_mean * (kernel @ kernel_mean)).sum()
            + np.square(mean[m]).sum(),
            slope_norm=np.square(mean[m + 1 :]).sum(),
            unexplained=unexplained,
        )


def _left(total, explained):
    """What of the total is not explained; rounding may make more of it than all."""
    return max(total - explained, 0.0) if total else 0.0


def _ridges(n_centers, n_columns, scales):
    """Diagonal of the prior's precision times the noise, of independent weights."""
    ridges = np.full(n_columns, scales.slope_ridge)
    ridges[: n_centers + 1] = scales.ridge
    return ridges


def _solve(gram, moments, diagonal):
    """Cholesky factor, inverse and solution of a system, or None."""
    system = gram.copy()
    system[np.diag_indices(len(system))] += diagonal
    factor = rbf_linear.cholesky(system)
    if factor is None:
        return None
    return factor, rbf_linear.inverse(factor), rbf_linear.solve(factor, moments)
