"""Series input: arrays, data frames, MNE objects, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator

from skextras._validation import validate_series


@pytest.fixture
def estimator():
    return BaseEstimator()


def test_layouts(estimator):
    X = validate_series(estimator, np.ones((5, 3, 20)), reset=True)
    assert X.shape == (5, 3, 20)
    assert (estimator.n_features_in_, estimator.n_channels_in_) == (3, 3)
    assert validate_series(estimator, np.ones((2, 3, 7)), reset=False).shape[2] == 7
    X = validate_series(estimator, np.ones((5, 20)).tolist(), reset=True)
    assert X.shape == (5, 1, 20)
    assert (estimator.n_features_in_, estimator.n_channels_in_) == (20, 1)


@pytest.mark.parametrize("dtype", ["int16", "float32", ">f8", "bool"])
def test_no_copy_for_the_dtype(estimator, dtype):
    X = np.ones((5, 3, 20), dtype=dtype)
    assert np.shares_memory(validate_series(estimator, X, reset=True), X)


def test_columns_of_data_frames_are_names(estimator):
    frame = pd.DataFrame(np.ones((3, 2)), columns=["a", "b"])
    validate_series(estimator, frame, reset=True)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        validate_series(estimator, frame[["b", "a"]], reset=False)
    validate_series(estimator, np.ones((3, 2)), reset=True)
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((2, 3, 4, 5)), r"dim 4 \(shape \(2, 3, 4, 5\)\)"),
        (np.ones(5), "Expected 2D array"),
        (np.ones((2, 0, 5)), r"0 feature\(s\).*\(2, 0, 5\)"),
        (np.ones((2, 3, 0)), r"0 feature\(s\).*\(2, 3, 0\)"),
        (np.ones((0, 3, 5)), r"0 sample\(s\)"),
        (np.ones((4, 1)), r"1 feature\(s\).*minimum of 2"),
        (np.ones((2, 3, 5), dtype=complex), "Complex data"),
        (np.array([[["a"]]]), "dtype='numeric'"),
        ([np.ones((2, 5)), np.ones((2, 6))], "inhomogeneous"),
    ],
)
def test_refused_in_fit(estimator, X, message):
    with pytest.raises(ValueError, match=message):
        validate_series(estimator, X, reset=True, ensure_min_times=2)


@pytest.mark.parametrize(
    ("fitted", "X", "message"),
    [
        ((2, 3, 9), (2, 4, 9), r"X has 4 features.*3 features.*channels.*\(2, 4, 9\)"),
        ((2, 3, 9), (2, 3), r"shape \(2, 3\) is read as one channel.*expecting 3"),
        ((2, 9), (2, 8), r"X has 8 features.*9 features.*times"),
        ((2, 9), (2, 9, 9), r"X has 9 features.*1 features.*channels"),
    ],
)
def test_refused_after_fit(estimator, fitted, X, message):
    validate_series(estimator, np.ones(fitted), reset=True)
    with pytest.raises(ValueError, match=message):
        validate_series(estimator, np.ones(X), reset=False)


def test_one_channel_may_come_in_either_form(estimator):
    validate_series(estimator, np.ones((2, 9)), reset=True)
    assert validate_series(estimator, np.ones((4, 1, 7)), reset=False).shape[2] == 7
    validate_series(estimator, np.ones((2, 1, 9)), reset=True)
    assert validate_series(estimator, np.ones((4, 7)), reset=False).shape == (4, 1, 7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(500, 3, 2000), (500, 20)])
def test_first_epoch_that_is_not_finite(estimator, dtype, shape):
    X = np.zeros(shape, dtype=dtype)
    X[321, ..., 5] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*float.*: epoch 321 is the first"):
        validate_series(estimator, X, reset=True)
    X[123, ..., 0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN: epoch 123 is"):
        validate_series(estimator, X, reset=True)
    with config_context(assume_finite=True):
        validate_series(estimator, X, reset=True)


def test_large_finite_values_are_finite(estimator):
    X = np.full((3, 2, 50), np.finfo(np.float64).max)
    validate_series(estimator, X, reset=True)


class TestEpochs:
    @pytest.fixture
    def epochs(self):
        mne = pytest.importorskip("mne")
        rng = np.random.default_rng(0)
        info = mne.create_info(
            ["Fz", "EOG", "Cz", "STI", "Pz"],
            100.0,
            ["eeg", "eog", "eeg", "stim", "eeg"],
        )
        data = rng.standard_normal((6, 5, 50)) * 1e-6
        return mne.EpochsArray(data, info, verbose="error")

    def test_data_channels_are_taken_in_volts(self, estimator, epochs):
        X = validate_series(estimator, epochs, reset=True)
        raw = epochs.get_data(picks=["Fz", "Cz", "Pz"])
        np.testing.assert_array_equal(X, raw)
        assert estimator.feature_names_in_.tolist() == ["Fz", "Cz", "Pz"]
        assert estimator.n_features_in_ == estimator.n_channels_in_ == 3

    def test_bad_channels_are_dropped_and_nothing_is_changed(self, estimator, epochs):
        epochs.info["bads"] = ["Cz"]
        before = epochs.get_data(picks="all").copy()
        X = validate_series(estimator, epochs, reset=True)
        assert X.shape == (6, 2, 50)
        assert estimator.feature_names_in_.tolist() == ["Fz", "Pz"]
        assert epochs.info["bads"] == ["Cz"]
        np.testing.assert_array_equal(epochs.get_data(picks="all"), before)

    def test_lists_as_splitters_make_them(self, estimator, epochs):
        pieces = [epochs[i] for i in range(6)]
        X = validate_series(estimator, pieces, reset=True)
        whole = validate_series(estimator, epochs, reset=False)
        np.testing.assert_array_equal(X, whole)
        mixed = [epochs[:2], epochs[2:]]
        np.testing.assert_array_equal(
            validate_series(estimator, mixed, reset=False), whole
        )

    def test_other_channels_are_refused(self, estimator, epochs):
        validate_series(estimator, epochs, reset=True)
        renamed = epochs.copy().rename_channels({"Cz": "C3"})
        with pytest.raises(ValueError, match=r"expected \['Fz', 'Cz'.*'Fz', 'C3'"):
            validate_series(estimator, renamed, reset=False)
        order = epochs.copy().reorder_channels(["Cz", "Fz", "Pz"])
        with pytest.raises(ValueError, match="channel names of X"):
            validate_series(estimator, order, reset=False)
        with pytest.raises(ValueError, match="list have different channels"):
            validate_series(estimator, [epochs, renamed], reset=True)

    def test_arrays_and_epochs_may_be_mixed(self, estimator, epochs):
        data = epochs.get_data(picks="data")
        validate_series(estimator, data, reset=True)
        validate_series(estimator, epochs, reset=False)
        validate_series(estimator, epochs, reset=True)
        with pytest.warns(UserWarning, match="fitted with feature names"):
            validate_series(estimator, data, reset=False)
