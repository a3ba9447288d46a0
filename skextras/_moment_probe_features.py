"""What computes the moments of tokens, for the transformer and the classifiers."""

import contextlib
import warnings
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_even_slices

from skextras._resources import require_memory, single_blas_thread
from skextras._validation_tokens import validate_tokens
from skextras.numerics.moments import (
    norm_moments,
    normalise_tokens,
    principal_axes,
    second_moments,
    second_order_vectors,
    segment_means,
)
from skextras.numerics.scatter import (
    Scatter,
    covariance,
    empty_scatter,
    update_scatter,
)

# From that many rows on, matrices keep several BLAS threads busy.
_LARGE = 500


def read_tokens(estimator, X, token_width=None):
    """Validate tokens as the parameters of an estimator say.

    Parameters
    ----------
    estimator : TokenMoments or MomentProbe
        The estimator.

    X : array-like
        The input of its methods.

    token_width : int, default=None
        Number of features that the tokens must have; None (``fit``) learns it.

    Returns
    -------
    tokens : Tokens
        The validated tokens.
    """
    return validate_tokens(
        estimator,
        X,
        token_width=token_width,
        missing_tokens=estimator.missing_tokens,
        n_tokens=estimator.n_tokens,
        cls_token=estimator.cls_token,
    )


def drop_unweighted(tokens, weights):
    """Leave out the samples of weight zero.

    Parameters
    ----------
    tokens : Tokens
        The tokens of n samples.

    weights : ndarray of shape (n,)
        Non-negative weights.

    Returns
    -------
    tokens : Tokens
        Those of positive weight.

    weights : ndarray
        Their weights.
    """
    kept = np.flatnonzero(weights > 0)
    if len(kept) == len(tokens):
        return tokens, weights
    return tokens.take(kept), weights[kept]


def warn_one_token(remedy, stacklevel):
    """Warn that no sample has the two tokens that a variance takes.

    Parameters
    ----------
    remedy : str
        Parameters that say the same without a warning.

    stacklevel : int
        As of :func:`warnings.warn`, seen from the caller.
    """
    warnings.warn(
        "No sample has two tokens, so that second moments about the sample's mean are "
        f"zero and are left out. Set {remedy}, or centered=False.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def forget_moments(self):
    """Forget what an earlier fit has learned."""
    for name in (
        "n_samples_seen_",
        "token_covariance_",
        "components_",
        "explained_variance_",
        "token_scale_",
    ):
        vars(self).pop(name, None)


def learn_moments(self, tokens, weights):
    """Add samples to the mean and covariance of the tokens.

    Parameters
    ----------
    self : TokenMoments
        Receives the fitted attributes. Samples that it has seen stay in them.

    tokens : Tokens
        The samples to add.

    weights : ndarray of shape (n_samples,)
        Their positive weights.

    Raises
    ------
    ValueError
        If the samples seen before were used for order 1 and now it is 2.

    MemoryError
        If the covariance would not fit.
    """
    d = tokens.n_features
    if hasattr(self, "n_samples_seen_"):
        state, first = Scatter(*self._token_scatter), Scatter(*self._first_scatter)
        if self.order == 2 and state.scatter.ndim == 1:
            raise ValueError(
                "order=2 needs the covariance of all tokens, and those seen so far "
                "were used with order=1: call fit."
            )
    else:
        self.n_samples_seen_, self._has_pairs = 0, False
        state = empty_scatter(d, columns=True)
        first = empty_scatter(d, columns=True)
        if self.order == 2:
            require_memory(
                4 * 8 * d**2,
                f"The covariance of tokens of {d} features",
                "Use order=1, or fewer features.",
            )
            state = empty_scatter(d)
    with blas_threads_for(d):
        state, first = _accumulate(tokens, weights, state, first, self.cls_token)
    self._token_scatter, self._first_scatter = tuple(state), tuple(first)
    self.n_samples_seen_ += len(tokens)
    self._has_pairs = self._has_pairs or bool((tokens.lengths > 1).any())
    self._second_order = self.order == 2 and (self._has_pairs or not self.centered)
    self.n_token_features_ = d
    self.token_mean_ = state.mean
    self.first_order_mean_ = first.mean if self.cls_token else state.mean
    if self.order == 2:
        self.token_covariance_ = covariance(state, ddof=0.0)
        self.components_, self.explained_variance_ = principal_axes(
            self.token_covariance_, self.n_components
        )
        self.token_scale_ = float(np.sqrt(self.explained_variance_.mean())) or 1.0


def blas_threads_for(size):
    """Return a context that leaves BLAS its threads for large matrices alone.

    Parameters
    ----------
    size : int
        Rows of the matrices that are multiplied or decomposed.

    Returns
    -------
    context : context manager
        :func:`single_blas_thread` where several threads would only wait.
    """
    return single_blas_thread() if size < _LARGE else contextlib.nullcontext()


def _accumulate(tokens, weights, state, first, cls_token):
    """Update the moments of the tokens and of the class tokens by chunks."""
    d = tokens.n_features
    # As many tokens as features, or adding up would take longer than multiplying.
    least_bytes = 32 * d**2 if state.scatter.ndim == 2 else 0
    for start, stop in tokens.chunks(0, 32 * d, least_bytes):
        lengths = tokens.lengths[start:stop]
        # A sample counts once, whatever its length.
        shares = np.repeat(weights[start:stop] / lengths, lengths)
        state = update_scatter(state, tokens.read(start, stop), weights=shares)
        if cls_token:
            first = update_scatter(
                first, tokens.read_first(start, stop), weights=weights[start:stop]
            )
    return state, first


class _Frame(NamedTuple):
    """What maps tokens to the features, in the dtype of the tokens."""

    mean: np.ndarray
    first_mean: np.ndarray
    first_rest: np.ndarray
    projection: np.ndarray | None
    offset: np.ndarray | None


def _frame(self, dtype):
    # In float32 the mean is too coarse for tokens far from zero: its rounding error is
    # taken off after the differences, which are small.
    mean, mean_rest = _split(self.token_mean_, dtype)
    first_mean, first_rest = _split(self.first_order_mean_, dtype)
    projection = offset = None
    if self._second_order:
        projection = self.components_.T / self.token_scale_
        offset = (mean_rest @ projection).astype(dtype)
        projection = projection.astype(dtype)
    return _Frame(mean, first_mean, first_rest.astype(dtype), projection, offset)


def _split(values, dtype):
    """Values rounded to a dtype, and what that leaves."""
    rounded = values.astype(dtype)
    return rounded, values - rounded


def n_moments(self):
    """Return the widths of the blocks of features.

    Parameters
    ----------
    self : TokenMoments
        Fitted.

    Returns
    -------
    widths : tuple of int
        Of the means, the second moments and the moments of the norms.
    """
    if not self._second_order:
        return self.n_token_features_, 0, 0
    k = len(self.components_)
    return self.n_token_features_, k * (k + 1) // 2, 2 * bool(self.norm_moments)


def moment_chunks(self, tokens):
    """Cut samples into ranges for `write_moments`.

    Parameters
    ----------
    self : TokenMoments
        Fitted.

    tokens : Tokens
        The samples.

    Returns
    -------
    ranges : list of (start, stop)
        Ranges whose temporaries stay in cache.
    """
    d, width, _ = n_moments(self)
    k = len(self.components_) if width else 0
    size = tokens.dtype.itemsize
    return tokens.chunks(24 * k**2 + size * (d + width), size * (2 * d + 2 * k))


def compute_moments(self, tokens, function=None, width=None, dtype=None):
    """Compute the moments of all samples over threads, or a function of them.

    Parameters
    ----------
    self : TokenMoments
        Fitted.

    tokens : Tokens
        The samples.

    function : callable, default=None
        Turns the moments of a chunk into rows of `width` values, in `dtype`. None
        keeps the moments.

    width : int, default=None
        See `function`.

    dtype : dtype, default=None
        See `function`.

    Returns
    -------
    out : ndarray of shape (n_samples, n_moments or `width`)
        One row a sample.

    Raises
    ------
    MemoryError
        If the rows do not fit.
    """
    n_features = sum(n_moments(self))
    width = n_features if function is None else width
    dtype = tokens.dtype if function is None else np.dtype(dtype)
    require_memory(
        len(tokens) * width * dtype.itemsize,
        f"The moments of {len(tokens)} samples ({width} features each)",
        "Lower n_components, or use fewer samples at a time.",
    )
    out = np.empty((len(tokens), width), dtype=dtype)
    frame = _frame(self, tokens.dtype)

    def work(start, stop):
        if function is None:
            _write(self, frame, tokens, start, stop, out[start:stop])
        else:
            features = np.empty((stop - start, n_features), dtype=tokens.dtype)
            _write(self, frame, tokens, start, stop, features)
            out[start:stop] = function(features)

    _over_threads(self, work, moment_chunks(self, tokens))
    return out


def _over_threads(self, work, ranges):
    """Call a function for every range, those that follow each other in one thread."""

    def work_on(part):
        for start, stop in ranges[part]:
            work(start, stop)

    n_parts = min(effective_n_jobs(self.n_jobs), len(ranges))
    with single_blas_thread():
        # Not scikit-learn's Parallel: its threads set warning filters, which belong to
        # the process, and may leave them changed.
        Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(work_on)(part) for part in gen_even_slices(len(ranges), n_parts)
        )


def iterate_moments(self, tokens, n_samples):
    """Compute the moments a chunk of samples at a time.

    Parameters
    ----------
    self : TokenMoments
        Fitted.

    tokens : Tokens
        The samples.

    n_samples : int
        Samples of a chunk, about.

    Yields
    ------
    chunk : slice
        The samples.

    features : ndarray
        Their moments.
    """
    frame, n_features = _frame(self, tokens.dtype), sum(n_moments(self))
    ranges, position = moment_chunks(self, tokens), 0
    while position < len(ranges):
        first, group = ranges[position][0], []
        while position < len(ranges) and (
            not group or ranges[position][1] - first <= n_samples
        ):
            group.append(ranges[position])
            position += 1
        chunk = slice(first, group[-1][1])
        features = np.empty((chunk.stop - first, n_features), dtype=tokens.dtype)

        def work(start, stop, first=first, features=features):
            out = features[start - first : stop - first]
            _write(self, frame, tokens, start, stop, out)

        _over_threads(self, work, group)
        yield chunk, features


def _write(self, frame, tokens, start, stop, out):
    """Write the moments of a range of samples."""
    lengths, (d, width, n_norms) = tokens.lengths[start:stop], n_moments(self)
    # Before anything else: tokens may lie far from zero, and what is constant must
    # become exactly zero, or its rounding would be standardised into a feature.
    x = tokens.read(start, stop) - frame.mean
    if self.cls_token:
        means = tokens.read_first(start, stop) - frame.first_mean
    else:
        means = segment_means(x, lengths)
    np.subtract(means, frame.first_rest, out=out[:, :d])
    if not width:
        return
    z = x @ frame.projection
    z -= frame.offset
    log_norms = normalise_tokens(z, self.token_norm)
    if n_norms:
        out[:, d + width :] = norm_moments(log_norms, lengths)
    S = second_moments(z, lengths, centered=self.centered)
    out[:, d : d + width] = second_order_vectors(S, self.normalize, self.shrinkage)


def encode_classes(self, y):
    """Return the classes, at least two, and the positions of the samples' in them.

    Parameters
    ----------
    self : estimator
        Named in the message.

    y : ndarray of shape (n_samples,)
        Classes of the samples.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.

    codes : ndarray of shape (n_samples,)
        Positions in `classes`.

    Raises
    ------
    ValueError
        If there is only one class.
    """
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"{type(self).__name__} needs samples of at least 2 classes in the data, "
            f"but the data contains only one class: {classes[0]!r}"
        )
    return classes, codes


def two_sided(scores):
    """Return a score for each class where one is given for two.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
        What `decision_function` returned.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_classes)
        Zero for the first of two classes.
    """
    if scores.ndim == 2:
        return scores
    return np.column_stack([np.zeros_like(scores), scores])
