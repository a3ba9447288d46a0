import numpy as np
import pytest
from numpy.testing import assert_allclose
from screening_cases import GOLDEN, golden_data

from skextras.numerics._density_kernels import (
    kernel_weights,
    margin_term,
    smooth_columns,
    smooth_rows,
    sum_xlogx,
)
from skextras.numerics.density import (
    class_scores,
    full_kernel_score,
    make_grid,
    pooled_deviation,
    positions,
    product_kernel_scores,
    spread,
)
from skextras.numerics.ranks import normal_scores


def gridded(values, bandwidth, sizes):
    grid = make_grid(values.min(axis=1), values.max(axis=1), bandwidth, sizes)
    return positions(values, grid), grid


def direct_sum(x, y, h_x, h_y, size=400, reach=6):
    """Mutual information by summing every kernel on a fine grid."""
    gx = np.linspace(x.min() - reach * h_x, x.max() + reach * h_x, size)
    gy = np.linspace(y.min() - reach * h_y, y.max() + reach * h_y, size)
    density = np.exp(-0.5 * ((gx[:, None] - x) / h_x) ** 2)
    density = density @ np.exp(-0.5 * ((gy[:, None] - y) / h_y) ** 2).T
    density /= density.sum()
    terms = [density, density.sum(axis=0), density.sum(axis=1)]
    joint, first, second = ((f[f > 0] * np.log(f[f > 0])).sum() for f in terms)
    return joint - first - second


def test_logarithms_are_numpys(seed):
    values = np.random.default_rng(seed).random(1001) ** 20 + 1e-300
    scratch = np.empty(1001)
    total = sum_xlogx(values, values.view(np.int64), scratch, scratch.view(np.int64))
    assert_allclose(total, (values * np.log(values)).sum(), rtol=1e-13)


@pytest.mark.parametrize("width", [0.0, 0.3, 1.1, 1.5, 3.0])
def test_smoothing_is_convolution(width, seed):
    table = np.zeros((30, 25))
    table[8:22, 9:17] = np.random.default_rng(seed).random((14, 8))
    half = kernel_weights(width, 25)
    kernel = np.concatenate([half[:0:-1], half])
    assert_allclose(kernel.sum(), 1, rtol=1e-14)
    rows, columns = np.empty_like(table), np.empty_like(table)
    smooth_rows(table, half, rows)
    smooth_columns(table, half, np.empty(75), columns)
    wanted = np.array([np.convolve(c, kernel)[len(half) - 1 :][:30] for c in table.T])
    assert_allclose(rows, wanted.T, atol=1e-15)
    wanted = np.array([np.convolve(r, kernel)[len(half) - 1 :][:25] for r in table])
    assert_allclose(columns, wanted, atol=1e-15)


def test_product_kernel_is_the_direct_sum(seed):
    x, e = np.random.default_rng(seed).standard_normal((2, 300))
    y = 0.5 * x**2 + e
    h = np.array([0.35])
    x_at, x_grid = gridded(x[None], h, (48, 64, 96))
    y_at, y_grid = gridded(y[None], 1.5 * h, (48, 64, 96))
    ours = product_kernel_scores(x_at, x_grid, y_at, y_grid)[0]
    assert_allclose(ours, direct_sum(x, y, 0.35, 0.525), rtol=0, atol=3e-4)


def test_product_kernel_is_symmetric(seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 1, 200))
    x_at, x_grid = gridded(x, np.array([0.4]), 48)
    y_at, y_grid = gridded(y, np.array([0.3]), 64)
    one = product_kernel_scores(x_at, x_grid, y_at, y_grid)
    other = product_kernel_scores(y_at, y_grid, x_at, x_grid)
    assert_allclose(one, other, rtol=0, atol=1e-12)


def test_margins_of_the_joint_density_are_those_of_one_variable(seed):
    # The score uses this: no mass may leave the grid.
    x = np.random.default_rng(seed).standard_normal((1, 100))
    x_at, grid = gridded(x, np.array([0.4]), 48)
    weights = kernel_weights(grid.width[0], 48)
    counts = np.zeros((48, 1))
    for position in x_at[0]:
        cell = int(position)
        counts[cell] += (1 - position + cell) / 100
        counts[cell + 1] += (position - cell) / 100
    smoothed = np.empty_like(counts)
    smooth_rows(counts, weights, smoothed)
    assert_allclose(smoothed.sum(), 1, rtol=1e-13)
    term = (smoothed[smoothed > 0] * np.log(smoothed[smoothed > 0])).sum()
    assert_allclose(margin_term(x_at[0], 48, weights), term, rtol=1e-12)


def test_full_kernel_without_correlation_is_the_product_kernel(seed):
    x, e = np.random.default_rng(seed).standard_normal((2, 1, 400))
    y = x + e
    x_at, x_grid = gridded(x, np.array([0.35]), 96)
    y_at, y_grid = gridded(y, np.array([0.45]), 96)
    product = product_kernel_scores(x_at, x_grid, y_at, y_grid)[0]
    full = full_kernel_score(x_at, x_grid, y_at, y_grid, 0.0)
    assert_allclose(full, product, rtol=0, atol=2e-4)


def test_grids_choose_the_first_fine_enough():
    low, high = np.zeros(3), np.array([1.0, 10.0, 1000.0])
    grid = make_grid(low, high, np.full(3, 0.2), (48, 64, 96))
    assert grid.size.tolist() == [48, 64, 96]
    assert grid.coarse.tolist() == [False, False, True]
    assert_allclose(grid.low, -0.9)
    assert_allclose(grid.low + grid.step * (grid.size - 1), high + 0.9)
    assert grid.width[2] == 0.0


def test_grids_agree(seed):
    x, e = np.random.default_rng(seed).standard_normal((2, 1, 400))
    h = np.array([400 ** (-1 / 6)])
    scores = []
    for sizes in ((48, 96), (96, 48), (96, 96)):
        x_at, x_grid = gridded(x, h, sizes[0])
        y_at, y_grid = gridded(x + e, h, sizes[1])
        scores.append(product_kernel_scores(x_at, x_grid, y_at, y_grid)[0])
    assert np.ptp(scores) < 1e-3


def test_spread_falls_back_on_the_deviation():
    atom = np.r_[np.zeros(9), 5.0][None]
    assert_allclose(spread(atom), atom.std())
    normal = np.random.default_rng(0).standard_normal((1, 100))
    low, high = np.percentile(normal, (25, 75))
    wanted = min(normal.std(), (high - low) / 1.3489795)
    assert_allclose(spread(normal), wanted)


def test_classes_are_the_direct_sum():
    X, _, binary = golden_data()
    z, codes = normal_scores(np.ascontiguousarray(X[:, :3].T)), binary.astype(np.int32)
    h = pooled_deviation(z, codes[None], 2) * 400 ** (-1 / 5)
    at, grid = gridded(z, h, (256, 512))
    scores = class_scores(at, grid, codes[None], 2)
    assert_allclose(scores, GOLDEN["fftkde_binary"], rtol=0, atol=3e-4)
    points = np.linspace(-5, 5, 2001)
    for row, width, score in zip(z, h, scores, strict=True):
        kernels = np.exp(-0.5 * ((points[:, None] - row) / width) ** 2)
        densities = np.array([kernels[:, codes == c].mean(axis=1) for c in (0, 1)])
        densities /= densities.sum(axis=1, keepdims=True)
        share = np.array([(codes == c).mean() for c in (0, 1)])[:, None]
        ratio = np.log(np.maximum(densities, 1e-300) / (share * densities).sum(axis=0))
        assert_allclose(score, (share * densities * ratio).sum(), atol=3e-4)


def test_one_row_serves_all(seed):
    rng = np.random.default_rng(seed)
    z, codes = rng.standard_normal((1, 80)), rng.integers(0, 3, (4, 80))
    codes = codes.astype(np.int32)
    at, grid = gridded(z, np.array([0.3]), 256)
    together = class_scores(at, grid, codes, 3)
    apart = [class_scores(at, grid, codes[j : j + 1], 3)[0] for j in range(4)]
    assert_allclose(together, apart, rtol=1e-14)
    deviation = pooled_deviation(z, codes, 3)
    alone = [pooled_deviation(z, codes[j : j + 1], 3)[0] for j in range(4)]
    assert_allclose(deviation, alone, rtol=1e-14)


def test_absent_and_single_classes(seed):
    rng = np.random.default_rng(seed)
    z, codes = rng.standard_normal((2, 60)), np.zeros((1, 60), np.int32)
    codes[0, :30], codes[0, 30] = 1, 2
    at, grid = gridded(z, np.full(2, 0.4), 256)
    few, many = class_scores(at, grid, codes, 3), class_scores(at, grid, codes, 7)
    assert_allclose(few, many, rtol=1e-13)
    assert np.isfinite(few).all()


def test_pooled_deviation_within_constant_classes_is_the_total_one():
    values, codes = np.array([[0.1, 0.1, 0.3, 0.3]]), np.array([[0, 0, 1, 1]])
    assert_allclose(pooled_deviation(values, codes, 2), values.std())
