"""What SubspaceAD remembers of the data seen: moments by fold, groups, units."""

from typing import Any, NamedTuple

import numpy as np

from skextras._resources import require_memory
from skextras._validation_grids import float_dtype, row_chunks
from skextras.numerics.scatter import empty_scatter, update_scatter
from skextras.numerics.subspace import (
    merge_without,
    moment_spectrum,
    row_spectrum,
)

# Calibration units that are kept, and values in them.
_MAX_UNITS = 10_000
_MAX_VALUES = 2**26

# Rows whose products are formed at once.
_CHUNK = 4096

# Up to this many features, products of float32 rows are formed in float64: it costs
# little there, and in float32 too many digits.
_SINGLE_FEATURES = 256

# Arrays of the size of an accumulator that solving takes beside the accumulators: a
# merged one, the covariance, and the workspace of the eigensolver.
_N_WORKING = 4

# Sums of squares of larger values may leave the range of float64.
_LARGEST = 1e150
_OVERFLOW = "X is too large: squares of its values overflow. Scale it down."


class Units(NamedTuple):
    """Calibration units of one batch.

    Parameters
    ----------
    number : ndarray of shape (n_units,)
        Number of each row, or of the group of each image, from the first on.

    group : ndarray of shape (n_units,)
        Number of the group of each.

    source : ndarray of shape (n, ..., n_features)
        The array that holds them.

    place : ndarray of shape (n_units,)
        Where in `source` each stands.

    owned : bool
        Whether `source` is a copy that holds these units and nothing else.
    """

    number: Any
    group: Any
    source: Any
    place: Any
    owned: bool = False


class Stream(NamedTuple):
    """Everything seen so far; a new one for every batch, the old one left as it is.

    Parameters
    ----------
    n_folds : int
        Number of accumulators: the folds of cross-fitting, or 1.

    seed : int or None
        Seed of the permutations of groups over folds.

    states : tuple of Scatter
        Moments of each fold or, while there is one group only, of each of its blocks.

    n_units : int
        Number of rows or images.

    n_groups : int
        Number of groups.

    labels : dict
        Number of the group of each label.

    units : tuple of Units
        Calibration units.

    stride : int
        What the numbers of calibration units must be divisible by.

    single : bool
        Whether any batch was in float32.
    """

    n_folds: int
    seed: int | None
    states: tuple = ()
    n_units: int = 0
    n_groups: int = 0
    labels: dict | None = None
    units: tuple = ()
    stride: int = 1
    single: bool = False


def enrol(stream, X, groups, *, copy):
    """Number the units and groups of a batch and choose its calibration units.

    Parameters
    ----------
    stream : Stream
        What was seen before.

    X : ndarray of shape (n, ..., n_features)
        The batch.

    groups : sequence of length n, or None
        Labels of the groups of the rows or images; None: a group each.

    copy : bool
        Whether to copy the calibration units, or to refer to X.

    Returns
    -------
    stream : Stream
        With the batch, but for its moments.

    codes : ndarray of shape (n,)
        Number of the group of each row or image.
    """
    codes, labels = _number_groups(stream, groups, len(X))
    n_groups = max(stream.n_groups, int(codes.max()) + 1)
    if X.ndim == 2:
        number, place = stream.n_units + np.arange(len(X)), np.arange(len(X))
    else:
        # The first image of each new group: its copies are like no new image.
        number, place = np.unique(codes, return_index=True)
        new = number >= stream.n_groups
        number, place = number[new], place[new]
    units = Units(number, codes[place], X, place)
    units, stride = _thin((*stream.units, units), stream.stride, copy)
    stream = stream._replace(
        n_units=stream.n_units + len(X),
        n_groups=n_groups,
        labels=labels,
        units=units,
        stride=stride,
        single=stream.single or float_dtype(X) == np.float32,
    )
    return stream, codes


def accumulate(before, after, X, codes):
    """Add the moments of a batch.

    Parameters
    ----------
    before, after : Stream
        What was seen before the batch, and the same with the batch enrolled.

    X : ndarray of shape (n, ..., n_features)
        The batch.

    codes : ndarray of shape (n,)
        Number of the group of each row or image.

    Returns
    -------
    stream : Stream
        `after` with the moments.

    Raises
    ------
    MemoryError
        If the accumulators would not fit.
    """
    n_features, n_folds = X.shape[-1], after.n_folds
    states = list(before.states)
    if not states:
        require_memory(
            8 * (n_folds + _N_WORKING) * n_features**2,
            f"The second moments of d={n_features} features with n_folds={n_folds}",
            'Lower n_folds, set calibration="train", or reduce the features first.',
        )
        states = [empty_scatter(n_features)] * n_folds
    if before.n_groups == 1 and after.n_groups > 1:
        # Blocks of the first group were folds until now.
        merged, states = merge_without(states), [empty_scatter(n_features)] * n_folds
        states[int(_folds_of(np.zeros(1, int), after)[0])] = merged
    dtype = float_dtype(X)
    single = dtype == np.float32 and n_features > _SINGLE_FEATURES
    # Each fold gets about a whole chunk: short ones cost more than their products.
    for place, rows in row_chunks(X, _CHUNK * n_folds):
        folds = row_folds(after, X, codes, place, before.n_units)
        for fold in np.unique(folds):
            chosen = rows if n_folds == 1 else rows[folds == fold]
            for start in range(0, len(chosen), _CHUNK):
                chunk = chosen[start : start + _CHUNK].astype(dtype, copy=False)
                # An overflow is told of in words when the moments are solved.
                with np.errstate(over="ignore", invalid="ignore"):
                    states[fold] = update_scatter(states[fold], chunk, single=single)
    return after._replace(states=tuple(states))


def row_folds(stream, X, codes, place, first_unit=0):
    """Return the fold of each row, or its block if there is one group only.

    Parameters
    ----------
    stream : Stream
        With the batch enrolled.

    X : ndarray of shape (n, ..., n_features)
        The batch.

    codes : ndarray of shape (n,)
        Number of the group of each row or image of X.

    place : slice
        The rows of X asked for, patches counted one by one.

    first_unit : int, default=0
        Number of the first row or image of X among all.

    Returns
    -------
    folds : ndarray of shape (n_rows,)
        Numbers below `n_folds`.
    """
    n_patches = X[0].size // X.shape[-1]
    unit, patch = np.divmod(np.arange(place.start, place.stop), n_patches)
    if stream.n_groups > 1:
        return _folds_of(codes[unit], stream)
    if X.ndim == 2:
        return (first_unit + unit) % stream.n_folds
    return patch_blocks(n_patches, stream.n_folds)[patch]


def moment_spectra(stream):
    """Return a function of a fold that decomposes the moments of the others.

    Parameters
    ----------
    stream : Stream
        With moments.

    Returns
    -------
    spectrum_of : callable
        Takes the number of a fold, or None for no fold; returns a spectrum, or None if
        the others have fewer than two rows.
    """

    def spectrum_of(fold):
        with np.errstate(over="ignore", invalid="ignore"):
            state = merge_without(stream.states, fold)
        if not np.isfinite(np.trace(state.scatter)):
            raise ValueError(_OVERFLOW)
        if state.weight >= 2:
            return moment_spectrum(state, single=stream.single)
        if fold is None:
            raise ValueError(
                f"partial_fit has seen {int(state.weight)} sample (1 sample or patch) "
                "in all, while a minimum of 2 is required."
            )
        return None

    return spectrum_of


def row_spectra(stream, X, codes):
    """Return the same from rows that are fewer than their features.

    Parameters
    ----------
    stream : Stream
        With X enrolled, and nothing else.

    X : ndarray of shape (n, ..., n_features)
        The rows or images.

    codes : ndarray of shape (n,)
        Number of the group of each row or image.

    Returns
    -------
    spectrum_of : callable
        As that of `moment_spectra`.
    """
    n_features = X.shape[-1]
    n_rows = X.size // n_features
    require_memory(
        3 * 8 * X.size,
        f"The decomposition of {n_rows} rows of d={n_features} features",
        "Reduce the features first.",
    )
    rows, single = X.reshape(n_rows, n_features), float_dtype(X) == np.float32
    folds = row_folds(stream, X, codes, slice(0, n_rows))
    if max(float(rows.max()), -float(rows.min())) > _LARGEST:
        raise ValueError(_OVERFLOW)

    def spectrum_of(fold):
        others = rows if fold is None else rows[folds != fold]
        return row_spectrum(others, single=single) if len(others) > 1 else None

    return spectrum_of


def patch_blocks(n_patches, n_blocks):
    """Return the block of each patch of an image: runs of nearly equal length."""
    return np.arange(n_patches) * n_blocks // n_patches


def unit_folds(stream, units):
    """Return the fold of each calibration unit; rows of one group are dealt out."""
    if stream.n_groups == 1 and units.source.ndim == 2:
        return units.number % stream.n_folds
    return _folds_of(units.group, stream)


def _number_groups(stream, groups, n_units):
    """Number the groups of a batch by first appearance."""
    labels = {} if stream.labels is None else stream.labels
    if groups is None:
        return stream.n_groups + np.arange(n_units), labels
    labels, n_groups = dict(labels), stream.n_groups
    codes = np.empty(n_units, dtype=np.intp)
    for i, label in enumerate(groups):
        if label not in labels:
            labels[label] = n_groups
            n_groups += 1
        codes[i] = labels[label]
    return codes, labels


def _folds_of(groups, stream):
    """Deal groups out over folds, in turn or by a permutation of each turn."""
    turn, rest = np.divmod(groups, stream.n_folds)
    if stream.seed is None or stream.n_folds == 1:
        return rest
    turns, inverse = np.unique(turn, return_inverse=True)
    orders = [
        np.random.default_rng([stream.seed, t]).permutation(stream.n_folds)
        for t in turns.tolist()
    ]
    return np.stack(orders)[inverse, rest]


def _thin(units, stride, copy):
    """Keep the units whose numbers a power of two divides, the least that suffices."""
    while True:
        kept = [units_of.number % stride == 0 for units_of in units]
        count = sum(map(np.count_nonzero, kept))
        n_values = sum(
            np.count_nonzero(chosen) * units_of.source[0].size
            for units_of, chosen in zip(units, kept, strict=True)
        )
        if count <= 1 or (count <= _MAX_UNITS and n_values <= _MAX_VALUES):
            break
        stride *= 2
    thinned = [
        _choose(units_of, chosen, copy)
        for units_of, chosen in zip(units, kept, strict=True)
        if chosen.any()
    ]
    return tuple(thinned), stride


def _choose(units, chosen, copy):
    """Part of the units; with `copy`, out of an array that holds nothing else."""
    if chosen.all() and not (copy and not units.owned):
        return units
    source, place = units.source, units.place[chosen]
    if copy:
        source, place = np.array(source[place]), np.arange(len(place))
    return Units(units.number[chosen], units.group[chosen], source, place, copy)
