"""Scikit-learn compatible estimators for published methods, exact and fast."""

__version__ = "0.1.0.dev0"

__all__ = ["__version__"]
