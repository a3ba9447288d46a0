"""Closed forms, exact arithmetic and merge laws of the moment accumulators."""

import functools
import pickle

import numpy as np
import pytest
from numerics.scatter_cases import (
    FORMS,
    N_FEATURES,
    N_OTHERS,
    N_ROWS,
    accumulate,
    assert_same_state,
    data,
    exact_scatter,
    expected,
    of_form,
    pick,
    relative_error,
)
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.scatter import (
    covariance,
    empty_scatter,
    merge_scatters,
    update_scatter,
)


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


# -- closed forms ----------------------------------------------------------------


def test_equals_numpy_cov(form):
    x, y = data()
    assert_allclose(
        covariance(of_form(form, x, y)), expected(form, x, y), rtol=1e-11, atol=1e-13
    )


def test_integer_weights_equal_fweights_and_repetition(form):
    x, y = data(1)
    weights = np.random.default_rng(2).integers(0, 5, size=N_ROWS)
    state = of_form(form, x, y, weights=weights)
    repeated = of_form(form, np.repeat(x, weights, 0), np.repeat(y, weights, 0))
    assert_same_state(state, repeated)
    want = expected(form, x, y, fweights=weights)
    assert_allclose(covariance(state), want, rtol=1e-11, atol=1e-13)


def test_real_weights_equal_aweights(form):
    x, y = data(3)
    weights = np.random.default_rng(4).uniform(0.1, 3.0, size=N_ROWS)
    got = covariance(of_form(form, x, y, weights=weights), ddof=0)
    want = expected(form, x, y, aweights=weights, ddof=0)
    assert_allclose(got, want, rtol=1e-11, atol=1e-13)


def test_means_and_weight_are_those_of_the_data():
    x, y = data(5)
    weights = np.random.default_rng(6).uniform(size=N_ROWS)
    state = accumulate(x, y, weights=weights)
    assert state.weight == pytest.approx(weights.sum(), rel=1e-14)
    assert_allclose(state.mean, np.average(x, axis=0, weights=weights), atol=1e-14)
    assert_allclose(
        state.other_mean, np.average(y, axis=0, weights=weights), atol=1e-14
    )


def test_scale_of_weights_leaves_the_biased_covariance():
    x, _ = data(7)
    weights = np.random.default_rng(8).uniform(size=N_ROWS)
    small = accumulate(x, weights=1e-100 * weights)
    large = accumulate(x, weights=weights)
    assert_allclose(covariance(small, ddof=0), covariance(large, ddof=0), rtol=1e-10)


def test_column_weights_leave_out_missing_values():
    """Each column as if the rows missing in it had never been there."""
    x, y = data(9)
    x[np.random.default_rng(10).uniform(size=x.shape) < 0.3] = np.nan
    x[:60, 2] = np.nan
    target = np.broadcast_to(y[:, :1], x.shape)
    valid = ~np.isnan(x)
    within = accumulate(x, weights=valid, columns=True)
    between = accumulate(x, target, weights=valid, columns=True)
    for j in range(N_FEATURES):
        rows = valid[:, j]
        want = np.cov(x[rows, j], y[rows, 0])
        assert within.weight[j] == rows.sum()
        assert_allclose(covariance(within)[j], want[0, 0], rtol=1e-12)
        assert_allclose(covariance(between)[j], want[0, 1], rtol=1e-11)
        assert_allclose(between.other_mean[j], y[rows, 0].mean(), rtol=1e-12)


def test_rows_of_weight_zero_are_not_looked_at(form):
    x, y = data(11)
    weights = np.ones(N_ROWS)
    weights[[0, 1, 60, 202]] = 0
    kept = weights > 0
    want = of_form(form, x[kept], y[kept])
    x[~kept], y[~kept] = np.nan, np.nan
    assert_same_state(of_form(form, x, y, weights=weights), want)


# -- merging and chunks ----------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 64, 202, 1000])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_chunks_do_not_matter(form, step, offset):
    x, y = data(12, offset=offset)
    whole = of_form(form, x, y, step=N_ROWS)
    assert_same_state(of_form(form, x, y, step=step), whole, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_merge_equals_one_pass(form, weighted):
    x, y = data(13, offset=1e6)
    weights = np.random.default_rng(14).uniform(size=N_ROWS) if weighted else None
    parts = [slice(0, 3), slice(3, 90), slice(90, 91), slice(91, N_ROWS)]
    states = [
        of_form(form, x[part], y[part], weights=pick(weights, part)) for part in parts
    ]
    merged = functools.reduce(merge_scatters, states)
    assert_same_state(merged, of_form(form, x, y, weights=weights))


def test_merge_is_associative_and_commutative(form):
    blocks = [data(seed, n_rows=20 * seed, offset=10.0 * seed) for seed in (1, 2, 3)]
    a, b, c = (of_form(form, x, y) for x, y in blocks)
    assert_same_state(merge_scatters(a, b), merge_scatters(b, a))
    assert_same_state(
        merge_scatters(merge_scatters(a, b), c), merge_scatters(a, merge_scatters(b, c))
    )


def test_empty_state_is_the_identity(form):
    x, y = data(15, offset=3.0)
    state = of_form(form, x, y)
    n_others = None if state.other_shift is None else N_OTHERS
    empty = empty_scatter(state.shift.size, n_others, columns=form["columns"])
    for merged in (merge_scatters(empty, state), merge_scatters(state, empty)):
        for got, want in zip(merged, state, strict=True):
            assert_array_equal(got, want)
    for part in merge_scatters(empty, empty):
        assert part is None or not np.any(part)


def test_empty_column_is_the_identity_of_that_column():
    """One state has not seen the first column, the other not the second."""
    x, _ = data(16, offset=5.0)
    seen_a, seen_b = np.ones(x.shape, bool), np.ones(x.shape, bool)
    seen_a[:, 0], seen_b[:, 1] = False, False
    a = accumulate(x[:100], weights=seen_a[:100], columns=True)
    b = accumulate(x[100:], weights=seen_b[100:], columns=True)
    merged = merge_scatters(a, b)
    assert_allclose(covariance(merged)[0], x[100:, 0].var(ddof=1), rtol=1e-12)
    assert_allclose(covariance(merged)[1], x[:100, 1].var(ddof=1), rtol=1e-12)
    assert_allclose(covariance(merged)[2], x[:, 2].var(ddof=1), rtol=1e-12)


def test_chunks_without_weight_change_nothing(form):
    x, y = data(17)
    state = of_form(form, x, y)
    x_form = x[:, : state.shift.size]
    other = y if form["two_blocks"] else None
    n_others = None if other is None else N_OTHERS
    empty = empty_scatter(x_form.shape[1], n_others, columns=form["columns"])
    for before in (state, empty):
        no_rows = update_scatter(before, x_form[:0], pick(other, slice(0)))
        weightless = update_scatter(before, x_form, other, weights=np.zeros(N_ROWS))
        for got in (no_rows, weightless):
            for part, want in zip(got, before, strict=True):
                assert_array_equal(part, want)


def test_rows_after_a_chunk_without_weight_take_its_place():
    x, _ = data(18, offset=1e9)
    state = update_scatter(empty_scatter(N_FEATURES), 0 * x, weights=np.zeros(N_ROWS))
    got, want = update_scatter(state, x), accumulate(x, step=N_ROWS)
    assert_array_equal(got.scatter, want.scatter)
    assert_array_equal(got.shift, want.shift)


def test_same_input_gives_the_same_bits(form):
    x, y = data(19)
    for got, want in zip(of_form(form, x, y), of_form(form, x, y), strict=True):
        assert_array_equal(got, want)


def test_states_are_left_as_they_are(form):
    x, y = data(20)
    a, b = of_form(form, x[:80], y[:80]), of_form(form, x[80:], y[80:])
    before = pickle.dumps((tuple(a), tuple(b)))
    merge_scatters(a, b)
    other = y if form["two_blocks"] else None
    update_scatter(a, x[:, : a.shift.size], other)
    covariance(a)
    assert pickle.dumps((tuple(a), tuple(b))) == before


# -- accuracy --------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e7, 1e10])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_large_means_cost_no_digits(offset, step):
    """Against rational arithmetic on the same, already rounded, numbers."""
    x, y = data(21, n_rows=45, offset=offset)
    want, between = exact_scatter(x), exact_scatter(x, y)
    variance, other_variance = np.diagonal(want), np.diagonal(exact_scatter(y))
    state = accumulate(x, step=step)
    assert relative_error(state.scatter, want, variance) < 2e-14
    state = accumulate(x, y, step=step)
    assert relative_error(state.scatter, between, variance, other_variance) < 2e-14
    state = accumulate(x, step=step, columns=True)
    assert_allclose(state.scatter, variance, rtol=2e-14)


def test_merge_of_far_shifts_costs_no_digits():
    """The merged means differ by 1 in 1e10, and their sum with a shift rounds."""
    x, _ = data(22, n_rows=60, offset=1e10)
    want = exact_scatter(x)
    a, b = accumulate(x[:30]), accumulate(x[30:])
    got = merge_scatters(a, b).scatter
    assert relative_error(got, want, np.diagonal(want)) < 2e-14
    rounded = [s._replace(shift=s.mean, offset=0 * s.offset) for s in (a, b)]
    worse = merge_scatters(*rounded).scatter
    assert relative_error(worse, want, np.diagonal(want)) > 1e-9


def test_first_row_far_from_the_others():
    x, _ = data(23, n_rows=40)
    x[0] = 1e9
    want = exact_scatter(x)
    got = accumulate(x, step=9).scatter
    assert relative_error(got, want, np.diagonal(want)) < 2e-14


def test_many_single_rows_do_not_drift():
    x, _ = data(24, n_rows=3000, offset=1e8)
    want = accumulate(x, step=3000)
    got = accumulate(x, step=1)
    assert relative_error(got.scatter, want.scatter, np.diagonal(want.scatter)) < 1e-12
    assert_allclose(got.offset, want.offset, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_constant_columns_are_exactly_zero(weighted, single):
    x, y = data(25)
    x[:, 1], x[:, 4] = 1e10 + 0.1, -0.1
    y[:, 0] = 1 / 3
    if single:
        x, y = x.astype(np.float32), y.astype(np.float32)
    weights = np.random.default_rng(26).uniform(size=N_ROWS) if weighted else None
    options = {"weights": weights, "step": 11, "single": single}
    within, between = accumulate(x, **options), accumulate(x, y, **options)
    alone = accumulate(x, columns=True, **options)
    for j in (1, 4):
        assert not np.any(within.scatter[j])
        assert not np.any(within.scatter[:, j])
        assert not np.any(between.scatter[j])
        assert alone.scatter[j] == 0
        assert within.mean[j] == x[0, j]
    assert not np.any(between.scatter[:, 0])
    halves = (
        accumulate(x[:77], weights=pick(weights, slice(77))),
        accumulate(x[77:], weights=pick(weights, slice(77, None))),
    )
    assert not np.any(merge_scatters(*halves).scatter[[1, 4]])


@pytest.mark.parametrize("exponent", [-100, 100])
def test_units_do_not_matter(form, exponent):
    """Powers of two of about 1e+-100 scale every result exactly."""
    x, y = data(27)
    factor = 2.0 ** (exponent * 3)
    got = of_form(form, factor * x, factor * y)
    want = of_form(form, x, y)
    assert_array_equal(got.scatter, factor**2 * want.scatter)
    assert_array_equal(got.mean, factor * want.mean)


def test_columns_of_very_different_units():
    x, _ = data(28)
    scale = np.logspace(-100, 100, N_FEATURES)
    got, want = accumulate(x * scale), accumulate(x)
    assert_allclose(got.scatter / np.outer(scale, scale), want.scatter, rtol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 1), (3, 2), (50, 33), (8, 300)])
@pytest.mark.parametrize("single", [False, True])
def test_scatter_of_pairs_is_exactly_symmetric(shape, single):
    rng = np.random.default_rng(29)
    x, other = rng.normal(size=(2, *shape))
    weights = rng.uniform(size=shape[0])
    for w in (None, weights):
        a = accumulate(x, weights=w, step=3, single=single)
        b = accumulate(other, weights=w, single=single)
        for got in (a.scatter, merge_scatters(a, b).scatter, covariance(a, ddof=0)):
            assert_array_equal(got, got.T)
