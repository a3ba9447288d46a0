"""How maps are computed: memory, groups, threads, and what is said of the graphs."""

import numpy as np
import pytest
from sklearn import config_context
from three_cycle_map_cases import make_subjects, quietly

from skextras import ThreeCycleMap
from skextras import _three_cycle_map_transform as computation
from skextras._three_cycle_map_plan import make_plan
from skextras._three_cycle_map_transform import Findings, map_subjects, warnings_about
from skextras._validation_subjects import Subjects
from skextras.numerics.edges import BYTES_PER_CANDIDATE, graph_bytes

ALL = ("cycle4", "cycle3", "clustering", "degree", "distance_degree")


def subjects_of(X):
    return Subjects(X, [len(x) for x in X], X[0].shape[1])


def everything(n_nodes, **parameters):
    rng = np.random.default_rng(0)
    estimator = ThreeCycleMap(
        [0.1, 0.2, 0.4],
        features=ALL,
        coordinates=rng.uniform(0, 9, (n_nodes, 3)),
        distance_bins=[0, 4, np.inf],
        **parameters,
    )
    return make_plan(estimator, n_nodes)


@pytest.mark.parametrize("threshold_type", ["correlation", "density"])
@pytest.mark.parametrize("n_subjects", [1, 4])
@pytest.mark.parametrize("n_jobs", [2, 4, -1])
def test_threads_change_nothing(n_jobs, n_subjects, threshold_type, seed):
    X = make_subjects(n_subjects, 600, seed=seed)
    plan = everything(600, threshold_type=threshold_type)
    maps, findings = map_subjects(subjects_of(X), plan, None)
    found, found_findings = map_subjects(subjects_of(X), plan, n_jobs)
    np.testing.assert_array_equal(found, maps)
    for name, value in vars(findings).items():
        np.testing.assert_array_equal(getattr(found_findings, name), value)


@pytest.mark.parametrize("threshold_type", ["correlation", "density"])
def test_groups_of_thresholds(threshold_type, monkeypatch, seed):
    X = make_subjects(2, 100, seed=seed)
    plan = everything(100, threshold_type=threshold_type)
    maps, findings = map_subjects(subjects_of(X), plan, None)
    sizes = []

    def spied(name):
        build = getattr(computation, name)

        def spy(scores, wanted, **options):
            sizes.append(len(wanted))
            return build(scores, wanted, **options)

        monkeypatch.setattr(computation, name, spy)

    spied("threshold_bits")
    spied("density_bits")
    with config_context(working_memory=2 * graph_bytes(100) / 2**20):
        found, found_findings = map_subjects(subjects_of(X), plan, None)
    assert sizes == [2, 1] * 2
    np.testing.assert_array_equal(found, maps)
    np.testing.assert_array_equal(found_findings.n_edges, findings.n_edges)


def bytes_needed(monkeypatch, X, plan, n_jobs=None):
    """Bytes that a map asks for before it allocates anything."""
    asked = []
    monkeypatch.setattr(computation, "require_memory", lambda n, *_: asked.append(n))
    map_subjects(subjects_of(X), plan, n_jobs)
    monkeypatch.undo()
    return asked[0]


def test_memory_is_refused_before_it_is_allocated(monkeypatch):
    X = make_subjects(1, 500)
    plan = make_plan(ThreeCycleMap(0.2), 500)
    needed = bytes_needed(monkeypatch, X, plan)
    assert needed > graph_bytes(500)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(needed))
    map_subjects(subjects_of(X), plan, None)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(needed - 1))
    words = (
        f"graphs of 500 nodes, of {graph_bytes(500):,} bytes each, needs .*Use fewer"
    )
    with pytest.raises(MemoryError, match=words):
        map_subjects(subjects_of(X), plan, None)


def test_whole_brains_at_two_millimetres_are_refused_on_a_small_machine(monkeypatch):
    # The series themselves are not looked at.
    X = [np.broadcast_to(np.zeros((1, 1)), (100, 200_000))]
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(4 * 2**30))
    with pytest.raises(
        MemoryError, match=r"200000 nodes, of 5,0\d\d,\d\d\d,\d\d\d byt"
    ):
        map_subjects(subjects_of(X), make_plan(ThreeCycleMap(), 200_000), None)


def test_memory_asked_for_grows_with_what_is_held(monkeypatch):
    X = make_subjects(4, 200)
    one = graph_bytes(200)
    single = bytes_needed(monkeypatch, X, make_plan(ThreeCycleMap(0.2), 200))
    plan = make_plan(ThreeCycleMap([0.2, 0.3]), 200)
    assert bytes_needed(monkeypatch, X, plan) == single + one + 8 * 4 * 200
    bins = {"features": "distance_degree", "distance_bins": [0, 1, 2]}
    bins["coordinates"] = np.ones((200, 3))
    plan = make_plan(ThreeCycleMap(0.2, **bins), 200)
    assert bytes_needed(monkeypatch, X, plan) == single + 2 * one + 8 * 4 * 200
    plan = make_plan(ThreeCycleMap(0.2), 200)
    assert bytes_needed(monkeypatch, X, plan, n_jobs=2) > 1.9 * single - 8 * 4 * 200


def test_threads_are_limited_by_the_working_memory(monkeypatch):
    X, plan = make_subjects(4, 200), make_plan(ThreeCycleMap(0.2), 200)
    single = bytes_needed(monkeypatch, X, plan)
    with config_context(working_memory=1):
        assert bytes_needed(monkeypatch, X, plan, n_jobs=4) < 3 * single
    with config_context(working_memory=0.1):
        assert bytes_needed(monkeypatch, X, plan, n_jobs=4) == single


def test_too_many_ties_to_sort(monkeypatch):
    # All correlations of two time points are 1 or -1.
    X = [np.random.default_rng(0).standard_normal((2, 300))]
    plan = make_plan(ThreeCycleMap(0.1, threshold_type="density"), 300)
    n_pairs = 300 * 299 // 2
    limit = BYTES_PER_CANDIDATE * n_pairs // 4
    asked = []

    def spy(n_bytes, what, remedy):
        asked.append((n_bytes, what))
        if n_bytes < limit or what.startswith("A map"):
            return
        raise MemoryError(what)

    monkeypatch.setattr(computation, "require_memory", spy)
    with pytest.raises(MemoryError, match=r"Sorting the \d+ pairs of subject 0"):
        map_subjects(subjects_of(X), plan, None)
    assert asked[-1][0] > limit


@pytest.mark.parametrize(
    ("lengths", "by_density", "words"),
    [
        ([10, 15], False, []),
        ([10, 16], False, ["10 to 16 time points: at one correlation threshold"]),
        ([10, 16], True, []),
        ([9, 13], True, ["1 subjects have fewer than 10 time points"]),
        ([5, 9], False, ["2 subjects have fewer", "5 to 9 time points"]),
    ],
)
def test_words_about_lengths(lengths, by_density, words):
    kind = "density" if by_density else "correlation"
    plan = make_plan(ThreeCycleMap(0.5, threshold_type=kind), 4)
    findings = Findings(2, 1)
    findings.n_edges[:] = 3
    messages = warnings_about(Subjects([None] * 2, lengths, 4), plan, findings)
    assert len(messages) == len(words)
    for message, word in zip(messages, words, strict=True):
        assert word in message


@pytest.mark.parametrize("input_type", ["correlation", "adjacency"])
def test_no_words_about_the_lengths_of_matrices(input_type):
    plan = make_plan(ThreeCycleMap(input_type=input_type), 4)
    findings = Findings(1, 1)
    findings.n_edges[:] = 3
    assert warnings_about(Subjects([None], [4], 4), plan, findings) == []


@pytest.mark.parametrize(
    ("n_nodes", "n_edges", "words"),
    [
        (4, [[0], [1]], []),
        (4, [[0], [0]], ["threshold=0.5 (2) are empty: all values are zero. Lower it"]),
        (4, [[6], [5]], []),
        (4, [[6], [6]], ["threshold=0.5 (2) are complete: all nodes have the same"]),
        (2, [[1], [1]], []),
        (1, [[0], [0]], ["empty"]),
    ],
)
def test_words_about_extreme_graphs(n_nodes, n_edges, words):
    plan = make_plan(ThreeCycleMap(), n_nodes)
    findings = Findings(2, 1)
    findings.n_edges[:] = n_edges
    subjects = Subjects([None] * 2, [20, 20], n_nodes)
    messages = warnings_about(subjects, plan, findings)
    assert len(messages) == len(words)
    for message, word in zip(messages, words, strict=True):
        assert word in message


def test_words_name_each_threshold():
    plan = make_plan(ThreeCycleMap([0.1, 0.6], threshold_type="density"), 4)
    findings = Findings(2, 2)
    findings.n_edges[:] = [[0, 6], [0, 6]]
    findings.last_scores[:] = [[np.inf, -0.1], [np.inf, 0.3]]
    messages = warnings_about(Subjects([None] * 2, [20, 20], 4), plan, findings)
    assert [message.split(" are ")[0] for message in messages] == [
        "All graphs of threshold=0.1 (2)",
        "threshold=0.6 takes pairs whose score is zero or less as edges, in 1 "
        "subjects. Lower it.",
        "All graphs of threshold=0.6 (2)",
    ]
    assert "Raise it" in messages[0]
    assert "Lower it" in messages[2]


def test_words_about_constant_columns():
    plan = make_plan(ThreeCycleMap(), 4)
    findings = Findings(3, 1)
    findings.n_edges[:], findings.n_constant[:] = 1, [2, 0, 1]
    subjects = Subjects([None] * 3, [20] * 3, 4)
    (message,) = warnings_about(subjects, plan, findings)
    assert message.startswith("3 columns, of 2 subjects, are constant")


def test_float32_is_read_as_float64():
    X = [x.astype(np.float32) for x in make_subjects(2)]
    plan = make_plan(ThreeCycleMap(0.2), 9)
    maps, _ = quietly(map_subjects, subjects_of(X), plan, None)
    doubles = [x.astype(np.float64) for x in X]
    np.testing.assert_array_equal(
        maps, quietly(map_subjects, subjects_of(doubles), plan, None)[0]
    )
