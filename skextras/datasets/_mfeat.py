"""Three views of handwritten digits, bundled."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_VIEWS = ("fou", "pix", "zer")


def load_mfeat(*, return_X_y=False):
    """Load three views of 2000 handwritten digits (multiview, classification).

    The same scanned digits by their Fourier coefficients ("fou"), by averages of 2 by
    3 pixels ("pix") and by their Zernike moments ("zer").

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (2000, 363)
            The views side by side, in the order of `view_names`.
        target : ndarray of shape (2000,)
            The digit, 0 to 9, 200 rows each.
        fou : ndarray of shape (2000, 76)
            Fourier coefficients of the shape.
        pix : ndarray of shape (2000, 240)
            Pixel averages, from 0 to 6; each row reshapes to an image of 16 by 15.
        zer : ndarray of shape (2000, 47)
            Zernike moments.
        widths : list of int
            Number of columns of each view, 76, 240 and 47: the parameter `views` of
            :class:`~skextras.UnconstrainedCCA`.
        view_names : list of str
            "fou", "pix" and "zer".
        DESCR : str
            Description, source and licence of the data.

    (data, target) : tuple if `return_X_y` is true
        The views side by side, and the digits.

    References
    ----------
    .. [1] R. Duin, "Multiple Features", UCI Machine Learning Repository, 1998,
       doi:10.24432/C5HC70. CC BY 4.0.

    Examples
    --------
    >>> from skextras.datasets import load_mfeat
    >>> mfeat = load_mfeat()
    >>> mfeat.data.shape, mfeat.widths, mfeat.pix[0].reshape(16, 15).max()
    ((2000, 363), [76, 240, 47], np.float64(6.0))
    """
    folder = resources.files("skextras.datasets")
    with (
        (folder / "data" / "mfeat.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as archive,
    ):
        stored = dict(archive)
    # A decimal is a whole number over a power of ten: their quotient is rounded as if
    # it had been read from text.
    views = [
        stored[f"{name}_digits"] / 10.0 ** stored[f"{name}_decimals"] for name in _VIEWS
    ]
    data, target = np.hstack(views), stored["digit"].astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        **dict(zip(_VIEWS, views, strict=True)),
        widths=[view.shape[1] for view in views],
        view_names=list(_VIEWS),
        DESCR=(folder / "descr" / "mfeat.rst").read_text(encoding="utf-8"),
    )
