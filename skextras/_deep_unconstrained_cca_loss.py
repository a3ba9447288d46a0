"""The Eckart-Young loss of encodings, for torch."""


def ey_loss(*views, independent=None):
    r"""Return the Eckart-Young loss of encoded views, to train encoders with.

    Train encoders of your own with it, encode all rows, and fit
    :class:`UnconstrainedCCA` on the encodings.

    Parameters
    ----------
    *views : torch.Tensor of shape (n_rows, n_components)
        Encodings of the same rows, at least two views. They are centred here.

    independent : sequence of torch.Tensor of shape (n_others, n_components), \
            default=None
        Encodings of another batch, one for each view. With them the loss is unbiased,
        and noisier, which pays for batches of a few rows.

    Returns
    -------
    loss : torch.Tensor
        A scalar.

    Raises
    ------
    ValueError
        If there are fewer than two views, rows, or views of equal shape.

    Notes
    -----
    With covariances over the batch (divisor n_rows - 1) and
    :math:`V = \sum_i \operatorname{Cov}(Z_i)`,

    .. math:: L = -2 \sum_{i \ne j} \operatorname{tr} \operatorname{Cov}(Z_i, Z_j)
        + \operatorname{tr} V V' ,

    where V' is V, or that of the independent batch.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. Lawry Aguila, "Unconstrained stochastic CCA:
       unifying multiview and self-supervised learning", ICLR 2024, arXiv:2310.01012.

    Examples
    --------
    >>> import torch
    >>> from skextras import ey_loss
    >>> z = torch.tensor([[1.0], [-1.0], [0.0]]) / 2**0.5
    >>> ey_loss(z, z)
    tensor(-1.)
    """
    centred = _centre(views, "views")
    divisor = len(centred[0]) - 1
    total = sum(centred)
    shared = (total * total).sum() - sum((z * z).sum() for z in centred)
    penalty = sum(z.T @ z for z in centred) / divisor
    other = penalty
    if independent is not None:
        others = _centre(independent, "independent")
        if len(others) != len(centred) or others[0].shape[1] != centred[0].shape[1]:
            raise ValueError(
                "independent must hold as many views, of as many columns, as the first "
                f"batch: expected {len(centred)} views of {centred[0].shape[1]} "
                f"columns, got {len(others)} of {others[0].shape[1]}."
            )
        other = sum(z.T @ z for z in others) / (len(others[0]) - 1)
    return -2 * shared / divisor + (penalty * other).sum()


def _centre(views, name):
    """Check tensors and subtract their means."""
    views = list(views)
    if len(views) < 2:
        raise ValueError(f"{name} must be at least two tensors, got {len(views)}.")
    shapes = [tuple(view.shape) for view in views]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(
            f"{name} must be tensors of one shape (n_rows, n_components), got {shapes}."
        )
    if shapes[0][0] < 2:
        raise ValueError(f"{name} must have at least two rows, got shape {shapes[0]}.")
    return [view - view.mean(dim=0) for view in views]
