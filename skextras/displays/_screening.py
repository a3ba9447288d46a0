"""Scores and p-values of screened features."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skextras.displays._axes import get_axes

_KINDS = ("scores", "pvalues")
_SELECTED, _OTHERS, _REFERENCE = "tab:orange", "tab:blue", "0.25"
_HEADROOM = 1.35
# From so many features on, the best are a sliver of an axis of even steps.
_MANY = 100
_NAME_OF_SCORE = {"pearson": "absolute correlation"}


class ScreeningDisplay:
    """Sorted scores of screened features with the cut, or a histogram of p-values.

    *Scores* fall from the best feature to the worst; a bend shows how many stand out,
    and a line the least score among the selected. *P-values* of features that tell
    nothing of the outcome are spread evenly, at the height of the dashed line; those of
    features that do gather at the left. A histogram that falls below the line at the
    left, or rises to the right, tells that p-values do not suit the data.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Parameters are
    stored as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_features,)
        Scores or p-values. NaN is left out.

    kind : {"scores", "pvalues"}, default="scores"
        Which of the two.

    support : ndarray of bool of shape (n_features,), default=None
        The selected features; none are marked by default.

    label : str, default=None
        What the axis of the values is called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    points_ : list of matplotlib.lines.Line2D or None
        Scores of the features that are not selected and of the selected.

    bars_ : list of matplotlib.container.BarContainer or None
        P-values of the same two.

    line_ : matplotlib.lines.Line2D or None
        The least selected score, or the height of evenly spread p-values.

    See Also
    --------
    skextras.MIScreener : Screens features.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skextras import MIScreener
    >>> from skextras.displays import ScreeningDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> display = ScreeningDisplay.from_estimator(MIScreener(k=5).fit(X, y))
    >>> display.values.shape, display.support.sum()
    ((30,), np.int64(5))
    """

    def __init__(self, values, *, kind="scores", support=None, label=None):
        self.values = values
        self.kind = kind
        self.support = support
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, *, kind="scores", label=None, ax=None, **plot_options
    ):
        """Draw what a fitted selector found.

        Parameters
        ----------
        estimator : MIScreener or another selector with `scores_`
            A fitted selector, such as those of :mod:`sklearn.feature_selection`.

        kind : {"scores", "pvalues"}, default="scores"
            What to draw.

        label : str, default=None
            What the axis of the values is called; by default, what they are.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : ScreeningDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is no selector that scores features.

        ValueError
            If it computed no p-values and they are asked for, or there is nothing to
            draw.
        """
        _check_kind(kind)
        if not hasattr(estimator, "get_support"):
            raise TypeError(
                "estimator must be a fitted MIScreener or another selector of "
                f"features, got {type(estimator).__name__}. Of a pipeline, pass the "
                "step that selects, such as pipeline[0]."
            )
        check_is_fitted(estimator)
        values = getattr(estimator, f"{kind}_", None)
        if values is None:
            raise ValueError(
                f"The {type(estimator).__name__} has no {kind}_ to draw."
                + _remedy(estimator, kind)
            )
        return cls.from_predictions(
            values,
            kind=kind,
            support=estimator.get_support(),
            label=label or _default_label(estimator, kind),
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_predictions(
        cls, values, *, kind="scores", support=None, label=None, ax=None, **plot_options
    ):
        """Draw given scores or p-values.

        Parameters
        ----------
        values : array-like of shape (n_features,)
            Scores or p-values, as :func:`skextras.mi_scores` returns them. NaN is left
            out.

        kind : {"scores", "pvalues"}, default="scores"
            Which of the two.

        support : array-like of bool of shape (n_features,), default=None
            The selected features; none are marked by default.

        label : str, default=None
            What the axis of the values is called; "score" or "p-value" by default.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : ScreeningDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the values are not one number a feature, p-values are not within 0 and
            1, or `support` is not a mask of the features.
        """
        _check_kind(kind)
        values = _check_values(values, kind)
        if support is not None:
            support = np.asarray(support)
            if support.dtype != bool or support.shape != values.shape:
                raise ValueError(
                    f"support must be a mask of {len(values)} features, got the shape "
                    f"{support.shape} of {support.dtype}."
                )
        display = cls(values, kind=kind, support=support, label=label)
        return display.plot(ax=ax, **plot_options)

    def plot(self, *, ax=None, log=None, bins=20, legend=True):
        """Draw the scores or p-values.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        log : bool, default=None
            Whether the ranks of scores stand on a logarithmic axis; by default, if
            there are more than 100.

        bins : int, default=20
            Number of bars of the histogram of p-values.

        legend : bool, default=True
            Whether to add a legend.

        Returns
        -------
        self : ScreeningDisplay
            The display, with the attributes `ax_`, `figure_`, `points_`, `bars_` and
            `line_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_, self.figure_ = get_axes(ax)
        self.points_ = self.bars_ = self.line_ = None
        known = ~np.isnan(self.values)
        chosen = np.zeros(len(self.values), bool)
        if self.support is not None:
            chosen |= self.support
        if self.kind == "scores":
            self._draw_scores(self.values[known], chosen[known], log)
        else:
            self._draw_p_values(self.values[known], chosen[known], bins)
        if legend:
            self.ax_.legend()
        return self

    def _draw_scores(self, scores, chosen, log):
        """Draw scores by rank, the selected ones in another colour."""
        # Stable and of the negative, as the selection: of equal scores the first.
        order = np.argsort(-scores, kind="stable")
        ranks = np.arange(1, len(scores) + 1)
        self.points_ = []
        for mask, label, color in self._groups(chosen[order]):
            (points,) = self.ax_.plot(
                ranks[mask],
                scores[order][mask],
                linestyle="none",
                marker="o",
                markersize=4,
                markeredgewidth=0,
                color=color,
                label=label,
                # A vector graphic of a million points opens in no viewer.
                rasterized=len(scores) > 10_000,
            )
            self.points_.append(points)
        if chosen.any():
            self.line_ = self.ax_.axhline(
                scores[chosen].min(),
                color=_REFERENCE,
                linestyle="--",
                linewidth=0.8,
                label="least score selected",
            )
        if len(scores) > _MANY if log is None else log:
            self.ax_.set_xscale("log")
        self.ax_.set_xlabel("rank of the feature")
        self.ax_.set_ylabel(self.label or "score")

    def _draw_p_values(self, p_values, chosen, bins):
        """Draw bars of the selected p-values and, on top of them, of the others."""
        groups = self._groups(chosen)[::-1]
        _, _, self.bars_ = self.ax_.hist(
            [p_values[mask] for mask, _, _ in groups],
            bins=np.linspace(0, 1, bins + 1),
            stacked=True,
            label=[label for _, label, _ in groups],
            color=[color for _, _, color in groups],
        )
        self.bars_ = list(self.bars_)[::-1]
        self.line_ = self.ax_.axhline(
            len(p_values) / bins,
            color=_REFERENCE,
            linestyle="--",
            linewidth=0.8,
            label="if no feature told anything",
        )
        self.ax_.set_xlim(0, 1)
        # Bars reach across the axes: the legend stands above them.
        self.ax_.set_ylim(top=_HEADROOM * self.ax_.get_ylim()[1])
        self.ax_.set_xlabel(self.label or "p-value")
        self.ax_.set_ylabel("number of features")

    def _groups(self, chosen):
        """Mask, label and colour of the features left out and of those selected."""
        others = "features" if self.support is None else "not selected"
        # The legend leaves out what begins with an underscore.
        selected = f"selected ({chosen.sum()})" if chosen.any() else "_selected"
        return [
            (~chosen, f"{others} ({(~chosen).sum()})", _OTHERS),
            (chosen, selected, _SELECTED),
        ]


def _check_kind(kind):
    if kind not in _KINDS:
        raise ValueError(f'kind must be "scores" or "pvalues", got {kind!r}.')


def _check_values(values, kind):
    """Return one number a feature, of which at least one is known."""
    values = check_array(
        values,
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
        ensure_all_finite="allow-nan",
        input_name="values",
    )
    if values.ndim != 1:
        raise ValueError(
            f"values must have the shape (n_features,), got {values.shape}."
        )
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise ValueError("values holds no number: there is nothing to draw.")
    if kind == "pvalues" and not (known.min() >= 0 and known.max() <= 1):
        raise ValueError(
            f"P-values are within 0 and 1; values reaches from {known.min():g} to "
            f"{known.max():g}."
        )
    return values


def _remedy(estimator, kind):
    """Say how to get p-values, where parameters decide about it."""
    if kind == "scores" or not hasattr(estimator, "pvalues"):
        return ""
    return ' Set alpha or pvalues="permutation" and fit again.'


def _default_label(estimator, kind):
    """Name what a selector's values are."""
    if kind == "pvalues":
        return "p-value"
    if not hasattr(estimator, "mi_"):
        return "score"
    return _NAME_OF_SCORE.get(estimator.method, "mutual information (nats)")
