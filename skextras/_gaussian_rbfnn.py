"""Gaussian radial basis function network with a learnt metric, for regression."""

import warnings

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skextras._gaussian_rbfnn_base import BaseGaussianRBFNN, _chunks
from skextras._gaussian_rbfnn_training import MANY_FEATURES, Trainer
from skextras._sklearn import _fit_context
from skextras.numerics.rbf import features
from skextras.numerics.rbf_evidence import NOISE_FLOOR
from skextras.numerics.rbf_posterior import Scales
from skextras.numerics.rbf_readout import Readout, predictive_variance
from skextras.numerics.rbf_table import fold_rows

# Attributes that a penalised network does not have.
_OF_THE_EVIDENCE = (
    "noise_variance_",
    "_deviation",
    "_variances",
    "_posterior",
    "_jitter",
)


class GaussianRBFNN(RegressorMixin, BaseGaussianRBFNN):
    r"""Gaussian radial basis function network with a learnt metric, for regression.

    A linear function plus a sum of Gaussian kernels around centres that share one
    precision matrix. The matrix is learnt by the marginal likelihood of the output
    weights, so that nothing needs tuning, and tells which directions and inputs matter.
    Predictions come with standard deviations; `transform` projects onto the directions
    along which the fit varies most.

    Read more in the :doc:`user guide </guide/gaussian_rbfnn>`.

    Parameters
    ----------
    n_centers : int or "auto", default="auto"
        Number of centres, at most the number of distinct rows. "auto" is a fifth of the
        rows, from 100 to 300; for more than 50 features a quarter, from 100 to 500.

    precision : {"auto", "full", "diag", "spherical"}, default="auto"
        Form of the precision matrix. "auto" learns the diagonal and, up to 100
        features, the full matrix, and keeps the full one where the marginal likelihood
        gains enough by it.

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

    max_iter : int, default=100
        Most iterations of each run of the optimiser.

    tol : float, default=1e-5
        Relative decrease of the objective below which a run ends.

    random_state : int, RandomState instance or None, default=None
        Determines the centres, the subset of `max_samples`, and the start of
        a metric of low rank. Pass an int for the same results with each call.

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

    noise_variance_ : ndarray of shape (n_outputs,)
        Variance of the noise of each target, in its units squared. Only with
        `objective="evidence"`.

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

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when the input has names
        that are all strings.

    See Also
    --------
    GaussianRBFNNClassifier : The same for classification.
    sklearn.gaussian_process.GaussianProcessRegressor : Takes time that grows with the
        cube of the number of rows, and no weights.

    Notes
    -----
    With standardised rows :math:`x` and targets, centres :math:`c_m` and the precision
    matrix :math:`P = L^T L`, the network is

    .. math:: f(x) = \sum_m w_m \varphi_m(x) + 3 w_0 + b^T x , \quad
        \varphi_m(x) = \exp(-\tfrac12 (x - c_m)^T P (x - c_m)) .

    The priors are :math:`w \sim N(0, \tau K^{-1})` with the kernels :math:`K` between
    the centres, :math:`w_0 \sim N(0, \tau)` and :math:`b \sim N(0, \tau_b I)`: with
    a centre at every row the network is a Gaussian process. :math:`L`, the noise
    variance, :math:`\tau` and :math:`\tau_b` minimise the negative logarithm of the
    marginal likelihood of the targets plus :math:`\alpha/2 \, \mathrm{tr} P`, with
    :math:`\alpha` being `alpha_precision`, by L-BFGS with analytic gradients; learnt
    centres are penalised by the prior variance that they leave unexplained.
    `objective="penalized"` minimises instead, as in [1]_ but with squared norms, half
    the squared errors plus :math:`\alpha/2 \, \mathrm{tr} P` and half `alpha_weights`
    times the sum of the squared output weights.

    The active subspace [2]_ is spanned by the leading eigenvectors of the mean over the
    training rows of :math:`\sum_o g_o g_o^T`, :math:`g_o` being the gradient of the
    output :math:`o` in standard units.

    Equal rows are merged and sorted before anything else: a weight is exactly the same
    as repetitions, and the order of the rows does not matter. Other random states move
    predictions a little, since other centres are found.

    References
    ----------
    .. [1] D. D'Agostino, I. Ilievski and C. A. Shoemaker, "Learning active subspaces
       and discovering important features with Gaussian radial basis functions neural
       networks", Neural Networks 176, 106335, 2024.

    .. [2] P. G. Constantine, "Active subspaces", SIAM, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import GaussianRBFNN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 4))
    >>> y = np.sin(3 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(200)
    >>> model = GaussianRBFNN(n_centers=50, random_state=0).fit(X, y)
    >>> model.feature_importances_.round(1)
    array([0.7, 0.3, 0. , 0. ])
    >>> mean, deviation = model.predict([[0.5, 0.5, 0.0, 0.0]], return_std=True)
    >>> mean.round(1), deviation.round(1)
    (array([1.5]), array([0.1]))
    """

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

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets. Outputs share one metric.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 1 if None. An integer weight is the same as
            repetitions of the row.

        Returns
        -------
        self : object
            Fitted regressor.
        """
        y = _check_numbers(y)
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True
        )
        self._check_parameters(X.shape[1])
        weights = self._check_weights(sample_weight, X)
        # What an earlier fit with another objective made must not pass for this one's.
        for name in _OF_THE_EVIDENCE:
            vars(self).pop(name, None)
        self._y_ndim = y.ndim
        context, about = self._begin(X, y, sample_weight)
        targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        rng = check_random_state(self.random_state)
        table = fold_rows(X, targets, weights)
        trainer = Trainer(self, *table, rng, classifies=False)
        del table, targets
        kind = _metric_kind(self, X.shape[1])
        with trainer.blas():
            if trainer.y_units.varies.any():
                observe = self._observer(trainer, context, about)
                stage, self.n_iter_ = self._train(trainer, kind, observe)
                _warn_without_noise(self, trainer, stage)
            else:
                stage, self.n_iter_ = trainer.start(kind), 1
            self._set(self._attributes(trainer, stage))
        context.call_on_fit_task_end(**about, reconstruction_attributes={})
        return self

    def predict(self, X, return_std=False):
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        return_std : bool, default=False
            Whether to return standard deviations too. Needs `objective="evidence"`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.

        y_std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations of new targets, noise included. Only with
            `return_std=True`.
        """
        check_is_fitted(self)
        if return_std and not hasattr(self, "noise_variance_"):
            raise ValueError(
                'return_std=True needs the variances that objective="evidence" learns, '
                'but this network was fitted with objective="penalized".'
            )
        X = validate_data(self, X, dtype=np.float64, reset=False)
        y = self._shaped(self._outputs(X))
        return (y, self._shaped(self._deviations(X))) if return_std else y

    def _deviations(self, X):
        """Standard deviations of predictions, by chunks."""
        network, scales = self._network(), Scales(*self._variances)
        readout = Readout(None, self._posterior, self._jitter)
        linear_term = len(self._posterior) > len(self.centers_) + 1
        variance = np.empty(len(X))
        for rows in _chunks(len(X), 6 * len(self._posterior) + 2 * X.shape[1]):
            standard = self._standardise(X[rows])
            z = standard @ network.factor.T
            F = features(standard, z, network.z_centers, linear_term)
            variance[rows] = predictive_variance(F, network.z_centers, readout, scales)
        return np.sqrt(variance)[:, None] * self._deviation

    def _shaped(self, values):
        return values[:, 0] if self._y_ndim == 1 else values

    def _one_output(self):
        return self._y_ndim == 1

    def _output_scale(self, trainer):
        return np.where(trainer.y_units.varies, trainer.y_units.scale, 0.0)

    def _output_mean(self, trainer):
        return trainer.y_units.mean

    def _uncertainty(self, trainer, trained):
        """Attributes that standard deviations are computed from."""
        if trained.scales is None:
            return {}
        deviations = self._output_scale(trainer)
        # Of targets beyond the root of what a float can hold it is infinite.
        with np.errstate(over="ignore"):
            noise_variance = trained.scales.noise * np.square(deviations)
        values = (
            noise_variance,
            deviations,
            tuple(map(float, trained.scales)),
            trained.readout.factor,
            trained.readout.jitter,
        )
        return dict(zip(_OF_THE_EVIDENCE, values, strict=True))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_numbers(y):
    """Refuse targets that are no numbers, which would be classes."""
    values = np.asarray(y) if y is not None else np.empty(0)
    refused = values.dtype.kind in "US"
    if values.dtype == object and values.ndim > 0:
        try:
            values.astype(np.float64)
        except (TypeError, ValueError):
            refused = True
    if refused:
        raise ValueError(
            "GaussianRBFNN predicts numbers, but y holds others, such as "
            f"{values.ravel()[0]!r}. For classes, use GaussianRBFNNClassifier."
        )
    return y


def _warn_without_noise(self, trainer, stage):
    """Tell that the noise has become as small as it may."""
    if self.objective == "penalized":
        return
    if stage.objective.scales(stage.theta).noise <= NOISE_FLOOR * (1 + 1e-6):
        warnings.warn(
            f"{type(self).__name__}: the target looks noise-free. The standard "
            f"deviation of the noise is kept at {NOISE_FLOOR**0.5:.1e} times that of "
            "the target, and standard deviations of predictions may be too small.",
            UserWarning,
            stacklevel=4,
        )


def _metric_kind(self, n_features):
    """Which metric, or both, to learn."""
    if self.precision != "auto":
        return self.precision
    if not 1 < n_features <= MANY_FEATURES:
        return "diag"
    return "full" if self.objective == "penalized" else "auto"
