"""Plots of how calibrated a classifier is, and of its weights of second moments."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skextras._sklearn import _check_sample_weight
from skextras.displays._axes import get_axes

_PERFECT = "perfectly calibrated"
# Areas of the points, in squared points, of no samples and of all.
_LEAST_AREA, _LARGEST_AREA = 12.0, 500.0
# A share a little above one is rounding; more is no probability.
_ROUNDING = 1e-3


class MomentProbeDisplay:
    """Reliability of a classifier, or its coefficients of the second moments.

    A reliability diagram sorts samples by the probability of the class that is
    predicted, their confidence, and shows for each bin how many predictions are right.
    Where the two agree, probabilities mean what they say. Areas of points grow with the
    number of samples. A map of coefficients shows, for one class, which pairs of
    principal directions of the tokens speak for it and which against.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Parameters are
    stored as attributes: the first three for a reliability diagram, `matrix` for a map.

    Parameters
    ----------
    confidence : ndarray of shape (n_bins,), default=None
        Mean probability of the predicted class, NaN in a bin without samples.

    accuracy : ndarray of shape (n_bins,), default=None
        Share of the predictions that are right, NaN in a bin without samples.

    share : ndarray of shape (n_bins,), default=None
        Share of the samples.

    matrix : ndarray of shape (k, k), default=None
        Coefficients of the second moments, symmetric.

    name : str, default=None
        Name in the legend, or of the class.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    line_ : matplotlib.lines.Line2D
        The curve of a reliability diagram.

    points_ : matplotlib.collections.PathCollection
        Its points.

    image_ : matplotlib.image.AxesImage
        The matrix of a map.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        Its colour bar.

    See Also
    --------
    skextras.MomentProbe : The classifier.

    Examples
    --------
    >>> from skextras import MomentProbe
    >>> from skextras.datasets import load_japanese_vowels
    >>> from skextras.displays import MomentProbeDisplay
    >>> X, y = load_japanese_vowels(split="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
    >>> probe = MomentProbe().fit(X, y)
    >>> display = MomentProbeDisplay.from_estimator(probe, X_test, y_test)
    >>> display.calibration_error < 0.04
    True
    """

    def __init__(
        self, *, confidence=None, accuracy=None, share=None, matrix=None, name=None
    ):
        self.confidence = confidence
        self.accuracy = accuracy
        self.share = share
        self.matrix = matrix
        self.name = name

    @property
    def calibration_error(self):
        """Expected calibration error (ECE).

        The mean over the samples of the distance between accuracy and confidence of
        their bin.
        """
        filled = self.share > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(self.share[filled] @ gaps)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        kind="reliability",
        n_bins=15,
        sample_weight=None,
        class_of_interest=None,
        name=None,
        ax=None,
        **plot_options,
    ):
        """Draw the reliability of a classifier, or its second-order coefficients.

        Parameters
        ----------
        estimator : MomentProbe or any classifier with `predict_proba`
            The fitted classifier. For ``kind="second_order"`` a MomentProbe.

        X : array-like, default=None
            Samples that the classifier has not seen. For "reliability" only, as are
            the next and `n_bins` and `sample_weight`.

        y : array-like of shape (n_samples,), default=None
            Their classes.

        kind : {"reliability", "second_order"}, default="reliability"
            What to draw.

        n_bins : int, default=15
            Number of bins of equal width; each includes its upper end only.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        class_of_interest : class label, default=None
            The class whose coefficients are drawn; the last one by default. For
            "second_order" only.

        name : str, default=None
            Name in the legend, or of the class.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : MomentProbeDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If "second_order" gets another estimator than a MomentProbe.

        ValueError
            If `kind` or the class is unknown, X or y is missing, or the classifier has
            no second moments.
        """
        if kind not in ("reliability", "second_order"):
            raise ValueError(
                f"kind must be 'reliability' or 'second_order', got {kind!r}."
            )
        if kind == "second_order":
            matrix, of_class = _second_order_map(estimator, class_of_interest)
            display = cls(matrix=matrix, name=name or f"class {of_class}")
            return display.plot(ax=ax, **plot_options)
        if X is None or y is None:
            raise ValueError('kind="reliability" needs X and y.')
        check_is_fitted(estimator)
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            classes=estimator.classes_,
            n_bins=n_bins,
            sample_weight=sample_weight,
            name=name or type(estimator).__name__,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_proba,
        *,
        classes=None,
        n_bins=15,
        sample_weight=None,
        name=None,
        ax=None,
        **plot_options,
    ):
        """Draw the reliability of probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The classes. One that is not among `classes` is never predicted rightly.

        y_proba : array-like of shape (n_samples, n_classes)
            Probabilities of all classes.

        classes : array-like of shape (n_classes,), default=None
            Classes of the columns; those of `y_true`, sorted, by default.

        n_bins : int, default=15
            Number of bins of equal width; each includes its upper end only.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        name : str, default=None
            Name in the legend.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : MomentProbeDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If lengths or the number of classes do not match, or the values are no
            probabilities.

        Examples
        --------
        >>> from skextras.displays import MomentProbeDisplay
        >>> p = [[0.2, 0.8], [0.4, 0.6], [0.4, 0.6], [0.9, 0.1]]
        >>> display = MomentProbeDisplay.from_predictions([1, 1, 0, 0], p, n_bins=5)
        >>> display.accuracy
        array([nan, nan, 0.5, 1. , 1. ])
        >>> round(display.calibration_error, 3)
        0.125
        """
        y_true = column_or_1d(y_true)
        y_proba = check_array(y_proba, input_name="y_proba", dtype=np.float64)
        check_consistent_length(y_true, y_proba)
        classes = np.unique(y_true) if classes is None else np.asarray(classes)
        if len(classes) != y_proba.shape[1]:
            raise ValueError(
                f"y_proba has {y_proba.shape[1]} columns for {len(classes)} classes. "
                "Give all classes as `classes`, in the order of the columns."
            )
        if y_proba.min() < 0 or y_proba.max() > 1 + _ROUNDING:
            raise ValueError("y_proba must have values from 0 to 1.")
        weights = _check_sample_weight(
            sample_weight, y_true, dtype=np.float64, ensure_non_negative=True
        )
        hits = classes[y_proba.argmax(axis=1)] == y_true
        bins = _reliability(y_proba.max(axis=1), hits, weights, n_bins)
        return cls(**bins, name=name).plot(ax=ax, **plot_options)

    def plot(self, *, ax=None, color=None, cmap="RdBu_r", vmax=None, colorbar=True):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default. Several reliability diagrams can
            share one.

        color : color of matplotlib, default=None
            Colour of a reliability diagram; the next of the axes by default.

        cmap : str or matplotlib.colors.Colormap, default="RdBu_r"
            A diverging colour map, for a map of coefficients, as are the next two.

        vmax : float, default=None
            Value at the upper end of the colour map, whose lower end is ``-vmax``; the
            largest absolute value by default.

        colorbar : bool, default=True
            Whether to add a colour bar.

        Returns
        -------
        self : MomentProbeDisplay
            The display, with the attributes `ax_` and `figure_`, and `line_` and
            `points_`, or `image_` and `colorbar_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_, self.figure_ = get_axes(ax)
        if self.matrix is None:
            self._plot_reliability(color)
        else:
            self._plot_matrix(cmap, vmax, colorbar)
        return self

    def _plot_reliability(self, color):
        # Once, however many displays share the axes.
        if _PERFECT not in self.ax_.get_legend_handles_labels()[1]:
            self.ax_.plot(
                [0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label=_PERFECT
            )
        filled = self.share > 0
        confidence, accuracy = self.confidence[filled], self.accuracy[filled]
        error = f"ECE {self.calibration_error:.3f}"
        label = error if self.name is None else f"{self.name} ({error})"
        (self.line_,) = self.ax_.plot(confidence, accuracy, color=color, label=label)
        self.points_ = self.ax_.scatter(
            confidence,
            accuracy,
            s=_LEAST_AREA + (_LARGEST_AREA - _LEAST_AREA) * self.share[filled],
            color=self.line_.get_color(),
            edgecolor="white",
            linewidth=0.6,
            zorder=self.line_.get_zorder() + 0.5,
        )
        # A margin, for the points at the ends.
        self.ax_.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
        self.ax_.set_xlabel("confidence (probability of the predicted class)")
        self.ax_.set_ylabel("accuracy (share of right predictions)")
        self.ax_.legend(loc="best")

    def _plot_matrix(self, cmap, vmax, colorbar):
        # Coefficients may all be zero, and need limits too.
        limit = (np.abs(self.matrix).max() or 1.0) if vmax is None else vmax
        self.image_ = self.ax_.imshow(self.matrix, cmap=cmap, vmin=-limit, vmax=limit)
        self.colorbar_ = None
        if colorbar:
            label = "coefficient" if self.name is None else f"coefficient, {self.name}"
            self.colorbar_ = self.figure_.colorbar(
                self.image_, ax=self.ax_, label=label
            )
        for axis in (self.ax_.xaxis, self.ax_.yaxis):
            # Directions have whole numbers.
            axis.get_major_locator().set_params(integer=True)
            axis.set_label_text("principal direction of the tokens")
        self.ax_.tick_params(length=0)


def _reliability(confidence, hits, weights, n_bins):
    """Mean confidence, accuracy and share of the samples of each bin."""
    edges = np.linspace(0, 1, n_bins + 1)
    # On the left of an edge that it equals: bins are open below and closed above.
    bins = np.searchsorted(edges, confidence, side="left") - 1
    bins = np.clip(bins, 0, n_bins - 1)
    sums = [
        np.bincount(bins, values, minlength=n_bins)
        for values in (weights, weights * confidence, weights * hits)
    ]
    empty = np.full(n_bins, np.nan)
    filled = sums[0] > 0
    means = [
        np.divide(total, sums[0], out=empty.copy(), where=filled) for total in sums[1:]
    ]
    return {
        "confidence": means[0],
        "accuracy": means[1],
        "share": sums[0] / weights.sum(),
    }


def _second_order_map(estimator, class_of_interest):
    """Coefficients of the second moments of a class, and that class."""
    from skextras import MomentProbe

    if not isinstance(estimator, MomentProbe):
        raise TypeError(
            "estimator must be a fitted MomentProbe, got "
            f"{type(estimator).__name__}. Of a pipeline, pass the step, for example "
            "pipeline[-1]; of a search, its best_estimator_."
        )
    check_is_fitted(estimator)
    moments, classes = estimator.token_moments_, estimator.classes_
    d = moments.n_token_features_
    if estimator.coef_.shape[1] == d:
        raise ValueError(
            "The estimator has no second moments: it was fitted with order=1, or to "
            "samples of one token each."
        )
    of_class = classes[-1] if class_of_interest is None else class_of_interest
    (position,) = np.nonzero(classes == of_class)
    if len(position) != 1:
        raise ValueError(
            f"class_of_interest={of_class!r} is none of the classes: {classes}."
        )
    if len(classes) == 2:
        # One score, for the second class and against the first.
        coefficients = (2 * position[0] - 1) * estimator.coef_[0]
    else:
        coefficients = estimator.coef_[position[0]]
    k = len(moments.components_)
    upper = np.triu_indices(k)
    matrix = np.empty((k, k))
    matrix[upper] = coefficients[d : d + len(upper[0])]
    matrix.T[upper] = matrix[upper]
    return matrix, of_class
