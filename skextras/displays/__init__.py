"""Plots of what the estimators found."""

from skextras.displays._augmented_covariance import (
    AugmentedCovarianceDisplay,
    OrderLagDisplay,
)

__all__ = ["AugmentedCovarianceDisplay", "OrderLagDisplay"]
