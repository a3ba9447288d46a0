"""The bundled digits."""

import numpy as np
import pytest
from cca_data import load_view

from skextras.datasets import load_mfeat


def test_shapes_and_content():
    mfeat = load_mfeat()
    assert mfeat.data.shape == (2000, 363)
    assert mfeat.data.dtype == np.float64
    assert mfeat.widths == [76, 240, 47]
    assert mfeat.view_names == ["fou", "pix", "zer"]
    assert np.bincount(mfeat.target).tolist() == [200] * 10
    assert "CC BY 4.0" in mfeat.DESCR
    np.testing.assert_array_equal(
        mfeat.data, np.hstack([mfeat.fou, mfeat.pix, mfeat.zer])
    )


@pytest.mark.parametrize("name", ["fou", "pix", "zer"])
def test_equals_the_source(name, shared_data):
    np.testing.assert_array_equal(load_mfeat()[name], load_view(shared_data, name))


def test_digits_look_like_digits():
    """A zero has its ink around an empty centre, a one in the middle columns."""
    mfeat = load_mfeat()
    images = mfeat.pix.reshape(-1, 16, 15)
    zero, one = (images[mfeat.target == digit].mean(axis=0) for digit in (0, 1))
    assert zero[6:10, 6:9].mean() < 1 < 3 < zero[1:15, [2, 3, 11, 12]].mean()
    assert one[4:12, 5:10].mean() > 2 * one[4:12, [0, 14]].mean()


def test_x_and_y_alone():
    X, y = load_mfeat(return_X_y=True)
    assert X.shape == (2000, 363)
    np.testing.assert_array_equal(y, load_mfeat().target)


def test_each_call_returns_fresh_arrays():
    load_mfeat().data[:] = 0
    assert load_mfeat().data.any()
