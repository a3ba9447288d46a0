"""Reading of rows and patch grids."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from skextras._validation_grids import float_dtype, row_chunks, validate_patches


def fitted(grid):
    estimator = BaseEstimator()
    estimator.n_features_in_, estimator.grid_shape_ = 4, grid
    return estimator


@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 4), (6, 2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "float16"])
def test_arrays_pass_as_they_are(shape, dtype):
    X = np.ones(shape, dtype=dtype)
    estimator = BaseEstimator()
    assert validate_patches(estimator, X, reset=True) is X
    assert estimator.n_features_in_ == 4
    grid = None if len(shape) == 2 else shape[1:-1]
    assert validate_patches(fitted(grid), X, reset=False) is X


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((4,), "Expected 2D array"),
        ((0, 4), "0 sample"),
        ((3, 0, 4), "0 sample"),
        ((3, 0), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        ((3, 2, 0), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is req"),
        ((1, 2, 3, 4, 5), r"dim 5 .*4 dimensions"),
    ],
)
def test_shapes_are_refused(shape, match):
    with pytest.raises(ValueError, match=match):
        validate_patches(BaseEstimator(), np.ones(shape), reset=True)


def test_rows_are_counted_over_images():
    for shape in ((1, 4), (1, 1, 4)):
        with pytest.raises(ValueError, match="1 sample"):
            validate_patches(
                BaseEstimator(), np.ones(shape), reset=True, ensure_min_rows=2
            )
    X = np.ones((1, 2, 4))
    assert validate_patches(BaseEstimator(), X, reset=True, ensure_min_rows=2) is X


def test_use_must_agree_with_fit():
    grid = np.ones((3, 2, 2, 4))
    assert validate_patches(fitted((7,)), grid, reset=False) is grid
    with pytest.raises(ValueError, match="2 dimensions, but BaseEstimator was fitted"):
        validate_patches(fitted((7,)), np.ones((3, 4)), reset=False)
    with pytest.raises(ValueError, match=r"4 dimensions.* fitted on 2"):
        validate_patches(fitted(None), grid, reset=False)
    with pytest.raises(ValueError, match="X has 3 features, but BaseEstimator is exp"):
        validate_patches(fitted((7,)), grid[..., :3], reset=False)


def test_column_names_come_first():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.ones((3, 2)), columns=["a", "b"])
    estimator = BaseEstimator()
    validate_patches(estimator, frame, reset=True)
    estimator.grid_shape_ = None
    assert list(estimator.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        validate_patches(estimator, frame[["b"]], reset=False)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2", "i8", "u1", "?"])
def test_float_dtype(dtype):
    expected = np.float32 if dtype.endswith("f4") else np.float64
    assert float_dtype(np.ones(2, dtype=dtype)) == expected


@pytest.mark.parametrize("shape", [(23, 3), (7, 5, 3), (4, 3, 5, 3), (2, 40, 3)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("n_rows", [1, 7, 16, 1000])
def test_chunks_cover_all_rows_in_order(shape, order, n_rows):
    X = np.arange(float(np.prod(shape))).reshape(shape)
    rows = X.reshape(-1, 3)
    layout = np.asfortranarray(X) if order == "F" else X
    layout = np.repeat(X, 2, axis=1)[:, ::2] if order == "strided" else layout
    seen = 0
    for place, chunk in row_chunks(layout, n_rows):
        assert place.start == seen
        assert 0 < len(chunk) <= n_rows
        assert_array_equal(chunk, rows[place])
        seen = place.stop
    assert seen == len(rows)


def test_contiguous_chunks_are_views():
    X = np.zeros((4, 5, 6, 3))
    assert all(np.shares_memory(chunk, X) for _, chunk in row_chunks(X, 7))
    assert list(row_chunks(np.empty((0, 3)), 5)) == []
