"""Lazy import, devices, types, generators and weights as arrays."""

import sys
import threading

import numpy as np
import pytest
from sklearn.utils import check_random_state

from skextras._torch import (
    arrays_to_module,
    import_extra,
    make_generator,
    module_to_arrays,
    resolve_device,
    resolve_dtype,
    seeded_globally,
    without_progress_bars,
)

requires_torch = pytest.mark.requires_torch


# -- import ----------------------------------------------------------------------


def test_import_extra_returns_the_module():
    assert import_extra("os.path", needed_by="X").join("a", "b")


@pytest.mark.parametrize("name", ["torch", "torch.nn"])
def test_missing_package_says_how_to_install_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="Network needs torch") as caught:
        import_extra(name, needed_by="Network")
    assert 'pip install "skextras[torch]"' in str(caught.value)
    assert caught.value.name == "torch"


# -- device and dtype ------------------------------------------------------------


@requires_torch
def test_device():
    import torch

    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected


@requires_torch
@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "cpu:x", "meta", 1.5, None])
def test_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=r'is not available.*Use "auto" or "cpu"'):
        resolve_device(device)


@requires_torch
def test_automatic_device_is_the_current_cuda_device(monkeypatch):
    import torch

    asked = []

    def on_the_cpu(size, device):
        asked.append(device)
        return torch.ones(size)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", on_the_cpu)
    resolve_device("auto")
    assert asked == [torch.device("cuda")]


@requires_torch
def test_dtype():
    import torch

    assert resolve_dtype("auto") is torch.float32
    assert resolve_dtype("auto", default="float64") is torch.float64
    for name in ("float16", "bfloat16", "float32", "float64"):
        assert resolve_dtype(name) is getattr(torch, name)
    assert resolve_dtype(np.float64) is torch.float64
    assert resolve_dtype(np.dtype("f4")) is torch.float32
    assert resolve_dtype(torch.float16) is torch.float16


@requires_torch
@pytest.mark.parametrize("dtype", ["int32", "float12", "nn", np.int8, "complex64"])
def test_dtype_that_is_none(dtype):
    with pytest.raises(ValueError, match='must be "auto", "float16"'):
        resolve_dtype(dtype)


# -- generators ------------------------------------------------------------------


@requires_torch
def test_generator_follows_the_seed(seed):
    import torch

    before = torch.get_rng_state()
    draws = [
        torch.rand(5, generator=make_generator(state)).numpy()
        for state in (seed, seed, np.random.RandomState(seed), seed + 1)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])
    assert (draws[0] != draws[3]).all()
    assert torch.equal(torch.get_rng_state(), before)


@requires_torch
def test_generator_without_a_seed_draws_from_numpy():
    import torch

    shared = check_random_state(None)
    state = shared.get_state()
    try:
        first, second = (torch.rand(3, generator=make_generator(None)) for _ in "ab")
        shared.set_state(state)
        again = torch.rand(3, generator=make_generator(None))
    finally:
        shared.set_state(state)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@requires_torch
def test_seeded_globally_seeds_and_restores(seed):
    import torch

    before = torch.get_rng_state()
    layers = []
    for _ in range(2):
        with seeded_globally(seed):
            layers.append(module_to_arrays(torch.nn.Linear(4, 3)))
    np.testing.assert_array_equal(layers[0]["weight"], layers[1]["weight"])
    with pytest.raises(RuntimeError, match="size of tensor"), seeded_globally(seed):
        torch.rand(3) + torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)


@requires_torch
def test_seeded_globally_in_threads():
    import torch

    def weights():
        with seeded_globally(3):
            layers = [torch.nn.Linear(8, 8) for _ in range(5)]
        return module_to_arrays(torch.nn.Sequential(*layers))

    expected, before, results = weights(), torch.get_rng_state(), []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: results.append(weights())) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(results) == 8
    for result in results:
        for name, array in expected.items():
            np.testing.assert_array_equal(result[name], array)
    assert torch.equal(torch.get_rng_state(), before)


@requires_torch
@pytest.mark.parametrize("enabled", [True, False])
def test_progress_bars_come_back(enabled):
    logging = pytest.importorskip("transformers").utils.logging
    before = logging.is_progress_bar_enabled()
    switch = {True: logging.enable_progress_bar, False: logging.disable_progress_bar}
    try:
        switch[enabled]()
        with without_progress_bars():
            assert not logging.is_progress_bar_enabled()
        assert logging.is_progress_bar_enabled() == enabled
    finally:
        switch[before]()


# -- weights ---------------------------------------------------------------------


def _network():
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )


@requires_torch
def test_weights_survive_as_arrays(tmp_path):
    import torch

    network = _network()
    network(torch.rand(7, 3))  # moves the running mean
    arrays = module_to_arrays(network)
    assert all(type(a) is np.ndarray for a in arrays.values())
    assert arrays["1.num_batches_tracked"] == 1
    np.savez(tmp_path / "weights.npz", **arrays)
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as stored:
        restored = arrays_to_module(dict(stored), _network())
    X = torch.rand(5, 3)
    assert torch.equal(network.eval()(X), restored.eval()(X))


@requires_torch
def test_arrays_do_not_alias_the_module():
    network = _network()
    arrays = module_to_arrays(network)
    arrays["0.weight"][:] = 7
    assert not (module_to_arrays(network)["0.weight"] == 7).any()
    arrays_to_module(arrays, network)
    arrays["0.weight"][:] = 8
    assert (module_to_arrays(network)["0.weight"] == 7).all()


@requires_torch
def test_arrays_of_any_layout(seed):
    network = _network()
    arrays = module_to_arrays(network)
    weight = np.random.default_rng(seed).standard_normal((4, 3))
    weight.setflags(write=False)
    flipped = weight[::-1].copy()[::-1]
    for layout in (weight, np.asfortranarray(weight), flipped):
        arrays_to_module({**arrays, "0.weight": layout}, network)
        expected = weight.astype(np.float32)
        np.testing.assert_array_equal(module_to_arrays(network)["0.weight"], expected)


@requires_torch
def test_bfloat16_becomes_float32():
    import torch

    network = _network().to(torch.bfloat16)
    arrays = module_to_arrays(network)
    assert arrays["0.weight"].dtype == np.float32
    copy = arrays_to_module(arrays, _network().to(torch.bfloat16))
    assert torch.equal(copy[0].weight, network[0].weight)


@requires_torch
@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_arrays_of_another_module(change):
    arrays = module_to_arrays(_network())
    if change == "missing":
        del arrays["0.bias"]
    elif change == "extra":
        arrays["9.bias"] = np.zeros(2)
    else:
        arrays["0.bias"] = np.zeros(9)
    name = "9.bias" if change == "extra" else "0.bias"
    with pytest.raises(ValueError, match=rf"names or shapes of \['{name}'\] differ"):
        arrays_to_module(arrays, _network())
