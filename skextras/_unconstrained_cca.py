"""Canonical correlation analysis as an unconstrained problem, solved exactly."""

from numbers import Integral, Real

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._sklearn import Interval, StrOptions, _fit_context
from skextras._unconstrained_cca_inspection import (
    component_p_values,
    correlate_variates,
    correlate_with_columns,
)
from skextras._unconstrained_cca_moments import accumulate, solve_moment_state
from skextras._unconstrained_cca_problem import (
    check_solver,
    choose_solver,
    make_data,
    make_settings,
)
from skextras._unconstrained_cca_solvers import (
    accumulate_cross,
    check_batch,
    empty_state,
    solve,
    solve_cross_state,
)
from skextras._unconstrained_cca_variates import predictions, variates_side_by_side
from skextras._validation_views import validate_views
from skextras.numerics.one_pass_pls import CrossMoments

# What a solution sets; an estimator fitted in parts solves when it is first asked.
_SOLVED = frozenset(
    {
        "weights_",
        "view_means_",
        "x_weights_",
        "y_weights_",
        "canonical_correlations_",
        "singular_values_",
        "spectrum_",
        "shrinkage_",
        "ranks_",
        "n_trivial_",
        "n_components_",
        "n_iter_",
        "solver_",
        "_regression",
    }
)


class UnconstrainedCCA(
    PackageMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Canonical correlation analysis of two or more views.

    Finds the linear combinations of two blocks of columns, the views, that correlate
    most; or of several views, on average over pairs. The solution is the minimum of
    the unconstrained Eckart-Young loss [1]_, found exactly, from one pass over the
    rows where their second moments fit in memory. Shrinkage leads from canonical
    correlation (0) to partial least squares (1) and makes sense of views with more
    columns than there are rows.

    Read more in the :doc:`user guide </guide/unconstrained_cca>`.

    Parameters
    ----------
    n_components : int, default=None
        Number of components, at most the width of the narrowest view. None means the
        smallest rank of the views.

    shrinkage : float, "auto", "cv" or array-like of float, default=0.0
        Share a, from 0 to 1, of the scaled identity in the covariance matrix of each
        view: a number for all or one for each. "auto" estimates it for each view after
        Ledoit and Wolf [2]_, which needs comparable columns or `scale=True`; "cv"
        takes the one number, of 0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9 and 1,
        whose mean `score` over five folds (row index modulo 5) is best.

    views : None or list, default=None
        None takes `X` and `y` as the two views. Otherwise all views are columns of
        `X`, and `y` is ignored: a list of at least two widths that sum to the number
        of columns; or of slices, column indices, masks or column names.

    scale : bool, default=False
        Whether to divide columns by their standard deviations. It matters with
        shrinkage only.

    solver : {"auto", "moments", "dual", "lobpcg", "ey"}, default="auto"
        - "moments": second moments of all columns from one pass over the rows, or
          between the views only where two views have a shrinkage of 1;
        - "dual": inner products of rows, for views wider than long;
        - "lobpcg": a locally optimal block method of several passes, without moments;
        - "ey": stochastic gradients of the Eckart-Young loss, as in [1]_; approximate;
        - "auto": one of the first three, by the shapes alone. Matrices of products
          take at most 1 GiB.

    learning_rate : "auto" or float, default="auto"
        First step of "ey"; "auto" is 0.1.

    batch_size : int, default=None
        Rows of a batch of "ey", at most all; None is 100.

    max_iter : int, default=100
        Largest number of passes of "lobpcg", number of passes of "ey".

    tol : float, default=1e-7
        Estimated relative error of the sum of the singular values at which "lobpcg"
        stops: a guide, no bound.

    independent_batches : bool, default=False
        Whether "ey" takes one factor of its penalty from a second batch. The gradient
        is unbiased then, which pays for batches of a few rows.

    random_state : int, RandomState instance or None, default=None
        Determines the start of "lobpcg" and "ey", the batches of "ey", and the
        permutations of :meth:`significance`.

    Attributes
    ----------
    weights_ : list of ndarray of shape (n_features_i, `n_components_`)
        Weights of the columns of each view, as given. The largest in magnitude of
        each component of the first view is positive.

    view_means_ : list of ndarray of shape (n_features_i,)
        Means of the columns.

    x_weights_ : ndarray of shape (n_features, `n_components_`)
        The first of `weights_`. Defined only with `views=None`.

    y_weights_ : ndarray of shape (n_targets, `n_components_`)
        The second of `weights_`. Defined only with `views=None`.

    canonical_correlations_ : ndarray of shape (`n_components_`,)
        Correlations of the training variates, mean over pairs of views.

    singular_values_ : ndarray of shape (`n_components_`,)
        What the components maximise: the canonical correlations without shrinkage,
        covariances with a shrinkage of 1.

    spectrum_ : ndarray of shape (n_values,)
        All singular values. Defined only by the solvers "moments" and "dual".

    shrinkage_ : ndarray of shape (n_views,)
        Shrinkage of each view.

    ranks_ : ndarray of shape (n_views,)
        Rank of each view. Where its columns' covariances were not needed, the largest
        rank that its shape allows.

    n_trivial_ : int
        Number of canonical correlations that are 1 whatever the data.

    n_components_ : int
        Number of components.

    n_samples_seen_ : int
        Number of rows of positive weight.

    n_iter_ : int
        Number of passes of an iterative solver, else 1.

    solver_ : str
        The solver used.

    n_features_in_ : int
        Number of columns of `X`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of `X`, where all are strings.

    See Also
    --------
    DeepUnconstrainedCCA : Neural networks in place of linear combinations.
    ey_loss : The loss, for encoders of your own.
    sklearn.cross_decomposition.CCA : Iterative, of two views.

    Notes
    -----
    With the covariances :math:`C_{ij}` between views i and j (divisor: sum of weights
    less 1), :math:`t_i` the mean variance of view i and
    :math:`B_i = (1 - a_i) C_{ii} + a_i t_i I`, the weights :math:`W_i` minimise

    .. math:: -2 \sum_{i \ne j} \operatorname{tr} W_i^\top C_{ij} W_j
        + \lVert \sum_i W_i^\top B_i W_i \rVert_F^2

    up to scale and rotation, which are then chosen so that :math:`W_i^\top B_i W_i`
    is the identity for two views, and the identity on average for more. With F
    whitening B, they are the singular vectors of :math:`F_1^\top C_{12} F_2`, and for
    M > 2 views the top eigenvectors of the matrix of all such blocks, with values
    over M - 1. If the one number 1 is the shrinkage of two views, :math:`t_i` is 1:
    weights are orthonormal, as in partial least squares.

    Without shrinkage, views whose ranks sum to more than n - 1 have canonical
    correlations of 1 whatever the data; :class:`~skextras.exceptions.\
DegenerateCorrelationWarning` says so. Of n rows and many columns training correlations
    mean nothing even with shrinkage: use :meth:`score` on other rows, or
    :meth:`significance`.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. Lawry Aguila, "Unconstrained stochastic CCA:
       unifying multiview and self-supervised learning", ICLR 2024, arXiv:2310.01012.

    .. [2] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis 88, 365-411, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 1))
    >>> X = shared + rng.standard_normal((500, 4))
    >>> Y = shared + rng.standard_normal((500, 3))
    >>> cca = UnconstrainedCCA(n_components=1).fit(X, Y)
    >>> cca.canonical_correlations_.round(2)
    array([0.8])
    >>> cca.transform(X).shape
    (500, 1)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "shrinkage": [
            Interval(Real, 0, 1, closed="both"),
            StrOptions({"auto", "cv"}),
            "array-like",
        ],
        "views": ["array-like", None],
        "scale": ["boolean"],
        "solver": [StrOptions({"auto", "moments", "dual", "lobpcg", "ey"})],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "batch_size": [Interval(Integral, 2, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "independent_batches": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        shrinkage=0.0,
        views=None,
        scale=False,
        solver="auto",
        learning_rate="auto",
        batch_size=None,
        max_iter=100,
        tol=1e-7,
        independent_batches=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.views = views
        self.scale = scale
        self.solver = solver
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.independent_batches = independent_batches
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the canonical weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` is given.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, each equal to that many repetitions of its row. Not
            with "lobpcg", "ey" or `shrinkage="cv"`.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        self._forget()
        iterates = self.solver in ("lobpcg", "ey", "auto")
        context = self._init_callback_context(max_subtasks=None if iterates else 0)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        views = validate_views(self, X, y, self.views, reset=True, ensure_min_samples=2)
        data = make_data(views, sample_weight)
        settings = make_settings(self, data.widths, paired=self._view_columns is None)
        chosen = choose_solver(self.solver, settings, data.widths, data.n_rows)
        check_solver(self, chosen, settings, data)
        found = solve(chosen, self, settings, data, context)
        self.n_samples_seen_ = data.n_rows
        self.__dict__.update(found)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @available_if(lambda self: self._can_add_rows())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add rows, with the result of `fit` on all rows so far.

        The weights are computed when they are first asked for. Only available with
        the solvers "auto" and "moments", and before :meth:`fit`, which keeps no
        moments to add to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the first view, or of all views side by side. At least two in the
            first call.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Rows of the second view. Ignored if `views` is given.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        first = "_moments" not in vars(self)
        views = validate_views(
            self,
            X,
            y,
            self.views,
            reset=first,
            ensure_min_samples=2 if first else 1,
        )
        data = make_data(views, sample_weight)
        settings = make_settings(self, data.widths, paired=self._view_columns is None)
        state = None if first else self._moments[0]
        check_batch(settings, state)
        state = empty_state(settings, data) if first else state
        add = accumulate_cross if isinstance(state, CrossMoments) else accumulate
        state = add(state, data)
        for name in _SOLVED & vars(self).keys():
            delattr(self, name)
        self.n_samples_seen_ = state.n_rows
        self._moments = (state, settings)
        return self

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
        if self._view_columns is not None or len(views) == 1:
            return variates_side_by_side(views, self.view_means_, self.weights_)
        return tuple(
            variates_side_by_side([view], [mean], [weights])
            for view, mean, weights in zip(
                views, self.view_means_, self.weights_, strict=True
            )
        )

    @available_if(lambda self: self.views is None and self._keeps_moments_of_x())
    def predict(self, X):
        """Predict y by least squares on the training variates of X.

        Only available with `views=None`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, of the dimensions of the y seen in `fit`.
        """
        check_is_fitted(self)
        X = validate_views(self, X, None, None, reset=False)[0]
        out = predictions(
            X,
            self.view_means_[0],
            self.weights_[0],
            self._regression,
            self.view_means_[1],
        )
        return out[:, 0] if self._y_is_1d else out

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
        views = self._all_views(X, y)
        step = make_data(views, None).row_step
        return float(correlate_variates(views, self.weights_, step).mean())

    def loadings(self, X, y=None):
        """Correlate each column with the variates of its view, over these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side; at least two rows.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` was given.

        Returns
        -------
        loadings : ndarray of shape (n_features, n_components), or tuple of these
            Loadings of X; those of X and of y if y is given; those of each view with
            `views`. Constants have 0.
        """
        check_is_fitted(self)
        views = validate_views(self, X, y, None, reset=False, ensure_min_samples=2)
        step = make_data(views, None).row_step
        found = tuple(
            correlate_with_columns(view, weights, step)
            for view, weights in zip(views, self.weights_, strict=False)
        )
        return found if len(found) > 1 else found[0]

    def significance(
        self, X, y=None, *, method="permutation", n_permutations=999, groups=None
    ):
        """Test the canonical correlations of two views in these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, or both side by side. The training rows, as a rule: the
            analysis is made anew with the shrinkage of `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if `views` was given.

        method : {"permutation", "rao"}, default="permutation"
            Permutation of the rows of the second view, which needs no assumption but
            that they may be exchanged; or Rao's F approximation, which needs normal
            rows, no shrinkage and enough of them.

        n_permutations : int, default=999
            Number of permutations.

        groups : array-like of shape (n_samples,), default=None
            Labels of groups within which rows may be permuted.

        Returns
        -------
        p_values : ndarray of shape (n_components,)
            Of the hypotheses that the correlations from the j-th on are zero. With
            shrinkage only the first is a test.
        """
        check_is_fitted(self)
        views = self._all_views(X, y)
        return component_p_values(self, views, method, n_permutations, groups)

    def __getattr__(self, name):
        # Called for what is not there: what the moments of partial_fit lead to.
        state = self.__dict__.get("_moments")
        if name in _SOLVED and state is not None and "weights_" not in self.__dict__:
            moments, settings = state
            is_cross = isinstance(moments, CrossMoments)
            found = (solve_cross_state if is_cross else solve_moment_state)(
                moments, settings
            )
            # At once, for the sake of other threads.
            self.__dict__.update(found)
            if name in found:
                return found[name]
        if name == "partial_fit" and "weights_" in self.__dict__:
            raise _NoMomentsError(
                "fit keeps no moments; call partial_fit from the first batch, on a new "
                "or cloned estimator."
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
        )

    def __sklearn_is_fitted__(self):
        return not vars(self).keys().isdisjoint({"weights_", "_moments"})

    @property
    def _n_features_out(self):
        """Number of columns of the output."""
        n_views = 1 if self._view_columns is None else len(self._view_columns)
        return n_views * self.n_components_

    def _forget(self):
        """Drop what an earlier fit has left."""
        for name in (_SOLVED | {"_moments", "_y_width", "_y_is_1d"}) & vars(
            self
        ).keys():
            delattr(self, name)

    def _can_add_rows(self):
        """Tell whether the solver takes moments, and no fit has gone before."""
        fitted_at_once = "weights_" in vars(self) and "_moments" not in vars(self)
        return self.solver in ("auto", "moments") and not fitted_at_once

    def _keeps_moments_of_x(self):
        """Tell whether the variances of the variates are known or can be had."""
        state = self.__dict__.get("_moments")
        return state is None or not isinstance(state[0], CrossMoments)

    def _all_views(self, X, y):
        """Validate all views, of at least two rows."""
        views = validate_views(self, X, y, None, reset=False, ensure_min_samples=2)
        if len(views) == 1:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None: it is the second view."
            )
        return views

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.views is None
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _NoMomentsError(ValueError, AttributeError):
    """Rows cannot be added to a fit that kept no moments.

    It is an AttributeError too, as scikit-learn's NotFittedError, so that the method
    does not exist for `hasattr`.
    """
