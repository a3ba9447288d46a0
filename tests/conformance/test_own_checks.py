"""Each own check passes a good estimator and fails a broken one."""

import logging
import os
import random
import warnings
from unittest import mock

import numpy as np
import pytest
import sklearn
import threadpoolctl
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

from conformance import broken, own_checks, process_checks
from conformance.case import Case
from conformance.entry import Effect, Entry, NoEffect

CHECKS = {check.__name__: check for check in own_checks.OWN_CHECKS}
BROKEN = [
    pytest.param(CHECKS[name], cls, id=f"{name}-{cls.__name__}")
    for name, classes in broken.BROKEN.items()
    for cls in classes
]
LDA_PARAMETERS = {
    "solver": Effect("eigen"),
    "shrinkage": Effect(0.5, context={"solver": "eigen"}),
    "priors": Effect([0.8, 0.1, 0.1]),
    "n_components": Effect(1),
    "store_covariance": NoEffect(True),
    "tol": NoEffect(1e-3),
    "covariance_estimator": NoEffect(None),
}
REGRESSION_PARAMETERS = {
    "fit_intercept": Effect(False),
    "copy_X": NoEffect(True),
    "tol": NoEffect(1e-3),
    "n_jobs": NoEffect(2),
    "positive": NoEffect(True),
}
GOOD = {
    "LinearDiscriminantAnalysis": (
        LinearDiscriminantAnalysis,
        Entry(parameters=LDA_PARAMETERS, scale_power={"transform": 0}),
    ),
    "LinearRegression": (LinearRegression, Entry(parameters=REGRESSION_PARAMETERS)),
}


@pytest.fixture
def _undo():
    """Put back what the broken estimators leave behind."""
    numbers, drawn = np.random.get_state(), random.getstate()
    config, errors = sklearn.get_config(), np.geterr()
    root = logging.getLogger()
    handlers = list(root.handlers)
    limits = threadpoolctl.threadpool_limits(2)  # there must be one to lose
    with mock.patch.dict(os.environ), warnings.catch_warnings():
        yield
    limits.restore_original_limits()
    np.random.set_state(numbers)
    random.setstate(drawn)
    sklearn.set_config(**config)
    np.seterr(**errors)
    root.handlers[:] = handlers


def test_every_check_has_a_broken_estimator():
    assert broken.BROKEN.keys() == CHECKS.keys()


@pytest.mark.parametrize("layout", broken.ENTRY.layouts)
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_good_estimator_passes(check, layout):
    check(Case(broken.Spread, broken.ENTRY, layout))


@pytest.mark.usefixtures("_undo")
@pytest.mark.parametrize("layout", broken.ENTRY.layouts)
@pytest.mark.parametrize(("check", "cls"), BROKEN)
def test_broken_estimator_fails(check, cls, layout):
    with pytest.raises(AssertionError):
        check(Case(cls, broken.ENTRY, layout))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("name", GOOD)
def test_scikit_learn_passes(check, name):
    check(Case(*GOOD[name], "2d"))


def test_dask(dask_client):
    for layout in broken.ENTRY.layouts:
        process_checks.check_dask(
            Case(broken.Spread, broken.ENTRY, layout), dask_client
        )
        case = Case(broken.BoundToProcess, broken.ENTRY, layout)
        with pytest.raises(AssertionError, match="a dask worker differs"):
            process_checks.check_dask(case, dask_client)
