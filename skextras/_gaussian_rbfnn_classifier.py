"""Gaussian radial basis function network with a learnt metric, for classification."""

import numpy as np
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skextras._gaussian_rbfnn_base import BaseGaussianRBFNN
from skextras._gaussian_rbfnn_training import MANY_FEATURES, Trainer
from skextras._sklearn import StrOptions, _fit_context
from skextras.numerics.rbf_logistic import log_loss, probabilities
from skextras.numerics.rbf_table import fold_rows

# How the diagonal and the full metric are compared, and the table that allows it.
_N_FOLDS = 3
_LEAST_ROWS = 30
_FOLD_MAX_ITER = 60


class GaussianRBFNNClassifier(ClassifierMixin, BaseGaussianRBFNN):
    r"""Gaussian radial basis function network with a learnt metric, for classification.

    A linear function plus a sum of Gaussian kernels around centres that share one
    precision matrix, for each class. The matrix is learnt by the marginal likelihood of
    a regression on the classes, and tells which directions and inputs matter; the
    output weights are those of a (multinomial) logistic regression whose penalty is
    learnt too. `transform` projects onto the directions along which the decision scores
    vary most.

    Read more in the :doc:`user guide </guide/gaussian_rbfnn>`.

    Parameters
    ----------
    n_centers : int or "auto", default="auto"
        Number of centres, at most the number of distinct rows. "auto" is a fifth of the
        rows, from 100 to 300; for more than 50 features a quarter, from 100 to 500.

    precision : {"auto", "full", "diag", "spherical"}, default="auto"
        Form of the precision matrix. "auto" compares the diagonal and the full
        matrix by the log-loss of 3-fold cross-validation, and takes the diagonal for
        more than 100 features, less than 30 distinct rows or 3 in a class.

    rank : int or None, default=None
        Rank of a full precision matrix, which is then learnt at once and not from where
        a diagonal one has ended: with as many as features and `standardize=False`,
        rotations of the inputs do not matter. None: no limit.

    center_init : {"kmeans", "random"} or array-like of shape (n_centers, n_features), \
            default="kmeans"
        Centres by k-means, distinct rows at random, or centres of one's own in raw
        units.

    learn_centers : bool, default=False
        Whether the centres are learnt too, from where `center_init` puts them.

    linear_term : bool, default=True
        Whether the network has a linear function of the inputs beside the kernels and
        the constant.

    objective : {"evidence", "penalized"}, default="evidence"
        The marginal likelihood, which needs no tuning, or the penalised loss of the
        paper.

    alpha_precision : float, default=0.3
        Penalty on the trace of the precision matrix, on the scale of the loss summed
        over the rows.

    alpha_weights : float, default=0.1
        Penalty on the squared output weights, on the same scale. Only used with
        `objective="penalized"`.

    importance : {"gradient", "precision"}, default="gradient"
        What the importances and the components are taken from: the gradients of the
        fit, or the precision matrix as in the paper, which does not see linear effects.

    n_components : int, float or None, default=0.95
        Number of directions of `transform`; a float is the least share of the sum of
        the eigenvalues that they must have; None: all.

    standardize : bool, default=True
        Whether to scale the features to unit variance; they are centred anyway.

    max_samples : int or None, default=None
        Number of random distinct rows that learn the metric, the centres and the
        variances; the output weights are those of all rows. None: all rows.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply those of the rows; "balanced" gives all
        classes the same total.

    max_iter : int, default=100
        Most iterations of each run of the optimiser.

    tol : float, default=1e-5
        Relative decrease of the objective below which a run ends.

    random_state : int, RandomState instance or None, default=None
        Determines the centres, the subset of `max_samples`, the folds and
        the start of a metric of low rank. Pass an int for the same
        results with each call.

    Attributes
    ----------
    centers_ : ndarray of shape (n_centers, n_features)
        The centres, in raw units.

    precision_ : ndarray of shape (n_features, n_features)
        The precision matrix of the kernels, in standard units; divide it by the outer
        product of `scale_` with itself for raw units.

    precision_type_ : {"full", "diag", "spherical"}
        Form of the precision matrix.

    weights_ : ndarray of shape (n_centers, n_outputs)
        Weights of the kernels.

    intercept_ : ndarray of shape (n_outputs,)
        The constant.

    linear_weights_ : ndarray of shape (n_features, n_outputs)
        Weights of the standardised inputs, zeros without a linear term.

    gradient_outer_product_ : ndarray of shape (n_features, n_features)
        Mean over the training rows of the outer products of the gradients, in standard
        units.

    eigenvalues_ : ndarray of shape (n_features,)
        Eigenvalues of that matrix, or of `precision_` for `importance="precision"`,
        in descending order.

    components_ : ndarray of shape (n_components_, n_features)
        The leading eigenvectors, for standardised rows.

    n_components_ : int
        Number of components.

    feature_importances_ : ndarray of shape (n_features,)
        Importances of the features; they add up to 1.

    mean_ : ndarray of shape (n_features,)
        Means of the features.

    scale_ : ndarray of shape (n_features,)
        Standard deviations of the features; 1 for constant ones and with
        `standardize=False`.

    loss_ : float
        The objective at the end, over the sum of the weights of the rows that learnt
        the metric; of several random states the one with the lowest is the best.

    n_iter_ : int
        Number of iterations of the optimiser.

    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when the input has names
        that are all strings.

    See Also
    --------
    GaussianRBFNN : The same for regression, with the equations.
    sklearn.svm.SVC : Kernels with one width for all inputs, which must be tuned.

    Notes
    -----
    The decision scores are networks as in :class:`GaussianRBFNN`, one for two classes
    and else one for each. Metric and variances maximise the marginal likelihood of
    standardised indicators of the classes, with independent priors :math:`w \sim N(0,
    \tau I)` unless centres are learnt. With the metric fixed, the output weights
    minimise the log-loss plus :math:`\lambda/2 \, \|W\|^2`; :math:`\lambda` is updated
    up to six times to the number of weights that the data determine, over
    :math:`\|W\|^2`. With more than 100 features, slopes have a :math:`\lambda` of
    their own. `objective="penalized"` minimises the log-loss plus both penalties
    jointly in all parameters.

    Weights and importances are those of decision scores; with more than two classes
    their mean over the classes is taken off first, which changes no probability.

    References
    ----------
    .. [1] D. D'Agostino, I. Ilievski and C. A. Shoemaker, "Learning active subspaces
       and discovering important features with Gaussian radial basis functions neural
       networks", Neural Networks 176, 106335, 2024.

    .. [2] D. J. C. MacKay, "The evidence framework applied to classification networks",
       Neural Computation 4, 720-736, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import GaussianRBFNNClassifier
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    >>> y = np.where(X[:, 0] ** 2 + X[:, 1] ** 2 < 0.5, "in", "out")
    >>> model = GaussianRBFNNClassifier(n_centers=50, precision="diag", random_state=0)
    >>> model.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
    True
    >>> model.feature_importances_.round(1)
    array([0.5, 0.5, 0. ])
    """

    _parameter_constraints: dict = {
        **BaseGaussianRBFNN._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_centers="auto",
        *,
        precision="auto",
        rank=None,
        center_init="kmeans",
        learn_centers=False,
        linear_term=True,
        objective="evidence",
        alpha_precision=0.3,
        alpha_weights=0.1,
        importance="gradient",
        n_components=0.95,
        standardize=True,
        max_samples=None,
        class_weight=None,
        max_iter=100,
        tol=1e-5,
        random_state=None,
    ):
        self.n_centers = n_centers
        self.precision = precision
        self.rank = rank
        self.center_init = center_init
        self.learn_centers = learn_centers
        self.linear_term = linear_term
        self.objective = objective
        self.alpha_precision = alpha_precision
        self.alpha_weights = alpha_weights
        self.importance = importance
        self.n_components = n_components
        self.standardize = standardize
        self.max_samples = max_samples
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        y : array-like of shape (n_samples,)
            The classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 1 if None. An integer weight is the same as
            repetitions of the row.

        Returns
        -------
        self : object
            Fitted classifier.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self._check_parameters(X.shape[1])
        weights = self._check_weights(sample_weight, X)
        context, about = self._begin(X, y, sample_weight)
        self.classes_, X, labels, weights = _fold_classes(self, X, y, weights)
        rng = check_random_state(self.random_state)
        kind = _metric_kind(self, X, labels, weights, rng)
        targets = _indicators(labels, len(self.classes_))
        trainer = Trainer(self, X, targets, weights, rng, classifies=True)
        del X, targets
        with trainer.blas():
            observe = self._observer(trainer, context, about)
            stage, self.n_iter_ = self._train(trainer, kind, observe)
            self._set(self._attributes(trainer, stage))
        context.call_on_fit_task_end(**about, reconstruction_attributes={})
        return self

    def decision_function(self, X):
        """Compute the decision scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Logarithms of the probabilities but for a term that all classes share; for
            two classes one score, positive for the second.
        """
        scores = self._scores(X)
        return scores[:, 0] if self._one_output() else scores

    def predict(self, X):
        """Predict the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable classes.
        """
        scores = self._scores(X)
        if self._one_output():
            return self.classes_[(scores[:, 0] > 0).astype(np.intp)]
        return self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Their rows add up to 1.
        """
        p = probabilities(self._scores(X))
        return np.hstack([1 - p, p]) if self._one_output() else p

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithms, finite also where a probability underflows.
        """
        scores = self._scores(X)
        if self._one_output():
            return -np.logaddexp(0, np.hstack([scores, -scores]))
        return log_softmax(scores, axis=1)

    def _scores(self, X):
        check_is_fitted(self)
        return self._outputs(validate_data(self, X, dtype=np.float64, reset=False))

    def _one_output(self):
        return self.weights_.shape[1] == 1

    def _output_scale(self, trainer):
        return np.ones(trainer.labels.shape[1])

    def _output_mean(self, trainer):
        return np.zeros(trainer.labels.shape[1])

    def _uncertainty(self, trainer, trained):
        return {}


def _fold_classes(self, X, y, weights):
    """Classes, and the table of distinct rows with its weights."""
    names, labels = np.unique(y, return_inverse=True)
    X, labels, weights = fold_rows(X, labels.reshape(-1, 1).astype(float), weights)
    labels = labels[:, 0].astype(np.intp)
    present = np.unique(labels)
    if self.class_weight is not None:
        weights = weights * _class_factors(self.class_weight, names, labels, weights)
        X, labels, weights = (a[weights > 0] for a in (X, labels, weights))
        present = np.unique(labels)
    if len(present) < 2:
        raise ValueError(
            f"{type(self).__name__} needs rows of at least 2 classes with weights "
            f"above 0, but the data hold {len(present)} class: {names[present]}."
        )
    return names[present], X, np.searchsorted(present, labels), weights


def _class_factors(class_weight, names, labels, weights):
    """Factors of the rows' weights."""
    present = np.unique(labels)
    if class_weight == "balanced":
        totals = np.bincount(labels, weights, len(names))
        factors = np.zeros(len(names))
        factors[present] = weights.sum() / (len(present) * totals[present])
    else:
        factors = compute_class_weight(class_weight, classes=names, y=names[labels])
        if factors.min() < 0:
            raise ValueError(
                f"class_weight must not be negative, got {class_weight!r}."
            )
    return factors[labels]


def _indicators(labels, n_classes):
    """One 0/1 column for two classes, else one for each."""
    indicators = np.eye(n_classes)[labels]
    return indicators[:, 1:] if n_classes == 2 else indicators


def _metric_kind(self, X, labels, weights, rng):
    """Which metric to learn."""
    if self.precision != "auto" or self.rank is not None:
        return self.precision
    if not 1 < X.shape[1] <= MANY_FEATURES:
        return "diag"
    if self.objective == "penalized":
        return "full"
    if np.bincount(labels).min() < _N_FOLDS or len(labels) < _LEAST_ROWS:
        return "diag"
    losses = dict.fromkeys(("diag", "full"), 0.0)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=rng)
    for train, test in folds.split(X, labels):
        for kind, loss in _fold_losses(self, X, labels, weights, train, test, rng):
            losses[kind] += loss
    return "full" if losses["full"] < losses["diag"] else "diag"


def _fold_losses(self, X, labels, weights, train, test, rng):
    """Log-loss of the held-out rows with the diagonal and then with the full metric."""
    targets = _indicators(labels, len(self.classes_))
    trainer = Trainer(
        self, X[train], targets[train], weights[train], rng, classifies=True
    )
    held_out = trainer.x_units.standardise(X[test])
    max_iter = min(self.max_iter, _FOLD_MAX_ITER)
    with trainer.blas():
        for stage in trainer.stages("full", max_iter=max_iter, tol=self.tol):
            network = trainer.trained(stage).network
            loss, _ = log_loss(network.outputs(held_out), targets[test])
            yield stage.objective.layout.metric.kind, weights[test] @ loss
