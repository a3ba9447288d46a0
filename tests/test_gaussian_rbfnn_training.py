"""Centres, subsets, memory and threads of training."""

import numpy as np
import pytest
import sklearn
from rbf_cases import BOTH, EXPECTED_WARNINGS, friedman, outputs, targets
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_info

from skextras import GaussianRBFNN
from skextras._gaussian_rbfnn_training import Trainer

pytestmark = EXPECTED_WARNINGS


def trainer(X, y=None, weights=None, random_state=0, **params):
    y = X[:, :1] if y is None else y[:, None]
    weights = np.ones(len(X)) if weights is None else weights
    rng = np.random.RandomState(random_state)
    return Trainer(GaussianRBFNN(**params), X, y, weights, rng, classifies=False)


def raw(training):
    return training.centers * training.x_units.scale + training.x_units.mean


@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_centers"),
    [(50, 2, 50), (300, 2, 100), (700, 2, 140), (2000, 2, 300), (600, 51, 150)],
)
def test_automatic_number_of_centers(n_rows, n_features, n_centers):
    X = np.random.default_rng(0).standard_normal((n_rows, n_features))
    assert len(trainer(X, center_init="random").centers) == n_centers


def test_many_centers_for_many_features():
    X = np.random.default_rng(0).standard_normal((2400, 51))
    assert len(trainer(X, center_init="random").centers) == 500


def test_all_distinct_rows_at_most():
    X = np.repeat(np.arange(12.0).reshape(4, 3), 3, axis=0)
    y = np.arange(12.0)
    found = raw(trainer(X, y, n_centers=10))
    np.testing.assert_allclose(found, np.arange(12.0).reshape(4, 3), atol=1e-6)


def test_centers_by_weighted_k_means():
    X = np.random.default_rng(0).standard_normal((80, 3))
    X = X[np.lexsort(X.T[::-1])]
    weights = np.arange(80) % 3 + 1.0
    training = trainer(X, weights=weights, n_centers=10, random_state=7)
    peer = KMeans(10, n_init=1, max_iter=30, random_state=np.random.RandomState(7))
    peer.fit(training.X, sample_weight=weights)
    np.testing.assert_array_equal(training.centers, peer.cluster_centers_)


def test_random_centers_are_rows():
    X = np.random.default_rng(0).standard_normal((80, 3))
    training = trainer(X, n_centers=10, center_init="random")
    distances = np.abs(training.X[:, None] - training.centers).max(axis=2)
    assert (distances.min(axis=0) == 0).all()
    assert len(np.unique(training.centers, axis=0)) == 10
    other = trainer(X, n_centers=10, center_init="random", random_state=1)
    assert not np.array_equal(other.centers, training.centers)


def test_given_centers_stay_where_they_are():
    X, y = friedman()
    centers = X[:7] + 0.1
    model = GaussianRBFNN(center_init=centers.tolist(), max_iter=5).fit(X, y)
    np.testing.assert_allclose(model.centers_, centers, atol=1e-7)
    model = GaussianRBFNN(7, center_init=centers, max_iter=5, standardize=False)
    np.testing.assert_allclose(model.fit(X, y).centers_, centers, rtol=1e-14)


@BOTH
def test_given_centers_need_no_random_numbers(cls):
    X, y = friedman()
    y = targets(cls, y)
    found = [
        outputs(
            cls(center_init=X[:9], precision="diag", max_iter=5, random_state=s).fit(
                X, y
            ),
            X,
        )
        for s in (0, 1)
    ]
    np.testing.assert_array_equal(*found)


def test_subset_learns_and_all_rows_read_out():
    X = np.random.default_rng(0).standard_normal((200, 3))
    y = np.sin(X[:, 0])
    training = trainer(X, y, n_centers=15, max_samples=50)
    rows = training._rows
    assert len(rows) == len(np.unique(rows)) == 50
    assert (np.diff(rows) > 0).all()
    (stage,) = training.stages("diag", max_iter=5, tol=1e-5)
    assert stage.objective.total == 50
    network = training.trained(stage).network
    # Weights of the minimum over all rows: their gradient vanishes there.
    F, scales = network.features(training.X), stage.objective.scales(stage.theta)
    residuals = training.Y - F @ network.weights
    slopes = network.weights[16:]
    np.testing.assert_allclose(
        F[:, 16:].T @ residuals, scales.slope_ridge * slopes, atol=1e-6
    )


@BOTH
@pytest.mark.parametrize("max_samples", [120, 10**6])
def test_subset_of_all_rows(cls, max_samples):
    X, y = friedman()
    y = targets(cls, y)
    params = {"n_centers": 10, "max_iter": 5, "precision": "diag", "random_state": 0}
    expected = outputs(cls(**params).fit(X, y), X)
    found = cls(max_samples=max_samples, **params).fit(X, y)
    np.testing.assert_array_equal(outputs(found, X), expected)


@BOTH
@pytest.mark.parametrize("objective", ["evidence", "penalized"])
def test_subset_serves_both_objectives(cls, objective):
    X, y = friedman(n_samples=400)
    model = cls(20, max_samples=100, objective=objective, random_state=0)
    model.fit(X, targets(cls, y))
    assert model.score(X, targets(cls, y)) > 0.7
    # Of the subset alone.
    assert model.n_iter_ > 1


def test_metrics():
    X = np.random.default_rng(0).standard_normal((30, 4))

    def kinds(kind, **params):
        return [m.kind for m in trainer(X, **params).metrics(kind)]

    assert kinds("auto") == kinds("full") == ["diag", "full"]
    assert kinds("diag") == ["diag"]
    assert kinds("spherical") == ["spherical"]
    (metric,) = trainer(X, rank=2).metrics("auto")
    assert (metric.kind, metric.rank) == ("full", 2)


@BOTH
def test_memory_is_refused_before_it_is_taken(monkeypatch, cls):
    X, y = friedman()
    need = 8 * 6 * (50 + 1 + 5) ** 2
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(need - 1))
    with pytest.raises(
        MemoryError, match=f"n_centers=50.*{need:,} bytes.*Lower n_cent"
    ):
        cls(50).fit(X, targets(cls, y))
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(need))
    cls(50, precision="diag", max_iter=2).fit(X, targets(cls, y))


@BOTH
@pytest.mark.parametrize(
    "params", [{}, {"learn_centers": True}, {"objective": "penalized"}], ids=str
)
def test_working_memory_changes_no_digit(monkeypatch, cls, params):
    monkeypatch.setattr("skextras.numerics.rbf._BLOCK_BYTES", 1)
    X, y = friedman(n_samples=200)
    y, found = targets(cls, y), []
    for mebibytes in (1000, 0.001):
        with sklearn.config_context(working_memory=mebibytes):
            model = cls(10, max_iter=5, precision="diag", random_state=0, **params)
            model.fit(X, y)
        found.append(outputs(model, X))
    np.testing.assert_array_equal(*found)


def blas_threads():
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]


def test_small_tables_take_one_blas_thread():
    small = trainer(np.random.default_rng(0).standard_normal((60, 3)))
    before = blas_threads()
    with small.blas():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
    large = trainer(
        np.random.default_rng(0).standard_normal((20_000, 3)),
        n_centers=400,
        center_init="random",
    )
    with large.blas():
        assert blas_threads() == before
