"""The state of the process that no estimator may touch."""

import contextlib
import io
import logging
import os
import random
import sys
import tempfile
import warnings

import numpy as np
import sklearn
from threadpoolctl import threadpool_info


def snapshot():
    """Everything global that a careless estimator changes, by name."""
    root = logging.getLogger()
    generator = np.random.get_state(legacy=False)
    state = {
        "numpy's global generator": repr(
            (generator["state"]["key"].tobytes(), generator["state"]["pos"])
        ),
        "random's global generator": random.getstate(),
        "scikit-learn's configuration": sklearn.get_config(),
        "the warning filters": list(warnings.filters),
        "numpy's error handling": np.geterr(),
        "the environment": dict(os.environ),
        "the root logger": (list(root.handlers), root.level, root.disabled),
        "the package's logger": list(logging.getLogger("skextras").handlers),
    }
    return state | _torch_state() | _matplotlib_state()


def _torch_state():
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        "torch's global generator": torch.get_rng_state().numpy().tobytes(),
        "torch's thread count": torch.get_num_threads(),
        "torch's default type": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
    }


def _matplotlib_state():
    matplotlib = sys.modules.get("matplotlib")
    return {} if matplotlib is None else {"rcParams": dict(matplotlib.rcParams)}


def thread_counts():
    """Threads of each loaded BLAS and OpenMP library."""
    return {
        f"the threads of {info['filepath']}": info["num_threads"]
        for info in threadpool_info()
    }


def changes(before, after):
    """Names of what differs; what was not loaded before cannot have been changed."""
    return [
        name for name, value in before.items() if name in after and after[name] != value
    ]


@contextlib.contextmanager
def captured_output():
    """Collect all that is printed, by Python or below it, as a list of one string."""
    printed, text = [], io.StringIO()
    with tempfile.TemporaryFile() as file:
        saved = [os.dup(descriptor) for descriptor in (1, 2)]
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                yield printed
        finally:
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
        file.seek(0)
        printed.append(text.getvalue() + file.read().decode(errors="replace"))
