"""Data shared by the tests of mutual information screening."""

import json
from pathlib import Path

import numpy as np

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "mi_screener.json").read_text(encoding="utf-8")
)
METHODS = ("binning", "fftkde", "knn", "pearson", "gaussian")


def golden_data():
    """Features, continuous and binary outcome of the golden values."""
    rng = np.random.default_rng(12345)
    n = 400
    x1, e = rng.standard_normal(n), rng.standard_normal(n)
    y = 0.8 * x1 + 0.6 * e
    x2 = x1**2 + 0.3 * rng.standard_normal(n)
    x3 = rng.exponential(size=n)
    x4 = rng.integers(0, 5, n) + 0.0
    x5 = np.where(rng.random(n) < 0.6, 0.0, rng.standard_normal(n))
    binary = (y + 0.5 * rng.standard_normal(n) > 0).astype(float)
    return np.column_stack([x1, x2, x3, x4, x5]), y, binary


def mixed_data(seed, n=200):
    """Features of all kinds, one column each, and an outcome that they tell of."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n)
    X = np.column_stack(
        [
            y + rng.standard_normal(n),
            y**2 + rng.standard_normal(n),
            rng.standard_normal(n),
            np.where(rng.random(n) < 0.7, 0.0, y + rng.standard_normal(n)),
            np.clip(np.rint(y + rng.standard_normal(n)), -2, 2),
            rng.integers(0, 2, n),
        ]
    )
    return X, y


def drop(X, seed, share=0.1):
    """A copy with missing values, none in the first column."""
    X = X.copy()
    gaps = np.random.default_rng(seed).random(X.shape) < share
    gaps[:, 0] = False
    X[gaps] = np.nan
    return X
