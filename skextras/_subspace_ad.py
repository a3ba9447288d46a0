"""Anomaly detection by the distance to a principal subspace of normal data."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._sklearn import Interval, StrOptions, _fit_context
from skextras._subspace_ad_checks import (
    check_groups,
    check_parameters,
    path_counts,
)
from skextras._subspace_ad_maps import map_rows, statistic_maps, unit_scores
from skextras._subspace_ad_solve import solve
from skextras._subspace_ad_stream import (
    Stream,
    accumulate,
    enrol,
    moment_spectra,
    row_spectra,
)
from skextras._validation_grids import validate_patches
from skextras.numerics.calibration import exceedance_p_values, quadratic_form_survival
from skextras.numerics.subspace_scores import Subspace, coordinates, residual_path

# What solving sets; after `partial_fit`, on first use.
_SOLVED = (
    "mean_",
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "residual_eigenvalues_",
    "noise_variance_",
    "n_components_",
    "n_samples_seen_",
    "offset_",
    "patch_offset_",
    "calibration_scores_",
    "_total_variance",
    "_minor_directions",
    "_null_eigenvalues",
)


class SubspaceAD(
    PackageMixin,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Detect anomalies by their distance to a principal subspace of normal data.

    Fit it on normal data alone: rows of features, or the patch features of images.
    What lies outside of the directions with nearly all variance is the score of a row
    or patch; the mean of the worst patches is that of an image. Thresholds of a chosen
    false-alarm rate and p-values come from models that have not seen the data scored.

    Read more in the :doc:`user guide </guide/subspace_ad>`.

    Parameters
    ----------
    n_components : float, int or None, default=0.99
        Dimension of the subspace: a share of the variance, between 0 and 1, that it
        must keep; a number of directions; or None for all that leave a residual to
        measure. These are one fewer than the features, and no more than the data have
        variance in.

    statistic : {"residual", "t2", "combined", "cosine"}, default="residual"
        What is large for anomalies:

        - "residual": squared distance to the subspace;
        - "t2": Mahalanobis distance within the subspace, squared;
        - "combined": their sum, the first in units of the mean variance outside;
        - "cosine": one minus the cosine between a row and its reconstruction.

    drop_components : int, default=0
        Number of leading directions that the subspace leaves out as nuisance.

    contamination : "auto" or float, default="auto"
        How `offset_` is chosen: from `alpha` and `calibration`; or as that quantile,
        at most 0.5, of the scores of the training data, a share of which is then taken
        to be anomalous.

    alpha : float, default=0.05
        Chance, below 0.5, that a new normal row or image is flagged.

    calibration : {"crossfit", "train", "hbe"}, default="crossfit"
        Where the scores of normal data come from that thresholds and p-values need:

        - "crossfit": each fold is scored by a model of the others;
        - "train": the model scores its own training data: cheaper, and far too
          optimistic;
        - "hbe": an approximation for Gaussian rows, of the residual, from the
          eigenvalues. Optimistic likewise, and for rows only.

    n_folds : int, default=5
        Number of folds of "crossfit", at least 2. With as many groups or fewer, each
        is left out alone.

    aggregation : {"tail_mean", "max", "mean"} or callable, default="tail_mean"
        From the scores of patches to that of their image: the mean of the largest, the
        largest, their mean, or a function of an array of shape (n_patches,).

    tail_fraction : float, default=0.01
        Share of the patches that enter "tail_mean", above 0 and at most 1; one patch at
        least.

    random_state : int, RandomState instance or None, default=None
        Shuffles groups over the folds; with None they are dealt out in turn.

    Attributes
    ----------
    mean_ : ndarray of shape (`n_features_in_`,)
        Mean of the training rows or patches.

    components_ : ndarray of shape (`n_components_`, `n_features_in_`)
        Directions of the subspace, by descending variance.

    explained_variance_ : ndarray of shape (`n_components_`,)
        Variance along each direction, in squared units of X.

    explained_variance_ratio_ : ndarray of shape (`n_components_`,)
        The same, as shares of the total.

    residual_eigenvalues_ : ndarray of shape (n_others,)
        Variances along the directions left out, but for those that are rounding noise.

    noise_variance_ : float
        Mean variance along all directions left out.

    n_components_ : int
        Dimension of the subspace.

    offset_ : float
        Threshold of `score_samples`: what is below is flagged.

    patch_offset_ : float
        The same for patches, of ``-anomaly_map``; for images only, and approximate.

    calibration_scores_ : ndarray of shape (n_calibration,)
        Ascending statistics of normal units; not for `calibration="hbe"`. At most
        10 000, evenly spaced, are kept.

    n_samples_seen_ : int
        Number of training rows or patches.

    grid_shape_ : tuple of int or None
        Axes of patches in the first images seen; None for rows.

    n_features_in_ : int
        Number of features seen during :term:`fit`, the last axis of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : The subspace without scores and thresholds.

    Notes
    -----
    With the mean :math:`\mu` and the covariance :math:`V \Lambda V^\top` of the
    :math:`N` rows, divisor :math:`N - 1`, let :math:`y = x - \mu`, :math:`z = V^\top
    y`, :math:`k` the smallest number with :math:`\sum_{j \le k} \lambda_j \ge \tau
    \sum_j \lambda_j` for :math:`\tau` = `n_components`, and :math:`q` =
    `drop_components`. The statistics are

    .. math::

        \text{residual} &= \|y\|^2 - \sum_{q < j \le k} z_j^2, \\
        \text{t2} &= \sum_{q < j \le k} z_j^2 / \lambda_j, \\
        \text{combined} &= \text{t2} + \Bigl(\|y\|^2 - \sum_{j \le k} z_j^2\Bigr)
            / \sigma^2, \\
        \text{cosine} &= 1 - \cos\Bigl(x, \mu + \sum_{q < j \le k} z_j v_j\Bigr),

    where :math:`\sigma^2` is `noise_variance_`. Features are not standardised. For
    fitted data, Hotelling's statistic is ``(transform(X) ** 2 /
    explained_variance_).sum(-1)``, and the squared prediction error
    ``residual_path(X, [n_components_])``, whatever `statistic` is.

    The :math:`g`-th group is in fold :math:`g \bmod K`. For images, the first image of
    each group is a calibration unit: its augmented copies are not like new images. The
    threshold is the :math:`\lceil (1 - \alpha)(n + 1) \rceil`-th smallest of :math:`n`
    scores, so that `predict` gives -1 where `p_value` is at most `alpha`. Fewer than 19
    units cannot support 0.05: a warning says so, as it does where there is one group
    only, which is cut into blocks of rows or patches that serve as folds.

    float32 X gives float32 scores and coordinates.

    References
    ----------
    .. [1] C. Lendering, E. Akdag and E. Bondarev, "SubspaceAD: training-free few-shot
       anomaly detection via subspace modeling", CVPR 2026, arXiv:2602.23013.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import SubspaceAD
    >>> rng = np.random.default_rng(0)
    >>> normal = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 20))
    >>> normal += 0.1 * rng.standard_normal((200, 20))
    >>> detector = SubspaceAD(0.95).fit(normal)
    >>> detector.n_components_
    3
    >>> strange = normal[:2] + [[0.0], [1.0]] * np.eye(20)[0]
    >>> detector.predict(strange)
    array([ 1, -1])
    >>> detector.p_value(strange).round(3)
    array([0.537, 0.005])

    Grids of patches give maps too:

    >>> images = rng.standard_normal((40, 8, 8, 3)) @ rng.standard_normal((3, 20))
    >>> images += 0.1 * rng.standard_normal((40, 8, 8, 20))
    >>> detector = SubspaceAD(0.95).fit(images[:35])
    >>> detector.score_samples(images[35:]).shape, detector.anomaly_map(images).shape
    ((5,), (40, 8, 8))
    """

    _parameter_constraints: dict = {
        "n_components": [
            # 1.0 is refused: whether it means one or all is a guess.
            float,
            Interval(Integral, 0, None, closed="left"),
            None,
        ],
        "statistic": [StrOptions({"residual", "t2", "combined", "cosine"})],
        "drop_components": [Interval(Integral, 0, None, closed="left")],
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "alpha": [Interval(Real, 0, 0.5, closed="neither")],
        "calibration": [StrOptions({"crossfit", "train", "hbe"})],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "aggregation": [StrOptions({"tail_mean", "max", "mean"}), callable],
        "tail_fraction": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=0.99,
        *,
        statistic="residual",
        drop_components=0,
        contamination="auto",
        alpha=0.05,
        calibration="crossfit",
        n_folds=5,
        aggregation="tail_mean",
        tail_fraction=0.01,
        random_state=None,
    ):
        self.n_components = n_components
        self.statistic = statistic
        self.drop_components = drop_components
        self.contamination = contamination
        self.alpha = alpha
        self.calibration = calibration
        self.n_folds = n_folds
        self.aggregation = aggregation
        self.tail_fraction = tail_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None):
        """Learn the subspace and the threshold from normal data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Normal rows, or images as patches or grids of patches, of features.

        y : None
            Ignored.

        groups : array-like of shape (n_samples,) or (n_images,), default=None
            Labels of rows or images that depend on each other, such as repeated
            measurements, or an image and its augmented copies: they share a fold. None
            takes each for itself.

        Returns
        -------
        self : object
            Fitted detector.

        Raises
        ------
        ValueError
            If `n_components` or `drop_components` is too large for X, or if another
            parameter does not go with it.

        MemoryError
            If the second moments of the folds do not fit into memory.
        """
        self._forget()
        X = validate_patches(self, X, reset=True, ensure_min_rows=2)
        check_parameters(self, X)
        groups = check_groups(X, groups)
        self.grid_shape_ = None if X.ndim == 2 else X.shape[1:-1]
        empty = _empty_stream(self)
        stream, codes = enrol(empty, X, groups, copy=False)
        if X.size // X.shape[-1] < X.shape[-1]:
            spectrum_of = row_spectra(stream, X, codes)
        else:
            spectrum_of = moment_spectra(accumulate(empty, stream, X, codes))
        attributes, messages = solve(self, stream, spectrum_of)
        vars(self).update(attributes)
        for message in messages:
            warnings.warn(message, UserWarning, stacklevel=3)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, groups=None):
        """Go on learning from a batch of normal data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            The batch: any number of rows or images. Images may have other grids than
            those before.

        y : None
            Ignored.

        groups : array-like of shape (n_samples,) or (n_images,), default=None
            Labels of rows or images that depend on each other, such as repeated
            measurements, or an image and its augmented copies: they share a fold. None
            takes each for itself.

        Returns
        -------
        self : object
            Fitted detector.

        Notes
        -----
        Batches give what `fit` gives of all of them, but for rounding. Components and
        thresholds are computed, and warnings and errors about them given, when they
        are first asked for. The detector holds the second moments of each fold, ``8 *
        n_folds * n_features_in_**2`` bytes, and the calibration units.
        """
        stream = vars(self).get("_stream")
        if stream is None and "mean_" in vars(self):
            # No error: scikit-learn's checks call it after fit.
            warnings.warn(
                "SubspaceAD: partial_fit after fit starts anew, without the data of "
                "fit: fit keeps no moments; call partial_fit from the first batch",
                UserWarning,
                stacklevel=3,
            )
        X = validate_patches(self, X, reset=stream is None)
        check_parameters(self, X)
        groups = check_groups(X, groups)
        empty = _empty_stream(self) if stream is None else stream
        if empty.n_folds != _n_accumulators(self):
            raise ValueError(
                f'calibration="{self.calibration}" and n_folds={self.n_folds} differ '
                "from those of the first call of partial_fit: call fit, or clone."
            )
        enrolled, codes = enrol(empty, X, groups, copy=True)
        enrolled = accumulate(empty, enrolled, X, codes)
        if stream is None:
            self.grid_shape_ = None if X.ndim == 2 else X.shape[1:-1]
        self._forget()
        self._stream = enrolled
        return self

    def score_samples(self, X):
        """Compute scores that are larger for more normal rows or images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_images,)
            Minus the statistic of each row, or minus the aggregated statistics of the
            patches of each image.
        """
        return -self._statistics(X)

    def decision_function(self, X):
        """Compute scores that are negative for anomalies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_images,)
            ``score_samples(X) - offset_``.
        """
        scores = self.score_samples(X)
        # In float64, so that the sign is right: offset_ need be no float32.
        return (scores.astype(np.float64) - self.offset_).astype(scores.dtype)

    def predict(self, X):
        """Tell normal rows or images from anomalies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        labels : ndarray of shape (n_samples,) or (n_images,)
            1 for normal ones, -1 for anomalies.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_value(self, X):
        """Compute p-values of being normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        p_values : ndarray of shape (n_samples,) or (n_images,)
            Share of the calibration scores, counting the row or image itself, that are
            at least as large; for `calibration="hbe"`, the Gaussian approximation.
        """
        scores = self._statistics(X).astype(np.float64)
        if hasattr(self, "calibration_scores_"):
            return exceedance_p_values(scores, self.calibration_scores_)
        return quadratic_form_survival(scores, self._null_eigenvalues)

    def anomaly_map(self, X):
        """Compute the statistic of every row or patch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        maps : ndarray of shape (n_samples,), (n_images, n_patches) or \
                (n_images, height, width)
            Larger for less normal ones, never negative.
        """
        X = self._validate(X)
        return statistic_maps(X, self._subspace(), self.statistic)

    def transform(self, X):
        """Compute the coordinates in the subspace.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        Returns
        -------
        X_new : ndarray of shape (n_samples, `n_components_`), \
                (n_images, n_patches, `n_components_`) or \
                (n_images, height, width, `n_components_`)
            Coordinates of every row or patch from the mean, dropped components
            included.
        """
        X = self._validate(X)
        return map_rows(X, self._subspace(), coordinates, (self.n_components_,))

    def residual_path(self, X, n_components):
        """Compute residuals for several numbers of components at once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), \
                (n_images, n_patches, n_features) or \
                (n_images, height, width, n_features)
            Rows or images, whichever was fitted. Images may have other grids.

        n_components : array-like of int or float
            Numbers of components, at most `n_components_`, or shares of the variance
            that need no more.

        Returns
        -------
        residuals : ndarray of shape (n_samples, n_values), \
                (n_images, n_patches, n_values) or (n_images, height, width, n_values)
            The statistic "residual" of every row or patch, whatever `statistic` is.

        Raises
        ------
        ValueError
            If a value needs more components than there are.
        """
        X = self._validate(X)
        counts = path_counts(self, n_components)
        subspace, most = self._subspace(), max(counts)
        subspace = subspace._replace(
            directions=subspace.directions[:, :most],
            variances=subspace.variances[:most],
        )
        return map_rows(
            X,
            subspace,
            lambda rows, prepared: residual_path(rows, prepared, counts),
            (len(counts),),
        )

    def __sklearn_is_fitted__(self):
        return "mean_" in vars(self) or "_stream" in vars(self)

    def _validate(self, X):
        check_is_fitted(self)
        return validate_patches(self, X, reset=False)

    def _statistics(self, X):
        X = self._validate(X)
        return unit_scores(self, X, self._subspace())

    def _subspace(self):
        return Subspace(
            mean=self.mean_,
            directions=self.components_.T,
            variances=self.explained_variance_,
            noise_variance=self.noise_variance_,
            n_dropped=min(self.drop_components, self.n_components_),
            minor=self._minor_directions,
        )

    def _forget(self):
        for name in (*_SOLVED, "_stream"):
            vars(self).pop(name, None)

    def __getattr__(self, name):
        stream = vars(self).get("_stream") if name in _SOLVED else None
        if stream is not None and "mean_" not in vars(self):
            attributes, messages = solve(self, stream, moment_spectra(stream))
            # One assignment: a thread sees all of them or none.
            vars(self).update(attributes)
            for message in messages:
                warnings.warn(message, UserWarning, stacklevel=3)
        # Also where another thread has just solved.
        if name in _SOLVED and name in vars(self):
            return vars(self)[name]
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
        )

    @property
    def _n_features_out(self):
        return self.n_components_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _n_accumulators(self):
    return self.n_folds if self.calibration == "crossfit" else 1


def _empty_stream(self):
    seed = self.random_state
    if seed is not None and not isinstance(seed, Integral):
        seed = check_random_state(seed).randint(2**31 - 1)
    return Stream(_n_accumulators(self), seed if seed is None else int(seed))
