"""Nearest neighbours on the trajectory of a delay embedding."""

import numpy as np
import pytest

from skextras.numerics import delay_neighbours
from skextras.numerics.delay_neighbours import nearest_neighbours


def brute_force(points, window=None, p=2.0):
    """From the definition: smallest index among the neighbours that tie."""
    n_points = len(points)
    differences = np.abs(points[:, None] - points)
    distance = np.linalg.norm(differences, ord=p, axis=2)
    apart = np.abs(np.subtract.outer(np.arange(n_points), np.arange(n_points)))
    allowed = distance > 0 if window is None else apart > window
    distance = np.where(allowed, distance, np.inf)
    nearest = distance.min(axis=1)
    tied = allowed & (distance <= nearest[:, None] * (1 + 1e-9))
    index = np.where(tied, np.arange(n_points), n_points).min(axis=1)
    return index, nearest


def check(points, **options):
    neighbours, distances = nearest_neighbours(points, **options)
    expected, nearest = brute_force(points, **options)
    np.testing.assert_array_equal(neighbours, expected)
    np.testing.assert_allclose(distances, nearest, rtol=1e-9)


@pytest.mark.parametrize("n_dimensions", [1, 2, 5])
@pytest.mark.parametrize("window", [0, 1, 20, 59])
def test_theiler_window(seed, n_dimensions, window):
    rng = np.random.default_rng(seed)
    check(rng.standard_normal((120, n_dimensions)).cumsum(axis=0), window=window)


@pytest.mark.parametrize("p", [2.0, np.inf])
@pytest.mark.parametrize("n_levels", [2, 4, 30])
@pytest.mark.parametrize("window", [None, 10])
def test_ties_and_duplicates(seed, p, n_levels, window):
    levels = np.random.default_rng(seed).integers(0, n_levels, (150, 2))
    check(levels.astype(float), window=window, p=p)
    # Equal distances come out of this unit a few units in the last place apart.
    check(levels * 0.1e-6 + 0.3e-6, window=window, p=p)


def test_non_zero_distance(seed):
    points = np.random.default_rng(seed).standard_normal((50, 3))
    check(np.repeat(points, 9, axis=0), p=np.inf)


def test_rows_are_a_part_of_all(seed):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((80, 2))
    rows = rng.choice(80, 11, replace=False)
    neighbours, distances = nearest_neighbours(points, window=6)
    some, near = nearest_neighbours(points, window=6, rows=rows)
    np.testing.assert_array_equal(some, neighbours[rows])
    np.testing.assert_array_equal(near, distances[rows])


def test_blocks_change_nothing(seed, monkeypatch):
    points = np.random.default_rng(seed).integers(0, 9, (200, 2)) / 7
    expected = nearest_neighbours(points, window=15)
    monkeypatch.setattr(delay_neighbours, "_MAX_QUERY_SIZE", 64)
    actual = nearest_neighbours(points, window=15)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("n_points", [1, 2, 7])
def test_no_neighbour(n_points):
    for points, window in (
        (np.zeros((n_points, 2)), None),
        (np.arange(2.0 * n_points).reshape(n_points, 2), n_points - 1),
    ):
        neighbours, distances = nearest_neighbours(points, window=window)
        assert (neighbours == n_points).all()
        assert np.isposinf(distances).all()


def test_fewest_points_for_a_window():
    """With 2 w + 2 points each has a neighbour, with one less the middle has none."""
    for window in (0, 1, 5):
        points = np.arange(2.0 * window + 2)[:, None]
        assert np.isfinite(nearest_neighbours(points, window=window)[1]).all()
        distances = nearest_neighbours(points[:-1], window=window)[1]
        assert np.flatnonzero(np.isinf(distances)).tolist() == [window]


def test_input_is_not_written(seed):
    points = np.random.default_rng(seed).standard_normal((30, 2))
    points.setflags(write=False)
    check(points, window=2)
