"""partial_fit equals fit; groups, folds and calibration units; memory."""

import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from subspace_ad_cases import grids, normal_rows

from skextras import SubspaceAD, _subspace_ad_stream
from skextras._subspace_ad_stream import (
    Stream,
    accumulate,
    enrol,
    moment_spectra,
    patch_blocks,
    row_folds,
    row_spectra,
    unit_folds,
)

few = pytest.mark.filterwarnings("ignore:SubspaceAD. with n=")
MIB = 2**20


def stream_of(X, n_folds=3, groups=None, seed=None, copy=True):
    empty = Stream(n_folds, seed)
    stream, codes = enrol(empty, X, groups, copy=copy)
    return accumulate(empty, stream, X, codes), codes


def assert_same_fit(found, expected, X, rtol):
    assert found.n_components_ == expected.n_components_
    assert found.n_samples_seen_ == expected.n_samples_seen_
    assert found.grid_shape_ == expected.grid_shape_
    assert_allclose(found.mean_, expected.mean_, rtol=rtol)
    projections = [m.components_.T @ m.components_ for m in (found, expected)]
    assert_allclose(*projections, atol=10 * rtol)
    assert_allclose(found.score_samples(X), expected.score_samples(X), rtol=rtol)
    assert_allclose(found.offset_, expected.offset_, rtol=rtol)
    if found.calibration != "hbe":
        scores = found.calibration_scores_, expected.calibration_scores_
        assert_allclose(*scores, rtol=rtol)
    if found.grid_shape_ is not None:
        assert_allclose(found.patch_offset_, expected.patch_offset_, rtol=rtol)


PARAMETERS = [
    {},
    {"random_state": 3},
    {"n_folds": 7},
    {"calibration": "train"},
    {"contamination": 0.1},
    {"statistic": "combined"},
    {"statistic": "cosine", "drop_components": 1},
]


@few
@pytest.mark.parametrize("params", [*PARAMETERS, {"calibration": "hbe"}], ids=str)
@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 3], [50], [7, 60, 119]], ids=str)
def test_batches_of_rows_equal_fit(seed, params, cuts, float_dtype):
    X = normal_rows(seed).astype(float_dtype)
    detector = SubspaceAD(0.9, **params)
    batched = clone(detector)
    for batch in np.split(X, cuts):
        assert batched.partial_fit(batch) is batched
    rtol = 1e-9 if float_dtype == np.float64 else 1e-5
    assert_same_fit(batched, detector.fit(X), X, rtol)


@few
@pytest.mark.parametrize("params", PARAMETERS, ids=str)
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 29]], ids=str)
def test_batches_of_images_equal_fit(seed, params, labelled, cuts):
    X = grids(seed)
    groups = np.random.default_rng(seed).integers(0, 21, 30) if labelled else None
    detector = SubspaceAD(0.9, **params)
    batched = clone(detector)
    for part in np.split(np.arange(30), cuts):
        batched.partial_fit(X[part], groups=None if groups is None else groups[part])
    assert_same_fit(batched, detector.fit(X, groups=groups), X, 1e-9)


@few
@pytest.mark.parametrize("as_images", [False, True])
@pytest.mark.parametrize("cut", [0, 2, 11])
def test_one_group_and_then_others(seed, as_images, cut):
    """Blocks stand in for folds until a second group arrives."""
    X = grids(seed, 12) if as_images else normal_rows(seed, 12)
    X = np.concatenate([X, X + 0.01]) if not as_images else X
    groups = ["a"] * 3 + ["b"] * 4 + ["a"] * (len(X) - 7)
    for n in (3, len(X)):
        expected = SubspaceAD(0.5).fit(X[:n], groups=groups[:n])
        batched = SubspaceAD(0.5)
        for part in np.split(np.arange(n), [cut] if 0 < cut < n else []):
            labels = [groups[i] for i in part]
            batched.partial_fit(X[part], groups=labels)
        assert_same_fit(batched, expected, X, 1e-9)


@few
def test_grids_may_change_between_batches(seed):
    X = grids(seed, 8)
    detector = SubspaceAD(0.9).partial_fit(X)
    detector.partial_fit(X[:1, :2].reshape(1, 8, 16), groups=["masked"])
    assert detector.n_samples_seen_ == 8 * 20 + 8
    assert detector.grid_shape_ == (5, 4)
    assert len(detector.calibration_scores_) == 9


def test_solving_waits_and_is_the_same_in_threads(seed):
    X = normal_rows(seed)
    detector = SubspaceAD(0.9).partial_fit(X)
    assert "mean_" not in vars(detector)
    results, together = [None] * 6, threading.Barrier(6)

    def work(i):
        together.wait(timeout=60)
        results[i] = detector.score_samples(X)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_array_equal(result, results[0])
    solved = dict(vars(detector))
    detector.predict(X)
    assert all(vars(detector)[name] is value for name, value in solved.items())
    assert "mean_" not in vars(detector.partial_fit(X))


@few
def test_wrong_parameters_are_told_of_when_solved(seed):
    detector = SubspaceAD(99).partial_fit(normal_rows(seed))
    with pytest.raises(ValueError, match="at most 15"):
        detector.predict(normal_rows(seed))
    assert detector.set_params(n_components=3).predict(normal_rows(seed)).shape == (
        120,
    )


def test_a_single_row_waits_for_the_next(seed):
    X = normal_rows(seed)
    detector = SubspaceAD(0.9).partial_fit(X[:1])
    with pytest.raises(ValueError, match="1 sample"):
        detector.predict(X)
    assert_same_fit(detector.partial_fit(X[1:]), SubspaceAD(0.9).fit(X), X, 1e-9)


def test_partial_fit_after_fit_says_that_it_starts_anew(seed):
    X = normal_rows(seed)
    detector = SubspaceAD(0.9).fit(X[:50])
    with pytest.warns(UserWarning, match="fit keeps no moments; call partial_fit from"):
        detector.partial_fit(X)
    assert_same_fit(detector, SubspaceAD(0.9).fit(X), X, 1e-9)
    assert "_stream" not in vars(detector.fit(X))


def test_folds_cannot_change_half_way(seed):
    X = normal_rows(seed)
    detector = SubspaceAD().partial_fit(X)
    for params in ({"n_folds": 3}, {"calibration": "train"}):
        with pytest.raises(ValueError, match="first call of partial_fit"):
            clone(detector).partial_fit(X).set_params(**params).partial_fit(X)


@pytest.mark.parametrize("bad", [np.full((3, 16), np.nan), np.ones((3, 15))])
def test_a_refused_batch_leaves_no_trace(seed, bad):
    X = normal_rows(seed)
    detector = SubspaceAD(0.9).partial_fit(X)
    with pytest.raises(ValueError, match=r"NaN|15 features"):
        detector.partial_fit(bad)
    assert_same_fit(detector, SubspaceAD(0.9).fit(X), X, 1e-9)


def test_the_stream_can_be_pickled_and_owns_its_data(seed):
    X = normal_rows(seed)
    expected = SubspaceAD(0.9).fit(X)
    batch = X[:70].copy()
    detector = SubspaceAD(0.9).partial_fit(batch)
    batch[:] = np.nan
    detector = pickle.loads(pickle.dumps(detector))
    assert_same_fit(detector.partial_fit(X[70:]), expected, X, 1e-9)


# -- groups, folds and units -----------------------------------------------------------


def test_groups_are_numbered_by_first_appearance():
    X = np.zeros((6, 2, 3))
    stream, codes = enrol(Stream(3, None), X, list("bacabb"), copy=True)
    assert_array_equal(codes, [0, 1, 2, 1, 0, 0])
    stream, codes = enrol(stream, X[:3], ["c", "d", "a"], copy=True)
    assert_array_equal(codes, [2, 3, 1])
    assert (stream.n_groups, stream.n_units) == (4, 9)
    # The first image of each group alone is a calibration unit.
    assert_array_equal(np.concatenate([u.number for u in stream.units]), [0, 1, 2, 3])
    stream, codes = enrol(stream, X[:2], None, copy=True)
    assert_array_equal(codes, [4, 5])


def test_folds_are_dealt_out_in_turn_or_by_permutations(seed):
    X = np.zeros((23, 2))
    stream, codes = stream_of(X, 5)
    assert_array_equal(row_folds(stream, X, codes, slice(0, 23)), np.arange(23) % 5)
    shuffled, _ = stream_of(X, 5, seed=seed)
    folds = row_folds(shuffled, X, codes, slice(0, 23))
    for turn in range(4):
        expected = np.random.default_rng([seed, turn]).permutation(5)
        assert_array_equal(folds[5 * turn : 5 * turn + 5], expected)
    assert_array_equal(unit_folds(shuffled, shuffled.units[0]), folds)


def test_blocks_of_one_image():
    X = np.zeros((2, 3, 4, 2))
    stream, codes = stream_of(X, 5, groups=[7, 7])
    expected = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    assert_array_equal(patch_blocks(12, 5), expected)
    assert_array_equal(row_folds(stream, X, codes, slice(0, 24)), expected * 2)
    assert_array_equal(row_folds(stream, X, codes, slice(11, 14)), [4, 0, 0])


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("sizes", [[100], [1] * 100, [37, 40, 23]], ids=len)
def test_units_are_thinned_by_powers_of_two(monkeypatch, copy, sizes):
    monkeypatch.setattr(_subspace_ad_stream, "_MAX_UNITS", 30)
    X = np.arange(200.0).reshape(100, 2)
    stream = Stream(3, None)
    for batch in np.split(X, np.cumsum(sizes)[:-1]):
        stream, _ = enrol(stream, batch, None, copy=copy)
    numbers = np.concatenate([u.number for u in stream.units])
    assert_array_equal(numbers, np.arange(0, 100, 4))
    kept = np.concatenate([u.source[u.place] for u in stream.units])
    assert_array_equal(kept, X[::4])
    if copy:
        assert sum(u.source.size for u in stream.units) == 50


def test_values_of_units_are_bounded(monkeypatch):
    monkeypatch.setattr(_subspace_ad_stream, "_MAX_VALUES", 100)
    stream, _ = enrol(Stream(3, None), np.zeros((10, 4, 5)), None, copy=True)
    assert_array_equal(stream.units[0].number, [0, 2, 4, 6, 8])
    stream, _ = enrol(Stream(3, None), np.zeros((10, 4, 500)), None, copy=True)
    assert_array_equal(stream.units[0].number, [0])


def test_spectra_of_the_other_folds(seed):
    X = normal_rows(seed, 30, 16)
    stream, codes = stream_of(X, 3)
    by_moments, by_rows = moment_spectra(stream), row_spectra(stream, X, codes)
    for fold in (None, 0, 2):
        others = X if fold is None else X[np.arange(30) % 3 != fold]
        for spectrum in (by_moments(fold), by_rows(fold)):
            expected = np.linalg.eigvalsh(np.cov(others.T))[::-1]
            values = spectrum.eigenvalues[:16]
            assert_allclose(values, expected, atol=1e-12 * expected[0])
            assert spectrum.n_rows == len(others)


def test_too_few_other_rows_give_none(seed):
    X = normal_rows(seed, 2, 16)
    stream, codes = stream_of(X, 3)
    assert moment_spectra(stream)(0) is row_spectra(stream, X, codes)(0) is None


def test_folds_nearly_as_large_as_all_are_never_subtracted(seed):
    X = normal_rows(seed, 60, 4, mean=0.0)
    X[::3] *= 1e9
    stream, _ = stream_of(X, 3)
    others = X[np.arange(60) % 3 != 0]
    values = moment_spectra(stream)(0).eigenvalues
    assert_allclose(values, np.linalg.eigvalsh(np.cov(others.T))[::-1], rtol=1e-9)


# -- memory ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_accumulators_that_do_not_fit_are_refused(monkeypatch, method):
    X = normal_rows(0, 300, 100)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "300000")
    with pytest.raises(MemoryError, match=r"d=100 .*n_folds=5 .*720,000 bytes"):
        getattr(SubspaceAD(), method)(X)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_memory_of_a_large_map(tmp_path, method):
    n, d = 10**6, 64
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=(n, d)
    )
    rng = np.random.default_rng(0)
    for part in np.array_split(np.arange(n), 50):
        X[part] = rng.standard_normal((len(part), d), dtype=np.float32)
    del X
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    try:
        detector = getattr(SubspaceAD(0.9), method)(X)
        detector.score_samples(X[:100])
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
        tracemalloc.reset_peak()
        scores = detector.score_samples(X)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB + scores.nbytes
    finally:
        tracemalloc.stop()
    assert len(detector.calibration_scores_) == n // 128 + 1
