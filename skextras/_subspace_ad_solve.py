"""From moments to the fitted attributes of SubspaceAD: components and thresholds."""

from numbers import Integral

import numpy as np

from skextras._subspace_ad_maps import aggregate, statistic_maps
from skextras._subspace_ad_stream import patch_blocks, unit_folds
from skextras._validation_grids import float_dtype
from skextras.numerics.calibration import quadratic_form_limit, threshold_order
from skextras.numerics.subspace import component_cap, count_for_share, orient
from skextras.numerics.subspace_scores import Subspace

# Values of calibration units that are gathered at once.
_CHUNK_VALUES = 2**20

# Thresholds of units and, where these are images, of their patches.
_OFFSETS = ("offset_", "patch_offset_")


def solve(estimator, stream, spectrum_of):
    """Compute the fitted attributes.

    Parameters
    ----------
    estimator : SubspaceAD
        Its parameters are read, nothing is written.

    stream : Stream
        Groups and calibration units.

    spectrum_of : callable
        Takes the number of a fold and returns the spectrum of the other folds, or
        None if they have fewer than two rows; None stands for no fold.

    Returns
    -------
    attributes : dict
        Names and values of the attributes.

    messages : list of str
        What to warn of.
    """
    spectrum = spectrum_of(None)
    k, messages = _choose_components(estimator, spectrum)
    values = spectrum.eigenvalues
    subspace = make_subspace(estimator, spectrum, k)
    total = values.sum()
    attributes = {
        "mean_": spectrum.mean,
        "components_": subspace.directions.T,
        "explained_variance_": values[:k].copy(),
        "explained_variance_ratio_": values[:k] / (total if total > 0 else 1.0),
        "residual_eigenvalues_": values[k : max(k, spectrum.rank)].copy(),
        "noise_variance_": subspace.noise_variance,
        "n_components_": k,
        "n_samples_seen_": spectrum.n_rows,
        "_total_variance": float(total),
        "_minor_directions": subspace.minor,
    }
    # The dropped directions are part of the residual; rounding noise is not.
    others = values[k:] if k < spectrum.rank else values[:0]
    left_out = np.concatenate([values[: subspace.n_dropped], others])
    del spectrum
    thresholds, more = _calibrate(estimator, stream, spectrum_of, subspace, left_out)
    return attributes | thresholds, messages + more


def make_subspace(estimator, spectrum, k):
    """Keep the first directions of a spectrum, as many as it has above rounding."""
    k = min(k, component_cap(spectrum, spare=_spare(estimator)))
    n_features = len(spectrum.mean)
    components = orient(np.ascontiguousarray(spectrum.directions[:, :k].T))
    minor = None
    complete = spectrum.directions.shape[1] == n_features
    if estimator.statistic == "residual" and complete and 2 * k > n_features:
        minor = np.ascontiguousarray(spectrum.directions[:, k:])
    return Subspace(
        mean=spectrum.mean,
        directions=components.T,
        variances=spectrum.eigenvalues[:k],
        noise_variance=float(spectrum.eigenvalues[k:].sum() / (n_features - k)),
        n_dropped=min(estimator.drop_components, k),
        minor=minor,
    )


def _spare(estimator):
    """Number of eigenvalues that the statistic needs beyond the components."""
    return 1 if estimator.statistic == "combined" else 0


def _choose_components(estimator, spectrum):
    """Return the number of components, and what to warn of."""
    wanted, values = estimator.n_components, spectrum.eigenvalues
    n_features = len(spectrum.mean)
    cap = component_cap(spectrum, spare=_spare(estimator))
    constant, messages = not values[0] > 0, []
    if constant and estimator.statistic == "combined":
        raise ValueError(
            'The data are constant, and statistic="combined" divides by the variance '
            'that no component explains, which is zero. Use statistic="residual".'
        )
    if isinstance(wanted, Integral):
        if wanted > cap:
            raise ValueError(
                f"n_components={wanted} must be at most {cap} for these data "
                f"(n_features={n_features}, rank {spectrum.rank}, statistic="
                f'"{estimator.statistic}"). Lower it, or give a share of the variance.'
            )
        k = int(wanted)
    elif wanted is None:
        k = cap
    else:
        k = min(cap, 0 if constant else count_for_share(values, wanted))
    kept = values[:k].sum() / values.sum() if not constant else 0.0
    told = f"n_components={wanted}: k={k} components keep {kept:.6g} of the variance"
    if constant:
        messages.append(f"SubspaceAD: the data are constant. {told}.")
    elif isinstance(wanted, float) and count_for_share(values, wanted) > cap:
        messages.append(
            f"SubspaceAD: {told}, the most that leave a residual to measure for "
            f"rank {spectrum.rank} and n_features={n_features}."
        )
    if 0 < k <= estimator.drop_components:
        raise ValueError(
            f"drop_components={estimator.drop_components} must be less than the number "
            f"of components, k={k} (from n_components={wanted}). Lower it, or raise "
            "n_components."
        )
    return k, messages


def _calibrate(estimator, stream, spectrum_of, subspace, left_out):
    """Return the attributes that thresholds and p-values stand on."""
    auto, rule = estimator.contamination == "auto", estimator.calibration
    attributes, messages, in_sample = {}, [], None
    if rule == "train" or not auto:
        in_sample = _gather(
            _score_units(estimator, units, subspace) for units in stream.units
        )
    if rule == "hbe":
        attributes["_null_eigenvalues"] = left_out
        attributes["offset_"] = -quadratic_form_limit(left_out, estimator.alpha)
    else:
        null = in_sample
        if rule == "crossfit":
            null = _crossfit(estimator, stream, spectrum_of, subspace)
        found, messages = _thresholds(estimator, stream, null)
        attributes.update(found)
    if not auto:
        messages = []
        for name, scores in zip(_OFFSETS, in_sample, strict=True):
            if len(scores):
                percentile = np.percentile(-scores, 100 * estimator.contamination)
                attributes[name] = float(percentile)
    return attributes, messages


def _thresholds(estimator, stream, null):
    """Return what follows from scores of normal units, and what to warn of."""
    scores = np.sort(null[0])
    attributes, messages = {"calibration_scores_": scores}, []
    for name, ascending in zip(_OFFSETS, (scores, np.sort(null[1])), strict=True):
        if len(ascending):
            order = threshold_order(len(ascending), estimator.alpha)
            attributes[name] = -float(ascending[min(order, len(ascending)) - 1])
    one = estimator.calibration == "crossfit" and stream.n_groups == 1
    if one or threshold_order(len(scores), estimator.alpha) > len(scores):
        messages.append(
            f"SubspaceAD: with n={len(scores)} calibration units"
            f"{' of one group' if one else ''} at alpha={estimator.alpha}, the "
            "threshold cannot be calibrated; ranking is unaffected."
        )
    return attributes, messages


def _crossfit(estimator, stream, spectrum_of, subspace):
    """Score each calibration unit by a model that has not seen its fold."""
    if stream.n_groups == 1 and stream.units[0].source.ndim > 2:
        return _crossfit_blocks(estimator, stream, spectrum_of, subspace)
    found = []
    for fold in range(stream.n_folds):
        parts = [_in_fold(stream, units, fold) for units in stream.units]
        parts = [units for units in parts if len(units.place)]
        if parts:
            other = _other_subspace(estimator, spectrum_of(fold), subspace)
            found += [_score_units(estimator, units, other) for units in parts]
    return _gather(found)


def _crossfit_blocks(estimator, stream, spectrum_of, subspace):
    """Score the only calibration image, each block of patches by a model of others."""
    source, place = stream.units[0].source, stream.units[0].place[0]
    image = np.ascontiguousarray(source[place]).reshape(-1, source.shape[-1])
    blocks = patch_blocks(len(image), stream.n_folds)
    scores = np.empty(len(image), dtype=float_dtype(image))
    for block in np.unique(blocks):
        other = _other_subspace(estimator, spectrum_of(block), subspace)
        chosen = blocks == block
        scores[chosen] = statistic_maps(image[chosen], other, estimator.statistic)
    return _gather([(aggregate(estimator, scores[None]), scores)])


def _in_fold(stream, units, fold):
    chosen = unit_folds(stream, units) == fold
    return units._replace(number=units.number[chosen], place=units.place[chosen])


def _other_subspace(estimator, spectrum, whole):
    """Return the subspace of the other folds, or of all where these do not do."""
    if spectrum is None:
        return whole
    if estimator.statistic == "combined" and not spectrum.eigenvalues[0] > 0:
        return whole
    return make_subspace(estimator, spectrum, whole.directions.shape[1])


def _score_units(estimator, units, subspace):
    """Return the scores of units, and those of their patches."""
    step = max(1, _CHUNK_VALUES // units.source[0].size)
    scores, patches = [np.empty(0)], [np.empty(0)]
    for start in range(0, len(units.place), step):
        chunk = units.source[units.place[start : start + step]]
        maps = statistic_maps(chunk, subspace, estimator.statistic)
        if chunk.ndim == 2:
            scores.append(maps)
        else:
            scores.append(aggregate(estimator, maps))
            patches.append(maps.ravel())
    return np.concatenate(scores), np.concatenate(patches)


def _gather(parts):
    """Join pairs of arrays, in float64."""
    scores, patches = zip(*parts, strict=True)
    return tuple(
        np.concatenate(arrays).astype(np.float64) for arrays in (scores, patches)
    )
