"""Delays that maximise the derivatives on the projected manifold (MDOP)."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skextras.numerics.delay_neighbours import nearest_neighbours
from skextras.numerics.mutual_information_delay import SeriesTooShortError
from skextras.numerics.rounding_ties import merge_rounding_ties, smallest_gap

_MAX_CYCLES = 50
_FALSE_NEIGHBOURS_ENOUGH = 0.05
_FALSE_NEIGHBOUR_RATIO = 2.0
# log10 of a ratio, or a ratio: free of units.
_TIE = 1e-9
_BLOCK_LENGTH = 4096
# Standardised distances lie within 1e-13 and 1e8, say: products of 16 do not overflow.
_FACTORS = 16


class MdopDelays(NamedTuple):
    """Embedding that :func:`mdop_delays` chose.

    Parameters
    ----------
    delays : list of int
        One delay a cycle, in order of choice; the first is 0.

    channels : list of int
        The channel each delay applies to.

    false_neighbours : list of float
        Share of false nearest neighbours after each cycle.
    """

    delays: list
    channels: list
    false_neighbours: list


def mdop_delays(series, window, max_delay=50):
    r"""Choose the delays of one multichannel series by MDOP.

    Parameters
    ----------
    series : ndarray of shape (n_channels, n_times)
        The series; no channel may be constant.

    window : int
        Theiler window: neighbours are more than `window` samples apart.

    max_delay : int, default=50
        Candidate delays are 0 to `max_delay`.

    Returns
    -------
    result : MdopDelays
        Delays, channels and shares of false neighbours, one entry a cycle.

    Raises
    ------
    SeriesTooShortError
        If a trajectory less `max_delay` points leaves some point without a neighbour
        outside `window`.

    Notes
    -----
    Each cycle appends the channel and delay that maximise

    .. math:: \beta(\tau) = \frac{1}{N} \sum_i \log_{10}
        \frac{|s(i + \tau) - s(n_i + \tau)|}{\lVert y_i - y_{n_i} \rVert}

    over the first N = L - `max_delay` of the L points y_i of the trajectory, n_i being
    the neighbour of i; the first cycle chooses the base channel too. It ends when at
    most 5 % of the neighbours are false, when that share rose, or after 50 cycles. The
    last cycle's delay is not part of the result.

    Distances of zero (quantised series) count as the smallest gap between two values of
    a channel; ties go to the shortest delay, then the first channel.

    References
    ----------
    .. [1] C. Nichkawde, "Optimal state-space reconstruction using derivatives on
       projected manifold", Physical Review E 87 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.mdop import mdop_delays
    >>> noise = np.random.default_rng(0).standard_normal((1, 300))
    >>> mdop_delays(noise, window=1).delays[0]
    0
    """
    series = np.stack([merge_rounding_ties(channel) for channel in series])
    series = series - series.mean(axis=1, keepdims=True)
    series /= series.std(axis=1, ddof=1, keepdims=True)
    gaps = np.array([smallest_gap(channel) for channel in series])
    n_times = series.shape[1]
    _check_length(n_times, n_times, window, max_delay)

    base, channel, delay = _first_choice(series, gaps, window, max_delay)
    trajectory = series[base][:, None]
    gap = gaps[base]
    neighbours, distances = _floored_neighbours(trajectory, window, gap)
    delays, channels, shares = [0], [int(base)], []
    while True:
        length = min(len(trajectory), n_times - delay)
        added = series[channel, delay : delay + length, None]
        trajectory = np.concatenate([trajectory[:length], added], axis=1)
        gap = min(gap, gaps[channel])
        previous = distances[:length]
        neighbours, distances = _floored_neighbours(trajectory, window, gap)
        shares.append(_false_neighbours(previous, distances))
        if _is_last_cycle(shares):
            return MdopDelays(delays, channels, shares)
        delays.append(int(delay))
        channels.append(int(channel))
        _check_length(length, n_times, window, max_delay)
        near = _restrict(trajectory, neighbours, distances, window, gap, max_delay)
        scores = _scores(series, gaps, *near, max_delay)
        delay, channel = _first_maximum(scores)


def _check_length(length, n_times, window, max_delay):
    """Refuse a trajectory whose middle points have no neighbour outside the window."""
    n_needed = 2 * window + 2
    if length - max_delay < n_needed:
        # A delay may cost the trajectory max_delay points more.
        raise SeriesTooShortError(n_times, n_needed + 2 * max_delay)


def _first_choice(series, gaps, window, max_delay):
    """Find the base channel, channel and delay of the largest score."""
    n_points = series.shape[1] - max_delay
    scores = []
    for base, gap in zip(series, gaps, strict=True):
        near = _floored_neighbours(base[:n_points, None], window, gap)
        scores.append(_scores(series, gaps, *near, max_delay))
    delay, base, channel = _first_maximum(np.stack(scores, axis=1))
    return base, channel, delay


def _floored_neighbours(trajectory, window, gap):
    """Neighbours, and their distances raised to the smallest gap."""
    neighbours, distances = nearest_neighbours(trajectory, window=window)
    return neighbours, np.maximum(distances, gap)


def _restrict(trajectory, neighbours, distances, window, gap, max_delay):
    """Neighbours and distances among all but the last `max_delay` points."""
    n_points = len(trajectory) - max_delay
    neighbours, distances = neighbours[:n_points].copy(), distances[:n_points].copy()
    # Most neighbours are already among these points: only the others are sought again.
    rows = np.flatnonzero(neighbours >= n_points)
    if rows.size:
        neighbours[rows], sought = nearest_neighbours(
            trajectory[:n_points], window=window, rows=rows
        )
        distances[rows] = np.maximum(sought, gap)
    return neighbours, distances


def _scores(series, gaps, neighbours, distances, max_delay):
    """Beta statistic of each delay and channel, (max_delay + 1, n_channels)."""
    base = np.log10(distances).mean()
    scores = [
        _mean_log_divergence(channel, neighbours, gap, max_delay) - base
        for channel, gap in zip(series, gaps, strict=True)
    ]
    return np.stack(scores, axis=1)


def _mean_log_divergence(channel, neighbours, gap, max_delay):
    """Mean over points of log10 |s(i + tau) - s(n_i + tau)| for each delay tau."""
    windows = sliding_window_view(channel, max_delay + 1)
    n_points = len(neighbours)
    total = np.zeros(max_delay + 1)
    for start in range(0, n_points, _BLOCK_LENGTH):
        part = slice(start, min(start + _BLOCK_LENGTH, n_points))
        distances = windows[neighbours[part]]
        distances -= windows[part]
        np.abs(distances, out=distances)
        np.maximum(distances, gap, out=distances)
        # One logarithm for 16 distances: logarithms would take most of the time.
        groups = np.arange(0, len(distances), _FACTORS)
        products = np.multiply.reduceat(distances, groups, axis=0)
        total += np.log10(products).sum(axis=0)
    return total / n_points


def _first_maximum(scores):
    """Index of the first score that ties with the largest."""
    first = np.flatnonzero(scores.ravel() >= scores.max() - _TIE)[0]
    return np.unravel_index(first, scores.shape)


def _false_neighbours(previous, current):
    """Share of close neighbours that the last delay parted; 1 if it parted none."""
    close = previous < 1 / _FALSE_NEIGHBOUR_RATIO
    parted = close & (current > _FALSE_NEIGHBOUR_RATIO * (1 + _TIE) * previous)
    n_parted = np.count_nonzero(parted)
    # 1, not 0, where none is parted: so does the published code.
    return float(n_parted / np.count_nonzero(close)) if n_parted else 1.0


def _is_last_cycle(shares):
    rose = len(shares) > 1 and shares[-1] > shares[-2]
    return shares[-1] <= _FALSE_NEIGHBOURS_ENOUGH or rose or len(shares) == _MAX_CYCLES
