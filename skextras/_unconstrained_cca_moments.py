"""UnconstrainedCCA from second moments of all views side by side."""

import numpy as np

from skextras._unconstrained_cca_problem import check_rows
from skextras._unconstrained_cca_solution import fitted_attributes
from skextras.numerics.fourth_moments import ledoit_wolf_share
from skextras.numerics.shrinkage_choice import (
    N_FOLDS,
    choose_share,
    score_shares_by_moments,
)
from skextras.numerics.variate_pass import row_slices
from skextras.numerics.view_moments import (
    empty_view_moments,
    merge_view_moments,
    moment_shares,
    solve_moments,
    state_covariance,
    update_view_moments,
)


def solve_by_moments(settings, data):
    """Return the fitted attributes that second moments give.

    One pass over the rows does it, or two where scaled rows need one of their own.

    Parameters
    ----------
    settings : Settings
        Parameters of the fit.

    data : Data
        Rows of the fit.

    Returns
    -------
    attributes : dict
        Fitted attributes by name.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_moments import solve_by_moments
    >>> from skextras._unconstrained_cca_problem import Settings, make_data
    >>> x = np.array([[1.0], [2.0], [4.0]])
    >>> settings = Settings(None, "auto", False, False, True)
    >>> solve_by_moments(settings, make_data([x, x], None))["ranks_"]
    array([1, 1])
    """
    shrinkage = settings.shrinkage
    if shrinkage == "cv":
        folds = _accumulate_folds(data)
        scores = score_shares_by_moments(
            folds, settings.n_components, scale=settings.scale
        )
        state = folds[0]
        for fold in folds[1:]:
            state = merge_view_moments(state, fold)
        shares = [choose_share(scores)] * len(data.views)
        return solve_moment_state(state, settings, shares)
    fourth = shrinkage == "auto" and not settings.scale
    state = accumulate(empty_view_moments(data.widths, fourth=fourth), data)
    shares = None
    if shrinkage == "auto" and settings.scale:
        shares = _scaled_shares(state, data)
    return solve_moment_state(state, settings, shares)


def _accumulate_folds(data):
    """Return the moments of the rows i, i + 5, i + 10, ... for each i."""
    folds = [empty_view_moments(data.widths) for _ in range(N_FOLDS)]
    for rows in row_slices(data.views[0].shape[0], data.row_step):
        chunk, _ = read_rows(data, rows)
        for i in range(N_FOLDS):
            part = chunk[(i - rows.start) % N_FOLDS :: N_FOLDS]
            folds[i] = update_view_moments(folds[i], part)
    return folds


def _scaled_shares(state, data):
    """Return Ledoit and Wolf's share of each view with its columns scaled."""
    scatter, shares = state.scatter, []
    deviations = _deviations(np.diagonal(scatter.scatter) / (scatter.weight - 1))
    powers = np.zeros(len(data.views))
    for rows in row_slices(data.views[0].shape[0], data.row_step):
        chunk, weights = read_rows(data, rows)
        if weights is not None:
            chunk, weights = chunk[weights > 0], weights[weights > 0]
        z = np.subtract(chunk, scatter.shift, dtype=np.float64) - scatter.offset
        z /= deviations
        for i, part in enumerate(state.columns):
            squares = np.einsum("ij,ij->i", z[:, part], z[:, part])
            powers[i] += squares @ (squares if weights is None else weights * squares)
    for part, power in zip(state.columns, powers, strict=True):
        scaled = scatter.scatter[part, part] / deviations[part]
        scaled /= deviations[part, None]
        shares.append(ledoit_wolf_share(scaled, scatter.weight, power))
    return shares


def _deviations(variances):
    """Return what columns are divided by."""
    return np.where(variances > 0, np.sqrt(variances), 1.0)


def solve_moment_state(state, settings, shares=None):
    """Return the fitted attributes that follow from second moments.

    Parameters
    ----------
    state : ViewMoments
        Moments of all rows.

    settings : Settings
        Parameters of the fit.

    shares : list of float, default=None
        Share of each view where the settings give no numbers and the moments do not
        tell.

    Returns
    -------
    attributes : dict
        Fitted attributes by name.

    Raises
    ------
    ValueError
        If there are too few rows, or a view is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import Settings
    >>> from skextras._unconstrained_cca_moments import solve_moment_state
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, update_view_moments
    ... )
    >>> x = np.array([[1.0, 1.0], [2.0, 3.0], [4.0, 4.0]])
    >>> state = update_view_moments(empty_view_moments((1, 1)), x)
    >>> settings = Settings(None, (0.1, 0.1), False, False, False)
    >>> solve_moment_state(state, settings)["canonical_correlations_"].round(3)
    array([0.929])
    """
    scatter, parts = state.scatter, state.columns
    check_rows(state.n_rows, scatter.weight)
    check_constant([np.diagonal(scatter.scatter)[part] for part in parts])
    if shares is None:
        automatic = settings.shrinkage == "auto"
        shares = moment_shares(state) if automatic else settings.shrinkage
    check_range(shares)
    covariances, deviations = _covariances(state, settings.scale)
    found = solve_moments(
        covariances,
        state.widths,
        state.n_rows,
        shares,
        n_components=settings.n_components,
        targets=[1.0, 1.0] if settings.orthonormal else None,
    )
    cross = None
    if settings.paired:
        between = covariances[parts[0], parts[1]]
        cross = found.weights[0].T @ between * deviations[parts[1]]
    return fitted_attributes(
        settings,
        weights=[
            w / deviations[part, None]
            for w, part in zip(found.weights, parts, strict=True)
        ],
        means=[scatter.mean[part] for part in parts],
        singular_values=found.singular_values,
        spectrum=found.spectrum,
        ranks=found.ranks,
        shrinkage=shares,
        covariances=found.covariances,
        cross=cross,
        n_rows=state.n_rows,
        solver="moments",
    )


def read_rows(data, rows):
    """Return rows of all views side by side, and their weights.

    Parameters
    ----------
    data : Data
        The views.

    rows : slice
        The rows.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_features)
        In the dtype that holds those of all views.

    weights : ndarray of shape (n_rows,) or None
        Their weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import make_data
    >>> from skextras._unconstrained_cca_moments import read_rows
    >>> data = make_data([np.ones((3, 2)), np.zeros((3, 1))], None)
    >>> read_rows(data, slice(0, 1))
    (array([[1., 1., 0.]]), None)
    """
    weights = None if data.weights is None else data.weights[rows]
    return np.hstack([view[rows] for view in data.views]), weights


def accumulate(state, data):
    """Return the moments after the rows of a fit or of a batch.

    Parameters
    ----------
    state : ViewMoments
        The rows before.

    data : Data
        The rows.

    Returns
    -------
    state : ViewMoments
        All rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import make_data
    >>> from skextras._unconstrained_cca_moments import accumulate
    >>> from skextras.numerics.view_moments import empty_view_moments
    >>> data = make_data([np.ones((3, 2)), np.zeros((3, 1))], None)
    >>> accumulate(empty_view_moments(data.widths), data).n_rows
    3
    """
    for rows in row_slices(data.views[0].shape[0], data.row_step):
        chunk, weights = read_rows(data, rows)
        state = update_view_moments(state, chunk, weights)
    return state


def _covariances(state, scale):
    """Return covariances of the columns, and what the columns were divided by."""
    covariances = state_covariance(state)
    if not scale:
        return covariances, np.ones(len(covariances))
    deviations = _deviations(np.diagonal(covariances))
    return covariances / deviations / deviations[:, None], deviations


def check_constant(variations):
    """Raise if no column of a view varies.

    Parameters
    ----------
    variations : list of ndarray of shape (n_features_i,)
        What is zero for constant columns, of each view.

    Raises
    ------
    ValueError
        Naming the view.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_moments import check_constant
    >>> check_constant([np.ones(2), np.ones(1)])
    """
    for i, variation in enumerate(variations):
        if not variation.any():
            raise ValueError(
                f"view {i} is constant: none of its {len(variation)} columns varies, "
                "so that nothing can correlate with it."
            )


def check_range(shares):
    """Raise if fourth powers left the range of float64.

    Parameters
    ----------
    shares : sequence of float
        Share of each view.

    Raises
    ------
    ValueError
        Naming the view.

    Examples
    --------
    >>> from skextras._unconstrained_cca_moments import check_range
    >>> check_range([0.0, 0.5])
    """
    for i, share in enumerate(shares):
        if np.isnan(share):
            raise ValueError(
                'shrinkage="auto" needs fourth powers of the data, which leave the '
                f"range of float64 for view {i}. Set a numeric shrinkage, or rescale "
                "the columns."
            )
