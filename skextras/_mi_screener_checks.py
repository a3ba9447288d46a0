"""Checks of parameters against each other and against the data."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length

from skextras._mi_screener_target import read_target

_NUMBERS = ("k", "n_bins", "grid_size", "n_neighbors", "n_permutations", "threshold")


def check_parameters(params):
    """Refuse parameters that contradict each other.

    Parameters
    ----------
    params : MIScreener
        The estimator.

    Raises
    ------
    ValueError
        If a parameter is a boolean that must be a number, or two do not go together.

    Examples
    --------
    >>> from skextras import MIScreener
    >>> from skextras._mi_screener_checks import check_parameters
    >>> check_parameters(MIScreener(alpha=0.05))
    """
    for name in _NUMBERS:
        if isinstance(getattr(params, name), bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {getattr(params, name)}.")
    if params.pvalues is True:
        raise ValueError('pvalues must be "auto", "permutation" or False, got True.')
    if params.n_bins == "birge-rozenholc" and params.strategy == "quantile":
        raise ValueError(
            'n_bins="birge-rozenholc" counts intervals of equal width and contradicts '
            'strategy="quantile": set strategy="uniform" or another n_bins.'
        )
    if params.alpha is not None and params.pvalues is False:
        raise ValueError(
            f"alpha={params.alpha} needs p-values and contradicts pvalues=False: set "
            'pvalues="auto" or alpha=None.'
        )
    if params.method == "fftkde" and params.marginal is None and wants_p_values(params):
        raise ValueError(
            f"alpha={params.alpha} and pvalues={params.pvalues!r} need null scores, "
            'which method="fftkde" has for marginal="normal-score" only, got '
            "marginal=None."
        )
    _check_grid(params.grid_size)


def _check_grid(grid_size):
    """Refuse a pair that is none, or out of range."""
    if isinstance(grid_size, str | Integral):
        return
    pair = list(grid_size)
    legal = len(pair) == 2 and all(
        isinstance(m, Integral) and not isinstance(m, bool) and 16 <= m <= 512
        for m in pair
    )
    if not legal:
        raise ValueError(
            'grid_size must be "auto", an integer or a pair of integers of 16 to 512, '
            f"got {grid_size!r}."
        )


def wants_p_values(params):
    """Tell whether p-values are computed.

    Parameters
    ----------
    params : MIScreener
        The estimator.

    Returns
    -------
    wanted : bool
        With "auto" those of fftkde and knn, which take a null distribution, only if
        `alpha` asks for them.
    """
    if params.pvalues == "auto":
        return params.method not in ("fftkde", "knn") or params.alpha is not None
    return params.pvalues == "permutation"


def check_outcome(params, target):
    """Refuse an outcome that the method cannot take; say what is odd about it.

    Parameters
    ----------
    params : MIScreener
        The estimator.

    target : Target
        The outcome.

    Returns
    -------
    messages : list of str
        What to warn of.

    Raises
    ------
    ValueError
        If there are too many classes or too few samples.
    """
    if params.method == "knn" and params.n_neighbors >= target.n:
        raise ValueError(
            f"n_neighbors={params.n_neighbors} must be less than n_samples={target.n}. "
            "Lower n_neighbors."
        )
    if not target.discrete:
        constant = ["y is constant: all scores are 0."] if target.constant else []
        return constant
    if params.method in ("pearson", "gaussian") and len(target.classes) > 2:
        raise ValueError(
            f"method={params.method!r} takes two classes, got {len(target.classes)}: "
            'set method="binning", or target_type="continuous" if the labels are '
            "numbers whose order means something."
        )
    present = target.counts > 0
    if present.sum() == 1:
        name = target.classes[present][0]
        return [f"y has only one class, {name!r}: all scores are 0."]
    alone = target.classes[target.counts == 1]
    if params.method == "knn" and len(alone):
        return [
            f"y has classes of one member, {alone.tolist()}, which nearest neighbours "
            "cannot use: they are left out."
        ]
    return []


def forced_features(discrete_features, n_features):
    """Return the mask that `discrete_features` asks for.

    Parameters
    ----------
    discrete_features : "auto", bool or array-like
        Mask or indices of the discrete features, or all or none.

    n_features : int
        Number of features.

    Returns
    -------
    forced : ndarray of bool of shape (n_features,) or None
        None for "auto".

    Raises
    ------
    ValueError
        If it is neither a mask of the features nor indices of some.

    Examples
    --------
    >>> from skextras._mi_screener_checks import forced_features
    >>> forced_features([0, 2], 3)
    array([ True, False,  True])
    """
    if isinstance(discrete_features, str):
        return None
    if isinstance(discrete_features, bool | np.bool_):
        return np.full(n_features, bool(discrete_features))
    given = np.asarray(discrete_features)
    if given.dtype == bool and given.shape == (n_features,):
        return given.copy()
    forced = np.zeros(n_features, bool)
    if given.size == 0:
        return forced
    legal = given.dtype.kind in "iu" and given.ndim == 1
    if not legal or given.min() < -n_features or given.max() >= n_features:
        raise ValueError(
            "discrete_features must be a mask of shape "
            f"({n_features},) or indices of the {n_features} features, got "
            f"{discrete_features!r}."
        )
    forced[given] = True
    return forced


def check_order(params, reader, labels):
    """Refuse categories without order where their codes would count as numbers.

    Parameters
    ----------
    params : MIScreener
        The estimator.

    reader : object
        Reader of X.

    labels : list of str
        Names of the features.

    Raises
    ------
    ValueError
        Naming the first such column.
    """
    if params.method not in ("pearson", "gaussian"):
        return
    for j, known in reader.labels.items():
        if reader.unordered[j] and len(known) > 2:
            raise ValueError(
                f"The column {labels[j]!r} of X has {len(known)} categories without "
                f"order, of which method={params.method!r} can make nothing: set "
                'method="binning".'
            )


def read_more(params, rows, reader, y):
    """Return the outcome of further rows, and give X the codes of the first ones.

    Parameters
    ----------
    params : MIScreener
        The estimator.

    rows : dict
        What `partial_fit` keeps of the rows before.

    reader : object
        Reader of X.

    y : array-like of shape (n_samples,)
        The outcome.

    Returns
    -------
    target : Target
        The outcome, coded as the first rows' was.

    Raises
    ------
    ValueError
        If the method has changed, or a label or level is new.
    """
    if rows["method"] != params.method:
        raise ValueError(
            f"method={params.method!r} differs from the method={rows['method']!r} of "
            "the rows before: begin anew with fit, or set it back."
        )
    if rows["labels"]:
        if not hasattr(reader, "recode"):
            raise ValueError(
                "The first rows came as a data frame with categories: give the others "
                "as one too."
            )
        reader.recode(rows["labels"])
    kind = "continuous" if rows["classes"] is None else "discrete"
    target, _ = read_target(y, kind, rows["classes"])
    check_consistent_length(range(reader.n_samples), range(target.n))
    return target


def describe_result(found):
    """Return what to warn of after screening.

    Parameters
    ----------
    found : Screened
        Scores and what came up on the way.

    Returns
    -------
    messages : list of str
        In words.

    Raises
    ------
    ValueError
        If no feature has a score.
    """
    messages, lacking = [], np.isnan(found.scores)
    if lacking.all():
        raise ValueError(
            f"No feature of X has enough valid pairs with y: {found.n_valid.max()} of "
            "a feature at most."
        )
    if lacking.any():
        messages.append(
            f"{lacking.sum()} of {len(lacking)} features have too few valid pairs with "
            "y: their scores are NaN."
        )
    if found.n_coarse:
        messages.append(
            f"{found.n_coarse} grids are coarser than the bandwidth, because of "
            'outliers or a small bandwidth: set marginal="normal-score" or raise '
            "grid_size or bandwidth_scale."
        )
    return messages
