"""Moment accumulators on all kinds of input: precision, dtypes, namespaces."""

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
