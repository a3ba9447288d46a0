"""Data for the tests of SubspaceAD."""

import numpy as np


def normal_rows(seed, n_rows=120, n_features=16, decay=1.5, mean=2.0):
    """Gaussian rows whose variances fall as a power."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    scales = np.arange(1.0, n_features + 1) ** (-decay / 2)
    return (rng.standard_normal((n_rows, n_features)) * scales) @ turn + mean


def grids(seed, n_images=30, height=5, width=4, n_features=16):
    """Grids of such rows."""
    X = normal_rows(seed, n_images * height * width, n_features)
    return X.reshape(n_images, height, width, n_features)


def auroc(normal, anomalous):
    """Share of pairs in which the anomaly has the larger score."""
    below = (anomalous[:, None] > normal).mean()
    return below + (anomalous[:, None] == normal).mean() / 2
