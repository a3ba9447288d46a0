"""Screening rows as they come, by bins: the tables that accumulate."""

import numpy as np

from skextras._mi_screener_blocks import map_blocks
from skextras._mi_screener_scorers import (
    TableScorer,
    encode_outcome,
    feature_bins,
    outcome_bins,
)
from skextras._mi_screener_screen import Screened
from skextras.numerics.binning import tables_by_edges, tables_evenly


def update_binning(state, reader, target, screen):
    """Take rows into tables whose bins the first rows fix.

    Parameters
    ----------
    state : dict
        Empty before the first rows; it is updated.

    reader : object
        Reader of X.

    target : Target
        The rows' outcome.

    screen : Screen
        Which finds gaps and levels, with the parameters.
    """
    n_jobs = screen.params.n_jobs
    if not state:
        pieces = map_blocks(
            lambda first, block: _begin(screen, reader, first, block), reader, n_jobs
        )
        state.update(_join(screen, pieces))
    codes = [_encode(target, bins)[0] for bins in state["y_bins"]]
    counted = map_blocks(
        lambda first, block: _count(state, screen, codes, first, block), reader, n_jobs
    )
    # Only now, so that rows that are refused leave nothing behind.
    state["tables"] += np.concatenate([tables for tables, _ in counted])
    state["n_valid"] += np.concatenate([n_valid for _, n_valid in counted])


def _encode(target, bins):
    """Codes of an outcome and their number, by class or by bins."""
    if bins is None:
        return target.codes, len(target.classes)
    return encode_outcome(bins, target.values)


def _begin(screen, reader, first, block):
    """Fix the bins of a block of features: one dictionary a feature."""
    n = block.shape[1]
    missing, levels = screen.find_missing(first, block), screen.levels(first, block)
    features, whole = [], []
    for j, row in enumerate(block):
        gaps = missing.get(j)
        n_valid = n if gaps is None else int(n - gaps.sum())
        feature = {"gaps": gaps, "alive": bool(screen.enough(np.array(n_valid)))}
        features.append(feature)
        if not feature["alive"]:
            continue
        kept = row if gaps is None else row[~gaps]
        if levels.discrete[j]:
            labels = reader.labels.get(first + j)
            known = np.unique(kept) if labels is None else np.arange(len(labels))
            feature["levels"] = known.astype(np.float64)
        elif gaps is None:
            whole.append(j)
        else:
            feature["bins"] = _row_bins(feature_bins(screen.params, kept[None]), 0)
    if whole:
        bins = feature_bins(screen.params, block[whole])
        for place, j in enumerate(whole):
            features[j]["bins"] = _row_bins(bins, place)
    return features


def _row_bins(bins, j):
    """Bins of one row: its edges, or low, width and number."""
    kind, first, second, *rest = bins
    if kind == "edges":
        return first[second[j] : second[j + 1]].astype(np.float64)
    return first[j], second[j], rest[0][j]


def _join(screen, pieces):
    """Arrays of all features' bins, and the outcome's bins for each pattern of gaps."""
    features = [feature for piece in pieces for feature in piece]
    p = len(features)
    state = {name: np.zeros(p) for name in ("low", "width", "top")}
    state |= {name: np.zeros(p, bool) for name in ("even", "discrete", "alive")}
    state |= {"n_bins": np.ones(p, np.int64), "n_valid": np.zeros(p, np.int64)}
    state["y_group"], patterns, y_bins, edges = np.zeros(p, np.int64), {}, [], []
    for j, feature in enumerate(features):
        own = np.empty(0)
        if feature["alive"]:
            state["alive"][j] = True
            state["y_group"][j] = _group(screen, feature["gaps"], patterns, y_bins)
            if "levels" in feature:
                own, state["top"][j] = feature["levels"][:-1], feature["levels"][-1]
                state["discrete"][j] = True
            elif isinstance(feature["bins"], tuple):
                low, width, n_bins = feature["bins"]
                state["low"][j], state["width"][j] = low, width
                state["n_bins"][j], state["even"][j] = n_bins, True
            else:
                own = feature["bins"]
        edges.append(own)
        if not state["even"][j]:
            state["n_bins"][j] = len(own) + 1
    columns = np.array([_encode(screen.target, bins)[1] for bins in y_bins] or [0])
    cells = state["alive"] * state["n_bins"] * columns[state["y_group"]]
    state["edges"] = np.concatenate(edges)
    state["edge_starts"] = _starts([len(own) for own in edges])
    state["table_starts"] = _starts(cells)
    state["tables"] = np.zeros(cells.sum(), np.int64)
    return state | {"y_bins": y_bins, "y_columns": columns}


def _starts(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _group(screen, gaps, patterns, y_bins):
    """Number of the outcome's bins for the samples that a feature has."""
    target = screen.target
    key = b"" if gaps is None or target.discrete else np.packbits(gaps).tobytes()
    if key not in patterns:
        patterns[key] = len(y_bins)
        if target.discrete:
            y_bins.append(None)
        else:
            values = target.values if key == b"" else target.values[~gaps]
            y_bins.append(outcome_bins(screen.params, values))
    return patterns[key]


def _count(state, screen, codes, first, block):
    """Tables of new rows, and how many of them each feature has."""
    block = block.astype(np.float64)
    missing = screen.find_missing(first, block)
    bounds = state["table_starts"][first : first + len(block) + 1]
    tables = np.zeros(bounds[-1] - bounds[0], np.int64)
    n_valid, groups = np.zeros(len(block), np.int64), {}
    for j in range(len(block)):
        gaps, feature = missing.get(j), first + j
        n_valid[j] = block.shape[1] - (0 if gaps is None else gaps.sum())
        if state["alive"][feature] and n_valid[j]:
            pattern = b"" if gaps is None else np.packbits(gaps).tobytes()
            key = pattern, int(state["y_group"][feature]), bool(state["even"][feature])
            groups.setdefault(key, (gaps, []))[1].append(j)
    for (_, y_group, even), (gaps, rows) in groups.items():
        kept = slice(None) if gaps is None else ~gaps
        part = np.ascontiguousarray(block[rows][:, kept])
        features = first + np.array(rows)
        _check_levels(state, screen, features, part)
        y, n_columns = codes[y_group][kept], int(state["y_columns"][y_group])
        found, starts = _tables(state, features, part, y, n_columns, even)
        for j, low, high in zip(rows, starts[:-1], starts[1:], strict=True):
            tables[bounds[j] - bounds[0] : bounds[j + 1] - bounds[0]] = found[low:high]
    return tables, n_valid


def _tables(state, features, part, y, n_columns, even):
    if even:
        low, width = state["low"][features], state["width"][features]
        n_bins = state["n_bins"][features]
        return tables_evenly(part, low, width, n_bins, y, n_columns)
    lists = [_edges(state, feature) for feature in features]
    starts = _starts([len(own) for own in lists])
    return tables_by_edges(part, np.concatenate(lists), starts, y, n_columns)


def _edges(state, feature):
    low, high = state["edge_starts"][feature : feature + 2]
    return state["edges"][low:high]


def _check_levels(state, screen, features, part):
    """Refuse a value that a discrete feature did not have in the first rows."""
    for feature, row in zip(features, part, strict=True):
        if not state["discrete"][feature]:
            continue
        levels = np.append(_edges(state, feature), state["top"][feature])
        codes = np.minimum(np.searchsorted(levels, row), len(levels) - 1)
        strange = levels[codes] != row
        if strange.any():
            raise ValueError(
                f"The discrete column {screen.labels[feature]!r} of X has the level "
                f"{row[np.argmax(strange)]:g}, which the first block does not have. If "
                "it is continuous, say so by discrete_features."
            )


def binning_results(state, screen):
    """Scores and p-values of the tables so far."""
    p = len(state["n_valid"])
    scores, p_values = np.full(p, np.nan), np.full(p, np.nan)
    usable = state["alive"] & screen.enough(state["n_valid"])
    scores[usable], p_values[usable] = 0.0, 1.0
    for y_group, n_columns in enumerate(state["y_columns"]):
        features = np.flatnonzero(usable & (state["y_group"] == y_group))
        by_margins = {}
        for feature in features:
            counts = _table(state, feature).reshape(-1, n_columns).sum(axis=0)
            by_margins.setdefault(counts.tobytes(), (counts, []))[1].append(feature)
        for counts, rows in by_margins.values():
            if np.count_nonzero(counts) < 2:
                continue
            codes = np.repeat(np.arange(n_columns, dtype=np.int32), counts)
            scorer = TableScorer(codes, n_columns, screen.laws)
            tables = [_table(state, feature) for feature in rows]
            found, p_found = scorer.score(
                np.concatenate(tables), _starts([len(table) for table in tables])
            )
            scores[rows] = found
            p_values[rows] = np.nan if p_found is None else p_found
    if screen.seed is None:
        p_values = None
    return Screened(scores, p_values, state["n_valid"].copy(), 0)


def _table(state, feature):
    low, high = state["table_starts"][feature : feature + 2]
    return state["tables"][low:high]
