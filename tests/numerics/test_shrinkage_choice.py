"""Held-out scores of all shares against fits of one share at a time."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose

from skextras.numerics.canonical import variate_correlations
from skextras.numerics.shrinkage_choice import (
    SHARES,
    choose_share,
    score_shares_by_gram,
    score_shares_by_moments,
)
from skextras.numerics.view_moments import (
    empty_view_moments,
    solve_moments,
    update_view_moments,
)


def folds_of(views):
    rows, widths = np.hstack(views), [v.shape[1] for v in views]
    return [
        update_view_moments(empty_view_moments(widths), rows[i::5]) for i in range(5)
    ]


def one_by_one(views, k, scale):
    """Fit each share to each training part, and score the rest."""
    rows, widths = np.hstack(views), [v.shape[1] for v in views]
    ends, scores = np.cumsum([0, *widths]), []
    for fold in range(5):
        held_out = np.arange(len(rows)) % 5 == fold
        train, test = rows[~held_out], rows[held_out]
        if scale:
            units = train.std(0, ddof=1)
            train, test = train / units, test / units
        C = np.cov(train, rowvar=False)
        line = []
        for share in SHARES:
            found = solve_moments(
                C, widths, len(train), [share] * len(widths), n_components=k
            )
            z = np.hstack(
                [
                    test[:, a:][:, : len(w)] @ w
                    for a, w in zip(ends, found.weights, strict=False)
                ]
            )
            line.append(
                variate_correlations(np.cov(z, rowvar=False), len(widths)).mean()
            )
        scores.append(line)
    return np.array(scores)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_equals_fits_one_by_one(seed, scale, k):
    x, y = correlated_views(seed, 60)
    views = [x, y, x[:, :3] + np.random.default_rng(seed).standard_normal((60, 3))]
    for some in (views[:2], views):
        expected = one_by_one(some, k, scale)
        found = score_shares_by_moments(folds_of(some), k, scale=scale)
        assert_allclose(found, expected, atol=1e-7)
        found = score_shares_by_gram(some, k, scale=scale, step=4)
        assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("scale", [False, True])
def test_wide_views(seed, scale):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((25, 1))
    views = [
        shared + rng.standard_normal((25, 40)),
        shared + rng.standard_normal((25, 5)),
    ]
    found = score_shares_by_gram(views, 1, scale=scale, step=16)
    expected = one_by_one(views, 1, scale)
    # Without shrinkage the wide view's directions are arbitrary to rounding.
    assert_allclose(found[:, 1:], expected[:, 1:], atol=1e-6)


def test_all_components(seed):
    views = correlated_views(seed, 60)
    found = score_shares_by_moments(folds_of(views))
    assert_allclose(found, one_by_one(views, None, False), atol=1e-7)


def test_constant_training_rows_score_zero():
    views = [np.random.default_rng(0).standard_normal((20, 2)), np.zeros((20, 1))]
    views[1][::5] = np.arange(4.0)[:, None]
    for found in (
        score_shares_by_moments(folds_of(views)),
        score_shares_by_gram(views),
    ):
        assert_allclose(found[0], 0)


def test_choice_of_equals_is_the_larger():
    scores = np.zeros((5, 10))
    assert choose_share(scores) == 1.0
    scores[:, 4] = 0.1
    assert choose_share(scores) == 0.03
    scores[2, 0] = 1.0
    assert choose_share(scores) == 0.0
