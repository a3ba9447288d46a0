"""Moments of token sets as features."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._moment_probe_features import (
    compute_moments,
    drop_unweighted,
    forget_moments,
    learn_moments,
    read_tokens,
    warn_one_token,
)
from skextras._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    _check_sample_weight,
    _fit_context,
)


class TokenMoments(PackageMixin, TransformerMixin, BaseEstimator):
    r"""First and second moments of the tokens of each sample.

    A sample is a set of tokens: the class token and the patches of an image in a
    vision transformer, or the time points of a recording. Its features are the mean of
    its tokens (or its class token), the second moments of its tokens in their principal
    directions, and the mean and variance of the logarithms of their norms.
    :class:`MomentProbe` classifies them.

    Read more in the :doc:`user guide </guide/moment_probe>`.

    Parameters
    ----------
    order : {1, 2}, default=2
        Highest order of the moments; 1 gives the means alone.

    n_components : int or None, default=64
        Number of principal directions of the tokens that enter the second moments, of
        which there are ``k * (k + 1) / 2``; None means all. Directions without
        variance are never kept.

    cls_token : bool, default=False
        Whether the first token of each sample is a class token: it then stands for
        the mean, and takes no part in anything else.

    token_norm : {"layer", "l2", None}, default="layer"
        Normalisation of each token before its second moments: "layer" to mean zero
        and variance one over its directions, "l2" to mean square one. None keeps
        amplitudes; prefer it for few features a token.

    centered : bool, default=True
        Whether second moments are taken about the mean of the sample's tokens, or
        about zero as in the paper.

    normalize : {"sqrtm", "logm", "power", None}, default="sqrtm"
        Function of the second moments: the matrix square root, the matrix logarithm,
        or the root of each entry's absolute value with its sign and the vector divided
        by its norm.

    norm_moments : bool, default=True
        Whether to add the mean and the variance of the logarithms of the norms of
        the tokens, which `token_norm` removes.

    shrinkage : float, default=1e-3
        Weight, from 0 to 1, of the identity that "sqrtm" and "logm" mix into the
        second moments first.

    missing_tokens : {"error", "drop"}, default="error"
        Whether tokens that are NaN throughout, as padding may be, are refused or left
        out.

    n_tokens : int or None, default=None
        Number of tokens in a row of 2-D input, for tools that pass no other: row
        becomes ``row.reshape(n_tokens, -1)``. None means one.

    n_jobs : int or None, default=None
        Number of threads. The result does not depend on it.

    Attributes
    ----------
    token_mean_ : ndarray of shape (`n_token_features_`,)
        Mean of the samples' mean tokens.

    first_order_mean_ : ndarray of shape (`n_token_features_`,)
        The same, or the mean of the class tokens.

    token_covariance_ : ndarray of shape (`n_token_features_`, `n_token_features_`)
        Covariance of the tokens, each sample counting once. With `order=2` only, as
        the next three.

    components_ : ndarray of shape (k, `n_token_features_`)
        Principal directions of the tokens.

    explained_variance_ : ndarray of shape (k,)
        Variances along them, in squared units of the input.

    token_scale_ : float
        Root of their mean, the unit of the projected tokens; 1 if it is zero.

    n_token_features_ : int
        Number d of features of a token.

    n_samples_seen_ : int
        Number of samples of positive weight.

    n_features_in_ : int
        Number of features seen during :term:`fit`: those of a token, or the columns
        of 2-D input.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only when X has names that are all strings.

    See Also
    --------
    MomentProbe : Classifier on these features, with the scaling that they need.

    Notes
    -----
    With the tokens :math:`x_{it}` of sample :math:`i` of weight :math:`s_i`, the mean
    :math:`m = \sum_i s_i \bar x_i / \sum_i s_i`, the covariance :math:`C` of the tokens
    about it and its eigenvectors :math:`V` and eigenvalues :math:`\lambda`, the
    projected tokens are

    .. math:: z_{it} = V^\top (x_{it} - m) / c, \quad
        c^2 = \tfrac1k \textstyle\sum_{j \le k} \lambda_j .

    They are normalised by `token_norm` (over their k values :math:`z_j`, about their
    mean :math:`\bar z` for "layer": :math:`(z_j - \bar z) / \sqrt{\operatorname{mean}_j
    (z_j - \bar z)^2 + 10^{-5}}`), and :math:`S_i` is the mean of their outer products.
    The features are :math:`\bar x_i - m`; the upper triangle of `normalize` of
    :math:`S_i`, row by row, values off the diagonal times :math:`\sqrt 2`; and the mean
    and variance of :math:`\log(\lVert z_{it} - \bar z_{it} \rVert + 10^{-6})`. If no
    sample has two tokens, second moments about the sample's mean say nothing, and only
    the first block is there.

    The three blocks differ in scale by orders of magnitude. In a pipeline of your own,
    scale them.

    float32 and float16 input gives float32 output; means and covariance are summed in
    float64.

    References
    ----------
    .. [1] M. Gao, Q. Wang, Z. Lin, P. Zhu, Q. Hu and J. Zhou, "Tuning pre-trained model
       via moment probing", ICCV 2023, arXiv:2307.11342.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import TokenMoments
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((length, 3)) for length in (5, 9, 7)]
    >>> moments = TokenMoments().fit(X)
    >>> moments.transform(X).shape
    (3, 11)
    >>> moments.get_feature_names_out()[[0, 3, 4, 9, 10]]
    array(['mean0', 'cov0_0', 'cov0_1', 'lognorm_mean', 'lognorm_var'],
          dtype=object)
    """

    _parameter_constraints: dict = {
        "order": [Interval(Integral, 1, 2, closed="both")],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "cls_token": ["boolean"],
        "token_norm": [StrOptions({"layer", "l2"}), None],
        "centered": ["boolean"],
        "normalize": [StrOptions({"sqrtm", "logm", "power"}), None],
        "norm_moments": ["boolean"],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "missing_tokens": [StrOptions({"error", "drop"})],
        "n_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
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
    ):
        self.order = order
        self.n_components = n_components
        self.cls_token = cls_token
        self.token_norm = token_norm
        self.centered = centered
        self.normalize = normalize
        self.norm_moments = norm_moments
        self.shrinkage = shrinkage
        self.missing_tokens = missing_tokens
        self.n_tokens = n_tokens
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the mean and the principal directions of the tokens.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens. Their number may differ in a sequence.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights, as if samples were repeated.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        forget_moments(self)
        return self._add(X, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from more samples, as `fit` would from all at once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens of the samples to add.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights, as if samples were repeated.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        return self._add(X, sample_weight)

    def _add(self, X, sample_weight):
        seen = hasattr(self, "n_samples_seen_")
        tokens = read_tokens(self, X, self.n_token_features_ if seen else None)
        weights = _check_sample_weight(
            sample_weight, tokens.lengths, dtype=np.float64, ensure_non_negative=True
        )
        tokens, weights = drop_unweighted(tokens, weights)
        learn_moments(self, tokens, weights)
        if self.order == 2 and not self._second_order and not tokens.from_table:
            warn_one_token("order=1", stacklevel=4)
        return self

    def transform(self, X):
        """Compute the moments of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features_out)
            Means, second moments and moments of the norms, in this order.
        """
        check_is_fitted(self)
        return compute_moments(self, read_tokens(self, X, self.n_token_features_))

    def get_feature_names_out(self, input_features=None):
        """Name the moments.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked but not used.

        Returns
        -------
        feature_names_out : ndarray of str objects
            Names such as "mean0" or "cls0", "cov0_1" and "lognorm_var".
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        first = "cls" if self.cls_token else "mean"
        names = [f"{first}{j}" for j in range(self.n_token_features_)]
        if self._second_order:
            pairs = zip(*np.triu_indices(len(self.components_)), strict=True)
            names += [f"cov{i}_{j}" for i, j in pairs]
            if self.norm_moments:
                names += ["lognorm_mean", "lognorm_var"]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing_tokens == "drop"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
