import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import pearsonr

from skextras.numerics.correlation import (
    correlation_information,
    correlation_p_values,
    correlations,
    standardise,
)


def test_correlations_and_p_values_are_scipys(seed):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(40)
    block = rng.standard_normal((5, 40)) + np.arange(5)[:, None] * y
    r = correlations(block, standardise(y[None])[0])
    wanted = [pearsonr(row, y) for row in block]
    assert_allclose(r, [w.statistic for w in wanted], rtol=1e-12, atol=1e-14)
    p = correlation_p_values(r, 40)
    assert_allclose(p, [w.pvalue for w in wanted], rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
def test_scale_leaves_no_trace(scale, seed):
    x = np.random.default_rng(seed).standard_normal((2, 30))
    assert_allclose(standardise(scale * x), standardise(x), rtol=1e-9, atol=1e-12)


def test_offset_costs_no_digit(seed):
    x = np.random.default_rng(seed).standard_normal((2, 30)) + 1e10
    assert_allclose(standardise(x), standardise(x - 1e10), rtol=1e-9, atol=1e-12)


def test_standardised_rows(seed, float_dtype):
    x = np.random.default_rng(seed).exponential(size=(3, 50)).astype(float_dtype)
    before = x.copy()
    z = standardise(x)
    assert z.dtype == np.float64
    assert_allclose(z.mean(axis=1), 0, atol=1e-14)
    assert_allclose(z.std(axis=1), 1, rtol=1e-14)
    assert (x == before).all()
    assert (standardise(np.full((1, 5), 7.0)) == 0).all()


def test_information_of_correlations():
    assert_allclose(correlation_information(np.array([0.6, -0.6])), 0.223143551, 1e-8)
    assert correlation_information(np.array([1.0]))[0] == np.inf
    assert not np.signbit(correlation_information(np.zeros(1))).any()


def test_p_values_at_the_limits():
    assert correlation_p_values(np.array([1.0]), 20)[0] == 0.0
    assert correlation_p_values(np.array([1.0]), 2)[0] == 1.0
    # Closed form of two degrees of freedom: t = r sqrt(2 / (1 - r^2)), p = 1 - |r|.
    assert_allclose(correlation_p_values(np.array([0.3, -0.9]), 4), [0.7, 0.1])
