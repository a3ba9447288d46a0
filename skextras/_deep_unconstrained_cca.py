"""Canonical correlation of what neural networks make of the views."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._deep_unconstrained_cca_networks import (
    column_statistics,
    encode_views,
    standardised,
    train,
)
from skextras._sklearn import Interval, StrOptions, _fit_context
from skextras._unconstrained_cca import UnconstrainedCCA
from skextras._validation_views import validate_views
from skextras.numerics.canonical import variate_correlations
from skextras.numerics.scatter import empty_scatter, update_scatter


class DeepUnconstrainedCCA(
    PackageMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Deep canonical correlation analysis with the Eckart-Young loss.

    One multilayer perceptron a view is trained so that the encodings of the views
    correlate, by the unconstrained loss of [1]_, which small batches estimate well.
    The exact canonical correlation analysis of the training encodings is folded into
    the last layers: variates are ordered, uncorrelated and of unit variance, as those
    of :class:`UnconstrainedCCA`.

    Needs the extra "torch" to be fitted, and NumPy alone afterwards.

    Read more in the :doc:`user guide </guide/unconstrained_cca>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of components.

    hidden_layer_sizes : array-like of int, default=(400, 400)
        Widths of the hidden layers of each network. Without any the encodings are
        linear.

    shrinkage : float, "auto", "cv" or array-like of float, default=0.0
        As that of :class:`UnconstrainedCCA`, in the analysis of the encodings. It
        matters where there are about as many rows as twice the components.

    views : None or list, default=None
        None takes `X` and `y` as the two views. Otherwise all views are columns of
        `X`, and `y` is ignored: a list of at least two widths that sum to the number
        of columns; or of slices, column indices, masks or column names.

    batch_size : int, default=100
        Rows of a batch, at most all; the last incomplete one of an epoch is dropped.

    learning_rate : float, default=1e-3
        Step of the optimiser Adam.

    max_iter : int, default=30
        Number of epochs.

    device : str, default="auto"
        Where to train: "auto" takes CUDA if there is any, else the CPU.

    random_state : int, RandomState instance or None, default=None
        Determines the first weights and the batches.

    Attributes
    ----------
    coefs_ : list of list of ndarray of shape (n_inputs, n_outputs)
        Weights of the layers of each view's network.

    intercepts_ : list of list of ndarray of shape (n_outputs,)
        Their intercepts.

    view_means_ : list of ndarray of shape (n_features_i,)
        Means of the columns, which the networks' inputs are centred by.

    view_scales_ : ndarray of shape (n_views,)
        Root of the mean variance of each view, which its centred columns are divided
        by.

    canonical_correlations_ : ndarray of shape (`n_components_`,)
        Correlations of the training variates, mean over pairs of views.

    loss_ : ndarray of shape (`n_iter_`,)
        Mean loss of each epoch. Its value is no correlation.

    n_components_ : int
        Number of components.

    n_iter_ : int
        Number of epochs.

    n_features_in_ : int
        Number of columns of `X`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of `X`, where all are strings.

    See Also
    --------
    UnconstrainedCCA : Linear combinations in place of networks.
    ey_loss : The loss, for encoders of your own.

    Notes
    -----
    The hidden layers apply the leaky rectifier ``max(x, 0.01 x)``. Steps whose
    gradient is not finite are left out. Correlations of training variates are biased
    upwards: use :meth:`score` on other rows.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. Lawry Aguila, "Unconstrained stochastic CCA:
       unifying multiview and self-supervised learning", ICLR 2024, arXiv:2310.01012.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import DeepUnconstrainedCCA
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, 500)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> y = np.cos(2 * angle)
    >>> deep = DeepUnconstrainedCCA(
    ...     1, hidden_layer_sizes=[30], learning_rate=0.01, random_state=0
    ... )
    >>> deep.fit(X, y).score(X, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "shrinkage": [
            Interval(Real, 0, 1, closed="both"),
            StrOptions({"auto", "cv"}),
            "array-like",
        ],
        "views": ["array-like", None],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=10,
        *,
        hidden_layer_sizes=(400, 400),
        shrinkage=0.0,
        views=None,
        batch_size=100,
        learning_rate=1e-3,
        max_iter=30,
        device="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.shrinkage = shrinkage
        self.views = views
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the networks and analyse their encodings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` is given.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        sizes = _check_sizes(self.hidden_layer_sizes)
        context = self._init_callback_context(max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        views = validate_views(self, X, y, self.views, reset=True, ensure_min_samples=2)
        self.view_means_, self.view_scales_ = column_statistics(views)
        inputs = standardised(views, self.view_means_, self.view_scales_)
        self.coefs_, self.intercepts_, self.loss_ = train(self, inputs, sizes, context)
        self.n_iter_ = len(self.loss_)
        self._fold_analysis(views)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _fold_analysis(self, views):
        """Make the last layers give the canonical variates of the encodings."""
        encodings = np.hstack(list(self._encode(views)))
        analysis = UnconstrainedCCA(
            self.n_components,
            shrinkage=self.shrinkage,
            views=[self.n_components] * len(views),
        ).fit(encodings)
        for coefs, intercepts, mean, weights in zip(
            self.coefs_,
            self.intercepts_,
            analysis.view_means_,
            analysis.weights_,
            strict=True,
        ):
            coefs[-1] = coefs[-1] @ weights
            intercepts[-1] = (intercepts[-1] - mean) @ weights
        self.canonical_correlations_ = analysis.canonical_correlations_
        self.n_components_ = analysis.n_components_

    def transform(self, X, y=None):
        """Compute the canonical variates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` was given.

        Returns
        -------
        variates : ndarray of shape (n_samples, n_components), or tuple of two
            Variates of X, and of y if it is given; with `views`, those of all views
            side by side, (n_samples, n_views * n_components).
        """
        check_is_fitted(self)
        views = validate_views(self, X, y, None, reset=False)
        found = [
            variates.astype(np.float32 if view.dtype == np.float32 else np.float64)
            for variates, view in zip(self._encode(views), views, strict=True)
        ]
        if self._view_columns is not None:
            return np.hstack(found)
        return found[0] if len(found) == 1 else tuple(found)

    def score(self, X, y=None):
        """Return the mean correlation of the variates of these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side; at least two rows.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` was given.

        Returns
        -------
        score : float
            Mean over components and pairs of views; a constant variate counts as 0.
        """
        check_is_fitted(self)
        views = validate_views(self, X, y, None, reset=False, ensure_min_samples=2)
        if len(views) == 1:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None: it is the second view."
            )
        variates = np.hstack(list(self._encode(views)))
        scatter = update_scatter(empty_scatter(variates.shape[1]), variates).scatter
        return float(variate_correlations(scatter, len(views)).mean())

    def _encode(self, views):
        """Pass each view through its network."""
        return encode_views(
            views, self.view_means_, self.view_scales_, self.coefs_, self.intercepts_
        )

    @property
    def _n_features_out(self):
        """Number of columns of the output."""
        n_views = 1 if self._view_columns is None else len(self._view_columns)
        return n_views * self.n_components_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.views is None
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_sizes(sizes):
    """Return the widths of the hidden layers."""
    found = list(sizes)
    for size in found:
        is_number = isinstance(size, Integral) and not isinstance(size, bool | np.bool_)
        if not is_number or size < 1:
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} must hold positive integers, got "
                f"{size!r}."
            )
    return [int(size) for size in found]
