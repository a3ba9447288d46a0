"""The tests' own cache of downloaded weights."""

import os
import shutil
from pathlib import Path

import pytest

from conformance import checkpoint


def test_install_once(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    registered = []
    monkeypatch.setattr(
        checkpoint.atexit, "register", lambda *call, **options: registered.append(call)
    )
    environ = {"HF_HUB_CACHE": "what the user has"}
    checkpoint.install(environ)
    assert environ["HF_HUB_CACHE"] == str(tmp_path / "hub")
    assert registered == [(shutil.rmtree, tmp_path)]
    monkeypatch.setattr(checkpoint.tempfile, "mkdtemp", None)
    checkpoint.install(dict(environ))  # in a worker, which inherits the environment
    assert len(registered) == 1


def test_this_session_sees_no_other_weights():
    cache = pytest.importorskip("huggingface_hub.constants").HF_HUB_CACHE
    assert cache == os.environ["HF_HUB_CACHE"]
    assert Path(cache).is_relative_to(os.environ[checkpoint.VARIABLE])


@pytest.mark.requires_torch
def test_weights_are_all_that_the_model_has(tmp_path):
    transformers = pytest.importorskip("transformers")
    checkpoint.write(tmp_path / "model", seed=0, depth=2, width=4, n_registers=2)
    _, report = transformers.AutoModel.from_pretrained(
        tmp_path / "model", local_files_only=True, output_loading_info=True
    )
    assert not any(report.values()), report


def test_where_the_other_checkpoint_is():
    assert checkpoint.other({checkpoint.VARIABLE: "folder"}) == Path("folder/other")
    assert not checkpoint.other({}).exists()
