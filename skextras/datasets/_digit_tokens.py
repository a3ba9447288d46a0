"""Images of digits as sets of small windows."""

import numpy as np
from sklearn.datasets import load_digits


def make_digit_tokens(window=3):
    """Cut scikit-learn's digit images into their overlapping windows.

    A stand-in, offline and small, for the patch tokens of a vision network: what a
    digit is shows in how the pixels of a window vary together, hardly in their means.

    Parameters
    ----------
    window : int, default=3
        Height and width of the windows in pixels, from 1 to 8.

    Returns
    -------
    X : ndarray of shape (1797, (9 - window) ** 2, window ** 2)
        Pixels of all windows of each image, row by row, from 0 to 1.

    y : ndarray of shape (1797,)
        The digits, 0 to 9.

    Raises
    ------
    ValueError
        If no window of that size lies in an image of 8 by 8 pixels.

    See Also
    --------
    sklearn.datasets.load_digits : The images.

    Examples
    --------
    >>> from skextras.datasets import make_digit_tokens
    >>> X, y = make_digit_tokens()
    >>> X.shape, y[:3]
    ((1797, 36, 9), array([0, 1, 2]))
    """
    if window not in range(1, 9):
        raise ValueError(f"window must be an integer from 1 to 8, got {window!r}.")
    window = int(window)
    digits = load_digits()
    windows = np.lib.stride_tricks.sliding_window_view(
        digits.images / 16, (window, window), axis=(1, 2)
    )
    X = windows.reshape(len(windows), (9 - window) ** 2, window**2)
    return np.ascontiguousarray(X), digits.target
