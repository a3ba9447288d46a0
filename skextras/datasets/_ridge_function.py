"""Simulated regression on a few directions of the inputs."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

_FUNCTIONS = {
    "sine": (1, lambda u: np.sin(2 * u[0])),
    "square": (1, lambda u: np.square(u[0])),
    "product": (2, lambda u: u[0] * u[1]),
    "exp_cosine": (2, lambda u: np.exp(u[0] / 1.5) + np.cos(2 * u[1])),
    "linear_sine": (2, lambda u: 2 * u[0] + np.sin(2 * u[1])),
}


def make_ridge_function(
    n_samples=300, n_features=10, *, kind="sine", noise=0.1, random_state=None
):
    r"""Simulate a function that varies along one or two directions (regression).

    The inputs are independent standard normal, and the target is a function of their
    coordinates along orthonormal random directions, plus normal noise.

    Parameters
    ----------
    n_samples : int, default=300
        Number of rows.

    n_features : int, default=10
        Number of inputs, at least the number of directions.

    kind : {"sine", "square", "product", "exp_cosine", "linear_sine"}, default="sine"
        The function of the coordinates :math:`u`: :math:`\sin 2 u`, :math:`u^2`,
        :math:`u_1 u_2`, :math:`\exp(u_1 / 1.5) + \cos 2 u_2`, or :math:`2 u_1 + \sin 2
        u_2`.

    noise : float, default=0.1
        Standard deviation of the noise, in that of the function's values.

    random_state : int, RandomState instance or None, default=None
        Determines all that is random. Pass an int for the same data with each call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The inputs.

    y : ndarray of shape (n_samples,)
        The target.

    directions : ndarray of shape (n_features, n_directions)
        Orthonormal columns.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> from skextras.datasets import make_ridge_function
    >>> X, y, directions = make_ridge_function(kind="product", random_state=0)
    >>> X.shape, y.shape, directions.shape
    ((300, 10), (300,), (10, 2))
    """
    if kind not in _FUNCTIONS:
        raise ValueError(f"kind must be one of {sorted(_FUNCTIONS)}, got {kind!r}.")
    n_directions, function = _FUNCTIONS[kind]
    _check_count("n_samples", n_samples, 1)
    _check_count("n_features", n_features, n_directions)
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a number of at least 0, got {noise!r}.")
    rng = check_random_state(random_state)
    X = rng.standard_normal((n_samples, n_features))
    directions, _ = np.linalg.qr(rng.standard_normal((n_features, n_directions)))
    values = function((X @ directions).T)
    y = values + noise * values.std() * rng.standard_normal(n_samples)
    return X, y, directions


def _check_count(name, value, least):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}, got {value!r}."
        )
