"""The bundled recordings of nine speakers."""

import numpy as np
import pytest

from skextras.datasets import load_japanese_vowels


def test_shapes_and_content():
    vowels = load_japanese_vowels()
    assert len(vowels.data) == len(vowels.target) == 640
    lengths = [len(x) for x in vowels.data]
    assert (min(lengths), max(lengths), sum(lengths)) == (7, 29, 9961)
    assert {x.shape[1] for x in vowels.data} == {12}
    assert {x.dtype for x in vowels.data} == {np.dtype(np.float32)}
    assert vowels.n_train == 270
    assert np.bincount(vowels.target[:270]).tolist() == [30] * 9
    expected = [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert np.bincount(vowels.target[270:]).tolist() == expected
    assert vowels.target_names == [f"speaker {i}" for i in range(1, 10)]
    assert len(vowels.feature_names) == 12
    assert "Kudo" in vowels.DESCR
    assert "BSD" in vowels.DESCR


def test_equals_the_source(shared_data):
    source = np.load(shared_data("momentprobe/JapaneseVowels.npz"))
    vowels = load_japanese_vowels()
    np.testing.assert_array_equal(np.concatenate(vowels.data), source["tokens"])
    ends = np.cumsum([len(x) for x in vowels.data])
    np.testing.assert_array_equal(ends, source["offsets"][1:])
    np.testing.assert_array_equal(vowels.target + 1, source["y"].astype(int))


@pytest.mark.parametrize(
    ("split", "n", "n_train"), [("train", 270, 270), ("test", 370, 0)]
)
def test_splits(split, n, n_train):
    part, whole = load_japanese_vowels(split=split), load_japanese_vowels()
    assert len(part.data) == n
    assert part.n_train == n_train
    chosen = slice(270) if split == "train" else slice(270, None)
    np.testing.assert_array_equal(part.target, whole.target[chosen])
    for a, b in zip(part.data, whole.data[chosen], strict=True):
        np.testing.assert_array_equal(a, b)


def test_x_and_y_alone():
    X, y = load_japanese_vowels(split="test", return_X_y=True)
    assert len(X) == len(y) == 370


def test_each_call_returns_fresh_arrays():
    X, _ = load_japanese_vowels(return_X_y=True)
    X[0][:] = 0
    assert load_japanese_vowels().data[0].any()
    assert X[1].base is None


@pytest.mark.parametrize("split", ["validation", 1])
def test_unknown_split(split):
    with pytest.raises(ValueError, match=r"split must be one of \('train', 'test'\)"):
        load_japanese_vowels(split=split)
