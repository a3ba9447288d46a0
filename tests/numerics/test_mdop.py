"""Delays that maximise the derivatives on the projected manifold."""

import json
from pathlib import Path

import numpy as np
import pytest

from skextras.numerics import mdop
from skextras.numerics.mdop import mdop_delays
from skextras.numerics.mutual_information_delay import SeriesTooShortError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "delay_selection.json"


def golden_epochs():
    X = np.random.default_rng(20230204).standard_normal((3, 4, 320))
    X[1] = np.cumsum(X[1], axis=1)
    X[2, :, 1:] = X[2, :, 1:] + X[2, :, :-1]
    return X


def neighbours_of(points, window):
    index = np.arange(len(points))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    distance[np.abs(index[:, None] - index) <= window] = np.inf
    return distance.argmin(axis=1), distance.min(axis=1)


def brute_force_scores(trajectory, series, window, max_delay):
    """Beta statistic from its definition, (max_delay + 1, n_channels)."""
    n_points = len(trajectory) - max_delay
    neighbours, distances = neighbours_of(trajectory[:n_points], window)
    scores = np.zeros((max_delay + 1, len(series)))
    for delay in range(max_delay + 1):
        for channel, s in enumerate(series):
            ratios = [
                abs(s[i + delay] - s[n + delay]) / distances[i]
                for i, n in enumerate(neighbours)
            ]
            scores[delay, channel] = np.mean(np.log10(ratios))
    return scores


def brute_force_delays(series, window, max_delay):
    """The whole algorithm on a series without ties, every neighbour sought anew."""
    mean, spread = series.mean(axis=1), series.std(axis=1, ddof=1)
    series = (series - mean[:, None]) / spread[:, None]
    choices = {}
    for base in range(len(series)):
        scores = brute_force_scores(series[base][:, None], series, window, max_delay)
        for (delay, channel), score in np.ndenumerate(scores):
            choices[score] = base, channel, delay
    base, channel, delay = choices[max(choices)]
    trajectory = series[base][:, None]
    delays, channels, shares = [0], [base], []
    for _ in range(50):
        old = neighbours_of(trajectory, window)[1]
        length = min(len(trajectory), series.shape[1] - delay)
        added = series[channel, delay : delay + length, None]
        trajectory = np.hstack([trajectory[:length], added])
        new, old = neighbours_of(trajectory, window)[1], old[:length]
        parted = np.sum((old < 0.5) & (new / old > 2))
        shares.append(parted / np.sum(old < 0.5) if parted else 1.0)
        if shares[-1] <= 0.05 or (len(shares) > 1 and shares[-1] > shares[-2]):
            break
        delays.append(delay)
        channels.append(channel)
        scores = brute_force_scores(trajectory, series, window, max_delay)
        delay, channel = np.unravel_index(scores.argmax(), scores.shape)
    return delays, channels, shares


def coupled(seed, n_channels=3, n_times=150):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_channels, n_times + 3))
    smooth = sum(noise[:, k : k + n_times] for k in range(4))
    return rng.standard_normal((n_channels, n_channels)) @ smooth


@pytest.mark.parametrize(("window", "max_delay"), [(1, 8), (10, 20)])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_equals_brute_force(seed, window, max_delay, n_channels):
    series = coupled(seed, n_channels)
    actual = mdop_delays(series, window, max_delay)
    delays, channels, shares = brute_force_delays(series, window, max_delay)
    assert actual.delays == delays
    assert actual.channels == channels
    np.testing.assert_allclose(actual.false_neighbours, shares, rtol=1e-14)


def test_scores_equal_brute_force(seed):
    series = coupled(seed, 2)
    neighbours, distances = neighbours_of(series[0][:130, None], 4)
    actual = mdop._scores(series, np.zeros(2), neighbours, distances, 20)
    expected = brute_force_scores(series[0][:, None], series, 4, 20)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_blocks_change_rounding_only(seed, monkeypatch):
    series = coupled(seed, 2)
    neighbours, distances = neighbours_of(series[0][:130, None], 4)
    expected = mdop._scores(series, np.zeros(2), neighbours, distances, 20)
    monkeypatch.setattr(mdop, "_BLOCK_LENGTH", 16)
    actual = mdop._scores(series, np.zeros(2), neighbours, distances, 20)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_golden_values():
    golden = json.loads(GOLDEN.read_text())["epochs"]
    for epoch, expected in zip(golden_epochs(), golden, strict=True):
        actual = mdop_delays(epoch, expected["window"])
        assert actual.delays == expected["delays"]
        assert actual.channels == expected["channels"]
        np.testing.assert_allclose(
            actual.false_neighbours, expected["false_neighbours"], rtol=1e-14
        )


@pytest.mark.parametrize(
    ("name", "key", "window", "max_delay", "delays", "channels"),
    [
        ("mackey_glass", "mackey_glass", 57, 100, [0, 50, 77, 25, 12], [0] * 5),
        ("roessler", "roessler_multi", 29, 26, [0, 0, 26], [2, 1, 1]),
    ],
)
def test_series_of_the_reference_code(
    shared_data, name, key, window, max_delay, delays, channels
):
    series = np.load(shared_data("acm/julia_test_series.npz"))[name]
    golden = json.loads(shared_data("acm/golden_acm.json").read_text())["mdop"][key]
    actual = mdop_delays(np.atleast_2d(series.T), window, max_delay)
    assert actual.delays == golden["tau_vals"] == delays
    assert actual.channels == channels
    np.testing.assert_allclose(actual.false_neighbours, golden["FNN"], rtol=1e-14)


def test_channels_may_be_permuted(seed):
    series = coupled(seed)
    permutation = np.random.default_rng(seed).permutation(3)
    expected = mdop_delays(series, 3, 15)
    actual = mdop_delays(series[permutation], 3, 15)
    assert actual.delays == expected.delays
    assert permutation[actual.channels].tolist() == expected.channels
    assert actual.false_neighbours == expected.false_neighbours


@pytest.mark.parametrize("scale", [1e-7, 1e7, -1 / 3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("kind", ["noise", "quantised", "coarse"])
def test_unit_free(seed, scale, offset, kind):
    series = coupled(seed)
    if kind != "noise":
        series = np.round(series * (40 if kind == "quantised" else 2))
    actual = mdop_delays(scale * (series + offset), 3, 15)
    assert actual == mdop_delays(series, 3, 15)


def test_duplicated_channels_add_nothing(seed):
    series = coupled(seed, 1)
    actual = mdop_delays(np.repeat(series, 3, axis=0), 3, 15)
    assert actual == mdop_delays(series, 3, 15)


def test_periodic_series_has_no_false_neighbours():
    """The share is 1 where no neighbour is parted, so that only the limit ends it."""
    sine = np.sin(2 * np.pi * np.arange(160) / 20)[None]
    actual = mdop_delays(sine, 2, 10)
    assert len(actual.delays) == len(actual.false_neighbours) == 50
    assert set(actual.false_neighbours) == {1.0}


@pytest.mark.parametrize("n_levels", [2, 5])
def test_few_levels_are_finite(seed, n_levels):
    series = np.random.default_rng(seed).integers(0, n_levels, (2, 140))
    actual = mdop_delays(series.astype(float), 2, 10)
    assert actual == mdop_delays(series * 1e-6, 2, 10)
    assert np.isfinite(actual.false_neighbours).all()


def test_window_needs_a_neighbour_for_every_point():
    series = coupled(0, 2, 120)
    mdop_delays(series, 24, 20)
    mdop_delays(series, 39, 20)
    with pytest.raises(SeriesTooShortError) as caught:
        mdop_delays(series, 50, 20)
    assert (caught.value.n_times, caught.value.n_times_needed) == (120, 142)
    long_enough = coupled(0, 2, 142)
    assert mdop_delays(long_enough, 50, 20).delays[0] == 0


def test_input_is_not_written(seed):
    series = np.round(coupled(seed))
    series.setflags(write=False)
    mdop_delays(series, 3, 10)
