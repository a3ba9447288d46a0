"""The lift shows the estimator its own layout, and hides nothing."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import _NotAnArray
from sklearn.utils.metaestimators import available_if

from conformance import broken, lifting, sklearn_checks

SERIES = "3d-series"


def _table(n_samples=5, n_features=3):
    return np.random.default_rng(0).standard_normal((n_samples, n_features))


@pytest.mark.parametrize(
    ("lift", "shape"),
    [
        (SERIES, (5, 3, 24)),
        ("3d-rows", (5, 12, 3)),
        ("4d-grid", (5, 3, 4, 3)),
        ("images", (5, 16, 16, 3)),
    ],
)
def test_shapes(lift, shape):
    X = _table()
    lifted = lifting.lift_input(X, lift)
    assert lifted.shape == shape
    assert len(np.unique(lifted)) == lifted.size
    # What the sample becomes does not depend on its neighbours.
    np.testing.assert_array_equal(lifting.lift_input(X[1:2], lift)[0], lifted[1])
    assert lifting.lift_input(lifted, lift) is lifted


@pytest.mark.parametrize("lift", ["4d-grid", "images"])
def test_columns_are_the_last_axis(lift):
    """A fitted estimator can tell the number of columns, as all checks expect it to."""
    X = _table(n_features=4)
    lifted = lifting.lift_input(X, lift)
    changed = X.copy()
    changed[:, 2] += 1
    differs = lifting.lift_input(changed, lift) != lifted
    assert differs[..., 2].all()
    assert not differs[..., [0, 1, 3]].any()
    # Images need not be of colours: those of a table of one column are grey.
    assert lifting.lift_input(X[:, :1], lift).shape[-1] == 1
    assert lifting.lift_input(X[:, :0], lift).shape[-1] == 0


def test_ragged():
    X = _table(40)
    lifted = lifting.lift_input(X, "ragged")
    assert len({len(sample) for sample in lifted}) > 3
    assert {sample.shape[1] for sample in lifted} == {3}
    alone = lifting.lift_input(X[7:8], "ragged")[0]
    np.testing.assert_array_equal(alone, lifted[7])
    assert lifting.lift_input(lifted, "ragged") is lifted


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u1", "c16", "bool", "U4"])
def test_dtype_is_kept(dtype):
    X = np.abs(10 * _table()).astype(dtype)
    assert lifting.lift_input(X, SERIES).dtype == X.dtype


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("lift", lifting.LIFTS)
def test_nonfinite_values_are_kept(lift, value):
    X = _table()
    X[2, 1] = value
    lifted = lifting.lift_input(X, lift)
    assert not np.isfinite(lifted[2]).all()
    assert all(np.isfinite(lifted[i]).all() for i in (0, 1, 3, 4))


def test_objects_are_kept():
    X = _table().astype(object)
    lifted = lifting.lift_input(X, SERIES)
    assert lifted.dtype == object
    assert lifted.shape == (5, 3, 24)
    X[0, 0] = {"a": 1}
    assert lifting.lift_input(X, SERIES)[0, 0, 5] == {"a": 1}


def test_sparse_and_one_dimensional_pass_as_they_are():
    for X in (sparse.csr_array(_table()), sparse.csr_matrix(_table()), _table()[0]):
        assert lifting.lift_input(X, SERIES) is X
    for X in (["a", "b"], [[1, 2], [3]], "text", None):
        assert lifting.lift_input(X, SERIES) is X


def test_container_is_kept():
    X = _table()
    expected = lifting.lift_input(X, SERIES)
    as_list = lifting.lift_input(X.tolist(), SERIES)
    assert isinstance(as_list, list)
    np.testing.assert_array_equal(as_list, expected)
    ragged = lifting.lift_input(_NotAnArray(X), "ragged")
    assert {type(sample) for sample in ragged} == {_NotAnArray}
    np.testing.assert_array_equal(ragged[2], lifting.lift_input(X, "ragged")[2])
    duck = lifting.lift_input(_NotAnArray(X), SERIES)
    assert isinstance(duck, _NotAnArray)
    np.testing.assert_array_equal(np.asarray(duck), expected)
    for frame in (pd.DataFrame(X), pl.DataFrame(X)):
        np.testing.assert_array_equal(lifting.lift_input(frame, SERIES), expected)


def test_flags_are_kept():
    X = np.asfortranarray(_table())
    X.setflags(write=False)
    lifted = lifting.lift_input(X, SERIES)
    assert lifted.flags.f_contiguous
    assert not lifted.flags.writeable


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_namespace_is_kept(name):
    xp = pytest.importorskip(name)
    X = _table()
    lifted = lifting.lift_input(xp.asarray(X), SERIES)
    assert type(lifted) is type(xp.asarray(X))
    expected = lifting.lift_input(X, SERIES)
    np.testing.assert_array_equal(np.from_dlpack(lifted), expected)
    ragged = lifting.lift_input(xp.asarray(X), "ragged")
    assert type(ragged[0]) is type(lifted)


def test_estimator_sees_lifted_data_only(monkeypatch):
    """All checks of scikit-learn on a spy: whatever is a numeric table comes lifted."""
    seen = []
    for method in ("fit", "transform"):
        inherited = getattr(broken.Spread, method)

        def spy(self, X, y=None, inherited=inherited):
            seen.append(X)
            return inherited(self, X) if y is None else inherited(self, X, y)

        monkeypatch.setattr(broken.Spread, method, spy)
    for find in (sklearn_checks.yielded_checks, sklearn_checks.unyielded_checks):
        for estimator, check in find(broken.Spread, broken.ENTRY, SERIES):
            sklearn_checks.run(check, estimator)
    ndims = [np.asarray(X).ndim for X in seen if not sparse.issparse(X)]
    assert ndims.count(3) > 100
    # One-dimensional X is what two checks are about.
    assert set(ndims) == {1, 3}


def test_lifted_class_is_found_by_other_processes():
    fitted = lifting.lifted(broken.Spread(center=False), SERIES).fit(_table())
    assert isinstance(fitted, broken.Spread)
    assert type(fitted).__name__ == "Spread"
    restored = pickle.loads(pickle.dumps(fitted))
    assert type(restored) is type(fitted)
    expected = fitted.transform(_table())
    jobs = [joblib.delayed(type(fitted).transform)(fitted, _table())] * 2
    for actual in joblib.Parallel(n_jobs=2, backend="loky")(jobs):
        np.testing.assert_array_equal(actual, expected)


def test_lifted_class_in_dask_workers(dask_client):
    fitted = lifting.lifted(PCA(2), "4d-grid")
    future = dask_client.submit(type, fitted)
    assert future.result() is type(fitted)


def test_unknown_names_are_not_attributes():
    for name in ("nothing", "3d-series|", "sideways|sklearn/decomposition|PCA"):
        with pytest.raises(AttributeError, match="has no attribute"):
            getattr(lifting, name)


class Sometimes(broken.Spread):
    """Has decision_function only when it centers."""

    @available_if(lambda self: self.center)
    def decision_function(self, X):
        return X.ndim


def test_conditional_methods_stay_conditional():
    assert lifting.lifted(Sometimes(), SERIES).decision_function(_table()) == 3
    assert not hasattr(
        lifting.lifted(Sometimes(center=False), SERIES), "decision_function"
    )
    assert not hasattr(lifting.lifted(Sometimes(), SERIES), "predict")
