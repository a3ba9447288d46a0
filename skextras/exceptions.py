"""Warnings that the estimators give."""

__all__ = ["DegenerateCorrelationWarning", "InconsistentVersionWarning"]


class DegenerateCorrelationWarning(UserWarning):
    """Canonical correlations equal 1 whatever the data, since the rows are too few.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skextras import UnconstrainedCCA
    >>> from skextras.exceptions import DegenerateCorrelationWarning
    >>> X = np.random.default_rng(0).standard_normal((10, 12))
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     cca = UnconstrainedCCA(views=[6, 6]).fit(X)
    >>> caught[0].category is DegenerateCorrelationWarning
    True
    >>> cca.n_trivial_, cca.canonical_correlations_[:3].round(6)
    (3, array([1., 1., 1.]))
    """


class InconsistentVersionWarning(UserWarning):
    """An estimator was unpickled that another version of the package has fitted.

    Examples
    --------
    >>> import pickle, warnings
    >>> from skextras import AugmentedCovariance
    >>> from skextras.exceptions import InconsistentVersionWarning
    >>> state = AugmentedCovariance().__getstate__() | {"_skextras_version": "0.0"}
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     AugmentedCovariance().__setstate__(state)
    >>> caught[0].category is InconsistentVersionWarning
    True
    """
