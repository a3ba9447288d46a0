"""Maps of the cycles through nodes, drawn where the nodes are."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skextras.displays._axes import get_row_of_axes

# Name, horizontal and vertical coordinate of each projection.
_PROJECTIONS = (("sagittal", 1, 2), ("coronal", 0, 2), ("axial", 0, 1))
# Share of the axes that the markers of a filled volume are to cover.
_COVERED = 0.55
# Width and height of the part of new axes that holds the markers, in points.
_EXTENT = 160
# Extent of the axes, in units of that of the nodes.
_ROOM = 1.25
# A zero at the pale end of the colour map is hardly seen without.
_EDGE = {"edgecolors": "0.6", "linewidths": 0.3}


class CycleMapDisplay:
    """Values of nodes in three projections along the axes of space.

    Each node is a marker at its place, coloured by its value. Where markers cover each
    other, the node with the largest value is in front: what is seen is the maximum
    along the line of sight.

    Make one with :meth:`from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_nodes,)
        The values, one for each node.

    coordinates : ndarray of shape (n_nodes, 3)
        Positions of the nodes: to the right, to the front and upwards, as in the
        common spaces of brain images.

    label : str, default="cycle3"
        What the colour bar is called.

    Attributes
    ----------
    axes_ : ndarray of shape (3,)
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    markers_ : list of matplotlib.collections.PathCollection
        The nodes in each projection.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar.

    See Also
    --------
    skextras.ThreeCycleMap : Computes the values.
    nilearn.plotting.plot_stat_map : Draws an image, such as a masker makes of a map.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import ThreeCycleMap
    >>> from skextras.displays import CycleMapDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2, 100, 40)) + rng.standard_normal((2, 100, 1))
    >>> coordinates = rng.uniform(-60, 60, (40, 3))
    >>> maps = ThreeCycleMap(0.4).fit(X)
    >>> display = CycleMapDisplay.from_estimator(maps, X, coordinates=coordinates)
    >>> [ax.get_title() for ax in display.axes_]
    ['sagittal', 'coronal', 'axial']
    """

    def __init__(self, values, coordinates, *, label="cycle3"):
        self.values = values
        self.coordinates = coordinates
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        coordinates=None,
        subject=0,
        block=0,
        axes=None,
        **plot_options,
    ):
        """Draw one block of the map of one subject.

        Parameters
        ----------
        estimator : ThreeCycleMap
            A fitted estimator.

        X : list of array-like of shape (n_times, n_nodes), or array-like of shape \
                (n_subjects, n_times, n_nodes)
            The subjects; only the one that is drawn is computed.

        coordinates : array-like of shape (n_nodes, 3), default=None
            Positions of the nodes; by default those of the estimator.

        subject : int, default=0
            Which subject.

        block : int, default=0
            Which block of `n_nodes` columns: one for each threshold, feature and bin of
            distance, in the order of the columns.

        axes : array-like of matplotlib.axes.Axes, default=None
            Where to draw, one for each of the three projections; a new figure by
            default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : CycleMapDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is not a ThreeCycleMap.

        ValueError
            If there are no coordinates, X is 2-D, or there is no such subject or block.

        Examples
        --------
        >>> import numpy as np
        >>> from skextras import ThreeCycleMap
        >>> from skextras.displays import CycleMapDisplay
        >>> X = np.random.default_rng(0).standard_normal((3, 50, 8))
        >>> corners = np.indices((2, 2, 2)).reshape(3, 8).T
        >>> maps = ThreeCycleMap([0.0, 0.1]).fit(X)
        >>> display = CycleMapDisplay.from_estimator(
        ...     maps, X, coordinates=corners, subject=2, block=1
        ... )
        >>> display.label
        'r0.1_cycle3'
        """
        from skextras import ThreeCycleMap

        if not isinstance(estimator, ThreeCycleMap):
            raise TypeError(
                f"estimator must be a fitted ThreeCycleMap, got "
                f"{type(estimator).__name__}. Of a pipeline, pass the step, with its "
                "input: pipeline['threecyclemap'], pipeline[:i].transform(X)."
            )
        check_is_fitted(estimator)
        coordinates = estimator.coordinates if coordinates is None else coordinates
        if coordinates is None:
            raise ValueError("Give coordinates: the estimator has none.")
        # Names are known, and what is asked for refused, before a map is computed.
        columns = estimator.get_feature_names_out()
        n_nodes = estimator.n_nodes_
        coordinates = _check_coordinates(coordinates, n_nodes)
        _check_index("block", block, len(columns) // n_nodes)
        maps = np.asarray(estimator.transform(_one_subject(X, subject)), dtype=float)
        label = _block_name(estimator, columns[block * n_nodes])
        display = cls(maps.reshape(-1, n_nodes)[block], coordinates, label=label)
        return display.plot(axes=axes, **plot_options)

    def plot(
        self,
        *,
        axes=None,
        cmap="YlOrRd",
        vmin=None,
        vmax=None,
        size=None,
        colorbar=True,
    ):
        """Draw the nodes.

        Parameters
        ----------
        axes : array-like of matplotlib.axes.Axes, default=None
            Where to draw, one for each of the three projections; a new figure by
            default.

        cmap : str or matplotlib.colors.Colormap, default="YlOrRd"
            A sequential colour map.

        vmin, vmax : float, default=None
            Values at the ends of the colour map; the extreme ones by default.

        size : float, default=None
            Area of a marker in square points; by default, what fills the projections.

        colorbar : bool, default=True
            Whether to add a colour bar.

        Returns
        -------
        self : CycleMapDisplay
            The display, with the attributes `axes_`, `figure_`, `markers_` and
            `colorbar_`.

        Raises
        ------
        ValueError
            If there is not a finite value for each node, the coordinates are not
            finite or not three, or another number of axes is given.

        ImportError
            If matplotlib is not installed.
        """
        values = check_array(self.values, ensure_2d=False, input_name="values")
        if values.ndim != 1:
            raise ValueError(
                f"values must have the shape (n_nodes,), got {values.shape}."
            )
        places = _check_coordinates(self.coordinates, len(values))
        self.axes_, self.figure_ = get_row_of_axes(3, axes, size=2.9, name="axes")
        size = _marker_area(len(values)) if size is None else size
        order = np.argsort(values, kind="stable")
        limits = _equal_limits(places)
        colours = {
            "c": values[order],
            "cmap": cmap,
            "vmin": values.min() if vmin is None else vmin,
            "vmax": values.max() if vmax is None else vmax,
        }
        self.markers_ = []
        for ax, (title, across, up) in zip(self.axes_, _PROJECTIONS, strict=True):
            horizontal, vertical = places[order, across], places[order, up]
            self.markers_.append(
                ax.scatter(horizontal, vertical, s=size, **colours, **_EDGE)
            )
            ax.set(title=title, xlabel="xyz"[across], ylabel="xyz"[up])
            ax.set(xlim=limits[across], ylim=limits[up], aspect="equal")
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.markers_[0], ax=list(self.axes_), label=self.label
            )
        return self


def _check_coordinates(coordinates, n_nodes):
    """Return finite coordinates of each node in space."""
    places = check_array(coordinates, ensure_min_samples=0, input_name="coordinates")
    if places.shape != (n_nodes, 3):
        raise ValueError(
            f"coordinates must have the shape (n_nodes, 3), here ({n_nodes}, 3), got "
            f"{places.shape}."
        )
    return places


def _marker_area(n_nodes):
    """Area of a marker, in square points, that fills the projections."""
    # In a filled volume, so many nodes are seen beside each other.
    return _COVERED * _EXTENT**2 / max(n_nodes, 8) ** (2 / 3)


def _equal_limits(places):
    """Return limits of each coordinate, equally long, so that scales are the same."""
    low, high = places.min(axis=0), places.max(axis=0)
    # A single node has no extent.
    half = _ROOM * (high - low).max() / 2 or 1.0
    centre = (low + high) / 2
    return np.column_stack([centre - half, centre + half])


def _check_index(name, index, n):
    if not isinstance(index, Integral) or not 0 <= index < n:
        raise ValueError(f"{name} must be an integer from 0 to {n - 1}, got {index!r}.")


def _one_subject(X, subject):
    """Return X with the subject to draw alone."""
    _check_index("subject", subject, len(X))
    one = X[subject : subject + 1]
    n_axes = 1 + np.ndim(one[0]) if isinstance(one, list | tuple) else np.ndim(one)
    if n_axes == 2:
        raise ValueError(
            "X is 2-D and read as one node per sample, which leaves nothing to draw. "
            "Pass one subject as X[None], several as a list."
        )
    return one


def _block_name(estimator, column):
    """Name of a block: that of its first column without the node."""
    names = getattr(estimator, "feature_names_in_", ["0"])
    return column.removesuffix(f"_{names[0]}")
