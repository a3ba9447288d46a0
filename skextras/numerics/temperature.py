"""The temperature at which scores become calibrated probabilities."""

import numpy as np
from scipy.special import softmax

_LOG_BOUNDS = (-5.0, 10.0)
_MAX_STEPS = 100
_TOLERANCE = 1e-12
# Scores and probabilities are looked at that many at a time.
_BLOCK_VALUES = 1 << 18


def inverse_temperature(scores, codes, weights):
    r"""Find the factor that makes softmax scores the best calibrated.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Scores of samples that the model has not seen, or as if it had not.

    codes : ndarray of shape (n,)
        Class of each sample, as a column of `scores`.

    weights : ndarray of shape (n,)
        Non-negative weights of positive sum.

    Returns
    -------
    beta : float
        The factor, from exp(-5) to exp(10).

    Notes
    -----
    :math:`\beta` minimises :math:`\sum_i s_i \operatorname{CE}(t_i,
    \operatorname{softmax}(\beta f_i))` with targets :math:`t = (1 - \varepsilon)\,e +
    \varepsilon / K`, :math:`\varepsilon = 1 / (\sum_i s_i + 1)`: one uniform
    pseudo-observation, without which separable scores would have no finite optimum.
    The loss is convex in :math:`\beta`, and its derivative is brought to zero by
    Newton's method in :math:`\log \beta` inside a bracket.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.temperature import inverse_temperature
    >>> scores = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    >>> beta = inverse_temperature(scores, np.array([1, 1, 0]), np.ones(3))
    >>> bool(np.isclose(1 / (1 + np.exp(-beta)), (0.75 * 2 + 0.5 * 0.75) / 3))
    True
    """
    n_classes = scores.shape[1]
    epsilon = 1.0 / (weights.sum() + 1.0)
    aims = (1 - epsilon) * scores[np.arange(len(scores)), codes]
    aims += epsilon / n_classes * scores.sum(axis=1)
    aim = float(weights @ aims)
    low, high = _LOG_BOUNDS
    if _slope(np.exp(low), scores, weights, aim)[0] >= 0:
        return float(np.exp(low))
    if _slope(np.exp(high), scores, weights, aim)[0] <= 0:
        return float(np.exp(high))
    at = 0.0
    for _ in range(_MAX_STEPS):
        beta = np.exp(at)
        slope, curvature = _slope(beta, scores, weights, aim)
        low, high = (at, high) if slope < 0 else (low, at)
        # Derivatives in log beta: beta f', and beta f' + beta^2 f''.
        bend = slope + beta * curvature
        step = -slope / bend if bend > 0 else np.inf
        after = at + step
        if not low < after < high:
            after = (low + high) / 2
        if abs(after - at) <= _TOLERANCE:
            break
        at = after
    return float(np.exp(after))


def _slope(beta, scores, weights, aim):
    """First and second derivative of the loss in beta."""
    size = max(1, _BLOCK_VALUES // scores.shape[1])
    slope, curvature = -aim, 0.0
    for start in range(0, len(scores), size):
        f, w = scores[start : start + size], weights[start : start + size]
        p = softmax(beta * f, axis=1)
        means = np.einsum("ij,ij->i", p, f)
        deviations = f - means[:, None]
        slope += w @ means
        curvature += w @ np.einsum("ij,ij,ij->i", p, deviations, deviations)
    return slope, curvature
