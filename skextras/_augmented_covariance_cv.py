"""Search over order and lag of augmented covariances with a Riemannian classifier."""

import time
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.svm import SVC
from sklearn.utils import check_consistent_length, gen_batches
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skextras._augmented_covariance_search import (
    MinimumDistance,
    covariances,
    eigenvalue_floor,
    feasible_settings,
    run,
    tabulate,
)
from skextras._base import PackageMixin
from skextras._resources import chunk_length, single_blas_thread
from skextras._sklearn import (
    StrOptions,
    _fit_context,
    _routing_enabled,
    format_search_results,
)
from skextras._validation import validate_series
from skextras.numerics import spd
from skextras.numerics.spd_mean import log_euclidean_mean, riemannian_mean

_FINAL_TOLERANCE = 1e-8
_MADE_BY_REFIT = (
    "refit_time_",
    "order_",
    "lag_",
    "reference_",
    "means_",
    "svc_",
    "eigenvalue_floor_",
)
# Some epochs at a time keep the matrices of a chunk in the processor's cache.
_CHUNK_BYTES = 20_000_000


def _refits(self):
    """Tell whether there is a fitted classifier, or why not."""
    if self.refit:
        return True
    raise AttributeError(
        f"This {type(self).__name__} has refit=False: only with refit=True does fit "
        "make a classifier."
    )


class AugmentedCovarianceClassifierCV(
    PackageMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    r"""Classifier of epochs that chooses order and lag by cross-validation.

    Gives the scores and the choice of :class:`~sklearn.model_selection.GridSearchCV`
    over ``make_pipeline(AugmentedCovariance(), TangentSpace(), SVC())`` (with
    pyriemann's ``TangentSpace``) at a tenth of the cost or less, since each covariance
    matrix, mean and tangent vector is computed once for all values of C and kernels.
    Or those over ``make_pipeline(AugmentedCovariance(), MDM())``, at a half to a fifth.

    Read more in the :doc:`user guide </guide/augmented_covariance>`.

    Parameters
    ----------
    orders : array-like of int, default=(1, 2, 4, 6, 8)
        Numbers of delayed copies to try, see
        :class:`~skextras.AugmentedCovariance`. Order 1, which has no lag, is computed
        once and reported for every lag.

    lags : array-like of int, default=(1, 2, 4, 8)
        Numbers of samples between copies to try.

    Cs : array-like of float, default=(0.5, 1.0, 1.5)
        Inverse regularisations of the support vector classifier to try. Ignored by
        `final="mdm"`.

    kernels : array-like of {"linear", "rbf"}, default=("linear", "rbf")
        Kernels to try, with ``gamma="scale"``. Ignored by `final="mdm"`.

    final : {"ts_svm", "mdm"}, default="ts_svm"
        The classifier: a support vector classifier of tangent vectors at the mean of
        the training matrices, or the minimum distance to the means of the classes.

    metric : {"riemann", "logeuclid"}, default="riemann"
        Geometry of the matrices: affine-invariant, or that of their logarithms, which
        is several times faster and often less accurate.

    cv : int, cross-validation generator or iterable, default=None
        Splits, as in :class:`~sklearn.model_selection.GridSearchCV`: None is a
        stratified 5-fold.

    scoring : str, callable or None, default=None
        Name of one score, or a function ``scorer(estimator, X, y)``; None is the
        accuracy. During the search, a scorer gets a classifier with `predict` and
        `decision_function`, and, as X, what that classifier takes in place of epochs.

    n_jobs : int or None, default=None
        Number of threads over the distinct pairs of order and lag. Each holds the
        matrices of all epochs for one pair.

    refit : bool, default=True
        Whether to fit the best setting to all data, without which there is no
        `predict`.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        Scores and times of all settings, in the layout of
        :class:`~sklearn.model_selection.GridSearchCV`, with `param_lag`,
        `param_order`, `param_C` and `param_kernel` (the last varies fastest). Settings
        with as many matrix rows as samples in the window, or more, have the score NaN.

    best_params_ : dict
        The setting of the best mean test score.

    best_score_ : float
        Its mean test score. It was chosen for being the largest, and promises too much:
        report scores of an outer cross-validation.

    best_index_ : int
        Its index in `cv_results_`.

    scorer_ : callable
        The function that scores.

    n_splits_ : int
        Number of splits.

    refit_time_ : float
        Seconds of the fit to all data. Defined only if `refit` is true, like all that
        follow but `classes_`.

    order_ : int
        The chosen number of copies.

    lag_ : int
        The chosen number of samples between copies.

    reference_ : ndarray of shape (n_rows, n_rows)
        Mean of the training matrices. Only for `final="ts_svm"`.

    means_ : ndarray of shape (n_classes, n_rows, n_rows)
        Mean of each class. Only for `final="mdm"`.

    svc_ : :class:`~sklearn.svm.SVC`
        Classifier of tangent vectors. Only for `final="ts_svm"`.

    eigenvalue_floor_ : float
        Smallest eigenvalue that matrices get which are not positive definite.

    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_channels_in_ : int
        Number of channels seen during :term:`fit`.

    n_features_in_ : int
        Second dimension of the input of :term:`fit`: its channels when it is 3-D, its
        time points when it is 2-D.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns or, for MNE objects, channels seen during :term:`fit`.
        Defined only when the input has names that are all strings.

    See Also
    --------
    AugmentedCovariance : The matrices alone, for pipelines of your own.
    skextras.displays.OrderLagDisplay : Draws the scores over order and lag.

    Notes
    -----
    An order :math:`p` and lag :math:`\ell` are feasible for epochs of :math:`C`
    channels and :math:`T` samples if :math:`T - (p - 1) \ell > p C`: a covariance
    matrix of fewer samples is singular.

    Scores equal those of the pipeline except where a prediction is nearly a tie: the
    support vector classifier stops at a tolerance of :math:`10^{-3}`. During the search
    Riemannian means are computed to a gradient of :math:`10^{-3}` (:math:`10^{-5}` for
    "mdm"), those of later folds start from the ones before, and support vector
    classifiers take kernel matrices. The final fit uses a gradient of :math:`10^{-8}`.

    References
    ----------
    .. [1] I. Carrara and T. Papadopoulo, "Classification of BCI-EEG based on augmented
       covariance matrix", 2023, arXiv:2302.04508.

    .. [2] A. Barachant, S. Bonnet, M. Congedo and C. Jutten, "Multiclass brain-computer
       interface classification by Riemannian geometry", IEEE Transactions on
       Biomedical Engineering 59(4), 920-928, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import AugmentedCovarianceClassifierCV
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 20)
    >>> slow = rng.standard_normal((40, 2, 102)).cumsum(axis=2)
    >>> X = np.where(y[:, None, None], slow[..., 2:] - slow[..., :-2], slow[..., 2:])
    >>> search = AugmentedCovarianceClassifierCV(orders=(1, 2), lags=(1,)).fit(X, y)
    >>> search.predict(X[[0, -1]])
    array([0, 1])
    """

    _parameter_constraints: dict = {
        "orders": ["array-like"],
        "lags": ["array-like"],
        "Cs": ["array-like"],
        "kernels": ["array-like"],
        "final": [StrOptions({"ts_svm", "mdm"})],
        "metric": [StrOptions({"riemann", "logeuclid"})],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
        "refit": ["boolean"],
    }

    def __init__(
        self,
        orders=(1, 2, 4, 6, 8),
        lags=(1, 2, 4, 8),
        *,
        Cs=(0.5, 1.0, 1.5),
        kernels=("linear", "rbf"),
        final="ts_svm",
        metric="riemann",
        cv=None,
        scoring=None,
        n_jobs=None,
        refit=True,
    ):
        self.orders = orders
        self.lags = lags
        self.Cs = Cs
        self.kernels = kernels
        self.final = final
        self.metric = metric
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit

    @property
    def scorer_(self):
        """The function that scores."""
        scoring = "accuracy" if self.scoring is None else self.scoring
        return get_scorer(scoring) if isinstance(scoring, str) else scoring

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, **params):
        """Try all settings and fit the best.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs. 2-D input has one channel.

        y : array-like of shape (n_epochs,)
            Their classes.

        **params : dict
            Parameters for the splitter, such as `groups`; see scikit-learn's metadata
            routing.

        Returns
        -------
        self : object
            Fitted classifier.
        """
        _check_grid(self)
        # What an earlier fit with other parameters made must not pass for this one's.
        for name in _MADE_BY_REFIT:
            vars(self).pop(name, None)
        # The target first: without X, scikit-learn would forget the names of X.
        y = validate_data(self, y=y)
        X = validate_series(self, X, reset=True, ensure_min_times=2)
        check_consistent_length(X, y)
        self.classes_ = _check_classes(y)
        splits = _split(self, X, y, params)
        settings = feasible_settings(self, X)
        root = self._init_callback_context(
            max_subtasks=len(settings), sequential_subtasks=False
        )
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        try:
            outcomes = run(self, X, y, splits, settings, root)
        except spd.NotPositiveDefiniteError as error:
            raise _indefinite(error) from error
        _warn_of_floored(max(o.n_floored for o in outcomes.values()), len(X))
        candidates, out = tabulate(self, outcomes)
        self.cv_results_ = format_search_results(candidates, len(splits), out)
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.best_params_ = candidates[self.best_index_]
        if self.refit:
            begin = time.perf_counter()
            with single_blas_thread():
                _fit_best(self, X, y)
            self.refit_time_ = time.perf_counter() - begin
        root.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @available_if(_refits)
    def decision_function(self, X):
        """Return how far the epochs are on the side of each class.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs.

        Returns
        -------
        decisions : ndarray of shape (n_epochs,) or (n_epochs, n_classes)
            Decision values of the support vector classifier, or negated squared
            distances to the means of the classes; for two classes one value, positive
            for the second.
        """
        return _classify(self, X, "decision_function")

    @available_if(_refits)
    def predict(self, X):
        """Predict the class of each epoch.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs.

        Returns
        -------
        y : ndarray of shape (n_epochs,)
            The classes.
        """
        return _classify(self, X, "predict")

    @available_if(_refits)
    def score(self, X, y):
        """Score the predictions as the search does.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs.

        y : array-like of shape (n_epochs,)
            Their classes.

        Returns
        -------
        score : float
            Value of `scoring`, the accuracy by default.
        """
        return self.scorer_(self, X, y)

    def get_metadata_routing(self):
        """Say which parameters of `fit` go to the splitter.

        Returns
        -------
        routing : :class:`~sklearn.utils.metadata_routing.MetadataRouter`
            The routing.
        """
        return MetadataRouter(owner=self).add(
            splitter=self.cv,
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        # Two-column tables are no time series.
        tags.classifier_tags.poor_score = True
        return tags


def _check_grid(self):
    """Refuse values of the grid that no pipeline could take."""
    for name in ("orders", "lags"):
        for value in getattr(self, name):
            is_integer = isinstance(value, Integral) and not isinstance(value, bool)
            if not is_integer or value < 1:
                raise ValueError(f"{name} must hold integers >= 1, got {value!r}.")
    for value in self.Cs:
        if not isinstance(value, Real) or not 0 < value < np.inf:
            raise ValueError(f"Cs must hold positive numbers, got {value!r}.")
    for value in self.kernels:
        if value not in ("linear", "rbf"):
            raise ValueError(f'kernels must hold "linear" or "rbf", got {value!r}.')
    for name in ("orders", "lags", "Cs", "kernels"):
        if len(getattr(self, name)) == 0:
            raise ValueError(f"{name} must not be empty.")


def _check_classes(y):
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            "The classifier needs epochs of at least 2 classes; the data contains only "
            f"one class: {classes[0]}."
        )
    return classes


def _split(self, X, y, params):
    """List the training and test indices, and count the splits."""
    if _routing_enabled():
        params = process_routing(self, "fit", **params).splitter.split
    elif unknown := set(params) - {"groups"}:
        raise TypeError(
            f"fit got unexpected parameters {sorted(unknown)}: without metadata "
            "routing, only groups is passed on."
        )
    cv = check_cv(self.cv, y, classifier=True)
    self.n_splits_ = cv.get_n_splits(X, y, **params)
    rows = np.arange(len(X))
    return [(rows[train], rows[test]) for train, test in cv.split(X, y, **params)]


def _indefinite(error):
    """Find the words for matrices that no floor makes definite."""
    return ValueError(
        f"{error.count} covariance matrices are not positive definite: the smallest "
        f"eigenvalue is {error.smallest_ratio:.1e} times the largest. Are all channels "
        "of an epoch constant? Leave such epochs out, or lower orders."
    )


def _warn_of_floored(n_floored, n_epochs):
    if n_floored:
        warnings.warn(
            f"The covariance matrices of {n_floored} of {n_epochs} epochs are not "
            "positive definite, and their eigenvalues were raised. Constant, "
            "duplicated or interpolated channels are the usual cause: leave them out, "
            "or lower orders.",
            UserWarning,
            stacklevel=5,
        )


def _fit_best(self, X, y):
    """Fit the best setting to all data."""
    self.order_, self.lag_ = self.best_params_["order"], self.best_params_["lag"]
    matrices = covariances(X, self.order_, self.lag_)
    self.eigenvalue_floor_ = eigenvalue_floor(matrices)
    try:
        n_floored = 0
        _fit_final(self, matrices, y)
    except spd.NotPositiveDefiniteError:
        matrices, n_floored = spd.floor_eigenvalues(matrices, self.eigenvalue_floor_)
        _fit_final(self, matrices, y)
    _warn_of_floored(n_floored, len(X))


def _fit_final(self, matrices, y):
    """Learn the means, and the support vectors, of the final classifier."""
    if self.final == "mdm":
        self.means_ = np.stack(
            [_mean(matrices[y == label], self.metric) for label in self.classes_]
        )
        return
    self.reference_ = _mean(matrices, self.metric)
    params = {name: self.best_params_[name] for name in ("C", "kernel")}
    # The seed changes nothing but spares NumPy's global generator.
    self.svc_ = SVC(**params, random_state=0).fit(_inputs(self, matrices), y)


def _mean(matrices, metric):
    """Mean of matrices; a warning if it did not converge."""
    if metric == "logeuclid":
        return log_euclidean_mean(matrices)
    result = riemannian_mean(matrices, tol=_FINAL_TOLERANCE)
    if not result.converged:
        warnings.warn(
            "The mean of the covariance matrices stopped at a gradient norm of "
            f"{result.gradient_norm:.1e} after {result.n_iter} iterations: the "
            "matrices are close to singular. Lower orders or raise lags.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return result.mean


def _inputs(self, matrices):
    """What the final classifier takes: tangent vectors, or squared distances."""
    if self.final == "mdm":
        if self.metric == "riemann":
            whiteners = spd.inverse_factors(spd.cholesky_factors(self.means_))
            return spd.squared_distances(matrices, whiteners)
        differences = spd.matrix_log(matrices)[:, None] - spd.matrix_log(self.means_)
        return np.square(differences).sum(axis=(2, 3))
    if self.metric == "riemann":
        whitener = spd.matrix_inverse_sqrt(self.reference_)
        return spd.half_vectors(spd.whitened_logs(matrices, whitener))
    return spd.half_vectors(spd.matrix_log(matrices) - spd.matrix_log(self.reference_))


def _classify(self, X, method):
    """Call a method of the final classifier, by chunks of epochs."""
    check_is_fitted(self, "order_")
    X = validate_series(self, X, reset=False)
    if X.shape[2] - (self.order_ - 1) * self.lag_ < 2:
        raise ValueError(
            f"Epochs of n_times={X.shape[2]} samples are too short for order="
            f"{self.order_} and lag={self.lag_}: at least "
            f"{(self.order_ - 1) * self.lag_ + 2} samples are needed."
        )
    classifier = MinimumDistance().fit(None, self.classes_)
    if self.final == "ts_svm":
        classifier = self.svc_
    n_rows = self.order_ * self.n_channels_in_
    size = chunk_length(8 * 6 * n_rows**2, len(X), max_bytes=_CHUNK_BYTES)
    results, n_floored = [], 0
    with single_blas_thread():
        for chunk in gen_batches(len(X), size):
            matrices = covariances(X[chunk], self.order_, self.lag_)
            inputs, count = _inputs_of_any(self, matrices)
            results.append(getattr(classifier, method)(inputs))
            n_floored += count
    _warn_of_floored(n_floored, len(X))
    return np.concatenate(results)


def _inputs_of_any(self, matrices):
    """Inputs of matrices of which some may not be definite, and the number of these."""
    try:
        return _inputs(self, matrices), 0
    except spd.NotPositiveDefiniteError:
        if len(matrices) > 1:
            # One by one: what an epoch gets must not depend on the others.
            parts = [_inputs_of_any(self, matrix[None]) for matrix in matrices]
            return np.concatenate([part for part, _ in parts]), sum(n for _, n in parts)
        floored, _ = spd.floor_eigenvalues(matrices, self.eigenvalue_floor_)
        return _inputs(self, floored), 1
