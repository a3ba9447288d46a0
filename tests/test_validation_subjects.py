"""Input of several subjects: lists, arrays, frames, matrices, and what is refused."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator

from skextras._validation_subjects import read_subjects


@pytest.fixture
def estimator():
    return BaseEstimator()


def series(*lengths, n_nodes=4):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n_times, n_nodes)) for n_times in lengths]


def test_lists(estimator):
    X = series(20, 30, 25)
    subjects = read_subjects(estimator, X, reset=True)
    assert (len(subjects), subjects.n_nodes, subjects.is_table) == (3, 4, False)
    assert subjects.lengths == [20, 30, 25]
    assert (estimator.n_features_in_, estimator.n_nodes_) == (4, 4)
    for i in range(3):
        assert np.shares_memory(subjects.load(i), X[i])
    as_tuple = read_subjects(estimator, tuple(X), reset=False)
    assert as_tuple.lengths == subjects.lengths


@pytest.mark.parametrize("make", [np.array, lambda X: np.array(X).tolist()])
def test_three_dimensions(estimator, make):
    X = series(20, 20, 20)
    subjects = read_subjects(estimator, make(X), reset=True)
    assert subjects.lengths == [20, 20, 20]
    np.testing.assert_array_equal(subjects.load(1), X[1])


def test_ragged_nested_lists(estimator):
    X = series(5, 7)
    nested = [x.tolist() for x in X]
    subjects = read_subjects(estimator, nested, reset=True)
    assert subjects.lengths == [5, 7]
    np.testing.assert_array_equal(subjects.load(1), X[1])


@pytest.mark.parametrize("make", [np.array, list, pd.DataFrame])
def test_two_dimensions_are_one_node_per_sample(estimator, make):
    X = make(np.random.default_rng(0).standard_normal((6, 30)).tolist())
    subjects = read_subjects(estimator, X, reset=True)
    assert (len(subjects), subjects.is_table) == (6, True)
    assert (estimator.n_features_in_, estimator.n_nodes_) == (30, 1)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("float32", "float32"),
        (">f4", "float32"),
        (">f8", "float64"),
        ("float16", "float64"),
        ("longdouble", "float64"),
        ("int16", "float64"),
        ("uint8", "float64"),
        ("bool", "float64"),
        ("object", "float64"),
    ],
)
def test_types(estimator, given, read):
    X = np.random.default_rng(0).integers(0, 2, (2, 20, 4)).astype(given)
    for variant in (X, list(X)):
        x = read_subjects(estimator, variant, reset=True).load(1)
        assert x.dtype == np.dtype(read)
        assert x.dtype.isnative
        np.testing.assert_array_equal(x, X[1].astype(float))


def test_integers_are_converted_one_subject_at_a_time(estimator):
    X = np.zeros((50, 20, 4), dtype=np.int16)
    subjects = read_subjects(estimator, X, reset=True)
    assert np.shares_memory(subjects.items, X)


def test_read_only_memmap(estimator, tmp_path):
    np.save(tmp_path / "x.npy", np.array(series(20, 20)))
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    subjects = read_subjects(estimator, X, reset=True)
    assert np.shares_memory(subjects.load(1), X)
    subjects = read_subjects(estimator, [X[0], X[1]], reset=True)
    assert np.shares_memory(subjects.load(1), X)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_when_every_subject_is_a_frame(estimator, frame):
    def frames(names):
        return [frame(dict(zip(names, x.T, strict=True))) for x in series(20, 30)]

    subjects = read_subjects(estimator, frames("abcd"), reset=True)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(subjects.load(1), series(20, 30)[1])
    with pytest.raises(ValueError, match="feature names should match"):
        read_subjects(estimator, frames("abdc"), reset=False)
    first, second = frames("abcd")[0], frames("abxd")[1]
    words = r"subject 1 .*\['a', 'b', 'x', 'd'\] and \['a', 'b', 'c', 'd'\]"
    with pytest.raises(ValueError, match=words):
        read_subjects(estimator, [first, second], reset=True)
    # An array among them has no names.
    read_subjects(estimator, [first, series(20, 30)[1]], reset=True)
    assert not hasattr(estimator, "feature_names_in_")


def test_nullable_columns(estimator):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2]}, dtype="Int64")
    x = read_subjects(estimator, [frame], reset=True).load(0)
    assert x.tolist() == [[1, 3], [2, 1], [3, 2]]
    frame.iloc[0, 0] = pd.NA
    with pytest.raises((ValueError, TypeError)):
        read_subjects(estimator, [frame], reset=True)


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (iter([]), TypeError, "can be read only once: pass a list"),
        ((x for x in series(20)), TypeError, "generator.*pass a list"),
        (sparse.csr_array(np.eye(4)), TypeError, "Sparse data was passed"),
        ([sparse.csr_array(np.eye(4))], TypeError, "Subject 0: Sparse data"),
        (np.array([None, None]), ValueError, "1-D array of objects: pass a list"),
        ([], ValueError, r"0 sample\(s\).*at least one subject"),
        (np.zeros((0, 20, 4)), ValueError, r"0 sample\(s\)"),
        (np.zeros(4), ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((1, 2, 3, 4)), ValueError, "Found array with dim 4"),
        ([np.zeros((2, 3, 4))], ValueError, "Subject 0: Found array with dim 3"),
        ([*series(20), np.zeros(4)], ValueError, "Subject 1: Expected 2D array"),
        (np.zeros((2, 20, 4), complex), ValueError, "Complex data not supported"),
        ([np.zeros((20, 4), complex)], ValueError, "Subject 0: Complex data not"),
        ([np.full((20, 4), "a")], ValueError, "Subject 0: dtype='numeric' is not"),
        (np.zeros((2, 20, 0)), ValueError, r"0 feature\(s\) \(shape=\(20, 0\)\) while"),
        ([np.zeros((20, 0))], ValueError, r"0 feature\(s\) \(shape=\(20, 0\)\) while"),
        (
            series(20) + series(20, n_nodes=5),
            ValueError,
            "Subject 1 has 5 nodes and subject 0 has 4",
        ),
        (series(20, 1), ValueError, "Subject 1 has n_times=1 time points"),
        (np.zeros((2, 1, 4)), ValueError, "Subject 0 has n_times=1 time points"),
        ([np.zeros((0, 4))], ValueError, "Subject 0 has n_times=0 time points"),
    ],
)
def test_refusals(estimator, X, error, words):
    with pytest.raises(error, match=words):
        read_subjects(estimator, X, reset=True)


def test_table_of_one_column_is_legal(estimator):
    subjects = read_subjects(estimator, np.ones((5, 1)), reset=True)
    assert subjects.is_table


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_not_finite(estimator, value, word, float_dtype):
    X = np.array(series(20, 20, 20)).astype(float_dtype)
    X[2, 3, 1] = value
    for variant in (X, list(X)):
        with pytest.raises(ValueError, match=f"Input X contains {word}.*subject 2"):
            read_subjects(estimator, variant, reset=True)
        with config_context(assume_finite=True):
            read_subjects(estimator, variant, reset=True)
    with pytest.raises(ValueError, match=f"Input X contains {word}"):
        read_subjects(estimator, X[2], reset=True)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="alike")
def test_too_large_for_float64(estimator):
    X = np.ones((1, 20, 4), dtype=np.longdouble)
    X[0, 0, 0] = np.longdouble(10) ** 400
    with pytest.raises(ValueError, match="Input X contains infinity"):
        read_subjects(estimator, X, reset=True)


READINGS = "one graph per subject, a 2-D X as one node per sample"


@pytest.mark.parametrize(
    ("fitted_on", "X", "words"),
    [
        (series(20), series(20, n_nodes=5), "X has 5 features, but BaseEstimator is "),
        (series(20), np.ones((3, 4)), r"expecting 4 features as input, in graphs of 4"),
        (series(20), np.ones((3, 7)), "X has 7 features, but BaseEstimator is expect"),
        (np.ones((3, 4)), series(20), r"expecting 4 features as input, in a 2-D X"),
        (np.ones((3, 4)), np.ones((3, 5)), "X has 5 features, but BaseEstimator is"),
        (np.ones((3, 20)), series(20, n_nodes=1), "X has 1 features, but BaseEst"),
        (series(20, n_nodes=1), np.ones((3, 20)), "X has 20 features, but BaseEst"),
    ],
)
def test_other_layout_than_in_fit(estimator, fitted_on, X, words):
    read_subjects(estimator, fitted_on, reset=True)
    with pytest.raises(ValueError, match=words) as caught:
        read_subjects(estimator, X, reset=False)
    assert READINGS in str(caught.value)
    # The error is raised before anything is learnt.
    read_subjects(estimator, fitted_on, reset=False)


# Matrices


def correlation(n_nodes=5):
    return np.corrcoef(series(30, n_nodes=n_nodes)[0].T)


@pytest.mark.parametrize("input_type", ["correlation", "adjacency"])
def test_matrices_of_one_node(estimator, input_type):
    X = np.zeros((1, 1, 1))
    assert len(read_subjects(estimator, X, reset=True, input_type=input_type)) == 1


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "float32", "float64"])
def test_adjacency_of_any_type(estimator, dtype):
    X = np.array([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]], dtype=dtype)
    read_subjects(estimator, X, reset=True, input_type="adjacency")
    read_subjects(estimator, list(X), reset=True, input_type="adjacency")


def changed(entries, n_nodes=5):
    R = correlation(n_nodes)
    for (i, j), value in entries.items():
        R[i, j] = value
    return R


@pytest.mark.parametrize(
    ("R", "input_type", "words"),
    [
        (np.ones((3, 4)), "correlation", r"Subject 1 has shape \(3, 4\).*square"),
        (np.ones((3, 4)), "adjacency", r"Subject 1 has shape \(3, 4\).*square"),
        (changed({(0, 1): 0.5}), "correlation", "Subject 1 is not symmetric"),
        (np.eye(4) + np.eye(4, k=1), "adjacency", "Subject 1 is not symmetric"),
        (2 * np.ones((4, 4)), "adjacency", "Subject 1 has other values than 0 and 1"),
        (0.5 * np.ones((4, 4)), "adjacency", 'input_type="correlation"'),
        (
            changed({(0, 1): 1.7, (1, 0): 1.7}),
            "correlation",
            r"Subject 1 .* value 1\.7, larger than 1\. If these are Fisher z.*np\.tanh",
        ),
        (
            changed({(0, 1): np.nan, (1, 0): np.nan}),
            "correlation",
            "Input X contains NaN: subject 1 .*constant node are NaN: pass the series",
        ),
    ],
)
def test_refused_matrices(estimator, R, input_type, words):
    n_nodes = R.shape[1]
    good = np.eye(n_nodes)
    with pytest.raises(ValueError, match=words):
        read_subjects(estimator, [good, R], reset=True, input_type=input_type)


def test_rounding_of_correlations_is_tolerated(estimator):
    R = changed({(0, 1): 1 + 9e-7, (1, 0): 1 + 1e-7, (2, 2): 40.0})
    read_subjects(estimator, [R], reset=True, input_type="correlation")


def test_all_blocks_of_a_matrix_are_checked(estimator, monkeypatch):
    monkeypatch.setattr("skextras._validation_subjects._BLOCK", 10)
    R = changed({(4, 0): 0.9})
    with pytest.raises(ValueError, match="not symmetric"):
        read_subjects(estimator, [R], reset=True, input_type="correlation")
    R = changed({(4, 3): -1.9, (3, 4): -1.9, (0, 0): 9})
    with pytest.raises(ValueError, match=r"value 1\.9"):
        read_subjects(estimator, [R], reset=True, input_type="correlation")


@pytest.mark.parametrize("input_type", ["correlation", "adjacency"])
def test_a_table_is_no_matrix(estimator, input_type):
    words = re.escape(f'X is 2-D, but input_type="{input_type}" needs one matrix')
    with pytest.raises(ValueError, match=words):
        read_subjects(estimator, np.eye(5), reset=True, input_type=input_type)
