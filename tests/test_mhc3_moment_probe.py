"""The trained head of moment probing as an estimator."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from conformance import sklearn_checks
from conformance.lifting import lifted
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator

from skextras import MHC3MomentProbe
from skextras.datasets import load_japanese_vowels

pytestmark = pytest.mark.requires_torch
SMALL = {"hidden_dim": 28, "max_iter": 4, "batch_size": 8, "random_state": 0}


def _data(seed, n=24, d=4):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = [
        label + rng.standard_normal((rng.integers(3, 8), d)) * [1 + label, 1, 1, 1]
        for label in y
    ]
    return X, y


def _padded(X, value=np.nan):
    out = np.full((len(X), max(map(len, X)) + 2, X[0].shape[1]), value)
    for i, sample in enumerate(X):
        out[i, : len(sample)] = sample
    return out


def test_attributes(seed):
    X, y = _data(seed)
    probe = MHC3MomentProbe(**SMALL).fit(X, np.array(["a", "b", "c"])[y])
    assert probe.classes_.tolist() == ["a", "b", "c"]
    assert probe.loss_curve_.shape == (4,)
    assert probe.n_iter_ == 4
    assert all(w.dtype == np.float32 for w in probe.weights_.values())
    both = [probe.weights_[f"{o}_order.weight"] for o in ("first", "second")]
    norm = np.sqrt(sum((w.astype(float) ** 2).sum() for w in both))
    np.testing.assert_allclose(probe.head_norm_, norm, rtol=1e-6)
    means = np.mean([x.mean(axis=0) for x in X], axis=0)
    np.testing.assert_allclose(probe.token_mean_, means)
    variance = np.mean([((x - means) ** 2).mean() for x in X])
    np.testing.assert_allclose(probe.token_scale_, np.sqrt(variance))


def test_learns_and_the_loss_falls():
    X, y = _data(0, n=60)
    probe = MHC3MomentProbe(**{**SMALL, "max_iter": 30}, learning_rate=1e-2)
    probe.fit(X, y)
    assert probe.score(X, y) > 0.9
    assert probe.loss_curve_[-1] < 0.7 * probe.loss_curve_[0]


def test_same_seed_same_bits(seed):
    X, y = _data(seed)
    a, b = (MHC3MomentProbe(**SMALL).fit(X, y) for _ in (0, 1))
    for name, weight in a.weights_.items():
        np.testing.assert_array_equal(weight, b.weights_[name])
    other = MHC3MomentProbe(**{**SMALL, "random_state": 1}).fit(X, y)
    assert not np.array_equal(other.loss_curve_, a.loss_curve_)


def test_padding_is_ragged(seed):
    X, y = _data(seed)
    ragged = MHC3MomentProbe(**SMALL).fit(X, y)
    padded = MHC3MomentProbe(**SMALL, missing_tokens="drop").fit(_padded(X), y)
    np.testing.assert_array_equal(ragged.loss_curve_, padded.loss_curve_)
    np.testing.assert_array_equal(
        ragged.decision_function(X), padded.decision_function(_padded(X))
    )


def test_a_sample_does_not_see_its_batch(seed):
    X, y = _data(seed)
    probe = MHC3MomentProbe(**SMALL).fit(X, y)
    alone = np.concatenate([probe.predict_proba([x]) for x in X])
    np.testing.assert_allclose(alone, probe.predict_proba(X), rtol=1e-12, atol=1e-15)


def test_class_token_stands_apart(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((20, 5, 4)), np.arange(20) % 2
    probe = MHC3MomentProbe(**SMALL, cls_token=True).fit(X, y)
    expected = X[:, 1:].mean(axis=(0, 1))
    np.testing.assert_allclose(probe.token_mean_, expected, atol=1e-12)
    moved = X.copy()
    moved[:, 0] += 1
    # Linear in the class token, for all samples alike.
    change = probe.decision_function(moved) - probe.decision_function(X)
    np.testing.assert_allclose(change, change[0] * np.ones(20), rtol=1e-9)
    assert abs(change[0]) > 1e-8


def test_two_classes_give_one_score(seed):
    X, y = _data(seed)
    probe = MHC3MomentProbe(**SMALL).fit(X, y > 0)
    scores, p = probe.decision_function(X), probe.predict_proba(X)
    assert scores.shape == (24,)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-12)
    np.testing.assert_allclose(np.exp(probe.predict_log_proba(X)), p, rtol=1e-12)


@pytest.mark.parametrize(
    ("hidden_dim", "n_heads", "nearest"),
    [(510, 4, 512), (24, 4, 28), (1, 2, 14), (50, 7, 49), (64, 9, 63)],
)
def test_illegal_sizes_name_the_nearest_legal_one(hidden_dim, n_heads, nearest):
    X, y = _data(0)
    probe = MHC3MomentProbe(hidden_dim, n_heads, max_iter=1)
    message = rf"hidden_dim={hidden_dim} .*n_heads={n_heads} .*hidden_dim={nearest}\."
    with pytest.raises(ValueError, match=message):
        probe.fit(X, y)
    probe.set_params(hidden_dim=nearest).fit(X, y)


def test_other_errors():
    X, y = _data(0)
    with pytest.raises(ValueError, match="device='nowhere' is not available"):
        MHC3MomentProbe(**SMALL, device="nowhere").fit(X, y)
    with pytest.raises(ValueError, match="only one class"):
        MHC3MomentProbe(**SMALL).fit(X, np.zeros(24))
    probe = MHC3MomentProbe(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="X has 5 features, but MHC3MomentProbe is"):
        probe.predict(np.ones((2, 3, 5)))


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[torch\]"'):
        MHC3MomentProbe(**SMALL).fit(*_data(0))


def test_a_pickle_loads_without_torch():
    X, y = _data(0)
    stored = pickle.dumps(MHC3MomentProbe(**SMALL).fit(X, y))
    code = (
        "import sys, pickle\n"
        "print(pickle.loads(sys.stdin.buffer.read()).n_iter_, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=stored,
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"4 False"


class _Recorder:
    """A callback that stops training after some epochs."""

    def __init__(self, stop_after=None):
        self.events, self.stop_after = [], stop_after

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.events.append(f"end {context.task_name}")
        ended = self.events.count("end epoch")
        return self.stop_after is not None and ended >= self.stop_after

    def teardown(self, estimator, context):
        self.events.append("teardown")


def test_callbacks_see_every_epoch():
    recorder = _Recorder()
    MHC3MomentProbe(**SMALL).set_callbacks(recorder).fit(*_data(0))
    assert recorder.events[0] == "setup"
    assert recorder.events[-1] == "teardown"
    assert recorder.events.count("begin epoch") == 4
    assert recorder.events.count("end epoch") == 4
    assert recorder.events.count("begin fit") == recorder.events.count("end fit") == 1


def test_a_callback_may_stop_training():
    probe = MHC3MomentProbe(**SMALL).set_callbacks(_Recorder(stop_after=2))
    assert probe.fit(*_data(0)).n_iter_ == 2


def test_search_and_calibration():
    X, y = _data(0, n=36)
    probe = MHC3MomentProbe(**SMALL)
    search = GridSearchCV(probe, {"n_heads": [2, 4]}, cv=2).fit(X, y)
    assert search.best_params_["n_heads"] in (2, 4)
    calibrated = CalibratedClassifierCV(clone(probe), method="temperature", cv=2)
    p = calibrated.fit(_padded(X, 0.0), y).predict_proba(_padded(X, 0.0))
    np.testing.assert_allclose(p.sum(axis=1), 1)


# All of scikit-learn's checks run at a small size, in test_common.py. At the default
# one they take twenty minutes: these are some that take seconds.
CHECKS_AT_DEFAULT = {
    "2d": (
        "check_estimators_dtypes",
        "check_estimators_pickle",
        "check_dict_unchanged",
        "check_methods_subset_invariance",
        "check_fit2d_1feature",
    ),
    "3d-rows": (
        "check_estimators_pickle",
        "check_methods_subset_invariance",
        "check_fit2d_1feature",
    ),
}


def _checks(layout):
    probe = MHC3MomentProbe()
    probe = probe if layout == "2d" else lifted(probe, layout)
    for estimator, check in estimator_checks_generator(probe):
        name = sklearn_checks.check_id(check)
        if name in CHECKS_AT_DEFAULT[layout]:
            yield pytest.param(estimator, check, id=f"{name}[{layout}]")


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), [*_checks("2d"), *_checks("3d-rows")])
def test_defaults_pass_scikit_learns_checks(estimator, check):
    if reason := sklearn_checks.run(check, estimator):
        pytest.skip(reason)


def test_checks_at_default_exist():
    n_checks = sum(len(names) for names in CHECKS_AT_DEFAULT.values())
    assert len([*_checks("2d"), *_checks("3d-rows")]) == n_checks


@pytest.mark.slow
def test_japanese_vowels():
    X, y = load_japanese_vowels(split="train", return_X_y=True)
    probe = MHC3MomentProbe(random_state=0).fit(X, y)
    assert probe.score(*load_japanese_vowels(split="test", return_X_y=True)) >= 0.965
