"""The Eckart-Young loss of canonical correlation, and its gradient."""

import numpy as np


def eckart_young_loss(weights, covariances, ridged):
    r"""Return the Eckart-Young loss of the weights of all views.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights :math:`W_i` of each view.

    covariances : list of list of ndarray of shape (n_features_i, n_features_j)
        ``covariances[i][j]`` is :math:`C_{ij}`; the diagonal is not read.

    ridged : list of ndarray of shape (n_features_i, n_features_i)
        Ridged covariance matrix :math:`B_i` of each view.

    Returns
    -------
    loss : float
        :math:`-2 \sum_{i \ne j} \operatorname{tr} W_i^\top C_{ij} W_j +
        \lVert V \rVert_F^2` with :math:`V = \sum_i W_i^\top B_i W_i`.

    Notes
    -----
    It has no constraint and no local minima but the global one, which spans the
    canonical directions [1]_. For two views the minimum is minus the sum of the squared
    singular values.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. Lawry Aguila, "Unconstrained stochastic CCA:
       unifying multiview and self-supervised learning", ICLR 2024, arXiv:2310.01012.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.eckart_young import eckart_young_loss
    >>> one, rho = np.eye(1), np.full((1, 1), 0.5)
    >>> w = np.full((1, 1), 0.5)
    >>> eckart_young_loss([w, w], [[one, rho], [rho, one]], [one, one])
    np.float64(-0.25)
    """
    ridge = sum(w.T @ b @ w for w, b in zip(weights, ridged, strict=True))
    pulls = _pulls(weights, covariances)
    shared = sum(np.vdot(w, pull) for w, pull in zip(weights, pulls, strict=True))
    return -2 * shared + np.vdot(ridge, ridge)


def eckart_young_gradient(weights, covariances, ridged):
    r"""Return the gradient of the Eckart-Young loss.

    Parameters
    ----------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights of each view.

    covariances : list of list of ndarray of shape (n_features_i, n_features_j)
        Covariances between views; the diagonal is not read.

    ridged : list of ndarray of shape (n_features_i, n_features_i)
        Ridged covariance matrix of each view.

    Returns
    -------
    gradient : list of ndarray of shape (n_features_i, n_components)
        :math:`4 (B_i W_i V - \sum_{j \ne i} C_{ij} W_j)` for each view.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.eckart_young import eckart_young_gradient
    >>> one, rho = np.eye(1), np.full((1, 1), 0.5)
    >>> w = np.full((1, 1), 0.5)
    >>> eckart_young_gradient([w, w], [[one, rho], [rho, one]], [one, one])
    [array([[0.]]), array([[0.]])]
    """
    ridge = sum(w.T @ b @ w for w, b in zip(weights, ridged, strict=True))
    return [
        4 * (b @ (w @ ridge) - pull)
        for w, b, pull in zip(
            weights, ridged, _pulls(weights, covariances), strict=True
        )
    ]


def _pulls(weights, covariances):
    """Return what the other views add up to at each view."""
    views = range(len(weights))
    return [sum(covariances[i][j] @ weights[j] for j in views if j != i) for i in views]
