"""Outputs, gradients, active subspace and importances of networks."""

import numpy as np
import pytest
from rbf_cases import GOLDEN, central_differences, dense_kernel, golden_problem, table

from skextras.numerics.rbf_network import (
    Network,
    active_subspace,
    gradient_importances,
    gradient_outer_product,
    precision_importances,
)


def network(seed, linear_term=True, n_outputs=2):
    rng = np.random.default_rng(seed)
    L, C = rng.standard_normal((2, 3)), rng.standard_normal((4, 3))
    W = rng.standard_normal((8 if linear_term else 5, n_outputs))
    return Network(L, C @ L.T, W), C


@pytest.mark.parametrize("linear_term", [False, True])
def test_outputs(seed, linear_term):
    X = table(seed)[0]
    net, C = network(seed, linear_term)
    F = [dense_kernel(X, C, net.factor), np.full((30, 1), 3.0)] + [X] * linear_term
    np.testing.assert_allclose(net.outputs(X), np.hstack(F) @ net.weights, atol=1e-10)
    assert net.linear_term == linear_term


@pytest.mark.parametrize("linear_term", [False, True])
def test_gradients_are_differences_of_outputs(seed, linear_term):
    net, _ = network(seed, linear_term)
    for x in table(seed, 5)[0]:
        for output in range(2):
            differences = central_differences(
                lambda x, output=output: net.outputs(x[None])[:, output], x
            )
            gradient = net.gradients(x[None])[0, :, output]
            np.testing.assert_allclose(gradient, differences, atol=1e-7)


def test_gradient_outer_product(monkeypatch, seed):
    X, _, weights = table(seed, 200)
    net, _ = network(seed)
    g = net.gradients(X)
    expected = np.einsum("i,ijo,iko->jk", weights / weights.sum(), g, g)
    M = gradient_outer_product(net, X, weights)
    np.testing.assert_allclose(M, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(M, M.T)
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 1)
    blocked = gradient_outer_product(net, X, weights)
    np.testing.assert_allclose(blocked, M, rtol=1e-10, atol=1e-12)


def test_active_subspace(seed):
    M = np.cov(table(seed, 9, 5)[0].T)
    values, components = active_subspace(M)
    np.testing.assert_allclose(components @ components.T, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(components.T * values @ components, M, atol=1e-12)
    assert (np.diff(values) <= 0).all()
    largest = components[np.arange(5), np.abs(components).argmax(axis=1)]
    assert (largest > 0).all()


def test_eigenvalues_are_not_negative():
    a = np.array([1.0, 1e-9, 3.0])
    assert (active_subspace(np.outer(a, a) - 1e-18 * np.eye(3)).eigenvalues >= 0).all()


@pytest.mark.parametrize(
    ("wanted", "width"),
    [
        (None, 4),
        (2, 2),
        (0.5, 1),
        (0.6, 1),
        (0.61, 2),
        (0.9, 2),
        (0.95, 3),
        (1 - 1e-9, 3),
    ],
)
def test_width(wanted, width):
    subspace = active_subspace(np.diag([6.0, 3.0, 1.0, 0.0]))
    assert subspace.width(wanted) == width


def test_no_subspace():
    subspace = active_subspace(np.zeros((4, 4)))
    assert [subspace.width(wanted) for wanted in (None, 2, 0.95)] == [4, 2, 1]
    for importances in (
        gradient_importances(np.zeros((4, 4))),
        precision_importances(subspace),
    ):
        np.testing.assert_array_equal(importances, 0.25)


def test_golden_importances():
    L = golden_problem()[2]
    importances = precision_importances(active_subspace(L @ L.T))
    np.testing.assert_allclose(importances, GOLDEN["importances"], atol=5e-9)


def test_importances_of_a_linear_function():
    slopes = np.array([3.0, 0.0, -1.0])
    net = Network(np.eye(3), np.zeros((1, 3)), np.r_[0, 0, slopes][:, None])
    M = gradient_outer_product(net, table(0)[0], np.ones(30))
    np.testing.assert_allclose(gradient_importances(M), [0.75, 0, 0.25], atol=1e-12)
