"""Thresholds, p-values, false alarms and groups of SubspaceAD."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from sklearn.base import clone
from subspace_ad_cases import grids, normal_rows

from skextras import SubspaceAD
from skextras._subspace_ad_solve import make_subspace
from skextras.numerics.subspace import row_spectrum

few = pytest.mark.filterwarnings("ignore:SubspaceAD. with n=")


def heavy_tailed(rng, n):
    return rng.standard_t(5, (n, 64)) / np.sqrt(5 / 3)


def gaussian(rng, n):
    return rng.standard_normal((n, 64))


def false_alarms(draw, n, n_fits, **params):
    """Mean share of new normal rows that are flagged at 5 %."""
    rng = np.random.default_rng(0)
    scales = np.arange(1.0, 65) ** -0.75
    rates = []
    for _ in range(n_fits):
        detector = SubspaceAD(0.95, **params).fit(draw(rng, n) * scales)
        rates.append(np.mean(detector.predict(draw(rng, 4000) * scales) == -1))
    return np.mean(rates)


@pytest.mark.parametrize(
    ("n", "low", "high"), [(80, 0.02, 0.05), (256, 0.02, 0.05), (1024, 0.035, 0.055)]
)
def test_false_alarms_of_crossfit(n, low, high):
    assert low <= false_alarms(gaussian, n, 30) <= high


@pytest.mark.slow
@pytest.mark.parametrize("draw", [gaussian, heavy_tailed])
def test_false_alarms_of_many_rows(draw):
    assert 0.04 <= false_alarms(draw, 8192, 30) <= 0.06


@pytest.mark.parametrize("calibration", ["train", "hbe"])
def test_false_alarms_of_in_sample_rules_are_many(calibration):
    """What the default is for: the others promise 5 % and give far more."""
    rates = [
        false_alarms(gaussian, n, 5, calibration=calibration) for n in (80, 256, 1024)
    ]
    assert rates[0] > 0.8
    assert rates[1] > 0.3
    assert 0.07 < rates[2] < 0.15


def test_p_values_are_uniform():
    rng = np.random.default_rng(0)
    scales = np.arange(1.0, 65) ** -0.75
    detector = SubspaceAD(0.95).fit(gaussian(rng, 8192) * scales)
    p = detector.p_value(gaussian(rng, 2000) * scales)
    assert kstest(p, "uniform").pvalue > 0.001


@few
@pytest.mark.parametrize("calibration", ["crossfit", "train"])
@pytest.mark.parametrize("as_images", [False, True])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_flagged_where_p_is_at_most_alpha(
    seed, calibration, as_images, alpha, float_dtype
):
    X = grids(seed, 60) if as_images else normal_rows(seed, 300)
    X = X.astype(float_dtype)
    detector = SubspaceAD(0.8, calibration=calibration, alpha=alpha).fit(X)
    new = np.concatenate([X, X + 0.1, 1.5 * X])
    assert_array_equal(detector.predict(new) == -1, detector.p_value(new) <= alpha)
    other = new.astype(np.float64 if float_dtype == np.float32 else np.float32)
    assert_array_equal(detector.predict(other) == -1, detector.p_value(other) <= alpha)
    sign = detector.decision_function(new) >= 0
    assert_array_equal(detector.predict(new) == 1, sign)
    assert_allclose(
        detector.decision_function(new),
        detector.score_samples(new) - detector.offset_,
        atol=1e-5,
    )


def test_crossfit_scores_are_those_of_separate_fits(seed):
    X = normal_rows(seed, 60)
    detector = SubspaceAD(4, n_folds=3).fit(X)
    found = []
    for fold in range(3):
        held_out = np.arange(60) % 3 == fold
        found.append(-SubspaceAD(4).fit(X[~held_out]).score_samples(X[held_out]))
    expected = np.sort(np.concatenate(found))
    assert_allclose(detector.calibration_scores_, expected, rtol=1e-9)
    # ceil(0.95 * 61) = 58
    assert_allclose(detector.offset_, -expected[57], rtol=1e-9)


@few
def test_crossfit_of_images_and_patches(seed):
    X = grids(seed, 6)
    detector = SubspaceAD(4, n_folds=3).fit(X)
    fits = [SubspaceAD(4).fit(X[np.arange(6) % 3 != fold]) for fold in range(3)]
    scores = [-fits[i % 3].score_samples(X[i : i + 1])[0] for i in range(6)]
    assert_allclose(detector.calibration_scores_, np.sort(scores), rtol=1e-9)
    maps = [fits[i % 3].anomaly_map(X[i : i + 1]).ravel() for i in range(6)]
    # ceil(0.95 * 121) = 115
    expected = -np.sort(np.concatenate(maps))[114]
    assert_allclose(detector.patch_offset_, expected, rtol=1e-9)
    assert detector.offset_ == -detector.calibration_scores_[-1]


def test_one_image_is_cut_into_blocks(seed):
    X = grids(seed, 1, 5, 8)
    with pytest.warns(UserWarning, match="n=1 calibration units of one group at alpha"):
        detector = SubspaceAD(4, n_folds=3).fit(X)
    patches, block = X.reshape(40, 16), np.arange(40) * 3 // 40
    scores = np.empty(40)
    for b in range(3):
        other = SubspaceAD(4).fit(patches[block != b])
        scores[block == b] = -other.score_samples(patches[block == b])
    # One patch of 40 is the worst hundredth, rounded up.
    assert_allclose(detector.calibration_scores_, [scores.max()], rtol=1e-9)


def test_fewer_patches_than_blocks(seed):
    with pytest.warns(UserWarning, match="cannot be calibrated"):
        detector = SubspaceAD(1).fit(grids(seed, 1, 1, 3))
    assert np.isfinite(detector.calibration_scores_).all()


def test_rows_of_one_group(seed):
    X = normal_rows(seed, 90)
    with pytest.warns(UserWarning, match=r"n=90 .* one group .*ranking is unaffected"):
        detector = SubspaceAD(4).fit(X, groups=np.zeros(90))
    ungrouped = SubspaceAD(4).fit(X)
    # Rows are dealt out in turn either way.
    expected = ungrouped.calibration_scores_
    assert_allclose(detector.calibration_scores_, expected, rtol=1e-12)


@pytest.mark.parametrize(("n", "warns"), [(18, True), (19, False)])
def test_too_few_units_for_the_level(seed, n, warns):
    X = normal_rows(seed, n)
    detector = SubspaceAD(2)
    if warns:
        with pytest.warns(UserWarning, match=r"^SubspaceAD: with n=18 .*alpha=0.05"):
            detector.fit(X)
        # Nothing to be promised of the threshold of contamination.
        detector.set_params(contamination=0.1).fit(X)
    else:
        detector.fit(X)


def test_repeated_rows_never_lower_the_threshold(seed):
    X = normal_rows(seed, 60)
    groups = np.arange(60)
    once = SubspaceAD(6).fit(X)
    copies = SubspaceAD(6).fit(np.repeat(X, 3, axis=0), groups=np.repeat(groups, 3))
    loose = SubspaceAD(6).fit(np.repeat(X, 3, axis=0))
    assert copies.offset_ <= once.offset_ * (1 - 1e-9)
    assert loose.offset_ > copies.offset_


def test_copies_of_images_are_no_calibration_units(seed):
    X = grids(seed, 25)
    detector = SubspaceAD(4).fit(X)
    turned = np.concatenate([X, X[:, ::-1], X[:, :, ::-1]])
    copies = SubspaceAD(4).fit(turned, groups=np.tile(np.arange(25), 3))
    assert len(copies.calibration_scores_) == 25
    expected = detector.calibration_scores_
    assert_allclose(copies.calibration_scores_, expected, rtol=1e-9)


def test_shuffled_folds(seed):
    X = normal_rows(seed, 100)
    offsets = {SubspaceAD(4, random_state=s).fit(X).offset_ for s in (None, 0, 1)}
    assert len(offsets) == 3
    generator = np.random.RandomState(seed)
    first = SubspaceAD(4, random_state=generator).fit(X).offset_
    assert first != SubspaceAD(4, random_state=generator).fit(X).offset_


@pytest.mark.parametrize("calibration", ["crossfit", "train", "hbe"])
def test_contamination_flags_its_share(seed, calibration):
    X = normal_rows(seed, 300)
    detector = SubspaceAD(0.9, contamination=0.1, calibration=calibration)
    assert (detector.fit_predict(X) == -1).sum() == 30
    assert detector.p_value(X).shape == (300,)
    images = grids(seed, 50)
    if calibration != "hbe":
        assert (clone(detector).fit_predict(images) == -1).sum() == 5
        share = -detector.fit(images).anomaly_map(images) < detector.patch_offset_
        assert share.mean() == pytest.approx(0.1, abs=1e-3)


def test_hbe_limit_and_p_values(seed):
    X = normal_rows(seed, 2000)
    detector = SubspaceAD(0.8, calibration="hbe").fit(X)
    at_limit = (
        detector.mean_
        + np.sqrt(-detector.offset_) * (np.linalg.svd(detector.components_)[2][-1])
    )
    assert_allclose(detector.p_value(at_limit[None]), 0.05, rtol=1e-6)
    assert 0.03 < np.mean(detector.predict(X) == -1) < 0.07


def test_hbe_knows_of_dropped_directions(seed):
    X = normal_rows(seed, 4000, decay=1.0)
    detector = SubspaceAD(8, drop_components=3, calibration="hbe").fit(X)
    assert 0.03 < np.mean(detector.predict(X) == -1) < 0.07


def test_hbe_without_residual(seed):
    X = normal_rows(seed, 40)
    X = np.concatenate([X[:, :2], X[:, :2].sum(axis=1, keepdims=True)], axis=1)
    detector = SubspaceAD(None, calibration="hbe").fit(X)
    assert detector.offset_ == 0


def test_small_other_folds_lend_the_whole_model(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((2, 5))
    with pytest.warns(UserWarning, match="SubspaceAD: "):
        detector = SubspaceAD(0.9, n_folds=2).fit(X)
    in_sample = np.sort(-detector.score_samples(X))
    assert_allclose(detector.calibration_scores_, in_sample, atol=1e-13)
    equal = np.repeat(X, [1, 3], axis=0)
    with pytest.warns(UserWarning, match="SubspaceAD: "):
        detector = SubspaceAD(0, statistic="combined", n_folds=4).fit(equal)
    assert np.isfinite(detector.calibration_scores_).all()


def test_minor_directions_are_kept_where_they_are_fewer(seed):
    X = normal_rows(seed)
    assert SubspaceAD(8).fit(X)._minor_directions is None
    many = SubspaceAD(9).fit(X)
    assert many._minor_directions.shape == (16, 7)
    assert_allclose(many.components_ @ many._minor_directions, 0, atol=1e-12)
    assert SubspaceAD(9, statistic="t2").fit(X)._minor_directions is None
    spectrum = row_spectrum(normal_rows(seed, 12))
    assert make_subspace(SubspaceAD(10), spectrum, 10).minor is None
    assert make_subspace(SubspaceAD(99), spectrum, 99).directions.shape == (16, 11)
