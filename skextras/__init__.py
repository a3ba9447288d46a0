"""Scikit-learn compatible estimators for published methods, exact and fast."""

from skextras._augmented_covariance import AugmentedCovariance
from skextras._augmented_covariance_cv import AugmentedCovarianceClassifierCV
from skextras._dino_patch_features import DinoPatchFeatures
from skextras._image_subspace_ad import ImageSubspaceAD
from skextras._mi_screener import MIScreener, mi_scores
from skextras._subspace_ad import SubspaceAD

__version__ = "0.1.0.dev0"

__all__ = [
    "AugmentedCovariance",
    "AugmentedCovarianceClassifierCV",
    "DinoPatchFeatures",
    "ImageSubspaceAD",
    "MIScreener",
    "SubspaceAD",
    "__version__",
    "mi_scores",
]
