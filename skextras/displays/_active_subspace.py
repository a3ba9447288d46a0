"""Plots of the inputs and the directions that a network with a learnt metric uses."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skextras._sklearn import _check_feature_names_in
from skextras.displays._axes import get_axes
from skextras.numerics import rbf_network

_N_CURVE = 200
# Of the default cycle; the accent is on no part of the default colour map.
_COLOR, _ACCENT = "C0", "C3"


class ActiveSubspaceDisplay:
    """Importances, spectrum and summary plot of a network with a learnt metric.

    Three kinds of plot:

    - "importance": a bar for each feature, the most important on top. What the other
      kind of importance says of it is outlined.
    - "spectrum": the share of each direction in the sum of the eigenvalues, their
      running sum, and where `transform` cuts it.
    - "summary": the target against the coordinate along the first direction, coloured
      by that along the second, with the network along the first direction through the
      mean of the features. Where the points lie on the line, one direction is enough.

    Make one with :meth:`from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    importances : dict of str to ndarray of shape (n_features,)
        The importances by their kind, those of the estimator first.

    eigenvalues : ndarray of shape (n_features,)
        The eigenvalues in descending order.

    n_components : int
        Number of directions that `transform` keeps.

    feature_names : array-like of str
        Names of the features.

    coordinates : ndarray of shape (n_samples, n_components), default=None
        Rows in the directions; only for "summary".

    targets : ndarray of shape (n_samples,), default=None
        Their targets, or whether they are of a class; only for "summary".

    curve : tuple of two ndarray, default=None
        Coordinates along the first direction and what the network predicts there.

    label : str, default="target"
        What the targets are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    bars_ : matplotlib.container.BarContainer or None
        The bars of "importance" and "spectrum".

    points_ : matplotlib.collections.PathCollection or None
        The rows of "summary".

    line_ : matplotlib.lines.Line2D or None
        The network in "summary", the running sum in "spectrum".

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar of "summary".

    See Also
    --------
    skextras.GaussianRBFNN : A regressor with a learnt metric.
    skextras.GaussianRBFNNClassifier : A classifier with a learnt metric.

    Examples
    --------
    >>> from skextras import GaussianRBFNN
    >>> from skextras.datasets import make_ridge_function
    >>> from skextras.displays import ActiveSubspaceDisplay
    >>> X, y, _ = make_ridge_function(200, 4, random_state=0)
    >>> model = GaussianRBFNN(n_centers=30, random_state=0).fit(X, y)
    >>> display = ActiveSubspaceDisplay.from_estimator(model, kind="spectrum")
    >>> display.n_components
    1
    >>> summary = ActiveSubspaceDisplay.from_estimator(model, X, y, kind="summary")
    >>> summary.ax_.get_xlabel()
    'coordinate along direction 1'
    """

    def __init__(
        self,
        importances,
        eigenvalues,
        n_components,
        feature_names,
        *,
        coordinates=None,
        targets=None,
        curve=None,
        label="target",
    ):
        self.importances = importances
        self.eigenvalues = eigenvalues
        self.n_components = n_components
        self.feature_names = feature_names
        self.coordinates = coordinates
        self.targets = targets
        self.curve = curve
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        kind="importance",
        target=None,
        max_features=20,
        ax=None,
        **plot_options,
    ):
        """Draw what a fitted network found.

        Parameters
        ----------
        estimator : GaussianRBFNN or GaussianRBFNNClassifier
            A fitted network.

        X : array-like of shape (n_samples, n_features), default=None
            Rows to draw, of the training data or of others. Needed for "summary".

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets. Needed for "summary".

        kind : {"importance", "spectrum", "summary"}, default="importance"
            What to draw.

        target : int or class label, default=None
            Which output of a regressor with several, or which class, "summary" shows.
            Of two classes it is the second by default.

        max_features : int, default=20
            Most bars to draw.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : ActiveSubspaceDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is not one of these networks.

        ValueError
            If `kind` is unknown, or "summary" lacks X, y or `target`.
        """
        from skextras import GaussianRBFNN, GaussianRBFNNClassifier

        if not isinstance(estimator, GaussianRBFNN | GaussianRBFNNClassifier):
            raise TypeError(
                "estimator must be a fitted GaussianRBFNN or GaussianRBFNNClassifier, "
                f"got {type(estimator).__name__}. Of a pipeline, pass the last step, "
                "pipeline[-1], and pipeline[:-1].transform(X)."
            )
        check_is_fitted(estimator)
        facts = {}
        if X is not None and y is not None:
            facts = _summarise(estimator, X, y, target)
        display = cls(
            _both_importances(estimator),
            estimator.eigenvalues_,
            estimator.n_components_,
            _check_feature_names_in(estimator),
            **facts,
        )
        return display.plot(kind=kind, max_features=max_features, ax=ax, **plot_options)

    def plot(
        self,
        *,
        kind="importance",
        max_features=20,
        ax=None,
        cmap="viridis",
        colorbar=True,
    ):
        """Draw one kind of plot.

        Parameters
        ----------
        kind : {"importance", "spectrum", "summary"}, default="importance"
            What to draw.

        max_features : int, default=20
            Most bars to draw.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        cmap : str or matplotlib.colors.Colormap, default="viridis"
            Colours of the second coordinate.

        colorbar : bool, default=True
            Whether to add a colour bar to "summary".

        Returns
        -------
        self : ActiveSubspaceDisplay
            The display, with the attributes `ax_`, `figure_`, `bars_`, `points_`,
            `line_` and `colorbar_`.

        Raises
        ------
        ValueError
            If `kind` is unknown, `max_features` not positive, or there are no rows for
            "summary".

        ImportError
            If matplotlib is not installed.
        """
        kinds = ("importance", "spectrum", "summary")
        if kind not in kinds:
            raise ValueError(f"kind must be one of {kinds}, got {kind!r}.")
        if not isinstance(max_features, Integral) or max_features < 1:
            raise ValueError(
                f"max_features must be a positive integer, got {max_features!r}."
            )
        if kind == "summary" and self.coordinates is None:
            raise ValueError('kind="summary" draws rows: it needs X and y.')
        self.ax_, self.figure_ = get_axes(ax)
        self.bars_ = self.points_ = self.line_ = self.colorbar_ = None
        if kind == "importance":
            self._draw_importances(max_features)
        elif kind == "spectrum":
            self._draw_spectrum(max_features)
        else:
            self._draw_summary(cmap, colorbar)
        return self

    def _draw_importances(self, max_features):
        """Draw a bar for each of the most important features."""
        (name, values), (other_name, other) = self.importances.items()
        # Ties stay in the order of the features.
        shown = np.argsort(-values, kind="stable")[:max_features]
        places = np.arange(len(shown))
        self.bars_ = self.ax_.barh(places, values[shown], color=_COLOR, label=name)
        self.ax_.barh(
            places, other[shown], facecolor="none", edgecolor="black", label=other_name
        )
        self.ax_.set_yticks(places, np.asarray(self.feature_names)[shown])
        self.ax_.invert_yaxis()
        of_all = "" if len(shown) == len(values) else f", {len(shown)} of {len(values)}"
        self.ax_.set_xlabel(f"importance{of_all}")
        self.ax_.legend(loc="lower right")

    def _draw_spectrum(self, max_features):
        """Draw the share of each direction, and their running sum."""
        total = self.eigenvalues.sum()
        shares = self.eigenvalues / total if total > 0 else self.eigenvalues
        numbers = np.arange(1, 1 + min(max_features, len(shares)))
        shown = slice(len(numbers))
        self.bars_ = self.ax_.bar(
            numbers, shares[shown], color=_COLOR, label="one direction"
        )
        (self.line_,) = self.ax_.plot(
            numbers, np.cumsum(shares)[shown], "o-", color=_ACCENT, label="running sum"
        )
        if self.n_components < len(shares) and self.n_components <= len(numbers):
            cut, label = self.n_components + 0.5, f"first {self.n_components}"
            self.ax_.axvline(cut, color="black", linestyle="--", label=label)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set(xlabel="direction", ylabel="share of the sum of eigenvalues")
        self.ax_.set_ylim(0, 1.05)
        self.ax_.legend(loc="center right")

    def _draw_summary(self, cmap, colorbar):
        """Draw targets, and the network, along the first direction."""
        several = self.coordinates.shape[1] > 1
        colors = {"c": self.coordinates[:, 1], "cmap": cmap} if several else {}
        self.points_ = self.ax_.scatter(
            self.coordinates[:, 0], self.targets, s=12, **colors
        )
        if self.curve is not None:
            (self.line_,) = self.ax_.plot(
                *self.curve, color=_ACCENT, label="network at the mean"
            )
            self.ax_.legend()
        if several and colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.points_, ax=self.ax_, label="coordinate along direction 2"
            )
        self.ax_.set(xlabel="coordinate along direction 1", ylabel=self.label)


def _both_importances(estimator):
    """Importances by their kind, those of the estimator first."""
    subspace = rbf_network.active_subspace(estimator.precision_)
    both = {
        "gradient": rbf_network.gradient_importances(estimator.gradient_outer_product_),
        "precision": rbf_network.precision_importances(subspace),
    }
    # As fitted: the parameter may have been set to something else since.
    first = "gradient"
    if not np.allclose(both[first], estimator.feature_importances_):
        first = "precision"
    names = {"gradient": "by gradients", "precision": "by the precision matrix"}
    order = sorted(both, key=lambda kind: kind != first)
    return {names[kind]: both[kind] for kind in order}


def _summarise(estimator, X, y, target):
    """What a summary plot needs of the rows."""
    check_consistent_length(X, y)
    coordinates = np.asarray(estimator.transform(X), dtype=float)
    along = np.linspace(coordinates[:, 0].min(), coordinates[:, 0].max(), _N_CURVE)
    steps = np.outer(along, estimator.components_[0])
    line = steps * estimator.scale_ + estimator.mean_
    line = _like(X, line)
    choose = _choose_class if hasattr(estimator, "classes_") else _choose_output
    targets, predicted, label = choose(estimator, y, line, target)
    return {
        "coordinates": coordinates,
        "targets": targets,
        "curve": (along, predicted),
        "label": label,
    }


def _like(X, rows):
    """Give rows the names of the columns of X, if these have names."""
    if not hasattr(X, "columns"):
        return rows
    # A dict of columns makes a frame of any library.
    return type(X)(dict(zip(X.columns, rows.T, strict=True)))


def _choose_class(estimator, y, line, target):
    """Whether rows are of a class, and how probable it is along the line."""
    classes = estimator.classes_.tolist()
    if target is None and len(classes) == 2:
        target = classes[1]
    if target not in classes:
        raise ValueError(
            f"target must be the class to draw, one of {classes}, got {target!r}."
        )
    is_of_class = np.asarray(y).ravel() == target
    predicted = estimator.predict_proba(line)[:, classes.index(target)]
    return is_of_class.astype(float), predicted, f"probability of {target}"


def _choose_output(estimator, y, line, target):
    """One column of the targets, and the network's output along the line."""
    y, predicted = np.asarray(y, dtype=float), estimator.predict(line)
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(line), -1)
    n_outputs = predicted.shape[1]
    if y.shape[1] != n_outputs:
        raise ValueError(
            f"y has {y.shape[1]} columns, the network {n_outputs} outputs."
        )
    if target is None and n_outputs == 1:
        target = 0
    if not isinstance(target, Integral) or not 0 <= target < n_outputs:
        raise ValueError(
            f"target must be the output to draw, an integer from 0 to {n_outputs - 1}, "
            f"got {target!r}."
        )
    label = "target" if n_outputs == 1 else f"target {target}"
    return y[:, target], predicted[:, target], label
