"""Logistic and multinomial regression on the features of a network."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from skextras.numerics import rbf_linear

# The optimiser runs in coordinates in which the curvature is about 1 where it starts,
# and starts anew after so many iterations, since separable classes flatten it.
_MAX_ITER = 20
_MAX_STARTS = 25
_MAX_UPDATES = 6
# The precision of the weights' prior is updated until it moves by less than this share.
_PRECISION_TOLERANCE = 0.05
_PRECISION_RANGE = (1e-4, 1e4)
_SMALLEST_START = 1e-6


def log_loss(scores, targets):
    """Compute the log-loss of rows, and its gradient with respect to the scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_outputs)
        Decision scores: one column for two classes, else one for each class.

    targets : ndarray of shape (n_rows, n_outputs)
        1 for the class of the row and 0 elsewhere; one column for two classes.

    Returns
    -------
    loss : ndarray of shape (n_rows,)
        Negative logarithms of the probabilities of the targets.

    gradient : ndarray of shape (n_rows, n_outputs)
        Probabilities less targets.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_logistic import log_loss
    >>> loss, gradient = log_loss(np.array([[0.0]]), np.array([[1.0]]))
    >>> loss, gradient
    (array([0.69314718]), array([[-0.5]]))
    """
    if scores.shape[1] == 1:
        loss = np.logaddexp(0, scores) - targets * scores
        return loss[:, 0], probabilities(scores) - targets
    shifted = scores - scores.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(shifted).sum(axis=1))
    loss = normaliser - (targets * shifted).sum(axis=1)
    return loss, probabilities(scores) - targets


def probabilities(scores):
    """Turn decision scores into probabilities.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_outputs)
        Decision scores.

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_outputs)
        Of the second class for one column, else of all classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_logistic import probabilities
    >>> probabilities(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    if scores.shape[1] == 1:
        # Of |score|, whose exponential cannot overflow.
        small = np.exp(-np.abs(scores))
        return np.where(scores >= 0, 1.0, small) / (1.0 + small)
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


class Readout(NamedTuple):
    """Weights of a logistic regression and the precisions of their prior.

    Parameters
    ----------
    weights : ndarray of shape (n_columns, n_outputs)
        The weights.

    precisions : ndarray of shape (n_groups,)
        The precision of the prior of each group of weights.
    """

    weights: np.ndarray
    precisions: np.ndarray


class LogisticRegression:
    """Log-loss of weighted rows as a function of the weights of their features.

    Parameters
    ----------
    make_blocks : callable
        Returns an iterable of (rows, F): the slices that cut the rows and the features
        of each, which the next iteration may overwrite.

    targets : ndarray of shape (n_rows, n_outputs)
        The targets, see `log_loss`.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    groups : ndarray of shape (n_columns,)
        The group, numbered from 0, whose precision the weights of a feature share.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_logistic import LogisticRegression
    >>> F, y = np.array([[1.0], [1.0], [1.0], [-1.0]]), np.array([[1.0], [1], [1], [0]])
    >>> model = LogisticRegression(
    ...     lambda: [(slice(0, 4), F)], y, np.ones(4), np.array([0])
    ... )
    >>> model.minimise(np.zeros((1, 1)), np.array([0.1])).round(2)
    array([[2.65]])
    """

    def __init__(self, make_blocks, targets, weights, groups):
        self._blocks, self._targets, self._weights = make_blocks, targets, weights
        self._groups = groups

    def minimise(self, start, precisions):
        """Find the weights of least penalised log-loss.

        Parameters
        ----------
        start : ndarray of shape (n_columns, n_outputs)
            Weights to start from.

        precisions : ndarray of shape (n_groups,)
            Precisions of the weights' prior.

        Returns
        -------
        weights : ndarray of shape (n_columns, n_outputs)
            The weights.
        """
        W, ridge = start, precisions[self._groups]
        for _ in range(_MAX_STARTS):
            W, converged = self._descend(W, ridge)
            if converged:
                break
        return W

    def _descend(self, start, ridge):
        """Few iterations of the optimiser, in coordinates that the start calls for."""
        curvature = self._curvature(start, ridge) / self._weights.sum()
        factor = rbf_linear.nearest_cholesky(curvature)

        def objective(white):
            W = rbf_linear.solve_lower(factor, white.reshape(start.shape), True)
            value, gradient = self._loss(W, ridge)
            return value, rbf_linear.solve_lower(factor, gradient).ravel()

        result = minimize(
            objective,
            (factor.T @ start).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MAX_ITER, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-8},
        )
        white = result.x.reshape(start.shape)
        W = np.ascontiguousarray(rbf_linear.solve_lower(factor, white, True))
        return W, result.status != 1

    def fit(self, ridge, n_columns):
        """Find the weights and the precisions that suit them.

        Parameters
        ----------
        ridge : float
            Precision of all groups to start from.

        n_columns : int
            Number of features.

        Returns
        -------
        readout : Readout
            Weights and precisions.
        """
        W = np.zeros((n_columns, self._targets.shape[1]))
        precisions = np.full(self._groups.max() + 1, max(ridge, _SMALLEST_START))
        for _ in range(_MAX_UPDATES):
            W = self.minimise(W, precisions)
            old, precisions = precisions, self._suitable(W, precisions)
            if np.abs(np.log(precisions / old)).max() < _PRECISION_TOLERANCE:
                break
        return Readout(W, precisions)

    def _loss(self, W, ridge):
        value = 0.5 * (ridge[:, None] * np.square(W)).sum()
        gradient = ridge[:, None] * W
        for rows, F in self._blocks():
            loss, residuals = log_loss(F @ W, self._targets[rows])
            value += self._weights[rows] @ loss
            gradient += F.T @ (residuals * self._weights[rows, None])
        total = self._weights.sum()
        return value / total, gradient / total

    def _curvature(self, W, ridge, output=None):
        """Second derivatives in the weights of one output, or their mean over all."""
        curvature = np.diag(ridge)
        for rows, F in self._blocks():
            p = probabilities(F @ W)
            v = p * (1 - p)
            v = v.mean(axis=1) if output is None else v[:, output]
            F = F * np.sqrt(v * self._weights[rows])[:, None]
            curvature += F.T @ F
        return curvature

    def _suitable(self, W, precisions):
        """MacKay's update: well-determined weights over their sum of squares."""
        ridge, n_groups = precisions[self._groups], len(precisions)
        determined = np.zeros(n_groups)
        for output in range(W.shape[1]):
            factor = rbf_linear.nearest_cholesky(self._curvature(W, ridge, output))
            variances = np.diagonal(rbf_linear.inverse(factor))
            shares = np.maximum(1 - ridge * variances, 0)
            determined += np.bincount(self._groups, shares, n_groups)
        squares = np.bincount(self._groups, np.square(W).sum(axis=1), n_groups)
        # All weights of a group may be zero, and its precision is then the largest.
        with np.errstate(divide="ignore", invalid="ignore"):
            suitable = np.where(squares > 0, determined / squares, np.inf)
        return np.clip(suitable, *_PRECISION_RANGE)
