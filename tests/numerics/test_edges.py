"""Edges: equality with float64, ties, densities, and independence of the panels."""

import numpy as np
import pytest
from numerics.graph_cases import (
    SIZES,
    apply_sign,
    bits_of,
    correlations,
    largest,
    random_series,
    smooth_volumes,
    thresholded,
)
from numpy.testing import assert_array_equal

from skextras.numerics import edges
from skextras.numerics.edges import (
    MatrixScores,
    SeriesScores,
    density_bits,
    density_cuts,
    empty_graphs,
    graph_bytes,
    threshold_bits,
    unpack_graph,
)

SIGNS = ("positive", "negative", "absolute")
PANELS = ((64, 64), (100, 300), (512, 4096))


def graphs_of(scores, thresholds, **options):
    bits = threshold_bits(scores, thresholds, **options)
    return [unpack_graph(graph, scores.n_nodes) for graph in bits]


def dense_graphs_of(scores, numbers, **options):
    cuts = density_cuts(scores, numbers, **options)
    bits, last_scores = density_bits(scores, cuts, **options)
    return [unpack_graph(graph, scores.n_nodes) for graph in bits], last_scores


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("n_nodes", SIZES)
def test_edges_equal_float64(n_nodes, sign, float_dtype, seed):
    X = random_series(n_nodes, seed).astype(float_dtype)
    S = apply_sign(correlations(X), sign)
    thresholds = [-0.2, 0.1, 0.3, 0.7] if sign == "positive" else [0.0, 0.3]
    graphs = graphs_of(SeriesScores(X, sign), thresholds)
    for graph, threshold in zip(graphs, thresholds, strict=True):
        assert_array_equal(graph, thresholded(S, threshold))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("n_nodes", [n for n in SIZES if n > 4])
def test_densities_equal_a_sort_in_float64(n_nodes, sign, float_dtype, seed):
    X = random_series(n_nodes, seed).astype(float_dtype)
    S = apply_sign(correlations(X), sign)
    n_pairs = (n_nodes - 1) * (n_nodes - 2) // 2  # without the constant node
    numbers = [0, 1, n_pairs // 10, n_pairs // 2, n_pairs]
    graphs, last_scores = dense_graphs_of(SeriesScores(X, sign), numbers)
    for graph, number, last in zip(graphs, numbers, last_scores, strict=True):
        expected = largest(S, number)
        assert_array_equal(graph, expected)
        smallest = S[expected].min(initial=np.inf)
        assert last == pytest.approx(smallest, abs=1e-13)


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("n_parts", [1, 3])
def test_panels_and_parts_change_nothing(panel, n_parts, seed):
    scores = SeriesScores(random_series(701, seed))
    options = {"panel": panel, "n_parts": n_parts}
    bits = threshold_bits(scores, [0.0, 0.4])
    assert_array_equal(threshold_bits(scores, [0.0, 0.4], **options), bits)
    expected, last = density_bits(scores, density_cuts(scores, [1000, 90_000]))
    cuts = density_cuts(scores, [1000, 90_000], **options)
    found, found_last = density_bits(scores, cuts, **options)
    assert_array_equal(found, expected)
    assert_array_equal(found_last, last)


def test_map_function_gets_the_parts():
    seen = []

    def backwards(function, parts):
        seen.extend(parts)
        return [function(part) for part in reversed(range(3))]

    scores = SeriesScores(random_series(130))
    options = {"panel": (32, 64), "n_parts": 3, "map_function": backwards}
    bits = threshold_bits(scores, [0.2], **options)
    assert seen == [0, 1, 2]
    assert_array_equal(bits, threshold_bits(scores, [0.2]))
    (cut,) = density_cuts(scores, [500], **options)
    assert_array_equal(
        density_bits(scores, [cut], **options)[0], density_bits(scores, [cut])[0]
    )


def test_groups_of_thresholds_change_nothing(seed):
    scores = SeriesScores(random_series(200, seed))
    thresholds = [-0.1, 0.1, 0.2, 0.5]
    alone = [threshold_bits(scores, [threshold])[0] for threshold in thresholds]
    assert_array_equal(threshold_bits(scores, thresholds), alone)
    cuts = density_cuts(scores, [100, 2000, 9000])
    alone = [density_bits(scores, [cut])[0][0] for cut in cuts]
    assert_array_equal(density_bits(scores, cuts)[0], alone)


def near_threshold(threshold, n_nodes=600, n_times=40, spread=1e-6, seed=0):
    """Series whose correlations with the first column lie around a threshold."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n_times, n_nodes))
    Z -= Z.mean(axis=0)
    first = Z[:, 0] / np.linalg.norm(Z[:, 0])
    Z -= np.outer(first, first @ Z)
    Z /= np.linalg.norm(Z, axis=0)
    r = threshold + spread * rng.uniform(-1, 1, n_nodes)
    X = r * first[:, None] + np.sqrt(1 - r**2) * Z
    X[:, 0] = first
    return X


@pytest.mark.parametrize("sign", SIGNS)
def test_pairs_that_float32_cannot_decide(sign, seed):
    X = near_threshold(0.3, seed=seed)
    if sign == "negative":
        X[:, 0] *= -1
    S = apply_sign(correlations(X), sign)
    single = X.astype(np.float32)
    unsure = np.abs(S - 0.3) < 1e-6
    assert unsure[0].sum() > 500
    # What they would be without a second look.
    naive = apply_sign(np.corrcoef(single.T).astype(np.float32), sign) > 0.3
    assert (naive != (S > 0.3))[unsure].any()
    expected = thresholded(S, 0.3)
    for panel in PANELS:
        for n_parts in (1, 2):
            options = {"panel": panel, "n_parts": n_parts}
            (graph,) = graphs_of(SeriesScores(X, sign), [0.3], **options)
            assert_array_equal(graph, expected)
    n_edges = int(expected.sum()) // 2
    (graph,), _ = dense_graphs_of(SeriesScores(X, sign), [n_edges])
    assert_array_equal(graph, expected)


@pytest.mark.parametrize("layout", ["float32", "float64"])
def test_smooth_volumes_equal_float64(layout):
    X = smooth_volumes().astype(layout)
    S = correlations(X)
    scores = SeriesScores(X)
    (graph,) = graphs_of(scores, [0.25])
    assert_array_equal(graph, thresholded(S, 0.25))
    n_edges = len(X.T) * (len(X.T) - 1) // 40
    (graph,), _ = dense_graphs_of(scores, [n_edges])
    assert_array_equal(graph, largest(S, n_edges))


def test_layouts_give_the_same_bits(seed):
    X = random_series(150, seed).astype(np.float32)
    expected = threshold_bits(SeriesScores(X), [0.2])
    frozen, frozen_columns = X.copy(), np.asfortranarray(X)
    frozen.setflags(write=False)
    frozen_columns.setflags(write=False)
    record = np.zeros(X.shape, dtype=[("pad", "i1"), ("x", "f4")])
    record["x"] = X
    variants = [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[:, ::-1].copy()[:, ::-1],
        X[::-1].copy()[::-1],
        X.astype(">f4"),
        X.astype(np.float64),
        frozen,
        frozen_columns,
        record["x"],  # not aligned
    ]
    for variant in variants:
        assert_array_equal(threshold_bits(SeriesScores(variant), [0.2]), expected)


# Ties: columns over {-1, 0, 1} have rational squares of correlations.


def exact_edges(X, numerator, denominator):
    """Edges of r > numerator / denominator in integers, and the ties."""
    X = X.astype(np.int64)
    n_times = len(X)
    product = n_times * (X.T @ X) - np.outer(X.sum(axis=0), X.sum(axis=0))
    squares = n_times * (X**2).sum(axis=0) - X.sum(axis=0) ** 2
    left = denominator**2 * product**2
    right = numerator**2 * np.outer(squares, squares)
    positive = product > 0
    edge, tie = positive & (left > right), positive & (left == right)
    np.fill_diagonal(edge, False)
    return edge, tie


@pytest.mark.parametrize(
    ("n_times", "numerator", "denominator"),
    [(3, 1, 2), (5, 1, 4), (6, 1, 2), (6, 1, 4), (9, 1, 2), (9, 1, 4), (24, 1, 2)],
)
def test_ties_are_no_edges(n_times, numerator, denominator, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (n_times, 400)).astype(np.float64)
    expected, tie = exact_edges(X, numerator, denominator)
    if n_times < 24:
        assert tie.any()
    scores = SeriesScores(X)
    (graph,) = graphs_of(scores, [numerator / denominator])
    assert_array_equal(graph, expected)


def test_the_tie_width_is_needed():
    # Without it rounding makes edges of ties: at T = 5 and 1/4, for one.
    X = np.random.default_rng(0).integers(-1, 2, (5, 400)).astype(np.float64)
    expected, tie = exact_edges(X, 1, 4)
    scores = SeriesScores(X)
    rows, columns = np.nonzero(np.triu(tie, 1))
    assert (scores.of_pairs(rows, columns) > 0.25).any()
    assert scores.tie == 4 * 9 * 2.0**-53
    scores.tie = 0.0
    (graph,) = graphs_of(scores, [0.25])
    assert (graph != expected).any()


def test_equal_scores_fill_up_in_order():
    # Two groups of equal columns: many pairs with r = 1, fewer are asked for.
    x = np.random.default_rng(0).standard_normal((20, 2))
    X = x[:, np.arange(80) % 2]
    scores = SeriesScores(X)
    n_equal = 2 * 40 * 39 // 2
    for number in (1, 100, n_equal - 1, n_equal):
        for panel in PANELS:
            (graph,), _ = dense_graphs_of(scores, [number], panel=panel)
            rows, columns = np.triu_indices(80, 1)
            same = np.flatnonzero((rows - columns) % 2 == 0)[:number]
            expected = np.zeros((80, 80), dtype=bool)
            expected[rows[same], columns[same]] = True
            assert_array_equal(graph, expected | expected.T)


@pytest.mark.parametrize("n_times", [2, 6])
def test_densities_of_integers(n_times, seed):
    X = np.random.default_rng(seed).integers(-1, 2, (n_times, 200)).astype(float)
    scores = SeriesScores(X)
    rows, columns = np.triu_indices(200, 1)
    varying = ~(scores.constant[rows] | scores.constant[columns])
    rows, columns = rows[varying], columns[varying]
    values = scores.of_pairs(rows, columns)
    for number in (1, 777, len(rows) // 3, len(rows)):
        (graph,), (last,) = dense_graphs_of(scores, [number])
        chosen = np.argsort(-values, kind="stable")[:number]
        expected = np.zeros((200, 200), dtype=bool)
        expected[rows[chosen], columns[chosen]] = True
        assert_array_equal(graph, expected | expected.T)
        assert last == values[chosen].min()


# Constant columns, scales, offsets


def test_constant_columns_have_no_edges():
    X = random_series(50, constant=False)
    # Their rounded means are not 0.1, and the residues correlate.
    X[:, 3] = X[:, 20] = 0.1
    X[:, 7] = 0.0
    scores = SeriesScores(X)
    assert np.flatnonzero(scores.constant).tolist() == [3, 7, 20]
    for sign in SIGNS:
        thresholds = [-1.0, -0.5, 0.0] if sign == "positive" else [0.0]
        for graph in graphs_of(SeriesScores(X, sign), thresholds):
            assert not graph[[3, 7, 20]].any()
            assert not graph[:, [3, 7, 20]].any()
    others = np.setdiff1d(np.arange(50), [3, 7, 20])
    (graph,) = graphs_of(scores, [0.1])
    (expected,) = graphs_of(SeriesScores(X[:, others]), [0.1])
    assert_array_equal(graph[np.ix_(others, others)], expected)
    (graph,), _ = dense_graphs_of(scores, [47 * 46 // 2])
    assert not graph[[3, 7, 20]].any()


def test_one_step_from_constant():
    X = random_series(6, constant=False)
    X[:, 0] = 0.1
    X[5, 0] = np.nextafter(0.1, 1)
    scores = SeriesScores(X)
    assert not scores.constant.any()
    r = scores.of_pairs(np.zeros(5, int), np.arange(1, 6))
    spike = np.arange(len(X)) == 5
    assert_array_equal(np.abs(r) <= 1 + 1e-12, True)
    np.testing.assert_allclose(r, np.corrcoef(spike, X[:, 1:].T)[0, 1:], atol=1e-12)


@pytest.mark.parametrize("exponent", [-1000, -100, -7, 0, 100, 1000])
def test_scales_change_nothing(exponent, seed):
    X = random_series(40, seed)
    factors = 2.0 ** np.where(np.arange(40) % 2, exponent, 0)
    expected = threshold_bits(SeriesScores(X), [0.2])
    assert_array_equal(threshold_bits(SeriesScores(X * factors), [0.2]), expected)


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e-7, 1e7, 1e30, 1e300])
def test_decimal_scales(factor, seed):
    X = random_series(40, seed)
    S = correlations(X)
    (graph,) = graphs_of(SeriesScores(factor * X), [0.2])
    assert_array_equal(graph, thresholded(S, 0.2))


def test_extreme_numbers():
    largest_number = np.finfo(float).max
    smallest = np.nextafter(0.0, 1.0)
    signs = np.array([[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, 1, 1.0]]).T
    scores = SeriesScores(signs * [largest_number, smallest, 1.0])
    pairs = np.array([0, 0, 1]), np.array([1, 2, 2])
    expected = np.corrcoef(signs.T)[pairs]
    np.testing.assert_allclose(scores.of_pairs(*pairs), expected, atol=1e-14)


@pytest.mark.parametrize("offset", [1e8, -1e12])
def test_offsets(offset, seed):
    X = random_series(40, seed) + offset  # its digits are rounded here
    S = correlations(X - offset)
    (graph,) = graphs_of(SeriesScores(X), [0.2])
    assert_array_equal(graph, thresholded(S, 0.2))


def test_order_of_time_changes_nothing(seed):
    X = random_series(100, seed)
    order = np.random.default_rng(seed).permutation(len(X))
    expected = threshold_bits(SeriesScores(X), [0.1, 0.3])
    assert_array_equal(threshold_bits(SeriesScores(X[order]), [0.1, 0.3]), expected)


def test_duplicated_columns():
    x = np.random.default_rng(0).standard_normal((60, 1))
    X = np.hstack([x, 3 * x, x + 5, -x])
    near, exact = graphs_of(SeriesScores(X), [1 - 1e-12, 1.0])
    expected = np.zeros((4, 4), dtype=bool)
    expected[:3, :3] = ~np.eye(3, dtype=bool)
    assert_array_equal(near, expected)
    assert not exact.any()
    (both,) = graphs_of(SeriesScores(X, "absolute"), [1 - 1e-12])
    assert_array_equal(both, ~np.eye(4, dtype=bool))


def test_panels_keep_their_bound(seed):
    X = random_series(300, seed, n_times=150)
    scores = SeriesScores(X)
    assert scores.band == 154 * 2.0**-24
    out = np.empty((300, 300), dtype=np.float32)
    scores.panel(slice(0, 300), slice(0, 300), out)
    R = correlations(X)
    assert np.nanmax(np.abs(out - R)) < scores.band
    # A pair is computed in one way, whatever else is.
    rows, columns = np.triu_indices(300, 1)
    kept = ~(scores.constant[rows] | scores.constant[columns])
    rows, columns = rows[kept], columns[kept]
    values = scores.of_pairs(rows, columns)
    np.testing.assert_allclose(values, R[rows, columns], atol=1e-13)
    for k in (0, 17, 1000):
        one = slice(k, k + 1)
        assert_array_equal(scores.of_pairs(rows[one], columns[one]), values[one])
    assert_array_equal(scores.of_pairs(columns, rows), values)


# Given matrices


@pytest.mark.parametrize("sign", SIGNS)
def test_matrices_are_thresholded_as_they_are(sign, seed):
    R = np.random.default_rng(seed).uniform(-1, 1, (130, 130))
    S = apply_sign(R, sign)
    upper = np.triu(S > 0.25, 1)
    (graph,) = graphs_of(MatrixScores(R, sign), [0.25])
    assert_array_equal(graph, upper | upper.T)
    (graph,), (last,) = dense_graphs_of(MatrixScores(R, sign), [999])
    assert_array_equal(graph, largest(S, 999))
    assert last == np.sort(S[np.triu_indices(130, 1)])[-999]


def test_matrix_entries_are_compared_exactly():
    values = np.array([0.5, np.nextafter(0.5, 1), np.nextafter(0.5, 0)])
    R = np.eye(4)
    R[0, 1:] = values
    (graph,) = graphs_of(MatrixScores(R), [0.5])
    assert graph[0].tolist() == [False, False, True, False]
    # 0.3 in float32 is more than 0.3.
    single = np.full((2, 2), 0.3, dtype=np.float32)
    (graph,) = graphs_of(MatrixScores(single), [0.3])
    assert graph[0, 1]


def test_scores_beyond_one_stay_in_the_last_bins():
    R = np.eye(6)
    R[np.triu_indices(6, 1)] = np.linspace(-1 - 1e-7, 1 + 1e-7, 15)
    for number in range(16):
        (graph,), _ = dense_graphs_of(MatrixScores(R), [number])
        assert_array_equal(graph, largest(R, number))


# Layout of the bits


@pytest.mark.parametrize("n_nodes", SIZES)
def test_layout_of_the_bits(n_nodes, seed):
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n_nodes, n_nodes)) < 0.3, 1)
    A |= A.T
    bits = bits_of(A)
    assert bits.dtype == np.uint64
    assert bits.shape[0] % 64 == 0
    assert bits.shape[1] % 8 == 0
    assert bits.nbytes == graph_bytes(n_nodes) == empty_graphs(1, n_nodes).nbytes
    assert_array_equal(unpack_graph(bits, n_nodes), A)
    assert np.bitwise_count(bits).sum() == A.sum()  # padding is empty
    i, j = n_nodes // 2, n_nodes - 1
    assert bool(bits[i, j // 64] >> np.uint64(j % 64) & np.uint64(1)) == A[i, j]


def test_open_pairs_are_bounded_before_they_are_collected(monkeypatch, seed):
    scores = SeriesScores(random_series(300, seed))
    sorted_pairs = []
    fill_up = edges._fill_up

    def spy(scores, graph, n_missing, pieces):
        sorted_pairs.append(sum(len(a) for piece in pieces for a in piece[0]))
        return fill_up(scores, graph, n_missing, pieces)

    monkeypatch.setattr(edges, "_fill_up", spy)
    cuts = density_cuts(scores, [10, 1000, 20_000])
    density_bits(scores, cuts)
    assert [cut.n_edges for cut in cuts] == [10, 1000, 20_000]
    for cut, n_sorted in zip(cuts, sorted_pairs, strict=True):
        assert 1 <= n_sorted <= cut.n_between < 200
        assert cut.lower < cut.upper
