"""Statistics against explicit float64 reconstruction, and their closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.subspace_scores import (
    Subspace,
    coordinates,
    residual_path,
    row_statistics,
)

STATISTICS = ("residual", "t2", "combined", "cosine")


def model(seed, d=60, k=20, n_dropped=0, outside=1e-2, mean=2.0, minor=False):
    """A subspace of falling variances, and float32 rows around it."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    inside = np.arange(1.0, k + 1) ** -1.0
    inside /= inside.sum()
    variances = np.concatenate([inside, np.full(d - k, outside / (d - k))])
    mu = mean * rng.standard_normal(d)
    x = (rng.standard_normal((700, d)) * np.sqrt(variances)) @ Q.T + mu
    subspace = Subspace(
        mu,
        Q[:, :k],
        inside,
        outside / (d - k),
        n_dropped,
        Q[:, k:] if minor else None,
    )
    return subspace, x.astype(np.float32)


def explicit(x, subspace, statistic):
    """The definitions, by reconstruction in float64."""
    y = x.astype(np.float64) - subspace.mean
    V, q = subspace.directions, subspace.n_dropped
    z = y @ V
    inside = z[:, q:] @ V[:, q:].T
    t2 = (z[:, q:] ** 2 / subspace.variances[q:]).sum(axis=1)
    if statistic == "residual":
        return ((y - inside) ** 2).sum(axis=1)
    if statistic == "t2":
        return t2
    if statistic == "combined":
        return t2 + ((y - z @ V.T) ** 2).sum(axis=1) / subspace.noise_variance
    image = subspace.mean + inside
    unit = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    unit_image = image / np.linalg.norm(image, axis=1, keepdims=True)
    return ((unit - unit_image) ** 2).sum(axis=1) / 2


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("n_dropped", [0, 3, 12])
@pytest.mark.parametrize("k", [3, 8, 20])
def test_definitions(seed, statistic, n_dropped, k):
    if n_dropped >= k:
        n_dropped = k - 1
    subspace, x = model(seed, k=k, n_dropped=n_dropped)
    x = x.astype(np.float64)
    found = row_statistics(x, subspace.cast(np.float64), statistic)
    assert_allclose(found, explicit(x, subspace, statistic), rtol=1e-9)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("mean", [0.0, 2.0, 1e4])
@pytest.mark.parametrize("outside", [1e-1, 1e-2])
def test_single_precision(seed, statistic, mean, outside):
    subspace, x = model(seed, d=384, k=96, mean=mean, outside=outside)
    found = row_statistics(x, subspace.cast(np.float32), statistic)
    assert found.dtype == np.float32
    expected = explicit(x, subspace, statistic)
    assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("mean", [0.0, 2.0])
def test_single_precision_of_tiny_residuals(seed, mean):
    subspace, x = model(seed, d=384, k=96, mean=mean, outside=1e-6)
    found = row_statistics(x, subspace.cast(np.float32), "residual")
    assert_allclose(found, explicit(x, subspace, "residual"), rtol=1e-2)


@pytest.mark.parametrize("n_dropped", [0, 2, 11])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minor_directions_give_the_same_residual(seed, n_dropped, dtype):
    subspace, x = model(seed, k=50, n_dropped=n_dropped, minor=True)
    found = row_statistics(x.astype(dtype), subspace.cast(dtype), "residual")
    rtol = 1e-5 if dtype == np.float32 else 1e-10
    assert_allclose(found, explicit(x, subspace, "residual"), rtol=rtol)


def test_pythagoras(seed):
    subspace, x = model(seed)
    prepared = subspace.cast(np.float64)
    x = x.astype(np.float64)
    z = coordinates(x, prepared)
    residual = row_statistics(x, prepared, "residual")
    total = ((x - subspace.mean) ** 2).sum(axis=1)
    assert_allclose(residual + (z**2).sum(axis=1), total, rtol=1e-12)


def test_points_of_the_subspace_and_across(seed, float_dtype):
    subspace, _ = model(seed, mean=0.5)
    rng = np.random.default_rng(seed)
    inside = subspace.mean + rng.standard_normal((5, 20)) @ subspace.directions.T
    across = rng.standard_normal((5, 60))
    across -= across @ subspace.directions @ subspace.directions.T
    prepared = subspace.cast(float_dtype)
    eps = np.finfo(float_dtype).eps
    zero = row_statistics(inside.astype(float_dtype), prepared, "residual")
    assert (zero >= 0).all()
    assert zero.max() < 1e4 * eps**2
    found = row_statistics((inside + across).astype(float_dtype), prepared, "residual")
    assert_allclose(found, (across**2).sum(axis=1), rtol=50 * eps)


def test_cosine_without_direction():
    plane = Subspace(np.zeros(3), np.eye(3)[:, :1], np.ones(1), 1.0)
    x = np.array([[0.0, 0, 0], [0, 1, 0], [2, 0, 0], [1, 1, 0]])
    found = row_statistics(x, plane.cast(np.float64), "cosine")
    assert_allclose(found, [1, 1, 0, 1 - np.sqrt(0.5)], atol=1e-15)
    # An image on the other side.
    shifted = plane._replace(mean=np.array([0.0, 4, 0]))
    found = row_statistics(np.array([[1.0, -1, 0]]), shifted.cast(np.float64), "cosine")
    cosine = np.dot([1, -1], [1, 4]) / np.sqrt(2 * 17)
    assert_allclose(found, 1 - cosine, rtol=1e-12)


@pytest.mark.parametrize("n_dropped", [0, 3])
def test_path_equals_smaller_subspaces(seed, n_dropped, float_dtype):
    subspace, x = model(seed, n_dropped=n_dropped)
    x, counts = x.astype(float_dtype), [20, 0, 7, 2, 19]
    path = residual_path(x, subspace.cast(float_dtype), counts)
    assert path.dtype == float_dtype
    rtol = 1e-4 if float_dtype == np.float32 else 1e-9
    for column, k in zip(path.T, counts, strict=True):
        smaller = subspace._replace(
            directions=subspace.directions[:, :k],
            variances=subspace.variances[:k],
            n_dropped=min(n_dropped, k),
        )
        assert_allclose(column, explicit(x, smaller, "residual"), rtol=rtol)
    ordered = path[:, np.argsort(counts)]
    if not n_dropped:
        assert (np.diff(ordered, axis=1) <= 0).all()


def test_no_components_and_memory_orders(seed):
    subspace, x = model(seed, k=20)
    x = x[:40].astype(np.float64)
    nothing = subspace._replace(
        directions=subspace.directions[:, :0], variances=np.empty(0)
    )
    found = row_statistics(x, nothing.cast(np.float64), "residual")
    assert_allclose(found, ((x - subspace.mean) ** 2).sum(axis=1), rtol=1e-13)
    assert coordinates(x, nothing.cast(np.float64)).shape == (40, 0)
    expected = row_statistics(x, subspace.cast(np.float64), "residual")
    before = x.copy()
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        found = row_statistics(other, subspace.cast(np.float64), "residual")
        assert_allclose(found, expected, rtol=1e-12)
        assert_array_equal(other, before)
    one = row_statistics(x[3:4], subspace.cast(np.float64), "residual")
    assert_allclose(one, expected[3:4], rtol=1e-12)
