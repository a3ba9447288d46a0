"""Images through an extractor, rotated copies and a detector."""

import json
import math
import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

from skextras import ImageSubspaceAD, SubspaceAD, _image_subspace_ad
from skextras.datasets import BaselinePatchFeatures, load_pcb

pytestmark = pytest.mark.filterwarnings("ignore:SubspaceAD")


class Blocks(TransformerMixin, BaseEstimator):
    """The grey values of each block of pixels; counts and keeps what passes."""

    seen = []

    def __init__(self, size=4, batch_size=8):
        self.size = size
        self.batch_size = batch_size

    def fit(self, X, y=None):
        self.fitted_on_ = [np.array(image) for image in X]
        return self

    def transform(self, X):
        Blocks.seen.extend(np.array(image) for image in X)
        X = np.asarray(X, dtype=np.float64)
        X = X if X.ndim == 3 else X.mean(axis=3)
        n, height, width = X.shape
        rows, columns = height // self.size, width // self.size
        X = X[:, : rows * self.size, : columns * self.size]
        X = X.reshape(n, rows, self.size, columns, self.size).swapaxes(2, 3)
        return X.reshape(n, rows, columns, -1).astype(np.float32)


@pytest.fixture(autouse=True)
def _empty_record():
    Blocks.seen.clear()
    yield
    Blocks.seen.clear()


def make_images(n_images=6, size=(24, 32), seed=0):
    """Smooth stripes with noise; they look alike at any angle in small blocks."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (n_images, 1, 1))
    waves = np.sin(np.arange(size[1]) / 3 + phase) * np.ones((size[0], 1))
    return 128 + 40 * waves + 4 * rng.standard_normal((n_images, *size))


def make(**params):
    return ImageSubspaceAD(
        **{
            "extractor": Blocks(),
            "detector": SubspaceAD(0.9),
            "n_rotations": 3,
            "random_state": 0,
            **params,
        }
    )


# -- what passes the extractor ---------------------------------------------------


@pytest.mark.parametrize("fill", ["reflect", "black", "masked"])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_every_copy_passes_once(fill, batch_size):
    X = make_images()
    estimator = make(fill=fill, extractor=Blocks(batch_size=batch_size), n_rotations=5)
    estimator.fit(X)
    seen = list(Blocks.seen)
    assert len(seen) == 6 * 6
    assert len({image.tobytes() for image in seen}) == 36
    for i in range(6):
        np.testing.assert_array_equal(seen[6 * i], X[i])
    assert len(estimator.extractor_.fitted_on_) == 6
    np.testing.assert_array_equal(estimator.extractor_.fitted_on_, X)


def test_copies_are_rotations_by_drawn_angles(seed):
    X = make_images(2)
    make(random_state=seed, max_angle=200).fit(X)
    rng = np.random.RandomState(seed)
    for i in range(2):
        for j, angle in enumerate(rng.uniform(0, 200, 3)):
            expected = ndimage.rotate(
                X[i], angle, reshape=False, order=1, mode="mirror"
            )
            np.testing.assert_allclose(Blocks.seen[4 * i + 1 + j], expected, rtol=1e-9)


def test_angle_of_zero_copies_the_image():
    X = make_images(2)
    make(max_angle=0).fit(X)
    for i, image in enumerate(Blocks.seen):
        np.testing.assert_allclose(image, X[i // 4], rtol=1e-12)


def test_integers_are_rotated_without_rounding():
    X = make_images(2).round()
    make().fit(X)
    exact = list(Blocks.seen)
    Blocks.seen.clear()
    make().fit(X.astype(np.uint8))
    for image, expected in zip(Blocks.seen, exact, strict=True):
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, expected, rtol=1e-5)


def test_colours_are_rotated_alike():
    X = make_images(2)
    make().fit(np.stack([X, 2 * X, X], axis=3))
    for image in Blocks.seen:
        np.testing.assert_allclose(image[..., 1], 2 * image[..., 0], rtol=1e-12)
        np.testing.assert_array_equal(image[..., 2], image[..., 0])


def test_black_corners():
    estimator = make(fill="black", max_angle=0, random_state=None)
    image = np.full((20, 20), 100.0)
    turned = _image_subspace_ad._rotated(image, 45.0, estimator.fill)
    assert turned[0, 0] == turned[-1, -1] == 0
    assert turned[10, 10] == 100
    mirrored = _image_subspace_ad._rotated(image, 45.0, "reflect")
    np.testing.assert_allclose(mirrored, 100)


# -- masks -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(24, 32), (25, 33), (7, 50)])
@pytest.mark.parametrize("grid", [(6, 8), (5, 7), (1, 3)])
@pytest.mark.parametrize("angle", [0.0, 3.0, 45.0, 90.0, 123.4, 180.0])
def test_patches_wholly_inside(size, grid, angle):
    """Those to which no pixel of the rotated frame's outside contributes."""
    inside = _image_subspace_ad._wholly_inside(size, grid, angle)
    # Outside is NaN where the nearest pixel does not exist, so that it shows.
    turned = ndimage.rotate(
        np.ones(size), angle, reshape=False, order=1, mode="constant", cval=np.nan
    )
    clean = turned > 0.999
    for i in range(grid[0]):
        rows = slice(size[0] * i // grid[0], -(-size[0] * (i + 1) // grid[0]))
        for j in range(grid[1]):
            columns = slice(size[1] * j // grid[1], -(-size[1] * (j + 1) // grid[1]))
            if inside[i, j]:
                assert clean[rows, columns].all()
            elif angle not in (0.0, 90.0, 180.0):  # where rounding decides for SciPy
                assert not clean[rows, columns].all()
    if angle in (0.0, 180.0):
        assert inside.all()


def test_masked_copies_lower_the_number_of_patches():
    X = make_images()
    numbers = {}
    for fill in ("reflect", "black", "masked"):
        estimator = make(fill=fill).fit(X)
        numbers[fill] = estimator.detector_.n_samples_seen_
    assert numbers["reflect"] == numbers["black"] == 6 * 4 * 48
    # The images themselves are whole.
    assert 6 * 48 < numbers["masked"] < numbers["reflect"]


def test_masked_copies_are_the_patches_inside():
    X = make_images(3)
    estimator = make(fill="masked").fit(X)
    rng, rows = np.random.RandomState(0), []
    for image in X:
        rows.append(Blocks().transform(image[None]).reshape(-1, 16))
        for angle in rng.uniform(0, 345, 3):
            turned = ndimage.rotate(image, angle, reshape=False, order=1, mode="mirror")
            inside = _image_subspace_ad._wholly_inside(image.shape, (6, 8), angle)
            rows.append(Blocks().transform(turned[None])[0][inside])
    np.testing.assert_allclose(
        estimator.detector_.mean_, np.concatenate(rows).mean(axis=0), rtol=1e-5
    )


def test_copies_without_a_whole_patch():
    # Upright, a patch of half this long image is never inside.
    X = make_images(3, size=(8, 64))
    estimator = make(extractor=Blocks(size=8), fill="masked", max_angle=360)
    estimator.fit(X)
    assert estimator.detector_.n_samples_seen_ >= 3 * 8


# -- the detector ----------------------------------------------------------------


def test_without_rotations_it_is_the_detector():
    X = make_images(8)
    estimator = make(n_rotations=0).fit(X)
    features = Blocks().transform(X)
    expected = SubspaceAD(0.9).fit(features)
    detector = estimator.detector_
    np.testing.assert_allclose(detector.mean_, expected.mean_, rtol=1e-6)
    assert detector.n_components_ == expected.n_components_
    np.testing.assert_allclose(
        detector.calibration_scores_, expected.calibration_scores_, rtol=1e-4
    )
    assert estimator.offset_ == detector.offset_
    others = make_images(5, seed=1)
    found = Blocks().transform(others)
    for method in ("score_samples", "decision_function", "p_value", "anomaly_map"):
        ours, theirs = getattr(estimator, method)(others), getattr(detector, method)
        np.testing.assert_allclose(ours, theirs(found), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(estimator.predict(others), detector.predict(found))


@pytest.mark.parametrize("fill", ["reflect", "masked"])
def test_copies_do_not_calibrate(fill):
    X = make_images(8)
    estimator = make(fill=fill).fit(X)
    assert len(estimator.detector_.calibration_scores_) == 8
    # Cross-fitting leaves an image out together with its copies: as one group.
    features, groups = [], []
    rng = np.random.RandomState(0)
    for i, image in enumerate(X):
        for angle in (None, *rng.uniform(0, 345, 3)):
            turned = _image_subspace_ad._rotated(image, angle, "reflect")
            features.append(Blocks().transform(turned[None])[0])
            groups.append(i)
    expected = SubspaceAD(0.9).fit(np.stack(features), groups=groups)
    if fill == "reflect":
        np.testing.assert_allclose(
            estimator.detector_.calibration_scores_,
            expected.calibration_scores_,
            rtol=1e-4,
        )
    assert len(expected.calibration_scores_) == 8


def test_moments_are_dropped():
    X = make_images(20)
    sizes = [len(pickle.dumps(make().fit(X[:n]))) for n in (10, 20)]
    assert sizes[1] - sizes[0] <= 8 * 10 + 16 + 10 * (8 * 24 * 32 + 1000)
    estimator = make(extractor=BaselinePatchFeatures()).fit(X)
    # Not those of five folds, 40 x 40 each.
    assert len(pickle.dumps(estimator)) < 8 * 40 * 40 + 6000
    assert not hasattr(estimator, "partial_fit")
    assert not hasattr(estimator, "transform")
    assert not hasattr(estimator, "residual_path")


def test_the_given_estimators_are_not_fitted():
    estimator = make()
    estimator.fit(make_images())
    assert not hasattr(estimator.extractor, "fitted_on_")
    assert not hasattr(estimator.detector, "mean_")
    assert estimator.detector_.n_components == 0.9


def test_a_defect_is_found():
    X, others = make_images(25), make_images(4, seed=1)
    others[2, 8:16, 12:20] = 250
    estimator = make(n_rotations=1, max_angle=5, detector=SubspaceAD(0.95)).fit(X)
    scores = estimator.score_samples(others)
    assert scores.dtype == np.float64
    assert scores.argmin() == 2
    maps = estimator.anomaly_map(others)
    assert maps.shape == (4, 6, 8)
    where = np.unravel_index(maps[2].argmax(), (6, 8))
    assert 2 <= where[0] < 4
    assert 3 <= where[1] < 5
    assert estimator.predict(others)[2] == -1
    p_values = estimator.p_value(others)
    assert p_values[2] == pytest.approx(1 / 26)
    decision = estimator.decision_function(others)
    np.testing.assert_array_equal(decision, scores - estimator.offset_)
    np.testing.assert_array_equal(estimator.predict(others) == -1, decision < 0)
    np.testing.assert_array_equal(p_values <= 0.05, decision < 0)


def test_bundled_boards():
    pcb = load_pcb()
    estimator = ImageSubspaceAD(BaselinePatchFeatures(), SubspaceAD(), n_rotations=1)
    estimator.set_params(max_angle=2, random_state=0).fit(pcb.templates[:2])
    maps = estimator.anomaly_map(pcb.images)
    assert maps.shape == (4, 80, 80)
    assert np.isfinite(maps).all()


# -- input -----------------------------------------------------------------------


def test_lists_and_files(tmp_path):
    image = pytest.importorskip("PIL.Image")
    grey = make_images(6).clip(0, 255).astype(np.uint8)
    X = np.stack([grey, 255 - grey, grey], axis=3)
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for path, pixels in zip(paths, X, strict=True):
        image.fromarray(pixels).save(path)
    expected = make().fit(X)
    scores = expected.score_samples(X)
    for other in (list(X), paths):
        estimator = make().fit(other)
        np.testing.assert_array_equal(estimator.score_samples(other), scores)
        np.testing.assert_array_equal(
            estimator.anomaly_map(other), expected.anomaly_map(X)
        )


def test_images_of_different_sizes():
    X = [*make_images(3), *make_images(3, size=(20, 28))]
    estimator = make().fit(X)
    scores = estimator.score_samples(X)
    alone = [estimator.score_samples(image[None])[0] for image in X]
    np.testing.assert_allclose(scores, alone, rtol=1e-4)
    with pytest.raises(ValueError, match=r"maps of \[\(5, 7\), \(6, 8\)\] patches"):
        estimator.anomaly_map(X)
    assert estimator.anomaly_map(X[3:]).shape == (3, 5, 7)


def test_order_of_images_keeps_the_subspace():
    X = make_images(8)
    first, second = make(n_rotations=0).fit(X), make(n_rotations=0).fit(X[::-1])
    np.testing.assert_allclose(
        first.score_samples(X), second.score_samples(X), rtol=1e-3
    )


def test_random_state():
    X = make_images()
    one, same, other = (make(random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.score_samples(X), same.score_samples(X))
    assert (one.score_samples(X) != other.score_samples(X)).any()
    again = clone(one).fit(X)
    np.testing.assert_array_equal(one.score_samples(X), again.score_samples(X))


def test_few_images_are_warned_of():
    with pytest.warns(UserWarning, match="^SubspaceAD: ") as caught:
        make().fit(make_images(3))
    assert any("ranking is unaffected" in str(w.message) for w in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().fit(make_images(19))


class Flat(Blocks):
    def transform(self, X):
        return super().transform(X).mean(axis=(1, 2))


def test_bad_input():
    X = make_images()
    with pytest.raises(NotFittedError):
        make().predict(X)
    estimator = make().fit(X)
    message = "X has 3 features, but ImageSubspaceAD is expecting 1 features"
    with pytest.raises(ValueError, match=message):
        estimator.score_samples(np.stack([X] * 3, axis=3))
    with pytest.raises(ValueError, match="Expected images"):
        make().fit(X[0])
    with pytest.raises(ValueError, match=r"extractor=Flat\(\) must give features"):
        make(extractor=Flat()).fit(X)
    for name, value in {
        "fill": "white",
        "n_rotations": -1,
        "max_angle": 361,
        "extractor": "dino",
        "detector": BaselinePatchFeatures(),
    }.items():
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            make(**{name: value}).fit(X)
    with pytest.raises(ValueError, match="hbe"):
        make(detector=SubspaceAD(calibration="hbe")).fit(X)


def test_an_earlier_fit_survives_a_failed_one():
    X = make_images()
    estimator = make().fit(X)
    scores = estimator.score_samples(X)
    estimator.set_params(extractor=Flat())
    with pytest.raises(ValueError, match="must give features"):
        estimator.fit(X)
    np.testing.assert_array_equal(estimator.score_samples(X), scores)


# -- resources -------------------------------------------------------------------


def test_memory_does_not_grow_with_the_copies():
    X = make_images(2, size=(96, 128)).astype(np.float32)
    peaks = []
    for n_rotations in (16, 160):
        estimator = make(
            n_rotations=n_rotations, extractor=BaselinePatchFeatures(stride=4)
        )
        estimator.fit(X)
        tracemalloc.start()
        try:
            estimator.fit(X)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


WITHOUT_TORCH = """
import json, sys, warnings
import numpy as np
from skextras import ImageSubspaceAD
from skextras.datasets import BaselinePatchFeatures
warnings.simplefilter("ignore")
X = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
ImageSubspaceAD(BaselinePatchFeatures(), n_rotations=2).fit(X).predict(X)
print(json.dumps(sorted({"torch", "transformers", "PIL"} & set(sys.modules))))
"""


def test_torch_is_not_loaded():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.requires_torch
def test_defaults_take_the_vision_transformer():
    X = make_images(3).astype(np.uint8)
    # The tests' cache holds a tiny model under the name of the default.
    estimator = ImageSubspaceAD(random_state=0).fit(X)
    assert type(estimator.extractor_).__name__ == "DinoPatchFeatures"
    assert estimator.anomaly_map(X).shape[0] == 3
    n_patches = math.prod(estimator.anomaly_map(X).shape[1:])
    assert estimator.detector_.n_samples_seen_ == 3 * 31 * n_patches
