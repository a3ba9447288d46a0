"""Folding of equal rows, and standard units."""

import numpy as np
import pytest

from skextras.numerics.rbf_table import column_units, fold_rows, standard_columns


def random_table(seed, n_rows=40):
    """Few values, so that rows repeat; both zeros among them."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, -0.0, 0.0, 0.1], (n_rows, 2))
    return X, rng.choice([0.5, 2.0], (n_rows, 1)), rng.integers(0, 4, n_rows) * 0.1


def test_folded_rows_are_distinct_sorted_and_keep_the_weights(seed):
    X, Y, weights = random_table(seed)
    folded = fold_rows(X, Y, weights)
    rows = np.hstack(folded[:2])
    expected, which = np.unique(
        np.hstack([X, Y])[weights > 0] + 0.0, axis=0, return_inverse=True
    )
    np.testing.assert_array_equal(rows, expected)
    sums = np.bincount(which.ravel(), weights[weights > 0])
    np.testing.assert_allclose(folded[2], sums, rtol=1e-14)
    assert not np.signbit(rows[rows == 0]).any()


def test_order_and_repetition_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    X, Y, weights = random_table(seed)
    expected = fold_rows(X, Y, weights)
    order = rng.permutation(len(X))
    for found, array in zip(
        fold_rows(X[order], Y[order], weights[order]), expected, strict=True
    ):
        np.testing.assert_array_equal(found, array)
    counts = rng.integers(0, 4, len(X))
    by_weight = fold_rows(X, Y, counts.astype(float))
    repeated = np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0)
    halves = [np.concatenate([a, a]) for a in (X, Y, counts / 2)]
    for other in (fold_rows(*repeated, np.ones(counts.sum())), fold_rows(*halves)):
        for found, array in zip(other, by_weight, strict=True):
            np.testing.assert_array_equal(found, array)


def test_folding_returns_new_arrays():
    X, Y, weights = np.arange(6.0).reshape(3, 2), np.zeros((3, 1)), np.ones(3)
    for found, array in zip(fold_rows(X, Y, weights), (X, Y, weights), strict=True):
        assert not np.shares_memory(found, array)
        assert found.flags.c_contiguous
    assert fold_rows(np.asfortranarray(X), Y, weights)[0].flags.c_contiguous


def test_units_are_weighted_moments(seed):
    rng = np.random.default_rng(seed)
    X, weights = (
        rng.standard_normal((30, 3)) * [1, 1e-7, 1e7] + [0, 1e-6, 5],
        rng.integers(1, 4, 30),
    )
    units = column_units(X, weights.astype(float))
    repeated = np.repeat(X, weights, axis=0)
    np.testing.assert_allclose(units.mean, repeated.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(units.scale, repeated.std(axis=0), rtol=1e-9)
    assert units.varies.all()
    np.testing.assert_array_equal(
        column_units(X, weights.astype(float), scaled=False).scale, 1
    )


def test_constant_columns():
    X = np.full((7, 3), 0.1)
    X[0, 1] += 1e-15
    X[:, 2] = np.arange(7)
    units = column_units(X, np.full(7, 0.3))
    np.testing.assert_array_equal(units.varies, [False, False, True])
    assert units.mean[0] == 0.1
    np.testing.assert_array_equal(units.scale[:2], 1)
    np.testing.assert_array_equal(standard_columns(X, units, rounded=True)[:, :2], 0)
    # Beside what was constant, other rows are told in raw units.
    np.testing.assert_allclose(units.standardise(X + 2)[0, 0], 2)


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e150, 1e300, 1.7e308])
def test_no_overflow(factor):
    X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    units = column_units(factor * X, np.ones(20))
    expected = standard_columns(X, column_units(X, np.ones(20)), rounded=False)
    found = standard_columns(factor * X, units, rounded=False)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_rounding_forgets_the_units(seed):
    rng = np.random.default_rng(seed)
    X, weights = rng.standard_normal((30, 3)), np.ones(30)
    found = [
        standard_columns(Z, column_units(Z, weights), rounded=True)
        for Z in (X, 0.3 * X, X / 7 + 1)
    ]
    np.testing.assert_array_equal(found[0] * 2**26, np.rint(found[0] * 2**26))
    # A value amid two multiples may go either way, as one in a million does.
    for other in found[1:]:
        assert (other != found[0]).mean() < 0.05
        np.testing.assert_allclose(other, found[0], atol=2**-26)
