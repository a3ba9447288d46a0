import numpy as np
import pandas as pd
import pytest

from skextras._mi_screener_target import read_target


@pytest.mark.parametrize(
    ("y", "discrete"),
    [
        ([0, 1, 1, 0], True),
        ([0.0, 1.0, 3.0, 0.0], True),
        ([0.5, 1.0, 3.0, 0.0], False),
        (["b", "a", "b", "c"], True),
        ([True, False, True, True], True),
        (np.array(["x", "y"], object), True),
        (np.array([1, 2, 2], object), True),
        (np.array([1.5, 2.0], object), False),
        (pd.Series(["u", "v", "u"]), True),
        (pd.Series(["u", "v"], dtype="category"), True),
        ([1e100, 3e100, 2e101], False),
    ],
)
def test_kind(y, discrete):
    target, ambiguous = read_target(y, "auto")
    assert target.discrete == discrete
    assert not ambiguous
    assert target.n == len(y)


@pytest.mark.parametrize(
    ("n", "levels", "ambiguous"),
    [(100, 20, False), (100, 21, True), (1000, 50, False), (1000, 51, True)],
)
def test_many_integers_are_reals(n, levels, ambiguous):
    for dtype in (int, float):
        target, found = read_target((np.arange(n) % levels).astype(dtype), "auto")
        assert found == ambiguous
        assert target.discrete != ambiguous


def test_codes_follow_the_sorted_classes():
    target, _ = read_target([30, 10, 20, 10], "auto")
    assert target.codes.tolist() == [2, 0, 1, 0]
    assert target.codes.dtype == np.int32
    assert target.classes.tolist() == [10, 20, 30]
    assert target.counts.tolist() == [2, 1, 1]
    part = target.take(np.array([False, True, False, True]))
    assert part.constant
    assert part.counts.tolist() == [2, 0, 0]
    assert not target.constant


def test_forced_kinds():
    assert read_target([0.5, 1.5, 0.5], "discrete")[0].classes.tolist() == [0.5, 1.5]
    assert read_target([3, 1, 2], "continuous")[0].values.tolist() == [3.0, 1.0, 2.0]
    assert read_target([True, False], "continuous")[0].values.tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match='target_type="continuous" needs numbers'):
        read_target(["a", "b"], "continuous")


def test_given_classes():
    target, _ = read_target(["a", "c"], "auto", classes=["c", "b", "a"])
    assert target.codes.tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"label .*'d'.*classes"):
        read_target(["a", "d"], "auto", classes=["c", "b", "a"])
    with pytest.raises(ValueError, match=r"label .*1.5"):
        read_target([1, 1.5], "auto", classes=[1, 2])


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([1.0, np.nan], "Input y contains NaN"),
        ([1.0, np.inf], "Input y contains infinity"),
        (np.array(["a", None], object), "Input y contains NaN"),
        (np.array(["a", np.nan], object), "Input y contains NaN"),
        (np.array(["a", 1], object), "Unknown label type"),
        (np.array([1j, 2]), "Complex data not supported"),
        (np.array(["2020-01-01"], "M8[D]"), "Unknown label type"),
        (np.zeros((3, 2)), "1d array"),
    ],
)
def test_bad_outcomes(y, match):
    with pytest.raises(ValueError, match=match):
        read_target(y, "auto")
