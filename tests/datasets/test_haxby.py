"""The bundled runs of the Haxby experiment."""

from pathlib import Path

import numpy as np
import pytest

from skextras.datasets import load_haxby_tiny

CATEGORIES = {"bottle", "cat", "chair", "face", "house", "scissors"}
CATEGORIES |= {"scrambledpix", "shoe"}


def test_files_and_labels():
    haxby = load_haxby_tiny()
    assert len(haxby.paths) == len(set(haxby.paths)) == 12
    for path in [*haxby.paths, haxby.mask_path]:
        assert Path(path).stat().st_size > 0
    assert haxby.labels.shape == (12, 121)
    assert haxby.t_r == 2.5
    for run in haxby.labels:
        names, counts = np.unique(run, return_counts=True)
        assert set(names) == CATEGORIES | {"rest"}
        # Each category once, for nine volumes; rest at both ends.
        assert counts[names != "rest"].tolist() == [9] * 8
        assert run[0] == run[-1] == "rest"
        assert np.count_nonzero(run[1:] != run[:-1]) == 16


def test_both_licences_are_stated():
    text = load_haxby_tiny().DESCR
    assert "https://creativecommons.org/licenses/by-sa/3.0/" in text
    assert "MIT licence" in text
    assert "THE SOFTWARE IS PROVIDED" in text


def test_images():
    nibabel = pytest.importorskip("nibabel")
    haxby = load_haxby_tiny()
    mask = nibabel.load(haxby.mask_path)
    assert mask.shape == (6, 10, 10)
    assert np.count_nonzero(mask.get_fdata()) == 129
    for path in haxby.paths:
        image = nibabel.load(path)
        assert image.shape == (6, 10, 10, 121)
        np.testing.assert_array_equal(image.affine, mask.affine)
        assert image.header.get_zooms() == (25.0, 25.0, 25.0, haxby.t_r)
        # Brains have signal everywhere.
        inside = image.get_fdata()[mask.get_fdata() > 0]
        assert (inside.std(axis=1) > 0).all()


def test_equals_the_source(shared_data):
    haxby = load_haxby_tiny()
    folder = "threecycle/haxby25mm"
    for run, path in enumerate(haxby.paths, 1):
        source = shared_data(f"{folder}/BOLD__task001_run{run:03d}__bold_25mm.nii.gz")
        assert Path(path).read_bytes() == source.read_bytes()
    source = shared_data(f"{folder}/masks__25mm__brain.nii.gz")
    assert Path(haxby.mask_path).read_bytes() == source.read_bytes()
    lines = shared_data(f"{folder}/attributes_literal.txt").read_text().splitlines()
    expected = [line.split()[0] for line in lines]
    assert haxby.labels.ravel().tolist() == expected


def test_each_call_returns_fresh_arrays():
    load_haxby_tiny().labels[:] = ""
    assert (load_haxby_tiny().labels != "").all()
