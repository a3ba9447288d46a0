"""Order statistics, p-values, sums of squares, and means of the largest."""

from math import ceil

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from skextras.numerics.calibration import (
    exceedance_p_values,
    largest_mean,
    quadratic_form_limit,
    quadratic_form_survival,
    threshold_order,
)


def test_order_is_exact_for_whole_products():
    for n in range(1, 300):
        for percent in range(1, 50):
            exact = -(-(100 - percent) * (n + 1) // 100)
            assert threshold_order(n, percent / 100) == exact
    assert threshold_order(18, 0.05) == ceil(0.95 * 19) == 19


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("n", [99, 100, 137, 1000])
def test_p_value_and_threshold_agree(seed, alpha, n):
    rng = np.random.default_rng(seed)
    calibration = np.sort(rng.standard_normal(n).round(2))  # with ties
    scores = np.concatenate([calibration, rng.standard_normal(500)])
    threshold = calibration[threshold_order(n, alpha) - 1]
    p = exceedance_p_values(scores, calibration)
    assert_array_equal(p <= alpha, scores > threshold)
    assert p.min() >= 1 / (n + 1)
    assert p.max() <= 1


def test_p_values_count(seed):
    rng = np.random.default_rng(seed)
    calibration = np.sort(rng.integers(0, 5, 30).astype(float))
    scores = np.arange(-1, 7.0)
    expected = [(1 + (calibration >= s).sum()) / 31 for s in scores]
    assert_allclose(exceedance_p_values(scores, calibration), expected, rtol=1e-15)


@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e14])
@pytest.mark.parametrize("n_values", [1, 2, 40])
def test_equal_variances_are_chi_square(scale, n_values):
    values = np.full(n_values, scale)
    for alpha in (0.001, 0.05, 0.4):
        limit = quadratic_form_limit(values, alpha)
        assert_allclose(limit, scale * chi2.isf(alpha, n_values), rtol=1e-10)
        assert_allclose(quadratic_form_survival([limit], values), alpha, rtol=1e-9)


@pytest.mark.parametrize(
    ("alpha", "level"), [(0.05, 0.0496), (0.01, 0.0101)], ids=["5%", "1%"]
)
def test_true_level_of_falling_variances(alpha, level):
    values = np.arange(21.0, 65) ** -1.5
    rng = np.random.default_rng(0)
    draws = np.concatenate(
        [rng.standard_normal((100_000, 44)) ** 2 @ values for _ in range(10)]
    )
    found = np.mean(draws > quadratic_form_limit(values, alpha))
    # Five standard deviations of a share of a million draws.
    assert abs(found - level) < 5 * np.sqrt(level / 1e6) + 5e-5


def test_no_variance():
    for values in (np.zeros(3), np.empty(0)):
        assert quadratic_form_limit(values, 0.05) == 0
        p = quadratic_form_survival(np.array([0.0, 1e-300]), values)
        assert_array_equal(p, [1, 0])


def test_survival_is_monotone_and_bounded(seed):
    values = np.random.default_rng(seed).exponential(size=9)
    p = quadratic_form_survival(np.linspace(0, 200, 500), values)
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1
    assert 0 <= p[-1] < 1e-6


@pytest.mark.parametrize(
    ("fraction", "count"), [(1e-9, 1), (0.01, 1), (0.25, 2), (0.5, 5), (1.0, 10)]
)
def test_largest_mean(seed, fraction, count):
    scores = np.random.default_rng(seed).standard_normal((7, 10))
    expected = np.sort(scores, axis=1)[:, -count:].mean(axis=1)
    before = scores.copy()
    assert_allclose(largest_mean(scores, fraction), expected, rtol=1e-13)
    assert_array_equal(scores, before)
    single = largest_mean(scores.astype(np.float32), fraction)
    assert single.dtype == np.float64
