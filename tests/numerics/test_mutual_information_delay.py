"""First minimum of a series' self mutual information."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from skextras.numerics.mutual_information_delay import (
    SeriesTooShortError,
    first_minimum_delay,
    self_mutual_information,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "delay_selection.json"


def golden_epochs():
    X = np.random.default_rng(20230204).standard_normal((3, 4, 320))
    X[1] = np.cumsum(X[1], axis=1)
    X[2, :, 1:] = X[2, :, 1:] + X[2, :, :-1]
    return X


def is_uniform(block):
    """The chi-square test, by a histogram (whose last part is closed)."""
    if len(block) < 10 or block[0] == block[-1]:
        return True
    n_parts, critical = (2, 2.706) if len(block) < 20 else (4, 6.251)
    observed = np.histogram(block, bins=n_parts)[0]
    expected = round(len(block) / n_parts)
    return ((observed - expected) ** 2 / expected).sum() < critical


def leaves(block):
    if is_uniform(block):
        return [block]
    half = len(block) // 2
    return leaves(block[:half]) + leaves(block[half:])


def brute_force_information(series, delay, max_delay):
    """From the definition, pair by pair; the series has no ties."""
    n_base = len(series) - max_delay
    upper = [block[-1] for block in leaves(np.sort(series[:n_base]))]
    upper[-1] = np.inf

    def bin_of(value):
        return next(b for b, edge in enumerate(upper) if value <= edge)

    counts = np.zeros(len(upper))
    pairs = np.zeros((len(upper), len(upper)))
    for i in range(n_base):
        counts[bin_of(series[i])] += 1
        pairs[bin_of(series[i]), bin_of(series[i + delay])] += 1
    total = 0.0
    for (a, b), g in np.ndenumerate(pairs):
        if g:
            total += g / n_base * np.log2(g * n_base / (counts[a] * counts[b]))
    return total


def smooth_noise(seed, n_times=160):
    noise = np.random.default_rng(seed).standard_normal(n_times + 4)
    return np.convolve(noise, np.ones(5), mode="valid")


@pytest.mark.parametrize("n_times", [40, 57, 160])
def test_equals_brute_force(seed, n_times):
    series = smooth_noise(seed, n_times)
    information = self_mutual_information(series, 30)
    for delay in (1, 2, 7, 30):
        expected = brute_force_information(series, delay, 30)
        assert information[delay - 1] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_first_minimum_is_that_of_the_full_curve(seed):
    series = smooth_noise(seed)
    information = self_mutual_information(series, 30)
    rises = np.flatnonzero(information[1:-1] >= information[:-2])
    expected = rises[0] + 1 if rises.size else 30
    assert first_minimum_delay(series, 30) == expected


def test_golden_values():
    golden = json.loads(GOLDEN.read_text())["epochs"]
    for epoch, expected in zip(golden_epochs(), golden, strict=True):
        minima = [first_minimum_delay(channel, 100) for channel in epoch]
        assert minima == expected["mi_minima_100"]
        assert [first_minimum_delay(c, 30) for c in epoch] == expected["cao_lags"]
        np.testing.assert_allclose(
            self_mutual_information(epoch[0], 100)[:5],
            expected["self_mutual_information_1_to_5"],
            rtol=1e-12,
        )


def test_roessler_minima(shared_data):
    series = np.load(shared_data("acm/julia_test_series.npz"))["roessler"]
    golden = json.loads(shared_data("acm/golden_acm.json").read_text())
    minima = [first_minimum_delay(series[:, column], 100) for column in (0, 1)]
    assert minima == golden["mdop"]["mi_min_roessler"] == [25, 29]


def test_falling_information_gives_the_longest_delay():
    walk = np.random.default_rng(0).standard_normal(4000).cumsum().cumsum()
    information = self_mutual_information(walk, 12)
    assert (np.diff(information) < 0).all()
    assert first_minimum_delay(walk, 12) == 12


def test_delay_of_one_period_shares_most(seed):
    noise = 0.02 * np.random.default_rng(seed).standard_normal(840)
    sine = np.sin(2 * np.pi * np.arange(840) / 42) + noise
    information = self_mutual_information(sine, 60)
    assert np.argmax(information[30:]) + 31 in (41, 42, 43)


@pytest.mark.parametrize("scale", [1e-7, -1e-7, 1e7, 1 / 3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("quantised", [False, True])
def test_unit_free(seed, scale, offset, quantised):
    series = smooth_noise(seed, 200)
    if quantised:
        series = np.round(3 * series)
    # The bins of a mirrored series differ: compare it with itself in another unit.
    expected = self_mutual_information(np.copysign(1.0, scale) * series, 30)
    actual = self_mutual_information(scale * (series + offset), 30)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("n_levels", [2, 3, 20])
def test_few_levels_give_the_information_of_a_table(seed, n_levels):
    """Equal values share a bin; with two levels the bins are the levels."""
    series = np.random.default_rng(seed).integers(0, n_levels, 300).astype(float)
    information = self_mutual_information(series, 20)
    assert np.isfinite(information).all()
    if n_levels == 2:
        base, later = series[:280], series[1:281]
        pairs = np.array(
            [[((base == a) & (later == b)).sum() for b in (0, 1)] for a in (0, 1)]
        )
        counts = np.array([(base == a).sum() for a in (0, 1)])
        expected = (pairs / 280 * np.log2(pairs * 280 / np.outer(counts, counts))).sum()
        assert information[0] == pytest.approx(expected, abs=1e-12)


def test_fewest_samples():
    series = smooth_noise(0, 40)
    assert 1 <= first_minimum_delay(series, 30) <= 30
    with pytest.raises(SeriesTooShortError, match="n_times=39, at least 40") as caught:
        first_minimum_delay(series[:39], 30)
    assert (caught.value.n_times, caught.value.n_times_needed) == (39, 40)
    with pytest.raises(ValueError, match="at least 40"):
        self_mutual_information(series[:39], 30)


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(SeriesTooShortError(39, 40)))
    assert (error.n_times, error.n_times_needed) == (39, 40)
