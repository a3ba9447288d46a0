"""Display of reliability and of second-order coefficients."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tokens import token_array

from skextras import MomentProbe, TokenMoments
from skextras.displays import MomentProbeDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def probe(seed):
    return MomentProbe(n_components=4).fit(*token_array(seed))


def predictions(seed, n=400, n_classes=3):
    """Classes and probabilities that are too sure of themselves."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n_classes, 0.7), size=n)
    y = np.array([rng.choice(n_classes, p=0.6 * q + 0.4 / n_classes) for q in p])
    return y, p


# -- reliability -----------------------------------------------------------------


def test_bins_by_hand():
    p = np.array([[0.2, 0.8], [0.4, 0.6], [0.4, 0.6], [0.9, 0.1], [0.5, 0.5]])
    display = MomentProbeDisplay.from_predictions([1, 1, 0, 0, 0], p, n_bins=5)
    nan = np.nan
    # 0.6 and 0.8 are the upper ends of their bins.
    np.testing.assert_allclose(display.share, [0, 0, 0.6, 0.2, 0.2])
    np.testing.assert_allclose(display.confidence, [nan, nan, 1.7 / 3, 0.8, 0.9])
    np.testing.assert_allclose(display.accuracy, [nan, nan, 2 / 3, 1, 1])
    expected = 0.6 * (2 / 3 - 1.7 / 3) + 0.2 * 0.2 + 0.2 * 0.1
    assert display.calibration_error == pytest.approx(expected)


@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_bins_are_open_below_and_closed_above(n_bins):
    edges = np.linspace(0, 1, n_bins + 1)[1:]
    confidence = edges[edges >= 0.5]
    p = np.column_stack([confidence, 1 - confidence])
    display = MomentProbeDisplay.from_predictions(
        np.zeros(len(p)), p, classes=[0, 1], n_bins=n_bins
    )
    filled = display.share > 0
    assert filled.sum() == len(confidence)
    np.testing.assert_allclose(display.confidence[filled], confidence)


def test_sums_over_bins_are_those_over_samples(seed):
    y, p = predictions(seed)
    display = MomentProbeDisplay.from_predictions(y, p)
    assert len(display.share) == 15
    np.testing.assert_allclose(display.share.sum(), 1)
    for values, mean in (
        (display.accuracy, np.mean(p.argmax(axis=1) == y)),
        (display.confidence, p.max(axis=1).mean()),
    ):
        np.testing.assert_allclose(np.nansum(display.share * values), mean)
    # One bin: what is left of the error is the difference of the means.
    single = MomentProbeDisplay.from_predictions(y, p, n_bins=1)
    expected = abs(single.accuracy[0] - single.confidence[0])
    assert single.calibration_error == pytest.approx(expected)
    assert display.calibration_error >= single.calibration_error - 1e-12


def test_weights_are_repetitions(seed):
    y, p = predictions(seed, n=60)
    weights = np.random.default_rng(seed).integers(0, 4, size=60)
    weighted = MomentProbeDisplay.from_predictions(y, p, sample_weight=weights)
    repeated = MomentProbeDisplay.from_predictions(
        np.repeat(y, weights), np.repeat(p, weights, axis=0), classes=[0, 1, 2]
    )
    for name in ("share", "confidence", "accuracy"):
        expected = getattr(repeated, name)
        np.testing.assert_allclose(getattr(weighted, name), expected, err_msg=name)


def test_certain_and_right_is_perfect():
    p = np.eye(3)[[0, 1, 2, 1]]
    display = MomentProbeDisplay.from_predictions(["a", "b", "c", "b"], p)
    assert display.calibration_error == 0
    assert display.share[-1] == 1
    # Labels that no column stands for cannot be predicted.
    display = MomentProbeDisplay.from_predictions(
        ["d", "b", "c", "b"], p, classes=["a", "b", "c"]
    )
    assert display.calibration_error == 0.25


def test_estimator_and_its_predictions(probe):
    X, y = token_array(1)
    display = MomentProbeDisplay.from_estimator(probe, X, y, n_bins=7)
    p = probe.predict_proba(X)
    expected = MomentProbeDisplay.from_predictions(y, p, n_bins=7)
    np.testing.assert_array_equal(display.accuracy, expected.accuracy)
    assert display.name == "MomentProbe"
    share = np.average(p.argmax(axis=1) == y, weights=y + 1)
    display = MomentProbeDisplay.from_estimator(probe, X, y, sample_weight=y + 1)
    np.testing.assert_allclose(np.nansum(display.share * display.accuracy), share)


def test_any_classifier_will_do(seed):
    X, y = token_array(seed)
    model = make_pipeline(TokenMoments(n_components=3), LogisticRegression(C=0.01))
    model.fit(X, np.array(["a", "b", "c"])[y])
    display = MomentProbeDisplay.from_estimator(model, X, np.array(["a", "b", "c"])[y])
    right = np.nansum(display.share * display.accuracy)
    assert right == pytest.approx(model.score(X, np.array(["a", "b", "c"])[y]))


def test_what_is_drawn(seed):
    y, p = predictions(seed)
    display = MomentProbeDisplay.from_predictions(y, p, name="sure", color="tab:red")
    filled = display.share > 0
    drawn = np.column_stack([display.confidence, display.accuracy])[filled]
    np.testing.assert_array_equal(display.line_.get_xydata(), drawn)
    np.testing.assert_array_equal(display.points_.get_offsets(), drawn)
    order = np.argsort(display.share[filled], kind="stable")
    assert (np.diff(display.points_.get_sizes()[order]) >= 0).all()
    assert display.line_.get_color() == "tab:red"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    error = f"ECE {display.calibration_error:.3f}"
    assert labels == ["perfectly calibrated", f"sure ({error})"]


def test_two_diagrams_on_the_same_axes(seed):
    y, p = predictions(seed)
    first = MomentProbeDisplay.from_predictions(y, p)
    second = MomentProbeDisplay.from_predictions(y, p**2, ax=first.ax_, name="other")
    assert second.ax_ is first.ax_
    assert second.line_.get_color() != first.line_.get_color()
    labels = [text.get_text() for text in second.ax_.get_legend().get_texts()]
    assert len(labels) == 3
    assert labels[1] == f"ECE {first.calibration_error:.3f}"
    assert labels[2].startswith("other (ECE ")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [[0.5, 0.5]]), {}, "inconsistent numbers of samples"),
        (([0, 0], [[0.5, 0.5]] * 2), {}, "2 columns for 1 classes"),
        (([0, 1], [[0.5, 0.5]] * 2), {"classes": [0, 1, 2]}, "2 columns for 3 classes"),
        (([0, 1], [0.5, 0.5]), {}, "Expected 2D array"),
        (([0, 1], [[0.5, 1.5]] * 2), {}, "values from 0 to 1"),
        (([0, 1], [[-0.5, 1.0]] * 2), {}, "values from 0 to 1"),
        (([0, 1], [[np.nan, 1.0]] * 2), {}, "y_proba contains NaN"),
        (([0, 1], [[0.5, 0.5]] * 2), {"sample_weight": [1, -1]}, "[Nn]egative"),
    ],
)
def test_bad_predictions(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        MomentProbeDisplay.from_predictions(*arguments, **options)


# -- coefficients ----------------------------------------------------------------


def test_map_holds_the_coefficients_by_name(probe):
    names = probe.token_moments_.get_feature_names_out().tolist()
    for position, label in enumerate(probe.classes_):
        display = MomentProbeDisplay.from_estimator(
            probe, kind="second_order", class_of_interest=label
        )
        assert display.matrix.shape == (4, 4)
        np.testing.assert_array_equal(display.matrix, display.matrix.T)
        for i in range(4):
            for j in range(i, 4):
                value = probe.coef_[position, names.index(f"cov{i}_{j}")]
                assert display.matrix[i, j] == value
    assert display.colorbar_.ax.get_ylabel() == "coefficient, class 2"


def test_two_classes_are_opposites(seed):
    X, y = token_array(seed)
    probe = MomentProbe().fit(X, np.where(y == 0, "no", "yes"))
    last = MomentProbeDisplay.from_estimator(probe, kind="second_order")
    assert last.name == "class yes"
    assert last.matrix[0, 0] == probe.coef_[0, 5]
    other = MomentProbeDisplay.from_estimator(
        probe, kind="second_order", class_of_interest="no", name="no answer"
    )
    np.testing.assert_array_equal(other.matrix, -last.matrix)
    assert other.colorbar_.ax.get_ylabel() == "coefficient, no answer"


def test_the_pair_that_tells_classes_apart_stands_out(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 2
    # Variances tell which direction is which; one covariance changes its sign.
    X = rng.standard_normal((300, 60, 4)) * [8, 4, 2, 1]
    X[:, :, 1] += 0.25 * np.where(y == 1, 1, -1)[:, None] * X[:, :, 0]
    probe = MomentProbe(token_norm=None).fit(X, y)
    matrix = MomentProbeDisplay.from_estimator(probe, kind="second_order").matrix
    assert np.abs(matrix).argmax() == 1
    # Axes have signs of their own.
    sign = np.sign(probe.token_moments_.components_[[0, 1], [0, 1]]).prod()
    assert sign * matrix[0, 1] > 0


def test_colours_are_symmetric_around_zero(probe):
    _, ax = plt.subplots()
    display = MomentProbeDisplay.from_estimator(
        probe, kind="second_order", ax=ax, colorbar=False, cmap="PuOr"
    )
    limit = np.abs(display.matrix).max()
    assert display.image_.get_clim() == (-limit, limit)
    assert display.image_.get_cmap().name == "PuOr"
    assert display.ax_ is ax
    assert display.colorbar_ is None
    assert display.plot(vmax=2.0).image_.get_clim() == (-2, 2)
    zeros = MomentProbeDisplay(matrix=np.zeros((3, 3))).plot()
    assert zeros.image_.get_clim() == (-1, 1)
    assert zeros.colorbar_.ax.get_ylabel() == "coefficient"


def test_ticks_are_directions(probe):
    display = MomentProbeDisplay.from_estimator(probe, kind="second_order")
    display.figure_.canvas.draw()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        assert all(tick == round(tick) for tick in axis.get_ticklocs())
        assert axis.get_label_text() == "principal direction of the tokens"


# -- what is refused -------------------------------------------------------------


def test_what_has_no_second_moments(seed):
    X, y = token_array(seed)
    for probe, data in ((MomentProbe(order=1), X), (MomentProbe(), X[:, 0])):
        with pytest.raises(ValueError, match="no second moments"):
            MomentProbeDisplay.from_estimator(probe.fit(data, y), kind="second_order")


def test_wrong_arguments(probe):
    X, y = token_array(0)
    for data in ((), (X,), (None, y)):
        with pytest.raises(ValueError, match="needs X and y"):
            MomentProbeDisplay.from_estimator(probe, *data)
    with pytest.raises(ValueError, match=r"kind must be .* got 'roc'"):
        MomentProbeDisplay.from_estimator(probe, X, y, kind="roc")
    with pytest.raises(ValueError, match="class_of_interest=7 is none of the classes"):
        MomentProbeDisplay.from_estimator(
            probe, kind="second_order", class_of_interest=7
        )


def test_other_estimators_are_refused(probe):
    X, y = token_array(0)
    with pytest.raises(TypeError, match=r"got Pipeline\. Of a pipeline, pass the step"):
        MomentProbeDisplay.from_estimator(make_pipeline(probe), kind="second_order")
    for kind in ("reliability", "second_order"):
        with pytest.raises(NotFittedError):
            MomentProbeDisplay.from_estimator(MomentProbe(), X, y, kind=kind)


@pytest.mark.parametrize(
    "display",
    [
        MomentProbeDisplay(matrix=np.eye(2)),
        MomentProbeDisplay(
            confidence=np.ones(1), accuracy=np.ones(1), share=np.ones(1)
        ),
    ],
    ids=["second_order", "reliability"],
)
def test_without_matplotlib(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        display.plot()
