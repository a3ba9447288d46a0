"""Moments of token sets as features."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokens import FORMS, ragged_tokens, token_array, with_padding

from skextras import TokenMoments

PLAIN = {"token_norm": None, "normalize": None, "norm_moments": False}


def _reference(moments, X, cls=False):
    """The features by the definition, one token and one sample at a time."""
    rows = []
    for x in X:
        first, x = (x[0], x[1:]) if cls else (x.mean(axis=0), x)
        features = [first - moments.first_order_mean_]
        z = (x - moments.token_mean_) @ moments.components_.T / moments.token_scale_
        k = z.shape[1]
        r = z - z.mean(axis=1, keepdims=True) if k > 1 else z
        logs = np.log(np.linalg.norm(r, axis=1) + 1e-6)
        if k > 1 and moments.token_norm == "layer":
            z = r / np.sqrt((r**2).mean(axis=1, keepdims=True) + 1e-5)
        elif k > 1 and moments.token_norm == "l2":
            z = z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-5)
        if moments.centered:
            z = z - z.mean(axis=0)
        S = z.T @ z / len(z)
        if moments.normalize in ("sqrtm", "logm"):
            S = (1 - moments.shrinkage) * S + moments.shrinkage * np.eye(k)
            values, vectors = np.linalg.eigh(S)
            values = np.sqrt(values) if moments.normalize == "sqrtm" else np.log(values)
            S = vectors @ np.diag(values) @ vectors.T
        i, j = np.triu_indices(k)
        f = S[i, j] * np.where(i == j, 1, np.sqrt(2))
        if moments.normalize == "power":
            f = np.sign(f) * np.sqrt(np.abs(f))
            f = f / np.linalg.norm(f)
        features.append(f)
        if moments.norm_moments:
            features.append([logs.mean(), logs.var()])
        rows.append(np.concatenate(features))
    return np.array(rows)


@pytest.mark.parametrize("token_norm", ["layer", "l2", None])
@pytest.mark.parametrize("normalize", ["sqrtm", "logm", "power", None])
@pytest.mark.parametrize("centered", [True, False])
def test_is_the_definition(seed, token_norm, normalize, centered):
    X, _ = ragged_tokens(seed, n=12)
    moments = TokenMoments(
        n_components=4, token_norm=token_norm, normalize=normalize, centered=centered
    ).fit(X)
    expected = _reference(moments, X)
    np.testing.assert_allclose(moments.transform(X), expected, rtol=1e-9, atol=1e-10)


def test_class_token(seed):
    X, _ = token_array(seed, n=12)
    moments = TokenMoments(cls_token=True).fit(X)
    np.testing.assert_allclose(moments.first_order_mean_, X[:, 0].mean(axis=0))
    np.testing.assert_allclose(
        moments.token_mean_, X[:, 1:].mean(axis=(0, 1)), atol=1e-14
    )
    expected = _reference(moments, X, cls=True)
    np.testing.assert_allclose(moments.transform(X), expected, rtol=1e-9, atol=1e-10)
    assert moments.get_feature_names_out()[0] == "cls0"


def test_fitted_attributes(seed):
    X, _ = ragged_tokens(seed)
    weights = np.random.default_rng(seed).uniform(0, 2, len(X))
    moments = TokenMoments(n_components=3).fit(X, sample_weight=weights)
    shares = weights / weights.sum()
    mean = shares @ [x.mean(axis=0) for x in X]
    C = sum(s * (x - mean).T @ (x - mean) / len(x) for s, x in zip(shares, X, strict=1))
    np.testing.assert_allclose(moments.token_mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.first_order_mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.token_covariance_, C, rtol=1e-11, atol=1e-13)
    values = np.linalg.eigvalsh(C)[::-1][:3]
    np.testing.assert_allclose(moments.explained_variance_, values, rtol=1e-11)
    np.testing.assert_allclose(moments.token_scale_, np.sqrt(values.mean()))
    assert moments.components_.shape == (3, 5)
    assert moments.n_token_features_ == moments.n_features_in_ == 5


def test_centred_moments_are_covariances(seed):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments(**PLAIN).fit(X)
    i, j = np.triu_indices(5)
    frame = moments.components_.T / moments.token_scale_
    S = np.array([np.cov((x @ frame).T, bias=True) for x in X])
    expected = S[:, i, j] * np.where(i == j, 1, np.sqrt(2))
    np.testing.assert_allclose(moments.transform(X)[:, 5:], expected, atol=1e-12)


def test_logm_is_pyriemanns_tangent_space(seed):
    geometry = pytest.importorskip("pyriemann.geometry.tangentspace")
    X, _ = ragged_tokens(seed, lengths=(12, 20))
    moments = TokenMoments(
        token_norm=None, normalize="logm", norm_moments=False, shrinkage=0.0
    ).fit(X)
    frame = moments.components_.T / moments.token_scale_
    S = np.array([np.cov((x @ frame).T, bias=True) for x in X])
    expected = geometry.tangent_space(S, np.eye(5), metric="logeuclid")
    np.testing.assert_allclose(moments.transform(X)[:, 5:], expected, atol=1e-8)


# -- invariances -----------------------------------------------------------------


def test_order_and_multiplicity_of_tokens(seed):
    X, _ = ragged_tokens(seed)
    rng = np.random.default_rng(seed)
    moments = TokenMoments().fit(X)
    expected = moments.transform(X)
    shuffled = moments.transform([rng.permutation(x) for x in X])
    np.testing.assert_allclose(shuffled, expected, rtol=1e-12, atol=1e-12)
    tripled = moments.transform([np.repeat(x, 3, axis=0) for x in X])
    np.testing.assert_allclose(tripled, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_containers_give_the_same_bits(seed, form):
    X, _ = ragged_tokens(seed)
    expected = TokenMoments().fit(X)
    found = TokenMoments(missing_tokens="drop").fit(FORMS[form](X))
    np.testing.assert_array_equal(found.components_, expected.components_)
    np.testing.assert_array_equal(
        found.transform(FORMS[form](X)), expected.transform(X)
    )


@pytest.mark.parametrize("change", [list, np.asfortranarray, with_padding])
def test_arrays_give_the_same_bits_as_lists(seed, change):
    X, _ = token_array(seed)
    expected = TokenMoments().fit(X).transform(X)
    found = TokenMoments(missing_tokens="drop").fit(change(X)).transform(change(X))
    np.testing.assert_array_equal(found, expected)


def test_tables_hold_tokens(seed):
    X, _ = token_array(seed)
    table = X.reshape(len(X), -1)
    moments = TokenMoments(n_tokens=8).fit(table)
    assert moments.n_features_in_ == 40
    assert moments.n_token_features_ == 5
    expected = TokenMoments().fit(X).transform(X)
    np.testing.assert_array_equal(moments.transform(table), expected)
    np.testing.assert_array_equal(moments.transform(X), expected)
    with pytest.raises(ValueError, match="expecting 40 features"):
        moments.transform(table[:, :35])


def test_rotation_of_the_tokens(seed):
    X, _ = ragged_tokens(seed)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((5, 5)))[0]
    moments = TokenMoments(token_norm=None)
    plain = moments.fit_transform(X)
    turned = moments.fit_transform([x @ Q for x in X])
    np.testing.assert_allclose(
        np.abs(turned[:, 5:-2]), np.abs(plain[:, 5:-2]), rtol=1e-7, atol=1e-8
    )


@pytest.mark.parametrize("rank", [5, 3])
def test_weights_are_repetition(seed, rank):
    X, _ = ragged_tokens(seed)
    rng = np.random.default_rng(seed)
    if rank < 5:
        projector = rng.standard_normal((5, rank)) @ rng.standard_normal((rank, 5))
        X = [x @ projector for x in X]
    counts = rng.integers(0, 4, len(X))
    weighted = TokenMoments().fit(X, sample_weight=counts)
    repeated = TokenMoments().fit(
        [x for x, c in zip(X, counts, strict=True) for _ in range(c)]
    )
    assert len(weighted.components_) == len(repeated.components_) == rank
    np.testing.assert_allclose(
        weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-7
    )
    assert weighted.n_samples_seen_ == np.count_nonzero(counts)


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_scale(seed, scale):
    X, _ = ragged_tokens(seed)
    scaled = [scale * x for x in X]
    plain = TokenMoments().fit_transform(X)
    found = TokenMoments().fit_transform(scaled)
    np.testing.assert_allclose(found[:, 5:], plain[:, 5:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found[:, :5], scale * plain[:, :5], rtol=1e-8)


@pytest.mark.parametrize("as_array", [True, False])
def test_chunks_and_threads(seed, as_array):
    X, _ = token_array(seed) if as_array else ragged_tokens(seed)
    expected = TokenMoments().fit_transform(X)
    with config_context(working_memory=1e-3):
        chunked = TokenMoments(n_jobs=2).fit_transform(X)
    np.testing.assert_allclose(chunked, expected, rtol=1e-9, atol=1e-10)


def test_float32_far_from_zero(seed):
    X, _ = ragged_tokens(seed)
    # Each value as float32 holds it, so that only arithmetic differs.
    far = [(x + 1e4).astype(np.float32) for x in X]
    single = TokenMoments().fit(far)
    double = TokenMoments().fit([x.astype(np.float64) for x in far])
    found = single.transform(far)
    assert found.dtype == np.float32
    expected = double.transform([x.astype(np.float64) for x in far])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_float16_is_float32(seed):
    X, _ = ragged_tokens(seed)
    half = [x.astype(np.float16) for x in X]
    moments = TokenMoments().fit(half)
    np.testing.assert_array_equal(
        moments.transform(half), moments.transform([x.astype(np.float32) for x in half])
    )


# -- degenerate input ------------------------------------------------------------


def test_tables_have_means_alone():
    X = np.random.default_rng(0).standard_normal((20, 6))
    moments = TokenMoments().fit(X)
    np.testing.assert_allclose(moments.transform(X), X - X.mean(axis=0), atol=1e-14)
    assert moments.get_feature_names_out().tolist() == [f"mean{i}" for i in range(6)]


def test_one_token_a_sample_warns_unless_it_is_a_table():
    X = np.random.default_rng(0).standard_normal((20, 1, 6))
    moments = TokenMoments()
    with pytest.warns(UserWarning, match=r"No sample has two tokens.*order=1") as seen:
        moments.fit(X)
    assert seen[0].filename == __file__
    assert moments.transform(X).shape == (20, 6)
    # More tokens later do not change what was learned.
    assert moments.transform(np.repeat(X, 3, axis=1)).shape == (20, 6)
    assert TokenMoments(centered=False).fit_transform(X).shape == (20, 29)


@pytest.mark.parametrize("normalize", ["sqrtm", "logm", "power", None])
@pytest.mark.parametrize(
    "X",
    [
        np.ones((6, 4, 3)),
        np.repeat(np.random.default_rng(0).standard_normal((6, 1, 3)), 4, axis=1),
        np.random.default_rng(0).standard_normal((6, 4, 1)),
        np.random.default_rng(0).standard_normal((6, 2, 9)),
        np.random.default_rng(0).standard_normal((1, 2, 3)),
    ],
    ids=["constant", "duplicates", "one feature", "few tokens", "one sample"],
)
def test_degenerate_input_stays_finite(X, normalize):
    out = TokenMoments(normalize=normalize, shrinkage=0.0).fit_transform(X)
    assert np.isfinite(out).all()


def test_constant_tokens_have_scale_one():
    moments = TokenMoments().fit(np.ones((6, 4, 3)))
    assert moments.token_scale_ == 1.0
    assert moments.explained_variance_.tolist() == [0.0]


# -- order 1, partial_fit, names -------------------------------------------------


def test_order_one_is_the_means(seed):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments(order=2).fit(X)
    moments.set_params(order=1).fit(X)
    means = np.array([x.mean(axis=0) for x in X])
    expected = means - means.mean(axis=0)
    np.testing.assert_allclose(moments.transform(X), expected, atol=1e-13)
    assert not hasattr(moments, "components_")
    assert not hasattr(moments, "token_covariance_")


@pytest.mark.parametrize("cls_token", [False, True])
def test_partial_fit_is_fit_on_all(seed, cls_token):
    X, _ = ragged_tokens(seed)
    weights = np.random.default_rng(seed).uniform(0, 2, len(X))
    whole = TokenMoments(cls_token=cls_token).fit(X, sample_weight=weights)
    parts = TokenMoments(cls_token=cls_token)
    for chunk in (slice(7), slice(7, 8), slice(8, None)):
        parts.partial_fit(X[chunk], sample_weight=weights[chunk])
    assert parts.n_samples_seen_ == whole.n_samples_seen_
    np.testing.assert_allclose(parts.token_mean_, whole.token_mean_, rtol=1e-12)
    np.testing.assert_allclose(
        parts.token_covariance_, whole.token_covariance_, rtol=1e-10, atol=1e-13
    )
    np.testing.assert_allclose(
        parts.transform(X), whole.transform(X), rtol=1e-8, atol=1e-9
    )


def test_partial_fit_after_one_token_samples(seed):
    X, _ = ragged_tokens(seed)
    short = [x[:1] for x in X]
    moments = TokenMoments()
    with pytest.warns(UserWarning, match="No sample has two tokens"):
        moments.partial_fit(short)
    restored = pickle.loads(pickle.dumps(moments)).partial_fit(X)
    whole = TokenMoments().fit(short + X)
    np.testing.assert_allclose(restored.transform(X), whole.transform(X), atol=1e-9)


def test_partial_fit_errors(seed):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments(order=1).partial_fit(X)
    with pytest.raises(ValueError, match="order=2 needs the covariance of all tokens"):
        moments.set_params(order=2).partial_fit(X)
    moments.fit(X)
    with pytest.raises(
        ValueError, match="X has 4 features, but TokenMoments is expect"
    ):
        moments.partial_fit([x[:, :4] for x in X])


def test_names_and_tables_out(seed):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments(n_components=2).set_output(transform="pandas").fit(X)
    expected = [f"mean{i}" for i in range(5)]
    expected += ["cov0_0", "cov0_1", "cov1_1", "lognorm_mean", "lognorm_var"]
    assert moments.transform(X).columns.tolist() == expected


def test_in_a_pipeline(seed):
    X, _ = ragged_tokens(seed)
    out = make_pipeline(TokenMoments(), StandardScaler()).fit_transform(X)
    np.testing.assert_allclose(out.std(axis=0), 1)


def test_missing_tokens_sets_the_tag():
    assert TokenMoments(missing_tokens="drop").__sklearn_tags__().input_tags.allow_nan
    assert not TokenMoments().__sklearn_tags__().input_tags.allow_nan


def test_too_many_features_are_refused(monkeypatch, seed):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments().fit(X)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "1000")
    with pytest.raises(MemoryError, match=r"22 features each.*Lower n_components"):
        moments.transform(X)
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "700")
    with pytest.raises(MemoryError, match=r"needs 800 bytes.*Use order=1"):
        TokenMoments().fit(X)
