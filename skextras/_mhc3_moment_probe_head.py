"""The head of moment probing: cross-covariances of heads, compressed by convolutions.

All functions take the weights as a dict of tensors; torch is imported by their caller.
"""

import math

import numpy as np

_NORM_EPS = 1e-5
_COLUMN_EPS = 1e-12
_INIT_STD = 0.02
_WARM_UP = 0.1


def map_size(head_width):
    """Width and height of the map that the convolutions leave.

    Parameters
    ----------
    head_width : int
        Width of a head, at least 7.

    Returns
    -------
    size : int
        After two 3 by 3 convolutions of stride 2 without padding.

    Examples
    --------
    >>> from skextras._mhc3_moment_probe_head import map_size
    >>> map_size(128), map_size(7)
    (31, 1)
    """
    for _ in range(2):
        head_width = (head_width - 3) // 2 + 1
    return head_width


def weight_shapes(n_features, n_classes, hidden_dim, n_heads):
    """Shapes of the weights by name.

    Parameters
    ----------
    n_features : int
        Width of the tokens.

    n_classes : int
        Number of classes.

    hidden_dim : int
        Width of the projected tokens.

    n_heads : int
        Number of heads, a divisor of `hidden_dim`.

    Returns
    -------
    shapes : dict of str to tuple of int
        In the order in which they are drawn.

    Examples
    --------
    >>> import math
    >>> from skextras._mhc3_moment_probe_head import weight_shapes
    >>> sum(map(math.prod, weight_shapes(768, 1000, 512, 4).values()))
    4047146
    """
    width, n_maps = hidden_dim // n_heads, n_heads - 1
    n_entries = n_maps * map_size(width) ** 2
    return {
        "projection.weight": (hidden_dim, n_features),
        "projection.bias": (hidden_dim,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "convolution1.weight": (n_maps, n_maps, 3, 3),
        "convolution2.weight": (n_maps, n_maps, 3, 3),
        "first_order.weight": (n_classes, n_features),
        "first_order.bias": (n_classes,),
        "second_order.weight": (n_classes, n_entries),
        "second_order.bias": (n_classes,),
    }


def initial_weights(shapes, generator):
    """Draw the weights before training.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        What `weight_shapes` returned.

    generator : torch.Generator
        On the CPU.

    Returns
    -------
    weights : dict of str to torch.Tensor
        In float32, on the CPU.
    """
    import torch

    weights = {}
    for name, shape in shapes.items():
        tensor = torch.zeros(shape)
        if name == "norm.weight":
            torch.nn.init.ones_(tensor)
        elif name.startswith("convolution"):
            torch.nn.init.kaiming_uniform_(tensor, a=math.sqrt(5), generator=generator)
        elif name.endswith("weight"):
            torch.nn.init.trunc_normal_(tensor, std=_INIT_STD, generator=generator)
        weights[name] = tensor
    return weights


def cross_covariances(weights, tokens, valid, n_heads):
    """Compute the normalised cross-covariances of neighbouring heads.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        The weights.

    tokens : torch.Tensor of shape (n, n_tokens, d)
        The tokens, of any value where they are not valid.

    valid : torch.Tensor of shape (n, n_tokens)
        Ones where there is a token, zeros elsewhere, in the dtype of the tokens.

    n_heads : int
        Number of heads.

    Returns
    -------
    maps : torch.Tensor of shape (n, n_heads - 1, h, h)
        Columns of unit norm.
    """
    from torch.nn import functional

    n, length, _ = tokens.shape
    z = functional.linear(
        tokens, weights["projection.weight"], weights["projection.bias"]
    )
    z = z.view(n, length, n_heads, -1)
    width = z.shape[-1]
    z = functional.layer_norm(
        z, (width,), weights["norm.weight"], weights["norm.bias"], _NORM_EPS
    )
    present, counts = valid[:, :, None, None], valid.sum(dim=1)
    # One number for each sample and head, as in the paper's code, not one a channel:
    # these are not covariances in the strict sense.
    level = (z * present).sum(dim=(1, 3)) / (counts[:, None] * width)
    z = (z - level[:, None, :, None]) * present
    z = z.permute(0, 2, 1, 3)
    maps = z[:, :-1].transpose(2, 3) @ z[:, 1:] / counts[:, None, None, None]
    return functional.normalize(maps, dim=2, eps=_COLUMN_EPS)


def compress(weights, maps):
    """Shrink the maps by two convolutions.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        The weights.

    maps : torch.Tensor of shape (n, n_heads - 1, h, h)
        What `cross_covariances` returned.

    Returns
    -------
    maps : torch.Tensor of shape (n, n_heads - 1, s, s)
        Smaller maps, see `map_size`.
    """
    from torch.nn import functional

    maps = functional.conv2d(maps, weights["convolution1.weight"], stride=2)
    maps = functional.gelu(maps)
    return functional.conv2d(maps, weights["convolution2.weight"], stride=2)


def scores(weights, first, tokens, valid, n_heads):
    """Compute the scores of the classes.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        The weights.

    first : torch.Tensor of shape (n, d)
        Class tokens, or means of the tokens.

    tokens : torch.Tensor of shape (n, n_tokens, d)
        The other tokens.

    valid : torch.Tensor of shape (n, n_tokens)
        Ones where there is a token.

    n_heads : int
        Number of heads.

    Returns
    -------
    scores : torch.Tensor of shape (n, n_classes)
        Mean of the scores of both orders.
    """
    from torch.nn import functional

    maps = compress(weights, cross_covariances(weights, tokens, valid, n_heads))
    return 0.5 * (
        functional.linear(first, weights["first_order.weight"])
        + weights["first_order.bias"]
        + functional.linear(
            maps.flatten(start_dim=1),
            weights["second_order.weight"],
            weights["second_order.bias"],
        )
    )


def rate_factor(step, n_steps):
    """Learning rate of a step, as a share of the largest.

    Parameters
    ----------
    step : int
        Number of the step, from 0.

    n_steps : int
        Number of all steps.

    Returns
    -------
    factor : float
        Rising linearly over the first tenth, then along a cosine to zero.

    Examples
    --------
    >>> from skextras._mhc3_moment_probe_head import rate_factor
    >>> [round(rate_factor(step, 20), 3) for step in (0, 1, 10, 19)]
    [0.5, 0.994, 0.5, 0.006]
    """
    cosine = 0.5 * (1 + math.cos(math.pi * step / n_steps))
    return min((step + 1) / max(_WARM_UP * n_steps, 1.0), cosine)


def pad(rows, lengths):
    """Lay the tokens of samples side by side, zeros behind the shorter ones.

    Parameters
    ----------
    rows : ndarray of shape (lengths.sum(), d)
        The tokens of all samples, one sample after the other.

    lengths : ndarray of shape (n,)
        Tokens of each sample.

    Returns
    -------
    tokens : ndarray of shape (n, max(lengths), d)
        The tokens.

    valid : ndarray of shape (n, max(lengths))
        Ones where there is a token, in the dtype of `rows`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._mhc3_moment_probe_head import pad
    >>> tokens, valid = pad(np.array([[1.0], [2.0], [3.0]]), np.array([1, 2]))
    >>> tokens[:, :, 0]
    array([[1., 0.],
           [2., 3.]])
    >>> valid
    array([[1., 0.],
           [1., 1.]])
    """
    present = np.arange(lengths.max()) < lengths[:, None]
    tokens = np.zeros((*present.shape, rows.shape[1]), dtype=rows.dtype)
    tokens[present] = rows
    return tokens, present.astype(rows.dtype)
