"""Compiled nearest-neighbour estimates of mutual information.

Distances are compared as differences, never as sums: x + eps rounds. Differences are
scaled, not values: gaps that are equal, as of integers, stay so.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _count(ordered, place, scale, radius):
    """Number of values no farther than the radius from the one at a place.

    The value itself counts unless another lies on the border: this one, in data without
    ties the k-th neighbour, then stands in for it. Steps double away from the place
    before they halve, since most counts are small.
    """
    n, value = len(ordered), ordered[place]
    step, left = 1, place
    while left - step >= 0 and (value - ordered[left - step]) * scale <= radius:
        left -= step
        step *= 2
    out = max(-1, left - step)
    while left - out > 1:
        middle = (left + out) // 2
        if (value - ordered[middle]) * scale <= radius:
            left = middle
        else:
            out = middle
    step, right = 1, place
    while right + step < n and (ordered[right + step] - value) * scale <= radius:
        right += step
        step *= 2
    out = min(n, right + step)
    while out - right > 1:
        middle = (right + out) // 2
        if (ordered[middle] - value) * scale <= radius:
            right = middle
        else:
            out = middle
    border = (value - ordered[left]) * scale == radius
    border |= (ordered[right] - value) * scale == radius
    return right - left if border else right - left + 1


@njit(cache=True, nogil=True, inline="always")
def _insert(nearest, extra, distance):
    """Take a distance no greater than the last of the nearest; count ties of that."""
    last = len(nearest) - 1
    radius = nearest[last]
    if distance == radius:
        return extra + 1 if radius < np.inf else 0
    place = last
    while place > 0 and nearest[place - 1] > distance:
        nearest[place] = nearest[place - 1]
        place -= 1
    nearest[place] = distance
    # The one that fell out may still lie on the border.
    return extra + 1 if nearest[last] == radius and radius < np.inf else 0


@njit(cache=True, nogil=True, inline="always")
def _scan(x, y, scales, low, left, right, high, x_at, y_at, nearest, extra):
    """Search a strip outwards in y, from two places within low and high."""
    last, (x_scale, y_scale) = len(nearest) - 1, scales
    while True:
        below = (y_at - y[left]) * y_scale if left >= low else np.inf
        above = (y[right] - y_at) * y_scale if right < high else np.inf
        gap = min(below, above)
        radius = nearest[last]
        if not gap <= radius or gap == np.inf:
            return extra
        if below <= above:
            other = x[left]
            left -= 1
        else:
            other = x[right]
            right += 1
        distance = max(gap, abs(other - x_at) * x_scale)
        if distance <= radius:
            extra = _insert(nearest, extra, distance)


@njit(cache=True, nogil=True)
def _fill_strips(row, rank, y_order, strip, fill, x, y, y_place, outcome):
    """Deal the samples out to strips of consecutive ranks of x, by ascending y."""
    for s in range(len(fill)):
        fill[s] = s * strip
    for place in range(len(y_order)):
        i = y_order[place]
        s = rank[i] // strip
        at = fill[s]
        x[at], y[at], y_place[at] = row[i], outcome[i], place
        fill[s] = at + 1


@njit(cache=True, nogil=True)
def _search(s, at, strip, ordered, x, y, scales, starts, nearest):
    """Find the nearest neighbours of a point of strip s; return ties of the last."""
    n, x_at, y_at = len(x), x[at], y[at]
    nearest[:] = np.inf
    last = len(nearest) - 1
    low, high = s * strip, min(n, s * strip + strip)
    extra = _scan(x, y, scales, low, at - 1, at + 1, high, x_at, y_at, nearest, 0)
    for side in (-1, 1):
        u = s + side
        while 0 <= u < len(starts):
            low, high = u * strip, min(n, u * strip + strip)
            # The border of the strip nearest to the point.
            gap = x_at - ordered[high - 1] if side < 0 else ordered[low] - x_at
            if not gap * scales[0] <= nearest[last]:
                break
            # The points of strip s come by ascending y: the start only moves up.
            start = starts[u]
            while start < high and y[start] < y_at:
                start += 1
            starts[u] = start
            extra = _scan(
                x, y, scales, low, start - 1, start, high, x_at, y_at, nearest, extra
            )
            u += side
    return extra


@njit(cache=True, nogil=True)
def continuous_scores(block, widths, orders, outcome, y_width, y_order, k, strip, psi):
    """Estimate of Kraskov, Stögbauer and Grassberger for each row and the outcome."""
    n_rows, n = block.shape
    y_ordered = outcome[y_order]
    ordered, rank, y_place = np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
    x, y, nearest = np.empty(n), np.empty(n), np.empty(k)
    n_strips = (n + strip - 1) // strip
    starts, fill = np.empty(n_strips, np.int64), np.empty(n_strips, np.int64)
    scores = np.empty(n_rows)
    for j in range(n_rows):
        for place in range(n):
            rank[orders[j, place]] = place
            ordered[place] = block[j, orders[j, place]]
        _fill_strips(block[j], rank, y_order, strip, fill, x, y, y_place, outcome)
        total, scales = 0.0, (1.0 / widths[j], 1.0 / y_width)
        for s in range(n_strips):
            for u in range(n_strips):
                starts[u] = u * strip
            for at in range(s * strip, min(n, s * strip + strip)):
                extra = _search(s, at, strip, ordered, x, y, scales, starts, nearest)
                radius, place = nearest[k - 1], rank[y_order[y_place[at]]]
                n_x = _count(ordered, place, scales[0], radius)
                n_y = _count(y_ordered, y_place[at], scales[1], radius)
                total += psi[k + extra] - psi[n_x] - psi[n_y]
        scores[j] = psi[n] + total / n
    return scores


@njit(cache=True, nogil=True)
def _class_total(values, places, ordered, k, psi):
    """Sum of the terms of one class, its values sorted, with their places in all."""
    n, n_near = len(values), min(k, len(values) - 1)
    total, first = 0.0, 0
    for i in range(n):
        value = values[i]
        # The window of n_near + 1 values around this one that reaches least far.
        while first + n_near < n - 1 and (
            first + n_near < i
            or values[first + n_near + 1] - value < value - values[first]
        ):
            first += 1
        last = first + n_near
        radius = max(value - values[first], values[last] - value)
        more = (first > 0 and value - values[first - 1] <= radius) or (
            last < n - 1 and values[last + 1] - value <= radius
        )
        near = _count(values, i, 1.0, radius) if more else n_near
        inside = _count(ordered, places[i], 1.0, radius)
        total += psi[near] - psi[n] - psi[inside]
    return total


@njit(cache=True, nogil=True)
def class_scores(block, orders, codes, n_classes, k, psi):
    """Ross' estimate for rows and codes; one row of either serves all of the other."""
    n_rows, n = max(len(block), len(codes)), block.shape[1]
    ordered, values = np.empty(n), np.empty(n)
    places, starts = np.empty(n, np.int64), np.empty(n_classes + 1, np.int64)
    fill, scores = np.empty(n_classes, np.int64), np.zeros(n_rows)
    for j in range(n_rows):
        row, order = block[j % len(block)], orders[j % len(orders)]
        labels = codes[j % len(codes)]
        starts[:] = 0
        for i in range(n):
            starts[labels[i] + 1] += 1
        n_kept = 0
        for c in range(n_classes):
            # A single member has no neighbour: it takes no part, nor a place.
            size = starts[c + 1] if starts[c + 1] > 1 else 0
            n_kept += size
            starts[c + 1] = starts[c] + size
            fill[c] = starts[c]
        kept = 0
        for place in range(n):
            i = order[place]
            c = labels[i]
            if starts[c + 1] > starts[c]:
                ordered[kept], values[fill[c]], places[fill[c]] = row[i], row[i], kept
                fill[c] += 1
                kept += 1
        total = 0.0
        for c in range(n_classes):
            own = slice(starts[c], starts[c + 1])
            if starts[c + 1] > starts[c]:
                total += _class_total(values[own], places[own], ordered[:kept], k, psi)
        if n_kept > 0:
            scores[j] = psi[n_kept] + total / n_kept
    return scores
