"""GaussianRBFNN: closed forms, standard deviations, targets, errors, warnings."""

import warnings

import numpy as np
import pytest
from rbf_cases import EXPECTED_WARNINGS, friedman
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel

from skextras import GaussianRBFNN

pytestmark = EXPECTED_WARNINGS


def standard(y):
    return (y - y.mean()) / y.std()


def gram(model, X, Z):
    """Kernels by the learnt precision, in the units of the rows."""
    L = np.linalg.cholesky(model.precision_ + 1e-300 * np.eye(X.shape[1]))
    return rbf_kernel(X @ L, Z @ L, gamma=0.5)


@pytest.mark.parametrize("precision", ["diag", "full", "spherical"])
def test_all_rows_as_centers_are_kernel_ridge_regression(seed, precision):
    X, y = friedman(seed, 80)
    new = friedman(seed + 100, 40)[0]
    model = GaussianRBFNN(
        80, precision=precision, linear_term=False, standardize=False, max_iter=30
    ).fit(X, y)
    noise, weight, _ = model._variances
    ridge = KernelRidge(alpha=noise / weight, kernel="precomputed")
    ridge.fit(gram(model, X, X) + 9, standard(y))
    expected = ridge.predict(gram(model, new, X) + 9) * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(new), expected, atol=1e-6 * y.std())


def test_all_rows_as_centers_are_a_gaussian_process(seed):
    X, y = friedman(seed, 80)
    new = friedman(seed + 100, 40)[0]
    model = GaussianRBFNN(
        80, precision="diag", linear_term=False, standardize=False, max_iter=30
    ).fit(X, y)
    noise, weight, _ = model._variances
    lengths = 1 / np.sqrt(np.diagonal(model.precision_))
    kernel = ConstantKernel(weight) * RBF(lengths) + ConstantKernel(9 * weight)
    process = GaussianProcessRegressor(kernel + WhiteKernel(noise), optimizer=None)
    process.fit(X, standard(y))
    penalty = 0.5 * 0.3 * np.trace(model.precision_)
    log_likelihood = penalty - 80 * model.loss_ - 40 * np.log(2 * np.pi)
    expected = process.log_marginal_likelihood()
    np.testing.assert_allclose(log_likelihood, expected, rtol=1e-5)
    _, deviation = process.predict(new, return_std=True)
    found = model.predict(new, return_std=True)[1]
    np.testing.assert_allclose(found, deviation * y.std(), rtol=1e-4)
    np.testing.assert_allclose(model.noise_variance_, noise * y.var())


def test_penalised_spherical_network_is_ridge_regression_on_kernels(seed):
    X, y = friedman(seed)
    model = GaussianRBFNN(
        20,
        precision="spherical",
        objective="penalized",
        alpha_weights=0.7,
        standardize=False,
    ).fit(X, y)
    np.testing.assert_allclose(
        model.precision_, model.precision_[0, 0] * np.eye(5), atol=1e-15
    )
    kernels = rbf_kernel(X, model.centers_, gamma=model.precision_[0, 0] / 2)
    F = np.hstack([kernels, np.full((len(X), 1), 3.0), X - X.mean(axis=0)])
    ridge = Ridge(0.7, fit_intercept=False).fit(F, standard(y))
    expected = ridge.predict(F) * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-8 * y.std())


def test_without_kernels_it_is_ridge_regression(seed):
    X, y = friedman(seed)
    model = GaussianRBFNN(20, alpha_precision=1e15, random_state=0).fit(X, y)
    noise, _, slope = model._variances
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = Ridge(noise / slope).fit(Z, y).predict(Z)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-6 * y.std())


def test_linear_target(seed):
    X, _ = friedman(seed)
    y = X @ np.arange(5.0) - 7
    assert GaussianRBFNN(random_state=0).fit(X, y).score(X, y) > 1 - 1e-6


def test_prediction_is_the_sum_of_the_attributes(seed):
    X, y = friedman(seed)
    model = GaussianRBFNN(20, random_state=0).fit(X, y)
    Z, C = ((A - model.mean_) / model.scale_ for A in (X, model.centers_))
    difference = Z[:, None] - C
    squares = np.einsum("ijk,kl,ijl->ij", difference, model.precision_, difference)
    expected = np.exp(-0.5 * squares) @ model.weights_
    expected += Z @ model.linear_weights_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), expected[:, 0], rtol=1e-8)


def test_shapes_follow_the_target():
    X, y = friedman()
    for target, shape in ((y, ()), (y[:, None], (1,)), (np.c_[y, -y], (2,))):
        model = GaussianRBFNN(20, max_iter=5, random_state=0).fit(X, target)
        mean, deviation = model.predict(X[:7], return_std=True)
        assert mean.shape == deviation.shape == (7, *shape)
        n_outputs = shape[0] if shape else 1
        assert model.weights_.shape == (20, n_outputs)
        assert model.linear_weights_.shape == (5, n_outputs)
        assert model.intercept_.shape == model.noise_variance_.shape == (n_outputs,)
        expected = (7, 5, *shape)
        assert model.gradient(X[:7]).shape == expected


def test_outputs_share_a_metric_and_keep_their_units():
    X, y = friedman()
    params = {"precision": "diag", "random_state": 0}
    two = GaussianRBFNN(**params).fit(X, np.c_[y, 1e3 * y - 50])
    mean, deviation = two.predict(X, return_std=True)
    np.testing.assert_allclose(mean[:, 1], 1e3 * mean[:, 0] - 50, rtol=1e-7)
    np.testing.assert_allclose(deviation[:, 1], 1e3 * deviation[:, 0])
    one = GaussianRBFNN(**params).fit(X, y).predict(X)
    np.testing.assert_allclose(mean[:, 0], one, atol=2e-2 * y.std())


def test_constant_target_is_predicted_exactly():
    X, y = friedman()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (slice(None), slice(1)):
            model = GaussianRBFNN().fit(X[rows], np.full(len(X[rows]), 0.1))
            mean, deviation = model.predict(X, return_std=True)
            np.testing.assert_array_equal(mean, 0.1)
            np.testing.assert_array_equal(deviation, 0)
            np.testing.assert_array_equal(model.weights_, 0)
            np.testing.assert_array_equal(model.feature_importances_, 0.2)
            assert model.n_iter_ == 1
    for params in ({"objective": "penalized"}, {"rank": 2}, {"precision": "full"}):
        model = GaussianRBFNN(**params).fit(X, np.full(len(X), 7))
        np.testing.assert_array_equal(model.predict(X), 7)
    both = GaussianRBFNN(20, random_state=0).fit(X, np.c_[y, np.full(len(y), 0.1)])
    np.testing.assert_array_equal(both.predict(X)[:, 1], 0.1)
    # It must not pass for a target with little noise.
    alone = GaussianRBFNN(20, random_state=0).fit(X, y)
    np.testing.assert_allclose(both.predict(X)[:, 0], alone.predict(X), rtol=1e-9)


def test_bands_cover_new_targets():
    X, y = friedman(0, 600, noise=1.0)
    model = GaussianRBFNN(random_state=0).fit(X[:300], y[:300])
    mean, deviation = model.predict(X[300:], return_std=True)
    covered = np.abs(y[300:] - mean) < 1.96 * deviation
    assert 0.91 < covered.mean() < 0.98
    np.testing.assert_allclose(model.noise_variance_, 1.0, atol=0.25)


def test_deviations_grow_with_the_distance():
    X, y = friedman()
    model = GaussianRBFNN(30, random_state=0).fit(X, y)
    far = model.predict(X + 10, return_std=True)[1]
    assert (far > model.predict(X, return_std=True)[1]).all()
    assert (model.predict(X, return_std=True)[1] ** 2 > model.noise_variance_).all()


def test_far_away_only_the_constant_is_left():
    X, y = friedman()
    model = GaussianRBFNN(30, linear_term=False, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X + 1e6), model.intercept_[0])
    np.testing.assert_array_equal(model.predict(X * 1e300), model.intercept_[0])


@pytest.mark.parametrize(
    "y",
    [
        np.array(["a", "b"] * 10),
        np.array(["1.5", "2"] * 10),
        np.array(["a", "b"] * 10, dtype=object),
        np.array([b"a", b"b"] * 10),
        [1j, object()] * 10,
    ],
)
def test_classes_are_referred_to_the_classifier(y):
    with pytest.raises(ValueError, match="GaussianRBFNNClassifier"):
        GaussianRBFNN().fit(np.arange(20.0)[:, None], y)


def test_objects_that_are_numbers():
    X, y = friedman()
    model = GaussianRBFNN(20, max_iter=5, random_state=0)
    expected = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(model.fit(X, y.astype(object)).predict(X), expected)


def test_no_deviations_of_a_penalised_network():
    X, y = friedman()
    model = GaussianRBFNN(20, max_iter=5).fit(X, y)
    model.predict(X, return_std=True)
    model.set_params(objective="penalized").fit(X, y)
    assert not hasattr(model, "noise_variance_")
    with pytest.raises(ValueError, match='objective="evidence"'):
        model.predict(X, return_std=True)


def test_warnings_name_the_remedy():
    X, y = friedman()
    with pytest.warns(
        ConvergenceWarning, match=r"^GaussianRBFNN .* max_iter=2 "
    ) as record:
        GaussianRBFNN(20, max_iter=2).fit(X, y)
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match="^GaussianRBFNN: the target looks") as record:
        GaussianRBFNN(20).fit(X, X[:, 0])
    assert record[-1].filename == __file__


def test_auto_keeps_what_the_evidence_prefers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    oblique = np.sin(2 * X @ [0.6, 0.8, 0, 0]) + 0.1 * rng.standard_normal(300)
    aligned = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(300)
    model = GaussianRBFNN(60, random_state=0)
    assert model.fit(X, oblique).precision_type_ == "full"
    n_iter = model.n_iter_
    full = GaussianRBFNN(60, precision="full", random_state=0).fit(X, oblique)
    np.testing.assert_array_equal(full.precision_, model.precision_)
    assert full.n_iter_ == n_iter
    assert model.fit(X, aligned).precision_type_ == "diag"
    diagonal = GaussianRBFNN(60, precision="diag", random_state=0).fit(X, aligned)
    np.testing.assert_array_equal(diagonal.precision_, model.precision_)
    assert diagonal.n_iter_ < model.n_iter_
    assert model.fit(X[:, :1], aligned).precision_type_ == "diag"


def test_auto_is_full_for_the_penalised_objective_and_diagonal_for_many_features():
    X, y = friedman()
    model = GaussianRBFNN(20, objective="penalized", max_iter=10, random_state=0)
    assert model.fit(X, y).precision_type_ == "full"
    wide = np.random.default_rng(0).standard_normal((40, 101))
    model = GaussianRBFNN(20, max_iter=5, random_state=0).fit(wide, wide[:, 0])
    assert model.precision_type_ == "diag"


def test_learnt_centers_lower_the_loss():
    X, y = friedman()
    fixed = GaussianRBFNN(8, precision="diag", random_state=0).fit(X, y)
    learnt = GaussianRBFNN(8, precision="diag", learn_centers=True, random_state=0)
    learnt.fit(X, y)
    assert not np.allclose(learnt.centers_, fixed.centers_)
    assert learnt.score(X, y) > fixed.score(X, y)
