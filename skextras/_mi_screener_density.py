"""The scorer of kernel densities."""

import numpy as np

from skextras._mi_screener_scorers import TableScorer
from skextras.numerics.binning import codes_by_edges
from skextras.numerics.correlation import correlations, standardise
from skextras.numerics.density import (
    Grid,
    class_scores,
    full_kernel_score,
    make_grid,
    pooled_deviation,
    positions,
    product_kernel_scores,
    spread,
)
from skextras.numerics.ranks import (
    normal_score_table,
    normal_scores,
    table_lookup,
    tie_ranks,
)

_SIZES = (48, 64, 96, 128, 192, 256)
_CLASS_SIZES = (256, 512)
# A kernel along the trend is narrow across it: steps must be smaller.
_LEAST_FULL = 64
_STEEP, _LEAST_STEEP = 0.9, 192


class DensityScorer:
    """Scores of densities on grids, in two dimensions or in one for each class."""

    def __init__(self, params, target, laws, facts):
        self.params, self.target = params, target
        self.facts = [] if facts is None else facts
        if target.discrete:
            self.tables = TableScorer(target.codes, len(target.classes), laws)
            return
        self.outcome = self._transform(target.values[None])
        self.outcome_width = self._bandwidth(spread(self.outcome), 6)
        self.outcome_r = standardise(self.outcome)[0]

    def _transform(self, block):
        """Normal scores, or the values in units of their deviation."""
        normal = self.params.marginal == "normal-score"
        return normal_scores(block) if normal else standardise(block)

    def _bandwidth(self, scale, root):
        """Bandwidths of a scale of the values, for n to the power -1/root."""
        bandwidth = self.params.bandwidth
        factor = self.target.n ** (-1 / root) if bandwidth == "scott" else bandwidth
        return self.params.bandwidth_scale * factor * scale

    def _sizes(self, axis, automatic):
        size = self.params.grid_size
        if size == "auto":
            return automatic
        return size if np.isscalar(size) else size[axis]

    def _grid(self, values, bandwidth, sizes):
        grid = make_grid(values.min(axis=1), values.max(axis=1), bandwidth, sizes)
        # Who sets the size has chosen, and is not told.
        if self.params.grid_size == "auto" and grid.coarse.any():
            self.facts.append(int(grid.coarse.sum()))
        return grid

    def continuous(self, block):
        if self.target.discrete:
            return self._classes(block), None
        if self.params.bandwidth_matrix == "full":
            return self._full(self._transform(block)), None
        at, grid = self._place(block)
        y_sizes = self._sizes(1, _SIZES)
        y_grid = self._grid(self.outcome, self.outcome_width, y_sizes)
        y_at = positions(self.outcome, y_grid)
        return product_kernel_scores(at, grid, y_at, y_grid), None

    def _place(self, block):
        """Positions of features on their grids; those without ties share one."""
        sizes = self._sizes(0, _SIZES)
        if self.params.marginal is None:
            values = standardise(block)
            grid = self._grid(values, self._bandwidth(spread(values), 6), sizes)
            return positions(values, grid), grid
        ranks, tied = tie_ranks(block)
        table = normal_score_table(block.shape[1])
        untied = table[None, 1::2]
        shared = self._grid(untied, self._bandwidth(spread(untied), 6), sizes)
        at = table_lookup(
            positions(np.maximum(table, table[1])[None], shared)[0], ranks
        )
        if not tied.any():
            return at, shared.take(np.zeros(len(block), np.intp))
        values = table[ranks[tied]]
        own = self._grid(values, self._bandwidth(spread(values), 6), sizes)
        at[tied] = positions(values, own)
        parts = zip(shared.take(np.zeros(len(block), np.intp)), own, strict=True)
        return at, Grid(*(_replace(all_rows, tied, rows) for all_rows, rows in parts))

    def _full(self, values):
        """Scores by kernels along the trend, one feature at a time."""
        scores = np.empty(len(values))
        widths = self._bandwidth(spread(values), 6)
        for j, r in enumerate(correlations(values, self.outcome_r)):
            least = _LEAST_STEEP if abs(r) > _STEEP else _LEAST_FULL
            sizes = [size for size in _SIZES if size >= least]
            x, width = values[j : j + 1], widths[j : j + 1]
            grid = self._grid(x, width, self._sizes(0, sizes))
            y_grid = make_grid(
                self.outcome.min(axis=1),
                self.outcome.max(axis=1),
                self.outcome_width,
                self._sizes(1, sizes),
            )
            at, y_at = positions(x, grid), positions(self.outcome, y_grid)
            scores[j] = full_kernel_score(at, grid, y_at, y_grid, r)
        return scores

    def _classes(self, block):
        """Scores of features against classes."""
        codes, n_classes = self.target.codes[None], len(self.target.classes)
        return self._score_classes(self._transform(block), codes, n_classes, axis=0)

    def discrete(self, block, edges, starts):
        if self.target.discrete:
            return self.tables.by_edges(block, edges, starts)
        codes, n_levels = codes_by_edges(block, edges, starts), np.diff(starts) + 1
        scores = np.empty(len(block))
        for n in np.unique(n_levels):
            rows = np.flatnonzero(n_levels == n)
            scores[rows] = self._score_classes(self.outcome, codes[rows], n, axis=1)
        return scores, None

    def _score_classes(self, values, codes, n_classes, axis):
        """Scores of values and classes; one row of either serves all of the other."""
        deviation = pooled_deviation(values, codes, n_classes)
        values = np.broadcast_to(values, (len(deviation), values.shape[1]))
        sizes = self._sizes(axis, _CLASS_SIZES)
        grid = self._grid(values, self._bandwidth(deviation, 5), sizes)
        scores = np.empty(len(values))
        for size in np.unique(grid.size):
            rows = np.flatnonzero(grid.size == size)
            own = grid.take(rows)
            labels = codes if len(codes) == 1 else codes[rows]
            at = positions(values[rows], own)
            scores[rows] = class_scores(at, own, labels, n_classes)
        return scores


def _replace(values, rows, others):
    values = values.copy()
    values[rows] = others
    return values
