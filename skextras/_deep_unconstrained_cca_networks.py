"""Networks of DeepUnconstrainedCCA: trained with torch, applied with NumPy."""

from itertools import pairwise

import numpy as np

from skextras._deep_unconstrained_cca_loss import ey_loss
from skextras._torch import import_extra, make_generator, resolve_device
from skextras.numerics.scatter import empty_scatter, update_scatter

_SLOPE = 0.01  # of the leaky rectifier below zero
# Rows read at once. Constant: the working memory must not change a digit, and what
# training makes of a last digit grows.
_ROWS = 1024


def column_statistics(views):
    """Return the means of the columns, and one scale for each view.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The views.

    Returns
    -------
    means : list of ndarray of shape (n_features_i,)
        Means of the columns.

    scales : ndarray of shape (n_views,)
        Roots of the mean variances.

    Raises
    ------
    ValueError
        If a view is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._deep_unconstrained_cca_networks import column_statistics
    >>> column_statistics([np.array([[0.0, 5.0], [4.0, 5.0]])])
    ([array([2., 5.])], array([2.]))
    """
    means, scales = [], []
    for i, view in enumerate(views):
        state = empty_scatter(view.shape[1], columns=True)
        for start in range(0, view.shape[0], _ROWS):
            # In one memory layout, since the order of a sum is that of its memory.
            rows = np.array(view[start : start + _ROWS], dtype=np.float64, order="C")
            state = update_scatter(state, rows)
        if not state.scatter.any():
            raise ValueError(
                f"view {i} is constant: none of its {view.shape[1]} columns varies, so "
                "that nothing can correlate with it."
            )
        means.append(state.mean)
        scales.append(np.sqrt((state.scatter / (state.weight - 1)).mean()))
    return means, np.array(scales)


def standardised(views, means, scales):
    """Return functions that read rows as the networks want them.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The views.

    means : list of ndarray of shape (n_features_i,)
        What is subtracted.

    scales : ndarray of shape (n_views,)
        What is divided by.

    Returns
    -------
    readers : list of callable
        ``reader(rows)`` gives those rows in float32; ``reader.shape`` is the shape of
        the view.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._deep_unconstrained_cca_networks import standardised
    >>> (reader,) = standardised([np.array([[1.0], [3.0]])], [[2.0]], [4.0])
    >>> reader([1])
    array([[0.25]], dtype=float32)
    """
    return [_Reader(*each) for each in zip(views, means, scales, strict=True)]


class _Reader:
    def __init__(self, view, mean, scale):
        self.view, self.mean, self.scale = view, mean, scale
        self.shape = view.shape

    def __call__(self, rows):
        centred = np.subtract(self.view[rows], self.mean, dtype=np.float64)
        return (centred / self.scale).astype(np.float32, order="C")


def train(estimator, readers, sizes, context):
    """Return the networks that minimise the loss, as arrays.

    Parameters
    ----------
    estimator : DeepUnconstrainedCCA
        Its parameters are read.

    readers : list of callable
        What `standardised` returned.

    sizes : list of int
        Widths of the hidden layers.

    context : CallbackContext or None
        That of the fit, told of each epoch.

    Returns
    -------
    coefs : list of list of ndarray of shape (n_inputs, n_outputs)
        Weights of the layers of each view.

    intercepts : list of list of ndarray of shape (n_outputs,)
        Their intercepts.

    loss : ndarray of shape (n_epochs,)
        Mean loss of each epoch; NaN where no step was finite.

    Raises
    ------
    ImportError
        If torch is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import DeepUnconstrainedCCA
    >>> from skextras._deep_unconstrained_cca_networks import standardised, train
    >>> deep = DeepUnconstrainedCCA(1, max_iter=2, random_state=0)
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> coefs, intercepts, loss = train(
    ...     deep, standardised([x, x], [0, 0], [1, 1]), [3], None
    ... )
    >>> [c.shape for c in coefs[0]], loss.shape
    ([(1, 3), (3, 1)], (2,))
    """
    torch = import_extra("torch", needed_by=type(estimator).__name__)
    device = resolve_device(estimator.device)
    generator = make_generator(estimator.random_state)
    networks = [
        _network(
            torch, [reader.shape[1], *sizes, estimator.n_components], generator, device
        )
        for reader in readers
    ]
    parameters = [p for network in networks for layer in network for p in layer]
    optimiser = torch.optim.Adam(parameters, lr=estimator.learning_rate)
    losses = []
    for _ in range(estimator.max_iter):
        task = None
        if context is not None:
            task = context.subcontext(task_name="epoch")
            task.call_on_fit_task_begin(estimator=estimator)
        losses.append(
            _epoch(torch, networks, readers, optimiser, estimator.batch_size, generator)
        )
        if task is not None and task.call_on_fit_task_end(estimator=estimator):
            break
    coefs = [[_array(w).T.copy() for w, _ in network] for network in networks]
    intercepts = [[_array(b) for _, b in network] for network in networks]
    return coefs, intercepts, np.array(losses)


def _array(tensor):
    return tensor.detach().cpu().numpy().astype(np.float64)


def _network(torch, widths, generator, device):
    """Draw a network as torch's linear layers are drawn, without the global state."""
    layers = []
    for n_inputs, n_outputs in pairwise(widths):
        layer = []
        for shape in ((n_outputs, n_inputs), (n_outputs,)):
            drawn = 2 * torch.rand(shape, generator=generator) - 1
            layer.append((drawn / n_inputs**0.5).to(device).requires_grad_())
        layers.append(layer)
    return layers


def _epoch(torch, networks, readers, optimiser, batch_size, generator):
    """Run one epoch and return its mean loss."""
    n_samples, device = readers[0].shape[0], networks[0][0][0].device
    size = min(batch_size, n_samples)
    order = torch.randperm(n_samples, generator=generator).numpy()
    losses = []
    for start in range(0, n_samples - size + 1, size):
        rows = order[start : start + size]
        encodings = [
            _forward(torch, torch.from_numpy(reader(rows)).to(device), network)
            for reader, network in zip(readers, networks, strict=True)
        ]
        loss = ey_loss(*encodings)
        optimiser.zero_grad()
        loss.backward()
        gradients = [p.grad for network in networks for layer in network for p in layer]
        if torch.isfinite(torch.nn.utils.get_total_norm(gradients)):
            optimiser.step()
            losses.append(loss.item())
    return np.mean(losses) if losses else np.nan


def _forward(torch, x, network):
    functional = torch.nn.functional
    for weights, intercepts in network[:-1]:
        x = functional.linear(x, weights, intercepts)
        x = functional.leaky_relu(x, _SLOPE)
    return functional.linear(x, *network[-1])


def encode_views(views, means, scales, coefs, intercepts):
    """Yield the encodings of each view, with NumPy alone.

    Parameters
    ----------
    views : list of ndarray or ColumnBlock of shape (n_samples, n_features_i)
        The views; of more networks than views, the first ones count.

    means : list of ndarray of shape (n_features_i,)
        What the columns are centred by.

    scales : ndarray of shape (n_views,)
        What they are divided by.

    coefs : list of list of ndarray of shape (n_inputs, n_outputs)
        Weights of the layers of each view.

    intercepts : list of list of ndarray of shape (n_outputs,)
        Their intercepts.

    Yields
    ------
    encodings : ndarray of shape (n_samples, n_components)
        In float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._deep_unconstrained_cca_networks import encode_views
    >>> x, one = np.array([[1.0], [-1.0]]), np.ones((1, 1))
    >>> list(encode_views([x], [[0.0]], [1.0], [[one, one]], [[[0.0], [0.0]]]))
    [array([[ 1.  ],
           [-0.01]])]
    """
    for i, view in enumerate(views):
        out = np.empty((view.shape[0], coefs[i][-1].shape[1]))
        for start in range(0, view.shape[0], _ROWS):
            rows = slice(start, start + _ROWS)
            x = np.subtract(view[rows], means[i], dtype=np.float64) / scales[i]
            for layer, (weights, offset) in enumerate(
                zip(coefs[i], intercepts[i], strict=True)
            ):
                x = x @ weights + offset
                if layer < len(coefs[i]) - 1:
                    np.maximum(x, _SLOPE * x, out=x)
            out[rows] = x
        yield out
