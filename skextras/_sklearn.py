"""The only module that imports private scikit-learn names."""

from sklearn.base import _fit_context
from sklearn.model_selection import GridSearchCV
from sklearn.utils._metadata_requests import _routing_enabled
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import _check_feature_names_in

__all__ = [
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_fit_context",
    "_routing_enabled",
    "format_search_results",
]


def format_search_results(candidates, n_splits, out):
    """Lay out scores as ``GridSearchCV.cv_results_``.

    Parameters
    ----------
    candidates : list of dict
        The parameters of each candidate.

    n_splits : int
        Number of splits.

    out : list of dict
        ``test_scores``, ``fit_time`` and ``score_time`` of each split of each
        candidate, those of one candidate together.

    Returns
    -------
    cv_results : dict
        Columns as in scikit-learn, times included.

    Examples
    --------
    >>> from skextras._sklearn import format_search_results
    >>> out = [{"test_scores": s, "fit_time": 1.0, "score_time": 1.0} for s in (0.2, 1)]
    >>> results = format_search_results([{"a": 1}, {"a": 2}], 1, out)
    >>> results["rank_test_score"]
    array([2, 1], dtype=int32)
    """
    return GridSearchCV(None, {})._format_results(candidates, n_splits, out)
