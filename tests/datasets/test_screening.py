import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras.datasets import make_screening


def test_shapes_and_kinds():
    X, y, mask = make_screening(random_state=0)
    assert X.shape == (1000, 700)
    assert y.shape == (1000,)
    assert (mask.dtype, mask.sum()) == (bool, 20)
    _, y, mask = make_screening(100, 30, 5, target="binary", random_state=0)
    assert set(y) == {0, 1}
    assert mask.sum() == 5


def test_seed_decides_everything():
    for params in ({}, {"target": "binary"}, {"effect": "linear"}):
        one, other = (make_screening(60, 9, 3, random_state=5, **params) for _ in "ab")
        for a, b in zip(one, other, strict=True):
            assert_array_equal(a, b)
    assert (make_screening(60, 9, 3, random_state=6)[1] != one[1]).any()


def test_features_share_factors():
    X, _, _ = make_screening(4000, 200, random_state=0)
    assert_allclose(X.var(axis=0).mean(), 1.0, atol=0.03)
    # Of thirty factors; the noise beside them has no more than its share.
    values = np.linalg.eigvalsh(np.cov(X, rowvar=False))[::-1]
    assert values[29] > 1.5 * values[30]
    assert_allclose(values[:30].sum() / values.sum(), 0.6, atol=0.06)


@pytest.mark.parametrize("effect", ["linear", "square"])
def test_planted_effect_explains_three_quarters(effect):
    X, y, mask = make_screening(5000, 40, 4, effect=effect, random_state=1)
    Z = X[:, mask] if effect == "linear" else X[:, mask] ** 2
    Z = np.column_stack([Z, np.ones(len(Z))])
    residual = y - Z @ np.linalg.lstsq(Z, y)[0]
    # The square is that of the standardised feature: a linear part is left over.
    assert_allclose(1 - residual.var() / y.var(), 0.75, atol=0.03)


def test_squares_are_uncorrelated_with_the_outcome():
    X, y, mask = make_screening(5000, 40, 4, random_state=2)
    r = [np.corrcoef(x, y)[0, 1] for x in X[:, mask].T]
    assert np.abs(r).max() < 0.1
    X, y, mask = make_screening(5000, 40, 4, effect="linear", random_state=2)
    r = [np.corrcoef(x, y)[0, 1] for x in X[:, mask].T]
    assert np.min(r) > 0.2


def test_base_is_planted_on_and_left_alone():
    base = np.random.default_rng(0).exponential(size=(300, 12)).astype(np.float32)
    before = base.copy()
    X, y, mask = make_screening(base=base, n_informative=3, random_state=0)
    assert_array_equal(X, base)
    assert X is not base
    assert X.dtype == np.float32
    assert_array_equal(base, before)
    assert y.shape == (300,)
    assert mask.sum() == 3


def test_constant_features_cannot_act():
    base = np.random.default_rng(0).standard_normal((50, 6))
    base[:, :3] = 1.0
    for seed in range(5):
        mask = make_screening(base=base, n_informative=3, random_state=seed)[2]
        assert mask.tolist() == [False] * 3 + [True] * 3
    with pytest.raises(ValueError, match=r"n_informative=4 .*constant, 3"):
        make_screening(base=base, n_informative=4)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"effect": "cubic"}, "effect must be"),
        ({"target": "classes"}, "target must be"),
        ({"n_informative": 0}, "n_informative=0"),
        ({"n_informative": 701}, "n_informative=701"),
    ],
)
def test_bad_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        make_screening(**params)
