"""The measured figures of the guide to moment probing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_guide import table_rows

from skextras import MomentProbe, TokenMoments
from skextras.datasets import load_japanese_vowels, make_digit_tokens
from skextras.displays import _moment_probe

VARIANTS = {
    "default": {},
    "`token_norm=None`": {"token_norm": None},
    '`normalize="logm"`': {"normalize": "logm"},
    '`normalize="power"`': {"normalize": "power"},
    "`normalize=None`": {"normalize": None},
    "`norm_moments=False`": {"norm_moments": False},
    '`solver="logistic"`': {"solver": "logistic"},
    "`calibrate=False`": {"calibrate": False},
    "`order=1`": {"order": 1},
}


def vowels(n_features=12):
    splits = [
        load_japanese_vowels(split=split, return_X_y=True)
        for split in ("train", "test")
    ]
    (X, y), (X_test, y_test) = (([x[:, :n_features] for x in X], y) for X, y in splits)
    return X, y, X_test, y_test


def digits(seed):
    X, y = make_digit_tokens()
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:500], order[500:]
    return X[train], y[train], X[test], y[test]


def figures(model, X, y, X_test, y_test):
    """Accuracy, log-loss and expected calibration error."""
    p = model.fit(X, y).predict_proba(X_test)
    hits = p.argmax(axis=1) == y_test
    bins = _moment_probe._reliability(p.max(axis=1), hits, np.ones(len(p)), 15)
    error = _moment_probe.MomentProbeDisplay(**bins).calibration_error
    return hits.mean(), log_loss(y_test, p), error


@pytest.mark.parametrize("name", VARIANTS)
def test_table(name):
    rows = {row[0]: row[1:] for row in table_rows("moment_probe.md", "log-loss")}
    assert set(rows) == set(VARIANTS)
    stated = np.array(rows[name], dtype=float)
    model = MomentProbe(**VARIANTS[name])
    found = figures(model, *vowels())
    # Two predictions may be decided otherwise by another LAPACK.
    assert found == pytest.approx(stated[:3], abs=0.006)
    found = np.mean([figures(model, *digits(seed)) for seed in range(5)], axis=0)
    assert found == pytest.approx(stated[3:], abs=0.003)


def test_few_features():
    stated = {2: (0.45, 0.52), 4: (0.71, 0.82), 8: (0.98, 0.99), 12: (0.99, 1.00)}
    for n_features, scores in stated.items():
        data = vowels(n_features)
        found = [
            figures(MomentProbe(token_norm=norm), *data)[0]
            for norm in ("layer", "l2", None)
        ]
        assert found[::2] == pytest.approx(scores, abs=0.011), n_features
        assert found[1] > found[0], n_features


def test_pipelines_of_moments_alone():
    model = make_pipeline(TokenMoments(), LogisticRegression(max_iter=5000))
    assert figures(model, *vowels())[:2] == pytest.approx((0.970, 0.32), abs=0.006)


def test_ridge_of_means_masks_classes():
    model = MomentProbe(1, solver="ridge")
    assert figures(model, *vowels())[0] == pytest.approx(0.870, abs=0.006)


def test_positions_of_windows():
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    found = []
    for seed in range(5):
        X, y, X_test, y_test = digits(seed)
        flat = X.reshape(len(X), -1), y, X_test.reshape(len(X_test), -1), y_test
        found.append(figures(model, *flat)[0])
    assert np.mean(found) == pytest.approx(0.951, abs=0.003)
