import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information as sklearn_expected

from skextras.numerics.information import (
    column_margins,
    entropy,
    expected_mutual_information,
    random_table_information,
    score_tables,
    table_score,
)


def random_table(seed, n, shape):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)
    table = np.zeros(shape, int)
    np.add.at(table, (rows, columns), 1)
    return table, rows, columns


@pytest.mark.parametrize(
    ("n", "shape"), [(20, (2, 2)), (60, (7, 3)), (1050, (16, 16)), (3000, (40, 6))]
)
def test_expected_information_is_scikit_learns(n, shape, seed):
    table, _, _ = random_table(seed, n, shape)
    expected = sklearn_expected(table[table.sum(axis=1) > 0], n)
    ours = expected_mutual_information(table.sum(axis=1), table.sum(axis=0))
    assert_allclose(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "shape"), [(60, (7, 3)), (1050, (16, 16))])
def test_score_is_information_less_its_expectation(n, shape, seed):
    table, rows, columns = random_table(seed, n, shape)
    information = mutual_info_score(rows, columns)
    expected = sklearn_expected(table[table.sum(axis=1) > 0], n)
    assert_allclose(table_score(table), information - expected, rtol=0, atol=1e-12)


def test_expectation_is_the_mean_over_all_permutations():
    # 3 + 2 against 2 + 2 + 1: every arrangement of five rows, by hand.
    from itertools import permutations

    codes, labels = [0, 0, 0, 1, 1], (0, 0, 1, 1, 2)
    every = [mutual_info_score(codes, order) for order in permutations(labels)]
    ours = expected_mutual_information([3, 2], [2, 2, 1])
    assert_allclose(ours, np.mean(every), rtol=1e-12)


def test_score_is_symmetric_and_below_the_entropy(seed):
    table, _, _ = random_table(seed, 300, (9, 4))
    assert_allclose(table_score(table), table_score(table.T), atol=1e-13)
    full = np.diag(table.sum(axis=0))
    assert table_score(full) < entropy(table.sum(axis=0))
    information = table_score(full) + expected_mutual_information(
        table.sum(axis=0), table.sum(axis=0)
    )
    assert_allclose(information, entropy(table.sum(axis=0)), rtol=1e-12)


def test_empty_rows_and_columns_change_nothing(seed):
    table, _, _ = random_table(seed, 100, (4, 3))
    wide = np.zeros((6, 5), int)
    wide[np.ix_([0, 2, 3, 5], [1, 2, 4])] = table
    assert_allclose(table_score(wide), table_score(table), rtol=0, atol=1e-14)


def test_many_tables_share_one_memo(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 200)
    margins = column_margins(np.bincount(y, minlength=3))
    tables = []
    for n_rows in (2, 5, 9):
        table = np.zeros((n_rows, 3), int)
        np.add.at(table, (rng.integers(0, n_rows, 200), y), 1)
        tables.append(table)
    flat = np.concatenate([table.ravel() for table in tables])
    starts = np.cumsum([0, *(table.size for table in tables)])
    found = score_tables(flat, starts, margins)
    assert_allclose(found.scores, [table_score(t) for t in tables], atol=1e-14)
    assert found.smallest.tolist() == [table.sum(axis=1).min() for table in tables]
    expected = [expected_mutual_information(t.sum(1), t.sum(0)) for t in tables]
    assert_allclose(found.expected, expected, atol=1e-13)
    again = score_tables(flat, starts, margins)
    assert again.scores.tolist() == found.scores.tolist()


def test_constant_table_scores_exactly_zero():
    found = score_tables(
        np.array([3, 4, 5]), np.array([0, 3]), column_margins([3, 4, 5])
    )
    assert found.scores[0] == 0.0
    assert found.expected[0] == 0.0


def test_entropy_of_equal_counts():
    assert_allclose(entropy(np.full(7, 3)), np.log(7), rtol=1e-15)
    assert entropy([5, 0, 0]) == 0.0


def test_random_tables_have_the_exact_mean():
    rows, columns = [50, 30, 20, 0], [60, 40]
    sample = random_table_information(rows, columns, 20_000, np.random.default_rng(0))
    expected = expected_mutual_information(rows, columns)
    error = sample.std() / np.sqrt(len(sample))
    assert abs(sample.mean() - expected) < 5 * error
    assert len(sample) == 20_000
