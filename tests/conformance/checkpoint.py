"""A tiny vision transformer in the place where downloaded weights are looked for.

The tests run on default-constructed estimators. The default model of DinoPatchFeatures
is a checkpoint of 350 MB that no test may download; the cache that the tests see holds
a very small one of the same architecture under its name.
"""

import atexit
import importlib.util
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

VARIABLE = "SKEXTRAS_TESTS_CHECKPOINTS"
NAME = "facebook/dinov2-with-registers-base"


def install(environ):
    """Point the cache of downloads at a folder of ours, once for all processes.

    Workers inherit the environment, and with it the folder of the first process.
    """
    if VARIABLE in environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="skextras-checkpoints-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environ[VARIABLE] = str(folder)
    environ["HF_HUB_CACHE"] = str(folder / "hub")
    if importlib.util.find_spec("safetensors"):
        repository = folder / "hub" / f"models--{NAME.replace('/', '--')}"
        write(repository / "snapshots" / "0", seed=0)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0")
        write(other(environ), seed=1)


def other(environ):
    """Folder of another checkpoint, which is in no cache."""
    return Path(environ.get(VARIABLE, "absent")) / "other"


def write(folder, *, seed, depth=4, width=8, patch_size=112, n_registers=1):
    """Write a checkpoint as one would be downloaded."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    # Patches as large as this make few tokens of the default image size.
    config = {
        "architectures": ["Dinov2WithRegistersModel"],
        "model_type": "dinov2_with_registers",
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 4 * patch_size,
        "patch_size": patch_size,
        "num_register_tokens": n_registers,
    }
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype("f4")
        for name, shape in _shapes(depth, width, patch_size, n_registers).items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _shapes(depth, width, patch_size, n_registers):
    """Shapes of all weights, under the names that published checkpoints have."""

    def linear(name, n_out, n_in):
        return {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}

    def norm(name):
        return {f"{name}.weight": (width,), f"{name}.bias": (width,)}

    projection = "embeddings.patch_embeddings.projection"
    shapes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.mask_token": (1, width),
        "embeddings.position_embeddings": (1, 17, width),
        "embeddings.register_tokens": (1, n_registers, width),
        f"{projection}.weight": (width, 3, patch_size, patch_size),
        f"{projection}.bias": (width,),
        **norm("layernorm"),
    }
    for block in (f"encoder.layer.{i}" for i in range(depth)):
        for part in ("query", "key", "value"):
            shapes |= linear(f"{block}.attention.attention.{part}", width, width)
        shapes |= linear(f"{block}.attention.output.dense", width, width)
        shapes |= linear(f"{block}.mlp.fc1", 2 * width, width)
        shapes |= linear(f"{block}.mlp.fc2", width, 2 * width)
        shapes |= norm(f"{block}.norm1") | norm(f"{block}.norm2")
        shapes[f"{block}.layer_scale1.lambda1"] = (width,)
        shapes[f"{block}.layer_scale2.lambda1"] = (width,)
    return shapes
