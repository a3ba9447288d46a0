import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_selection import SelectFdr, SelectFpr, SelectFwe

from skextras._mi_screener_selection import best, select, significant

NAN = np.nan


def test_best_takes_ties_by_index_and_never_nan():
    scores = np.array([0.2, NAN, 0.5, 0.2, 0.2, -1.0])
    assert np.flatnonzero(best(scores, 3)).tolist() == [0, 2, 3]
    assert np.flatnonzero(best(scores, 6)).tolist() == [0, 2, 3, 4, 5]
    assert best(np.full(3, NAN), "all").sum() == 0
    assert best(np.array([NAN, NAN, 1.0]), 2).tolist() == [False, False, True]


def test_shares_of_features():
    scores = np.arange(10.0)
    assert best(scores, 0.3).sum() == 3
    assert best(scores, 0.39).sum() == 3
    assert best(scores, 1e-9).sum() == 1


@pytest.mark.parametrize(
    ("control", "selector"),
    [("fdr_bh", SelectFdr), ("fpr", SelectFpr), ("fwe", SelectFwe)],
)
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_control_is_scikit_learns(control, selector, alpha, seed):
    rng = np.random.default_rng(seed)
    p_values = rng.random(50) ** 3
    p_values[:3] = p_values[3:6]
    theirs = selector(lambda X, y: (1 - p_values, p_values), alpha=alpha)
    theirs.fit(np.zeros((2, 50)), [0, 1])
    assert_array_equal(significant(p_values, alpha, control), theirs.get_support())


def test_benjamini_yekutieli_divides_by_the_harmonic_sum(seed):
    p_values = np.random.default_rng(seed).random(40) ** 4
    level = 0.2 / (1 / np.arange(1, 41)).sum()
    wanted = significant(p_values, level, "fdr_bh")
    assert_array_equal(significant(p_values, 0.2, "fdr_by"), wanted)


def test_missing_p_values_are_no_tests():
    p_values = np.array([0.02, NAN, 0.04, NAN])
    for control in ("fdr_bh", "fwe", "fpr"):
        assert significant(p_values, 0.05, control)[0]
        assert not significant(p_values, 0.05, control)[[1, 3]].any()
    assert significant(p_values, 0.05, "fdr_bh")[2]
    assert not significant(p_values, 0.05, "fwe")[2]
    assert not significant(np.full(3, NAN), 0.05, "fdr_bh").any()


def test_all_rules_must_be_passed():
    scores, p_values = np.array([4.0, 3.0, 2.0, 1.0]), np.array([0.5, 0.0, 0.0, 0.0])
    rules = {"k": 3, "threshold": 2.5, "alpha": 0.1, "control": "fpr"}
    assert select(scores, p_values, **rules).tolist() == [False, True, False, False]
    rules["threshold"] = 2.0
    assert select(scores, p_values, **rules).tolist() == [False, True, True, False]
    rules["alpha"] = None
    assert select(scores, None, **rules).tolist() == [True, True, True, False]
