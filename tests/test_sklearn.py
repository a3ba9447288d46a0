"""What is built on private names of scikit-learn."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

from skextras._sklearn import format_search_results


def test_results_are_laid_out_as_by_grid_search():
    rng = np.random.default_rng(0)
    X, y = np.zeros((20, 1)), rng.integers(0, 2, 20)
    grid = {"strategy": ["most_frequent", "prior"], "random_state": [0, 1]}
    search = GridSearchCV(DummyClassifier(), grid, cv=3).fit(X, y).cv_results_
    scores = np.array([search[f"split{split}_test_score"] for split in range(3)]).T
    out = [
        {"test_scores": score, "fit_time": 2.0, "score_time": 1.0}
        for score in scores.ravel()
    ]
    ours = format_search_results(search["params"], 3, out)
    assert ours.keys() == search.keys()
    for key in search:
        if "time" not in key:
            np.testing.assert_array_equal(ours[key], search[key])
            assert type(ours[key]) is type(search[key])
    assert ours["mean_fit_time"].tolist() == [2.0] * 4
    assert ours["std_score_time"].tolist() == [0.0] * 4
