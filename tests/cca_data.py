"""Data shared by the tests of unconstrained CCA."""

import json
from pathlib import Path

import numpy as np

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "unconstrained_cca.json").read_text()
)


def load_view(shared_data, name):
    """One view of the digits from the shared data."""
    file = shared_data(f"ucca/mfeat/mfeat-{name}.csv")
    return np.loadtxt(file, delimiter=",", skiprows=1)[:, :-1]


def load_halves(shared_data):
    """Left and right halves of 10,000 images, in a fixed random order."""
    import gzip

    file = shared_data("ucca/mnist10k/t10k-images-idx3-ubyte.gz")
    with gzip.open(file) as stream:
        images = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    images = images[np.random.default_rng(0).permutation(len(images))] / 255
    return images[:, :, :14].reshape(-1, 392), images[:, :, 14:].reshape(-1, 392)


def aligned(weights, expected):
    """Weights with the signs of the expected ones, component by component."""
    signs = np.sign((weights[0] * expected[0]).sum(axis=0))
    return [w * signs for w in weights]


def relative_difference(a, b):
    return np.abs(np.asarray(a) - b).max() / np.abs(b).max()
