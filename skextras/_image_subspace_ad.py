"""Anomaly detection on images: a patch extractor, rotated copies, and a subspace."""

import math
from numbers import Integral, Real

import numpy as np
from scipy.ndimage import affine_transform
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._dino_patch_features import DinoPatchFeatures
from skextras._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skextras._subspace_ad import SubspaceAD
from skextras._validation_images import read_image, validate_images

# Images that pass the extractor at once.
_BATCH = 8


class ImageSubspaceAD(PackageMixin, OutlierMixin, BaseEstimator):
    r"""Detect and localise anomalies in images from a few normal ones.

    Patch features of the normal images and of rotated copies of them span a subspace;
    patches of other images are scored by their distance to it. One image can suffice to
    rank and to localise, with aligned objects or textures.

    It is :class:`~skextras.SubspaceAD` behind a patch extractor. Use that class itself
    on features that exist already.

    Read more in the :doc:`user guide </guide/subspace_ad>`.

    Parameters
    ----------
    extractor : transformer or None, default=None
        Turns images into patch features, (n_images, height, width, n_features_out). A
        clone is fitted. None is :class:`~skextras.DinoPatchFeatures`, which needs
        torch and downloaded weights;
        :class:`~skextras.datasets.BaselinePatchFeatures` needs neither.

    detector : SubspaceAD or None, default=None
        Scores the patches; a clone is fitted. None is :class:`~skextras.SubspaceAD`.

    n_rotations : int, default=30
        Number of rotated copies of each image. Take 0 where the orientation of the
        objects is fixed, so that a rotated one is an anomaly.

    max_angle : float, default=345
        Angles are drawn uniformly from 0 to this, in degrees.

    fill : {"reflect", "black", "masked"}, default="reflect"
        What stands in the corners that a rotation leaves empty:

        - "reflect": the image, mirrored at its borders;
        - "black": zeros, as in the authors' code. The corners are learnt as normal, so
          that black patches may pass as such;
        - "masked": as "reflect", but only the patches that lie wholly inside the
          rotated image are learnt from.

    random_state : int, RandomState instance or None, default=None
        Draws the angles.

    Attributes
    ----------
    extractor_ : transformer
        The extractor, fitted on the images without their copies.

    detector_ : SubspaceAD
        The detector, fitted on all patches. Calling its `partial_fit` would start anew.

    offset_ : float
        What `decision_function` subtracts from `score_samples`: the detector's.

    n_features_in_ : int
        Number of channels of the images seen during :term:`fit`, 1 for grey ones.

    See Also
    --------
    SubspaceAD : The detector, and what its scores and thresholds mean.
    DinoPatchFeatures : The default extractor.
    skextras.displays.AnomalyMapDisplay : Draws the maps.

    Notes
    -----
    An image and its copies are one group of the detector: cross-fitting never scores an
    image by a model that has seen a copy of it, and the copies, which are not
    exchangeable with new images, do not calibrate the threshold. With fewer than 19
    images no threshold keeps the default rate of false alarms, which a warning says;
    the ranking of images and patches is unaffected.

    Rotations are bilinear and about the centre. Every image and every copy passes the
    extractor once, some at a time, and their features are added to the moments of the
    detector at once: memory does not grow with the number of copies. The patches are
    taken to tile the image evenly.

    References
    ----------
    .. [1] C. Lendering, E. Akdag and E. Bondarev, "SubspaceAD: Training-free few-shot
       anomaly detection via subspace modeling", CVPR 2026, arXiv:2602.23013.

    Examples
    --------
    >>> import warnings
    >>> from skextras import ImageSubspaceAD, SubspaceAD
    >>> from skextras.datasets import BaselinePatchFeatures, load_pcb
    >>> pcb = load_pcb()
    >>> estimator = ImageSubspaceAD(
    ...     BaselinePatchFeatures(), SubspaceAD(0.999), n_rotations=0
    ... )
    >>> with warnings.catch_warnings():  # one image calibrates no threshold
    ...     warnings.simplefilter("ignore")
    ...     estimator = estimator.fit(pcb.templates[:1])
    >>> estimator.anomaly_map(pcb.images[:1]).shape
    (1, 80, 80)
    """

    _parameter_constraints: dict = {
        "extractor": [HasMethods(["fit", "transform"]), None],
        "detector": [HasMethods(["partial_fit", "anomaly_map"]), None],
        "n_rotations": [Interval(Integral, 0, None, closed="left")],
        "max_angle": [Interval(Real, 0, 360, closed="both")],
        "fill": [StrOptions({"reflect", "black", "masked"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        extractor=None,
        detector=None,
        *,
        n_rotations=30,
        max_angle=345,
        fill="reflect",
        random_state=None,
    ):
        self.extractor = extractor
        self.detector = detector
        self.n_rotations = n_rotations
        self.max_angle = max_angle
        self.fill = fill
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the subspace and the threshold from normal images.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            Normal images, on the scale that the extractor expects. Those of a list may
            differ in size. Files are read one by one, and all at once only for the
            `fit` of an extractor that learns from them.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If X holds no images, or the extractor or the detector refuses them.
        """
        images = validate_images(self, X, reset=True)
        rng = check_random_state(self.random_state)
        extractor = _clone_or(self.extractor, DinoPatchFeatures)
        detector = _clone_or(self.detector, SubspaceAD)
        # Fitting the default looks at no pixel: its files need not be read.
        by_path = isinstance(extractor, DinoPatchFeatures)
        extractor.fit(images if by_path else _read_all(images))
        for number, image in enumerate(images):
            angles = rng.uniform(0, self.max_angle, self.n_rotations)
            for patches in _patches(self, extractor, _read(image), angles):
                detector.partial_fit(patches, groups=[number] * len(patches))
        self.offset_ = detector.offset_
        # The moments, to which another batch would be added: many times the model.
        vars(detector).pop("_stream", None)
        self.extractor_, self.detector_ = extractor, detector
        return self

    def score_samples(self, X):
        """Score images: larger for more normal ones.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images, with the number of channels of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_images,)
            Minus the detector's score of each image.
        """
        scores = np.concatenate(list(_map_batches(self, X, "score_samples")))
        return scores.astype(np.float64)

    def decision_function(self, X):
        """Score images in relation to the threshold.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images, with the number of channels of `fit`.

        Returns
        -------
        decision : ndarray of shape (n_images,)
            ``score_samples(X) - offset_``, negative for anomalies.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell normal images from anomalies.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images, with the number of channels of `fit`.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            1 for normal images, -1 for anomalies.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_value(self, X):
        """Compute p-values of the hypothesis that images are normal.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images, with the number of channels of `fit`.

        Returns
        -------
        p_values : ndarray of shape (n_images,)
            At least 1 / (1 + the number of images in `fit`).
        """
        return np.concatenate(list(_map_batches(self, X, "p_value")))

    def anomaly_map(self, X):
        """Compute the detector's statistic of every patch.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images, with the number of channels of `fit`, of sizes that give one
            number of patches.

        Returns
        -------
        maps : ndarray of shape (n_images, n_rows, n_columns)
            Larger for patches that are less like those of normal images. See
            :func:`~skextras.displays.pixel_map` for maps of the images' size.

        Raises
        ------
        ValueError
            If images of different sizes give maps of different sizes.
        """
        maps = list(_map_batches(self, X, "anomaly_map"))
        if len(shapes := {found.shape[1:] for found in maps}) > 1:
            raise ValueError(
                f"The images of X differ in size and give maps of {sorted(shapes)} "
                "patches: compute them in several calls."
            )
        return np.concatenate(maps)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A table has no neighbouring pixels.
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _clone_or(estimator, default):
    """Unfitted copy of a given estimator, or a default one."""
    return default() if estimator is None else clone(estimator)


def _read(image):
    return read_image(image, needed_by="ImageSubspaceAD")


def _read_all(images):
    """Images in memory; an array stays one."""
    return images if isinstance(images, np.ndarray) else [_read(i) for i in images]


def _patches(self, extractor, image, angles):
    """Yield the features of the image and its copies, some images at a time."""
    # The image itself comes first: the first of a group calibrates the threshold.
    turns, step = [None, *angles], _batch_size(extractor)
    for start in range(0, len(turns), step):
        batch = turns[start : start + step]
        copies = [_rotated(image, angle, self.fill) for angle in batch]
        features = _transform(extractor, np.stack(copies))
        if self.fill != "masked":
            yield features
            continue
        for one, angle in zip(features, batch, strict=True):
            if angle is None:
                yield one[None]
                continue
            inside = _wholly_inside(image.shape[:2], one.shape[:2], angle)
            if inside.any():
                yield one[inside][None]


def _batch_size(extractor):
    """Images that an extractor gets at once: its own number, if it has one."""
    return getattr(extractor, "batch_size", _BATCH)


def _transform(extractor, images):
    """Features of images, with the shape checked."""
    features = extractor.transform(images)
    if np.ndim(features) != 4 or len(features) != len(images):
        raise ValueError(
            f"extractor={extractor!r} must give features of shape (n_images, height, "
            f"width, n_features) for {len(images)} images, got {np.shape(features)}."
        )
    return features


def _rotated(image, angle, fill):
    """Copy of an image, rotated about its centre; in floating point, unrounded."""
    # Values are kept: an extractor must not see 8-bit images and copies on two scales.
    dtype = np.result_type(image.dtype.newbyteorder("="), np.float32)
    image = image.astype(dtype)
    if angle is None:
        return image
    matrix, offset = _rotation(image.shape[:2], angle)
    mode = "constant" if fill == "black" else "mirror"
    channels = image[:, :, None] if image.ndim == 2 else image
    out = np.empty_like(channels)
    for channel in range(channels.shape[2]):
        out[:, :, channel] = affine_transform(
            channels[:, :, channel], matrix, offset, order=1, mode=mode
        )
    return out.reshape(image.shape)


def _rotation(size, angle):
    """Matrix and offset that lead from a pixel of the copy to where it is from."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    centre = (np.array(size) - 1) / 2
    return matrix, centre - matrix @ centre


def _wholly_inside(size, grid, angle):
    """Tell which patches of a rotated copy have all their pixels from the image."""
    matrix, offset = _rotation(size, angle)
    inside = np.ones(grid, dtype=bool)
    edges = []
    for length, n_patches in zip(size, grid, strict=True):
        # First and last pixel of each patch, those included that two share.
        bounds = length * np.arange(n_patches + 1)
        edges.append((bounds[:-1] // n_patches, -(-bounds[1:] // n_patches) - 1))
    # The image is convex: a patch is inside where its corners are.
    for rows in edges[0]:
        for columns in edges[1]:
            corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
            source = corners @ matrix.T + offset
            # A rounding error, of a pixel, must not cost the border of a right angle.
            low, high = -1e-6, np.array(size) - 1 + 1e-6
            inside &= ((source >= low) & (source <= high)).all(axis=-1)
    return inside


def _map_batches(self, X, method):
    """Yield what a method of the detector says of each batch of images."""
    check_is_fitted(self)
    images = validate_images(self, X, reset=False)
    for batch in _batches(images, _batch_size(self.extractor_)):
        yield getattr(self.detector_, method)(_transform(self.extractor_, batch))


def _batches(images, step):
    """Yield arrays of successive images of one size."""
    if isinstance(images, np.ndarray):
        yield from (images[i : i + step] for i in range(0, len(images), step))
        return
    batch = []
    for image in map(_read, images):
        if batch and (len(batch) == step or image.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(image)
    yield np.stack(batch)
