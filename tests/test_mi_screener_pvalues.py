import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from screening_cases import drop, mixed_data
from sklearn import config_context

from skextras import MIScreener
from skextras._mi_screener_pvalues import (
    ContingencyLaws,
    NullScores,
    _null_sizes,
    count_above,
)
from skextras._mi_screener_screen import make_scorer
from skextras._mi_screener_target import read_target
from skextras.numerics.information import (
    column_margins,
    expected_mutual_information,
    score_tables,
)


def law_of(table, **options):
    margins = column_margins(table.sum(axis=0))
    starts = np.array([0, table.size])
    found = score_tables(table.ravel(), starts, margins)
    laws = ContingencyLaws(0, 2000, options.get("permutation", False))
    return laws.p_values(found, table.ravel(), starts, margins)[0], found, laws


def test_filled_tables_follow_chi_squared():
    table = np.array([[30, 20, 10], [15, 25, 30]])
    p_value, found, laws = law_of(table)
    expected = expected_mutual_information(table.sum(1), table.sum(0))
    n, information = table.sum(), found.scores[0] + expected
    wanted = stats.chi2(2 * n * expected).sf(2 * n * information)
    assert_allclose(p_value, wanted, rtol=1e-10)
    assert not laws.known


def test_empty_cells_take_random_tables():
    table = np.array([[40, 2], [1, 3], [50, 4]])
    p_value, _, laws = law_of(table)
    (variance,) = laws.known.values()
    expected = expected_mutual_information(table.sum(1), table.sum(0))
    assert 0.5 < variance / (expected / table.sum()) < 3
    counted, _, _ = law_of(table, permutation=True)
    assert abs(counted - p_value) < 0.05


def test_small_table_by_hand():
    # Of the 70 ways to choose four of eight, two are as far from chance.
    p_value, _, _ = law_of(np.array([[4, 0], [0, 4]]), permutation=True)
    assert abs(p_value - 2 / 70) < 5 * np.sqrt(2 / 70 / 2000)


def test_order_of_rows_and_columns_shares_a_law():
    table = np.array([[40, 2], [1, 3], [50, 4]])
    one, _, _ = law_of(table)
    other, _, _ = law_of(np.ascontiguousarray(table[::-1, ::-1]))
    assert_allclose(one, other, rtol=1e-9)


def test_counting_includes_ties_and_the_score_itself():
    null = np.array([0.1, 0.2, 0.2, 0.3])
    assert count_above(null, 0.2) == 4 / 5
    assert count_above(null, 0.2 + 1e-15) == 4 / 5
    assert_array_equal(count_above(null, [0.0, 0.4]), [1.0, 1 / 5])


def test_null_sizes():
    assert _null_sizes(np.array([50, 60])).tolist() == [50, 60]
    sizes = _null_sizes(np.arange(100, 1001))
    assert len(sizes) <= 8
    assert sizes[0] == 100
    assert sizes[-1] == 1000


def nulls_of(y, permutation, method="fftkde", n=2000):
    params, (target, _) = MIScreener(method), read_target(y, "auto")
    return NullScores(lambda part: make_scorer(params, part), target, 0, n, permutation)


@pytest.mark.parametrize("method", ["fftkde", "knn"])
@pytest.mark.parametrize("discrete", [False, True])
def test_null_scores_are_uniform(method, discrete):
    rng = np.random.default_rng(0)
    y = rng.standard_normal(200)
    y = np.where(y > 0, "a", "b") if discrete else y
    X = rng.exponential(size=(200, 400))
    fitted = MIScreener(method, alpha=0.1, random_state=0).fit(X, y)
    assert stats.kstest(fitted.pvalues_, "uniform").statistic < 0.1
    counted = MIScreener(method, pvalues="permutation", random_state=0).fit(X, y)
    assert np.abs(fitted.pvalues_ - counted.pvalues_).max() < 0.06


def test_null_of_levels():
    rng = np.random.default_rng(1)
    y = rng.standard_normal(150)
    X = rng.integers(0, 3, (150, 300)).astype(float)
    for method in ("fftkde", "knn"):
        nulls = nulls_of(y, True, method, 500)
        scores = MIScreener(method).fit(X, y).scores_
        counts = [np.bincount(x.astype(int)) for x in X.T]
        p_values = nulls.discrete(scores[:20], np.full(20, 150), counts[:20])
        assert 0.2 < p_values.mean() < 0.8
        straight = MIScreener(method, alpha=0.5, random_state=0).fit(X[:, :20], y)
        assert np.abs(straight.pvalues_ - p_values).max() < 0.12


@pytest.mark.parametrize("permutation", [False, True])
def test_nulls_between_numbers_of_samples(permutation):
    rng = np.random.default_rng(2)
    y = rng.standard_normal(300)
    nulls = nulls_of(y, permutation)
    # 250 alone has its own null, among many sizes it lies between two.
    score = np.full(1, 0.03)
    alone = nulls.continuous(score, np.array([250]))[0]
    sizes = np.arange(100, 301)
    among = nulls.continuous(np.full(len(sizes), 0.03), sizes)
    assert abs(among[150] - alone) < 0.05
    assert (np.diff(among) < 0.02).all()  # more samples, less chance
    assert among[0] > among[-1]


def test_p_values_do_not_depend_on_blocks_or_threads():
    X, y = mixed_data(3)
    X = drop(X, 3)
    for method in ("binning", "fftkde", "knn"):
        params = {"alpha": 0.1, "random_state": 0, "n_permutations": 200}
        wanted = MIScreener(method, **params).fit(X, y).pvalues_
        with config_context(working_memory=0.001):
            fitted = MIScreener(method, n_jobs=2, **params).fit(X, y)
        assert_array_equal(fitted.pvalues_, wanted)


def test_correlations_have_students_law(seed):
    X, y = mixed_data(seed)
    fitted = MIScreener("pearson").fit(X, y)
    wanted = [stats.pearsonr(x, y).pvalue for x in X.T]
    assert_allclose(fitted.pvalues_, wanted, rtol=1e-8)
    counted = MIScreener("pearson", pvalues="permutation", random_state=0).fit(X, y)
    assert np.abs(counted.pvalues_ - wanted).max() < 0.06
