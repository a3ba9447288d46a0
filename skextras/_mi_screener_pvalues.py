"""P-values: of tables by their margins, of the rest by null distributions."""

import numpy as np

from skextras.numerics.information import random_table_information
from skextras.numerics.null_laws import gamma_tail, pearson3_tail, three_moments
from skextras.numerics.ranks import normal_score_table

# Cells that chance fills at least so often follow the chi-squared law.
_LEAST_EXPECTED = 5
# Numbers of samples for which a null distribution is drawn.
_MAX_NULLS = 8
# Null scores that differ from a score by rounding are no less than it.
_ROUNDING = 1e-12
# Laws kept: what is drawn twice comes out the same.
_MAX_LAWS = 4096
_BLOCK_VALUES = 1 << 18


class ContingencyLaws:
    """Laws of the information of tables of given margins, drawn once where it pays.

    Parameters
    ----------
    seed : int
        Each draw starts from it, so that neither the order of features nor threads
        change a number.

    n_tables : int
        Random tables for a pair of margins.

    permutation : bool
        Whether all p-values are counted among random tables.
    """

    def __init__(self, seed, n_tables, permutation):
        self.seed, self.n_tables, self.permutation = seed, n_tables, permutation
        self.known = {}

    def p_values(self, found, tables, starts, margins):
        """P-values of scored tables that share their columns' margins."""
        n, expected = margins.n, found.expected
        variance = expected / n
        least = margins.values.min() if len(margins.values) else 0
        p_values = np.ones(len(expected))
        plain = found.smallest * float(least) >= _LEAST_EXPECTED * n
        plain &= not self.permutation
        for j in np.flatnonzero(~plain & (expected > 0)):
            table = tables[starts[j] : starts[j + 1]].reshape(-1, margins.n_columns)
            law = self._law(table.sum(axis=1), margins.counts)
            if self.permutation:
                # The information of a table is its score and what chance adds.
                p_values[j] = count_above(law, found.scores[j] + expected[j])
            else:
                variance[j] = law
        if self.permutation:
            return p_values
        return gamma_tail(found.scores + expected, expected, variance)

    def _law(self, rows, columns):
        """Variance of random tables' information, or the sorted sample."""
        # The order of rows and columns changes nothing: more tables share a law.
        rows, columns = np.sort(rows[rows > 0]), np.sort(columns[columns > 0])
        key = rows.tobytes(), columns.tobytes()
        if key in self.known:
            return self.known[key]
        rng = np.random.default_rng(self.seed)
        sample = random_table_information(rows, columns, self.n_tables, rng)
        law = np.sort(sample) if self.permutation else sample.var()
        if len(self.known) < _MAX_LAWS:
            self.known[key] = law
        return law


def count_above(ordered, values):
    """P-values of values among sorted null scores, themselves counted."""
    n_below = np.searchsorted(ordered, np.asarray(values) - _ROUNDING)
    return (1.0 + len(ordered) - n_below) / (len(ordered) + 1.0)


class NullScores:
    """Null distributions of scores: the outcome against permuted features.

    Parameters
    ----------
    make_scorer : callable
        Of an outcome, returning its scorer.

    target : Target
        The outcome of all samples.

    seed : int
        As of `ContingencyLaws`.

    n_permutations : int
        Null scores of each distribution.

    permutation : bool
        Whether p-values are counted among the null scores instead of taken from the
        Pearson type III law of their three moments.
    """

    def __init__(self, make_scorer, target, seed, n_permutations, permutation):
        self.make_scorer, self.target, self.seed = make_scorer, target, seed
        self.n_permutations, self.permutation = n_permutations, permutation

    def continuous(self, scores, n_valid):
        """P-values of continuous features, whose ranks are all that counts."""
        sizes = _null_sizes(np.unique(n_valid))
        samples = [self._sample(int(n), None) for n in sizes]
        moments = np.array([three_moments(sample) for sample in samples])
        at, known = np.log(n_valid), np.log(sizes)
        own = [np.interp(at, known, moments[:, i]) for i in range(3)]
        if not self.permutation:
            return pearson3_tail(scores, *own)
        nearest = np.abs(at[:, None] - known).argmin(axis=1)
        p_values = np.empty(len(scores))
        for i, sample in enumerate(samples):
            near, (mean, deviation, _) = nearest == i, moments[i]
            # The nearest sample, moved and stretched to the size of the feature's.
            ratio = np.where(own[1] > 0, deviation / np.maximum(own[1], 1e-300), 1.0)
            moved = (scores - own[0]) * ratio + mean
            exact = n_valid == sizes[i]
            p_values[near] = count_above(
                np.sort(sample), np.where(exact, scores, moved)[near]
            )
        return p_values

    def discrete(self, scores, n_valid, counts):
        """P-values of discrete features with given counts of levels."""
        p_values, drawn = np.empty(len(scores)), {}
        for j, own in enumerate(counts):
            own = np.sort(own)
            key = own.tobytes()
            if key not in drawn:
                drawn[key] = np.sort(self._sample(int(n_valid[j]), own))
            if self.permutation:
                p_values[j] = count_above(drawn[key], scores[j])
            else:
                moments = three_moments(drawn[key])
                p_values[j] = pearson3_tail(scores[j], *moments)
        return p_values

    def _sample(self, n, counts):
        """Null scores for n samples of a feature with given counts, or untied."""
        rng = np.random.default_rng(self.seed)
        target = self.target
        if n < target.n:
            target = target.take(np.sort(rng.permutation(target.n)[:n]))
        scorer, scores = self.make_scorer(target), []
        if counts is None:
            feature = normal_score_table(n)[1::2]
        else:
            feature = np.repeat(np.arange(float(len(counts))), counts)
        step = max(1, _BLOCK_VALUES // n)
        for done in range(0, self.n_permutations, step):
            rows = min(step, self.n_permutations - done)
            block = rng.permuted(np.tile(feature, (rows, 1)), axis=1)
            if counts is None:
                scores.append(scorer.continuous(block)[0])
            else:
                edges = np.tile(np.arange(len(counts) - 1.0), rows)
                starts = (len(counts) - 1) * np.arange(rows + 1)
                scores.append(scorer.discrete(block, edges, starts)[0])
        return np.concatenate(scores)


def _null_sizes(n_valid):
    """At most eight of the numbers of samples, the ends among them."""
    if len(n_valid) <= _MAX_NULLS:
        return n_valid
    wanted = np.geomspace(n_valid[0], n_valid[-1], _MAX_NULLS)
    nearest = np.abs(n_valid[:, None] - wanted).argmin(axis=0)
    return n_valid[np.unique(nearest)]
