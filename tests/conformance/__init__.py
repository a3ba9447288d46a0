"""The checks that every public estimator runs through; see ``entries.py`` to join."""
