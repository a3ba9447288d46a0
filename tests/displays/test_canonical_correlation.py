"""Canonical variates and correlations, drawn."""

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skextras import (
    DeepUnconstrainedCCA,
    UnconstrainedCCA,
    _unconstrained_cca_solvers,
)
from skextras.datasets import load_mfeat, make_correlated_views
from skextras.displays import CanonicalCorrelationDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def rows(seed):
    """Training and other rows of two views."""
    X, Y = make_correlated_views(300, (8, 6), (0.9, 0.6, 0.3), random_state=seed)
    return X[:200], Y[:200], X[200:], Y[200:]


@pytest.fixture
def cca(rows):
    return UnconstrainedCCA(3).fit(*rows[:2])


def draw(*arguments, **options):
    return CanonicalCorrelationDisplay.from_estimator(*arguments, **options)


def offsets(display):
    return [np.asarray(points.get_offsets()) for points in display.scatter_]


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("component", [0, 2])
def test_variates(cca, rows, component):
    x, y = cca.transform(*rows[2:])
    display = draw(cca, *rows[2:], component=component)
    expected = np.column_stack([x[:, component], y[:, component]])
    np.testing.assert_array_equal(offsets(display)[0], expected)
    r = np.corrcoef(x[:, component], y[:, component])[0, 1]
    title = f"component {component}, correlation {r:.2f}"
    assert display.ax_.get_title() == title
    assert display.ax_.get_xlabel() == "variate of view 0"
    assert display.ax_.get_ylabel() == "variate of view 1"
    assert display.lines_ == []
    assert display.ax_.get_legend() is None


def test_correlations(cca, rows):
    x, y = cca.transform(*rows[2:])
    display = draw(cca, *rows[2:], kind="correlations")
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(display.correlations, expected, atol=1e-13)
    assert display.correlations.mean() == pytest.approx(cca.score(*rows[2:]), abs=1e-13)
    training, given = (line.get_ydata() for line in display.lines_)
    np.testing.assert_array_equal(training, cca.canonical_correlations_)
    np.testing.assert_array_equal(given, display.correlations)
    for line in display.lines_:
        np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
    assert legend(display) == ["training rows", "these rows"]
    assert display.ax_.get_xlabel() == "component"
    assert display.ax_.get_ylabel() == "correlation"
    assert display.scatter_ == []
    low, high = display.ax_.get_ylim()
    assert low < min(expected)
    assert high > 1


def test_training_rows_have_the_training_correlations(cca, rows):
    display = draw(cca, *rows[:2], kind="correlations")
    np.testing.assert_allclose(
        display.correlations, cca.canonical_correlations_, atol=1e-12
    )


def test_drawn_again_from_the_same_variates(cca, rows):
    display = draw(cca, *rows[2:])
    first = display.ax_
    assert display.plot(kind="correlations", label="new", linewidth=3) is display
    assert display.ax_ is not first
    assert display.scatter_ == []
    assert legend(display) == ["training rows", "new"]
    assert [line.get_linewidth() for line in display.lines_] == [3, 3]


@pytest.fixture(scope="module")
def digits():
    """Rows of three views, the digits, and an analysis of half of them."""
    mfeat = load_mfeat()
    estimator = UnconstrainedCCA(2, views=mfeat.widths, shrinkage=0.1)
    return estimator.fit(mfeat.data[::2]), mfeat.data[1::2], mfeat.target[1::2]


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (2, 1), np.array([1, 2])])
def test_views_of_one_table(digits, pair):
    estimator, X, _ = digits
    side_by_side = estimator.transform(X)
    display = draw(estimator, X, component=1, pair=pair)
    expected = side_by_side[:, [2 * pair[0] + 1, 2 * pair[1] + 1]]
    np.testing.assert_array_equal(offsets(display)[0], expected)
    assert display.ax_.get_xlabel() == f"variate of view {pair[0]}"
    assert display.ax_.get_ylabel() == f"variate of view {pair[1]}"


def test_correlations_over_pairs(digits):
    estimator, X, y = digits
    # y is no view here, and is ignored.
    display = draw(estimator, X, y, kind="correlations")
    assert display.correlations.mean() == pytest.approx(estimator.score(X), abs=1e-12)
    ylabel = "correlation, mean over pairs of views"
    assert display.ax_.get_ylabel() == ylabel


def test_classes_have_their_colours(digits):
    estimator, X, y = digits
    display = draw(estimator, X, labels=y)
    assert legend(display) == [str(digit) for digit in range(10)]
    points = estimator.transform(X)[:, [0, 2]]
    for digit, found in enumerate(offsets(display)):
        np.testing.assert_array_equal(found, points[y == digit])
    colors = {tuple(points.get_facecolor()[0]) for points in display.scatter_}
    assert len(colors) == 10
    assert display.colorbar_ is None
    names = draw(estimator, X, labels=np.where(y < 5, "low", "high"))
    assert legend(names) == ["high", "low"]


@pytest.mark.parametrize("cmap", ["viridis", "Set3", None])
def test_colours_of_few_classes(cca, rows, cmap):
    labels = np.arange(100) % 3
    display = draw(cca, *rows[2:], labels=labels, cmap=cmap)
    found = [points.get_facecolor()[0, :3] for points in display.scatter_]
    colors = plt.get_cmap(cmap or "tab10")
    places = [0.0, 0.5, 1.0] if cmap == "viridis" else [0, 1, 2]
    np.testing.assert_allclose(found, [colors(place)[:3] for place in places])


def test_values_have_a_colour_bar(cca, rows):
    values = np.linspace(0, 1, 100)
    display = draw(cca, *rows[2:], labels=values, s=30)
    (points,) = display.scatter_
    np.testing.assert_array_equal(points.get_array(), values)
    assert points.get_sizes().tolist() == [30]
    assert display.colorbar_ is not None
    assert display.ax_.get_legend() is None


def test_variates_from_elsewhere(rows):
    x, y = rows[2][:, :2], rows[3][:, :2]
    before = x.copy()
    display = CanonicalCorrelationDisplay.from_predictions(
        [x.tolist(), y], kind="correlations"
    )
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(display.correlations, expected, atol=1e-13)
    assert len(display.lines_) == 1
    assert legend(display) == ["these rows"]
    np.testing.assert_array_equal(x, before)
    given = CanonicalCorrelationDisplay.from_predictions(
        (x, y), kind="correlations", training_correlations=[0.5, 0.4]
    )
    assert given.lines_[0].get_ydata().tolist() == [0.5, 0.4]


def test_a_list_of_labels(rows):
    display = CanonicalCorrelationDisplay([rows[2], rows[2]], labels=["a", "b"] * 50)
    display.plot()
    assert legend(display) == ["a", "b"]
    assert "correlation 1.00" in display.ax_.get_title()


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_scale_and_offset(rows, scale):
    variates = rows[2][:, :2], rows[3][:, :2]
    display = CanonicalCorrelationDisplay(variates)
    moved = CanonicalCorrelationDisplay([scale * (v + 1e3) for v in variates])
    np.testing.assert_allclose(moved.correlations, display.correlations, atol=1e-10)


def test_a_constant_variate_correlates_with_nothing(rows):
    constant = np.full((100, 1), 0.1)
    display = CanonicalCorrelationDisplay.from_predictions([constant, rows[2][:, :1]])
    assert display.correlations.tolist() == [0.0]
    assert display.ax_.get_title() == "component 0, correlation 0.00"


def test_pandas_output(cca, rows):
    pytest.importorskip("pandas")
    expected = draw(cca, *rows[2:]).correlations
    cca.set_output(transform="pandas")
    np.testing.assert_array_equal(draw(cca, *rows[2:]).correlations, expected)


def test_unknown_training_correlations(rows, monkeypatch):
    # Of views too wide for their moments, partial_fit keeps covariances between them.
    monkeypatch.setattr(_unconstrained_cca_solvers, "BUDGET", 1000)
    estimator = UnconstrainedCCA(2, shrinkage=1).partial_fit(*rows[:2])
    assert not hasattr(estimator, "canonical_correlations_")
    display = draw(estimator, *rows[2:], kind="correlations")
    assert legend(display) == ["these rows"]


@pytest.mark.requires_torch
def test_networks(rows):
    deep = DeepUnconstrainedCCA(2, hidden_layer_sizes=(5,), max_iter=1, random_state=0)
    deep.fit(*rows[:2])
    display = draw(deep, *rows[2:], kind="correlations")
    assert display.correlations.mean() == pytest.approx(deep.score(*rows[2:]), abs=1e-5)
    np.testing.assert_array_equal(
        display.lines_[0].get_ydata(), deep.canonical_correlations_
    )


def test_given_axes(cca, rows):
    figure, axes = plt.subplots(1, 2)
    display = draw(cca, *rows[2:], ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "loadings"}, r"kind must be .* got 'loadings'"),
        ({"component": 3}, r"component=3 must be an integer from 0 to 2"),
        ({"component": -1}, r"component=-1 must be"),
        ({"component": 1.0}, r"component=1.0 must be"),
        ({"component": True}, r"component=True must be"),
        ({"pair": (0, 2)}, r"pair=2 must be an integer from 0 to 1"),
        ({"pair": (1, 1)}, r"pair must be two different views, got \(1, 1\)"),
        ({"pair": 1}, r"pair must be two different views, got 1"),
        ({"pair": (0, 1, 0)}, r"pair must be two"),
        ({"labels": np.arange(99)}, r"inconsistent numbers of samples"),
        ({"labels": [str(i) for i in range(100)]}, r"100 classes, of which at most 10"),
    ],
)
def test_bad_options(cca, rows, options, message):
    with pytest.raises(ValueError, match=message):
        draw(cca, *rows[2:], **options)


def test_missing_view(cca, rows):
    with pytest.raises(ValueError, match="y is None: it is the second view"):
        draw(cca, rows[2])


def test_bad_estimators(cca, rows):
    with pytest.raises(NotFittedError):
        draw(UnconstrainedCCA(), *rows[2:])
    with pytest.raises(TypeError, match="got PCA"):
        draw(PCA().fit(rows[0]), rows[0])
    pipeline = make_pipeline(cca)
    with pytest.raises(TypeError, match=r"got Pipeline.*pipeline\[-1\]"):
        draw(pipeline, *rows[2:])


@pytest.mark.parametrize(
    ("variates", "options", "message"),
    [
        ([np.ones((4, 2))], {}, r"at least two views; got the shapes \[\(4, 2\)\]"),
        ([], {}, r"got the shapes \[\]"),
        ([np.ones((4, 2)), np.ones((4, 3))], {}, r"got the shapes .*\(4, 3\)"),
        ([np.ones((4, 2)), np.ones((5, 2))], {}, r"got the shapes .*\(5, 2\)"),
        ([np.ones((1, 2))] * 2, {}, r"1 sample.* minimum of 2"),
        ([np.ones(4)] * 2, {}, r"Expected 2D array"),
        ([np.full((4, 2), np.nan)] * 2, {}, r"variates\[0\] contains NaN"),
        ([np.ones((4, 2))] * 2, {"training_correlations": [1]}, r"1 values for 2 comp"),
    ],
)
def test_bad_variates(variates, options, message):
    with pytest.raises(ValueError, match=message):
        CanonicalCorrelationDisplay.from_predictions(variates, **options)


def test_without_matplotlib(cca, rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        draw(cca, *rows[2:])
