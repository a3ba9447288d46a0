"""Compute three-cycle maps: one graph after the other, within the memory there is."""

import math

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn import get_config
from sklearn.utils import gen_batches

from skextras._resources import require_memory, single_blas_thread
from skextras.numerics import cycles
from skextras.numerics.edges import (
    BYTES_PER_CANDIDATE,
    PANEL,
    MatrixScores,
    SeriesScores,
    density_bits,
    density_cuts,
    graph_bytes,
    threshold_bits,
)

# Below this many time points, correlations above most thresholds occur by chance.
_FEW_TIMES = 10

# Ratio of lengths beyond which graphs of one threshold are not comparable.
_LENGTH_RATIO = 1.5

# Tasks for each thread, so that none waits long for another with longer series.
_TASKS_PER_THREAD = 8


class Findings:
    """What is to be said about the graphs of subjects.

    Parameters
    ----------
    n_subjects : int
        Number of subjects.

    n_thresholds : int
        Number of thresholds.

    Attributes
    ----------
    n_constant : ndarray of shape (n_subjects,)
        Number of constant columns.

    n_edges : ndarray of shape (n_subjects, n_thresholds)
        Number of edges.

    last_scores : ndarray of shape (n_subjects, n_thresholds)
        Smallest score of an edge, for densities.
    """

    def __init__(self, n_subjects, n_thresholds):
        self.n_constant = np.zeros(n_subjects, dtype=np.int64)
        self.n_edges = np.zeros((n_subjects, n_thresholds), dtype=np.int64)
        self.last_scores = np.full((n_subjects, n_thresholds), np.inf)


def map_subjects(subjects, plan, n_jobs):
    """Compute the maps of subjects.

    Parameters
    ----------
    subjects : Subjects
        The subjects, not a table.

    plan : Plan
        What to compute.

    n_jobs : int or None
        Number of threads: over the subjects, or within a single one.

    Returns
    -------
    maps : ndarray of shape (n_subjects, n_columns)
        The maps.

    findings : Findings
        What is to be said about their graphs.

    Raises
    ------
    MemoryError
        If the graph of a subject does not fit into the available memory.

    ValueError
        If a subject has too few varying nodes for a density.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import ThreeCycleMap
    >>> from skextras._three_cycle_map_plan import make_plan
    >>> from skextras._three_cycle_map_transform import map_subjects
    >>> from skextras._validation_subjects import Subjects
    >>> X = np.random.default_rng(0).standard_normal((1, 30, 5)).cumsum(axis=1)
    >>> plan = make_plan(ThreeCycleMap(0.2), 5)
    >>> map_subjects(Subjects(X, [30], 5), plan, None)[0]
    array([[0., 1., 1., 0., 1.]])
    """
    group, n_threads = _divide(subjects, plan, effective_n_jobs(n_jobs))
    maps = np.empty((len(subjects), plan.n_columns))
    findings = Findings(len(subjects), len(plan.thresholds))
    masks = ()
    if plan.n_bins:
        masks = cycles.distance_masks(plan.coordinates, plan.distance_bins)

    def run(function, parts):
        # Not scikit-learn's Parallel: its threads set warning filters, which belong to
        # the process, and may leave them changed.
        return Parallel(n_jobs=n_threads, require="sharedmem")(
            delayed(function)(part) for part in parts
        )

    alone, threads = len(subjects) == 1, {}
    if alone and n_threads > 1:
        threads = {"n_parts": n_threads, "map_function": run}

    def fill(batch):
        for i in range(batch.start, batch.stop):
            _map_subject(subjects, i, plan, masks, group, maps, findings, threads)

    with single_blas_thread():
        if alone:
            fill(slice(0, 1))
        else:
            size = math.ceil(len(subjects) / (_TASKS_PER_THREAD * n_threads))
            run(fill, gen_batches(len(subjects), size))
    return maps, findings


def _divide(subjects, plan, n_jobs):
    """Thresholds in a pass and threads that the memory allows, or `MemoryError`."""
    n_nodes, longest = subjects.n_nodes, max(subjects.lengths)
    one_graph = graph_bytes(n_nodes)
    working = get_config()["working_memory"] * 2**20
    group = min(len(plan.thresholds), max(int(working // one_graph), 1))
    # A series in float64, twice in float32 units, or nothing beside a matrix.
    copies = 16 * longest * n_nodes if plan.input_type == "timeseries" else 0
    panel = 10 * min(PANEL[0], n_nodes) * min(PANEL[1], n_nodes)
    n_bytes = group * one_graph + copies + panel
    n_threads = n_jobs
    if len(subjects) > 1:
        n_threads = min(n_jobs, len(subjects), max(int(working // n_bytes), 1))
        n_bytes *= n_threads
    require_memory(
        n_bytes + plan.n_bins * one_graph + 8 * len(subjects) * plan.n_columns,
        f"A map of graphs of {n_nodes} nodes, of {one_graph:,} bytes each,",
        "Use fewer nodes (a coarser mask or parcels), bins of distance or n_jobs.",
    )
    return group, n_threads


def _map_subject(subjects, i, plan, masks, group, maps, findings, threads):
    """Write the map of subject i, and what is to be said of it."""
    series = plan.input_type == "timeseries"
    scores = (SeriesScores if series else MatrixScores)(subjects.load(i), plan.sign)
    findings.n_constant[i] = np.count_nonzero(scores.constant)
    wanted = plan.thresholds
    if plan.by_density:
        wanted = _find_cuts(scores, i, plan, threads)
    columns = maps[i].reshape(len(wanted), -1)
    for first in range(0, len(wanted), group):
        batch = slice(first, min(first + group, len(wanted)))
        if plan.by_density:
            graphs, last = density_bits(scores, wanted[batch], **threads)
            findings.last_scores[i, batch] = last
        else:
            graphs = threshold_bits(scores, wanted[batch], **threads)
        for k, graph in enumerate(graphs, first):
            n_edges = _fill_features(graph, plan, masks, columns[k], threads)
            findings.n_edges[i, k] = n_edges
        # Before the next ones are made.
        del graphs, graph


def _find_cuts(scores, i, plan, threads):
    """Find where the densities cut; refuse what cannot be had or be sorted."""
    numbers = [plan.n_edges(threshold) for threshold in plan.thresholds]
    available = math.comb(int((~scores.constant).sum()), 2)
    if max(numbers) > available:
        raise ValueError(
            f"Subject {i} has {available} pairs of nodes that are not constant, but "
            f"threshold={plan.thresholds[-1]} asks for {max(numbers)} edges: lower it "
            "or drop the constant nodes."
        )
    cuts = density_cuts(scores, numbers, **threads)
    n_open = max(cut.n_between for cut in cuts)
    require_memory(
        BYTES_PER_CANDIDATE * n_open,
        f"Sorting the {n_open} pairs of subject {i} that tie at the density's cut",
        "Use series of more time points, or a correlation threshold.",
    )
    return cuts


def _fill_features(graph, plan, masks, out, threads):
    """Write the features of one graph into ``out``; return its number of edges."""
    n_nodes, names = plan.n_nodes, plan.features
    values = {"degree": cycles.degree(graph, n_nodes)}
    n_edges = int(values["degree"].sum()) // 2
    if "cycle4" in names:
        values["cycle4"], values["cycle3"] = cycles.cycle4(graph, n_nodes, **threads)
    elif {"cycle3", "clustering"} & set(names):
        values["cycle3"] = cycles.cycle3(graph, n_nodes, n_edges=n_edges, **threads)
    if "clustering" in names:
        values["clustering"] = cycles.clustering(values["cycle3"], values["degree"])
    if "distance_degree" in names:
        values["distance_degree"] = cycles.distance_degree(graph, masks, n_nodes)
    scaled = [plan.scale(name, values[name]).ravel() for name in names]
    np.concatenate(scaled, out=out)
    return n_edges


def warnings_about(subjects, plan, findings):
    """Find words for what is doubtful in the graphs.

    Parameters
    ----------
    subjects : Subjects
        The subjects.

    plan : Plan
        What was computed.

    findings : Findings
        What was found in them.

    Returns
    -------
    messages : list of str
        The warnings to give.

    Examples
    --------
    >>> from skextras import ThreeCycleMap
    >>> from skextras._three_cycle_map_plan import make_plan
    >>> from skextras._three_cycle_map_transform import Findings, warnings_about
    >>> from skextras._validation_subjects import Subjects
    >>> plan = make_plan(ThreeCycleMap(), 4)
    >>> subjects = Subjects([None], [50], 4)
    >>> (message,) = warnings_about(subjects, plan, Findings(1, 1))
    >>> print(message)
    All graphs of threshold=0.5 (1) are empty: all values are zero. Lower it.
    """
    messages = []
    if plan.input_type == "timeseries":
        messages += _about_lengths(subjects.lengths, plan)
    n_constant = findings.n_constant
    if plan.n_nodes > 1 and n_constant.any():
        messages.append(
            f"{n_constant.sum()} columns, of {np.count_nonzero(n_constant)} subjects, "
            "are constant: they have no edges and get zeros."
        )
    for k, threshold in enumerate(plan.thresholds):
        if plan.by_density:
            n_low = np.count_nonzero(findings.last_scores[:, k] <= 0)
            if n_low:
                messages.append(
                    f"threshold={threshold} takes pairs whose score is zero or less "
                    f"as edges, in {n_low} subjects. Lower it."
                )
        messages += _about_extremes(findings.n_edges[:, k], threshold, plan)
    return messages


def _about_lengths(lengths, plan):
    n_short = sum(n_times < _FEW_TIMES for n_times in lengths)
    if n_short:
        yield (
            f"{n_short} subjects have fewer than {_FEW_TIMES} time points: most of "
            "their edges occur by chance."
        )
    if not plan.by_density and max(lengths) > _LENGTH_RATIO * min(lengths):
        yield (
            f"The subjects have {min(lengths)} to {max(lengths)} time points: at one "
            "correlation threshold shorter series have more edges by chance, so that "
            'the graphs are not comparable. Use threshold_type="density".'
        )


def _about_extremes(n_edges, threshold, plan):
    """Warn of thresholds that all pairs, or none, exceed in all subjects."""
    graphs = f"All graphs of threshold={threshold} ({len(n_edges)}) are"
    if plan.input_type == "adjacency":
        graphs = f"All graphs ({len(n_edges)}) are"
    if max(n_edges) == 0:
        remedy = " Raise it." if plan.by_density else " Lower it."
        yield f"{graphs} empty: all values are zero." + (
            "" if plan.input_type == "adjacency" else remedy
        )
    elif min(n_edges) == math.comb(plan.n_nodes, 2) and plan.n_nodes >= 3:
        remedy = " Lower it." if plan.by_density else " Raise it."
        yield f"{graphs} complete: all nodes have the same value." + (
            "" if plan.input_type == "adjacency" else remedy
        )
