"""Kernels, features and their blocks."""

import numpy as np
import pytest
from rbf_cases import GOLDEN, dense_kernel, golden_problem, table

from skextras.numerics.rbf import (
    CONSTANT,
    Design,
    center_kernel,
    features,
    gaussian_kernel,
    n_columns,
    row_blocks,
)
from skextras.numerics.rbf_linear import cholesky
from skextras.numerics.rbf_logistic import log_loss
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_objective import PullBack


def official(loss):
    """Objective of the official code, by our features, and its gradients."""
    X, C, L_o, w, y = golden_problem()
    metric, L = Metric("full", np.ones(3, dtype=bool)), L_o.T
    z, z_centers = metric.project(L.ravel(), X), metric.project(L.ravel(), C)
    kernel = gaussian_kernel(z, z_centers)
    value, residuals = loss(kernel @ w, y)
    sums = PullBack(metric, L.ravel(), z_centers)
    sums.add_outer(kernel, residuals[:, None] / len(y), w[:, None], z, X)
    dL, dC = sums.finish(C)
    norms = [np.linalg.norm(a) for a in (L_o, w, C)]
    return (
        value.mean() + np.dot([0.1, 0.3, 0.2], norms),
        dL.reshape(3, 3).T + 0.1 * L_o / norms[0],
        kernel.T @ residuals / len(y) + 0.3 * w / norms[1],
        dC + 0.2 * C / norms[2],
    )


def test_official_squared_error_and_its_gradient():
    value, dL, dw, dC = official(lambda f, y: ((f - y) ** 2, 2 * (f - y)))
    expected = GOLDEN["squares_gradient"]
    tolerance = {"rtol": 0, "atol": 1e-10}
    np.testing.assert_allclose(value, GOLDEN["squares"], **tolerance)
    np.testing.assert_allclose(dL[np.tril_indices(3)], expected["L_o"], **tolerance)
    np.testing.assert_allclose(dw, expected["w"], **tolerance)
    np.testing.assert_allclose(dC[0], expected["c_0"], **tolerance)


def test_official_cross_entropy():
    def loss(f, y):
        value, residuals = log_loss(f[:, None], (y > 0)[:, None] * 1.0)
        return value, residuals[:, 0]

    value = official(loss)[0]
    np.testing.assert_allclose(value, GOLDEN["cross_entropy"], rtol=0, atol=1e-10)


def test_kernel_is_its_definition(seed):
    X, C, L = table(seed)[0], table(seed + 100, 7)[0], table(seed + 200, 2)[0]
    kernel = gaussian_kernel(X @ L.T, C @ L.T)
    np.testing.assert_allclose(kernel, dense_kernel(X, C, L), rtol=1e-12)


def test_kernel_between_centers_is_symmetric_with_unit_diagonal(seed):
    z = 10 * table(seed, 9)[0]
    kernel = center_kernel(z)
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_array_equal(np.diagonal(kernel), 1.0)
    np.testing.assert_allclose(kernel, gaussian_kernel(z, z), rtol=1e-10)


def test_no_kernel_is_denormal():
    far = np.array([[1e3], [1e200], [-1e308]])
    kernel = gaussian_kernel(far, np.zeros((1, 1)))
    np.testing.assert_array_equal(kernel, np.exp(-700.0))
    assert kernel.min() > np.finfo(float).tiny


def test_kernel_never_exceeds_one():
    z = np.full((50, 3), 1e8) + np.arange(50)[:, None] * 1e-8
    assert gaussian_kernel(z, z).max() <= 1.0


@pytest.mark.parametrize("linear_term", [False, True])
def test_features(linear_term):
    X, C, L = table(0)[0], table(1, 4)[0], table(2)[0][:3]
    F = features(X, X @ L.T, C @ L.T, linear_term)
    expected = [dense_kernel(X, C, L), np.full((30, 1), CONSTANT)]
    expected = np.hstack(expected + [X] * linear_term)
    np.testing.assert_allclose(F, expected, rtol=1e-12)
    assert F.shape[1] == n_columns(4, 3, linear_term)


@pytest.mark.parametrize(("n_rows", "width"), [(1, 1), (63, 10**6), (10_000, 300)])
def test_blocks_cover_the_rows_in_order(n_rows, width):
    blocks = row_blocks(n_rows, width)
    rows = np.concatenate([np.arange(n_rows)[block] for block in blocks])
    np.testing.assert_array_equal(rows, np.arange(n_rows))
    assert all(block.stop - block.start <= max(64, 2**19 // width) for block in blocks)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_features_kept_and_made_again_are_the_same(monkeypatch, whiten, weighted):
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 64 * 8 * 9)
    X, _, weights = table(3, 150)
    weights = weights if weighted else np.ones(150)
    C = table(4, 5)[0]
    whitener = cholesky(center_kernel(C)) if whiten else None
    found = []
    for max_bytes in (0, np.inf):
        design = Design(
            X, weights, 5, linear_term=True, max_bytes=max_bytes, whiten=whiten
        )
        assert len(design.blocks) == 3
        assert design.keeps == (max_bytes > 0)
        first = [
            [a.copy() for a in design.fill(b, X, C, whitener)] for b in design.blocks
        ]
        again = [
            [a.copy() for a in design.again(b, X, C, whitener)] for b in design.blocks
        ]
        for one, other in zip(first, again, strict=True):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)
        found.append(np.vstack([F for _, F in first]))
    np.testing.assert_array_equal(*found)
    expected = features(X, X, C, True)
    if whiten:
        expected[:, :5] = np.linalg.solve(whitener, expected[:, :5].T).T
    expected *= np.sqrt(weights)[:, None]
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-12)
