"""The bundled images of printed circuit boards."""

import sys
from importlib import resources

import numpy as np
import pytest

from skextras.datasets import load_pcb

NAMES = ["00041000", "00041001", "00041013", "00041017"]


@pytest.fixture(scope="module")
def pcb():
    return load_pcb()


def test_shapes_and_content(pcb):
    assert pcb.names == NAMES
    for images in (pcb.templates, pcb.images):
        assert images.shape == (4, 640, 640)
        assert images.dtype == np.uint8
        # Nearly binary: copper and board.
        assert np.isin(images, [*range(32), *range(224, 256)]).mean() > 0.97
    assert pcb.masks.shape == (4, 640, 640)
    assert pcb.masks.dtype == bool
    assert [len(boxes) for boxes in pcb.boxes] == [10, 6, 9, 9]
    assert [len(defects) for defects in pcb.defects] == [10, 6, 9, 9]
    assert "MIT" in pcb.DESCR
    assert "research" in pcb.DESCR


def test_every_type_of_defect_is_there(pcb):
    assert pcb.defect_names == [
        "open",
        "short",
        "mousebite",
        "spur",
        "spurious copper",
        "pin hole",
    ]
    found = np.concatenate(pcb.defects)
    assert set(found.tolist()) == set(range(6))


def test_masks_are_the_boxes(pcb):
    for mask, boxes in zip(pcb.masks, pcb.boxes, strict=True):
        assert (boxes >= 0).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        assert (boxes[:, 2:] <= 640).all()
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        # A few boxes overlap at a corner.
        assert 0.95 * areas.sum() < mask.sum() <= areas.sum()
        for top, left, bottom, right in boxes:
            assert mask[top:bottom, left:right].all()
            # A box ends where it says, unless another begins there.
            assert not mask[top:bottom, right : right + 1].all()
        remaining = mask.copy()
        for top, left, bottom, right in boxes:
            remaining[top:bottom, left:right] = False
        assert not remaining.any()


def test_defects_are_where_the_boxes_say(pcb):
    difference = pcb.images.astype(int) - pcb.templates
    for i, boxes in enumerate(pcb.boxes):
        changed = np.abs(difference[i]) > 128
        # Elsewhere, edges differ by a pixel or two.
        assert changed[pcb.masks[i]].mean() > 5 * changed[~pcb.masks[i]].mean()
        for (top, left, bottom, right), kind in zip(boxes, pcb.defects[i], strict=True):
            middle = difference[i, top:bottom, left:right]
            # Copper is dark: what is missing turns bright, what is added dark.
            missing = pcb.defect_names[kind] in {"open", "mousebite", "pin hole"}
            assert (middle.mean() > 0) == missing


@pytest.mark.parametrize("i", range(4))
def test_equals_the_source(pcb, i, shared_data):
    image_module = pytest.importorskip("PIL.Image")

    def read(name):
        return np.asarray(image_module.open(shared_data(f"subspacead/deeppcb/{name}")))

    np.testing.assert_array_equal(pcb.templates[i], read(f"template/{NAMES[i]}.jpg"))
    np.testing.assert_array_equal(pcb.images[i], read(f"test/{NAMES[i]}.jpg"))
    mask = read(f"ground_truth/{NAMES[i]}_mask.png")
    np.testing.assert_array_equal(pcb.masks[i], mask > 0)


def test_licence_is_that_of_the_source(shared_data):
    file = resources.files("skextras.datasets") / "data" / "pcb_LICENSE.txt"
    source = shared_data("subspacead/deeppcb/LICENSE")
    assert file.read_text(encoding="utf-8") == source.read_text(encoding="utf-8")


def test_package_carries_the_licence(pcb):
    file = resources.files("skextras.datasets") / "data" / "pcb_LICENSE.txt"
    text = file.read_text(encoding="utf-8")
    assert text.startswith("MIT License\n\nCopyright (c) 2018 tangsanli5201")
    assert "pcb_LICENSE.txt" in pcb.DESCR


def test_data_are_small():
    file = resources.files("skextras.datasets") / "data" / "pcb.npz"
    assert len(file.read_bytes()) < 2**18


def test_each_call_returns_fresh_arrays(pcb):
    changed = load_pcb()
    changed.images[:] = 0
    changed.boxes[0][:] = 0
    changed.defect_names.clear()
    again = load_pcb()
    np.testing.assert_array_equal(again.images, pcb.images)
    np.testing.assert_array_equal(again.boxes[0], pcb.boxes[0])
    assert len(again.defect_names) == 6


def test_without_an_image_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert load_pcb().images.any()
