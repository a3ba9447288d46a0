"""MIScreener among the estimators, tables and images that it is used with."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from screening_cases import mixed_data
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skextras import MIScreener, mi_scores

COLOURS = np.array(["blue", "green", "red"])


def patients(seed=0, n=240, frame=pd.DataFrame):
    """A table of numbers, gaps and categories, and string labels that some tell of."""
    rng = np.random.default_rng(seed)
    sick = rng.random(n) < 0.5
    age = rng.normal(50, 10, n) + 8 * sick
    colour = COLOURS[(rng.integers(0, 3, n) + sick) % 3]
    # The category that depends on the outcome without any order.
    colour = np.where(sick & (colour == "green"), "red", colour)
    columns = {
        "noise": rng.standard_normal(n),
        "age": np.where(rng.random(n) < 0.1, np.nan, age),
        "centre": rng.choice(["a", "b"], n),
        "colour": colour,
        "weight": rng.standard_normal(n),
    }
    X = frame(columns)
    if frame is pd.DataFrame:
        X = X.astype({"centre": "category", "colour": "category"})
    else:
        X = X.with_columns(pl.col("centre", "colour").cast(pl.Categorical))
    return X, np.where(sick, "sick", "well")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_categories_and_labels(frame):
    X, y = patients(frame=frame)
    fitted = MIScreener(k=2).fit(X, y)
    assert fitted.get_feature_names_out().tolist() == ["age", "colour"]
    assert fitted.classes_.tolist() == ["sick", "well"]
    assert fitted.n_valid_[1] == 240 - np.isnan(X["age"].to_numpy()).sum() < 240
    assert_array_equal(fitted.n_valid_[[0, 2, 3, 4]], 240)
    # A category means its rows, whatever its name.
    codes = np.unique(X["colour"].to_numpy().astype(str), return_inverse=True)[1]
    column = codes[:, None].astype(float)
    wanted = MIScreener(discrete_features=True).fit(column, y).scores_
    assert_allclose(fitted.scores_[[3]], wanted, rtol=0, atol=1e-12)


def test_grid_search_on_a_frame_with_categories():
    X, y = patients()
    encode = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="category")),
        remainder="passthrough",
    )
    pipeline = make_pipeline(
        MIScreener().set_output(transform="pandas"),
        encode,
        StandardScaler(),
        LogisticRegression(),
    )
    X = X.fillna({"age": 50.0})
    grid = {"miscreener__k": [1, 2], "miscreener__method": ["binning", "knn"]}
    search = GridSearchCV(pipeline, grid, cv=4, error_score="raise").fit(X, y)
    assert search.best_params_["miscreener__k"] == 2
    assert search.best_score_ > 0.65
    best = search.best_estimator_
    assert best[0].get_feature_names_out().tolist() == ["age", "colour"]
    assert set(best.predict(X)) == {"sick", "well"}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_output_is_a_frame(library):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    if library == "polars":
        X = pl.from_pandas(X)
    screener = MIScreener(k=3).set_output(transform=library)
    found = screener.fit_transform(X, y)
    assert type(found).__module__.startswith(library)
    chosen = [X.columns[j] for j in screener.get_support(indices=True)]
    assert list(found.columns) == chosen
    assert_array_equal(found.to_numpy(), X[chosen].to_numpy())


def test_screening_in_a_pipeline_sees_training_rows_alone():
    """Of pure noise there is nothing to learn, but before splitting there seems to."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100, 2000)), np.arange(100) % 2
    screener = MIScreener(k=20, pvalues=False)
    inside = cross_val_score(make_pipeline(screener, SVC()), X, y, cv=5)
    outside = cross_val_score(SVC(), screener.fit_transform(X, y), y, cv=5)
    assert inside.mean() < 0.65 < 0.7 < outside.mean()


def test_unions_and_further_selection():
    X, y = mixed_data(1)
    union = make_union(MIScreener(k=1), MIScreener("pearson", k=1))
    model = make_pipeline(union, Ridge())
    assert model.fit(X, y).predict(X).shape == y.shape
    names = union.get_feature_names_out().tolist()
    assert names == ["miscreener-1__x0", "miscreener-2__x0"]
    # Its scores serve as importances of another selector.
    chosen = SelectFromModel(
        MIScreener(k="all"), importance_getter="mi_", threshold="mean"
    ).fit(X, y)
    mi = MIScreener().fit(X, y).mi_
    assert_array_equal(chosen.get_support(), mi >= mi.mean())


def test_column_blocks_through_joblib(seed):
    X, y = mixed_data(seed)
    methods, starts = ("binning", "fftkde", "knn"), (0, 2, 4)
    blocks = Parallel(n_jobs=2)(
        delayed(mi_scores)(X[:, a : a + 2], y, method=method, random_state=0)
        for method in methods
        for a in starts
    )
    for i, method in enumerate(methods):
        scores, p_values = mi_scores(X, y, method=method, random_state=0)
        own = blocks[3 * i : 3 * i + 3]
        assert_array_equal(np.concatenate([block[0] for block in own]), scores)
        assert_array_equal(np.concatenate([block[1] for block in own]), p_values)


def test_column_blocks_through_dask():
    dask = pytest.importorskip("dask")
    X, y = mixed_data(2)
    tasks = [dask.delayed(mi_scores)(X[:, a : a + 3], y) for a in (0, 3)]
    blocks = dask.compute(*tasks, scheduler="synchronous")
    wanted = mi_scores(X, y)[0]
    assert_array_equal(np.concatenate([block[0] for block in blocks]), wanted)


def volumes(seed=0, n=80):
    """Small brains in which one corner follows the outcome and one its square."""
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n)
    values = rng.standard_normal((6, 7, 5, n)).astype(np.float32)
    values[:2, :2, :2] += 2 * y
    values[4:, 5:, 3:] += 2 * y**2
    mask = np.zeros((6, 7, 5), np.int8)
    mask[:3] = mask[4:] = 1
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    images = [nibabel.Nifti1Image(values[..., i], affine) for i in range(n)]
    return images, nibabel.Nifti1Image(mask, affine), y


def test_volumes_through_a_masker_and_back():
    maskers = pytest.importorskip("nilearn.maskers")
    images, mask, y = volumes()
    masker = maskers.NiftiMasker(mask, standardize=None)
    X = masker.fit_transform(images)
    assert X.dtype == np.float32
    screener = MIScreener(k=16).fit(X, y)
    inside = mask.get_fdata() > 0
    scores = masker.inverse_transform(screener.scores_).get_fdata()
    assert_allclose(scores[inside], screener.scores_, rtol=1e-6)
    assert (scores[~inside] == 0).all()
    chosen = masker.inverse_transform(screener.support_.astype(np.float32)).get_fdata()
    planted = np.zeros((6, 7, 5), bool)
    planted[:2, :2, :2] = planted[4:, 5:, 3:] = True
    assert_array_equal(chosen > 0, planted)
    # The absolute correlation sees the first corner only.
    pearson = MIScreener("pearson", k=16).fit(X, y)
    chosen = masker.inverse_transform(pearson.support_.astype(np.float32)).get_fdata()
    assert (chosen[:2, :2, :2] > 0).all()
    assert (chosen[4:, 5:, 3:] > 0).mean() < 0.5


def test_a_masker_in_the_pipeline():
    maskers = pytest.importorskip("nilearn.maskers")
    images, mask, y = volumes(1)
    pipeline = make_pipeline(
        maskers.NiftiMasker(mask, standardize=None), MIScreener(k=16), Ridge()
    )
    assert cross_val_score(pipeline, images, y, cv=4).mean() > 0.5
