"""Iterative solvers: seeds, warnings, divergence, callbacks."""

import numpy as np
import pytest
from cca_data import relative_difference
from numerics.cca_cases import correlated_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skextras import UnconstrainedCCA
from skextras._unconstrained_cca_passes import ScaledBlock
from skextras.datasets import make_correlated_views


class Recorder:
    """A callback that counts tasks, and may stop after some."""

    def __init__(self, stop_after=None):
        self.stop_after, self.names, self.torn_down = stop_after, [], 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.names.append(context.task_name)
        return len(self.names) == self.stop_after

    def teardown(self, estimator, context):
        self.torn_down += 1


@pytest.mark.parametrize("solver", ["lobpcg", "ey"])
def test_seed_determines_everything(seed, solver):
    X, Y = correlated_views(seed)
    cca = UnconstrainedCCA(2, solver=solver, random_state=seed, max_iter=50)
    first = cca.fit(X, Y).x_weights_
    assert_array_equal(cca.fit(X, Y).x_weights_, first)
    other = cca.set_params(random_state=seed + 1).fit(X, Y).x_weights_
    assert (other != first).any()


def test_weights_of_two_seeds_are_near_each_other():
    X, Y = make_correlated_views(2000, random_state=0)
    a, b = (
        UnconstrainedCCA(3, solver="ey", random_state=s).fit(X, Y).x_weights_
        for s in (0, 1)
    )
    assert np.linalg.norm(a - b) / np.linalg.norm(a) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("independent", [False, True])
def test_ey_comes_near_the_optimum(share, independent):
    X, Y = make_correlated_views(2000, random_state=0)
    cca = UnconstrainedCCA(
        3,
        shrinkage=share,
        solver="ey",
        independent_batches=independent,
        random_state=0,
        max_iter=30,
    ).fit(X, Y)
    exact = UnconstrainedCCA(3, shrinkage=share).fit(X, Y)
    ratio = cca.singular_values_.sum() / exact.singular_values_.sum()
    assert 0.98 < ratio <= 1 + 1e-12
    assert (cca.n_iter_, cca.solver_) == (30, "ey")
    assert not hasattr(cca, "spectrum_")


def test_three_views_by_every_solver(seed):
    X, Y = correlated_views(seed)
    third = X[:, :3] + np.random.default_rng(seed).standard_normal((300, 3))
    table, widths = np.hstack([X, Y, third]), [6, 4, 3]
    exact = UnconstrainedCCA(2, views=widths, shrinkage=0.1).fit(table)
    for solver, rtol in (("dual", 1e-10), ("lobpcg", 1e-6), ("ey", 0.02)):
        cca = UnconstrainedCCA(
            2, views=widths, shrinkage=0.1, solver=solver, random_state=0
        ).fit(table)
        assert_allclose(cca.singular_values_, exact.singular_values_, rtol=rtol)
        assert cca.transform(table).shape == (300, 6)


def test_too_few_passes_are_said():
    X, Y = correlated_views(0, widths=(40, 30))
    cca = UnconstrainedCCA(2, solver="lobpcg", max_iter=3, random_state=0)
    words = r"after 3 passes \(max_iter=3\) .* error of .*, above tol=1e-07"
    with pytest.warns(ConvergenceWarning, match=words):
        cca.fit(X, Y)
    assert cca.n_iter_ == 3
    assert np.isfinite(cca.x_weights_).all()


def test_tolerance_stops(seed):
    X, Y = correlated_views(seed, widths=(40, 30))
    passes = [
        UnconstrainedCCA(2, solver="lobpcg", tol=tol, random_state=0).fit(X, Y).n_iter_
        for tol in (1e-3, 1e-6, 1e-9)
    ]
    assert passes[0] < passes[1] < passes[2]


def test_divergence_names_the_learning_rate():
    X, Y = correlated_views(0)
    cca = UnconstrainedCCA(1, solver="ey", learning_rate=1e308, random_state=0)
    with pytest.raises(FloatingPointError, match=r"Lower learning_rate=1e\+308"):
        cca.fit(X, Y)


@pytest.mark.parametrize("solver", ["lobpcg", "ey"])
def test_ranks_are_what_the_shapes_allow(solver):
    X, Y = correlated_views(0, 20, (6, 4))
    cca = UnconstrainedCCA(2, solver=solver, shrinkage=0.2, random_state=0).fit(X, Y)
    assert cca.ranks_.tolist() == [6, 4]


@pytest.mark.parametrize(("solver", "name"), [("lobpcg", "pass"), ("ey", "epoch")])
def test_callbacks_see_every_pass(solver, name):
    X, Y = correlated_views(0)
    recorder = Recorder()
    cca = UnconstrainedCCA(2, solver=solver, random_state=0).set_callbacks(recorder)
    cca.fit(X, Y)
    assert recorder.names == [name] * cca.n_iter_ + ["fit"]
    assert recorder.torn_down == 1


def test_callback_may_stop():
    X, Y = correlated_views(0)
    recorder = Recorder(stop_after=2)
    cca = UnconstrainedCCA(2, solver="ey", random_state=0).set_callbacks(recorder)
    assert cca.fit(X, Y).n_iter_ == 2
    assert np.isfinite(cca.x_weights_).all()


def test_callbacks_of_exact_solvers_see_the_fit():
    X, Y = correlated_views(0)
    recorder = Recorder()
    UnconstrainedCCA(2).set_callbacks(recorder).fit(X, Y)
    assert recorder.names == ["fit"]


def test_batches_are_never_larger_than_the_data(seed):
    X, Y = correlated_views(seed, 30)
    options = {"solver": "ey", "shrinkage": 0.3, "random_state": 0, "max_iter": 5}
    a = UnconstrainedCCA(1, batch_size=30, **options).fit(X, Y)
    b = UnconstrainedCCA(1, batch_size=1000, **options).fit(X, Y)
    assert_array_equal(a.x_weights_, b.x_weights_)
    assert relative_difference(b.predict(X), a.predict(X)) == 0


def test_scaled_block_divides_what_it_reads():
    block = ScaledBlock(np.array([[2, 4], [6, 8]], dtype=np.int8), np.array([2.0, 4.0]))
    assert_array_equal(block[1:], [[3, 2]])
    assert block.shape == (2, 2)
