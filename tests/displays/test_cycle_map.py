"""Maps of cycles drawn where the nodes are."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skextras import ThreeCycleMap
from skextras.displays import CycleMapDisplay

plt = pytest.importorskip("matplotlib.pyplot")

# Horizontal and vertical coordinate of the three projections.
PLANES = [(1, 2), (0, 2), (0, 1)]


@pytest.fixture
def X(seed):
    """Series of three subjects, half of whose nodes act together."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3, 60, 30))
    X[:, :, :15] += rng.standard_normal((3, 60, 1))
    return X


@pytest.fixture
def places(seed):
    return np.random.default_rng(seed).uniform(-80, 80, (30, 3))


def assert_draws(display, values, places):
    """Each projection has every node, at its place, with its value."""
    for markers, (across, up) in zip(display.markers_, PLANES, strict=True):
        drawn = np.column_stack([markers.get_offsets(), markers.get_array()])
        expected = np.column_stack([places[:, across], places[:, up], values])
        np.testing.assert_array_equal(
            drawn[np.lexsort(drawn.T)], expected[np.lexsort(expected.T)]
        )


def test_values_at_their_places(X, places):
    estimator = ThreeCycleMap(0.2).fit(X)
    display = CycleMapDisplay.from_estimator(estimator, X, coordinates=places)
    expected = estimator.transform(X)[0]
    assert expected.any()
    np.testing.assert_array_equal(display.values, expected)
    assert_draws(display, expected, places)
    assert [ax.get_xlabel() + ax.get_ylabel() for ax in display.axes_] == [
        "yz",
        "xz",
        "xy",
    ]
    assert display.colorbar_.ax.get_ylabel() == "cycle3"


def test_largest_values_are_in_front():
    """All nodes at one place: matplotlib draws later ones over earlier ones."""
    values = np.array([3.0, 9.0, 1.0, 9.0, 4.0])
    display = CycleMapDisplay(values, np.zeros((5, 3))).plot()
    for markers in display.markers_:
        assert markers.get_array().tolist() == [1, 3, 4, 9, 9]


def test_subject_and_block(X, places):
    estimator = ThreeCycleMap([0.1, 0.2], features=["degree", "cycle3"]).fit(X)
    maps = estimator.transform(X).reshape(3, 4, 30)
    labels = []
    for subject in range(3):
        for block in range(4):
            display = CycleMapDisplay.from_estimator(
                estimator, X, coordinates=places, subject=subject, block=block
            )
            np.testing.assert_array_equal(display.values, maps[subject, block])
            labels.append(display.label)
            plt.close(display.figure_)
    assert labels[:4] == ["r0.1_degree", "r0.1_cycle3", "r0.2_degree", "r0.2_cycle3"]


def test_only_the_drawn_subject_is_computed(X, places):
    ragged = [X[0], X[1][:50], np.full((60, 30), np.nan)]
    estimator = ThreeCycleMap(0.2).fit(ragged[:2])
    display = CycleMapDisplay.from_estimator(
        estimator, ragged, coordinates=places, subject=1
    )
    (expected,) = estimator.transform(ragged[1:2])
    np.testing.assert_array_equal(display.values, expected)


def test_bins_have_names(X, places):
    estimator = ThreeCycleMap(
        0.2,
        features="distance_degree",
        coordinates=places,
        distance_bins=[0, 60, np.inf],
    ).fit(X)
    display = CycleMapDisplay.from_estimator(estimator, X, block=1)
    assert display.label == "distance_degree_60-inf"
    # Those of the estimator, as none are given.
    assert_draws(display, estimator.transform(X)[0, 30:], places)
    given = CycleMapDisplay.from_estimator(estimator, X, coordinates=-places)
    assert_draws(given, estimator.transform(X)[0, :30], -places)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_data_frames(X, places, container):
    library = pytest.importorskip(container)
    names = [f"region_{i}" for i in range(30)]
    frames = [library.DataFrame(dict(zip(names, x.T, strict=True))) for x in X]
    estimator = ThreeCycleMap(0.2).set_output(transform=container).fit(frames)
    display = CycleMapDisplay.from_estimator(
        estimator, frames, coordinates=places.tolist(), subject=2
    )
    expected = ThreeCycleMap(0.2).fit_transform(X)[2]
    np.testing.assert_array_equal(display.values, expected)
    assert display.label == "cycle3"


def test_matrices(X, places):
    correlations = [np.corrcoef(x.T) for x in X]
    estimator = ThreeCycleMap(0.2, input_type="correlation").fit(correlations)
    display = CycleMapDisplay.from_estimator(
        estimator, correlations, coordinates=places
    )
    np.testing.assert_array_equal(
        display.values, ThreeCycleMap(0.2).fit_transform(X)[0]
    )


def test_all_projections_have_one_scale(X, places):
    places *= [1.0, 2.0, 0.5]
    display = CycleMapDisplay(np.arange(30.0), places).plot()
    spans = [np.ptp(limits) for ax in display.axes_ for limits in axis_limits(ax)]
    np.testing.assert_allclose(spans, spans[0])
    for ax, plane in zip(display.axes_, PLANES, strict=True):
        assert ax.get_aspect() == 1
        for (low, high), coordinate in zip(axis_limits(ax), plane, strict=True):
            assert low < places[:, coordinate].min()
            assert high > places[:, coordinate].max()


def axis_limits(ax):
    return ax.get_xlim(), ax.get_ylim()


def test_colours(X, places):
    values = np.arange(30.0)
    display = CycleMapDisplay(values, places, label="triangles").plot()
    assert {m.get_clim() for m in display.markers_} == {(0, 29)}
    assert {m.get_cmap().name for m in display.markers_} == {"YlOrRd"}
    assert display.colorbar_.ax.get_ylabel() == "triangles"
    display.plot(cmap="viridis", vmin=-1, vmax=50, colorbar=False)
    assert {m.get_clim() for m in display.markers_} == {(-1, 50)}
    assert {m.get_cmap().name for m in display.markers_} == {"viridis"}
    assert display.colorbar_ is None


def test_marker_size(places):
    few = CycleMapDisplay(np.arange(30.0), places).plot()
    many = CycleMapDisplay(np.arange(240.0), np.tile(places, (8, 1))).plot()
    sizes = [d.markers_[0].get_sizes().item() for d in (few, many)]
    assert sizes[0] == pytest.approx(4 * sizes[1])
    few.plot(size=7)
    assert {m.get_sizes().item() for m in few.markers_} == {7}


@pytest.mark.parametrize("n_nodes", [1, 5])
def test_equal_values_and_places(n_nodes):
    display = CycleMapDisplay(np.zeros(n_nodes), np.ones((n_nodes, 3))).plot()
    display.figure_.canvas.draw()
    low, high = display.axes_[0].get_xlim()
    assert low < 1 < high


def test_given_axes(X, places):
    figure, axes = plt.subplots(2, 3)
    estimator = ThreeCycleMap(0.2).fit(X)
    display = CycleMapDisplay.from_estimator(
        estimator, X, coordinates=places, axes=axes[1], colorbar=False
    )
    assert list(display.axes_) == list(axes[1])
    assert display.figure_ is figure
    assert len(figure.axes) == 6
    with pytest.raises(ValueError, match="axes must hold 3 axes, got 6"):
        display.plot(axes=axes)


def test_options_of_plot_pass_through(X, places):
    display = CycleMapDisplay.from_estimator(
        ThreeCycleMap(0.2).fit(X), X, coordinates=places, vmax=1e6, size=5
    )
    assert display.markers_[2].get_clim()[1] == 1e6
    assert display.markers_[2].get_sizes().item() == 5


def test_input_is_left_alone(X, places):
    values = np.arange(30.0)[::-1].copy()
    before = values.copy(), places.copy()
    values.setflags(write=False)
    places.setflags(write=False)
    CycleMapDisplay(values, places).plot()
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(places, before[1])


def test_other_estimators_are_refused(X, places):
    estimator = ThreeCycleMap(0.2)
    with pytest.raises(NotFittedError):
        CycleMapDisplay.from_estimator(estimator, X, coordinates=places)
    pipeline = make_pipeline(estimator).fit(X)
    with pytest.raises(TypeError, match=r"got Pipeline\. Of a pipeline, pass the step"):
        CycleMapDisplay.from_estimator(pipeline, X, coordinates=places)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinates": None}, "Give coordinates: the estimator has none"),
        ({"coordinates": np.zeros((30, 2))}, r"here \(30, 3\), got \(30, 2\)"),
        ({"coordinates": np.zeros((29, 3))}, r"here \(30, 3\), got \(29, 3\)"),
        ({"coordinates": np.full((30, 3), np.nan)}, "coordinates contains NaN"),
        ({"subject": 3}, "subject must be an integer from 0 to 2, got 3"),
        ({"subject": -1}, "subject must be an integer from 0 to 2, got -1"),
        ({"subject": 0.0}, "subject must be an integer"),
        ({"block": 1}, "block must be an integer from 0 to 0, got 1"),
        ({"block": "cycle3"}, "block must be an integer from 0 to 0, got 'cycle3'"),
    ],
)
def test_refused_requests(X, places, options, message):
    estimator = ThreeCycleMap(0.2).fit(X)
    with pytest.raises(ValueError, match=message):
        CycleMapDisplay.from_estimator(
            estimator, X, **{"coordinates": places} | options
        )


def test_tables_have_no_map(X):
    place = np.zeros((1, 3))
    estimator = ThreeCycleMap(0.2).fit(X[0])
    message = r"X is 2-D and read as one node per sample.*X\[None\]"
    # Nor is one computed, which would warn.
    for table in (X[0], X[0].tolist()):
        with pytest.raises(ValueError, match=message):
            CycleMapDisplay.from_estimator(estimator, table, coordinates=place)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((30, 1)), r"values must have the shape \(n_nodes,\), got \(30, 1\)"),
        (np.full(30, np.inf), "values contains infinity"),
        (np.zeros(20), r"here \(20, 3\), got \(30, 3\)"),
    ],
)
def test_bad_values(places, values, message):
    with pytest.raises(ValueError, match=message):
        CycleMapDisplay(values, places).plot()


def test_without_matplotlib(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        CycleMapDisplay(np.zeros(30), places).plot()
