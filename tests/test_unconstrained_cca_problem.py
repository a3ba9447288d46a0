"""Settings, weights of rows, and the choice of the solver."""

import numpy as np
import pytest
from numerics.cca_cases import correlated_views
from numpy.testing import assert_array_equal

from skextras import UnconstrainedCCA
from skextras._unconstrained_cca_problem import (
    Settings,
    check_rows,
    choose_solver,
    make_data,
    make_settings,
)

X, Y = correlated_views(0, 60)
TABLE = np.hstack([X, Y])


def settings(shrinkage=0.0, n_views=2, scale=False):
    cca = UnconstrainedCCA(shrinkage=shrinkage, scale=scale)
    return make_settings(cca, [5] * n_views, paired=True)


@pytest.mark.parametrize(
    ("shrinkage", "widths", "n_rows", "expected"),
    [
        (0.0, [30, 20], 1000, "moments"),
        (0.5, [1400, 20], 1000, "moments"),
        (0.5, [1401, 20], 1000, "dual"),
        (0.5, [20, 1401], 1000, "dual"),
        # 16 n² of 8192 rows is 1 GiB exactly.
        (0.5, [20_000, 20], 8192, "dual"),
        (0.5, [20_000, 20], 8193, "lobpcg"),
        (0.5, [4096, 4096], 8193, "moments"),
        (0.5, [4096, 4097], 8193, "lobpcg"),
        (1.0, [100_000, 82], 4000, "pls"),
        (1.0, [8192, 8192], 20_000, "pls"),
        (1.0, [8192, 8193], 20_000, "lobpcg"),
        ([1.0, 1.0], [30, 20], 1000, "moments"),
    ],
)
def test_automatic_choice(shrinkage, widths, n_rows, expected):
    given = make_settings(UnconstrainedCCA(shrinkage=shrinkage), widths, paired=True)
    assert choose_solver("auto", given, widths, n_rows) == expected


def test_choice_with_scale_or_more_views():
    assert choose_solver("auto", settings(1.0, scale=True), [5, 5], 99) == "moments"
    assert choose_solver("auto", settings(1.0, 3), [5, 5, 5], 99) == "moments"


@pytest.mark.parametrize("solver", ["moments", "dual", "lobpcg", "ey"])
def test_forced_choice(solver):
    assert choose_solver(solver, settings(), [5, 5], 99) == solver


def test_choice_depends_on_shapes_alone(monkeypatch):
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "1")
    assert choose_solver("auto", settings(), [5, 5], 99) == "moments"


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        (
            {"solver": "moments"},
            (X, Y),
            r"1.6 KiB .*widths \[6, 4\].* needs|needs 1.6 KiB",
        ),
        ({"solver": "moments", "shrinkage": 1}, (X, Y), r'384 bytes.*solver="lobpcg"'),
        ({"solver": "dual"}, (X, Y), r'n_samples=60 needs 56.2 KiB.*solver="moments"'),
        ({"solver": "dual"}, (X[:11], X[:11]), r'n_samples=11 .*solver="lobpcg"'),
    ],
)
def test_beyond_memory(options, data, words, monkeypatch):
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "100")
    with pytest.raises(MemoryError, match=words):
        UnconstrainedCCA(**options).fit(*data)


def test_settings():
    assert settings(1) == Settings(None, (1.0, 1.0), True, False, True)
    assert not settings([1, 1]).orthonormal
    assert not settings(1, 3).orthonormal
    assert settings("cv").shrinkage == "cv"
    assert settings(np.array([0.2, 0.5])).shrinkage == (0.2, 0.5)


@pytest.mark.parametrize(
    ("shrinkage", "words"),
    [
        ([0.1], r"has 1 values for 2 views"),
        ([0.1, 0.2, 0.3], r"has 3 values for 2 views"),
        ([0.1, 1.5], r"value 1.5 for view 1"),
        ([np.nan, 0.1], r"value nan for view 0"),
        ([0.1, "auto"], r"value 'auto' for view 1"),
        ([True, 0.1], r"value True for view 0"),
        ([[0.1], [0.2]], r"for view 0"),
    ],
)
def test_bad_lists_of_shrinkage(shrinkage, words):
    with pytest.raises(ValueError, match=words):
        UnconstrainedCCA(shrinkage=shrinkage).fit(X, Y)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 5}, r"n_components=5 must be at most 4.*\[6, 4\]"),
        ({"n_components": 2.0}, "n_components"),
        ({"n_components": 0}, "n_components"),
        ({"shrinkage": -0.1}, "shrinkage"),
        ({"shrinkage": "oas"}, "shrinkage"),
        ({"batch_size": 1}, "batch_size"),
        ({"tol": 0.0}, "tol"),
        ({"views": 3}, "views"),
        ({"solver": "lobpcg"}, r'n_components=None .*solver="lobpcg"'),
        ({"solver": "ey"}, r'n_components=None .*solver="ey"'),
        ({"solver": "ey", "shrinkage": "auto", "n_components": 1}, r'"auto" .*"ey"'),
        ({"solver": "lobpcg", "shrinkage": "cv", "n_components": 1}, '"cv" .*"lobpcg"'),
    ],
)
def test_bad_parameters(params, words):
    with pytest.raises(ValueError, match=words):
        UnconstrainedCCA(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"solver": "lobpcg", "n_components": 1}, 'sample_weight .*solver="lobpcg"'),
        ({"solver": "ey", "n_components": 1}, 'sample_weight .*solver="ey"'),
        ({"shrinkage": "cv"}, 'sample_weight .*shrinkage="cv"'),
    ],
)
def test_weights_where_there_can_be_none(params, words):
    with pytest.raises(ValueError, match=words):
        UnconstrainedCCA(**params).fit(X, Y, sample_weight=np.ones(60))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(60), "sample_weight is not zero"),
        (np.eye(60)[0], "n_samples=1 rows are left"),
        (-np.ones(60), "Negative values"),
        (np.full(60, np.nan), "NaN"),
        (np.ones(59), "inconsistent numbers of samples"),
        (np.ones((60, 2)), "one-dimensional"),
        (np.full(60, 1 / 60), r"sum 1, which must exceed 1"),
    ],
)
@pytest.mark.parametrize("solver", ["moments", "dual"])
def test_bad_weights(weights, words, solver):
    with pytest.raises(ValueError, match=words):
        UnconstrainedCCA(solver=solver).fit(X, Y, sample_weight=weights)


def test_weights_may_be_a_number():
    data = make_data([X, Y], 2)
    assert_array_equal(data.weights, np.full(60, 2.0))
    assert data.n_rows == 60


def test_few_rows_for_folds():
    with pytest.raises(ValueError, match=r'"cv" needs n_samples of at least 10, got 9'):
        UnconstrainedCCA(1, shrinkage="cv").fit(X[:9], Y[:9])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        UnconstrainedCCA().fit(X[:1], Y[:1])
    check_rows(2, 1.5)


def test_steps_stay_within_bounds():
    data = make_data(
        [np.empty((5000, 3000), np.int8), np.empty((5000, 10), np.int8)], None
    )
    assert 1 <= data.row_step <= 2**26 // (24 * 3010)
    assert 1 <= data.column_step <= 2**26 // (24 * 5000)
    assert data.tile_rows == 2048


@pytest.mark.parametrize("solver", ["moments", "dual", "lobpcg", "ey"])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_constant_view(solver, which, share):
    views = [X, Y.copy()]
    views[which] = np.full_like(views[which], 1e5 / 3)
    cca = UnconstrainedCCA(1, solver=solver, shrinkage=share)
    with pytest.raises(ValueError, match=f"view {which} is constant"):
        cca.fit(*views)


def test_missing_second_view():
    cca = UnconstrainedCCA().fit(X, Y)
    for method in (UnconstrainedCCA().fit, cca.score, cca.significance):
        with pytest.raises(
            ValueError, match="requires y to be passed, but the target y"
        ):
            method(X)
    with pytest.raises(ValueError, match=r"y has 3 columns, but .* with 4 columns"):
        cca.transform(X, Y[:, :3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cca.fit(X, Y[:30])
    with pytest.raises(ValueError, match="n_features=10"):
        UnconstrainedCCA(views=[6, 5]).fit(TABLE)
