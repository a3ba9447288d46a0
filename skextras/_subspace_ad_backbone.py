"""Loading of frozen vision transformers, and the outputs of their blocks."""

import copy
import json
import os
import threading
import weakref
from pathlib import Path

from skextras._torch import (
    import_extra,
    resolve_device,
    resolve_dtype,
    seeded_globally,
    without_progress_bars,
)

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")

# A module lives as long as an estimator that has used it; estimators of the same
# settings share it. It is kept here and not in the estimators, so that these stay plain
# data.
_SHARED = weakref.WeakValueDictionary()
_HELD = weakref.WeakKeyDictionary()
_LOADING = threading.RLock()
# The hooks of one call would see the tensors of another.
_RUNNING = threading.Lock()


def is_module(model):
    """Tell whether a model is a ready torch module.

    Parameters
    ----------
    model : object
        Name, path, configuration or module.

    Returns
    -------
    answer : bool
        Whether it can be run.

    Examples
    --------
    >>> from skextras._subspace_ad_backbone import is_module
    >>> is_module("facebook/dinov2-base")
    False
    """
    return hasattr(model, "forward")


def is_config(model):
    """Tell whether a model is a configuration, without weights.

    Parameters
    ----------
    model : object
        Name, path, configuration or module.

    Returns
    -------
    answer : bool
        Whether it describes a model.

    Examples
    --------
    >>> from skextras._subspace_ad_backbone import is_config
    >>> is_config("facebook/dinov2-base")
    False
    """
    return hasattr(model, "to_dict") and not is_module(model)


def read_config(estimator):
    """Read the configuration of an estimator's model, without loading the weights.

    Parameters
    ----------
    estimator : estimator instance
        With the parameters `model`, `local_files_only` and `random_init`.

    Returns
    -------
    config : transformers.PreTrainedConfig
        The configuration.

    Raises
    ------
    OSError
        If there are no such files.

    ValueError
        If the parameters contradict each other, or the model is no vision transformer
        of three channels.

    Examples
    --------
    >>> from transformers import Dinov2Config
    >>> from skextras import DinoPatchFeatures
    >>> from skextras._subspace_ad_backbone import read_config
    >>> config = Dinov2Config(num_hidden_layers=2)
    >>> read_config(DinoPatchFeatures(config, random_init=True)) is config
    True
    """
    model, random_init = estimator.model, estimator.random_init
    if is_module(model):
        config = getattr(model, "config", None)
        if random_init:
            raise ValueError("random_init=True contradicts a ready module as model.")
    elif is_config(model):
        config = model
        if not random_init:
            raise ValueError(
                "A configuration has no weights: give model the name or the folder of "
                "a checkpoint, or set random_init=True to test without."
            )
    else:
        transformers = import_extra("transformers", needed_by=type(estimator).__name__)
        folder = _find_folder(estimator)
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    wanted = ("num_hidden_layers", "patch_size")
    lacking = [name for name in wanted if not hasattr(config, name)]
    if lacking or getattr(config, "num_channels", 3) != 3:
        raise ValueError(
            f"model={model!r} must be a vision transformer of transformers that takes "
            f"images of three channels; its configuration "
            f"{f'lacks {lacking}' if lacking else f'says {config.num_channels}'}."
        )
    return config


def _find_folder(estimator):
    """Folder of the files of a checkpoint, given by its path or its name."""
    name = os.fspath(estimator.model)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _find_in_cache(name)
        if folder is None or not _is_complete(folder, estimator.random_init):
            if estimator.local_files_only:
                raise OSError(_how_to_get(type(estimator).__name__, name))
            hub = import_extra("huggingface_hub", needed_by=type(estimator).__name__)
            folder = hub.snapshot_download(
                name, allow_patterns=["config.json", "*.safetensors*"]
            )
    elif not _is_complete(folder, estimator.random_init):
        raise OSError(
            f"{type(estimator).__name__}: the folder {folder} must hold config.json "
            "and the weights, such as model.safetensors, of a model of transformers."
        )
    return str(folder)


def _find_in_cache(name):
    """Folder of a checkpoint that was downloaded before, or None."""
    hub = import_extra("huggingface_hub", needed_by="DinoPatchFeatures")
    try:
        found = hub.try_to_load_from_cache(name, "config.json")
    except ValueError:  # no name that a repository can have
        return None
    return Path(found).parent if isinstance(found, str) else None


def _is_complete(folder, random_init):
    """Tell whether a folder has what is needed."""
    weights = random_init or any(any(folder.glob(pattern)) for pattern in _WEIGHTS)
    return (folder / "config.json").is_file() and weights


def _how_to_get(estimator_name, name):
    """Words on missing weights."""
    cache = import_extra("huggingface_hub.constants", needed_by=estimator_name)
    return (
        f"{estimator_name} found no weights for model={name!r}: there is no such "
        f"folder, and the cache {cache.HF_HUB_CACHE} has none. Download them once "
        f"with: hf download {name} (or set local_files_only=False), or give model the "
        "folder in which they are."
    )


def load_module(estimator):
    """Load the module of an estimator, or find it loaded.

    Parameters
    ----------
    estimator : estimator instance
        With the parameters `model`, `device`, `dtype`, `local_files_only` and
        `random_init`.

    Returns
    -------
    module : torch.nn.Module
        Frozen, on its device. A ready module is returned as it is.

    Raises
    ------
    OSError
        If there are no weights, or they are not those of the whole model.

    ValueError
        If a parameter is illegal, or a ready module is in training mode.

    Examples
    --------
    >>> from transformers import Dinov2Config
    >>> from skextras import DinoPatchFeatures
    >>> from skextras._subspace_ad_backbone import load_module
    >>> config = Dinov2Config(hidden_size=12, num_hidden_layers=2)
    >>> load_module(DinoPatchFeatures(config, random_init=True)).training
    False
    """
    model = estimator.model
    import_extra("torch", needed_by=type(estimator).__name__)
    if is_module(model):
        _check_ready_module(estimator)
        return model
    device, dtype = resolve_device(estimator.device), resolve_dtype(estimator.dtype)
    if is_config(model):
        source = json.dumps(model.to_dict(), sort_keys=True, default=str)
        build = _build_from_config
    else:
        source = _find_folder(estimator)
        files = sorted(Path(source).iterdir())
        # A checkpoint that was written anew is another one.
        source = (source, *((f.name, f.stat().st_mtime_ns) for f in files))
        build = _build_at_random if estimator.random_init else _build_from_folder
    key = (source, estimator.random_init, device, dtype)
    with _LOADING:
        module = _SHARED.get(key)
        if module is None:
            module = build(model if is_config(model) else source[0], estimator)
            module = module.to(device, dtype).eval().requires_grad_(False)
            _SHARED[key] = module
        _HELD[estimator] = module
    return module


def _check_ready_module(estimator):
    """Refuse what would make us change a module that belongs to the user."""
    if estimator.model.training:
        raise ValueError(
            "The module given as model is in training mode, in which dropout makes "
            "features random: call its eval() first."
        )
    weight = next(estimator.model.parameters())
    device, dtype = estimator.device, estimator.dtype
    elsewhere = device != "auto" and resolve_device(device) != weight.device
    if elsewhere or (dtype != "auto" and resolve_dtype(dtype) != weight.dtype):
        raise ValueError(
            f"The module given as model is on {weight.device} in {weight.dtype}, which "
            f"contradicts device={device!r} and dtype={dtype!r}: move it yourself, and "
            'leave both "auto".'
        )


def _build_from_config(config, estimator):
    """Module with random weights, the same ones each time."""
    from transformers import AutoModel

    with seeded_globally(0):
        # A copy: the module writes into its configuration.
        return AutoModel.from_config(copy.deepcopy(config), attn_implementation="sdpa")


def _build_at_random(folder, estimator):
    """Module of a checkpoint's architecture, with random weights."""
    return _build_from_config(read_config(estimator), estimator)


def _build_from_folder(folder, estimator):
    """Module with the weights of a folder."""
    from transformers import AutoModel

    with without_progress_bars():
        module, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
            output_loading_info=True,
        )
    if report["missing_keys"]:
        raise OSError(
            f"{type(estimator).__name__}: the weights in {folder} are not those of the "
            f"whole {type(module).__name__}: {sorted(report['missing_keys'])[:3]} and "
            f"so on, {len(report['missing_keys'])} in all, are missing."
        )
    return module


def find_norm(module):
    """Find the last layer normalisation of a vision transformer.

    Parameters
    ----------
    module : torch.nn.Module
        The model.

    Returns
    -------
    norm : torch.nn.Module
        The normalisation that it applies to the output of its last block.

    Raises
    ------
    ValueError
        If there is none where it is looked for.

    Examples
    --------
    >>> from transformers import Dinov2Config, Dinov2Model
    >>> from skextras._subspace_ad_backbone import find_norm
    >>> model = Dinov2Model(Dinov2Config(hidden_size=12, num_hidden_layers=2))
    >>> find_norm(model) is model.layernorm
    True
    """
    # Models with a head hold the transformer under a name of its own.
    for candidate in (module, *module.children()):
        for name in ("layernorm", "norm"):
            if hasattr(candidate, name):
                return getattr(candidate, name)
    raise ValueError(
        f"apply_norm=True: {type(module).__name__} has no final normalisation under a "
        "known name. Set apply_norm=False."
    )


def run_blocks(module, pixels, blocks, receive):
    """Run a vision transformer up to the last block that is asked for.

    Parameters
    ----------
    module : torch.nn.Module
        The model, of transformers.

    pixels : torch.Tensor of shape (n_images, 3, height, width)
        Images, on the device and in the type of the model.

    blocks : list of int
        Numbers of the blocks, from 0.

    receive : callable
        Called with the place of a block in `blocks` and its output, of shape
        (n_images, n_tokens, n_features), before the next block runs.

    Examples
    --------
    >>> import torch
    >>> from transformers import Dinov2Config, Dinov2Model
    >>> from skextras._subspace_ad_backbone import run_blocks
    >>> config = Dinov2Config(hidden_size=12, num_hidden_layers=4, patch_size=14)
    >>> model = Dinov2Model(config).eval()
    >>> show = lambda place, tokens: print(place, tuple(tokens.shape))
    >>> run_blocks(model, torch.rand(1, 3, 28, 42), [0, 2], show)
    0 (1, 7, 12)
    1 (1, 7, 12)
    """
    import torch

    layers, last = _find_layers(module), max(blocks)

    def hook(place, block):
        def receive_output(layer, arguments, output):
            receive(place, output[0] if isinstance(output, tuple) else output)
            if block == last:
                raise _LastBlockReached

        return receive_output

    with _RUNNING, torch.inference_mode():
        handles = [
            layers[block].register_forward_hook(hook(place, block))
            for place, block in enumerate(blocks)
        ]
        try:
            module(pixel_values=pixels)
        except _LastBlockReached:
            pass
        finally:
            for handle in handles:
                handle.remove()


class _LastBlockReached(Exception):
    """Leaves a forward pass whose remaining blocks nobody asks for."""


def _find_layers(module):
    """The blocks of a vision transformer, in order."""
    import torch

    depth = module.config.num_hidden_layers
    for found in module.modules():
        if isinstance(found, torch.nn.ModuleList) and len(found) == depth:
            return found
    raise ValueError(
        f"{type(module).__name__} has no list of {depth} blocks: only vision "
        "transformers of transformers are understood."
    )
