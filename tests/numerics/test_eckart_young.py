"""The loss at its minimum, its gradient, and what it does not see."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views, covariance_blocks, ridged
from numpy.testing import assert_allclose

from skextras.numerics.eckart_young import eckart_young_gradient, eckart_young_loss
from skextras.numerics.view_moments import solve_moments


def problem(seed, shares):
    x, y = correlated_views(seed)
    views = [x, y, x[:, :3] + y[:, :3]][: len(shares)]
    blocks = covariance_blocks(views)
    B = [ridged(blocks[i][i], share) for i, share in enumerate(shares)]
    return views, blocks, B


def optimum(views, shares, k):
    joint = np.cov(np.hstack(views), rowvar=False)
    widths = [v.shape[1] for v in views]
    return solve_moments(joint, widths, len(views[0]), shares, n_components=k)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_minimum_is_minus_the_sum_of_squares(seed, share):
    views, blocks, B = problem(seed, [share] * 2)
    found = optimum(views, [share] * 2, 3)
    # At the minimum V = diag(s): each view's variates carry half of it.
    weights = [w * np.sqrt(found.singular_values / 2) for w in found.weights]
    loss = eckart_young_loss(weights, blocks, B)
    assert_allclose(loss, -np.sum(found.singular_values**2), rtol=1e-12)
    for gradient in eckart_young_gradient(weights, blocks, B):
        assert_allclose(gradient, 0, atol=1e-10)


def test_minimum_of_three_views(seed):
    views, blocks, B = problem(seed, [0.1] * 3)
    found = optimum(views, [0.1] * 3, 2)
    values = 2 * found.singular_values
    weights = [w * np.sqrt(values / 3) for w in found.weights]
    assert_allclose(
        eckart_young_loss(weights, blocks, B), -np.sum(values**2), rtol=1e-11
    )


def test_gradient_is_the_slope(seed):
    _, blocks, B = problem(seed, [0.2] * 3)
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((len(b), 2)) for b in B]
    step = [rng.standard_normal(w.shape) for w in weights]
    gradient = eckart_young_gradient(weights, blocks, B)
    slope = sum(np.vdot(g, d) for g, d in zip(gradient, step, strict=True))
    h = 1e-5

    def moved(t):
        return eckart_young_loss(
            [w + t * d for w, d in zip(weights, step, strict=True)], blocks, B
        )

    assert_allclose((moved(h) - moved(-h)) / (2 * h), slope, rtol=1e-6)


def test_rotation_changes_nothing(seed):
    _, blocks, B = problem(seed, [0.0] * 2)
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((len(b), 3)) for b in B]
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turned = [w @ turn for w in weights]
    assert_allclose(
        eckart_young_loss(turned, blocks, B), eckart_young_loss(weights, blocks, B)
    )
