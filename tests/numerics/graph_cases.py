"""Graphs, series and a dense float64 reference for the tests of cycle maps."""

import numpy as np
from scipy.ndimage import gaussian_filter

from skextras.numerics.edges import MatrixScores, threshold_bits

# Where words, padded rows, panels and tiles end.
SIZES = (1, 2, 3, 63, 64, 65, 511, 513, 1003)


def bits_of(A):
    """Store an adjacency matrix as bits."""
    return threshold_bits(MatrixScores(np.asarray(A)), [0.5])[0]


def correlations(X):
    """Pearson correlations in float64; NaN for constant columns."""
    X = np.asarray(X, dtype=np.float64)
    Z = X - X.mean(axis=0)
    Z -= Z.mean(axis=0)
    constant = X.max(axis=0) == X.min(axis=0)
    norm = np.sqrt((Z**2).sum(axis=0))
    Z /= np.where(constant, np.nan, norm)
    return Z.T @ Z


def apply_sign(R, sign):
    return {"positive": R, "negative": -R, "absolute": np.abs(R)}[sign]


def thresholded(S, threshold):
    """Adjacency matrix of the scores above a threshold."""
    A = threshold < S
    np.fill_diagonal(A, False)
    return A


def largest(S, n_edges):
    """Adjacency matrix of the largest scores, the first ones of equals."""
    rows, columns = np.triu_indices(len(S), 1)
    scores = np.where(np.isnan(S), -np.inf, S)[rows, columns]
    chosen = np.argsort(-scores, kind="stable")[:n_edges]
    A = np.zeros(S.shape, dtype=bool)
    A[rows[chosen], columns[chosen]] = True
    return A | A.T


def dense_counts(A):
    """Degrees, 3-cycles and 4-cycles of each node, from matrix products."""
    A = np.asarray(A, dtype=np.float64)
    P = A @ A
    triangles = (P * A).sum(axis=1) / 2
    np.fill_diagonal(P, 0)
    return A.sum(axis=1), triangles, (P * (P - 1) / 2).sum(axis=1)


def random_series(n_nodes, seed=0, n_times=30, constant=True):
    """Noise with groups of columns that go together, and a constant column."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_times, n_nodes))
    X[:, ::3] += rng.standard_normal((n_times, 1))
    X[:, 1::4] -= X[:, :1]
    if constant and n_nodes > 4:
        X[:, 4] = 0.1
    return X


def smooth_volumes(shape=(14, 14, 14), n_times=80, seed=0):
    """Smooth noise on a grid under white noise: (n_times, n_voxels), float32."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_times, *shape))
    smooth = gaussian_filter(noise, sigma=(0, 1.5, 1.5, 1.5))
    X = smooth / smooth.std() + 0.7 * rng.standard_normal(noise.shape)
    return X.reshape(n_times, -1).astype(np.float32)


def complete_bipartite(m, n):
    A = np.zeros((m + n, m + n), dtype=int)
    A[:m, m:] = A[m:, :m] = 1
    return A


def ring(n):
    A = np.zeros((n, n), dtype=int)
    A[np.arange(n), np.arange(1, n + 1) % n] = 1
    return A | A.T
