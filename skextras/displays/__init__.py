"""Plots of what the estimators found."""

from skextras.displays._augmented_covariance import (
    AugmentedCovarianceDisplay,
    OrderLagDisplay,
)
from skextras.displays._moment_probe import MomentProbeDisplay

__all__ = ["AugmentedCovarianceDisplay", "MomentProbeDisplay", "OrderLagDisplay"]
