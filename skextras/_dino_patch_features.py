"""Patch features of images from a frozen vision transformer."""

import math
import os
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._resources import require_memory
from skextras._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skextras._subspace_ad_backbone import (
    find_norm,
    load_module,
    read_config,
    run_blocks,
)
from skextras._validation_images import image_sizes, read_image, validate_images

# Of ImageNet's training images, for values from 0 to 1: what DINO was trained with.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DinoPatchFeatures(PackageMixin, TransformerMixin, BaseEstimator):
    r"""Patch features of images from a frozen DINO vision transformer.

    Images become grids of feature vectors, one for each patch, averaged over some of
    the transformer's blocks. Nothing is trained. Put it before
    :class:`~skextras.SubspaceAD`, or leave that to :class:`~skextras.ImageSubspaceAD`.

    Needs ``pip install "skextras[torch]"``, and weights that were downloaded before.

    Read more in the :doc:`user guide </guide/subspace_ad>`.

    Parameters
    ----------
    model : str, path, config or module, \
            default="facebook/dinov2-with-registers-base"
        The transformer, of the package transformers: DINOv2, with registers or
        without, DINOv3 ViT, and others of their build.

        - The name of a checkpoint that is in the cache, or its folder.
        - A configuration, with ``random_init=True``.
        - A ready ``torch.nn.Module`` in evaluation mode. It is used as it is and where
          it is, and is not changed. As any parameter, it is copied by
          :func:`~sklearn.base.clone` and goes into pickles, which a folder does not.

    layers : {"upper_half", "official"}, list of int or (float, float), \
            default="upper_half"
        Blocks whose output is taken, of `n_blocks`:

        - "upper_half": from block ``n_blocks // 2`` to the last;
        - "official": from ``round(22 / 40 * n_blocks)`` to ``round(28 / 40 *
          n_blocks)``, blocks 22 to 28 of the 40 of the largest model;
        - a list: these blocks, from 0; negative numbers count from the end;
        - two floats (lo, hi): from ``round(lo * n_blocks)`` to ``round(hi *
          n_blocks)``, both included, at most the last.

    pooling : {"mean", "concat"}, default="mean"
        Average the blocks, or put their features one after the other.

    image_size : int or (int, int), default=448
        Pixels to which images are resized before they are cut into patches: their
        shorter side, with the aspect ratio kept, or height and width of all.

    apply_norm : bool, default=False
        Whether the transformer's last normalisation is applied to each block's output.

    normalize : bool, default=True
        Whether ImageNet's mean and standard deviation are removed from the pixels, as
        in the training of the DINO models.

    batch_size : int, default=8
        Number of images that pass the transformer at once.

    device : str, default="auto"
        Device of torch; "auto" is a CUDA device where there is one, else the CPU. With
        a ready module, the module's own.

    dtype : {"auto", "float16", "bfloat16", "float32", "float64"}, default="auto"
        Type in which the transformer computes; "auto" is float32 or, with a ready
        module, the module's own.

    local_files_only : bool, default=True
        Whether to leave the network alone. If False, a checkpoint that is not in the
        cache is downloaded when it is first needed.

    random_init : bool, default=False
        Whether to take random weights, the same in each call, in place of the
        checkpoint's. For tests: the features mean little.

    Attributes
    ----------
    blocks_ : ndarray of int
        Numbers of the blocks whose output is taken, from 0.

    patch_size_ : ndarray of shape (2,)
        Height and width of a patch of the resized image, in pixels.

    n_features_in_ : int
        Number of channels of the images seen during :term:`fit`, 1 for grey ones.

    See Also
    --------
    ImageSubspaceAD : Fits images and rotated copies, which pass this class one by one.
    skextras.datasets.BaselinePatchFeatures : Needs neither torch nor weights.

    Notes
    -----
    An image of H by W pixels becomes a grid of floor(H' / patch) by floor(W' / patch),
    where H' and W' are the sizes that `image_size` asks for. It is resized to just that
    many whole patches, so that the grid covers all of it: no border is cut off, and
    the aspect ratio changes by less than a patch. Resizing is bicubic with
    antialiasing; it gives Pillow's numbers, without its rounding to 8 bits. The tokens
    of the class and of the registers are left out.

    Values are read on the scale of 8-bit images, 0 to 255, whatever their type:
    multiply by 255 what is scaled to [0, 1]. Three channels are read as red, green and
    blue; of any other number, the mean is taken as grey.

    The blocks after the last one that is asked for are not computed, the attention
    matrices are never stored, and of the others' output only the patches are kept. The
    module is loaded when it is needed and kept as long as an estimator that has used
    it; it is not part of the fitted state, so that pickles are small.

    References
    ----------
    .. [1] C. Lendering, E. Akdag and E. Bondarev, "SubspaceAD: Training-free few-shot
       anomaly detection via subspace modeling", CVPR 2026, arXiv:2602.23013.

    .. [2] M. Oquab et al., "DINOv2: Learning robust visual features without
       supervision", 2023, arXiv:2304.07193.

    Examples
    --------
    With random weights, for want of real ones here:

    >>> import numpy as np
    >>> from transformers import Dinov2WithRegistersConfig
    >>> from skextras import DinoPatchFeatures
    >>> config = Dinov2WithRegistersConfig(
    ...     hidden_size=24, num_hidden_layers=4, num_attention_heads=2, patch_size=14
    ... )
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 90, 100, 3))
    >>> features = DinoPatchFeatures(config, image_size=90, random_init=True)
    >>> features.fit_transform(images).shape
    (2, 6, 7, 24)
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike, HasMethods("to_dict"), HasMethods("forward")],
        "layers": [StrOptions({"upper_half", "official"}), "array-like"],
        "pooling": [StrOptions({"mean", "concat"})],
        "image_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "apply_norm": ["boolean"],
        "normalize": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "dtype": [StrOptions({"auto", "float16", "bfloat16", "float32", "float64"})],
        "local_files_only": ["boolean"],
        "random_init": ["boolean"],
    }

    def __init__(
        self,
        model="facebook/dinov2-with-registers-base",
        *,
        layers="upper_half",
        pooling="mean",
        image_size=448,
        apply_norm=False,
        normalize=True,
        batch_size=8,
        device="auto",
        dtype="auto",
        local_files_only=True,
        random_init=False,
    ):
        self.model = model
        self.layers = layers
        self.pooling = pooling
        self.image_size = image_size
        self.apply_norm = apply_norm
        self.normalize = normalize
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.local_files_only = local_files_only
        self.random_init = random_init

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the settings against the model, and learn the number of channels.

        The weights are looked for and not loaded.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images. Those of a list may differ in size. Files are not read.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        OSError
            If there are no weights where they are looked for.

        ValueError
            If X holds no images, or a parameter does not suit the model.
        """
        validate_images(self, X, reset=True)
        config = read_config(self)
        patch_size = np.broadcast_to(config.patch_size, 2).astype(np.intp)
        _check_image_size(self.image_size, patch_size)
        self.blocks_ = _choose_blocks(self.layers, config.num_hidden_layers)
        self.patch_size_ = patch_size
        return self

    def transform(self, X):
        """Compute the features of the images' patches.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width) or \
                (n_images, height, width, n_channels), or list of images or of paths
            The images. Those of a list may differ in size as long as their grids do
            not. Files are read batch by batch.

        Returns
        -------
        X_new : ndarray of shape (n_images, n_rows, n_columns, n_features_out), float32
            The features of each patch.

        Raises
        ------
        ValueError
            If X holds no images, these give grids of different sizes, or have another
            number of channels than in `fit`.

        OSError
            If the weights or an image cannot be read.
        """
        check_is_fitted(self)
        images = validate_images(self, X, reset=False)
        grid = _common_grid(self, image_sizes(images, needed_by=type(self).__name__))
        module = load_module(self)
        _check_same_model(self, module.config)
        out, largest = None, 0.0
        for batch in gen_batches(len(images), self.batch_size):
            arrays = [
                read_image(i, needed_by=type(self).__name__) for i in images[batch]
            ]
            largest = max(largest, *(float(array.max()) for array in arrays))
            features = _extract(self, module, arrays, grid)
            if out is None:
                out = _allocate((len(images), *grid, features.shape[-1]))
            out[batch] = features
        if 0 < largest <= 1:
            warnings.warn(
                f"DinoPatchFeatures: no value of X exceeds {largest:.3g}, which is "
                "nearly black on the scale from 0 to 255. Multiply by 255 what is "
                "scaled to [0, 1].",
                UserWarning,
                stacklevel=3,  # scikit-learn wraps the method once
            )
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A table has no neighbouring pixels.
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _check_image_size(image_size, patch_size):
    """Refuse sizes that hold no patch."""
    pair = (image_size,) * 2 if isinstance(image_size, Integral) else tuple(image_size)
    whole = len(pair) == 2 and all(isinstance(size, Integral) for size in pair)
    if not whole or any(s < p for s, p in zip(pair, patch_size, strict=True)):
        raise ValueError(
            f"image_size={image_size!r} must be a number of pixels, or a height and a "
            f"width, that hold a patch of {patch_size[0]} by {patch_size[1]} pixels."
        )


def _choose_blocks(layers, depth):
    """Numbers of the blocks, from 0, in the order in which they were asked for."""
    if isinstance(layers, str):
        if layers == "upper_half":
            return np.arange(depth // 2, depth)
        return _blocks_between(22 / 40, 28 / 40, depth)
    entries = list(layers)
    whole = [_is_number(entry) and isinstance(entry, Integral) for entry in entries]
    if len(entries) == 2 and all(map(_is_number, entries)) and not all(whole):
        return _blocks_between(*entries, depth)
    for entry, is_whole in zip(entries, whole, strict=True):
        if not is_whole:
            raise ValueError(
                f"layers={layers!r} must be numbers of blocks, or two fractions of the "
                f"depth such as (0.5, 1.0); it has the entry {entry!r}."
            )
        if not -depth <= entry < depth:
            raise ValueError(
                f"layers={layers!r} has the entry {entry}, but the model has {depth} "
                f"blocks: entries must be from {-depth} to {depth - 1}."
            )
    blocks = [int(entry) % depth for entry in entries]
    if not blocks or len(set(blocks)) < len(blocks):
        raise ValueError(f"layers={layers!r} must name blocks, and no block twice.")
    return np.array(blocks)


def _is_number(entry):
    return isinstance(entry, Real) and not isinstance(entry, bool | np.bool_)


def _blocks_between(low, high, depth):
    """Numbers of the blocks from one fraction of the depth to another."""
    if not 0 <= low <= high <= 1:
        raise ValueError(
            f"layers=({low}, {high}) must be two fractions of the depth, from 0 to 1 "
            "and in order."
        )
    first, last = (min(round(part * depth), depth - 1) for part in (low, high))
    return np.arange(first, last + 1)


def _common_grid(self, sizes):
    """Number of patches, down and across, that images of these sizes have."""
    grids = {size: _grid(size, self.image_size, self.patch_size_) for size in sizes}
    if len(set(grids.values())) > 1:
        (one, its), (other, others) = next(
            (a, b) for a in grids.items() for b in grids.items() if a[1] != b[1]
        )
        raise ValueError(
            f"image_size={self.image_size!r} keeps the aspect ratio, so that images of "
            f"{one} pixels give {its} patches and those of {other} pixels {others}: "
            "transform them in several calls, or set image_size=(height, width)."
        )
    return next(iter(grids.values()))


def _grid(size, image_size, patch_size):
    """Number of whole patches, down and across."""
    if isinstance(image_size, Integral):
        shorter = min(size)
        # In whole numbers: a float a little below would lose a row.
        return tuple(
            int(length * image_size // (shorter * patch))
            for length, patch in zip(size, patch_size.tolist(), strict=True)
        )
    return tuple(
        int(length // patch)
        for length, patch in zip(image_size, patch_size.tolist(), strict=True)
    )


def _check_same_model(self, config):
    """Refuse a model that came with `set_params` after `fit`."""
    same = np.array_equal(np.broadcast_to(config.patch_size, 2), self.patch_size_)
    if not same or config.num_hidden_layers <= self.blocks_.max():
        raise ValueError(
            "The model has other blocks or patches than the one seen in fit, blocks "
            f"{self.blocks_.tolist()} and patches {self.patch_size_.tolist()}. Call "
            "fit again."
        )


def _allocate(shape):
    """Array for the features of all images."""
    require_memory(
        4 * math.prod(shape),
        f"The features of {shape[0]} images, {shape[1]} by {shape[2]} patches each,",
        "Transform fewer images at a time, or lower image_size.",
    )
    return np.empty(shape, dtype=np.float32)


def _extract(self, module, arrays, grid):
    """Features of a batch of images, (n_images, *grid, n_features_out)."""
    import torch

    weight = next(module.parameters())
    pixels = torch.stack([_to_pixels(self, a, grid, weight.device) for a in arrays])
    norm = find_norm(module) if self.apply_norm else None
    n_patches, n_blocks = math.prod(grid), len(self.blocks_)
    n_parts = n_blocks if self.pooling == "concat" else 1
    pooled = None

    def receive(place, tokens):
        nonlocal pooled
        # The tokens of the class and of the registers come first.
        patches = tokens[:, tokens.shape[1] - n_patches :]
        if norm is not None:
            patches = norm(patches)
        width = patches.shape[2]
        if pooled is None:
            shape = (*patches.shape[:2], n_parts * width)
            kind = torch.promote_types(patches.dtype, torch.float32)
            pooled = torch.zeros(shape, dtype=kind, device=patches.device)
        part = place % n_parts
        pooled[:, :, part * width : (part + 1) * width] += patches

    run_blocks(module, pixels.to(weight.dtype), self.blocks_.tolist(), receive)
    if not torch.isfinite(pooled).all():
        name = str(weight.dtype).removeprefix("torch.")
        raise ValueError(
            f"Input X contains infinity or a value too large for dtype('{name}')."
        )
    features = pooled.cpu().numpy().reshape(len(arrays), *grid, -1)
    features /= n_blocks // n_parts
    return features


def _to_pixels(self, image, grid, device):
    """Image as the transformer takes it, (3, height, width) in float32."""
    import torch

    # Values beyond float32 are found in the features.
    with np.errstate(over="ignore"):
        # Contiguous, so that the memory layout does not show in the rounding.
        image = np.array(image, dtype=np.float32, order="C")
    pixels = torch.from_numpy(image).to(device) / 255
    if image.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] != 3:
        pixels = pixels.mean(dim=2, keepdim=True)
    pixels = pixels.permute(2, 0, 1)[None]
    size = tuple(
        int(n * patch) for n, patch in zip(grid, self.patch_size_, strict=True)
    )
    if size != image.shape[:2]:
        pixels = torch.nn.functional.interpolate(
            pixels, size, mode="bicubic", align_corners=False, antialias=True
        )
    pixels = pixels[0].expand(3, *size)
    if self.normalize:
        mean, deviation = (
            torch.tensor(values, device=device)[:, None, None]
            for values in (_MEAN, _DEVIATION)
        )
        pixels = (pixels - mean) / deviation
    return pixels
