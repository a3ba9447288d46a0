"""Bins of columns that never split ties, and the tables of bins against an outcome."""

import numpy as np
from scipy.special import xlogy

# The most bins that the rule of Birge and Rozenholc is asked for.
_MOST_BINS = 99


def automatic_bins(n):
    """Return the default number of bins for n samples.

    Parameters
    ----------
    n : int
        Number of samples.

    Returns
    -------
    n_bins : int
        The fourth root of `n`, rounded, within 4 and 10.

    Examples
    --------
    >>> from skextras.numerics.binning import automatic_bins
    >>> automatic_bins(100), automatic_bins(1050), automatic_bins(10**6)
    (4, 6, 10)
    """
    return int(np.clip(round(n**0.25), 4, 10))


def few_levels(block, limit):
    """Find the distinct values of the rows that have few.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values; NaN is left out.

    limit : int
        Most distinct values to look for, at least 1.

    Returns
    -------
    levels : ndarray of shape (n_rows, limit)
        The values in ascending order, as far as `found` says.

    found : ndarray of int of shape (n_rows,)
        Number of distinct values; ``limit + 1`` if there are more.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import few_levels
    >>> few_levels(np.array([[2.0, 1.0, np.nan, 2.0], [1.0, 2.0, 3.0, 4.0]]), 3)[1]
    array([2, 4])
    """
    from skextras.numerics import _binning_kernels as kernels

    return kernels.few_levels(block, limit)


def quantile_edges(ordered, n_bins):
    r"""Return the edges of bins of equal frequency that never split ties.

    Parameters
    ----------
    ordered : ndarray of shape (n_rows, n)
        Floating point rows in ascending order.

    n_bins : int
        Number of bins D.

    Returns
    -------
    edges : ndarray of shape (n_rows, n_bins - 1)
        In the type of the rows. The code of a value is the number of edges below it.

    Notes
    -----
    A value with L values below and U not above it gets the code
    :math:`\lfloor (L + U) D / (2n) \rfloor`. Repeating all rows changes no code.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import quantile_edges
    >>> quantile_edges(np.array([[0.0, 0.0, 0.0, 1.0, 2.0, 3.0]]), 3)
    array([[0., 1.]])
    """
    from skextras.numerics import _binning_kernels as kernels

    return kernels.quantile_edges(ordered, n_bins)


def sparse_quantile_edges(columns, n, n_bins):
    """Return the edges of bins of equal frequency of columns that are mostly zeros.

    Parameters
    ----------
    columns : list of ndarray
        The stored values of each column, sorted; the others are zeros.

    n : int
        Number of samples, zeros included.

    n_bins : int
        Number of bins.

    Returns
    -------
    edges : ndarray of shape (n_columns, n_bins - 1)
        Those that `quantile_edges` gives for the dense columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import sparse_quantile_edges
    >>> sparse_quantile_edges([np.array([1.0, 2.0, 3.0])], 6, 3)
    array([[0., 1.]])
    """
    from skextras.numerics import _binning_kernels as kernels

    edges = np.empty((len(columns), n_bins - 1), columns[0].dtype)
    for values, row in zip(columns, edges, strict=True):
        kernels.atom_edges(values, n, n_bins, row)
    return edges


def extremes(block):
    """Return the least and greatest value of each row.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    Returns
    -------
    low, high : ndarray of shape (n_rows,)
        In float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import extremes
    >>> extremes(np.array([[3.0, 1.0, 2.0]]))
    (array([1.]), array([3.]))
    """
    low, high = block.min(axis=1), block.max(axis=1)
    return low.astype(np.float64), high.astype(np.float64)


def penalised_bins(block, n_levels):
    r"""Return the number of equal intervals that Birge and Rozenholc's rule chooses.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    n_levels : ndarray of int of shape (n_rows,)
        Number of distinct values, which the number of intervals never exceeds.

    Returns
    -------
    n_bins : ndarray of int of shape (n_rows,)
        1 for constant rows.

    Notes
    -----
    The rule maximises :math:`\sum_j N_j \log N_j + n \log D - (D - 1 + \log^{2.5} D)`
    over D from 2 to 99 [1]_.

    References
    ----------
    .. [1] L. Birgé and Y. Rozenholc, "How many bins should be put in a regular
       histogram", ESAIM: Probability and Statistics 10, 24-45, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import penalised_bins
    >>> x = np.random.default_rng(0).uniform(size=(1, 500)) ** 4
    >>> penalised_bins(x, np.array([500]))
    array([85])
    """
    from skextras.numerics import _binning_kernels as kernels

    k = np.arange(block.shape[1] + 1, dtype=np.float64)
    low, high = extremes(block)
    most = np.minimum(n_levels, _MOST_BINS)
    return kernels.penalised_bins(block, low, high, most, xlogy(k, k))


def interval_width(low, high, n_bins):
    """Return the width of equal intervals.

    Parameters
    ----------
    low, high : ndarray of shape (n_rows,)
        The ends of the range.

    n_bins : ndarray of int of shape (n_rows,)
        Number of intervals.

    Returns
    -------
    width : ndarray of shape (n_rows,)
        0 for an empty range.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import interval_width
    >>> interval_width(np.array([1.0]), np.array([3.0]), np.array([4]))
    array([0.5])
    """
    return high / n_bins - low / n_bins


def codes_by_edges(block, edges, starts):
    """Return the number of edges below each value.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    edges, starts : ndarray
        As of `tables_by_edges`.

    Returns
    -------
    codes : ndarray of int32 of shape (n_rows, n)
        From 0 to the number of edges of the row.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import codes_by_edges
    >>> codes_by_edges(np.array([[0.0, 1.0, 2.0]]), np.array([0.0]), np.array([0, 1]))
    array([[0, 1, 1]], dtype=int32)
    """
    from skextras.numerics import _binning_kernels as kernels

    return kernels.codes_by_edges(block, edges, starts)


def tables_by_edges(block, edges, starts, y_codes, n_columns):
    """Count each row, coded by edges of its own, against an outcome.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    edges : ndarray
        The ascending edges of the rows, one row after the other, in the type of the
        block.

    starts : ndarray of int of shape (n_rows + 1,)
        Where the edges of each row begin, and the end.

    y_codes : ndarray of int32 of shape (n,)
        Codes of the outcome.

    n_columns : int
        Number of codes of the outcome.

    Returns
    -------
    tables : ndarray of int32
        The tables one after the other, each row by row.

    starts : ndarray of int of shape (n_rows + 1,)
        Where each begins, and the end.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import tables_by_edges
    >>> x, y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([0, 0, 1, 1], np.int32)
    >>> tables_by_edges(x, np.array([0.0]), np.array([0, 1]), y, 2)[0]
    array([1, 0, 1, 2], dtype=int32)
    """
    from skextras.numerics import _binning_kernels as kernels

    bounds = _table_bounds(np.diff(starts) + 1, n_columns)
    tables = np.empty(bounds[-1], np.int32)
    kernels.tables_by_edges(block, edges, starts, y_codes, n_columns, tables)
    return tables, bounds


def tables_evenly(block, low, width, n_bins, y_codes, n_columns):
    """Count each row, cut into equal intervals, against an outcome.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    low, width : ndarray of shape (n_rows,)
        Lower end and width of the intervals.

    n_bins : ndarray of int of shape (n_rows,)
        Number of intervals; what lies beyond goes to the ones at the ends.

    y_codes : ndarray of int32 of shape (n,)
        Codes of the outcome.

    n_columns : int
        Number of codes of the outcome.

    Returns
    -------
    tables, starts : ndarray of int
        As of `tables_by_edges`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import tables_evenly
    >>> x, y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([0, 0, 1, 1], np.int32)
    >>> tables_evenly(x, np.array([0.0]), np.array([1.5]), np.array([2]), y, 2)[0]
    array([2, 0, 0, 2], dtype=int32)
    """
    from skextras.numerics import _binning_kernels as kernels

    bounds = _table_bounds(n_bins, n_columns)
    tables = np.empty(bounds[-1], np.int32)
    kernels.tables_evenly(block, low, width, n_bins, y_codes, n_columns, tables)
    return tables, bounds


def sparse_tables(codes, rows, bounds, zeros, n_bins, y_codes, y_counts):
    """Count coded sparse columns against an outcome.

    Parameters
    ----------
    codes : ndarray of int32
        Codes of the stored values, one column after the other.

    rows : ndarray of int
        Their rows.

    bounds : ndarray of int of shape (n_columns + 1,)
        Where each column begins, and the end.

    zeros, n_bins : ndarray of int of shape (n_columns,)
        Code of the values that are not stored, and number of codes.

    y_codes : ndarray of int32 of shape (n,)
        Codes of the outcome.

    y_counts : ndarray of int
        How often each code of the outcome occurs.

    Returns
    -------
    tables, starts : ndarray of int
        As of `tables_by_edges`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.binning import sparse_tables
    >>> y = np.array([0, 0, 1, 1], np.int32)
    >>> tables, starts = sparse_tables(
    ...     np.array([1], np.int32), np.array([2]), np.array([0, 1]),
    ...     np.array([0]), np.array([2]), y, np.array([2, 2]),
    ... )
    >>> tables
    array([2, 1, 0, 1], dtype=int32)
    """
    from skextras.numerics import _binning_kernels as kernels

    starts = _table_bounds(n_bins, len(y_counts))
    tables = np.empty(starts[-1], np.int32)
    kernels.sparse_tables(codes, rows, bounds, zeros, n_bins, y_codes, y_counts, tables)
    return tables, starts


def _table_bounds(n_bins, n_columns):
    """Return where tables of so many rows begin, and the end."""
    bounds = np.zeros(len(n_bins) + 1, np.int64)
    np.cumsum(np.asarray(n_bins, np.int64) * n_columns, out=bounds[1:])
    return bounds
