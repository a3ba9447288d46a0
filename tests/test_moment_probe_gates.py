"""What MomentProbe reaches on simulations of known truth and on real data."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skextras import MomentProbe
from skextras.datasets import load_japanese_vowels, make_digit_tokens


def _calibration_error(p, codes, n_bins=15):
    """Expected calibration error of the most probable class."""
    confidence, hits = p.max(axis=1), p.argmax(axis=1) == codes
    bins = np.ceil(confidence * n_bins).astype(int)
    return sum(
        np.mean(bins == b) * abs(confidence[bins == b].mean() - hits[bins == b].mean())
        for b in np.unique(bins)
    )


# -- simulations -----------------------------------------------------------------
# Training and test sets are of one size; bands hold for every seed of 0..99.


def _covariance(rng, y, n, L, d):
    """Spectra that run the other way, in the same directions."""
    R = np.linalg.qr(rng.standard_normal((d, d)))[0]
    spread = np.sqrt(np.linspace(0.5, 2, d))
    scales = np.where(y[:, None] == 0, spread, spread[::-1])
    return (rng.standard_normal((n, L, d)) * scales[:, None]) @ R.T


def _correlation(rng, y, n, L, d):
    """A correlation of two features that changes its sign."""
    X = rng.standard_normal((n, L, d))
    X[:, :, 0] += np.where(y == 0, -0.5, 0.5)[:, None] * X[:, :, 1]
    return X


def _amplitude(rng, y, n, L, d):
    """All tokens of one class are longer by a quarter."""
    return rng.standard_normal((n, L, d)) * np.where(y == 0, 1, 1.25)[:, None, None]


def _mean(rng, y, n, L, d):
    """The same shift of all tokens of one class."""
    shift = 0.9 * np.random.default_rng(98).standard_normal(d) / np.sqrt(L)
    return rng.standard_normal((n, L, d)) + y[:, None, None] * shift


def _nothing(rng, y, n, L, d):
    return rng.standard_normal((n, L, d))


def _simulate(seed, draw, n, L, d):
    y = np.arange(2 * n) % 2
    X = draw(np.random.default_rng(seed), y, 2 * n, L, d)
    return X[:n], y[:n], X[n:], y[n:]


@pytest.mark.parametrize(
    ("draw", "shape", "least"),
    [
        (_covariance, (200, 20, 16), 0.97),
        (_correlation, (200, 100, 16), 0.95),
        (_amplitude, (200, 40, 10), 0.93),
    ],
)
def test_only_the_second_order_differs(seed, draw, shape, least):
    X, y, X_test, y_test = _simulate(seed, draw, *shape)
    assert MomentProbe().fit(X, y).score(X_test, y_test) >= least
    assert MomentProbe(order=1).fit(X, y).score(X_test, y_test) <= 0.65


def test_only_the_mean_differs(seed):
    X, y, X_test, y_test = _simulate(seed, _mean, 300, 20, 16)
    first = MomentProbe(order=1).fit(X, y).score(X_test, y_test)
    assert first > 0.8
    assert MomentProbe().fit(X, y).score(X_test, y_test) >= first - 0.07


def test_nothing_differs(seed):
    X, y, X_test, y_test = _simulate(seed, _nothing, 200, 20, 16)
    probe = MomentProbe().fit(X, y)
    assert 0.3 <= probe.score(X_test, y_test) <= 0.7
    assert log_loss(y_test, probe.predict_proba(X_test)) <= 0.8


def test_amplitude_needs_the_norms():
    X, y, X_test, y_test = _simulate(0, _amplitude, 200, 40, 10)
    blind = MomentProbe(norm_moments=False).fit(X, y)
    assert blind.score(X_test, y_test) < 0.65


# -- real data -------------------------------------------------------------------


def test_japanese_vowels():
    X, y = load_japanese_vowels(split="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
    probe = MomentProbe().fit(X, y)
    p = probe.predict_proba(X_test)
    assert probe.score(X_test, y_test) >= 0.975
    assert log_loss(y_test, p) <= 0.12
    assert _calibration_error(p, y_test) <= 0.04
    assert MomentProbe(order=1).fit(X, y).score(X_test, y_test) < 0.975


def _load(path):
    with np.load(path, allow_pickle=False) as archive:
        tokens, offsets = archive["tokens"], archive["offsets"]
        y, n = archive["y"], int(archive["n_train"])
    X = np.split(tokens, offsets[1:-1])
    return X[:n], y[:n], X[n:], y[n:]


def test_basic_motions(shared_data):
    X, y, X_test, y_test = _load(shared_data("momentprobe/BasicMotions.npz"))
    probe = MomentProbe().fit(X, y)
    assert probe.score(X_test, y_test) >= 0.95
    assert log_loss(y_test, probe.predict_proba(X_test)) <= 0.1


def test_tokens_of_one_feature(shared_data):
    X, y, X_test, y_test = _load(shared_data("momentprobe/PickupGestureWiimoteZ.npz"))
    p = MomentProbe().fit(X, y).predict_proba(X_test)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    # Ten classes.
    assert np.mean(np.unique(y)[p.argmax(axis=1)] == y_test) > 0.2


def _digits(seed, n_train):
    X, y = make_digit_tokens()
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:n_train], order[n_train:]
    return X[train], y[train], X[test], y[test]


def test_digit_tokens():
    scores = []
    for seed in range(5):
        X, y, X_test, y_test = _digits(seed, 500)
        probe = MomentProbe().fit(X, y)
        p = probe.predict_proba(X_test)
        means = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        linear = means.fit(X.mean(axis=1), y).score(X_test.mean(axis=1), y_test)
        scores.append(
            (
                probe.score(X_test, y_test),
                linear,
                _calibration_error(p, y_test),
                log_loss(y_test, p),
            )
        )
    accuracy, linear, error, loss = np.mean(scores, axis=0)
    assert accuracy >= 0.90
    assert accuracy >= linear + 0.25
    assert error <= 0.04
    assert loss <= 0.30


def test_few_digit_tokens():
    scores = []
    for seed in range(4):
        X, y, X_test, y_test = _digits(seed, 1000)
        few = np.concatenate([np.flatnonzero(y == k)[:10] for k in range(10)])
        probe = MomentProbe().fit(X[few], y[few])
        scores.append(probe.score(X_test, y_test))
    assert np.mean(scores) >= 0.82
