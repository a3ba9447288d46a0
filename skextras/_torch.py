"""What the estimators built on torch share: lazy import, devices, seeds, weights."""

import contextlib
import importlib
import threading

import numpy as np
from sklearn.utils import check_random_state

# torch's global generator and the progress bars of its companions belong to the
# process: whoever changes them for a moment holds this lock.
_GLOBAL_STATE = threading.RLock()


def import_extra(name, *, needed_by):
    """Import a package of the extra "torch" when it is needed.

    Parameters
    ----------
    name : str
        Dotted name of the module.

    needed_by : str
        Name of the estimator, for the message.

    Returns
    -------
    module : module
        The module.

    Raises
    ------
    ImportError
        If the package is not installed; it says how to install it.

    Examples
    --------
    >>> from skextras._torch import import_extra
    >>> import_extra("torch.nn", needed_by="MyNetwork").__name__
    'torch.nn'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"{needed_by} needs {package}, which cannot be imported ({error}). Install "
            'it with: pip install "skextras[torch]"',
            name=package,
        ) from error


def resolve_device(device):
    """Turn the parameter `device` into a device that is there.

    Parameters
    ----------
    device : {"auto"}, str or torch.device
        "auto" is the current CUDA device where there is one, and the CPU elsewhere.
        Others, such as Apple's "mps", which lacks float64, are taken on request only.

    Returns
    -------
    device : torch.device
        The device, with its index.

    Raises
    ------
    ValueError
        If the name is not one of a device, or the device is not available.

    Examples
    --------
    >>> from skextras._torch import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    import torch

    if isinstance(device, str) and device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        # Reading a value tells whether it is usable ("meta" tensors hold none), and
        # the tensor knows the index that a bare name means.
        tensor = torch.zeros(1, device=torch.device(device))
        tensor.item()
    # Builds without CUDA fail an assertion.
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f'device={device!r} is not available: {reason} Use "auto" or "cpu".'
        ) from error
    return tensor.device


def resolve_dtype(dtype, *, default="float32"):
    """Turn the parameter `dtype` into a floating point type of torch.

    Parameters
    ----------
    dtype : {"auto", "float16", "bfloat16", "float32", "float64"} or torch.dtype
        The type; names may also be NumPy types.

    default : str, default="float32"
        What "auto" means.

    Returns
    -------
    dtype : torch.dtype
        The type.

    Raises
    ------
    ValueError
        If it is no floating point type of torch.

    Examples
    --------
    >>> from skextras._torch import resolve_dtype
    >>> resolve_dtype("auto"), resolve_dtype("float64")
    (torch.float32, torch.float64)
    """
    import torch

    found = dtype
    if not isinstance(dtype, torch.dtype):
        name = default if isinstance(dtype, str) and dtype == "auto" else dtype
        name = name if isinstance(name, str) else np.dtype(name).name
        found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(
            f'dtype={dtype!r} must be "auto", "float16", "bfloat16", "float32" or '
            '"float64".'
        )
    return found


def make_generator(random_state):
    """Make a generator of random numbers that nobody else draws from.

    Parameters
    ----------
    random_state : int, RandomState or None
        As in scikit-learn: None draws the seed from NumPy's global generator.

    Returns
    -------
    generator : torch.Generator
        On the CPU, so that the numbers do not depend on the device of the model.

    Examples
    --------
    >>> import torch
    >>> from skextras._torch import make_generator
    >>> a, b = make_generator(0), make_generator(0)
    >>> bool(torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b)))
    True
    """
    import torch

    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    return torch.Generator(device="cpu").manual_seed(seed)


@contextlib.contextmanager
def seeded_globally(random_state):
    """Seed torch's global generator for a moment, then put it back.

    Layers draw their first weights from the global generator and take no other: build
    modules in here. One thread at a time is inside.

    Parameters
    ----------
    random_state : int, RandomState or None
        As in `make_generator`.

    Yields
    ------
    None

    Examples
    --------
    >>> import torch
    >>> from skextras._torch import seeded_globally
    >>> with seeded_globally(0):
    ...     first = torch.nn.Linear(2, 2)
    >>> with seeded_globally(0):
    ...     second = torch.nn.Linear(2, 2)
    >>> bool(torch.equal(first.weight, second.weight))
    True
    """
    import torch

    with _GLOBAL_STATE:
        state = make_generator(random_state).get_state()
        before = torch.get_rng_state()
        # Not `torch.manual_seed`, which would seed every accelerator too.
        torch.set_rng_state(state)
        try:
            yield
        finally:
            torch.set_rng_state(before)


@contextlib.contextmanager
def without_progress_bars():
    """Keep transformers from drawing bars while it loads weights.

    Yields
    ------
    None

    Examples
    --------
    >>> from skextras._torch import without_progress_bars
    >>> with without_progress_bars():
    ...     from transformers.utils import logging
    ...     logging.is_progress_bar_enabled()
    False
    """
    from transformers.utils import logging

    with _GLOBAL_STATE:
        enabled = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            if enabled:
                logging.enable_progress_bar()


def module_to_arrays(module):
    """Copy the parameters and buffers of a module into arrays.

    Parameters
    ----------
    module : torch.nn.Module
        The module, on any device.

    Returns
    -------
    arrays : dict of str to ndarray
        The state dict, in its order. bfloat16, which NumPy lacks, becomes float32.

    Examples
    --------
    >>> import torch
    >>> from skextras._torch import module_to_arrays
    >>> {k: v.shape for k, v in module_to_arrays(torch.nn.Linear(3, 2)).items()}
    {'weight': (2, 3), 'bias': (2,)}
    """
    import torch

    arrays = {}
    for name, tensor in module.state_dict().items():
        tensor = tensor.detach().cpu()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        # A tensor on the CPU shares its memory with the array.
        arrays[name] = np.array(tensor.numpy())
    return arrays


def arrays_to_module(arrays, module):
    """Copy arrays into the parameters and buffers of a module, in place.

    Parameters
    ----------
    arrays : dict of str to ndarray
        What `module_to_arrays` returned.

    module : torch.nn.Module
        A module of the same structure; its device and types stay.

    Returns
    -------
    module : torch.nn.Module
        The same module.

    Raises
    ------
    ValueError
        If names or shapes are not those of the module.

    Examples
    --------
    >>> import torch
    >>> from skextras._torch import arrays_to_module, module_to_arrays
    >>> first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    >>> second = arrays_to_module(module_to_arrays(first), second)
    >>> bool(torch.equal(first.weight, second.weight))
    True
    """
    import torch

    # Copies: torch warns of read-only arrays and takes no negative strides.
    state = {name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in state.items()}
    if found != expected:
        wrong = sorted(
            name
            for name in found.keys() | expected.keys()
            if found.get(name) != expected.get(name)
        )
        raise ValueError(
            f"The arrays do not fit the module: the names or shapes of {wrong} differ."
        )
    module.load_state_dict(state)
    return module
