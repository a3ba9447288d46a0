"""What every estimator shares: the documentation link and the age of its pickles."""

import warnings

import skextras
from skextras.exceptions import InconsistentVersionWarning


class PackageMixin:
    """Make an estimator known as one of this package.

    The "?" of its HTML diagram points at this package's API pages, and unpickling one
    that another version of the package has fitted warns.
    """

    _doc_link_module = "skextras"

    @property
    def _doc_link_template(self):
        return (
            "https://skextras.readthedocs.io/en/stable/generated/"
            "skextras.{estimator_name}.html"
        )

    def __getstate__(self):
        return {**super().__getstate__(), "_skextras_version": skextras.__version__}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_skextras_version", "unknown")
        if version != skextras.__version__:
            warnings.warn(
                f"This {type(self).__name__} was pickled by skextras {version} and is "
                f"read by {skextras.__version__}: its results may differ. Fit it "
                "again.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
