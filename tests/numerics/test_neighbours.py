import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import digamma
from screening_cases import GOLDEN, golden_data
from sklearn.feature_selection._mutual_info import _compute_mi_cc, _compute_mi_cd

from skextras.numerics.correlation import standardise
from skextras.numerics.neighbours import class_scores, continuous_scores


def definition(x, y, k):
    """The rule for ties, over all pairs of samples."""
    n, total = len(x), 0.0
    a, b = (1.0 / (v - v[0]).std() for v in (x, y))
    for i in range(n):
        dx, dy = np.delete(np.abs(x - x[i]), i) * a, np.delete(np.abs(y - y[i]), i) * b
        distance = np.maximum(dx, dy)
        radius = np.sort(distance)[k - 1]
        near = (distance <= radius).sum()
        total += digamma(near)
        for gap in (dx, dy):
            border = (gap == radius).any()
            total -= digamma((gap <= radius).sum() + (not border))
    return digamma(n) + total / n


def class_definition(x, codes, k):
    """The same for classes."""
    sizes = np.bincount(codes)
    kept = sizes[codes] > 1
    x, codes, total = x[kept], codes[kept], 0.0
    for i in range(len(x)):
        gap = np.abs(x - x[i])
        own = np.sort(np.delete(gap, i)[np.delete(codes, i) == codes[i]])
        k_c = min(k, len(own))
        radius = own[k_c - 1]
        near = (own <= radius).sum()
        m = (gap <= radius).sum() - 1
        total += digamma(near) - digamma(len(own) + 1) - digamma(m)
    return digamma(len(x)) + total / len(x)


def tied(seed, n=120):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < 0.5, 0.0, rng.standard_normal(n))
    y = np.round(rng.standard_normal(n) + x, 1)
    return x, y, rng.integers(0, 3, n).astype(np.int32)


@pytest.mark.parametrize("k", [3, 10])
@pytest.mark.parametrize("step", [1.0, 0.3, 0.1, 0.03])
def test_rounded_values_stay_at_the_null_level(k, step):
    """Ties on the border of a neighbourhood must not look like dependence."""
    rng = np.random.default_rng(0)
    block, y = rng.standard_normal((20, 800)), rng.standard_normal(800)
    rounded, codes = step * np.rint(block / step), (y > 0).astype(np.int32)[None]
    for found, untied in (
        (continuous_scores(rounded, y, k), continuous_scores(block, y, k)),
        (
            continuous_scores(rounded, step * np.rint(y / step), k),
            continuous_scores(block, y, k),
        ),
        (class_scores(rounded, codes, 2, k), class_scores(block, codes, 2, k)),
    ):
        # A little below zero, never above what chance does without ties.
        assert -0.25 / k < found.mean() < 0.02
        assert found.std() < 1.5 * untied.std()


@pytest.mark.parametrize("step", [0.3, 0.1, 0.03])
def test_rounding_hardly_moves_strong_dependence(step):
    rng = np.random.default_rng(1)
    y = rng.standard_normal(2000)
    x = 0.9 * y + np.sqrt(0.19) * rng.standard_normal(2000)
    x, y = step * np.rint(x / step), step * np.rint(y / step)
    true = -np.log(0.19) / 2
    assert_allclose(continuous_scores(x[None], y, 10), true, rtol=0, atol=0.06)


@pytest.mark.parametrize("k", [3, 10])
@pytest.mark.parametrize("rho", [0.3, 0.9, 0.99])
def test_untied_estimates_are_scikit_learns(k, rho):
    rng = np.random.default_rng(7)
    x, e = rng.standard_normal((2, 3001))
    y = rho * x + np.sqrt(1 - rho**2) * e
    x, y = standardise(x[None]), standardise(y[None])[0]
    wanted = _compute_mi_cc(x[0], y, k)
    assert wanted > 0  # it is clamped
    assert_allclose(continuous_scores(x, y, k), wanted, rtol=0, atol=1e-12)
    codes = (y > 0).astype(np.int32) + (y > 1)
    wanted = _compute_mi_cd(x[0], codes, k)
    ours = class_scores(x, codes[None].astype(np.int32), 3, k)
    assert_allclose(ours, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10, 50])
def test_estimates_are_those_of_the_definition(k, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 120))
    ours = continuous_scores(x[None], y, k)
    assert_allclose(ours, definition(x, y, k), rtol=0, atol=1e-12)
    codes = (y > 0.3).astype(np.int32)
    ours = class_scores(x[None], codes[None], 2, k)
    assert_allclose(ours, class_definition(x, codes, k), rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10, 50])
def test_ties_are_those_of_the_definition(k, seed):
    x, y, codes = tied(seed)
    ours = continuous_scores(np.array([x, y]), y, k)
    wanted = [definition(x, y, k), definition(y, y, k)]
    assert_allclose(ours, wanted, rtol=0, atol=1e-12)
    ours = class_scores(np.array([x, y]), codes[None], 3, k)
    wanted = [class_definition(x, codes, k), class_definition(y, codes, k)]
    assert_allclose(ours, wanted, rtol=0, atol=1e-12)


def test_symmetry(seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 300))
    one, other = continuous_scores(x[None], y, 5), continuous_scores(y[None], x, 5)
    assert_allclose(one, other, rtol=0, atol=1e-12)
    x, y, _ = tied(seed)
    one, other = continuous_scores(x[None], y, 5), continuous_scores(y[None], x, 5)
    assert_allclose(one, other, rtol=0, atol=1e-12)


def test_equal_gaps_of_integers_stay_ties(seed):
    # Scaled values would differ in the last digit, and with them who is a neighbour.
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 40, (2, 150)).astype(float)
    ours = [continuous_scores(f * x[None], f * y, 5)[0] for f in (0.25, 1.0, 64.0)]
    assert ours[0] == ours[1] == ours[2]
    y = rng.permutation(x)  # of the same deviation, so that none is needed
    wanted = definition(x, y, 5)
    assert_allclose(continuous_scores(x[None], y, 5), wanted, rtol=0, atol=1e-12)
    codes = (y > 20).astype(np.int32)
    ours = class_scores(x[None], codes[None], 2, 5)
    assert_allclose(ours, class_definition(x, codes, 5), rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [3, 10])
def test_golden_values(k):
    X, y, _ = golden_data()
    block = standardise(np.ascontiguousarray(X.T))
    scores = continuous_scores(block, standardise(y[None])[0], k)
    wanted = GOLDEN[f"knn_{k}"]
    assert_allclose(scores[: len(wanted)], wanted, rtol=0, atol=1e-7)


def test_uniform_noise_has_a_closed_form():
    # y = x + theta u, both uniform: theta / 2 - log(theta).
    x, u = np.random.default_rng(0).random((2, 20_000))
    for theta in (0.1, 0.5):
        y = standardise((x + theta * u)[None])[0]
        score = continuous_scores(standardise(x[None]), y, 3)[0]
        assert abs(score - (theta / 2 - np.log(theta))) < 0.03


def test_classes_of_one_member_take_no_part(seed):
    rng = np.random.default_rng(seed)
    x, codes = rng.standard_normal((1, 50)), np.r_[np.zeros(30), np.ones(20)]
    codes = codes.astype(np.int32)[None]
    wanted = class_scores(x, codes, 2, 3)
    more = np.concatenate([x, rng.standard_normal((1, 2))], axis=1)
    labels = np.concatenate([codes, np.array([[2, 3]], np.int32)], axis=1)
    assert_allclose(class_scores(more, labels, 4, 3), wanted, rtol=0, atol=1e-13)
    alone = np.arange(50, dtype=np.int32)[None]
    assert class_scores(x, alone, 50, 3)[0] == 0.0


def test_one_row_of_values_serves_all_codes(seed):
    rng = np.random.default_rng(seed)
    x, codes = rng.standard_normal((1, 60)), rng.integers(0, 3, (4, 60))
    codes = codes.astype(np.int32)
    apart = [class_scores(x, codes[j : j + 1], 3, 4)[0] for j in range(4)]
    assert_allclose(class_scores(x, codes, 3, 4), apart, rtol=0, atol=1e-14)
