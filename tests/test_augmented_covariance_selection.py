"""AugmentedCovariance: what it chooses for "auto", and what it refuses."""

import warnings

import numpy as np
import pytest

from skextras import AugmentedCovariance


def sine(period, n_times, n_channels=1):
    phase = 0.3 + np.arange(2 * n_channels).reshape(2, n_channels, 1)
    return np.sin(2 * np.pi * np.arange(n_times) / period + phase)


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e7])
def test_autocorrelation_of_a_sine(unit):
    # A quarter of 42 is 10.5: the first lag without correlation is 11, half of it 5.
    augmented = AugmentedCovariance().fit(unit * sine(42, 420))
    assert (augmented.order_, augmented.lag_) == (8, 5)


@pytest.mark.parametrize(
    ("n_channels", "order"), [(1, 8), (8, 8), (9, 7), (22, 2), (64, 1), (200, 1)]
)
def test_default_order_has_at_most_64_rows(n_channels, order):
    X = np.random.default_rng(0).standard_normal((2, n_channels, 300))
    assert AugmentedCovariance().fit(X).order_ == order


def test_only_auto_adapts_to_short_epochs():
    X = sine(42, 30, n_channels=4)
    augmented = AugmentedCovariance().fit(X)
    # The lag fits 8 copies as it is lowered to (30 - 2) // 7, then the order falls
    # until the window has more samples than the matrix rows.
    assert augmented.lag_ == 4
    order = augmented.order_
    assert 30 - (order - 1) * 4 > order * 4
    assert 30 - order * 4 <= (order + 1) * 4
    assert AugmentedCovariance(order=8).fit(X).lag_ == 4
    assert AugmentedCovariance(lag=9).fit(X).order_ == 2
    assert AugmentedCovariance(order=2).fit(sine(42, 3)).lag_ == 1
    with pytest.raises(ValueError, match=r"order=2 and lag=1 .*at least 3 samples"):
        AugmentedCovariance(order=2).fit(sine(42, 2))
    with pytest.raises(ValueError, match="order=8 and lag=5"):
        AugmentedCovariance(order=8, lag=5).fit(X)


def test_moabb_window_counts_when_adapting():
    X = sine(42, 30, n_channels=4)
    # Eight copies take 8 * lag samples from the window instead of 7 * lag.
    assert AugmentedCovariance(order=8, window="moabb").fit(X).lag_ == 3
    assert AugmentedCovariance(lag=10).fit(X).order_ == 2
    assert AugmentedCovariance(lag=11, window="moabb").fit(X).order_ == 1


def test_selection_sees_no_labels_and_no_order_of_epochs(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((8, 2, 200)).cumsum(axis=-1)
    chosen = AugmentedCovariance().fit(X)
    other = AugmentedCovariance().fit(X[::-1], np.arange(8) % 2)
    assert (chosen.order_, chosen.lag_) == (other.order_, other.lag_)


def test_constant_epochs_get_lag_one():
    augmented = AugmentedCovariance().fit(np.full((3, 2, 50), 0.1))
    assert augmented.lag_ == 1


@pytest.mark.parametrize("selection", ["mdop", "cao"])
def test_other_selections(selection):
    X = sine(40.3, 400)
    X += 0.01 * np.random.default_rng(0).standard_normal(X.shape)
    augmented = AugmentedCovariance(selection=selection).fit(X)
    assert augmented.order_ > 1
    assert augmented.lag_ > 1
    # What is given is kept, and the other is the rule's.
    given = AugmentedCovariance(order=2, selection=selection).fit(X)
    assert (given.order_, given.lag_) == (2, augmented.lag_)
    explicit = AugmentedCovariance(order=2, lag=3, selection=selection)
    assert explicit.fit(X[:, :, :20]).lag_ == 3


@pytest.mark.parametrize(("selection", "shortest"), [("mdop", 110), ("cao", 40)])
def test_selection_refuses_what_it_cannot_judge(selection, shortest):
    augmented = AugmentedCovariance(selection=selection)
    rng = np.random.default_rng(0)
    message = f"n_times={shortest - 1}.*{shortest}.*autocorrelation"
    with pytest.raises(ValueError, match=message):
        augmented.fit(rng.standard_normal((2, 2, shortest - 1)))
    with pytest.raises(ValueError, match=r"constant.*autocorrelation"):
        augmented.fit(np.ones((2, 2, 200)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"order": 4, "lag": 40}, r"order=4 and lag=40 \(delays \[0, 40, 80, 120\]\)"),
        ({"order": 4, "lag": 40}, "n_times=100.*at least 122 samples"),
        ({"order": 4, "lag": 33}, "at least 101 samples"),
        ({"order": 4, "lag": 25, "window": "moabb"}, "at least 102 samples"),
        ({"lag": [0, 3, 99]}, "at least 101 samples"),
        ({"lag": [0, 98], "window": "moabb"}, "at least 101 samples"),
        ({"lag": [1, 2]}, r"lag=\[1, 2\] has the entry 1 at position 0"),
        ({"lag": [0, -2]}, "entry -2 at position 1"),
        ({"lag": [0, 0]}, "entry 0 at position 1"),
        ({"lag": [0, 2.0]}, r"entry 2\.0 at position 1"),
        ({"lag": [0, True]}, "entry True at position 1"),
        ({"lag": [False, 2]}, "entry False at position 0"),
        ({"lag": [0, 2, 2]}, r"lag=\[0, 2, 2\] .*no entry twice"),
        ({"lag": []}, "must have entries"),
        ({"lag": [[0, 2]]}, "at position 0"),
        ({"lag": [0, 2], "order": 3}, r"order=3 contradicts lag=\[0, 2\]"),
        ({"order": True}, "order must be a number, got True"),
        ({"lag": np.True_}, "lag.*True"),
        ({"order": 0}, "'order' parameter"),
        ({"lag": 1.5}, "'lag' parameter"),
        ({"shrinkage": 1.1}, "'shrinkage' parameter"),
    ],
)
def test_parameters_that_do_not_fit(parameters, message):
    X = np.random.default_rng(0).standard_normal((2, 2, 100))
    with pytest.raises(ValueError, match=message):
        AugmentedCovariance(**parameters).fit(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": 4, "lag": 32},
        {"lag": [0, 98]},
        {"order": 2, "lag": 98},
        {"order": 2, "lag": 49, "window": "moabb"},
    ],
)
def test_the_shortest_epochs_that_work(parameters):
    X = np.random.default_rng(0).standard_normal((2, 1, 100))
    augmented = AugmentedCovariance(shrinkage=0.1, **parameters).fit(X)
    assert np.isfinite(augmented.transform(X)).all()


def test_epochs_that_transform_cannot_take():
    X = np.random.default_rng(0).standard_normal((2, 2, 100))
    augmented = AugmentedCovariance(order=4, lag=10).fit(X)
    with pytest.raises(ValueError, match=r"n_times=31.*at least 32 samples"):
        augmented.transform(X[:, :, :31])


def test_singular_matrices_warn_once_and_say_what_to_change():
    X = np.random.default_rng(0).standard_normal((5, 4, 30))
    augmented = AugmentedCovariance(order=4, lag=4).fit(X)
    message = r"singular: 16 samples in the window for 16 rows.*order.*shrinkage.*oas"
    with pytest.warns(UserWarning, match=message) as caught:
        augmented.transform(X[:, :, :28])
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_no_warning_where_the_matrices_are_definite():
    X = np.random.default_rng(0).standard_normal((5, 4, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AugmentedCovariance(order=4, lag=4).fit_transform(X)
        for parameters in ({"shrinkage": 0.1}, {"estimator": "oas"}):
            AugmentedCovariance(order=5, lag=4, **parameters).fit_transform(X)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda rows: rows, r"shape \(4, 4\); for epoch 0 it returned shape \(4, 97\)"),
        (lambda rows: np.full((4, 4), np.nan), "for epoch 0 .* with NaN or infinity"),
        (lambda rows: 3.0, r"returned shape \(\)"),
        (
            lambda rows: np.cov(rows) / (rows[0, 0] != 7),
            "for epoch 3 .* with NaN or infinity",
        ),
    ],
)
def test_results_of_a_callable(function, message):
    X = np.random.default_rng(0).standard_normal((5, 2, 100))
    X[3, 0, 0] = 7
    augmented = AugmentedCovariance(order=2, lag=3, estimator=function).fit(X)
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        augmented.transform(X)
