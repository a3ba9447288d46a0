"""Pruning selected features that tell the same."""

import numpy as np

from skextras._mi_screener_blocks import array_reader
from skextras._mi_screener_scorers import mutual_information
from skextras._mi_screener_screen import Screen
from skextras._mi_screener_target import Target
from skextras.numerics.binning import few_levels

_MOST_AUTO_LEVELS = 10


def keep_distinct(params, block, discrete, labels, threshold):
    """Return which features stay when each drops those after it that resemble it.

    Parameters
    ----------
    params : MIScreener
        Its method and settings measure the resemblance.

    block : ndarray of shape (n_features, n_samples)
        The features, in the order of their scores.

    discrete : ndarray of bool of shape (n_features,)
        Which are discrete.

    labels : list of str
        Their names.

    threshold : float
        Mutual information, in nats, above which the later feature goes.

    Returns
    -------
    kept : ndarray of bool of shape (n_features,)
        The first feature always stays.
    """
    kept = np.ones(len(block), bool)
    for j in range(len(block)):
        rest = j + 1 + np.flatnonzero(kept[j + 1 :])
        if not kept[j] or not len(rest):
            continue
        valid = ~np.isnan(block[j])
        if not valid.any():
            continue
        target = _as_target(params, block[j][valid], discrete[j])
        screen = Screen(
            params, target, discrete[rest], discrete[rest], [labels[i] for i in rest]
        )
        others = array_reader(block[rest][:, valid].T)
        scores = screen.run(others).scores
        with np.errstate(invalid="ignore"):
            kept[rest] &= ~(mutual_information(params.method, scores) > threshold)
    return kept


def discrete_columns(block, forced, categories):
    """Tell which rows of a block are discrete, by the rule of screening."""
    if forced is not None:
        return forced | categories
    limit = min(_MOST_AUTO_LEVELS, block.shape[1] // 5)
    return categories | (few_levels(block, max(limit, 1))[1] <= limit)


def _as_target(params, values, discrete):
    """Return a feature as an outcome."""
    if discrete and params.method not in ("pearson", "gaussian"):
        classes, codes = np.unique(values, return_inverse=True)
        return Target(None, codes.astype(np.int32), classes)
    return Target(values.astype(np.float64), None, None)
