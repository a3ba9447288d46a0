"""SubspaceAD: golden values, closed forms, invariances, input and errors."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from subspace_ad_cases import grids, normal_rows

from skextras import SubspaceAD

GOLDEN = np.load(Path(__file__).parent / "golden" / "subspace_ad.npz")
SHARES = [("syn", share) for share in (0.9, 0.95, 0.99)]
SHARES += [("wide", share) for share in (0.9, 0.99)]
COUNTS = {"syn": {0.9: 11, 0.95: 18, 0.99: 28}, "wide": {0.9: 9, 0.99: 11}}
few = pytest.mark.filterwarnings("ignore:SubspaceAD. with n=")


def golden(case, dtype=np.float64):
    return (GOLDEN[f"{case}_{name}"].astype(dtype) for name in "XT")


@few
@pytest.mark.parametrize(("case", "share"), SHARES)
def test_official_residuals(case, share, float_dtype):
    X, T = golden(case, float_dtype)
    fitted = SubspaceAD(share).fit(X)
    rtol = 1e-9 if float_dtype == np.float64 else 1e-4
    assert fitted.n_components_ == GOLDEN[f"{case}_k_{share}"] == COUNTS[case][share]
    expected = GOLDEN[f"{case}_reconstruction_{share}"]
    found = -fitted.score_samples(T)
    assert found.dtype == float_dtype
    assert_allclose(found, expected, rtol=rtol)
    dropped = SubspaceAD(share, drop_components=2).fit(X)
    expected = GOLDEN[f"{case}_reconstruction_drop2_{share}"]
    assert_allclose(-dropped.score_samples(T), expected, rtol=rtol)
    assert_allclose(fitted.mean_, GOLDEN[f"{case}_mu"], rtol=1e-6)
    expected = GOLDEN[f"{case}_eig_{share}"]
    assert_allclose(fitted.explained_variance_, expected, rtol=1e-6)


@few
@pytest.mark.parametrize(("case", "share"), SHARES)
def test_official_mahalanobis_and_cosine(case, share):
    """The official code adds 1e-6 to every divisor; the test does so too."""
    X, T = golden(case)
    fitted = SubspaceAD(share).fit(X)
    z = fitted.transform(T)
    t2 = (z**2 / (fitted.explained_variance_ + 1e-6)).sum(axis=1)
    assert_allclose(t2, GOLDEN[f"{case}_mahalanobis_{share}"], rtol=1e-9)
    image = fitted.mean_ + z @ fitted.components_
    norms = (np.linalg.norm(A, axis=1) + 1e-6 for A in (T, image))
    cosine = 1 - (T * image).sum(axis=1) / np.prod(list(norms), axis=0)
    expected = GOLDEN[f"{case}_cosine_{share}"]
    assert_allclose(cosine, expected, rtol=1e-9, atol=1e-14)
    ours = SubspaceAD(share, statistic="cosine").fit(X)
    assert_allclose(-ours.score_samples(T), expected, atol=3e-6)


def test_first_official_residuals():
    X, T = golden("syn")
    first = [-SubspaceAD(s).fit(X).score_samples(T)[0] for s in (0.9, 0.95, 0.99)]
    assert_allclose(first, [0.3625491, 0.07159764, 0.00690035], rtol=1e-6)


def test_closed_forms(seed):
    X = normal_rows(seed)
    fitted = SubspaceAD(0.9).fit(X)
    k, n = fitted.n_components_, len(X)
    residual = -fitted.score_samples(X)
    z = fitted.transform(X)
    total = ((X - X.mean(axis=0)) ** 2).sum(axis=1)
    assert_allclose(residual + (z**2).sum(axis=1), total, rtol=1e-10)
    tail = fitted.residual_eigenvalues_.sum()
    assert_allclose(residual.mean(), (n - 1) / n * tail, rtol=1e-10)
    assert_allclose(fitted.noise_variance_, tail / (16 - k), rtol=1e-10)
    C, mu = fitted.components_, fitted.mean_
    inside = mu + np.random.default_rng(seed).standard_normal((5, k)) @ C
    assert_allclose(fitted.score_samples(inside), 0, atol=1e-13)
    across = np.linalg.svd(C)[2][k:]
    assert_allclose(-fitted.score_samples(mu + 3 * across), 9, rtol=1e-10)
    both = mu + np.array([1, -1])[:, None] * (C[0] + 0.3 * across[0])
    assert_allclose(*fitted.score_samples(both), rtol=1e-10)
    assert_allclose(z.var(axis=0, ddof=1), fitted.explained_variance_, rtol=1e-9)


def test_recipes_and_statistics(seed):
    X = normal_rows(seed)
    scores = {
        name: -SubspaceAD(5, statistic=name).fit(X).score_samples(X)
        for name in ("residual", "t2", "combined")
    }
    fitted = SubspaceAD(5).fit(X)
    t2 = (fitted.transform(X) ** 2 / fitted.explained_variance_).sum(axis=-1)
    assert_allclose(scores["t2"], t2, rtol=1e-9)
    combined = t2 + scores["residual"] / fitted.noise_variance_
    assert_allclose(scores["combined"], combined, rtol=1e-9)
    spe = fitted.residual_path(X, [5])[:, 0]
    assert_allclose(spe, scores["residual"], rtol=1e-9)


def test_components_of_pca(seed):
    X = normal_rows(seed)
    pca, fitted = PCA(4).fit(X), SubspaceAD(4).fit(X)
    assert_allclose(abs(pca.components_ @ fitted.components_.T), np.eye(4), atol=1e-9)
    assert_allclose(pca.explained_variance_, fitted.explained_variance_, rtol=1e-9)
    ratio = pca.explained_variance_ratio_
    assert_allclose(ratio, fitted.explained_variance_ratio_, rtol=1e-9)


def test_invariances(seed):
    rng = np.random.default_rng(seed)
    X = normal_rows(seed)
    fitted = SubspaceAD(0.9, calibration="train").fit(X)
    expected = fitted.score_samples(X)

    def scores(Y):
        return clone(fitted).fit(Y).score_samples(Y)

    order = rng.permutation(len(X))
    assert_allclose(scores(X[order]), expected[order], rtol=1e-9)
    assert_allclose(scores(X + rng.standard_normal(16)), expected, rtol=1e-9)
    turn = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    assert_allclose(scores(X @ turn), expected, rtol=1e-8)
    for scale in (1e-7, 1e7):
        assert_allclose(scores(scale * X), scale**2 * expected, rtol=1e-9)
    twice = clone(fitted).fit(np.repeat(X, 2, axis=0))
    assert_allclose(twice.components_, fitted.components_, atol=1e-9)
    assert_allclose(twice.score_samples(X), expected, rtol=1e-9)


def test_more_components_leave_less(seed):
    X = normal_rows(seed)
    scores = [-SubspaceAD(k).fit(X).score_samples(X) for k in range(16)]
    assert (np.diff(scores, axis=0) <= 1e-12).all()


def test_path_equals_refits(seed, float_dtype):
    X = normal_rows(seed).astype(float_dtype)
    fitted = SubspaceAD(12).fit(X)
    values = [12, 3, 0, 0.5, 0.8]
    path = fitted.residual_path(X, values)
    assert path.shape == (120, 5)
    assert path.dtype == float_dtype
    rtol = 1e-8 if float_dtype == np.float64 else 1e-4
    for value, column in zip(values, path.T, strict=True):
        refit = SubspaceAD(value).fit(X)
        assert_allclose(column, -refit.score_samples(X), rtol=rtol)


def test_path_counts_dropped_directions_as_outside(seed):
    X = normal_rows(seed)
    fitted = SubspaceAD(6, drop_components=2).fit(X)
    path = fitted.residual_path(X, [6, 1])
    assert_allclose(path[:, 0], -fitted.score_samples(X), rtol=1e-9)
    total = ((X - fitted.mean_) ** 2).sum(axis=1)
    assert_allclose(path[:, 1], total, rtol=1e-9)


def test_grids_lists_and_rows_agree(seed):
    X = grids(seed)
    fitted = SubspaceAD(0.9, calibration="train").fit(X)
    lists = clone(fitted).fit(X.reshape(30, 20, 16))
    rows = clone(fitted).fit(X.reshape(600, 16))
    maps = fitted.anomaly_map(X)
    assert maps.shape == (30, 5, 4)
    assert_allclose(lists.anomaly_map(X), maps, rtol=1e-10)
    assert_allclose(rows.anomaly_map(X.reshape(600, 16)), maps.ravel(), rtol=1e-10)
    assert fitted.transform(X).shape == (30, 5, 4, fitted.n_components_)
    assert fitted.residual_path(X, [1, 2]).shape == (30, 5, 4, 2)
    assert (fitted.grid_shape_, lists.grid_shape_) == ((5, 4), (20,))
    assert rows.grid_shape_ is None
    assert not hasattr(rows, "patch_offset_")
    assert_allclose(fitted.anomaly_map(X[:, :2, 1:]), maps[:, :2, 1:], rtol=1e-10)
    assert fitted.n_samples_seen_ == 600


@pytest.mark.parametrize("dtype", ["int16", "float16", ">f4", "bool"])
def test_other_dtypes(seed, dtype):
    X = 20 * normal_rows(seed, mean=0.0)
    X = X > 0 if dtype == "bool" else X.astype(dtype)
    expected = np.float32 if dtype == ">f4" else np.float64
    same = X.astype(expected)
    fitted = SubspaceAD(0.9).fit(X)
    assert_allclose(
        fitted.score_samples(X), SubspaceAD(0.9).fit(same).score_samples(same)
    )
    assert fitted.score_samples(X).dtype == fitted.transform(X).dtype == expected
    assert fitted.mean_.dtype == fitted.components_.dtype == np.float64


@pytest.mark.parametrize("shape", [(400, 20), (20, 20, 20)])
def test_layouts_leave_numbers_and_input_alone(seed, shape, tmp_path):
    X = normal_rows(seed, 400, 20).reshape(shape)
    before = X.copy()
    expected = SubspaceAD().fit(X).score_samples(X)
    np.save(tmp_path / "X.npy", X)
    others = [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        X.tolist(),
    ]
    for other in others:
        assert_allclose(SubspaceAD().fit(other).score_samples(other), expected)
    assert_array_equal(X, before)


def test_large_mean_in_single_precision(seed):
    X = normal_rows(seed, 2000, 40, mean=1e4).astype(np.float32)
    single, double = SubspaceAD().fit(X), SubspaceAD().fit(X.astype(np.float64))
    assert single.n_components_ == double.n_components_
    expected = double.score_samples(X.astype(np.float64))
    assert_allclose(single.score_samples(X), expected, rtol=1e-4)
    assert_allclose(single.offset_, double.offset_, rtol=1e-4)


@pytest.mark.slow
def test_single_precision_products(seed):
    X = normal_rows(seed, 4000, 384, 1.85, mean=1e4).astype(np.float32)
    fits = [
        SubspaceAD(calibration="train").fit(X.astype(t)) for t in ("float32", "float64")
    ]
    assert fits[0].n_components_ == fits[1].n_components_
    expected = fits[1].score_samples(X.astype(np.float64))
    assert_allclose(fits[0].score_samples(X), expected, rtol=1e-4)


def test_hostile_columns(seed):
    X = normal_rows(seed)
    X[:, 3] *= 1e3
    X[:, 5] = 7.0
    X[:, 6] = X[:, 7]
    fitted = SubspaceAD(0.5).fit(X)
    assert fitted.n_components_ == 1
    assert abs(fitted.components_[0, 3]) > 0.999
    assert_allclose(fitted.components_[:, 5], 0, atol=1e-12)
    assert np.isfinite(fitted.score_samples(X)).all()
    changed = X.copy()
    changed[:, 5] += 2
    assert_allclose(fitted.score_samples(X) - fitted.score_samples(changed), 4)


def test_two_features_give_both_labels(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((200, 2))
    with pytest.warns(UserWarning, match=r"SubspaceAD: n_components=0.99: k=1"):
        labels = SubspaceAD().fit_predict(X)
    assert set(labels) == {-1, 1}


@pytest.mark.parametrize("constant", [False, True])
def test_one_feature_and_constant_data(seed, constant):
    rng = np.random.default_rng(seed)
    X = np.full((50, 3), 0.1) if constant else rng.standard_normal((50, 1))
    pattern = "the data are constant" if constant else "k=0 components keep 0 of"
    with pytest.warns(UserWarning, match=pattern):
        fitted = SubspaceAD().fit(X)
    assert fitted.n_components_ == 0
    assert fitted.transform(X).shape == (50, 0)
    moved = X + 1.0
    total = ((moved - fitted.mean_) ** 2).sum(axis=1)
    assert_allclose(-fitted.score_samples(moved), total, rtol=1e-12)
    assert_array_equal(fitted.explained_variance_, [])


def test_all_components(seed):
    X = normal_rows(seed)
    assert SubspaceAD(None).fit(X).n_components_ == 15
    combined = SubspaceAD(None, statistic="combined")
    assert combined.fit(X).n_components_ == 15
    with pytest.warns(UserWarning, match="cannot be calibrated"):
        assert SubspaceAD(None).fit(X[:9]).n_components_ == 8
    with pytest.warns(UserWarning, match="cannot be calibrated"):
        assert combined.fit(X[:9]).n_components_ == 7


@pytest.mark.parametrize(
    ("params", "shape", "words"),
    [
        ({"n_components": 16}, (120, 16), ["16", "at most 15", "n_features=16"]),
        ({"n_components": 9}, (9, 16), ["9", "at most 8", "n_features=16"]),
        (
            {"n_components": 15, "statistic": "combined"},
            (16, 20),
            ["15", "at most 14", "combined"],
        ),
        ({"n_components": 3, "drop_components": 3}, (120, 16), ["drop_components=3"]),
        ({"drop_components": 50}, (120, 16), ["drop_components=50", "k="]),
        ({}, (1, 16), ["1 sample"]),
        ({}, (1, 1, 16), ["1 sample"]),
        ({}, (4, 0, 16), ["0 sample"]),
        ({}, (5, 0), ["0 feature", "shape=(5, 0)", "minimum of 1 is required"]),
        ({}, (5, 2, 0), ["0 feature", "shape=(5, 0)", "minimum of 1 is required"]),
        ({}, (2, 2, 2, 2, 2), ["dim 5", "4"]),
    ],
)
def test_refusals(params, shape, words):
    X = np.random.default_rng(0).standard_normal(shape)
    with pytest.raises(ValueError, match=re.escape(words[0])) as raised:
        SubspaceAD(**params).fit(X)
    for word in words:
        assert word in str(raised.value)


def test_constant_data_have_no_combined_statistic():
    with pytest.raises(ValueError, match=r'Use statistic="residual"'):
        SubspaceAD(statistic="combined").fit(np.ones((20, 3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(60, 8), (6, 10, 8), (6, 5, 2, 8)])
def test_one_bad_value(bad, shape):
    X = normal_rows(0, 60, 8).reshape(shape)
    fitted = SubspaceAD(3, contamination=0.1).fit(X)
    X.flat[17] = bad
    for method in (fitted.score_samples, fitted.transform, fitted.fit):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            method(X)


@pytest.mark.parametrize("n_rows", [5, 50])
def test_overflow_is_refused(n_rows):
    X = 1e200 * np.random.default_rng(0).standard_normal((n_rows, 10))
    with pytest.raises(ValueError, match="overflow"):
        SubspaceAD().fit(X)


def test_rows_and_images_are_not_mixed(seed):
    X = grids(seed)
    images, rows = SubspaceAD().fit(X), SubspaceAD().fit(X.reshape(600, 16))
    with pytest.raises(ValueError, match=r"2 dimensions.* fitted on 4"):
        images.predict(X[0, 0])
    with pytest.raises(ValueError, match=r"4 dimensions.* fitted on 2"):
        rows.predict(X)
    with pytest.raises(ValueError, match="X has 15 features, but SubspaceAD is expect"):
        images.predict(X[..., :15])
    with pytest.raises(ValueError, match="X has 15 features, but SubspaceAD is expect"):
        rows.predict(X[0, 0, :, :15])


def test_unfitted_and_failed_fits(seed):
    X = normal_rows(seed)
    detector = SubspaceAD(3)
    with pytest.raises(NotFittedError):
        detector.predict(X)
    detector.fit(X)
    with pytest.raises(ValueError, match="at most"):
        detector.set_params(n_components=99).fit(X)
    with pytest.raises(NotFittedError):
        detector.predict(X)


def test_refit_forgets(seed):
    detector = SubspaceAD().fit(grids(seed))
    assert hasattr(detector, "patch_offset_")
    detector.set_params(calibration="hbe").fit(normal_rows(seed))
    for name in ("patch_offset_", "calibration_scores_"):
        assert not hasattr(detector, name)
    with pytest.raises(AttributeError, match="'SubspaceAD' object has no attribute"):
        _ = detector.calibration_scores_
    detector.set_params(calibration="train").fit(normal_rows(seed))
    assert "_null_eigenvalues" not in vars(detector)


def test_names_pipeline_and_frames(seed):
    pandas = pytest.importorskip("pandas")
    X = normal_rows(seed)
    frame = pandas.DataFrame(X, columns=[f"c{i}" for i in range(16)])
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), SubspaceAD(3))
    pipe.set_output(transform="pandas")
    names = ["subspacead0", "subspacead1", "subspacead2"]
    assert list(pipe.fit_transform(frame).columns) == names
    assert list(pipe[-1].feature_names_in_) == list(frame.columns)
    assert pipe.predict(frame).shape == (120,)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_groups_are_routed(seed, method):
    with config_context(enable_metadata_routing=True):
        detector = SubspaceAD().set_fit_request(groups=True)
        assert detector.get_metadata_routing().fit.requests["groups"] is True
        pipe = make_pipeline(detector)
        X, groups = normal_rows(seed), np.arange(120) // 4
        pipe.fit(X, groups=groups)
    expected = SubspaceAD().fit(X, groups=groups).offset_
    assert pipe[-1].offset_ == expected != SubspaceAD().fit(X).offset_
    assert getattr(SubspaceAD(), method)(X, groups=groups).offset_ == pytest.approx(
        expected, rel=1e-12
    )


def test_pickle_holds_no_data(seed):
    sizes = [
        len(pickle.dumps(SubspaceAD(3).fit(normal_rows(seed, n)))) for n in (200, 2000)
    ]
    assert sizes[1] - sizes[0] < 8 * 1800 + 200
