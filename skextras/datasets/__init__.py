"""Bundled recordings, simulators and downloads for the estimators."""

from skextras.datasets._baseline_patch_features import BaselinePatchFeatures
from skextras.datasets._correlated_views import make_correlated_views
from skextras.datasets._mfeat import load_mfeat
from skextras.datasets._pcb import load_pcb
from skextras.datasets._ssvep import load_ssvep

__all__ = [
    "BaselinePatchFeatures",
    "load_mfeat",
    "load_pcb",
    "load_ssvep",
    "make_correlated_views",
]
