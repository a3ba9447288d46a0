"""The screening itself: every feature scored, block by block."""

from typing import Any, NamedTuple

import numpy as np

from skextras._mi_screener_blocks import SparseReader, map_blocks
from skextras._mi_screener_density import DensityScorer
from skextras._mi_screener_pvalues import ContingencyLaws, NullScores
from skextras._mi_screener_scorers import (
    BinningScorer,
    ConstantScorer,
    CorrelationScorer,
    NeighboursScorer,
)
from skextras._mi_screener_sparse import score_columns
from skextras.numerics.binning import codes_by_edges, few_levels

# How the p-value of a feature is found.
_KNOWN, _FROM_CONTINUOUS, _FROM_LEVELS = 0, 1, 2
_LEAST_PAIRS = 10
_MOST_AUTO_LEVELS = 10


def make_scorer(params, target, laws=None, facts=None):
    """Return the scorer of an estimator's method.

    Parameters
    ----------
    params : MIScreener
        Its parameters are read.

    target : Target
        The outcome of the rows to come.

    laws : ContingencyLaws or None, default=None
        Where p-values of tables come from; None: no p-values.

    facts : list or None, default=None
        Receives what the user is to be told.

    Returns
    -------
    scorer : object
        Of the interface described above.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import MIScreener
    >>> from skextras._mi_screener_screen import make_scorer
    >>> from skextras._mi_screener_target import read_target
    >>> target, _ = read_target(np.arange(8) % 2, "auto")
    >>> block = np.arange(16.0).reshape(2, 8)
    >>> make_scorer(MIScreener(method="knn"), target).continuous(block)[0].shape
    (2,)
    """
    if target.constant:
        return ConstantScorer()
    if params.method in ("pearson", "gaussian"):
        return CorrelationScorer(params, target, laws)
    if params.method == "binning":
        return BinningScorer(params, target, laws)
    if params.method == "knn":
        return NeighboursScorer(params, target, laws)
    return DensityScorer(params, target, laws, facts)


class Screened(NamedTuple):
    """What screening found of each feature.

    Parameters
    ----------
    scores : ndarray of shape (n_features,)
        NaN where too few pairs are valid.

    p_values : ndarray of shape (n_features,) or None
        Where they were asked for; NaN where the score is.

    n_valid : ndarray of int of shape (n_features,)
        Number of valid pairs.

    n_coarse : int
        Number of grids that were too coarse for the bandwidth.
    """

    scores: Any
    p_values: Any
    n_valid: Any
    n_coarse: int


class Screen:
    """A screening of features against one outcome.

    Parameters
    ----------
    params : MIScreener
        Its parameters are read.

    target : Target
        The outcome.

    forced : ndarray of bool of shape (n_features,) or None
        Which features are discrete; None: those of few levels, and `categories`.

    categories : ndarray of bool of shape (n_features,)
        Features that are discrete in any case.

    labels : list of str
        Names of the features in messages.

    seed : int or None
        Where null distributions start; None: no p-values.
    """

    def __init__(self, params, target, forced, categories, labels, seed=None):
        self.params, self.target, self.labels = params, target, labels
        # More than the target has, where earlier rows count too.
        self.n_samples = target.n
        self.limit = min(_MOST_AUTO_LEVELS, target.n // 5) if forced is None else 0
        self.forced = categories if forced is None else forced | categories
        self.seed, self.laws, self.facts = seed, None, []
        self.counted = params.pvalues == "permutation"
        if seed is not None:
            self.laws = ContingencyLaws(seed, params.n_permutations, self.counted)
        self.scorer = self.scorer_of(target)

    def scorer_of(self, target):
        """Return the scorer of some of the samples."""
        return make_scorer(self.params, target, self.laws, self.facts)

    def run(self, reader):
        """Score all features of a reader."""
        if isinstance(reader, SparseReader) and self.params.method == "binning":
            blocks = map_blocks(
                lambda first, block: score_columns(self, first, block),
                reader,
                self.params.n_jobs,
                reader.sparse_blocks,
            )
        else:
            blocks = map_blocks(self.score_block, reader, self.params.n_jobs)
        scores, p_values, n_valid, kinds = map(
            np.concatenate, zip(*(block[:4] for block in blocks), strict=True)
        )
        counts = [own for block in blocks for own in block[4]]
        if self.seed is None:
            p_values = None
        else:
            p_values = self._look_up(scores, p_values, n_valid, kinds, counts)
        return Screened(scores, p_values, n_valid, int(sum(self.facts)))

    def _look_up(self, scores, p_values, n_valid, kinds, counts):
        """Fill in the p-values that null distributions of scores give."""
        nulls = NullScores(
            lambda target: make_scorer(self.params, target),
            self.target,
            self.seed,
            self.params.n_permutations,
            self.counted,
        )
        known = ~np.isnan(scores)
        rows = np.flatnonzero(known & (kinds == _FROM_CONTINUOUS))
        if len(rows):
            p_values[rows] = nulls.continuous(scores[rows], n_valid[rows])
        rows = np.flatnonzero(known & (kinds == _FROM_LEVELS))
        if len(rows):
            p_values[rows] = nulls.discrete(scores[rows], n_valid[rows], counts)
        return np.where(known, p_values, np.nan)

    def score_block(self, first, block):
        """Score a feature-major block: scores, p-values, counts and kinds."""
        n_rows, n = block.shape
        missing = self.find_missing(first, block)
        n_valid = np.full(n_rows, n)
        for j, gaps in missing.items():
            n_valid[j] -= gaps.sum()
        levels = self.levels(first, block)
        results = _Results(n_rows, n_valid)
        enough = self.enough(n_valid)
        results.constant(enough & (levels.found <= 1))
        usable = enough & (levels.found > 1)
        whole = usable & (n_valid == n)
        self._score_rows(block, np.flatnonzero(whole), self.scorer, levels, results)
        groups = {}
        for j, gaps in missing.items():
            if usable[j]:
                groups.setdefault(np.packbits(gaps).tobytes(), (~gaps, []))[1].append(j)
        for kept, rows in groups.values():
            scorer = self.scorer_of(self.target.take(kept))
            part = np.ascontiguousarray(block[rows][:, kept])
            self._score_rows(part, np.array(rows), scorer, levels, results, packed=True)
        return results.as_tuple()

    def find_missing(self, first, block):
        """Masks of the gaps of the rows that have any; infinity is refused."""
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = np.flatnonzero(~np.isfinite(block.sum(axis=1)))
        found = {}
        for j in suspect:
            gaps = np.isnan(block[j])
            self.check_values(first + j, block[j], gaps.any())
            if gaps.any():
                found[int(j)] = gaps
        return found

    def check_values(self, column, values, any_missing):
        """Refuse infinity, and NaN where it is an error."""
        what = "infinity" if np.isinf(values).any() else "NaN"
        if what == "infinity" or (any_missing and self.params.missing == "error"):
            remedy = "" if what == "infinity" else ' missing="pairwise" leaves it out.'
            raise ValueError(
                f"Input X contains {what}: column {self.labels[column]!r} is the first "
                f"of its block.{remedy}"
            )

    def enough(self, n_valid):
        """Whether there are pairs enough for a score."""
        least = min(_LEAST_PAIRS, self.n_samples)
        if self.params.method == "knn":
            least = max(least, self.params.n_neighbors + 1)
        return n_valid >= least

    def levels(self, first, block):
        """Which rows are discrete, and their levels as edges."""
        limit = max(self.limit, 1)
        levels, found = few_levels(block, limit)
        forced = self.forced[first : first + len(block)]
        if self.params.method in ("pearson", "gaussian"):
            return _Levels(found, np.zeros(len(block), bool), levels)
        return _Levels(found, forced | (found <= self.limit), levels)

    def _score_rows(self, block, rows, scorer, levels, results, packed=False):
        """Score rows against one outcome, continuous and discrete ones apart."""
        for discrete in (False, True):
            chosen = levels.discrete[rows] == discrete
            if not chosen.any():
                continue
            own = rows[chosen]
            part = block[chosen] if packed else _take_rows(block, own)
            if not discrete:
                scores, p_values = scorer.continuous(part)
                results.set(own, scores, p_values, _FROM_CONTINUOUS)
                continue
            edges, starts = levels.edges(part, own)
            scores, p_values = scorer.discrete(part, edges, starts)
            counts = ()
            if p_values is None and self.seed is not None:
                counts = _level_counts(part, edges, starts)
            results.set(own, scores, p_values, _FROM_LEVELS, counts)


class _Results:
    """Scores of a block, filled in piece by piece."""

    def __init__(self, n_rows, n_valid):
        self.scores, self.p_values = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
        self.n_valid, self.kinds = n_valid, np.zeros(n_rows, np.int8)
        self.counts = {}

    def constant(self, rows):
        self.scores[rows], self.p_values[rows] = 0.0, 1.0

    def set(self, rows, scores, p_values, kind, counts=()):
        self.scores[rows] = scores
        if p_values is None:
            self.kinds[rows] = kind
            self.counts.update(zip(rows.tolist(), counts, strict=False))
        else:
            self.p_values[rows] = p_values

    def as_tuple(self):
        counts = [self.counts[j] for j in sorted(self.counts)]
        return self.scores, self.p_values, self.n_valid, self.kinds, counts


class _Levels(NamedTuple):
    """The levels of a block's rows, as far as they are few."""

    found: Any
    discrete: Any
    levels: Any

    def edges(self, block, rows):
        """All values but the greatest of discrete rows, and where each begins."""
        limit = self.levels.shape[1]
        found = self.found[rows]
        if (found <= limit).all():
            # Row by row, the first found - 1 of the sorted levels.
            kept = np.arange(limit) < found[:, None] - 1
            edges = self.levels[rows][kept]
            sizes = found - 1
        else:
            lists = [np.unique(row)[:-1] for row in block]
            edges, sizes = np.concatenate(lists), np.array([len(own) for own in lists])
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=starts[1:])
        return edges, starts


def _take_rows(block, rows):
    """Rows of a block, itself if these are all."""
    return block if len(rows) == len(block) else block[rows]


def _level_counts(block, edges, starts):
    """How often each level of discrete rows occurs."""
    return [np.bincount(codes) for codes in codes_by_edges(block, edges, starts)]
