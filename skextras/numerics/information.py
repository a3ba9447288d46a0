"""Mutual information of contingency tables, free of its mean at independence."""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy
from scipy.stats import random_table

# Cells of random tables held at a time.
_MAX_CELLS = 1 << 20


class ColumnMargins(NamedTuple):
    """The columns' side of tables that share it, and what was computed of it.

    Parameters
    ----------
    n_columns : int
        Number of columns, empty ones included.

    counts : ndarray of shape (n_columns,)
        Sum of each column.

    values, repeats : ndarray of shape (n_values,)
        The distinct positive counts and how often each occurs.

    xlogx : ndarray of shape (n + 1,)
        k log k for all k up to the sum n of a table.

    memo : ndarray of shape (n + 1,)
        By row margin, the expectation of the row's sum of k log k; NaN where it has
        not been needed yet.

    Examples
    --------
    >>> from skextras.numerics.information import column_margins
    >>> column_margins([4, 0, 2, 4]).repeats
    array([1, 2])
    """

    n_columns: int
    counts: np.ndarray
    values: np.ndarray
    repeats: np.ndarray
    xlogx: np.ndarray
    memo: np.ndarray

    @property
    def n(self):
        """Sum of a table."""
        return len(self.xlogx) - 1


class TableScores(NamedTuple):
    """What `score_tables` says of each table.

    Parameters
    ----------
    scores : ndarray of shape (n_tables,)
        Mutual information less its expectation at independence, in nats.

    expected : ndarray of shape (n_tables,)
        That expectation; 0 for tables of one row.

    smallest : ndarray of shape (n_tables,)
        Smallest positive row sum.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.information import column_margins, score_tables
    >>> found = score_tables(np.array([3, 1, 1, 3]), np.array([0, 4]),
    ...                      column_margins([4, 4]))
    >>> found.smallest
    array([4])
    """

    scores: np.ndarray
    expected: np.ndarray
    smallest: np.ndarray


def entropy(counts):
    """Return the entropy of counts, in nats.

    Parameters
    ----------
    counts : array-like
        Non-negative numbers, of any shape; their sum is taken as 1.

    Returns
    -------
    entropy : float
        0 if all counts but one are zero.

    Examples
    --------
    >>> from skextras.numerics.information import entropy
    >>> entropy([2, 2, 0])  # log 2
    0.693147180559945...
    """
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum()
    return float(np.log(total) - xlogy(counts, counts).sum() / total)


def column_margins(counts):
    """Prepare the columns' side of `score_tables`.

    Parameters
    ----------
    counts : array-like of int of shape (n_columns,)
        Sum of each column.

    Returns
    -------
    margins : ColumnMargins
        With an empty memo, which `score_tables` fills.

    Examples
    --------
    >>> from skextras.numerics.information import column_margins
    >>> column_margins([4, 4]).n
    8
    """
    counts = np.asarray(counts, dtype=np.int64)
    values, repeats = np.unique(counts[counts > 0], return_counts=True)
    k = np.arange(counts.sum() + 1, dtype=np.float64)
    memo = np.full(len(k), np.nan)
    return ColumnMargins(len(counts), counts, values, repeats, xlogy(k, k), memo)


def score_tables(tables, starts, margins):
    r"""Score contingency tables that share their columns' sums.

    Parameters
    ----------
    tables : ndarray of int
        The tables one after the other, each row by row.

    starts : ndarray of int of shape (n_tables + 1,)
        Where each begins, and the end.

    margins : ColumnMargins
        The columns' side; its memo is filled on the way.

    Returns
    -------
    scores : TableScores
        Scores and what their p-values need.

    Notes
    -----
    With counts :math:`J` of margins :math:`r, c`, :math:`T(a) = a \log a` and
    :math:`E` the mean over permutations of the rows [1]_,

    .. math:: M - E M = \frac1n \sum_{ij} (T(J_{ij}) - E T(J_{ij})) ,

    since the margins' terms cancel. The expectation of a cell depends on
    :math:`(r_i, c_j)` alone, hence that of a row on :math:`r_i` once the columns are
    known: it is computed once for each row margin that occurs.

    References
    ----------
    .. [1] N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for
       clusterings comparison", Journal of Machine Learning Research 11, 2837-2854,
       2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.information import column_margins, score_tables
    >>> tables = np.array([4, 0, 0, 4, 2, 2, 2, 2])
    >>> found = score_tables(tables, np.array([0, 4, 8]), column_margins([4, 4]))
    >>> found.scores.round(3)
    array([ 0.614, -0.08 ])
    """
    from skextras.numerics import _information_kernels as kernels

    return TableScores(
        *kernels.score_tables(
            np.ascontiguousarray(tables, dtype=np.int32),
            np.ascontiguousarray(starts, dtype=np.int64),
            margins.n_columns,
            margins.values,
            margins.repeats,
            margins.xlogx,
            margins.memo,
        )
    )


def table_score(table):
    """Score one contingency table.

    Parameters
    ----------
    table : array-like of int of shape (n_rows, n_columns)
        Counts.

    Returns
    -------
    score : float
        Mutual information less its expectation at independence, in nats: 0 on
        average where rows and columns are independent.

    See Also
    --------
    score_tables : The same for many tables.

    Examples
    --------
    >>> from skextras.numerics.information import table_score
    >>> round(table_score([[4, 0], [0, 4]]), 6)
    0.613543
    """
    table = np.asarray(table)
    starts = np.array([0, table.size])
    found = score_tables(table.ravel(), starts, column_margins(table.sum(axis=0)))
    return float(found.scores[0])


def expected_mutual_information(rows, columns):
    """Return the mean mutual information of random tables of given margins.

    Parameters
    ----------
    rows, columns : array-like of int
        Sums of the rows and of the columns, of equal total.

    Returns
    -------
    expected : float
        In nats.

    Examples
    --------
    >>> from skextras.numerics.information import expected_mutual_information
    >>> round(expected_mutual_information([4, 4], [4, 4]), 6)
    0.079604
    """
    from skextras.numerics import _information_kernels as kernels

    rows, margins = np.asarray(rows, dtype=np.int64), column_margins(columns)
    rows = rows[rows > 0]
    mean = sum(
        kernels.expected_row(
            margins.n, r, margins.values, margins.repeats, margins.xlogx
        )
        for r in rows
    )
    xlogx = margins.xlogx
    inner = mean - xlogx[rows].sum() - xlogx[margins.counts].sum()
    return float((inner + xlogx[-1]) / margins.n)


def random_table_information(rows, columns, n_tables, rng):
    """Draw the mutual information of random tables of given margins.

    Parameters
    ----------
    rows, columns : array-like of int
        Sums of the rows and of the columns, of equal total.

    n_tables : int
        Number of tables.

    rng : numpy.random.Generator
        Source of the tables.

    Returns
    -------
    information : ndarray of shape (n_tables,)
        In nats.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.information import random_table_information
    >>> rng = np.random.default_rng(0)
    >>> random_table_information([4, 4], [4, 4], 5000, rng).mean().round(2)
    np.float64(0.08)
    """
    rows, columns = np.asarray(rows), np.asarray(columns)
    # Empty ones carry nothing, and the sampler would take time for them.
    rows, columns = rows[rows > 0], columns[columns > 0]
    k = np.arange(rows.sum() + 1, dtype=np.float64)
    xlogx = xlogy(k, k)
    fixed = xlogx[-1] - xlogx[rows].sum() - xlogx[columns].sum()
    law = random_table(rows, columns)
    step = max(1, _MAX_CELLS // (len(rows) * len(columns)))
    parts = [
        xlogx[
            law.rvs(min(step, n_tables - done), random_state=rng).astype(np.intp)
        ].sum(axis=(1, 2))
        for done in range(0, n_tables, step)
    ]
    return (np.concatenate(parts) + fixed) / rows.sum()
