"""Epochs for the tests of searches, simulated and recorded, and the plain search."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skextras import AugmentedCovariance
from skextras.datasets import load_ssvep


def oscillations(seed, n_epochs=40, n_channels=3, n_times=100, n_classes=2):
    """Noise of a colour that depends on the class, and the classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_epochs) % n_classes
    noise = rng.standard_normal((n_epochs, n_channels, n_times + 8))
    X = noise[:, :, 8:].copy()
    for label in range(n_classes):
        X[y == label] += 0.8 * noise[y == label, :, label + 1 : label + 1 + n_times]
    return X, np.array(["left", "right", "rest", "feet"])[y]


def ssvep(subject):
    recording = load_ssvep(subject)
    band = butter(4, [10, 25], "bandpass", fs=recording.sfreq, output="sos")
    return sosfiltfilt(band, recording.data)[:, :, 512:1024], recording.target


def motor_imagery(path):
    """Left and right fist imagined: 21 central channels, 8 to 35 Hz, 3 s."""
    stored = np.load(path)
    columns = {
        a + b for a in ("FC", "C", "CP") for b in ("5", "3", "1", "Z", "2", "4", "6")
    }
    central = [name.upper() in columns for name in stored["ch_names"]]
    sfreq, runs = float(stored["sfreq"]), stored["runs"].tolist()
    band = butter(4, [8, 35], "bandpass", fs=sfreq, output="sos")
    volts = np.cumsum(stored["delta_int16"][:, central].astype(float), axis=-1)
    filtered = sosfiltfilt(band, volts)
    events = [e for e in stored["events"].tolist() if e[0] in (4, 8, 12) and e[2] > 0]
    epochs = [filtered[runs.index(run), :, at : at + 480] for run, at, _ in events]
    return np.array(epochs), np.array([code for *_, code in events])


def peer(final, orders, lags, Cs=(0.5, 1.0, 1.5), kernels=("linear", "rbf"), **kwargs):
    """The plain pipeline in GridSearchCV."""
    pyriemann = pytest.importorskip("pyriemann")
    grid = {"augmentedcovariance__order": orders, "augmentedcovariance__lag": lags}
    if final == "mdm":
        steps = [pyriemann.classification.MDM()]
    else:
        steps = [pyriemann.tangentspace.TangentSpace(), SVC()]
        grid |= {"svc__C": Cs, "svc__kernel": kernels}
    return GridSearchCV(make_pipeline(AugmentedCovariance(), *steps), grid, **kwargs)
