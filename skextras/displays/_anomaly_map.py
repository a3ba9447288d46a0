"""Anomaly maps of patches, brought to the size of images and drawn over them."""

from numbers import Integral, Real

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_is_fitted

from skextras.displays._axes import get_row_of_axes

# ITU-R BT.601, as image libraries turn colours into grey.
_LUMA = (0.299, 0.587, 0.114)
# It is neither grey nor in the default colour map.
_THRESHOLD_COLOR = "deepskyblue"
# Squared distances have long tails: their extremes would leave all else pale.
_TOP_QUANTILE = 0.995
# Black is drawn as this share of white, so that dark colours show on it.
_BLACK = 0.25


def pixel_map(maps, size, *, sigma=4.0):
    """Bring anomaly maps of patches to the size of the images, and smooth them.

    Values are interpolated linearly between the centres of the patches, which are taken
    to cover the image without gaps; outside the outer centres the map is constant.

    Parameters
    ----------
    maps : array-like of shape (height, width) or (n_images, height, width)
        One or several maps of patches, as `anomaly_map` returns them.

    size : tuple of two int
        Height and width of the images, in pixels.

    sigma : float, default=4.0
        Standard deviation of the Gaussian that smooths the result, in pixels; 0 to
        leave it as it is.

    Returns
    -------
    maps : ndarray of shape `size` or (n_images, `*size`)
        The maps of pixels, in float32 if `maps` is, in float64 otherwise.

    Raises
    ------
    ValueError
        If `maps` is not one or several finite maps, `size` not a pair of positive
        integers, or `sigma` negative.

    See Also
    --------
    AnomalyMapDisplay : Draws the result over the images.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.displays import pixel_map
    >>> pixel_map(np.array([[0.0, 1.0]]), (1, 4), sigma=0)
    array([[0.  , 0.25, 0.75, 1.  ]])
    """
    maps = check_array(
        maps,
        dtype=[np.float64, np.float32],
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        input_name="maps",
    )
    if maps.ndim not in (2, 3) or 0 in maps.shape[-2:]:
        raise ValueError(
            "maps must have the shape (height, width) or (n_images, height, width), "
            f"got {maps.shape}."
        )
    size = _check_size(size)
    if not (isinstance(sigma, Real) and 0 <= sigma < np.inf):
        raise ValueError(f"sigma must be a number of pixels from 0 on, got {sigma!r}.")
    out = np.empty(maps.shape[:-2] + size, dtype=maps.dtype)
    factors = size[0] / maps.shape[-2], size[1] / maps.shape[-1]
    for index in np.ndindex(maps.shape[:-2]):
        # In grid mode the corners of the two grids coincide, not their outer centres.
        zoom(
            maps[index],
            factors,
            output=out[index],
            order=1,
            mode="nearest",
            grid_mode=True,
        )
        if sigma > 0:
            gaussian_filter(out[index], sigma, output=out[index])
    return out


def _check_size(size):
    """Return a pair of positive integers."""
    pair = tuple(size) if np.iterable(size) else (size,)
    if len(pair) != 2 or not all(isinstance(n, Integral) and n > 0 for n in pair):
        raise ValueError(
            f"size must be the height and the width of the images in pixels, two "
            f"positive integers, got {size!r}."
        )
    return int(pair[0]), int(pair[1])


class AnomalyMapDisplay:
    """Anomaly maps drawn over their images.

    The images are drawn in grey, and over them the map, the more opaque the more
    anomalous. All images share one colour scale. Where the threshold of a patch is
    known, a line surrounds what exceeds it.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Parameters are
    stored as attributes.

    Parameters
    ----------
    maps : list of ndarray of shape (height, width)
        The maps, of the size of their images if there are any.

    images : list of ndarray of shape (height, width), default=None
        Grey images; none by default.

    threshold : float, default=None
        Value of the maps to draw a line at; none by default.

    label : str, default="anomaly score of a patch"
        What the colour bar is called.

    Attributes
    ----------
    axes_ : ndarray of shape (n_images,)
        The axes that :meth:`plot` drew on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    maps_ : list of matplotlib.image.AxesImage
        The maps.

    contours_ : list of matplotlib.contour.QuadContourSet or None
        The line at the threshold in each map, None where nothing exceeds it.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar.

    See Also
    --------
    skextras.SubspaceAD : Computes the maps.
    pixel_map : Brings maps of patches to the size of the images.

    Examples
    --------
    >>> from skextras import SubspaceAD
    >>> from skextras.datasets import BaselinePatchFeatures, load_pcb
    >>> from skextras.displays import AnomalyMapDisplay
    >>> pcb = load_pcb()
    >>> extractor = BaselinePatchFeatures(stride=16).fit(pcb.templates)
    >>> detector = SubspaceAD(0.999, alpha=0.25).fit(extractor.transform(pcb.templates))
    >>> display = AnomalyMapDisplay.from_estimator(
    ...     detector, extractor.transform(pcb.images), images=pcb.images
    ... )
    >>> len(display.axes_), display.maps[0].shape
    (4, (640, 640))
    """

    def __init__(
        self, maps, *, images=None, threshold=None, label="anomaly score of a patch"
    ):
        self.maps = maps
        self.images = images
        self.threshold = threshold
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, X, *, images=None, sigma=4.0, ax=None, **plot_options
    ):
        """Draw the anomaly maps that a detector gives.

        Parameters
        ----------
        estimator : SubspaceAD or ImageSubspaceAD
            A fitted detector.

        X : array-like of shape (n_images, n_rows, n_columns, n_features), or images
            What the detector takes: the features of the patches on their grid, or the
            images themselves.

        images : array-like or list of images, default=None
            The images, (height, width) or (height, width, n_channels) each. By default
            those of X, or none if X holds features.

        sigma : float, default=4.0
            Standard deviation, in pixels, of the Gaussian that smooths the maps of
            pixels. Maps that are drawn without images stay as they are.

        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, one for each image; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : AnomalyMapDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no `anomaly_map`.

        ValueError
            If the patches of X have no grid, or there are not as many images as maps.
        """
        if not hasattr(estimator, "anomaly_map"):
            raise TypeError(
                "estimator must be a fitted SubspaceAD or ImageSubspaceAD, got "
                f"{type(estimator).__name__}. Of a pipeline, pass the last step, "
                "pipeline[-1], with its input, pipeline[:-1].transform(X), and the "
                "images."
            )
        check_is_fitted(estimator)
        # Those that take images have no reading of tables.
        takes_images = not get_tags(estimator).input_tags.two_d_array
        if not takes_images:
            _check_grid(X)
        elif images is None:
            images = X
        if images is not None:
            # Here already: what cannot be drawn should not cost the maps first.
            images = [_grey(image) for image in images]
        if takes_images:
            # One by one: their sizes, and with them the grids, may differ.
            maps = [estimator.anomaly_map(X[i : i + 1])[0] for i in range(len(X))]
        else:
            maps = estimator.anomaly_map(X)
        return cls.from_predictions(
            maps,
            images=images,
            sigma=sigma,
            threshold=_patch_threshold(estimator),
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_predictions(
        cls,
        maps,
        *,
        images=None,
        sigma=4.0,
        threshold=None,
        label="anomaly score of a patch",
        ax=None,
        **plot_options,
    ):
        """Draw given anomaly maps.

        Parameters
        ----------
        maps : array-like of shape (n_images, n_rows, n_columns), or list of maps
            The maps of patches; of pixels if `sigma` is 0 and they are smooth already.

        images : array-like or list of images, default=None
            The images, (height, width) or (height, width, n_channels) each; none by
            default.

        sigma : float, default=4.0
            Standard deviation, in pixels, of the Gaussian that smooths the maps of
            pixels. Maps that are drawn without images stay as they are.

        threshold : float, default=None
            Value of the maps to draw a line at; none by default.

        label : str, default="anomaly score of a patch"
            What the colour bar is called.

        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, one for each image; a new figure by default.

        **plot_options : dict
            Further options of :meth:`plot`.

        Returns
        -------
        display : AnomalyMapDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are no maps, they are not two-dimensional, or there are not as many
            images as maps.
        """
        maps = [_check_map(values) for values in maps]
        if not maps:
            raise ValueError("maps is empty: there is nothing to draw.")
        if images is not None:
            images = [_grey(image) for image in images]
            if len(images) != len(maps):
                raise ValueError(
                    f"There are {len(maps)} maps and {len(images)} images: each map "
                    "needs its image."
                )
            maps = [
                pixel_map(values, image.shape, sigma=sigma)
                for values, image in zip(maps, images, strict=True)
            ]
        display = cls(maps, images=images, threshold=threshold, label=label)
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        *,
        ax=None,
        cmap="YlOrRd",
        alpha=0.85,
        vmin=None,
        vmax=None,
        titles=None,
        colorbar=True,
    ):
        """Draw the maps.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, one for each image; a new figure by default.

        cmap : str or matplotlib.colors.Colormap, default="YlOrRd"
            A sequential colour map.

        alpha : float, default=0.85
            Opacity of the most anomalous values over an image, between 0 and 1. The
            least anomalous are transparent.

        vmin, vmax : float, default=None
            Values at the ends of the colour map; by default, the least value of all
            maps, and the value that half a percent of them exceed.

        titles : sequence of str, default=None
            A title for each image.

        colorbar : bool, default=True
            Whether to add a colour bar.

        Returns
        -------
        self : AnomalyMapDisplay
            The display, with the attributes `axes_`, `figure_`, `maps_`, `contours_`
            and `colorbar_`.

        Raises
        ------
        ValueError
            If there are not as many axes or titles as maps.

        ImportError
            If matplotlib is not installed.
        """
        self.axes_, self.figure_ = get_row_of_axes(len(self.maps), ax)
        limits = _limits(self.maps, vmin, vmax)
        if self.images is not None:
            cmap = _fading(cmap, alpha)
        titles = [""] * len(self.maps) if titles is None else list(titles)
        if len(titles) != len(self.maps):
            raise ValueError(f"{len(self.maps)} maps need as many titles: {titles}.")
        self.maps_, self.contours_ = [], []
        for i, (ax, title) in enumerate(zip(self.axes_, titles, strict=True)):
            if self.images is not None:
                _draw_image(ax, self.images[i])
            heat = ax.imshow(self.maps[i], cmap=cmap, vmin=limits[0], vmax=limits[1])
            self.maps_.append(heat)
            self.contours_.append(self._draw_threshold(ax, self.maps[i]))
            ax.set_title(title)
            ax.set_xticks([])
            ax.set_yticks([])
        self.colorbar_ = self._draw_colorbar() if colorbar else None
        return self

    def _draw_threshold(self, ax, values):
        """Surround what exceeds the threshold."""
        # Nothing to surround: matplotlib would warn.
        if self.threshold is None or not values.min() < self.threshold < values.max():
            return None
        return ax.contour(
            values, levels=[self.threshold], colors=_THRESHOLD_COLOR, linewidths=1.2
        )

    def _draw_colorbar(self):
        """Add the colour bar, with a line at the threshold."""
        low, high = self.maps_[0].get_clim()
        beyond = max(values.max() for values in self.maps) > high
        bar = self.figure_.colorbar(
            self.maps_[0],
            ax=list(self.axes_),
            label=self.label,
            extend="max" if beyond else "neither",
        )
        if self.threshold is not None and low < self.threshold < high:
            bar.ax.axhline(self.threshold, color=_THRESHOLD_COLOR, linewidth=2)
        return bar


def _check_grid(X):
    """Refuse patches without a grid."""
    shape = np.shape(X)
    if len(shape) != 4:
        raise ValueError(
            "A map needs the grid of the patches: X must have the shape (n_images, "
            f"n_rows, n_columns, n_features), got {shape}. Reshape the patches to "
            "their grid."
        )


def _patch_threshold(estimator):
    """Score above which a patch is anomalous; None where it is not calibrated."""
    detector = getattr(estimator, "detector_", estimator)
    offset = getattr(detector, "patch_offset_", None)
    return None if offset is None or not np.isfinite(offset) else -float(offset)


def _check_map(values):
    """Return one map as a finite array of two dimensions."""
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(
            "maps must hold maps of shape (n_rows, n_columns), one for each image, got "
            f"one of shape {values.shape}. A single map is maps[None]."
        )
    return check_array(values, dtype=[np.float64, np.float32], input_name="maps")


def _grey(image):
    """Return an image without its colours, which those of the map would mix with."""
    if np.ndim(image) not in (2, 3):
        raise ValueError(
            "images must hold arrays, (height, width) or (height, width, n_channels) "
            f"each, got {image!r:.80}. Read files first."
        )
    image = check_array(
        image, dtype="numeric", ensure_2d=False, allow_nd=True, input_name="images"
    )
    if image.ndim == 2:
        return image
    if image.shape[2] in (3, 4):
        # A fourth channel is opacity.
        grey = image[..., :3] @ np.array(_LUMA)
    else:
        grey = image.mean(axis=2)
    return np.rint(grey).astype(np.uint8) if image.dtype == np.uint8 else grey


def _limits(maps, vmin, vmax):
    """Values at the ends of the colour map."""
    if vmin is None:
        vmin = min(values.min() for values in maps)
    if vmax is None:
        pooled = np.concatenate([values.ravel() for values in maps])
        vmax = np.quantile(pooled, _TOP_QUANTILE)
        if vmax <= vmin:
            vmax = pooled.max()
    return vmin, vmax


def _draw_image(ax, image):
    """Draw a grey image in its full range, black as dark grey."""
    # 8 bits say what black and white are; other images say it by their extremes.
    low, high = (0, 255) if image.dtype == np.uint8 else (image.min(), image.max())
    black = high - (float(high) - float(low)) / (1 - _BLACK)
    ax.imshow(image, cmap="gray", vmin=black, vmax=high)


def _fading(cmap, alpha):
    """Make a colour map transparent at its lower end.

    The colour bar then shows the colours as they are over a white image.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colours = colormaps.get_cmap(cmap)(np.linspace(0, 1, 256))
    colours[:, 3] *= alpha * np.linspace(0, 1, 256)
    return ListedColormap(colours, name="fading")
