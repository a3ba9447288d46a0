"""The solvers of UnconstrainedCCA, from validated rows to fitted attributes."""

import numpy as np

from skextras._unconstrained_cca_moments import (
    check_constant,
    check_range,
    solve_by_moments,
)
from skextras._unconstrained_cca_passes import solve_by_passes
from skextras._unconstrained_cca_problem import (
    BUDGET,
    TILE_COLUMNS,
    WIDE,
    check_rows,
    require_cross,
    require_moments,
)
from skextras._unconstrained_cca_solution import fitted_attributes
from skextras.numerics.canonical import component_signs
from skextras.numerics.gram_cca import centred_rows, solve_gram
from skextras.numerics.one_pass_pls import (
    CrossMoments,
    empty_cross_moments,
    solve_cross,
    update_cross_moments,
)
from skextras.numerics.shrinkage_choice import choose_share, score_shares_by_gram
from skextras.numerics.variate_pass import (
    row_slices,
    variate_moments,
)
from skextras.numerics.view_moments import empty_view_moments


def solve(chosen, estimator, settings, data, context):
    """Return the fitted attributes that a solver finds.

    Parameters
    ----------
    chosen : {"pls", "moments", "dual", "lobpcg", "ey"}
        The solver.

    estimator : UnconstrainedCCA
        The estimator, whose parameters of iteration are read.

    settings : Settings
        Parameters of the fit.

    data : Data
        Rows of the fit.

    context : CallbackContext
        That of the fit.

    Returns
    -------
    attributes : dict
        Fitted attributes by name.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> from skextras._unconstrained_cca_problem import Settings, make_data
    >>> from skextras._unconstrained_cca_solvers import solve
    >>> data = make_data([np.eye(5)[:, :1], np.eye(5)[:, :1]], None)
    >>> settings = Settings(1, (0.0, 0.0), False, False, True)
    >>> solve("moments", UnconstrainedCCA(), settings, data, None)["ranks_"]
    array([1, 1])
    """
    total = data.n_rows if data.weights is None else data.weights.sum()
    check_rows(data.n_rows, total)
    if chosen == "moments":
        return solve_by_moments(settings, data)
    check_constant([_varies(view, data) for view in data.views])
    if chosen == "pls":
        x, y = data.views
        state = empty_cross_moments(x.shape[1], y.shape[1], step=TILE_COLUMNS)
        return solve_cross_state(accumulate_cross(state, data), settings, data)
    if chosen == "dual":
        return _solve_by_gram(estimator, settings, data)
    return solve_by_passes(chosen, estimator, settings, data, context)


def _varies(view, data):
    """Tell, for tiles of columns up to the first that varies, whether they do."""
    found = np.zeros(view.shape[1], dtype=bool)
    for start in range(0, view.shape[1], data.column_step):
        part = slice(start, start + data.column_step)
        rows = view[:, part]
        rows = rows if data.weights is None else rows[data.weights > 0]
        found[part] = (rows != rows[0]).any(axis=0)
        if found[part].any():
            break
    return found


def empty_state(settings, data):
    """Return the moments of no rows, of the form that the settings need.

    Parameters
    ----------
    settings : Settings
        Parameters of the fit.

    data : Data
        The first batch.

    Returns
    -------
    state : ViewMoments or CrossMoments
        The latter, between views only, where two views have a shrinkage of 1 and the
        moments of all columns would exceed the budget.

    Raises
    ------
    MemoryError
        If the moments exceed the available memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import Settings, make_data
    >>> from skextras._unconstrained_cca_solvers import empty_state
    >>> data = make_data([np.eye(2), np.eye(2)], None)
    >>> empty_state(Settings(1, "auto", False, False, True), data).widths
    (2, 2)
    """
    widths = data.widths
    one_pass = settings.orthonormal and not settings.scale
    if one_pass and 16 * sum(widths) ** 2 > BUDGET:
        require_cross(widths)
        return empty_cross_moments(*widths, step=TILE_COLUMNS)
    require_moments(widths, data.n_rows)
    return empty_view_moments(widths, fourth=settings.shrinkage == "auto")


def check_batch(settings, state):
    """Raise where rows cannot be added one batch after the other.

    Parameters
    ----------
    settings : Settings
        Parameters of the fit.

    state : ViewMoments, CrossMoments or None
        Moments of the batches before; None for the first.

    Raises
    ------
    ValueError
        Naming both parameters.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import Settings
    >>> from skextras._unconstrained_cca_solvers import check_batch
    >>> check_batch(Settings(1, (0.0, 0.0), False, False, True), None)
    """
    share = settings.shrinkage
    if share == "cv":
        raise ValueError(
            'shrinkage="cv" cannot be used with partial_fit: set a numeric shrinkage, '
            "or call fit."
        )
    if share == "auto" and settings.scale:
        raise ValueError(
            'shrinkage="auto" cannot be used with scale=True and partial_fit, since '
            "the deviations are known last: set a numeric shrinkage, or call fit."
        )
    if state is None:
        return
    is_cross = isinstance(state, CrossMoments)
    if (is_cross and not settings.orthonormal) or (
        share == "auto" and not is_cross and state.fourth is None
    ):
        raise ValueError(
            "shrinkage was changed after the first partial_fit to what the moments "
            "kept since then cannot give: start again with a clone."
        )


def accumulate_cross(state, data):
    """Return the moments between two views after the rows of a fit or of a batch.

    Parameters
    ----------
    state : CrossMoments
        The rows before; it must not be used again.

    data : Data
        The rows.

    Returns
    -------
    state : CrossMoments
        All rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import make_data
    >>> from skextras._unconstrained_cca_solvers import accumulate_cross
    >>> from skextras.numerics.one_pass_pls import empty_cross_moments
    >>> data = make_data([np.eye(2), np.eye(2)], None)
    >>> accumulate_cross(empty_cross_moments(2, 2), data).products
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    x, y = data.views
    single = x.dtype.kind in "iub" or x.dtype == np.float32
    for rows in row_slices(x.shape[0], data.tile_rows):
        weights = None if data.weights is None else data.weights[rows]
        state = update_cross_moments(state, x[rows], y[rows], weights, single=single)
    return state


def is_single(view):
    """Return whether products with a view may be formed in float32.

    Parameters
    ----------
    view : ndarray or ColumnBlock
        The view.

    Returns
    -------
    single : bool
        Whether it holds integers or single precision.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_solvers import is_single
    >>> is_single(np.ones((2, 2), dtype=np.int8)), is_single(np.ones((2, 2)))
    (True, False)
    """
    return view.dtype.kind in "iub" or view.dtype.itemsize < 8


def solve_cross_state(state, settings, data=None):
    """Return the fitted attributes that follow from moments between two views.

    Parameters
    ----------
    state : CrossMoments
        Moments of all rows.

    settings : Settings
        Parameters of the fit.

    data : Data, default=None
        The rows, for the variances of the variates; without them there are no
        correlations and no regression.

    Returns
    -------
    attributes : dict
        Fitted attributes by name.

    Raises
    ------
    ValueError
        If there are too few rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import Settings, make_data
    >>> from skextras._unconstrained_cca_solvers import (
    ...     accumulate_cross, solve_cross_state
    ... )
    >>> from skextras.numerics.one_pass_pls import empty_cross_moments
    >>> data = make_data([np.eye(2), np.eye(2)], None)
    >>> state = accumulate_cross(empty_cross_moments(2, 2), data)
    >>> settings = Settings(1, (1.0, 1.0), True, False, True)
    >>> solve_cross_state(state, settings)["singular_values_"]
    array([1.])
    """
    check_rows(state.n_rows, state.weight)
    ranks = [min(width, state.n_rows - 1) for width in state.products.shape]
    wanted = settings.n_components or min(ranks)
    weights, values, spectrum = solve_cross(state.products, min(wanted, *ranks))
    # The weight divides the values and not the matrix, which may fill the memory.
    values, spectrum = values / (state.weight - 1), spectrum / (state.weight - 1)
    signs = component_signs(weights[0])
    weights, means = [w * signs for w in weights], state.means
    covariances = None
    if data is not None:
        single = all(map(is_single, data.views))
        dtype = np.float32 if single else np.float64
        covariances, _ = variate_moments(
            data.views,
            means,
            [w.astype(dtype) for w in weights],
            data.row_step,
            row_weights=data.weights,
        )
    return fitted_attributes(
        settings,
        weights=weights,
        means=means,
        singular_values=values,
        spectrum=spectrum,
        ranks=ranks,
        shrinkage=settings.shrinkage,
        covariances=covariances,
        cross=values[:, None] * weights[1].T,
        n_rows=state.n_rows,
        solver="moments",
    )


def _solve_by_gram(estimator, settings, data):
    """Solve with the inner products of the rows of wide views."""
    shrinkage, step = settings.shrinkage, data.column_step
    if shrinkage == "cv":
        scores = score_shares_by_gram(
            data.views, settings.n_components, scale=settings.scale, step=step
        )
        shrinkage = choose_share(scores)
    if not isinstance(shrinkage, tuple):
        shrinkage = (shrinkage,) * len(data.views)
    asked = estimator.solver == "dual"
    found = solve_gram(
        data.views,
        shrinkage,
        n_components=settings.n_components,
        weights=data.weights,
        scale=settings.scale,
        targets=[1.0, 1.0] if settings.orthonormal else None,
        by_rows=[asked or width > WIDE * data.n_rows for width in data.widths],
        step=step,
    )
    check_range(found.shrinkage)
    variates = np.hstack(found.variates)
    cross = None
    if settings.paired:
        cross = _targets_of(found, data)
    return fitted_attributes(
        settings,
        weights=found.weights,
        means=found.means,
        singular_values=found.singular_values,
        spectrum=found.spectrum,
        ranks=found.ranks,
        shrinkage=found.shrinkage,
        covariances=variates.T @ variates,
        cross=cross,
        n_rows=data.n_rows,
        solver="dual",
    )


def _targets_of(found, data):
    """Return the covariances of the first view's variates with the columns of y."""
    first, y = found.variates[0], data.views[1]
    total = data.n_rows if data.weights is None else data.weights.sum()
    cross = np.empty((first.shape[1], y.shape[1]))
    for part in row_slices(y.shape[1], data.column_step):
        mean = found.means[1][part]
        rows = centred_rows(y[:, part], mean, np.ones(len(mean)), data.weights)
        cross[:, part] = first.T @ rows / np.sqrt(total - 1)
    return cross
