import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import rankdata

from skextras import MIScreener
from skextras._mi_screener_density import DensityScorer
from skextras._mi_screener_target import read_target
from skextras.numerics.ranks import normal_scores


def scores(x, y, **params):
    return MIScreener("fftkde", **params).fit(np.atleast_2d(x.T).T, y).scores_


def correlated(rho, n, seed=0):
    x, e = np.random.default_rng(seed).standard_normal((2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * e


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_product_kernel_of_normal_variables(rho, scale):
    x, y = correlated(rho, 20_000)
    r = np.corrcoef(x, y)[0, 1]
    h = scale * 20_000 ** (-1 / 6)
    wanted = -np.log(1 - (r / (1 + h**2)) ** 2) / 2
    assert abs(scores(x[:, None], y, bandwidth_scale=scale)[0] - wanted) < 0.02


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_full_kernel_of_normal_variables(rho, scale):
    x, y = correlated(rho, 20_000)
    r = np.corrcoef(x, y)[0, 1]
    params = {"bandwidth_matrix": "full", "bandwidth_scale": scale}
    found = scores(x[:, None], y, **params)[0]
    assert abs(found + np.log(1 - r**2) / 2) < 0.02


def test_bandwidth_scale_is_applied():
    x, y = correlated(0.7, 500)
    found = [scores(x[:, None], y, bandwidth_scale=s)[0] for s in (0.5, 1.0, 2.0)]
    assert found[0] > found[1] + 0.02 > found[2] + 0.04


def test_strong_dependence_takes_a_finer_grid():
    x, y = correlated(0.99, 1000)
    found = scores(x[:, None], y, bandwidth_matrix="full")[0]
    coarse = scores(x[:, None], y, bandwidth_matrix="full", grid_size=64)[0]
    true = -np.log(1 - 0.99**2) / 2
    assert abs(found - true) < 0.06
    assert coarse < found - 0.1


def test_two_normal_classes():
    # Means 1.5 apart from 0 on either side: 0.527 nats by quadrature.
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    x = rng.standard_normal((2000, 1)) + 3.0 * labels[:, None] - 1.5
    assert abs(scores(x, labels)[0] - 0.527) < 0.05


def test_grids_agree():
    x, y = correlated(0.6, 400)
    found = [
        scores(x[:, None], y, grid_size=size)[0] for size in ((48, 96), (96, 48), 96)
    ]
    assert np.ptp(found) < 1e-3


def test_pair_of_sizes_is_of_feature_and_outcome(seed):
    x, y = correlated(0.6, 200, seed)
    one = scores(x[:, None], y, grid_size=(20, 96))
    other = scores(y[:, None], x, grid_size=(96, 20))
    assert_allclose(one, other, rtol=0, atol=1e-12)
    levels = (x > 0).astype(float)[:, None]
    assert_allclose(
        scores(levels, y, grid_size=(16, 200)), scores(levels, y, grid_size=200)
    )


def test_untied_features_share_what_tied_ones_compute(seed):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(150)
    target, _ = read_target(y, "auto")
    scorer = DensityScorer(MIScreener("fftkde"), target, None, None)
    block = np.array([rng.exponential(size=150), np.round(rng.standard_normal(150), 1)])
    together = scorer.continuous(block)[0]
    apart = [scorer.continuous(block[j : j + 1])[0][0] for j in range(2)]
    assert_allclose(together, apart, rtol=0, atol=1e-13)
    # Normal scores given as values take the general path.
    z = normal_scores(block)
    raw = MIScreener("fftkde", marginal=None)
    target, _ = read_target(normal_scores(y[None])[0], "auto")
    general = DensityScorer(raw, target, None, None).continuous(z)[0]
    assert_allclose(together, general, rtol=0, atol=1e-9)


def test_order_of_tied_values_is_irrelevant(seed):
    rng = np.random.default_rng(seed)
    x, y = np.round(rng.standard_normal((2, 120)), 1)
    assert_allclose(scores(x[:, None], y), scores(rankdata(x)[:, None], rankdata(y)))


def test_classes_on_either_side_are_alike(seed):
    rng = np.random.default_rng(seed)
    codes, y = rng.integers(0, 3, 200), rng.standard_normal(200)
    y = y + codes
    one = scores(codes[:, None].astype(float), y)
    other = scores(y[:, None], codes)
    assert_allclose(one, other, rtol=0, atol=1e-12)


def test_constant_within_classes_takes_the_total_deviation():
    labels = np.repeat([0, 1], 30)
    x = np.where(labels[:, None] > 0, 1.0, 2.0)
    x = np.column_stack([x, np.random.default_rng(0).standard_normal(60)])
    found = scores(x, labels, discrete_features=False)
    assert np.isfinite(found).all()
    assert found[0] > 0.3
