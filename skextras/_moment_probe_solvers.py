"""Standardised moments, and the linear classifiers that are fitted to them."""

from typing import NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.linear_model import LogisticRegression

from skextras._moment_probe_features import (
    blas_threads_for,
    compute_moments,
    iterate_moments,
    n_moments,
)
from skextras._resources import chunk_length, require_memory
from skextras.numerics.ridge_path import (
    leave_one_out_errors,
    leave_one_out_residuals,
    ridge_gains,
    symmetric_spectrum,
)
from skextras.numerics.scatter import empty_scatter, update_scatter

_CHUNK_BYTES = 8_000_000
_BLOCK_BYTES = 64_000_000
_NORM_WEIGHT = 0.3
_DEFAULT_ALPHAS = np.logspace(-7, 0, 29)


class Features:
    """Moments of the training samples, kept or computed again for each pass.

    Parameters
    ----------
    moments : TokenMoments
        Fitted.

    tokens : Tokens
        The samples.

    keep : bool
        Whether they must be kept; otherwise they are if they fit the working memory.

    Raises
    ------
    MemoryError
        If they must be kept and do not fit.
    """

    def __init__(self, moments, tokens, keep):
        self.moments, self.tokens = moments, tokens
        self.widths = n_moments(moments)
        self.shape = len(tokens), sum(self.widths)
        n_bytes = self.shape[0] * self.shape[1] * tokens.dtype.itemsize
        keep = keep or n_bytes <= get_config()["working_memory"] * 2**20
        self.kept = compute_moments(moments, tokens) if keep else None

    def chunks(self):
        """Iterate over slices of samples and their features."""
        n_samples, width = self.shape
        # As many samples as features, which take no more than the matrices of the
        # features, or adding these up would take longer than multiplying.
        max_bytes = max(_CHUNK_BYTES, 4 * 8 * min(self.shape) ** 2)
        step = chunk_length(4 * 8 * width, n_samples, max_bytes=max_bytes)
        if self.kept is None:
            yield from iterate_moments(self.moments, self.tokens, step)
            return
        for start in range(0, n_samples, step):
            chunk = slice(start, min(start + step, n_samples))
            yield chunk, self.kept[chunk]


class Targets:
    """Classes and weights of the training samples.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Classes, from 0; every class has a sample.

    weights : ndarray of shape (n_samples,)
        Positive weights of the samples.

    class_weights : ndarray of shape (n_classes,)
        Positive weights of the classes.
    """

    def __init__(self, codes, weights, class_weights):
        self.codes, self.weights, self.n_classes = codes, weights, len(class_weights)
        self.total_weights = weights * class_weights[codes]
        self.shares = np.minimum(1.0, weights) * class_weights[codes]
        by_class = np.bincount(codes, self.total_weights, self.n_classes)
        self.total = by_class.sum()
        self.frequencies = by_class / self.total
        # A class whose last copy is left out is one that the fit cannot know.
        rest = by_class[codes] - self.shares
        self.counted = rest > 1e-9 * by_class[codes]

    def one_hot(self, chunk):
        """Indicators of the classes of a slice of samples."""
        return np.eye(self.n_classes)[self.codes[chunk]]

    def centred(self, chunk):
        """The same less the weighted class frequencies."""
        return self.one_hot(chunk) - self.frequencies


class LinearFit(NamedTuple):
    """A linear classifier of standardised moments.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
        What is taken from the moments and what multiplies the rest.

    coef : ndarray of shape (n_features, n_scores)
        Coefficients.

    intercept : ndarray of shape (n_scores,)
        Intercepts.

    n_iter : int
        Iterations of the solver.

    alpha : float or None
        Penalty, of the ridge.

    loo : ndarray of shape (n_samples, n_classes) or None
        Leave-one-out scores, of the ridge.
    """

    mean: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    n_iter: int
    alpha: float | None = None
    loo: np.ndarray | None = None


class _Columns:
    """Means, deviations and largest values of the features."""

    def __init__(self, n_features):
        self.state = empty_scatter(n_features, columns=True)
        self.peaks = np.zeros(n_features)

    def update(self, features, weights):
        self.state = update_scatter(self.state, features, weights=weights)
        np.maximum(self.peaks, np.abs(features).max(axis=0), out=self.peaks)

    def standardisation(self, widths, dtype, second_order_weight):
        """Mean and factor of each feature, with the weight of its block."""
        d, second, norms = widths
        deviations = np.sqrt(self.state.scatter / self.state.weight)
        floors, block = self.peaks.copy(), slice(d, d + second)
        if second:
            floors[block] = floors[block].max()
        # What varies less than rounding would be noise of the same weight as the rest.
        floors *= 1e-5 if dtype == np.float32 else 1e-10
        varies = deviations > floors
        scale = np.divide(1.0, deviations, out=np.zeros(len(varies)), where=varies)
        # Blocks of equal total variance, however many features each has.
        if second:
            scale[block] *= second_order_weight * np.sqrt(d / second)
        if norms:
            scale[d + second :] *= _NORM_WEIGHT * np.sqrt(d / norms)
        return self.state.mean, scale


def fit_ridge(features, targets, alphas, second_order_weight):
    """Fit ridge regression to class indicators, the penalty by leave-one-out errors.

    Parameters
    ----------
    features : Features
        Moments of the samples, kept if they are more than the samples.

    targets : Targets
        Their classes and weights.

    alphas : ndarray of shape (n_alphas,) or None
        Penalties, ascending; None takes them relative to the variance.

    second_order_weight : float
        Weight of the block of second moments.

    Returns
    -------
    fit : LinearFit
        One score for each class.
    """
    n_samples, n_features = features.shape
    with blas_threads_for(min(features.shape)):
        solver = _Dual if n_samples < n_features else _Primal
        basis = solver(features, targets, second_order_weight)
        if alphas is None:
            alphas = (basis.eigenvalues.sum() or 1.0) * _DEFAULT_ALPHAS
        best = _select(basis, targets, alphas)
        gain = ridge_gains(basis.eigenvalues, alphas[[best]], dual=basis.dual)[:, 0]
        loo = np.empty((n_samples, targets.n_classes))
        for chunk, rows in basis.rows():
            loo[chunk] = targets.one_hot(chunk) - leave_one_out_residuals(
                rows,
                basis.projected,
                gain,
                targets.centred(chunk),
                targets.shares[chunk],
                1 / targets.total,
            )
        coef = basis.coefficients(alphas[best])
    intercept = targets.frequencies - basis.center @ coef
    return LinearFit(
        basis.mean, basis.scale, coef, intercept, 1, float(alphas[best]), loo
    )


def _select(basis, targets, alphas):
    """Position of the penalty of least leave-one-out error, the largest on ties."""
    if not targets.counted.any():
        return len(alphas) // 2
    gains = ridge_gains(basis.eigenvalues, alphas, dual=basis.dual)
    errors = np.zeros(len(alphas))
    for chunk, rows in basis.rows():
        errors += leave_one_out_errors(
            rows,
            basis.projected,
            gains,
            targets.centred(chunk),
            targets.shares[chunk],
            1 / targets.total,
            targets.weights[chunk] * targets.counted[chunk],
        )
    return len(alphas) - 1 - int(np.argmin(errors[::-1]))


class _Primal:
    """The eigenbasis of the scatter of the features."""

    dual = False

    def __init__(self, features, targets, second_order_weight):
        width, self.features = features.shape[1], features
        require_memory(
            5 * 8 * width**2,
            f"The scatter of {width} features",
            "Lower n_components.",
        )
        columns, within = _Columns(width), empty_scatter(width)
        between = empty_scatter(width, targets.n_classes)
        for chunk, x in features.chunks():
            weights = targets.total_weights[chunk]
            columns.update(x, targets.weights[chunk])
            within = update_scatter(within, x, weights=weights)
            between = update_scatter(
                between, x, targets.one_hot(chunk), weights=weights
            )
        self.mean, self.scale = columns.standardisation(
            features.widths, features.tokens.dtype, second_order_weight
        )
        self.weighted_mean = within.mean
        self.center = (within.mean - self.mean) * self.scale
        scatter = within.scatter * self.scale[:, None] * self.scale
        self.eigenvalues, self.vectors = symmetric_spectrum(scatter)
        self.projected = self.vectors.T @ (self.scale[:, None] * between.scatter)

    def rows(self):
        """Iterate over slices of samples and their coordinates."""
        for chunk, x in self.features.chunks():
            yield chunk, ((x - self.weighted_mean) * self.scale) @ self.vectors

    def coefficients(self, alpha):
        """Coefficients of the standardised features at one penalty."""
        gain = ridge_gains(self.eigenvalues, np.array([alpha]), dual=False)
        return self.vectors @ (gain * self.projected)


class _Dual:
    """The eigenbasis of the Gram matrix of the samples."""

    dual = True

    def __init__(self, features, targets, second_order_weight):
        self.columns = _StandardColumns(
            features, targets.weights, targets.total_weights, second_order_weight
        )
        self.mean, self.scale = self.columns.mean, self.columns.scale
        self.center = self.columns.center
        self.eigenvalues, self.vectors = symmetric_spectrum(self.columns.gram())
        roots = np.sqrt(targets.total_weights)[:, None]
        everyone = slice(0, features.shape[0])
        self.projected = self.vectors.T @ (roots * targets.centred(everyone))
        self.scores = self.vectors / roots

    def rows(self):
        """Iterate over slices of samples and their coordinates."""
        n_samples = len(self.scores)
        step = chunk_length(8 * 3 * n_samples, n_samples)
        for start in range(0, n_samples, step):
            chunk = slice(start, min(start + step, n_samples))
            yield chunk, self.scores[chunk]

    def coefficients(self, alpha):
        """Coefficients of the standardised features at one penalty."""
        gain = ridge_gains(self.eigenvalues, np.array([alpha]), dual=False)
        return self.columns.combine(self.vectors @ (gain * self.projected))


class _StandardColumns:
    """Kept features, standardised a block of columns at a time, and centred.

    The features themselves stay as they are: there may be no room for a copy.
    """

    def __init__(self, features, weights, centre_weights, second_order_weight):
        columns, self.features = _Columns(features.shape[1]), features
        for chunk, x in features.chunks():
            columns.update(x, weights[chunk])
        self.mean, self.scale = columns.standardisation(
            features.widths, features.tokens.dtype, second_order_weight
        )
        self.weights = centre_weights
        self.roots = np.sqrt(centre_weights)[:, None]
        self.center = np.empty(features.shape[1])

    def _blocks(self):
        """Iterate over slices of columns, centred and times the roots of weights."""
        n_samples, width = self.features.shape
        step = chunk_length(8 * 2 * n_samples, width, max_bytes=_BLOCK_BYTES)
        for start in range(0, width, step):
            block = slice(start, min(start + step, width))
            x = self.features.kept[:, block] - self.mean[block]
            x *= self.scale[block]
            self.center[block] = self.weights @ x / self.weights.sum()
            x -= self.center[block]
            x *= self.roots
            yield block, x

    def gram(self):
        """Products of all pairs of samples."""
        n_samples = self.features.shape[0]
        require_memory(
            4 * 8 * n_samples**2,
            f"The Gram matrix of {n_samples} samples",
            "Use fewer samples, or lower n_components to fewer features than samples.",
        )
        gram = np.zeros((n_samples, n_samples))
        for _, x in self._blocks():
            gram += x @ x.T
        return gram

    def combine(self, coefficients):
        """Sum the samples with these coefficients, of shape (n_samples, n_scores)."""
        combined = np.empty((self.features.shape[1], coefficients.shape[1]))
        for block, x in self._blocks():
            combined[block] = x.T @ coefficients
        return combined


def fit_logistic(features, targets, second_order_weight, **params):
    """Fit logistic regression.

    Parameters
    ----------
    features : Features
        Moments of the samples, kept.

    targets : Targets
        Their classes and weights.

    second_order_weight : float
        Weight of the block of second moments.

    **params : dict
        Parameters of :class:`~sklearn.linear_model.LogisticRegression`.

    Returns
    -------
    fit : LinearFit
        One score for each class, or one for both if there are two.
    """
    n_samples, width = features.shape
    ones = np.ones(n_samples)
    columns = _StandardColumns(features, targets.weights, ones, second_order_weight)
    model = LogisticRegression(**params)
    if n_samples < width:
        # The solution lies in the span of the samples, and the penalty does not see
        # how that is turned: the same problem in as many features as samples.
        with blas_threads_for(n_samples):
            values, vectors = symmetric_spectrum(columns.gram())
        present = values > 0
        values, vectors = values[present], vectors[:, present]
        if not present.any():
            values, vectors = np.ones(1), np.zeros((n_samples, 1))
        model.fit(vectors * np.sqrt(values), targets.codes, targets.total_weights)
        coef = columns.combine((vectors / np.sqrt(values)) @ model.coef_.T)
        intercept = model.intercept_ - columns.center @ coef
    else:
        require_memory(
            2 * 8 * n_samples * width,
            f"The standardised moments of {n_samples} samples",
            'Lower n_components, or use solver="ridge".',
        )
        x = features.kept - columns.mean
        x *= columns.scale
        model.fit(x, targets.codes, targets.total_weights)
        coef, intercept = model.coef_.T, model.intercept_
    return LinearFit(
        columns.mean, columns.scale, coef, intercept, int(model.n_iter_.max())
    )
