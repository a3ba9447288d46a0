"""Grids, blocks, pooling and pixels of the vision transformer's features."""

import pickle
import threading

import numpy as np
import pytest
from conformance import checkpoint
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skextras import DinoPatchFeatures, _dino_patch_features

pytestmark = pytest.mark.requires_torch


def make_config(depth=6, registers=True, **settings):
    transformers = pytest.importorskip("transformers")
    settings = {
        "hidden_size": 16,
        "num_hidden_layers": depth,
        "num_attention_heads": 2,
        "image_size": 42,
        "patch_size": 14,
        **settings,
    }
    if registers:
        return transformers.Dinov2WithRegistersConfig(num_register_tokens=3, **settings)
    return transformers.Dinov2Config(**settings)


def make(**params):
    config = params.pop("model", None) or make_config()
    return DinoPatchFeatures(
        config, **{"random_init": True, "image_size": 90, **params}
    )


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 90, 100, 3), dtype=np.uint8)


# -- features --------------------------------------------------------------------


@pytest.mark.parametrize("registers", [True, False])
def test_features_are_the_mean_of_hidden_states(images, registers):
    import torch

    model = make_config(registers=registers)
    estimator = make(model=model, layers=[1, 3, -1]).fit(images)
    features = estimator.transform(images)
    assert features.shape == (5, 6, 7, 16)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    module = _dino_patch_features.load_module(estimator)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    pixels = torch.nn.functional.interpolate(
        pixels, (84, 98), mode="bicubic", antialias=True
    )
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with torch.inference_mode():
        states = module(
            (pixels - mean) / deviation, output_hidden_states=True
        ).hidden_states
    tokens = torch.stack([states[2], states[4], states[6]]).mean(dim=0)
    expected = tokens[:, 4 if registers else 1 :].reshape(5, 6, 7, 16).numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5)


def test_the_grid_is_that_of_the_image(images):
    """Patches see their own pixels: down first, then across."""
    black = np.zeros((1, 84, 98, 3), dtype=np.uint8)
    marked = black.copy()
    marked[:, 28:42, 70:84] = 255
    # Without a block, there is no attention to spread the mark: the first block still
    # differs most where the mark is.
    estimator = make(image_size=(84, 98), layers=[0]).fit(images)
    change = np.abs(estimator.transform(marked) - estimator.transform(black)).sum(-1)[0]
    assert np.unravel_index(change.argmax(), change.shape) == (2, 5)


def test_concatenation_keeps_the_order(images):
    one_each = [make(layers=[block]).fit_transform(images) for block in (4, 1)]
    together = make(layers=[4, 1], pooling="concat").fit_transform(images)
    assert together.shape == (5, 6, 7, 32)
    np.testing.assert_array_equal(together, np.concatenate(one_each, axis=-1))
    mean = make(layers=[4, 1]).fit_transform(images)
    np.testing.assert_allclose(mean, (one_each[0] + one_each[1]) / 2, rtol=1e-6)


def test_apply_norm_is_the_last_hidden_state(images):
    import torch

    estimator = make(layers=[-1], apply_norm=True, normalize=False).fit(images)
    features = estimator.transform(images)
    module = _dino_patch_features.load_module(estimator)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    pixels = torch.nn.functional.interpolate(
        pixels, (84, 98), mode="bicubic", antialias=True
    )
    with torch.inference_mode():
        expected = module(pixels).last_hidden_state[:, 4:].reshape(5, 6, 7, 16)
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.mean(axis=-1), 0, atol=1e-5)


def test_batches_do_not_matter(images):
    expected = make().fit_transform(images)
    for batch_size in (1, 2, 5):
        found = make(batch_size=batch_size).fit_transform(images)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_dtype(images):
    single = make().fit_transform(images)
    double = make(dtype="float64").fit_transform(images)
    assert double.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)
    half = make(dtype="bfloat16").fit_transform(images)
    assert 1e-4 < np.abs(half - double).max() / np.abs(double).max() < 5e-2


# -- blocks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "depth", "blocks"),
    [
        ("upper_half", 6, [3, 4, 5]),
        ("upper_half", 5, [2, 3, 4]),
        ("upper_half", 1, [0]),
        ("official", 40, [22, 23, 24, 25, 26, 27, 28]),
        ("official", 24, [13, 14, 15, 16, 17]),
        ("official", 12, [7, 8]),
        ("official", 1, [0]),
        ([5, 0, -2], 6, [5, 0, 4]),
        ((0, 1), 6, [0, 1]),
        (np.array([2]), 6, [2]),
        ((0.5, 1.0), 6, [3, 4, 5]),
        ((0, 0.2), 10, [0, 1, 2]),
        ((1.0, 1.0), 6, [5]),
    ],
)
def test_layers(layers, depth, blocks, images):
    estimator = make(model=make_config(depth), layers=layers).fit(images)
    assert estimator.blocks_.tolist() == blocks


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([6], "has the entry 6, but the model has 6 blocks: .* from -6 to 5"),
        ([-7, 0], "has the entry -7"),
        ([], "must name blocks, and no block twice"),
        ([5, -1], "must name blocks, and no block twice"),
        ([0, True], "it has the entry True"),
        (["a"], "it has the entry 'a'"),
        ([0.5, 0.6, 0.7], "it has the entry 0.5"),
        ((0.6, 0.5), r"layers=\(0.6, 0.5\) must be two fractions"),
        ((0.5, 1.5), "must be two fractions"),
        ((np.nan, 0.5), "must be two fractions"),
        ("lower_half", "The 'layers' parameter"),
    ],
)
def test_layers_that_are_none(layers, message, images):
    with pytest.raises(ValueError, match=message):
        make(layers=layers).fit(images)


def test_layers_are_learnt_in_fit(images):
    estimator = make(layers=[1]).fit(images)
    expected = estimator.transform(images)
    estimator.set_params(layers=[2])
    np.testing.assert_array_equal(estimator.transform(images), expected)
    assert (estimator.fit(images).transform(images) != expected).any()


# -- sizes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "image_size", "grid"),
    [
        ((90, 100), 90, (6, 7)),
        ((90, 100), (90, 100), (6, 7)),
        ((90, 100), 448, (32, 35)),
        ((100, 90), 448, (35, 32)),
        ((90, 100), (14, 29), (1, 2)),
        ((448, 448), 448, (32, 32)),
        ((30, 30), 448, (32, 32)),
        ((3, 7), 14, (1, 2)),
        # 42 * 49 / 49 would be a little less than 42 as a float product.
        ((49, 49), 42, (3, 3)),
    ],
)
def test_grid(size, image_size, grid):
    X = np.full((1, *size), 100, dtype=np.uint8)
    features = make(layers=[0], image_size=image_size).fit_transform(X)
    assert features.shape[1:3] == grid


@pytest.mark.parametrize("image_size", [13, (13, 28), (14,), (14, 14, 14), (14.0, 28)])
def test_sizes_that_hold_no_patch(image_size, images):
    with pytest.raises(ValueError, match="that hold a patch of 14 by 14 pixels"):
        make(image_size=image_size).fit(images)


def test_patches_need_not_be_square(images):
    model = make_config(image_size=(42, 28), patch_size=(14, 7))
    # Interpolating the position of patches takes as many of them down as across.
    model.image_size = (42, 21)
    estimator = make(model=model, image_size=(42, 42)).fit(images)
    assert estimator.patch_size_.tolist() == [14, 7]
    assert estimator.transform(images).shape == (5, 3, 6, 16)


def test_images_of_different_sizes_and_one_grid(images):
    larger = np.repeat(np.repeat(images[0], 2, axis=0), 2, axis=1)
    estimator = make().fit([images[0], larger])
    mixed = estimator.transform([images[0], larger])
    for i, image in enumerate((images[0], larger)):
        alone = estimator.transform(image[None])[0]
        np.testing.assert_allclose(mixed[i], alone, rtol=1e-5, atol=1e-5)


def test_images_of_different_grids(images):
    mixed = [images[0], images[1].transpose(1, 0, 2)]
    estimator = make().fit(mixed)
    message = r"\(90, 100\) pixels give \(6, 7\) patches and those of \(100, 90\)"
    with pytest.raises(ValueError, match=message):
        estimator.transform(mixed)
    estimator.set_params(image_size=(84, 98))
    assert estimator.transform(mixed).shape == (2, 6, 7, 16)


# -- pixels ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(42, 56), (98, 112), (84, 100)])
def test_resizing_is_that_of_pillow(images, size):
    import torch

    pillow = pytest.importorskip("PIL.Image")
    estimator = make(image_size=size, normalize=False).fit(images)
    grid = tuple(s // 14 for s in size)
    image = (100 + 0.3 * images[0, :84, :100]).astype(np.uint8)
    found = _dino_patch_features._to_pixels(
        estimator, image, grid, torch.device("cpu")
    ).numpy()
    height, width = (14 * n for n in grid)
    for channel in range(3):
        plane = pillow.fromarray(image[..., channel].astype(np.float32))
        resized = np.asarray(plane.resize((width, height), pillow.Resampling.BICUBIC))
        np.testing.assert_allclose(255 * found[channel], resized, atol=2e-3)
    # In 8 bits, Pillow rounds twice: after the first pass and after the second.
    eight = pillow.fromarray(image).resize((width, height), pillow.Resampling.BICUBIC)
    levels = 255 * found.transpose(1, 2, 0)
    assert np.abs(levels - np.asarray(eight, dtype=float)).max() < 1.3


def test_channels(images):
    grey = images[..., 0]
    expected = make().fit_transform(np.repeat(grey[..., None], 3, axis=3))
    for X in (grey, grey[..., None], np.repeat(grey[..., None], 5, axis=3)):
        found = make().fit_transform(X)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    colour = make().fit_transform(images)
    assert (make().fit_transform(images[..., ::-1]) != colour).any()


def test_values_are_what_counts(images):
    expected = make().fit_transform(images)
    for dtype in (np.int64, np.float32, np.float64, np.float16):
        np.testing.assert_array_equal(
            make().fit_transform(images.astype(dtype)), expected
        )


def test_values_scaled_to_one_are_noticed(images):
    estimator = make().fit(images)
    with pytest.warns(UserWarning, match=r"no value of X exceeds 1, which is nearly"):
        estimator.transform(images / 255)
    # A black image alone says nothing.
    estimator.transform(np.zeros_like(images[:1]))


@pytest.mark.parametrize(
    ("dtype", "factor"), [("float32", 1e300), ("float32", 1e37), ("float16", 1e7)]
)
def test_values_too_large(images, dtype, factor):
    estimator = make(dtype=dtype).fit(images)
    with pytest.raises(ValueError, match=rf"too large for dtype\('{dtype}'\)"):
        estimator.transform(images * factor)


# -- files -----------------------------------------------------------------------


def test_paths(images, tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, images, strict=False):
        pillow.fromarray(image).save(path)
    expected = make(batch_size=2).fit(images).transform(images[:3])
    for X in (paths, [str(path) for path in paths], np.array(paths, dtype=str)):
        estimator = make(batch_size=2).fit(X)
        assert estimator.n_features_in_ == 3
        np.testing.assert_array_equal(estimator.transform(X), expected)
    with pytest.raises(FileNotFoundError, match="absent"):
        estimator.transform([*paths, tmp_path / "absent.png"])


# -- the module ------------------------------------------------------------------


def test_default_takes_the_weights_of_the_cache(images):
    estimator = DinoPatchFeatures().fit(images)
    # The tests' cache holds a tiny model under the name of the default.
    assert estimator.transform(images).shape == (5, 4, 4, 8)
    with pytest.raises(OSError, match=r"hf download facebook/dinov2-large"):
        DinoPatchFeatures("facebook/dinov2-large").fit(images)


def test_ready_module(images):
    import torch
    import transformers

    config = make_config()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = transformers.Dinov2WithRegistersModel(config).eval()
    estimator = make(model=module, random_init=False).fit(images)
    features = estimator.transform(images)
    assert estimator.model is module
    copy = clone(estimator).fit(images)
    assert copy.model is not module
    np.testing.assert_array_equal(copy.transform(images), features)
    restored = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(restored.transform(images), features)
    assert not any(layer._forward_hooks for layer in module.encoder.layer)


def test_pickles_are_small(images):
    estimator = make().fit(images)
    before = len(pickle.dumps(estimator))
    features = estimator.transform(images)
    stored = pickle.dumps(estimator)
    assert len(stored) == before < 4000
    np.testing.assert_array_equal(pickle.loads(stored).transform(images), features)
    assert set(vars(estimator)) - set(estimator.get_params()) == {
        "blocks_",
        "patch_size_",
        "n_features_in_",
    }


def test_clones_agree(images):
    estimator = make(layers=[2]).fit(images)
    features = estimator.transform(images)
    np.testing.assert_array_equal(clone(estimator).fit_transform(images), features)


def test_threads(images):
    estimators = [make(layers=[block]).fit(images) for block in (0, 3, 5)]
    shared = [(e, e.transform(images)) for e in estimators]
    results = []

    def work():
        for estimator, expected in shared:
            found = estimator.transform(images)
            fresh = clone(estimator).fit_transform(images)
            results.append((found == expected).all() and (fresh == expected).all())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12


def test_model_changed_after_fit(images):
    estimator = make().fit(images)
    for model in (make_config(2), make_config(patch_size=7)):
        with pytest.raises(
            ValueError, match=r"other blocks or patches.* Call fit again"
        ):
            estimator.set_params(model=model).transform(images)


def test_memory_is_refused_before_it_is_taken(images, monkeypatch):
    estimator = make().fit(images)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "1000")
    with pytest.raises(MemoryError, match="features of 5 images, 6 by 7 patches each"):
        estimator.transform(images)


def test_bad_input(images):
    with pytest.raises(NotFittedError):
        make().transform(images)
    estimator = make().fit(images)
    with pytest.raises(ValueError, match="X has 1 features, but DinoPatchFeatures is"):
        estimator.transform(images[..., 0])
    with pytest.raises(ValueError, match="Expected images"):
        estimator.transform(images[0, :, :, 0])
    for name, value in {
        "batch_size": 0,
        "model": 3,
        "device": 1,
        "dtype": "int8",
    }.items():
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            make().set_params(**{name: value}).fit(images)


def test_without_torch(images, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    estimator = make().fit(images)
    with pytest.raises(ImportError, match=r"DinoPatchFeatures needs torch.*\[torch\]"):
        estimator.transform(images)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="DinoPatchFeatures needs transformers"):
        DinoPatchFeatures(checkpoint.NAME).fit(images)
