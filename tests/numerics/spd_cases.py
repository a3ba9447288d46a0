"""Positive definite matrices for the tests of their functions."""

import numpy as np

from skextras.numerics.spd import cholesky_factors, inverse_factors


def covariances(seed, n_matrices=7, n_rows=6):
    """Well-conditioned matrices that do not commute."""
    x = np.random.default_rng(seed).standard_normal((n_matrices, n_rows, 4 * n_rows))
    return x @ x.mT / x.shape[2]


def rotations(seed, n_matrices, n_rows):
    return np.linalg.qr(
        np.random.default_rng([seed, 1]).standard_normal((n_matrices, n_rows, n_rows))
    )[0]


def rotated(rotation, diagonal):
    return (rotation * diagonal[..., None, :]) @ rotation.mT


def whitener_of(mean):
    return inverse_factors(cholesky_factors(mean))


def relative_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()
