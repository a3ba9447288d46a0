"""Maps by chunks and aggregation of patches to images."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from subspace_ad_cases import grids, normal_rows

from skextras import SubspaceAD
from skextras._subspace_ad_maps import aggregate, map_rows, unit_scores
from skextras.numerics.subspace_scores import Subspace, coordinates

few = pytest.mark.filterwarnings("ignore:SubspaceAD. with n=")
GOLDEN = {"max": 0.89837575, "mean": 0.40956956, "tail_mean": 0.84847403}


def median(scores):
    return float(np.median(scores))


@pytest.mark.parametrize(
    ("params", "summary"),
    [
        ({"aggregation": "max"}, lambda s: s.max(axis=1)),
        ({"aggregation": "mean"}, lambda s: s.mean(axis=1)),
        ({"tail_fraction": 1e-9}, lambda s: s.max(axis=1)),
        ({"tail_fraction": 1.0}, lambda s: s.mean(axis=1)),
        ({"tail_fraction": 0.15}, lambda s: np.sort(s)[:, -3:].mean(axis=1)),
        ({"aggregation": median}, lambda s: np.median(s, axis=1)),
    ],
    ids=["max", "mean", "one", "all", "three", "median"],
)
def test_aggregation(seed, params, summary, float_dtype):
    X = grids(seed).astype(float_dtype)
    detector = SubspaceAD(4, calibration="train", **params).fit(X)
    maps = detector.anomaly_map(X).reshape(30, -1).astype(np.float64)
    scores = -detector.score_samples(X)
    assert scores.dtype == float_dtype
    assert_allclose(scores, summary(maps), rtol=1e-6)


@few
@pytest.mark.parametrize(
    "wrong", [lambda s: s, lambda s: "many", lambda s: np.nan, lambda s: None]
)
def test_aggregation_that_returns_no_number(seed, wrong):
    with pytest.raises(ValueError, match="must return a finite number"):
        SubspaceAD(aggregation=wrong).fit(grids(seed))


def test_aggregation_may_write(seed):
    def largest(scores):
        scores.sort()
        return scores[-1]

    X = grids(seed)
    detector = SubspaceAD(4, aggregation=largest).fit(X)
    maps = detector.anomaly_map(X)
    kept = maps.copy()
    assert_allclose(aggregate(detector, maps), maps.max(axis=(1, 2)))
    assert_array_equal(maps, kept)


def test_official_aggregation():
    """The official top hundredth of a map of 84 by 84 pixels."""
    golden = np.load(Path(__file__).parent / "golden" / "subspace_ad.npz")
    maps = golden["map_out_84"][None].astype(np.float64)
    found = {
        name: float(aggregate(SubspaceAD(aggregation=name), maps)[0])
        for name in ("max", "mean", "tail_mean")
    }
    for name, key in (("max", "max"), ("tail_mean", "mtop1p"), ("mean", "mean")):
        assert_allclose(found[name], golden[f"agg_{key}"], rtol=1e-6)
        assert_allclose(found[name], GOLDEN[name], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1300, 16), (65, 20, 16), (13, 10, 10, 16)])
def test_chunks_change_nothing(seed, shape):
    X = normal_rows(seed, 1300).reshape(shape)
    subspace = Subspace(
        X.reshape(-1, 16).mean(axis=0), np.eye(16)[:, :3], np.ones(3), 1
    )
    expected = (X - subspace.mean)[..., :3]
    for memory in (1e-3, 1024):
        with config_context(working_memory=memory):
            for other in (X, np.asfortranarray(X)):
                found = map_rows(other, subspace, coordinates, (3,))
                assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_images_are_scored_a_few_at_a_time(seed, monkeypatch):
    X = grids(seed)
    detector = SubspaceAD(4, calibration="train").fit(X)
    expected = unit_scores(detector, X, detector._subspace())
    monkeypatch.setattr("skextras._subspace_ad_maps._PATCHES", 50)
    found = unit_scores(detector, X, detector._subspace())
    assert_allclose(found, expected, rtol=1e-12)
