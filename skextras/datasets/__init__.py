"""Bundled recordings, simulators and downloads for the estimators."""

from skextras.datasets._baseline_patch_features import BaselinePatchFeatures
from skextras.datasets._haxby import load_haxby_tiny
from skextras.datasets._pcb import load_pcb
from skextras.datasets._ssvep import load_ssvep

__all__ = ["BaselinePatchFeatures", "load_haxby_tiny", "load_pcb", "load_ssvep"]
