"""Solvers: agreement with each other, memory maps, wide tables of small integers."""

import tracemalloc

import numpy as np
import pytest
from cca_data import aligned, load_view, relative_difference
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skextras import UnconstrainedCCA, _unconstrained_cca_solvers
from skextras._unconstrained_cca_problem import make_data, make_settings
from skextras._unconstrained_cca_solvers import check_batch, empty_state, is_single
from skextras.numerics.one_pass_pls import CrossMoments

SOLVERS = ("moments", "dual", "lobpcg", "ey")


def assert_same_fit(cca, other, X, Y, rtol):
    assert_allclose(cca.singular_values_, other.singular_values_, rtol=rtol)
    assert_allclose(
        cca.canonical_correlations_, other.canonical_correlations_, rtol=rtol
    )
    pair = cca.transform(X, Y), other.transform(X, Y)
    for a, b in zip(aligned(*pair), pair[1], strict=True):
        assert relative_difference(a, b) < 1e4 * rtol
    assert relative_difference(cca.predict(X), other.predict(X)) < 1e4 * rtol


@pytest.mark.parametrize("share", [0.0, 0.3, "auto", "cv", 1.0, [0.1, 0.9]])
@pytest.mark.parametrize("scale", [False, True])
def test_dual_equals_moments(seed, share, scale):
    X, Y = correlated_views(seed, 60)
    options = {"n_components": 3, "shrinkage": share, "scale": scale}
    a, b = (
        UnconstrainedCCA(solver=s, **options).fit(X, Y) for s in ("dual", "moments")
    )
    assert (a.solver_, b.solver_) == ("dual", "moments")
    assert_allclose(a.shrinkage_, b.shrinkage_, rtol=1e-11, atol=1e-14)
    assert_same_fit(a, b, X, Y, 1e-11)


@pytest.mark.parametrize("share", [0.1, "auto"])
def test_wide_views(seed, share):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((30, 2))
    X, Y = (
        shared @ rng.standard_normal((2, w)) + rng.standard_normal((30, w))
        for w in (80, 50)
    )
    options = {"n_components": 2, "shrinkage": share}
    cca = UnconstrainedCCA(**options).fit(X, Y)
    assert cca.solver_ == "dual"
    assert_same_fit(
        cca, UnconstrainedCCA(solver="moments", **options).fit(X, Y), X, Y, 1e-10
    )
    mixed = UnconstrainedCCA(**options).fit(X, Y[:, :5])
    other = UnconstrainedCCA(solver="moments", **options).fit(X, Y[:, :5])
    assert mixed.solver_ == "dual"
    assert_same_fit(mixed, other, X, Y[:, :5], 1e-10)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("scale", [False, True])
def test_lobpcg_equals_moments(seed, share, scale):
    X, Y = correlated_views(seed)
    options = {"n_components": 2, "shrinkage": share, "scale": scale}
    cca = UnconstrainedCCA(solver="lobpcg", tol=1e-20, random_state=seed, **options)
    other = UnconstrainedCCA(solver="moments", **options).fit(X, Y)
    assert_same_fit(cca.fit(X, Y), other, X, Y, 1e-9)
    assert cca.solver_ == "lobpcg"
    assert cca.n_iter_ > 1


def test_lobpcg_on_digits(shared_data):
    X, Y = load_view(shared_data, "kar"), load_view(shared_data, "zer")
    cca = UnconstrainedCCA(5, solver="lobpcg", max_iter=200, random_state=0).fit(X, Y)
    exact = UnconstrainedCCA(5).fit(X, Y).singular_values_.sum()
    assert 1 - 1e-4 < cca.singular_values_.sum() / exact <= 1 + 1e-12


@pytest.mark.parametrize(("first", "second"), [("fac", "pix"), ("kar", "zer")])
def test_ey_on_digits(shared_data, first, second):
    X, Y = load_view(shared_data, first), load_view(shared_data, second)
    cca = UnconstrainedCCA(5, solver="ey", random_state=0).fit(X, Y)
    exact = UnconstrainedCCA(5).fit(X, Y).singular_values_.sum()
    assert 0.98 < cca.singular_values_.sum() / exact <= 1 + 1e-12
    Z1, Z2 = cca.transform(X, Y)
    R = np.corrcoef(np.hstack([Z1, Z2]), rowvar=False)
    off = (
        R - np.diag(np.diag(R)) - np.diag(np.diag(R, 5), 5) - np.diag(np.diag(R, 5), -5)
    )
    assert np.abs(off).max() < 1e-6


def test_orthonormal_weights_of_partial_least_squares(seed):
    X, Y = correlated_views(seed)
    for solver in ("auto", "moments", "dual", "lobpcg", "ey"):
        cca = UnconstrainedCCA(2, shrinkage=1, solver=solver, random_state=0, tol=1e-12)
        cca.fit(X, Y)
        for w in cca.weights_:
            assert_allclose(w.T @ w, np.eye(2), atol=1e-6 if solver == "ey" else 1e-10)
    C = np.cov(np.hstack([X, Y]), rowvar=False)[:6, 6:]
    exact = UnconstrainedCCA(shrinkage=1.0).fit(X, Y)
    assert_allclose(exact.spectrum_, np.linalg.svd(C, compute_uv=False), rtol=1e-11)
    Z1, Z2 = exact.transform(X, Y)
    assert_allclose(
        np.cov(np.hstack([Z1, Z2]), rowvar=False)[:4, 4:],
        np.diag(exact.singular_values_),
        atol=1e-10,
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_memory_maps_are_memory(tmp_path, solver, share):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (90, 20)).astype(np.int8)
    Y = (X[:, :4] + rng.standard_normal((90, 4))).astype(np.float32)
    maps = []
    for name, view in (("x", X), ("y", Y)):
        np.save(tmp_path / f"{name}.npy", view)
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    cca = UnconstrainedCCA(
        2, shrinkage=share, solver=solver, random_state=0, max_iter=30
    )
    cca.set_params(tol=1e-6)
    expected = [w.copy() for w in cca.fit(X, Y).weights_]
    for a, b in zip(cca.fit(*maps).weights_, expected, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("solver", SOLVERS)
def test_scattered_columns(seed, solver):
    """Columns that are gathered as they are read give what copies give."""
    X, Y = correlated_views(seed)
    table, order = np.empty((300, 10)), np.random.default_rng(seed).permutation(10)
    table[:, order] = np.hstack([X, Y])
    cca = UnconstrainedCCA(
        2, views=[order[:6], order[6:]], solver=solver, random_state=0
    )
    cca.set_params(tol=1e-20)
    other = UnconstrainedCCA(2, solver=solver, random_state=0, tol=1e-20).fit(X, Y)
    for a, b in zip(cca.fit(table).weights_, other.weights_, strict=True):
        assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_genotypes_are_read_in_tiles(tmp_path):
    """4000 by 100,000 small integers: the products fit, a copy would not."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(
        tmp_path / "x.npy", "w+", np.int8, shape=(4000, 100_000)
    )
    for start in range(0, 4000, 500):
        X[start : start + 500] = rng.integers(0, 3, (500, 100_000), dtype=np.int8)
    Y = X[:, :82] + rng.standard_normal((4000, 82), dtype=np.float32)
    X.flush()
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    with config_context(working_memory=64):
        tracemalloc.start()
        try:
            cca = UnconstrainedCCA(5, shrinkage=1).fit(X, Y)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 200e6
    assert cca.solver_ == "moments"
    for w in cca.weights_:
        assert_allclose(w.T @ w, np.eye(5), atol=1e-6)


def test_parts_beyond_the_budget_keep_products_between_views(monkeypatch):
    monkeypatch.setattr(_unconstrained_cca_solvers, "BUDGET", 1000)
    X, Y = correlated_views(0)
    cca = UnconstrainedCCA(2, shrinkage=1)
    for start in (0, 100, 200):
        cca.partial_fit(X[start : start + 100], Y[start : start + 100])
        assert isinstance(cca._moments[0], CrossMoments)
        assert cca.x_weights_.shape == (6, 2)
    monkeypatch.undo()
    whole = UnconstrainedCCA(2, shrinkage=1).fit(X, Y)
    for a, b in zip(cca.weights_, whole.weights_, strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert_allclose(cca.spectrum_, whole.spectrum_, rtol=1e-10)
    assert_allclose(cca.transform(X), whole.transform(X), rtol=1e-9, atol=1e-10)
    assert cca.score(X, Y) == pytest.approx(whole.score(X, Y))
    for name in ("canonical_correlations_", "predict"):
        assert not hasattr(cca, name)
    with pytest.raises(ValueError, match="shrinkage was changed"):
        cca.set_params(shrinkage=0.5).partial_fit(X, Y)


def test_form_of_the_state():
    data = make_data([np.ones((3, 2)), np.ones((3, 2))], None)
    for shrinkage, fourth in ((1.0, False), ("auto", True)):
        settings = make_settings(
            UnconstrainedCCA(shrinkage=shrinkage), data.widths, paired=True
        )
        check_batch(settings, None)
        assert (empty_state(settings, data).fourth is not None) is fourth


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.int8, True), (np.bool_, True), (np.float32, True), (np.float64, False)],
)
def test_single_precision_is_for_what_fits(dtype, expected):
    assert is_single(np.ones((1, 1), dtype=dtype)) is expected


def test_second_fit_forgets_the_first(seed):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2).fit(X, Y)
    cca.set_params(solver="lobpcg", views=[6, 4]).fit(np.hstack([X, Y]))
    for name in ("x_weights_", "spectrum_", "_regression", "_y_width"):
        assert name not in vars(cca)
