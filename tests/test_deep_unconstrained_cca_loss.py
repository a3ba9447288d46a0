"""ey_loss: closed forms, the NumPy loss, its bias in small batches."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views, covariance_blocks
from numpy.testing import assert_allclose

from skextras import UnconstrainedCCA, ey_loss
from skextras.numerics.eckart_young import eckart_young_gradient, eckart_young_loss

pytestmark = pytest.mark.requires_torch


def tensors(*arrays):
    import torch

    return [torch.from_numpy(np.array(a)) for a in arrays]


@pytest.mark.parametrize("n_views", [2, 3])
def test_equals_the_loss_of_the_moments(seed, n_views):
    rng = np.random.default_rng(seed)
    x, y = correlated_views(seed)
    views = [x, y, x[:, :3]][:n_views]
    weights = [rng.standard_normal((v.shape[1], 2)) for v in views]
    blocks = covariance_blocks(views)
    expected = eckart_young_loss(
        weights, blocks, [blocks[i][i] for i in range(n_views)]
    )
    encoded = [v @ w + 5 for v, w in zip(views, weights, strict=True)]
    assert_allclose(ey_loss(*tensors(*encoded)).item(), expected, rtol=1e-10)


def test_gradient_through_linear_encoders(seed):
    rng = np.random.default_rng(seed)
    views = correlated_views(seed)
    weights = [rng.standard_normal((v.shape[1], 2)) for v in views]
    blocks = covariance_blocks(views)
    expected = eckart_young_gradient(weights, blocks, [blocks[0][0], blocks[1][1]])
    leaves = [t.requires_grad_() for t in tensors(*weights)]
    ey_loss(*(x @ w for x, w in zip(tensors(*views), leaves, strict=True))).backward()
    for leaf, gradient in zip(leaves, expected, strict=True):
        assert_allclose(leaf.grad.numpy(), gradient, rtol=1e-8, atol=1e-10)


def test_minimum_is_minus_the_sum_of_squares(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(3).fit(X, Y)
    root = np.sqrt(cca.singular_values_ / 2)
    encoded = [z * root for z in cca.transform(X, Y)]
    loss = ey_loss(*tensors(*encoded)).item()
    assert_allclose(loss, -np.sum(cca.singular_values_**2), rtol=1e-10)


@pytest.mark.parametrize("m", [5, 20, 100])
def test_bias_of_one_batch_and_of_two(m):
    """Of normal encodings, tr(VV) of one batch is inflated by a known amount."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((4, 4)) / 2
    C = mix @ mix.T
    blocks = [[C[:2, :2], C[:2, 2:]], [C[2:, :2], C[2:, 2:]]]
    V = C[:2, :2] + C[2:, 2:]
    true = -4 * np.trace(C[:2, 2:]) + np.sum(V * V)
    inflation = sum(
        np.trace(block) ** 2 + np.trace(block @ block)
        for row in blocks
        for block in row
    ) / (m - 1)
    n_batches = 100_000 // m
    z = (rng.standard_normal((2, n_batches, m, 4)) @ mix.T).reshape(2, n_batches, m, 4)
    one, two = [], []
    for first, second in zip(*z, strict=True):
        views = tensors(first[:, :2], first[:, 2:])
        others = tensors(second[:, :2], second[:, 2:])
        one.append(ey_loss(*views).item())
        two.append(ey_loss(*views, independent=others).item())
    for found, expected in ((one, true + inflation), (two, true)):
        error = np.std(found) / np.sqrt(n_batches)
        assert abs(np.mean(found) - expected) < 5 * error
        assert error < 0.02 * (abs(true) + inflation)


def test_shift_and_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.standard_normal((20, 3)) for _ in range(3))
    loss = ey_loss(*tensors(a, b, c)).item()
    order = rng.permutation(20)
    assert_allclose(ey_loss(*tensors(c[order], a[order] + 3, b[order])).item(), loss)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(5, 2)], "at least two tensors, got 1"),
        ([], "at least two tensors, got 0"),
        ([(5, 2), (5, 3)], r"one shape .*got \[\(5, 2\), \(5, 3\)\]"),
        ([(5, 2), (4, 2)], "one shape"),
        ([(5,), (5,)], "one shape"),
        ([(1, 2), (1, 2)], r"at least two rows, got shape \(1, 2\)"),
    ],
)
def test_refused(shapes, words):
    with pytest.raises(ValueError, match=words):
        ey_loss(*tensors(*(np.ones(shape) for shape in shapes)))
    good = tensors(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match=f"independent.*{words}"):
        ey_loss(*good, independent=tensors(*(np.ones(shape) for shape in shapes)))


def test_independent_batch_has_the_same_views():
    good = tensors(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="expected 2 views of 2 columns, got 2 of 3"):
        ey_loss(*good, independent=tensors(np.ones((9, 3)), np.ones((9, 3))))
    with pytest.raises(ValueError, match="got 3 of 2"):
        ey_loss(*good, independent=tensors(*[np.ones((9, 2))] * 3))
