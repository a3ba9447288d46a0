"""What every display needs of matplotlib."""


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
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                'Plots need matplotlib: pip install "skextras[plot]"'
            ) from error
        # Legends and colour bars outside the axes would be cut off otherwise.
        _, ax = plt.subplots(layout="constrained")
    return ax, ax.get_figure()
