"""Standardised moments and the solvers on them."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, Ridge
from tokens import ragged_tokens, token_array

from skextras import TokenMoments
from skextras._moment_probe_features import n_moments, read_tokens
from skextras._moment_probe_solvers import Features, Targets, fit_logistic, fit_ridge

PENALTIES = np.logspace(-1, 3, 9)


def _problem(seed, wide, classes=3, keep=True):
    X, y = token_array(seed, n=24, d=9) if wide else ragged_tokens(seed, n=60)
    moments = TokenMoments().fit(X)
    features = Features(moments, read_tokens(moments, X, X[0].shape[1]), keep)
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 4, len(y)).astype(float)
    targets = Targets(y % classes, weights, rng.uniform(0.5, 2, classes))
    return features, targets


def _design(fit, features):
    return (features.kept - fit.mean) * fit.scale


@pytest.mark.parametrize("wide", [True, False])
def test_ridge_is_ridge(seed, wide):
    features, targets = _problem(seed, wide)
    fit = fit_ridge(features, targets, PENALTIES, 1.0)
    A = _design(fit, features)
    Y = np.eye(3)[targets.codes]
    model = Ridge(alpha=fit.alpha, solver="svd").fit(A, Y, targets.total_weights)
    np.testing.assert_allclose(fit.coef, model.coef_.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.intercept, model.intercept_, rtol=1e-9)
    np.testing.assert_allclose(fit.intercept.sum(), 1)


@pytest.mark.parametrize("wide", [True, False])
def test_leave_one_out_is_refitting_without_a_copy(seed, wide):
    features, targets = _problem(seed, wide)
    fit = fit_ridge(features, targets, PENALTIES, 1.0)
    A, Y = _design(fit, features), np.eye(3)[targets.codes]
    copy = targets.total_weights / targets.weights
    for i in (0, 5, 11):
        left = targets.total_weights - copy * (np.arange(len(A)) == i)
        model = Ridge(alpha=fit.alpha, solver="svd").fit(A, Y, left)
        np.testing.assert_allclose(
            fit.loo[i], model.predict(A[[i]])[0], rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("wide", [True, False])
def test_the_penalty_is_the_one_of_least_error(seed, wide):
    features, targets = _problem(seed, wide)
    errors = []
    for alpha in PENALTIES:
        fit = fit_ridge(features, targets, np.array([alpha]), 1.0)
        squares = ((fit.loo - np.eye(3)[targets.codes]) ** 2).sum(axis=1)
        errors.append(targets.weights @ squares)
    fit = fit_ridge(features, targets, PENALTIES, 1.0)
    assert fit.alpha == PENALTIES[np.argmin(errors)]


def test_ties_go_to_the_largest_penalty():
    X, y = np.ones((20, 4, 3)), np.arange(20) % 2
    moments = TokenMoments().fit(X)
    features = Features(moments, read_tokens(moments, X, 3), True)
    targets = Targets(y, np.ones(20), np.ones(2))
    assert fit_ridge(features, targets, PENALTIES, 1.0).alpha == PENALTIES[-1]
    # Nothing varies: the scale of the default penalties is one.
    assert fit_ridge(features, targets, None, 1.0).alpha == 1.0


@pytest.mark.parametrize("wide", [True, False])
def test_default_penalties_are_relative_to_the_variance(seed, wide):
    features, targets = _problem(seed, wide)
    fit = fit_ridge(features, targets, None, 1.0)
    A = _design(fit, features)
    A = A - targets.total_weights @ A / targets.total
    trace = targets.total_weights @ (A**2).sum(axis=1)
    ratio = np.log10(fit.alpha / trace)
    np.testing.assert_allclose(4 * ratio, np.round(4 * ratio), atol=1e-8)
    assert -7 - 1e-9 <= ratio <= 1e-9


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_is_logistic_regression(seed, wide, classes):
    features, targets = _problem(seed, wide, classes)
    params = {"C": 0.5, "max_iter": 2000, "tol": 1e-9}
    fit = fit_logistic(features, targets, 1.0, **params)
    A = _design(fit, features)
    model = LogisticRegression(**params)
    model.fit(A, targets.codes, targets.total_weights)
    found = A @ fit.coef + fit.intercept
    expected = np.atleast_2d(model.decision_function(A).T).T
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert fit.coef.shape == (A.shape[1], 1 if classes == 2 else classes)


def test_logistic_of_constant_moments():
    X, y = np.ones((6, 4, 3)), np.arange(6) % 2
    moments = TokenMoments(n_components=3).fit(X)
    features = Features(moments, read_tokens(moments, X, 3), True)
    fit = fit_logistic(features, Targets(y, np.ones(6), np.ones(2)), 1.0)
    assert (fit.coef == 0).all()
    np.testing.assert_allclose(fit.intercept, 0, atol=1e-6)


@pytest.mark.parametrize("wide", [True, False])
def test_chunks_and_blocks_change_nothing(seed, wide, monkeypatch):
    features, targets = _problem(seed, wide)
    expected = fit_ridge(features, targets, PENALTIES, 1.0)
    monkeypatch.setattr("skextras._moment_probe_solvers._CHUNK_BYTES", 5000)
    monkeypatch.setattr("skextras._moment_probe_solvers._BLOCK_BYTES", 3000)
    with config_context(working_memory=1e-3):
        streamed, _ = _problem(seed, wide, keep=wide)
        assert (streamed.kept is None) == (not wide)
        found = fit_ridge(streamed, targets, PENALTIES, 1.0)
    assert found.alpha == expected.alpha
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.loo, expected.loo, rtol=1e-10, atol=1e-12)


def test_block_weights(seed):
    features, targets = _problem(seed, False)
    fit = fit_ridge(features, targets, PENALTIES, 0.5)
    A, s = _design(fit, features), targets.weights
    variances = s @ (A - s @ A / s.sum()) ** 2 / s.sum()
    d, second, norms = n_moments(features.moments)
    np.testing.assert_allclose(variances[:d], 1)
    np.testing.assert_allclose(variances[d : d + second], 0.25 * d / second)
    np.testing.assert_allclose(variances[d + second :], 0.09 * d / norms)


def test_moments_that_do_not_vary_have_no_weight(seed):
    X, y = token_array(seed)
    X[..., 2] = 7.0
    X[:, 1:, 3] = X[:, :1, 3]
    moments = TokenMoments(token_norm=None, normalize=None).fit(X)
    features = Features(moments, read_tokens(moments, X, 5), True)
    fit = fit_ridge(features, Targets(y, np.ones(40), np.ones(3)), None, 1.0)
    assert fit.scale[2] == 0
    assert np.isfinite(fit.coef).all()
    assert np.isfinite(_design(fit, features)).all()


def test_targets():
    codes, weights = np.array([0, 0, 1, 2, 2]), np.array([1.0, 0.5, 2.0, 1.0, 3.0])
    targets = Targets(codes, weights, np.array([1.0, 10.0, 2.0]))
    np.testing.assert_allclose(targets.total_weights, [1, 0.5, 20, 2, 6])
    np.testing.assert_allclose(targets.shares, [1, 0.5, 10, 2, 2])
    np.testing.assert_allclose(targets.frequencies, np.array([1.5, 20, 8]) / 29.5)
    assert targets.counted.all()
    np.testing.assert_allclose(
        targets.centred(slice(2, 3)), [[-1.5 / 29.5, 9.5 / 29.5, -8 / 29.5]]
    )
    # A weight below two leaves nothing of a class when a copy goes; two leaves one.
    single = Targets(np.array([0, 1, 1]), np.array([1.0, 1, 1]), np.ones(2))
    assert single.counted.tolist() == [False, True, True]
