"""Smoke test of an installation without extras; a plain script, without pytest.

`tasks.py test` runs it where nothing but the wheel and what it requires is installed.
"""

import importlib.metadata
import importlib.util
import sys
import sysconfig
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils.estimator_checks import check_estimator

import skextras
import skextras.datasets

EXTRAS = ("mne", "pyriemann", "nilearn", "torch", "transformers", "matplotlib", "dask")


def smoke_installation():
    """The wheel is what is imported, and no extra has come along with it."""
    assert Path(skextras.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert skextras.__version__ == importlib.metadata.version("skextras")
    present = [name for name in EXTRAS if importlib.util.find_spec(name)]
    assert not present, f"installed, though no extra was asked for: {present}"


def smoke_estimator():
    """An estimator fits, transforms, and passes scikit-learn's own checks."""
    X = np.random.default_rng(0).standard_normal((6, 3, 200))
    matrices = skextras.AugmentedCovariance(order=2, lag=3).fit_transform(X)
    assert matrices.shape == (6, 6, 6)
    assert np.isfinite(matrices).all()
    with warnings.catch_warnings():
        # Checks that need pandas or another absent package are skipped aloud.
        warnings.simplefilter("ignore")
        check_estimator(skextras.AugmentedCovariance())


def smoke_data():
    """The recordings travel inside the wheel."""
    X, y = skextras.datasets.load_ssvep(return_X_y=True)
    assert X.ndim == 3
    assert len(X) == len(y)
    assert np.isfinite(X).all()


def smoke_missing_extra():
    """What needs an extra names the command that installs it."""
    try:
        skextras.datasets.load_ssvep(as_epochs=True)
    except ImportError as error:
        assert 'pip install "skextras[eeg]"' in str(error), error
    else:
        raise AssertionError("MNE objects were made without MNE")


if __name__ == "__main__":
    for check in (
        smoke_installation,
        smoke_estimator,
        smoke_data,
        smoke_missing_extra,
    ):
        check()
        print(f"{check.__name__}: ok", flush=True)
    print(f"skextras {skextras.__version__} works without extras, Python {sys.version}")
