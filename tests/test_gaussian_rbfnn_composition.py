"""Networks inside scikit-learn's tools, in pickles, on memmaps and on dask arrays."""

import gc
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
import sklearn
from rbf_cases import BOTH, EXPECTED_WARNINGS, friedman, outputs, targets
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skextras import GaussianRBFNN

pytestmark = EXPECTED_WARNINGS

QUICK = {"n_centers": 20, "max_iter": 10, "precision": "diag", "random_state": 0}


def friedman_with_noise():
    return friedman(n_samples=200, n_features=8)


@BOTH
def test_selectors_find_the_informative_features(cls):
    X, y = friedman_with_noise()
    y = targets(cls, y, 2)
    selected = SelectFromModel(cls(**QUICK), max_features=5, threshold=-np.inf)
    np.testing.assert_array_equal(
        np.flatnonzero(selected.fit(X, y).get_support()), np.arange(5)
    )
    eliminated = RFE(cls(**QUICK), n_features_to_select=4).fit(X, y)
    assert set(np.flatnonzero(eliminated.support_)) <= set(range(5))
    assert not hasattr(cls(**QUICK).fit(X, y), "coef_")


@BOTH
def test_grid_search_on_workers_is_the_serial_one(cls):
    X, y = friedman()
    y = targets(cls, y, 2)
    grid = {"alpha_precision": [0.1, 3.0], "n_centers": [5, 20]}
    scores = [
        GridSearchCV(cls(**QUICK), grid, cv=3, n_jobs=n_jobs)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for n_jobs in (None, 2)
    ]
    np.testing.assert_array_equal(*scores)
    assert len(set(scores[0])) > 1


@BOTH
def test_pipeline_and_data_frames(cls):
    pandas = pytest.importorskip("pandas")
    X, y = friedman()
    frame = pandas.DataFrame(X, columns=list("abcde"))
    y = targets(cls, y)
    model = cls(n_components=2, **QUICK).set_output(transform="pandas").fit(frame, y)
    found = model.transform(frame)
    name = cls.__name__.lower()
    assert list(found.columns) == [f"{name}0", f"{name}1"]
    assert list(model.feature_names_in_) == list("abcde")
    pipeline = make_pipeline(StandardScaler(), cls(**QUICK)).fit(X, y)
    assert pipeline.score(X, y) > 0.5


@BOTH
def test_pickle_holds_parameters_and_one_factor(cls):
    X, y = friedman(n_samples=1000, n_features=10)
    model = cls(150, precision="full", max_iter=3, random_state=0)
    model.fit(X, targets(cls, y))
    public = {n: v for n, v in vars(model).items() if not n.startswith("_")}
    q = 150 + 1 + 10
    size = len(pickle.dumps(model))
    assert size <= len(pickle.dumps(public)) + 8 * q**2 + 20_000
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(outputs(restored, X), outputs(model, X))


@BOTH
def test_memory_map_is_the_array(tmp_path, cls):
    X, y = friedman()
    y = targets(cls, y)
    joblib.dump(X, tmp_path / "X")
    mapped = joblib.load(tmp_path / "X", mmap_mode="r")
    expected = cls(**QUICK).fit(X, y)
    found = cls(**QUICK).fit(mapped, y)
    np.testing.assert_array_equal(outputs(found, mapped), outputs(expected, X))


@BOTH
def test_methods_run_in_chunks_and_on_dask_arrays(cls):
    array = pytest.importorskip("dask.array")
    X, y = friedman()
    model = cls(**QUICK).fit(X, targets(cls, y, 2))
    blocks = array.from_array(X, chunks=(31, 5))
    for name, columns in (("predict", None), ("transform", 1), ("gradient", 5)):
        method = getattr(model, name)
        expected = method(X)
        with sklearn.config_context(working_memory=1e-3):
            np.testing.assert_allclose(method(X), expected, rtol=1e-10, atol=1e-12)
        drop = {"drop_axis": 1} if columns is None else {}
        lazy = blocks.map_blocks(method, dtype=expected.dtype, **drop)
        found = lazy.compute(scheduler="synchronous")
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_memory_of_many_rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 50))
    y = np.sin(X[:, 0]) + X[:, 1]
    model = GaussianRBFNN(200, precision="diag", max_iter=2, random_state=0)
    model.fit(X[:300], y[:300])  # what is imported once is not counted
    gc.collect()
    with sklearn.config_context(working_memory=16):
        tracemalloc.start()
        try:
            model.fit(X, y)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak <= 80e6
