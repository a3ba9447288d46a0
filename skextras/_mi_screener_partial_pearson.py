"""Screening rows as they come, by correlations: the moments that accumulate."""

import numpy as np

from skextras._mi_screener_blocks import map_blocks
from skextras._mi_screener_screen import Screened
from skextras.numerics.correlation import correlation_p_values
from skextras.numerics.scatter import Scatter, update_scatter

_PEARSON = ("x_shift", "x_offset", "y_shift", "y_offset", "xx", "xy", "yy")


def update_pearson(state, reader, target, screen):
    """Take rows into the moments behind Pearson's correlation.

    Parameters
    ----------
    state : dict
        Empty before the first rows; it is updated.

    reader : object
        Reader of X.

    target : Target
        The rows' outcome.

    screen : Screen
        Which checks and names the values.
    """
    values = (target.codes if target.discrete else target.values).astype(np.float64)
    if not state:
        zeros = np.zeros(reader.n_features)
        state.update({name: zeros.copy() for name in (*_PEARSON, "weight")})
        # Powers of two, which round nothing, keep squares within range.
        state["power"] = np.zeros(reader.n_features, np.int64)
        state["y_power"] = _power(np.abs(values).max())
        state["fresh"] = np.ones(reader.n_features, bool)
    values = np.ldexp(values, -state["y_power"])[:, None]

    def take(first, block):
        part = slice(first, first + len(block))
        screen.find_missing(first, block)
        _update_moments(state, part, block.T.astype(np.float64), values)

    map_blocks(take, reader, screen.params.n_jobs)


def _power(peak):
    """Exponents of largest values; extreme ones leave the range of factors."""
    return np.clip(np.frexp(peak)[1], -1000, 1000)


def _update_moments(state, part, x, values):
    """Update the moments of a range of features."""
    known = ~np.isnan(x)
    fresh = state["fresh"][part] & known.any(axis=0)
    peak = np.where(known, np.abs(x), 0.0).max(axis=0)
    state["power"][part] = np.where(fresh, _power(peak), state["power"][part])
    state["fresh"][part] &= ~fresh
    x = np.ldexp(x, -state["power"][part])
    y = np.broadcast_to(values, x.shape)
    own = {name: state[name][part] for name in (*_PEARSON, "weight")}
    left, right = (own["x_shift"], own["x_offset"]), (own["y_shift"], own["y_offset"])
    weight, weights = own["weight"], known.astype(np.float64)
    xx = update_scatter(
        Scatter(weight, *left, None, None, own["xx"]), x, weights=weights
    )
    xy = update_scatter(
        Scatter(weight, *left, *right, own["xy"]), x, y, weights=weights
    )
    yy = update_scatter(
        Scatter(weight, *right, None, None, own["yy"]), y, weights=weights
    )
    new = (xy.shift, xy.offset, xy.other_shift, xy.other_offset)
    for name, value in zip(
        (*_PEARSON, "weight"),
        (*new, xx.scatter, xy.scatter, yy.scatter, xx.weight),
        strict=True,
    ):
        state[name][part] = value


def pearson_results(state, screen):
    """Scores and p-values of the moments so far."""
    size = np.sqrt(state["xx"]) * np.sqrt(state["yy"])
    r = np.clip(state["xy"] / np.where(size > 0, size, 1.0), -1.0, 1.0)
    n_valid = state["weight"].astype(np.int64)
    scores = np.where(screen.enough(n_valid), np.abs(r), np.nan)
    p_values = None
    if screen.seed is not None:
        p_values = np.where(np.isnan(scores), np.nan, correlation_p_values(r, n_valid))
        p_values[(size == 0) & ~np.isnan(scores)] = 1.0
    return Screened(scores, p_values, n_valid, 0)
