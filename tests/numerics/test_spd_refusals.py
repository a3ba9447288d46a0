"""Matrices that are not positive definite: refusals, and floors of eigenvalues."""

import pickle

import numpy as np
import pytest
from numerics.spd_cases import (
    covariances,
    rotated,
    rotations,
    whitener_of,
)

from skextras.numerics.spd import (
    NotPositiveDefiniteError,
    cholesky_factors,
    floor_eigenvalues,
    matrix_inverse_sqrt,
    matrix_log,
    matrix_sqrt,
    squared_distances,
    whitened_factor_logs,
    whitened_logs,
)

EPS = np.finfo(np.float64).eps


def indefinite(seed):
    """Matrices of which the second and the fifth are not positive definite."""
    x, rotation = covariances(seed), rotations(seed, 2, 6)
    x[1] = rotated(rotation[0], np.array([-0.25, 1, 1, 2, 3, 4]))
    x[4] = rotated(rotation[1], np.array([-0.5, 1, 1, 2, 3, 10]))
    return x


@pytest.mark.parametrize(
    "function",
    [
        matrix_log,
        matrix_sqrt,
        matrix_inverse_sqrt,
        cholesky_factors,
        lambda x: whitened_logs(x, np.eye(6)),
        lambda x: squared_distances(x, np.eye(6)[None]),
    ],
)
@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e14])
def test_refusal_says_how_many_and_how_far(seed, function, scale):
    with pytest.raises(NotPositiveDefiniteError) as caught:
        function(scale * indefinite(seed))
    assert caught.value.count == 2
    assert caught.value.smallest_ratio == pytest.approx(-1 / 16, rel=1e-9)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        "2 matrices are not positive definite: smallest eigenvalue -0.0625 times the "
        "largest"
    )


@pytest.mark.parametrize(
    ("matrix", "ratio"),
    [
        (np.zeros((3, 3)), 0.0),
        (-np.eye(3), -1.0),
        (np.diag([1.0, 0, 2]), 0.0),
        (np.diag([-4.0, -1, 1]), -1.0),
    ],
)
def test_refusal_of_one_matrix(matrix, ratio):
    for function in (cholesky_factors, matrix_log):
        with pytest.raises(NotPositiveDefiniteError) as caught:
            function(matrix)
        assert (caught.value.count, caught.value.smallest_ratio) == (1, ratio)


def test_refusal_survives_pickling():
    error = pickle.loads(pickle.dumps(NotPositiveDefiniteError(3, -0.5)))
    assert (error.count, error.smallest_ratio) == (3, -0.5)


def test_factors_that_are_singular_are_counted():
    factors = np.tile(np.eye(3), (4, 1, 1))
    factors[1:3, 2, 2] = 0
    with pytest.raises(NotPositiveDefiniteError) as caught:
        whitened_factor_logs(factors, np.eye(3), out=np.empty_like(factors))
    assert (caught.value.count, caught.value.smallest_ratio) == (2, 0.0)


def test_floor_raises_low_eigenvalues_only(seed):
    x = indefinite(seed)
    floored, n_changed = floor_eigenvalues(x, 1e-3)
    assert n_changed == 2
    kept = [0, 2, 3, 5, 6]
    np.testing.assert_array_equal(floored[kept], x[kept])
    np.testing.assert_array_equal(floored, floored.mT)
    expected = np.linalg.eigvalsh(x)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(floored), np.maximum(expected, 1e-3), rtol=1e-11
    )
    again, n_changed = floor_eigenvalues(floored, 0.9e-3)
    assert n_changed == 0
    np.testing.assert_array_equal(again, floored)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e14])
def test_floor_at_the_rounding_level_makes_definite(seed, n_rows, scale):
    """Each matrix singular in its own directions, one zero, one of rank one."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, n_rows, max(1, n_rows // 2)))
    x = scale * (x @ x.mT)
    x[0], x[1] = 0, scale
    floor = n_rows * EPS * np.linalg.eigvalsh(x).max()
    floored, n_changed = floor_eigenvalues(x, floor)
    assert n_changed == (6 if n_rows > 1 else 1)
    whiteners = whitener_of(floored)
    assert np.isfinite(squared_distances(floored, whiteners)).all()
    assert np.isfinite(matrix_log(floored)).all()
    assert np.isfinite(whitened_logs(floored, whiteners[0])).all()
