"""Directions, singular vectors, signs and correlations."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views, generalised_values
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.canonical import (
    canonical_directions,
    component_signs,
    top_singular,
    variate_correlations,
)


def matrix_of(values, shape, seed):
    rng = np.random.default_rng(seed)
    u = np.linalg.qr(rng.standard_normal((shape[0], len(values))))[0]
    v = np.linalg.qr(rng.standard_normal((shape[1], len(values))))[0]
    return (u * values) @ v.T


@pytest.mark.parametrize(
    "shape", [(40, 60), (150, 90), (90, 150), (70, 5000), (5000, 5)]
)
def test_top_singular(seed, shape):
    values = np.logspace(0, -4, min(shape))
    matrix = matrix_of(values, shape, seed)
    left, found, right, spectrum = top_singular(matrix, 5)
    assert_allclose(found, values[:5], rtol=1e-12)
    assert_allclose(spectrum, values, atol=1e-7)
    assert_allclose(left.T @ left, np.eye(5), atol=1e-12)
    assert_allclose(right.T @ right, np.eye(5), atol=1e-12)
    assert_allclose(left.T @ matrix @ right, np.diag(found), atol=1e-12)


def test_small_values_keep_their_digits(seed):
    """Squares of 1e-9 vanish beside 1; the step on the matrix itself sees them."""
    values = np.zeros(100)
    values[:3] = [1.0, 1e-3, 1e-6]
    found = top_singular(matrix_of(values, (100, 120), seed), 3)[1]
    assert_allclose(found, values[:3], rtol=1e-8)


@pytest.mark.parametrize("shape", [(80, 90), (5, 7)])
def test_vectors_of_zero_are_orthonormal(shape):
    left, found, right, _ = top_singular(np.zeros(shape), 2)
    assert_array_equal(found, 0)
    for vectors in (left, right):
        assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-14)


def test_two_views_are_a_singular_value_decomposition(seed):
    T = np.random.default_rng(seed).standard_normal((5, 3))
    found = canonical_directions([[None, T]], 3)
    assert_allclose(
        found.weights[0].T @ T @ found.weights[1],
        np.diag(found.singular_values),
        atol=1e-13,
    )
    assert_allclose(found.spectrum, np.linalg.svd(T, compute_uv=False))


def test_several_views_solve_the_generalised_problem(seed):
    x, y = correlated_views(seed)
    rng = np.random.default_rng(seed)
    views = [x, y, x[:, :3] + rng.standard_normal((300, 3))]
    whitened = [np.linalg.qr(v - v.mean(0))[0] for v in views]
    cross = [[a.T @ b for b in whitened] for a in whitened]
    found = canonical_directions(cross, 2)
    expected = generalised_values(views, [0, 0, 0])
    assert_allclose(found.spectrum, expected[:3], atol=1e-12)
    assert_array_equal(found.singular_values, found.spectrum[:2])
    total = sum(w.T @ w for w in found.weights)
    assert_allclose(total, 3 * np.eye(2), atol=1e-12)


def test_signs_make_the_first_largest_entry_positive():
    weights = np.array([[1.0, -3.0, -2.0], [-2.0, 3.0, 0.0]])
    signs = component_signs(weights)
    assert_array_equal(signs, [-1, -1, -1])
    assert_array_equal(component_signs(weights * signs), [1, 1, 1])
    assert_array_equal(component_signs(np.zeros((2, 1))), [1])


def test_correlations_are_means_over_pairs(seed):
    z = np.random.default_rng(seed).standard_normal((50, 6))
    found = variate_correlations(7 * np.cov(z, rowvar=False), 3)
    r = np.corrcoef(z, rowvar=False)
    expected = [(r[j, j + 2] + r[j, j + 4] + r[j + 2, j + 4]) / 3 for j in range(2)]
    assert_allclose(found, expected, rtol=1e-13)


def test_constant_variates_count_as_zero():
    covariances = np.diag([1.0, 0.0, 4.0, 9.0])
    covariances[0, 2] = covariances[2, 0] = 1.0
    assert_array_equal(variate_correlations(covariances, 2), [0.5, 0])
    assert_array_equal(variate_correlations(np.diag([-1e-30, 1.0]), 2), [0])
