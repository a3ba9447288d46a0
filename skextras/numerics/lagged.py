"""Covariances of delay-embedded series, built from lagged products."""

from itertools import pairwise

import numpy as np

# Epochs are worked on as many at a time as have their arrays in the processor's cache;
# fewer would pay more for the calls.
_BLOCK_BYTES = 5_000_000


def embed(X, delays, n_window):
    """Stack delayed copies of the channels.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The series.

    delays : sequence of int
        Delays of the copies, in samples.

    n_window : int
        Samples kept of every copy; ``max(delays) + n_window <= n_times``.

    Returns
    -------
    E : ndarray of shape (n_epochs, len(delays) * n_channels, n_window)
        The embedding: row ``k * n_channels + c`` is channel c, ``delays[k]`` later.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.lagged import embed
    >>> embed(np.arange(5.0)[None, None], (0, 2), 3)
    array([[[0., 1., 2.],
            [2., 3., 4.]]])
    """
    return np.concatenate([X[:, :, d : d + n_window] for d in delays], axis=1)


def augmented_covariance(X, delays, n_window, *, centered=True, out=None):
    r"""Compute the covariance of the delay embedding of each epoch.

    Uniform delays whose windows overlap are summed from lagged products without
    building the embedding; others go through :func:`embed`. All sums are float64 and
    are the same, bit for bit, whatever the other epochs of X are.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The series, real or integer. It is not written.

    delays : sequence of int
        Delays of the copies in samples, the first one 0.

    n_window : int
        Samples of every copy, at least 2; ``max(delays) + n_window <= n_times``.

    centered : bool, default=True
        Whether to remove each row's window mean and divide by ``n_window - 1``, as
        :func:`numpy.cov` does, or to divide the raw products by ``n_window``.

    out : ndarray of shape (n_epochs, n_rows, n_rows), dtype float64, default=None
        C-contiguous array for the result; ``n_rows = len(delays) * n_channels``.

    Returns
    -------
    S : ndarray of shape (n_epochs, n_rows, n_rows)
        The covariances, exactly symmetric.

    Notes
    -----
    With :math:`p` delays of step :math:`\ell`, window length :math:`N` and
    :math:`q = p - 1`, the window of copy :math:`k` is the common core
    :math:`[q \ell, N)`, the segments :math:`A_j = x[j \ell, (j+1) \ell)` before it
    for :math:`j \ge k` and the segments :math:`B_j = x[N + j \ell, N + (j+1) \ell)`
    behind it for :math:`j < k`. Hence the block of copies :math:`k` and :math:`k + d`
    is

    .. math:: S_{k,k+d} = \sum_{s=(q-d)\ell}^{N-1} x(s) x(s+d\ell)^T
        + \sum_{j=k}^{p-2-d} A_j A_{j+d}^T + \sum_{j<k} B_j B_{j+d}^T ,

    a product common to the block diagonal and two running sums. Nothing is ever
    subtracted but the product of the window means, so an artefact that only some
    windows contain leaves the other blocks as they were.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.lagged import augmented_covariance, embed
    >>> X = np.random.default_rng(0).standard_normal((1, 2, 50))
    >>> S = augmented_covariance(X, (0, 3, 6), 44)
    >>> np.allclose(S[0], np.cov(embed(X, (0, 3, 6), 44)[0]))
    True
    """
    n_epochs, n_channels, n_times = X.shape
    n_rows = len(delays) * n_channels
    if out is None:
        out = np.empty((n_epochs, n_rows, n_rows))
    fill = _covariance_of_embedding
    if _windows_share_a_core(delays, n_window):
        fill = _covariance_from_products
    size = max(1, _BLOCK_BYTES // (8 * (n_rows**2 + 3 * n_channels * n_times)))
    # One buffer for all blocks: fresh memory costs more than the arithmetic.
    buffer = np.empty((min(size, n_epochs), n_channels, n_times))
    for start in range(0, n_epochs, size):
        # C-ordered: the mean of a strided row is summed in another order, which would
        # make the digits depend on the layout of the caller's array.
        x = np.ascontiguousarray(X[start : start + size], dtype=np.float64)
        fill(x, delays, n_window, centered, out[start : start + size], buffer[: len(x)])
    return out


def _windows_share_a_core(delays, n_window):
    """Tell whether the delays are uniform and all windows have samples in common."""
    steps = {after - before for before, after in pairwise(delays)}
    return len(steps) <= 1 and min(steps, default=1) > 0 and n_window > delays[-1]


def _covariance_of_embedding(x, delays, n_window, centered, out, buffer):
    """Fill ``out`` with covariances by way of the embedding."""
    embedding = embed(x, delays, n_window)
    if centered:
        embedding -= embedding.mean(axis=-1, keepdims=True)
    embedding *= 1 / np.sqrt(n_window - 1 if centered else n_window)
    # NumPy takes a product with its own transpose for what it is: exactly symmetric.
    np.matmul(embedding, embedding.transpose(0, 2, 1), out=out)


def _covariance_from_products(x, delays, n_window, centered, out, buffer):
    """Fill ``out`` with covariances by way of lagged products."""
    n_epochs, n_channels, _ = x.shape
    order, span = len(delays), delays[-1]
    divisor = n_window - 1 if centered else n_window
    if centered:
        # The mean of the common core, not of the epoch: a spike outside a window must
        # not shift the samples inside it.
        mean = x[:, :, span:n_window].sum(axis=-1, keepdims=True) / (n_window - span)
        x = np.subtract(x, mean, out=buffer)
    if order == 1:
        np.matmul(x, x.transpose(0, 2, 1), out=out)
        out *= 1 / divisor
        return
    x = np.multiply(x, 1 / np.sqrt(divisor), out=buffer)
    before = _segments(x[:, :, :span], delays[1])
    behind = _segments(x[:, :, n_window : n_window + span], delays[1])
    sums = None
    if centered:
        core_sum = x[:, :, span:n_window].sum(axis=-1)
        sums = _window_sums(core_sum, before.sum(axis=-1), behind.sum(axis=-1))
        sums *= 1 / np.sqrt(n_window)
    # S[i, k, a, l, b]: epoch i, channel a of copy k with channel b of copy l.
    S = out.reshape(n_epochs, order, n_channels, order, n_channels)
    _add_behind(S, behind, sums)
    _add_before(S, before, _core_products(x, delays, n_window))
    _mirror(out, n_channels)


def _core_products(x, delays, n_window):
    """Products common to each block diagonal, by delay along the third axis."""
    n_epochs, n_channels, _ = x.shape
    span = delays[-1]
    products = np.empty((n_epochs, n_channels, len(delays), n_channels))
    for d, delay in enumerate(delays):
        np.matmul(
            x[:, :, span - delay : n_window],
            x[:, :, span : n_window + delay].transpose(0, 2, 1),
            out=products[:, :, d],
        )
    return products


def _segments(x, lag):
    """Cut (n_epochs, n_channels, q * lag) into (n_epochs, q, n_channels, lag)."""
    n_epochs, n_channels, length = x.shape
    segments = x.reshape(n_epochs, n_channels, length // lag, lag)
    return np.ascontiguousarray(segments.transpose(0, 2, 1, 3))


def _products(segments, k):
    """Products of segment k with itself and the later ones, as S has them."""
    n_epochs, n_segments, n_channels, lag = segments.shape
    later = segments[:, k:].reshape(n_epochs, -1, lag)
    products = np.matmul(segments[:, k], later.transpose(0, 2, 1))
    return products.reshape(n_epochs, n_channels, n_segments - k, n_channels)


# The next two fill the upper block triangle of S, one block row after the other. Their
# running sums are kept by distance from the diagonal, d = l - k, and apart from S:
# between rows of S itself NumPy would suspect an overlap and copy.


def _add_behind(S, behind, sums):
    """Set S to the sums over the segments behind the core less the window means."""
    n_epochs, order, n_channels = S.shape[:3]
    running = np.zeros((n_epochs, n_channels, order, n_channels))
    for k in range(order):
        row = running[:, :, : order - k]
        if k > 0:
            row += _products(behind, k - 1)
        if sums is None:
            S[:, k, :, k:] = row
        else:
            means = sums[:, k, :, None, None] * sums[:, None, k:]
            np.subtract(row, means, out=S[:, k, :, k:])


def _add_before(S, before, running):
    """Add the core products and the sums over the segments before the core to S."""
    order = S.shape[1]
    for k in reversed(range(order)):
        if k < order - 1:
            running[:, :, : order - 1 - k] += _products(before, k)
        S[:, k, :, k:] += running[:, :, : order - k]


def _window_sums(core, before, behind):
    """Sum over the window of each copy: (n_epochs, order, n_channels)."""
    n_epochs, n_segments, n_channels = before.shape
    sums = np.empty((n_epochs, n_segments + 1, n_channels))
    sums[:] = core[:, None]
    sums[:, :-1] += before[:, ::-1].cumsum(axis=1)[:, ::-1]
    sums[:, 1:] += behind.cumsum(axis=1)
    return sums


def _mirror(S, n_channels):
    """Copy the upper block triangle to the lower one; make the diagonal symmetric."""
    for start in range(0, S.shape[1], n_channels):
        stop = start + n_channels
        S[:, stop:, start:stop] = S[:, start:stop, stop:].transpose(0, 2, 1)
        # A BLAS may round x y' and y x' differently, though most do not.
        block = S[:, start:stop, start:stop]
        block += block.transpose(0, 2, 1)
        block *= 0.5
