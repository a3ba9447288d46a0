import threading
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from screening_cases import METHODS, drop, mixed_data
from sklearn import config_context

from skextras import MIScreener
from skextras._mi_screener_blocks import (
    is_column_store,
    is_frame,
    map_blocks,
    open_reader,
    read_columns,
)


class Store:
    """What h5py, zarr and dask have in common, and a record of what is read."""

    def __init__(self, X):
        self.array, self.shape, self.dtype, self.read = X, X.shape, X.dtype, []

    def __getitem__(self, key):
        rows, columns = key
        assert rows == slice(None)
        assert columns.step is None
        self.read.append((columns.start, columns.stop))
        return self.array[:, columns]


def reader_of(X):
    return open_reader(MIScreener(), X, np.arange(X.shape[0]), reset=True)


def everything(reader, width=3):
    blocks = list(reader.blocks(0, reader.n_features, width))
    assert all(block.flags.c_contiguous for _, block in blocks)
    assert [first for first, _ in blocks] == list(range(0, reader.n_features, width))
    return np.concatenate([block for _, block in blocks])


def table(dtype=float):
    return np.arange(40).reshape(5, 8).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1", "?", ">f4", ">f8", "f2"])
def test_arrays_become_feature_major_floats(dtype):
    X = table(dtype)
    single = np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize <= 4
    for container in (X, np.asfortranarray(X), Store(X), X.tolist()):
        if isinstance(container, list):
            block = everything(
                open_reader(MIScreener(), X.tolist(), range(5), reset=True)
            )
        else:
            block = everything(reader_of(container))
            assert block.dtype == (np.float32 if single else np.float64)
        assert block.dtype.isnative
        assert_array_equal(block, X.T.astype(float))


def test_sparse_columns():
    X = table() * (np.arange(8) % 3 == 0)
    X[0, 3] = np.nan
    for container in (sparse.csr_array(X), sparse.csc_matrix(X), sparse.coo_array(X)):
        reader = reader_of(container)
        assert_array_equal(everything(reader), X.T)
        (_, (values, rows, bounds)), *rest = reader.sparse_blocks(2, 8, 5)
        dense = np.zeros((5, 5))
        for j in range(5):
            inside = slice(bounds[j], bounds[j + 1])
            dense[j, rows[inside]] = values[inside]
        assert_array_equal(dense, X.T[2:7])
        assert [first for first, _ in rest] == [7]


def test_sparse_duplicates_and_stored_zeros():
    data, rows = np.array([1.0, 2.0, 0.0]), np.array([1, 1, 2])
    X = sparse.csc_array((data, rows, np.array([0, 3])), shape=(4, 1))
    reader = open_reader(MIScreener(), X, np.arange(4), reset=True)
    ((_, (values, rows, _)),) = reader.sparse_blocks(0, 1, 1)
    assert (values.tolist(), rows.tolist()) == ([3.0], [1])
    assert X.nnz == 3  # the input is left alone


def pandas_frame():
    return pd.DataFrame(
        {
            "real": [0.5, np.nan, 2.0, 1.0],
            "count": pd.array([1, 2, None, 4], dtype="Int64"),
            "kind": pd.Categorical(["b", "a", None, "b"]),
            "flag": [True, False, True, True],
            "maybe": pd.array([True, None, False, True], dtype="boolean"),
            "object": np.array([1, 2.5, None, 4], dtype=object),
        }
    )


VALUES = np.array(
    [
        [0.5, np.nan, 2, 1],
        [1, 2, np.nan, 4],
        [1, 0, np.nan, 1],
        [1, 0, 1, 1],
        [1, np.nan, 0, 1],
        [1, 2.5, np.nan, 4],
    ]
)


def test_pandas_frames():
    reader = reader_of(pandas_frame())
    assert_array_equal(everything(reader, 2), VALUES)
    assert reader.categories.tolist() == [False, False, True, True, True, False]
    assert reader.labels == {2: ["a", "b"]}
    assert reader.unordered.tolist() == [False, False, True, False, False, False]


def test_polars_frames():
    frame = pl.DataFrame(
        {
            "real": [0.5, None, 2.0, 1.0],
            "count": [1, 2, None, 4],
            "kind": pl.Series(["b", "a", None, "b"], dtype=pl.Enum(["a", "b"])),
            "flag": [True, False, True, True],
            "maybe": [True, None, False, True],
        }
    )
    reader = reader_of(frame)
    assert_array_equal(everything(reader, 2), VALUES[:5])
    assert reader.categories.tolist() == [False, False, True, True, True]
    assert reader.labels == {2: ["a", "b"]}
    text = pl.DataFrame({"a": [1.0, 2.0], "name": ["x", "y"]})
    with pytest.raises(ValueError, match=r"'name' .*holds strings.*pl.Categorical"):
        reader_of(text)


def test_polars_categories():
    kinds = pl.Series(["v", "u", None, "w"], dtype=pl.Categorical)
    reader = reader_of(pl.DataFrame({"kind": kinds}))
    codes = everything(reader)[0]
    labels = [reader.labels[0][int(code)] for code in codes[[0, 1, 3]]]
    assert labels == ["v", "u", "w"]
    assert np.isnan(codes[2])
    assert reader.unordered[0]


def test_frames_of_single_precision():
    frame = pd.DataFrame(table(np.float32)).rename(columns=str)
    assert everything(reader_of(frame)).dtype == np.float32
    frame = pl.from_pandas(frame)
    assert everything(reader_of(frame)).dtype == np.float32


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (["x", "y"], r"'bad' .*holds strings.*astype\(\"category\"\)"),
        (pd.array(["x", None], dtype="string"), "'bad' .*holds strings"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "'bad' .*dtype datetime"),
        ([1 + 2j, 1j], "'bad' .*dtype complex"),
    ],
)
def test_columns_that_are_no_numbers(column, match):
    frame = pd.DataFrame({"good": [1.0, 2.0], "bad": column})
    with pytest.raises(ValueError, match=match):
        reader_of(frame)


def test_bad_tables():
    with pytest.raises(ValueError, match=r"0 feature\(s\) \(shape=\(3, 0\)\)"):
        reader_of(Store(np.empty((3, 0))))
    with pytest.raises(ValueError, match=r"1 sample\(s\)"):
        reader_of(Store(np.empty((1, 3))))
    with pytest.raises(ValueError, match="real numbers, got dtype complex"):
        reader_of(Store(np.ones((3, 3), complex)))
    with pytest.raises(ValueError, match="real numbers, got dtype <U1"):
        reader_of(Store(np.full((3, 3), "a")))


def test_what_is_a_store():
    assert is_column_store(Store(np.eye(2)))
    for other in (np.eye(2), sparse.eye_array(2), pd.DataFrame(), [[1]], np.ones(3)):
        assert not is_column_store(other)
    assert is_frame(pd.DataFrame())
    assert is_frame(pl.DataFrame())
    assert not is_frame(np.eye(2))


def test_recoded_categories():
    frame = pd.DataFrame({"kind": pd.Categorical(["c", "a", None, "c"])})
    reader = reader_of(frame)
    reader.recode({0: ["a", "b", "c"]})
    assert_array_equal(everything(reader), [[2, 0, np.nan, 2]])
    with pytest.raises(ValueError, match=r"'kind' .*level 'c'"):
        reader.recode({0: ["a", "b"]})
    unused = pd.DataFrame({"kind": pd.Categorical(["a"] * 2, categories=["z", "a"])})
    reader = reader_of(unused)
    reader.recode({0: ["a"]})
    assert_array_equal(everything(reader), [[0, 0]])


def test_read_columns():
    X = table()
    for container in (X, Store(X), sparse.csr_array(X), pd.DataFrame(X)):
        block = read_columns(reader_of(container), np.array([0, 1, 2, 5, 7]))
        assert_array_equal(block, X.T[[0, 1, 2, 5, 7]])
    empty = read_columns(reader_of(X), np.array([], int))
    assert empty.shape == (0, 5)


@pytest.mark.parametrize("n_jobs", [None, 1, 3, 20, -1])
@pytest.mark.parametrize("working_memory", [1e-5, 1e-3, 100])
def test_every_column_comes_once_and_in_order(n_jobs, working_memory):
    X = table()
    with config_context(working_memory=working_memory):
        for reader in (reader_of(X), reader_of(Store(X))):
            found = map_blocks(lambda first, b: (first, b), reader, n_jobs)
    assert_array_equal(np.concatenate([block for _, block in found]), X.T)
    lengths = [len(block) for _, block in found]
    assert [first for first, _ in found] == [0, *np.cumsum(lengths)[:-1]]


def test_jobs_are_threads():
    names = map_blocks(lambda *_: threading.get_ident(), reader_of(table()), 2)
    assert len(names) == 2


@pytest.mark.parametrize("method", METHODS)
def test_column_stores_fit_and_transform_alike(method, tmp_path, seed):
    X, y = mixed_data(seed)
    X = drop(X, seed)
    wanted = MIScreener(method, k=3).fit(X, y)
    for order in "CF":
        path = tmp_path / f"{order}.dat"
        shape = X.shape
        np.memmap(path, float, "w+", shape=shape, order=order)[:] = X
        stored = np.memmap(path, float, "r", shape=shape, order=order)
        with config_context(working_memory=0.01):
            fitted = MIScreener(method, k=3).fit(stored, y)
            assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
            assert_array_equal(fitted.transform(stored), wanted.transform(X))
        del stored
    store = Store(X)
    fitted = MIScreener(method, k=3).fit(store, y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
    store.read.clear()
    assert_array_equal(fitted.transform(store), wanted.transform(X))
    read = [j for start, stop in store.read for j in range(start, stop)]
    assert read == np.flatnonzero(fitted.support_).tolist()


def test_stores_keep_their_type_in_transform():
    X = np.arange(60).reshape(20, 3).astype(np.int16)
    fitted = MIScreener(k=2).fit(Store(X), np.arange(20) % 2)
    assert fitted.transform(Store(X)).dtype == np.int16
    with pytest.raises(ValueError, match="expecting 3 features"):
        fitted.transform(Store(X[:, :2]))


def test_dask_columns():
    da = pytest.importorskip("dask.array")
    X, y = mixed_data(0)
    lazy = da.from_array(X, chunks=(50, 2))
    wanted = MIScreener().fit(X, y)
    fitted = MIScreener().fit(lazy, y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
    assert_array_equal(fitted.transform(lazy), wanted.transform(X))


def test_memory_of_a_column_store(tmp_path):
    n, p = 500, 40_000
    shape = (n, p)
    stored = np.memmap(tmp_path / "X.dat", np.float32, "w+", shape=shape)
    rng = np.random.default_rng(0)
    for start in range(0, n, 100):
        stored[start : start + 100] = rng.standard_normal((100, p), np.float32)
    y = rng.standard_normal(n)
    MIScreener().fit(stored[:, :10], y)
    for X in (stored, Store(stored)):
        with config_context(working_memory=16):
            tracemalloc.start()
            MIScreener().fit(X, y)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 64 * 2**20


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_categories_are_levels(library, seed):
    X, y = mixed_data(seed)
    kinds = np.array(["low", "middle", "high", "top", "last"])[X[:, 4].astype(int) + 2]
    if library == "pandas":
        frame = pd.DataFrame({"x": X[:, 0], "kind": pd.Categorical(kinds)})
    else:
        kinds = pl.Series(kinds, dtype=pl.Categorical)
        frame = pl.DataFrame({"x": X[:, 0], "kind": kinds})
    for method in ("binning", "fftkde", "knn"):
        wanted = MIScreener(method).fit(X[:, [0, 4]], y)
        fitted = MIScreener(method).fit(frame, y)
        assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
    for method in ("pearson", "gaussian"):
        with pytest.raises(ValueError, match=r"'kind' .*5 categories without order"):
            MIScreener(method).fit(frame, y)


def test_frames_keep_their_columns():
    X, y = mixed_data(0)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["f"] = pd.Categorical(np.where(X[:, 5] > 0, "yes", "no"))
    fitted = MIScreener(k=6).set_output(transform="pandas").fit(frame, y)
    assert fitted.transform(frame).dtypes.tolist() == frame.dtypes.tolist()
    assert fitted.get_feature_names_out().tolist() == list("abcdef")
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame.rename(columns={"a": "z"}))
