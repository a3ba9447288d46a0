"""What a fitted UnconstrainedCCA says of rows: correlations, loadings, tests."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from skextras._resources import require_memory
from skextras._unconstrained_cca_problem import make_data
from skextras.numerics.canonical import variate_correlations
from skextras.numerics.canonical_significance import permutation_test, rao_test
from skextras.numerics.gram_cca import view_basis
from skextras.numerics.scatter import empty_scatter, update_scatter
from skextras.numerics.variate_pass import row_slices


def correlate_variates(views, weights, step):
    """Return the correlations of the variates of rows, mean over pairs of views.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The rows.

    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of `fit`.

    step : int
        Number of rows read at once.

    Returns
    -------
    correlations : ndarray of shape (n_components,)
        Of each component; a constant variate counts as 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_inspection import correlate_variates
    >>> x, one = np.array([[1.0], [2.0], [4.0]]), np.ones((1, 1))
    >>> correlate_variates([x, -x], [one, one], 10)
    array([-1.])
    """
    n_components = weights[0].shape[1]
    state = empty_scatter(len(views) * n_components)
    firsts = [view[:1][0].astype(np.float64) for view in views]
    for rows in row_slices(views[0].shape[0], step):
        # From the first row, so that constant columns give variates of exactly zero.
        variates = [
            np.subtract(view[rows], first, dtype=np.float64) @ w
            for view, first, w in zip(views, firsts, weights, strict=True)
        ]
        state = update_scatter(state, np.hstack(variates))
    return variate_correlations(state.scatter, len(views))


def correlate_with_columns(view, weights, step):
    """Return the correlations of the columns of a view with its variates.

    Parameters
    ----------
    view : ndarray or ColumnBlock of shape (n_samples, n_features)
        The rows.

    weights : ndarray of shape (n_features, n_components)
        Weights of `fit`.

    step : int
        Number of rows read at once.

    Returns
    -------
    loadings : ndarray of shape (n_features, n_components)
        Correlations; constants have 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._unconstrained_cca_inspection import correlate_with_columns
    >>> x = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    >>> correlate_with_columns(x, np.array([[2.0], [1.0]]), 10)
    array([[1.],
           [0.]])
    """
    n_features, n_components = weights.shape
    cross = empty_scatter(n_features, n_components)
    columns = empty_scatter(n_features, columns=True)
    variates = empty_scatter(n_components, columns=True)
    first = view[:1][0].astype(np.float64)
    for rows in row_slices(view.shape[0], step):
        chunk = view[rows]
        scores = np.subtract(chunk, first, dtype=np.float64) @ weights
        cross = update_scatter(cross, chunk, scores)
        columns = update_scatter(columns, chunk)
        variates = update_scatter(variates, scores)
    norm = np.sqrt(columns.scatter)[:, None] * np.sqrt(variates.scatter)
    found = np.divide(cross.scatter, norm, out=np.zeros(norm.shape), where=norm > 0)
    return np.clip(found, -1.0, 1.0)


def component_p_values(estimator, views, method, n_permutations, groups):
    """Return p-values of the components of a fitted estimator, for these rows.

    Parameters
    ----------
    estimator : UnconstrainedCCA
        Fitted estimator.

    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The rows.

    method : {"permutation", "rao"}
        The test.

    n_permutations : int
        Number of permutations.

    groups : array-like of shape (n_samples,), or None
        Labels of groups within which rows may be permuted.

    Returns
    -------
    p_values : ndarray of shape (n_components,)
        One for each component.

    Raises
    ------
    ValueError
        If there are more than two views, or the test does not apply.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> from skextras._unconstrained_cca_inspection import component_p_values
    >>> x = np.arange(30.0)[:, None]
    >>> cca = UnconstrainedCCA(random_state=0).fit(x, x[::-1])
    >>> component_p_values(cca, [x, x[::-1]], "permutation", 99, None)
    array([0.01])
    """
    _check_test(estimator, views, method, n_permutations)
    n_samples = views[0].shape[0]
    order_of = _orders(n_samples, groups, n_permutations, estimator.random_state)
    require_memory(
        16 * n_samples * sum(min(n_samples, view.shape[1]) for view in views),
        f"significance of n_samples={n_samples} rows in whitened coordinates",
        "Pass fewer rows.",
    )
    step = make_data(views, None).column_step
    bases = [
        view_basis(view, share, scale=estimator.scale, step=step).rows
        for view, share in zip(views, estimator.shrinkage_, strict=True)
    ]
    ranks = tuple(basis.shape[1] for basis in bases)
    n_components = min(estimator.n_components_, *ranks)
    p_values = np.ones(estimator.n_components_)
    if method == "rao":
        if sum(ranks) > n_samples - 1:
            raise ValueError(
                f'method="rao" needs n_samples - 1 of at least the sum of the ranks '
                f"{ranks}, got n_samples={n_samples}. Set "
                'method="permutation".'
            )
        values = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
        correlations = np.minimum(values, 1.0)
        with np.errstate(divide="ignore"):
            found = rao_test(correlations, n_samples, ranks)[0]
    else:
        found = permutation_test(*bases, n_components, order_of)
    p_values[:n_components] = found[:n_components]
    return p_values


def _check_test(estimator, views, method, n_permutations):
    """Raise where a test does not apply."""
    if method not in ("permutation", "rao"):
        raise ValueError(f'method must be "permutation" or "rao", got {method!r}.')
    is_count = isinstance(n_permutations, Integral) and n_permutations >= 1
    if not is_count or isinstance(n_permutations, bool | np.bool_):
        raise ValueError(
            f"n_permutations must be a positive integer, got {n_permutations!r}."
        )
    if len(views) != 2:
        raise ValueError(f"significance needs two views, got {len(views)}.")
    if method == "rao" and (estimator.shrinkage_ > 0).any():
        raise ValueError(
            'method="rao" needs a fit without shrinkage, got shrinkage_='
            f'{estimator.shrinkage_.tolist()}. Set method="permutation".'
        )


def _orders(n_samples, groups, n_permutations, random_state):
    """Return an iterator over permutations of the rows, within groups."""
    members = [np.arange(n_samples)]
    if groups is not None:
        groups = column_or_1d(groups)
        check_consistent_length(np.empty((n_samples, 0)), groups)
        labels = np.unique(groups, return_inverse=True)[1]
        members = [np.flatnonzero(labels == label) for label in range(max(labels) + 1)]
    rng = check_random_state(random_state)

    def draw():
        order = np.empty(n_samples, dtype=np.intp)
        for group in members:
            order[group] = rng.permutation(group)
        return order

    return (draw() for _ in range(n_permutations))
