"""One entry for every public estimator.

To join, an estimator needs its name in ``skextras.__all__`` (or
``skextras.datasets.__all__``) and an entry here, see `entry.Entry`.
"""

import importlib
import inspect
import os
from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier

from conformance import checkpoint
from conformance.case import map_samples
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


_TOO_SHORT = r"\d+ of \d+ settings get the score NaN"
_NOT_FINITE = "One or more of the test scores are non-finite"
_NOT_DEFINITE = r"The covariance matrices of \d+ of \d+ epochs are not positive"


def _tokens(n_features=5, ragged=False):
    """Tokens whose mean, covariance and amplitude change with the target."""

    def make(target, rng):
        samples = []
        for label in target:
            length = rng.integers(4, 20) if ragged else 12
            x = rng.standard_normal((length, n_features))
            x[:, 0] += 0.8 * label * x[:, 1]
            samples.append(1.5 * label + (1 + 0.3 * label) * x)
        return samples if ragged else np.array(samples)

    return make


def _table(target, rng):
    """Noisy columns along the target."""
    X = rng.standard_normal((len(target), 6))
    return X + 3.0 * target[:, None] * np.linspace(1, 2, 6)


def _in_float32(make):
    """Values that float32 holds: training carries differences of rounding far."""

    def rounded(target, rng):
        return map_samples(lambda x: np.float64(np.float32(x)), make(target, rng))

    return rounded


def _token_parameters(**others):
    """Effects of the parameters that both estimators of moments have."""
    # A row of a table is one token, which has neither spread nor direction.
    as_tokens = {"n_tokens": 2}
    return {
        "order": Effect(1, context=as_tokens),
        "n_components": Effect(2, context=as_tokens),
        "cls_token": Effect(True, context=as_tokens),
        "token_norm": Effect(None, context=as_tokens),
        "centered": Effect(False),
        "normalize": Effect("logm", context=as_tokens),
        "norm_moments": Effect(False, context=as_tokens),
        "shrinkage": Effect(0.5, context=as_tokens),
        "missing_tokens": NoEffect("drop"),
        "n_tokens": Effect(2, on="2d"),
        "n_jobs": NoEffect(2),
        **others,
    }


_ONE_TOKEN = "No sample has two tokens"


_ONE_COPY = "Every class has a single sample"


_TOKEN_LAYOUTS = {
    "lifts": ("3d-rows", "ragged"),
    "data": {"3d-rows": _tokens(), "ragged": _tokens(ragged=True)},
}


def _noisy_columns(target, rng):
    """Columns of which every other rises with the target, all with float32 values.

    Rounding them once more would be new data: the optimiser amplifies that.
    """
    slopes = np.array([3.0, 0.0, 2.0, 0.0, 1.0, 0.0])
    X = slopes * target[:, None] + rng.standard_normal((len(target), 6))
    return X.astype(np.float32).astype(np.float64)


_RBF_PARAMETERS = {
    "n_centers": Effect(10),
    "precision": Effect("spherical"),
    "rank": Effect(1),
    "center_init": Effect("random", context={"n_centers": 10}),
    "learn_centers": Effect(True, context={"n_centers": 10}),
    "linear_term": Effect(False),
    "objective": Effect("penalized"),
    "alpha_precision": Effect(30.0),
    "alpha_weights": Effect(10.0, context={"objective": "penalized"}),
    "importance": Effect("precision"),
    "n_components": Effect(None),
    "standardize": Effect(False),
    "max_samples": Effect(20),
    "max_iter": Effect(1),
    "tol": Effect(0.1),
    "random_state": Effect(1, context={"n_centers": 10}),
}


_DIAGONAL = {"precision": "diag"}


def _without_folds(parameters):
    """Spare the classifier the choice of a metric where another parameter is tested."""
    return {
        name: effect
        if name in ("precision", "rank")
        else replace(effect, context=_DIAGONAL | effect.context)
        for name, effect in parameters.items()
    }


def _correlations(target, rng, n_nodes=12):
    """Matrices that can be read as correlations and as series; denser by class."""
    samples = []
    for label in target:
        series = rng.standard_normal((40, n_nodes))
        series[:, : 6 + int(label)] += rng.standard_normal((40, 1))
        samples.append(np.corrcoef(series.T))
    X = np.array(samples)
    return np.clip((X + X.transpose(0, 2, 1)) / 2, -1, 1)


_TABLE = "X is 2-D and read as one node per sample"


_EMPTY = r"All graphs of threshold=0.5 \(\d+\) are empty"


_ON_GRAPHS = "3d-rows"


_DESCENT = {"solver": "ey", "n_components": 1}


def _effects(target, rng):
    """Columns that tell less and less of the target, the last one of few values."""
    X = target[:, None] / np.array([0.5, 1.0, 1.5, 3.0, 9.0, 1.0])
    X = X + rng.standard_normal(X.shape)
    X[:, 5] = np.rint(X[:, 5])
    return X


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
    "MHC3MomentProbe": Entry(
        lifts=("3d-rows", "ragged"),
        data={
            "2d": _in_float32(_table),
            "3d-rows": _in_float32(_tokens()),
            "ragged": _in_float32(_tokens(ragged=True)),
        },
        # Its default width takes a hundred times as long.
        stand_in={"hidden_dim": 64, "max_iter": 15},
        quick={"hidden_dim": 32, "max_iter": 2},
        n_samples=30,
        parameters={
            "hidden_dim": Effect(32),
            "n_heads": Effect(2),
            "cls_token": Effect(True, context={"n_tokens": 2}),
            "missing_tokens": NoEffect("drop"),
            "n_tokens": Effect(2, on="2d"),
            "max_iter": Effect(3),
            "batch_size": Effect(7),
            "learning_rate": Effect(1e-2),
            "weight_decay": Effect(10.0),
            "label_smoothing": Effect(0.5),
            "device": NoEffect("cpu"),
            "random_state": Effect(1),
        },
        requires=("torch",),
    ),
    "MomentProbe": Entry(
        **_TOKEN_LAYOUTS,
        parameters=_token_parameters(
            second_order_weight=Effect(0.1, context={"n_tokens": 2}),
            solver=Effect("logistic"),
            alphas=Effect((1e3,)),
            C=Effect(1e-3, context={"solver": "logistic"}),
            calibrate=Effect(False),
            class_weight=Effect({0: 9.0}),
            max_iter=NoEffect(600, context={"solver": "logistic"}),
            tol=Effect(0.5, context={"solver": "logistic"}),
        ),
        scale_power={"predict_proba": 0, "decision_function": 0},
    ),
    "TokenMoments": Entry(
        **_TOKEN_LAYOUTS,
        parameters=_token_parameters(),
    ),
    "GaussianRBFNN": Entry(
        data={"2d": _noisy_columns},
        n_samples=36,
        parameters=_RBF_PARAMETERS,
        quick={"n_centers": 10, "max_iter": 5, "precision": "diag"},
        observe=("feature_importances_",),
        warnings={
            "2d": (
                "GaussianRBFNN stopped after max_iter",
                "GaussianRBFNN: the target looks noise-free",
            )
        },
        # Up to 100 rows each is a centre, and half of them a row of a Cholesky factor.
        pickle_bytes_per_sample=8 * (100 + 7) / 2,
    ),
    "GaussianRBFNNClassifier": Entry(
        data={"2d": _noisy_columns},
        n_samples=36,
        parameters=_without_folds(_RBF_PARAMETERS)
        | {"class_weight": Effect({0: 5.0, 1: 1.0, 2: 1.0}, context=_DIAGONAL)},
        quick={"n_centers": 10, "max_iter": 5, "precision": "diag"},
        observe=("feature_importances_",),
        warnings={"2d": ("GaussianRBFNNClassifier stopped after max_iter",)},
        # Up to 100 rows each is a centre.
        pickle_bytes_per_sample=8 * (6 + 3),
    ),
    "RegionSelector": Entry(
        parameters={
            "regions": Effect([0, 0, 0, 1, 1, 1]),
            "estimator": Effect(DecisionTreeClassifier(max_depth=1, random_state=0)),
            "min_score": Effect(0.93),
            "cv": Effect(3),
            "n_jobs": NoEffect(2),
        },
        observe=("scores_",),
        rounding=0.0,
        scale_power={"transform": 1},
    ),
    "ThreeCycleMap": Entry(
        lifts=("3d-rows",),
        data={"3d-rows": _correlations},
        n_samples=12,
        parameters={
            "threshold": Effect(0.2, on=_ON_GRAPHS),
            "threshold_type": Effect(
                "density", context={"threshold": 0.2}, on=_ON_GRAPHS
            ),
            "sign": Effect("absolute", on=_ON_GRAPHS),
            "features": Effect(("degree", "clustering")),
            "scaling": Effect("fraction", on=_ON_GRAPHS),
            "input_type": Effect("correlation", on=_ON_GRAPHS),
            "coordinates": Effect(
                np.arange(12.0)[::-1, None] ** 2,
                context={
                    "features": "distance_degree",
                    "coordinates": np.arange(12.0)[:, None],
                    "distance_bins": [0, 3, 9],
                },
                on=_ON_GRAPHS,
            ),
            "distance_bins": Effect(
                [0, 4, 9],
                context={
                    "features": "distance_degree",
                    "coordinates": np.arange(12.0)[:, None],
                    "distance_bins": [0, 3, 9],
                },
                on=_ON_GRAPHS,
            ),
            "n_jobs": NoEffect(2),
        },
        rounding=0.0,
        warnings={
            "2d": (_TABLE,),
            "3d-rows": (_EMPTY,),
        },
        scale_power={"transform": 0},
    ),
    "ThresholdSelector": Entry(
        parameters={
            "n_thresholds": Effect(2),
            "index": Effect(1, context={"n_thresholds": 2}),
        },
        rounding=0.0,
        scale_power={"transform": 1},
    ),
    "DeepUnconstrainedCCA": Entry(
        parameters={
            "n_components": Effect(1),
            "hidden_layer_sizes": Effect((5,)),
            "shrinkage": Effect(0.5),
            "views": Effect([4, 2]),
            "batch_size": Effect(7),
            "learning_rate": Effect(0.01),
            "max_iter": Effect(3),
            "device": NoEffect("cpu"),
            "random_state": Effect(1),
        },
        quick={"hidden_layer_sizes": (5,), "max_iter": 2},
        # Training amplifies what rounding changes in its input.
        float32_rtol=5e-3,
        # Few rows, and encodings of few columns.
        warnings={"2d": ("The views have the ranks", "n_components=10 is more than")},
        requires=("torch",),
    ),
    "UnconstrainedCCA": Entry(
        parameters={
            "n_components": Effect(1, context={"views": [4, 2]}),
            "shrinkage": Effect(0.5),
            "views": Effect([4, 2]),
            "scale": Effect(True, context={"shrinkage": 0.5}),
            "solver": Effect("ey", context={"n_components": 1}),
            "learning_rate": Effect(0.01, context=_DESCENT),
            "batch_size": Effect(7, context=_DESCENT),
            "max_iter": Effect(3, context=_DESCENT),
            "tol": Effect(0.5, context={"solver": "lobpcg", "n_components": 1}),
            "independent_batches": Effect(True, context=_DESCENT),
            "random_state": Effect(1, context=_DESCENT),
        },
        # Some of the checks' tables have fewer rows than columns.
        warnings={"2d": ("The views have the ranks",)},
        scale_power={"transform": 0},
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
