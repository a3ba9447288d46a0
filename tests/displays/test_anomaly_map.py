"""Maps of pixels, and maps drawn over images."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skextras import ImageSubspaceAD, SubspaceAD
from skextras.datasets import BaselinePatchFeatures, load_pcb
from skextras.displays import AnomalyMapDisplay, pixel_map

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "pixel_map.json"


@pytest.fixture
def maps(seed):
    return np.random.default_rng(seed).exponential(size=(3, 6, 8))


def test_official_values():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    maps = np.array(golden["maps"], dtype=np.float32)
    found = pixel_map(maps, golden["size"], sigma=0)
    chosen = found[np.ix_(golden["rows"], golden["columns"])]
    np.testing.assert_allclose(chosen, golden["pixels"], rtol=0, atol=1e-6)


def test_all_official_values(shared_data):
    golden = np.load(shared_data("subspacead/golden_official.npz"))
    expected = golden["map_out_noblur"]
    found = pixel_map(golden["map_in"], expected.shape, sigma=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_values_between_the_centres():
    """Linear between the centres of the patches, constant beyond the outer ones."""
    ramp = np.tile([0.0, 4.0, 8.0], (2, 1))
    # Each patch is four pixels wide: its centre lies between two pixels.
    expected = [0, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8, 8]
    found = pixel_map(ramp, (4, 12), sigma=0)
    np.testing.assert_allclose(found, np.tile(expected, (4, 1)), atol=1e-12)
    turned = pixel_map(ramp.T, (12, 4), sigma=0)
    np.testing.assert_allclose(turned, np.tile(expected, (4, 1)).T, atol=1e-12)


def test_same_size_is_the_same_map(maps):
    found = pixel_map(maps, (6, 8), sigma=0)
    np.testing.assert_allclose(found, maps, rtol=1e-12)
    assert found is not maps


@pytest.mark.parametrize("size", [(6, 8), (84, 112), (61, 50), (3, 5), (7, 1)])
@pytest.mark.parametrize("sigma", [0, 0.5, 4, np.float32(4)])
def test_map_by_map(maps, size, sigma):
    found = pixel_map(maps, size, sigma=sigma)
    assert found.shape == (3, *size)
    for one, alone in zip(maps, found, strict=True):
        np.testing.assert_array_equal(pixel_map(one, size, sigma=sigma), alone)
    assert found.min() >= 0
    assert found.max() <= maps.max() * (1 + 1e-12)


def test_smoothing_is_a_gaussian():
    """A single hot patch becomes its Gaussian."""
    spike = np.zeros((41, 41))
    spike[20, 20] = 1
    found = pixel_map(spike, (41, 41), sigma=2)
    x = np.arange(41) - 20
    expected = np.exp(-(x**2) / 8)
    expected /= expected.sum()
    np.testing.assert_allclose(found, np.outer(expected, expected), atol=1e-5)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-9)
    constant = pixel_map(np.full((3, 3), 7.0), (30, 30))
    np.testing.assert_allclose(constant, 7, rtol=1e-12)


def test_scale_and_type(maps):
    found = pixel_map(maps, (30, 40))
    assert found.dtype == np.float64
    for scale in (1e-7, 1e7):
        scaled = pixel_map(scale * maps, (30, 40))
        np.testing.assert_allclose(scaled, scale * found, rtol=1e-12)
    single = pixel_map(maps.astype(np.float32), (30, 40))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=1e-5, atol=1e-6)
    assert pixel_map(np.ones((2, 2), dtype=int), (4, 4)).dtype == np.float64
    as_list = pixel_map(maps.tolist(), np.array([30, 40]))
    np.testing.assert_array_equal(as_list, found)


def test_input_is_left_alone(maps):
    before = maps.copy()
    maps.setflags(write=False)
    pixel_map(maps, (6, 8))
    np.testing.assert_array_equal(maps, before)


def test_no_maps():
    assert pixel_map(np.zeros((0, 6, 8)), (20, 30)).shape == (0, 20, 30)


@pytest.mark.parametrize(
    ("maps", "size", "sigma", "message"),
    [
        (np.zeros(5), (4, 4), 4, r"maps must have the shape .* got \(5,\)"),
        (np.zeros((1, 2, 3, 4)), (4, 4), 4, r"got \(1, 2, 3, 4\)"),
        (np.zeros((2, 0, 3)), (4, 4), 4, r"got \(2, 0, 3\)"),
        (np.full((2, 2), np.nan), (4, 4), 4, "contains NaN"),
        (np.zeros((2, 2)), 4, 4, "size must be .* got 4"),
        (np.zeros((2, 2)), (4, 4, 3), 4, r"got \(4, 4, 3\)"),
        (np.zeros((2, 2)), (4.0, 4), 4, r"got \(4.0, 4\)"),
        (np.zeros((2, 2)), (0, 4), 4, r"got \(0, 4\)"),
        (np.zeros((2, 2)), (4, 4), -1, "sigma must be .* got -1"),
        (np.zeros((2, 2)), (4, 4), np.nan, "sigma must be .* got nan"),
        (np.zeros((2, 2)), (4, 4), "4", "sigma must be .* got '4'"),
    ],
)
def test_bad_maps(maps, size, sigma, message):
    with pytest.raises(ValueError, match=message):
        pixel_map(maps, size, sigma=sigma)


# What follows draws.
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def images(seed):
    return np.random.default_rng(seed).integers(0, 256, (3, 60, 80), dtype=np.uint8)


@pytest.fixture(scope="module")
def detector():
    """A detector of patches, its normal images, and three that have a defect."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6, 8, 5)) * [4, 3, 0.1, 0.1, 0.1]
    test = rng.standard_normal((3, 6, 8, 5)) * [4, 3, 0.1, 0.1, 0.1]
    for image, (row, column) in zip(test, [(1, 2), (4, 6), (3, 3)], strict=True):
        image[row, column, 2:] += 2
    return SubspaceAD(2).fit(X), test


class ByBrightness(BaseEstimator):
    """A detector of whole images: each patch of ten pixels scores its brightness."""

    def fit(self, X, y=None):
        self.detector_ = BaseEstimator()
        self.detector_.patch_offset_ = -100.0
        return self

    def anomaly_map(self, X):
        self.n_calls_ = getattr(self, "n_calls_", 0) + 1
        # Maps of different sizes are refused, as by the real one.
        return np.stack([np.asarray(x, dtype=float)[5::10, 5::10] for x in X])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def layers(ax):
    """The image and the map of some axes."""
    return [np.asarray(image.get_array()) for image in ax.get_images()]


def test_maps_of_a_detector_over_images(detector, images):
    fitted, X = detector
    display = AnomalyMapDisplay.from_estimator(fitted, X, images=images)
    expected = pixel_map(fitted.anomaly_map(X), (60, 80))
    assert len(display.axes_) == 3
    for i, ax in enumerate(display.axes_):
        below, above = layers(ax)
        np.testing.assert_array_equal(below, images[i])
        np.testing.assert_array_equal(above, expected[i])
        np.testing.assert_array_equal(display.maps[i], expected[i])
        assert ax.get_xticks().size == ax.get_yticks().size == 0
    assert display.threshold == -fitted.patch_offset_
    assert display.colorbar_.ax.get_ylabel() == "anomaly score of a patch"


def test_contour_surrounds_what_exceeds_the_threshold(detector, images):
    fitted, X = detector
    display = AnomalyMapDisplay.from_estimator(fitted, X, images=images)
    for contour, (row, column) in zip(
        display.contours_, [(1, 2), (4, 6), (3, 3)], strict=True
    ):
        assert contour.levels.tolist() == [-fitted.patch_offset_]
        # The defect lies inside of one of the lines.
        centre = (10 * column + 5, 10 * row + 5)
        assert any(path.contains_point(centre) for path in contour.get_paths())
    line = display.colorbar_.ax.lines[-1]
    assert set(line.get_ydata()) == {-fitted.patch_offset_}


def test_threshold_that_nothing_exceeds(maps, images):
    for threshold in (-1.0, 1e9):
        display = AnomalyMapDisplay.from_predictions(
            maps, images=images, threshold=threshold
        )
        assert display.contours_ == [None] * 3
    display = AnomalyMapDisplay.from_predictions(maps, images=images)
    assert display.threshold is None
    assert display.contours_ == [None] * 3


def test_maps_without_images_are_drawn_as_they_are(detector):
    fitted, X = detector
    display = AnomalyMapDisplay.from_estimator(fitted, X, sigma=9)
    for ax, values in zip(display.axes_, fitted.anomaly_map(X), strict=True):
        (drawn,) = layers(ax)
        np.testing.assert_array_equal(drawn, values)
    assert display.images is None
    assert display.maps_[0].get_cmap().name == "YlOrRd"


def test_sigma(maps, images):
    display = AnomalyMapDisplay.from_predictions(maps, images=images, sigma=0)
    np.testing.assert_array_equal(display.maps, pixel_map(maps, (60, 80), sigma=0))
    # What is smooth already is taken as it is.
    again = AnomalyMapDisplay.from_predictions(display.maps, images=images, sigma=0)
    np.testing.assert_allclose(again.maps, display.maps, rtol=1e-12)


def test_detector_of_images(images):
    fitted = ByBrightness().fit(images)
    display = AnomalyMapDisplay.from_estimator(fitted, images)
    assert display.threshold == 100
    for i, ax in enumerate(display.axes_):
        below, above = layers(ax)
        np.testing.assert_array_equal(below, images[i])
        expected = pixel_map(images[i, 5::10, 5::10].astype(float), (60, 80))
        np.testing.assert_array_equal(above, expected)
    other = AnomalyMapDisplay.from_estimator(fitted, images, images=255 - images)
    np.testing.assert_array_equal(layers(other.axes_[1])[0], 255 - images[1])
    assert len(AnomalyMapDisplay.from_estimator(fitted, images[:1]).axes_) == 1


def test_boards_of_different_sizes():
    pcb = load_pcb()
    detector = SubspaceAD(0.999, alpha=0.25)
    fitted = ImageSubspaceAD(BaselinePatchFeatures(16), detector, n_rotations=0)
    fitted.fit(pcb.templates)
    parts = [pcb.images[0], pcb.images[1, :400, :320]]
    display = AnomalyMapDisplay.from_estimator(fitted, parts)
    for values, part in zip(display.maps, parts, strict=True):
        expected = pixel_map(fitted.anomaly_map(part[None])[0], part.shape)
        np.testing.assert_array_equal(values, expected)
    assert display.threshold == -fitted.detector_.patch_offset_
    assert display.contours_[0] is not None


def test_images_of_different_sizes(images):
    parts = [images[0], images[1, :40, :30]]
    display = AnomalyMapDisplay.from_estimator(ByBrightness().fit(parts), parts)
    assert [values.shape for values in display.maps] == [(60, 80), (40, 30)]


def test_images_that_cannot_be_drawn_cost_no_maps():
    fitted = ByBrightness().fit([])
    with pytest.raises(ValueError, match=r"got 'board.png'\. Read files first"):
        AnomalyMapDisplay.from_estimator(fitted, ["board.png"])
    assert not hasattr(fitted, "n_calls_")


def test_colour_scale_is_shared(maps, images):
    scaled = maps * np.array([1.0, 10.0, 0.1])[:, None, None]
    display = AnomalyMapDisplay.from_predictions(scaled, images=images)
    pooled = np.stack(display.maps)
    limits = {drawn.get_clim() for drawn in display.maps_}
    assert limits == {(pooled.min(), np.quantile(pooled, 0.995))}
    assert display.colorbar_.extend == "max"
    display.plot(vmin=0, vmax=1e3)
    assert {drawn.get_clim() for drawn in display.maps_} == {(0, 1e3)}
    assert display.colorbar_.extend == "neither"


def test_a_single_hot_patch_is_not_cut_off():
    """Where fewer pixels than half a percent differ, the scale reaches the maximum."""
    flat = np.zeros((1, 20, 20))
    flat[0, 3, 3] = 5
    display = AnomalyMapDisplay.from_predictions(flat)
    assert display.maps_[0].get_clim() == (0, 5)


def test_constant_maps_and_images():
    display = AnomalyMapDisplay.from_predictions(
        np.ones((2, 3, 4)), images=np.zeros((2, 30, 40)), threshold=1.0
    )
    display.figure_.canvas.draw()
    assert display.contours_ == [None, None]


def test_transparency_rises_with_the_anomaly(maps, images):
    display = AnomalyMapDisplay.from_predictions(maps, images=images)
    colours = display.maps_[0].get_cmap()(np.linspace(0, 1, 11))
    np.testing.assert_allclose(colours[:, 3], 0.85 * np.linspace(0, 1, 11), atol=5e-3)
    # The colours are those of the map that was asked for.
    opaque = plt.get_cmap("YlOrRd")(np.linspace(0, 1, 11))
    np.testing.assert_allclose(colours[:, :3], opaque[:, :3])
    display.plot(cmap="viridis", alpha=1)
    colours = display.maps_[0].get_cmap()([0.0, 1.0])
    np.testing.assert_allclose(colours[:, 3], [0, 1])
    np.testing.assert_allclose(colours[1, :3], plt.get_cmap("viridis")(1.0)[:3])


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("u1", 0, 255), ("f4", 10, 90), ("u2", 10, 90)]
)
def test_grey_levels(maps, dtype, low, high):
    """Black is drawn as dark grey, so that the map shows on it, and white as white."""
    image = np.full((30, 40), 50, dtype=dtype)
    image[0, 0], image[0, 1] = 10, 90
    display = AnomalyMapDisplay.from_predictions(maps[:1], images=image[None])
    drawn = display.axes_[0].get_images()[0]
    np.testing.assert_allclose(drawn.norm(np.array([low, high])), [0.25, 1], atol=1e-6)
    assert drawn.get_cmap().name == "gray"


@pytest.mark.parametrize("dtype", ["u1", "f8"])
def test_colours_become_grey(maps, dtype):
    image = np.zeros((20, 30, 4), dtype=dtype)
    image[..., 0], image[..., 3] = 200, 255

    def drawn(picture):
        display = AnomalyMapDisplay.from_predictions(maps[:1], images=[picture])
        return layers(display.axes_[0])[0]

    for n_channels in (3, 4):
        grey = drawn(image[..., :n_channels])
        assert grey.dtype == dtype
        np.testing.assert_allclose(grey, 0.299 * 200, atol=0.5)
    np.testing.assert_allclose(drawn(image[..., :2]), 100)
    np.testing.assert_allclose(drawn(image[..., :1]), 200)


def test_given_axes(maps, images):
    figure, axes = plt.subplots(2, 2)
    display = AnomalyMapDisplay.from_predictions(
        maps, images=images, ax=axes.ravel()[1:], colorbar=False
    )
    assert list(display.axes_) == list(axes.ravel()[1:])
    assert display.figure_ is figure
    assert display.colorbar_ is None
    assert len(figure.axes) == 4
    one = AnomalyMapDisplay.from_predictions(maps[:1], ax=axes[0, 0])
    assert one.axes_[0] is axes[0, 0]
    with pytest.raises(ValueError, match="ax must hold 3 axes, got 1"):
        display.plot(ax=axes[0, 0])


def test_titles(maps):
    display = AnomalyMapDisplay.from_predictions(maps, titles=("a", "b", "c"))
    assert [ax.get_title() for ax in display.axes_] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"3 maps need as many titles: \['a'\]"):
        display.plot(titles=["a"])


def test_patches_without_a_grid(detector):
    fitted, X = detector
    patches = X.reshape(3, 48, 5)
    with pytest.raises(ValueError, match=r"\(n_images, n_rows.*got \(3, 48, 5\)"):
        AnomalyMapDisplay.from_estimator(fitted, patches)
    rows = patches.reshape(-1, 5)
    with pytest.raises(ValueError, match=r"got \(144, 5\)\. Reshape the patches"):
        AnomalyMapDisplay.from_estimator(SubspaceAD(2).fit(rows), rows)


def test_other_estimators_are_refused(detector):
    fitted, X = detector
    message = r"got Pipeline\. Of a pipeline, pass the last step"
    with pytest.raises(TypeError, match=message):
        AnomalyMapDisplay.from_estimator(make_pipeline(fitted), X)
    with pytest.raises(NotFittedError):
        AnomalyMapDisplay.from_estimator(SubspaceAD(), X)


@pytest.mark.parametrize(
    ("maps", "images", "message"),
    [
        ([], None, "nothing to draw"),
        (np.zeros((6, 8)), None, r"got one of shape \(8,\)\. A single map is maps\[N"),
        (np.zeros((2, 6, 8, 1)), None, r"got one of shape \(6, 8, 1\)"),
        (np.full((1, 6, 8), np.inf), None, "infinity"),
        (np.zeros((2, 6, 8)), np.zeros((3, 9, 9)), "2 maps and 3 images"),
        (np.zeros((1, 6, 8)), [np.zeros(9)], r"images must hold arrays.*array\(\[0"),
        (np.zeros((1, 6, 8)), [np.full((9, 9), np.nan)], "images contains NaN"),
    ],
)
def test_bad_predictions(maps, images, message):
    with pytest.raises(ValueError, match=message):
        AnomalyMapDisplay.from_predictions(maps, images=images)


def test_without_matplotlib(maps, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        AnomalyMapDisplay.from_predictions(maps)
