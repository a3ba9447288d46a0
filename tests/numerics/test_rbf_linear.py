"""Cholesky factors, and what is computed from them."""

import numpy as np
import pytest

from skextras.numerics import rbf_linear


def positive(seed, n=6):
    A = np.random.default_rng(seed).standard_normal((n, 2 * n))
    return A @ A.T


def test_factor_solution_inverse_and_determinant(seed):
    A, B = positive(seed), np.random.default_rng(seed).standard_normal((6, 2))
    before = A.copy()
    factor = rbf_linear.cholesky(A)
    np.testing.assert_allclose(factor @ factor.T, A, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(np.triu(factor, 1), 0)
    np.testing.assert_allclose(A @ rbf_linear.solve(factor, B), B, atol=1e-9)
    inverse = rbf_linear.inverse(factor)
    np.testing.assert_allclose(A @ inverse, np.eye(6), atol=1e-9)
    np.testing.assert_array_equal(inverse, inverse.T)
    _, expected = np.linalg.slogdet(A)
    np.testing.assert_allclose(rbf_linear.log_determinant(factor), expected)
    np.testing.assert_array_equal(A, before)


def test_triangular_solutions(seed):
    factor, B = rbf_linear.cholesky(positive(seed)), np.arange(12.0).reshape(6, 2)
    solution = rbf_linear.solve_lower(factor, B)
    np.testing.assert_allclose(factor @ solution, B, atol=1e-9)
    solution = rbf_linear.solve_lower(factor, B, transposed=True)
    np.testing.assert_allclose(factor.T @ solution, B, atol=1e-9)


@pytest.mark.parametrize(
    "matrix", [-np.eye(2), np.full((2, 2), np.nan), np.ones((2, 2))]
)
def test_no_factor_of_what_is_not_positive_definite(matrix):
    assert rbf_linear.cholesky(matrix) is None


def test_first_jitter_that_allows_a_factor():
    A = np.diag([1.0, -1e-9])
    factor, jitter = rbf_linear.jittered_cholesky(A, [1e-12, 1e-10, 1e-8, 1e-6])
    assert jitter == 1e-8
    np.testing.assert_allclose(factor @ factor.T, A + 1e-8 * np.eye(2), atol=1e-16)
    factor, jitter = rbf_linear.jittered_cholesky(-np.eye(2), [1e-12, 1e-6])
    assert factor is None
    assert jitter == 1e-6


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_semidefinite_matrices_have_a_factor_up_to_rounding(seed, scale):
    A = np.random.default_rng(seed).standard_normal((6, 3))
    matrix = scale * A @ A.T
    factor = rbf_linear.nearest_cholesky(matrix)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-12 * scale)
    definite = positive(seed)
    np.testing.assert_array_equal(
        rbf_linear.nearest_cholesky(definite), rbf_linear.cholesky(definite)
    )
    assert rbf_linear.nearest_cholesky(np.full((2, 2), np.nan)) is None


def test_no_right_hand_side():
    assert rbf_linear.solve(rbf_linear.cholesky(np.eye(3)), np.empty((3, 0))).size == 0
