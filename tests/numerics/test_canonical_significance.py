"""Rao's F against closed forms; the permutation test's levels."""

import json
from pathlib import Path

import numpy as np
import pytest
from numerics.cca_cases import canonical_correlations, orthonormal
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.datasets import load_linnerud

from skextras.numerics.canonical_significance import permutation_test, rao_test

GOLDEN = Path(__file__).parents[1] / "golden" / "unconstrained_cca.json"


def test_linnerud():
    golden = json.loads(GOLDEN.read_text())["linnerud"]
    data = load_linnerud()
    rho = canonical_correlations(data.data, data.target)
    p_values, statistics, degrees = rao_test(rho, 20, (3, 3))
    assert_allclose(statistics[0], golden["rao_F"], rtol=1e-6)
    assert_allclose(degrees[0], golden["rao_degrees"], rtol=1e-5)
    assert_allclose(p_values[0], golden["rao_p"], atol=1e-6)


def test_one_column_is_the_f_test_of_regression(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 1))
    rho = canonical_correlations(x, y)
    p_values, statistics, degrees = rao_test(rho, 30, (4, 1))
    r2 = rho[0] ** 2
    assert_allclose(statistics[0], r2 / 4 / ((1 - r2) / 25))
    assert degrees[0].tolist() == [4, 25]
    assert_allclose(p_values[0], stats.f.sf(statistics[0], 4, 25))


def test_sides_are_interchangeable():
    rho = np.array([0.7, 0.4])
    a, b = rao_test(rho, 50, (5, 2)), rao_test(rho, 50, (2, 5))
    for first, second in zip(a, b, strict=True):
        assert_allclose(first, second)


def test_last_statistic_is_that_of_one_correlation():
    """With two against two columns the second test has A = B = 1 and v = 1."""
    _, statistics, degrees = rao_test(np.array([0.8, 0.3]), 40, (2, 2))
    assert_allclose(degrees[1], [1, 36.5 + 0.5])
    assert_allclose(statistics[1], 0.09 / 0.91 * 37)


def orders(rng, n_rows, count):
    return [rng.permutation(n_rows) for _ in range(count)]


def test_p_values_by_hand(seed):
    """The definition, with a loop over blocks and permutations."""
    rng = np.random.default_rng(seed)
    a, b = (orthonormal(rng.standard_normal((20, w))) for w in (4, 3))
    drawn = orders(rng, 20, 19)
    found = permutation_test(a, b, 3, drawn)
    u, _, vt = np.linalg.svd(a.T @ b)
    left, right = a @ u, b @ vt.T

    def statistic(order, j):
        return np.sum((left.T @ right[order])[j:, j:] ** 2)

    same = np.arange(20)
    expected = [
        (1 + sum(statistic(o, j) >= statistic(same, j) * (1 - 1e-12) for o in drawn))
        / 20
        for j in range(3)
    ]
    assert_allclose(found, np.maximum.accumulate(expected))


def test_identity_counts_as_not_smaller():
    rng = np.random.default_rng(0)
    a, b = (orthonormal(rng.standard_normal((10, 2))) for _ in range(2))
    assert_allclose(permutation_test(a, b, 2, [np.arange(10)] * 5), 1)


LAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "t2": lambda rng, shape: rng.standard_t(2, shape),
    "lognormal": lambda rng, shape: np.exp(1.5 * rng.standard_normal(shape)),
}


@pytest.mark.parametrize("law", LAWS)
def test_level_under_the_null(law):
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(300):
        a, b = (orthonormal(LAWS[law](rng, (60, width))) for width in (8, 6))
        rejected.append(permutation_test(a, b, 1, orders(rng, 60, 99))[0] <= 0.05)
    assert 0.02 <= np.mean(rejected) <= 0.08


def test_level_after_a_true_component():
    rng = np.random.default_rng(1)
    rejected = []
    for _ in range(300):
        a, b = (rng.standard_normal((60, width)) for width in (8, 6))
        b[:, 0] = 0.9 * a[:, 0] + np.sqrt(1 - 0.81) * b[:, 0]
        drawn = orders(rng, 60, 99)
        found = permutation_test(orthonormal(a), orthonormal(b), 2, drawn)
        rejected.append(found <= 0.05)
    first, second = np.mean(rejected, axis=0)
    assert first == 1
    assert 0.02 <= second <= 0.08
