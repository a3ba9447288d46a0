"""Parametrisations of the precision matrix."""

import numpy as np
import pytest
from rbf_cases import assert_gradient, table

from skextras.numerics.rbf_metric import Metric

ALL = np.ones(3, dtype=bool)
METRICS = [
    Metric("full", ALL),
    Metric("full", ALL, 2),
    Metric("diag", ALL),
    Metric("spherical", ALL),
    Metric("full", np.array([True, False, True])),
    Metric("diag", np.array([True, False, True])),
    Metric("spherical", np.array([True, False, True])),
]


def random_params(metric, seed=0):
    """Parameters in which inactive features have none, as training leaves them."""
    params = np.random.default_rng(seed).standard_normal(metric.size)
    if metric.kind == "spherical":
        return params
    return (params.reshape(-1, len(metric.active)) * metric.active).ravel()


@pytest.mark.parametrize("metric", METRICS)
def test_projection_is_the_product_with_the_factor(metric):
    X, params = table(0)[0], random_params(metric)
    L = metric.factor(params)
    assert L.shape == (metric.n_rows, 3)
    np.testing.assert_allclose(metric.project(params, X), X @ L.T, rtol=1e-12)
    np.testing.assert_array_equal(L[:, ~metric.active], 0)


@pytest.mark.parametrize("metric", METRICS)
def test_trace_and_its_gradient(metric):
    params = random_params(metric)
    L = metric.factor(params)
    np.testing.assert_allclose(metric.trace(params)[0], np.trace(L.T @ L))
    assert_gradient(metric.trace, params, rtol=1e-8)


@pytest.mark.parametrize("metric", METRICS)
def test_pull_is_the_transpose_of_project(metric):
    X, params = table(0)[0], random_params(metric)
    dZ = np.random.default_rng(1).standard_normal((30, metric.n_rows))

    def function(params):
        value = (metric.project(params, X) * dZ).sum()
        return value, metric.pull(params, dZ, X)

    gradient = function(params)[1]
    if metric.kind == "spherical":
        assert_gradient(function, params, rtol=1e-8)
        return
    columns = gradient.reshape(-1, 3)
    np.testing.assert_array_equal(columns[:, ~metric.active], 0)
    expected = dZ.T @ X if metric.kind == "full" else (dZ * X).sum(axis=0)[None]
    np.testing.assert_allclose(columns[:, metric.active], expected[:, metric.active])


@pytest.mark.parametrize("metric", METRICS)
def test_start(metric):
    rotation = None
    if metric.rank is not None:
        rotation = np.random.default_rng(0).standard_normal((3, metric.rank))
    L = metric.factor(metric.start(0.5, rotation))
    if rotation is None:
        np.testing.assert_array_equal(L, 0.5 * np.diag(metric.active))
        return
    # Distances are, on average over directions, those of 0.5 times the identity.
    expected = 0.25 * 3 / metric.rank * np.eye(metric.rank)
    np.testing.assert_allclose(L @ L.T, expected, atol=1e-15)
    np.testing.assert_allclose(np.trace(L.T @ L), 3 * 0.25)


def test_full_metric_of_a_diagonal_one():
    diagonal, full = Metric("diag", ALL), Metric("full", ALL)
    params = np.array([0.5, 1.0, 2.0])
    np.testing.assert_array_equal(
        full.factor(full.from_diagonal(params)), diagonal.factor(params)
    )
