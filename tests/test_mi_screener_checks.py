import numpy as np
import pytest

from skextras import MIScreener
from skextras._mi_screener_checks import (
    check_outcome,
    check_parameters,
    describe_result,
    forced_features,
    wants_p_values,
)
from skextras._mi_screener_screen import Screened
from skextras._mi_screener_target import read_target


def test_forced_features():
    assert forced_features("auto", 3) is None
    assert forced_features(True, 2).tolist() == [True, True]
    assert forced_features(False, 2).tolist() == [False, False]
    assert forced_features([], 2).tolist() == [False, False]
    assert forced_features([-1], 3).tolist() == [False, False, True]
    mask = np.array([True, False])
    assert forced_features(mask, 2).tolist() == mask.tolist()
    assert forced_features(mask, 2) is not mask
    for bad in ([2], [-3], [[0]], [0.0], ["a"], [True]):
        with pytest.raises(ValueError, match="discrete_features must be"):
            forced_features(bad, 2)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, True),
        ({"pvalues": False}, False),
        ({"method": "fftkde"}, False),
        ({"method": "knn", "alpha": 0.1}, True),
        ({"method": "knn", "pvalues": "permutation"}, True),
        ({"method": "gaussian"}, True),
    ],
)
def test_when_p_values_are_computed(params, wanted):
    assert wants_p_values(MIScreener(**params)) == wanted


@pytest.mark.parametrize(
    "params",
    [
        {"grid_size": (16, 512)},
        {"grid_size": np.array([48, 96])},
        {"n_bins": "birge-rozenholc", "strategy": "uniform"},
        {"method": "fftkde", "marginal": None},
        {"alpha": 0.1, "marginal": None},
    ],
)
def test_legal_parameters(params):
    check_parameters(MIScreener(**params))


@pytest.mark.parametrize(
    "name", ["k", "n_bins", "grid_size", "n_neighbors", "n_permutations", "threshold"]
)
def test_booleans_are_no_numbers(name):
    with pytest.raises(ValueError, match=f"{name} must be a number, got True"):
        check_parameters(MIScreener(**{name: True}))


@pytest.mark.parametrize("pair", [(48,), (48, 48, 48), (15, 48), (48, 513), (48.0, 48)])
def test_bad_grids(pair):
    with pytest.raises(ValueError, match="grid_size must be"):
        check_parameters(MIScreener(grid_size=pair))


def test_odd_outcomes_are_told():
    binning, knn = MIScreener(), MIScreener("knn", n_neighbors=2)
    fine, _ = read_target([0, 1, 0, 1], "auto")
    assert check_outcome(binning, fine) == []
    single, _ = read_target(["a", "a", "b", "b", "c"], "auto")
    assert check_outcome(binning, single) == []
    assert "['c']" in check_outcome(knn, single)[0]
    constant, _ = read_target([0.5] * 4, "auto")
    assert "constant" in check_outcome(binning, constant)[0]
    with pytest.raises(ValueError, match=r"n_neighbors=2 .*n_samples=2"):
        check_outcome(knn, fine.take(slice(0, 2)))


def test_results_are_described():
    counts = np.array([20, 20, 3])
    fine = Screened(np.array([0.1, 0.2, 0.3]), None, counts, 0)
    assert describe_result(fine) == []
    lacking = fine._replace(scores=np.array([0.1, np.nan, np.nan]), n_coarse=4)
    first, second = describe_result(lacking)
    assert "2 of 3 features" in first
    assert "4 grids" in second
    with pytest.raises(ValueError, match="20 of a feature at most"):
        describe_result(fine._replace(scores=np.full(3, np.nan)))
