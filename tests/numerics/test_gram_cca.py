"""Inner products of rows: the answer of second moments, without them."""

import numpy as np
import pytest
from numerics.cca_cases import generalised_values
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.gram_cca import (
    basis_weights,
    centred_rows,
    solve_gram,
    view_basis,
)
from skextras.numerics.view_moments import solve_moments


def wide_views(seed, n_rows=30, widths=(50, 40, 6)):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n_rows, 3))
    return [
        shared @ rng.standard_normal((3, w)) + rng.standard_normal((n_rows, w)) + 5
        for w in widths
    ]


@pytest.mark.parametrize("n_views", [2, 3])
@pytest.mark.parametrize("step", [7, 1000])
def test_equals_the_generalised_problem(seed, n_views, step):
    views = wide_views(seed)[-n_views:]
    found = solve_gram(views, [0.3] * n_views, n_components=3, step=step)
    expected = generalised_values(views, [0.3] * n_views)[:3]
    assert_allclose(found.singular_values, expected, rtol=1e-9)
    for view, mean in zip(views, found.means, strict=True):
        assert_allclose(mean, view.mean(0), rtol=1e-12)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("by_rows", [[True, True], [False, False], [True, False]])
def test_equals_second_moments_on_long_views(seed, scale, by_rows):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 6)) * np.logspace(-1, 1, 6)
    views = [x, x[:, :4] / np.logspace(-1, 1, 4) + rng.standard_normal((40, 4))]
    for shares in ([0.0, 0.0], [0.4, 0.1]):
        found = solve_gram(views, shares, scale=scale, by_rows=by_rows, n_components=2)
        joint = np.hstack(views)
        units = joint.std(0, ddof=1) if scale else np.ones(10)
        C = np.cov(joint / units, rowvar=False)
        expected = solve_moments(C, (6, 4), 40, shares, n_components=2)
        assert_allclose(found.singular_values, expected.singular_values, rtol=1e-9)
        whole = [
            expected.weights[0] / units[:6, None],
            expected.weights[1] / units[6:, None],
        ]
        sign = np.sign((found.weights[1] * whole[1]).sum(0))
        for w, e in zip(found.weights, whole, strict=True):
            size = np.abs(e).max(axis=1, keepdims=True)
            assert_allclose(w * sign / size, e / size, atol=1e-9)


def test_variates_are_those_of_the_weights(seed):
    views = wide_views(seed)[:2]
    found = solve_gram(views, [0.2, 0.2], n_components=2)
    for view, mean, w, z in zip(
        views, found.means, found.weights, found.variates, strict=True
    ):
        assert_allclose((view - mean) @ w / np.sqrt(29), z, atol=1e-10)
    first = found.weights[0]
    assert (first[np.abs(first).argmax(0), [0, 1]] > 0).all()


def test_weights_are_repetitions(seed):
    views = wide_views(seed)
    weights = np.random.default_rng(seed).integers(0, 3, 30).astype(float)
    repeated = [v.repeat(weights.astype(int), axis=0) for v in views]
    for share in (0.2, "auto"):
        a = solve_gram(views, [share] * 3, weights=weights, n_components=2)
        b = solve_gram(
            repeated, [share] * 3, n_components=2, by_rows=[True, True, False]
        )
        assert_allclose(a.shrinkage, b.shrinkage, rtol=1e-9)
        assert_allclose(a.singular_values, b.singular_values, rtol=1e-9)


def test_automatic_share_of_wide_and_narrow_views(seed):
    from sklearn.covariance import ledoit_wolf_shrinkage

    views = wide_views(seed)
    found = solve_gram(views, ["auto"] * 3)
    assert_allclose(
        found.shrinkage, [ledoit_wolf_shrinkage(v) for v in views], rtol=1e-9
    )


def test_rank_without_shrinkage_ignores_units(seed):
    view = wide_views(seed)[0]
    scaled = view * np.logspace(-8, 8, 50)
    basis = view_basis(scaled, 0.0)
    assert basis.rows.shape == (30, 29)
    assert_allclose(basis.rows.T @ basis.rows, np.eye(29), atol=1e-9)
    w = basis_weights(basis, scaled, np.eye(29))
    assert_allclose((scaled - scaled.mean(0)) @ w / np.sqrt(29), basis.rows, atol=1e-7)


def test_constant_columns_are_exactly_zero(seed):
    view = wide_views(seed)[0]
    view[:, 4] = 1e9 / 3
    for share in (0.0, 0.5):
        w = basis_weights(view_basis(view, share), view, np.eye(29))
        assert_array_equal(w[4], 0)


def test_target_one_makes_orthonormal_weights(seed):
    views = wide_views(seed)[:2]
    found = solve_gram(views, [1.0, 1.0], n_components=3, targets=[1.0, 1.0])
    values = np.linalg.svd(
        np.cov(np.hstack(views), rowvar=False)[:50, 50:], compute_uv=False
    )
    assert_allclose(found.singular_values, values[:3], rtol=1e-10)
    for w in found.weights:
        assert_allclose(w.T @ w, np.eye(3), atol=1e-10)


def test_centred_rows_take_any_type():
    rows = np.array([[1, 200], [3, 100]], dtype=np.uint8)
    found = centred_rows(rows, np.array([2.0, 150.0]), np.array([1.0, 50.0]))
    assert_array_equal(found, [[-1, 1], [1, -1]])
