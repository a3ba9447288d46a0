"""Order and lag of a delay embedding chosen from unlabelled epochs."""

import numpy as np
import pytest

from skextras.numerics import delay_selection
from skextras.numerics.cao import cao_dimension
from skextras.numerics.delay_selection import (
    ConstantSeriesError,
    SeriesTooShortError,
    autocorrelation_lag,
    cao_order_lag,
    mdop_order_lag,
)
from skextras.numerics.mdop import mdop_delays
from skextras.numerics.mutual_information_delay import first_minimum_delay

RULES = [autocorrelation_lag, mdop_order_lag, cao_order_lag]


def noise_epochs(seed, shape=(2, 2, 240)):
    noise = np.random.default_rng(seed).standard_normal((*shape[:2], shape[2] + 4))
    return sum(noise[..., k : k + shape[2]] for k in range(5))


def sine(period, n_times):
    return np.sin(2 * np.pi * np.arange(n_times) / period)


def direct_autocorrelation_lag(X):
    """From the definition, by :func:`numpy.correlate`."""
    total = np.zeros(X.shape[2])
    for channel in X.reshape(-1, X.shape[2]):
        centred = channel - channel.mean()
        if np.ptp(channel) > 0:
            full = np.correlate(centred, centred, mode="full")[len(channel) - 1 :]
            total += full / full[0]
    if not total.any():
        return 1
    return max(1, int(np.flatnonzero(total[1:] <= 0)[0] + 1) // 2)


@pytest.mark.parametrize("n_times", [2, 3, 31, 240, 241])
def test_autocorrelation_lag_equals_definition(seed, n_times):
    X = noise_epochs(seed, (3, 2, n_times))
    assert autocorrelation_lag(X) == direct_autocorrelation_lag(X)
    X = np.cumsum(X, axis=2)
    assert autocorrelation_lag(X) == direct_autocorrelation_lag(X)


def test_autocorrelation_lag_of_a_sine():
    assert autocorrelation_lag(sine(42, 420)[None, None]) == 5


@pytest.mark.parametrize("scale", [1e-7, 1e7, 1e-170, 1e150])
def test_autocorrelation_lag_of_a_sine_is_unit_free(scale):
    assert autocorrelation_lag(scale * sine(42, 420)[None, None] + 3 * scale) == 5


def test_autocorrelation_of_zero_counts_as_crossing():
    """Zero at delay 4, and the transform returns it rounded to either side."""
    X = np.array([1.0, 1, 1, 1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    centred = X - X.mean()
    full = np.correlate(centred, centred, mode="full")[len(X) - 1 :]
    first = np.flatnonzero(full <= 1e-9)[0]
    for scale in (1.0, 0.1, 1e-7, 3e6):
        assert autocorrelation_lag(scale * X[None, None]) == max(1, first // 2)


def test_autocorrelation_lag_of_constants_is_1():
    assert autocorrelation_lag(np.full((4, 2, 100), 0.1)) == 1
    assert autocorrelation_lag(np.full((4, 2, 1), 7.0)) == 1


def test_autocorrelation_lag_leaves_constants_out(seed):
    """The mean of many 0.1 is not 0.1: what rounding leaves must not be amplified."""
    X = np.tile(sine(42, 420), (1, 1, 1))
    constants = np.full((1, 50, 420), 0.1)
    assert autocorrelation_lag(np.concatenate([X, constants], axis=1)) == 5
    assert autocorrelation_lag(np.concatenate([constants, constants])) == 1


def test_autocorrelation_lag_weighs_channels_equally():
    """A loud channel counts as much as the quiet ones."""
    X = np.stack([1e6 * sine(20, 400), sine(80, 400), sine(80, 400)])[None]
    assert autocorrelation_lag(X) == direct_autocorrelation_lag(X)
    assert autocorrelation_lag(X) > autocorrelation_lag(X[:, :1])


def test_autocorrelation_sum_is_independent_of_chunks(seed):
    """One epoch at a time, whatever holds the epochs: not a digit may change."""
    X = noise_epochs(seed, (7, 3, 100))
    lag = autocorrelation_lag(X)
    assert autocorrelation_lag(list(X)) == lag
    assert autocorrelation_lag(epoch for epoch in X) == lag
    chunks = np.array_split(X, 3)
    assert autocorrelation_lag(epoch for chunk in chunks for epoch in chunk) == lag


@pytest.mark.parametrize("rule", RULES)
def test_holder_of_the_epochs_does_not_matter(seed, rule):
    X = noise_epochs(seed)
    expected = rule(X)
    assert rule(list(X)) == expected
    assert rule(epoch for epoch in X) == expected
    assert rule(X.tolist()) == expected
    assert rule(np.asfortranarray(X)) == expected
    assert rule(np.repeat(X, 2, axis=2)[..., ::2]) == expected
    assert rule(X.astype(">f8")) == expected
    X.setflags(write=False)
    assert rule(X) == expected


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1e-7, 1e7, 1 / 3])
def test_unit_free(seed, rule, scale):
    X = noise_epochs(seed)
    assert rule(scale * X + 100 * scale) == rule(X)


@pytest.mark.parametrize("rule", RULES)
def test_quantised_epochs(seed, rule):
    X = np.round(30 * noise_epochs(seed)).astype(np.int16)
    expected = rule(X)
    assert rule(X.astype(float)) == expected
    assert rule(0.1e-6 * X) == expected
    assert rule(0.1e-6 * X + 5e-6) == expected


@pytest.mark.parametrize("rule", RULES)
def test_epochs_and_channels_may_be_permuted(seed, rule):
    X = noise_epochs(seed, (3, 3, 240))
    rng = np.random.default_rng(seed)
    permuted = X[rng.permutation(3)][:, rng.permutation(3)]
    assert rule(permuted) == rule(X)


@pytest.mark.parametrize("rule", RULES)
def test_constant_channels_are_left_out(seed, rule):
    X = noise_epochs(seed)
    constant = np.full((len(X), 1, X.shape[2]), 0.1)
    assert rule(np.concatenate([X, constant], axis=1)) == rule(X)
    # A channel may be flat in one epoch only, and an epoch flat as a whole.
    flat = np.full((1, *X.shape[1:]), 0.1)
    assert rule(np.concatenate([X, flat])) == rule(X)
    X[0, 0] = 0.1
    assert rule(X) == rule([X[0, 1:], X[1]])


@pytest.mark.parametrize("rule", [mdop_order_lag, cao_order_lag])
def test_constant_epochs_have_no_answer(rule):
    with pytest.raises(ConstantSeriesError, match="constant"):
        rule(np.full((3, 2, 200), 0.1))
    assert issubclass(ConstantSeriesError, ValueError)


@pytest.mark.parametrize(
    ("rule", "needed"), [(mdop_order_lag, 110), (cao_order_lag, 40)]
)
def test_series_too_short(rule, needed):
    X = noise_epochs(0, (2, 2, needed - 1))
    with pytest.raises(SeriesTooShortError) as caught:
        rule(X)
    assert (caught.value.n_times, caught.value.n_times_needed) == (needed - 1, needed)


def test_fewest_samples(seed, monkeypatch):
    X = np.random.default_rng(seed).standard_normal((1, 2, 110))
    assert cao_order_lag(X[..., :40])[0] >= 1
    monkeypatch.setattr(delay_selection, "first_minimum_delay", lambda series, _: 4)
    # 110 samples leave 10 points less two delays of 50: enough for a window of 4.
    assert mdop_order_lag(X)[0] >= 1


def test_mdop_needs_neighbours_outside_the_window(monkeypatch):
    monkeypatch.setattr(delay_selection, "first_minimum_delay", lambda series, _: 60)
    with pytest.raises(SeriesTooShortError) as caught:
        mdop_order_lag(noise_epochs(0, (1, 1, 150)))
    # 2 * 60 + 2 points, and two delays of 50 off them.
    assert (caught.value.n_times, caught.value.n_times_needed) == (150, 222)
    assert mdop_order_lag(noise_epochs(0, (1, 1, 222)))[0] >= 1


def test_mdop_means_over_epochs(seed):
    X = noise_epochs(seed, (3, 2, 240))
    delays = [
        mdop_delays(x, max(first_minimum_delay(c, 100) for c in x)).delays for x in X
    ]
    lag = np.round(np.mean([np.round(np.mean(d)) for d in delays]))
    order = np.round(np.mean([len(d) for d in delays]))
    assert mdop_order_lag(X) == (order, max(1, lag))


def test_cao_means_over_epochs_and_channels(seed):
    X = noise_epochs(seed, (3, 2, 240))
    channels = X.reshape(-1, 240)
    lags = [first_minimum_delay(channel, 30) for channel in channels]
    orders = list(map(cao_dimension, channels, lags))
    assert cao_order_lag(X) == (np.round(np.mean(orders)), np.round(np.mean(lags)))


def test_halves_are_rounded_to_even(monkeypatch):
    monkeypatch.setattr(delay_selection, "first_minimum_delay", lambda series, _: 1)
    dimensions = iter([2, 3, 3, 4])
    monkeypatch.setattr(
        delay_selection,
        "cao_dimension",
        lambda series, lag: next(dimensions),
    )
    X = noise_epochs(0, (1, 2, 50))
    assert cao_order_lag(X) == (2, 1)
    assert cao_order_lag(X) == (4, 1)


def test_cao_leaves_out_channels_whose_points_do_not_differ(seed):
    X = noise_epochs(seed, (1, 2, 240))
    late = np.zeros((1, 1, 240))
    late[..., -1] = 1.0
    assert cao_order_lag(np.concatenate([X, late], axis=1)) == cao_order_lag(X)
    with pytest.raises(ConstantSeriesError):
        cao_order_lag(late)


def test_mdop_on_white_noise():
    X = np.random.default_rng(0).standard_normal((8, 8, 512))
    order, lag = mdop_order_lag(X)
    assert 4 <= order <= 6
    assert 13 <= lag <= 28


@pytest.mark.parametrize("rule", RULES)
def test_results_are_python_integers(rule):
    result = rule(noise_epochs(0))
    values = result if isinstance(result, tuple) else (result,)
    assert all(type(value) is int for value in values)
