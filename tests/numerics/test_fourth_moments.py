"""Ledoit and Wolf's share: scikit-learn's value, whatever the chunks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.covariance import ledoit_wolf_shrinkage

from skextras.numerics.fourth_moments import ledoit_wolf_share
from skextras.numerics.view_moments import (
    empty_view_moments,
    merge_view_moments,
    moment_shares,
    update_view_moments,
)


def state_of(x, chunks, weights=None):
    state = empty_view_moments((x.shape[1] - 2, 2), fourth=True)
    for chunk in chunks:
        share = None if weights is None else weights[chunk]
        state = update_view_moments(state, x[chunk], share)
    return state


def data(seed, n_rows=60, offset=0.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, 7)) ** 3 @ rng.standard_normal((7, 7)) + offset


def expected(x):
    return [
        ledoit_wolf_shrinkage(part - part.mean(0), assume_centered=True)
        for part in (x[:, :-2], x[:, -2:])
    ]


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_equals_scikit_learn(seed, offset, size):
    x = data(seed, offset=offset)
    state = state_of(x, [slice(i, i + size) for i in range(0, 60, size)])
    assert_allclose(moment_shares(state), expected(x), rtol=1e-9, atol=1e-12)


def test_merge(seed):
    x = data(seed, offset=1e3)
    a, b = state_of(x, [slice(0, 13)]), state_of(x, [slice(13, 60)])
    together = moment_shares(state_of(x, [slice(0, 60)]))
    for merged in (merge_view_moments(a, b), merge_view_moments(b, a)):
        assert_allclose(moment_shares(merged), together, rtol=1e-11)


def test_weights_are_repetitions(seed):
    x = data(seed)
    weights = np.random.default_rng(seed).integers(0, 4, 60).astype(float)
    chunks = [slice(0, 20), slice(20, 60)]
    weighted = moment_shares(state_of(x, chunks, weights))
    repeated = x.repeat(weights.astype(int), axis=0)
    assert_allclose(
        weighted, moment_shares(state_of(repeated, [slice(None)])), rtol=1e-11
    )


def test_inner_products_give_the_same(seed):
    z = data(seed)[:, :5]
    z = z - z.mean(0)
    powers = np.sum(np.sum(z * z, axis=1) ** 2)
    of_columns = ledoit_wolf_share(z.T @ z, 60.0, powers)
    assert_allclose(
        ledoit_wolf_share(z @ z.T, 60.0, (powers, 5)), of_columns, rtol=1e-12
    )


def test_isotropic_rows_need_none():
    """Rows of one length in orthogonal directions have a scaled identity."""
    z = np.vstack([np.eye(3), -np.eye(3)])
    assert ledoit_wolf_share(z.T @ z, 6.0, 6.0) == 0.0
    assert ledoit_wolf_share(np.array([[5.0]]), 5.0, 9.0) == 0.0


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_out_of_range_is_said(scale):
    x = scale * data(0)
    assert np.isnan(moment_shares(state_of(x, [slice(None)]))).all()


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_unit_free(seed, scale):
    x = data(seed)
    a, b = (moment_shares(state_of(v, [slice(None)])) for v in (x, scale * x))
    assert_allclose(a, b, rtol=1e-12)
