"""The benchmarks of ThreeCycleMap, on tiny data."""

import numpy as np
import pytest

from skextras import ThreeCycleMap
from skextras.numerics.edges import unpack_graph


@pytest.fixture
def cycles(load):
    return load("three_cycle_map")


@pytest.fixture
def X(cycles):
    return cycles.simulate(70)


@pytest.fixture
def limits(cycles, harness, monkeypatch):
    """Rates of a machine, without compiling and measuring a loop for them."""
    monkeypatch.setattr(
        cycles, "compile_popcount", lambda: lambda a, b, n: sum(range(10_000))
    )
    return cycles.Limits(harness.Table(), 1)


def test_simulated_series(cycles):
    X = cycles.simulate(1000)
    assert X.shape == (150, 1000)
    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    r = np.corrcoef(X.T)
    # Neighbours are more alike than voxels far apart, and not all are noise.
    assert np.diagonal(r, 1).mean() > r.mean() + 0.1
    np.testing.assert_array_equal(cycles.simulate(1000), X)
    assert (cycles.simulate(1000, seed=1) != X).any()


@pytest.mark.parametrize("density", [0.01, 0.05, 0.2])
def test_threshold_leaves_the_density(cycles, density):
    X = cycles.simulate(300)
    r = np.corrcoef(X.T)[np.triu_indices(300, 1)]
    found = (r > cycles.find_threshold(X, density)).mean()
    assert found == pytest.approx(density, abs=1e-4)


@pytest.mark.parametrize(
    ("peer", "packages"),
    [
        ("dense32", ()),
        ("dense64", ()),
        ("igraph_counts", ("igraph",)),
        ("networkx_counts", ("networkx", "nilearn")),
    ],
)
@pytest.mark.parametrize("density", [0.05, 0.3])
def test_peers_count_the_same(cycles, X, peer, packages, density):
    for package in packages:
        pytest.importorskip(package)
    threshold = cycles.find_threshold(X, density)
    (expected,) = ThreeCycleMap(threshold).fit_transform(X[None])
    assert expected.any()
    found = getattr(cycles, peer)(X, threshold)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("library", ["igraph", "networkit"])
def test_libraries_count_the_same(cycles, X, library):
    pytest.importorskip(library)
    bits = cycles._graph(X, cycles.find_threshold(X, 0.1))
    graph = getattr(cycles, f"{library}_graph")(unpack_graph(bits, 70))
    found = getattr(cycles, f"{library}_triangles")(graph)
    np.testing.assert_array_equal(found, cycles.cycle3(bits, 70))


def test_cycles_of_four(cycles):
    complete = 1 - np.eye(6, dtype=np.float32)
    np.testing.assert_array_equal(cycles.gemm_cycle4(complete), np.full(6, 3 * 10))
    ring = np.roll(np.eye(4, dtype=np.float32), 1, axis=0)
    np.testing.assert_array_equal(cycles.gemm_cycle4(ring + ring.T), np.ones(4))


def test_popcount_loop(cycles):
    count = cycles.compile_popcount()
    a = np.array([0b1011, 2**64 - 1], dtype=np.uint64)
    b = np.array([0b0110, 2**63], dtype=np.uint64)
    # The lowest bit of `a` changes, which `b` has not.
    assert count(a, b, 3) == 3 * 2


def test_rates_are_noted(cycles, harness):
    table = harness.Table()
    limits = cycles.Limits(table, 1)
    assert limits.macs > 1e9
    assert limits.bits > 1e9
    assert f"{1e-12 * limits.bits:.2f} T bits" in table.notes[0]
    assert limits.packing(20) == pytest.approx(4 * limits.packing(10))
    assert limits.counting(20, 0.1) == pytest.approx(8 * limits.counting(10, 0.1))


def test_maps(cycles, limits, harness, X):
    table = harness.Table()
    peers = {
        cycles.DENSE32: (cycles.dense32, 20),
        cycles.DENSE64: (cycles.dense64, None),
    }
    cycles.add_maps(table, limits, X, 0.1, peers, 1)
    assert [(row.peer, row.target) for row in table.rows] == [
        ("dense, float32", 20),
        ("`np.corrcoef` and dense, float64", None),
    ]
    assert all(row.ratio > 0 and row.limit > 0 for row in table.rows)
    assert table.rows[0].case == "series to map, 70 nodes, 10%"


def test_a_wrong_peer_is_not_timed(cycles, limits, harness, X):
    table = harness.Table()
    wrong = {"wrong": (lambda X, threshold: np.zeros(X.shape[1]), None)}
    with pytest.raises(AssertionError):
        cycles.add_maps(table, limits, X, 0.1, wrong, 1)
    assert not table.rows


def test_absent_peers_are_left_out(cycles, limits, harness, X, monkeypatch):
    monkeypatch.setitem(cycles.NEEDS, "igraph", ["no_such_library"])
    table = harness.Table()
    for _ in range(2):
        peers = {"igraph": (cycles.igraph_counts, 5)}
        cycles.add_maps(table, limits, X, 0.1, peers, 1)
    assert not table.rows
    assert table.notes == ["Left out: igraph, which is not installed."]


def test_parts(cycles, limits, harness, X, monkeypatch):
    monkeypatch.setitem(cycles.NEEDS, "igraph", ["no_such_library"])
    monkeypatch.setitem(cycles.NEEDS, "networkit", ["no_such_library"])
    monkeypatch.setattr(cycles, "DENSITIES", (0.1, 0.2, 0.3))
    table = harness.Table()
    cycles.add_parts(table, limits, X, 1)
    assert [row.case for row in table.rows] == [
        "graph alone, 70 nodes, 10%",
        "graph alone, 70 nodes, 20%",
    ]
    assert len(table.notes) == 2


@pytest.mark.parametrize("library", ["igraph", "networkit"])
def test_triangles_alone(cycles, limits, harness, X, library):
    pytest.importorskip(library)
    table = harness.Table()
    cycles.add_parts(table, limits, X, 1)
    found = [row for row in table.rows if row.peer == library]
    assert len(found) == 2
    assert all(row.target == 10 and row.ratio > 0 for row in found)


def test_rows_of_the_rest(cycles, limits, harness, X):
    table = harness.Table()
    cycles.add_cycle4(table, limits, X, 1)
    cycles.add_cycle4_kernel(table, limits, X, 1)
    cycles.add_path(table, X, 1)
    assert [row.target for row in table.rows] == [20, 20, None]
    assert all(row.ratio > 0 for row in table.rows)


def test_large(cycles, limits, harness):
    table = harness.Table()
    cycles.add_large(table, limits, 400)
    *times, memory = table.rows
    assert [row.unit for row in times] == ["s"] * 3
    assert all(row.ratio > 0 for row in times)
    assert memory.unit == "MB"
    assert memory.theirs == pytest.approx(8e-6 * 400**2)
    assert memory.limit == pytest.approx(400**2 / 8e6)


def test_everything_is_measured(cycles, harness, monkeypatch):
    sizes = []
    for name in ("maps", "parts", "cycle4", "cycle4_kernel", "path"):
        monkeypatch.setattr(
            cycles, f"add_{name}", lambda table, *rest, name=name: sizes.append(name)
        )
    monkeypatch.setattr(cycles, "add_large", lambda t, limits, n: sizes.append(n))
    monkeypatch.setattr(cycles, "Limits", lambda table, n_repeats: None)
    monkeypatch.setattr(cycles, "simulate", lambda n_nodes: np.zeros((150, n_nodes)))
    cycles.measure(harness.Table(), True)
    assert sizes.count("maps") == 3 + 3 + len(cycles.SMALL)
    assert {"parts", "cycle4", "cycle4_kernel", "path", 2000} <= set(sizes)


def test_writes_its_section(cycles, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(cycles, "measure", lambda table, quick: None)
    cycles.main(["--quick"])
    assert not page.exists()
    cycles.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin three_cycle_map -->\n## ThreeCycleMap" in text
