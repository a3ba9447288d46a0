"""Plots of what the estimators found."""

from skextras.displays._anomaly_map import AnomalyMapDisplay, pixel_map
from skextras.displays._augmented_covariance import (
    AugmentedCovarianceDisplay,
    OrderLagDisplay,
)
from skextras.displays._screening import ScreeningDisplay

__all__ = [
    "AnomalyMapDisplay",
    "AugmentedCovarianceDisplay",
    "OrderLagDisplay",
    "ScreeningDisplay",
    "pixel_map",
]
