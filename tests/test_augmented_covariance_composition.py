"""AugmentedCovariance at scale and in pipelines: threads, memory, MNE, real data."""

import tracemalloc

import numpy as np
import pytest
from joblib import Memory, Parallel, delayed
from scipy.signal import butter, sosfiltfilt
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skextras import AugmentedCovariance, _augmented_covariance
from skextras._resources import single_blas_thread
from skextras.datasets import load_ssvep
from skextras.numerics import lagged


@pytest.fixture
def X(seed):
    return np.random.default_rng(seed).standard_normal((37, 4, 300))


@pytest.fixture(scope="module")
def filtered():
    """Subject 12 as the literature takes it: 10 to 25 Hz, 2 to 4 s."""
    return load_filtered(12)


def load_filtered(subject):
    ssvep = load_ssvep(subject)
    band = butter(4, [10, 25], "bandpass", fs=ssvep.sfreq, output="sos")
    return sosfiltfilt(band, ssvep.data)[:, :, 512:1024], ssvep.target


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": 4, "lag": 3},
        {"order": 4, "lag": 3, "output": "vector", "shrinkage": 0.1},
        {"lag": [0, 3, 4]},
        {"order": 2, "lag": 3, "estimator": "oas"},
    ],
)
def test_bits_do_not_depend_on_threads_chunks_or_slices(X, parameters):
    augmented = AugmentedCovariance(**parameters).fit(X[:1])
    S = augmented.transform(X)
    augmented.set_params(n_jobs=3)
    np.testing.assert_array_equal(augmented.transform(X), S)
    with config_context(working_memory=0.01):
        np.testing.assert_array_equal(augmented.transform(X), S)
    slices = [augmented.transform(X[a : a + 10]) for a in range(0, 37, 10)]
    np.testing.assert_array_equal(np.concatenate(slices), S)


def test_memmap(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    augmented = AugmentedCovariance(4, 3).fit(mapped)
    np.testing.assert_array_equal(augmented.transform(mapped), augmented.transform(X))


def test_processes(X):
    augmented = AugmentedCovariance(4, 3).fit(X)
    parts = Parallel(n_jobs=2)(
        delayed(augmented.transform)(X[a : a + 20]) for a in (0, 20)
    )
    np.testing.assert_array_equal(np.concatenate(parts), augmented.transform(X))


def test_dask_blocks(X):
    array = pytest.importorskip("dask.array")
    augmented = AugmentedCovariance(4, 3).fit(X[:2])
    blocks = array.from_array(X, chunks=(10, -1, -1)).map_blocks(
        augmented.transform, chunks=((10, 10, 10, 7), (16,), (16,)), dtype=float
    )
    np.testing.assert_array_equal(blocks.compute(), augmented.transform(X))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_peak_memory_is_the_output_and_a_chunk(dtype):
    X = np.random.default_rng(0).standard_normal((100, 22, 400)) * 1000
    X = X.astype(dtype)
    augmented = AugmentedCovariance(10, 5).fit(X)
    output = augmented.transform(X[:8]).nbytes * 100 / 8
    tracemalloc.start()
    augmented.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * output


def test_refuses_what_cannot_fit_before_allocating(X, monkeypatch):
    augmented = AugmentedCovariance(4, 3).fit(X)
    needed = 37 * 16 * 16 * 8
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(needed))
    assert augmented.transform(X).nbytes == needed
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", str(needed - 1))
    with pytest.raises(MemoryError, match=rf"37 .* 16 rows.*{needed:,} bytes.*order"):
        augmented.transform(X)


def test_pipeline_memory_computes_each_matrix_once(X, tmp_path, monkeypatch):
    lengths = []
    compute = lagged.augmented_covariance

    def count(X, *args, **kwargs):
        lengths.append(len(X))
        return compute(X, *args, **kwargs)

    monkeypatch.setattr(_augmented_covariance, "augmented_covariance", count)
    y = np.arange(37) % 2
    pipeline = make_pipeline(
        AugmentedCovariance(lag=2, output="vector"),
        SVC(),
        memory=Memory(tmp_path, verbose=0),
    )
    grid = {"augmentedcovariance__order": [1, 2], "svc__C": [0.1, 1, 10]}
    GridSearchCV(pipeline, grid, cv=2, refit=False).fit(X, y)
    # Two orders in two folds: their training halves once, and their test halves (the
    # pipeline caches what it fits) for each C.
    assert sum(lengths) == 2 * (37 + 3 * 37)


def test_grid_search_reaches_the_parameters(filtered):
    X, y = filtered
    pipeline = make_pipeline(
        AugmentedCovariance(output="vector", shrinkage=0.01),
        StandardScaler(),
        LogisticRegression(C=0.01),
    )
    grid = {"augmentedcovariance__order": [1, 6], "augmentedcovariance__lag": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["augmentedcovariance__order"] == 6
    # One copy has no lag: equal scores there, and nowhere else.
    scores = search.cv_results_["mean_test_score"]
    orders = search.cv_results_["param_augmentedcovariance__order"]
    assert len(set(scores[orders == 1])) == 1
    assert len(set(scores)) > 1


def test_mne_epochs_through_grid_search(filtered):
    pyriemann = pytest.importorskip("pyriemann")
    mne = pytest.importorskip("mne")
    X, y = filtered
    info = mne.create_info(8, 256.0, "eeg", verbose="error")
    epochs = mne.EpochsArray(X, info, verbose="error")
    pipeline = make_pipeline(AugmentedCovariance(), pyriemann.classification.MDM())
    grid = {"augmentedcovariance__order": [1, 3]}
    with single_blas_thread():
        by_epochs = GridSearchCV(pipeline, grid, cv=3).fit(epochs, y)
        by_arrays = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    for key in ("mean_test_score", "split0_test_score"):
        np.testing.assert_array_equal(
            by_epochs.cv_results_[key], by_arrays.cv_results_[key]
        )
    fitted = by_epochs.best_estimator_[0]
    assert fitted.feature_names_in_.tolist() == epochs.ch_names
    np.testing.assert_array_equal(by_epochs.predict(epochs), by_arrays.predict(X))


# pyriemann's mean stops at a tolerance that is absolute.
@pytest.mark.filterwarnings("ignore:Convergence not reached:UserWarning")
@pytest.mark.parametrize("subject", [3, 12])
@pytest.mark.parametrize("classifier", ["mdm", "tangent"])
def test_default_gains_on_plain_covariances(subject, classifier):
    pyriemann = pytest.importorskip("pyriemann")
    X, y = load_filtered(subject)
    steps = {
        "mdm": [pyriemann.classification.MDM()],
        "tangent": [pyriemann.tangentspace.TangentSpace(), SVC(kernel="linear")],
    }[classifier]
    folds = StratifiedKFold(5, shuffle=True, random_state=42)
    default = AugmentedCovariance().fit(X)
    assert (default.order_, default.lag_) == (8, 2)
    with single_blas_thread():
        plain, augmented = (
            cross_val_score(make_pipeline(covariance, *steps), X, y, cv=folds).mean()
            for covariance in (AugmentedCovariance(order=1), AugmentedCovariance())
        )
    # .515 to .796 and .626 to .896 (MDM), .562 to .844 and .582 to .874.
    assert augmented - plain >= 0.2
