"""Mutual information from Gaussian kernel densities on grids."""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

# The grid ends so many bandwidths beyond the data, as the kernels do.
_REACH = 4.5
# The interquartile range of the standard normal distribution.
_NORMAL_IQR = 1.3489795
# Correlations nearer to one leave no width across the diagonal.
_MOST_CORRELATED = 0.995
# Cells of densities held at a time.
_MAX_CELLS = 1 << 18


class Grid(NamedTuple):
    """The grids of some variables, one for each row.

    Parameters
    ----------
    low : ndarray of shape (n_rows,)
        First point.

    step : ndarray of shape (n_rows,)
        Distance between points.

    size : ndarray of int of shape (n_rows,)
        Number of points.

    width : ndarray of shape (n_rows,)
        Width of the kernel in steps, lowered by what linear binning adds.

    bandwidth : ndarray of shape (n_rows,)
        Width of the kernel in the units of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import make_grid
    >>> make_grid(np.array([0.0]), np.array([1.0]), np.array([0.1]), 20).step
    array([0.1])
    """

    low: np.ndarray
    step: np.ndarray
    size: np.ndarray
    width: np.ndarray
    bandwidth: np.ndarray

    @property
    def coarse(self):
        """Whether the steps exceed the bandwidths."""
        return self.step > self.bandwidth

    def take(self, rows):
        """Return the grids of some rows."""
        return Grid(*(part[rows] for part in self))


def spread(values):
    """Return the smaller of standard deviation and scaled interquartile range.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n)
        The variables.

    Returns
    -------
    spread : ndarray of shape (n_rows,)
        The standard deviation where the interquartile range is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import spread
    >>> spread(np.array([[0.0, 1.0, 2.0, 3.0, 100.0]])).round(4)
    array([1.4826])
    """
    deviation = values.std(axis=1)
    low, high = np.percentile(values, (25, 75), axis=1)
    scaled = (high - low) / _NORMAL_IQR
    return np.where(scaled > 0, np.minimum(deviation, scaled), deviation)


def make_grid(low, high, bandwidth, sizes):
    """Lay grids over ranges of values.

    Parameters
    ----------
    low, high : ndarray of shape (n_rows,)
        Least and greatest value.

    bandwidth : ndarray of shape (n_rows,)
        Width of the kernel, positive.

    sizes : int or sequence of int
        Number of points; of several, ascending, the first whose step does not exceed
        the bandwidth, else the last.

    Returns
    -------
    grid : Grid
        From 4.5 bandwidths below `low` to 4.5 above `high`.

    Notes
    -----
    Linear binning adds a sixth of a squared step to the variance. It is taken off the
    kernel's, which makes coarse grids an order of magnitude more accurate.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import make_grid
    >>> make_grid(np.zeros(1), np.full(1, 10.0), np.full(1, 0.2), (48, 64, 96)).size
    array([64])
    """
    start, stop = low - _REACH * bandwidth, high + _REACH * bandwidth
    sizes = np.atleast_1d(sizes)
    fits = stop - start <= (sizes[:, None] - 1) * bandwidth
    chosen = np.where(fits.any(axis=0), fits.argmax(axis=0), len(sizes) - 1)
    size = sizes[chosen].astype(np.int64)
    step = (stop - start) / (size - 1)
    rest = np.maximum(bandwidth**2 - step**2 / 6, 0.0)
    return Grid(start, step, size, np.sqrt(rest) / step, bandwidth)


def positions(values, grid):
    """Return values in steps of their grids.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n)
        The variables.

    grid : Grid
        Their grids, or one grid for all.

    Returns
    -------
    positions : ndarray of shape (n_rows, n)
        Never negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import make_grid, positions
    >>> grid = make_grid(np.array([0.0]), np.array([1.0]), np.array([0.1]), 20)
    >>> positions(np.array([[0.0, 1.0]]), grid)
    array([[ 4.5, 14.5]])
    """
    found = (values - grid.low[:, None]) / grid.step[:, None]
    return np.maximum(found, 0.0, out=found)


def product_kernel_scores(x, x_grid, y, y_grid):
    r"""Return the mutual information of rows and one outcome, by a product kernel.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n)
        Positions on the grids.

    x_grid : Grid
        The rows' grids.

    y : ndarray of shape (1, n)
        Positions of the outcome.

    y_grid : Grid
        The outcome's grid.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        In nats, of the density J on the grid, which sums to 1: :math:`\sum J \log J -
        \sum f_x \log f_x - \sum f_y \log f_y`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import (
    ...     make_grid, positions, product_kernel_scores
    ... )
    >>> x = np.random.default_rng(0).uniform(size=(1, 1000))
    >>> grid = make_grid(x.min(1), x.max(1), np.array([0.1]), 48)
    >>> at = positions(x, grid)
    >>> product_kernel_scores(at, grid, at, grid).round(3)
    array([0.76])
    """
    from skextras.numerics import _density_kernels as kernels

    return kernels.product_kernel_scores(
        x, x_grid.size, x_grid.width, y[0], int(y_grid.size[0]), y_grid.width[0]
    )


def full_kernel_score(x, x_grid, y, y_grid, correlation):
    r"""Return the mutual information of two variables by a kernel along their trend.

    Parameters
    ----------
    x : ndarray of shape (1, n)
        Positions of the feature.

    x_grid : Grid
        Its grid.

    y : ndarray of shape (1, n)
        Positions of the outcome.

    y_grid : Grid
        Its grid.

    correlation : float
        Correlation r of the variables; the kernel's covariance is :math:`r h_x h_y`.

    Returns
    -------
    score : float
        In nats.

    Notes
    -----
    The covariance is lowered by what linear binning adds, its eigenvalues kept from
    falling below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import full_kernel_score, make_grid, positions
    >>> rng = np.random.default_rng(0)
    >>> x = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 2000).T
    >>> grid = make_grid(x.min(1), x.max(1), np.full(2, 0.28), 96)
    >>> at = positions(x, grid)
    >>> one, two = grid.take([0]), grid.take([1])
    >>> round(full_kernel_score(at[:1], one, at[1:], two, 0.8), 2)  # true: 0.51
    0.53
    """
    from skextras.numerics import _density_kernels as kernels

    shape = int(x_grid.size[0]), int(y_grid.size[0])
    counts = np.empty(shape)
    cells = np.minimum(y[0].astype(np.uint64), np.uint64(shape[1] - 2))
    kernels.joint_histogram(x[0], cells, y[0] - cells, counts.ravel(), *shape)
    covariance = _reduced_covariance(x_grid, y_grid, correlation)
    density = _convolve(counts, covariance)
    density /= density.sum()
    return float(
        xlogy(density, density).sum()
        - sum(xlogy(f, f).sum() for f in (density.sum(axis=0), density.sum(axis=1)))
    )


def _reduced_covariance(x_grid, y_grid, correlation):
    """Covariance of the kernel, in steps, less that of linear binning."""
    r = np.clip(correlation, -_MOST_CORRELATED, _MOST_CORRELATED)
    step = np.array([x_grid.step[0], y_grid.step[0]])
    h = x_grid.bandwidth[0], y_grid.bandwidth[0]
    covariance = np.array([[h[0] ** 2, r * h[0] * h[1]], [r * h[0] * h[1], h[1] ** 2]])
    values, vectors = np.linalg.eigh(covariance - np.diag(step**2) / 6)
    covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return covariance / np.outer(step, step)


def _convolve(counts, covariance):
    """Smooth a table by a Gaussian of a covariance in steps; padded, so none wraps."""
    shape = tuple(2 * m for m in counts.shape)
    u = 2 * np.pi * np.fft.fftfreq(shape[0])[:, None]
    v = 2 * np.pi * np.fft.rfftfreq(shape[1])
    exponent = covariance[0, 0] * u**2 + covariance[1, 1] * v**2
    exponent += 2 * covariance[0, 1] * u * v
    spectrum = np.fft.rfft2(counts, shape) * np.exp(-0.5 * exponent)
    density = np.fft.irfft2(spectrum, shape)[: counts.shape[0], : counts.shape[1]]
    return np.maximum(density, 0.0)


def class_scores(x, x_grid, codes, n_classes):
    r"""Return the mutual information of variables and classes.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n) or (1, n)
        Positions of the variables on their grids, which are of one size.

    x_grid : Grid
        Their grids.

    codes : ndarray of int32 of shape (n_rows, n) or (1, n)
        Codes of the classes. One row serves all rows of the other.

    n_classes : int
        Number of classes; those without members count for nothing.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        :math:`\sum_c p_c \int f_c \log(f_c / \sum_d p_d f_d)`, in nats.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import class_scores, make_grid, positions
    >>> codes = np.arange(500, dtype=np.int32)[None] % 2
    >>> x = np.random.default_rng(0).standard_normal((1, 500)) + 3 * codes
    >>> grid = make_grid(x.min(1), x.max(1), np.array([0.3]), 256)
    >>> class_scores(positions(x, grid), grid, codes, 2).round(2)  # true: 0.53
    array([0.54])
    """
    n_rows, size = max(len(x), len(codes)), int(x_grid.size[0])
    scores = np.empty(n_rows)
    step = max(1, _MAX_CELLS // (n_classes * size))
    for start in range(0, n_rows, step):
        part = slice(start, start + step)
        own = x if len(x) == 1 else x[part]
        labels = codes if len(codes) == 1 else codes[part]
        width = x_grid.width if len(x) == 1 else x_grid.width[part]
        scores[part] = _class_scores(own, size, width, labels, n_classes)
    return scores


def _class_scores(x, size, width, codes, n_classes):
    from skextras.numerics import _density_kernels as kernels

    counts = kernels.class_histograms(x, codes, n_classes, size)
    shares = counts.sum(axis=2) / x.shape[1]
    frequency = 2 * np.pi * np.fft.rfftfreq(2 * size)
    factor = np.exp(-0.5 * (width[:, None] * frequency) ** 2)
    spectrum = np.fft.rfft(counts, 2 * size) * factor[:, None, :]
    density = np.maximum(np.fft.irfft(spectrum, 2 * size)[..., :size], 0.0)
    density /= np.where(shares > 0, density.sum(axis=2), 1.0)[..., None]
    mixture = (shares[..., None] * density).sum(axis=1)
    within = (shares * xlogy(density, density).sum(axis=2)).sum(axis=1)
    return within - xlogy(mixture, mixture).sum(axis=1)


def pooled_deviation(values, codes, n_classes):
    """Return the standard deviation within classes, or in all where that is 0.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n) or (1, n)
        The variables.

    codes : ndarray of int of shape (n_rows, n) or (1, n)
        Codes of the classes. One row serves all rows of the other.

    n_classes : int
        Number of classes.

    Returns
    -------
    deviation : ndarray of shape (n_rows,)
        Root of the mean squared distance from the mean of the own class.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.density import pooled_deviation
    >>> x, codes = np.array([[0.0, 2.0, 10.0, 12.0]]), np.array([[0, 0, 1, 1]])
    >>> pooled_deviation(x, codes, 2)
    array([1.])
    """
    n_rows, n = max(len(values), len(codes)), values.shape[1]
    within = np.zeros(n_rows)
    for c in range(n_classes):
        members = codes == c
        weight = np.maximum(members.sum(axis=1), 1)
        mean = np.where(members, values, 0.0).sum(axis=1) / weight
        gap = np.where(members, values - mean[:, None], 0.0)
        within += (gap**2).sum(axis=1)
    total = values.std(axis=1)
    # Of classes that are constant, rounding leaves less than this.
    constant = within <= (1e-12 * total) ** 2 * n
    return np.where(constant, total, np.sqrt(within / n))
