"""Data, exact moments and forms for the tests of the moment accumulators."""

from fractions import Fraction

import numpy as np
from numpy.testing import assert_allclose

from skextras.numerics.scatter import empty_scatter, update_scatter

N_ROWS, N_FEATURES, N_OTHERS = 203, 7, 4


def data(seed=0, n_rows=N_ROWS, offset=0.0):
    """Rows of two correlated blocks of unit order, about an offset."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, N_FEATURES)) @ rng.normal(size=(N_FEATURES,) * 2)
    y = x[:, :N_OTHERS] + rng.normal(size=(n_rows, N_OTHERS))
    return x + offset, y - offset


def pick(rows, part):
    return None if rows is None else rows[part]


def accumulate(x, other=None, *, weights=None, columns=False, step=50, **options):
    """Fold the rows, chunk by chunk, into one state."""
    n_others = None if other is None else other.shape[1]
    state = empty_scatter(x.shape[1], n_others, columns=columns)
    for start in range(0, x.shape[0], step):
        rows = slice(start, start + step)
        state = update_scatter(
            state, x[rows], pick(other, rows), weights=pick(weights, rows), **options
        )
    return state


def exact_scatter(x, other=None, weights=None):
    """Scatter in rational arithmetic, rounded once at the end."""
    other = x if other is None else other
    n_rows = len(x)
    w = (
        [Fraction(1)] * n_rows
        if weights is None
        else [Fraction(float(v)) for v in weights]
    )
    total = sum(w)

    def centred(block):
        columns = [[Fraction(float(v)) for v in column] for column in block.T]
        means = [sum(a * v for a, v in zip(w, c, strict=True)) / total for c in columns]
        return [[v - m for v in c] for c, m in zip(columns, means, strict=True)]

    left, right = centred(x), centred(other)
    return np.array(
        [
            [
                float(sum(a * u * v for a, u, v in zip(w, p, q, strict=True)))
                for q in right
            ]
            for p in left
        ]
    )


def relative_error(got, want, left_variance, right_variance=None):
    """Largest error as a share of the geometric mean of the two variances."""
    right_variance = left_variance if right_variance is None else right_variance
    return np.max(np.abs(got - want) / np.sqrt(np.outer(left_variance, right_variance)))


def assert_same_state(got, want, rtol=1e-12):
    """Compare what states mean; their shifts may differ."""
    assert_allclose(got.weight, want.weight, rtol=rtol)
    assert_allclose(got.mean, want.mean, rtol=rtol, atol=rtol)
    scale = np.max(np.abs(want.scatter))
    assert_allclose(got.scatter, want.scatter, rtol=rtol, atol=rtol * scale)
    if want.other_shift is not None:
        assert_allclose(got.other_mean, want.other_mean, rtol=rtol, atol=rtol)


FORMS = {
    "pairs": {"two_blocks": False, "columns": False},
    "between blocks": {"two_blocks": True, "columns": False},
    "columns": {"two_blocks": False, "columns": True},
    "columns between blocks": {"two_blocks": True, "columns": True},
}


def of_form(form, x, y, **options):
    """Accumulate in one of the four forms; returns the state."""
    other = y if form["two_blocks"] else None
    if form["columns"] and form["two_blocks"]:
        x = x[:, :N_OTHERS]
    return accumulate(x, other, columns=form["columns"], **options)


def expected(form, x, y, **options):
    """Covariance of a form from `numpy.cov`."""
    if form["two_blocks"]:
        full = np.cov(np.hstack((x, y)), rowvar=False, **options)[: x.shape[1]]
        full = full[:, x.shape[1] :]
    else:
        full = np.cov(x, rowvar=False, **options)
    return np.diagonal(full) if form["columns"] else full
