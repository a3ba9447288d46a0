"""Public warnings."""

import warnings

import pytest

import skextras.exceptions


@pytest.mark.parametrize("name", skextras.exceptions.__all__)
def test_can_be_silenced_alone(name):
    category = getattr(skextras.exceptions, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", category)
        warnings.warn("silenced", category, stacklevel=1)
        with pytest.raises(UserWarning):
            warnings.warn("not silenced", UserWarning, stacklevel=1)
