"""Data and words shared by the tests of three-cycle maps."""

import warnings

import numpy as np

TABLE = "X is 2-D and read as one node per sample"


def make_subjects(n_subjects=4, n_nodes=9, lengths=(40, 40, 40, 40), seed=0):
    """List of series; the first five nodes of each act together."""
    rng = np.random.default_rng(seed)
    subjects = [rng.standard_normal((t, n_nodes)) for t in lengths[:n_subjects]]
    for i, X in enumerate(subjects):
        X[:, :5] += (0.5 + i / 4) * rng.standard_normal((len(X), 1))
    return subjects


def quietly(function, *arguments, **options):
    """Call a function whose warnings are another test's subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def adjacency(n_nodes, edges):
    A = np.zeros((n_nodes, n_nodes), dtype=int)
    for i, j in edges:
        A[i, j] = A[j, i] = 1
    return A
