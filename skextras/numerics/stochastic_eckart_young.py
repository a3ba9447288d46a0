"""Canonical directions by stochastic gradients of the Eckart-Young loss."""

from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.variate_pass import centred

# Rows of which the preconditioner and the start are made, and its eigenpairs.
_N_ROWS, _N_PAIRS = 1000, 200
# Largest step, in units of the length that the directions themselves have.
_LONGEST_STEP = 0.1
_EPS = float(np.finfo(np.float64).eps)


class Epoch(NamedTuple):
    """Weights after an epoch.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Mean of the weights over the steps of the second half of all steps; the present
        ones before that half.

    n_epochs : int
        Number of epochs so far.

    See Also
    --------
    descend : Yields them.

    Examples
    --------
    >>> from skextras.numerics.stochastic_eckart_young import Epoch
    >>> Epoch([], 1).n_epochs
    1
    """

    weights: list
    n_epochs: int


def descend(
    views,
    moments,
    shrinkage,
    targets,
    n_components,
    rng,
    *,
    batch_size=100,
    learning_rate=0.1,
    n_epochs=100,
    independent_batches=False,
):
    r"""Yield weights after each epoch of preconditioned stochastic descent.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views, which rows are read from in batches.

    moments : list of ColumnMoments
        Means and variances of their columns.

    shrinkage, targets : sequence of float
        Share and scale of the identity of each view.

    n_components : int
        Number of components.

    rng : numpy.random.RandomState
        Draws the rows of the start and of the batches.

    batch_size : int, default=100
        Rows of a batch, at most all.

    learning_rate : float, default=0.1
        Length of the first step; it falls linearly to zero.

    n_epochs : int, default=100
        Passes over the rows.

    independent_batches : bool, default=False
        Whether the penalty takes one of its two factors from a batch of its own. The
        gradient is unbiased then, and noisier.

    Yields
    ------
    epoch : Epoch
        Weights, whose span matters: they are not rotated to canonical directions.

    Raises
    ------
    FloatingPointError
        If the weights diverge.

    Notes
    -----
    A step is :math:`W_i \leftarrow W_i - 4 \eta P_i G_i` with the batch's

    .. math:: G_i = B_i W_i V - \sum_{j \ne i} C_{ij} W_j, \quad
        V = \sum_i W_i^\top B_i W_i,

    the gradient of the loss of [1]_ over 4. The preconditioner :math:`P_i` inverts the
    leading eigenvalues of the ridged covariance matrix of up to 1000 rows; smaller
    ones, and those not computed, count as large as the mean. Steps longer than a tenth
    of the length of the directions are shortened.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. Lawry Aguila, "Unconstrained stochastic CCA:
       unifying multiview and self-supervised learning", ICLR 2024, arXiv:2310.01012.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.stochastic_eckart_young import descend
    >>> from skextras.numerics.variate_pass import column_moments
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 4))
    >>> y = x[:, :3] + rng.standard_normal((200, 3))
    >>> moments = column_moments([x, y], 100)
    >>> *_, last = descend(
    ...     [x, y], moments, [0, 0], [1, 1], 2, np.random.RandomState(0), n_epochs=5
    ... )
    >>> last.n_epochs, last.weights[0].shape
    (5, (4, 2))
    """
    n_rows = views[0].shape[0]
    means = [m.mean for m in moments]
    ridges = list(zip(shrinkage, targets, strict=True))
    weights, preconditioners = _start(views, means, ridges, n_components, rng)
    size = min(batch_size, n_rows)
    n_steps = n_epochs * (n_rows // size)
    sums, step = None, 0
    for epoch in range(1, n_epochs + 1):
        order = rng.permutation(n_rows)
        for start in range(0, n_rows - size + 1, size):
            batch = _read(views, means, order[start : start + size])
            other = None
            if independent_batches:
                other = _read(views, means, rng.randint(n_rows, size=size))
            gradients = _gradients(batch, weights, ridges, other)
            rate = 4 * learning_rate * (1 - step / n_steps)
            weights = _step(weights, gradients, preconditioners, rate)
            step += 1
            if step > n_steps / 2:
                sums = weights if sums is None else _added(sums, weights)
        if not all(np.isfinite(w).all() for w in weights):
            raise FloatingPointError(f"The weights diverged in epoch {epoch}.")
        n_summed = step - n_steps // 2
        yield Epoch(weights if sums is None else [s / n_summed for s in sums], epoch)


class _Preconditioner(NamedTuple):
    """An approximate inverse of a covariance matrix, of low rank beside a scale."""

    vectors: Any
    gains: Any
    scale: float

    def apply(self, gradient):
        leading = self.gains[:, None] * (self.vectors.T @ gradient)
        return self.vectors @ leading + gradient / self.scale


def _start(views, means, ridges, n_components, rng):
    """Return whitened random weights and the preconditioners."""
    n_rows = views[0].shape[0]
    chosen = rng.permutation(n_rows)[: min(n_rows, _N_ROWS)]
    weights, preconditioners = [], []
    for rows, (share, target) in zip(
        _read(views, means, np.sort(chosen)), ridges, strict=True
    ):
        rows = rows - rows.mean(axis=0)
        preconditioner = _precondition(rows, share, target)
        w = preconditioner.apply(rng.standard_normal((rows.shape[1], n_components)))
        gram = (1 - share) * (rows @ w).T @ (rows @ w) / (len(rows) - 1)
        gram += share * target * w.T @ w
        values, vectors = np.linalg.eigh(gram)
        values = np.maximum(values, n_components * _EPS * values[-1])
        weights.append(w @ (vectors / np.sqrt(len(views) * values)))
        preconditioners.append(preconditioner)
    return weights, preconditioners


def _precondition(rows, share, target):
    """Return the preconditioner of a view from some of its rows."""
    n_rows, n_features = rows.shape
    if n_features <= n_rows:
        values, vectors = np.linalg.eigh(rows.T @ rows / (n_rows - 1))
        values, vectors = values[: -_N_PAIRS - 1 : -1], vectors[:, : -_N_PAIRS - 1 : -1]
    else:
        values, left = np.linalg.eigh(rows @ rows.T / (n_rows - 1))
        values, left = values[: -_N_PAIRS - 1 : -1], left[:, : -_N_PAIRS - 1 : -1]
        large = values > n_features * _EPS * values[0]
        values, left = values[large], left[:, large]
        vectors = rows.T @ (left / np.sqrt(values * (n_rows - 1)))
    mean = np.vdot(rows, rows) / (n_rows - 1) / n_features
    values = (1 - share) * np.maximum(values, mean) + share * target
    scale = values.min()
    return _Preconditioner(vectors, 1 / values - 1 / scale, scale)


def _read(views, means, rows):
    return [
        centred(view[rows], mean, np.float64)
        for view, mean in zip(views, means, strict=True)
    ]


# What overflows shows as weights that are not finite.
@np.errstate(over="ignore", invalid="ignore")
def _gradients(batch, weights, ridges, other):
    """Return a quarter of the gradient of the loss on a batch."""
    variates = [x @ w for x, w in zip(batch, weights, strict=True)]
    shared, size = sum(variates), len(variates[0])
    penalised = variates
    if other is not None:
        penalised = [x @ w for x, w in zip(other, weights, strict=True)]
    penalty = sum(
        (1 - share) / size * z.T @ z + share * target * w.T @ w
        for z, w, (share, target) in zip(penalised, weights, ridges, strict=True)
    )
    gradients = []
    for x, w, z, (share, target) in zip(batch, weights, variates, ridges, strict=True):
        pull = (1 - share) * z @ penalty - (shared - z)
        gradients.append(x.T @ pull / size + share * target * w @ penalty)
    return gradients


@np.errstate(over="ignore", invalid="ignore")
def _step(weights, gradients, preconditioners, rate):
    """Return the weights after a step that is not too long."""
    moves = [p.apply(g) for p, g in zip(preconditioners, gradients, strict=True)]
    square = sum(np.vdot(g, d) for g, d in zip(gradients, moves, strict=True))
    length = rate * np.sqrt(square)
    longest = _LONGEST_STEP * np.sqrt(weights[0].shape[1])
    rate *= min(1.0, longest / length) if length > 0 else 1.0
    return [w - rate * d for w, d in zip(weights, moves, strict=True)]


def _added(sums, weights):
    return [s + w for s, w in zip(sums, weights, strict=True)]
