"""What the objectives share: where parameters stand, and gradients through kernels."""

import numpy as np
import pytest
from rbf_cases import assert_gradient, table

from skextras.numerics.rbf import center_kernel, gaussian_kernel
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_objective import Layout, PullBack

METRIC = Metric("full", np.ones(3, dtype=bool), 2)


@pytest.mark.parametrize("learn_centers", [False, True])
def test_join_undoes_split(learn_centers):
    C = table(0, 4)[0]
    layout = Layout(METRIC, C, learn_centers)
    theta = np.arange(6.0 + 12 * learn_centers + 3)
    params, centers, rest = layout.split(theta)
    assert centers.shape == C.shape
    assert len(rest) == 3
    np.testing.assert_array_equal(layout.join(params, centers, rest), theta)
    if not learn_centers:
        np.testing.assert_array_equal(centers, C)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("outer", [False, True])
def test_gradient_through_both_kernels(seed, outer, n_outputs):
    X, left, _ = table(seed, 20, 3, n_outputs)
    C, right, _ = table(seed + 1000, 4, 3, n_outputs)
    H = np.cov(table(seed, 9, 4)[0].T)
    G = left @ right.T
    layout = Layout(METRIC, C, learn_centers=True)

    def function(theta):
        params, centers, rest = layout.split(theta)
        z, z_centers = METRIC.project(params, X), METRIC.project(params, centers)
        kernel, between = gaussian_kernel(z, z_centers), center_kernel(z_centers)
        sums = PullBack(METRIC, params, z_centers)
        for rows in (slice(0, 7), slice(7, 20)):
            if outer:
                sums.add_outer(kernel[rows], left[rows], right, z[rows], X[rows])
            else:
                sums.add(G[rows] * kernel[rows], z[rows], X[rows])
        value = (G * kernel).sum() + (H * between).sum()
        return value, layout.join(*sums.finish(centers, H * between), rest)

    theta = np.concatenate([table(seed, 2)[0].ravel(), C.ravel()])
    assert_gradient(function, theta)
