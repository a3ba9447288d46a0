"""An estimator cannot become public without a complete entry."""

import sys
import types

import pytest

from conformance import entries
from conformance.broken import ENTRY, Spread
from conformance.entry import Effect, Entry

COMPLETE = {"center": Effect(False), "n_jobs": Effect(2)}


def test_complete_entry():
    assert entries.missing_entries({"Spread": Spread}, {"Spread": ENTRY}) == []


def test_missing_entry_says_what_to_add():
    (problem,) = entries.missing_entries({"Spread": Spread}, {})
    assert problem.startswith("Spread is public and has no entry: add one to ENTRIES")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"center": Effect(False)}, r"must give an Effect.*\['n_jobs'\]"),
        ({**COMPLETE, "size": Effect(1)}, r"no parameters \['size'\]"),
    ],
)
def test_incomplete_entry(parameters, words):
    found = entries.missing_entries(
        {"Spread": Spread}, {"Spread": Entry(parameters=parameters)}
    )
    assert len(found) == 1
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found[0])


def test_stale_entry():
    (problem,) = entries.missing_entries({}, {"Spread": ENTRY})
    assert problem == "entries without a public estimator: ['Spread']"


def test_public_estimators_are_the_classes_of_all(monkeypatch):
    package = types.ModuleType("package_of_test")
    package.__all__ = ["Spread", "__version__", "function", "Warned"]
    package.Spread, package.__version__ = Spread, "1"
    package.function, package.Warned = len, UserWarning
    monkeypatch.setitem(sys.modules, "package_of_test", package)
    assert entries.public_estimators(["package_of_test"]) == {"Spread": Spread}


def test_layouts():
    assert ENTRY.layouts == ("2d", "3d-series")
    only_lifted = Entry(parameters={}, lifts=("4d-grid",), no_two_d="images")
    assert only_lifted.layouts == ("4d-grid",)
