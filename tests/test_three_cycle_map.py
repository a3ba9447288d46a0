"""ThreeCycleMap: golden values, closed forms, input, warnings and refusals."""

import json
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from three_cycle_map_cases import TABLE, adjacency, make_subjects, quietly

from skextras import ThreeCycleMap
from skextras.datasets import load_haxby_tiny

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "three_cycle_map.json").read_text()
)
ALL = ("degree", "cycle3", "cycle4", "clustering")


def features_of(X, threshold=0.5, **parameters):
    """Maps of all features of one subject, by name."""
    estimator = ThreeCycleMap(threshold, features=ALL, **parameters)
    maps = quietly(estimator.fit_transform, [X])
    return dict(zip(ALL, maps.reshape(len(ALL), -1), strict=True))


def map_of(X, *threshold, **parameters):
    return quietly(ThreeCycleMap(*threshold, **parameters).fit_transform, [X])[0]


# Golden values


def assert_golden(X, golden):
    found = features_of(X, **golden["parameters"])
    cycle3 = found["cycle3"]
    assert found["degree"].sum() == 2 * golden["edges"]
    assert cycle3.sum() == 3 * golden["triangles"]
    assert found["cycle4"].sum() == 4 * golden["four_cycles"]
    assert cycle3[:6].tolist() == golden["cycle3_first"]
    assert (cycle3.max(), cycle3.argmax()) == (
        golden["cycle3_max"],
        golden["cycle3_argmax"],
    )
    mean = found["clustering"].mean()
    assert mean == pytest.approx(golden["mean_clustering"], abs=1e-10)


@pytest.fixture(scope="module")
def haxby_run():
    """The first run as series of float64, and the centres of its voxels."""
    maskers = pytest.importorskip("nilearn.maskers")
    nibabel = pytest.importorskip("nibabel")
    haxby = load_haxby_tiny()
    masker = maskers.NiftiMasker(haxby.mask_path, standardize=None).fit()
    X = masker.transform(haxby.paths[0]).astype(np.float64)
    mask = nibabel.load(haxby.mask_path)
    voxels = np.argwhere(mask.get_fdata() > 0)
    return X, nibabel.affines.apply_affine(mask.affine, voxels)


@pytest.mark.parametrize("k", range(4))
def test_golden_haxby(haxby_run, k):
    assert_golden(haxby_run[0], GOLDEN["haxby run 1"][k])


def test_golden_haxby_distances(haxby_run):
    X, coordinates = haxby_run
    maps = map_of(
        X,
        0.3,
        features="distance_degree",
        coordinates=coordinates,
        distance_bins=[0, 30, 60, np.inf],
    )
    found = maps.reshape(3, -1).sum(axis=1) / 2
    assert found.tolist() == GOLDEN["haxby run 1"][0]["edges_by_distance"]


def test_golden_adhd(shared_data):
    table = np.loadtxt(
        shared_data("threecycle/adhd200_0010020_aal.csv"), delimiter=",", skiprows=1
    )
    X = table[:, 1:].T
    assert X.shape == (176, 116)
    assert_golden(X, GOLDEN["adhd200"][0])


def test_golden_noise():
    X = np.random.default_rng(0).standard_normal((40, 60))
    assert_golden(X, GOLDEN["noise"][0])


def test_golden_karate_club():
    A = adjacency(34, GOLDEN["karate club edges"])
    assert_golden(A, GOLDEN["karate club"][0])


# Closed forms of whole maps


def test_two_time_points_make_two_cliques(seed):
    X = np.random.default_rng(seed).standard_normal((2, 30))
    rises = X[1] > X[0]
    size = np.where(rises, rises.sum(), (~rises).sum())
    found = features_of(X, 0.5)
    assert_array_equal(found["degree"], size - 1)
    assert_array_equal(found["cycle3"], [math.comb(int(n) - 1, 2) for n in size])
    found = features_of(X, 0.5, sign="absolute")
    assert_array_equal(found["cycle3"], math.comb(29, 2))
    assert_array_equal(found["clustering"], 1)


def test_scaled_complete_graphs_are_one():
    X = np.random.default_rng(0).standard_normal((2, 6))
    found = features_of(X, 0.5, sign="absolute", scaling="fraction")
    for values in found.values():
        assert_array_equal(values, 1)
    found = features_of(X, 0.5, sign="absolute", scaling="log1p")
    assert_array_equal(found["cycle3"], np.log1p(10))
    assert_array_equal(found["clustering"], 1)


@pytest.mark.parametrize("n_nodes", [1, 2])
def test_graphs_too_small_for_cycles(n_nodes):
    X = np.random.default_rng(0).standard_normal((30, n_nodes)).cumsum(axis=0)
    found = features_of(X, -1.0, scaling="fraction")
    assert not found["cycle3"].any()
    assert not found["cycle4"].any()
    assert not found["clustering"].any()
    assert found["degree"].tolist() == [n_nodes - 1] * n_nodes


# Invariants


def test_order_of_nodes_and_of_time(seed):
    (X,) = make_subjects(1, 40, seed=seed)
    rng = np.random.default_rng(seed)
    nodes, times = rng.permutation(40), rng.permutation(len(X))
    expected = map_of(X, 0.2)
    assert_array_equal(map_of(X[:, nodes], 0.2), expected[nodes])
    assert_array_equal(map_of(X[times], 0.2), expected)


def test_positive_affine_maps_of_columns(seed):
    (X,) = make_subjects(1, 40, seed=seed)
    rng = np.random.default_rng(seed)
    changed = X * rng.uniform(0.1, 10, 40) + rng.uniform(-9, 9, 40)
    for parameters in ({}, {"threshold_type": "density"}, {"sign": "absolute"}):
        expected = map_of(X, 0.2, **parameters)
        assert_array_equal(map_of(changed, 0.2, **parameters), expected)


def test_signs_share_the_edges(seed):
    (X,) = make_subjects(1, 60, seed=seed)
    degrees = {
        sign: map_of(X, 0.2, sign=sign, features="degree")
        for sign in ("positive", "negative", "absolute")
    }
    assert_array_equal(degrees["positive"] + degrees["negative"], degrees["absolute"])
    assert_array_equal(
        map_of(X * np.where(np.arange(60) % 2, -1, 1), 0.2, sign="absolute"),
        map_of(X, 0.2, sign="absolute"),
    )


def test_more_edges_make_no_fewer_cycles(seed):
    (X,) = make_subjects(1, 60, seed=seed)
    thresholds = [-1.0, -0.3, 0.0, 0.2, 0.5, 1.0]
    maps = map_of(X, thresholds).reshape(6, -1)
    assert (np.diff(maps, axis=0) <= 0).all()
    assert not maps[-1].any()
    maps = map_of(X, [0.05, 0.1, 0.3], threshold_type="density").reshape(3, -1)
    assert (np.diff(maps, axis=0) >= 0).all()


def test_densities_give_all_subjects_the_same_number_of_edges(seed):
    X = make_subjects(4, 50, lengths=(20, 40, 80, 21), seed=seed)
    X[1][:, 7] = 3.0
    estimator = ThreeCycleMap(
        [0.01, 0.123, 0.5], threshold_type="density", features="degree"
    )
    maps = quietly(estimator.fit_transform, X).reshape(4, 3, 50)
    n_pairs = 50 * 49 / 2
    expected = [2 * math.floor(d * n_pairs + 0.5) for d in (0.01, 0.123, 0.5)]
    assert maps.sum(axis=2).tolist() == [expected] * 4
    assert not maps[1, :, 7].any()


def test_zero_padding_leaves_the_other_nodes_alone(seed):
    (X,) = make_subjects(1, 30, seed=seed)
    padded = np.zeros((len(X), 45))
    kept = np.sort(np.random.default_rng(seed).choice(45, 30, replace=False))
    padded[:, kept] = X
    for sign in ("positive", "absolute"):
        found = map_of(padded, 0.0, sign=sign)
        assert_array_equal(found[kept], map_of(X, 0.0, sign=sign))
        assert found.sum() == found[kept].sum()


@pytest.mark.parametrize("features", ["cycle3", ALL])
def test_thresholds_and_features_are_blocks(features, seed):
    X = make_subjects(3, 20, seed=seed)
    thresholds = [0.1, 0.3]
    together = ThreeCycleMap(thresholds, features=features).fit_transform(X)
    names = [features] if features == "cycle3" else features
    alone = [
        quietly(ThreeCycleMap(threshold, features=name).fit_transform, X)
        for threshold in thresholds
        for name in names
    ]
    assert_array_equal(together, np.hstack(alone))


# Kinds of input


def test_input_types_agree(seed):
    X = make_subjects(3, 25, lengths=(40, 50, 60), seed=seed)
    R = [np.corrcoef(x.T) for x in X]
    R = [np.triu(r, 1) + np.triu(r, 1).T + 7 * np.eye(25) for r in R]
    for sign in ("positive", "negative", "absolute"):
        options = {"sign": sign, "features": ALL}
        expected = quietly(ThreeCycleMap(0.2, **options).fit_transform, X)
        maps = ThreeCycleMap(0.2, input_type="correlation", **options)
        assert_array_equal(quietly(maps.fit_transform, R), expected)
        scores = [{"positive": r, "negative": -r, "absolute": abs(r)}[sign] for r in R]
        A = np.array(scores) > 0.2
        A[:, np.arange(25), np.arange(25)] = True  # is ignored
        maps = ThreeCycleMap(input_type="adjacency", features=ALL)
        assert_array_equal(quietly(maps.fit_transform, A), expected)
    options = {"threshold_type": "density", "features": ALL}
    expected = quietly(ThreeCycleMap(0.2, **options).fit_transform, X)
    maps = ThreeCycleMap(0.2, input_type="correlation", **options)
    assert_array_equal(quietly(maps.fit_transform, R), expected)


def test_layouts_and_containers(seed, tmp_path):
    X = np.array(make_subjects(3, 20, seed=seed))
    estimator = ThreeCycleMap(0.2).fit(X)
    expected = estimator.transform(X)
    np.save(tmp_path / "x.npy", X)
    frames = [pd.DataFrame(x) for x in X]
    variants = [
        list(X),
        tuple(X),
        X.tolist(),
        np.asfortranarray(X),
        X.astype(">f8"),
        X[..., ::-1].copy()[..., ::-1],
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        list(np.load(tmp_path / "x.npy", mmap_mode="r")),
        frames,
        [frames[0], X[1], X[2].tolist()],
    ]
    for variant in variants:
        assert_array_equal(estimator.transform(variant), expected)


@pytest.mark.parametrize("dtype", ["float16", "int16", "float32", "longdouble"])
def test_types_are_read_as_float64(dtype, seed):
    X = (100 * np.array(make_subjects(3, 20, seed=seed))).astype(dtype)
    expected = ThreeCycleMap(0.2).fit_transform(X.astype(np.float64))
    maps = ThreeCycleMap(0.2).fit_transform(X)
    assert maps.dtype == np.float64
    assert_array_equal(maps, expected)


def test_maps_do_not_depend_on_the_batch(seed):
    X = make_subjects(4, 30, lengths=(40, 45, 50, 55), seed=seed)
    for parameters in ({}, {"threshold_type": "density"}):
        estimator = ThreeCycleMap(0.2, features=ALL, **parameters).fit(X)
        together = estimator.transform(X)
        alone = [estimator.transform([x])[0] for x in X]
        assert_array_equal(together, alone)
        halves = [estimator.transform(X[:1]), estimator.transform(X[1:])]
        assert_array_equal(together, np.vstack(halves))


def test_series_shorter_than_wide(seed):
    X = np.random.default_rng(seed).standard_normal((12, 90))
    R = np.corrcoef(X.T)
    np.fill_diagonal(R, 0)
    assert_array_equal(map_of(X, 0.4, features="degree"), (R > 0.4).sum(axis=0))


def test_two_dimensional_input():
    X = np.random.default_rng(0).standard_normal((5, 30))
    estimator = ThreeCycleMap([0.1, 0.2], features=ALL).fit(X)
    assert (estimator.n_features_in_, estimator.n_nodes_) == (30, 1)
    with pytest.warns(UserWarning, match=TABLE) as record:
        maps = estimator.transform(X)
    assert len(record) == 1
    assert_array_equal(maps, np.zeros((5, 8)))
    assert estimator.get_feature_names_out()[0] == "r0.1_degree_0"
    with pytest.warns(UserWarning, match=TABLE):
        maps = ThreeCycleMap().fit_transform(np.ones((5, 1)))
    assert_array_equal(maps, np.zeros((5, 1)))


# Names and attributes


def test_feature_names():
    X = make_subjects(2, 3)
    estimator = ThreeCycleMap(0.2, features=["degree", "cycle3"]).fit(X)
    names = estimator.get_feature_names_out()
    assert names.tolist()[2:4] == ["degree_2", "cycle3_0"]
    assert names.dtype == object
    given = estimator.get_feature_names_out(["a", "b", "c"])
    assert given.tolist()[:2] == ["degree_a", "degree_b"]
    with pytest.raises(ValueError, match="input_features should have length equal"):
        estimator.get_feature_names_out(["a"])
    with pytest.raises(NotFittedError):
        ThreeCycleMap().get_feature_names_out()


def test_names_of_frames_and_set_output():
    frames = [pd.DataFrame(x, columns=["a", "b", "c"]) for x in make_subjects(2, 3)]
    estimator = ThreeCycleMap(0.2).set_output(transform="pandas").fit(frames)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    table = estimator.transform(frames)
    assert table.columns.tolist() == ["cycle3_a", "cycle3_b", "cycle3_c"]
    assert table.shape == (2, 3)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.transform([frame.to_numpy() for frame in frames])


def test_fit_learns_the_layout_alone():
    X = make_subjects(3)
    estimator = ThreeCycleMap(0.2).fit(X)
    learnt = {name for name in vars(estimator) if name.endswith("_")}
    assert learnt == {"n_features_in_", "n_nodes_"}
    assert_array_equal(
        estimator.transform(X[:2]), estimator.fit(X[2:]).transform(X[:2])
    )
    assert not hasattr(estimator, "inverse_transform")
    assert not hasattr(estimator, "partial_fit")


def test_changed_parameters_reach_transform():
    X = make_subjects(3)
    estimator = ThreeCycleMap(0.2).fit(X)
    estimator.set_params(threshold=0.4, features="degree")
    expected = ThreeCycleMap(0.4, features="degree").fit_transform(X)
    assert_array_equal(estimator.transform(X), expected)
    estimator.set_params(threshold=[0.4, 0.2])
    with pytest.raises(ValueError, match="strictly increasing"):
        estimator.transform(X)


# Warnings


def test_fit_gives_no_warning():
    X = [np.ones((3, 5)), np.ones((300, 5))]
    ThreeCycleMap().fit(X)
    ThreeCycleMap().fit(np.ones((4, 5)))


def clean(n_times=40, n_nodes=6):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_times, n_nodes)) + 0.7 * rng.standard_normal(
        (n_times, 1)
    )


def with_constant_columns():
    X = clean()
    X[:, [1, 4]] = 7.0
    return X


@pytest.mark.parametrize(
    ("X", "parameters", "words"),
    [
        ([clean(9), clean(9)], {}, ["2 subjects have fewer than 10 time points"]),
        ([clean(40), clean(61)], {}, ["The subjects have 40 to 61 time points"]),
        ([clean(40), clean(61)], {"threshold_type": "density"}, []),
        ([clean(40), clean(60)], {}, []),
        ([with_constant_columns()], {}, ["2 columns, of 1 subjects, are constant"]),
        ([clean()], {"threshold": 0.99}, ["threshold=0.99 (1) are empty"]),
        ([clean(), clean()], {"threshold": -0.9}, ["threshold=-0.9 (2) are complete"]),
        (
            [clean()],
            {"threshold": [-0.9, 0.2, 0.98, 0.99]},
            ["threshold=-0.9 (1)", "threshold=0.98 (1)", "threshold=0.99 (1)"],
        ),
        (
            [np.random.default_rng(0).standard_normal((40, 6))],
            {"threshold": 0.9, "threshold_type": "density"},
            ["threshold=0.9 takes pairs whose score is zero or less"],
        ),
        (
            [np.zeros((3, 3))],
            {"input_type": "adjacency"},
            ["All graphs (1) are empty: all values are zero."],
        ),
        (
            [np.ones((3, 3))],
            {"input_type": "adjacency"},
            ["All graphs (1) are complete: all nodes have the same value."],
        ),
    ],
)
def test_warnings(X, parameters, words):
    estimator = ThreeCycleMap(**{"threshold": 0.3, **parameters}).fit(X)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        maps = estimator.transform(X)
    assert np.isfinite(maps).all()
    assert len(record) == len(words)
    for warning, word in zip(record, words, strict=True):
        assert warning.category is UserWarning
        assert word in str(warning.message)
        assert warning.filename == __file__


# Refusals in context; test_validation_subjects and test_three_cycle_map_plan have all.


@pytest.mark.parametrize(
    ("X", "parameters", "words"),
    [
        (
            make_subjects(),
            {"threshold": 1.01},
            "'threshold' parameter of ThreeCycleMap",
        ),
        (make_subjects(), {"threshold": [0.5, 1.1]}, "threshold=.*from -1 to 1"),
        (make_subjects(), {"threshold_type": "distance"}, "'threshold_type' parameter"),
        (make_subjects(), {"sign": "both"}, "'sign' parameter of ThreeCycleMap"),
        (make_subjects(), {"features": "cycle5"}, "'features' parameter"),
        (make_subjects(), {"features": ["cycle3", "cycle5"]}, "features=.*one of"),
        (make_subjects(), {"scaling": "sqrt"}, "'scaling' parameter of ThreeCycleMap"),
        (make_subjects(), {"input_type": "graph"}, "'input_type' parameter"),
        (make_subjects(), {"n_jobs": 1.5}, "'n_jobs' parameter of ThreeCycleMap"),
        (make_subjects(), {"features": "distance_degree"}, "coordinates and distance_"),
        (
            make_subjects(),
            {
                "features": "distance_degree",
                "coordinates": np.ones((8, 3)),
                "distance_bins": [0, 1],
            },
            r"n_nodes=9.*got shape \(8, 3\)",
        ),
        (make_subjects(), {"input_type": "correlation"}, r"shape \(40, 9\).*square"),
        (np.ones((4, 9)), {"input_type": "adjacency"}, "X is 2-D, but input_type"),
        ([np.ones((1, 4))], {}, "Subject 0 has n_times=1"),
    ],
)
def test_refused_in_fit(X, parameters, words):
    with pytest.raises(ValueError, match=words):
        ThreeCycleMap(**parameters).fit(X)


def test_too_few_varying_nodes_for_a_density():
    X = make_subjects(3)
    X[2][:, 2:] = 1.0
    estimator = ThreeCycleMap(0.2, threshold_type="density").fit(X)
    words = "Subject 2 has 1 pairs of nodes that are not constant.*asks for 7 edges"
    with pytest.raises(ValueError, match=words):
        estimator.transform(X)


def test_other_nodes_than_in_fit():
    estimator = ThreeCycleMap(0.2).fit(make_subjects())
    words = "X has 8 features, but ThreeCycleMap is expecting 9 features as input"
    with pytest.raises(ValueError, match=words):
        estimator.transform(make_subjects(n_nodes=8))
    words = re.escape("pass one subject as X[None]")
    with pytest.raises(ValueError, match=words):
        estimator.transform(make_subjects()[0])
    with pytest.raises(NotFittedError):
        ThreeCycleMap().transform(make_subjects())


def test_the_input_is_not_written(seed):
    X = make_subjects(3, seed=seed)
    before = [x.copy() for x in X]
    for x in X:
        x.setflags(write=False)
    for parameters in ({}, {"threshold_type": "density", "sign": "negative"}):
        quietly(ThreeCycleMap(0.2, **parameters).fit_transform, X)
    for x, expected in zip(X, before, strict=True):
        assert_array_equal(x, expected)
