"""Selectors of the columns of maps: by threshold, and by region."""

import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectorMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skextras._base import PackageMixin
from skextras._sklearn import Interval, _fit_context


class ThresholdSelector(PackageMixin, SelectorMixin, BaseEstimator):
    """Selector of one of several equal blocks of columns.

    A map of several thresholds has a block of columns for each. As it learns nothing
    from the data, it may be computed once, outside of a grid search over the
    thresholds, which then is one over `index`.

    Read more in the :doc:`user guide </guide/three_cycle_map>`.

    Parameters
    ----------
    n_thresholds : int, default=1
        Number of blocks, which divides the number of columns.

    index : int, default=0
        The block that is kept, from 0 to ``n_thresholds - 1``.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen during :term:`fit`. Defined only when X has column
        names that are all strings.

    See Also
    --------
    ThreeCycleMap : Makes the maps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from skextras import ThreeCycleMap, ThresholdSelector
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((20, 60, 8)), np.arange(20) % 2
    >>> X[y == 1, :, :4] += 0.6 * rng.standard_normal((10, 60, 1))
    >>> maps = ThreeCycleMap(threshold=[0.0, 0.2]).fit_transform(X)
    >>> model = make_pipeline(ThresholdSelector(2), LinearDiscriminantAnalysis())
    >>> search = GridSearchCV(model, {"thresholdselector__index": [0, 1]}, cv=3)
    >>> search.fit(maps, y).best_params_
    {'thresholdselector__index': 1}
    """

    _parameter_constraints: dict = {
        "n_thresholds": [Interval(Integral, 1, None, closed="left")],
        "index": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, n_thresholds=1, *, index=0):
        self.n_thresholds = n_thresholds
        self.index = index

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check that the blocks divide the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The maps.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If there is no such block, or the blocks would not be equal.
        """
        validate_data(self, X, dtype="numeric")
        if self.index >= self.n_thresholds:
            raise ValueError(
                f"index={self.index} must be less than n_thresholds="
                f"{self.n_thresholds}."
            )
        if self.n_features_in_ % self.n_thresholds:
            raise ValueError(
                f"n_thresholds={self.n_thresholds} must divide the number of columns, "
                f"but X has {self.n_features_in_}: give the number of thresholds of "
                "the map."
            )
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        size = self.n_features_in_ // self.n_thresholds
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.index * size : (self.index + 1) * size] = True
        return mask


class RegionSelector(PackageMixin, SelectorMixin, BaseEstimator):
    """Selector of the regions whose columns predict the target.

    Each region, a set of columns, is scored by the cross-validated accuracy of a
    classifier that sees this region alone; regions better than chance are kept. It is
    our reading of the mask of useful regions of [1]_, which the paper does not define.
    It looks at the target: use it inside the pipeline that is cross-validated, never
    before, or the accuracy is that of the mask, even for random labels.

    Read more in the :doc:`user guide </guide/three_cycle_map>`.

    Parameters
    ----------
    regions : array-like of shape (n_labels,) or None, default=None
        Region of each column. With fewer labels than columns, of which their number
        must be a divisor, they are repeated: the columns of a region are then those
        in all blocks of a map. If None, each column is a region.

    estimator : estimator instance or None, default=None
        Classifier that scores a region, cloned for each; if None,
        :class:`~sklearn.discriminant_analysis.LinearDiscriminantAnalysis` with
        ``solver="lsqr", shrinkage="auto"``.

    min_score : float or None, default=None
        Mean balanced accuracy, from 0 to 1, above which a region is kept; if None, the
        accuracy of chance, ``1 / n_classes``.

    cv : int, cross-validation generator or iterable, default=5
        Splits of the data given to :term:`fit`. An integer is the number of stratified
        folds, not shuffled. Groups cannot be given: if the samples of one person must
        stay together, pass an iterable of splits.

    n_jobs : int or None, default=None
        Number of jobs over the regions, of the joblib backend in force.

    Attributes
    ----------
    regions_ : ndarray of shape (n_regions,)
        Labels of the regions, sorted.

    scores_ : ndarray of shape (n_regions,)
        Mean balanced accuracy of each region.

    support_ : ndarray of shape (`n_features_in_`,)
        Columns that are kept.

    n_features_in_ : int
        Number of columns seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen during :term:`fit`. Defined only when X has column
        names that are all strings.

    See Also
    --------
    ThreeCycleMap : Makes the maps.
    sklearn.feature_selection.SelectFromModel : Selection by the weights of one model.

    References
    ----------
    .. [1] S. Dey, A. R. Rao and M. Shah, "Exploiting the brain's network structure in
       identifying ADHD subjects", Frontiers in Systems Neuroscience 6:75, 2012,
       arXiv:2306.09239.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import RegionSelector
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((40, 6)), np.arange(40) % 2
    >>> X[:, 2:4] += 2 * y[:, None]
    >>> selector = RegionSelector(["a", "a", "b", "b", "c", "c"], min_score=0.7)
    >>> selector.fit(X, y).get_support()
    array([False, False,  True,  True, False, False])
    >>> selector.regions_[selector.scores_ > 0.7]
    array(['b'], dtype='<U1')
    """

    _parameter_constraints: dict = {
        "regions": ["array-like", None],
        "estimator": [BaseEstimator, None],
        "min_score": [Interval(Real, 0, 1, closed="both"), None],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, regions=None, *, estimator=None, min_score=None, cv=5, n_jobs=None
    ):
        self.regions = regions
        self.estimator = estimator
        self.min_score = min_score
        self.cv = cv
        self.n_jobs = n_jobs

    # The estimator checks its own parameters.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Score the regions and keep the good ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The maps.

        y : array-like of shape (n_samples,)
            Classes, of which there must be at least two.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If y is not of at least two classes, or the number of labels is no divisor
            of the number of columns.

        Warns
        -----
        UserWarning
            If no region is better than `min_score`: the best is kept.
        """
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        check_classification_targets(y)
        n_classes = len(np.unique(y))
        if n_classes < 2:
            raise ValueError(
                "RegionSelector needs at least 2 classes to score regions, but y has "
                "1 class."
            )
        labels = _labels(self.regions, X.shape[1])
        self.regions_ = np.unique(labels)
        self.scores_ = _score_regions(self, X, y, labels)
        floor = 1 / n_classes if self.min_score is None else self.min_score
        kept = self.scores_ > floor
        if not kept.any():
            kept = self.scores_ == self.scores_.max()
            warnings.warn(
                f"No region has a mean balanced accuracy above {floor:.3g}; the best, "
                f"with {self.scores_.max():.3g}, is kept. Lower min_score, or do "
                "without a selection.",
                UserWarning,
                stacklevel=3,
            )
        self.support_ = np.isin(labels, self.regions_[kept])
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = False
        return tags


def _labels(regions, n_features):
    """Region of each column."""
    if regions is None:
        return np.arange(n_features)
    labels = np.asarray(regions)
    if labels.ndim != 1 or len(labels) == 0 or n_features % len(labels):
        raise ValueError(
            "regions must be 1-D, with a label for each column or for each node: their "
            f"number must divide the n_features={n_features} of X, got shape "
            f"{labels.shape}."
        )
    return np.tile(labels, n_features // len(labels))


def _score_regions(self, X, y, labels):
    """Mean balanced accuracy of the classifier on each region alone."""
    estimator = self.estimator
    if estimator is None:
        estimator = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    # One list of splits: a generator would be used up, and random splits would differ,
    # from one region to the next.
    splits = list(check_cv(self.cv, y, classifier=True).split(X, y))
    scores = Parallel(n_jobs=self.n_jobs)(
        delayed(_score)(estimator, X[:, labels == region], y, splits)
        for region in self.regions_
    )
    return np.array(scores)


def _score(estimator, X, y, splits):
    # Not cross_val_score: its jobs set warning filters, which belong to the process.
    scores = []
    for train, test in splits:
        fitted = clone(estimator).fit(X[train], y[train])
        scores.append(balanced_accuracy_score(y[test], fitted.predict(X[test])))
    return np.mean(scores)
