"""What the transformer and the classifiers share."""

import threading

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_info
from tokens import ragged_tokens

from skextras import TokenMoments
from skextras._moment_probe_features import (
    blas_threads_for,
    compute_moments,
    drop_unweighted,
    encode_classes,
    forget_moments,
    iterate_moments,
    learn_moments,
    moment_chunks,
    n_moments,
    read_tokens,
    two_sided,
    warn_one_token,
)


def _fitted(seed, **params):
    X, _ = ragged_tokens(seed)
    moments = TokenMoments(**params).fit(X)
    return moments, read_tokens(moments, X, 5)


@pytest.mark.parametrize(
    ("params", "widths"),
    [
        ({}, (5, 15, 2)),
        ({"n_components": 3}, (5, 6, 2)),
        ({"norm_moments": False}, (5, 15, 0)),
        ({"order": 1}, (5, 0, 0)),
    ],
)
def test_widths(seed, params, widths):
    moments, tokens = _fitted(seed, **params)
    assert n_moments(moments) == widths
    assert compute_moments(moments, tokens).shape == (40, sum(widths))


@pytest.mark.parametrize("n_samples", [1, 15, 1000])
def test_iterating_is_computing(seed, monkeypatch, n_samples):
    monkeypatch.setattr("skextras._validation_tokens._CHUNK_BYTES", 20_000)
    moments, tokens = _fitted(seed, n_jobs=2)
    ranges = moment_chunks(moments, tokens)
    assert len(ranges) > 3
    longest = max(stop - start for start, stop in ranges)
    whole, covered = compute_moments(moments, tokens), 0
    for chunk, features in iterate_moments(moments, tokens, n_samples):
        np.testing.assert_array_equal(features, whole[chunk])
        assert chunk.start == covered
        assert len(features) <= max(n_samples, longest)
        covered += len(features)
    assert covered == 40


@pytest.mark.parametrize("n_jobs", [None, 2, 50])
def test_a_function_of_the_moments(seed, n_jobs, monkeypatch):
    monkeypatch.setattr("skextras._validation_tokens._CHUNK_BYTES", 20_000)
    moments, tokens = _fitted(seed, n_jobs=n_jobs)
    sums = compute_moments(
        moments, tokens, lambda f: f[:, :2].astype(np.float32), 2, np.float32
    )
    assert sums.dtype == np.float32
    expected = compute_moments(moments, tokens)[:, :2]
    np.testing.assert_array_equal(sums, expected.astype(np.float32))


def test_learning_in_threads(seed):
    X, _ = ragged_tokens(seed)
    expected, found = TokenMoments().fit(X).components_, [None] * 4

    def work(i):
        moments = TokenMoments()
        tokens = read_tokens(moments, X)
        learn_moments(moments, tokens, np.ones(40))
        found[i] = moments.components_

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for components in found:
        np.testing.assert_array_equal(components, expected)


def test_small_matrices_are_worked_on_by_one_blas_thread():
    def counts():
        return [
            lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"
        ]

    before = counts()
    with blas_threads_for(10):
        assert set(counts()) == {1}
    with blas_threads_for(5000):
        assert counts() == before
    assert counts() == before


def test_forgetting(seed):
    moments, _ = _fitted(seed)
    forget_moments(moments)
    assert not hasattr(moments, "n_samples_seen_")
    assert not hasattr(moments, "components_")
    forget_moments(moments)


def test_samples_of_weight_zero(seed):
    _, tokens = _fitted(seed)
    weights = np.ones(40)
    same, _ = drop_unweighted(tokens, weights)
    assert same is tokens
    weights[[0, 3]] = 0
    fewer, left = drop_unweighted(tokens, weights)
    assert len(fewer) == len(left) == 38
    np.testing.assert_array_equal(fewer.read(0, 1), tokens.read(1, 2))


def test_classes():
    classes, codes = encode_classes(BaseEstimator(), np.array(["b", "a", "b"]))
    assert classes.tolist() == ["a", "b"]
    assert codes.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match=r"BaseEstimator needs .* only one class: "):
        encode_classes(BaseEstimator(), np.array([3, 3]))


def test_two_sided():
    np.testing.assert_array_equal(two_sided(np.array([2.0, -1])), [[0, 2], [0, -1]])
    scores = np.ones((2, 3))
    assert two_sided(scores) is scores


def test_the_warning_points_at_the_caller():
    with pytest.warns(UserWarning, match="Set order=1, or centered=False") as caught:
        warn_one_token("order=1", stacklevel=1)
    assert caught[0].filename == __file__
