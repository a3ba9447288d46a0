"""Parameters and arguments that SubspaceAD refuses."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils._param_validation import InvalidParameterError
from subspace_ad_cases import grids, normal_rows

from skextras import SubspaceAD
from skextras._subspace_ad_checks import check_groups, check_parameters, path_counts


@pytest.mark.parametrize("name", ["n_components", "drop_components", "n_folds"])
def test_booleans_are_no_numbers(name):
    with pytest.raises(ValueError, match=f"{name} must be a number, got True"):
        check_parameters(SubspaceAD(**{name: True}), np.ones((4, 2)))


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.1, np.nan])
def test_shares_lie_between_zero_and_one(share):
    with pytest.raises(ValueError, match="share of the variance between 0 and 1"):
        SubspaceAD(share).fit(normal_rows(0))


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": -1},
        {"n_components": "mle"},
        {"contamination": 0.6},
        {"contamination": 0.0},
        {"alpha": 0.5},
        {"alpha": 0.0},
        {"n_folds": 1},
        {"tail_fraction": 0.0},
        {"tail_fraction": 1.1},
        {"statistic": "spe"},
        {"aggregation": "median"},
    ],
    ids=str,
)
def test_constraints(params):
    with pytest.raises(InvalidParameterError, match=next(iter(params))):
        SubspaceAD(**params).fit(normal_rows(0))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("statistic", ["residual", "t2"])
def test_hbe_is_for_residuals_of_rows(method, statistic):
    detector = SubspaceAD(calibration="hbe", statistic=statistic)
    X = grids(0) if statistic == "residual" else normal_rows(0)
    with pytest.raises(ValueError, match='calibration="hbe"') as raised:
        getattr(detector, method)(X)
    for word in (f'statistic="{statistic}"', "crossfit"):
        assert word in str(raised.value)


def test_groups_are_read():
    X = np.ones((3, 2))
    assert check_groups(X, None) is None
    assert check_groups(X, np.array([3, 1, 3])) == [3, 1, 3]
    assert check_groups(X, ["a", "b", "a"]) == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ([1, 2], "inconsistent numbers of samples"),
        ([[1], [2], [3]], "one dimension"),
        ([1.0, np.nan, 2.0], "groups contains NaN"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_groups_are_refused(groups, match, method):
    with pytest.raises(ValueError, match=match):
        getattr(SubspaceAD(), method)(np.eye(3), groups=groups)


def test_path_counts(seed):
    detector = SubspaceAD(6).fit(normal_rows(seed))
    assert_array_equal(path_counts(detector, [0, 6, np.int8(2)]), [0, 6, 2])
    first = detector.explained_variance_ratio_[0]
    assert_array_equal(path_counts(detector, [0.99 * first, first + 1e-9]), [1, 2])
    kept = detector.explained_variance_ratio_.sum()
    assert_array_equal(path_counts(detector, (kept * (1 - 1e-9),)), [6])


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([7], "n_components=7 needs more than the 6 components"),
        ([0.99999], "needs more than the 6 components"),
        ([-1], "integers that are not negative"),
        ([1.0], "shares between 0 and 1, got 1.0"),
        ([True], "got True"),
        (["half"], "got 'half'"),
        ([], "a sequence of numbers"),
        (3, "a sequence of numbers"),
    ],
)
def test_paths_are_refused(values, match):
    with pytest.raises(ValueError, match=match):
        SubspaceAD(6).fit(normal_rows(0)).residual_path(normal_rows(0), values)
