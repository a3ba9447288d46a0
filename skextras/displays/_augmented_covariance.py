"""Plots of augmented covariance matrices and of searches over their order and lag."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skextras.displays._axes import get_axes

# More delays than this are labelled every second, third, ... time.
_MAX_TICKS = 12


class AugmentedCovarianceDisplay:
    """Augmented covariance matrix with the grid of its delay blocks.

    Block (k, l) holds the covariances of the channels at delay k with the channels at
    delay l; inside a block, rows and columns are the channels. The colour map is
    symmetric around zero. An oscillation common to the channels shows as blocks whose
    sign alternates with the distance from the diagonal.

    Make one with :meth:`from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_rows)
        The matrix, of ``n_rows = len(delays) * n_channels`` rows.

    delays : array-like of int
        Delays of the blocks, in samples.

    n_channels : int
        Number of channels: rows of a block.

    sfreq : float, default=None
        Sampling frequency in hertz; if given, delays are labelled in milliseconds.

    label : str, default="covariance"
        What the colour bar is called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    image_ : matplotlib.image.AxesImage
        The matrix.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar.

    See Also
    --------
    skextras.AugmentedCovariance : Computes the matrices.
    OrderLagDisplay : Draws scores over the order and the lag.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import AugmentedCovariance
    >>> from skextras.displays import AugmentedCovarianceDisplay
    >>> X = np.random.default_rng(0).standard_normal((10, 3, 200))
    >>> augmented = AugmentedCovariance(order=4, lag=2).fit(X)
    >>> display = AugmentedCovarianceDisplay.from_estimator(augmented, X)
    >>> display.matrix.shape
    (12, 12)
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['0', '2', '4', '6']
    """

    def __init__(self, matrix, delays, n_channels, *, sfreq=None, label="covariance"):
        self.matrix = matrix
        self.delays = delays
        self.n_channels = n_channels
        self.sfreq = sfreq
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, X, *, normalize=False, sfreq=None, ax=None, **plot_options
    ):
        """Draw the mean augmented covariance matrix of epochs.

        Parameters
        ----------
        estimator : AugmentedCovariance
            A fitted estimator, of any `output`.

        X : array-like of shape (n_epochs, n_channels, n_times), or mne.BaseEpochs
            The epochs, one or more.

        normalize : bool, default=False
            Whether to divide the mean matrix by the standard deviations of its rows
            and columns, which makes correlations of it: channels of different
            amplitude become comparable.

        sfreq : float, default=None
            Sampling frequency in hertz; if given, delays are labelled in milliseconds.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : AugmentedCovarianceDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is not an AugmentedCovariance.

        Examples
        --------
        >>> import numpy as np
        >>> from skextras import AugmentedCovariance
        >>> from skextras.displays import AugmentedCovarianceDisplay
        >>> X = np.random.default_rng(0).standard_normal((10, 3, 200))
        >>> augmented = AugmentedCovariance(order=4, lag=2).fit(X)
        >>> display = AugmentedCovarianceDisplay.from_estimator(
        ...     augmented, X[:1], normalize=True, sfreq=250.0
        ... )
        >>> display.ax_.get_xlabel()
        'delay (ms)'
        """
        from skextras import AugmentedCovariance

        if not isinstance(estimator, AugmentedCovariance):
            raise TypeError(
                "estimator must be a fitted AugmentedCovariance, got "
                f"{type(estimator).__name__}. Of a pipeline, pass the step, for "
                "example pipeline[0]."
            )
        check_is_fitted(estimator)
        values = np.asarray(estimator.transform(X), dtype=float).mean(axis=0)
        matrix = values if values.ndim == 2 else _matrix_of(values)
        label = "covariance (squared unit of X)"
        if normalize:
            matrix, label = _correlation(matrix), "correlation"
        display = cls(
            matrix,
            estimator.delays_,
            estimator.n_channels_in_,
            sfreq=sfreq,
            label=label,
        )
        return display.plot(ax=ax, **plot_options)

    def plot(self, *, ax=None, cmap="RdBu_r", vmax=None, colorbar=True):
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        cmap : str or matplotlib.colors.Colormap, default="RdBu_r"
            A diverging colour map.

        vmax : float, default=None
            Value at the upper end of the colour map, whose lower end is ``-vmax``; the
            largest absolute value by default.

        colorbar : bool, default=True
            Whether to add a colour bar.

        Returns
        -------
        self : AugmentedCovarianceDisplay
            The display, with the attributes `ax_`, `figure_`, `image_` and
            `colorbar_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_, self.figure_ = get_axes(ax)
        # A matrix of zeros needs limits too.
        limit = (np.abs(self.matrix).max() or 1.0) if vmax is None else vmax
        self.image_ = self.ax_.imshow(self.matrix, cmap=cmap, vmin=-limit, vmax=limit)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.image_, ax=self.ax_, label=self.label
            )
        for border in np.arange(1, len(self.delays)) * self.n_channels - 0.5:
            self.ax_.axhline(border, color="0.35", linewidth=0.6)
            self.ax_.axvline(border, color="0.35", linewidth=0.6)
        self._label_delays()
        return self

    def _label_delays(self):
        """Name each block by its delay, at its centre."""
        delays, unit = np.asarray(self.delays), "samples"
        if self.sfreq is not None:
            delays, unit = 1000 * delays / self.sfreq, "ms"
        step = -(-len(delays) // _MAX_TICKS)
        centres = (np.arange(len(delays)) + 0.5) * self.n_channels - 0.5
        # Tenths of milliseconds tell neighbouring samples apart up to 10 kHz.
        labels = [f"{round(float(delay), 1):g}" for delay in delays]
        self.ax_.set_xticks(centres[::step], labels[::step])
        self.ax_.set_yticks(centres[::step], labels[::step])
        self.ax_.tick_params(length=0)
        self.ax_.set_xlabel(f"delay ({unit})")
        self.ax_.set_ylabel(f"delay ({unit})")


class OrderLagDisplay:
    """Scores of a search over the order and the lag of augmented covariances.

    Each cell shows the mean test score of one order and lag with the best values of
    all other parameters. The setting that the search chose is framed; settings that
    could not be fitted are hatched, and those that were not tried are blank.

    Make one with :meth:`from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    scores : ndarray of shape (n_orders, n_lags)
        Mean scores, NaN where there are none.

    orders : array-like of int
        The orders of the rows.

    lags : array-like of int
        The lags of the columns, in samples.

    failed : ndarray of shape (n_orders, n_lags), default=None
        Whether a setting was tried and has no score; none by default.

    best : tuple of int, default=None
        Row and column of the cell to frame.

    label : str, default="mean test score"
        What the colour bar is called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    image_ : matplotlib.image.AxesImage
        The scores.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar.

    text_ : ndarray of shape (n_orders, n_lags)
        The text of each cell, None where there is no score.

    See Also
    --------
    skextras.AugmentedCovariance : Has the order and the lag.
    AugmentedCovarianceDisplay : Draws a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from skextras import AugmentedCovariance
    >>> from skextras.displays import OrderLagDisplay
    >>> X = np.random.default_rng(0).standard_normal((20, 2, 100))
    >>> augmented = AugmentedCovariance(output="vector")
    >>> pipeline = make_pipeline(augmented, RidgeClassifier())
    >>> grid = {
    ...     "augmentedcovariance__order": [1, 2, 3],
    ...     "augmentedcovariance__lag": [2, 4],
    ... }
    >>> search = GridSearchCV(pipeline, grid, cv=2).fit(X, np.arange(20) % 2)
    >>> display = OrderLagDisplay.from_estimator(search)
    >>> display.scores.shape
    (3, 2)
    """

    def __init__(
        self, scores, orders, lags, *, failed=None, best=None, label="mean test score"
    ):
        self.scores = scores
        self.orders = orders
        self.lags = lags
        self.failed = failed
        self.best = best
        self.label = label

    @classmethod
    def from_estimator(
        cls, search, *, metric="score", label=None, ax=None, **plot_options
    ):
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or any estimator with `cv_results_`
            The fitted search, whose parameters include an order and a lag: named so,
            or as in "augmentedcovariance__order". A setting without one of the two
            takes that of the searched estimator, and order 1, which does not depend on
            the lag, is shown for every lag.

        metric : str, default="score"
            Which score, for a search with several.

        label : str, default=None
            What the colour bar is called; "mean test" and the metric by default.

        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : OrderLagDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the search does not have one order and one lag, both of integers, or
            does not have the metric.
        """
        check_is_fitted(search, "cv_results_")
        key = f"mean_test_{metric}"
        if key not in search.cv_results_:
            known = [k[10:] for k in search.cv_results_ if k.startswith("mean_test_")]
            raise ValueError(f"metric={metric!r} is none of the search's: {known}.")
        mean_scores = np.asarray(search.cv_results_[key], dtype=float)
        rows = _orders_and_lags(search)
        orders = sorted({order for order, _ in rows})
        lags = sorted({lag for _, lag in rows if lag is not None})
        scores, failed = _best_scores(rows, mean_scores, orders, lags)
        display = cls(
            scores,
            orders,
            lags,
            failed=failed,
            best=_best_cell(search, rows, scores, orders, lags),
            label=label or f"mean test {metric}",
        )
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        *,
        ax=None,
        cmap="viridis",
        vmin=None,
        vmax=None,
        values_format=".2f",
        colorbar=True,
    ):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        cmap : str or matplotlib.colors.Colormap, default="viridis"
            The colour map.

        vmin, vmax : float, default=None
            Scores at the ends of the colour map; the extreme ones by default.

        values_format : str, default=".2f"
            How the score of a cell is written.

        colorbar : bool, default=True
            Whether to add a colour bar.

        Returns
        -------
        self : OrderLagDisplay
            The display, with the attributes `ax_`, `figure_`, `image_`, `colorbar_`
            and `text_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_, self.figure_ = get_axes(ax)
        self.image_ = self.ax_.imshow(
            np.ma.masked_invalid(self.scores),
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
            aspect="auto",
        )
        self.colorbar_ = None
        if colorbar and np.isfinite(self.scores).any():
            self.colorbar_ = self.figure_.colorbar(
                self.image_, ax=self.ax_, label=self.label
            )
        self._write_values(values_format)
        self._mark_cells()
        self.ax_.set_xticks(range(len(self.lags)), self.lags)
        self.ax_.set_yticks(range(len(self.orders)), self.orders)
        self.ax_.tick_params(length=0)
        self.ax_.set_xlabel("lag (samples)")
        self.ax_.set_ylabel("order (delayed copies)")
        return self

    def _write_values(self, values_format):
        """Write the scores, dark on light cells and light on dark ones."""
        self.text_ = np.full(np.shape(self.scores), None, dtype=object)
        for (i, j), score in np.ndenumerate(self.scores):
            if np.isfinite(score):
                rgb = np.array(self.image_.cmap(self.image_.norm(score))[:3])
                # The luminance at which black and white have equal contrast.
                light = np.dot(rgb**2.2, (0.2126, 0.7152, 0.0722)) > 0.18
                self.text_[i, j] = self.ax_.text(
                    j,
                    i,
                    format(score, values_format),
                    ha="center",
                    va="center",
                    color="black" if light else "white",
                )

    def _mark_cells(self):
        """Hatch what failed, frame the best, and say so below the axes."""
        from matplotlib.patches import Rectangle

        handles = []

        def mark(i, j, label, **style):
            # A frame inside the cell: the axes would cut one on the border in half.
            box = Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, label=label, **style)
            handles.append(self.ax_.add_patch(box))

        if self.best is not None:
            mark(*self.best, "best", fill=False, edgecolor="tab:red", linewidth=2.5)
            self.text_[self.best].set_fontweight("bold")
        failed = [] if self.failed is None else np.argwhere(self.failed)
        for n, (i, j) in enumerate(failed):
            # The legend leaves out what begins with an underscore.
            label = "_failed" if n else "failed"
            mark(i, j, label, fill=False, edgecolor="0.5", hatch="///", linewidth=0)
        labelled = [h for h in handles if not h.get_label().startswith("_")]
        if labelled:
            self.ax_.legend(
                handles=labelled,
                loc="lower right",
                bbox_to_anchor=(1.0, 1.0),
                borderaxespad=0.2,
                ncols=2,
                frameon=False,
            )


def _matrix_of(vector):
    """Rebuild the matrix whose upper triangle `output="vector"` returned."""
    n_rows = (int(np.sqrt(8 * len(vector) + 1)) - 1) // 2
    upper = np.triu_indices(n_rows)
    matrix = np.empty((n_rows, n_rows))
    matrix[upper] = np.where(upper[0] == upper[1], vector, vector / np.sqrt(2))
    matrix.T[upper] = matrix[upper]
    return matrix


def _correlation(matrix):
    """Divide by the standard deviations; constant rows correlate with nothing."""
    deviations = np.sqrt(matrix.diagonal())
    scale = np.divide(
        1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0
    )
    return matrix * scale[:, None] * scale


def _orders_and_lags(search):
    """Order and lag of each setting of a search; a lag that is immaterial is None."""
    order_name, lag_name = _parameter_names(search)
    rows = []
    for params in search.cv_results_["params"]:
        order = _integer(search, params, order_name)
        lag = _integer(search, params, lag_name, optional=order == 1)
        rows.append((order, lag))
    if all(lag is None for _, lag in rows):
        raise ValueError("The search has no lag: all its orders are 1.")
    return rows


def _parameter_names(search):
    """Names of the searched order and lag, which belong to the same estimator."""
    names = sorted({name for row in search.cv_results_["params"] for name in row})
    prefixes = [
        {name.removesuffix(end) for name in names if f"__{name}".endswith(f"__{end}")}
        for end in ("order", "lag")
    ]
    both = prefixes[0] & prefixes[1]
    if len(both) != 1:
        raise ValueError(
            "The search must have one parameter named order and one named lag, of the "
            'same estimator, as "augmentedcovariance__order" and '
            f'"augmentedcovariance__lag". Its parameters are {names}.'
        )
    prefix = both.pop()
    return f"{prefix}order", f"{prefix}lag"


def _integer(search, params, name, *, optional=False):
    """Value of the order or lag in a setting, or in the searched estimator."""
    if name in params:
        value = params[name]
    else:
        value = None if optional else search.estimator.get_params()[name]
    if not isinstance(value, Integral):
        if optional:
            return None
        raise ValueError(
            f"{name}={value!r} has no place on the axes: all orders and lags must be "
            "integers."
        )
    return int(value)


def _cells(row, lags):
    """Return the lags at which an order and a lag are shown."""
    order, lag = row
    return lags if order == 1 else [lag]


def _best_scores(rows, mean_scores, orders, lags):
    """Best score of each order and lag, and which of them have failed."""
    scores = np.full((len(orders), len(lags)), np.nan)
    tried = np.zeros(scores.shape, dtype=bool)
    for row, score in zip(rows, mean_scores, strict=True):
        for lag in _cells(row, lags):
            cell = orders.index(row[0]), lags.index(lag)
            scores[cell] = np.fmax(scores[cell], score)
            tried[cell] = True
    return scores, tried & np.isnan(scores)


def _best_cell(search, rows, scores, orders, lags):
    """Cell of the setting that the search chose, else of the highest score."""
    if np.isnan(scores).all():
        return None
    if not hasattr(search, "best_index_"):
        return tuple(
            int(i) for i in np.unravel_index(np.nanargmax(scores), scores.shape)
        )
    row = rows[search.best_index_]
    # A lag that does not matter: the first stands for all.
    lag = lags[0] if row[1] is None else row[1]
    cell = orders.index(row[0]), lags.index(lag)
    return cell if np.isfinite(scores[cell]) else None
