"""Patch features from filters."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from skextras import SubspaceAD
from skextras.datasets import BaselinePatchFeatures, load_pcb
from skextras.displays import pixel_map

GREY = slice(36, None)


@pytest.fixture
def images(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (3, 41, 56), dtype=np.uint8)


def raw(fitted, images):
    """The features before they are centred and scaled."""
    return fitted.transform(images) * fitted.scale_ + fitted.mean_


def reference(image, stride):
    """The definition, by complete filters in float64, in another order of terms."""
    grey = image / 255
    columns = []
    for sigma in (1, 2, 4):
        for angle in (0, 45, 90, 135):
            c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
            g = {
                order: ndimage.gaussian_filter(grey, sigma, order=order)
                for order in [(0, 1), (1, 0), (0, 2), (1, 1), (2, 0)]
            }
            first = sigma * (c * g[0, 1] + s * g[1, 0])
            second = c**2 * g[0, 2] + 2 * c * s * g[1, 1] + s**2 * g[2, 0]
            m = np.log1p(20 * np.sqrt(first**2 + (sigma**2 * second) ** 2))
            columns += [ndimage.uniform_filter(m, 9), ndimage.uniform_filter(m, 25)]
            columns.append(np.sqrt(ndimage.uniform_filter(m**2, 17)))
    columns += [ndimage.uniform_filter(grey, width) for width in (5, 9, 17, 33)]
    half = stride // 2
    return np.stack([column[half::stride, half::stride] for column in columns], axis=-1)


@pytest.mark.parametrize("stride", [1, 2, 5, 8])
def test_definition(images, stride):
    extractor = BaselinePatchFeatures(stride).fit(images)
    expected = np.stack([reference(image, stride) for image in images])
    np.testing.assert_allclose(extractor.mean_, expected.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(extractor.scale_, expected.std((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(raw(extractor, images), expected, atol=1e-5)


def test_training_patches_are_standardised(images):
    features = BaselinePatchFeatures(stride=4).fit_transform(images)
    assert features.shape == (3, 10, 14, 40)
    assert features.dtype == np.float32
    rows = features.reshape(-1, 40).astype(float)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "stride", "grid"),
    [
        ((640, 640), 8, (80, 80)),
        ((64, 48), 8, (8, 6)),
        ((67, 69), 8, (8, 9)),
        ((5, 5), 8, (1, 1)),
        ((7, 3), 1, (7, 3)),
        ((30, 20), 7, (4, 3)),
    ],
)
def test_grid(size, stride, grid):
    image = np.random.default_rng(0).integers(0, 256, (1, *size))
    features = BaselinePatchFeatures(stride).fit_transform(image)
    assert features.shape == (1, *grid, 40)


def test_grey_level_in_closed_form():
    """On a ramp, means over squares are the ramp and the contrast is its slope."""
    slope = 2.0
    ramp = slope * np.arange(120.0) + np.zeros((120, 1))
    extractor = BaselinePatchFeatures().fit(ramp[None])
    inside = raw(extractor, ramp[None])[0, 5:-5, 5:-5]
    centres = slope * (8 * np.arange(15) + 4)[5:-5] / 255
    for width in range(4):
        expected = np.broadcast_to(centres, inside.shape[:2])
        np.testing.assert_allclose(inside[..., GREY][..., width], expected, rtol=1e-5)
    for i, sigma in enumerate((1, 2, 4)):
        # SciPy cuts the Gaussian off at four standard deviations: a little of the grey
        # level itself remains in the second derivative.
        rest = sigma**2 * ndimage.gaussian_filter1d(np.ones(99), sigma, order=2)[49]
        for j, angle in enumerate((0, 45, 90, 135)):
            edge = abs(np.cos(np.deg2rad(angle))) * sigma * slope / 255
            expected = np.log1p(20 * np.hypot(edge, rest * centres))
            found = inside[..., 12 * i + 3 * j : 12 * i + 3 * j + 3]
            np.testing.assert_allclose(found, expected[None, :, None] + 0 * found, 0.01)


def test_quarter_turn_exchanges_orientations(images):
    square = images[:, :40, :40]
    extractor = BaselinePatchFeatures(stride=5).fit(square)
    # Stride 5 has its centres symmetric in 40 pixels.
    turned = raw(extractor, np.rot90(square, axes=(1, 2)))
    expected = np.rot90(raw(extractor, square), axes=(1, 2)).copy()
    edges = expected[..., :36].reshape(*expected.shape[:3], 3, 4, 3)
    edges[:] = edges[..., [2, 3, 0, 1], :].copy()
    np.testing.assert_allclose(turned, expected, atol=2e-5)


def test_translation_moves_the_patches(images):
    extractor = BaselinePatchFeatures(stride=4).fit(images)
    wide = np.random.default_rng(1).integers(0, 256, (1, 120, 120))
    features = extractor.transform(wide)
    moved = extractor.transform(wide[:, 8:, 12:])
    # Away from the borders: the widest filters reach 12 + 16 pixels.
    same = features[:, 2 + 8 : -8, 3 + 8 : -8]
    np.testing.assert_allclose(moved[:, 8:-8, 8:-8], same, atol=1e-4)


def test_dtypes_agree(images):
    expected = BaselinePatchFeatures().fit_transform(images)
    for dtype in ("u2", "i4", "i8", "f4", "f8", ">f8"):
        found = BaselinePatchFeatures().fit_transform(images.astype(dtype))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    bright = BaselinePatchFeatures().fit_transform((images > 127).astype(bool))
    assert bright.dtype == np.float32


def test_float_images_are_read_in_eight_bits(images):
    """Images scaled to [0, 1] are faint ones, unless they are multiplied."""
    extractor = BaselinePatchFeatures().fit(images)
    scaled = images / 255
    np.testing.assert_allclose(
        extractor.transform(255 * scaled), extractor.transform(images), atol=1e-4
    )
    levels = raw(extractor, scaled)[..., GREY]
    np.testing.assert_allclose(levels, raw(extractor, images)[..., GREY] / 255, 1e-2)


def test_colours(images):
    expected = BaselinePatchFeatures().fit_transform(images)
    one = BaselinePatchFeatures().fit(images[..., None])
    assert one.n_features_in_ == 1
    np.testing.assert_array_equal(one.transform(images), expected)
    for n_channels in (3, 4, 2):
        copies = np.repeat(images[..., None], n_channels, axis=-1)
        extractor = BaselinePatchFeatures().fit(copies)
        assert extractor.n_features_in_ == n_channels
        np.testing.assert_allclose(extractor.transform(copies), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("weights"), [(0.299, 0.587, 0.114), (0.5, 0.5), (0.25, 0.25, 0.25, 0.25)]
)
def test_weights_of_the_channels(images, weights):
    extractor = BaselinePatchFeatures().fit(images)
    for channel, weight in enumerate(weights):
        coloured = np.zeros((*images.shape, len(weights)), dtype=np.uint8)
        coloured[..., channel] = images
        found = raw(BaselinePatchFeatures().fit(coloured), coloured)[..., GREY]
        expected = weight * raw(extractor, images)[..., GREY]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_lists_of_images(images):
    expected = BaselinePatchFeatures().fit_transform(images)
    for as_list in (list(images), tuple(images), images.tolist()):
        found = BaselinePatchFeatures().fit_transform(as_list)
        np.testing.assert_array_equal(found, expected)


def test_training_images_may_differ_in_size(images):
    small, large = images[0, :24, :32], images[1]
    extractor = BaselinePatchFeatures().fit([small, large])
    rows = [reference(image, 8).reshape(-1, 40) for image in (small, large)]
    np.testing.assert_allclose(
        extractor.mean_, np.concatenate(rows).mean(axis=0), rtol=1e-5
    )
    # Patches are pooled, so that each of them counts the same.
    assert [len(part) for part in rows] == [12, 35]
    with pytest.raises(ValueError, match=r"one size, got \[\(24, 32\), \(41, 56\)\]"):
        extractor.transform([small, large])
    assert extractor.transform([small]).shape == (1, 3, 4, 40)


def test_images_from_pillow(images):
    image_module = pytest.importorskip("PIL.Image")
    pictures = [image_module.fromarray(image) for image in images]
    found = BaselinePatchFeatures().fit_transform(pictures)
    np.testing.assert_array_equal(found, BaselinePatchFeatures().fit_transform(images))


def test_uniform_images_are_not_blown_up():
    blank = np.full((2, 40, 40), 113, dtype=np.uint8)
    extractor = BaselinePatchFeatures().fit(blank)
    np.testing.assert_array_equal(extractor.scale_, 1)
    assert np.abs(extractor.transform(blank)).max() < 1e-5
    # What an edge then weighs is the contrast itself.
    edge = blank.copy()
    edge[:, :, 20:] = 200
    assert 0.1 < np.abs(extractor.transform(edge)).max() < 10
    black = BaselinePatchFeatures().fit(np.zeros((1, 20, 20)))
    np.testing.assert_array_equal(black.scale_, 1)


@pytest.mark.parametrize("factor", [1e-7, 1e-3, 1e7])
def test_brightness_of_another_scale(images, factor):
    features = BaselinePatchFeatures().fit_transform(factor * images)
    assert np.isfinite(features).all()
    expected = BaselinePatchFeatures().fit_transform(images)[..., GREY]
    np.testing.assert_allclose(features[..., GREY], expected, atol=1e-4)


def test_input_is_left_alone(images):
    before = images.copy()
    images.setflags(write=False)
    BaselinePatchFeatures().fit(images).transform(images)
    np.testing.assert_array_equal(images, before)


def test_wide_strides_beside_small_images(images):
    extractor = BaselinePatchFeatures(stride=8).fit(images)
    for size in ((4, 20), (20, 4)):
        with pytest.raises(ValueError, match=r"no patch centre at stride=8: .* 4 pix"):
            extractor.transform(np.zeros((1, *size)))
    with pytest.raises(ValueError, match="at stride=200"):
        BaselinePatchFeatures(stride=200).fit(images)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 7)), r"Expected images.*shape \(5, 7\)\. Pass one"),
        (np.zeros((1, 2, 3, 4, 5)), r"Expected images.*\(1, 2, 3, 4, 5\)"),
        (np.zeros((0, 9, 9)), "0 sample"),
        ([], "Expected 2D array|0 sample"),
        (np.zeros((3, 9, 9, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\)"),
        (np.zeros((3, 0, 9)), r"0 feature\(s\) \(shape=\(3, 0\)\)"),
        ([3.0, 4.0], r"an element of shape \(\)"),
        ([np.zeros(9)], r"an element of shape \(9,\)"),
        ([np.zeros((9, 9)), np.zeros((9, 9, 3))], r"one number of channels, got \[1"),
        (np.full((1, 9, 9), np.nan), "contains NaN"),
        ([np.full((9, 9), np.inf)], "contains infinity"),
        (np.full((1, 9, 9), 1e200), "too large for dtype"),
        (np.zeros((1, 9, 9), dtype=complex), "Complex data not supported"),
    ],
)
def test_bad_images(X, message):
    with pytest.raises(ValueError, match=message):
        BaselinePatchFeatures().fit(X)


def test_number_of_channels_must_agree(images):
    extractor = BaselinePatchFeatures().fit(images)
    message = r"X has 3 features, but BaselinePatchFeatures is expecting 1 .* channels"
    with pytest.raises(ValueError, match=message):
        extractor.transform(np.repeat(images[..., None], 3, axis=-1))


def test_not_fitted_and_bad_parameters(images):
    with pytest.raises(NotFittedError):
        BaselinePatchFeatures().transform(images)
    for stride in (0, 2.5, "8"):
        with pytest.raises(ValueError, match="'stride' parameter"):
            BaselinePatchFeatures(stride).fit(images)


def test_documentation_link():
    link = BaselinePatchFeatures()._get_doc_link()
    assert link.endswith("/generated/skextras.datasets.BaselinePatchFeatures.html")


def test_refit_takes_the_other_images(images):
    extractor = BaselinePatchFeatures().fit(images)
    fresh = clone(extractor).fit(images[:1])
    np.testing.assert_array_equal(extractor.fit(images[:1]).mean_, fresh.mean_)


def pixel_auroc(template, image, mask, n_components):
    """Area under the ROC curve over the pixels, from one normal image."""
    extractor = BaselinePatchFeatures().fit(template[None])
    detector = SubspaceAD(n_components)
    with pytest.warns(UserWarning, match="SubspaceAD:"):
        detector.fit(extractor.transform(template[None]))
    maps = detector.anomaly_map(extractor.transform(image[None]))
    return roc_auc_score(mask.ravel(), pixel_map(maps, mask.shape).ravel())


def test_defects_of_the_bundled_boards_are_found():
    pcb = load_pcb()
    boards = zip(pcb.templates, pcb.images, pcb.masks, strict=True)
    found = [pixel_auroc(*board, 0.999) for board in boards]
    # Measured: .982, .940, .935, .968.
    assert np.mean(found) > 0.94
    assert min(found) > 0.92


@pytest.mark.slow
@pytest.mark.parametrize(("n_components", "least"), [(0.99, 0.89), (0.999, 0.92)])
def test_defects_of_ten_boards_are_found(n_components, least, shared_data):
    image_module = pytest.importorskip("PIL.Image")

    def read(name):
        path = shared_data(f"subspacead/deeppcb/{name}")
        return np.asarray(image_module.open(path).convert("L"))

    found = [
        pixel_auroc(
            read(f"template/000410{i:02d}.jpg"),
            read(f"test/000410{i:02d}.jpg"),
            read(f"ground_truth/000410{i:02d}_mask.png") > 0,
            n_components,
        )
        for i in range(10)
    ]
    # Measured: .897 and .927.
    assert np.mean(found) >= least


def test_files(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path, values in zip(paths, pixels, strict=True):
        image.fromarray(values).save(path)
    features = BaselinePatchFeatures().fit(paths)
    assert features.n_features_in_ == 3
    np.testing.assert_array_equal(features.transform(paths), features.transform(pixels))
    with pytest.raises(FileNotFoundError):
        features.transform([tmp_path / "none.png"])
