"""Displays of augmented covariances and of searches over order and lag."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skextras import AugmentedCovariance
from skextras.displays import AugmentedCovarianceDisplay, OrderLagDisplay

plt = pytest.importorskip("matplotlib.pyplot")

ORDER, LAG = "augmentedcovariance__order", "augmentedcovariance__lag"
ALPHA = "ridgeclassifier__alpha"


@pytest.fixture
def X(seed):
    # Channels of very different units, as EEG and reference channels have.
    X = np.random.default_rng(seed).standard_normal((12, 3, 80))
    return X * np.array([1.0, 1e-6, 1e3])[:, None]


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def borders(display):
    """Where the horizontal and the vertical lines of the grid are."""
    across = [line.get_ydata()[0] for line in display.ax_.lines[::2]]
    down = [line.get_xdata()[0] for line in display.ax_.lines[1::2]]
    return across, down


def assert_close(found, expected):
    """Compare covariances, relative to the deviations of their two rows."""
    deviations = np.sqrt(expected.diagonal())
    error = np.abs(found - expected) / deviations[:, None] / deviations
    assert error.max() <= 1e-14


@pytest.mark.parametrize("n_epochs", [1, 12])
@pytest.mark.parametrize("parameters", [{"lag": 2, "order": 4}, {"lag": [0, 7, 3]}])
def test_matrix_is_the_mean(X, parameters, n_epochs):
    augmented = AugmentedCovariance(**parameters).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X[:n_epochs])
    mean = augmented.transform(X[:n_epochs]).mean(axis=0)
    np.testing.assert_array_equal(display.matrix, mean)
    np.testing.assert_array_equal(display.image_.get_array(), mean)
    assert display.n_channels == 3
    assert display.colorbar_.ax.get_ylabel() == "covariance (squared unit of X)"


def test_vectors_give_the_same_matrix(X):
    matrices = AugmentedCovariance(order=3, lag=2).fit(X)
    vectors = AugmentedCovariance(order=3, lag=2, output="vector").fit(X)
    displays = [
        AugmentedCovarianceDisplay.from_estimator(e, X) for e in (matrices, vectors)
    ]
    assert_close(displays[1].matrix, displays[0].matrix)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_vectors_in_a_data_frame(X, container):
    pytest.importorskip(container)
    augmented = AugmentedCovariance(order=2, lag=2, output="vector").fit(X)
    expected = AugmentedCovarianceDisplay.from_estimator(augmented, X).matrix
    augmented.set_output(transform=container)
    found = AugmentedCovarianceDisplay.from_estimator(augmented, X).matrix
    assert_close(found, expected)


def test_block_grid_and_labels(X):
    augmented = AugmentedCovariance(lag=[0, 9, 4]).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X)
    assert borders(display) == ([2.5, 5.5], [2.5, 5.5])
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        assert tick_labels(axis) == ["0", "9", "4"]
        assert axis.get_ticklocs().tolist() == [1, 4, 7]
        assert axis.get_label_text() == "delay (samples)"


def test_delays_in_milliseconds(X):
    augmented = AugmentedCovariance(order=3, lag=2).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X, sfreq=256)
    assert tick_labels(display.ax_.xaxis) == ["0", "7.8", "15.6"]
    assert display.ax_.get_ylabel() == "delay (ms)"


def test_one_channel_and_order_one():
    X = np.random.default_rng(0).standard_normal((5, 60))
    augmented = AugmentedCovariance(order=4, lag=1).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X)
    assert tick_labels(display.ax_.xaxis) == ["0", "1", "2", "3"]
    assert borders(display)[0] == [0.5, 1.5, 2.5]
    plain = AugmentedCovariance(order=1).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(plain, X)
    assert borders(display) == ([], [])
    assert display.matrix.shape == (1, 1)


def test_many_delays_are_not_all_labelled():
    delays = np.arange(30)
    display = AugmentedCovarianceDisplay(np.eye(60), delays, 2).plot()
    assert tick_labels(display.ax_.xaxis) == [str(d) for d in range(0, 30, 3)]
    assert display.ax_.get_xticks()[1] == 3 * 2 + 0.5


def test_correlations(X):
    augmented = AugmentedCovariance(order=2, lag=3).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X, normalize=True)
    np.testing.assert_allclose(display.matrix.diagonal(), 1, rtol=1e-15)
    assert np.abs(display.matrix).max() <= 1 + 1e-15
    assert display.colorbar_.ax.get_ylabel() == "correlation"
    # Units do not matter.
    same = AugmentedCovarianceDisplay.from_estimator(
        augmented, 1e-7 * X, normalize=True
    )
    np.testing.assert_allclose(same.matrix, display.matrix, atol=1e-13)


def test_constant_channel_correlates_with_nothing(X):
    X[:, 1] = 5.0
    augmented = AugmentedCovariance(order=2, lag=3).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X, normalize=True)
    assert np.isfinite(display.matrix).all()
    assert not display.matrix[[1, 4]].any()


def test_colours_are_symmetric_around_zero(X):
    augmented = AugmentedCovariance(order=2, lag=3).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, X)
    limit = np.abs(display.matrix).max()
    assert display.image_.get_clim() == (-limit, limit)
    assert display.plot(vmax=2.0).image_.get_clim() == (-2, 2)
    zeros = AugmentedCovarianceDisplay(np.zeros((4, 4)), [0, 1], 2).plot()
    assert zeros.image_.get_clim() == (-1, 1)


def test_mne_epochs(X):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["O1", "Oz", "O2"], 100.0, "eeg", verbose="error")
    epochs = mne.EpochsArray(X, info, verbose="error")
    augmented = AugmentedCovariance(order=2, lag=3).fit(epochs)
    display = AugmentedCovarianceDisplay.from_estimator(augmented, epochs)
    mean = augmented.transform(epochs).mean(axis=0)
    np.testing.assert_array_equal(display.matrix, mean)


def test_matrix_is_drawn_on_given_axes_without_colour_bar(X):
    _, axes = plt.subplots(1, 2)
    augmented = AugmentedCovariance(order=2, lag=3).fit(X)
    display = AugmentedCovarianceDisplay.from_estimator(
        augmented, X, ax=axes[1], colorbar=False, cmap="PuOr"
    )
    assert display.ax_ is axes[1]
    assert display.colorbar_ is None
    assert display.image_.get_cmap().name == "PuOr"
    assert len(display.figure_.axes) == 2


def test_other_estimators_are_refused(X):
    with pytest.raises(TypeError, match=r"got Pipeline\. Of a pipeline, pass the step"):
        AugmentedCovarianceDisplay.from_estimator(
            make_pipeline(AugmentedCovariance()).fit(X), X
        )
    with pytest.raises(NotFittedError):
        AugmentedCovarianceDisplay.from_estimator(AugmentedCovariance(), X)


@pytest.mark.parametrize(
    "display",
    [
        AugmentedCovarianceDisplay(np.eye(4), [0, 1], 2),
        OrderLagDisplay(np.ones((1, 1)), [1], [1]),
    ],
    ids=lambda display: type(display).__name__,
)
def test_without_matplotlib(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        display.plot()
