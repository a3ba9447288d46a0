"""First and second moments of token sets."""

import numpy as np
import pytest

from skextras.numerics.moments import (
    norm_moments,
    normalise_tokens,
    principal_axes,
    second_moments,
    second_order_vectors,
    segment_means,
)

EQUAL, RAGGED = np.array([5, 5, 5]), np.array([1, 7, 4])
LENGTHS = [pytest.param(EQUAL, id="equal"), pytest.param(RAGGED, id="ragged")]


def _tokens(seed, lengths, k=4):
    return np.random.default_rng(seed).standard_normal((lengths.sum(), k))


def _split(z, lengths):
    return np.split(z, np.cumsum(lengths)[:-1])


# -- principal axes --------------------------------------------------------------


def test_axes_diagonalise(seed):
    x = _tokens(seed, np.array([50]), 6) * [3, 1, 2, 0.5, 1, 1]
    C = np.cov(x.T)
    components, variances = principal_axes(C)
    np.testing.assert_allclose(
        components @ C @ components.T, np.diag(variances), atol=1e-12
    )
    np.testing.assert_allclose(components @ components.T, np.eye(6), atol=1e-13)
    assert (np.diff(variances) <= 0).all()
    peaks = np.abs(components).argmax(axis=1)
    assert (components[np.arange(6), peaks] > 0).all()


@pytest.mark.parametrize(("n_components", "k"), [(None, 3), (2, 2), (3, 3), (9, 3)])
def test_axes_leave_out_null_directions(seed, n_components, k):
    x = _tokens(seed, np.array([40]), 3) @ _tokens(seed + 100, np.array([3]), 8)
    C = x.T @ x
    components, variances = principal_axes(C, n_components)
    assert components.shape == (k, 8)
    assert variances.shape == (k,)


@pytest.mark.parametrize("scale", [1e-14, 1e14])
def test_rank_does_not_depend_on_the_unit(seed, scale):
    x = _tokens(seed, np.array([40]), 3) @ _tokens(seed + 100, np.array([3]), 8)
    assert len(principal_axes(scale * (x.T @ x))[0]) == 3


def test_axes_of_nothing():
    components, variances = principal_axes(np.zeros((3, 3)))
    assert components.shape == (1, 3)
    assert variances.tolist() == [0.0]


# -- means and norms -------------------------------------------------------------


@pytest.mark.parametrize("lengths", LENGTHS)
def test_segment_means(seed, lengths, float_dtype):
    z = _tokens(seed, lengths).astype(float_dtype)
    expected = [part.mean(axis=0) for part in _split(z, lengths)]
    means = segment_means(z, lengths)
    assert means.dtype == float_dtype
    np.testing.assert_allclose(means, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(segment_means(z[:, 0], lengths), means[:, 0], atol=1e-6)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_norm_moments(seed, lengths):
    values = _tokens(seed, lengths, 1)[:, 0]
    found = norm_moments(values, lengths)
    parts = _split(values, lengths)
    np.testing.assert_allclose(found[:, 0], [p.mean() for p in parts], atol=1e-14)
    np.testing.assert_allclose(found[:, 1], [p.var() for p in parts], atol=1e-14)


@pytest.mark.parametrize("kind", ["layer", "l2", None])
def test_normalisation(seed, kind, float_dtype):
    z = (3 + _tokens(seed, EQUAL)).astype(float_dtype)
    before = z.astype(np.float64)
    logs = normalise_tokens(z, kind)
    assert logs.dtype == z.dtype == float_dtype
    r = before - before.mean(axis=1, keepdims=True)
    expected = {
        "layer": r / np.sqrt((r**2).mean(axis=1, keepdims=True) + 1e-5),
        "l2": before / np.sqrt((before**2).mean(axis=1, keepdims=True) + 1e-5),
        None: before,
    }[kind]
    tolerance = 1e-13 if float_dtype == np.float64 else 1e-5
    np.testing.assert_allclose(z, expected, rtol=tolerance, atol=tolerance)
    norms = np.log(np.linalg.norm(r, axis=1) + 1e-6)
    np.testing.assert_allclose(logs, norms, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["layer", "l2", None])
def test_one_direction_is_left_alone(seed, kind):
    z = _tokens(seed, EQUAL, 1)
    before = z.copy()
    logs = normalise_tokens(z, kind)
    np.testing.assert_array_equal(z, before)
    np.testing.assert_allclose(logs, np.log(np.abs(before[:, 0]) + 1e-6))


@pytest.mark.parametrize("kind", ["layer", "l2", None])
def test_zero_tokens_stay_finite(kind):
    z = np.zeros((3, 4))
    assert np.isfinite(normalise_tokens(z, kind)).all()
    assert (z == 0).all()


# -- second moments --------------------------------------------------------------


@pytest.mark.parametrize("lengths", LENGTHS)
def test_centred_moments_are_covariances(seed, lengths):
    z = _tokens(seed, lengths)
    expected = [np.cov(part.T, bias=True) for part in _split(z, lengths)]
    S = second_moments(z.copy(), lengths)
    np.testing.assert_allclose(S, expected, atol=1e-14)
    np.testing.assert_array_equal(S, S.transpose(0, 2, 1))


@pytest.mark.parametrize("lengths", LENGTHS)
def test_uncentred_moments(seed, lengths):
    z = _tokens(seed, lengths)
    expected = [part.T @ part / len(part) for part in _split(z, lengths)]
    S = second_moments(z, lengths, centered=False)
    np.testing.assert_allclose(S, expected, atol=1e-14)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_variances_are_never_negative(seed, lengths):
    # Subtracting the product of the means would leave -1 or +1 here.
    z = (1e4 + 1e-4 * _tokens(seed, lengths)).astype(np.float32)
    S = second_moments(z, lengths)
    assert (np.diagonal(S, axis1=1, axis2=2) >= 0).all()
    assert np.abs(S).max() < 1e-4


@pytest.mark.parametrize("lengths", LENGTHS)
def test_moments_keep_float32(seed, lengths):
    z = _tokens(seed, lengths)
    single = second_moments(z.astype(np.float32), lengths)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, second_moments(z, lengths), atol=1e-5)


# -- matrix functions ------------------------------------------------------------


def _matrices(seed, n=4, k=5):
    z = _tokens(seed, np.array([n * 9]), k).reshape(n, 9, k)
    return z.transpose(0, 2, 1) @ z / 9


def _unfold(vectors, k):
    S = np.zeros((len(vectors), k, k))
    i, j = np.triu_indices(k)
    S[:, i, j] = vectors / np.where(i == j, 1, np.sqrt(2))
    return S + np.triu(S, 1).transpose(0, 2, 1)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_sqrtm_squares_to_the_shrunk_matrix(seed, shrinkage):
    S = _matrices(seed)
    root = _unfold(second_order_vectors(S, "sqrtm", shrinkage), 5)
    expected = (1 - shrinkage) * S + shrinkage * np.eye(5)
    np.testing.assert_allclose(root @ root, expected, atol=1e-13)


def test_logm_is_pyriemanns_tangent_space(seed):
    geometry = pytest.importorskip("pyriemann.geometry.tangentspace")
    S = _matrices(seed)
    expected = geometry.tangent_space(S, np.eye(5), metric="logeuclid")
    found = second_order_vectors(S, "logm", 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_logm_floors_eigenvalues():
    found = second_order_vectors(np.zeros((1, 2, 2)), "logm", 0.0)
    np.testing.assert_allclose(found[0, [0, 2]], np.log(np.finfo(float).eps))
    assert found[0, 1] == 0


def test_power(seed):
    S = _matrices(seed)
    plain = second_order_vectors(S, None, 0.5)
    found = second_order_vectors(S, "power", 0.5)
    np.testing.assert_array_equal(np.sign(found), np.sign(plain))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    ratio = found**2 / np.abs(plain)
    np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones_like(ratio))


def test_plain_vectors_keep_the_norm(seed, float_dtype):
    S = _matrices(seed).astype(float_dtype)
    found = second_order_vectors(S, None, 0.5)
    assert found.dtype == float_dtype
    expected = np.linalg.norm(S, axis=(1, 2))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected, rtol=1e-5)


@pytest.mark.parametrize("normalize", ["sqrtm", "logm", "power", None])
def test_matrices_are_not_written_and_zeros_stay_finite(normalize):
    S = np.zeros((2, 3, 3))
    S.setflags(write=False)
    assert np.isfinite(second_order_vectors(S, normalize, 1e-3)).all()
