"""Fitted attributes of UnconstrainedCCA, and the warnings that go with them."""

import warnings
from itertools import combinations

import numpy as np

from skextras.exceptions import DegenerateCorrelationWarning
from skextras.numerics.canonical import variate_correlations


def fitted_attributes(
    settings,
    *,
    weights,
    means,
    singular_values,
    ranks,
    shrinkage,
    n_rows,
    solver,
    spectrum=None,
    covariances=None,
    cross=None,
    n_iter=1,
):
    """Return the fitted attributes of a solution by name.

    Parameters
    ----------
    settings : Settings
        Parameters of the fit.

    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of each view.

    means : list of ndarray of shape (n_features_i,)
        Means of their columns.

    singular_values : ndarray of shape (n_components,)
        What the components attain.

    ranks : list of int
        Rank of each view.

    shrinkage : sequence of float
        Share of the scaled identity of each view.

    n_rows : int
        Number of rows of positive weight.

    solver : str
        The solver that found them.

    spectrum : ndarray of shape (n_values,), default=None
        All singular values.

    covariances : ndarray of shape (n_views * n_components,) * 2, default=None
        Covariance matrix of the variates.

    cross : ndarray of shape (n_components, n_targets), default=None
        Covariances of the first view's variates with the columns of y.

    n_iter : int, default=1
        Passes that an iterative solver made.

    Returns
    -------
    attributes : dict
        Fitted attributes.

    Warns
    -----
    UserWarning
        If there are fewer components than asked for.

    DegenerateCorrelationWarning
        If correlations are 1 whatever the data.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_problem import Settings
    >>> from skextras._unconstrained_cca_solution import fitted_attributes
    >>> one = np.ones((1, 1))
    >>> found = fitted_attributes(
    ...     Settings(1, (0.0, 0.0), False, False, True), weights=[one, one],
    ...     means=[one[0], one[0]], singular_values=one[0], ranks=[1, 1],
    ...     shrinkage=[0, 0], n_rows=9, solver="moments",
    ... )
    >>> found["n_components_"], found["n_trivial_"]
    (1, 0)
    """
    _warn_of_fewer(settings.n_components, weights[0].shape[1])
    shrinkage, ranks = np.array(shrinkage, dtype=np.float64), np.array(ranks)
    found = {
        "weights_": weights,
        "view_means_": means,
        "singular_values_": singular_values,
        "shrinkage_": shrinkage,
        "ranks_": ranks,
        "n_trivial_": _count_trivial(shrinkage, ranks, n_rows),
        "n_components_": weights[0].shape[1],
        "n_iter_": n_iter,
        "solver_": solver,
    }
    if settings.paired:
        found["x_weights_"], found["y_weights_"] = weights
    if spectrum is not None:
        found["spectrum_"] = spectrum
    if covariances is not None:
        correlations = variate_correlations(covariances, len(weights))
        found["canonical_correlations_"] = correlations
        if settings.paired:
            found["_regression"] = _regress(covariances, cross)
    return found


def _warn_of_fewer(wanted, found):
    if wanted is not None and found < wanted:
        warnings.warn(
            f"n_components={wanted} is more than the smallest rank of the views "
            f"allows: {found} components are kept.",
            UserWarning,
            stacklevel=3,
        )


def _count_trivial(shrinkage, ranks, n_rows):
    """Return how many correlations are 1 whatever the data; warn if views are tied."""
    n_trivial = 0
    if (shrinkage == 0).all():
        excess = ranks.sum() - (len(ranks) - 1) * (n_rows - 1)
        n_trivial = int(np.clip(excess, 0, ranks.min()))
    tied = any(
        shrinkage[i] == shrinkage[j] == 0 and ranks[i] + ranks[j] > n_rows - 1
        for i, j in combinations(range(len(ranks)), 2)
    )
    if tied:
        warnings.warn(
            f"The views have the ranks {ranks.tolist()}, too many for n_samples="
            f"{n_rows}: two of them overlap in the {n_rows - 1} dimensions that "
            f"centred rows have, and n_trivial_={n_trivial} canonical correlations are "
            '1 whatever the data. Set shrinkage="auto", or a positive number.',
            DegenerateCorrelationWarning,
            stacklevel=3,
        )
    return n_trivial


def _regress(covariances, cross):
    """Return the least squares coefficients of y on the first view's variates."""
    n_components = len(cross)
    gram = covariances[:n_components, :n_components]
    # Variates without unit variance may differ widely: in their own units the solver
    # drops a direction for its dependence and not for its size.
    deviations = np.sqrt(np.maximum(np.diagonal(gram), 0))
    inverse = np.divide(
        1.0, deviations, out=np.zeros(n_components), where=deviations > 0
    )
    scaled = inverse[:, None] * gram * inverse
    solution = np.linalg.lstsq(scaled, inverse[:, None] * cross, rcond=None)[0]
    return inverse[:, None] * solution
