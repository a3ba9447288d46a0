"""Classifier of token sets by their first and second moments."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skextras._base import PackageMixin
from skextras._moment_probe_features import (
    compute_moments,
    drop_unweighted,
    encode_classes,
    learn_moments,
    n_moments,
    read_tokens,
    two_sided,
    warn_one_token,
)
from skextras._moment_probe_solvers import Features, Targets, fit_logistic, fit_ridge
from skextras._sklearn import (
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
)
from skextras._token_moments import TokenMoments
from skextras.numerics.temperature import inverse_temperature


class MomentProbe(PackageMixin, ClassifierMixin, BaseEstimator):
    r"""Calibrated linear classifier of the moments of token sets.

    A frozen network gives tokens for each sample: the class token and the patches of a
    vision transformer, the time points of a recording. A linear probe classifies their
    mean; this one their means and second moments, in a closed form that takes seconds
    on a CPU: ridge regression whose penalty and temperature come from exact
    leave-one-out scores.

    Read more in the :doc:`user guide </guide/moment_probe>`.

    Parameters
    ----------
    order : {1, 2}, default=2
        Highest order of the moments; 1 is the linear probe.

    n_components : int or None, default=64
        Number of principal directions of the tokens that enter the second moments, of
        which there are ``k * (k + 1) / 2``: what accuracy costs. None means all.

    cls_token : bool, default=False
        Whether the first token of each sample is a class token: it then stands for
        the mean, and takes no part in anything else.

    token_norm : {"layer", "l2", None}, default="layer"
        Normalisation of each token before its second moments, see
        :class:`TokenMoments`. Prefer None for few features a token.

    centered : bool, default=True
        Whether second moments are taken about the mean of the sample's tokens, or
        about zero as in the paper.

    normalize : {"sqrtm", "logm", "power", None}, default="sqrtm"
        Function of the second moments: the matrix square root, the matrix logarithm,
        or signed roots of the entries divided by their norm.

    norm_moments : bool, default=True
        Whether to add the mean and the variance of the logarithms of the norms of
        the tokens, which `token_norm` removes.

    shrinkage : float, default=1e-3
        Weight, from 0 to 1, of the identity that "sqrtm" and "logm" mix into the
        second moments; raise it for few tokens.

    missing_tokens : {"error", "drop"}, default="error"
        Whether tokens that are NaN throughout, as padding may be, are refused or left
        out.

    n_tokens : int or None, default=None
        Number of tokens in a row of 2-D input, for tools that pass no other: row
        becomes ``row.reshape(n_tokens, -1)``. None means one.

    n_jobs : int or None, default=None
        Number of threads. The result does not depend on it.

    second_order_weight : float, default=1.0
        Weight of the second moments beside the means; with 1 both have the same total
        variance.

    solver : {"auto", "ridge", "logistic"}, default="auto"
        Ridge regression on class indicators, or logistic regression. "auto" is
        "ridge" for order 2 and "logistic" for order 1, where few features would let
        classes mask each other in a regression.

    alphas : array-like of shape (n_alphas,) or None, default=None
        Penalties among which the ridge chooses, on the scale of
        :class:`~sklearn.linear_model.Ridge`. None takes 29, from 1e-7 to 1 times the
        total variance.

    C : float, default=1.0
        Inverse penalty of the logistic regression.

    calibrate : bool, default=True
        Whether the ridge fits a temperature to its leave-one-out scores. Logistic
        regression always has the temperature 1.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn.

    max_iter : int, default=500
        Most iterations of the logistic regression.

    tol : float, default=1e-4
        Tolerance of the logistic regression.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    token_moments_ : TokenMoments
        The transformer that computes the moments; of order 1 where second moments
        say nothing.

    feature_mean_ : ndarray of shape (n_moments,)
        Mean of the moments.

    feature_scale_ : ndarray of shape (n_moments,)
        Factor of the moments less their mean: one over the standard deviation, times
        the weight of the block; 0 for moments that do not vary.

    coef_ : ndarray of shape (n_classes, n_moments) or (1, n_moments)
        Coefficients of the standardised moments; one row if there are two classes.

    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts.

    temperature_ : float
        What the scores are divided by before the softmax.

    head_norm_ : float
        Frobenius norm of `coef_`.

    alpha_ : float
        Penalty chosen. Of the ridge only.

    loo_score_ : float
        Accuracy of the leave-one-out scores. Of the ridge only.

    n_iter_ : int
        Iterations of the logistic regression; 1 for the ridge.

    n_features_in_ : int
        Number of features seen during :term:`fit`: those of a token, or the columns
        of 2-D input.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only when X has names that are all strings.

    See Also
    --------
    TokenMoments : The moments alone.
    MHC3MomentProbe : The trained head of the paper.

    Notes
    -----
    The moments :math:`f_i` of :class:`TokenMoments` come in three blocks: d means, p
    second moments and two moments of the norms. Each is standardised, with the weights
    :math:`s_i` of the samples, and multiplied by 1, `second_order_weight` times
    :math:`\sqrt{d / p}`, and :math:`0.3 \sqrt{d / 2}`, so that no block drowns another.
    With the weights :math:`W_i` of samples and classes and class indicators
    :math:`e_i`, the ridge minimises

    .. math:: \sum_i W_i \lVert e_i - B^\top a_i - b \rVert^2
        + \alpha \lVert B \rVert^2

    for all `alphas` at once. Its leave-one-out score is :math:`e_i - (e_i - \hat y_i) /
    (1 - h_i)`, where :math:`h_i` is the leverage of one copy of the sample: a sample of
    weight 2 counts as two. The penalty is the one of least squared error of these
    scores, and the temperature minimises their cross-entropy, with one uniform
    pseudo-observation. The last copy of a class enters neither.

    Samples are worked on in chunks; the features themselves are kept if they fit
    scikit-learn's `working_memory` or are more than the samples, and are otherwise
    computed again for each of three passes. Read-only memory maps are read that way.

    Moments do not know the order of the tokens: what their positions say is lost.

    References
    ----------
    .. [1] M. Gao, Q. Wang, Z. Lin, P. Zhu, Q. Hu and J. Zhou, "Tuning pre-trained model
       via moment probing", ICCV 2023, arXiv:2307.11342.

    Examples
    --------
    >>> from skextras import MomentProbe
    >>> from skextras.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
    >>> len(X), X[0].shape, X[1].shape
    (270, (20, 12), (26, 12))
    >>> probe = MomentProbe().fit(X, y)
    >>> probe.score(X_test, y_test) > 0.98
    True
    >>> probe.predict_proba(X_test).shape
    (370, 9)
    """

    _parameter_constraints: dict = {
        **TokenMoments._parameter_constraints,
        "second_order_weight": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", "ridge", "logistic"})],
        "alphas": ["array-like", None],
        "C": [Interval(Real, 0, None, closed="neither")],
        "calibrate": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        order=2,
        *,
        n_components=64,
        cls_token=False,
        token_norm="layer",
        centered=True,
        normalize="sqrtm",
        norm_moments=True,
        shrinkage=1e-3,
        missing_tokens="error",
        n_tokens=None,
        n_jobs=None,
        second_order_weight=1.0,
        solver="auto",
        alphas=None,
        C=1.0,
        calibrate=True,
        class_weight=None,
        max_iter=500,
        tol=1e-4,
    ):
        self.order = order
        self.n_components = n_components
        self.cls_token = cls_token
        self.token_norm = token_norm
        self.centered = centered
        self.normalize = normalize
        self.norm_moments = norm_moments
        self.shrinkage = shrinkage
        self.missing_tokens, self.n_tokens = missing_tokens, n_tokens
        self.n_jobs = n_jobs
        self.second_order_weight = second_order_weight
        self.solver = solver
        self.alphas = alphas
        self.C = C
        self.calibrate = calibrate
        self.class_weight = class_weight
        self.max_iter, self.tol = max_iter, tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens. Their number may differ in a sequence.

        y : array-like of shape (n_samples,)
            The classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights, as if samples were repeated.

        Returns
        -------
        self : object
            Fitted classifier.
        """
        alphas = _check_alphas(self.alphas)
        # Before X, since it forgets the names of the columns.
        y = validate_data(self, y=y)
        tokens = read_tokens(self, X)
        check_classification_targets(y)
        check_consistent_length(tokens.lengths, y)
        weights = _check_sample_weight(
            sample_weight, tokens.lengths, dtype=np.float64, ensure_non_negative=True
        )
        y = y[weights > 0]
        tokens, weights = drop_unweighted(tokens, weights)
        self.classes_, codes = encode_classes(self, y)
        targets = _make_targets(self, y, codes, weights)
        self.token_moments_ = _fit_moments(self, tokens, weights)
        if self.order == 2 and self.token_moments_.order == 1 and not tokens.from_table:
            warn_one_token("order=1", stacklevel=3)
        fit = _fit_linear(self, tokens, targets, alphas)
        coef, intercept = fit.coef, fit.intercept
        if len(self.classes_) == 2 and len(intercept) == 2:
            coef, intercept = np.diff(coef, axis=1), np.diff(intercept)
        self.feature_mean_, self.feature_scale_ = fit.mean, fit.scale
        self.coef_, self.intercept_ = np.ascontiguousarray(coef.T), intercept
        self.head_norm_, self.n_iter_ = float(np.linalg.norm(coef)), fit.n_iter
        _set_leave_one_out(self, fit, targets)
        return self

    def decision_function(self, X):
        """Compute the scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Scores, before the temperature; if there are two classes, that of the
            second less that of the first.
        """
        check_is_fitted(self)
        tokens = read_tokens(self, X, self.token_moments_.n_token_features_)
        mean, scale, weights = self.feature_mean_, self.feature_scale_, self.coef_.T

        def score(features):
            # In float64, and the mean first: coefficients may be large.
            return ((features - mean) * scale) @ weights + self.intercept_

        scores = compute_moments(
            self.token_moments_, tokens, score, weights.shape[1], np.float64
        )
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The classes.
        """
        check_is_fitted(self)
        return self.classes_[two_sided(self.decision_function(X)).argmax(axis=1)]

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities, in float64.
        """
        scores = two_sided(self.decision_function(X))
        return softmax(scores / self.temperature_, axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Natural logarithms, finite even where the probability rounds to zero.
        """
        scores = two_sided(self.decision_function(X))
        return log_softmax(scores / self.temperature_, axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing_tokens == "drop"
        return tags


def _check_alphas(alphas):
    """Return the penalties, ascending, or None."""
    if alphas is None:
        return None
    values = np.asarray(alphas, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"alphas must be one-dimensional and not empty, got shape {values.shape}."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"alphas must be positive and finite, got {alphas!r}.")
    return np.sort(values)


def _make_targets(self, y, codes, weights):
    """Join the classes with the weights of the samples and their own."""
    class_weights = compute_class_weight(
        self.class_weight, classes=self.classes_, y=y, sample_weight=weights
    )
    if not (np.isfinite(class_weights).all() and (class_weights > 0).all()):
        raise ValueError(
            "class_weight must be positive for every class, got "
            f"{self.class_weight!r}. Leave out the samples of a class that must not "
            "count."
        )
    return Targets(codes, weights, class_weights)


def _fit_moments(self, tokens, weights):
    """Fit the transformer, of order 1 where second moments say nothing."""
    names = TokenMoments().get_params(deep=False)
    moments = TokenMoments(**{name: getattr(self, name) for name in names})
    if self.centered and not (tokens.lengths > 1).any():
        moments.order = 1
    moments.n_features_in_ = self.n_features_in_
    if hasattr(self, "feature_names_in_"):
        moments.feature_names_in_ = self.feature_names_in_
    learn_moments(moments, tokens, weights)
    return moments


def _fit_linear(self, tokens, targets, alphas):
    """Fit the classifier that `solver` names."""
    solver = self.solver
    if solver == "auto":
        solver = "ridge" if self.order == 2 else "logistic"
    too_many = len(tokens) < sum(n_moments(self.token_moments_))
    features = Features(
        self.token_moments_, tokens, keep=solver == "logistic" or too_many
    )
    if solver == "ridge":
        return fit_ridge(features, targets, alphas, self.second_order_weight)
    return fit_logistic(
        features,
        targets,
        self.second_order_weight,
        C=self.C,
        max_iter=self.max_iter,
        tol=self.tol,
    )


def _set_leave_one_out(self, fit, targets):
    """Set what the leave-one-out scores tell."""
    self.temperature_ = 1.0
    if fit.loo is None:
        for name in ("alpha_", "loo_score_"):
            vars(self).pop(name, None)
        return
    hits = fit.loo.argmax(axis=1) == targets.codes
    self.alpha_ = fit.alpha
    self.loo_score_ = float(np.average(hits, weights=targets.weights))
    counted = targets.counted
    if not counted.any():
        warnings.warn(
            "Every class has a single sample, so that none can be left out: the "
            "penalty is the middle one of alphas, and there is no calibration.",
            UserWarning,
            stacklevel=4,
        )
    elif self.calibrate:
        self.temperature_ = 1 / inverse_temperature(
            fit.loo[counted], targets.codes[counted], targets.weights[counted]
        )
