"""Means of positive definite matrices: closed forms, invariances, convergence."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from skextras.numerics import spd_mean
from skextras.numerics.lagged import augmented_covariance
from skextras.numerics.spd import (
    NotPositiveDefiniteError,
    floor_eigenvalues,
    half_vectors,
    matrix_exp,
    matrix_log,
    matrix_sqrt,
    squared_distances,
    whitened_logs,
)
from skextras.numerics.spd_mean import log_euclidean_mean, riemannian_mean

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "augmented_covariance.json"
EPS = np.finfo(np.float64).eps


def covariances(seed, n_matrices=20, n_rows=6):
    """Matrices that do not commute, of condition numbers of about a hundred."""
    x = np.random.default_rng(seed).standard_normal((n_matrices, n_rows, 2 * n_rows))
    return x @ x.mT / x.shape[2]


def ill_conditioned(seed, n_matrices, n_rows, condition):
    """Matrices of one condition number, each with eigenvectors of its own."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((n_matrices, n_rows, n_rows)))[0]
    roots = rotation * np.geomspace(1, condition**-0.5, n_rows)
    return roots @ roots.mT


def mixing_matrix(seed, n_rows=6):
    return np.random.default_rng([seed, 1]).standard_normal((n_rows, n_rows))


def relative_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def check(result, x, tol):
    """The facts of a result agree with each other and with the matrices."""
    n_rows = x.shape[1]
    np.testing.assert_array_equal(result.mean, result.mean.T)
    white = result.whitener @ result.mean @ result.whitener.T
    np.testing.assert_allclose(white, np.eye(n_rows), atol=1e-11)
    norm = np.linalg.norm(result.logs.mean(axis=0)) / np.sqrt(n_rows)
    assert result.gradient_norm == pytest.approx(norm, rel=1e-9, abs=10 * EPS)
    assert result.converged is (result.gradient_norm <= tol)
    logs = whitened_logs(x, result.whitener)
    np.testing.assert_allclose(result.logs, logs, atol=1e-10)


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-8, 1e-12])
def test_facts(seed, tol):
    x = covariances(seed)
    result = riemannian_mean(x, tol=tol)
    assert result.converged
    assert 1 <= result.n_iter <= 20
    check(result, x, tol)


@pytest.mark.parametrize("n_matrices", [2, 3, 20])
def test_commuting_matrices(seed, n_matrices):
    """On common eigenvectors it is the geometric mean of the eigenvalues."""
    rng = np.random.default_rng(seed)
    logs = rng.uniform(-3, 3, size=(n_matrices, 5))
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    x = (rotation * np.exp(logs)[:, None]) @ rotation.T
    expected = (rotation * np.exp(logs.mean(axis=0))) @ rotation.T
    assert relative_error(riemannian_mean(x, tol=1e-12).mean, expected) < 1e-11
    assert relative_error(log_euclidean_mean(x), expected) < 1e-12


def test_two_by_two_matrices(seed):
    """A # B = (A + B) / sqrt(det(A + B)) where both determinants are one."""
    x = covariances(seed, 2, 2)
    x /= np.sqrt(np.linalg.det(x))[:, None, None]
    total = x.sum(axis=0)
    result = riemannian_mean(x, tol=1e-13)
    assert relative_error(result.mean, total / np.sqrt(np.linalg.det(total))) < 1e-12
    # Of two matrices the start is the mean: no step is needed.
    assert result.n_iter == 1


def test_two_matrices_of_any_size(seed):
    """A # B = A^(1/2) (A^(-1/2) B A^(-1/2))^(1/2) A^(1/2)."""
    x = covariances(seed, 2)
    root = matrix_sqrt(x[0])
    inverse = np.linalg.inv(root)
    expected = root @ matrix_sqrt(inverse @ x[1] @ inverse) @ root
    assert relative_error(riemannian_mean(x, tol=1e-12).mean, expected) < 1e-10


def test_numbers(seed):
    x = np.random.default_rng(seed).exponential(size=(9, 1, 1))
    expected = np.exp(np.log(x).mean())
    assert riemannian_mean(x, tol=1e-14).mean[0, 0] == pytest.approx(expected)
    assert log_euclidean_mean(x)[0, 0] == pytest.approx(expected)


def test_matrices_and_their_inverses(seed):
    x = covariances(seed, 5)
    x = np.concatenate([x, np.linalg.inv(x)])
    mean = riemannian_mean(x, tol=1e-11).mean
    np.testing.assert_allclose(mean, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(log_euclidean_mean(x), np.eye(6), atol=1e-10)


@pytest.mark.parametrize("n_matrices", [1, 7])
def test_identical_matrices(seed, n_matrices):
    x = np.tile(covariances(seed, 1), (n_matrices, 1, 1))
    result = riemannian_mean(x)
    assert relative_error(result.mean, x[0]) < 1e-12
    assert result.n_iter == 1
    check(result, x, 1e-8)
    assert relative_error(log_euclidean_mean(x), x[0]) < 1e-12


def test_determinant_is_the_geometric_mean(seed):
    x = covariances(seed)
    expected = np.linalg.slogdet(x)[1].mean()
    for mean in (riemannian_mean(x, tol=1e-12).mean, log_euclidean_mean(x)):
        assert np.linalg.slogdet(mean)[1] == pytest.approx(expected, rel=1e-10)


def test_congruence(seed):
    x, mixing = covariances(seed), mixing_matrix(seed)
    found = riemannian_mean(mixing @ x @ mixing.T, tol=1e-11)
    expected = riemannian_mean(x, tol=1e-11)
    # The tolerance is that of distances, in which mixing changes nothing.
    ratio = np.linalg.solve(mixing, found.mean) @ np.linalg.inv(mixing.T)
    distance = squared_distances(ratio[None], expected.whitener[None])
    assert np.sqrt(distance[0, 0]) < 1e-6
    assert found.n_iter == expected.n_iter


def test_inversion_permutation_and_rows(seed):
    x = covariances(seed)
    expected = riemannian_mean(x, tol=1e-12).mean
    inverse = riemannian_mean(np.linalg.inv(x), tol=1e-12).mean
    assert relative_error(np.linalg.inv(inverse), expected) < 1e-9
    rng = np.random.default_rng(seed)
    shuffled = riemannian_mean(rng.permutation(x), tol=1e-12).mean
    assert relative_error(shuffled, expected) < 1e-10
    repeated = riemannian_mean(np.concatenate([x, x]), tol=1e-12).mean
    assert relative_error(repeated, expected) < 1e-10
    rows = rng.permutation(6)
    found = riemannian_mean(x[:, rows][:, :, rows], tol=1e-12).mean
    assert relative_error(found, expected[rows][:, rows]) < 1e-10


@pytest.mark.parametrize("scale", [1e-14, 1e14])
@pytest.mark.parametrize("tol", [1e-3, 1e-10])
def test_unit(seed, scale, tol):
    x = covariances(seed)
    found, expected = riemannian_mean(scale * x, tol=tol), riemannian_mean(x, tol=tol)
    assert found.n_iter == expected.n_iter
    assert relative_error(found.mean, scale * expected.mean) < 1e-9
    found = log_euclidean_mean(scale * x)
    assert relative_error(found, scale * log_euclidean_mean(x)) < 1e-12


def test_unit_of_each_channel(seed):
    """Scales that would cost a whitened product all of its digits."""
    x = covariances(seed)
    scale = 2.0 ** np.array([-40, -20, 0, 10, 20, 30])
    found = riemannian_mean(x * np.outer(scale, scale))
    expected = riemannian_mean(x)
    assert found.n_iter == expected.n_iter
    assert relative_error(found.mean / np.outer(scale, scale), expected.mean) < 1e-12


def test_log_euclidean_rotation_and_inversion(seed):
    x = covariances(seed)
    expected = log_euclidean_mean(x)
    assert relative_error(expected, matrix_exp(matrix_log(x).mean(axis=0))) < 1e-14
    rotation = np.linalg.qr(mixing_matrix(seed))[0]
    found = log_euclidean_mean(rotation @ x @ rotation.T)
    assert relative_error(found, rotation @ expected @ rotation.T) < 1e-12
    inverse = log_euclidean_mean(np.linalg.inv(x))
    assert relative_error(np.linalg.inv(inverse), expected) < 1e-10


@pytest.mark.parametrize(("n_matrices", "n_rows"), [(20, 6), (3, 10), (40, 2)])
def test_peer_mean(seed, n_matrices, n_rows):
    peer = pytest.importorskip("pyriemann.geometry.mean")
    x = covariances(seed, n_matrices, n_rows)
    expected = peer.mean_riemann(x, tol=1e-11, maxiter=500)
    assert relative_error(riemannian_mean(x, tol=1e-11).mean, expected) < 1e-6
    assert relative_error(log_euclidean_mean(x), peer.mean_logeuclid(x)) < 1e-12


def test_peer_estimators(seed):
    pyriemann = pytest.importorskip("pyriemann")
    x, y = covariances(seed), np.arange(20) % 2
    result = riemannian_mean(x)
    vectors = pyriemann.tangentspace.TangentSpace().fit_transform(x)
    found = half_vectors(result.logs)
    assert relative_error(found @ found.T, vectors @ vectors.T) < 1e-6
    whiteners = np.stack([riemannian_mean(x[y == k]).whitener for k in (0, 1)])
    expected = pyriemann.classification.MDM().fit(x, y).transform(x)
    found = np.sqrt(squared_distances(x, whiteners))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "case",
    [c for c in json.loads(GOLDEN.read_text())["cases"] if "ts_norm" in c],
    ids=lambda c: f"{c['order']}-{c['lag']}",
)
def test_golden_geometry(case):
    rng = np.random.default_rng(20230204)
    series = rng.standard_normal((12, 3, 160)).cumsum(-1) * 0.1
    series += rng.standard_normal((12, 3, 160)) + np.array([100.0, -50, 3])[:, None]
    order, lag = case["order"], case["lag"]
    delays = tuple(range(0, order * lag, lag))
    n_window = 160 - order * lag if order > 1 else 160
    x = augmented_covariance(series, delays, n_window)
    norms = np.linalg.norm(riemannian_mean(x).logs, axis=(1, 2))
    np.testing.assert_allclose(norms[: len(case["ts_norm"])], case["ts_norm"], 1e-6)
    whiteners = np.stack([riemannian_mean(x[k::2]).whitener for k in (0, 1)])
    expected = np.array(case["mdm_dist"])
    found = np.sqrt(squared_distances(x[: len(expected)], whiteners))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_warm_start(seed):
    """Of two unequal groups, the mean of all matrices but one is a better start."""
    x = covariances(seed, 60)
    mixing = np.linalg.qr(mixing_matrix(seed))[0] * np.geomspace(1, 1e4, 6)
    x[:15] = mixing @ x[:15] @ mixing.T
    start = riemannian_mean(x[1:], tol=1e-3).mean
    cold = riemannian_mean(x, tol=1e-3)
    warm = riemannian_mean(x, start=start, tol=1e-3)
    assert warm.n_iter < cold.n_iter
    check(warm, x, 1e-3)


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-11])
def test_start_decides_nothing(seed, tol):
    x = covariances(seed)
    cold = riemannian_mean(x, tol=tol)
    for start in (x[0], x.mean(axis=0), 1e6 * np.eye(6)):
        warm = riemannian_mean(x, start=start, tol=tol)
        distance = squared_distances(warm.mean[None], cold.whitener[None])[0, 0]
        # The gradient bounds how far the mean is, from either.
        assert np.sqrt(distance) <= 2 * tol * np.sqrt(6)


def test_start_from_a_rough_mean(seed):
    x = covariances(seed)
    start = riemannian_mean(x, tol=1e-3).mean
    assert riemannian_mean(x, start=start).n_iter < riemannian_mean(x).n_iter


def test_start_at_the_mean(seed):
    x = covariances(seed)
    start = riemannian_mean(x, tol=1e-11).mean
    result = riemannian_mean(x, start=start, tol=1e-10)
    assert result.n_iter == 1
    assert relative_error(result.mean, start) < 1e-13


@pytest.mark.parametrize("condition", [1e4, 1e10])
@pytest.mark.parametrize(("n_matrices", "n_rows"), [(3, 4), (12, 4), (30, 16)])
def test_ill_conditioned_matrices(seed, condition, n_matrices, n_rows):
    x = ill_conditioned(seed, n_matrices, n_rows, condition)
    result = riemannian_mean(x, tol=1e-7)
    assert result.converged
    white = result.whitener @ result.mean @ result.whitener.T
    np.testing.assert_allclose(white, np.eye(n_rows), atol=1e-6)


def test_ill_conditioned_mean(seed):
    """Channels that almost repeat each other; the matrices differ little."""
    mixing = mixing_matrix(seed, 16)
    left, _, right = np.linalg.svd(mixing)
    mixing = (left * np.geomspace(1, 1e-6, 16)) @ right
    x = mixing @ covariances(seed, 30, 16) @ mixing.T
    x = (x + x.mT) / 2
    assert np.linalg.cond(x[0]) > 1e10
    result = riemannian_mean(x, tol=1e-12)
    assert result.converged
    assert result.n_iter <= 20


def test_matrices_rounded_to_single_precision(seed):
    x = covariances(seed)
    rounded = x.astype(np.float32)
    result = riemannian_mean(rounded, tol=1e-10)
    assert result.converged
    assert result.mean.dtype == result.logs.dtype == np.float64
    assert relative_error(result.mean, riemannian_mean(x, tol=1e-10).mean) < 1e-4
    mean = log_euclidean_mean(rounded.astype(np.float64))
    assert relative_error(mean, log_euclidean_mean(x)) < 1e-4


def test_gradient_shrinks_with_the_budget(seed):
    """The best point so far is returned, with its own logarithms and whitener."""
    x = ill_conditioned(seed, 3, 3, 1e15)
    previous = np.inf
    for max_iter in range(1, 30):
        result = riemannian_mean(x, tol=1e-9, max_iter=max_iter)
        assert result.n_iter <= max_iter
        assert result.converged or result.n_iter == max_iter
        assert result.gradient_norm <= previous
        norm = np.linalg.norm(result.logs.mean(axis=0)) / np.sqrt(3)
        assert result.gradient_norm == pytest.approx(norm, rel=1e-9, abs=10 * EPS)
        previous = result.gradient_norm


def test_curvature_of_rounding_errors_is_not_remembered(seed):
    """Geodesic convexity asks for s'y >= s's; what is far from it is rounding."""
    step = covariances(seed, 1)[0]
    memory = spd_mean._remember([], step, 1.5 * step)
    assert len(memory) == 1
    for change in (-step, 0 * step, 0.4 * step):
        assert spd_mean._remember(memory, step, change) is memory
    for _ in range(9):
        memory = spd_mean._remember(memory, step, step)
    assert len(memory) == 4


def test_tolerance_out_of_reach(seed):
    x = covariances(seed)
    result = riemannian_mean(x, tol=0.0)
    assert result.converged is (result.gradient_norm == 0)
    assert result.n_iter == 50 or result.converged
    assert result.gradient_norm < 1e-14
    check(result, x, 0.0)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 8])
def test_floored_matrices_have_a_mean(seed, n_rows):
    """Singular matrices, each in its own directions, after the floor of rounding."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, n_rows, max(1, n_rows // 2)))
    x = x @ x.mT
    x[0] = 0
    floor = n_rows * EPS * np.linalg.eigvalsh(x).max()
    floored, _ = floor_eigenvalues(x, floor)
    result = riemannian_mean(floored, tol=1e-3)
    assert result.converged
    assert riemannian_mean(floored[3:], start=result.mean, tol=1e-3).converged
    assert np.isfinite(log_euclidean_mean(floored)).all()


@pytest.mark.parametrize("mean", [riemannian_mean, log_euclidean_mean])
def test_matrices_that_are_not_definite(seed, mean):
    x = covariances(seed)
    x[3] = np.diag([1.0, 2, 3, 4, 5, -0.5])
    x[8] = np.diag([1.0, 2, 3, 4, 5, 0])
    with pytest.raises(NotPositiveDefiniteError) as caught:
        mean(x)
    assert caught.value.count == 2
    assert caught.value.smallest_ratio == pytest.approx(-0.1, rel=1e-12)


def test_start_that_is_not_definite(seed):
    with pytest.raises(NotPositiveDefiniteError) as caught:
        riemannian_mean(covariances(seed), start=np.diag([1.0, 1, 1, 1, 1, -2]))
    assert (caught.value.count, caught.value.smallest_ratio) == (1, -1.0)


def test_input_is_left_alone(seed):
    x = covariances(seed)
    x.flags.writeable = False
    start = x[0]
    before = x.copy()
    first = riemannian_mean(x, start=start)
    log_euclidean_mean(x)
    np.testing.assert_array_equal(x, before)
    second = riemannian_mean(np.asfortranarray(x), start=start)
    np.testing.assert_array_equal(first.mean, second.mean)


def test_memory():
    """Factors and logarithms have the size of the input; nothing else has."""
    x = covariances(0, 400, 60)
    tracemalloc.start()
    try:
        riemannian_mean(x, tol=1e-3)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * x.nbytes
    finally:
        tracemalloc.stop()
