"""Whiteners: identity, ranks, units, and both forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.whitening import rank_cutoff, unwhiten, whiten, whitener

CUTOFF = 1e-13


def covariance(seed, width=7, n_rows=100):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_rows, width)) @ rng.standard_normal((width, width))
    return np.cov(x, rowvar=False)


def dense(found):
    return unwhiten(found, np.eye(found.rank))


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_whitens_the_ridged_matrix(seed, share):
    C = covariance(seed)
    F = dense(whitener(C, CUTOFF, shrinkage=share))
    B = (1 - share) * C + share * np.trace(C) / 7 * np.eye(7)
    assert_allclose(F.T @ B @ F, np.eye(7), atol=1e-10)


def test_target_replaces_the_mean_variance(seed):
    C = covariance(seed)
    F = dense(whitener(C, CUTOFF, shrinkage=1.0, target=4.0))
    assert_allclose(F.T @ F, np.eye(7) / 4, atol=1e-14)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("singular", [False, True])
def test_products_are_those_of_the_dense_matrix(seed, share, singular):
    C = covariance(seed)
    if singular:
        mix = np.vstack([np.eye(5), np.ones((1, 5)), np.arange(5.0)])
        C = mix @ C[:5, :5] @ mix.T
    C[2] = C[:, 2] = 0
    found = whitener(C, CUTOFF, shrinkage=share)
    assert found.triangular is not singular
    F = dense(found)
    assert_array_equal(F[2], 0)
    A = np.random.default_rng(seed).standard_normal((7, 3))
    assert_allclose(whiten(found, A), F.T @ A, rtol=1e-9, atol=1e-10)


def test_forms_agree(seed):
    C = covariance(seed)
    triangular = whitener(C, CUTOFF)
    # A cutoff that leaves Cholesky in doubt, and yet every eigenvalue.
    spectral = whitener(C, 0.5 / np.linalg.cond(np.corrcoef(C)) * 1e-3)
    F, G = dense(triangular), dense(spectral)
    assert triangular.triangular
    assert_allclose(F @ F.T, G @ G.T, rtol=1e-8)


def test_rank_of_dependent_columns(seed):
    C = covariance(seed, width=5)
    mix = np.hstack([np.eye(5), np.ones((5, 2))])
    C = mix.T @ C @ mix
    for share in (0.0, 0.5):
        found = whitener(C, rank_cutoff(100, 7), shrinkage=share)
        assert found.rank == 5
        F = dense(found)
        B = (1 - share) * C + share * np.trace(C) / 7 * np.eye(7)
        assert_allclose(F.T @ B @ F, np.eye(5), atol=1e-8)


def test_rank_ignores_units(seed):
    C = covariance(seed)
    units = np.logspace(-100, 100, 7)
    found = whitener(C * units * units[:, None], CUTOFF)
    assert found.rank == 7
    assert_allclose(
        np.abs(dense(found)) * units[:, None],
        np.abs(dense(whitener(C, CUTOFF))),
        rtol=1e-9,
    )


def test_nearly_singular_matrix_is_not_left_to_cholesky(seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    C = rotation * np.array([1, 1, 1, 1, 1, 1e-14]) @ rotation.T
    found = whitener((C + C.T) / 2, 1e-13)
    assert not found.triangular
    assert found.rank == 5


def test_cutoff_grows_with_the_longer_side():
    assert rank_cutoff(10, 30) == rank_cutoff(30, 10) == 30 * np.finfo(float).eps
