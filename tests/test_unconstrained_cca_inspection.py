"""Scores, loadings and tests of significance of a fitted estimator."""

import numpy as np
import pytest
from cca_data import GOLDEN
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_linnerud

from skextras import UnconstrainedCCA
from skextras._unconstrained_cca_inspection import (
    correlate_variates,
    correlate_with_columns,
)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_score_is_the_mean_correlation(seed, share):
    X, Y = correlated_views(seed)
    third = X[:, :3] + np.random.default_rng(seed).standard_normal((300, 3))
    table = np.hstack([X, Y, third])
    cca = UnconstrainedCCA(2, views=[6, 4, 3], shrinkage=share).fit(table[:200])
    Z = cca.transform(table[200:]).reshape(100, 3, 2)
    expected = np.mean(
        [
            np.corrcoef(Z[:, i, c], Z[:, j, c])[0, 1]
            for c in range(2)
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
    )
    assert cca.score(table[200:]) == pytest.approx(expected, abs=1e-12)
    with config_context(working_memory=1e-3):
        assert cca.score(table[200:]) == pytest.approx(expected, abs=1e-12)


def test_score_of_constant_rows_is_zero(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    assert cca.score(np.repeat(X[:1], 300, axis=0), Y) == 0
    with pytest.raises(ValueError, match="minimum of 2"):
        cca.score(X[:1], Y[:1])


@pytest.mark.parametrize("memory", [1e-3, 1024])
def test_loadings_are_correlations(seed, memory):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    with config_context(working_memory=memory):
        found = cca.loadings(X[:100], Y[:100])
    for view, z, loadings in zip((X, Y), cca.transform(X, Y), found, strict=True):
        joint = np.hstack([view, z])[:100]
        expected = np.corrcoef(joint, rowvar=False)[: view.shape[1], -2:]
        assert_allclose(loadings, expected, atol=1e-12)
    assert_array_equal(cca.loadings(X), cca.loadings(X, Y)[0])
    blocks = UnconstrainedCCA(2, views=[6, 4]).fit(np.hstack([X, Y]))
    assert_allclose(
        blocks.loadings(np.hstack([X, Y]))[1], cca.loadings(X, Y)[1], atol=1e-9
    )


def test_loadings_of_constants_are_zero(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    X[:, 2] = 1 / 3
    found = cca.loadings(X)
    assert_array_equal(found[2], 0)
    assert (np.abs(found) <= 1).all()
    constant = correlate_with_columns(X[:1].repeat(9, axis=0), cca.x_weights_, 4)
    assert_array_equal(constant, 0)


def test_variates_far_from_zero(seed):
    X, Y = correlated_views(seed)
    weights = [np.eye(6)[:, :2], np.eye(4)[:, :2]]
    near = correlate_variates([X, Y], weights, 50)
    assert_allclose(
        correlate_variates([X + 1e7, Y - 1e7], weights, 50), near, atol=1e-7
    )


# -- significance ----------------------------------------------------------------


def test_rao_of_linnerud():
    data, golden = load_linnerud(), GOLDEN["linnerud"]
    cca = UnconstrainedCCA().fit(data.data, data.target)
    found = cca.significance(data.data, data.target, method="rao")
    assert_allclose(found[0], golden["rao_p"], atol=1e-6)
    assert found.shape == (3,)


def test_true_components_are_found():
    X, Y = correlated_views(0, 200, rho=(0.9, 0.6))
    cca = UnconstrainedCCA(random_state=0).fit(X, Y)
    for method in ("permutation", "rao"):
        found = cca.significance(X, Y, method=method, n_permutations=199)
        assert (found[:2] <= 0.01).all()
        assert (found[2:] > 0.05).all()
    assert_array_equal(cca.significance(X, Y), cca.significance(X, Y))
    assert cca.significance(X, Y)[0] == 1 / 1000
    table = np.hstack([X, Y])
    blocks = UnconstrainedCCA(views=[6, 4], random_state=0).fit(table)
    assert_allclose(blocks.significance(table), cca.significance(X, Y))


def test_shrinkage_and_wide_views():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((40, 1))
    X, Y = (
        shared + rng.standard_normal((40, 60)),
        shared + rng.standard_normal((40, 50)),
    )
    cca = UnconstrainedCCA(1, shrinkage=0.9, random_state=0).fit(X, Y)
    assert cca.significance(X, Y, n_permutations=99)[0] == 0.01
    noise = rng.standard_normal((40, 50))
    none = UnconstrainedCCA(1, shrinkage=0.9, random_state=0).fit(X, noise)
    assert none.significance(X, noise, n_permutations=99)[0] > 0.01
    scaled = cca.set_params(scale=True).fit(X, Y)
    assert scaled.significance(X, Y, n_permutations=99)[0] == 0.01


def test_permutations_stay_within_groups():
    """What groups share is no evidence once rows are permuted within them."""
    rng = np.random.default_rng(0)
    groups = np.arange(60) % 6
    shift = 5 * rng.standard_normal((6, 1))[groups]
    X, Y = shift + rng.standard_normal((60, 2)), shift + rng.standard_normal((60, 2))
    cca = UnconstrainedCCA(1, random_state=0).fit(X, Y)
    assert cca.significance(X, Y, n_permutations=199)[0] < 0.01
    labels = np.array(list("abcdef"))[groups]
    assert cca.significance(X, Y, n_permutations=199, groups=labels)[0] > 0.05
    alone = cca.significance(X, Y, n_permutations=9, groups=np.arange(60))
    assert_array_equal(alone, 1)


@pytest.mark.filterwarnings("ignore::skextras.exceptions.DegenerateCorrelationWarning")
@pytest.mark.parametrize(
    ("params", "n_rows", "options", "words"),
    [
        (
            {"shrinkage": 0.1},
            300,
            {"method": "rao"},
            r'shrinkage_=\[0.1, 0.1\].*"permutation"',
        ),
        ({}, 10, {"method": "rao"}, r'\(6, 4\), got n_samples=10.*"permutation"'),
        ({}, 300, {"method": "wilks"}, "method must be"),
        ({}, 300, {"n_permutations": 0}, "n_permutations must be a positive integer"),
        ({}, 300, {"n_permutations": 9.0}, "n_permutations must be"),
        ({}, 300, {"groups": [0, 1]}, "inconsistent numbers of samples"),
        ({}, 300, {"groups": np.zeros((300, 2))}, "1d array"),
    ],
)
def test_refused(params, n_rows, options, words):
    X, Y = correlated_views(0, n_rows)
    cca = UnconstrainedCCA(**params).fit(X, Y)
    with pytest.raises(ValueError, match=words):
        cca.significance(X, Y, **options)


def test_two_views_only():
    X, Y = correlated_views(0)
    cca = UnconstrainedCCA(1, views=[3, 3, 4]).fit(np.hstack([X, Y]))
    with pytest.raises(ValueError, match="needs two views, got 3"):
        cca.significance(np.hstack([X, Y]))


def test_beyond_memory(monkeypatch):
    X, Y = correlated_views(0)
    cca = UnconstrainedCCA(1).fit(X, Y)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "1000")
    with pytest.raises(MemoryError, match="n_samples=300"):
        cca.significance(X, Y)
