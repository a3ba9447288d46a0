import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skextras.numerics.null_laws import gamma_tail, pearson3_tail, three_moments


def test_gamma_tail_is_scipys():
    x, mean, variance = np.array([0.1, 1.0, 5.0]), 2.0, 3.0
    law = stats.gamma(mean**2 / variance, scale=variance / mean)
    assert_allclose(gamma_tail(x, mean, variance), law.sf(x), rtol=1e-12)


def test_gamma_tail_of_twice_the_degrees_of_freedom_is_chi_squared():
    x, df = np.array([0.5, 3.0, 20.0]), 7.0
    assert_allclose(gamma_tail(x, df, 2 * df), stats.chi2(df).sf(x), rtol=1e-12)


def test_gamma_tail_at_its_limits():
    assert gamma_tail(np.array([-0.1, 0.0]), 1.0, 1.0).tolist() == [1.0, 1.0]
    assert gamma_tail(np.array([0.3]), 0.0, 0.0).tolist() == [1.0]


@pytest.mark.parametrize("skewness", [-1.5, -0.2, 0.0, 1e-7, 1e-3, 0.5, 2.0])
def test_pearson3_tail_is_scipys(skewness):
    x = np.linspace(-3, 6, 19)
    ours = pearson3_tail(x, 0.5, 2.0, skewness)
    wanted = stats.pearson3(skewness, loc=0.5, scale=2.0).sf(x)
    assert_allclose(ours, wanted, rtol=1e-6, atol=1e-6)


def test_pearson3_tail_broadcasts_and_takes_a_constant_law():
    tail = pearson3_tail(np.zeros(2), np.array([0.0, 1.0]), 1.0, np.array([0.3, -0.3]))
    assert tail.shape == (2,)
    assert tail[0] < 0.5 < tail[1]
    assert pearson3_tail(np.zeros(1), 0.0, 0.0, 0.0)[0] == 0.5


def test_three_moments_are_scipys(seed):
    sample = np.random.default_rng(seed).exponential(size=500)
    wanted = sample.mean(), sample.std(), stats.skew(sample)
    assert_allclose(three_moments(sample), wanted, rtol=1e-10)
    assert three_moments(np.full(5, 2.0)).tolist() == [2.0, 0.0, 0.0]
