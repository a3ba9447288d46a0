"""Canonical directions from inner products of rows, for views wider than long."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.canonical import canonical_directions, component_signs
from skextras.numerics.fourth_moments import ledoit_wolf_share
from skextras.numerics.whitening import rank_cutoff, unwhiten, whiten, whitener


class GramSolution(NamedTuple):
    """Canonical weights found without any matrix of features by features.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of the columns as they were given.

    means : list of ndarray of shape (n_features_i,)
        Mean of each column.

    singular_values : ndarray of shape (n_components,)
        Singular values of the whitened views.

    spectrum : ndarray of shape (n_values,)
        All of them.

    ranks : list of int
        Rank of each view.

    shrinkage : list of float
        Share of the scaled identity of each view; NaN where Ledoit and Wolf's leaves
        the range of float64.

    variates : list of ndarray of shape (n_positive, n_components)
        Variates of the rows of positive weight, times the roots of their weights and
        over the root of the divisor: products of them are covariances.

    See Also
    --------
    solve_gram : Finds it.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import solve_gram
    >>> x = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 5.0], [2.0, 2.0, 1.0]])
    >>> solve_gram([x, x], [0.1, 0.1]).ranks
    [2, 2]
    """

    weights: list
    means: list
    singular_values: Any
    spectrum: Any
    ranks: list
    shrinkage: list
    variates: list


def solve_gram(
    views,
    shrinkage,
    *,
    n_components=None,
    weights=None,
    scale=False,
    targets=None,
    by_rows=None,
    step=1024,
):
    """Return the canonical weights of views that have more columns than rows.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views, which columns are read from in slices.

    shrinkage : list of float or "auto"
        Share of the scaled identity of each view, "auto" for Ledoit and Wolf's.

    n_components : int, default=None
        Number of components, at most the smallest rank, which is what None means and
        what a larger number is lowered to.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights; None means one each.

    scale : bool, default=False
        Whether columns are divided by their standard deviations.

    targets : list of float, default=None
        Scale of the identity of each view; mean variances if None.

    by_rows : list of bool, default=None
        Which views are known by the inner products of their rows, and not by their
        covariance matrix; those of more columns than rows if None.

    step : int, default=1024
        Number of columns read at once.

    Returns
    -------
    solution : GramSolution
        Weights, means, singular values, ranks, shrinkage and variates.

    Notes
    -----
    A view of more columns than rows is known through its matrix of inner products of
    rows, the others through their covariance matrix: both give coordinates of the
    rows in a whitened basis, of as many columns as the view has rank, and there the
    views meet.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import solve_gram
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((20, 50))
    >>> y = x[:, :30] + rng.standard_normal((20, 30))
    >>> solve_gram([x, y], [0.5, 0.5], n_components=2).singular_values.round(2)
    array([1.66, 1.54])
    """
    nothing = [None] * len(views)
    options = {"weights": weights, "scale": scale, "step": step}
    bases = [
        view_basis(view, share, target=target, by_rows=rows, **options)
        for view, share, target, rows in zip(
            views, shrinkage, targets or nothing, by_rows or nothing, strict=True
        )
    ]
    cross = [[None] * len(bases) for _ in bases]
    for i, j in combinations(range(len(bases)), 2):
        cross[i][j] = bases[i].rows.T @ bases[j].rows
    ranks = [basis.rows.shape[1] for basis in bases]
    wanted = min(ranks) if n_components is None else min(n_components, *ranks)
    found = canonical_directions(cross, wanted)
    directions = [
        basis_weights(basis, view, q, weights=weights, step=step)
        for basis, view, q in zip(bases, views, found.weights, strict=True)
    ]
    signs = component_signs(directions[0])
    variates = [b.rows @ (q * signs) for b, q in zip(bases, found.weights, strict=True)]
    return GramSolution(
        [w * signs for w in directions],
        [basis.means for basis in bases],
        found.singular_values,
        found.spectrum,
        ranks,
        [basis.shrinkage for basis in bases],
        variates,
    )


class ViewBasis(NamedTuple):
    """A whitened basis of a view, by the coordinates of its rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, rank)
        Coordinates of the weighted centred rows, over the root of the divisor: the
        ridged covariance matrix of the view is their identity.

    means, deviations : ndarray of shape (n_features,)
        What the columns were centred by and divided by.

    shrinkage : float
        Share of the scaled identity.

    whitener : Whitener or None
        Of a view that is not wide.

    dual : ndarray of shape (n_rows, rank) or None
        Of a wide view: the basis is the weighted centred rows' combination by these.

    See Also
    --------
    view_basis : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import view_basis
    >>> basis = view_basis(np.array([[0.0], [1.0], [2.0]]), 0.0)
    >>> basis.rows.T @ basis.rows
    array([[1.]])
    """

    rows: Any
    means: Any
    deviations: Any
    shrinkage: float
    whitener: Any
    dual: Any


def view_basis(
    view,
    shrinkage,
    *,
    weights=None,
    scale=False,
    target=None,
    by_rows=None,
    step=1024,
):
    """Return a whitened basis of a view, from inner products of rows or of columns.

    Parameters
    ----------
    view : array-like of shape (n_rows, n_features)
        The view; it is not constant.

    shrinkage : float or "auto"
        Share of the scaled identity.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights.

    scale : bool, default=False
        Whether columns are divided by their standard deviations.

    target : float, default=None
        Scale of the identity; the mean variance if None.

    by_rows : bool, default=None
        Whether by inner products of rows; if there are more columns than rows if None.

    step : int, default=1024
        Number of columns read at once.

    Returns
    -------
    basis : ViewBasis
        Coordinates of the rows of positive weight.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import view_basis
    >>> x = np.random.default_rng(0).standard_normal((5, 30))
    >>> view_basis(x, 0.0).rows.shape
    (5, 4)
    """
    rows = _Rows(view, weights)
    by_rows = view.shape[1] > rows.count if by_rows is None else by_rows
    if not by_rows:
        return _narrow_basis(rows, shrinkage, target, scale)
    basis = _wide_basis(rows, shrinkage, target, scale, step)
    if basis.shrinkage == 0 and shrinkage == "auto":
        # Estimated from the columns as they are, to be used on scaled ones.
        return _wide_basis(rows, 0.0, target, scale, step)
    return basis


def basis_weights(basis, view, coordinates, *, weights=None, step=1024):
    """Return the weights, for the columns as given, of combinations of a basis.

    Parameters
    ----------
    basis : ViewBasis
        The basis.

    view : array-like of shape (n_rows, n_features)
        The view that it is of.

    coordinates : ndarray of shape (rank, n_components)
        The combinations.

    weights : ndarray of shape (n_rows,), default=None
        The weights of its rows.

    step : int, default=1024
        Number of columns read at once.

    Returns
    -------
    weights : ndarray of shape (n_features, n_components)
        Weights of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import basis_weights, view_basis
    >>> x = np.array([[0.0], [2.0], [4.0]])
    >>> basis_weights(view_basis(x, 0.0), x, np.eye(1))
    array([[0.5]])
    """
    if basis.dual is None:
        return unwhiten(basis.whitener, coordinates) / basis.deviations[:, None]
    combination = basis.dual @ coordinates
    found = np.empty((view.shape[1], coordinates.shape[1]))
    for part in _steps(view.shape[1], step):
        x = centred_rows(
            view[:, part], basis.means[part], basis.deviations[part], weights
        )
        found[part] = x.T @ combination / basis.deviations[part, None]
    return found


def centred_rows(rows, means, deviations, weights=None):
    """Return rows in float64, centred, divided and times the roots of their weights.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        The rows, of any real dtype.

    means, deviations : ndarray of shape (n_features,)
        What to subtract and what to divide by.

    weights : ndarray of shape (n_rows,), default=None
        Non-negative weights; rows of weight zero are left out.

    Returns
    -------
    rows : ndarray of shape (n_positive, n_features)
        A new array.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.gram_cca import centred_rows
    >>> centred_rows(np.array([[3], [5]]), np.ones(1), np.ones(1), np.array([4.0, 0]))
    array([[4.]])
    """
    if weights is not None:
        rows = rows[weights > 0]
    x = np.subtract(rows, means, dtype=np.float64)
    x /= deviations
    if weights is not None:
        x *= np.sqrt(weights[weights > 0])[:, None]
    return x


def _steps(n_columns, step):
    return [slice(a, min(a + step, n_columns)) for a in range(0, n_columns, step)]


class _Rows:
    """The rows of positive weight of a view."""

    def __init__(self, view, weights):
        self.view, self.weights = view, weights
        self.count, self.total = view.shape[0], float(view.shape[0])
        self.positive = None
        if weights is not None:
            self.positive = weights[weights > 0]
            self.count, self.total = len(self.positive), float(weights.sum())
        self.means, self.deviations = np.empty(view.shape[1]), np.ones(view.shape[1])

    def columns(self, part, standardise):
        """Return centred columns, and note their means and deviations."""
        x = self.view[:, part]
        x = x if self.weights is None else x[self.weights > 0]
        # From a row first, so that a constant column is exactly zero.
        first = x[0].astype(np.float64)
        y = np.subtract(x, first, dtype=np.float64)
        if self.positive is None:
            offset = y.mean(axis=0)
        else:
            offset = self.positive @ y / self.total
        y -= offset
        self.means[part] = first + offset
        if self.positive is not None:
            y *= np.sqrt(self.positive)[:, None]
        if standardise:
            spread = np.sqrt(np.einsum("ij,ij->j", y, y) / (self.total - 1))
            self.deviations[part] = np.where(spread > 0, spread, 1.0)
            y /= self.deviations[part]
        return y

    def share(self, products, squares):
        """Return Ledoit and Wolf's share from inner products and their diagonal."""
        with np.errstate(over="ignore", under="ignore"):
            # The squares hold the weight, which the fourth power must hold once.
            terms = squares * squares
            powers = (terms if self.positive is None else terms / self.positive).sum()
        return ledoit_wolf_share(products, self.total, (powers, self.view.shape[1]))


def _narrow_basis(rows, shrinkage, target, scale):
    """Return the basis from the covariance matrix of the columns."""
    n_features = rows.view.shape[1]
    x = rows.columns(slice(0, n_features), scale)
    products, share = x.T @ x, shrinkage
    if shrinkage == "auto":
        share = rows.share(products, np.einsum("ij,ij->i", x, x))
    found = whitener(
        products / (rows.total - 1),
        rank_cutoff(rows.count, n_features),
        shrinkage=share,
        target=target,
    )
    coordinates = whiten(found, x.T).T / np.sqrt(rows.total - 1)
    return ViewBasis(coordinates, rows.means, rows.deviations, share, found, None)


def _wide_basis(rows, shrinkage, target, scale, step):
    """Return the basis from the inner products of the rows."""
    n_features = rows.view.shape[1]
    # Without shrinkage the rank must not depend on the units of the columns, which
    # the whitener of a narrow view sees to itself.
    standardise = scale or shrinkage == 0
    gram = np.zeros((rows.count, rows.count))
    for part in _steps(n_features, step):
        x = rows.columns(part, standardise)
        gram += x @ x.T
    share = shrinkage
    if shrinkage == "auto":
        share = rows.share(gram, np.diagonal(gram))
    values, vectors = np.linalg.eigh(gram)
    large = values > rank_cutoff(rows.count, n_features) * values[-1]
    values, vectors = values[large] / (rows.total - 1), vectors[:, large]
    if target is None:
        target = np.trace(gram) / (rows.total - 1) / n_features
    ridged = (1 - share) * values + share * target
    coordinates = vectors * np.sqrt(values / ridged)
    dual = vectors / np.sqrt(values * (rows.total - 1) * ridged)
    return ViewBasis(coordinates, rows.means, rows.deviations, share, None, dual)
