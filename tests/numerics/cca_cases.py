"""Views with known canonical correlations, and references for the tests."""

from itertools import pairwise

import numpy as np
from scipy import linalg


def constructed_views(correlations, n_rows=60, widths=(5, 4), seed=0):
    """Views whose sample correlations are exactly the given ones, mixed and shifted."""
    rng = np.random.default_rng(seed)
    k = len(correlations)
    z = rng.standard_normal((n_rows, sum(widths)))
    q = np.linalg.qr(z - z.mean(axis=0))[0]
    rho = np.asarray(correlations)
    x, y = q[:, : widths[0]].copy(), q[:, widths[0] :].copy()
    y[:, :k] = rho * x[:, :k] + np.sqrt(1 - rho**2) * y[:, :k]
    x = x @ rng.standard_normal((widths[0],) * 2) + rng.standard_normal(widths[0])
    y = y @ rng.standard_normal((widths[1],) * 2) + rng.standard_normal(widths[1])
    return x, y


def correlated_views(seed=0, n_rows=300, widths=(6, 4), rho=(0.9, 0.6, 0.3)):
    """Random views with population correlations, whose columns correlate within."""
    rng = np.random.default_rng(seed)
    rho = np.asarray(rho)
    x, y = (rng.standard_normal((n_rows, width)) for width in widths)
    k = len(rho)
    y[:, :k] = rho * x[:, :k] + np.sqrt(1 - rho**2) * y[:, :k]
    return tuple(v @ _mixing(v.shape[1], rng) for v in (x, y))


def _mixing(width, rng):
    """Random matrix of condition number 3."""
    left, right = (np.linalg.qr(rng.standard_normal((width,) * 2))[0] for _ in "ab")
    return left * np.geomspace(1, 3, width) @ right


def orthonormal(x, cutoff=1e-10):
    """Orthonormal basis of the centred columns."""
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return u[:, s > cutoff * s[0]]


def canonical_correlations(x, y):
    """Canonical correlations from orthonormal bases, an independent route."""
    product = orthonormal(x).T @ orthonormal(y)
    return np.linalg.svd(product, compute_uv=False)


def covariance_blocks(views):
    """Covariance matrices between all views."""
    joint = np.cov(np.hstack(views), rowvar=False)
    ends = np.cumsum([0, *(v.shape[1] for v in views)])
    parts = [slice(a, b) for a, b in pairwise(ends)]
    return [[joint[p, q] for q in parts] for p in parts]


def ridged(covariance, share):
    """Ridged covariance matrix with the mean variance as its target."""
    p = len(covariance)
    return (1 - share) * covariance + share * np.trace(covariance) / p * np.eye(p)


def generalised_values(views, shares):
    """Values of the generalised eigenproblem of several views, in SciPy."""
    blocks = covariance_blocks(views)
    off = np.block(
        [
            [np.zeros_like(b) if i == j else b for j, b in enumerate(row)]
            for i, row in enumerate(blocks)
        ]
    )
    diagonal = linalg.block_diag(
        *(ridged(blocks[i][i], share) for i, share in enumerate(shares))
    )
    values = linalg.eigh(off, diagonal, eigvals_only=True)[::-1]
    return values / (len(views) - 1)
