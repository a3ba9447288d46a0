"""Documentation link and pickles across versions."""

import pickle
import warnings

import numpy as np
import pytest
import skops.io
from sklearn.utils import estimator_html_repr

import skextras
from skextras import AugmentedCovariance
from skextras.exceptions import InconsistentVersionWarning


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).standard_normal((3, 2, 50))
    return AugmentedCovariance().fit(X)


def test_pickle_of_another_version_warns(fitted, monkeypatch):
    monkeypatch.setattr(skextras, "__version__", "0.0.1")
    dump = pickle.dumps(fitted)
    monkeypatch.undo()
    message = r"AugmentedCovariance was pickled by skextras 0\.0\.1 .*Fit it again"
    with pytest.warns(InconsistentVersionWarning, match=message):
        restored = pickle.loads(dump)
    assert restored.lag_ == fitted.lag_


def test_state_without_a_version_warns(fitted):
    state = fitted.__getstate__()
    del state["_skextras_version"]
    with pytest.warns(InconsistentVersionWarning, match="skextras unknown"):
        AugmentedCovariance().__setstate__(state)


def test_pickle_of_this_version_is_silent_and_adds_no_attribute(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = pickle.loads(pickle.dumps(fitted))
        again = skops.io.loads(
            skops.io.dumps(fitted),
            trusted=skops.io.get_untrusted_types(data=skops.io.dumps(fitted)),
        )
    assert vars(restored).keys() == vars(again).keys() == vars(fitted).keys()


def test_diagram_links_to_the_documentation(fitted):
    html = estimator_html_repr(fitted)
    assert "skextras.AugmentedCovariance.html" in html
