"""Second moments of views side by side, and the canonical directions they give."""

from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.canonical import canonical_directions, component_signs
from skextras.numerics.fourth_moments import (
    FourthMoments,
    ledoit_wolf_share,
    merge_fourth,
    update_fourth,
)
from skextras.numerics.scatter import (
    Scatter,
    covariance,
    empty_scatter,
    merge_scatters,
    update_scatter,
)
from skextras.numerics.whitening import rank_cutoff, unwhiten, whiten, whitener


class ViewMoments(NamedTuple):
    """Moments of the rows seen so far, of all views side by side.

    Parameters
    ----------
    widths : tuple of int
        Number of columns of each view.

    scatter : Scatter
        Joint weight, mean and scatter.

    fourth : tuple of FourthMoments, or None
        What Ledoit and Wolf's shrinkage needs beside, of each view.

    n_rows : int
        Number of rows of positive weight.

    See Also
    --------
    empty_view_moments : The state before any row.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, update_view_moments
    ... )
    >>> state = empty_view_moments((2, 1))
    >>> state = update_view_moments(state, np.array([[1.0, 0, 3], [3.0, 0, 5]]))
    >>> state.n_rows, state.scatter.mean
    (2, array([2., 0., 4.]))
    """

    widths: tuple
    scatter: Scatter
    fourth: Any
    n_rows: int

    @property
    def columns(self):
        """Slice of the columns of each view."""
        ends = np.cumsum([0, *self.widths])
        return [slice(a, b) for a, b in pairwise(ends)]


def empty_view_moments(widths, *, fourth=False):
    """Return the state of no rows.

    Parameters
    ----------
    widths : sequence of int
        Number of columns of each view.

    fourth : bool, default=False
        Whether to keep what Ledoit and Wolf's shrinkage needs.

    Returns
    -------
    state : ViewMoments
        The neutral element of `merge_view_moments`.

    Examples
    --------
    >>> from skextras.numerics.view_moments import empty_view_moments
    >>> empty_view_moments((2, 1)).scatter.scatter.shape
    (3, 3)
    """
    sums = tuple(FourthMoments(0.0, np.zeros(p)) for p in widths) if fourth else None
    return ViewMoments(tuple(widths), empty_scatter(sum(widths)), sums, 0)


def update_view_moments(state, rows, weights=None):
    """Return the state after a chunk of rows.

    Parameters
    ----------
    state : ViewMoments
        The rows before, left as it is.

    rows : ndarray of shape (n_rows, sum of widths)
        The chunk, all views side by side, of any real dtype.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights; None means one each.

    Returns
    -------
    state : ViewMoments
        All rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, update_view_moments
    ... )
    >>> state = empty_view_moments((1, 1))
    >>> state = update_view_moments(state, np.eye(2), weights=np.array([1.0, 3.0]))
    >>> state.scatter.mean
    array([0.25, 0.75])
    """
    scatter = update_scatter(state.scatter, rows, weights=weights)
    fourth = state.fourth
    if fourth is not None:
        fourth = tuple(
            update_fourth(sums, state.scatter, scatter, rows[:, part], part, weights)
            for sums, part in zip(fourth, state.columns, strict=True)
        )
    seen = len(rows) if weights is None else int(np.count_nonzero(weights))
    return ViewMoments(state.widths, scatter, fourth, state.n_rows + seen)


def merge_view_moments(a, b):
    """Return the state of the rows of two states, seen apart.

    Parameters
    ----------
    a, b : ViewMoments
        States of the same views, left as they are.

    Returns
    -------
    state : ViewMoments
        Equal to rounding to the state that has seen all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, merge_view_moments, update_view_moments
    ... )
    >>> a = update_view_moments(empty_view_moments((1, 1)), np.eye(2))
    >>> merge_view_moments(a, a).n_rows
    4
    """
    scatter = merge_scatters(a.scatter, b.scatter)
    fourth = None
    if a.fourth is not None:
        fourth = tuple(
            merge_fourth(f, a.scatter, g, b.scatter, scatter, part)
            for f, g, part in zip(a.fourth, b.fourth, a.columns, strict=True)
        )
    return ViewMoments(a.widths, scatter, fourth, a.n_rows + b.n_rows)


def moment_shares(state):
    """Return Ledoit and Wolf's shrinkage of each view.

    Parameters
    ----------
    state : ViewMoments
        Moments that include the fourth.

    Returns
    -------
    shares : ndarray of shape (n_views,)
        From 0 to 1; NaN where fourth powers leave the range of float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, moment_shares, update_view_moments
    ... )
    >>> x = np.random.default_rng(0).standard_normal((20, 3))
    >>> state = empty_view_moments((2, 1), fourth=True)
    >>> moment_shares(update_view_moments(state, x)).round(3)
    array([0.576, 0.   ])
    """
    return np.array(
        [
            ledoit_wolf_share(
                state.scatter.scatter[part, part], state.scatter.weight, sums.powers
            )
            for sums, part in zip(state.fourth, state.columns, strict=True)
        ]
    )


class MomentSolution(NamedTuple):
    """Canonical weights found from second moments.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of the columns as they were given.

    singular_values : ndarray of shape (n_components,)
        Singular values of the whitened views.

    spectrum : ndarray of shape (n_values,)
        All of them.

    ranks : list of int
        Rank of each view.

    covariances : ndarray of shape (n_views * n_components,) * 2
        Covariance matrix of the variates of all views side by side.

    See Also
    --------
    solve_moments : Finds it.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import solve_moments
    >>> C = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> solve_moments(C, (1, 1), 10, [0, 0]).ranks
    [1, 1]
    """

    weights: list
    singular_values: Any
    spectrum: Any
    ranks: list
    covariances: Any


def solve_moments(
    covariances, widths, n_rows, shrinkage, *, n_components=None, targets=None
):
    """Return the canonical weights of views whose covariance matrix is given.

    Parameters
    ----------
    covariances : ndarray of shape (sum of widths, sum of widths)
        Covariance matrix of all views side by side; no view is constant.

    widths : sequence of int
        Number of columns of each view.

    n_rows : int
        Number of rows behind it, which enters the ranks.

    shrinkage : sequence of float
        Share of the scaled identity of each view.

    n_components : int, default=None
        Number of components, at most the smallest rank, which is what None means and
        what a larger number is lowered to.

    targets : sequence of float, default=None
        Scale of the identity of each view; mean variances if None.

    Returns
    -------
    solution : MomentSolution
        Weights, singular values, ranks and covariances of the variates.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import solve_moments
    >>> C = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> solution = solve_moments(C, (1, 1), 10, [0, 0])
    >>> solution.singular_values, solution.weights
    (array([0.5]), [array([[0.5]]), array([[1.]])])
    """
    ends = np.cumsum([0, *widths])
    parts = [slice(a, b) for a, b in pairwise(ends)]
    targets = [None] * len(parts) if targets is None else targets
    whiteners = [
        whitener(
            covariances[part, part],
            rank_cutoff(n_rows, width),
            shrinkage=share,
            target=target,
        )
        for part, width, share, target in zip(
            parts, widths, shrinkage, targets, strict=True
        )
    ]
    found = _meet(whiteners, covariances, parts, n_components)
    weights = [unwhiten(w, q) for w, q in zip(whiteners, found.weights, strict=True)]
    signs = component_signs(weights[0])
    weights = [w * signs for w in weights]
    return MomentSolution(
        weights,
        found.singular_values,
        found.spectrum,
        [w.rank for w in whiteners],
        variate_covariances(covariances, weights),
    )


def rotate_weights(weights, covariances, shrinkage, targets):
    """Return the canonical weights within the span of given ones.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of each view, of any norm and order.

    covariances : ndarray of shape (n_views * n_components,) * 2
        Covariance matrix of their variates, of all views side by side.

    shrinkage, targets : sequence of float
        Share and scale of the identity of each view.

    Returns
    -------
    solution : MomentSolution
        Canonical weights; fewer than given where these are dependent.

    rotations : list of ndarray of shape (n_components, n_kept)
        What the given weights were multiplied by.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import rotate_weights
    >>> C = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> w = np.ones((1, 1))
    >>> rotate_weights([w, w], C, [0, 0], [1, 1])[0].weights
    [array([[0.5]]), array([[1.]])]
    """
    n_views, n_given = len(weights), weights[0].shape[1]
    parts = [slice(i * n_given, (i + 1) * n_given) for i in range(n_views)]
    cutoff = rank_cutoff(n_given, n_given)
    whiteners = [
        whitener((1 - a) * covariances[part, part] + a * t * w.T @ w, cutoff)
        for part, w, a, t in zip(parts, weights, shrinkage, targets, strict=True)
    ]
    found = _meet(whiteners, covariances, parts, n_given)
    rotations = [unwhiten(w, q) for w, q in zip(whiteners, found.weights, strict=True)]
    signs = component_signs(weights[0] @ rotations[0])
    rotations = [r * signs for r in rotations]
    solution = MomentSolution(
        [w @ r for w, r in zip(weights, rotations, strict=True)],
        found.singular_values,
        found.spectrum,
        [w.rank for w in whiteners],
        variate_covariances(covariances, rotations),
    )
    return solution, rotations


def _meet(whiteners, covariances, parts, n_components):
    """Return the canonical directions of whitened views."""
    cross = [[None] * len(parts) for _ in parts]
    for i, j in combinations(range(len(parts)), 2):
        half = whiten(whiteners[i], covariances[parts[i], parts[j]])
        cross[i][j] = whiten(whiteners[j], half.T).T
    smallest = min(w.rank for w in whiteners)
    wanted = smallest if n_components is None else min(n_components, smallest)
    return canonical_directions(cross, wanted)


def variate_covariances(covariances, weights):
    """Return the covariance matrix of the variates of all views side by side.

    Parameters
    ----------
    covariances : ndarray of shape (n_features, n_features)
        Covariance matrix of all views side by side.

    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of each view.

    Returns
    -------
    covariances : ndarray of shape (n_views * n_components,) * 2
        W'CW, W having the weights as blocks of its diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import variate_covariances
    >>> C = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> variate_covariances(C, [np.array([[0.5]]), np.array([[1.0]])])
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    ends = np.cumsum([0, *map(len, weights)])
    products = np.hstack(
        [
            covariances[:, a:b] @ w
            for a, b, w in zip(ends[:-1], ends[1:], weights, strict=True)
        ]
    )
    return np.vstack(
        [
            w.T @ products[a:b]
            for a, b, w in zip(ends[:-1], ends[1:], weights, strict=True)
        ]
    )


def state_covariance(state):
    """Return the covariance matrix of all views side by side.

    Parameters
    ----------
    state : ViewMoments
        Moments of a weight above 1.

    Returns
    -------
    covariances : ndarray of shape (n_features, n_features)
        Scatter over weight less 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, state_covariance, update_view_moments
    ... )
    >>> state = update_view_moments(empty_view_moments((1, 1)), np.eye(2))
    >>> state_covariance(state)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    return covariance(state.scatter)
