"""Bundled recordings, simulators and downloads for the estimators."""

from skextras.datasets._ssvep import load_ssvep

__all__ = ["load_ssvep"]
