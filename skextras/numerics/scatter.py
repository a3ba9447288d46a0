"""First and second moments that accumulate over row chunks and merge exactly."""

from typing import Any, NamedTuple

import numpy as np

# Single precision products are trusted between these peaks of a column: farther
# out their squares leave the range of float32, or sums of them do.
_SINGLE_RANGE = (2.0**-45, 2.0**45)


class Scatter(NamedTuple):
    """Weight, location and scatter of the rows seen so far.

    Parameters
    ----------
    weight : array of shape () or (n_features,)
        Sum of the weights; an array where the weights differed by column.

    shift : array of shape (n_features,)
        A row of the data, from which the others are measured.

    offset : array of shape (n_features,)
        Weighted mean minus `shift`. Kept apart because their sum forgets, when the
        mean is large, digits that the merge of two means needs.

    other_shift, other_offset : arrays of shape (n_others,), or None
        The same for the second block, if there are two.

    scatter : array of shape (n_features, n_features), (n_features, n_others) or \
            (n_features,)
        Weighted sum of products of deviations from the mean: all pairs of columns,
        all pairs between two blocks, or each column alone (or with its partner in
        the second block).

    See Also
    --------
    empty_scatter : The state before any row, which also chooses the form.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.scatter import empty_scatter, update_scatter
    >>> state = update_scatter(empty_scatter(2), np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> state.mean
    array([2., 5.])
    >>> state.scatter
    array([[2., 0.],
           [0., 0.]])
    """

    weight: Any
    shift: Any
    offset: Any
    other_shift: Any
    other_offset: Any
    scatter: Any

    @property
    def mean(self):
        """Weighted mean of the first block."""
        return self.shift + self.offset

    @property
    def other_mean(self):
        """Weighted mean of the second block."""
        return self.other_shift + self.other_offset


def empty_scatter(n_features, n_others=None, *, columns=False, xp=np, device=None):
    """Return the state of no rows, the neutral element of `merge_scatters`.

    Parameters
    ----------
    n_features : int
        Number of columns.

    n_others : int, default=None
        Number of columns of a second block. If given, the scatter is the one
        between the blocks and none within either.

    columns : bool, default=False
        Whether to keep only products of a column with itself, or with the column at
        the same place of the second block, in memory proportional to `n_features`.

    xp : array namespace, default=numpy
        Namespace of the arrays to come.

    device : device, default=None
        Device of the arrays to come.

    Returns
    -------
    state : Scatter
        Zeros, in float64.

    Examples
    --------
    >>> from skextras.numerics.scatter import empty_scatter
    >>> empty_scatter(3).scatter.shape, empty_scatter(3, 2).scatter.shape
    ((3, 3), (3, 2))
    >>> empty_scatter(3, columns=True).scatter.shape
    (3,)
    """

    def zeros(*shape):
        return xp.zeros(shape, dtype=xp.float64, device=device)

    width = n_features if n_others is None else n_others
    other = (None, None) if n_others is None else (zeros(width), zeros(width))
    scatter = zeros(n_features) if columns else zeros(n_features, width)
    return Scatter(zeros(), zeros(n_features), zeros(n_features), *other, scatter)


def update_scatter(state, x, other=None, *, weights=None, single=False, xp=np):
    r"""Return the state after a chunk of rows.

    Parameters
    ----------
    state : Scatter
        The rows before, left as it is.

    x : array of shape (n_rows, n_features)
        The chunk, of any real or boolean dtype. It is neither written nor kept.

    other : array of shape (n_rows, n_others), default=None
        The same rows of the second block, if `state` has two.

    weights : array of shape (n_rows,) or (n_rows, n_features), default=None
        Non-negative weights; None means one each. What has weight zero is not
        looked at and may be NaN. Weights by column, for the form `columns` only,
        leave out missing values.

    single : bool, default=False
        Whether products may be formed and summed in float32 within the chunk, at
        twice the speed and with a relative error of the order of 1e-6. It does
        nothing in the form `columns`.

    xp : array namespace, default=numpy
        Namespace of the arrays.

    Returns
    -------
    state : Scatter
        All rows, in float64.

    See Also
    --------
    merge_scatters : Joins the states of rows seen apart.

    Notes
    -----
    Deviations are taken in two steps, from a row of the data and then from the
    mean, so that a constant column gives exactly zero and a large mean costs no
    digits. For a state of weight :math:`a` and mean :math:`\mu`, and a chunk of
    weight :math:`b` and mean :math:`m`, the scatter of the union is [1]_

    .. math::

        S + \sum_i w_i (x_i - m)(x_i - m)^\top
          + \frac{ab}{a+b} (m - \mu)(m - \mu)^\top
        = S + \sum_i w_i (x_i - t)(x_i - t)^\top,
        \quad t = m - \sqrt{\tfrac{a}{a+b}} (m - \mu),

    and the second form takes one matrix product. Each block is copied once, in
    float64, or in float32 if `single` and its dtype loses nothing by that, and twice
    under weights; one more array like `state.scatter` holds the products.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the
       sample variance: analysis and recommendations", The American Statistician,
       37(3), 242-247, 1983.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.scatter import empty_scatter, update_scatter
    >>> rng = np.random.default_rng(0)
    >>> x = 1e8 + rng.normal(size=(100, 3))
    >>> state = empty_scatter(3)
    >>> for start in range(0, 100, 32):
    ...     state = update_scatter(state, x[start : start + 32])
    >>> np.allclose(state.scatter / 99, np.cov(x, rowvar=False), rtol=1e-7)
    True
    """
    if x.shape[0] == 0:
        return state
    rows = _weigh(state, x, weights, xp)
    columns = state.scatter.ndim == 1
    single = single and not columns
    left, shift, offset = _centre(x, state.shift, state.offset, rows, single, xp)
    right, other_shift, other_offset = None, None, None
    if other is not None:
        right, other_shift, other_offset = _centre(
            other, state.other_shift, state.other_offset, rows, single, xp
        )
    if columns:
        products = _column_products(left, right, rows.weights, xp)
    else:
        products = _pair_products(left, right, rows.weights, single, xp)
    if products is None:
        return update_scatter(state, x, other, weights=weights, xp=xp)
    return Scatter(
        rows.weight_before + rows.weight,
        shift,
        offset,
        other_shift,
        other_offset,
        _sum_into(products, state.scatter),
    )


def merge_scatters(a, b, *, xp=np):
    """Return the state of the rows of two states.

    Parameters
    ----------
    a, b : Scatter
        States of the same form, left as they are.

    xp : array namespace, default=numpy
        Namespace of the arrays.

    Returns
    -------
    state : Scatter
        The same for either order to rounding; exactly the other state if one is
        empty.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.scatter import (
    ...     empty_scatter, merge_scatters, update_scatter
    ... )
    >>> a = update_scatter(empty_scatter(1), np.array([[0.0], [2.0]]))
    >>> b = update_scatter(empty_scatter(1), np.array([[10.0]]))
    >>> state = merge_scatters(a, b)
    >>> state.weight, state.mean, state.scatter
    (np.float64(3.0), array([4.]), array([[56.]]))
    """
    weight = a.weight + b.weight
    share = b.weight / _one_where_zero(weight, xp)

    def join(a_shift, a_offset, b_shift, b_offset):
        shift = xp.where(a.weight > 0, a_shift, b_shift)
        step = (b_shift - shift) + b_offset - a_offset
        return step, shift, a_offset + share * step

    left, shift, offset = join(a.shift, a.offset, b.shift, b.offset)
    right, other_shift, other_offset = left, None, None
    if a.other_shift is not None:
        right, other_shift, other_offset = join(
            a.other_shift, a.other_offset, b.other_shift, b.other_offset
        )
    # The root goes to both factors so that the outer product is exactly symmetric.
    root = xp.sqrt(a.weight * share)
    left, right = root * left, root * right
    columns = a.scatter.ndim == 1
    products = left * right if columns else left[:, None] * right[None, :]
    products += a.scatter
    products += b.scatter
    return Scatter(weight, shift, offset, other_shift, other_offset, products)


def covariance(state, *, ddof=1.0, xp=np):
    """Return the covariance of the rows seen.

    Parameters
    ----------
    state : Scatter
        The rows.

    ddof : float, default=1.0
        What is subtracted from the weight in the divisor.

    xp : array namespace, default=numpy
        Namespace of the arrays.

    Returns
    -------
    covariance : array of the shape of `state.scatter`
        NaN where the weight does not exceed `ddof`, hence undefined.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.scatter import (
    ...     covariance, empty_scatter, update_scatter
    ... )
    >>> x = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 5.0]])
    >>> covariance(update_scatter(empty_scatter(2), x))
    array([[1. , 2.5],
           [2.5, 7. ]])
    """
    divisor = state.weight - ddof
    undefined = xp.full_like(divisor, xp.nan)
    return state.scatter / xp.where(divisor > 0, divisor, undefined)


class _Rows(NamedTuple):
    """What an update knows of the rows of a chunk, whatever their block."""

    weights: Any  # (n_rows, 1) or (n_rows, n_features), or None
    weight: Any
    weight_before: Any
    share: Any
    pull: Any


def _weigh(state, x, weights, xp):
    """Return the weights of a chunk and the shares of old and new rows."""
    if weights is None:
        weight = xp.full_like(state.weight, float(x.shape[0]))
    else:
        weights = xp.astype(xp.asarray(weights), xp.float64)
        weight = xp.sum(weights, axis=0)
        weights = weights[:, None] if weights.ndim == 1 else weights
    total = _one_where_zero(state.weight + weight, xp)
    pull = xp.sqrt(state.weight / total)
    return _Rows(weights, weight, state.weight, weight / total, pull)


# What overflows float32 here is found, and done in float64, by `_fits_single`.
@np.errstate(over="ignore", invalid="ignore")
def _centre(block, shift, offset, rows, single, xp):
    """Return the deviations of a block from `t` and its new shift and offset."""
    known = (rows.weight_before > 0) | (rows.weight == 0)
    first = xp.astype(_first_row(block, rows.weights, xp), xp.float64)
    shift = xp.where(known, shift, first)
    y = _subtract(block, shift, _work_dtype(block, shift, rows, single, xp), xp)
    if rows.weights is None:
        mean = xp.sum(y, axis=0, dtype=xp.float64) / float(block.shape[0])
    else:
        # Not by a factor of zero, which would leave NaN.
        y = xp.where(rows.weights > 0, y, xp.zeros_like(y))
        mean = _weighted_sum(y, rows.weights, xp) / _one_where_zero(rows.weight, xp)
    step = mean - offset
    y -= xp.astype(mean - rows.pull * step, y.dtype, copy=False)
    return y, shift, offset + rows.share * step


def _first_row(block, weights, xp):
    """Return the first row, or entry of each column, of positive weight."""
    if weights is None:
        return block[0, :]
    first = xp.argmax(xp.astype(weights > 0, xp.int8), axis=0)
    if weights.shape[1] == 1:
        return block[int(first[0]), :]
    return xp.take_along_axis(block, first[None, :], axis=0)[0, :]


def _work_dtype(block, shift, rows, single, xp):
    """Return float32 if differences in it lose no more than its products do."""
    if not single or rows.weights is not None:
        return xp.float64
    if isinstance(block, np.ndarray):
        exact = np.can_cast(block.dtype, np.float32)
    else:
        exact = block.dtype == xp.float32
    # A shift from an earlier chunk of more digits would move every row alike.
    exact = exact and bool(xp.all(xp.astype(shift, xp.float32) == shift))
    return xp.float32 if exact else xp.float64


def _subtract(block, shift, dtype, xp):
    """Return the differences from a row, in a new array."""
    shift = xp.astype(shift, dtype, copy=False)
    if isinstance(block, np.ndarray):
        # In one pass and without a converted copy of the block.
        return np.subtract(block, shift, dtype=dtype, casting="same_kind")
    return xp.astype(block, dtype, copy=False) - shift


def _weighted_sum(y, weights, xp):
    if weights.shape[1] == 1:
        return weights[:, 0] @ y
    return xp.sum(weights * y, axis=0)


def _fits_single(y, xp):
    """Whether squares of the columns stay within the range of float32."""
    if y is None:
        return True
    peak = xp.maximum(xp.max(y, axis=0), -xp.min(y, axis=0))
    low, high = _SINGLE_RANGE
    return bool(xp.all((peak == 0) | ((peak > low) & (peak < high))))


def _column_products(left, right, weights, xp):
    """Return the sum of products of each column with its partner."""
    products = left * (left if right is None else right)
    if weights is None:
        return xp.sum(products, axis=0)
    return _weighted_sum(products, weights, xp)


def _pair_products(left, right, weights, single, xp):
    """Return the sums of products of all pairs of columns, None if out of range."""
    if weights is not None:
        # Halves of the weight on both sides keep one triangle the other's mirror.
        left *= xp.sqrt(weights) if right is None else weights
    if single:
        if not (_fits_single(left, xp) and _fits_single(right, xp)):
            return None
        left = xp.astype(left, xp.float32, copy=False)
        right = right if right is None else xp.astype(right, xp.float32, copy=False)
    if right is not None:
        return left.T @ right
    products = left.T @ left
    if isinstance(products, np.ndarray):
        # NumPy sees that both factors are one array and computes one triangle.
        return products
    return (products + products.T) / 2


def _sum_into(products, scatter):
    """Return the sum in float64, in the memory of the first if it fits."""
    if products.dtype != scatter.dtype:
        return scatter + products
    products += scatter
    return products


def _one_where_zero(weight, xp):
    """Return weights that may be divided by."""
    return xp.where(weight > 0, weight, xp.ones_like(weight))
