"""Start values and stages of training."""

import numpy as np
import pytest
from rbf_cases import table

from skextras.numerics.rbf_evidence import Evidence
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_penalized import PenalizedSquares
from skextras.numerics.rbf_training import (
    Stage,
    cheaper,
    run_stage,
    stages,
    start_scale,
)

ALL = np.ones(3, dtype=bool)
DIAGONAL, FULL = Metric("diag", ALL), Metric("full", ALL)


def problem(seed=0, form=Evidence, **how):
    """Make objectives of a function of one oblique direction."""
    X, _, _ = table(seed, 80)
    rng = np.random.default_rng(seed + 1)
    y = np.sin(2 * X @ [1.0, 1.0, 0.0]) + 0.1 * rng.standard_normal(80)

    def make(metric):
        return form(X, y[:, None], np.ones(80), X[:30], metric, alpha=0.3, **how)

    return make


def test_start_scale():
    X, C = table(0, 40)[0], table(1, 7)[0]
    squares = np.square(X[:, None] - C).sum(axis=2)
    np.testing.assert_allclose(start_scale(X, C), np.sqrt(2 / np.median(squares)))
    np.testing.assert_allclose(start_scale(1e-2 * X, 1e-2 * C), 100 * start_scale(X, C))
    assert start_scale(np.zeros((5, 2)), np.zeros((1, 2))) == 1e3


def test_start_scale_takes_rows_at_even_distances():
    rows = np.arange(5000.0)[:, None]
    few = rows[np.linspace(0, 4999, 500).astype(int)]
    assert start_scale(rows, rows[:1]) == start_scale(few, rows[:1])


def test_a_run_goes_down_to_a_stationary_point(seed):
    objective = problem(seed)(DIAGONAL)
    theta = np.concatenate([DIAGONAL.start(0.5), objective.start])
    stage = run_stage(objective, theta, max_iter=500, tol=1e-13)
    value, gradient = objective(stage.theta)
    assert stage.converged
    assert not stage.stopped
    assert stage.value == pytest.approx(value)
    assert value < objective(theta)[0]
    # Some widths grow without end, ever more slowly.
    assert np.abs(gradient[:3]).max() < 0.05 * np.abs(objective(theta)[1][:3]).max()
    low, high = np.transpose(objective.bounds)
    assert (stage.theta[3:] >= low).all()
    assert (stage.theta[3:] <= high).all()


def test_a_run_that_is_cut_short_says_so():
    objective = problem()(DIAGONAL)
    theta = np.concatenate([DIAGONAL.start(0.5), objective.start])
    stage = run_stage(objective, theta, max_iter=2, tol=0)
    assert (stage.n_iter, stage.converged) == (2, False)


def test_observer_sees_each_iteration_and_may_end_the_run():
    objective, seen = problem()(DIAGONAL), []

    def observe(stage):
        seen.append(stage)
        return len(seen) == 3

    theta = np.concatenate([DIAGONAL.start(0.5), objective.start])
    stage = run_stage(objective, theta, max_iter=50, tol=1e-9, observe=observe)
    assert (stage.n_iter, stage.converged, stage.stopped) == (3, True, True)
    values = [s.value for s in seen]
    assert values == sorted(values, reverse=True)
    np.testing.assert_array_equal(seen[-1].theta, stage.theta)
    assert not np.array_equal(seen[0].theta, stage.theta)


@pytest.mark.parametrize("learn_centers", [False, True])
@pytest.mark.parametrize("form", ["evidence", "penalized"])
def test_full_metric_starts_where_the_diagonal_one_has_ended(form, learn_centers):
    how = {"learn_centers": learn_centers}
    if form == "penalized":
        make = problem(form=lambda *a, **k: PenalizedSquares(*a, 0.1, **k), **how)
    else:
        make = problem(**how)
    diagonal, full = stages(make, [DIAGONAL, FULL], 0.5, max_iter=30, tol=1e-7)
    starts = []

    def spy(metric):
        objective = make(metric)

        def call(theta):
            starts.append((metric.kind, theta.copy()))
            return objective(theta)

        call.layout, call.start = objective.layout, objective.start
        call.bounds = objective.bounds
        return call

    list(stages(spy, [DIAGONAL, FULL], 0.5, max_iter=30, tol=1e-7))
    first = next(theta for kind, theta in starts if kind == "full")
    params, centers, rest = diagonal.objective.layout.split(diagonal.theta)
    found = full.objective.layout.split(first)
    np.testing.assert_array_equal(found[0].reshape(3, 3), np.diag(params))
    np.testing.assert_array_equal(found[1], centers)
    np.testing.assert_array_equal(found[2], rest)
    assert full.value < diagonal.value


def test_no_stage_follows_one_that_was_ended():
    found = list(
        stages(
            problem(),
            [DIAGONAL, FULL],
            0.5,
            max_iter=30,
            tol=1e-7,
            observe=lambda stage: True,
        )
    )
    assert len(found) == 1
    assert found[0].stopped


@pytest.mark.parametrize(("gain", "kept"), [(1.01, "full"), (0.99, "diag")])
def test_a_full_metric_must_earn_its_parameters(gain, kept):
    class Objective:
        def __init__(self, metric):
            self.layout = type("Layout", (), {"metric": metric})

    total = 200.0
    charge = 0.25 * np.log(total) * 3
    diagonal = Stage(Objective(DIAGONAL), None, 1.0, 1, True, False)
    full = Stage(Objective(FULL), None, 1.0 - gain * charge / total, 1, True, False)
    assert cheaper(diagonal, full, total).objective.layout.metric.kind == kept
