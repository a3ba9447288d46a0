"""Embedding dimension by averaged false neighbours."""

import json
from pathlib import Path

import numpy as np
import pytest

from skextras.numerics import cao
from skextras.numerics.cao import cao_dimension, mean_expansion

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "delay_selection.json"


def brute_force_expansion(series, dimension, delay):
    """E(d) from its definition, for series whose nearest neighbours do not tie."""
    n_points = len(series) - dimension * delay
    ratios = []
    for i in range(n_points):
        nearest = np.inf
        for j in range(n_points):
            steps = [
                abs(series[i + k * delay] - series[j + k * delay])
                for k in range(dimension + 1)
            ]
            distance = max(steps[:-1])
            if 0 < distance < nearest:
                nearest, grown = distance, max(steps)
        if nearest < np.inf:
            ratios.append(grown / nearest)
    return np.mean(ratios)


def smooth_noise(seed, n_times=70):
    noise = np.random.default_rng(seed).standard_normal(n_times + 2)
    return np.convolve(noise, np.ones(3), mode="valid")


@pytest.mark.parametrize(("dimension", "delay"), [(1, 1), (2, 4), (5, 3), (12, 5)])
def test_expansion_equals_brute_force(seed, dimension, delay):
    series = smooth_noise(seed)
    expected = brute_force_expansion(series, dimension, delay)
    assert mean_expansion(series, dimension, delay) == pytest.approx(
        expected, rel=1e-12
    )


def test_neighbours_are_sought_behind_duplicates(seed):
    """Copies of a point lie at distance zero, however many they are."""
    series = np.tile(smooth_noise(seed, 9), 12)
    expected = brute_force_expansion(series, 2, 1)
    assert mean_expansion(series, 2, 1) == pytest.approx(expected, rel=1e-12)


def test_dimension_is_where_the_expansion_saturates(seed):
    series = smooth_noise(seed, 300)
    dimension = cao_dimension(series, 3)
    expansions = [mean_expansion(series, d, 3) for d in range(1, dimension + 2)]
    changes = np.abs(np.divide(expansions[1:], expansions[:-1]) - 1)
    assert changes[-1] < 0.05
    assert (changes[:-1] >= 0.05).all()


def test_golden_values():
    X = np.random.default_rng(20230204).standard_normal((3, 4, 320))
    X[1] = np.cumsum(X[1], axis=1)
    X[2, :, 1:] = X[2, :, 1:] + X[2, :, :-1]
    golden = json.loads(GOLDEN.read_text())["epochs"]
    for epoch, expected in zip(X, golden, strict=True):
        pairs = zip(epoch, expected["cao_lags"], strict=True)
        dimensions = [cao_dimension(channel, lag) for channel, lag in pairs]
        assert dimensions == expected["cao_dimensions"]


def test_mackey_glass(shared_data):
    series = np.load(shared_data("acm/julia_test_series.npz"))["mackey_glass"][:4000]
    assert cao_dimension(series, 30) == 6


def test_roessler(shared_data):
    series = np.load(shared_data("acm/julia_test_series.npz"))["roessler"][:4000, 0]
    expansions = np.array([mean_expansion(series, d, 28) for d in range(1, 6)])
    ratios = expansions[1:] / expansions[:-1]
    np.testing.assert_allclose(ratios, [0.0, 0.224, 0.842, 0.981], atol=5e-4)
    assert cao_dimension(series, 28) == 4


def test_short_series_stop_at_ten_points():
    """A chirp expands in every dimension that fits."""
    series = np.exp(np.arange(40.0) ** 2 / 90)
    assert cao_dimension(series, 10) == 3
    assert cao_dimension(series, 30) == 1


def test_dimension_is_30_at_most(seed, monkeypatch):
    monkeypatch.setattr(cao, "_SATURATED", 0.0)
    assert cao_dimension(smooth_noise(seed, 200), 2) == 30


@pytest.mark.parametrize("scale", [1e-7, 1e7, -1 / 3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("n_steps", [None, 20, 2])
def test_unit_free(seed, scale, offset, n_steps):
    series = smooth_noise(seed, 200)
    if n_steps:
        series = np.round(n_steps * series)
    assert cao_dimension(scale * (series + offset), 4) == cao_dimension(series, 4)


@pytest.mark.parametrize("period", [20, 41.3])
def test_sine_is_unit_free(seed, period):
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    sine = np.sin(2 * np.pi * np.arange(300) / period + phase)
    dimension = cao_dimension(sine, 5)
    assert 1 <= dimension <= 5
    assert cao_dimension(1e-6 * sine + 4e-6, 5) == dimension


def test_points_that_do_not_differ():
    series = np.zeros(50)
    series[45:] = 1.0
    assert np.isnan(mean_expansion(series, 1, 5))
    assert cao_dimension(series, 5) == 0
    # One delay later the step has left the embedding.
    series[42] = 1.0
    assert cao_dimension(series, 4) == 1


def test_input_is_not_written(seed):
    series = smooth_noise(seed)
    series.setflags(write=False)
    cao_dimension(series, 2)
