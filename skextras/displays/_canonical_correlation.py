"""Plots of canonical variates and of their correlations."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skextras.displays._axes import get_axes
from skextras.numerics.canonical import variate_correlations
from skextras.numerics.scatter import empty_scatter, update_scatter

# More classes than this cannot be told apart by colour.
_MAX_CLASSES = 10


class CanonicalCorrelationDisplay:
    """Variates of two views against each other, or the correlations of components.

    The variates of one component show whether a correlation is the work of many rows
    or of a few. The correlations of rows that were not used in `fit`, beside those of
    the training rows, show how much of them was fitted to noise.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Parameters are
    stored as attributes.

    Parameters
    ----------
    variates : list of ndarray of shape (n_samples, n_components)
        Variates of the rows, for each view.

    training_correlations : ndarray of shape (n_components,), default=None
        Correlations of the training variates; unknown by default.

    labels : array-like of shape (n_samples,), default=None
        Classes or values of the rows, for their colours; none by default.

    Attributes
    ----------
    correlations : ndarray of shape (n_components,)
        Correlations of the variates, mean over pairs of views.

    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    scatter_ : list of matplotlib.collections.PathCollection
        The rows, for each class, with `kind="variates"`; else empty.

    lines_ : list of matplotlib.lines.Line2D
        The correlations with `kind="correlations"`, training first; else empty.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar of values that are no classes.

    See Also
    --------
    skextras.UnconstrainedCCA : Computes the variates.
    skextras.DeepUnconstrainedCCA : Computes them with neural networks.

    Examples
    --------
    >>> from skextras import UnconstrainedCCA
    >>> from skextras.datasets import make_correlated_views
    >>> from skextras.displays import CanonicalCorrelationDisplay
    >>> X, Y = make_correlated_views(400, random_state=0)
    >>> cca = UnconstrainedCCA(3).fit(X[:200], Y[:200])
    >>> display = CanonicalCorrelationDisplay.from_estimator(
    ...     cca, X[200:], Y[200:], kind="correlations"
    ... )
    >>> display.correlations.shape, display.ax_.get_ylabel()
    ((3,), 'correlation')
    """

    def __init__(self, variates, *, training_correlations=None, labels=None):
        self.variates = variates
        self.training_correlations = training_correlations
        self.labels = labels

    @property
    def correlations(self):
        """Correlation of each component, mean over pairs of views."""
        # From the first row, so that constant variates become exact zeros.
        rows = np.hstack([variate - variate[:1] for variate in self.variates])
        state = update_scatter(empty_scatter(rows.shape[1]), rows)
        return variate_correlations(state.scatter, len(self.variates))

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        kind="variates",
        component=0,
        pair=(0, 1),
        labels=None,
        ax=None,
        **plot_options,
    ):
        """Draw the variates or the correlations of rows.

        Parameters
        ----------
        estimator : UnconstrainedCCA or DeepUnconstrainedCCA
            A fitted estimator.

        X : array-like of shape (n_samples, n_features)
            The first view, or all views side by side; at least two rows.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The second view. Ignored if the estimator was fitted with `views`.

        kind : {"variates", "correlations"}, default="variates"
            Variates of one component and two views, a point each row; or the
            correlations of all components, in these rows and in the training rows.

        component : int, default=0
            Which component to draw the variates of.

        pair : tuple of two int, default=(0, 1)
            Which views to draw the variates of.

        labels : array-like of shape (n_samples,), default=None
            Classes or values of the rows, for their colours; none by default.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : CanonicalCorrelationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is of another kind.

        ValueError
            If y is missing, or what to draw is not there.
        """
        from skextras import DeepUnconstrainedCCA, UnconstrainedCCA

        if not isinstance(estimator, UnconstrainedCCA | DeepUnconstrainedCCA):
            raise TypeError(
                "estimator must be a fitted UnconstrainedCCA or DeepUnconstrainedCCA, "
                f"got {type(estimator).__name__}. Of a pipeline, pass the last step, "
                "pipeline[-1], with its input, pipeline[:-1].transform(X)."
            )
        check_is_fitted(estimator)
        return cls.from_predictions(
            _variates(estimator, X, y),
            # Unknown after partial_fit of partial least squares.
            training_correlations=getattr(estimator, "canonical_correlations_", None),
            kind=kind,
            component=component,
            pair=pair,
            labels=labels,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_predictions(
        cls,
        variates,
        *,
        training_correlations=None,
        kind="variates",
        component=0,
        pair=(0, 1),
        labels=None,
        ax=None,
        **plot_options,
    ):
        """Draw given variates or their correlations.

        Parameters
        ----------
        variates : sequence of array-like of shape (n_samples, n_components)
            Variates of the rows, for each view: what `transform(X, y)` returns.

        training_correlations : array-like of shape (n_components,), default=None
            Correlations of the training variates, drawn beside those of the rows with
            `kind="correlations"`; unknown by default.

        kind : {"variates", "correlations"}, default="variates"
            Variates of one component and two views, a point each row; or the
            correlations of all components, in these rows and in the training rows.

        component : int, default=0
            Which component to draw the variates of.

        pair : tuple of two int, default=(0, 1)
            Which views to draw the variates of.

        labels : array-like of shape (n_samples,), default=None
            Classes or values of the rows, for their colours; none by default.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : CanonicalCorrelationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are fewer than two views or two rows, or shapes differ.
        """
        variates = _check_variates(variates)
        n_components = variates[0].shape[1]
        if labels is not None:
            labels = column_or_1d(labels)
            check_consistent_length(variates[0], labels)
        if training_correlations is not None:
            training_correlations = column_or_1d(training_correlations)
            if len(training_correlations) != n_components:
                raise ValueError(
                    f"training_correlations has {len(training_correlations)} values "
                    f"for {n_components} components."
                )
        display = cls(
            variates, training_correlations=training_correlations, labels=labels
        )
        return display.plot(
            ax=ax, kind=kind, component=component, pair=pair, **plot_options
        )

    def plot(
        self,
        *,
        ax=None,
        kind="variates",
        component=0,
        pair=(0, 1),
        cmap=None,
        label="these rows",
        **options,
    ):
        """Draw the variates or the correlations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        kind : {"variates", "correlations"}, default="variates"
            Variates of one component and two views, a point each row; or the
            correlations of all components, in these rows and in the training rows.

        component : int, default=0
            Which component to draw the variates of.

        pair : tuple of two int, default=(0, 1)
            Which views to draw the variates of.

        cmap : str or matplotlib.colors.Colormap, default=None
            Colours of the labels: "tab10" for at most ten classes, "viridis" for
            values by default.

        label : str, default="these rows"
            What the legend of the correlations calls the rows.

        **options : dict
            Options of the points, for :meth:`matplotlib.axes.Axes.scatter`, or of both
            lines, for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : CanonicalCorrelationDisplay
            The display, with the attributes `ax_`, `figure_`, `scatter_`, `lines_`
            and `colorbar_`.

        Raises
        ------
        ValueError
            If there is no such kind, component or view, or the labels are more than
            ten classes.

        ImportError
            If matplotlib is not installed.
        """
        if kind not in ("variates", "correlations"):
            raise ValueError(
                f'kind must be "variates" or "correlations", got {kind!r}.'
            )
        views = _check_pair(pair, len(self.variates))
        index = _check_index("component", component, self.variates[0].shape[1])
        self.ax_, self.figure_ = get_axes(ax)
        self.scatter_, self.lines_, self.colorbar_ = [], [], None
        if kind == "variates":
            self._draw_variates(index, views, cmap, options)
        else:
            self._draw_correlations(label, options)
        return self

    def _draw_variates(self, component, pair, cmap, options):
        """Draw one variate against another, coloured by the labels."""
        x, y = (self.variates[view][:, component] for view in pair)
        options = {"s": 12, "alpha": 0.7, "linewidths": 0} | options
        labels = None if self.labels is None else np.asarray(self.labels)
        classes = None if labels is None else np.unique(labels)
        if labels is None:
            self.scatter_ = [self.ax_.scatter(x, y, **options)]
        elif len(classes) <= _MAX_CLASSES:
            self._draw_classes(x, y, labels, cmap, options)
        elif np.issubdtype(classes.dtype, np.number):
            points = self.ax_.scatter(x, y, c=labels, cmap=cmap, **options)
            self.scatter_ = [points]
            self.colorbar_ = self.figure_.colorbar(points, ax=self.ax_)
        else:
            raise ValueError(
                f"labels holds {len(classes)} classes, of which at most {_MAX_CLASSES} "
                "can be told apart."
            )
        r = variate_correlations(_products(x, y), 2)[0]
        self.ax_.set_title(f"component {component}, correlation {r:.2f}")
        self.ax_.set_xlabel(f"variate of view {pair[0]}")
        self.ax_.set_ylabel(f"variate of view {pair[1]}")

    def _draw_classes(self, x, y, labels, cmap, options):
        """Draw each class in its colour, with a legend beside the axes."""
        from matplotlib import colormaps

        colors = colormaps.get_cmap(cmap or "tab10")
        # Of a map of separate colours the n-th, else evenly spread ones.
        discrete = getattr(colors, "N", 256) < 256
        classes = np.unique(labels)
        for i, one in enumerate(classes):
            chosen = labels == one
            place = i % colors.N if discrete else i / max(len(classes) - 1, 1)
            style = {"color": colors(place), "label": str(one)} | options
            self.scatter_.append(self.ax_.scatter(x[chosen], y[chosen], **style))
        self.ax_.legend(
            loc="upper left", bbox_to_anchor=(1, 1), frameon=False, markerscale=1.5
        )

    def _draw_correlations(self, label, options):
        """Draw the correlations over the components."""
        found = self.correlations
        components = np.arange(len(found))
        curves = {label: (found, "o-")}
        if self.training_correlations is not None:
            training = np.asarray(self.training_correlations)
            curves = {"training rows": (training, "o--")} | curves
        for i, (name, (values, form)) in enumerate(curves.items()):
            fill = "white" if len(curves) > 1 and i == 0 else None
            style = {"markerfacecolor": fill, "markersize": 5, "label": name} | options
            self.lines_ += self.ax_.plot(components, values, form, **style)
        # Room for a marker at 1, and for negative correlations.
        self.ax_.set_ylim(min(0.0, float(found.min())) - 0.03, 1.03)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        several = ", mean over pairs of views" if len(self.variates) > 2 else ""
        self.ax_.set(xlabel="component", ylabel=f"correlation{several}")
        self.ax_.legend()


def _variates(estimator, X, y):
    """Return the variates of each view."""
    n_views, width = len(estimator.view_means_), estimator.n_components_
    found = estimator.transform(X, y)
    if isinstance(found, tuple):
        return [np.asarray(variate) for variate in found]
    found = np.asarray(found)
    if found.shape[1] != n_views * width:
        raise ValueError(
            "y is None: it is the second view, which the display needs beside X."
        )
    return np.split(found, n_views, axis=1)


def _check_variates(variates):
    """Return the variates of at least two views, of one shape."""
    variates = [
        check_array(
            variate,
            dtype=np.float64,
            ensure_min_samples=2,
            input_name=f"variates[{i}]",
        )
        for i, variate in enumerate(variates)
    ]
    shapes = [variate.shape for variate in variates]
    if len(shapes) < 2 or len(set(shapes)) > 1:
        raise ValueError(
            "variates must be arrays of one shape (n_samples, n_components), one "
            f"for each of at least two views; got the shapes {shapes}."
        )
    return variates


def _products(x, y):
    """Return the sums of squares and products of two variates about their means."""
    pair = np.column_stack([x - x[0], y - y[0]])
    return update_scatter(empty_scatter(2), pair).scatter


def _check_pair(pair, n_views):
    """Return the indices of two different views."""
    views = tuple(pair) if np.iterable(pair) else (pair,)
    if len(views) != 2 or views[0] == views[1]:
        raise ValueError(f"pair must be two different views, got {pair!r}.")
    return tuple(_check_index("pair", view, n_views) for view in views)


def _check_index(name, value, length):
    """Return an index that is an integer in its range."""
    is_index = isinstance(value, Integral) and 0 <= value < length
    if not is_index or isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r} must be an integer from 0 to {length - 1}.")
    return int(value)
