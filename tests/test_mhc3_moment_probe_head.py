"""The head of moment probing against the official code, and by itself."""

import math
from pathlib import Path

import numpy as np
import pytest

from skextras import _mhc3_moment_probe_head as head

pytestmark = pytest.mark.requires_torch

GOLDEN = Path(__file__).parent / "golden" / "mhc3_head.npz"
OFFICIAL = {
    "projection": "proj",
    "norm": "ln",
    "first_order": "classifier1",
    "second_order": "classifier2",
    "convolution1": "downblocks.0.0",
    "convolution2": "downblocks.0.2",
}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as archive:
        return dict(archive)


def _official(name):
    module, _, kind = name.partition(".")
    return f"{OFFICIAL[module]}.{kind}"


def _inputs(dtype):
    import torch

    i = np.arange(1584)
    x = np.sin(0.11 * i) + 0.5 * np.cos(0.0137 * i * (1 + i % 7))
    x = torch.from_numpy(x.reshape(3, 11, 48)).to(dtype)
    return x[:, 0], x[:, 1:], torch.ones(3, 10, dtype=dtype)


def _weights(golden, dtype):
    import torch

    return {
        name: torch.from_numpy(golden[f"param_{_official(name)}"])
        .to(dtype)
        .requires_grad_()
        for name in head.weight_shapes(48, 5, 512, 4)
    }


def _random(seed, d=5, n_classes=3, hidden_dim=28, n_heads=4):
    import torch

    generator = torch.Generator().manual_seed(seed)
    shapes = head.weight_shapes(d, n_classes, hidden_dim, n_heads)
    weights = head.initial_weights(shapes, generator)
    return {n: 3 * w.double() for n, w in weights.items()}, generator


@pytest.mark.parametrize(("kind", "rtol"), [("float64", 1e-12), ("float32", 2e-6)])
def test_equals_the_official_head(golden, kind, rtol):
    import torch

    dtype = getattr(torch, kind)
    suffix = {"float64": "f64", "float32": "f32"}[kind]
    weights, (first, tokens, valid) = _weights(golden, dtype), _inputs(dtype)
    scores = head.scores(weights, first, tokens, valid, 4)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 3, 1]))
    loss.backward()
    expected = golden[f"logits_{suffix}"]
    assert np.abs(scores.detach().numpy() - expected).max() <= rtol
    np.testing.assert_allclose(loss.item(), golden[f"loss_{suffix}"], rtol=rtol)
    np.testing.assert_allclose(loss.item(), 1.6044346172589845, rtol=rtol)
    for name, weight in weights.items():
        norm = golden[f"gradnorm_{_official(name)}_{suffix}"]
        np.testing.assert_allclose(weight.grad.norm().item(), norm, rtol=rtol)


def test_equals_the_official_maps(golden):
    import torch

    weights, (_, tokens, valid) = (
        _weights(golden, torch.float64),
        _inputs(torch.float64),
    )
    maps = head.cross_covariances(weights, tokens, valid, 4)
    found = maps.detach().numpy()[:, :, ::8, ::8]
    np.testing.assert_allclose(found, golden["mhc_f64"], rtol=0, atol=1e-12)
    small = head.compress(weights, maps).detach().numpy()
    np.testing.assert_allclose(small, golden["ds_f64"], rtol=0, atol=1e-12)


def test_number_of_parameters():
    shapes = head.weight_shapes(768, 1000, 512, 4)
    assert sum(map(math.prod, shapes.values())) == 4_047_146


@pytest.mark.parametrize("width", [7, 8, 16, 31, 128])
def test_map_size_is_that_of_the_convolutions(width):
    import torch

    weights, _ = _random(0)
    maps = torch.zeros((1, 3, width, width), dtype=torch.float64)
    size = head.map_size(width)
    assert head.compress(weights, maps).shape == (1, 3, size, size)
    assert size >= 1


def test_padding_has_no_effect(seed):
    import torch

    weights, generator = _random(seed)
    tokens = torch.randn(2, 6, 5, generator=generator).double()
    first = tokens.mean(dim=1)
    expected = head.scores(weights, first, tokens, torch.ones(2, 6).double(), 4)
    padded = torch.cat([tokens, torch.full((2, 3, 5), 1e3).double()], dim=1)
    valid = torch.cat([torch.ones(2, 6), torch.zeros(2, 3)], dim=1).double()
    found = head.scores(weights, first, padded, valid, 4)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_columns_have_unit_norm_and_order_does_not_matter(seed):
    import torch

    weights, generator = _random(seed)
    tokens = torch.randn(2, 6, 5, generator=generator).double()
    valid = torch.ones(2, 6).double()
    maps = head.cross_covariances(weights, tokens, valid, 4)
    assert maps.shape == (2, 3, 7, 7)
    np.testing.assert_allclose(maps.norm(dim=2), np.ones((2, 3, 7)), rtol=1e-12)
    turned = head.cross_covariances(weights, tokens.flip(1), valid, 4)
    np.testing.assert_allclose(turned, maps, atol=1e-13)


def test_constant_tokens_stay_finite():
    import torch

    weights, _ = _random(0)
    tokens, valid = torch.zeros(2, 3, 5).double(), torch.ones(2, 3).double()
    assert torch.isfinite(head.scores(weights, tokens[:, 0], tokens, valid, 4)).all()


def test_initial_weights_follow_their_laws():
    import torch

    shapes = head.weight_shapes(300, 10, 256, 4)
    draw = [
        head.initial_weights(shapes, torch.Generator().manual_seed(3)) for _ in (0, 1)
    ]
    for name in shapes:
        assert torch.equal(draw[0][name], draw[1][name])
    weights = draw[0]
    assert (weights["norm.weight"] == 1).all()
    for name in ("projection.bias", "norm.bias", "first_order.bias"):
        assert (weights[name] == 0).all()
    assert abs(weights["projection.weight"].std().item() - 0.02) < 1e-3
    bound = 1 / math.sqrt(3 * 9)
    peak = weights["convolution1.weight"].abs().max().item()
    assert 0.8 * bound < peak <= bound


def test_drawing_leaves_the_global_generator_alone():
    import torch

    before = torch.get_rng_state()
    head.initial_weights(head.weight_shapes(4, 2, 28, 4), torch.Generator())
    assert torch.equal(before, torch.get_rng_state())


def test_rate_rises_and_falls():
    factors = np.array([head.rate_factor(step, 100) for step in range(100)])
    assert factors.argmax() == 9
    np.testing.assert_allclose(factors[:9], np.arange(1, 10) / 10)
    assert (np.diff(factors[9:]) < 0).all()
    assert 0 < factors[-1] < 1e-3
    assert head.rate_factor(0, 1) == 1.0


def test_pad(seed, float_dtype):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, 7)
    rows = rng.standard_normal((lengths.sum(), 3)).astype(float_dtype)
    tokens, valid = head.pad(rows, lengths)
    assert tokens.dtype == valid.dtype == float_dtype
    np.testing.assert_array_equal(valid.sum(axis=1), lengths)
    np.testing.assert_array_equal(tokens[valid == 1], rows)
    assert (tokens[valid == 0] == 0).all()
