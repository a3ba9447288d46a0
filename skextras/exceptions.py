"""Warnings that the estimators give."""

__all__ = ["InconsistentVersionWarning"]


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
