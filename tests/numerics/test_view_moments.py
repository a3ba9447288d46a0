"""Joint moments: chunks, merges, and the solutions they give."""

import numpy as np
import pytest
from numerics.cca_cases import (
    canonical_correlations,
    constructed_views,
    correlated_views,
    generalised_values,
)
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.view_moments import (
    empty_view_moments,
    merge_view_moments,
    rotate_weights,
    solve_moments,
    state_covariance,
    update_view_moments,
    variate_covariances,
)


def solved(views, shares=(0, 0), **options):
    joint = np.cov(np.hstack(views), rowvar=False)
    widths = [v.shape[1] for v in views]
    return solve_moments(joint, widths, len(views[0]), shares, **options)


def test_state_does_not_depend_on_chunks(seed):
    x, y = correlated_views(seed)
    rows = np.hstack([x, y]) + 1e3
    whole = update_view_moments(empty_view_moments((6, 4)), rows)
    a = update_view_moments(empty_view_moments((6, 4)), rows[:17])
    b = update_view_moments(empty_view_moments((6, 4)), rows[17:])
    for state in (update_view_moments(a, rows[17:]), merge_view_moments(a, b)):
        assert state.n_rows == 300
        assert_allclose(
            state_covariance(state), state_covariance(whole), rtol=1e-11, atol=1e-12
        )
    assert_allclose(
        state_covariance(whole), np.cov(rows, rowvar=False), rtol=1e-9, atol=1e-11
    )


def test_rows_of_weight_zero_are_not_counted():
    state = update_view_moments(
        empty_view_moments((1, 1)), np.eye(2), np.array([0.0, 2.0])
    )
    assert state.n_rows == 1
    assert [part.start for part in state.columns] == [0, 1]


def test_constructed_correlations_come_back(seed):
    rho = np.array([0.95, 0.5, 0.1])
    found = solved(constructed_views(rho, seed=seed))
    assert_allclose(found.singular_values[:3], rho, rtol=1e-11)
    assert_allclose(found.singular_values[3], 0, atol=1e-11)
    assert_allclose(found.covariances[:4, :4], np.eye(4), atol=1e-10)
    assert_allclose(
        found.covariances[:4, 4:], np.diag(found.singular_values), atol=1e-10
    )
    assert found.weights[0][np.abs(found.weights[0]).argmax(0), range(4)].min() > 0


def test_equals_the_route_by_orthonormal_bases(seed):
    views = correlated_views(seed)
    assert_allclose(solved(views).spectrum, canonical_correlations(*views), atol=1e-12)


@pytest.mark.parametrize("shares", [(0.0, 0.3, 1.0), (0.1, 0.1, 0.1)])
def test_several_views(seed, shares):
    x, y = correlated_views(seed)
    views = [x, y, x[:, :3] + np.random.default_rng(seed).standard_normal((300, 3))]
    found = solved(views, shares, n_components=2)
    assert_allclose(
        found.singular_values, generalised_values(views, shares)[:2], rtol=1e-11
    )


def test_more_components_than_rank_are_not_invented(seed):
    x, y = correlated_views(seed)
    y[:, 3] = y[:, 0]
    found = solved([x, y], n_components=4)
    assert found.ranks == [6, 3]
    assert found.weights[0].shape == (6, 3)


def test_rotation_finds_the_directions_in_a_span(seed):
    x, y = correlated_views(seed)
    joint = np.cov(np.hstack([x, y]), rowvar=False)
    whole = solved([x, y], (0.2, 0.2), n_components=2)
    mix = np.random.default_rng(seed).standard_normal((2, 2, 2))
    mixed = [w @ m for w, m in zip(whole.weights, mix, strict=True)]
    targets = [np.trace(joint[:6, :6]) / 6, np.trace(joint[6:, 6:]) / 4]
    found, rotations = rotate_weights(
        mixed, variate_covariances(joint, mixed), [0.2, 0.2], targets
    )
    assert_allclose(found.singular_values, whole.singular_values, rtol=1e-10)
    for w, expected, m, r in zip(
        found.weights, whole.weights, mixed, rotations, strict=True
    ):
        assert_allclose(w, expected, rtol=1e-7, atol=1e-9)
        assert_array_equal(w, m @ r)
    assert_allclose(found.covariances, whole.covariances, atol=1e-9)


def test_rotation_drops_dependent_directions(seed):
    x, y = correlated_views(seed)
    joint = np.cov(np.hstack([x, y]), rowvar=False)
    w = [np.eye(6)[:, [0, 0]], np.eye(4)[:, :2]]
    found, _ = rotate_weights(w, variate_covariances(joint, w), [0, 0], [1, 1])
    assert found.ranks == [1, 2]
    assert found.weights[0].shape == (6, 1)


def test_covariances_of_variates(seed):
    x, y = correlated_views(seed)
    rng = np.random.default_rng(seed)
    w = [rng.standard_normal((6, 2)), rng.standard_normal((4, 2))]
    expected = np.cov(np.hstack([x @ w[0], y @ w[1]]), rowvar=False)
    joint = np.cov(np.hstack([x, y]), rowvar=False)
    assert_allclose(variate_covariances(joint, w), expected, rtol=1e-11, atol=1e-12)
