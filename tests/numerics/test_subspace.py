"""Decompositions of moments and of rows, ranks, counts, merged folds, signs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.scatter import empty_scatter, merge_scatters, update_scatter
from skextras.numerics.subspace import (
    component_cap,
    count_for_share,
    merge_without,
    moment_spectrum,
    orient,
    row_spectrum,
)


def rows(seed, n_rows=60, n_features=12, rank=None, mean=3.0):
    rng = np.random.default_rng(seed)
    rank = n_features if rank is None else rank
    scales = 2.0 ** -np.arange(rank)
    x = rng.standard_normal((n_rows, rank)) * scales
    turn = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    return x @ turn[:rank] + mean


def spectrum_of(x, **options):
    return moment_spectrum(update_scatter(empty_scatter(x.shape[1]), x), **options)


def test_moments_give_the_eigenvectors_of_numpy(seed):
    x = rows(seed)
    spectrum = spectrum_of(x)
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert_allclose(spectrum.eigenvalues, values, rtol=1e-8)
    assert_allclose(spectrum.mean, x.mean(axis=0), rtol=1e-12)
    V = spectrum.directions
    assert_allclose(V.T @ V, np.eye(12), atol=1e-12)
    assert_allclose(np.cov(x.T) @ V, V * values, atol=1e-12 * values[0])
    assert (spectrum.rank, spectrum.n_rows) == (12, 60)


@pytest.mark.parametrize("n_rows", [11, 12, 13])
@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
def test_rows_and_moments_agree(seed, n_rows, scale):
    x = scale * rows(seed, n_rows)
    few, all_of = row_spectrum(x), spectrum_of(x)
    assert few.rank == all_of.rank == min(n_rows - 1, 12)
    r = few.rank
    top = few.eigenvalues[0]
    assert_allclose(few.eigenvalues[:r], all_of.eigenvalues[:r], atol=1e-13 * top)
    for k in (1, 3, r - 1):
        A, B = few.directions[:, :k], all_of.directions[:, :k]
        assert_allclose(A @ A.T, B @ B.T, atol=1e-8)
    assert_allclose(few.directions.T @ few.directions, np.eye(r), atol=1e-12)


def test_rows_of_small_variance_stay_orthogonal(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 90)) * np.arange(1.0, 91) ** -3
    spectrum = row_spectrum(x)
    V = spectrum.directions
    assert_allclose(V.T @ V, np.eye(spectrum.rank), atol=1e-13)


@pytest.mark.parametrize("decompose", [row_spectrum, spectrum_of])
def test_rank_of_deficient_and_constant_rows(seed, decompose):
    x = rows(seed, n_rows=10, rank=4, mean=1e6)
    assert decompose(x).rank == 4
    constant = decompose(np.full((10, 12), 0.1))
    assert constant.rank == 0
    assert_array_equal(constant.eigenvalues, 0)
    assert_array_equal(decompose(x[:2]).rank, 1)


@pytest.mark.parametrize("decompose", [row_spectrum, spectrum_of])
def test_rounding_of_single_precision_is_no_rank(seed, decompose):
    x = rows(seed, n_rows=11, rank=4, mean=0.0).astype(np.float32)
    assert decompose(x, single=True).rank == 4
    # A direction of that many digits less is rounding in float32 only.
    small = np.diag([1.0, 1e-4, 0.0])
    assert decompose(small).rank == 2
    assert decompose(small, single=True).rank == 1


def test_cap_leaves_something_to_measure(seed):
    x = rows(seed, n_features=5)
    assert component_cap(spectrum_of(x)) == 4
    assert component_cap(spectrum_of(x), spare=1) == 4
    assert component_cap(row_spectrum(x[:3])) == 2
    assert component_cap(row_spectrum(x[:3]), spare=1) == 1
    assert component_cap(spectrum_of(np.ones((4, 5))), spare=1) == 0
    assert component_cap(spectrum_of(np.arange(4.0)[:, None])) == 0


@pytest.mark.parametrize(
    ("share", "count"), [(0.1, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.76, 3), (0.99, 3)]
)
def test_count_for_share(share, count):
    assert count_for_share(np.array([2.0, 1.0, 1.0]), share) == count
    assert count_for_share(np.array([2.0]), share, total=4.0) == min(count, 2)


def test_merge_without_equals_merging_two_by_two(seed):
    x = rows(seed, mean=1e8)
    states = [update_scatter(empty_scatter(12), part) for part in np.split(x, 4)]
    states.insert(1, empty_scatter(12))
    before = [state.scatter.copy() for state in states]
    for left_out in (None, 0, 1, 4):
        kept = [state for i, state in enumerate(states) if i != left_out]
        pair = kept[0]
        for state in kept[1:]:
            pair = merge_scatters(pair, state)
        merged = merge_without(states, left_out)
        assert merged.weight == pair.weight
        assert_allclose(merged.mean, pair.mean, rtol=1e-15)
        assert_allclose(merged.scatter, pair.scatter, rtol=1e-10, atol=1e-12)
        assert_array_equal(merged.scatter, merged.scatter.T)
    for state, scatter in zip(states, before, strict=True):
        assert_array_equal(state.scatter, scatter)


def test_merge_without_of_nothing():
    merged = merge_without([empty_scatter(3)] * 3, 1)
    assert merged.weight == 0
    assert_array_equal(merged.scatter, np.zeros((3, 3)))


def test_merge_without_keeps_the_digits_of_small_folds(seed):
    rng = np.random.default_rng(seed)
    small, large = rng.standard_normal((9, 3)), 1e9 * rng.standard_normal((9, 3))
    states = [update_scatter(empty_scatter(3), x) for x in (small, large)]
    expected = 8 * np.cov(small.T)
    assert_allclose(merge_without(states, 1).scatter, expected, rtol=1e-12)


def test_orient_ignores_signs_and_ties(seed):
    rng = np.random.default_rng(seed)
    components = rng.standard_normal((6, 9))
    flipped = components * rng.choice([-1.0, 1.0], (6, 1))
    assert_array_equal(orient(components.copy()), orient(flipped))
    assert (np.abs(orient(components.copy())) == np.abs(components)).all()
    half = np.sqrt(0.5)
    for noise in (1e-12, -1e-12):
        for sign in (1, -1):
            tie = sign * np.array([[half + noise, -half]])
            assert orient(tie)[0, 0] > 0
    assert orient(np.empty((0, 4))).shape == (0, 4)
