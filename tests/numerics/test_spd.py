"""Functions of positive definite matrices: closed forms, invariances, refusals."""

import tracemalloc

import numpy as np
import pytest
from numerics.spd_cases import (
    covariances,
    relative_error,
    rotated,
    rotations,
    whitener_of,
)
from scipy import linalg

from skextras.numerics import spd
from skextras.numerics.spd import (
    cholesky_factors,
    floor_eigenvalues,
    half_vectors,
    inverse_factors,
    matrix_exp,
    matrix_inverse_sqrt,
    matrix_log,
    matrix_sqrt,
    squared_distances,
    whitened_factor_logs,
    whitened_logs,
)

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize(
    ("function", "of_eigenvalue"),
    [
        (matrix_log, np.log),
        (matrix_exp, np.exp),
        (matrix_sqrt, np.sqrt),
        (matrix_inverse_sqrt, lambda values: values**-0.5),
    ],
)
def test_functions_act_on_eigenvalues(seed, function, of_eigenvalue):
    values = np.random.default_rng(seed).uniform(0.1, 10, size=(5, 4))
    rotation = rotations(seed, 5, 4)
    expected = rotated(rotation, of_eigenvalue(values))
    assert relative_error(function(rotated(rotation, values)), expected) < 1e-13


def test_log_of_a_rotated_plane():
    """The two eigenvalues e and 1/e, turned by 30 degrees."""
    cos, sin = np.sqrt(3) / 2, 0.5
    rotation = np.array([[cos, -sin], [sin, cos]])
    x = rotation @ np.diag([np.e, 1 / np.e]) @ rotation.T
    expected = [[0.5, np.sqrt(3) / 2], [np.sqrt(3) / 2, -0.5]]
    np.testing.assert_allclose(matrix_log(x), expected, rtol=1e-14)


def test_functions_undo_each_other(seed):
    x = covariances(seed)
    assert relative_error(matrix_exp(matrix_log(x)), x) < 1e-13
    root = matrix_sqrt(x)
    assert relative_error(root @ root, x) < 1e-13
    whitener = matrix_inverse_sqrt(x)
    np.testing.assert_allclose(
        whitener @ x @ whitener, np.tile(np.eye(6), (7, 1, 1)), atol=1e-12
    )
    assert relative_error(whitener @ root, np.eye(6)) < 1e-12


@pytest.mark.parametrize(
    "function",
    [
        matrix_log,
        matrix_exp,
        matrix_sqrt,
        matrix_inverse_sqrt,
        cholesky_factors,
        half_vectors,
    ],
)
def test_any_number_of_leading_axes(seed, function):
    x = covariances(seed, 6)
    expected = function(x)
    np.testing.assert_array_equal(function(x[0]), expected[0])
    found = function(x.reshape(2, 3, 6, 6))
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize("scale", [1e-14, 1e14])
def test_functions_follow_the_unit(seed, scale):
    x = covariances(seed)
    shift = np.log(scale) * np.eye(6)
    assert relative_error(matrix_log(scale * x), matrix_log(x) + shift) < 1e-13
    assert (
        relative_error(matrix_sqrt(scale * x), np.sqrt(scale) * matrix_sqrt(x)) < 1e-13
    )
    whitener = matrix_inverse_sqrt(scale * x) * np.sqrt(scale)
    assert relative_error(whitener, matrix_inverse_sqrt(x)) < 1e-13


def test_half_vectors_keep_inner_products(seed):
    x = np.random.default_rng(seed).standard_normal((4, 5, 5))
    x += x.mT
    vectors = half_vectors(x)
    assert vectors.shape == (4, 15)
    np.testing.assert_allclose(
        vectors @ vectors.T, np.einsum("iab,jab->ij", x, x), rtol=1e-12, atol=1e-12
    )


def test_half_vectors_hold_the_upper_triangle_by_rows():
    x = np.array([[1.0, 2.0, 3.0], [np.nan, 4.0, 5.0], [np.nan, np.nan, 6.0]])
    root = np.sqrt(2)
    expected = [1, 2 * root, 3 * root, 4, 5 * root, 6]
    np.testing.assert_allclose(half_vectors(x), expected, rtol=1e-15)


def test_factors(seed):
    x = covariances(seed)
    factors = cholesky_factors(x)
    np.testing.assert_array_equal(factors, np.tril(factors))
    assert relative_error(factors @ factors.mT, x) < 1e-14
    inverses = inverse_factors(factors)
    np.testing.assert_array_equal(inverses, np.tril(inverses))
    assert relative_error(inverses @ factors, np.eye(6)) < 1e-13
    # The inverse is a whitener, and one factor is a stack without a leading axis.
    whitener = inverse_factors(factors[2])
    assert relative_error(whitener @ x[2] @ whitener.T, np.eye(6)) < 1e-12


def test_factors_of_single_precision_are_double(seed):
    x = covariances(seed).astype(np.float32)
    found = cholesky_factors(x)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, cholesky_factors(x.astype(np.float64)))


def test_logs_by_the_definition(seed):
    x, whitener = covariances(seed), whitener_of(covariances(seed + 100, 1)[0])
    expected = matrix_log(whitener @ x @ whitener.T)
    assert relative_error(whitened_logs(x, whitener), expected) < 1e-12


def test_logs_turn_with_the_whitener(seed):
    """Another whitener of the same matrix rotates all vectors: one Gram matrix."""
    x, reference = covariances(seed), covariances(seed + 100, 1)[0]
    by_factor = whitened_logs(x, whitener_of(reference))
    symmetric = whitened_logs(x, matrix_inverse_sqrt(reference))
    found, expected = (
        half_vectors(logs) @ half_vectors(logs).T for logs in (by_factor, symmetric)
    )
    assert relative_error(found, expected) < 1e-12
    assert relative_error(by_factor, symmetric) > 1e-3


def test_logs_at_the_matrix_itself(seed):
    x = covariances(seed, 1)
    assert np.abs(whitened_logs(x, whitener_of(x[0]))).max() < 1e-13


def test_logs_of_factors_in_place(seed):
    x, whitener = covariances(seed), whitener_of(covariances(seed + 100, 1)[0])
    factors = cholesky_factors(x)
    values = whitened_factor_logs(factors, whitener, out=factors)
    np.testing.assert_array_equal(factors, whitened_logs(x, whitener))
    expected = linalg.eigvalsh(x[0], np.linalg.inv(whitener.T @ whitener))
    np.testing.assert_allclose(values[0], expected, rtol=1e-11)


def test_distances_by_the_definition(seed):
    x, references = covariances(seed), covariances(seed + 100, 3)
    found = squared_distances(x, whitener_of(references))
    expected = [
        [np.sum(np.log(linalg.eigvalsh(a, b)) ** 2) for b in references] for a in x
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_distances_are_lengths_of_logs(seed):
    x, whitener = covariances(seed), whitener_of(covariances(seed + 100, 1)[0])
    lengths = np.sum(half_vectors(whitened_logs(x, whitener)) ** 2, axis=1)
    found = squared_distances(x, whitener[None])[:, 0]
    np.testing.assert_allclose(found, lengths, rtol=1e-12)


def test_distance_is_symmetric_and_invariant(seed):
    x, y = covariances(seed), covariances(seed + 100)
    expected = squared_distances(x, whitener_of(y))
    mixing = np.random.default_rng(seed).standard_normal((6, 6)) + 4 * np.eye(6)
    cases = {
        "swapped": squared_distances(y, whitener_of(x)).T,
        "mixed": squared_distances(
            mixing @ x @ mixing.T, whitener_of(mixing @ y @ mixing.T)
        ),
        "inverted": squared_distances(np.linalg.inv(x), whitener_of(np.linalg.inv(y))),
        "tiny": squared_distances(1e-14 * x, whitener_of(1e-14 * y)),
    }
    for name, found in cases.items():
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=name)


def test_peer_distances(seed):
    distance = pytest.importorskip("pyriemann.geometry.distance")
    x, reference = covariances(seed), covariances(seed + 100, 1)
    found = squared_distances(x, whitener_of(reference))[:, 0]
    expected = distance.distance_riemann(x, reference[0], squared=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_peer_tangent_vectors(seed):
    tangentspace = pytest.importorskip("pyriemann.geometry.tangentspace")
    x, reference = covariances(seed), covariances(seed + 100, 1)[0]
    found = half_vectors(whitened_logs(x, matrix_inverse_sqrt(reference)))
    expected = tangentspace.tangent_space(x, reference)
    assert relative_error(found, expected) < 1e-11


def test_channels_of_very_different_scale(seed):
    """Volts beside picotesla: only how far matrices differ limits the precision."""
    x, reference = covariances(seed), covariances(seed + 100, 1)[0]
    scale = 2.0 ** np.array([-40, -20, 0, 10, 20, 30])
    scaled = np.outer(scale, scale)
    assert np.linalg.cond(reference * scaled) > 1e18
    found, expected = (
        squared_distances(a, whitener_of(b)[None])
        for a, b in ((x * scaled, reference * scaled), (x, reference))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    logs = whitened_logs(x * scaled, whitener_of(reference * scaled))
    assert relative_error(logs, whitened_logs(x, whitener_of(reference))) < 1e-13


@pytest.mark.parametrize("condition", [1e6, 1e10, 1e14])
def test_small_eigenvalues_keep_their_digits(seed, condition):
    """A product forgets eigenvalues below eps; singular values of factors do not."""
    values = np.geomspace(1, condition, 6)
    # Diagonal factors and a rotation as whitener: no rounding before the product.
    factors = np.diag(np.sqrt(values))[None]
    rotation = rotations(seed, 1, 6)[0]
    logs = np.empty_like(factors)
    found = whitened_factor_logs(factors, rotation, out=logs)
    np.testing.assert_allclose(found[0], values, rtol=1e-9 + 3 * EPS * condition**0.5)
    expected = rotated(rotation, np.log(values))
    assert relative_error(logs[0], expected) < 1e-7
    distance = squared_distances(factors**2, rotation[None])[0, 0]
    assert distance == pytest.approx(np.sum(np.log(values) ** 2), rel=1e-7)


@pytest.mark.parametrize("n_bytes", [1, 700, 2**30])
def test_blocks_change_no_digit(seed, monkeypatch, n_bytes):
    x, whitener = covariances(seed, 9), whitener_of(covariances(seed + 100, 1)[0])
    logs, distances = whitened_logs(x, whitener), squared_distances(x, whitener[None])
    monkeypatch.setattr(spd, "_BLOCK_BYTES", n_bytes)
    np.testing.assert_array_equal(whitened_logs(x, whitener), logs)
    np.testing.assert_array_equal(squared_distances(x, whitener[None]), distances)
    for i in range(9):
        np.testing.assert_array_equal(whitened_logs(x[i : i + 1], whitener)[0], logs[i])


@pytest.mark.parametrize(
    ("n_matrices", "n_rows"), [(0, 3), (1, 1), (1000, 30), (3, 362), (2, 900)]
)
def test_blocks_cover_the_stack_in_order(n_matrices, n_rows):
    x = np.broadcast_to(0.0, (n_matrices, n_rows, n_rows))
    covered = [i for block in spd.blocks(x) for i in range(block.start, block.stop)]
    assert covered == list(range(n_matrices))


def test_upper_triangles_are_not_read(seed):
    x = covariances(seed)
    spoilt = np.where(np.triu(np.ones((6, 6)), 1) > 0, np.nan, x)
    whitener = whitener_of(x[0])
    for function in (matrix_log, matrix_sqrt, matrix_inverse_sqrt, matrix_exp):
        np.testing.assert_array_equal(function(spoilt), function(x))
    np.testing.assert_array_equal(
        whitened_logs(spoilt, whitener), whitened_logs(x, whitener)
    )


def test_input_is_left_alone(seed):
    x = covariances(seed)
    x.flags.writeable = False
    whitener = whitener_of(x[0])
    before = x.copy()
    whitened_logs(x, whitener)
    squared_distances(x, whitener[None])
    floor_eigenvalues(x, 1.0)
    half_vectors(x)
    np.testing.assert_array_equal(x, before)


def test_memory():
    """Factors become logarithms in place: nothing else has the size of the input."""
    x = np.broadcast_to(2 * np.eye(100), (200, 100, 100))
    tracemalloc.start()
    try:
        whitened_logs(x, np.eye(100))
        assert tracemalloc.get_traced_memory()[1] < 1.5 * x.size * 8
    finally:
        tracemalloc.stop()
