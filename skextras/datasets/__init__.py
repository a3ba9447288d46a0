"""Bundled recordings, simulators and downloads for the estimators."""

from skextras.datasets._baseline_patch_features import BaselinePatchFeatures
from skextras.datasets._pcb import load_pcb
from skextras.datasets._screening import make_screening
from skextras.datasets._ssvep import load_ssvep

__all__ = ["BaselinePatchFeatures", "load_pcb", "load_ssvep", "make_screening"]
