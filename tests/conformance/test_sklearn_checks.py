"""scikit-learn's checks run whole, skip with reason only, and see warnings."""

import dataclasses
import re
import unittest
import warnings
from functools import partial

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks

from conformance import sklearn_checks
from conformance.broken import ENTRY, Spread
from conformance.case import Case
from conformance.entry import Entry


class Talkative(Spread):
    """Warns each time."""

    def transform(self, X):
        warnings.warn("Talkative: too few samples", UserWarning, stacklevel=2)
        return super().transform(X)


def _all(cls, entry, layout):
    for find in (sklearn_checks.yielded_checks, sklearn_checks.unyielded_checks):
        yield from find(cls, entry, layout)


@pytest.mark.parametrize("layout", ENTRY.layouts)
def test_good_estimator_passes(layout):
    n_checks = 0
    for estimator, check in _all(Spread, ENTRY, layout):
        sklearn_checks.run(check, estimator)
        n_checks += 1
    assert n_checks > 50


def test_what_stands_in_for_a_default_is_checked():
    entry = dataclasses.replace(ENTRY, stand_in={"center": False})
    for layout in ENTRY.layouts:
        assert sklearn_checks.prepare(Spread, ENTRY, layout).center
        assert not sklearn_checks.prepare(Spread, entry, layout).center
        found = _all(Spread, entry, layout)
        assert not any(estimator.center for estimator, _ in found)
        case = Case(Spread, entry, layout)
        assert not case.fit().center
        assert case.fit(center=True).center


BARE = Entry(parameters={})


def _names(cls, entry=BARE, layout="2d"):
    found = sklearn_checks.unyielded_checks(cls, entry, layout)
    return {sklearn_checks.check_id(check) for _, check in found}


def test_which_checks_are_added():
    common = {"check_param_validation", "check_dataframe_column_names_consistency"}
    assert _names(LinearRegression) == common | {
        "check_inplace_ensure_writeable",
        "check_all_zero_sample_weights_error",
    }
    names = {
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
        "check_get_feature_names_out_error",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
    }
    assert _names(LinearDiscriminantAnalysis) == common | names
    assert _names(Spread, ENTRY) == common | names
    columns = {
        "check_dataframe_column_names_consistency",
        "check_transformer_get_feature_names_out_pandas",
    }
    assert _names(Spread, ENTRY, "3d-series") == (common | names) - columns
    assert _names(Spread, Entry(parameters={}, named_output=None)) == common


def test_named_configuration_is_used():
    entry = Entry(parameters={}, named_output={"with_mean": False})
    for estimator, check in sklearn_checks.unyielded_checks(
        StandardScaler, entry, "2d"
    ):
        named = check.func in sklearn_checks.NAME_CHECKS
        named = named or check.func in sklearn_checks.COLUMN_NAME_CHECKS
        copies = check.func is checks.check_inplace_ensure_writeable
        assert estimator.with_mean is not named
        assert estimator.copy is not copies


class Nameless(TransformerMixin, BaseEstimator):
    """A transformer that forgot its names."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_nameless_transformer_fails_unless_declared():
    failures = 0
    for estimator, check in sklearn_checks.unyielded_checks(
        Nameless, Entry(parameters={}), "2d"
    ):
        if check.func in sklearn_checks.NAME_CHECKS:
            with pytest.raises((AttributeError, AssertionError)):
                sklearn_checks.run(check, estimator)
            failures += 1
    assert failures == len(sklearn_checks.NAME_CHECKS)


def test_ids_tell_checks_apart():
    for layout in ENTRY.layouts:
        found = [sklearn_checks.check_id(c) for _, c in _all(Spread, ENTRY, layout)]
        assert len(set(found)) == len(found)


def _check(name, estimator):
    estimator()


@pytest.mark.parametrize(
    ("reason", "legal"),
    [
        ("cupy is not installed: not checking array_api input", True),
        ("PyTorch test requires cuda, which is not available", True),
        ("Skipping XPU device test because no XPU device is available", True),
        (
            "Skipping MPS device test because PYTORCH_ENABLE_MPS_FALLBACK is not set.",
            True,
        ),
        ("Skipping dpnp test because no SYCL devices found", True),
        ("SCIPY_ARRAY_API is not set: not checking array_api input", False),
        ("pandas is not installed: not checking set output", False),
        ("Skipping check_fit1d for Spread: known failure", False),
    ],
)
def test_skips_need_a_good_reason(reason, legal):
    def skip():
        raise unittest.SkipTest(reason)

    check = partial(_check, "Spread")
    if legal:
        assert sklearn_checks.run(check, skip) == reason
    else:
        with pytest.raises(AssertionError, match="no reason to skip"):
            sklearn_checks.run(check, skip)


def test_warnings_are_errors_unless_listed():
    def warn():
        warnings.warn("Talkative: too few samples", UserWarning, stacklevel=2)

    check = partial(_check, "Talkative")
    with pytest.raises(UserWarning, match="too few"):
        sklearn_checks.run(check, warn)
    with pytest.raises(UserWarning, match="too few"):
        sklearn_checks.run(check, warn, ["Talkative: too many", "too few"])
    assert sklearn_checks.run(check, warn, ["Talkative: too f.w"]) is None


def test_listed_warnings_must_occur():
    def unseen(*patterns):
        found = sklearn_checks.yielded_checks(Talkative, ENTRY, "2d")
        runs = (partial(check, estimator) for estimator, check in found)
        return sklearn_checks.unseen_warnings(patterns, runs)

    assert unseen() == set()
    assert unseen("Talkative: too few") == set()
    assert unseen("Talkative: too few", "Talkative: too many") == {
        "Talkative: too many"
    }


def test_mixed_input_warnings_are_scikit_learns_own():
    """Its own estimators give them too, in these checks and in no other."""
    for check in sklearn_checks.MIXED_INPUT_CHECKS:
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            check("StandardScaler", StandardScaler())
        messages = {str(warning.message) for warning in record}
        assert len(messages) == 2
        for pattern in sklearn_checks.MIXED_INPUT_WARNINGS:
            assert any(re.match(pattern, message) for message in messages)
        sklearn_checks.run(partial(check, "StandardScaler"), StandardScaler())
