"""Scikit-learn compatible estimators for published methods, exact and fast."""

from skextras._augmented_covariance import AugmentedCovariance
from skextras._augmented_covariance_cv import AugmentedCovarianceClassifierCV
from skextras._deep_unconstrained_cca import DeepUnconstrainedCCA
from skextras._deep_unconstrained_cca_loss import ey_loss
from skextras._dino_patch_features import DinoPatchFeatures
from skextras._gaussian_rbfnn import GaussianRBFNN
from skextras._gaussian_rbfnn_classifier import GaussianRBFNNClassifier
from skextras._image_subspace_ad import ImageSubspaceAD
from skextras._mhc3_moment_probe import MHC3MomentProbe
from skextras._mi_screener import MIScreener, mi_scores
from skextras._moment_probe import MomentProbe
from skextras._region_selector import RegionSelector, ThresholdSelector
from skextras._subspace_ad import SubspaceAD
from skextras._three_cycle_map import ThreeCycleMap
from skextras._token_moments import TokenMoments
from skextras._unconstrained_cca import UnconstrainedCCA

__version__ = "0.1.0.dev0"

__all__ = [
    "AugmentedCovariance",
    "AugmentedCovarianceClassifierCV",
    "DeepUnconstrainedCCA",
    "DinoPatchFeatures",
    "GaussianRBFNN",
    "GaussianRBFNNClassifier",
    "ImageSubspaceAD",
    "MHC3MomentProbe",
    "MIScreener",
    "MomentProbe",
    "RegionSelector",
    "SubspaceAD",
    "ThreeCycleMap",
    "ThresholdSelector",
    "TokenMoments",
    "UnconstrainedCCA",
    "__version__",
    "ey_loss",
    "mi_scores",
]
