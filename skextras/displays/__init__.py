"""Plots of what the estimators found."""

from skextras.displays._active_subspace import ActiveSubspaceDisplay
from skextras.displays._anomaly_map import AnomalyMapDisplay, pixel_map
from skextras.displays._augmented_covariance import (
    AugmentedCovarianceDisplay,
    OrderLagDisplay,
)
from skextras.displays._canonical_correlation import CanonicalCorrelationDisplay
from skextras.displays._cycle_map import CycleMapDisplay
from skextras.displays._moment_probe import MomentProbeDisplay
from skextras.displays._screening import ScreeningDisplay

__all__ = [
    "ActiveSubspaceDisplay",
    "AnomalyMapDisplay",
    "AugmentedCovarianceDisplay",
    "CanonicalCorrelationDisplay",
    "CycleMapDisplay",
    "MomentProbeDisplay",
    "OrderLagDisplay",
    "ScreeningDisplay",
    "pixel_map",
]
