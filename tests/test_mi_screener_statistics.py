"""Statements about many data sets: levels of tests, and ranking against peers."""

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.stats import kstest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skextras import MIScreener
from skextras.datasets import make_screening


def null_p_values(n_features, seed=0, **params):
    rng = np.random.default_rng(seed)
    y, parts = rng.standard_normal(1000), []
    screener = MIScreener(random_state=0, **params)
    for _ in range(n_features // 10_000):
        X = rng.standard_normal((1000, 10_000), np.float32)
        parts.append(screener.fit(X, y).pvalues_)
    return np.concatenate(parts)


@pytest.mark.slow
@pytest.mark.parametrize("n_bins", ["auto", 16])
def test_p_values_of_tables_are_uniform(n_bins):
    p_values = null_p_values(100_000, n_bins=n_bins)
    assert kstest(p_values, "uniform").statistic <= 0.03
    assert 0.4e-3 <= (p_values < 1e-3).mean() <= 2e-3


@pytest.mark.slow
@pytest.mark.parametrize(("method", "limit"), [("fftkde", 0.03), ("knn", 0.05)])
def test_p_values_of_null_scores_are_uniform(method, limit):
    p_values = null_p_values(10_000, method=method, alpha=0.1)
    assert kstest(p_values, "uniform").statistic <= limit


def test_p_values_of_few_tables_are_uniform():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 4000)), rng.standard_normal(300)
    for params in ({}, {"n_bins": 12}):
        p_values = MIScreener(random_state=0, **params).fit(X, y).pvalues_
        # The chance of a statistic this large, of 4000, is below 1e-5.
        assert kstest(p_values, "uniform").statistic < 0.04


@pytest.mark.slow
def test_false_discovery_rate():
    rates, power = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((1000, 20_200), np.float32)
        # True features follow the outcome, so that each has the slope alone.
        y = rng.standard_normal(1000)
        X[:, :200] += 0.25 * y[:, None].astype(np.float32)
        chosen = MIScreener(k="all", alpha=0.1).fit(X, y).support_
        rates.append(chosen[200:].sum() / max(chosen.sum(), 1))
        power.append(chosen[:200].mean())
    assert np.mean(rates) <= 0.13
    assert np.mean(power) > 0.1


@pytest.mark.slow
def test_screening_inside_folds_does_not_inflate():
    nested, outside = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((100, 5000)), np.arange(100) % 2
        screener = MIScreener(k=20, pvalues=False)
        pipeline = make_pipeline(screener, StandardScaler(), SVC())
        nested += cross_val_score(pipeline, X, y, cv=5, scoring="roc_auc").tolist()
        reduced = screener.fit_transform(X, y)
        model = make_pipeline(StandardScaler(), SVC())
        outside += cross_val_score(model, reduced, y, cv=5, scoring="roc_auc").tolist()
    assert abs(np.mean(nested) - 0.5) <= 0.08
    assert np.mean(outside) > 0.8


GATES = {
    ("continuous", "square"): {"binning": 0.92, "fftkde": 0.985, "knn": 0.82},
    ("continuous", "linear"): {"binning": 0.83, "fftkde": 0.84, "knn": 0.73},
    ("binary", "square"): {"binning": 0.79, "fftkde": 0.88, "knn": 0.59},
    ("binary", "linear"): {"binning": 0.71, "fftkde": 0.72, "knn": 0.55},
}


@pytest.mark.slow
@pytest.mark.parametrize(("target", "effect"), GATES)
def test_ranking_of_simulated_features(target, effect):
    base, _, _ = make_screening(random_state=0)
    found = {method: [] for method in (*GATES[target, effect], "pearson")}
    for seed in range(8):
        X, y, mask = make_screening(
            effect=effect, target=target, base=base, random_state=seed
        )
        for method, values in found.items():
            scores = MIScreener(method, pvalues=False).fit(X, y).scores_
            values.append(roc_auc_score(mask, scores))
    for method, limit in GATES[target, effect].items():
        assert np.mean(found[method]) >= limit, (method, np.mean(found[method]))
    if effect == "square":
        assert abs(np.mean(found["pearson"]) - 0.5) < 0.06


def load(path):
    mat = loadmat(path)
    return mat["X"].astype(np.float64), mat["Y"].ravel()


@pytest.mark.slow
@pytest.mark.parametrize(("target", "limit"), [("continuous", 0.70), ("binary", 0.68)])
def test_ranking_of_isolet_features(shared_data, target, limit):
    base, _ = load(shared_data("miscreener/Isolet.mat"))
    densities, pearson = [], []
    for seed in range(6):
        X, y, mask = make_screening(base=base, target=target, random_state=seed)
        for method, values in (("fftkde", densities), ("pearson", pearson)):
            scores = MIScreener(method, pvalues=False).fit(X, y).scores_
            values.append(roc_auc_score(mask, np.nan_to_num(scores)))
    assert np.mean(densities) >= limit
    assert np.mean(densities) > np.mean(pearson)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "limit"), [("madelon", 0.77), ("colon", 0.80), ("ALLAML", 0.90)]
)
def test_accuracy_on_real_tables(shared_data, name, limit):
    X, y = load(shared_data(f"miscreener/{name}.mat"))
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=0)
    model = make_pipeline(MIScreener(k=20), StandardScaler(), SVC())
    assert cross_val_score(model, X, y, cv=folds).mean() >= limit


def test_screening_beats_the_f_test_where_effects_bend():
    X, y, mask = make_screening(600, 100, 5, target="binary", random_state=3)
    ours = MIScreener("fftkde", k=5).fit(X, y).support_
    theirs = SelectKBest(f_classif, k=5).fit(X, y).get_support()
    assert (ours & mask).sum() > (theirs & mask).sum()
