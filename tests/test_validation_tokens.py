"""Tokens of samples: containers, missing tokens, chunks, and what is refused."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator

from skextras._validation_tokens import validate_tokens


class _Probe(BaseEstimator):
    pass


def _read(X, **params):
    return validate_tokens(_Probe(), X, **params)


def _all(tokens):
    return tokens.read(0, len(tokens))


def _ragged(seed=0, lengths=(3, 1, 5), d=2):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((length, d)) for length in lengths]


def _objects(X):
    out = np.empty(len(X), dtype=object)
    out[:] = X
    return out


def _nan_padded(X):
    out = np.full((len(X), max(map(len, X)) + 1, X[0].shape[1]), np.nan)
    for i, sample in enumerate(X):
        # Between the tokens as well as behind them.
        out[i, 1 : 1 + len(sample)] = sample
    return out


# -- containers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X,
        tuple,
        _objects,
        lambda X: [x.tolist() for x in X],
        lambda X: [np.asfortranarray(x) for x in X],
        lambda X: [pd.DataFrame(x) for x in X],
        lambda X: [x.astype(object) for x in X],
        lambda X: [x.astype(">f8") for x in X],
    ],
    ids=["list", "tuple", "objects", "lists", "fortran", "frames", "object", "big"],
)
def test_ragged_containers_agree(form):
    X = _ragged()
    tokens = _read(form(X))
    assert tokens.lengths.tolist() == [3, 1, 5]
    assert tokens.n_features == 2
    assert not tokens.from_table
    np.testing.assert_array_equal(_all(tokens), np.concatenate(X))
    np.testing.assert_array_equal(tokens.read(1, 3), np.concatenate(X[1:]))


def test_padding_is_dropped():
    X = _ragged()
    tokens = _read(_nan_padded(X), missing_tokens="drop")
    assert tokens.lengths.tolist() == [3, 1, 5]
    np.testing.assert_array_equal(_all(tokens), np.concatenate(X))
    tokens = _read(list(_nan_padded(X)), missing_tokens="drop")
    np.testing.assert_array_equal(_all(tokens), np.concatenate(X))


@pytest.mark.parametrize("change", [np.asfortranarray, list, lambda X: X.tolist()])
def test_arrays_agree(change):
    X = np.random.default_rng(0).standard_normal((4, 3, 2))
    tokens = _read(change(X))
    np.testing.assert_array_equal(_all(tokens), X.reshape(12, 2))


def test_tensors():
    torch = pytest.importorskip("torch")
    X = _ragged()
    tokens = _read([torch.from_numpy(x) for x in X])
    np.testing.assert_array_equal(_all(tokens), np.concatenate(X))
    cube = torch.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(_all(_read(cube)), cube.reshape(6, 2).numpy())


def test_tables():
    X = np.arange(12.0).reshape(2, 6)
    one = _read(X)
    assert one.from_table
    assert one.lengths.tolist() == [1, 1]
    np.testing.assert_array_equal(_all(one), X)
    three = _read(X, n_tokens=3)
    assert three.lengths.tolist() == [3, 3]
    np.testing.assert_array_equal(_all(three), X.reshape(6, 2))


def test_n_tokens_is_about_tables_alone():
    X = np.zeros((2, 4, 3))
    assert _read(X, n_tokens=2).lengths.tolist() == [4, 4]


def test_names_of_columns():
    estimator = _Probe()
    frame = pd.DataFrame(np.zeros((2, 2)), columns=["a", "b"])
    validate_tokens(estimator, frame)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    assert estimator.n_features_in_ == 2
    with pytest.raises(ValueError, match="feature names should match"):
        validate_tokens(estimator, frame[["b", "a"]], token_width=2)
    validate_tokens(estimator, np.zeros((2, 5, 3)))
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("longdouble", "float64"),
        ("int8", "float64"),
        ("bool", "float64"),
    ],
)
def test_dtype(dtype, expected):
    X = np.ones((2, 3, 2), dtype=dtype)
    for form in (X, list(X)):
        tokens = _read(form)
        assert tokens.dtype == expected
        assert _all(tokens).dtype == expected
    assert _read([X[0], X[1].astype(float)]).dtype == np.float64


def test_nothing_is_read_or_copied_early(tmp_path):
    X = np.lib.format.open_memmap(
        tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(5, 4, 3)
    )
    X[:] = np.arange(60).reshape(5, 4, 3)
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    tokens = _read(X)
    assert np.shares_memory(tokens.read(1, 3), X)
    assert not tokens.read(1, 3).flags.writeable
    taken = tokens.take(np.array([4, 0]))
    np.testing.assert_array_equal(_all(taken), X[[4, 0]].reshape(8, 3))


# -- ranges ----------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda X: X, _nan_padded], ids=["list", "padded"])
def test_take_and_read(form, seed):
    X = _ragged(seed, lengths=(3, 1, 5, 2))
    tokens = _read(form(X), missing_tokens="drop")
    taken = tokens.take(np.array([3, 0, 2]))
    assert taken.lengths.tolist() == [2, 3, 5]
    np.testing.assert_array_equal(taken.read(1, 3), np.concatenate([X[0], X[2]]))
    twice = taken.take(np.array([2]))
    np.testing.assert_array_equal(_all(twice), X[2])
    assert len(tokens) == 4


@pytest.mark.parametrize("as_array", [True, False])
def test_class_tokens(as_array):
    X = np.random.default_rng(0).standard_normal((3, 4, 2))
    X[1, 2] = np.nan
    tokens = _read(X if as_array else list(X), missing_tokens="drop", cls_token=True)
    assert tokens.lengths.tolist() == [3, 2, 3]
    np.testing.assert_array_equal(tokens.read_first(0, 3), X[:, 0])
    np.testing.assert_array_equal(tokens.read(1, 2), X[1, [1, 3]])
    taken = tokens.take(np.array([2, 1]))
    np.testing.assert_array_equal(taken.read_first(0, 2), X[[2, 1], 0])


def test_chunks_cover_all_samples_within_the_budget(seed):
    rng = np.random.default_rng(seed)
    tokens = _read(_ragged(seed, lengths=rng.integers(1, 30, 50)))
    with config_context(working_memory=0.01):
        ranges = tokens.chunks(100, 200)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 50
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    for start, stop in ranges:
        cost = 100 * (stop - start) + 200 * tokens.lengths[start:stop].sum()
        assert cost <= 0.01 * 2**20 or stop - start == 1
    assert len(ranges) > 3


def test_chunks_do_not_depend_on_the_container(seed):
    X = _ragged(seed, lengths=(3, 1, 5, 9, 2))
    with config_context(working_memory=1e-3):
        expected = _read(X).chunks(10, 100)
        padded = _read(_nan_padded(X), missing_tokens="drop")
        assert padded.chunks(10, 100) == expected


# -- what is refused -------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 2, 2, 2)), r"dim 4 .*n_samples, n_tokens, n_features.*list of"),
        (
            np.zeros((2, 0, 3)),
            r"0 feature\(s\) \(shape=\(0, 0\)\) while a minimum of 1",
        ),
        (
            np.zeros((2, 4, 0)),
            r"0 feature\(s\) \(shape=\(8, 0\)\) while a minimum of 1",
        ),
        (np.zeros((0, 4, 2)), r"0 sample\(s\)"),
        (np.zeros((2, 0)), r"0 feature\(s\)"),
        ([], r"0 sample\(s\)"),
        (np.zeros(3), "Expected 2D array"),
        ([np.ones((2, 3)), np.ones((2, 4))], "Sample 1 .* 4 features.* 3: _Probe"),
        ([np.ones((2, 3)), np.ones((0, 3))], r"Sample 1 of X has the shape \(0, 3\)"),
        ([np.ones((2, 3)), np.ones(3)], r"Sample 1 of X has the shape \(3,\)"),
        ([np.ones(3), np.ones((2, 3))], r"Sample 0 of X has the shape \(3,\)"),
        ([np.ones((2, 0))], r"0 feature\(s\) \(shape=\(2, 0\)\)"),
        ([np.ones((2, 3)), np.ones((2, 3), complex)], "(?s)Complex .*sample 1 of X"),
        ([np.ones((2, 3)), [["a"] * 3]], "sample 1 of X"),
        ([np.ones((2, 3)), [[1, 2, 3], [1]]], "sample 1 of X"),
    ],
)
def test_layouts_that_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        _read(X)


def test_columns_that_cannot_be_split():
    with pytest.raises(ValueError, match=r"The 7 columns .* n_tokens=3"):
        _read(np.zeros((2, 7)), n_tokens=3)


@pytest.mark.parametrize(
    ("X", "n_tokens", "message"),
    [
        (np.zeros((2, 3, 5)), None, "X has 5 features, but _Probe is expecting 6 feat"),
        (
            np.zeros((2, 5)),
            None,
            "X has 5 features, but _Probe is expecting 6 features",
        ),
        (np.zeros((2, 6)), 2, "X has 6 features, but _Probe is expecting 12 features"),
        ([np.zeros((2, 5))], None, "X has 5 features, but _Probe is expecting 6 feat"),
    ],
)
def test_other_widths_than_in_fit(X, n_tokens, message):
    with pytest.raises(ValueError, match=message):
        _read(X, token_width=6, n_tokens=n_tokens)


@pytest.mark.parametrize("missing", ["error", "drop"])
@pytest.mark.parametrize("as_array", [True, False])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused(missing, as_array, value):
    X = np.zeros((4, 3, 2))
    X[2, 1, 0] = value
    X[3, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"contains infinity .*: sample 2 is the first"
    ):
        _read(X if as_array else list(X), missing_tokens=missing)


@pytest.mark.parametrize("as_array", [True, False])
def test_missing_values_are_refused(as_array):
    X = np.zeros((4, 3, 2), dtype=np.float32)
    X[2, 1] = np.nan
    form = X if as_array else list(X)
    message = 'Input X contains NaN: sample 2 .*missing_tokens="drop"'
    with pytest.raises(ValueError, match=message):
        _read(form)
    X[3, 1, 0] = np.nan
    with pytest.raises(ValueError, match="in a part of a token of sample 3"):
        _read(form, missing_tokens="drop")
    X[3, 1] = 0
    X[1] = np.nan
    with pytest.raises(ValueError, match="Sample 1 of X has no token left"):
        _read(form, missing_tokens="drop")


@pytest.mark.parametrize("as_array", [True, False])
def test_class_tokens_that_are_refused(as_array):
    X = np.zeros((3, 4, 2))
    X[1, 0] = np.nan
    form = X if as_array else list(X)
    with pytest.raises(ValueError, match="class token, token 0, of sample 1"):
        _read(form, missing_tokens="drop", cls_token=True)
    X[1, 0] = 0
    X[2, 1:] = np.nan
    with pytest.raises(ValueError, match="Sample 2 of X has no token left"):
        _read(form, missing_tokens="drop", cls_token=True)
    with pytest.raises(ValueError, match="Sample 0 of X has fewer than 2 tokens"):
        _read(form[:, :1] if as_array else [x[:1] for x in X], cls_token=True)


def test_finite_values_whose_sum_overflows_are_legal():
    X = np.full((2, 3, 2), np.finfo(np.float32).max, dtype=np.float32)
    np.testing.assert_array_equal(_all(_read(X)), X.reshape(6, 2))
    half = np.full((2, 3, 2), np.finfo(np.float16).max)
    assert _read(half).dtype == np.float32


def test_blocks_of_the_scan_find_the_right_sample(monkeypatch, seed):
    monkeypatch.setattr("skextras._validation_tokens._FINITE_BLOCK", 5)
    X = _ragged(seed, lengths=(3, 1, 5, 2, 4))
    padded = _nan_padded(X)
    for form in (padded, list(padded)):
        tokens = _read(form, missing_tokens="drop")
        np.testing.assert_array_equal(_all(tokens), np.concatenate(X))
    X[3][1, 0] = np.inf
    with pytest.raises(ValueError, match="sample 3 is the first"):
        _read(X)


def test_assume_finite_skips_the_scan():
    X = np.full((2, 3, 2), np.nan)
    with config_context(assume_finite=True):
        assert _read(X).lengths.tolist() == [3, 3]
        with pytest.raises(ValueError, match="no token left"):
            _read(X, missing_tokens="drop")
