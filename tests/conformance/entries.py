"""One entry for every public estimator.

To join, an estimator needs its name in ``skextras.__all__`` (or
``skextras.datasets.__all__``) and an entry here, see `entry.Entry`.
"""

import importlib
import inspect
import os

import numpy as np
from sklearn.base import BaseEstimator

from conformance import checkpoint
from conformance.entry import Effect, Entry, NoEffect
from skextras import SubspaceAD
from skextras.datasets import BaselinePatchFeatures

PACKAGES = ("skextras", "skextras.datasets")


def _oscillations(n_channels=None, n_times=130, noise=0.5):
    """Noisy oscillations, slower by a tenth with each step of the target."""

    def make(target, rng):
        shape = (len(target), n_channels or 1, n_times)
        phase = rng.uniform(0, 2 * np.pi, shape[:2])[..., None]
        frequency = 2 * np.pi / (20 + 2 * np.abs(target)[:, None, None])
        X = np.sin(frequency * np.arange(n_times) + phase)
        X = X + noise * rng.standard_normal(shape)
        return X if n_channels else X[:, 0]

    return make


def _pictures(target, rng):
    """Colour images of stripes, wider with each step of the target, in 8-bit range.

    The first one has more noise, and is the least normal by far.
    """
    frequency = 2 * np.pi / (8 + 2 * np.abs(target)[:, None, None, None])
    level = np.sin(frequency * np.arange(64)[:, None])
    noise = rng.standard_normal((len(target), 48, 64, 3))
    noise[0] *= 2
    return 128 + 50 * level + 15 * noise


def _effects(target, rng):
    """Columns that tell less and less of the target, the last one of few values."""
    X = target[:, None] / np.array([0.5, 1.0, 1.5, 3.0, 9.0, 1.0])
    X = X + rng.standard_normal(X.shape)
    X[:, 5] = np.rint(X[:, 5])
    return X


_TOO_SHORT = r"\d+ of \d+ settings get the score NaN"
_NOT_FINITE = "One or more of the test scores are non-finite"
_NOT_DEFINITE = r"The covariance matrices of \d+ of \d+ epochs are not positive"

ENTRIES = {
    "AugmentedCovariance": Entry(
        lifts=("3d-series",),
        data={"2d": _oscillations(), "3d-series": _oscillations(n_channels=3)},
        n_samples=12,
        parameters={
            "order": Effect(3),
            "lag": Effect(1),
            "selection": Effect("cao"),
            "window": Effect("moabb", context={"order": 3, "lag": 2}),
            "estimator": Effect("scm"),
            "shrinkage": Effect(0.3),
            "output": Effect("vector"),
            "n_jobs": NoEffect(2),
        },
        named_output={"output": "vector"},
        rounding=0.0,
        scale_power={"transform": 2},
    ),
    "AugmentedCovarianceClassifierCV": Entry(
        lifts=("3d-series",),
        data={
            # Hard enough for no score to be perfect.
            "2d": _oscillations(noise=2.0),
            "3d-series": _oscillations(n_channels=3, noise=2.0),
        },
        n_samples=18,
        parameters={
            "orders": Effect((1, 2)),
            "lags": Effect((3,), context={"orders": (3,)}),
            "Cs": Effect((0.01,), context={"kernels": ("rbf",)}),
            "kernels": Effect(("linear",), context={"orders": (2,), "Cs": (10.0,)}),
            "final": Effect("mdm"),
            "metric": Effect("logeuclid"),
            "cv": Effect(2),
            "scoring": Effect("f1_macro"),
            "n_jobs": NoEffect(2),
            "refit": Effect(False),
        },
        quick={"orders": (1, 2), "lags": (1, 2), "Cs": (1.0,), "cv": 2},
        observe=("best_score_",),
        warnings={
            # The checks' tables have few columns, and some of them are constant.
            "2d": (
                r"\d+ of \d+ settings get the score NaN",
                _NOT_FINITE,
                _NOT_DEFINITE,
            ),
            "3d-series": (_TOO_SHORT, _NOT_FINITE),
        },
        # Support vectors: tangent vectors of up to 24 rows (3 channels, order 8).
        pickle_bytes_per_sample=8 * 24 * 25 / 2 + 100,
        # Matrices, factors and tangent vectors of a chunk, beside one number a class.
        memory_factor=2.0,
    ),
    "DinoPatchFeatures": Entry(
        no_two_d="a table has no neighbouring pixels",
        lifts=("images",),
        data={"images": _pictures},
        n_samples=9,
        parameters={
            "model": Effect(str(checkpoint.other(os.environ))),
            "layers": Effect([0]),
            "pooling": Effect("concat"),
            "image_size": Effect(224),
            "apply_norm": Effect(True),
            "normalize": Effect(False),
            "batch_size": NoEffect(2),
            "device": NoEffect("cpu"),
            "dtype": Effect("bfloat16"),
            "local_files_only": NoEffect(False),
            "random_init": Effect(True),
        },
        # A grid of features for each image.
        named_output=None,
        # float32, in batches of other sizes.
        rounding=1e-5,
        warnings={"images": ("DinoPatchFeatures: no value of X exceeds",)},
        requires=("torch", "transformers"),
    ),
    "ImageSubspaceAD": Entry(
        no_two_d="a table has no neighbouring pixels",
        lifts=("images",),
        data={"images": _pictures},
        n_samples=12,
        # By default, a vision transformer sees thirty copies of each image.
        stand_in={"extractor": BaselinePatchFeatures(), "n_rotations": 2},
        parameters={
            "extractor": Effect(BaselinePatchFeatures(stride=4)),
            "detector": Effect(SubspaceAD(0.5)),
            "n_rotations": Effect(0),
            "max_angle": Effect(45.0),
            "fill": Effect("black"),
            "random_state": Effect(1),
        },
        # The features are in float32.
        rounding=1e-5,
        # Calibration scores.
        pickle_bytes_per_sample=8,
        # Few images calibrate no threshold.
        warnings={"images": ("SubspaceAD: ",)},
    ),
    "BaselinePatchFeatures": Entry(
        no_two_d="a table has no patches",
        lifts=("images",),
        parameters={"stride": Effect(4)},
        n_samples=12,
        # A grid of features for each image.
        named_output=None,
        rounding=0.0,
    ),
    "SubspaceAD": Entry(
        lifts=("3d-rows", "4d-grid"),
        parameters={
            "n_components": Effect(2),
            "statistic": Effect("combined"),
            "drop_components": Effect(1),
            "contamination": Effect(0.2),
            "alpha": Effect(0.2),
            "calibration": Effect("train"),
            "n_folds": Effect(3),
            # A row is its own score, whatever becomes of patches.
            "aggregation": Effect("mean", on="4d-grid"),
            "tail_fraction": Effect(0.5, on="4d-grid"),
            "random_state": Effect(1),
        },
        # Of images, the coordinates of every patch.
        named_layouts=("2d",),
        observe=("offset_",),
        warnings=dict.fromkeys(("2d", "3d-rows", "4d-grid"), ("SubspaceAD: ",)),
        scale_power={"score_samples": 2, "decision_function": 2, "transform": 1},
        # Calibration scores, of at most 10 000 units.
        pickle_bytes_per_sample=8,
    ),
    "MIScreener": Entry(
        data={"2d": _effects},
        n_samples=90,
        parameters={
            "method": Effect("knn"),
            "k": Effect(2),
            "threshold": Effect(0.1),
            "alpha": Effect(1e-4),
            "control": Effect("fwe", context={"alpha": 0.02}),
            "target_type": Effect("continuous", context={"method": "fftkde"}),
            "discrete_features": Effect([0, 5]),
            "n_bins": Effect(8),
            "strategy": Effect("uniform"),
            "bandwidth": Effect(0.5, context={"method": "fftkde"}),
            "bandwidth_scale": Effect(2.0, context={"method": "fftkde"}),
            "bandwidth_matrix": Effect(
                "full", context={"method": "fftkde", "target_type": "continuous"}
            ),
            "marginal": Effect(None, context={"method": "fftkde"}),
            "grid_size": Effect(32, context={"method": "fftkde"}),
            "n_neighbors": Effect(3, context={"method": "knn"}),
            "pvalues": Effect("permutation"),
            "n_permutations": Effect(500, context={"pvalues": "permutation"}),
            # Of what it refuses there is none here.
            "missing": NoEffect("error"),
            "n_jobs": NoEffect(2),
            "random_state": Effect(1, context={"pvalues": "permutation"}),
        },
        observe=("scores_", "pvalues_", "support_"),
        scale_power={"transform": 1, "scores_": 0, "pvalues_": 0},
    ),
}


def public_estimators(packages=PACKAGES):
    """Estimator classes that the packages export, by name."""
    found = {}
    for package in map(importlib.import_module, packages):
        for name in getattr(package, "__all__", ()):
            value = getattr(package, name)
            if inspect.isclass(value) and issubclass(value, BaseEstimator):
                found[name] = value
    return found


def missing_entries(estimators, entries):
    """Words on what must be added for each estimator that has no complete entry."""
    problems = []
    for name, cls in estimators.items():
        if name not in entries:
            problems.append(
                f"{name} is public and has no entry: add one to ENTRIES in "
                "tests/conformance/entries.py; entry.py says what it may hold."
            )
            continue
        parameters = set(cls().get_params(deep=False))
        described = set(entries[name].parameters)
        if absent := sorted(parameters - described):
            problems.append(
                f"the entry of {name} must give an Effect, or NoEffect, for {absent}"
            )
        if unknown := sorted(described - parameters):
            problems.append(f"{name} has no parameters {unknown}; its entry names them")
    if unknown := sorted(entries.keys() - estimators.keys()):
        problems.append(f"entries without a public estimator: {unknown}")
    return problems
