"""Views: widths, slices, indices, masks, names, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from skextras._validation_views import ColumnBlock, resolve_views, validate_views

X = np.arange(40.0).reshape(8, 5)
NAMES = np.array(list("abcde"), dtype=object)


def read(views, names=None):
    """Columns of each view, written out."""
    found = resolve_views(views, 5, names)
    return [list(range(*v)) if isinstance(v, tuple) else v.tolist() for v in found]


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        ([3, 2], [[0, 1, 2], [3, 4]]),
        ((np.int64(1), 1, 3), [[0], [1], [2, 3, 4]]),
        (np.array([2, 3]), [[0, 1], [2, 3, 4]]),
        ([slice(0, 2), slice(3, None)], [[0, 1], [3, 4]]),
        ([slice(None, None, 2), [1, 3]], [[0, 2, 4], [1, 3]]),
        ([[4, 0], [1]], [[4, 0], [1]]),
        ([[-1], np.array([0, 1])], [[4], [0, 1]]),
        ([[True, False, True, False, False], [1]], [[0, 2], [1]]),
        (np.array([[0, 1], [2, 4]]), [[0, 1], [2, 4]]),
        ([["a", "c"], ["e"]], [[0, 2], [4]]),
        ([pd.Index(["b"]), [3]], [[1], [3]]),
    ],
)
def test_columns(views, expected):
    assert read(views, NAMES) == expected


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ([3, 3], r"widths of sum 6 .*n_features=5"),
        ([5], r"at least two views of the n_features=5"),
        ([], r"at least two views"),
        ([True, 4], r"view 0 is True.*n_features=5"),
        ([np.True_, 4], r"view 0 is"),
        ([5, 0], r"view 1 is 0"),
        ([3, [3, 4]], r"view 1 is \[3, 4\]"),
        ([[0, 1], []], r"view 1 of views is empty.*n_features=5"),
        ([[0], slice(5, 9)], r"view 1 of views is empty"),
        ([[0], [False] * 5], r"view 1 of views is empty"),
        (
            [[0, 1], [1, 2]],
            r"overlap: column 1 of the n_features=5.*view 0 and in view 1",
        ),
        ([[0, 0], [1]], r"overlap: column 0.*view 0 and in view 0"),
        ([[0], [-5]], r"overlap: column 0"),
        ([[0], [1, 7]], r"view 1 of views names column 7, .*n_features=5"),
        ([[0], [-6]], r"column -6"),
        ([[True, False], [1]], r"mask of 2 entries, .*n_features=5"),
        ([["a"], ["z"]], r"view 1 of views names the column 'z', .*n_features=5"),
        ([[0], [0.5]], r"view 1 of views must hold .*float64 \(n_features=5\)"),
        ([[0], [[1, 2]]], r"view 1 of views must be one-dimensional"),
        (["a", "b"], r"view 0 of views is the string 'a'"),
    ],
)
def test_refused(views, words):
    with pytest.raises(ValueError, match=words):
        resolve_views(views, 5, NAMES)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match=r"names the column 'a', but X has no column"):
        validate_views(BaseEstimator(), X, None, [["a"], ["b"]], reset=True)
    frame = pd.DataFrame(X, columns=NAMES)
    first, second = validate_views(
        BaseEstimator(), frame, None, [["b", "a"], ["d", "e"]], reset=True
    )
    assert_array_equal(first[:], X[:, [1, 0]])
    assert_array_equal(second, X[:, 3:])


def test_neighbours_are_not_copied():
    first, second = validate_views(
        BaseEstimator(), X, None, [[1, 2], [4, 0]], reset=True
    )
    assert first.base is not None
    assert np.shares_memory(first, X)
    assert isinstance(second, ColumnBlock)


def test_block_reads_as_the_columns_do():
    block, columns = ColumnBlock(X, np.array([4, 0, 2])), X[:, [4, 0, 2]]
    assert block.shape == columns.shape
    assert block.dtype == X.dtype
    rows = np.array([5, 1])
    for key in (slice(2, 4), rows, (slice(None), slice(1, 3)), (rows, slice(0, 1))):
        assert_array_equal(block[key], columns[key])


def test_y_is_the_second_view():
    estimator = BaseEstimator()
    views = validate_views(estimator, X, X[:, 0].tolist(), None, reset=True)
    assert views[1].shape == (8, 1)
    assert (estimator._y_width, estimator._y_is_1d) == (1, True)
    assert len(validate_views(estimator, X, None, None, reset=False)) == 1
    table = validate_views(estimator, X, X[:, :1], None, reset=False)[1]
    assert table.shape == (8, 1)
    with pytest.raises(ValueError, match=r"y has 2 columns, .* fitted with 1 columns"):
        validate_views(estimator, X, X[:, :2], None, reset=False)


def test_y_is_ignored_beside_views():
    labels = np.array(list("abcdefgh"))
    assert len(validate_views(BaseEstimator(), X, labels, [2, 3], reset=True)) == 2


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (X[:5], "inconsistent numbers of samples"),
        (np.full(8, np.nan), "Input y contains NaN"),
        (np.ones((8, 2, 2)), "dim 3"),
        (np.ones((8, 0)), r"0 feature\(s\) \(shape=\(8, 0\)\)"),
        (np.array(list("abcdefgh")), "not compatible with arrays of bytes/strings"),
    ],
)
def test_bad_y(y, words):
    with pytest.raises(ValueError, match=words):
        validate_views(BaseEstimator(), X, y, None, reset=True)


def test_integers_stay_integers(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.ones((6, 4), dtype=np.int8))
    table = np.load(file, mmap_mode="r")
    first, second = validate_views(BaseEstimator(), table, None, [1, 3], reset=True)
    assert first.dtype == second.dtype == np.int8
    assert np.shares_memory(first, table)
