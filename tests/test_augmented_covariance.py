"""AugmentedCovariance: values, choices, input and errors."""

import json
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf, oas

from skextras import AugmentedCovariance
from skextras._resources import single_blas_thread

GOLDEN = Path(__file__).parent / "golden" / "augmented_covariance.json"
CASES = json.loads(GOLDEN.read_text())["cases"]


def relative_error(S, expected):
    return np.abs(S - expected).max() / np.abs(expected).max()


@pytest.fixture
def X(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((6, 3, 160)).cumsum(axis=-1)


@pytest.fixture(scope="module")
def golden_input():
    rng = np.random.default_rng(20230204)
    X = rng.standard_normal((12, 3, 160)).cumsum(-1) * 0.1
    X = X + rng.standard_normal((12, 3, 160)) + np.array([100.0, -50, 3])[:, None]
    return X, np.arange(12) % 2


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['order']}-{c['lag']}")
def test_reference_implementation(case, golden_input):
    X, _ = golden_input
    augmented = AugmentedCovariance(case["order"], case["lag"], window="moabb")
    S = augmented.fit_transform(X)
    assert list(S.shape) == case["shape"]
    trace = np.trace(S, axis1=1, axis2=2)
    np.testing.assert_allclose(trace[: len(case["trace"])], case["trace"], rtol=1e-12)
    row = case["A_0_first_row"]
    np.testing.assert_allclose(S[0, 0, : len(row)], row, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(S[0, -1, -1], case["A_0_last"], rtol=1e-12)
    np.testing.assert_allclose(S[0, 0, -1], case["A_0_0_last"], rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(S), case["fro"], rtol=1e-12)
    extremes = np.linalg.eigvalsh(S[0])[[0, -1]]
    np.testing.assert_allclose(extremes, case["eig0"], rtol=1e-12)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if "ts_norm" in c],
    ids=lambda c: f"{c['order']}-{c['lag']}",
)
def test_reference_geometry(case, golden_input):
    pyriemann = pytest.importorskip("pyriemann")
    X, y = golden_input
    S = AugmentedCovariance(case["order"], case["lag"], window="moabb").fit_transform(X)
    with single_blas_thread():
        vectors = pyriemann.tangentspace.TangentSpace().fit_transform(S)
        distances = pyriemann.classification.MDM().fit(S, y).transform(S)
    norms = np.linalg.norm(vectors, axis=1)[: len(case["ts_norm"])]
    np.testing.assert_allclose(norms, case["ts_norm"], rtol=1e-6)
    expected = np.array(case["mdm_dist"])
    np.testing.assert_allclose(distances[: len(expected)], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("window", "lag", "n_window"),
    [
        ("full", 10, 150),
        ("moabb", 10, 140),
        ("full", [0, 10], 150),
        ("moabb", [0, 10], 149),
    ],
)
def test_windows(X, window, lag, n_window):
    S = AugmentedCovariance(lag=lag, order=2, window=window).fit_transform(X)
    rows = [np.vstack([x[:, :n_window], x[:, 10 : 10 + n_window]]) for x in X]
    assert relative_error(S, [np.cov(row) for row in rows]) < 1e-13


def test_one_copy_takes_all_samples(X):
    expected = [np.cov(x) for x in X]
    for window, lag in product(("full", "moabb"), (1, 500, [0])):
        augmented = AugmentedCovariance(order=1, lag=lag, window=window)
        assert relative_error(augmented.fit_transform(X), expected) < 1e-13


def test_uniform_sequence_is_the_same_as_order_and_lag(X):
    by_lag = AugmentedCovariance(order=3, lag=4).fit(X)
    by_delays = AugmentedCovariance(lag=(0, 4, 8)).fit(X)
    np.testing.assert_array_equal(by_delays.transform(X), by_lag.transform(X))
    assert (by_lag.order_, by_lag.lag_) == (3, 4)
    assert (by_delays.order_, by_delays.lag_) == (3, None)
    np.testing.assert_array_equal(by_delays.delays_, by_lag.delays_)


def test_delays_in_any_order_permute_the_blocks(X):
    S = AugmentedCovariance(lag=[0, 2, 9]).fit_transform(X)
    permuted = AugmentedCovariance(lag=np.array([0, 9, 2])).fit_transform(X)
    rows = np.r_[0:3, 6:9, 3:6]
    np.testing.assert_allclose(permuted, S[:, rows][:, :, rows], rtol=1e-12)


def test_estimators(X):
    rows = [np.vstack([x[:, :155], x[:, 5:]]) for x in X]
    expected = {
        "scm": [row @ row.T / 155 for row in rows],
        "lwf": [ledoit_wolf(row.T)[0] for row in rows],
        "oas": [oas(row.T)[0] for row in rows],
        np.corrcoef: [np.corrcoef(row) for row in rows],
    }
    for estimator, values in expected.items():
        augmented = AugmentedCovariance(order=2, lag=5, estimator=estimator)
        assert relative_error(augmented.fit_transform(X), values) < 1e-12
        single = augmented.fit_transform(X.astype(np.float32))
        assert single.dtype == np.float32
        assert relative_error(single, values) < 1e-5


def test_shrinkage_comes_last(X):
    for estimator in ("cov", "oas"):
        augmented = AugmentedCovariance(2, 3, estimator=estimator)
        S = augmented.fit_transform(X)
        level = np.trace(S, axis1=1, axis2=2)[:, None, None] / 6
        expected = 0.7 * S + 0.3 * level * np.eye(6)
        shrunk = augmented.set_params(shrinkage=0.3).fit_transform(X)
        np.testing.assert_allclose(shrunk, expected, rtol=1e-13, atol=1e-13)
        identity = augmented.set_params(shrinkage=1).fit_transform(X)
        np.testing.assert_allclose(identity, level * np.eye(6), rtol=1e-13)


def test_vectors_keep_the_norm_and_are_named(X, float_dtype):
    X = X.astype(float_dtype)
    S = AugmentedCovariance(2, 5).fit_transform(X)
    augmented = AugmentedCovariance(2, 5, output="vector").fit(X)
    V = augmented.transform(X)
    assert V.dtype == S.dtype == float_dtype
    np.testing.assert_allclose(
        np.linalg.norm(V, axis=1), np.linalg.norm(S, axis=(1, 2)), rtol=1e-6
    )
    names = augmented.get_feature_names_out()
    assert len(names) == V.shape[1] == 21
    np.testing.assert_allclose(V[:, 2], np.sqrt(2) * S[:, 0, 2], rtol=1e-6)
    assert names[2] == "lag0_ch0__lag0_ch2"
    np.testing.assert_array_equal(V[:, -1], S[:, -1, -1])
    assert names[-1] == "lag5_ch2__lag5_ch2"
    named = augmented.get_feature_names_out(["Fz", "Cz", "Pz"])
    assert named[3] == "lag0_Fz__lag5_Fz"


def test_names_of_one_channel():
    X = np.random.default_rng(0).standard_normal((4, 30))
    augmented = AugmentedCovariance(2, 2, output="vector").fit(X)
    names = ["lag0__lag0", "lag0__lag2", "lag2__lag2"]
    assert augmented.get_feature_names_out().tolist() == names
    frame = augmented.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names
    named = augmented.fit(X[:, None]).get_feature_names_out()
    assert named[1] == "lag0_ch0__lag2_ch0"


def test_matrices_have_no_names_and_stay_arrays(X):
    augmented = AugmentedCovariance(2, 2).fit(X)
    assert not hasattr(augmented, "get_feature_names_out")
    assert not hasattr(augmented, "set_output")
    with config_context(transform_output="pandas"):
        assert type(augmented.transform(X)) is np.ndarray


def test_two_dimensions_are_one_channel(X):
    S = AugmentedCovariance(3, 2).fit_transform(X[:, 0])
    np.testing.assert_array_equal(
        S, AugmentedCovariance(3, 2).fit_transform(X[:, :1, :])
    )


def test_other_numbers_of_times(X):
    augmented = AugmentedCovariance(3, 2).fit(X)
    S = augmented.transform(X[:, :, :90])
    expected = AugmentedCovariance(3, 2).fit_transform(X[:, :, :90])
    np.testing.assert_array_equal(S, expected)
    one_channel = AugmentedCovariance(3, 2).fit(X[:, :1])
    assert one_channel.transform(X[:, 0, :50]).shape == (6, 3, 3)


def test_constant_and_duplicated_channels(X):
    X[:, 1] = 7.3
    X[:, 2] = X[:, 0]
    S = AugmentedCovariance(2, 5).fit_transform(X)
    # Zero but for the rounding of the constant's mean, as in NumPy.
    np.testing.assert_allclose(S[:, [1, 4]], 0, atol=1e-25)
    np.testing.assert_allclose(S[:, 0], S[:, 2], rtol=1e-12)


def test_set_params_after_fit_reuses_nothing(X):
    augmented = AugmentedCovariance(2, 5, output="vector").fit(X)
    augmented.transform(X)
    augmented.set_params(order=4, lag=3, window="moabb").fit(X)
    fresh = AugmentedCovariance(4, 3, window="moabb", output="vector").fit(X)
    np.testing.assert_array_equal(augmented.transform(X), fresh.transform(X))
    assert set(vars(augmented)) == set(vars(fresh))


def test_pickle_holds_no_data(X):
    large = np.repeat(X, 50, axis=0)
    assert len(pickle.dumps(AugmentedCovariance().fit(large))) < 2000


def test_clone_of_callable_estimator_fits(X):
    augmented = clone(AugmentedCovariance(2, 2, estimator=np.cov))
    assert (
        relative_error(
            augmented.fit_transform(X), AugmentedCovariance(2, 2).fit_transform(X)
        )
        < 1e-13
    )
