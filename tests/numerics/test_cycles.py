"""Counts of cycles: closed forms, matrix products, networkx, and invariances."""

import math

import numpy as np
import pytest
from numerics.graph_cases import (
    SIZES,
    bits_of,
    complete_bipartite,
    dense_counts,
    random_series,
    ring,
)
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics import cycles
from skextras.numerics.cycles import (
    clustering,
    cycle3,
    cycle4,
    degree,
    distance_degree,
    distance_masks,
    largest_count,
)
from skextras.numerics.edges import SeriesScores, threshold_bits, unpack_graph


def random_graph(n_nodes, density, seed=0):
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n_nodes, n_nodes)) < density, 1)
    return A | A.T


@pytest.mark.parametrize("n_nodes", SIZES)
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 0.6, 1.0])
def test_counts_equal_matrix_products(n_nodes, density, seed):
    A = random_graph(n_nodes, density, seed)
    bits = bits_of(A)
    k, t, q = dense_counts(A)
    assert_array_equal(degree(bits, n_nodes), k)
    assert_array_equal(cycle3(bits, n_nodes), t)
    found_q, found_t = cycle4(bits, n_nodes)
    assert_array_equal(found_q, q)
    assert_array_equal(found_t, t)
    for counts in (cycle3(bits, n_nodes), found_q):
        assert counts.dtype == np.int64


@pytest.mark.parametrize("n_parts", [2, 3, 7])
def test_parts_change_nothing(n_parts, seed):
    bits = bits_of(random_graph(700, 0.1, seed))
    assert_array_equal(cycle3(bits, 700, n_parts=n_parts), cycle3(bits, 700))
    assert_array_equal(cycle4(bits, 700, n_parts=n_parts), cycle4(bits, 700))
    k = degree(bits, 700)
    for n_edges in (0, 700 * 699 // 2):  # either way of counting
        assert_array_equal(cycle3(bits, 700, n_edges=n_edges), cycle3(bits, 700))
    assert_array_equal(cycle3(bits, 700, n_edges=k.sum() // 2), cycle3(bits, 700))


@pytest.mark.parametrize("tile_bytes", [1, 3000, 10_000, 1 << 24])
def test_tiles_change_nothing(tile_bytes, monkeypatch, seed):
    bits = bits_of(random_graph(1003, 0.2, seed))
    expected = cycle3(bits, 1003)
    monkeypatch.setattr(cycles, "_TILE_BYTES", tile_bytes)
    assert_array_equal(cycle3(bits, 1003), expected)


def test_map_function_gets_the_parts():
    bits = bits_of(random_graph(300, 0.2))

    def backwards(function, parts):
        return [function(part) for part in reversed(list(parts))]

    options = {"n_parts": 3, "map_function": backwards}
    assert_array_equal(cycle3(bits, 300, **options), cycle3(bits, 300))
    assert_array_equal(cycle4(bits, 300, **options), cycle4(bits, 300))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 64, 129])
def test_complete_graphs(n):
    bits = bits_of(np.ones((n, n)))
    q, t = cycle4(bits, n)
    k = degree(bits, n)
    assert k.tolist() == [n - 1] * n == [largest_count("degree", n)] * n
    assert t.tolist() == [math.comb(n - 1, 2)] * n == [largest_count("cycle3", n)] * n
    assert q.tolist() == [3 * math.comb(n - 1, 3)] * n
    assert q.tolist() == [largest_count("cycle4", n)] * n
    assert largest_count("distance_degree", n) == n - 1
    assert_array_equal(cycle3(bits, n, n_edges=0), t)
    assert_array_equal(clustering(t, k), np.full(n, float(n > 2)))


def test_complete_graph_beyond_the_integers_of_float32():
    # Float32 sums are wrong above 2**24, int32 ones above 2**31.
    n = 5800
    bits = bits_of(np.broadcast_to(np.int8(1), (n, n)))
    q, t = cycle4(bits, n)
    assert math.comb(n - 1, 2) > 2**24
    assert 3 * math.comb(n - 1, 3) > 2**31
    assert_array_equal(t, math.comb(n - 1, 2))
    assert_array_equal(q, 3 * math.comb(n - 1, 3))
    assert_array_equal(cycle3(bits, n), t)
    assert_array_equal(cycle3(bits, n, n_edges=0), t)  # edge by edge


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 7), (2, 3), (30, 70), (64, 65)])
def test_complete_bipartite_graphs(m, n):
    bits = bits_of(complete_bipartite(m, n))
    q, t = cycle4(bits, m + n)
    assert not t.any()
    assert not cycle3(bits, m + n).any()
    assert q[:m].tolist() == [(m - 1) * math.comb(n, 2)] * m
    assert q[m:].tolist() == [(n - 1) * math.comb(m, 2)] * n


@pytest.mark.parametrize("n", [4, 5, 6, 100])
def test_rings(n):
    q, t = cycle4(bits_of(ring(n)), n)
    assert not t.any()
    assert q.tolist() == [int(n == 4)] * n


def test_trees_have_no_cycles(seed):
    rng = np.random.default_rng(seed)
    A = np.zeros((200, 200), dtype=int)
    for child in range(1, 200):
        parent = rng.integers(child)
        A[child, parent] = A[parent, child] = 1
    bits = bits_of(A)
    q, t = cycle4(bits, 200)
    assert not q.any()
    assert not t.any()
    assert degree(bits, 200).sum() == 2 * 199
    assert not clustering(t, degree(bits, 200)).any()


def test_chords_do_not_matter():
    square = ring(4)
    square[0, 2] = square[2, 0] = 1
    q, t = cycle4(bits_of(square), 4)
    assert q.tolist() == [1, 1, 1, 1]
    assert t.tolist() == [2, 1, 2, 1]


def test_equals_networkx(seed):
    networkx = pytest.importorskip("networkx")
    A = random_graph(90, 0.15, seed)
    graph, bits = networkx.from_numpy_array(A), bits_of(A)
    triangles = networkx.triangles(graph)
    assert cycle3(bits, 90).tolist() == [triangles[i] for i in range(90)]
    coefficients = networkx.clustering(graph)
    found = clustering(cycle3(bits, 90), degree(bits, 90))
    assert_allclose(found, [coefficients[i] for i in range(90)], rtol=1e-14)
    squares = sum(len(c) == 4 for c in networkx.simple_cycles(graph, length_bound=4))
    assert cycle4(bits, 90)[0].sum() == 4 * squares


def test_invariants(seed):
    X = random_series(200, seed)
    scores = SeriesScores(X)
    previous = None
    for graph in threshold_bits(scores, [-0.1, 0.0, 0.1, 0.2, 0.4]):
        k = degree(graph, 200)
        q, t = cycle4(graph, 200)
        assert t.sum() % 3 == 0
        assert q.sum() % 4 == 0
        assert k.sum() % 2 == 0
        assert (t <= k * (k - 1) // 2).all()
        c = clustering(t, k)
        assert (c >= 0).all()
        assert (c <= 1).all()
        if previous is not None:
            assert (t <= previous[0]).all()
            assert (q <= previous[1]).all()
        previous = t, q


def test_permuted_nodes_permute_the_counts(seed):
    A = random_graph(150, 0.2, seed)
    order = np.random.default_rng(seed).permutation(150)
    permuted = bits_of(A[np.ix_(order, order)])
    assert_array_equal(cycle3(permuted, 150), cycle3(bits_of(A), 150)[order])
    assert_array_equal(cycle4(permuted, 150)[0], cycle4(bits_of(A), 150)[0][order])


def test_disjoint_graphs_do_not_meet(seed):
    A, B = random_graph(70, 0.4, seed), random_graph(60, 0.3, seed + 1)
    both = np.zeros((130, 130), dtype=bool)
    both[:70, :70], both[70:, 70:] = A, B
    expected = np.concatenate([cycle3(bits_of(A), 70), cycle3(bits_of(B), 60)])
    assert_array_equal(cycle3(bits_of(both), 130), expected)


# Distances


@pytest.mark.parametrize("rows_per_block", [1, 7, 256])
@pytest.mark.parametrize("n_nodes", [1, 2, 65, 200])
def test_distance_masks(n_nodes, rows_per_block, seed):
    x = np.random.default_rng(seed).uniform(0, 10, (n_nodes, 3))
    edges = np.array([0.0, 2.0, 5.0, np.inf])
    masks = distance_masks(x, edges, rows_per_block=rows_per_block)
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    for mask, lower, upper in zip(masks, edges[:-1], edges[1:], strict=True):
        expected = (distance >= lower) & (distance < upper)
        assert_array_equal(unpack_graph(mask, n_nodes), expected)
        assert np.bitwise_count(mask).sum() == expected.sum()


def test_bins_hold_their_lower_edge():
    x = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    bits = bits_of(np.ones((3, 3)))
    masks = distance_masks(x, np.array([0.0, 5.0, 10.0]))
    assert distance_degree(bits, masks, 3).tolist() == [[0, 0, 0], [1, 2, 1]]
    masks = distance_masks(x, np.array([0.0, 5.0, np.nextafter(10.0, 11.0)]))
    assert distance_degree(bits, masks, 3).tolist() == [[0, 0, 0], [2, 2, 2]]


def test_bins_sum_to_the_degree(seed):
    A = random_graph(300, 0.2, seed)
    x = np.random.default_rng(seed).integers(0, 9, (300, 3)).astype(float)
    masks = distance_masks(x, np.array([0, 1, 3, 3.5, 8, np.inf]))
    k = distance_degree(bits_of(A), masks, 300)
    assert k.shape == (5, 300)
    assert_array_equal(k.sum(axis=0), A.sum(axis=1))
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    assert_array_equal(k[1], (A & (distance >= 1) & (distance < 3)).sum(axis=1))


def test_clustering_of_few_neighbours_is_zero():
    found = clustering(np.array([0, 0, 0, 1, 3]), np.array([0, 1, 2, 2, 3]))
    assert found.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_largest_counts_of_tiny_graphs(n):
    assert largest_count("cycle4", n) == 0
    assert largest_count("cycle3", n) == int(n == 3)
