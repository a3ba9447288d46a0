"""Where training starts, and the optimiser's stages."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

_START_ROWS = 500
_LARGEST_START = 1e3
# Share of log(N) that each further parameter of a full metric must earn.
_CHARGE = 0.25


def start_scale(X, centers):
    """Find the inverse width at which typical rows see typical centres.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs.

    centers : ndarray of shape (n_centers, n_features)
        The centres.

    Returns
    -------
    scale : float
        ``sqrt(2 / median(|x - c|**2))``, over rows at even distances, at most 1000.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_training import start_scale
    >>> start_scale(np.array([[0.0], [2.0]]), np.array([[1.0]]))
    np.float64(1.4142135623730951)
    """
    strides = np.linspace(0, len(X) - 1, min(len(X), _START_ROWS)).astype(np.intp)
    rows = X[strides]
    squares = -2.0 * (rows @ centers.T)
    squares += np.square(rows).sum(axis=1)[:, None]
    squares += np.square(centers).sum(axis=1)
    median = max(np.median(squares), 0.0)
    if median <= 2.0 / _LARGEST_START**2:
        return np.float64(_LARGEST_START)
    return np.sqrt(2.0 / median)


class Stage(NamedTuple):
    """Where one run of the optimiser has ended.

    Parameters
    ----------
    objective : callable
        The objective, with its `layout`.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    value : float
        The objective there.

    n_iter : int
        Number of iterations.

    converged : bool
        Whether it ended by itself, before the last iteration allowed.

    stopped : bool
        Whether the observer ended it.
    """

    objective: object
    theta: np.ndarray
    value: float
    n_iter: int
    converged: bool
    stopped: bool


def run_stage(objective, theta, *, max_iter, tol, observe=None):
    """Minimise an objective with L-BFGS-B.

    Parameters
    ----------
    objective : callable
        Returns value and gradient; its `layout` and the `bounds` of what is neither
        metric nor centres are read.

    theta : ndarray of shape (n_parameters,)
        Where to start.

    max_iter : int
        Most iterations.

    tol : float
        Relative decrease of the value below which to stop.

    observe : callable, default=None
        Called with a `Stage` after each iteration; if it returns true, the run ends.

    Returns
    -------
    stage : Stage
        Where the run has ended.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_penalized import PenalizedSquares
    >>> from skextras.numerics.rbf_training import run_stage
    >>> X, metric = np.linspace(-1, 1, 9)[:, None], Metric("diag", np.array([True]))
    >>> objective = PenalizedSquares(X, X**2, np.ones(9), X[::2], metric, 0.1)
    >>> stage = run_stage(objective, np.array([2.0]), max_iter=50, tol=1e-9)
    >>> stage.converged
    True
    """
    stopped = False

    def callback(intermediate_result):
        nonlocal stopped
        result = intermediate_result
        stage = Stage(objective, result.x.copy(), float(result.fun), 1, True, False)
        if observe is not None and observe(stage):
            stopped = True
            raise StopIteration

    free = len(theta) - len(objective.bounds)
    result = minimize(
        objective,
        theta,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * free + list(objective.bounds),
        callback=callback,
        # Evaluations are limited through iterations alone.
        options={
            "maxiter": max_iter,
            "maxfun": 25 * max_iter + 100,
            "maxcor": 20,
            "ftol": tol,
            "gtol": 1e-6,
        },
    )
    converged = stopped or result.status != 1
    return Stage(
        objective, result.x, float(result.fun), int(result.nit), converged, stopped
    )


def stages(
    make_objective, metrics, scale, *, max_iter, tol, rotation=None, observe=None
):
    """Learn one metric after the other, each from where the one before has ended.

    Parameters
    ----------
    make_objective : callable
        Makes the objective of a `Metric`, with its `layout` and the `start` of what is
        neither metric nor centres.

    metrics : sequence of Metric
        The metrics: any one, or the diagonal and a full one.

    scale : float
        Inverse width of the kernels to start from.

    max_iter : int
        Most iterations of each run.

    tol : float
        Relative decrease of the value below which a run stops.

    rotation : ndarray of shape (n_features, rank), default=None
        See `Metric.start`.

    observe : callable, default=None
        Called with a `Stage` after each iteration; if it returns true, the run ends
        and no other follows.

    Yields
    ------
    stage : Stage
        Where each run has ended.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_penalized import PenalizedSquares
    >>> from skextras.numerics.rbf_training import stages
    >>> both = np.array([True, True])
    >>> X = np.random.default_rng(0).standard_normal((20, 2))
    >>> def make(metric):
    ...     return PenalizedSquares(X, X[:, :1] ** 2, np.ones(20), X[:5], metric, 0.1)
    >>> metrics = [Metric("diag", both), Metric("full", both)]
    >>> found = list(stages(make, metrics, 1.0, max_iter=50, tol=1e-9))
    >>> found[1].value < found[0].value
    True
    """
    before = None
    for metric in metrics:
        objective = make_objective(metric)
        layout = objective.layout
        if before is None:
            params = metric.start(scale, rotation)
            theta = layout.join(params, layout.centers, objective.start)
        else:
            params, centers, rest = before.objective.layout.split(before.theta)
            theta = layout.join(metric.from_diagonal(params), centers, rest)
        before = run_stage(
            objective, theta, max_iter=max_iter, tol=tol, observe=observe
        )
        yield before
        if before.stopped:
            return


def cheaper(diagonal, full, total):
    """Choose between the diagonal and the full metric by their evidence.

    Parameters
    ----------
    diagonal : Stage
        Where the diagonal metric has ended.

    full : Stage
        Where the full one has ended.

    total : float
        Sum of the rows' weights.

    Returns
    -------
    stage : Stage
        The full one if its gain exceeds a quarter of the logarithm of the total for
        each further parameter of the precision matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from skextras.numerics.rbf_metric import Metric
    >>> from skextras.numerics.rbf_training import Stage, cheaper
    >>> layout = SimpleNamespace(metric=Metric("full", np.array([True] * 2)))
    >>> full = Stage(SimpleNamespace(layout=layout), None, 0.95, 1, True, False)
    >>> cheaper(full._replace(value=1.0), full, 100).value
    0.95
    """
    d = len(full.objective.layout.metric.active)
    charge = _CHARGE * np.log(max(total, 2.0)) * d * (d - 1) / 2
    return full if (diagonal.value - full.value) * total > charge else diagonal
