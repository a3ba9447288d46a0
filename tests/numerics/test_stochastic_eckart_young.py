"""Stochastic descent: how near it comes, bias of batches, divergence."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views, generalised_values
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.stochastic_eckart_young import descend
from skextras.numerics.variate_pass import column_moments, variate_moments
from skextras.numerics.view_moments import rotate_weights


def run(views, k, share=0.0, seed=0, **options):
    moments = column_moments(views, 500)
    targets = [m.variance.mean() for m in moments]
    shares = [share] * len(views)
    epochs = list(
        descend(
            views, moments, shares, targets, k, np.random.RandomState(seed), **options
        )
    )
    means = [m.mean for m in moments]
    covariances, _ = variate_moments(views, means, epochs[-1].weights, 500)
    found = rotate_weights(epochs[-1].weights, covariances, shares, targets)[0]
    return epochs, found.singular_values


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_comes_near_the_exact_values(seed, share):
    views = correlated_views(seed, 1000, (12, 10), rho=(0.9, 0.7, 0.5))
    epochs, found = run(views, 2, share, n_epochs=30)
    assert [epoch.n_epochs for epoch in epochs] == list(range(1, 31))
    expected = generalised_values(views, [share] * 2)[:2]
    assert found.sum() > 0.98 * expected.sum()
    assert (found <= expected * (1 + 1e-12)).all()


def test_three_views(seed):
    x, y = correlated_views(seed, 1000, (8, 6), rho=(0.9, 0.7))
    views = [x, y, x[:, :5] + np.random.default_rng(seed).standard_normal((1000, 5))]
    _, found = run(views, 2, n_epochs=30)
    assert found.sum() > 0.98 * generalised_values(views, [0] * 3)[:2].sum()


def test_wide_view_of_few_rows(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((50, 80))
    views = [x, x[:, :3] + rng.standard_normal((50, 3))]
    _, found = run(views, 1, 0.5, n_epochs=100, batch_size=10)
    assert found[0] > 0.95 * generalised_values(views, [0.5] * 2)[0]


def test_same_seed_gives_the_same(seed):
    views = correlated_views(seed)
    first, again = (run(views, 2, seed=seed, n_epochs=2)[0][-1] for _ in range(2))
    for a, b in zip(first.weights, again.weights, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("units", [1e-7, 1e7])
def test_units_are_of_no_consequence(seed, units):
    x, y = correlated_views(seed)
    plain, scaled = run([x, y], 2, n_epochs=3)[1], run([units * x, y], 2, n_epochs=3)[1]
    assert_allclose(scaled, plain, rtol=1e-6)


def test_small_batches_need_an_independent_one():
    """Of rho .9 .8 .6 .4 .2 batches of 4 lose the last, unless V is unbiased."""
    rng = np.random.default_rng(0)
    rho = np.r_[0.9, 0.8, 0.6, 0.4, 0.2, np.zeros(7)]
    x = rng.standard_normal((30_000, 12))
    y = rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(x.shape)
    options = {"batch_size": 4, "n_epochs": 3}
    fifth = [
        np.r_[run([x, y], 5, independent_batches=independent, **options)[1], 0][4]
        for independent in (False, True)
    ]
    assert fifth[0] < 0.05
    assert fifth[1] > 0.15


def test_divergence_is_said():
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        run(correlated_views(0), 2, learning_rate=1e308)


def test_batches_larger_than_the_data(seed):
    views = correlated_views(seed)
    epochs, _ = run(views, 1, n_epochs=2, batch_size=10_000)
    assert len(epochs) == 2
