"""Options, fixtures and guards shared by all tests."""

import os
import sys

from conformance import checkpoint, session

# SciPy reads the variable when it is imported: nothing above may import it.
session.require_array_api(os.environ, sys.modules)
# So does transformers with its own, and worker processes inherit both.
checkpoint.install(os.environ)

import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np
import pytest

SEEDS = session.resolve_seeds(os.environ)
ROOT = Path(__file__).resolve().parents[1]
REPORTED = ("numpy", "scipy", "scikit-learn", "numba", "torch", "mne", "nilearn")


def pytest_addoption(parser):
    parser.addoption(
        "--slow",
        action="store_true",
        help="also run the tests that take more than ten seconds",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "requires_torch: skipped where torch is not installed"
    )


def pytest_report_header():
    versions = [f"Python {sys.version.split()[0]}"]
    for package in REPORTED:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    seeds = f"{SEEDS[0]}" if len(SEEDS) == 1 else f"{SEEDS[0]}-{SEEDS[-1]}"
    return [", ".join(versions), f"{session.SEED_VARIABLE}={seeds}"]


def pytest_collection_modifyitems(config, items):
    slow = pytest.mark.skip(reason="slow: needs --slow")
    torch = pytest.mark.skip(reason="torch is not installed")
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(slow)
        if "requires_torch" in item.keywords and not importlib.util.find_spec("torch"):
            item.add_marker(torch)


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    with session.no_network():
        yield


@pytest.fixture(params=SEEDS)
def seed(request):
    """Seed of ``SKEXTRAS_TESTS_SEED``: the test must pass for any of 0..99."""
    return request.param


@pytest.fixture(params=["float64", "float32"])
def float_dtype(request):
    """Both floating point types that estimators take as they are."""
    return np.dtype(request.param)


@pytest.fixture(scope="session")
def shared_data():
    """Path of a file of the shared data, or a skip that names the missing file."""
    folder = Path(os.environ.get("SKEXTRAS_DATA", ROOT.parent / "shared" / "data"))

    def locate(name):
        path = folder / name
        if not path.exists():
            pytest.skip(f"{name} is not in {folder}; set SKEXTRAS_DATA")
        return path

    return locate


# Not for the session: its threads draw random numbers, and some checks would see it.
@pytest.fixture(scope="module")
def dask_client():
    """Client of a real cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            # No dashboard, and its server on any free port of this machine alone.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            worker_dashboard_address=None,
            memory_limit=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
