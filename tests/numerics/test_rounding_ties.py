"""Values of a series that differ by rounding alone."""

import numpy as np
import pytest

from skextras.numerics.rounding_ties import (
    merge_rounding_ties,
    rounding_tolerance,
    smallest_gap,
)


def test_series_without_ties_is_returned_as_it_is(seed):
    series = np.random.default_rng(seed).standard_normal(1000)
    assert merge_rounding_ties(series) is series


def test_exact_ties_are_returned_as_they_are():
    series = np.array([3.0, 1.0, 3.0, 1.0, 2.0])
    assert merge_rounding_ties(series) is series


def test_periods_of_a_sine_are_merged(seed):
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    sine = np.sin(2 * np.pi * np.arange(420) / 42 + phase)
    merged = merge_rounding_ties(sine)
    # Two exact phases meet at the zeros and extrema; no phase repeats otherwise.
    assert len(np.unique(merged)) <= 42
    assert (merged[:42] == merged[-42:]).all()
    assert np.abs(merged - sine).max() < 1e-11


def test_input_is_not_written():
    series = np.array([0.1 + 0.2, 0.3, 1.0])
    series.setflags(write=False)
    assert merge_rounding_ties(series).tolist() == [0.3, 0.3, 1.0]


def test_merging_twice_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    series = rng.integers(-5, 6, 200) / 3 * 1e-6 + 7.0
    series *= 1 + 4e-16 * rng.uniform(-1, 1, 200)
    merged = merge_rounding_ties(series)
    assert merge_rounding_ties(merged) is merged
    assert len(np.unique(merged)) <= 11


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_merged_classes_do_not_depend_on_the_unit(seed, scale, offset):
    levels = np.random.default_rng(seed).integers(-100, 100, 300)
    merged = merge_rounding_ties((levels * 0.3 + offset) * scale)
    expected = np.unique(levels, return_inverse=True)[1]
    assert (np.unique(merged, return_inverse=True)[1] == expected).all()


def test_tolerance_covers_the_rounding_of_an_offset(seed):
    series = np.random.default_rng(seed).standard_normal(100)
    shifted = (series + 1e6) - 1e6
    assert np.abs(shifted - series).max() < rounding_tolerance(series + 1e6)
    assert rounding_tolerance(series) < 1e-10


def test_tolerance_scales_with_the_series(seed):
    series = np.random.default_rng(seed).standard_normal(100)
    assert rounding_tolerance(1024 * series) == 1024 * rounding_tolerance(series)


def test_smallest_gap_is_the_step_of_a_quantised_series(seed):
    series = np.random.default_rng(seed).integers(0, 50, 400) * 0.25
    assert smallest_gap(series) == 0.25


def test_smallest_gap_equals_brute_force(seed):
    series = np.random.default_rng(seed).standard_normal(60)
    differences = np.abs(series[:, None] - series)
    assert smallest_gap(series) == differences[~np.eye(60, dtype=bool)].min()


def test_constant_series_has_no_gap():
    assert smallest_gap(np.full(5, 0.1)) == 0.0
