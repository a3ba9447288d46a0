"""Patch features of images that need no pretrained network."""

from numbers import Integral

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._resources import chunk_length
from skextras._sklearn import Interval, _fit_context
from skextras._validation_images import image_sizes, read_image, validate_images

_NAME = "BaselinePatchFeatures"
_SCALES = (1, 2, 4)
_ORIENTATIONS = np.pi * np.arange(4) / 4
# Contrast at which the logarithm begins to compress.
_GAIN = 20
_EDGE_BOXES, _EDGE_RMS_BOX, _GREY_BOXES = (9, 25), 17, (5, 9, 17, 33)
_EDGE_FEATURES = len(_SCALES) * len(_ORIENTATIONS) * (len(_EDGE_BOXES) + 1)
_N_FEATURES = _EDGE_FEATURES + len(_GREY_BOXES)

# ITU-R BT.601, as image libraries turn colours into grey.
_LUMA = (0.299, 0.587, 0.114)

# The temporaries of a chunk stay in the processor's cache where images are small.
_MAPS_PER_IMAGE, _CHUNK_BYTES = 16, 4_000_000


class BaselinePatchFeatures(PackageMixin, TransformerMixin, BaseEstimator):
    r"""Features of image patches from filters at three scales and four orientations.

    A stand-in for the features of a pretrained network in tests and examples: it needs
    no weights, tells edges, textures and grey levels apart, and suffices to localise
    visible defects of aligned images. Each patch gets 40 features, centred and scaled
    over the patches of the training images.

    Parameters
    ----------
    stride : int, default=8
        Distance of neighbouring patches, in pixels. A patch is described around its
        centre: pixel ``stride // 2`` of the first one.

    Attributes
    ----------
    mean_ : ndarray of shape (40,)
        Mean of each feature over the patches of the training images.

    scale_ : ndarray of shape (40,)
        Standard deviation of each feature, 1 where it does not vary.

    n_features_in_ : int
        Number of colour channels of the training images, 1 for grey ones.

    See Also
    --------
    skextras.SubspaceAD : Finds patches unlike those of normal images.
    load_pcb : Images to try it on.

    Notes
    -----
    With the grey level :math:`g` divided by 255, the contrast at scale
    :math:`\sigma \in \{1, 2, 4\}` in one of four directions :math:`u` is

    .. math:: m = \log\left(1 + 20 \sqrt{(\sigma \partial_u g_\sigma)^2
              + (\sigma^2 \partial_u^2 g_\sigma)^2}\right),

    where :math:`g_\sigma` is :math:`g` smoothed by a Gaussian of standard deviation
    :math:`\sigma` pixels. The features are, for each of the twelve :math:`m`, its means
    over squares of 9 and 25 pixels and its root mean square over 17; then the means of
    :math:`g` over 5, 9, 17 and 33 pixels. Images are mirrored at their borders.

    Values are read on the scale of 8-bit images, 0 to 255, whatever their type:
    multiply by 255 what is scaled to [0, 1]. Three channels are read as red, green and
    blue; of any other number, the mean is taken. The computation is in float32.

    Examples
    --------
    >>> from skextras.datasets import BaselinePatchFeatures, load_pcb
    >>> pcb = load_pcb()
    >>> extractor = BaselinePatchFeatures().fit(pcb.templates[:1])
    >>> extractor.transform(pcb.images).shape
    (4, 80, 80, 40)
    """

    _parameter_constraints: dict = {
        "stride": [Interval(Integral, 1, None, closed="left")]
    }

    def __init__(self, stride=8):
        self.stride = stride

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the mean and the scale of each feature.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images. Those of a list may differ in size.

        y : None
            Ignored.

        Returns
        -------
        self : BaselinePatchFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If X holds no images, their numbers of channels differ, or one is smaller
            than half of `stride`.
        """
        images = validate_images(self, X, reset=True)
        n_patches, sums, squares, shift = 0, [], [], None
        for _, features in _feature_chunks(images, self.stride):
            rows = features.reshape(len(features), -1, _N_FEATURES).astype(np.float64)
            if shift is None:
                # A patch itself, so that features that do not vary deviate by 0.
                shift = rows[0, 0].copy()
            rows -= shift
            n_patches += rows.shape[0] * rows.shape[1]
            # Image by image: the size of the chunks must not show in the last digit.
            sums.append(rows.sum(axis=1))
            squares.append(np.square(rows, out=rows).sum(axis=1))
        offset = np.concatenate(sums).sum(axis=0) / n_patches
        variance = np.concatenate(squares).sum(axis=0) / n_patches - offset**2
        self.mean_ = shift + offset
        self.scale_ = _scale(self.mean_, variance)
        return self

    def transform(self, X):
        """Describe the patches of images.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images
            The images, all of one size, which need not be that of the training images.

        Returns
        -------
        features : ndarray of shape (n_images, n_rows, n_columns, 40)
            The features of each patch, in float32, on a grid of about ``height /
            stride`` rows and ``width / stride`` columns.

        Raises
        ------
        ValueError
            If X holds no images, they differ in size or are too small, or have another
            number of channels than the training images.
        """
        check_is_fitted(self)
        images = validate_images(self, X, reset=False)
        sizes = sorted(set(image_sizes(images, needed_by=_NAME)))
        if len(sizes) > 1:
            raise ValueError(
                f"The images of one call must have one size, got {sizes}. Transform "
                "images of different sizes in several calls."
            )
        out = None
        for chunk, features in _feature_chunks(images, self.stride):
            if out is None:
                out = np.empty((len(images), *features.shape[1:]), dtype=np.float32)
            np.divide(features - self.mean_, self.scale_, out=out[chunk])
        return out

    @property
    def _doc_link_template(self):
        return super()._doc_link_template.replace("skextras.{", "skextras.datasets.{")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A table has no patches: its cells would be neighbours only by accident.
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _feature_chunks(images, stride):
    """Yield slices of the images, with the features of their patches."""
    step = 1
    if isinstance(images, np.ndarray):
        n_bytes = 4 * _MAPS_PER_IMAGE * images.shape[1] * images.shape[2]
        step = chunk_length(n_bytes, len(images), max_bytes=_CHUNK_BYTES)
    for start in range(0, len(images), step):
        chunk = slice(start, start + step)
        # Values beyond float32 are found in the result, where there are fewer.
        with np.errstate(over="ignore", invalid="ignore"):
            pixels = [read_image(i, needed_by=_NAME) for i in images[chunk]]
            features = _patch_features(_grey(np.asarray(pixels)), stride)
        if not np.isfinite(features).all():
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )
        yield chunk, features


def _grey(images):
    """Grey levels of images with or without channels, 1 for the white of 8 bits."""
    if images.ndim == 4:
        n_channels = images.shape[3]
        weights = _LUMA if n_channels == 3 else np.full(n_channels, 1 / n_channels)
        # Not as a product of matrices, whose rounding depends on the memory layout.
        levels = np.zeros(images.shape[:3])
        for channel, weight in enumerate(weights):
            levels += weight * images[..., channel]
        images = levels
    return images.astype(np.float32) / np.float32(255)


def _patch_features(grey, stride):
    """Features (n_images, n_rows, n_columns, 40) of grey images, not yet scaled."""
    n_images, *size = grey.shape
    if min(size) <= stride // 2:
        raise ValueError(
            f"Images of {size[0]} by {size[1]} pixels hold no patch centre at "
            f"stride={stride}: they need more than {stride // 2} pixels each way."
        )
    shape = (n_images, *(len(range(stride // 2, length, stride)) for length in size))
    out = np.empty((*shape, _N_FEATURES), dtype=np.float32)
    position = 0
    for scale in _SCALES:
        for m in _contrasts(grey, scale):
            for width in _EDGE_BOXES:
                out[..., position] = _sampled_box_mean(m, width, stride)
                position += 1
            np.square(m, out=m)
            power = _sampled_box_mean(m, _EDGE_RMS_BOX, stride)
            # The running sum of the box filter can end a little below zero.
            out[..., position] = np.sqrt(np.maximum(power, 0))
            position += 1
    for width in _GREY_BOXES:
        out[..., position] = _sampled_box_mean(grey, width, stride)
        position += 1
    return out


def _contrasts(grey, scale):
    """Yield the logarithmic contrast at a scale in each direction."""
    # The filter is separable: three passes down the columns serve all derivatives.
    down = [gaussian_filter1d(grey, scale, axis=1, order=order) for order in range(3)]

    def derivative(rows, columns):
        found = gaussian_filter1d(down[rows], scale, axis=2, order=columns)
        found *= scale ** (rows + columns)
        return found

    gx, gy = derivative(0, 1), derivative(1, 0)
    gxx, gxy, gyy = derivative(0, 2), derivative(1, 1), derivative(2, 0)
    for angle in _ORIENTATIONS:
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        first = c * gx + s * gy
        second = c * c * gxx + 2 * c * s * gxy + s * s * gyy
        m = np.hypot(first, second, out=first)
        m *= _GAIN
        yield np.log1p(m, out=m)


def _sampled_box_mean(maps, width, stride):
    """Mean over a square around each patch centre."""
    centres = slice(stride // 2, None, stride)
    # The second pass skips the columns that are not asked for.
    across = uniform_filter1d(maps, width, axis=2)[:, :, centres]
    return uniform_filter1d(across, width, axis=1)[:, centres]


def _scale(mean, variance):
    """Standard deviations, 1 where they are no more than rounding errors."""
    deviation = np.sqrt(np.maximum(variance, 0))
    grey = slice(_EDGE_FEATURES, None)
    level = np.hypot(mean[grey], deviation[grey]).max()
    # What the filters leave of a uniform image, after the gain.
    floor = _GAIN * np.finfo(np.float32).eps * level
    return np.where(deviation > floor, deviation, 1.0)
