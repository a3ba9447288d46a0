"""Token sets that the tests of several modules use."""

import numpy as np


def ragged_tokens(seed, n=40, d=5, lengths=(4, 12)):
    """Samples of three classes that differ in mean, covariance and amplitude."""
    rng = np.random.default_rng(seed)
    y, X = np.arange(n) % 3, []
    for label in y:
        x = rng.standard_normal((rng.integers(*lengths), d))
        x[:, 0] += 0.6 * label * x[:, 1]
        X.append(0.4 * label + (1 + 0.2 * label) * x)
    return X, y


def token_array(seed, n=40, length=8, d=5):
    """The same with as many tokens in every sample, as an array."""
    X, y = ragged_tokens(seed, n, d, (length, length + 1))
    return np.array(X), y


def with_padding(X, extra=2):
    """An array of the samples with NaN tokens before and behind theirs."""
    out = np.full((len(X), max(map(len, X)) + extra, X[0].shape[1]), np.nan)
    for i, sample in enumerate(X):
        out[i, 1 : 1 + len(sample)] = sample
    return out


def in_objects(X):
    """The samples in an object array."""
    out = np.empty(len(X), dtype=object)
    out[:] = X
    return out


FORMS = {"tuple": tuple, "objects": in_objects, "padded": with_padding}
