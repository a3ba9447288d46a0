"""Which features pass: the best, those above a threshold, those significant."""

import numpy as np


def select(scores, p_values, *, k, threshold, alpha, control):
    """Return the features that pass all rules.

    Parameters
    ----------
    scores : ndarray of shape (n_features,)
        NaN never passes.

    p_values : ndarray of shape (n_features,) or None
        Needed with `alpha` only.

    k : int, float or "all"
        The best to keep, as number or share; among equal scores the first.

    threshold : float or None
        Least score.

    alpha : float or None
        Error level.

    control : {"fdr_bh", "fdr_by", "fpr", "fwe"}
        The error that `alpha` bounds: false discovery rate by Benjamini and Hochberg
        or, under any dependence, by Benjamini and Yekutieli; the rate of false
        positives; the chance of any.

    Returns
    -------
    support : ndarray of bool of shape (n_features,)
        The features that pass.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._mi_screener_selection import select
    >>> scores = np.array([0.3, np.nan, 0.5, 0.3])
    >>> select(scores, None, k=2, threshold=None, alpha=None, control="fpr")
    array([ True, False,  True, False])
    """
    support = best(scores, k)
    if threshold is not None:
        with np.errstate(invalid="ignore"):
            support &= scores >= threshold
    if alpha is not None:
        support &= significant(p_values, alpha, control)
    return support


def best(scores, k):
    """Mask of the k best scores, ties by index; NaN is none of them."""
    n_features = len(scores)
    if k == "all":
        k = n_features
    elif k < 1:
        k = max(1, int(k * n_features))
    # Stable, so that of equal scores the first comes first.
    order = np.argsort(-scores, kind="stable")[:k]
    support = np.zeros(n_features, bool)
    support[order] = True
    return support & ~np.isnan(scores)


def significant(p_values, alpha, control):
    """Mask of the features that the error control passes; NaN never does."""
    tested = ~np.isnan(p_values)
    p, n_tests = p_values[tested], max(int(tested.sum()), 1)
    if control == "fpr":
        limit = alpha
    elif control == "fwe":
        limit = alpha / n_tests
    else:
        level = alpha / n_tests
        if control == "fdr_by":
            level /= (1.0 / np.arange(1, n_tests + 1)).sum()
        ordered = np.sort(p)
        passing = ordered[ordered <= level * np.arange(1, len(p) + 1)]
        # Those at the limit pass, unlike under the other controls.
        limit = np.nextafter(passing.max(), 2.0) if len(passing) else 0.0
    with np.errstate(invalid="ignore"):
        return p_values < limit
