"""Plots of what the estimators found."""

from skextras.displays._active_subspace import ActiveSubspaceDisplay
from skextras.displays._anomaly_map import AnomalyMapDisplay, pixel_map
from skextras.displays._augmented_covariance import (
    AugmentedCovarianceDisplay,
    OrderLagDisplay,
)

__all__ = [
    "ActiveSubspaceDisplay",
    "AnomalyMapDisplay",
    "AugmentedCovarianceDisplay",
    "OrderLagDisplay",
    "pixel_map",
]
