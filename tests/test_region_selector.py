"""RegionSelector and ThresholdSelector: what they keep, and that nothing leaks."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from three_cycle_map_cases import make_subjects, quietly

from skextras import RegionSelector, ThreeCycleMap, ThresholdSelector

NONE_GOOD = "No region has a mean balanced accuracy above"


def labelled(seed=0, n_samples=60, n_features=12, informative=(0, 1, 2)):
    """Noise with two classes, which show in the informative columns."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n_samples, n_features)), np.arange(n_samples) % 2
    X[:, list(informative)] += 3 * y[:, None]
    return X, y


def test_good_regions_are_kept():
    X, y = labelled()
    selector = RegionSelector(np.arange(12) // 3, min_score=0.8).fit(X, y)
    assert selector.regions_.tolist() == [0, 1, 2, 3]
    assert selector.support_.tolist() == [True] * 3 + [False] * 9
    assert_array_equal(selector.transform(X), X[:, :3])
    assert selector.scores_[0] > 0.95
    assert (selector.scores_[1:] < 0.8).all()


@pytest.mark.parametrize("classes", [[0, 1], ["b", "a"], [3, 1, 2]])
def test_scores_are_cross_validated_balanced_accuracies(classes):
    X, _ = labelled()
    y = np.random.default_rng(1).permutation(np.resize(classes, 60))
    estimator = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    regions = np.repeat(["x", "y", "z"], 4)
    found = quietly(RegionSelector(regions).fit, X, y)
    expected = [
        cross_val_score(
            estimator,
            X[:, regions == region],
            y,
            cv=StratifiedKFold(5),
            scoring="balanced_accuracy",
        ).mean()
        for region in "xyz"
    ]
    assert_allclose(found.scores_, expected, rtol=1e-15)
    assert_array_equal(found.support_, np.repeat(found.scores_ > 1 / len(classes), 4))


def test_each_column_is_a_region_by_default():
    X, y = labelled(informative=(2, 7))
    selector = RegionSelector(min_score=0.85).fit(X, y)
    assert_array_equal(selector.regions_, np.arange(12))
    assert np.flatnonzero(selector.get_support()).tolist() == [2, 7]


def test_labels_are_repeated_over_blocks():
    X, y = labelled(informative=(1, 5, 9))
    selector = RegionSelector(["a", "b", "c", "d"], min_score=0.8).fit(X, y)
    assert np.flatnonzero(selector.support_).tolist() == [1, 5, 9]
    full = RegionSelector(["a", "b", "c", "d"] * 3, min_score=0.8).fit(X, y)
    assert_array_equal(full.scores_, selector.scores_)


@pytest.mark.parametrize(
    "regions", [np.zeros(5), np.zeros(24), np.zeros((12, 1)), [], np.zeros(7)]
)
def test_number_of_labels(regions):
    X, y = labelled()
    with pytest.raises(ValueError, match=r"regions must be 1-D.*n_features=12"):
        RegionSelector(regions).fit(X, y)


def test_the_best_is_kept_if_none_is_good():
    X, y = labelled(informative=())
    with pytest.warns(UserWarning, match=NONE_GOOD) as record:
        selector = RegionSelector(min_score=1.0).fit(X, y)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert selector.support_.any()
    assert (selector.scores_[selector.support_] == selector.scores_.max()).all()
    assert (selector.scores_[~selector.support_] < selector.scores_.max()).all()


def test_min_score_is_chance_by_default():
    X, y = labelled(informative=(0,), n_samples=90)
    y = np.arange(90) % 3
    selector = quietly(RegionSelector().fit, X, y)
    assert_array_equal(selector.support_, selector.scores_ > 1 / 3)
    # Strictly: a score equal to the floor is not kept.
    equal = quietly(RegionSelector(min_score=selector.scores_[0]).fit, X, y)
    assert_array_equal(equal.support_, equal.scores_ > selector.scores_[0])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(60), "at least 2 classes"),
        (np.linspace(0, 1, 60), "Unknown label type"),
        (None, "requires y to be passed"),
    ],
)
def test_refused_targets(y, words):
    with pytest.raises(ValueError, match=words):
        RegionSelector().fit(labelled()[0], y)


@pytest.mark.parametrize(
    "parameters",
    [{"min_score": 1.1}, {"min_score": -0.1}, {"estimator": "lda"}, {"cv": "five"}],
)
def test_refused_parameters(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of"):
        RegionSelector(**parameters).fit(*labelled())


def test_errors_of_the_classifier_are_not_hidden():
    X, y = labelled()
    with pytest.raises(ValueError, match="n_neighbors"):
        RegionSelector(estimator=KNeighborsClassifier(100)).fit(X, y)


def test_the_classifier_is_cloned():
    X, y = labelled()
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    selector = RegionSelector(estimator=tree, min_score=0.8).fit(X, y)
    assert not hasattr(tree, "tree_")
    assert np.flatnonzero(selector.support_).tolist() == [0, 1, 2]


@pytest.mark.parametrize("cv", [3, KFold(4), "iterable", "generator"])
def test_splits(cv):
    X, y = labelled()
    splits = list(KFold(4).split(X))
    given = {"iterable": splits, "generator": iter(splits)}.get(cv, cv)
    selector = RegionSelector(cv=given, min_score=0.8).fit(X, y)
    assert np.flatnonzero(selector.support_).tolist() == [0, 1, 2]


def test_all_regions_see_the_same_random_splits():
    X, y = labelled()
    X = np.repeat(X[:, :1], 6, axis=1)
    splitter = ShuffleSplit(5, random_state=np.random.RandomState(0))
    selector = RegionSelector(cv=splitter).fit(X, y)
    assert len(set(selector.scores_)) == 1


def test_jobs_change_nothing():
    X, y = labelled()
    expected = quietly(RegionSelector(min_score=0.7).fit, X, y)
    found = quietly(RegionSelector(min_score=0.7, n_jobs=2).fit, X, y)
    assert_array_equal(found.scores_, expected.scores_)


def test_names_of_selected_columns():
    X, y = labelled()
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    selector = RegionSelector(min_score=0.8).set_output(transform="pandas")
    kept = selector.fit(frame, y).transform(frame)
    assert kept.columns.tolist() == ["c0", "c1", "c2"]


@pytest.mark.slow
def test_random_labels_stay_random_inside_a_pipeline():
    # The AUC of one shuffle was measured to have a standard deviation of 0.095: a mean
    # of 80 leaves the band by chance in three of a million cases.
    rng = np.random.default_rng(0)
    selector = RegionSelector(
        np.arange(12), estimator=NearestCentroid(), min_score=0.55, cv=3
    )
    classifier = LinearDiscriminantAnalysis()
    inside, outside = [], []
    for shuffle in range(80):
        X, y = rng.standard_normal((60, 24)), rng.permutation(np.repeat([0, 1], 30))
        cv = StratifiedKFold(5, shuffle=True, random_state=shuffle)
        options = {"cv": cv, "scoring": "roc_auc"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", NONE_GOOD)
            honest = make_pipeline(selector, classifier)
            inside.append(cross_val_score(honest, X, y, **options).mean())
            kept = selector.fit_transform(X, y)
        # The mistake that the documentation warns of.
        outside.append(cross_val_score(classifier, kept, y, **options).mean())
    assert abs(np.mean(inside) - 0.5) < 0.05
    assert np.mean(outside) > 0.6


def test_selection_after_a_map():
    X = make_subjects(4, 10) * 6
    X = [x + 0.01 * i for i, x in enumerate(X)]
    y = np.arange(24) % 4 >= 2
    model = make_pipeline(
        ThreeCycleMap([0.1, 0.3], features=["cycle3", "degree"]),
        RegionSelector(np.arange(10) // 5, min_score=0.7),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    quietly(model.fit, X, y)
    assert model[-1].n_features_in_ in (20, 40)
    assert model.score(X, y) > 0.9


# ThresholdSelector


def test_blocks_of_columns():
    X = np.arange(24.0).reshape(2, 12)
    for index in range(3):
        kept = ThresholdSelector(3, index=index).fit_transform(X)
        assert_array_equal(kept, X[:, 4 * index : 4 * index + 4])
    assert_array_equal(ThresholdSelector().fit_transform(X), X)


def test_blocks_are_those_of_the_map():
    X = make_subjects(3, 8)
    thresholds = [0.1, 0.2, 0.4]
    estimator = ThreeCycleMap(thresholds, features=("degree", "cycle3")).fit(X)
    names = estimator.get_feature_names_out()
    maps = pd.DataFrame(estimator.transform(X), columns=names)
    for index, threshold in enumerate(thresholds):
        selector = ThresholdSelector(3, index=index).fit(maps)
        alone = ThreeCycleMap(threshold, features=("degree", "cycle3"))
        expected = quietly(alone.fit_transform, X)
        assert_array_equal(selector.transform(maps), expected)
        found = selector.get_feature_names_out()
        assert found.tolist() == [
            f"r{threshold}_{name}" for name in alone.get_feature_names_out()
        ]


@pytest.mark.parametrize(
    ("n_thresholds", "index", "words"),
    [
        (2, 2, "index=2 must be less than n_thresholds=2"),
        (1, 1, "index=1 must be less than n_thresholds=1"),
        (5, 0, "n_thresholds=5 must divide.*X has 12"),
        (13, 0, "n_thresholds=13 must divide.*X has 12"),
        (0, 0, "'n_thresholds' parameter of ThresholdSelector"),
        (2.0, 0, "'n_thresholds' parameter of ThresholdSelector"),
        (2, -1, "'index' parameter of ThresholdSelector"),
    ],
)
def test_refused_blocks(n_thresholds, index, words):
    with pytest.raises(ValueError, match=words):
        ThresholdSelector(n_thresholds, index=index).fit(np.ones((3, 12)))


def test_searching_the_index_equals_searching_the_threshold():
    subjects = [x for seed in range(6) for x in make_subjects(4, 8, seed=seed)]
    y = np.arange(24) % 4 >= 2
    thresholds = [0.0, 0.2, 0.4]
    maps = ThreeCycleMap(thresholds).fit_transform(subjects)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    once = GridSearchCV(
        make_pipeline(ThresholdSelector(3), model),
        {"thresholdselector__index": [0, 1, 2]},
        cv=3,
    ).fit(maps, y)
    often = GridSearchCV(
        make_pipeline(ThreeCycleMap(), model),
        {"threecyclemap__threshold": thresholds},
        cv=3,
    )
    quietly(often.fit, np.array(subjects), y)
    for name in ("mean_test_score", "rank_test_score"):
        assert_array_equal(once.cv_results_[name], often.cv_results_[name])
