"""Data that crash or mislead others: run apart, where a crash is seen."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from skextras import MIScreener
from skextras.datasets import make_screening

METHODS = ("binning", "fftkde", "knn", "pearson", "gaussian")

CODE = """
    import warnings
    import numpy as np
    from skextras import MIScreener

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    n = 128
    X = rng.standard_normal((n, 7))
    X[:, 0] = 3.0
    X[:, 1] = np.nan
    X[0, 2] = 1e6
    X[:, 3] = np.arange(n) % 64
    X[:, 4] = 0.0
    X[0, 4] = 1.0
    X[::2, 5] = np.nan
    y = X[:, 6] + rng.standard_normal(n)
    many = np.arange(n) % 64
    single = np.r_[np.zeros(n - 1, int), 1]
    outcomes = [y, many, single, (y > 0).astype(int), np.round(y), np.exp(5 * y)]
    settings = [
        {"method": "binning"},
        {"method": "binning", "strategy": "uniform"},
        {"method": "binning", "strategy": "uniform", "n_bins": "birge-rozenholc"},
        {"method": "fftkde"},
        {"method": "fftkde", "marginal": None},
        {"method": "fftkde", "bandwidth_matrix": "full"},
        {"method": "knn"},
        {"method": "knn", "n_neighbors": 1},
        {"method": "pearson"},
        {"method": "gaussian"},
    ]
    for outcome in outcomes:
        for params in settings:
            for features in ("auto", True, False):
                screener = MIScreener(
                    **params, n_permutations=100, discrete_features=features
                )
                try:
                    screener.fit(X, outcome)
                except ValueError as error:
                    assert "classes" in str(error), error
                    continue
                scores = screener.scores_
                assert np.isnan(scores).tolist() == [False, True] + [False] * 5
                assert np.isfinite(np.delete(scores, 1)).all(), (params, scores)
    # Two samples, one class, one feature.
    for params in settings:
        if params["method"] != "knn":
            MIScreener(**params).fit(np.array([[0.0], [1.0]]), [0, 1])
            MIScreener(**params).fit(np.array([[0.5], [1.5]]), [0.25, 1.0])
        MIScreener(**params, discrete_features=False).fit(X[:, [6]], np.zeros(n))
    print("survived")
"""


def test_nothing_crashes():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "survived"


@pytest.mark.parametrize("method", ["binning", "knn"])
@pytest.mark.parametrize("discrete", [False, True])
def test_independent_atoms_stay_at_null_level(method, discrete):
    rng = np.random.default_rng(0)
    n = 1000
    y = np.where(rng.random(n) < 0.8, 0.0, rng.standard_normal(n))
    y = (y > 0).astype(int) if discrete else y
    noise = rng.standard_normal((n, 50))
    atoms = np.where(rng.random((n, 50)) < 0.8, 0.0, rng.standard_normal((n, 50)))
    params = {"discrete_features": False, "pvalues": False}
    null = MIScreener(method, **params).fit(noise, y).scores_
    scores = MIScreener(method, **params).fit(atoms, y).scores_
    # Several are compared by their mean, as one is by the limit.
    assert scores.mean() < np.median(null) + 3 * null.std()
    assert scores.mean() < 0.01


def test_independent_integers():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 5, (1000, 10)).astype(float)
    y = rng.standard_normal(1000)
    for params in ({}, {"discrete_features": False}, {"strategy": "uniform"}):
        scores = MIScreener(pvalues=False, **params).fit(X, y).scores_
        # Ten scores of deviation 0.003 each; the uncentred ones average 0.01.
        assert abs(scores.mean()) < 0.005
        assert scores[0] < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("discrete", [False, True])
def test_null_scores_do_not_tie(method, discrete):
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((500, 300)), rng.standard_normal(500)
    y = (y > 0).astype(int) if discrete else y
    scores = MIScreener(method, pvalues=False).fit(X, y).scores_
    if method == "binning" and discrete:
        return  # tables of four bins and two classes are few
    assert len(np.unique(scores)) > 0.99 * 300


@pytest.mark.parametrize("method", METHODS)
def test_marginal_screening_misses_exclusive_or(method):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((1000, 40))
    y = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(int)
    scores = MIScreener(method, pvalues=False).fit(X, y).scores_
    null = scores[2:]
    assert (scores[:2] < null.mean() + 5 * null.std()).all()


@pytest.mark.parametrize("method", ["binning", "fftkde", "knn"])
def test_effect_of_the_size_alone_is_seen(method):
    # y = 1{|x| > 0.6745} is known from x: log 2.
    x = np.random.default_rng(4).standard_normal((2000, 1))
    y = (np.abs(x[:, 0]) > 0.6745).astype(int)
    n_bins = 64 if method == "binning" else "auto"
    params = {"n_bins": n_bins, "bandwidth_scale": 0.2, "n_neighbors": 3}
    score = MIScreener(method, pvalues=False, **params).fit(x, y).scores_[0]
    assert abs(score - np.log(2)) < 0.06
    assert MIScreener("pearson").fit(x, y).scores_[0] < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_outliers(method):
    X, y, mask = make_screening(200, 30, 3, effect="linear", random_state=0)
    X[0] *= 1e3
    scores = MIScreener(method, pvalues=False).fit(X, y).scores_
    if method in ("binning", "fftkde", "gaussian"):  # which look at ranks
        assert mask[np.argsort(-scores)[:2]].any()
    assert np.isfinite(scores).all()
