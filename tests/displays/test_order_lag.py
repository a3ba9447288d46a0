"""Accuracy over order and lag, drawn."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline

from skextras import AugmentedCovariance
from skextras.displays import OrderLagDisplay

plt = pytest.importorskip("matplotlib.pyplot")

ORDER, LAG = "augmentedcovariance__order", "augmentedcovariance__lag"
ALPHA = "ridgeclassifier__alpha"


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


class Search(BaseEstimator):
    """The results of a search, without the search."""

    def __init__(self, params, scores, best_index=None):
        self.cv_results_ = {"params": params, "mean_test_score": np.array(scores)}
        if best_index is not None:
            self.best_index_ = best_index

    def fit(self):
        """Make it an estimator for check_is_fitted."""


def settings(*pairs, **others):
    return [{ORDER: order, LAG: lag, **others} for order, lag in pairs]


def written(display):
    """The texts of the cells."""
    return [[t and t.get_text() for t in row] for row in display.text_]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = rng.standard_normal((30, 2, 60))
    # The classes differ in their spectra.
    X[y == 1, :, 4:] += X[y == 1, :, :-4]
    return X, y


def make_grid_search(grid, **options):
    pipeline = make_pipeline(
        AugmentedCovariance(lag=2, output="vector"), RidgeClassifier()
    )
    return GridSearchCV(pipeline, grid, cv=3, **options)


def test_scores_of_a_grid_search(data):
    search = make_grid_search({ORDER: [1, 2, 3], LAG: [4, 2], ALPHA: [0.1, 10.0]})
    display = OrderLagDisplay.from_estimator(search.fit(*data))
    assert display.orders == [1, 2, 3]
    assert display.lags == [2, 4]
    results = search.cv_results_
    for i, order in enumerate(display.orders):
        for j, lag in enumerate(display.lags):
            rows = (results[f"param_{ORDER}"] == order) & (
                results[f"param_{LAG}"] == lag
            )
            assert display.scores[i, j] == results["mean_test_score"][rows].max()
            assert display.text_[i, j].get_text() == f"{display.scores[i, j]:.2f}"
            assert display.text_[i, j].get_position() == (j, i)
    assert display.scores[display.best] == search.best_score_
    best = display.orders[display.best[0]], display.lags[display.best[1]]
    assert best == (search.best_params_[ORDER], search.best_params_[LAG])
    assert not display.failed.any()


def test_axes_of_a_search(data):
    search = make_grid_search({ORDER: [2, 5], LAG: [3, 4, 6]}).fit(*data)
    display = OrderLagDisplay.from_estimator(search)
    assert tick_labels(display.ax_.xaxis) == ["3", "4", "6"]
    assert tick_labels(display.ax_.yaxis) == ["2", "5"]
    assert display.ax_.get_xlabel() == "lag (samples)"
    assert display.ax_.get_ylabel() == "order (delayed copies)"
    assert display.colorbar_.ax.get_ylabel() == "mean test score"
    labelled = OrderLagDisplay.from_estimator(search, label="accuracy")
    assert labelled.colorbar_.ax.get_ylabel() == "accuracy"


def test_randomized_search_leaves_cells_blank(data):
    search = RandomizedSearchCV(
        make_grid_search({}).estimator,
        {ORDER: [2, 3, 4], LAG: [1, 2, 3]},
        n_iter=4,
        cv=2,
        random_state=0,
    ).fit(*data)
    display = OrderLagDisplay.from_estimator(search)
    assert np.isfinite(display.scores).sum() == 4
    assert not display.failed.any()
    blank = np.isnan(display.scores)
    np.testing.assert_array_equal(np.ma.getmaskarray(display.image_.get_array()), blank)
    assert sum(text is None for text in display.text_.flat) == blank.sum()


def test_failed_settings_are_hatched(data):
    search = make_grid_search({ORDER: [2, 15], LAG: [1, 5]})
    with (
        pytest.warns(FitFailedWarning, match="3 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*data)
    display = OrderLagDisplay.from_estimator(search)
    # 15 copies 5 samples apart are longer than the epochs.
    np.testing.assert_array_equal(display.failed, [[False, False], [False, True]])
    hatched = [patch for patch in display.ax_.patches if patch.get_hatch()]
    assert len(hatched) == 1
    assert hatched[0].get_x() + hatched[0].get_width() / 2 == 1
    assert hatched[0].get_y() + hatched[0].get_height() / 2 == 1
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["best", "failed"]


def test_one_failure_of_several_leaves_the_score():
    params = settings((2, 1), (2, 1))
    display = OrderLagDisplay.from_estimator(Search(params, [np.nan, 0.5]))
    assert written(display) == [["0.50"]]
    assert not display.failed.any()


def test_all_failed():
    search = Search(settings((2, 1), (3, 1)), [np.nan, np.nan], best_index=0)
    display = OrderLagDisplay.from_estimator(search)
    assert display.failed.all()
    assert display.best is None
    assert display.colorbar_ is None
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["failed"]


def test_order_one_is_shown_for_every_lag(data):
    grids = [{ORDER: [1]}, {ORDER: [2], LAG: [3, 4]}]
    search = make_grid_search(grids).fit(*data)
    display = OrderLagDisplay.from_estimator(search)
    # The pipeline's own lag, 2, does not matter.
    assert display.lags == [3, 4]
    expected = search.cv_results_["mean_test_score"][0]
    np.testing.assert_array_equal(display.scores[0], [expected, expected])
    assert not display.failed.any()


def test_order_one_with_an_automatic_lag():
    params = settings((1, "auto"), (2, 3), (2, 5))
    display = OrderLagDisplay.from_estimator(Search(params, [0.9, 0.5, 0.6], 0))
    assert written(display) == [["0.90", "0.90"], ["0.50", "0.60"]]
    assert display.best == (0, 0)


def test_absent_parameter_is_that_of_the_estimator(data):
    search = make_grid_search([{ORDER: [2, 3]}, {ORDER: [2], LAG: [5]}]).fit(*data)
    display = OrderLagDisplay.from_estimator(search)
    # The pipeline's lag is 2.
    assert display.lags == [2, 5]
    np.testing.assert_array_equal(np.isnan(display.scores), [[0, 0], [0, 1]])


def test_names_without_a_step():
    params = [{"order": o, "lag": 2, "C": c} for o in (2, 4) for c in (1, 10)]
    display = OrderLagDisplay.from_estimator(Search(params, [0.1, 0.2, 0.4, 0.3], 2))
    assert written(display) == [["0.20"], ["0.40"]]
    assert display.best == (1, 0)


def test_order_of_another_step_does_not_disturb():
    params = settings((2, 1), (3, 1), other__order=7, svc__flag=1)
    display = OrderLagDisplay.from_estimator(Search(params, [0.1, 0.2]))
    assert display.orders == [2, 3]


def test_best_is_the_choice_of_the_search():
    params = settings((2, 1), (3, 1))
    # A tie: the highest score alone would frame the other.
    tied = OrderLagDisplay.from_estimator(Search(params, [0.5, 0.5], best_index=1))
    assert tied.best == (1, 0)
    assert tied.text_[1, 0].get_fontweight() == "bold"
    frames = [patch for patch in tied.ax_.patches if not patch.get_hatch()]
    assert [f.get_y() + f.get_height() / 2 for f in frames] == [1]
    # refit=False with several metrics has no choice.
    free = OrderLagDisplay.from_estimator(Search(params, [0.3, 0.5]))
    assert free.best == (1, 0)


def test_metrics(data):
    search = make_grid_search(
        {ORDER: [2, 3], LAG: [2, 4]}, scoring=["accuracy", "f1"], refit=False
    ).fit(*data)
    display = OrderLagDisplay.from_estimator(search, metric="f1")
    assert display.scores.max() == search.cv_results_["mean_test_f1"].max()
    assert display.colorbar_.ax.get_ylabel() == "mean test f1"
    with pytest.raises(ValueError, match=r"metric='score' is none .*accuracy.*f1"):
        OrderLagDisplay.from_estimator(search)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([{"svc__C": 1}], r"must have one parameter named order and one named lag"),
        ([{ORDER: 2}], r"Its parameters are \['augmentedcovariance__order'\]"),
        ([{LAG: 2}], r"must have one parameter"),
        ([{"a__order": 2, "b__lag": 1}], r"of the same estimator"),
        ([{"a__order": 2, "a__lag": 1, "b__order": 2, "b__lag": 1}], r"same estimator"),
        ([{"border": 2, "flag": 1}], r"must have one parameter"),
        (settings((2, "auto")), r"augmentedcovariance__lag='auto' has no place"),
        (settings((2, [0, 3])), r"augmentedcovariance__lag=\[0, 3\] has no place"),
        (settings(("auto", 2)), r"augmentedcovariance__order='auto' has no place"),
        (settings((1, "auto")), r"The search has no lag"),
    ],
)
def test_searches_without_order_or_lag(params, message):
    search = Search(params, [0.5] * len(params))
    with pytest.raises(ValueError, match=message):
        OrderLagDisplay.from_estimator(search)


def test_unfitted_search():
    with pytest.raises(NotFittedError):
        OrderLagDisplay.from_estimator(make_grid_search({ORDER: [1], LAG: [1]}))


def test_text_can_be_read_on_its_cell():
    scores = np.array([[0.0, 1.0]])
    display = OrderLagDisplay(scores, [1], [1, 2]).plot(values_format=".0%")
    assert written(display) == [["0%", "100%"]]
    # viridis is dark at its lower end and light at the upper.
    assert [t.get_color() for t in display.text_[0]] == ["white", "black"]
    assert display.ax_.get_legend() is None


def test_scores_are_drawn_on_given_axes():
    _, axes = plt.subplots(1, 2)
    display = OrderLagDisplay(np.array([[0.5]]), [1], [2], best=(0, 0))
    assert display.plot(ax=axes[0], colorbar=False, vmin=0, vmax=2) is display
    assert display.ax_ is axes[0]
    assert display.colorbar_ is None
    assert display.image_.get_clim() == (0, 2)
