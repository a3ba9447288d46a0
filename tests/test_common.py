"""Every public estimator through scikit-learn's checks and our own.

An estimator joins with its name in ``__all__`` and an entry in
``conformance/entries.py``.
"""

import functools
import importlib.util

import numpy as np
import pytest
from conformance import own_checks, process_checks, sklearn_checks
from conformance.case import Case
from conformance.entries import ENTRIES, missing_entries, public_estimators
from sklearn.utils import get_tags

ESTIMATORS = public_estimators()
KNOWN = {name: cls for name, cls in ESTIMATORS.items() if name in ENTRIES}


def _marks(entry):
    absent = [name for name in entry.requires if not importlib.util.find_spec(name)]
    return [pytest.mark.skip(reason=f"{name} is not installed") for name in absent]


def _by_layout(find=lambda cls, entry, layout: [()], title=str):
    """Parameters (class, layout, *found) with ids `Name-found[layout]`."""
    for name, cls in KNOWN.items():
        entry = ENTRIES[name]
        for layout in entry.layouts:
            for found in find(cls, entry, layout):
                label = "-".join([name, *map(title, found[-1:])])
                yield pytest.param(
                    cls, layout, *found, id=f"{label}[{layout}]", marks=_marks(entry)
                )


LAYOUTS = list(_by_layout())


def _parametrize_with(find):
    # What `parametrize_with_checks` does, with the layout in the id.
    params = list(_by_layout(find, sklearn_checks.check_id))
    return pytest.mark.parametrize(("cls", "layout", "estimator", "check"), params)


def _patterns(cls, layout):
    return ENTRIES[cls.__name__].warnings.get(layout, ())


@functools.cache
def _case(cls, layout):
    return Case(cls, ENTRIES[cls.__name__], layout)


def test_every_public_estimator_has_an_entry():
    problems = missing_entries(ESTIMATORS, ENTRIES)
    assert not problems, "\n".join(problems)


@_parametrize_with(sklearn_checks.yielded_checks)
def test_sklearn(cls, layout, estimator, check):
    if reason := sklearn_checks.run(check, estimator, _patterns(cls, layout)):
        pytest.skip(reason)


@_parametrize_with(sklearn_checks.unyielded_checks)
def test_sklearn_on_itself(cls, layout, estimator, check):
    assert sklearn_checks.run(check, estimator, _patterns(cls, layout)) is None


def _own(cls, entry, layout):
    return [(check,) for check in own_checks.OWN_CHECKS]


@pytest.mark.parametrize(
    ("cls", "layout", "check"), list(_by_layout(_own, lambda check: check.__name__))
)
def test_own(cls, layout, check):
    with sklearn_checks.expected_warnings(_patterns(cls, layout)):
        check(_case(cls, layout))


@pytest.mark.parametrize(("cls", "layout"), LAYOUTS)
def test_dask(cls, layout, dask_client):
    with sklearn_checks.expected_warnings(_patterns(cls, layout)):
        process_checks.check_dask(_case(cls, layout), dask_client)


def _all_checks(cls, layout):
    case, patterns = _case(cls, layout), _patterns(cls, layout)
    own = [functools.partial(check, case) for check in own_checks.OWN_CHECKS]
    # A warning that names a parameter is met where parameters vary: there first.
    if any(name in text for name in case.entry.parameters for text in patterns):
        yield own.pop(0)
    for find in (sklearn_checks.yielded_checks, sklearn_checks.unyielded_checks):
        for estimator, check in find(cls, ENTRIES[cls.__name__], layout):
            yield functools.partial(check, estimator)
    yield from own


@pytest.mark.parametrize(("cls", "layout"), LAYOUTS)
def test_expected_warnings_occur(cls, layout):
    stale = sklearn_checks.unseen_warnings(
        _patterns(cls, layout), _all_checks(cls, layout)
    )
    assert not stale, f"no check meets {sorted(stale)}: remove them from the entry"


@pytest.mark.parametrize("name", KNOWN)
def test_no_check_is_evaded(name):
    entry, tags = ENTRIES[name], get_tags(KNOWN[name]())
    assert not tags._skip_test
    assert not tags.no_validation
    assert not tags.non_deterministic
    assert tags.input_tags.two_d_array or entry.no_two_d
    if tags.input_tags.three_d_array:
        assert entry.lifts, f"{name} takes more than tables: its entry must name lifts"


@pytest.mark.parametrize(("cls", "layout"), [p for p in LAYOUTS if p.values[1] != "2d"])
def test_lift_reaches_fit(cls, layout, monkeypatch):
    seen, fit = [], cls.fit

    @functools.wraps(fit)
    def spy(self, X, *args, **kwargs):
        seen.append(X)
        return fit(self, X, *args, **kwargs)

    monkeypatch.setattr(cls, "fit", spy)
    case = _case(cls, "2d")
    table = np.random.default_rng(0).standard_normal((case.entry.n_samples, 5))
    with sklearn_checks.expected_warnings(_patterns(cls, layout)):
        sklearn_checks.prepare(cls, case.entry, layout).fit(table, case.y)
    for X in seen:
        ndim = 1 + X[0].ndim if isinstance(X, list) else X.ndim
        assert ndim == (4 if layout in {"4d-grid", "images"} else 3)
    assert seen
