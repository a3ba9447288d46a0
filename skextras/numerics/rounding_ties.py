"""Values of a series that differ by rounding alone."""

import numpy as np

# Relative to the range of a series: far above the rounding of a computed sine, far
# below the smallest gap between the samples of a long recording.
_RELATIVE_NOISE = 2.0**-40


def rounding_tolerance(series):
    """Largest difference between two values of a series that rounding can explain.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series.

    Returns
    -------
    tolerance : float
        The rounding of the stored values (which an offset enlarges), or 1e-12 of the
        range (values computed along different ways) where that is larger.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rounding_ties import rounding_tolerance
    >>> print(f"{rounding_tolerance(np.array([-1.0, 0.0, 3.0])):.1e}")
    3.6e-12
    """
    low, high = series.min(), series.max()
    stored = 8 * np.finfo(np.float64).eps * max(abs(low), abs(high))
    return float(max(stored, _RELATIVE_NOISE * (high - low)))


def merge_rounding_ties(series):
    """Give one value to the samples that differ by rounding alone.

    Multiplying a series by 1e-6 rounds equal distances apart, and two periods of a
    computed sine differ in the last digits: without this step, the choice among such
    ties would depend on the unit.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series, float64.

    Returns
    -------
    merged : ndarray of shape (n_times,)
        The series, each run of sorted values with gaps up to
        :func:`rounding_tolerance` replaced by its smallest value; `series` itself
        where there is no such run.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rounding_ties import merge_rounding_ties
    >>> merge_rounding_ties(np.array([0.1 + 0.2, 0.3, 1.0])).tolist()
    [0.3, 0.3, 1.0]
    """
    order = np.argsort(series, kind="stable")
    values = series[order]
    gaps = np.diff(values)
    tied = (gaps > 0) & (gaps <= rounding_tolerance(series))
    if not tied.any():
        return series
    starts = np.concatenate([[True], gaps > rounding_tolerance(series)])
    merged = np.empty_like(series)
    merged[order] = values[starts][np.cumsum(starts) - 1]
    return merged


def smallest_gap(series):
    """Smallest positive difference between two values of a series.

    It is the step of a quantised recording. No two different samples of a series are
    closer, so raising a distance to it changes distances of zero only.

    Parameters
    ----------
    series : ndarray of shape (n_times,)
        The series, without rounding ties (see :func:`merge_rounding_ties`).

    Returns
    -------
    gap : float
        The difference, 0 for a constant series.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rounding_ties import smallest_gap
    >>> smallest_gap(np.array([4.0, 1.0, 1.5, 4.0]))
    0.5
    """
    gaps = np.diff(np.sort(series))
    gaps = gaps[gaps > 0]
    return float(gaps.min()) if gaps.size else 0.0
