"""One scorer a method: blocks of features without gaps against one outcome.

A scorer has two methods, `continuous(block)` and `discrete(block, edges, starts)`; the
edges of a discrete feature are all its values but the greatest. They return scores and
p-values, None for what is looked up later, in a null distribution.
"""

import numpy as np

from skextras._resources import require_memory
from skextras.numerics.binning import (
    automatic_bins,
    codes_by_edges,
    extremes,
    few_levels,
    interval_width,
    penalised_bins,
    quantile_edges,
    tables_by_edges,
    tables_evenly,
)
from skextras.numerics.correlation import (
    correlation_information,
    correlation_p_values,
    correlations,
    in_range,
    standardise,
)
from skextras.numerics.information import column_margins, score_tables
from skextras.numerics.neighbours import class_scores, continuous_scores
from skextras.numerics.ranks import normal_scores

# Cells of tables made in one go.
_MAX_CELLS = 1 << 20


def mutual_information(method, scores):
    """Return scores as mutual information, in nats.

    Parameters
    ----------
    method : str
        The method that gave the scores.

    scores : ndarray
        Scores; NaN stays NaN.

    Returns
    -------
    information : ndarray
        Never negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._mi_screener_scorers import mutual_information
    >>> mutual_information("binning", np.array([0.2, -0.1]))
    array([0.2, 0. ])
    >>> mutual_information("pearson", np.array([0.6])).round(3)
    array([0.223])
    """
    if method == "pearson":
        return correlation_information(scores)
    return np.maximum(scores, 0.0)


class ConstantScorer:
    """Scores of an outcome that is always the same."""

    def continuous(self, block):
        return np.zeros(len(block)), np.ones(len(block))

    def discrete(self, block, edges, starts):
        return self.continuous(block)


class TableScorer:
    """Scores of tables against a coded outcome."""

    def __init__(self, codes, n_classes, laws):
        self.codes, self.laws = codes, laws
        self.margins = column_margins(np.bincount(codes, minlength=n_classes))

    def score(self, tables, starts):
        """Score tables; their p-values if there are laws."""
        found = score_tables(tables, starts, self.margins)
        if self.laws is None:
            return found.scores, None
        return found.scores, self.laws.p_values(found, tables, starts, self.margins)

    def by_edges(self, block, edges, starts):
        """Score features coded by edges."""

        def count(part):
            # Each part's edges, counted from its own first.
            own = starts[part.start : part.stop + 1]
            inside = edges[own[0] : own[-1]]
            return tables_by_edges(
                block[part], inside, own - own[0], self.codes, self.margins.n_columns
            )

        return self._by_parts(np.diff(starts) + 1, count)

    def evenly(self, block, low, width, n_bins):
        """Score features cut into intervals of equal width."""

        def count(part):
            return tables_evenly(
                block[part],
                low[part],
                width[part],
                n_bins[part],
                self.codes,
                self.margins.n_columns,
            )

        return self._by_parts(n_bins, count)

    def _by_parts(self, n_bins, count):
        """Score the tables of a block, so many at a time as their size allows."""
        if not len(n_bins):
            return np.empty(0), None if self.laws is None else np.empty(0)
        largest = int(n_bins.max()) * self.margins.n_columns
        if largest > _MAX_CELLS:
            require_memory(
                4 * largest,
                f"A table of {n_bins.max()} levels by {self.margins.n_columns}",
                "Treat the feature or the outcome as continuous: see discrete_features "
                "and target_type.",
            )
        step = max(1, _MAX_CELLS // largest)
        parts = [slice(a, a + step) for a in range(0, len(n_bins), step)]
        results = [self.score(*count(slice(*p.indices(len(n_bins))))) for p in parts]
        scores, p_values = zip(*results, strict=True)
        if self.laws is None:
            return np.concatenate(scores), None
        return np.concatenate(scores), np.concatenate(p_values)


class BinningScorer:
    """Scores of binned features against a binned or discrete outcome."""

    def __init__(self, params, target, laws):
        self.params = params
        if target.discrete:
            codes, n_classes = target.codes, len(target.classes)
        else:
            codes, n_classes = outcome_codes(params, target.values)
        self.tables = TableScorer(codes, n_classes, laws)

    def continuous(self, block):
        kind, *bins = feature_bins(self.params, block)
        score = self.tables.by_edges if kind == "edges" else self.tables.evenly
        return score(block, *bins)

    def discrete(self, block, edges, starts):
        return self.tables.by_edges(block, edges, starts)


def feature_bins(params, block):
    """Bins of continuous features: ("edges", edges, starts) or ("even", low, ...)."""
    n_rows, n = block.shape
    if params.strategy == "quantile":
        n_bins = automatic_bins(n) if params.n_bins == "auto" else params.n_bins
        edges = quantile_edges(np.sort(block, axis=1), n_bins)
        return "edges", edges.ravel(), (n_bins - 1) * np.arange(n_rows + 1)
    low, high = extremes(block)
    if params.n_bins == "birge-rozenholc":
        n_bins = penalised_bins(block, few_levels(block, 99)[1])
    else:
        n_bins = automatic_bins(n) if params.n_bins == "auto" else params.n_bins
        n_bins = np.full(n_rows, n_bins)
    return "even", low, interval_width(low, high, n_bins), n_bins


def outcome_bins(params, values):
    """Bins of a continuous outcome, as of one feature."""
    return feature_bins(params, values[None, :])


def encode_outcome(bins, values):
    """Codes of an outcome by given bins, and their number."""
    kind, first, second, *rest = bins
    if kind == "edges":
        return np.searchsorted(first, values).astype(np.int32), len(first) + 1
    low, width, n_bins = first[0], second[0], int(rest[0][0])
    if not width > 0:
        return np.zeros(len(values), np.int32), n_bins
    codes = ((values - low) / width).astype(np.int32)
    return np.clip(codes, 0, n_bins - 1), n_bins


def outcome_codes(params, values):
    """Codes of a continuous outcome, and their number."""
    return encode_outcome(outcome_bins(params, values), values)


class CorrelationScorer:
    """Absolute correlations, or the information of normal scores' correlations."""

    def __init__(self, params, target, laws):
        self.gaussian = params.method == "gaussian"
        self.direct = laws is not None and params.pvalues != "permutation"
        values = target.codes if target.discrete else target.values
        self.outcome = self._scale(values[None].astype(np.float64))[0]

    def _scale(self, block):
        return standardise(normal_scores(block) if self.gaussian else block)

    def continuous(self, block):
        if self.gaussian:
            block = normal_scores(block)
        r = correlations(block, self.outcome)
        scores = correlation_information(r) if self.gaussian else np.abs(r)
        return scores, correlation_p_values(r, block.shape[1]) if self.direct else None

    def discrete(self, block, edges, starts):
        return self.continuous(block)


class NeighboursScorer:
    """Nearest-neighbour estimates."""

    def __init__(self, params, target, laws):
        self.target, self.n_neighbors = target, params.n_neighbors
        if target.discrete:
            self.tables = TableScorer(target.codes, len(target.classes), laws)
        else:
            self.outcome = in_range(target.values[None])

    def continuous(self, block):
        block = in_range(block)
        if self.target.discrete:
            codes, n_classes = self.target.codes[None], len(self.target.classes)
            return class_scores(block, codes, n_classes, self.n_neighbors), None
        return continuous_scores(block, self.outcome[0], self.n_neighbors), None

    def discrete(self, block, edges, starts):
        if self.target.discrete:
            return self.tables.by_edges(block, edges, starts)
        codes = codes_by_edges(block, edges, starts)
        n_levels = int(np.diff(starts).max()) + 1
        return class_scores(self.outcome, codes, n_levels, self.n_neighbors), None
