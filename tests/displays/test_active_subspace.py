"""Importances, spectrum and summary of networks, drawn."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skextras import GaussianRBFNN, GaussianRBFNNClassifier
from skextras.displays import ActiveSubspaceDisplay

plt = pytest.importorskip("matplotlib.pyplot")

QUICK = {"n_centers": 12, "precision": "diag", "tol": 1e-3, "random_state": 0}
GRADIENTS, PRECISION = "by gradients", "by the precision matrix"


@pytest.fixture(scope="module")
def data():
    """A linear and a wave-like effect, and two columns of noise."""
    X = np.random.default_rng(0).uniform(-1, 1, (80, 4))
    noise = np.random.default_rng(1).standard_normal(80)
    return X, X[:, 1] + np.sin(3 * X[:, 2]) + 0.1 * noise


@pytest.fixture(scope="module")
def model(data):
    return GaussianRBFNN(**QUICK).fit(*data)


@pytest.fixture(scope="module")
def labels(data):
    return np.digitize(data[1], [-0.5, 0.5])


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def widths(container):
    return [bar.get_width() for bar in container]


def test_importances(model):
    display = ActiveSubspaceDisplay.from_estimator(model)
    order = np.argsort(-model.feature_importances_)
    assert tick_labels(display.ax_.yaxis) == [f"x{i}" for i in order]
    assert widths(display.bars_) == model.feature_importances_[order].tolist()
    # The first bar is on top.
    low, high = display.ax_.get_ylim()
    assert low > high
    assert legend(display) == [GRADIENTS, PRECISION]
    assert display.ax_.get_xlabel() == "importance"
    outlines = display.ax_.containers[1]
    assert all(bar.get_facecolor()[3] == 0 for bar in outlines)
    # A diagonal matrix: importances are its entries, and blind to the linear effect.
    P = np.diagonal(model.precision_)
    np.testing.assert_allclose(widths(outlines), (P / P.sum())[order], rtol=1e-9)
    assert display.points_ is display.line_ is display.colorbar_ is None


def test_importances_of_the_precision_matrix(data):
    model = GaussianRBFNN(importance="precision", **QUICK).fit(*data)
    display = ActiveSubspaceDisplay.from_estimator(model)
    assert list(display.importances) == [PRECISION, GRADIENTS]
    found = display.importances[PRECISION]
    np.testing.assert_allclose(found, model.feature_importances_, rtol=1e-12)
    gradients = GaussianRBFNN(**QUICK).fit(*data).feature_importances_
    np.testing.assert_allclose(display.importances[GRADIENTS], gradients, rtol=1e-6)


def test_importances_are_those_of_fit(data):
    model = GaussianRBFNN(**QUICK).fit(*data).set_params(importance="precision")
    display = ActiveSubspaceDisplay.from_estimator(model)
    assert list(display.importances) == [GRADIENTS, PRECISION]


def test_only_the_largest_importances_are_shown(model):
    display = ActiveSubspaceDisplay.from_estimator(model, max_features=2)
    assert len(display.bars_) == 2
    assert set(tick_labels(display.ax_.yaxis)) == {"x1", "x2"}
    assert display.ax_.get_xlabel() == "importance, 2 of 4"


def test_names_of_columns(data):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(data[0], columns=list("abcd"))
    model = GaussianRBFNN(**QUICK).fit(X, data[1])
    display = ActiveSubspaceDisplay.from_estimator(model, X, data[1], kind="summary")
    assert display.feature_names.tolist() == list("abcd")
    assert tick_labels(display.plot().ax_.yaxis)[:2] in (["b", "c"], ["c", "b"])


def test_spectrum(data):
    model = GaussianRBFNN(n_components=2, **QUICK).fit(*data)
    display = ActiveSubspaceDisplay.from_estimator(model, kind="spectrum")
    shares = model.eigenvalues_ / model.eigenvalues_.sum()
    heights = [bar.get_height() for bar in display.bars_]
    np.testing.assert_allclose(heights, shares)
    np.testing.assert_allclose(display.line_.get_ydata(), np.cumsum(shares))
    np.testing.assert_allclose(display.line_.get_xdata(), [1, 2, 3, 4])
    cut = next(line for line in display.ax_.lines if line.get_label() == "first 2")
    assert cut.get_xdata() == [2.5, 2.5]
    display.plot(kind="spectrum", max_features=1)
    # The cut is out of sight; the share is still one of all directions.
    assert legend(display) == ["running sum", "one direction"]
    assert display.bars_[0].get_height() == pytest.approx(shares[0])


def test_spectrum_of_all_directions_and_of_none(model):
    importances = {GRADIENTS: np.full(2, 0.5), PRECISION: np.full(2, 0.5)}
    for eigenvalues in ([3.0, 1.0], [0.0, 0.0]):
        values = np.array(eigenvalues)
        display = ActiveSubspaceDisplay(importances, values, 2, ["a", "b"])
        display.plot(kind="spectrum")
        assert legend(display) == ["running sum", "one direction"]
        heights = [bar.get_height() for bar in display.bars_]
        assert heights == (values / (values.sum() or 1)).tolist()


def test_summary(data):
    X, y = data
    model = GaussianRBFNN(n_components=2, **QUICK).fit(X, y)
    display = ActiveSubspaceDisplay.from_estimator(model, X, y, kind="summary")
    Z = model.transform(X)
    points = np.asarray(display.points_.get_offsets())
    np.testing.assert_array_equal(points, np.column_stack([Z[:, 0], y]))
    np.testing.assert_array_equal(display.points_.get_array(), Z[:, 1])
    assert display.colorbar_.ax.get_ylabel() == "coordinate along direction 2"
    along, predicted = display.line_.get_data()
    assert (along[0], along[-1]) == (Z[:, 0].min(), Z[:, 0].max())
    # The line passes through the mean, and its points have the coordinates they claim.
    middle = np.interp(0, along, predicted)
    assert middle == pytest.approx(model.predict([model.mean_])[0], abs=1e-3)
    ends = model.mean_ + np.outer(along, model.components_[0]) * model.scale_
    np.testing.assert_allclose(model.transform(ends)[:, 0], along, atol=1e-12)
    np.testing.assert_allclose(model.predict(ends), predicted, atol=1e-12)
    assert display.ax_.get_ylabel() == "target"


def test_summary_of_one_direction_has_no_colours(data):
    model = GaussianRBFNN(n_components=1, **QUICK).fit(*data)
    display = ActiveSubspaceDisplay.from_estimator(model, *data, kind="summary")
    assert display.points_.get_array() is None
    assert display.colorbar_ is None


def test_summary_of_two_classes(data, labels):
    X, y = data[0], np.where(labels > 0, "more", "less")
    model = GaussianRBFNNClassifier(**QUICK).fit(X, y)
    display = ActiveSubspaceDisplay.from_estimator(model, X, y, kind="summary")
    np.testing.assert_array_equal(display.targets, labels > 0)
    assert display.ax_.get_ylabel() == "probability of more"
    other = ActiveSubspaceDisplay.from_estimator(
        model, X, y, kind="summary", target="less", colorbar=False
    )
    np.testing.assert_array_equal(other.targets, labels == 0)
    np.testing.assert_allclose(other.curve[1], 1 - display.curve[1], atol=1e-12)
    assert other.colorbar_ is None


def test_summary_of_several_classes(data, labels):
    X = data[0]
    model = GaussianRBFNNClassifier(**QUICK).fit(X, labels)
    with pytest.raises(ValueError, match=r"one of \[0, 1, 2\], got None"):
        ActiveSubspaceDisplay.from_estimator(model, X, labels, kind="summary")
    curves = [
        ActiveSubspaceDisplay.from_estimator(
            model, X, labels, kind="summary", target=k
        ).curve[1]
        for k in range(3)
    ]
    np.testing.assert_allclose(sum(curves), 1)


def test_summary_of_several_outputs(data):
    X, Y = data[0], np.column_stack([data[1], -data[1]])
    model = GaussianRBFNN(**QUICK).fit(X, Y)
    for wrong in (None, 2, -1, "a"):
        with pytest.raises(ValueError, match="target must be the output to draw"):
            ActiveSubspaceDisplay.from_estimator(
                model, X, Y, kind="summary", target=wrong
            )
    display = ActiveSubspaceDisplay.from_estimator(
        model, X, Y, kind="summary", target=1
    )
    np.testing.assert_array_equal(display.targets, Y[:, 1])
    assert display.ax_.get_ylabel() == "target 1"
    with pytest.raises(ValueError, match="y has 1 columns, the network 2 outputs"):
        ActiveSubspaceDisplay.from_estimator(model, X, data[1], target=0)


def test_a_column_of_targets(data):
    X, y = data
    model = GaussianRBFNN(**QUICK).fit(X, y[:, None])
    display = ActiveSubspaceDisplay.from_estimator(model, X, y, kind="summary")
    assert display.targets.shape == (80,)
    assert display.curve[1].ndim == 1


def test_refusals(data, model):
    X, y = data
    for kind in ("bars", None):
        with pytest.raises(ValueError, match="kind must be one of"):
            ActiveSubspaceDisplay.from_estimator(model, kind=kind)
    for rows in ((), (X,), (None, y)):
        with pytest.raises(ValueError, match="needs X and y"):
            ActiveSubspaceDisplay.from_estimator(model, *rows, kind="summary")
    for wrong in (0, 2.0, None):
        with pytest.raises(ValueError, match="max_features must be a positive"):
            ActiveSubspaceDisplay.from_estimator(model, max_features=wrong)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ActiveSubspaceDisplay.from_estimator(model, X, y[1:], kind="summary")
    with pytest.raises(NotFittedError):
        ActiveSubspaceDisplay.from_estimator(GaussianRBFNN())
    for other in (LinearRegression(), make_pipeline(model)):
        with pytest.raises(TypeError, match=r"GaussianRBFNNClassifier.*pipeline\[-1\]"):
            ActiveSubspaceDisplay.from_estimator(other)


def test_given_axes(data, model):
    _, axes = plt.subplots(1, 3)
    kinds = ("importance", "spectrum", "summary")
    for ax, kind in zip(axes, kinds, strict=True):
        display = ActiveSubspaceDisplay.from_estimator(model, *data, kind=kind, ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
