import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from screening_cases import drop, mixed_data

from skextras import MIScreener

SETTINGS = (
    {},
    {"strategy": "uniform"},
    {"strategy": "uniform", "n_bins": "birge-rozenholc"},
    {"n_bins": 20},
    {"discrete_features": False},
)


def split_fit(X, y, cuts, classes=None, **params):
    fitted = MIScreener(random_state=0, **params)
    for start, stop in zip([0, *cuts], [*cuts, len(y)], strict=True):
        fitted.partial_fit(X[start:stop], y[start:stop], classes=classes)
    return fitted


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("discrete", [False, True])
def test_one_call_is_fit(params, discrete, seed):
    X, y = mixed_data(seed)
    y = np.digitize(y, (-0.5, 0.5)) if discrete else y
    for data in (X, drop(X, seed), X.astype(np.float32), sparse.csr_array(X)):
        wanted = MIScreener(random_state=0, **params).fit(data, y)
        fitted = MIScreener(random_state=0, **params).partial_fit(data, y)
        assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
        assert_allclose(fitted.pvalues_, wanted.pvalues_, rtol=1e-9)
        assert_array_equal(fitted.support_, wanted.support_)
        assert_array_equal(fitted.n_valid_, wanted.n_valid_)


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("discrete", [False, True])
def test_later_rows_may_be_split_in_any_way(params, discrete, seed):
    X, y = mixed_data(seed)
    y = np.digitize(y, (-0.5, 0.5)) if discrete else y
    for data in (X, drop(X, seed)):
        one = split_fit(data, y, [100], **params)
        many = split_fit(data, y, [100, 101, 130, 180], **params)
        assert_allclose(many.scores_, one.scores_, rtol=0, atol=1e-13)
        assert_allclose(many.pvalues_, one.pvalues_, rtol=1e-9)
        assert_array_equal(many.n_valid_, one.n_valid_)


def test_more_rows_of_the_same_bins_are_fit_on_all():
    # The second half repeats the values of the first: the quantiles are the same.
    X, y = mixed_data(0)
    X, y = np.tile(X, (2, 1)), np.tile(y, 2)
    twice = split_fit(X, y, [200], n_bins=4)
    assert_allclose(twice.scores_, MIScreener(n_bins=4).fit(X, y).scores_, atol=1e-12)


def test_scores_are_current_after_each_call():
    X, y = mixed_data(1)
    fitted = MIScreener().partial_fit(X[:100], y[:100])
    before = fitted.scores_.copy()
    fitted.partial_fit(X[100:], y[100:])
    assert (fitted.scores_ != before).all()
    assert fitted.n_valid_.tolist() == [200] * 6


def test_fit_begins_anew_and_so_does_a_call_after_it():
    X, y = mixed_data(2)
    fitted = MIScreener().partial_fit(X, y).fit(X[:100], y[:100])
    assert fitted.n_valid_[0] == 100
    assert fitted.partial_fit(X[:50], y[:50]).n_valid_[0] == 50


def test_new_labels():
    X, y = mixed_data(3)
    labels = np.where(y > 0, "a", "b")
    fitted = MIScreener().partial_fit(X[:100], labels[:100])
    labels[150] = "c"
    scores = fitted.scores_.copy()
    with pytest.raises(ValueError, match=r"label .*'c'.*classes"):
        fitted.partial_fit(X[100:], labels[100:])
    assert_array_equal(fitted.scores_, scores)
    fitted = split_fit(X, labels, [100], classes=["a", "b", "c"])
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    assert fitted.n_valid_[0] == 200


def test_new_levels():
    X, y = mixed_data(4)
    fitted = MIScreener().partial_fit(X[:100], y[:100])
    tables = fitted._rows["sums"]["tables"].copy()
    X[150, 4] = 9
    with pytest.raises(ValueError, match=r"column 4 .*level 9.*discrete_features"):
        fitted.partial_fit(X[100:], y[100:])
    # What was refused left nothing behind.
    assert_array_equal(fitted._rows["sums"]["tables"], tables)
    split_fit(X, y, [100], discrete_features=[5])


def test_categories_keep_their_codes():
    X, y = mixed_data(5)
    names = np.array(["a", "b", "c", "d", "e"])[X[:, 4].astype(int) + 2]
    whole = pd.DataFrame({"kind": pd.Categorical(names), "x": X[:, 0]})
    first, second = whole[:100].copy(), whole[100:].copy()
    second["kind"] = second["kind"].cat.reorder_categories(list("edcba"))
    fitted = MIScreener().partial_fit(first, y[:100]).partial_fit(second, y[100:])
    straight = (
        MIScreener().partial_fit(first, y[:100]).partial_fit(whole[100:], y[100:])
    )
    assert_allclose(fitted.scores_, straight.scores_, atol=1e-13)
    second["kind"] = pd.Categorical(["new"] * 100)
    with pytest.raises(ValueError, match=r"'kind' .*level 'new'"):
        fitted.partial_fit(second, y[100:])
    with pytest.raises(ValueError, match="data frame with categories"):
        fitted.partial_fit(pd.DataFrame(X[:, :2], columns=["kind", "x"]), y)


def test_features_without_values_in_the_first_rows():
    X, y = mixed_data(6)
    X[:100, 1] = np.nan
    with pytest.warns(UserWarning, match="1 of 6 features"):
        fitted = MIScreener().partial_fit(X[:100], y[:100])
    with pytest.warns(UserWarning, match="1 of 6 features"):
        fitted.partial_fit(X[100:], y[100:])
    assert np.isnan(fitted.scores_[1])
    assert fitted.n_valid_[1] == 100


def test_only_what_accumulates_has_it():
    for method in ("fftkde", "knn", "gaussian"):
        assert not hasattr(MIScreener(method), "partial_fit")
    X, y = mixed_data(7)
    fitted = MIScreener().partial_fit(X, y).set_params(method="pearson")
    with pytest.raises(ValueError, match="method='pearson' differs"):
        fitted.partial_fit(X, y)


def test_threads_and_blocks_change_nothing(seed):
    from sklearn import config_context

    X, y = mixed_data(seed)
    X = drop(X, seed)
    wanted = split_fit(X, y, [100])
    with config_context(working_memory=0.002):
        fitted = split_fit(X, y, [100], n_jobs=2)
    assert_array_equal(fitted.scores_, wanted.scores_)
