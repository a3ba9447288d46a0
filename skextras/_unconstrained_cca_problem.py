"""What a fit of UnconstrainedCCA is asked for, and by which solver it is done."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skextras._resources import chunk_length, require_memory

# Bytes of the largest matrix of products that "auto" makes: a constant, so that the
# choice of the solver depends on the shapes alone.
BUDGET = 2**30
# From here on inner products of rows cost less than those of columns.
WIDE = 1.4
# Bytes of the chunks, beyond which nothing is gained.
_CHUNK_BYTES = 2**26
# Sums in float32 are good for this number of rows.
_TILE_ROWS = 2048
TILE_COLUMNS = 1024


class Settings(NamedTuple):
    """The parameters that a solution depends on, checked against the views.

    Parameters
    ----------
    n_components : int or None
        Number of components asked for.

    shrinkage : tuple of float, "auto" or "cv"
        Share of the scaled identity of each view.

    orthonormal : bool
        Whether weights are orthonormal, as partial least squares has them: two views
        with the number 1 as their shrinkage.

    scale : bool
        Whether columns are divided by their standard deviations.

    paired : bool
        Whether the second view is y.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import Settings
    >>> Settings(None, (0.0, 0.0), False, False, True).paired
    True
    """

    n_components: Any
    shrinkage: Any
    orthonormal: bool
    scale: bool
    paired: bool


def make_settings(estimator, widths, *, paired):
    """Return the settings of an estimator for views of these widths.

    Parameters
    ----------
    estimator : UnconstrainedCCA
        Its parameters are read.

    widths : list of int
        Number of columns of each view.

    paired : bool
        Whether the second view is y.

    Returns
    -------
    settings : Settings
        Checked against the number and the widths of the views.

    Raises
    ------
    ValueError
        If a parameter does not fit the views.

    Examples
    --------
    >>> from skextras import UnconstrainedCCA
    >>> from skextras._unconstrained_cca_problem import make_settings
    >>> cca = UnconstrainedCCA(shrinkage=0.5)
    >>> make_settings(cca, [3, 2], paired=True).shrinkage
    (0.5, 0.5)
    """
    wanted, given = estimator.n_components, estimator.shrinkage
    if wanted is not None and wanted > min(widths):
        raise ValueError(
            f"n_components={wanted} must be at most {min(widths)}, the width of the "
            f"narrowest of the views, whose widths are {list(widths)}."
        )
    orthonormal = len(widths) == 2 and isinstance(given, Real) and given == 1
    if isinstance(given, str):
        shrinkage = given
    elif isinstance(given, Real):
        shrinkage = (float(given),) * len(widths)
    else:
        shrinkage = _check_shares(given, len(widths))
    return Settings(wanted, shrinkage, orthonormal, estimator.scale, paired)


def _check_shares(given, n_views):
    """Return a share for each view from a list of them."""
    shares = list(given)
    if len(shares) != n_views:
        raise ValueError(
            f"shrinkage={given!r} has {len(shares)} values for {n_views} views: give "
            "one number for all views, or one for each."
        )
    for i, share in enumerate(shares):
        is_number = isinstance(share, Real) and not isinstance(share, bool | np.bool_)
        if not (is_number and 0 <= share <= 1):
            raise ValueError(
                f"shrinkage={given!r} has the value {share!r} for view {i}: it must be "
                "a number from 0 to 1."
            )
    return tuple(map(float, shares))


class Data(NamedTuple):
    """The validated rows of a fit.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The views.

    weights : ndarray of shape (n_samples,), or None
        Weights of the rows.

    n_rows : int
        Number of rows of positive weight.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import make_data
    >>> make_data([np.ones((3, 2)), np.ones((3, 1))], [1, 0, 2]).n_rows
    2
    """

    views: list
    weights: Any
    n_rows: int

    @property
    def widths(self):
        """Number of columns of each view."""
        return [view.shape[1] for view in self.views]

    @property
    def row_step(self):
        """Number of rows of a chunk that all views are read in."""
        n_samples = self.views[0].shape[0]
        return chunk_length(24 * sum(self.widths), n_samples, max_bytes=_CHUNK_BYTES)

    @property
    def tile_rows(self):
        """Number of rows of a tile of up to `TILE_COLUMNS` columns."""
        n_samples, widest = self.views[0].shape[0], max(self.widths)
        step = chunk_length(24 * min(widest, TILE_COLUMNS), n_samples)
        return min(step, _TILE_ROWS)

    @property
    def column_step(self):
        """Number of columns of a chunk that all rows are read in."""
        n_samples, widest = self.views[0].shape[0], max(self.widths)
        return chunk_length(24 * n_samples, widest, max_bytes=_CHUNK_BYTES)


def make_data(views, sample_weight):
    """Return the rows of a fit with their weights checked.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock
        The views.

    sample_weight : array-like of shape (n_samples,), float, or None
        Weights of the rows.

    Returns
    -------
    data : Data
        Views and weights.

    Raises
    ------
    ValueError
        If weights are negative, not finite, or of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import make_data
    >>> make_data([np.ones((3, 2))], None).n_rows
    3
    """
    n_samples = views[0].shape[0]
    if sample_weight is None:
        return Data(views, None, n_samples)
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=np.float64,
        ensure_non_negative=True,
        input_name="sample_weight",
    )
    if weights.ndim != 1:
        raise ValueError(
            f"sample_weight must be one-dimensional, got shape {weights.shape}."
        )
    check_consistent_length(views[0], weights)
    return Data(views, weights, int(np.count_nonzero(weights)))


def check_rows(n_rows, total):
    """Raise unless there are rows enough for a covariance.

    Parameters
    ----------
    n_rows : int
        Number of rows of positive weight.

    total : float
        Sum of their weights.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or weights do not exceed 1 in sum.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import check_rows
    >>> check_rows(2, 2.0)
    """
    if n_rows < 2:
        raise ValueError(
            f"n_samples={n_rows} rows are left where sample_weight is not zero, while "
            "a minimum of 2 is required."
        )
    if total <= 1:
        raise ValueError(
            f"sample_weight has the sum {total:g}, which must exceed 1: a weight "
            "counts how often its row is repeated. Multiply the weights, for instance "
            "so that their mean is 1."
        )


def choose_solver(solver, settings, widths, n_rows):
    """Return which solver does it, from the shapes alone.

    Parameters
    ----------
    solver : {"auto", "moments", "dual", "lobpcg", "ey"}
        The one asked for.

    settings : Settings
        Parameters of the fit.

    widths : list of int
        Number of columns of each view.

    n_rows : int
        Number of rows of positive weight.

    Returns
    -------
    solver : {"pls", "moments", "dual", "lobpcg", "ey"}
        "pls" is the form that "moments" takes with two views and a shrinkage of 1.

    Raises
    ------
    MemoryError
        If the solver asked for needs more than the available memory.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import Settings, choose_solver
    >>> settings = Settings(5, (0.0, 0.0), False, False, True)
    >>> choose_solver("auto", settings, [30, 20], 1000)
    'moments'
    >>> choose_solver("auto", settings, [3000, 20], 1000)
    'dual'
    >>> choose_solver("auto", settings, [30_000, 20_000], 40_000)
    'lobpcg'
    """
    one_pass = settings.orthonormal and not settings.scale
    if solver == "auto":
        if one_pass and 16 * widths[0] * widths[1] <= BUDGET:
            return "pls"
        if max(widths) > WIDE * n_rows and 16 * n_rows**2 <= BUDGET:
            return "dual"
        return "moments" if 16 * sum(widths) ** 2 <= BUDGET else "lobpcg"
    if solver == "moments" and one_pass:
        require_cross(widths)
        return "pls"
    if solver == "moments":
        require_moments(widths, n_rows)
    if solver == "dual":
        other = "moments" if 16 * sum(widths) ** 2 < 16 * n_rows**2 else "lobpcg"
        require_memory(
            16 * n_rows**2,
            f'solver="dual" with n_samples={n_rows}',
            f'Set solver="{other}".',
        )
    return solver


def require_cross(widths):
    """Raise if moments between two views exceed the available memory.

    Parameters
    ----------
    widths : list of int
        Number of columns of each of the two views.

    Raises
    ------
    MemoryError
        With the bytes and the solver to set instead.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import require_cross
    >>> require_cross([30, 20])
    """
    require_memory(
        16 * widths[0] * widths[1],
        f'solver="moments" with views of widths {list(widths)}',
        'Set solver="lobpcg" and call fit.',
    )


def require_moments(widths, n_rows):
    """Raise if second moments of all views exceed the available memory.

    Parameters
    ----------
    widths : list of int
        Number of columns of each view.

    n_rows : int
        Number of rows.

    Raises
    ------
    MemoryError
        With the bytes and the solver to set instead.

    Examples
    --------
    >>> from skextras._unconstrained_cca_problem import require_moments
    >>> require_moments([30, 20], 1000)
    """
    other = "dual" if n_rows < sum(widths) and 16 * n_rows**2 <= BUDGET else "lobpcg"
    require_memory(
        16 * sum(widths) ** 2,
        f'solver="moments" with views of widths {list(widths)}',
        f'Set solver="{other}" and call fit.',
    )


def check_solver(estimator, chosen, settings, data):
    """Raise where the chosen solver cannot do what other parameters ask for.

    Parameters
    ----------
    estimator : UnconstrainedCCA
        The estimator.

    chosen : str
        What `choose_solver` returned.

    settings : Settings
        Parameters of the fit.

    data : Data
        Rows of the fit.

    Raises
    ------
    ValueError
        Naming both parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> from skextras._unconstrained_cca_problem import (
    ...     Settings, check_solver, make_data
    ... )
    >>> data = make_data([np.ones((9, 2)), np.ones((9, 2))], None)
    >>> settings = Settings(2, "cv", False, False, True)
    >>> check_solver(UnconstrainedCCA(2, shrinkage="cv"), "moments", settings, data)
    Traceback (most recent call last):
        ...
    ValueError: shrinkage="cv" needs n_samples of at least 10, got 9: set a numeric ...
    """
    if settings.shrinkage == "cv":
        if data.weights is not None:
            raise ValueError(
                'sample_weight cannot be used with shrinkage="cv": set a numeric '
                "shrinkage."
            )
        if data.n_rows < 10:
            raise ValueError(
                f'shrinkage="cv" needs n_samples of at least 10, got {data.n_rows}: '
                "set a numeric shrinkage."
            )
    if chosen not in ("lobpcg", "ey"):
        return
    how = f'solver="{chosen}"'
    if estimator.solver == "auto":
        how += f' (chosen by solver="auto" for views of widths {data.widths})'
    if data.weights is not None:
        raise ValueError(f"sample_weight cannot be used with {how}.")
    if isinstance(settings.shrinkage, str):
        raise ValueError(
            f'shrinkage="{settings.shrinkage}" cannot be used with {how}: set a '
            "numeric shrinkage."
        )
    if settings.n_components is None:
        raise ValueError(f"n_components=None cannot be used with {how}: set a number.")
