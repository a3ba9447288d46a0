"""Pure functions of arrays on which the estimators stand."""
