"""The trained head of moment probing, on torch."""

from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skextras import _mhc3_moment_probe_head as head
from skextras._base import PackageMixin
from skextras._moment_probe_features import encode_classes, read_tokens, two_sided
from skextras._sklearn import Interval, StrOptions, _fit_context
from skextras._torch import import_extra, make_generator, resolve_device
from skextras.numerics.moments import segment_means
from skextras.numerics.scatter import empty_scatter, update_scatter

_LEAST_WIDTH = 7


class MHC3MomentProbe(
    PackageMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    r"""Multi-head convolutional cross-covariance head, trained by gradient descent.

    The head of the moment probing paper: projected tokens are cut into heads, the
    cross-covariances of neighbouring heads compressed by two convolutions and
    classified beside the mean (or class) token. :class:`MomentProbe` is faster by
    orders of magnitude and calibrated; this one is for comparison with the paper, and
    for data sets large enough for training to pay. It needs the extra "torch".

    Read more in the :doc:`user guide </guide/moment_probe>`.

    Parameters
    ----------
    hidden_dim : int, default=512
        Width of the projected tokens, a multiple of `n_heads`.

    n_heads : int, default=4
        Number of heads, at least 2; each must be at least 7 wide.

    cls_token : bool, default=False
        Whether the first token of each sample is a class token: it then stands for
        the mean, and takes no part in the covariances.

    missing_tokens : {"error", "drop"}, default="error"
        Whether tokens that are NaN throughout, as padding may be, are refused or left
        out.

    n_tokens : int or None, default=None
        Number of tokens in a row of 2-D input, for tools that pass no other. None
        means one.

    max_iter : int, default=40
        Number of epochs.

    batch_size : int, default=64
        Samples in a step.

    learning_rate : float, default=1e-3
        Largest learning rate, reached after a tenth of the steps.

    weight_decay : float, default=0.05
        Decay of the weights, not of biases.

    label_smoothing : float, default=0.1
        Share of the target that is spread over all classes.

    device : str or None, default=None
        Device of torch, such as "cpu" or "cuda:1"; None takes CUDA where there is one.

    random_state : int, RandomState instance or None, default=None
        Seed of the first weights and of the order of the samples. The result is the
        same to the last bit on the same machine and number of threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    token_mean_ : ndarray of shape (d,)
        Mean of the samples' mean tokens, which is subtracted first.

    token_scale_ : float
        Root of the mean variance of the tokens, which they are divided by.

    weights_ : dict of str to ndarray
        The weights, in float32.

    head_norm_ : float
        Frobenius norm of the weights of both linear classifiers.

    loss_curve_ : ndarray of shape (`n_iter_`,)
        Mean training loss of each epoch.

    n_iter_ : int
        Number of epochs run.

    n_features_in_ : int
        Number of features seen during :term:`fit`: those of a token, or the columns
        of 2-D input.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only when X has names that are all strings.

    See Also
    --------
    MomentProbe : Closed form on moments, calibrated.

    Notes
    -----
    Each head :math:`Z_k` of a sample, LayerNormed and less one number, its mean over
    tokens and channels, gives :math:`C_k = Z_k^\top Z_{k+1} / L` with columns of unit
    norm. Two convolutions (3 by 3, stride 2, GELU between) and a linear map follow;
    the scores are the mean of theirs and of the linear classifier of the first-order
    token. Training is AdamW with a warm-up and a cosine schedule. The same
    `random_state` gives the same weights on the same machine.

    Its probabilities are not calibrated: wrap it in
    :class:`~sklearn.calibration.CalibratedClassifierCV` with ``method="temperature"``.
    There are no sample weights: mini-batches could not make them equal to repetition.

    References
    ----------
    .. [1] M. Gao, Q. Wang, Z. Lin, P. Zhu, Q. Hu and J. Zhou, "Tuning pre-trained model
       via moment probing", ICCV 2023, arXiv:2307.11342.

    Examples
    --------
    >>> from skextras import MHC3MomentProbe
    >>> from skextras.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train", return_X_y=True)
    >>> probe = MHC3MomentProbe(hidden_dim=64, max_iter=20, random_state=0).fit(X, y)
    >>> probe.score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 2, None, closed="left")],
        "cls_token": ["boolean"],
        "missing_tokens": [StrOptions({"error", "drop"})],
        "n_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "device": [str, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_dim=512,
        n_heads=4,
        *,
        cls_token=False,
        missing_tokens="error",
        n_tokens=None,
        max_iter=40,
        batch_size=64,
        learning_rate=1e-3,
        weight_decay=0.05,
        label_smoothing=0.1,
        device=None,
        random_state=None,
    ):
        self.hidden_dim = hidden_dim
        self.n_heads = n_heads
        self.cls_token = cls_token
        self.missing_tokens = missing_tokens
        self.n_tokens = n_tokens
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Train the head.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens. Their number may differ in a sequence.

        y : array-like of shape (n_samples,)
            The classes.

        Returns
        -------
        self : object
            Fitted classifier.
        """
        _check_sizes(self.hidden_dim, self.n_heads)
        torch = import_extra("torch", needed_by=type(self).__name__)
        device = resolve_device("auto" if self.device is None else self.device)
        # Before X, since it forgets the names of the columns.
        y = validate_data(self, y=y)
        tokens = read_tokens(self, X)
        check_classification_targets(y)
        check_consistent_length(tokens.lengths, y)
        self.classes_, codes = encode_classes(self, y)
        self.token_mean_, self.token_scale_ = _token_frame(tokens)
        generator = make_generator(self.random_state)
        shapes = head.weight_shapes(
            tokens.n_features, len(self.classes_), self.hidden_dim, self.n_heads
        )
        weights = {
            name: tensor.to(device).requires_grad_()
            for name, tensor in head.initial_weights(shapes, generator).items()
        }
        root = self._init_callback_context(max_subtasks=self.max_iter)
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with torch.enable_grad():
            losses = _train(self, tokens, codes, weights, generator, root)
        self.weights_ = {name: _to_array(tensor) for name, tensor in weights.items()}
        self.head_norm_ = float(
            np.hypot(
                np.linalg.norm(self.weights_["first_order.weight"]),
                np.linalg.norm(self.weights_["second_order.weight"]),
            )
        )
        self.loss_curve_, self.n_iter_ = np.array(losses), len(losses)
        root.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def decision_function(self, X):
        """Compute the scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Scores; if there are two classes, that of the second less that of the
            first.
        """
        check_is_fitted(self)
        tokens = read_tokens(self, X, len(self.token_mean_))
        scores = _predict_scores(self, tokens)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The classes.
        """
        check_is_fitted(self)
        return self.classes_[two_sided(self.decision_function(X)).argmax(axis=1)]

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities, in float64.
        """
        return softmax(two_sided(self.decision_function(X)), axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens, d) or (n_samples, n_columns), or \
                sequence of array-like of shape (n_tokens, d)
            The tokens, of the width seen in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Natural logarithms.
        """
        return log_softmax(two_sided(self.decision_function(X)), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing_tokens == "drop"
        return tags


def _check_sizes(hidden_dim, n_heads):
    """Refuse heads that are too narrow, or of different widths."""
    width = hidden_dim // n_heads
    if hidden_dim % n_heads == 0 and width >= _LEAST_WIDTH:
        return
    nearest = n_heads * max(round(hidden_dim / n_heads), _LEAST_WIDTH)
    raise ValueError(
        f"hidden_dim={hidden_dim} must be a multiple of n_heads={n_heads} that gives "
        f"each head a width of {_LEAST_WIDTH} or more: the nearest is "
        f"hidden_dim={nearest}."
    )


def _token_frame(tokens):
    """Mean of the tokens, and the root of their mean variance or 1."""
    state = empty_scatter(tokens.n_features, columns=True)
    for start, stop in tokens.chunks(0, 32 * tokens.n_features):
        lengths = tokens.lengths[start:stop]
        shares = np.repeat(1 / lengths, lengths)
        state = update_scatter(state, tokens.read(start, stop), weights=shares)
    variance = float((state.scatter / state.weight).mean())
    return state.mean, np.sqrt(variance) if variance > 0 else 1.0


def _batch(self, tokens, start, stop, dtype):
    """First-order tokens, padded tokens and their mask, standardised."""
    lengths = tokens.lengths[start:stop]
    rows = (tokens.read(start, stop) - self.token_mean_) / self.token_scale_
    if self.cls_token:
        first = tokens.read_first(start, stop) - self.token_mean_
        first = first / self.token_scale_
    else:
        first = segment_means(rows, lengths)
    padded, valid = head.pad(rows, lengths)
    return [array.astype(dtype) for array in (first, padded, valid)]


def _train(self, tokens, codes, weights, generator, root):
    """Train the weights in place and return the mean loss of each epoch."""
    import torch

    decayed = [w for w in weights.values() if w.ndim > 1]
    others = [w for w in weights.values() if w.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": self.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
    n_steps = self.max_iter * -(-len(tokens) // self.batch_size)
    losses, step = [], 0
    for _ in range(self.max_iter):
        epoch = root.subcontext(task_name="epoch").call_on_fit_task_begin(
            estimator=self
        )
        order = torch.randperm(len(tokens), generator=generator).numpy()
        total = 0.0
        for batch in gen_batches(len(tokens), self.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * head.rate_factor(step, n_steps)
            loss = _step(self, tokens, codes, weights, optimizer, order[batch])
            total += loss * len(order[batch])
            step += 1
        losses.append(total / len(tokens))
        if epoch.call_on_fit_task_end(estimator=self):
            break
    return losses


def _step(self, tokens, codes, weights, optimizer, index):
    """Take one step and return the loss before it."""
    import torch

    device = weights["norm.bias"].device
    arrays = _batch(self, tokens.take(index), 0, len(index), np.float32)
    tensors = [torch.from_numpy(array).to(device) for array in arrays]
    loss = torch.nn.functional.cross_entropy(
        head.scores(weights, *tensors, self.n_heads),
        torch.from_numpy(codes[index]).to(device),
        label_smoothing=self.label_smoothing,
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _to_array(tensor):
    return np.array(tensor.detach().cpu().numpy())


def _predict_scores(self, tokens):
    """Scores of all samples, by chunks."""
    torch = import_extra("torch", needed_by=type(self).__name__)
    device = resolve_device("auto" if self.device is None else self.device)
    # In float64, so that a score does not depend on the samples beside it; Apple's
    # devices have none.
    dtype = np.float32 if device.type == "mps" else np.float64
    weights = {
        name: torch.from_numpy(array.astype(dtype)).to(device)
        for name, array in self.weights_.items()
    }
    width = self.hidden_dim // self.n_heads
    scores = np.empty((len(tokens), len(self.classes_)))
    ranges = tokens.chunks(
        8 * 3 * self.n_heads * width**2, 8 * (4 * self.hidden_dim + tokens.n_features)
    )
    with torch.inference_mode():
        for start, stop in ranges:
            arrays = _batch(self, tokens, start, stop, dtype)
            tensors = [torch.from_numpy(array).to(device) for array in arrays]
            out = head.scores(weights, *tensors, self.n_heads)
            scores[start:stop] = out.cpu().numpy()
    return scores
