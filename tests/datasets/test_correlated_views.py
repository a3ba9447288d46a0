"""The simulator of views: what it promises, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras import UnconstrainedCCA
from skextras.datasets import make_correlated_views


def test_correlations_are_those_asked_for():
    X, Y = make_correlated_views(100_000, (6, 4), (0.9, 0.5), random_state=0)
    found = UnconstrainedCCA().fit(X, Y).canonical_correlations_
    assert_allclose(found, [0.9, 0.5, 0, 0], atol=0.02)


def test_condition_number():
    X, Y = make_correlated_views(200_000, (5, 3), (), condition=100.0, random_state=1)
    for view in (X, Y):
        values = np.linalg.eigvalsh(np.cov(view, rowvar=False))
        assert_allclose(values[-1] / values[0], 100, rtol=0.05)


def test_defaults_and_seeds():
    X, Y = make_correlated_views(random_state=3)
    assert (X.shape, Y.shape) == ((1000, 20), (1000, 15))
    again = make_correlated_views(random_state=3)[0]
    assert_array_equal(again, X)
    assert (make_correlated_views(random_state=4)[0] != X).any()


def test_perfect_correlation():
    X, Y = make_correlated_views(50, (3, 3), (1.0, 1.0, 1.0), random_state=0)
    assert_allclose(UnconstrainedCCA().fit(X, Y).canonical_correlations_, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"correlations": (0.9, 1.1)}, r"correlations=\(0.9, 1.1\) must be numbers"),
        ({"correlations": (0.5,) * 4, "n_features": (3, 5)}, "at most 3 of them"),
        ({"correlations": (np.nan,)}, "correlations"),
        ({"n_features": (3,)}, "two positive numbers"),
        ({"n_features": (3, 0)}, "two positive numbers"),
        ({"n_samples": 0}, "n_samples=0"),
        ({"condition": 0.5}, "condition=0.5 must be at least 1"),
    ],
)
def test_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_correlated_views(**options)
