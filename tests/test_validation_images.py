"""Reading images from arrays, lists and files."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skextras._validation_images import image_sizes, read_image, validate_images


class Reader(BaseEstimator):
    pass


def validated(X, **kwargs):
    return validate_images(Reader(), X, **{"reset": True, **kwargs})


@pytest.fixture
def photo(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png", pixels


@pytest.mark.parametrize(
    ("shape", "n_channels"),
    [((4, 6, 8), 1), ((4, 6, 8, 1), 1), ((4, 6, 8, 3), 3), ((4, 6, 8, 7), 7)],
)
def test_arrays(shape, n_channels):
    reader, X = Reader(), np.zeros(shape, dtype=np.uint8)
    assert validate_images(reader, X, reset=True) is X
    assert reader.n_features_in_ == n_channels
    assert validate_images(reader, X[:1], reset=False).shape == (1, *shape[1:])


@pytest.mark.parametrize("container", [list, tuple])
def test_lists_of_images_of_any_size(container):
    images = [np.zeros((6, 8, 3)), np.ones((5, 9, 3), dtype=np.int16)]
    found = validated(container(images))
    assert [i.shape for i in found] == [(6, 8, 3), (5, 9, 3)]
    assert [i.dtype for i in found] == [np.float64, np.int16]
    nested = validated(np.zeros((2, 3, 4, 3)).tolist())
    assert [i.shape for i in nested] == [(3, 4, 3)] * 2


def test_paths_are_not_read():
    reader = Reader()
    for paths in (["a.png", Path("b.png")], (Path("a.png"), "b.png")):
        assert validate_images(reader, paths, reset=True) == ["a.png", "b.png"]
    assert validated(np.array(["a.png", "b.png"])) == ["a.png", "b.png"]
    assert reader.n_features_in_ == 3


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 6)), "Expected images, .* got an array of shape .4, 6.*None"),
        (np.zeros((4, 6, 8, 3, 2)), "Expected images"),
        (np.zeros(4), "Expected 2D array, got 1D array"),
        ([np.zeros(4)], r"Expected a list of images.*shape \(4,\)"),
        ([np.zeros((2, 2)), "a.png"], r"Expected a list of images.*shape \(\)"),
        ([], "Expected 2D array"),
        (np.zeros((0, 6, 8, 3)), r"0 sample\(s\)"),
        (np.zeros((5, 6, 8, 0)), r"0 feature\(s\) \(shape=\(5, 0\)\) while a minimum"),
        (np.zeros((5, 0, 8, 3)), r"0 feature\(s\).*an image has the shape \(0, 8, 3\)"),
        ([np.zeros((4, 5)), np.zeros((4, 5, 3))], r"one number.*got \[1, 3\]"),
        (np.full((2, 4, 5), np.nan), "NaN"),
        ([np.zeros((4, 5)), np.full((4, 5), np.inf)], "infinity"),
        (np.full((2, 4, 5), 1j), "Complex data not supported"),
        (np.full((2, 4, 5), "a"), "dtype='numeric' is not compatible with"),
    ],
)
def test_what_is_no_image(X, message):
    with pytest.raises(ValueError, match=message):
        validated(X)


def test_other_channels_than_in_fit():
    reader = Reader()
    validate_images(reader, np.zeros((2, 4, 5, 3)), reset=True)
    message = "X has 1 features, but Reader is expecting 3 features as input"
    for X in (np.zeros((2, 4, 5)), [np.zeros((4, 5, 1))]):
        with pytest.raises(ValueError, match=message):
            validate_images(reader, X, reset=False)
    assert validate_images(reader, ["a.png"], reset=False) == ["a.png"]


def test_sizes(photo):
    assert image_sizes(np.zeros((2, 4, 5, 3)), needed_by="X") == [(4, 5)] * 2
    mixed = [np.zeros((4, 5)), str(photo[0])]
    assert image_sizes(mixed, needed_by="X") == [(4, 5), (5, 7)]


def test_files_are_read_as_colours(photo, tmp_path):
    path, pixels = photo
    read = read_image(str(path), needed_by="X")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)
    image = pytest.importorskip("PIL.Image")
    grey = image.fromarray(pixels[..., 0])
    for mode in ("L", "1", "P", "LA", "RGBA"):
        grey.convert(mode).save(tmp_path / f"{mode}.png")
        assert read_image(str(tmp_path / f"{mode}.png"), needed_by="X").shape == (
            5,
            7,
            3,
        )
    read = read_image(str(tmp_path / "L.png"), needed_by="X")
    np.testing.assert_array_equal(read, np.repeat(pixels[..., :1], 3, axis=2))


def test_files_of_more_than_8_bits_are_refused(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.full((4, 5), 4000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png has the pixel format 'I;16'"):
        read_image(str(tmp_path / "deep.png"), needed_by="X")


def test_arrays_are_read_as_they_are():
    array = np.zeros((4, 5))
    assert read_image(array, needed_by="X") is array


def test_files_that_are_none(tmp_path):
    pytest.importorskip("PIL.Image")
    (tmp_path / "text.png").write_text("no image")
    for read in (read_image, lambda path, **k: image_sizes([path], **k)):
        with pytest.raises(FileNotFoundError, match=r"absent\.png"):
            read(str(tmp_path / "absent.png"), needed_by="X")
        with pytest.raises(OSError, match="cannot identify image file"):
            read(str(tmp_path / "text.png"), needed_by="X")


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"MyEstimator needs PIL.*skextras\[torch\]"):
        read_image("a.png", needed_by="MyEstimator")
