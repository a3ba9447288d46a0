"""Order and lag of a delay embedding chosen from unlabelled epochs."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from skextras.numerics.cao import cao_dimension
from skextras.numerics.mdop import mdop_delays
from skextras.numerics.mutual_information_delay import (
    SeriesTooShortError,
    first_minimum_delay,
)

__all__ = [
    "ConstantSeriesError",
    "SeriesTooShortError",
    "autocorrelation_lag",
    "cao_order_lag",
    "mdop_order_lag",
]

_MDOP_INFORMATION_DELAYS = 100
_CAO_INFORMATION_DELAYS = 30
# Autocorrelations are relative to lag 0: free of units, and rounded to about 1e-15.
_ZERO_CORRELATION = 1e-12


class ConstantSeriesError(ValueError):
    """No channel of any epoch varies, so that a delay rule has no answer."""


def autocorrelation_lag(epochs):
    """Half the delay at which the mean autocorrelation first reaches zero.

    Parameters
    ----------
    epochs : iterable of array-like of shape (n_channels, n_times)
        The epochs, of equal shape; an array of shape (n_epochs, n_channels, n_times) or
        a generator, read once and one epoch at a time.

    Returns
    -------
    lag : int
        ``max(1, k // 2)`` with k the first delay of 1 or more where the autocorrelation
        is not positive; 1 if all channels are constant.

    Notes
    -----
    The biased autocorrelation of each channel, its mean removed, is divided by its
    value at delay 0; these are averaged over epochs and channels, constant channels
    left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.delay_selection import autocorrelation_lag
    >>> autocorrelation_lag(np.sin(2 * np.pi * np.arange(420) / 42)[None, None])
    5
    """
    power, n_times, n_varying = 0.0, 1, 0
    # The transform is linear: spectra are summed, epoch by epoch so that the sum does
    # not depend on how epochs are grouped, and one inverse transform serves all.
    for epoch in epochs:
        channels = _varying_channels(epoch)
        n_varying += len(channels)
        n_times = channels.shape[1]
        power = power + _summed_power(channels)
    if not n_varying:
        return 1
    correlation = irfft(power / n_varying, _fft_length(n_times))[1:n_times]
    # Without its mean, a series has negative autocorrelation at some delay.
    first = np.flatnonzero(correlation <= _ZERO_CORRELATION)[0] + 1
    return max(1, int(first) // 2)


def mdop_order_lag(epochs):
    """Order and lag from the delays that MDOP chooses in each epoch.

    Parameters
    ----------
    epochs : iterable of array-like of shape (n_channels, n_times)
        The epochs; see :func:`autocorrelation_lag`.

    Returns
    -------
    order : int
        Mean number of delays.

    lag : int
        Mean of the epochs' rounded mean delays, 1 or more.

    Raises
    ------
    SeriesTooShortError
        If an epoch has fewer than 110 samples, or too few for its Theiler window.

    ConstantSeriesError
        If all channels of all epochs are constant.

    See Also
    --------
    skextras.numerics.mdop.mdop_delays : The choice in one epoch.

    Notes
    -----
    The Theiler window of an epoch is the largest first minimum of its channels' self
    mutual information over delays 1 to 100. Constant channels are left out, and epochs
    that have no other; halves are rounded to even.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.delay_selection import mdop_order_lag
    >>> noise = np.random.default_rng(0).standard_normal((2, 2, 400))
    >>> order, lag = mdop_order_lag(noise)
    """
    orders, lags = [], []
    for epoch in epochs:
        channels = _varying_channels(epoch)
        if not len(channels):
            continue
        window = max(
            first_minimum_delay(channel, _MDOP_INFORMATION_DELAYS)
            for channel in channels
        )
        delays = mdop_delays(channels, window).delays
        orders.append(len(delays))
        lags.append(_rounded_mean(delays))
    return _order_lag(orders, lags)


def cao_order_lag(epochs):
    """Order by Cao's method at the first minimum of self mutual information.

    Parameters
    ----------
    epochs : iterable of array-like of shape (n_channels, n_times)
        The epochs; see :func:`autocorrelation_lag`.

    Returns
    -------
    order : int
        Mean of the channels' dimensions.

    lag : int
        Mean of the channels' first minima of self mutual information over delays 1
        to 30.

    Raises
    ------
    SeriesTooShortError
        If an epoch has fewer than 40 samples.

    ConstantSeriesError
        If all channels of all epochs are constant.

    See Also
    --------
    skextras.numerics.cao.cao_dimension : The dimension of one channel.

    Notes
    -----
    Constant channels are left out, and with them channels that vary in their last
    samples only, where no two points of the embedding differ. Halves are rounded to
    even.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.delay_selection import cao_order_lag
    >>> sine = np.sin(2 * np.pi * np.arange(1000) / 41.3)
    >>> cao_order_lag(sine[None, None])
    (3, 3)
    """
    orders, lags = [], []
    for epoch in epochs:
        for channel in _varying_channels(epoch):
            lag = first_minimum_delay(channel, _CAO_INFORMATION_DELAYS)
            order = cao_dimension(channel, lag)
            if order:
                orders.append(order)
                lags.append(lag)
    return _order_lag(orders, lags)


def _varying_channels(epoch):
    """Channels of an epoch that are not constant, float64."""
    epoch = np.asarray(epoch, dtype=np.float64)
    # Exact: a variance would keep the rounding of the mean of a constant.
    varying = epoch.max(axis=1) > epoch.min(axis=1)
    return epoch if varying.all() else epoch[varying]


def _summed_power(channels):
    """Power spectra over channels of mean 0 and energy 1, summed."""
    centred = channels - channels.mean(axis=1, keepdims=True)
    # Dividing by the largest value keeps the squares of any unit within range.
    centred /= np.abs(centred).max(axis=1, keepdims=True)
    energy = np.einsum("ct,ct->c", centred, centred)
    spectra = rfft(centred, _fft_length(channels.shape[1]), axis=1)
    return np.einsum("c,cf->f", 1 / energy, spectra.real**2 + spectra.imag**2)


def _fft_length(n_times):
    """Length at which circular and linear autocorrelation agree."""
    return next_fast_len(2 * n_times - 1, real=True)


def _order_lag(orders, lags):
    if not orders:
        raise ConstantSeriesError("All channels are constant.")
    return _rounded_mean(orders), max(1, _rounded_mean(lags))


def _rounded_mean(integers):
    """Mean rounded to an integer, halves to even."""
    return round(sum(integers) / len(integers))
