"""The parts of the search over order and lag."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from skextras import AugmentedCovariance, AugmentedCovarianceClassifierCV
from skextras._augmented_covariance_search import (
    GEOMETRIES,
    LogEuclidean,
    MinimumDistance,
    Outcome,
    Riemannian,
    covariances,
    eigenvalue_floor,
    feasible_settings,
    final_candidates,
    kernel_matrices,
    tabulate,
)
from skextras.numerics import spd
from skextras.numerics.spd_mean import riemannian_mean


@pytest.fixture
def X(seed):
    return np.random.default_rng(seed).standard_normal((24, 3, 80))


@pytest.fixture
def matrices(X):
    return covariances(X, 2, 3)


TRAIN, TEST = np.arange(16)[::-1], np.arange(16, 24)


def test_covariances_are_those_of_the_transformer(X):
    for order, lag in ((1, 7), (3, 2)):
        expected = AugmentedCovariance(order, lag).fit_transform(X)
        np.testing.assert_array_equal(covariances(X, order, lag), expected)


def test_feasible_settings_need_more_samples_than_rows():
    X = np.zeros((5, 3, 20))
    search = AugmentedCovarianceClassifierCV((1, 4, 2), (5, 2))
    message = r"2 of 6 .* 18 samples and 3 channels .*\(order=4, lag=5\), \(order=4, "
    with pytest.warns(FitFailedWarning, match="of 6 settings") as caught:
        settings = feasible_settings(search, X)
    # 20 - 3 * 2 = 14 samples for 12 rows: feasible; 20 - 3 * 5 = 5: not.
    assert settings == [(1, 1), (2, 5), (4, 2), (2, 2)]
    assert "(order=4, lag=5)" in str(caught[0].message)
    with pytest.warns(FitFailedWarning, match=message):
        feasible_settings(search, X[:, :, :18])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feasible_settings(search, np.zeros((5, 1, 40)))


def test_table_repeats_order_one_and_keeps_what_failed():
    search = AugmentedCovarianceClassifierCV((1, 2), (3, 9), Cs=(1,), kernels=("rbf",))
    search.n_splits_ = 2
    one = Outcome(*(np.array([[v, v + 1]]) for v in (0.1, 10.0, 20.0)), 0)
    two = Outcome(*(np.array([[v, v + 1]]) for v in (0.2, 30.0, 40.0)), 0)
    candidates, out = tabulate(search, {(1, 1): one, (2, 3): two})
    pairs = [(c["lag"], c["order"]) for c in candidates]
    assert pairs == [(3, 1), (3, 2), (9, 1), (9, 2)]
    scores = np.array([row["test_scores"] for row in out]).reshape(4, 2)
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_allclose(scores[1], [0.2, 1.2])
    assert np.isnan(scores[3]).all()
    assert out[2] == {"test_scores": 0.2, "fit_time": 30.0, "score_time": 40.0}


def test_candidates_vary_the_kernel_fastest():
    search = AugmentedCovarianceClassifierCV(Cs=(1, 2), kernels=("rbf", "linear"))
    pairs = [(c["C"], c["kernel"]) for c in final_candidates(search)]
    assert pairs == [(1, "rbf"), (1, "linear"), (2, "rbf"), (2, "linear")]
    assert final_candidates(search.set_params(final="mdm")) == [{}]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_kernels_are_those_of_the_classifier(seed, kernel):
    rng = np.random.default_rng(seed)
    train, test = rng.standard_normal((30, 7)), rng.standard_normal((10, 7))
    train -= train.mean(axis=0)
    y = np.arange(30) % 3
    fit_on, score_on = kernel_matrices(train, test, [kernel])[kernel]
    ours = SVC(kernel="precomputed", tol=1e-10).fit(fit_on, y)
    theirs = SVC(kernel=kernel, tol=1e-10).fit(train, y)
    np.testing.assert_allclose(
        ours.decision_function(score_on), theirs.decision_function(test), atol=1e-8
    )


def test_kernels_of_equal_vectors_are_finite():
    zeros = np.zeros((4, 3))
    for kernel in kernel_matrices(zeros, zeros, ["linear", "rbf"]).values():
        assert all(np.isfinite(part).all() for part in kernel)


def test_minimum_distance():
    classifier = MinimumDistance().fit(None, np.array(["b", "a", "c", "a"]))
    distances = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]])
    assert classifier.predict(distances).tolist() == ["a", "b"]
    np.testing.assert_array_equal(classifier.decision_function(distances), -distances)
    binary = MinimumDistance().fit(None, np.array([0, 1]))
    decisions = binary.decision_function(distances[:, :2])
    assert decisions.tolist() == [-1.0, 1.0]
    assert binary.predict(distances[:, :2]).tolist() == [0, 1]


def test_tangent_vectors_have_the_inner_products_of_the_mean(matrices):
    train, test = Riemannian(matrices).tangent(TRAIN, TEST)
    mean = riemannian_mean(matrices[TRAIN], tol=1e-12).mean
    whitener = spd.matrix_inverse_sqrt(mean)
    exact = spd.whitened_logs(matrices, whitener).reshape(24, -1)
    # The mean of the search is off by up to 1e-3, the products by about its square.
    np.testing.assert_allclose(
        train @ train.T, exact[TRAIN] @ exact[TRAIN].T, atol=1e-2
    )
    np.testing.assert_allclose(test @ train.T, exact[TEST] @ exact[TRAIN].T, atol=1e-2)
    assert np.linalg.norm(train.mean(axis=0)) <= 1e-3 * np.sqrt(6)


def test_warm_starts_do_not_mix_classes(matrices):
    classes = np.arange(16) % 2
    geometry = Riemannian(matrices)
    first = geometry.distances(TRAIN, TEST, classes)
    again = geometry.distances(TRAIN, TEST, classes)
    np.testing.assert_allclose(again, first, atol=1e-2)
    assert set(geometry.starts) == {0, 1}
    swapped = Riemannian(matrices).distances(TRAIN, TEST, 1 - classes)
    np.testing.assert_allclose(swapped[:, ::-1], first, atol=1e-10)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
def test_distances_to_the_mean_of_one_matrix(matrices, metric):
    geometry = GEOMETRIES[metric](matrices)
    distances = geometry.distances(np.array([0, 1]), TEST, np.array(["x", "y"]))
    for column in (0, 1):
        if metric == "riemann":
            white = spd.matrix_inverse_sqrt(matrices[column])
            logs = spd.whitened_logs(matrices[TEST], white)
        else:
            logs = spd.matrix_log(matrices[TEST]) - spd.matrix_log(matrices[column])
        expected = np.square(logs).sum(axis=(1, 2))
        np.testing.assert_allclose(distances[:, column], expected, rtol=1e-8)


def test_log_euclidean_vectors_are_centred_by_the_training_mean(matrices):
    train, test = LogEuclidean(matrices).tangent(TRAIN, TEST)
    logs = spd.matrix_log(matrices).reshape(24, -1)
    centre = logs[TRAIN].mean(axis=0)
    np.testing.assert_allclose(train, logs[TRAIN] - centre, atol=1e-12)
    np.testing.assert_allclose(test, logs[TEST] - centre, atol=1e-12)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
def test_singular_matrices_get_a_floor(X, metric):
    X[5, 1] = 0
    matrices = covariances(X, 2, 3)
    geometry = GEOMETRIES[metric](matrices)
    train, test = geometry.tangent(TRAIN, TEST)
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()
    assert geometry.n_floored == 1
    np.testing.assert_array_equal(matrices, covariances(X, 2, 3))


def test_floor_is_relative(matrices):
    floor = eigenvalue_floor(matrices)
    largest = np.linalg.eigvalsh(matrices).max()
    assert floor == pytest.approx(6 * 2.0**-52 * largest)
    assert eigenvalue_floor(matrices * 2.0**-40) == floor * 2.0**-40
