"""Screening of features by their mutual information with an outcome."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._mi_screener_blocks import (
    is_column_store,
    open_reader,
    read_columns,
)
from skextras._mi_screener_checks import (
    check_order,
    check_outcome,
    check_parameters,
    describe_result,
    forced_features,
    read_more,
    wants_p_values,
)
from skextras._mi_screener_clump import discrete_columns, keep_distinct
from skextras._mi_screener_partial_binning import binning_results, update_binning
from skextras._mi_screener_partial_pearson import pearson_results, update_pearson
from skextras._mi_screener_scorers import mutual_information
from skextras._mi_screener_screen import Screen
from skextras._mi_screener_selection import select
from skextras._mi_screener_target import read_target
from skextras._sklearn import Interval, RealNotInt, StrOptions, _fit_context

# Seeds of null distributions are below it.
_SEEDS = 2**31 - 1


class MIScreener(PackageMixin, SelectorMixin, BaseEstimator):
    r"""Keep the features with the most mutual information with the outcome.

    Every feature is scored alone, so that hundreds of thousands (voxels, SNPs, genes)
    are screened in seconds, whatever the shape of their effect [1]_. Fitted inside a
    pipeline, it sees training rows only. Features and outcome may each be continuous
    or discrete, X may have missing values, be sparse, or lie on disk.

    Parameters
    ----------
    method : {"binning", "fftkde", "knn", "pearson", "gaussian"}, default="binning"
        How dependence is measured: by contingency tables of binned values, by Gaussian
        kernel densities on a grid, by distances to nearest neighbours, by the absolute
        correlation, or by the correlation of normal scores as information. The last
        two see monotone effects only and take outcomes of at most two classes.

    k : int, float or "all", default=10
        At most so many features, or this share of them, are kept: the best, ties by
        column.

    threshold : float, default=None
        Least score of a kept feature.

    alpha : float, default=None
        Error level that the kept features meet, in the sense of `control`. A feature
        is kept if it passes all of `k`, `threshold` and `alpha`.

    control : {"fdr_bh", "fdr_by", "fpr", "fwe"}, default="fdr_bh"
        What `alpha` bounds: the false discovery rate by Benjamini and Hochberg or,
        under any dependence of features, by Benjamini and Yekutieli; the rate of
        false positives; the chance of any.

    target_type : {"auto", "continuous", "discrete"}, default="auto"
        What y is. "auto" takes labels, and integers of few values, for classes;
        integers of more than max(20, n / 20) values for reals, with a warning.

    discrete_features : "auto", bool or array-like, default="auto"
        The discrete features: all or none, a mask, or indices. "auto" takes those of
        at most min(10, n_samples // 5) values. Category columns are discrete always,
        boolean ones too.

    n_bins : int, "auto" or "birge-rozenholc", default="auto"
        Number of bins of a continuous variable. "auto" is the fourth root of the
        number of samples, within 4 and 10. The rule of Birge and Rozenholc, which is
        the paper's, needs `strategy="uniform"`.

    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of equal frequency, which ties are never split by, or of equal width.

    bandwidth : "scott" or float, default="scott"
        Bandwidth of the kernels in units of the values' spread, before
        `bandwidth_scale`. "scott" is n ** (-1 / 6), or n ** (-1 / 5) against classes.

    bandwidth_scale : float, default=1.0
        Factor of the bandwidth.

    bandwidth_matrix : {"diag", "full"}, default="diag"
        Whether kernels lie along the trend of the two variables: nearer to the true
        value where dependence is strong, and several times slower.

    marginal : "normal-score" or None, default="normal-score"
        Whether densities are those of normal scores, which makes them robust, or of
        the values. Without the former there are no p-values.

    grid_size : "auto", int or pair of int, default="auto"
        Points of the grid: one number, or those of feature and outcome. "auto" takes
        as few as the bandwidth allows.

    n_neighbors : int, default=10
        Nearest neighbours. Estimates of strong dependence get better with fewer,
        ranking gets worse.

    pvalues : {"auto", "permutation"} or False, default="auto"
        Where p-values come from: a law with the null distribution's moments, or ranks
        among null scores. With "auto" those of "fftkde" and "knn" are computed only
        if `alpha` is given.

    n_permutations : int, default=2000
        Size of a null sample.

    missing : {"pairwise", "error"}, default="pairwise"
        Whether NaN in X leaves the sample out for that feature, or is an error.

    n_jobs : int or None, default=None
        Number of threads over which `fit` spreads the features. The result does not
        depend on it.

    random_state : int, RandomState instance or None, default=None
        Source of null samples. Scores do not depend on it.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Score of each feature, in nats (absolute correlation for "pearson"). Negative
        values occur near independence. NaN, which is never selected, where fewer than
        min(10, n_samples) samples are valid.

    mi_ : ndarray of shape (n_features_in_,)
        The scores as mutual information in nats, at least 0.

    pvalues_ : ndarray of shape (n_features_in_,) or None
        P-values of independence, where they were computed.

    n_valid_ : ndarray of int of shape (n_features_in_,)
        Number of samples with a value.

    support_ : ndarray of bool of shape (n_features_in_,)
        The selected features.

    target_type_ : {"continuous", "discrete"}
        What y was taken for.

    classes_ : ndarray of shape (n_classes,)
        The classes of a discrete y.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    mi_scores : The scores and p-values alone, for `SelectKBest` and its like.
    sklearn.feature_selection.mutual_info_classif : Nearest neighbours, jittered.
    skextras.datasets.make_screening : Data with known informative features.

    Notes
    -----
    *binning*, and pairs of discrete variables in "fftkde" and "knn": the plug-in
    information M of the contingency table less its exact mean over permutations of
    the rows. The score is 0 on average at independence, and features of equal margins
    keep the order of M. P-values are those of a gamma law with the mean of M and, as
    variance, mean / n where all cells are expected to be filled five times, else that
    of random tables with these margins.

    *fftkde*: :math:`\sum J \log J - \sum f_x \log f_x - \sum f_y \log f_y` of the
    density J on a grid, or :math:`\sum_c p_c \int f_c \log (f_c / \sum_d p_d f_d)` for
    densities within classes. It is not centred: 0.03 at 100 samples and 0.01 at 1000
    under independence. *knn*: the first estimator of Kraskov, Stögbauer and Grassberger
    or that of Ross, made safe for ties. *gaussian*: :math:`-\log(1 - r^2) / 2`.
    P-values of "fftkde" and "knn" are of Pearson's type III law with three moments of
    null scores, shared by all continuous features; those of "knn" are approximate for
    features far from normal. A constant feature, and any against a constant y, has the
    score 0 and the p-value 1.

    Screening looks at one feature at a time and overlooks those that tell something
    together only.

    References
    ----------
    .. [1] K. Yang, M. Asgharian, N. Bhagwat, J.-B. Poline and C. Greenwood, "fastHDMI:
       Fast Mutual Information Estimation for High-Dimensional Data", 2024,
       arXiv:2410.10082.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skextras import MIScreener
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> screener = MIScreener(k=5).fit(X, y)
    >>> screener.get_support(indices=True)
    array([ 7, 20, 22, 23, 27])
    >>> pipeline = make_pipeline(StandardScaler(), screener, LogisticRegression())
    >>> round(pipeline.fit(X, y).score(X, y), 2)
    0.95
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"binning", "fftkde", "knn", "pearson", "gaussian"})],
        "k": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"all"}),
        ],
        "threshold": [Interval(Real, None, None, closed="neither"), None],
        "alpha": [Interval(Real, 0, 1, closed="neither"), None],
        "control": [StrOptions({"fdr_bh", "fdr_by", "fpr", "fwe"})],
        "target_type": [StrOptions({"auto", "continuous", "discrete"})],
        "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
        "n_bins": [
            Interval(Integral, 2, 64, closed="both"),
            StrOptions({"auto", "birge-rozenholc"}),
        ],
        "strategy": [StrOptions({"quantile", "uniform"})],
        "bandwidth": [StrOptions({"scott"}), Interval(Real, 0, None, closed="neither")],
        "bandwidth_scale": [Interval(Real, 0, None, closed="neither")],
        "bandwidth_matrix": [StrOptions({"diag", "full"})],
        "marginal": [StrOptions({"normal-score"}), None],
        "grid_size": [
            StrOptions({"auto"}),
            Interval(Integral, 16, 512, closed="both"),
            "array-like",
        ],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "pvalues": [StrOptions({"auto", "permutation"}), "boolean"],
        "n_permutations": [Interval(Integral, 100, None, closed="left")],
        "missing": [StrOptions({"pairwise", "error"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # One parameter a line would make the longest function of the package of it.
    def __init__(
        self, method="binning", *, k=10, threshold=None, alpha=None, control="fdr_bh",
        target_type="auto", discrete_features="auto", n_bins="auto",
        strategy="quantile", bandwidth="scott", bandwidth_scale=1.0,
        bandwidth_matrix="diag", marginal="normal-score", grid_size="auto",
        n_neighbors=10, pvalues="auto", n_permutations=2000, missing="pairwise",
        n_jobs=None, random_state=None,
    ):  # fmt: skip
        self.method = method
        self.k = k
        self.threshold = threshold
        self.alpha = alpha
        self.control = control
        self.target_type = target_type
        self.discrete_features = discrete_features
        self.n_bins = n_bins
        self.strategy = strategy
        self.bandwidth = bandwidth
        self.bandwidth_scale = bandwidth_scale
        self.bandwidth_matrix = bandwidth_matrix
        self.marginal = marginal
        self.grid_size = grid_size
        self.n_neighbors = n_neighbors
        self.pvalues = pvalues
        self.n_permutations = n_permutations
        self.missing = missing
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Score the features and select among them.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or column store of shape \
                (n_samples, n_features)
            The features. NaN is a missing value, as is a missing category. A column
            store is any object with a 2-D ``shape``, a ``dtype`` and ``X[:, a:b]``; it
            is read by blocks of columns, as memory maps are.

        y : array-like of shape (n_samples,)
            The outcome: labels or reals.

        Returns
        -------
        self : object
            Fitted selector.
        """
        check_parameters(self)
        self.__dict__.pop("_rows", None)
        reader = open_reader(self, X, y, reset=True)
        target, ambiguous = read_target(y, self.target_type)
        messages = self._check_outcome(reader, target, ambiguous)
        screen = self._screen(reader, target, self._seed())
        messages += self._keep(screen.run(reader), target)
        _warn(messages)
        return self

    @available_if(lambda self: self.method in ("pearson", "binning"))
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None):
        """Take more rows in; bins, levels and kinds come from the first block of rows.

        Only available with `method="binning"` and `method="pearson"`. Pearson's scores
        are those of `fit` on all rows. With binning, one call equals `fit`, and later
        rows may be split in any way. A call after `fit` begins anew.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or column store of shape \
                (n_samples, n_features)
            The rows. Let the first block be large, its rows in random order: bins come
            from it alone.

        y : array-like of shape (n_samples,)
            Their outcome.

        classes : array-like, default=None
            All labels that may come; those of the first rows if None. It makes y
            discrete and is read in the first call.

        Returns
        -------
        self : object
            Fitted selector, its scores those of all rows so far.
        """
        check_parameters(self)
        rows = self.__dict__.get("_rows")
        reader = open_reader(self, X, y, reset=rows is None)
        messages = []
        if rows is None:
            target, ambiguous = read_target(y, self.target_type, classes)
            messages = self._check_outcome(reader, target, ambiguous)
            rows = {"method": self.method, "classes": target.classes, "n": 0}
            rows |= {"labels": reader.labels, "sums": {}}
        else:
            target = read_more(self, rows, reader, y)
        update, results = update_binning, binning_results
        if rows["method"] == "pearson":
            update, results = update_pearson, pearson_results
        screen = self._screen(reader, target, self._seed())
        update(rows["sums"], reader, target, screen)
        self._rows = rows
        rows["n"] += target.n
        screen.n_samples = rows["n"]
        messages += self._keep(results(rows["sums"], screen), target)
        _warn(messages)
        return self

    def _seed(self):
        """Where null samples start; None if there are no p-values."""
        if not wants_p_values(self):
            return None
        return int(check_random_state(self.random_state).randint(_SEEDS))

    def _labels(self):
        return getattr(self, "feature_names_in_", range(self.n_features_in_))

    def _check_outcome(self, reader, target, ambiguous):
        """Check the outcome against X and parameters; return what to warn of."""
        check_consistent_length(range(reader.n_samples), range(target.n))
        check_order(self, reader, self._labels())
        messages = check_outcome(self, target)
        if ambiguous:
            messages.append(
                "y has many integer values and is taken as continuous: set "
                'target_type="continuous", or "discrete" if they are classes.'
            )
        return messages

    def _screen(self, reader, target, seed):
        """Return the screening of features against an outcome."""
        forced = forced_features(self.discrete_features, reader.n_features)
        return Screen(self, target, forced, reader.categories, self._labels(), seed)

    def _keep(self, found, target):
        """Store scores and selection; return what to warn of."""
        messages = describe_result(found)
        self.scores_, self.pvalues_ = found.scores, found.p_values
        self.n_valid_ = found.n_valid
        self.mi_ = mutual_information(self.method, self.scores_)
        self.target_type_ = "discrete" if target.discrete else "continuous"
        if target.discrete:
            self.classes_ = target.classes
        else:
            self.__dict__.pop("classes_", None)
        self.support_ = select(
            self.scores_,
            self.pvalues_,
            k=self.k,
            threshold=self.threshold,
            alpha=self.alpha,
            control=self.control,
        )
        return messages

    def clump(self, X, threshold=0.2231):
        """Drop selected features that tell what a better one tells.

        Selected features are visited in the order of their scores. Each drops those
        after it with which it has more mutual information than `threshold`, by the
        method and settings of the estimator, which is left as it is.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or column store of shape \
                (n_samples, n_features)
            The features, usually those of `fit`.

        threshold : float, default=0.2231
            In nats. The default is that of normal variables of correlation 0.6.

        Returns
        -------
        kept : ndarray of bool of shape (n_features,)
            The selected features that stay.
        """
        check_is_fitted(self)
        reader = open_reader(self, X, reset=False)
        chosen = np.flatnonzero(self.support_)
        block = read_columns(reader, chosen)
        forced = forced_features(self.discrete_features, self.n_features_in_)
        forced = forced if forced is None else forced[chosen]
        discrete = discrete_columns(block, forced, reader.categories[chosen])
        order = np.argsort(-self.scores_[chosen], kind="stable")
        labels = [self._labels()[j] for j in chosen[order]]
        stays = keep_distinct(self, block[order], discrete[order], labels, threshold)
        kept = np.zeros(self.n_features_in_, bool)
        kept[chosen[order[stays]]] = True
        return kept

    def transform(self, X):
        """Reduce X to the selected features.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or column store of shape \
                (n_samples, n_features)
            The features. Of a column store only the selected columns are read.

        Returns
        -------
        X_selected : ndarray, sparse matrix or data frame of shape \
                (n_samples, n_selected_features)
            The selected columns.
        """
        if not is_column_store(X):
            return super().transform(X)
        check_is_fitted(self)
        reader = open_reader(self, X, reset=False)
        block = read_columns(reader, np.flatnonzero(self.support_), np.dtype(X.dtype))
        return np.ascontiguousarray(block.T)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _warn(messages):
    for message in messages:
        # Two frames up: that of the caller of fit, which scikit-learn wraps once.
        warnings.warn(message, UserWarning, stacklevel=4)


def mi_scores(
    X,
    y,
    *,
    method="binning",
    target_type="auto",
    discrete_features="auto",
    n_neighbors=10,
    missing="pairwise",
    n_jobs=None,
    random_state=None,
):
    """Score features by their mutual information with an outcome, with p-values.

    It is made for scikit-learn's selectors, such as
    ``SelectFdr(partial(mi_scores, method="fftkde"))``.

    Parameters
    ----------
    X : array-like, sparse matrix, data frame or column store of shape \
            (n_samples, n_features)
        The features.

    y : array-like of shape (n_samples,)
        The outcome: labels or reals.

    method : {"binning", "fftkde", "knn", "pearson", "gaussian"}, default="binning"
        How dependence is measured.

    target_type : {"auto", "continuous", "discrete"}, default="auto"
        What y is.

    discrete_features : "auto", bool or array-like, default="auto"
        The discrete features.

    n_neighbors : int, default=10
        Nearest neighbours.

    missing : {"pairwise", "error"}, default="pairwise"
        Whether NaN in X leaves the sample out for that feature, or is an error.

    n_jobs : int or None, default=None
        Number of threads.

    random_state : int, RandomState instance or None, default=None
        Source of null samples; scores do not depend on it.

    Returns
    -------
    scores : ndarray of shape (n_features,)
        `MIScreener.scores_`.

    pvalues : ndarray of shape (n_features,)
        `MIScreener.pvalues_`.

    See Also
    --------
    MIScreener : The selector, with all settings.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.feature_selection import SelectKBest
    >>> from skextras import mi_scores
    >>> X, y = load_diabetes(return_X_y=True)
    >>> selector = SelectKBest(partial(mi_scores, target_type="continuous"), k=3)
    >>> selector.fit(X, y).get_support(indices=True)
    array([2, 7, 8])
    """
    screener = MIScreener(
        method,
        k="all",
        # Any level: p-values are computed with "fftkde" and "knn" too.
        alpha=0.05,
        target_type=target_type,
        discrete_features=discrete_features,
        n_neighbors=n_neighbors,
        missing=missing,
        n_jobs=n_jobs,
        random_state=random_state,
    ).fit(X, y)
    return screener.scores_, screener.pvalues_
