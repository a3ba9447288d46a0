"""The bundled SSVEP recordings."""

import subprocess
import sys

import numpy as np
import pytest

from skextras.datasets import load_ssvep


@pytest.mark.parametrize(("subject", "n_epochs"), [(3, 64), (12, 96)])
def test_shapes_and_content(subject, n_epochs):
    ssvep = load_ssvep(subject)
    assert ssvep.data.shape == (n_epochs, 8, 1280)
    assert ssvep.data.dtype == np.float64
    assert np.bincount(ssvep.target).tolist() == [n_epochs // 4] * 4
    assert ssvep.target_names == ["rest", "13 Hz", "21 Hz", "17 Hz"]
    assert ssvep.sfreq == 256.0
    assert ssvep.ch_names[:2] == ["Oz", "O1"]
    assert len(ssvep.ch_names) == 8
    assert len(ssvep.run) == n_epochs
    assert "CC0" in ssvep.DESCR
    # Electrode offsets of millivolts, under signals of microvolts to millivolts.
    assert 1e-4 < np.abs(ssvep.data).max() < 1


@pytest.mark.parametrize(("subject", "file"), [(3, "S03"), (12, "S12")])
def test_equals_the_source(subject, file, shared_data):
    source = np.load(shared_data(f"acm/ssvepexo_{file}.npz"))
    volts = source["q_int16"] * source["scale"].astype(float) + source["mean"]
    np.testing.assert_array_equal(load_ssvep(subject).data, volts)
    np.testing.assert_array_equal(load_ssvep(subject).target, source["y"] - 1)


@pytest.mark.parametrize("target", [1, 2, 3])
def test_flicker_frequency_is_in_the_signal(target):
    ssvep = load_ssvep(12)
    frequency = float(ssvep.target_names[target].split()[0])
    # Two seconds from the third on: one bin every half hertz.
    x = ssvep.data[:, ssvep.ch_names.index("Oz"), 512:1024]
    power = np.abs(np.fft.rfft((x - x.mean(1, keepdims=True)) * np.hanning(512))) ** 2
    band = power[:, int(2 * frequency)] / power[:, 20:51].mean(axis=1)
    looking = np.median(band[ssvep.target == target])
    assert looking > 2 * np.median(band[ssvep.target != target])


def test_x_and_y_alone():
    X, y = load_ssvep(3, return_X_y=True)
    assert X.shape == (64, 8, 1280)
    np.testing.assert_array_equal(y, load_ssvep(3).target)


def test_each_call_returns_fresh_arrays():
    load_ssvep(3).data[:] = 0
    assert load_ssvep(3).data.any()


@pytest.mark.parametrize("subject", [1, "3", None])
def test_unknown_subject(subject):
    with pytest.raises(ValueError, match=r"subject must be one of \(3, 12\), got"):
        load_ssvep(subject)


def test_as_epochs():
    pytest.importorskip("mne")
    ssvep = load_ssvep(12, as_epochs=True)
    epochs = ssvep.data
    np.testing.assert_array_equal(epochs.get_data(), load_ssvep(12).data)
    assert epochs.ch_names == ssvep.ch_names
    assert epochs.info["sfreq"] == 256.0
    assert epochs.times[[0, -1]].tolist() == [0.0, 1279 / 256]
    np.testing.assert_array_equal(epochs.events[:, 2], ssvep.target)
    assert len(epochs["13 Hz"]) == 24


def test_as_epochs_without_mne():
    code = (
        "import sys; sys.modules['mne'] = None\n"
        "from skextras.datasets import load_ssvep\n"
        "try:\n    load_ssvep(as_epochs=True)\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert 'pip install "skextras[eeg]"' in done.stdout
