"""Covariances from lagged products against NumPy's covariance of the embedding."""

import numpy as np
import pytest
from scipy.signal import lfilter

from skextras.numerics import lagged
from skextras.numerics.lagged import augmented_covariance, embed


def uniform(order, lag):
    return tuple(lag * k for k in range(order))


def reference(X, delays, n_window, centered=True):
    """The definition, epoch by epoch."""
    rows = [np.concatenate([x[:, d : d + n_window] for d in delays]) for x in X]
    if centered:
        return np.array([np.atleast_2d(np.cov(row)) for row in rows])
    return np.array([row @ row.T / n_window for row in rows])


def relative_error(S, expected):
    return np.abs(S - expected).max() / np.abs(expected).max()


@pytest.fixture
def X(seed):
    rng = np.random.default_rng(seed)
    offsets = np.array([100.0, -50.0, 3.0])[:, None]
    return rng.standard_normal((3, 3, 180)).cumsum(axis=-1) * 0.1 + offsets


@pytest.mark.parametrize("lag", range(1, 17))
@pytest.mark.parametrize("order", range(1, 11))
@pytest.mark.parametrize("centered", [True, False])
def test_equals_covariance_of_the_embedding(X, order, lag, centered):
    delays = uniform(order, lag)
    n_window = X.shape[2] - delays[-1]
    S = augmented_covariance(X, delays, n_window, centered=centered)
    assert relative_error(S, reference(X, delays, n_window, centered)) < 1e-14


@pytest.mark.parametrize("n_window", [2, 3, 40, 41, 42, 80, 139])
def test_any_window_length(X, n_window):
    # Windows shorter than the span share no core; the longest leaves one sample out.
    delays = uniform(5, 10)
    S = augmented_covariance(X, delays, n_window)
    assert relative_error(S, reference(X, delays, n_window)) < 1e-13


@pytest.mark.parametrize(
    "delays", [(0, 1, 5), (0, 7, 2), (0, 3, 4, 60), (0, 100), (0, 2, 4, 7)]
)
@pytest.mark.parametrize("centered", [True, False])
def test_delays_that_are_not_uniform(X, delays, centered):
    n_window = X.shape[2] - max(delays)
    S = augmented_covariance(X, delays, n_window, centered=centered)
    assert relative_error(S, reference(X, delays, n_window, centered)) < 1e-14


@pytest.mark.parametrize("delays", [(0,), uniform(4, 3), (0, 4, 5)])
def test_exactly_symmetric(X, delays):
    S = augmented_covariance(X, delays, X.shape[2] - max(delays))
    np.testing.assert_array_equal(S, S.transpose(0, 2, 1))


@pytest.mark.parametrize("delays", [(0,), uniform(6, 3), uniform(6, 33), (0, 4, 5)])
def test_bits_do_not_depend_on_the_other_epochs_or_the_layout(seed, delays):
    X = np.random.default_rng(seed).standard_normal((7, 5, 190))
    n_window = 190 - max(delays)
    S = augmented_covariance(X, delays, n_window)
    for size in (1, 2, 3):
        parts = [
            augmented_covariance(X[a : a + size], delays, n_window)
            for a in range(0, 7, size)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), S)
    for same in (
        np.asfortranarray(X),
        np.repeat(X, 2, axis=2)[:, :, ::2],
        X[:, :, ::-1].copy()[:, :, ::-1],
        X.astype(">f8"),
    ):
        np.testing.assert_array_equal(augmented_covariance(same, delays, n_window), S)


def test_blocks_of_any_size_give_the_same_bits(X, monkeypatch):
    many = np.concatenate([X, X[::-1] + 1, 2 * X])
    for delays in (uniform(4, 3), (0, 4, 5)):
        S = augmented_covariance(many, delays, 170)
        with monkeypatch.context() as patch:
            # One, and two, epochs of 8 * (12**2 + 3 * 3 * 180) bytes; 9 is odd.
            for size in (1, 30_000):
                patch.setattr(lagged, "_BLOCK_BYTES", size)
                np.testing.assert_array_equal(
                    augmented_covariance(many, delays, 170), S
                )


def test_writes_into_out_and_never_into_x(X):
    kept = X.copy()
    X.setflags(write=False)
    out = np.full((3, 12, 12), np.nan)
    S = augmented_covariance(X, uniform(4, 2), 174, out=out)
    assert S is out
    np.testing.assert_array_equal(S, augmented_covariance(X, uniform(4, 2), 174))
    np.testing.assert_array_equal(X, kept)


def test_integers_and_float32_are_summed_in_float64(seed):
    counts = np.random.default_rng(seed).integers(-3000, 3000, (2, 3, 100))
    S = augmented_covariance(counts.astype(np.float64), uniform(3, 2), 96)
    for dtype in (np.int16, np.int32, np.float32):
        same = augmented_covariance(counts.astype(dtype), uniform(3, 2), 96)
        np.testing.assert_array_equal(same, S)


def test_no_delay_sequence_but_the_uniform_one_takes_the_fast_way(X, monkeypatch):
    def refuse(*args):
        raise AssertionError("embedded")

    monkeypatch.setattr(lagged, "_covariance_of_embedding", refuse)
    augmented_covariance(X, uniform(5, 4), 164)
    with pytest.raises(AssertionError, match="embedded"):
        augmented_covariance(X, (0, 4, 9), 171)
    with pytest.raises(AssertionError, match="embedded"):
        augmented_covariance(X, uniform(5, 4), 16)


@pytest.mark.parametrize("centered", [True, False])
def test_an_artefact_touches_only_the_windows_that_hold_it(seed, centered):
    X = np.random.default_rng(seed).standard_normal((1, 2, 120))
    delays, n_window = uniform(6, 5), 120 - 6 * 5
    for sample, first, last in ((1, 1, 6), (120 - 5 - 2, 0, 5)):
        # Copies first..last-1 do not hold the sample.
        spoilt = X.copy()
        spoilt[:, :, sample] = 1e8
        S = augmented_covariance(spoilt, delays, n_window, centered=centered)
        clean = augmented_covariance(X, delays, n_window, centered=centered)
        rows = slice(2 * first, 2 * last)
        assert relative_error(S[:, rows, rows], clean[:, rows, rows]) < 1e-12


def test_an_offset_costs_no_more_than_in_numpy(seed):
    # Near 1e8 doubles are 2**-26 apart: on a coarser grid, adding the offset is exact.
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((4, 3, 200)) * 2**20) / 2**20
    delays, n_window = uniform(5, 3), 188
    exact = augmented_covariance(X, delays, n_window)
    ours = relative_error(augmented_covariance(X + 1e8, delays, n_window), exact)
    numpys = relative_error(reference(X + 1e8, delays, n_window), exact)
    assert ours <= max(numpys, 1e-14)


def test_sine_has_rank_two_and_a_closed_form():
    frequency, sfreq, amplitude, lag = 8.0, 256.0, 3.0, 5
    t = np.arange(256 + 3 * lag)
    x = amplitude * np.sin(2 * np.pi * frequency * t / sfreq + 0.3)
    # The window holds whole periods: means vanish and the sums are exact.
    S = augmented_covariance(x[None, None], uniform(4, lag), 256, centered=False)[0]
    difference = np.subtract.outer(np.arange(4), np.arange(4)) * lag
    expected = amplitude**2 / 2 * np.cos(2 * np.pi * frequency * difference / sfreq)
    np.testing.assert_allclose(S, expected, atol=1e-13 * amplitude**2)
    assert np.linalg.matrix_rank(S, tol=1e-10) == 2


def test_delays_of_one_period_repeat_the_block(seed):
    period = np.random.default_rng(seed).standard_normal((2, 16))
    x = np.tile(period, 10)[None]
    S = augmented_covariance(x, uniform(3, 16), 128)[0]
    np.testing.assert_allclose(S, np.tile(S[:2, :2], (3, 3)), rtol=1e-12)


def test_impulse_counts_windows():
    # An impulse at sample 6 is in the window [d, d + 10) of the delays 0, 2, 4, 6.
    x = np.zeros((1, 1, 20))
    x[0, 0, 6] = 1.0
    S = augmented_covariance(x, uniform(5, 2), 10, centered=False)[0]
    np.testing.assert_allclose(S, np.diag([1, 1, 1, 1, 0]) / 10, atol=1e-18)


def test_white_noise_gives_the_identity_and_an_autoregression_its_powers():
    rng = np.random.default_rng(0)
    n, phi, lag = 200_000, 0.9, 3
    noise = rng.standard_normal((1, 1, n))
    S = augmented_covariance(noise, uniform(4, lag), n - 3 * lag)[0]
    # Entries err by 1 / sqrt(n) = 0.0022 or sqrt(2) of it; five of these.
    np.testing.assert_allclose(S, np.eye(4), atol=0.016)
    series = lfilter([np.sqrt(1 - phi**2)], [1, -phi], noise)
    S = augmented_covariance(series, uniform(4, lag), n - 3 * lag)[0]
    k = np.arange(4)
    expected = phi ** (np.abs(np.subtract.outer(k, k)) * lag)
    # Variances of an AR(1) err by sqrt(2 / n * (1 + phi^2) / (1 - phi^2)) = 0.0098.
    np.testing.assert_allclose(S, expected, atol=0.05)


def test_instantaneous_mixing_and_scale(X, seed):
    delays, n_window = uniform(4, 3), 171
    S = augmented_covariance(X, delays, n_window)
    mixing = np.random.default_rng(seed).standard_normal((2, 3))
    large = np.kron(np.eye(4), mixing)
    mixed = augmented_covariance(mixing @ X, delays, n_window)
    assert relative_error(mixed, large @ S @ large.T) < 1e-12
    np.testing.assert_array_equal(
        augmented_covariance(X * 2.0**-20, delays, n_window), S * 2.0**-40
    )


def test_embed_stacks_copies():
    X = np.arange(12.0).reshape(1, 2, 6)
    expected = [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]]
    np.testing.assert_array_equal(embed(X, (0, 3), 3), [expected])
