import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from screening_cases import drop, mixed_data

from skextras import MIScreener


def split_fit(X, y, cuts, **params):
    fitted = MIScreener("pearson", **params)
    for start, stop in zip([0, *cuts], [*cuts, len(y)], strict=True):
        fitted.partial_fit(X[start:stop], y[start:stop])
    return fitted


@pytest.mark.parametrize("offset", [0.0, 1e10])
@pytest.mark.parametrize("factor", [1e-100, 1.0, 1e100])
@pytest.mark.parametrize("cuts", [[], [100], [50, 51, 120, 199]])
def test_any_split_is_fit_on_all(offset, factor, cuts, seed):
    X, y = mixed_data(seed)
    X, y = factor * (X + offset), factor * y
    fitted, wanted = split_fit(X, y, cuts), MIScreener("pearson").fit(X, y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-10)
    assert_allclose(fitted.pvalues_, wanted.pvalues_, rtol=1e-8)
    assert_allclose(fitted.mi_, wanted.mi_, rtol=1e-8, atol=1e-12)


def test_gaps(seed):
    X, y = mixed_data(seed)
    X = drop(X, seed, 0.3)
    X[:100, 2] = np.nan
    with pytest.warns(UserWarning, match="1 of 6 features"):
        fitted = split_fit(X, y, [80, 150])
    wanted = MIScreener("pearson").fit(X, y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-10)
    assert_array_equal(fitted.n_valid_, wanted.n_valid_)


def test_classes(seed):
    X, y = mixed_data(seed)
    labels = np.where(y > 0, "up", "down")
    fitted, wanted = split_fit(X, labels, [100]), MIScreener("pearson").fit(X, labels)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-10)
    assert fitted.target_type_ == "discrete"


def test_constants_score_zero():
    X, y = mixed_data(0)
    X[:, 1] = 3.3
    fitted = split_fit(X, y, [100])
    assert fitted.scores_[1] == 0.0
    assert fitted.pvalues_[1] == 1.0


def test_bad_values_are_refused():
    X, y = mixed_data(0)
    fitted = MIScreener("pearson").partial_fit(X, y)
    X[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity: column 2"):
        fitted.partial_fit(X, y)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN: column 2"):
        fitted.set_params(missing="error").partial_fit(X, y)
