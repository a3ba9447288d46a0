"""What every display needs of matplotlib."""

import numpy as np

# Width of a colour bar with its labels, in inches.
_COLORBAR = 1.0


def get_axes(ax=None):
    """Return the axes to draw on and their figure, both new if none are given.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, default=None
        The axes of the caller.

    Returns
    -------
    ax : matplotlib.axes.Axes
        The given or the new axes.

    figure : matplotlib.figure.Figure
        Their figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from skextras.displays._axes import get_axes
    >>> ax, figure = get_axes()
    >>> ax in figure.axes
    True
    """
    if ax is None:
        # Legends and colour bars outside the axes would be cut off otherwise.
        _, ax = _import_pyplot().subplots(layout="constrained")
    return ax, ax.get_figure()


def get_row_of_axes(n_axes, ax=None, *, size=3.2, name="ax"):
    """Return axes side by side and their figure, all new if none are given.

    Parameters
    ----------
    n_axes : int
        How many.

    ax : matplotlib.axes.Axes or array-like of them, default=None
        The axes of the caller.

    size : float, default=3.2
        Width and height of new axes, in inches. The figure has room for a colour bar
        beside them.

    name : str, default="ax"
        What the caller's parameter is called, for the error.

    Returns
    -------
    axes : ndarray of shape (n_axes,)
        The given or the new axes.

    figure : matplotlib.figure.Figure
        Their figure.

    Raises
    ------
    ValueError
        If another number of axes is given.

    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from skextras.displays._axes import get_row_of_axes
    >>> axes, figure = get_row_of_axes(3)
    >>> axes.shape, len(figure.axes)
    ((3,), 3)
    """
    if ax is None:
        _, axes = _import_pyplot().subplots(
            1,
            n_axes,
            figsize=(size * n_axes + _COLORBAR, size),
            layout="constrained",
            squeeze=False,
        )
        axes = axes[0]
    else:
        axes = np.asarray(ax, dtype=object).reshape(-1)
    if len(axes) != n_axes:
        raise ValueError(f"{name} must hold {n_axes} axes, got {len(axes)}.")
    return axes, axes[0].get_figure()


def _import_pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib: pip install "skextras[plot]"'
        ) from error
    return plt
