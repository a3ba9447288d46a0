"""A small good estimator, and others that each break one promise.

A check that passes all of these is worth nothing. They live in a module of their own so
that worker processes can import them.
"""

import logging
import os
import random
import threading
import time
import types
import warnings

import numpy as np
import sklearn
import threadpoolctl
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from conformance.entry import Effect, Entry, NoEffect


class Spread(TransformerMixin, BaseEstimator):
    """Mean and size of each channel, in training units."""

    _parameter_constraints: dict = {"center": ["boolean"], "n_jobs": [int, None]}

    def __init__(self, center=True, n_jobs=None):
        self.center = center
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the scale."""
        self._validate_params()
        X = self._validate(X, reset=True)
        self.scale_ = self._learn(X)
        return self

    def _learn(self, X):
        # Its mean, in float64: the largest would be the same for repeated samples.
        scale = float(np.mean(np.abs(X), dtype=np.float64))
        return scale if scale > 0 else 1.0

    def transform(self, X):
        """Describe each channel."""
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        batches = gen_batches(len(X), 1000)
        return np.concatenate([self._describe(X[batch]) for batch in batches])

    def _describe(self, X):
        mean = X.mean(axis=-1)
        size = X.std(axis=-1) if self.center else np.square(X).mean(axis=-1) ** 0.5
        return np.hstack([mean, size]) / X.dtype.type(self.scale_)

    def _validate(self, X, reset):
        X = validate_data(
            self, X, reset=reset, allow_nd=True, dtype=[np.float64, np.float32]
        )
        if X.ndim > 3 or 0 in X.shape:
            n = X.shape[0]
            raise ValueError(
                f"0 feature(s) (shape=({n}, 0)) while a minimum of 1 is required."
                if 0 in X.shape
                else f"{X.ndim} dimensions"
            )
        X = X if X.ndim == 3 else X[:, None, :]
        if reset:
            self.n_channels_in_ = X.shape[1]
        elif X.shape[1] != self.n_channels_in_:
            raise ValueError(f"expecting {self.n_channels_in_} channels")
        return X

    def get_feature_names_out(self, input_features=None):
        """Name the columns."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        names = ["x"] if self.n_channels_in_ == 1 else names[: self.n_channels_in_]
        kinds = ("mean", "size")
        return np.array([f"{k}_{n}" for k in kinds for n in names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


ENTRY = Entry(
    lifts=("3d-series",),
    data={"2d": lambda y, rng: y[:, None] + 1 + rng.standard_normal((len(y), 60))},
    parameters={"center": Effect(False), "n_jobs": NoEffect(2)},
    n_samples=15,
    scale_power={"transform": 0},
)


class DerivesInInit(Spread):
    def __init__(self, center=True, n_jobs=None):
        super().__init__(center, n_jobs)
        self._centered = center

    def _describe(self, X):
        asked, self.center = self.center, self._centered
        try:
            return super()._describe(X)
        finally:
            self.center = asked


class IgnoresParameter(Spread):
    def _describe(self, X):
        return np.hstack([X.mean(axis=-1), X.std(axis=-1)]) / self.scale_


class CountsJobs(Spread):
    def _learn(self, X):
        return super()._learn(X) * (self.n_jobs or 1)


class WritesParameter(Spread):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.center = not self.center
        return self


class Accumulates(Spread):
    def _learn(self, X):
        return getattr(self, "scale_", 0.0) + super()._learn(X)


class LearnsOnce(Spread):
    def _learn(self, X):
        return getattr(self, "scale_", super()._learn(X))


class KeepsOldAttributes(Spread):
    def fit(self, X, y=None):
        super().fit(X, y)
        if len(X) > 20:
            self.many_ = True
        return self


class CachesOutput(Spread):
    def transform(self, X):
        self.last_ = super().transform(X)
        return self.last_


class SharesState(Spread):
    active = 0
    lock = threading.Lock()

    def _learn(self, X):
        with self.lock:
            type(self).active += 1
        time.sleep(0.02)
        scale = super()._learn(X) * self.active
        with self.lock:
            type(self).active -= 1
        return scale


class MarksInThreads(Spread):
    def _learn(self, X):
        if threading.current_thread() is not threading.main_thread():
            os.environ["SKEXTRAS_BROKEN"] = "1"
        return super()._learn(X)


class SwapsFiltersInJobs(Spread):
    def _learn(self, X):
        if self.n_jobs:
            self._overlap()
        return super()._learn(X)

    def _overlap(self):
        entered, left = threading.Event(), threading.Event()

        def outer():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                entered.set()
                inside.wait()
            left.set()

        def inner():
            entered.wait()
            with warnings.catch_warnings():
                inside.set()
                left.wait()

        inside = threading.Event()
        jobs = [threading.Thread(target=job) for job in (outer, inner)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()


class NoUnderscore(Spread):
    def _learn(self, X):
        self.learnt = True
        return super()._learn(X)


class HoldsObjects(Spread):
    def _learn(self, X):
        self.model_ = [types.SimpleNamespace(scale=1)]
        return super()._learn(X)


class HoldsData(Spread):
    def _learn(self, X):
        self.X_ = X
        return super()._learn(X)


class LooksAtNeighbours(Spread):
    def transform(self, X):
        return super().transform(X) - super().transform(X).mean(axis=0)


class LooksAtOrder(Spread):
    def transform(self, X):
        return np.cumsum(super().transform(X), axis=0)


class WritesInput(Spread):
    def _learn(self, X):
        if X.flags.writeable:
            X -= X.mean()
        return super()._learn(X)


class RefusesReadOnly(Spread):
    def _learn(self, X):
        return super()._learn(X) * (1 if X.flags.writeable else 2)


class ReadsMemoryOrder(Spread):
    def _learn(self, X):
        return super()._learn(X) * (1 if X.flags.c_contiguous else 2)


class OverflowsIntegers(Spread):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.scale_ = float(np.abs(np.square(np.asarray(X)).sum(axis=-1)).mean())
        return self


class RoundsFloat32(Spread):
    def _describe(self, X):
        described = super()._describe(X)
        if X.dtype == np.float32:
            return described.astype(np.float16).astype(np.float32)
        return described


class ReturnsFloat64(Spread):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


class ReturnsFloat32(Spread):
    def transform(self, X):
        return super().transform(X).astype(np.float32)


class AddsEpsilon(Spread):
    def _learn(self, X):
        return super()._learn(X) + 1e-8


class GivesUpOnSmall(Spread):
    def _describe(self, X):
        described = super()._describe(X)
        return described if np.abs(X).max() > 1e-5 else np.full_like(described, np.inf)


class ReadsWorkingMemory(Spread):
    def _describe(self, X):
        if sklearn.get_config()["working_memory"] < 1:
            X = X.astype(np.float32).astype(X.dtype)
        return super()._describe(X)


class CopiesInput(Spread):
    def transform(self, X):
        return super().transform(np.repeat(np.asarray(X), 2, axis=0)[::2])


class LosesState(Spread):
    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "scale_"):
            self.scale_ = 1.0


class BoundToProcess(Spread):
    def _learn(self, X):
        self.process_ = os.getpid()
        return super()._learn(X)

    def _describe(self, X):
        return super()._describe(X) * (1 if os.getpid() == self.process_ else 2)


def _polluter(name, action):
    def _learn(self, X):
        action()
        return Spread._learn(self, X)

    return type(name, (Spread,), {"_learn": _learn, "__module__": __name__})


# Each leaves a trace outside itself; the test undoes it.
POLLUTERS = [
    _polluter("SeedsNumpy", lambda: np.random.seed(0)),
    _polluter("DrawsFromNumpy", np.random.standard_normal),
    _polluter("SeedsRandom", lambda: random.seed(0)),
    _polluter("Configures", lambda: sklearn.set_config(assume_finite=True)),
    _polluter("Filters", lambda: warnings.simplefilter("ignore")),
    _polluter("SetsErrors", lambda: np.seterr(all="ignore")),
    _polluter("SetsVariable", lambda: os.environ.update(SKEXTRAS_BROKEN="1")),
    _polluter("AddsHandler", lambda: logging.basicConfig(force=True)),
    _polluter("LimitsThreads", lambda: threadpoolctl.threadpool_limits(1)),
    _polluter("Prints", lambda: print("fitting")),  # noqa: T201
    _polluter("WritesBelowPython", lambda: os.write(2, b"fitting\n")),
]

BROKEN = {
    "check_set_params_reaches_fit": [DerivesInInit],
    "check_every_parameter_has_effect": [IgnoresParameter, CountsJobs],
    "check_clone_gives_same_numbers": [WritesParameter],
    "check_fit_is_idempotent": [Accumulates],
    "check_refit_forgets": [LearnsOnce, KeepsOldAttributes],
    "check_output_leaves_estimator_alone": [CachesOutput],
    "check_no_global_state": POLLUTERS,
    "check_jobs_leave_no_trace": [SwapsFiltersInJobs],
    "check_threads": [SharesState, MarksInThreads],
    "check_fitted_attributes": [NoUnderscore, HoldsObjects],
    "check_single_sample": [LooksAtNeighbours],
    "check_sample_order": [LooksAtOrder],
    "check_input_is_not_written": [WritesInput, RefusesReadOnly],
    "check_layouts": [ReadsMemoryOrder],
    "check_integers": [OverflowsIntegers],
    "check_float32": [RoundsFloat32, ReturnsFloat64, ReturnsFloat32],
    "check_scale": [AddsEpsilon, GivesUpOnSmall],
    "check_working_memory": [ReadsWorkingMemory],
    "check_output_memory": [CopiesInput],
    "check_pickle": [LosesState],
    "check_pickle_does_not_grow": [HoldsData],
    "check_skops": [HoldsObjects],
    "check_loky": [BoundToProcess],
}
