"""Checks of SubspaceAD's parameters and arguments that constraints cannot make."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skextras.numerics.subspace import count_for_share


def check_parameters(estimator, X):
    """Refuse what the constraints let through."""
    for name in ("n_components", "drop_components", "n_folds"):
        value = getattr(estimator, name)
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {value!r}.")
    if isinstance(estimator.n_components, float) and not 0 < estimator.n_components < 1:
        raise ValueError(
            "n_components must be a share of the variance between 0 and 1, both "
            f"excluded, an integer, or None for all, got {estimator.n_components!r}."
        )
    if estimator.calibration == "hbe" and (
        X.ndim > 2 or estimator.statistic != "residual"
    ):
        what = "images" if X.ndim > 2 else "rows"
        raise ValueError(
            f'calibration="hbe" is for rows and statistic="residual", got {what} and '
            f'statistic="{estimator.statistic}". Use calibration="crossfit".'
        )


def check_groups(X, groups):
    """Return the labels of groups as Python objects, which compare by value."""
    if groups is None:
        return None
    groups = check_array(groups, input_name="groups", ensure_2d=False, dtype=None)
    if groups.ndim != 1:
        raise ValueError(f"groups must have one dimension, got shape {groups.shape}.")
    check_consistent_length(X, groups)
    return groups.tolist()


def path_counts(estimator, n_components):
    """Return the numbers of components asked for."""
    if np.ndim(n_components) != 1 or len(n_components) == 0:
        raise ValueError(
            f"n_components must be a sequence of numbers, got {n_components!r}."
        )
    counts = []
    for value in n_components:
        whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
        if whole and value >= 0:
            count = int(value)
        elif isinstance(value, Real) and 0 < value < 1:
            count = count_for_share(
                estimator.explained_variance_, float(value), estimator._total_variance
            )
        else:
            raise ValueError(
                "n_components must have integers that are not negative, or shares "
                f"between 0 and 1, got {value!r}."
            )
        if count > estimator.n_components_:
            kept = estimator.explained_variance_ratio_.sum()
            raise ValueError(
                f"n_components={value!r} needs more than the {estimator.n_components_} "
                f"components fitted, which keep {kept:.6g} of the variance."
            )
        counts.append(count)
    return np.array(counts)
