"""The scripts of the folder of benchmarks, imported as they run."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a script of the folder as it imports its neighbours when it runs."""
    monkeypatch.syspath_prepend(FOLDER)
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    yield importlib.import_module
    for name in scripts & set(sys.modules):
        del sys.modules[name]


@pytest.fixture
def harness(load):
    return load("_harness")
