"""Canonical directions by a locally optimal block method, without moments."""

from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from skextras.numerics.canonical import canonical_directions
from skextras.numerics.variate_pass import centred, row_slices
from skextras.numerics.whitening import unwhiten, whiten, whitener

# Until this estimate of the relative error products in float32 do no harm.
_SINGLE_UNTIL = 1e-4
# Directions whose share of the span is below this are dropped as dependent.
_CUTOFFS = {np.float32: 1e-6, np.float64: 1e-13}


class Iterate(NamedTuple):
    """Where the iteration stands after a pass.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        The best weights so far.

    estimate : float
        Their estimated relative error.

    n_passes : int
        Passes over the data, the present one included.

    converged : bool
        Whether the estimate is within the tolerance.

    See Also
    --------
    iterate_directions : Yields them.

    Examples
    --------
    >>> from skextras.numerics.canonical_lobpcg import Iterate
    >>> Iterate([], 1.0, 1, False).n_passes
    1
    """

    weights: list
    estimate: float
    n_passes: int
    converged: bool


def iterate_directions(
    views, moments, shrinkage, targets, n_components, rng, *, tol, step, single=False
):
    r"""Yield ever better canonical weights, one iterate a pass over the rows.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views.

    moments : list of ColumnMoments
        Means and variances of their columns.

    shrinkage, targets : sequence of float
        Share and scale of the identity of each view.

    n_components : int
        Number of components.

    rng : numpy.random.RandomState
        Draws the start.

    tol : float
        Estimated relative error at which the last iterate is yielded.

    step : int
        Number of rows read at once.

    single : bool, default=False
        Whether products are formed in float32 as long as the estimate is above 1e-4.

    Yields
    ------
    iterate : Iterate
        The best weights so far.

    Notes
    -----
    Each iteration minimises the Eckart-Young loss exactly over what the present
    directions, their residuals over the diagonal of :math:`B_i`, and the previous step
    span in each view, as LOBPCG [1]_ does for eigenvalues. Blocks hold twice the
    components asked for. One pass gives the products of all views with the new
    directions of all.

    The estimate is :math:`\sum_j r_j^\top D^{-1} r_j` over the sum of the singular
    values: a guide, no bound.

    References
    ----------
    .. [1] A. V. Knyazev, "Toward the optimal preconditioned eigensolver: locally
       optimal block preconditioned conjugate gradient method", SIAM Journal on
       Scientific Computing 23, 517-541, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.canonical_lobpcg import iterate_directions
    >>> from skextras.numerics.variate_pass import column_moments
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 8))
    >>> y = x[:, :5] + rng.standard_normal((100, 5))
    >>> *_, last = iterate_directions(
    ...     [x, y], column_moments([x, y], 50), [0, 0], [1, 1], 2,
    ...     np.random.RandomState(0), tol=1e-9, step=50,
    ... )
    >>> last.converged
    True
    """
    problem = _Problem(views, moments, shrinkage, targets, step)
    size = min(2 * n_components, *(view.shape[1] for view in views))
    dtype = np.float32 if single and problem.fits_single() else np.float64
    blocks = [problem.products(problem.start(size, rng), dtype)]
    best, least, n_passes, stalled = None, np.inf, 1, False
    while True:
        present, steps, values = _minimise(blocks, size, _CUTOFFS[dtype])
        residuals, estimate = problem.residuals(present, values, n_components)
        if estimate < least:
            best, least = [d[:, :n_components] for d in present.directions], estimate
        else:
            # Rounding in float32 has the last word: more passes would not help.
            stalled = dtype == np.float32
        converged = least <= tol and dtype == np.float64
        yield Iterate(best, float(least), n_passes, converged)
        if converged:
            return
        n_passes += 1
        if dtype == np.float32 and (stalled or estimate <= _SINGLE_UNTIL):
            dtype, least = np.float64, np.inf
            blocks = [problem.products(present.directions, dtype)]
            continue
        new = problem.precondition(residuals, present, steps)
        blocks = [present, problem.products(new, dtype), *([steps] if steps else [])]


class _Block(NamedTuple):
    """Directions of each view, and what the data make of them.

    ``ridged[i]`` is B_i times the directions of view i, and ``pulls[i][j]`` is C_ij
    times those of view j.
    """

    directions: list
    ridged: list
    pulls: list

    def combine(self, coefficients):
        views = range(len(coefficients))
        return _Block(
            [self.directions[i] @ coefficients[i] for i in views],
            [self.ridged[i] @ coefficients[i] for i in views],
            [
                {j: pull @ coefficients[j] for j, pull in self.pulls[i].items()}
                for i in views
            ],
        )


class _Problem:
    """The views, with their passes over the rows."""

    def __init__(self, views, moments, shrinkage, targets, step):
        self.views, self.step = views, step
        self.means = [m.mean for m in moments]
        self.shrinkage, self.targets = shrinkage, targets
        self.diagonals = [
            # A constant column has no variance and must not gain any weight.
            np.where(m.variance > 0, (1 - a) * m.variance + a * t, np.inf)
            for m, a, t in zip(moments, shrinkage, targets, strict=True)
        ]

    def fits_single(self):
        """Whether squares of all columns stay well within the range of float32."""
        finite = [d[np.isfinite(d)] for d in self.diagonals]
        return all(d.min() > 2.0**-60 and d.max() < 2.0**60 for d in finite)

    def start(self, size, rng):
        """Return random directions, free of the columns' units."""
        return [
            rng.standard_normal((len(d), size)) / np.sqrt(d)[:, None]
            for d in self.diagonals
        ]

    def products(self, directions, dtype):
        """Return the directions with their products, in one pass over the rows."""
        n_rows, ends = (
            self.views[0].shape[0],
            np.cumsum([0, *(d.shape[1] for d in directions)]),
        )
        parts = [slice(a, b) for a, b in pairwise(ends)]
        factors = [d.astype(dtype) for d in directions]
        sums = [np.zeros((len(d), ends[-1])) for d in directions]
        for rows in row_slices(n_rows, self.step):
            chunks = [
                centred(view[rows], mean, dtype)
                for view, mean in zip(self.views, self.means, strict=True)
            ]
            variates = np.hstack([c @ f for c, f in zip(chunks, factors, strict=True)])
            for total, chunk in zip(sums, chunks, strict=True):
                total += chunk.T @ variates
        views = range(len(directions))
        sums = [total / (n_rows - 1) for total in sums]
        ridged = [
            (1 - a) * sums[i][:, parts[i]] + a * t * directions[i]
            for i, a, t in zip(views, self.shrinkage, self.targets, strict=True)
        ]
        pulls = [{j: sums[i][:, parts[j]] for j in views if j != i} for i in views]
        return _Block(directions, ridged, pulls)

    def residuals(self, present, values, n_components):
        """Return what is missing to stationarity, and the estimated relative error."""
        residuals = [
            sum(pulls.values()) / len(pulls) - ridged * values
            for pulls, ridged in zip(present.pulls, present.ridged, strict=True)
        ]
        squares = [
            np.einsum("ij,ij->j", r, r / d[:, None])[:n_components].sum()
            for r, d in zip(residuals, self.diagonals, strict=True)
        ]
        return residuals, sum(squares) / values[:n_components].sum()

    def precondition(self, residuals, present, steps):
        """Return new directions, as good as orthogonal to those there are."""
        new = []
        for i, diagonal in enumerate(self.diagonals):
            direction = residuals[i] / diagonal[:, None]
            for block in filter(None, (present, steps)):
                gram = block.directions[i].T @ block.ridged[i]
                overlap = block.ridged[i].T @ direction
                share = np.linalg.lstsq(gram, overlap, rcond=None)[0]
                direction = direction - block.directions[i] @ share
            norm = np.sqrt(
                np.einsum("ij,ij->j", direction, _times(diagonal, direction))
            )
            new.append(direction / np.where(norm > 0, norm, 1.0))
        return new


def _times(diagonal, matrix):
    return np.where(np.isfinite(diagonal), diagonal, 0.0)[:, None] * matrix


def _minimise(blocks, size, cutoff):
    """Return the best directions within the blocks, the step to them, and values.

    The step is what the directions hold of the blocks after the first.
    """
    joint = _join(blocks)
    n_views = len(joint.directions)
    whiteners = []
    for directions, ridged in zip(joint.directions, joint.ridged, strict=True):
        gram = directions.T @ ridged
        whiteners.append(whitener((gram + gram.T) / 2, cutoff))
    cross = [[None] * n_views for _ in range(n_views)]
    for i, j in combinations(range(n_views), 2):
        block = joint.directions[i].T @ joint.pulls[i][j]
        cross[i][j] = whiten(whiteners[j], whiten(whiteners[i], block).T).T
    found = canonical_directions(cross, min(size, *(w.rank for w in whiteners)))
    coefficients = [
        unwhiten(w, q) for w, q in zip(whiteners, found.weights, strict=True)
    ]
    present = joint.combine(coefficients)
    if len(blocks) == 1:
        return present, None, found.singular_values
    for c, old in zip(coefficients, blocks[0].directions, strict=True):
        c[: old.shape[1]] = 0
    return present, joint.combine(coefficients), found.singular_values


def _join(blocks):
    """Return the columns of all blocks side by side."""
    views = range(len(blocks[0].directions))
    return _Block(
        [np.hstack([b.directions[i] for b in blocks]) for i in views],
        [np.hstack([b.ridged[i] for b in blocks]) for i in views],
        [
            {j: np.hstack([b.pulls[i][j] for b in blocks]) for j in views if j != i}
            for i in views
        ],
    )
