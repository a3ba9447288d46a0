"""Loading vision transformers and taking the output of their blocks."""

import copy
import gc
import os
import shutil
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from conformance import checkpoint
from sklearn.base import BaseEstimator

from skextras import _subspace_ad_backbone as backbone
from skextras._subspace_ad_backbone import (
    find_norm,
    is_config,
    is_module,
    load_module,
    read_config,
    run_blocks,
)
from skextras._torch import module_to_arrays

pytestmark = pytest.mark.requires_torch
SETTINGS = {
    "hidden_size": 16,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
    "image_size": 42,
    "patch_size": 14,
}
# Names of configuration and model, and what else the configuration needs.
FAMILIES = {
    "Dinov2": {},
    "Dinov2WithRegisters": {"num_register_tokens": 3},
    "DINOv3ViT": {"num_register_tokens": 2, "intermediate_size": 32},
}


class Holder(BaseEstimator):
    """An estimator with the parameters that loading reads."""

    def __init__(
        self,
        model=checkpoint.NAME,
        device="auto",
        dtype="auto",
        local_files_only=True,
        random_init=False,
    ):
        self.model = model
        self.device = device
        self.dtype = dtype
        self.local_files_only = local_files_only
        self.random_init = random_init


def make_config(family="Dinov2WithRegisters", **settings):
    transformers = pytest.importorskip("transformers")
    make = getattr(transformers, f"{family}Config", None)
    if make is None:
        pytest.skip(f"this transformers has no {family}")
    return make(**{**SETTINGS, **FAMILIES[family], **settings})


def make_module(family="Dinov2WithRegisters", head="Model", **settings):
    import torch
    import transformers

    config = make_config(family, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, family + head)(config).eval()


@pytest.fixture
def folder(tmp_path):
    checkpoint.write(tmp_path / "weights", seed=5)
    return tmp_path / "weights"


# -- kinds of models and their configuration -------------------------------------


def test_kinds():
    module, config = make_module(), make_config()
    kinds = [(is_module(m), is_config(m)) for m in (module, config, "name")]
    assert kinds == [(True, False), (False, True), (False, False)]
    assert read_config(Holder(module)) is module.config
    assert read_config(Holder(config, random_init=True)) is config


@pytest.mark.parametrize("kind", ["name", "str", "path", "home"])
def test_config_of_a_checkpoint(kind, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    model = {
        "name": checkpoint.NAME,
        "str": str(folder),
        "path": folder,
        "home": "~/weights",
    }[kind]
    config = read_config(Holder(model))
    assert (config.num_hidden_layers, config.patch_size) == (4, 112)


def test_contradictions():
    with pytest.raises(ValueError, match="random_init=True contradicts"):
        read_config(Holder(make_module(), random_init=True))
    with pytest.raises(ValueError, match="configuration has no weights"):
        read_config(Holder(make_config()))
    config = make_config(num_channels=1)
    with pytest.raises(ValueError, match="three channels; its configuration says 1"):
        read_config(Holder(config, random_init=True))
    for config in (None, SimpleNamespace(patch_size=14)):
        module = SimpleNamespace(forward=None, config=config)
        with pytest.raises(ValueError, match=r"lacks \['num_hidden_layers'"):
            read_config(Holder(module))


@pytest.mark.parametrize("name", ["facebook/dinov2-giant", "no/such/name", "a b"])
def test_missing_weights_are_missed_at_once(name):
    with pytest.raises(OSError, match="Holder found no weights") as caught:
        read_config(Holder(name))
    assert f"hf download {name}" in str(caught.value)
    assert os.environ["HF_HUB_CACHE"] in str(caught.value)


def test_missing_weights_are_downloaded_if_wished(folder, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, allow_patterns):
        asked.append(name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    holder = Holder("facebook/dinov2-giant", local_files_only=False)
    assert read_config(holder).num_hidden_layers == 4
    assert asked == ["facebook/dinov2-giant"]
    # What is in the cache is not looked for elsewhere.
    assert read_config(Holder(local_files_only=False)).num_hidden_layers == 4
    assert len(asked) == 1


@pytest.mark.parametrize("absent", ["config.json", "model.safetensors"])
def test_incomplete_folder(folder, absent):
    (folder / absent).unlink()
    with pytest.raises(OSError, match=r"must hold config\.json and the weights"):
        read_config(Holder(folder))
    if absent == "model.safetensors":
        assert read_config(Holder(folder, random_init=True)).patch_size == 112


# -- modules ---------------------------------------------------------------------


def test_weights_are_those_of_the_file(folder):
    from safetensors.numpy import load_file

    module = load_module(Holder(folder))
    weights = load_file(folder / "model.safetensors")
    for name in ("embeddings.cls_token", "layernorm.weight"):
        np.testing.assert_array_equal(module_to_arrays(module)[name], weights[name])
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())
    assert module.config._attn_implementation == "sdpa"


def test_weights_of_another_model(folder):
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["layernorm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OSError, match=r"\['layernorm\.weight'\].*, 1 in all, are miss"):
        load_module(Holder(folder))


def test_device_and_dtype(folder):
    import torch

    for dtype in ("float32", "float64", "bfloat16"):
        module = load_module(Holder(folder, device="cpu", dtype=dtype))
        assert {p.dtype for p in module.parameters()} == {getattr(torch, dtype)}
    with pytest.raises(ValueError, match="device='nowhere' is not available"):
        load_module(Holder(folder, device="nowhere"))


@pytest.mark.parametrize("kind", ["config", "folder"])
def test_random_weights_are_the_same_each_time(folder, kind):
    import torch

    holder = Holder(folder if kind == "folder" else make_config(), random_init=True)
    before, modules = torch.get_rng_state(), []
    settings = copy.deepcopy(vars(holder.model)) if kind == "config" else None
    for _ in range(2):
        modules.append(module_to_arrays(load_module(holder)))
        backbone._HELD.clear()
        gc.collect()
    assert torch.equal(torch.get_rng_state(), before)
    for name, array in modules[0].items():
        np.testing.assert_array_equal(modules[1][name], array)
    assert modules[0]["encoder.layer.0.mlp.fc1.weight"].std() > 0
    if kind == "config":
        assert vars(holder.model) == settings
    else:
        given = module_to_arrays(load_module(Holder(folder)))
        assert (given["layernorm.weight"] != modules[0]["layernorm.weight"]).any()


def test_estimators_share_a_module_as_long_as_one_lives(folder):
    first, second = Holder(folder), Holder(str(folder))
    module = load_module(first)
    assert load_module(first) is module
    assert load_module(second) is module
    assert load_module(Holder(folder, dtype="float64")) is not module
    reference = weakref.ref(module)
    del module, first
    gc.collect()
    assert reference() is not None
    del second
    gc.collect()
    assert reference() is None


def test_other_settings_let_go_of_the_module(folder):
    holder = Holder(folder)
    reference = weakref.ref(load_module(holder))
    holder.set_params(random_init=True)
    load_module(holder)
    gc.collect()
    assert reference() is None


def test_changed_files_are_read_again(folder):
    holder = Holder(folder)
    before = module_to_arrays(load_module(holder))["layernorm.weight"]
    shutil.rmtree(folder)
    checkpoint.write(folder, seed=6)
    later = time.time() + 10
    os.utime(folder / "model.safetensors", (later, later))
    after = module_to_arrays(load_module(holder))["layernorm.weight"]
    assert (before != after).all()


def test_threads_load_one_module(folder):
    holders = [Holder(folder) for _ in range(6)]
    found = []
    threads = [
        threading.Thread(target=lambda h=h: found.append(load_module(h)))
        for h in holders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(map(id, found))) == 1


def test_ready_module_is_left_alone():
    import torch

    module = make_module()
    assert load_module(Holder(module)) is module
    assert load_module(Holder(module, device="cpu", dtype="float32")) is module
    assert all(p.requires_grad for p in module.parameters())
    with pytest.raises(ValueError, match=r"contradicts device='auto' and dtype='float"):
        load_module(Holder(module, dtype="float64"))
    with pytest.raises(ValueError, match="in training mode"):
        load_module(Holder(module.train()))
    meta = make_module().to(torch.device("meta"))
    with pytest.raises(ValueError, match="is on meta"):
        load_module(Holder(meta, device="cpu"))


# -- blocks ----------------------------------------------------------------------


def outputs_of(module, pixels, blocks):
    found = {}
    run_blocks(
        module, pixels, blocks, lambda place, tokens: found.update({place: tokens})
    )
    return [found[place].clone() for place in range(len(blocks))]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("blocks", [[5], [0, 3], [4, 1, 2]])
def test_outputs_are_the_hidden_states(family, blocks):
    import torch

    module, pixels = make_module(family), torch.rand(2, 3, 42, 56)
    with torch.inference_mode():
        states = module(pixels, output_hidden_states=True).hidden_states
    for block, tokens in zip(blocks, outputs_of(module, pixels, blocks), strict=True):
        assert torch.equal(tokens, states[block + 1])


def test_later_blocks_are_not_computed():
    import torch

    module, ran = make_module(), []
    for number, layer in enumerate(module.encoder.layer):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    outputs_of(module, torch.rand(1, 3, 28, 28), [1, 3])
    assert ran == [0, 1, 2, 3]


def test_hooks_are_gone_afterwards():
    import torch

    module, pixels = make_module(), torch.rand(1, 3, 28, 28)

    def fail(place, tokens):
        raise KeyError(place)

    with torch.inference_mode():
        before = module(pixels).last_hidden_state
    outputs_of(module, pixels, [2])
    with pytest.raises(KeyError):
        run_blocks(module, pixels, [0, 2], fail)
    assert not any(layer._forward_hooks for layer in module.encoder.layer)
    with torch.inference_mode():
        assert torch.equal(module(pixels).last_hidden_state, before)


def test_blocks_of_a_model_with_a_head():
    import torch

    module = make_module(head="ForImageClassification")
    (tokens,) = outputs_of(module, torch.rand(1, 3, 28, 42), [5])
    assert tokens.shape == (1, 1 + 3 + 6, 16)
    inner = module.dinov2_with_registers
    assert find_norm(module) is inner.layernorm


def test_no_gradient_is_kept():
    import torch

    (tokens,) = outputs_of(make_module(), torch.rand(1, 3, 28, 28), [0])
    assert not tokens.requires_grad
    assert not torch.is_inference_mode_enabled()


def test_threads_do_not_see_each_others_blocks():
    import torch

    module = make_module()
    pixels = [torch.rand(1, 3, 28, 28) for _ in range(6)]
    expected = [outputs_of(module, p, [1, 4]) for p in pixels]
    found = [None] * 6

    def work(i):
        found[i] = [outputs_of(module, pixels[i], [1, 4]) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(6):
        for result in found[i]:
            assert all(map(torch.equal, result, expected[i]))


def test_models_without_blocks_or_norm():
    import torch

    module = torch.nn.Linear(3, 3)
    module.config = SimpleNamespace(num_hidden_layers=2)
    with pytest.raises(ValueError, match="Linear has no list of 2 blocks"):
        run_blocks(module, torch.rand(1, 3), [0], print)
    with pytest.raises(ValueError, match="Linear has no final normalisation"):
        find_norm(module)
    assert find_norm(make_module("Dinov2")).normalized_shape == (16,)
    assert find_norm(make_module("DINOv3ViT")).normalized_shape == (16,)
