"""Closed forms, exact arithmetic and merge laws of the moment accumulators."""

import functools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras.numerics.scatter import (
    covariance,
    empty_scatter,
    merge_scatters,
    update_scatter,
)

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


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


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


# -- single precision ------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("single", [False, True])
def test_float32_input_against_exact_arithmetic(offset, single):
    """The reference has the same bits: only the arithmetic is judged."""
    x, y = (block.astype(np.float32) for block in data(30, 60, offset))
    want, between = exact_scatter(x), exact_scatter(x, y)
    variance, other_variance = np.diagonal(want), np.diagonal(exact_scatter(y))
    bound = 1e-6 if single else 2e-14
    got = accumulate(x, step=17, single=single)
    assert got.scatter.dtype == np.float64
    assert relative_error(got.scatter, want, variance) < bound
    got = accumulate(x, y, step=17, single=single)
    assert relative_error(got.scatter, between, variance, other_variance) < bound


def test_single_products_are_rounded_to_single():
    """Otherwise `single` does nothing and costs accuracy for no speed."""
    x, _ = data(31)
    error = accumulate(x, single=True).scatter / accumulate(x).scatter - 1
    assert 1e-9 < np.max(np.abs(error)) < 1e-4


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [
        *((np.float32, factor) for factor in (1e-30, 1e-13, 1e13, 1e30)),
        *((np.float64, factor) for factor in (1e-60, 1e-30, 1e30, 1e60)),
    ],
)
@pytest.mark.parametrize("blocks", ["alone", "first", "second"])
def test_single_products_keep_the_range_of_float32(dtype, factor, blocks):
    """Squares of 1e-30 and 1e30 do not exist in float32, nor does 1e60."""
    x, y = data(32)
    (y if blocks == "second" else x)[:, 2] *= factor
    x = x.astype(dtype)
    other = None if blocks == "alone" else y.astype(dtype)
    got = accumulate(x, other, single=True).scatter
    want = accumulate(x, other).scatter
    assert_allclose(got, want, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@pytest.mark.parametrize("two_blocks", [False, True])
def test_single_differences_of_more_digits_than_float32(dtype, two_blocks):
    """The first row fits float32, the steps of one from it do not."""
    steps = np.random.default_rng(47).integers(0, 100, size=(50, 3))
    steps[0] = 0
    x = (2**40 + steps).astype(dtype)
    got = accumulate(x, x if two_blocks else None, single=True).scatter
    assert_allclose(got, 49 * np.cov(steps, rowvar=False), rtol=1e-4)


@pytest.mark.parametrize("two_blocks", [False, True])
def test_single_leaves_the_column_form_alone(two_blocks):
    x, _ = (block.astype(np.float32) for block in data(48))
    other = x[:, ::-1] if two_blocks else None
    got = accumulate(x, other, columns=True, single=True)
    want = accumulate(x, other, columns=True)
    for part, part_want in zip(got, want, strict=True):
        assert_array_equal(part, part_want)


def test_single_differences_that_overflow_float32():
    x = np.array([[3e38, 0.0], [-3e38, 1.0], [1e38, 2.0]], dtype=np.float32)
    assert_allclose(
        covariance(accumulate(x, single=True)),
        np.cov(x.astype(np.float64), rowvar=False),
        rtol=1e-12,
    )


def test_single_with_weights_of_any_size():
    x, _ = data(33)
    weights = np.random.default_rng(34).uniform(size=N_ROWS) * 1e60
    got = accumulate(x, weights=weights, single=True).scatter
    assert_allclose(got, accumulate(x, weights=weights).scatter, rtol=1e-4)


def test_single_after_a_chunk_of_more_digits():
    """A float64 shift has no float32 twin; rounding it would move the rows."""
    x, _ = data(35, offset=1e6 + 1 / 3)
    tail = x[50:].astype(np.float32)
    state = update_scatter(accumulate(x[:50]), tail, single=True)
    want = accumulate(np.vstack((x[:50], tail)))
    assert_allclose(state.mean, want.mean, rtol=1e-15)
    assert relative_error(state.scatter, want.scatter, np.diagonal(want.scatter)) < 1e-6


# -- input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int64", "bool", "float16", ">f4", "longdouble"]
)
@pytest.mark.parametrize("single", [False, True])
def test_dtypes_accumulate_in_float64(dtype, single):
    x = np.random.default_rng(36).integers(0, 100, size=(150, 5)).astype(dtype)
    state = accumulate(x, single=single)
    want = np.cov(x.astype(np.float64), rowvar=False)
    assert {part.dtype for part in state if part is not None} == {np.dtype("f8")}
    bound = 2e-6 if single else 1e-13
    assert relative_error(covariance(state), want, np.diagonal(want)) < bound


def test_unsigned_integers_do_not_wrap():
    x = np.array([[200], [3]], dtype=np.uint8)
    assert accumulate(x).scatter[0, 0] == 2 * 98.5**2


@pytest.mark.parametrize("layout", ["F", "strided", "negative"])
def test_memory_layout_does_not_matter(form, layout):
    x, y = data(37)
    change = {
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        "negative": lambda a: a[::-1].copy()[::-1],
    }[layout]
    assert_same_state(of_form(form, change(x), change(y)), of_form(form, x, y), 1e-13)


@pytest.mark.parametrize("single", [False, True])
def test_read_only_memmap(tmp_path, form, single):
    x, y = (block.astype(np.float32) for block in data(38))
    maps = []
    for name, block in (("x", x), ("y", y)):
        np.save(tmp_path / name, block)
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    state = of_form(form, *maps, single=single)
    for got, want in zip(state, of_form(form, x, y, single=single), strict=True):
        assert_array_equal(got, want)
        assert not isinstance(got, np.memmap)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("single", [False, True])
def test_input_is_neither_written_nor_kept(form, dtype, single):
    x, y = (block.astype(dtype) for block in data(39))
    weights = np.random.default_rng(40).uniform(size=N_ROWS)
    for w in (None, weights):
        copies = [a.copy() for a in (x, y, weights)]
        state = of_form(form, x, y, weights=w, single=single)
        for array, copy in zip((x, y, weights), copies, strict=True):
            assert_array_equal(array, copy)
        for part in state:
            assert part is None or not np.may_share_memory(part, x)


# -- few rows --------------------------------------------------------------------


def test_no_rows_have_no_covariance(form):
    x, y = data(41)
    state = of_form(form, x[:0], y[:0])
    assert state.weight == 0
    assert np.all(np.isnan(covariance(state)))


def test_one_row(form):
    x, y = data(42)
    state = of_form(form, x[:1], y[:1])
    assert state.weight == 1
    assert_array_equal(state.mean, x[0, : state.mean.size])
    assert not np.any(state.scatter)
    assert np.all(np.isnan(covariance(state)))
    assert not np.any(covariance(state, ddof=0))


def test_memory_of_the_column_form_is_linear():
    state = update_scatter(empty_scatter(100_000, columns=True), np.eye(2, 100_000))
    assert sum(part.nbytes for part in state if part is not None) <= 3 * 800_000 + 8


# -- other namespaces ------------------------------------------------------------


def strict_namespace():
    return pytest.importorskip("array_api_strict")


def torch_namespace():
    pytest.importorskip("torch")
    return pytest.importorskip("array_api_compat.torch")


def in_two_parts(xp, form, x, other, weights, **options):
    """Update two states with half of the rows each, and merge them."""
    x, other, weights = (
        None if a is None else xp.asarray(a) for a in (x, other, weights)
    )
    n_others = None if other is None else other.shape[1]
    empty = empty_scatter(x.shape[1], n_others, columns=form["columns"], xp=xp)
    states = [
        update_scatter(
            empty,
            x[rows, :],
            None if other is None else other[rows, :],
            weights=pick(weights, rows),
            xp=xp,
            **options,
        )
        for rows in (slice(100), slice(100, None))
    ]
    return merge_scatters(*states, xp=xp)


@pytest.mark.parametrize("namespace", [strict_namespace, torch_namespace])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize("single", [False, True])
def test_array_namespaces_agree_with_numpy(namespace, form, dtype, single):
    xp = namespace()
    x, y = (np.round(30 * block).astype(dtype) for block in data(43))
    if form["columns"]:
        x = x[:, :N_OTHERS]
    other = y if form["two_blocks"] else None
    weights = np.random.default_rng(44).uniform(size=N_ROWS)
    weights[:3] = 0
    rtol = 1e-5 if single else 1e-12
    for w in (None, weights):
        got = in_two_parts(xp, form, x, other, w, single=single)
        want = in_two_parts(np, form, x, other, w, single=single)
        assert type(got.scatter) is type(xp.zeros(1))
        assert_allclose(got.weight, want.weight, rtol=1e-14)
        assert_allclose(got.mean, want.mean, rtol=rtol)
        atol = rtol * np.max(np.abs(want.scatter))
        assert_allclose(got.scatter, want.scatter, rtol=rtol, atol=atol)
        assert_allclose(covariance(got, xp=xp), covariance(want), rtol=rtol, atol=atol)
        if not form["two_blocks"]:
            assert_array_equal(got.scatter, np.asarray(got.scatter).T)


@pytest.mark.parametrize("namespace", [strict_namespace, torch_namespace])
def test_array_namespaces_take_column_weights(namespace):
    xp = namespace()
    x, _ = data(45)
    valid = np.random.default_rng(46).uniform(size=x.shape) > 0.4
    x[~valid] = np.nan
    want = accumulate(x, weights=valid, columns=True, step=N_ROWS)
    got = update_scatter(
        empty_scatter(N_FEATURES, columns=True, xp=xp),
        xp.asarray(x),
        weights=xp.asarray(valid),
        xp=xp,
    )
    assert_allclose(got.weight, want.weight)
    assert_allclose(got.mean, want.mean, rtol=1e-12)
    assert_allclose(got.scatter, want.scatter, rtol=1e-12)
