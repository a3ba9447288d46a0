"""Ranks of columns and the normal scores made of them."""

import numpy as np
from scipy.special import ndtri


def tie_ranks(block):
    """Rank each row, ties by their average.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    Returns
    -------
    ranks : ndarray of int32 of shape (n_rows, n)
        Number of values below plus number of values not above: twice the average
        rank, counted from one, less one.

    tied : ndarray of bool of shape (n_rows,)
        Whether a row has ties. The ranks of the others are 1, 3, 5, ... in some order.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ranks import tie_ranks
    >>> tie_ranks(np.array([[5.0, 7.0, 5.0, 6.0]]))
    (array([[2, 7, 2, 5]], dtype=int32), array([ True]))
    """
    from skextras.numerics import _ranks_kernels as kernels

    # float64 sorts twice as fast with places as float32 does.
    order = np.argsort(block.astype(np.float64, copy=False), axis=1)
    return kernels.tie_ranks(block, order)


def normal_score_table(n):
    r"""Return the normal score of every rank of `tie_ranks`.

    Parameters
    ----------
    n : int
        Number of samples.

    Returns
    -------
    table : ndarray of shape (2 * n,)
        :math:`\Phi^{-1}((R - 1/2) / n)` for the average rank R; entry 0 is -inf and
        belongs to no rank.

    Examples
    --------
    >>> from skextras.numerics.ranks import normal_score_table
    >>> normal_score_table(2).round(3)
    array([  -inf, -0.674,  0.   ,  0.674])
    """
    return ndtri(np.arange(2 * n) / (2 * n))


def normal_scores(block):
    """Map each row to normal scores, ties to that of their average rank.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n)
        Floating point values without NaN.

    Returns
    -------
    scores : ndarray of shape (n_rows, n)
        In float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ranks import normal_scores
    >>> normal_scores(np.array([[10.0, 30.0, 20.0]])).round(3)
    array([[-0.967,  0.967,  0.   ]])
    """
    return table_lookup(normal_score_table(block.shape[1]), tie_ranks(block)[0])


def table_lookup(table, ranks):
    """Return the entries of a table at ranks.

    Parameters
    ----------
    table : ndarray of shape (2 * n,)
        One value for each rank.

    ranks : ndarray of int32 of shape (n_rows, n)
        Ranks as of `tie_ranks`.

    Returns
    -------
    values : ndarray of shape (n_rows, n)
        In a fraction of the time of indexing.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.ranks import table_lookup
    >>> table_lookup(np.array([0.0, 0.5, 1.0]), np.array([[2, 1]], np.int32))
    array([[1. , 0.5]])
    """
    from skextras.numerics import _ranks_kernels as kernels

    return kernels.take(table, ranks)
