"""Figures do not outlive the test that drew them."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    # Not imported where no test did, as in an environment without matplotlib.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
