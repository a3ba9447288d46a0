"""Bundled recordings, simulators and downloads for the estimators."""

from skextras.datasets._baseline_patch_features import BaselinePatchFeatures
from skextras.datasets._correlated_views import make_correlated_views
from skextras.datasets._digit_tokens import make_digit_tokens
from skextras.datasets._haxby import load_haxby_tiny
from skextras.datasets._japanese_vowels import load_japanese_vowels
from skextras.datasets._mfeat import load_mfeat
from skextras.datasets._pcb import load_pcb
from skextras.datasets._ridge_function import make_ridge_function
from skextras.datasets._screening import make_screening
from skextras.datasets._ssvep import load_ssvep

__all__ = [
    "BaselinePatchFeatures",
    "load_haxby_tiny",
    "load_japanese_vowels",
    "load_mfeat",
    "load_pcb",
    "load_ssvep",
    "make_correlated_views",
    "make_digit_tokens",
    "make_ridge_function",
    "make_screening",
]
