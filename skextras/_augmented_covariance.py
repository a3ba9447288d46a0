"""Covariance matrices of delay-embedded multichannel series."""

import math
import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import ledoit_wolf, oas
from sklearn.utils import gen_even_slices
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._resources import chunk_length, require_memory, single_blas_thread
from skextras._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
)
from skextras._validation import validate_series
from skextras.numerics.delay_selection import (
    ConstantSeriesError,
    SeriesTooShortError,
    autocorrelation_lag,
    cao_order_lag,
    mdop_order_lag,
)
from skextras.numerics.lagged import augmented_covariance, embed
from skextras.numerics.spd import half_vectors

# Temporaries beside the output, which a chunk of any size costs.
_CHUNK_BYTES = 5_000_000


class AugmentedCovariance(PackageMixin, TransformerMixin, BaseEstimator):
    r"""Augmented covariance matrices of multichannel epochs.

    Each epoch is delay-embedded (`order` copies of its channels, each `lag` samples
    later than the one before), and the covariance matrix of the embedding is
    returned: a symmetric positive definite matrix that holds the spectra of the
    channels beside their spatial covariance. Put it where a spatial covariance would
    stand, before Riemannian classifiers such as
    :class:`pyriemann.tangentspace.TangentSpace` or
    :class:`pyriemann.classification.MDM`, or ask for vectors and use any estimator.

    Read more in the :doc:`user guide </guide/augmented_covariance>`.

    Parameters
    ----------
    order : int or "auto", default="auto"
        Number of delayed copies of the channels, at least 1. With 1 the result is the
        plain covariance matrix.

    lag : int, "auto" or array-like of int, default="auto"
        Number of samples from one copy to the next; or the delays of all copies, in
        samples: distinct, the first 0 and the others positive. In that case, `order`
        must be "auto" or their number.

    selection : {"autocorrelation", "mdop", "cao"}, default="autocorrelation"
        How `fit` chooses what is "auto", from the epochs alone:

        - "autocorrelation": half of the first lag at which the mean autocorrelation
          is not positive, and the largest order up to 8 for which the matrix has at
          most 64 rows;
        - "mdop": maximisation of derivatives on projection [2]_ on each epoch, rounded
          means;
        - "cao": first minimum of the mutual information and the order at which
          Cao's statistic saturates [3]_ for each channel of each epoch, rounded means.

        An "auto" value is lowered until the epochs are long enough for it.

    window : {"full", "moabb"}, default="full"
        Samples that enter: "full" takes all for which every delayed copy exists,
        ``n_times - max(delays)``; "moabb" takes `lag` fewer (one fewer if `lag` is a
        sequence) as the reference implementation does, for parity with published
        results. With one copy both take all samples.

    estimator : {"cov", "scm", "lwf", "oas"} or callable, default="cov"
        Estimator of the covariance: as :func:`numpy.cov`, second moments about zero
        ("scm"), :func:`~sklearn.covariance.ledoit_wolf`,
        :func:`~sklearn.covariance.oas`, or a function that takes the embedding of an
        epoch, an array of shape (n_rows, n_window), and returns one of shape (n_rows,
        n_rows). The last three build the embedding and are slower.

    shrinkage : float, default=0.0
        Weight, from 0 to 1, of the scaled identity that is mixed into the estimate
        last: ``(1 - shrinkage) * S + shrinkage * trace(S) / n_rows * identity``.

    output : {"matrix", "vector"}, default="matrix"
        Return matrices, or their upper triangles row by row with the off-diagonal
        values multiplied by sqrt(2), so that the norm stays the same.

    n_jobs : int or None, default=None
        Number of threads over which `transform` spreads the epochs. The result does
        not depend on it.

    Attributes
    ----------
    order_ : int
        Number of delayed copies.

    lag_ : int or None
        Number of samples from one copy to the next; None if `lag` is a sequence.

    delays_ : ndarray of shape (`order_`,)
        Delays of the copies, in samples.

    n_channels_in_ : int
        Number of channels seen during :term:`fit`.

    n_features_in_ : int
        Second dimension of the input of :term:`fit`: its channels when it is 3-D, its
        time points when it is 2-D.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns or, for MNE objects, channels seen during :term:`fit`.
        Defined only when the input has names that are all strings.

    See Also
    --------
    pyriemann.estimation.TimeDelayCovariances : Similar, with circular shifts.
    skextras.displays.AugmentedCovarianceDisplay : Draws the mean matrix.

    Notes
    -----
    With the delays :math:`d_0 = 0, \ldots, d_{p-1}` (:math:`p` is `order_`,
    :math:`d_k = k \ell` for a `lag` :math:`\ell`), row :math:`kC + c` of the embedding
    of an epoch of :math:`C` channels is :math:`x_c(t + d_k)`, :math:`t = 0, \ldots,
    N - 1`. Its covariance :math:`S` of :math:`D = pC` rows has the blocks

    .. math:: S_{kl} = \frac{1}{N-1} \sum_{t=0}^{N-1}
        (x(t+d_k) - m_k) (x(t+d_l) - m_l)^T ,

    with the window means :math:`m_k`. In finite samples it is not block-Toeplitz: the
    windows of the copies differ. For "cov" and "scm" it is built from lagged products,
    without the embedding. Sums are in float64; float32 input gives float32 output.

    :math:`S` is singular when :math:`N \le D`, and close to it for a large order with a
    small lag on narrow-band signals. Riemannian methods need definite matrices: lower
    `order` or raise `lag` or `shrinkage`.

    The default `order` and `lag` adapt to band-passed signals. On broadband signals
    with slow drifts the first zero of the autocorrelation, and with it the lag, is
    far too long.

    References
    ----------
    .. [1] I. Carrara and T. Papadopoulo, "Classification of BCI-EEG based on augmented
       covariance matrix", 2023, arXiv:2302.04508.

    .. [2] C. Nichkawde, "Optimal state-space reconstruction using derivatives on
       projected manifold", Physical Review E 87, 022905, 2013.

    .. [3] L. Cao, "Practical method for determining the minimum embedding dimension of
       a scalar time series", Physica D 110, 43-50, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import AugmentedCovariance
    >>> X = np.random.default_rng(0).standard_normal((10, 3, 200))
    >>> AugmentedCovariance(order=4, lag=2).fit_transform(X).shape
    (10, 12, 12)
    """

    _parameter_constraints: dict = {
        "order": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "lag": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            "array-like",
        ],
        "selection": [StrOptions({"autocorrelation", "mdop", "cao"})],
        "window": [StrOptions({"full", "moabb"})],
        "estimator": [StrOptions({"cov", "scm", "lwf", "oas"}), callable],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "output": [StrOptions({"matrix", "vector"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        order="auto",
        lag="auto",
        *,
        selection="autocorrelation",
        window="full",
        estimator="cov",
        shrinkage=0.0,
        output="matrix",
        n_jobs=None,
    ):
        self.order = order
        self.lag = lag
        self.selection = selection
        self.window = window
        self.estimator = estimator
        self.shrinkage = shrinkage
        self.output = output
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Choose what is "auto" among order and lag, and learn the layout of X.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs. 2-D input has one channel. Of MNE objects the good data
            channels are taken; lists of them are legal too.

        y : None
            Ignored: the choice does not look at labels.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        sequence = _check_order_and_lag(self.order, self.lag)
        X = validate_series(self, X, reset=True, ensure_min_times=2)
        if sequence is None:
            self.order_, self.lag_ = _choose_order_and_lag(self, X)
            self.delays_ = self.lag_ * np.arange(self.order_)
        else:
            self.order_, self.lag_, self.delays_ = len(sequence), None, sequence
        self._window_length(X.shape[2])
        return self

    def transform(self, X):
        """Compute the augmented covariance of each epoch.

        Parameters
        ----------
        X : array-like of shape (n_epochs, n_channels, n_times) or \
                (n_epochs, n_times), or mne.BaseEpochs
            The epochs, with the channels of `fit`. 3-D input may have another number
            of times.

        Returns
        -------
        X_new : ndarray of shape (n_epochs, n_rows, n_rows) or \
                (n_epochs, n_rows * (n_rows + 1) / 2)
            Matrices or, for `output="vector"`, vectors; ``n_rows = order_ *
            n_channels_in_``.
        """
        check_is_fitted(self)
        X = validate_series(self, X, reset=False)
        n_window = self._window_length(X.shape[2])
        n_rows = self.order_ * self.n_channels_in_
        if (
            n_window <= n_rows
            and self.shrinkage == 0
            and self.estimator in ("cov", "scm")
        ):
            warnings.warn(
                f"The covariance matrices are singular: {n_window} samples in the "
                f"window for {n_rows} rows (order times channels). Lower the order, "
                'raise shrinkage above 0 or use estimator="oas".',
                UserWarning,
                stacklevel=3,  # scikit-learn wraps the method once
            )
        return _compute(self, X, n_window, n_rows)

    @available_if(lambda self: self.output == "vector")
    def get_feature_names_out(self, input_features=None):
        """Name the entries of the vectors after the delays and channels they cover.

        Only available with `output="vector"`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the channels; those seen in `fit`, or ch0, ch1, ... if None.
            Checked but not used for 2-D input.

        Returns
        -------
        feature_names_out : ndarray of str objects
            Names such as "lag0_Oz__lag4_O1", or "lag0__lag4" for 2-D input.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        # 3-D input has as many features as channels.
        if self.n_features_in_ != self.n_channels_in_:
            rows = [f"lag{delay}" for delay in self.delays_]
        else:
            if input_features is None and not hasattr(self, "feature_names_in_"):
                names = [f"ch{c}" for c in range(self.n_channels_in_)]
            rows = [f"lag{delay}_{name}" for delay in self.delays_ for name in names]
        pairs = zip(*np.triu_indices(len(rows)), strict=True)
        return np.asarray([f"{rows[i]}__{rows[j]}" for i, j in pairs], dtype=object)

    def _window_length(self, n_times):
        """Samples in the window of n_times samples; an error if there are no two."""
        span = _span(self.delays_, self.lag_, self.window)
        if n_times - span < 2:
            raise ValueError(
                f"Epochs of n_times={n_times} samples are too short for order="
                f"{self.order_} and lag={self.lag_} (delays {self.delays_.tolist()}) "
                f'with window="{self.window}": at least {span + 2} samples are needed. '
                "Lower order or lag."
            )
        return n_times - span

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_order_and_lag(order, lag):
    """Refuse what the constraints let through; the delays if lag is a sequence."""
    for name, value in (("order", order), ("lag", lag)):
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {value!r}.")
    if isinstance(lag, Integral | str):
        return None
    entries = list(lag)
    for position, entry in enumerate(entries):
        legal = isinstance(entry, Integral) and not isinstance(entry, bool | np.bool_)
        if not legal or (entry != 0 if position == 0 else entry < 1):
            raise ValueError(
                f"lag={lag!r} has the entry {entry!r} at position {position}: the "
                "first delay must be 0 and the others positive integers."
            )
    if not entries or len(set(entries)) < len(entries):
        raise ValueError(f"lag={lag!r} must have entries, and no entry twice.")
    if order not in ("auto", len(entries)):
        raise ValueError(
            f"order={order} contradicts lag={lag!r}, which has {len(entries)} delays: "
            'set order="auto".'
        )
    return np.array(entries, dtype=np.intp)


def _span(delays, lag, window):
    """Samples of an epoch that are not in a window."""
    if window == "full" or len(delays) == 1:
        return int(max(delays))
    return int(max(delays)) + (1 if lag is None else lag)


def _select(self, X):
    """Order and lag: the given ones, or what the selection rule says of X."""
    order, lag = self.order, self.lag
    if order != "auto" and lag != "auto":
        return order, lag
    if self.selection == "autocorrelation":
        chosen = (
            max(1, min(8, 64 // X.shape[1])),
            autocorrelation_lag(X) if lag == "auto" else lag,
        )
    else:
        rule = mdop_order_lag if self.selection == "mdop" else cao_order_lag
        try:
            chosen = rule(X)
        except (SeriesTooShortError, ConstantSeriesError) as error:
            raise ValueError(
                f'selection="{self.selection}" cannot choose order and lag from epochs '
                f"of n_times={X.shape[2]} samples: {error} Set both, or use "
                'selection="autocorrelation".'
            ) from error
    return (
        chosen[0] if order == "auto" else order,
        chosen[1] if lag == "auto" else lag,
    )


def _choose_order_and_lag(self, X):
    """Order and lag, those that are "auto" chosen and lowered until they fit X."""
    _, n_channels, n_times = X.shape
    order, lag = _select(self, X)

    def window_length(order, lag):
        return n_times - _span(lag * np.arange(order), lag, self.window)

    while self.lag == "auto" and lag > 1 and window_length(order, lag) < 2:
        lag -= 1
    while (
        self.order == "auto"
        and order > 1
        and window_length(order, lag) <= order * n_channels
    ):
        order -= 1
    return order, lag


def _compute(self, X, n_window, n_rows):
    """Covariances of all epochs, over threads."""
    single = X.dtype.kind == "f" and X.dtype.itemsize == 4
    shape = (n_rows, n_rows)
    if self.output == "vector":
        shape = (n_rows * (n_rows + 1) // 2,)
    dtype = np.dtype(np.float32 if single else np.float64)
    require_memory(
        X.shape[0] * math.prod(shape) * dtype.itemsize,
        f"{X.shape[0]} augmented covariances of {n_rows} rows",
        "Lower order or transform fewer epochs at a time.",
    )
    out = np.empty((X.shape[0], *shape), dtype=dtype)
    epoch_bytes = 8 * (2 * n_rows**2 + X.shape[1] * X.shape[2])
    step = chunk_length(epoch_bytes, X.shape[0], max_bytes=_CHUNK_BYTES)
    n_parts = min(effective_n_jobs(self.n_jobs), X.shape[0])
    with single_blas_thread():
        # Not scikit-learn's Parallel: its threads set warning filters, which belong to
        # the process, and may leave them changed.
        Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(_fill)(self, X, n_window, step, out, part)
            for part in gen_even_slices(X.shape[0], n_parts)
        )
    return out


def _fill(self, X, n_window, step, out, part):
    """Write the covariances of the epochs of ``part`` into ``out``, by chunks."""
    for start in range(part.start, part.stop, step):
        chunk = slice(start, min(start + step, part.stop))
        direct = self.output == "matrix" and out.dtype == np.float64
        buffer = out[chunk] if direct else None
        S = _estimate(self, X[chunk], start, n_window, buffer)
        if self.shrinkage > 0:
            _shrink(S, self.shrinkage)
        if self.output == "vector":
            out[chunk] = half_vectors(S)
        elif not direct:
            out[chunk] = S


def _estimate(self, X, first, n_window, out):
    """Covariances of a chunk whose first epoch has the number ``first``."""
    if self.estimator in ("cov", "scm"):
        centered = self.estimator == "cov"
        return augmented_covariance(
            X, self.delays_, n_window, centered=centered, out=out
        )
    n_rows = self.order_ * self.n_channels_in_
    out = np.empty((len(X), n_rows, n_rows)) if out is None else out
    for i in range(len(X)):
        rows = embed(X[i : i + 1].astype(np.float64), self.delays_, n_window)[0]
        if callable(self.estimator):
            out[i] = _call(self.estimator, rows, first + i)
        else:
            shrunk = ledoit_wolf if self.estimator == "lwf" else oas
            out[i] = shrunk(rows.T)[0]
    return out


def _call(function, rows, epoch):
    """The covariance that a user's function returns, checked."""
    S = np.asarray(function(rows))
    wanted = (len(rows), len(rows))
    if S.shape != wanted or not np.isfinite(S).all():
        raise ValueError(
            f"estimator={function!r} must return finite values of shape {wanted}; for "
            f"epoch {epoch} it returned shape {S.shape}"
            f"{'' if S.shape != wanted else ' with NaN or infinity'}."
        )
    return S


def _shrink(S, shrinkage):
    """Mix the scaled identity into the matrices, in place."""
    level = shrinkage * np.trace(S, axis1=1, axis2=2) / S.shape[1]
    S *= 1 - shrinkage
    S[:, range(S.shape[1]), range(S.shape[1])] += level[:, None]
