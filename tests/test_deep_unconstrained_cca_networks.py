"""Networks: inputs, one step against torch's own layers, the forward pass."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras import DeepUnconstrainedCCA
from skextras._deep_unconstrained_cca_networks import (
    column_statistics,
    encode_views,
    standardised,
    train,
)


def data(seed, n_rows=50):
    rng = np.random.default_rng(seed)
    return [10 + rng.standard_normal((n_rows, p)) * 3 for p in (4, 3)]


def test_statistics(seed):
    views = data(seed, 3000)
    means, scales = column_statistics(views)
    for view, mean, scale in zip(views, means, scales, strict=True):
        assert_allclose(mean, view.mean(0), rtol=1e-12)
        assert_allclose(scale, np.sqrt(view.var(0, ddof=1).mean()), rtol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.astype(">f8"),
    ],
    ids=["Fortran", "strided", "big-endian"],
)
def test_statistics_do_not_depend_on_the_layout(seed, change):
    views = data(seed, 2500)
    for a, b in zip(
        column_statistics(views),
        column_statistics(list(map(change, views))),
        strict=True,
    ):
        for first, second in zip(a, b, strict=True):
            assert_array_equal(first, second)


def test_constant_view():
    with pytest.raises(ValueError, match="view 1 is constant: none of its 2 columns"):
        column_statistics([*data(0)[:1], np.full((50, 2), 0.1)])


def test_readers_give_inputs_of_unit_order(seed):
    views = data(seed)
    reader = standardised(views, *column_statistics(views))[0]
    rows = reader(np.array([3, 1]))
    assert rows.dtype == np.float32
    assert reader.shape == (50, 4)
    assert_allclose(np.mean(reader(slice(None)) ** 2), 49 / 50, rtol=1e-5)


@pytest.mark.requires_torch
@pytest.mark.parametrize("sizes", [[], [6], [6, 5]])
def test_forward_pass_is_that_of_torch(seed, sizes):
    import torch

    views = data(seed)
    means, scales = column_statistics(views)
    deep = DeepUnconstrainedCCA(2, max_iter=2, random_state=seed, batch_size=20)
    coefs, intercepts, loss = train(
        deep, standardised(views, means, scales), sizes, None
    )
    assert loss.shape == (2,)
    layers = []
    for weights, offset in zip(coefs[0], intercepts[0], strict=True):
        linear = torch.nn.Linear(*weights.shape, dtype=torch.float64)
        linear.weight.data = torch.from_numpy(weights.T.copy())
        linear.bias.data = torch.from_numpy(offset)
        layers += [linear, torch.nn.LeakyReLU(0.01)]
    network = torch.nn.Sequential(*layers[:-1])
    expected = network(torch.from_numpy((views[0] - means[0]) / scales[0]))
    found = next(encode_views(views, means, scales, coefs, intercepts))
    assert_allclose(found, expected.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.requires_torch
def test_training_lowers_the_loss(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 3))
    views = [x, x + 0.1 * rng.standard_normal(x.shape)]
    deep = DeepUnconstrainedCCA(2, max_iter=15, random_state=seed, learning_rate=0.01)
    readers = standardised(views, *column_statistics(views))
    loss = train(deep, readers, [10], None)[2]
    # The minimum of two perfect components is -2.
    assert -2.2 < loss[-1] < -1.6 < loss[0]


@pytest.mark.requires_torch
def test_steps_that_are_not_finite_are_left_out():
    """Inputs whose squares overflow float32 must not reach the weights."""
    views = data(0)
    deep = DeepUnconstrainedCCA(2, max_iter=2, random_state=0)
    readers = standardised(views, [np.zeros(4), np.zeros(3)], [1e-30, 1e-30])
    coefs, intercepts, loss = train(deep, readers, [5], None)
    assert np.isnan(loss).all()
    for arrays in (*coefs, *intercepts):
        assert all(np.isfinite(a).all() for a in arrays)


@pytest.mark.requires_torch
def test_batches_drop_the_last_incomplete_one(monkeypatch):
    from skextras import _deep_unconstrained_cca_networks as networks

    sizes = []

    def spy(*views, independent=None):
        sizes.append(len(views[0]))
        return loss(*views)

    loss = networks.ey_loss
    monkeypatch.setattr(networks, "ey_loss", spy)
    views = data(0)
    readers = standardised(views, *column_statistics(views))
    for batch_size, expected in ((20, [20, 20]), (50, [50]), (1000, [50])):
        sizes.clear()
        deep = DeepUnconstrainedCCA(
            1, max_iter=1, batch_size=batch_size, random_state=0
        )
        train(deep, readers, [], None)
        assert sizes == expected


def test_encoding_by_hand():
    x = np.array([[2.0], [-4.0]])
    coefs = [[np.array([[1.0, -1.0]]), np.array([[1.0], [10.0]])]]
    intercepts = [[np.array([0.0, 1.0]), np.array([0.5])]]
    found = next(encode_views([x], [np.zeros(1)], [2.0], coefs, intercepts))
    # 1 -> (1, 0) -> 1.5; -2 -> (-0.02, 3) -> 30.48
    assert_allclose(found, [[1.5], [30.48]])
