"""ThreeCycleMap with memory maps, nilearn, pipelines and searches; real data."""

import threading

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedGroupKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from three_cycle_map_cases import make_subjects, quietly

from skextras import RegionSelector, ThreeCycleMap
from skextras.datasets import load_haxby_tiny

ALL = ("degree", "cycle3", "cycle4", "clustering")


# Equal to the call in memory


@pytest.fixture
def estimator():
    return ThreeCycleMap([0.1, 0.3], features=ALL)


def test_memory_maps(estimator, tmp_path):
    X = np.array(make_subjects(4, 50)).astype(np.float32)
    expected = estimator.fit_transform(X)
    np.save(tmp_path / "all.npy", X)
    whole = np.load(tmp_path / "all.npy", mmap_mode="r")
    assert_array_equal(estimator.fit_transform(whole), expected)
    for i, x in enumerate(X):
        np.save(tmp_path / f"{i}.npy", x)
    files = [np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in range(4)]
    assert_array_equal(estimator.fit_transform(files), expected)


def test_any_split_of_the_subjects(estimator):
    X = make_subjects(4, 50)
    expected = estimator.fit_transform(X)
    for splits in ([1, 3], [2, 2], [1, 1, 1, 1]):
        ends = np.cumsum(splits)
        parts = [X[end - n : end] for n, end in zip(splits, ends.tolist(), strict=True)]
        stacked = np.vstack([estimator.transform(part) for part in parts])
        assert_array_equal(stacked, expected)
    jobs = [delayed(estimator.transform)([x]) for x in X]
    assert_array_equal(np.vstack(Parallel(2, backend="loky")(jobs)), expected)


def test_threads_on_one_instance(estimator):
    X = make_subjects(4, 50)
    expected = estimator.fit_transform(X)
    found, together = [None] * 6, threading.Barrier(6)

    def work(i):
        together.wait(timeout=60)
        found[i] = clone(estimator).set_params(n_jobs=1 + i % 2).fit_transform(X)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for maps in found:
        assert_array_equal(maps, expected)


def test_dask_workers_each_with_a_part(estimator, dask_client):
    X = make_subjects(4, 50)
    expected = estimator.fit_transform(X)
    workers = list(dask_client.scheduler_info()["workers"])
    futures = [
        dask_client.submit(estimator.transform, part, workers=[worker], pure=False)
        for part, worker in zip([X[:1], X[1:]], workers, strict=True)
    ]
    assert_array_equal(np.vstack(dask_client.gather(futures)), expected)


# Images


@pytest.fixture(scope="module")
def maskers():
    return pytest.importorskip("nilearn.maskers")


@pytest.fixture(scope="module")
def haxby_series(maskers):
    """Detrended series of the twelve runs."""
    haxby = load_haxby_tiny()
    masker = maskers.MultiNiftiMasker(
        mask_img=haxby.mask_path, detrend=True, standardize="zscore_sample"
    )
    return masker.fit().transform(haxby.paths)


def mean_similarity(subjects):
    maps = ThreeCycleMap(0.1, threshold_type="density").fit_transform(subjects)
    return np.corrcoef(maps)[np.triu_indices(len(maps), 1)].mean()


def test_maps_of_runs_resemble_each_other(haxby_series):
    assert mean_similarity(haxby_series) >= 0.40
    # Not so when each voxel is shifted in time by itself.
    rng = np.random.default_rng(0)
    shifted = [
        np.column_stack([np.roll(x, rng.integers(len(x))) for x in X.T])
        for X in haxby_series
    ]
    assert mean_similarity(shifted) < 0.25


def image_pipeline(maskers, *steps):
    masker = maskers.MultiNiftiMasker(
        mask_img=load_haxby_tiny().mask_path, standardize="zscore_sample"
    )
    return make_pipeline(masker, ThreeCycleMap(0.3), *steps)


def test_search_over_thresholds_on_paths(maskers):
    paths, y = load_haxby_tiny().paths[:8], np.arange(8) % 2
    model = image_pipeline(maskers, PCA(2), LinearDiscriminantAnalysis())
    grid = {"threecyclemap__threshold": [0.2, 0.4]}
    search = quietly(GridSearchCV(model, grid, cv=2).fit, paths, y)
    assert search.best_estimator_["threecyclemap"].n_nodes_ == 129
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    predicted = quietly(search.predict, paths)
    assert set(predicted) <= {0, 1}


def test_the_recipe_with_regions(maskers):
    paths, y = load_haxby_tiny().paths[:6], np.arange(6) % 2
    labels = np.arange(129) // 13
    model = image_pipeline(
        maskers, RegionSelector(labels, cv=2), PCA(2), LinearDiscriminantAnalysis()
    )
    quietly(model.fit, paths, y)
    kept = model["regionselector"].get_support()
    for label in np.unique(labels):
        assert kept[labels == label].all() or not kept[labels == label].any()


def test_maps_as_images(maskers):
    nibabel = pytest.importorskip("nibabel")
    haxby = load_haxby_tiny()
    masker = maskers.NiftiMasker(haxby.mask_path, standardize=None).fit()
    X = masker.transform(haxby.paths[0])
    (values,) = ThreeCycleMap(0.3).fit_transform([X])
    volume = masker.inverse_transform(values).get_fdata()
    mask = nibabel.load(haxby.mask_path).get_fdata() > 0
    assert_array_equal(volume[mask], values)
    assert not volume[~mask].any()
    # Voxel by voxel, as each column is the series of its voxel.
    series = nibabel.load(haxby.paths[0]).get_fdata()[mask]
    assert_array_equal(series.T, X)


# Parcels of people with first-episode psychosis, and of controls


@pytest.fixture(scope="module")
def stages(shared_data):
    path = shared_data("threecycle/stages_fep_schaefer300_subcortex32.npz")
    with np.load(path, allow_pickle=False) as archive:
        stored = dict(archive)
    ends = stored["n_timepoints"].cumsum()[:-1]
    kept = np.setdiff1d(np.arange(332), stored["low_signal_rois"])
    scans = np.split(stored["X"][:, kept].astype(np.float32), ends)
    good = np.flatnonzero(~stored["qc_exclude"])
    columns = {name: stored[name][good] for name in ("subject", "session", "patient")}
    return [scans[i] for i in good], columns


def test_maps_identify_people(stages):
    scans, columns = stages
    estimator = ThreeCycleMap(0.1, threshold_type="density", scaling="log1p")
    maps = estimator.fit_transform(scans)
    by_session = [
        dict(zip(columns["subject"][chosen], maps[chosen], strict=True))
        for chosen in (columns["session"] == 1, columns["session"] == 2)
    ]
    people = sorted(by_session[0].keys() & by_session[1].keys())
    assert len(people) == 58
    first, second = (np.array([s[p] for p in people]) for s in by_session)
    similarity = np.corrcoef(first, second)[:58, 58:]
    hits = similarity.argmax(axis=0) == np.arange(58)
    # One in 58 by chance.
    assert hits.mean() >= 0.26


def test_maps_predict_psychosis_somewhat(stages):
    scans, columns = stages
    estimator = ThreeCycleMap(0.1, threshold_type="density", scaling="log1p")
    maps = estimator.fit_transform(scans)
    assert len(maps) == 197
    model = make_pipeline(PCA(20), LinearDiscriminantAnalysis())
    auc = {
        type(cv).__name__: cross_val_score(
            model,
            maps,
            columns["patient"],
            groups=columns["subject"],
            cv=cv,
            scoring="roc_auc",
        ).mean()
        for cv in (StratifiedGroupKFold(5), GroupKFold(5))
    }
    assert auc["StratifiedGroupKFold"] >= 0.70
    assert auc["GroupKFold"] >= 0.65
