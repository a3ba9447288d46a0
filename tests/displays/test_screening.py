"""The display of screened features: what is drawn, in which order, and from what."""

import sys

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skextras import MIScreener, mi_scores
from skextras.displays import ScreeningDisplay

plt = pytest.importorskip("matplotlib.pyplot")

_LINE = "least score selected"
_EVEN = "if no feature told anything"


@pytest.fixture(scope="module")
def table():
    """Forty features, five of them linear effects."""
    return make_regression(300, 40, n_informative=5, noise=1.0, random_state=0)


@pytest.fixture
def screener(table):
    return MIScreener(k=6).fit(*table)


def drawn(points):
    return points.get_xdata().tolist(), points.get_ydata().tolist()


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def test_scores_of_a_screener(screener):
    display = ScreeningDisplay.from_estimator(screener)
    others, chosen = display.points_
    best = np.sort(screener.scores_)[::-1].tolist()
    assert drawn(chosen) == ([1, 2, 3, 4, 5, 6], best[:6])
    assert drawn(others) == (list(range(7, 41)), best[6:])
    assert set(display.line_.get_ydata()) == {best[5]}
    assert labels(display) == ["not selected (34)", "selected (6)", _LINE]
    assert display.ax_.get_ylabel() == "mutual information (nats)"
    assert display.ax_.get_xlabel() == "rank of the feature"
    assert display.ax_.get_xscale() == "linear"
    assert display.bars_ is None
    assert display.kind == "scores"
    np.testing.assert_array_equal(display.values, screener.scores_)
    np.testing.assert_array_equal(display.support, screener.support_)


def test_p_values_of_a_screener(screener):
    display = ScreeningDisplay.from_estimator(screener, kind="pvalues", bins=10)
    others, chosen = display.bars_
    edges = np.linspace(0, 1, 11)
    for bars, mask in ((others, ~screener.support_), (chosen, screener.support_)):
        counts, _ = np.histogram(screener.pvalues_[mask], edges)
        np.testing.assert_array_equal(heights(bars), counts)
    # The selected stand below, where the eye looks for them.
    assert chosen[0].get_y() == 0
    assert others[0].get_y() == chosen[0].get_height() > 0
    assert set(display.line_.get_ydata()) == {4}
    assert display.points_ is None
    assert display.ax_.get_xlabel() == "p-value"
    assert display.ax_.get_ylabel() == "number of features"
    assert set(labels(display)) == {"not selected (34)", "selected (6)", _EVEN}


def test_selected_features_need_not_be_the_best():
    """P-values of features with gaps select others than the scores do."""
    scores = np.array([0.5, 0.1, 0.3, 0.2])
    mask = np.array([True, False, False, True])
    display = ScreeningDisplay.from_predictions(scores, support=mask)
    others, chosen = display.points_
    assert drawn(chosen) == ([1, 3], [0.5, 0.2])
    assert drawn(others) == ([2, 4], [0.3, 0.1])
    assert set(display.line_.get_ydata()) == {0.2}


def test_equal_scores_stand_in_the_order_of_selection():
    scores = np.array([0.3, 0.5, 0.3, 0.3])
    mask = np.array([True, True, False, False])
    others, chosen = ScreeningDisplay.from_predictions(scores, support=mask).points_
    assert drawn(chosen)[0] == [1, 2]
    assert drawn(others)[0] == [3, 4]


@pytest.mark.parametrize("kind", ["scores", "pvalues"])
def test_missing_values_are_left_out(kind):
    values = np.array([0.3, np.nan, 0.1, np.nan])
    mask = np.array([True, False, False, False])
    display = ScreeningDisplay.from_predictions(values, kind=kind, support=mask)
    assert "not selected (1)" in labels(display)
    if kind == "scores":
        assert [drawn(p) for p in display.points_] == [([2], [0.1]), ([1], [0.3])]
    else:
        assert sum(heights(bars).sum() for bars in display.bars_) == 2
        assert set(display.line_.get_ydata()) == {2 / 20}


def test_nothing_selected(table):
    fitted = MIScreener(threshold=1e3).fit(*table)
    display = ScreeningDisplay.from_estimator(fitted)
    assert display.line_ is None
    assert labels(display) == ["not selected (40)"]
    display = ScreeningDisplay.from_estimator(fitted, kind="pvalues")
    assert set(labels(display)) == {"not selected (40)", _EVEN}


def test_without_a_selection(table):
    scores, p_values = mi_scores(*table)
    display = ScreeningDisplay.from_predictions(scores)
    assert labels(display) == ["features (40)"]
    assert display.line_ is None
    assert display.ax_.get_ylabel() == "score"
    display = ScreeningDisplay.from_predictions(p_values.tolist(), kind="pvalues")
    assert set(labels(display)) == {"features (40)", _EVEN}
    np.testing.assert_array_equal(display.values, p_values)


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("pearson", "absolute correlation"),
        ("gaussian", "mutual information (nats)"),
        ("knn", "mutual information (nats)"),
    ],
)
def test_label_says_what_the_scores_are(table, method, label):
    fitted = MIScreener(method).fit(*table)
    assert ScreeningDisplay.from_estimator(fitted).ax_.get_ylabel() == label
    named = ScreeningDisplay.from_estimator(fitted, label="relevance")
    assert named.ax_.get_ylabel() == named.label == "relevance"


def test_selectors_of_scikit_learn(table):
    fitted = SelectKBest(f_regression, k=3).fit(*table)
    display = ScreeningDisplay.from_estimator(fitted)
    assert len(display.points_[1].get_xdata()) == 3
    assert display.ax_.get_ylabel() == "score"
    display = ScreeningDisplay.from_estimator(fitted, kind="pvalues")
    np.testing.assert_array_equal(display.values, fitted.pvalues_)


def test_many_features_have_a_logarithmic_axis():
    values = np.linspace(1, 0, 101)
    for n, log, wanted in (
        (101, None, "log"),
        (100, None, "linear"),
        (101, False, "linear"),
        (5, True, "log"),
    ):
        display = ScreeningDisplay.from_predictions(values[:n], log=log)
        assert display.ax_.get_xscale() == wanted


def test_a_great_many_points_are_no_vector_graphic():
    for n, wanted in ((10_000, False), (10_001, True)):
        display = ScreeningDisplay.from_predictions(np.linspace(1, 0, n))
        assert bool(display.points_[0].get_rasterized()) is wanted


def test_given_axes_and_a_second_drawing(screener):
    figure, (left, right) = plt.subplots(1, 2)
    display = ScreeningDisplay.from_estimator(screener, ax=left, legend=False)
    assert display.ax_ is left
    assert display.figure_ is figure
    assert left.get_legend() is None
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert len(figure.axes) == 2


def test_screener_without_p_values(table):
    fitted = MIScreener("knn").fit(*table)
    message = r"MIScreener has no pvalues_ to draw\. Set alpha or pvalues="
    with pytest.raises(ValueError, match=message):
        ScreeningDisplay.from_estimator(fitted, kind="pvalues")
    with pytest.raises(
        ValueError, match=r"VarianceThreshold has no scores_ to draw\.$"
    ):
        ScreeningDisplay.from_estimator(VarianceThreshold().fit(table[0]))


def test_other_estimators_are_refused(table, screener):
    pipeline = make_pipeline(screener, LinearRegression())
    with pytest.raises(TypeError, match=r"got Pipeline\. Of a pipeline, pass the step"):
        ScreeningDisplay.from_estimator(pipeline)
    ScreeningDisplay.from_estimator(pipeline.fit(*table)[0])
    with pytest.raises(NotFittedError):
        ScreeningDisplay.from_estimator(MIScreener())


@pytest.mark.parametrize(
    ("values", "params", "message"),
    [
        ([0.1], {"kind": "p"}, "kind must be .* got 'p'"),
        ([[0.1]], {}, r"values must have the shape .* got \(1, 1\)"),
        ([np.inf], {}, "values contains infinity"),
        ([np.nan], {}, "nothing to draw"),
        ([], {}, "nothing to draw"),
        ([0.5, 1.5], {"kind": "pvalues"}, "reaches from 0.5 to 1.5"),
        ([-0.5, 1], {"kind": "pvalues"}, "reaches from -0.5 to 1"),
        ([0.1], {"support": [True, False]}, r"mask of 1 features, got the shape \(2,"),
        ([0.1], {"support": [0]}, r"mask of 1 features, got the shape \(1,\) of int"),
    ],
)
def test_bad_predictions(values, params, message):
    with pytest.raises(ValueError, match=message):
        ScreeningDisplay.from_predictions(values, **params)


def test_bad_kind_of_a_screener(screener):
    with pytest.raises(ValueError, match=r"kind must be .* got 'mi'"):
        ScreeningDisplay.from_estimator(screener, kind="mi")


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        ScreeningDisplay.from_predictions([0.1])
