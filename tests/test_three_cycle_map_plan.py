"""Parameters of three-cycle maps: limits, columns, names and scaling."""

import math

import numpy as np
import pytest

from skextras import ThreeCycleMap
from skextras._three_cycle_map_plan import FEATURES, make_plan

DISTANCES = {
    "features": "distance_degree",
    "coordinates": np.arange(12.0).reshape(4, 3),
    "distance_bins": [0, 30, 60.5, np.inf],
}


def plan_of(*threshold, n_nodes=4, **parameters):
    return make_plan(ThreeCycleMap(*threshold, **parameters), n_nodes)


@pytest.mark.parametrize("threshold", [0.5, 1, -1, np.float32(0.5), np.int64(0)])
def test_one_threshold(threshold):
    plan = plan_of(threshold)
    assert plan.thresholds == [float(threshold)]
    assert plan.n_columns == 4


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_several_thresholds(make):
    plan = plan_of(make([-0.5, 0.25, 1.0]))
    assert plan.thresholds == [-0.5, 0.25, 1.0]
    assert plan.n_columns == 12


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"threshold": True}, "threshold must hold real numbers, got True"),
        ({"threshold": ["a"]}, "threshold must hold real numbers"),
        ({"threshold": [0.1, None]}, "threshold must hold real numbers"),
        ({"threshold": [[0.1], [0.2]]}, "threshold must be a number or a sequence"),
        ({"threshold": []}, "threshold must be|threshold must hold"),
        ({"threshold": [0.2, 0.2]}, "finite and strictly increasing"),
        ({"threshold": [0.3, 0.2]}, "finite and strictly increasing"),
        ({"threshold": [0.3, np.nan]}, "finite and strictly increasing"),
        ({"threshold": [0.3, np.inf]}, "finite and strictly increasing"),
        ({"threshold": 1.5}, r'from -1 to 1.*threshold_type="correlation"'),
        ({"threshold": -0.1, "sign": "negative"}, 'from 0 to 1.*sign="negative"'),
        ({"threshold": [-0.1, 0.2], "sign": "absolute"}, 'from 0 to 1.*sign="absol'),
        ({"threshold": 0.0, "threshold_type": "density"}, "between 0 and 1, exclus"),
        ({"threshold": 1.0, "threshold_type": "density"}, 'threshold_type="density"'),
        ({"threshold": -0.1, "threshold_type": "density"}, "between 0 and 1, exclu"),
        (
            {"threshold": [0.1, 0.2], "input_type": "adjacency"},
            'several values, but input_type="adjacency"',
        ),
        ({"features": ()}, "features=.* must be one of"),
        ({"features": ["cycle5"]}, "features=.* must be one of"),
        ({"features": ("degree", "degree")}, "without repeats"),
        ({"features": "distance_degree"}, "both coordinates and distance_bins"),
        ({**DISTANCES, "coordinates": None}, "coordinates=None"),
        ({**DISTANCES, "distance_bins": None}, "distance_bins=None"),
        ({**DISTANCES, "coordinates": np.ones((5, 3))}, r"n_nodes=4.*shape \(5, 3\)"),
        ({**DISTANCES, "coordinates": np.ones(4)}, r"got shape \(4,\)"),
        ({**DISTANCES, "coordinates": np.full((4, 3), np.nan)}, "must be finite"),
        ({**DISTANCES, "coordinates": [["a"]] * 4}, "coordinates must hold real"),
        ({**DISTANCES, "distance_bins": [1]}, "at least two increasing edges"),
        ({**DISTANCES, "distance_bins": [-1, 2]}, "at least two increasing edges"),
        ({**DISTANCES, "distance_bins": [1, 1]}, "at least two increasing edges"),
        ({**DISTANCES, "distance_bins": [1, np.nan]}, "at least two increasing edges"),
        ({**DISTANCES, "distance_bins": [np.nan, 1]}, "at least two increasing edges"),
        ({**DISTANCES, "distance_bins": [[1, 2]]}, "at least two increasing edges"),
        (
            {**DISTANCES, "distance_bins": [1, np.inf, np.inf]},
            "at least two increasing edges",
        ),
    ],
)
def test_refusals(parameters, words):
    with pytest.raises(ValueError, match=words):
        plan_of(**parameters)


def test_coordinates_are_not_looked_at_unless_needed():
    plan = plan_of(coordinates=np.ones((99, 3)), distance_bins=[3, 1])
    assert plan.coordinates is None
    assert plan.n_bins == 0


def test_adjacency_ignores_the_thresholding():
    plan = plan_of(
        0.99, input_type="adjacency", threshold_type="density", sign="absolute"
    )
    assert plan.thresholds == [0.5]
    assert (plan.by_density, plan.sign) == (False, "positive")


def test_names_are_in_the_order_of_the_columns():
    plan = plan_of(
        [0.1, 0.25],
        **{**DISTANCES, "features": ["clustering", "distance_degree", "degree"]},
    )
    names = plan.names(["a", "b", "c", "d"])
    assert len(names) == len(set(names)) == plan.n_columns == 2 * 5 * 4
    assert names[:4] == [f"r0.1_clustering_{node}" for node in "abcd"]
    assert names[4] == "r0.1_distance_degree_0-30_a"
    assert names[8] == "r0.1_distance_degree_30-60.5_a"
    assert names[12] == "r0.1_distance_degree_60.5-inf_a"
    assert names[16] == "r0.1_degree_a"
    assert names[20] == "r0.25_clustering_a"
    assert plan_of(0.3).names(range(2)) == ["cycle3_0", "cycle3_1"]
    plan = plan_of([0.1, 0.2], threshold_type="density")
    assert plan.names([0]) == ["d0.1_cycle3_0", "d0.2_cycle3_0"]


def test_numbers_that_look_alike_get_distinct_names():
    plan = plan_of([0.1, 0.1 + 1e-9])
    assert plan.names([0]) == ["r0.1_cycle3_0", "r0.100000001_cycle3_0"]


@pytest.mark.parametrize(
    ("n_nodes", "density", "expected"),
    [
        (129, 0.1, 826),
        (4, 0.25, 2),
        (4, 0.249, 1),
        (2, 0.3, 0),
        (2, 0.5, 1),
        (1, 0.9, 0),
    ],
)
def test_number_of_edges(n_nodes, density, expected):
    plan = plan_of(density, n_nodes=n_nodes, threshold_type="density")
    assert plan.n_edges(density) == expected


def test_scaling():
    counts = np.array([0, 1, 3])
    assert plan_of().scale("cycle3", counts) is counts
    shares = {"cycle3": 3, "cycle4": 3, "degree": 3, "distance_degree": 3}
    for name, largest in shares.items():
        logs = plan_of(scaling="log1p").scale(name, counts)
        np.testing.assert_array_equal(logs, np.log1p(counts))
        found = plan_of(scaling="fraction").scale(name, counts)
        np.testing.assert_array_equal(found, counts / largest)
    for scaling in ("log1p", "fraction"):
        assert plan_of(scaling=scaling).scale("clustering", counts) is counts


@pytest.mark.parametrize("n_nodes", [1, 2, 3, 10])
def test_fractions_of_a_complete_graph(n_nodes):
    plan = plan_of(scaling="fraction", n_nodes=n_nodes)
    complete = {
        "degree": n_nodes - 1,
        "cycle3": math.comb(n_nodes - 1, 2),
        "cycle4": 3 * math.comb(n_nodes - 1, 3),
    }
    for name, count in complete.items():
        assert plan.scale(name, count) == float(count > 0)


def test_features_are_those_of_the_constraints():
    assert set(FEATURES) == ThreeCycleMap._parameter_constraints["features"][0].options
