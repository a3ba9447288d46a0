"""The functions behind ``conftest.py``."""

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from conformance import session

TESTS = Path(__file__).resolve().parents[1]


def test_array_api_is_switched_on_before_scipy():
    environ = {}
    session.require_array_api(environ, {"os": None})
    assert environ["SCIPY_ARRAY_API"] == "1"
    session.require_array_api({"SCIPY_ARRAY_API": "1"}, {"scipy": None})
    with pytest.raises(RuntimeError, match="imported before"):
        session.require_array_api({}, {"scipy": None})
    with pytest.raises(RuntimeError, match="imported before"):
        session.require_array_api({"SCIPY_ARRAY_API": "0"}, {"scipy": None})


def test_scipy_dispatches():
    strict = pytest.importorskip("array_api_strict")
    special = pytest.importorskip("scipy.special")
    # Without the switch SciPy returns NumPy arrays, or fails.
    assert isinstance(special.expit(strict.asarray([0.0])), type(strict.asarray([0.0])))


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("7", [7]), ("3-5", [3, 4, 5]), ("all", list(range(100))), (None, [42])],
)
def test_seeds(text, seeds):
    environ = {} if text is None else {session.SEED_VARIABLE: text}
    assert session.resolve_seeds(environ) == seeds


def test_any_seed_is_drawn_once():
    environ = {session.SEED_VARIABLE: "any"}
    (seed,) = session.resolve_seeds(environ)
    assert 0 <= seed < 100
    # What a worker process inherits.
    assert session.resolve_seeds(environ) == [seed]
    drawn = [session.resolve_seeds({session.SEED_VARIABLE: "any"}) for _ in range(50)]
    assert len(np.unique(drawn)) > 5


@pytest.mark.parametrize("text", ["some", "-1", "5-3", "1,2", ""])
def test_bad_seeds(text):
    with pytest.raises(ValueError, match=session.SEED_VARIABLE):
        session.resolve_seeds({session.SEED_VARIABLE: text})


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_network_is_out_of_reach(host):
    # The guard is on in every test: no fixture is needed.
    with pytest.raises(session.NetworkAccessError, match=host):
        socket.create_connection((host, 80), timeout=1)


def test_downloads_fail_clearly():
    with pytest.raises(session.NetworkAccessError, match="must not use the network"):
        urllib.request.urlopen("http://example.org", timeout=1)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_addresses_are_refused_for_every_kind_of_socket(kind):
    for method in ("connect", "connect_ex"):
        client = socket.socket(socket.AF_INET, kind)
        with client, pytest.raises(session.NetworkAccessError):
            getattr(client, method)(("192.0.2.1", 9))


def test_this_machine_is_in_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5):
            pass
        with socket.create_connection(("localhost", server.getsockname()[1]), 5):
            pass


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets on files")
def test_sockets_on_files_are_in_reach(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of such a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("socket")


def test_shared_data_names_what_is_missing(shared_data):
    with pytest.raises(pytest.skip.Exception, match=r"nowhere/nothing\.json"):
        shared_data("nowhere/nothing.json")


MODULE = """
import os
from pathlib import Path

import pytest

def test_seed(seed):
    folder = Path(os.environ["SKEXTRAS_DATA"])
    (folder / f"seed-{os.getpid()}").write_text(str(seed))

def test_floats(float_dtype):
    assert float_dtype.kind == "f"

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.requires_torch
def test_torch():
    import torch

def test_data(shared_data):
    assert shared_data("there.txt").read_text() == "here"
    shared_data("elsewhere.txt")
"""


def _run_pytest(folder, *options, **environ):
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (folder / "test_it.py").write_text(MODULE)
    (folder / "there.txt").write_text("here")
    (folder / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {TESTS}\nmarkers = slow: slow\n"
        "addopts = -ra --strict-markers --import-mode=importlib -p no:cacheprovider\n"
    )
    environ = {**os.environ, "SKEXTRAS_DATA": str(folder), **environ}
    environ.pop("SCIPY_ARRAY_API", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", str(folder), *options],
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
    )


def _seeds(folder):
    return [int(path.read_text()) for path in folder.glob("seed-*")]


def test_options_and_fixtures(tmp_path):
    result = _run_pytest(tmp_path, SKEXTRAS_TESTS_SEED="9")
    assert result.returncode == 0, result.stdout
    for words in (
        "SKEXTRAS_TESTS_SEED=9",
        "numpy ",
        "slow: needs --slow",
        "elsewhere.txt is not in",
    ):
        assert words in result.stdout
    assert _seeds(tmp_path) == [9]


def test_slow_option(tmp_path):
    result = _run_pytest(tmp_path, "--slow")
    assert result.returncode == 0, result.stdout
    assert "slow: needs --slow" not in result.stdout
    assert _seeds(tmp_path) == [session.DEFAULT_SEED]


def test_workers_share_the_seed_drawn(tmp_path):
    pytest.importorskip("xdist")
    options = ("-n2", "--dist=each")
    result = _run_pytest(tmp_path, *options, SKEXTRAS_TESTS_SEED="any")
    assert result.returncode == 0, result.stdout
    seeds = _seeds(tmp_path)
    assert len(seeds) == 2
    assert f"SKEXTRAS_TESTS_SEED={seeds[0]}" in result.stdout
    assert seeds[0] == seeds[1]


def test_too_late_for_the_array_api_is_an_error(tmp_path):
    (tmp_path / "early.py").write_text("import scipy\n")
    result = _run_pytest(tmp_path, "-p", "early", PYTHONPATH=str(tmp_path))
    assert result.returncode != 0
    assert "scipy was imported before" in result.stdout + result.stderr
