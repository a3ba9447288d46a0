"""Reading of images, from arrays or files, for the image-level estimators."""

import os

import numpy as np
from sklearn.utils import check_array

from skextras._torch import import_extra

# What Pillow turns into red, green and blue without loss of range.
_EIGHT_BIT_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}
_EIGHT_BIT_MODES |= {"CMYK", "YCbCr", "HSV", "LAB"}


def validate_images(estimator, X, *, reset):
    """Validate images without reading the files among them.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_``, the number of channels, when ``reset`` is true.

    X : array-like of shape (n_images, height, width) or \
            (n_images, height, width, n_channels), or list of images or of paths
        The images. Those of a list may differ in size. Files have three channels.

    reset : bool
        Whether to learn the number of channels (``fit``) or to check against it.

    Returns
    -------
    images : ndarray, list of ndarray or list of str
        The images, of any real or integer dtype, or the paths.

    Raises
    ------
    ValueError
        If X holds no images, has NaN or infinite values, or the numbers of channels
        differ, from image to image or from ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skextras._validation_images import validate_images
    >>> estimator = BaseEstimator()
    >>> validate_images(estimator, np.ones((5, 20, 30, 3)), reset=True).shape
    (5, 20, 30, 3)
    >>> estimator.n_features_in_
    3
    """
    name = type(estimator).__name__
    if _are_paths(X):
        images = [os.fspath(path) for path in X]
        channels = {3}
    else:
        images = _check_images(estimator, X)
        channels = {image.shape[2] if image.ndim == 3 else 1 for image in images}
        if any(0 in image.shape for image in images):
            raise ValueError(
                f"Found array with 0 feature(s) (shape=({len(images)}, 0)) while a "
                f"minimum of 1 is required by {name}: an image has the shape "
                f"{next(image.shape for image in images if 0 in image.shape)}."
            )
    if len(channels) > 1:
        raise ValueError(
            f"The images must have one number of channels, got {sorted(channels)}."
        )
    (n_channels,) = channels
    if reset:
        estimator.n_features_in_ = n_channels
    elif n_channels != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_channels} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input: these are the channels of "
            "the images."
        )
    return images


def _are_paths(X):
    """Tell whether X is a sequence of paths."""
    if not isinstance(X, list | tuple) and getattr(X, "ndim", None) != 1:
        return False
    return len(X) > 0 and all(isinstance(path, str | os.PathLike) for path in X)


def _check_images(estimator, X):
    """Check images that are in memory, or mapped into it."""
    checks = {"dtype": "numeric", "allow_nd": True, "estimator": estimator}
    if isinstance(X, list | tuple) and len(X) > 0:
        images = [np.asarray(image) for image in X]
        for image in images:
            if image.ndim not in (2, 3):
                raise ValueError(
                    "Expected a list of images, (height, width) or (height, width, "
                    f"n_channels), or of paths, got an element of shape {image.shape}."
                )
        return [check_array(i[None], input_name="X", **checks)[0] for i in images]
    images = check_array(X, input_name="X", **checks)
    if images.ndim not in (3, 4):
        raise ValueError(
            "Expected images, (n_images, height, width) or (n_images, height, width, "
            f"n_channels), got an array of shape {images.shape}. Pass one image as "
            "image[None]."
        )
    return images


def image_sizes(images, *, needed_by):
    """Height and width of each image; of files, from their headers alone.

    Parameters
    ----------
    images : ndarray, list of ndarray or list of str
        What `validate_images` returned.

    needed_by : str
        Name of the estimator, for messages.

    Returns
    -------
    sizes : list of tuple of int
        Height and width of each image, in pixels.

    Raises
    ------
    OSError
        If a file is missing or is no image.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._validation_images import image_sizes
    >>> image_sizes([np.ones((20, 30)), np.ones((8, 9, 3))], needed_by="MyEstimator")
    [(20, 30), (8, 9)]
    """
    sizes = []
    for image in images:
        if isinstance(image, str):
            with import_extra("PIL.Image", needed_by=needed_by).open(image) as file:
                sizes.append((file.height, file.width))
        else:
            sizes.append(image.shape[:2])
    return sizes


def read_image(image, *, needed_by):
    """Read an image from its file; one that is an array stays as it is.

    Parameters
    ----------
    image : ndarray or str
        An image, or the path of one.

    needed_by : str
        Name of the estimator, for messages.

    Returns
    -------
    image : ndarray of shape (height, width) or (height, width, n_channels)
        The image; one from a file has the channels red, green and blue, in uint8.

    Raises
    ------
    OSError
        If the file is missing or is no image.

    ValueError
        If the file holds more than 8 bits a channel.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._validation_images import read_image
    >>> read_image(np.ones((20, 30)), needed_by="MyEstimator").shape
    (20, 30)
    """
    if not isinstance(image, str):
        return image
    with import_extra("PIL.Image", needed_by=needed_by).open(image) as file:
        if file.mode not in _EIGHT_BIT_MODES:
            raise ValueError(
                f"{image} has the pixel format {file.mode!r}, whose range is not that "
                "of 8-bit images. Read it and scale it to 0 to 255 yourself."
            )
        return np.asarray(file.convert("RGB"))
