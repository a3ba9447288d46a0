"""UnconstrainedCCA by repeated passes over the rows, without second moments."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skextras._unconstrained_cca_moments import check_constant
from skextras._unconstrained_cca_solution import fitted_attributes
from skextras.numerics.canonical_lobpcg import iterate_directions
from skextras.numerics.stochastic_eckart_young import descend
from skextras.numerics.variate_pass import column_moments, variate_moments
from skextras.numerics.view_moments import rotate_weights


class ScaledBlock:
    """A view whose columns are divided when they are read.

    Parameters
    ----------
    block : ndarray or ColumnBlock of shape (n_rows, n_features)
        The view.

    deviations : ndarray of shape (n_features,)
        What its columns are divided by.

    Attributes
    ----------
    shape : tuple of int
        That of the view.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_passes import ScaledBlock
    >>> ScaledBlock(np.ones((2, 1)), np.array([4.0]))[:1]
    array([[0.25]])
    """

    def __init__(self, block, deviations):
        self.block, self.deviations = block, deviations
        self.shape = block.shape

    def __getitem__(self, rows):
        """Read rows."""
        return np.divide(self.block[rows], self.deviations, dtype=np.float64)


def solve_by_passes(chosen, estimator, settings, data, context):
    """Return the fitted attributes that repeated passes over the rows find.

    Parameters
    ----------
    chosen : {"lobpcg", "ey"}
        The solver.

    estimator : UnconstrainedCCA
        The estimator, whose parameters of iteration are read.

    settings : Settings
        Parameters of the fit.

    data : Data
        Rows of the fit.

    context : CallbackContext or None
        That of the fit.

    Returns
    -------
    attributes : dict
        Fitted attributes by name.

    Raises
    ------
    ValueError
        If a view is constant.

    FloatingPointError
        If the descent diverges.

    Warns
    -----
    ConvergenceWarning
        If the estimated error exceeds the tolerance after the last pass.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> from skextras._unconstrained_cca_passes import solve_by_passes
    >>> from skextras._unconstrained_cca_problem import Settings, make_data
    >>> x = np.array([[1.0], [2.0], [4.0]])
    >>> settings = Settings(1, (0.0, 0.0), False, False, True)
    >>> data, cca = make_data([x, x], None), UnconstrainedCCA(1, random_state=0)
    >>> found = solve_by_passes("lobpcg", cca, settings, data, None)
    >>> found["canonical_correlations_"].round(12)
    array([1.])
    """
    views, step = data.views, data.row_step
    moments = column_moments(views, step)
    check_constant([m.variance for m in moments])
    deviations = [_deviations(m.variance, settings.scale) for m in moments]
    if settings.scale:
        views = [ScaledBlock(v, d) for v, d in zip(views, deviations, strict=True)]
        moments = column_moments(views, step)
    ranks = [min(width, data.n_rows - 1) for width in data.widths]
    run = _iterate if chosen == "lobpcg" else _descend
    ridges = _ridges(settings, moments)
    wanted = min(settings.n_components, *ranks)
    weights, n_iter = run(estimator, views, moments, ridges, wanted, step, context)
    covariances, cross = variate_moments(
        views,
        [m.mean for m in moments],
        weights,
        step,
        target=1 if settings.paired else None,
    )
    found, rotations = rotate_weights(weights, covariances, *ridges)
    if settings.paired:
        cross = rotations[0].T @ cross * deviations[1]
    return fitted_attributes(
        settings,
        weights=[
            w / d[:, None] for w, d in zip(found.weights, deviations, strict=True)
        ],
        means=[m.mean * d for m, d in zip(moments, deviations, strict=True)],
        singular_values=found.singular_values,
        ranks=ranks,
        shrinkage=settings.shrinkage,
        covariances=found.covariances,
        cross=cross,
        n_rows=data.n_rows,
        solver=chosen,
        n_iter=n_iter,
    )


def _deviations(variances, scale):
    return np.where((variances > 0) & scale, np.sqrt(variances), 1.0)


def _ridges(settings, moments):
    """Return share and scale of the identity of each view."""
    if settings.orthonormal:
        return settings.shrinkage, [1.0, 1.0]
    return settings.shrinkage, [m.variance.mean() for m in moments]


def _iterate(estimator, views, moments, ridges, n_components, step, context):
    """Return the weights that the locally optimal method ends with."""
    passes = iterate_directions(
        views,
        moments,
        *ridges,
        n_components,
        check_random_state(estimator.random_state),
        tol=estimator.tol,
        step=step,
        single=True,
    )
    for iterate in _announced(passes, estimator, context, "pass"):
        last = iterate
    if not last.converged:
        warnings.warn(
            f'solver="lobpcg" stopped after {last.n_passes} passes (max_iter='
            f"{estimator.max_iter}) with an estimated relative error of "
            f"{last.estimate:.1e}, above tol={estimator.tol:g}. Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return last.weights, last.n_passes


def _descend(estimator, views, moments, ridges, n_components, step, context):
    """Return the weights that stochastic descent ends with."""
    rate = 0.1 if estimator.learning_rate == "auto" else estimator.learning_rate
    epochs = descend(
        views,
        moments,
        *ridges,
        n_components,
        check_random_state(estimator.random_state),
        batch_size=estimator.batch_size or 100,
        learning_rate=rate,
        n_epochs=estimator.max_iter,
        independent_batches=estimator.independent_batches,
    )
    try:
        for epoch in _announced(epochs, estimator, context, "epoch"):
            last = epoch
    except FloatingPointError as error:
        raise FloatingPointError(
            f"{error} Lower learning_rate={estimator.learning_rate!r} (in use: {rate})."
        ) from error
    return last.weights, last.n_epochs


def _announced(iterations, estimator, context, name):
    """Yield at most `max_iter` iterations, and tell the callbacks of each."""
    for _ in range(estimator.max_iter):
        task = None
        if context is not None:
            task = context.subcontext(task_name=name)
            task.call_on_fit_task_begin(estimator=estimator)
        iteration = next(iterations, None)
        if iteration is not None:
            yield iteration
        stop = task is not None and task.call_on_fit_task_end(estimator=estimator)
        if stop or iteration is None or getattr(iteration, "converged", False):
            return
