"""Binning of sparse columns: zeros are one atom, whose counts are what is left."""

from typing import NamedTuple

import numpy as np

from skextras.numerics.binning import (
    automatic_bins,
    interval_width,
    penalised_bins,
    sparse_quantile_edges,
    sparse_tables,
)

_MOST_BINS = 99


class _Column(NamedTuple):
    """The codes of a column's stored values and of its zeros, and their number."""

    codes: np.ndarray
    zero: int
    n_bins: int


def score_columns(screen, first, columns):
    """Score a block of sparse columns as `Screen.score_block` scores a dense one.

    Parameters
    ----------
    screen : Screen
        The screening.

    first : int
        First column.

    columns : tuple of ndarrays
        Stored values, their rows, and bounds of the columns.

    Returns
    -------
    results : tuple
        That of `Screen.score_block`.
    """
    values, rows, bounds = columns
    n_columns, n = len(bounds) - 1, screen.target.n
    scores, p_values = np.zeros(n_columns), np.ones(n_columns)
    n_valid, kinds = np.full(n_columns, n), np.zeros(n_columns, np.int8)
    coded, kept = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(np.add.reduceat(np.append(values, 0.0), bounds[:-1]))
    for j in range(n_columns):
        inside = slice(bounds[j], bounds[j + 1])
        own = values[inside]
        if not finite[j] and not np.isfinite(own).all():
            dense = np.zeros((1, n), values.dtype)
            dense[0, rows[inside]] = own
            found = screen.score_block(first + j, dense)
            scores[j], p_values[j], n_valid[j] = (part[0] for part in found[:3])
            continue
        column = _encode(screen, screen.forced[first + j], own, n)
        if column.n_bins > 1:
            coded.append(column)
            kept.append(j)
    if kept and not screen.target.constant:
        found = _score(screen, coded, [rows[bounds[j] : bounds[j + 1]] for j in kept])
        scores[kept] = found[0]
        p_values[kept] = 1.0 if found[1] is None else found[1]
    return scores, p_values, n_valid, kinds, []


def _score(screen, coded, rows):
    """Score coded columns against the whole outcome."""
    tables = screen.scorer.tables
    bounds = np.cumsum([0, *(len(own) for own in rows)])
    return tables.score(
        *sparse_tables(
            np.concatenate([column.codes for column in coded]),
            np.concatenate(rows),
            bounds,
            np.array([column.zero for column in coded]),
            np.array([column.n_bins for column in coded]),
            tables.codes,
            tables.margins.counts,
        )
    )


def _encode(screen, forced, values, n):
    """Codes of a column, those that the dense column gets."""
    levels = np.unique(values)
    if len(values) < n:
        # Not a union, which would sort again.
        place = np.searchsorted(levels, 0)
        levels = np.insert(levels, place, 0)
    if len(levels) == 1:
        return _Column(np.zeros(len(values), np.int32), 0, 1)
    params = screen.params
    if forced or len(levels) <= screen.limit:
        return _by_edges(values, levels[:-1])
    if params.strategy == "quantile":
        n_bins = automatic_bins(n) if params.n_bins == "auto" else params.n_bins
        edges = sparse_quantile_edges([np.sort(values)], n, n_bins)[0]
        return _by_edges(values, edges)
    return _evenly(params, values, levels, n)


def _by_edges(values, edges):
    codes = np.searchsorted(edges, values).astype(np.int32)
    return _Column(codes, int(np.searchsorted(edges, 0)), len(edges) + 1)


def _evenly(params, values, levels, n):
    n_bins = automatic_bins(n) if params.n_bins == "auto" else params.n_bins
    if n_bins == "birge-rozenholc":
        dense = np.zeros((1, n), values.dtype)
        dense[0, : len(values)] = values
        n_bins = penalised_bins(dense, np.array([min(len(levels), _MOST_BINS)]))[0]
    low, high = float(levels[0]), float(levels[-1])
    width = interval_width(low, high, n_bins)
    if not width > 0:
        return _Column(np.zeros(len(values), np.int32), 0, 1)
    codes = ((values.astype(np.float64) - low) / width).astype(np.int32)
    zero = min(int((0.0 - low) / width), n_bins - 1) if len(values) < n else 0
    return _Column(np.minimum(codes, n_bins - 1), zero, int(n_bins))
