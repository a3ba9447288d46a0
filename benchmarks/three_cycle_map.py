"""ThreeCycleMap beside dense matrices and the graph libraries."""

import functools
import importlib

import numpy as np
from _harness import (
    Row,
    Table,
    describe_machine,
    median_times,
    parse_arguments,
    peak_of_process,
    write_section,
)
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from skextras import ThreeCycleMap
from skextras.numerics.cycles import cycle3, cycle4
from skextras.numerics.edges import SeriesScores, threshold_bits, unpack_graph

PACKAGES = [
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "igraph",
    "networkit",
    "networkx",
    "nilearn",
]
N_TIMES = 150
DENSITIES = (0.01, 0.05, 0.2)
# Targets of the whole, at 1, 5 and 20 % of the pairs.
DENSE_TARGETS = (None, 20, None)
SMALL = (332, 116, 35)
DENSE32, DENSE64 = "dense, float32", "`np.corrcoef` and dense, float64"


def main(argv=None):
    """Measure, print the table, and write it into the page of benchmarks.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    table : Table
        What was measured.
    """
    options = parse_arguments(__doc__, argv)
    table = Table()
    table.note(describe_machine(PACKAGES))
    with threadpool_limits(limits=1, user_api="blas"):
        measure(table, options.quick)
    table.note(
        f"Series of {N_TIMES} time points, a smooth field with common signals; "
        "thresholds that leave 1, 5 or 20 % of the pairs. The limit is the matrix "
        "product of half of the pairs of series, in float32, and one AND and popcount "
        "for each bit that is looked at, both at the rates above. The dense peers take "
        "matrix products of the adjacency matrix. igraph and networkit give clustering "
        "coefficients, which are turned into counts."
    )
    if options.page is not None:
        text = f"## ThreeCycleMap\n\n{table.markdown()}"
        write_section(options.page, "three_cycle_map", text)
    return table


def measure(table, quick):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool
        Whether to measure once, on graphs of a tenth of the nodes.
    """
    n_repeats, divisor = (1, 10) if quick else (3, 1)
    limits = Limits(table, n_repeats)
    X = simulate(5000 // divisor)
    for density, target in zip(DENSITIES, DENSE_TARGETS, strict=True):
        peers = {DENSE32: (dense32, target), DENSE64: (dense64, 50)}
        if density < 0.2:
            peers["igraph"] = (igraph_counts, 5)
        add_maps(table, limits, X, density, peers, n_repeats)
    small = simulate(1000 // divisor)
    for density in DENSITIES:
        peers = {DENSE64: (dense64, 8)}
        if density == 0.05:
            peers["nilearn and networkx"] = (networkx_counts, 25)
        add_maps(table, limits, small, density, peers, n_repeats)
    add_parts(table, limits, X, n_repeats)
    add_cycle4(table, limits, X, n_repeats)
    add_cycle4_kernel(table, limits, simulate(10_000 // divisor), 1)
    add_path(table, X, n_repeats)
    for n_nodes in SMALL:
        add_maps(table, limits, simulate(n_nodes), 0.05, {DENSE64: (dense64, None)}, 50)
    add_large(table, limits, 20_000 // divisor)


def simulate(n_nodes, seed=0):
    """Draw series of voxels: a smooth random field, common signals and noise.

    Parameters
    ----------
    n_nodes : int
        Number of voxels.

    seed : int, default=0
        Seed of the generator.

    Returns
    -------
    X : ndarray of shape (N_TIMES, n_nodes), float32
        The series.
    """
    rng = np.random.default_rng(seed)
    side = int(np.ceil(n_nodes ** (1 / 3)))
    X = np.empty((N_TIMES, n_nodes), dtype=np.float32)
    for row in X:
        field = gaussian_filter(rng.standard_normal((side,) * 3), sigma=0.85)
        row[:] = field.ravel()[:n_nodes] / field.std()
    loadings = gaussian_filter(rng.standard_normal((7, *(side,) * 3)), (0, 2, 2, 2))
    loadings = loadings.reshape(7, -1)[:, :n_nodes] / loadings.std()
    X += rng.standard_normal((N_TIMES, 7)) @ loadings * 0.5
    X += rng.standard_normal(X.shape)
    return X


def find_threshold(X, density):
    """Find the correlation that a share of the pairs exceeds.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        Series.

    density : float
        The share.

    Returns
    -------
    threshold : float
        The correlation, from at most 3000 of the nodes.
    """
    nodes = np.random.default_rng(0).permutation(X.shape[1])[:3000]
    r = np.corrcoef(X[:, nodes].T)
    return float(np.quantile(r[np.triu_indices(len(r), 1)], 1 - density))


def dense32(X, threshold):
    """Count triangles by matrix products in float32.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        Series.

    threshold : float
        Correlation above which there is an edge.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    A = _adjacency32(X, threshold)
    return (A @ A * A).sum(axis=1) / 2


def _adjacency32(X, threshold):
    Z = X - X.mean(axis=0)
    Z /= np.sqrt((Z * Z).sum(axis=0))
    A = (threshold < Z.T @ Z).astype(np.float32)
    np.fill_diagonal(A, 0)
    return A


def dense64(X, threshold):
    """Count triangles by matrix products in float64.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        Series.

    threshold : float
        Correlation above which there is an edge.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    A = (np.corrcoef(X.T, dtype=np.float64) > threshold).astype(np.float64)
    np.fill_diagonal(A, 0)
    return (A @ A * A).sum(axis=1) / 2


def igraph_counts(X, threshold):
    """Count triangles by igraph, from series.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        Series.

    threshold : float
        Correlation above which there is an edge.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    return igraph_triangles(igraph_graph(_adjacency32(X, threshold)))


def igraph_graph(A):
    """Make igraph's graph of an adjacency matrix.

    Parameters
    ----------
    A : ndarray of shape (n_nodes, n_nodes)
        Zeros and ones.

    Returns
    -------
    graph : igraph.Graph
        The graph.
    """
    igraph = importlib.import_module("igraph")
    edges = np.column_stack(np.nonzero(np.triu(A, 1)))
    return igraph.Graph(n=len(A), edges=edges)


def igraph_triangles(graph):
    """Count triangles by igraph.

    Parameters
    ----------
    graph : igraph.Graph
        The graph.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    coefficients = graph.transitivity_local_undirected(mode="zero")
    return _counts_of(coefficients, np.array(graph.degree()))


def networkit_graph(A):
    """Make networkit's graph of an adjacency matrix.

    Parameters
    ----------
    A : ndarray of shape (n_nodes, n_nodes)
        Zeros and ones.

    Returns
    -------
    graph : networkit.Graph
        The graph, on one thread, with its edges indexed and sorted.
    """
    networkit = importlib.import_module("networkit")
    networkit.setNumberOfThreads(1)
    graph = networkit.GraphFromCoo(np.nonzero(np.triu(A, 1)), n=len(A))
    graph.sortEdges()
    return graph


def networkit_triangles(graph):
    """Count triangles by networkit.

    Parameters
    ----------
    graph : networkit.Graph
        The graph.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    networkit = importlib.import_module("networkit")
    run = networkit.centrality.LocalClusteringCoefficient(graph, True).run()
    degrees = [graph.degree(node) for node in range(graph.numberOfNodes())]
    return _counts_of(run.scores(), np.array(degrees))


def _counts_of(coefficients, degrees):
    """Turn coefficients, a share of the pairs of neighbours, into counts."""
    return np.rint(np.asarray(coefficients) * degrees * (degrees - 1) / 2)


def networkx_counts(X, threshold):
    """Count triangles by networkx, with the correlations of nilearn.

    Parameters
    ----------
    X : ndarray of shape (n_times, n_nodes)
        Series.

    threshold : float
        Correlation above which there is an edge.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The triangles of each node.
    """
    networkx = importlib.import_module("networkx")
    connectome = importlib.import_module("nilearn.connectome")
    covariance = importlib.import_module("sklearn.covariance").EmpiricalCovariance()
    correlation = connectome.ConnectivityMeasure(covariance, kind="correlation")
    (r,) = correlation.fit_transform([X.astype(np.float64)])
    A = r > threshold
    np.fill_diagonal(A, False)
    return np.array(list(networkx.triangles(networkx.from_numpy_array(A)).values()))


NEEDS = {
    "igraph": ["igraph"],
    "networkit": ["networkit"],
    "nilearn and networkx": ["nilearn", "networkx"],
}


def is_there(table, peer):
    """Tell whether a peer can be imported; note it if not.

    Parameters
    ----------
    table : Table
        Receives the note, once for each peer.

    peer : str
        Name of the peer.

    Returns
    -------
    found : bool
        Whether it is there.
    """
    try:
        for name in NEEDS.get(peer, []):
            importlib.import_module(name)
    except ImportError:
        note = f"Left out: {peer}, which is not installed."
        if note not in table.notes:
            table.note(note)
        return False
    return True


class Limits:
    """What the machine can do at best, in seconds of one thread.

    Parameters
    ----------
    table : Table
        Receives a note with the rates.

    n_repeats : int
        Number of measurements.

    Attributes
    ----------
    macs, bits : float
        Multiplications of float32 matrices, and bits that go through AND and popcount
        in cache, in a second.
    """

    def __init__(self, table, n_repeats):
        a = np.ones((2048, N_TIMES), dtype=np.float32)
        b = np.ones((N_TIMES, 2048), dtype=np.float32)
        out = np.empty((2048, 2048), dtype=np.float32)
        count_bits = compile_popcount()
        words = np.full(1024, 2**64 - 1, dtype=np.uint64)
        functions = [
            functools.partial(np.dot, a, b, out=out),
            functools.partial(count_bits, words, words.copy(), 5000),
        ]
        dot, count = median_times(functions, 3 * n_repeats)
        self.macs, self.bits = N_TIMES * out.size / dot, 5000 * 64 * len(words) / count
        table.note(
            f"Matrix products of float32: {1e-12 * self.macs:.3f} T multiplications a "
            f"second; AND and popcount in cache: {1e-12 * self.bits:.2f} T bits."
        )

    def packing(self, n_nodes):
        """Limit for the correlations of all pairs.

        Parameters
        ----------
        n_nodes : int
            Number of nodes.

        Returns
        -------
        seconds : float
            The limit.
        """
        return n_nodes**2 / 2 * N_TIMES / self.macs

    def counting(self, n_nodes, share):
        """Limit for the common neighbours of a share of the pairs.

        Parameters
        ----------
        n_nodes : int
            Number of nodes.

        share : float
            Share of the pairs; 1 for 4-cycles.

        Returns
        -------
        seconds : float
            The limit.
        """
        return share * n_nodes**3 / 2 / self.bits


def compile_popcount():
    """Compile a loop that counts the common bits of two arrays, several times.

    Returns
    -------
    count_bits : callable
        Takes two arrays of uint64 and how often to go through them.
    """
    from numba import njit

    from skextras.numerics._cycle_kernels import _popcount

    @njit
    def count_bits(a, b, n_times):
        total = np.uint64(0)
        for n in range(n_times):
            # Another word each time, or the compiler takes the sum out of the loop.
            a[n % len(a)] ^= np.uint64(1)
            for word in range(len(a)):
                total += _popcount(a[word] & b[word])
        return total

    return count_bits


def add_maps(table, limits, X, density, peers, n_repeats):
    """Add rows for the way from series to the triangles of each node.

    Parameters
    ----------
    table : Table
        Receives the rows.

    limits : Limits
        What the machine can do.

    X : ndarray of shape (n_times, n_nodes)
        Series.

    density : float
        Share of the pairs that are edges.

    peers : dict
        By its name, the function and the ratio that is asked for.

    n_repeats : int
        Number of measurements.
    """
    n_nodes, threshold = X.shape[1], find_threshold(X, density)
    estimator = ThreeCycleMap(threshold).fit(X[None])
    (ours,) = estimator.transform(X[None])
    np.testing.assert_array_equal(ours, dense64(X, threshold))
    limit = limits.packing(n_nodes) + limits.counting(n_nodes, density)
    for peer, (function, target) in peers.items():
        if not is_there(table, peer):
            continue
        # In float32, some edges and the last digits of large counts are others.
        difference = np.abs(function(X, threshold) - ours)
        assert difference.max() <= 0.01 * ours.max()
        functions = [
            functools.partial(estimator.transform, X[None]),
            functools.partial(function, X, threshold),
        ]
        own, theirs = (1e3 * t for t in median_times(functions, n_repeats))
        case = f"series to map, {n_nodes} nodes, {density:.0%}"
        table.add(Row(case, peer, own, theirs, target, 1e3 * limit))


def add_parts(table, limits, X, n_repeats):
    """Add rows for the making of the graph and the triangles alone.

    Parameters
    ----------
    table : Table
        Receives the rows.

    limits : Limits
        What the machine can do.

    X : ndarray of shape (n_times, n_nodes)
        Series.

    n_repeats : int
        Number of measurements.
    """
    n_nodes = X.shape[1]
    for density in DENSITIES[:2]:
        threshold = find_threshold(X, density)
        make = functools.partial(_graph, X, threshold)
        (seconds,) = median_times([make], n_repeats)
        case = f"graph alone, {n_nodes} nodes, {density:.0%}"
        limit = 1e3 * limits.packing(n_nodes)
        table.add(Row(case, "", 1e3 * seconds, limit=limit))
        bits = make()
        A, ours = unpack_graph(bits, n_nodes), cycle3(bits, n_nodes)
        libraries = {
            "igraph": (igraph_graph, igraph_triangles),
            "networkit": (networkit_graph, networkit_triangles),
        }
        for peer, (convert, count) in libraries.items():
            if not is_there(table, peer):
                continue
            graph = convert(A)
            np.testing.assert_array_equal(count(graph), ours)
            functions = [
                functools.partial(cycle3, bits, n_nodes),
                functools.partial(count, graph),
            ]
            own, theirs = (1e3 * t for t in median_times(functions, n_repeats))
            case = f"triangles alone, {n_nodes} nodes, {density:.0%}"
            limit = 1e3 * limits.counting(n_nodes, density)
            table.add(Row(case, peer, own, theirs, 10, limit))


def _graph(X, threshold):
    return threshold_bits(SeriesScores(X), [threshold])[0]


def gemm_cycle4(A):
    """Count 4-cycles by a matrix product.

    Parameters
    ----------
    A : ndarray of shape (n_nodes, n_nodes), float32
        Adjacency matrix.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        The 4-cycles of each node.
    """
    common = A @ A
    np.fill_diagonal(common, 0)
    common *= common - 1
    return common.sum(axis=1, dtype=np.float64) / 2


def add_cycle4(table, limits, X, n_repeats):
    """Add a row for the way from series to the 4-cycles of each node.

    Parameters
    ----------
    table : Table
        Receives the row.

    limits : Limits
        What the machine can do.

    X : ndarray of shape (n_times, n_nodes)
        Series.

    n_repeats : int
        Number of measurements.
    """
    n_nodes, threshold = X.shape[1], find_threshold(X, 0.05)
    estimator = ThreeCycleMap(threshold, features="cycle4").fit(X[None])

    def dense():
        return gemm_cycle4(_adjacency32(X, threshold))

    (ours,) = estimator.transform(X[None])
    assert np.abs(dense() - ours).max() <= 0.01 * ours.max()
    functions = [functools.partial(estimator.transform, X[None]), dense]
    own, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    limit = 1e3 * (limits.packing(n_nodes) + limits.counting(n_nodes, 1))
    case = f"series to 4-cycles, {n_nodes} nodes, 5%"
    table.add(Row(case, DENSE32, own, theirs, 20, limit))


def add_cycle4_kernel(table, limits, X, n_repeats):
    """Add a row for the 4-cycles alone.

    Parameters
    ----------
    table : Table
        Receives the row.

    limits : Limits
        What the machine can do.

    X : ndarray of shape (n_times, n_nodes)
        Series.

    n_repeats : int
        Number of measurements.
    """
    n_nodes = X.shape[1]
    bits = _graph(X, find_threshold(X, 0.05))
    A = unpack_graph(bits, n_nodes).astype(np.float32)
    functions = [
        functools.partial(cycle4, bits, n_nodes),
        functools.partial(gemm_cycle4, A),
    ]
    # Sums of large integers, in float32.
    np.testing.assert_allclose(functions[1](), functions[0]()[0], rtol=1e-5)
    own, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"4-cycles alone, {n_nodes} nodes, 5%"
    limit = 1e3 * limits.counting(n_nodes, 1)
    table.add(Row(case, DENSE32, own, theirs, 20, limit))


def add_path(table, X, n_repeats):
    """Add a row for several thresholds in one pass.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_times, n_nodes)
        Series.

    n_repeats : int
        Number of measurements.
    """
    densities = (0.01, 0.02, 0.03, 0.05, 0.1)
    thresholds = sorted(find_threshold(X, density) for density in densities)
    together = ThreeCycleMap(thresholds).fit(X[None])
    alone = [ThreeCycleMap(threshold).fit(X[None]) for threshold in thresholds]

    def one_by_one():
        return np.hstack([estimator.transform(X[None]) for estimator in alone])

    np.testing.assert_array_equal(together.transform(X[None]), one_by_one())
    functions = [functools.partial(together.transform, X[None]), one_by_one]
    own, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"series to maps of five thresholds, {X.shape[1]} nodes, 1 to 10%"
    table.add(Row(case, "one after the other", own, theirs))


LARGE = """
import numpy as np
from skextras import ThreeCycleMap
rng = np.random.default_rng(0)
X = rng.standard_normal((1, {n_times}, {n_nodes}), dtype=np.float32)
X += rng.standard_normal((1, {n_times}, 1), dtype=np.float32) / 2
estimator = ThreeCycleMap(0.25).fit(X)
estimator.set_params(threshold=0.1).fit(X[:, :, :100]).transform(X[:, :, :100])
estimator.set_params(threshold=0.25).fit(X)
"""


def add_large(table, limits, n_nodes):
    """Add rows for the time and the memory of a brain at the resolution of voxels.

    Parameters
    ----------
    table : Table
        Receives the rows.

    limits : Limits
        What the machine can do.

    n_nodes : int
        Number of voxels.
    """
    X = simulate(n_nodes)
    dense = n_nodes**2 * (N_TIMES + n_nodes) / limits.macs
    for density in DENSITIES:
        estimator = ThreeCycleMap(find_threshold(X, density)).fit(X[None])
        transform = functools.partial(estimator.transform, X[None])
        (seconds,) = median_times([transform], 1)
        limit = limits.packing(n_nodes) + limits.counting(n_nodes, density)
        case = f"series to map, {n_nodes} nodes, {density:.0%}"
        peer = f"{DENSE32}, its products computed"
        table.add(Row(case, peer, seconds, dense, limit=limit, unit="s"))
    setup = LARGE.format(n_times=N_TIMES, n_nodes=n_nodes)
    _, peak = peak_of_process(setup, "estimator.transform(X)", 1)
    # Two matrices of all pairs in float32; a bit for each.
    theirs, least = 8e-6 * n_nodes**2, 1e-6 * n_nodes**2 / 8
    case = f"memory, series to map, {n_nodes} nodes"
    peer = f"{DENSE32}, computed"
    table.add(Row(case, peer, 1e-6 * peak, theirs, limit=least, unit="MB"))


if __name__ == "__main__":
    main()
