"""Images of digits as sets of small windows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skextras.datasets import make_digit_tokens


@pytest.mark.parametrize("window", [1, 3, np.int64(5), 8])
def test_windows(window):
    X, y = make_digit_tokens(window)
    side = 9 - window
    assert X.shape == (1797, side**2, window**2)
    assert X.flags.c_contiguous
    assert 0 <= X.min() < X.max() <= 1
    digits = load_digits()
    np.testing.assert_array_equal(y, digits.target)
    for token, (row, column) in {0: (0, 0), side**2 - 1: (side - 1, side - 1)}.items():
        cut = digits.images[7, row : row + window, column : column + window] / 16
        np.testing.assert_array_equal(X[7, token], cut.ravel())


def test_each_call_returns_fresh_arrays():
    X, _ = make_digit_tokens()
    X[:] = 0
    assert make_digit_tokens()[0].any()


@pytest.mark.parametrize("window", [0, 9, 2.5, -1, "3"])
def test_no_such_window(window):
    with pytest.raises(ValueError, match="window must be an integer from 1 to 8, got"):
        make_digit_tokens(window)
