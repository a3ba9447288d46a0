"""One shrinkage for all views, chosen by correlation in held-out folds."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from skextras.numerics.canonical import canonical_directions, variate_correlations
from skextras.numerics.scatter import covariance
from skextras.numerics.view_moments import merge_view_moments, variate_covariances
from skextras.numerics.whitening import rank_cutoff

SHARES = (0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.0)
N_FOLDS = 5


def choose_share(scores):
    """Return the share of the largest mean score, the larger one of equals.

    Parameters
    ----------
    scores : ndarray of shape (n_folds, n_shares)
        Held-out scores of the shares in `SHARES`.

    Returns
    -------
    share : float
        The chosen share.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.shrinkage_choice import choose_share
    >>> choose_share(np.array([[0.1, 0.5, 0.5] + 7 * [0.2]]))
    0.001
    """
    means = np.mean(scores, axis=0)
    return SHARES[len(means) - 1 - int(np.argmax(means[::-1]))]


def score_shares_by_moments(folds, n_components=None, *, scale=False):
    """Return held-out scores of all shares, from the moments of the folds.

    Parameters
    ----------
    folds : list of ViewMoments
        Moments of the rows of each fold.

    n_components : int, default=None
        Number of components; the smallest rank if None.

    scale : bool, default=False
        Whether columns are divided by the training rows' standard deviations.

    Returns
    -------
    scores : ndarray of shape (n_folds, n_shares)
        Mean correlation of the variates of each fold, under the weights that the
        other folds give.

    Notes
    -----
    The training moments are the merged moments of the other folds. One
    eigendecomposition of each view serves all positive shares, which only change the
    scale of its coordinates; without shrinkage the rank is decided in other units and
    takes a decomposition of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.shrinkage_choice import score_shares_by_moments
    >>> from skextras.numerics.view_moments import (
    ...     empty_view_moments, update_view_moments
    ... )
    >>> x = np.random.default_rng(0).standard_normal((50, 3))
    >>> x = np.hstack([x, x[:, :2]])
    >>> folds = [
    ...     update_view_moments(empty_view_moments((3, 2)), x[fold::5])
    ...     for fold in range(5)
    ... ]
    >>> score_shares_by_moments(folds)[:, 0].round(12)
    array([1., 1., 1., 1., 1.])
    """
    scores = []
    for i, held_out in enumerate(folds):
        train = None
        for j, fold in enumerate(folds):
            if j != i:
                train = fold if train is None else merge_view_moments(train, fold)

        def coordinates(standardise, train=train, held_out=held_out):
            return _moment_coordinates(train, held_out, standardise)

        scores.append(_scores_of_fold(coordinates, n_components, scale))
    return np.array(scores)


def score_shares_by_gram(views, n_components=None, *, scale=False, step=1024):
    """Return held-out scores of all shares, from inner products of rows.

    Parameters
    ----------
    views : list of array-like of shape (n_rows, n_features_i)
        The views; fold i holds the rows i, i + 5, i + 10, ...

    n_components : int, default=None
        Number of components; the smallest rank if None.

    scale : bool, default=False
        Whether columns are divided by the training rows' standard deviations.

    step : int, default=1024
        Number of columns read at once.

    Returns
    -------
    scores : ndarray of shape (n_folds, n_shares)
        As of `score_shares_by_moments`.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.shrinkage_choice import score_shares_by_gram
    >>> x = np.random.default_rng(0).standard_normal((20, 40))
    >>> score_shares_by_gram([x, x], 1).shape
    (5, 10)
    """
    scores = []
    for fold in range(N_FOLDS):
        held_out = np.arange(views[0].shape[0]) % N_FOLDS == fold

        def coordinates(standardise, held_out=held_out):
            return _gram_coordinates(views, held_out, standardise, step)

        scores.append(_scores_of_fold(coordinates, n_components, scale))
    return np.array(scores)


class _Coordinates(NamedTuple):
    """Training and held-out covariances in the principal axes of the training rows."""

    variances: list  # of each view, along its axes
    targets: list
    cross: list
    test: Any  # of all views side by side


def _scores_of_fold(coordinates, n_components, scale):
    """Return the scores of all shares on one fold."""
    unit_free = coordinates(True)
    ridged = unit_free if scale else coordinates(False)
    return [
        _score(unit_free if share == 0 else ridged, share, n_components)
        for share in SHARES
    ]


def _score(coordinates, share, n_components):
    scales = [
        1 / np.sqrt((1 - share) * variances + share * target)
        for variances, target in zip(
            coordinates.variances, coordinates.targets, strict=True
        )
    ]
    n_views = len(scales)
    cross = [[None] * n_views for _ in scales]
    for i, j in combinations(range(n_views), 2):
        cross[i][j] = scales[i][:, None] * coordinates.cross[i][j] * scales[j]
    ranks = [len(s) for s in scales]
    if min(ranks) == 0:  # constant in the training rows
        return 0.0
    wanted = min(ranks) if n_components is None else min(n_components, *ranks)
    found = canonical_directions(cross, wanted)
    directions = [s[:, None] * q for s, q in zip(scales, found.weights, strict=True)]
    covariances = variate_covariances(coordinates.test, directions)
    return variate_correlations(covariances, n_views).mean()


def _moment_coordinates(train, held_out, standardise):
    """Return coordinates from second moments."""
    total, test = covariance(train.scatter), held_out.scatter.scatter
    if standardise:
        deviations = np.sqrt(np.diagonal(total))
        deviations = np.where(deviations > 0, deviations, 1.0)
        total = total / deviations / deviations[:, None]
        test = test / deviations / deviations[:, None]
    parts = train.columns
    variances, axes, targets = [], [], []
    for part in parts:
        values, vectors = np.linalg.eigh(total[part, part])
        large = values > rank_cutoff(train.n_rows, len(values)) * values[-1]
        variances.append(values[large])
        axes.append(vectors[:, large])
        targets.append(np.trace(total[part, part]) / len(values))
    cross = [[None] * len(parts) for _ in parts]
    for i, j in combinations(range(len(parts)), 2):
        cross[i][j] = axes[i].T @ total[parts[i], parts[j]] @ axes[j]
    return _Coordinates(variances, targets, cross, variate_covariances(test, axes))


def _gram_coordinates(views, held_out, standardise, step):
    """Return coordinates from inner products of rows."""
    n_rows = int(np.count_nonzero(~held_out))
    rows = [_principal_rows(view, held_out, standardise, step) for view in views]
    train, test = [r[0] for r in rows], np.hstack([r[1] for r in rows])
    variances = [np.einsum("ij,ij->j", a, a) / (n_rows - 1) for a in train]
    cross = [[None] * len(views) for _ in views]
    for i, j in combinations(range(len(views)), 2):
        cross[i][j] = train[i].T @ train[j] / (n_rows - 1)
    test -= test.mean(axis=0)
    targets = [r[2] / (n_rows - 1) for r in rows]
    return _Coordinates(variances, targets, cross, test.T @ test)


def _principal_rows(view, held_out, standardise, step):
    """Return training and held-out rows in the principal axes of the former.

    And the mean, over columns, of the training sum of squares.
    """
    n_rows, n_features = int(np.count_nonzero(~held_out)), view.shape[1]
    cutoff = rank_cutoff(n_rows, n_features)
    if n_features <= n_rows:
        train, test = _centred(view[:, :], held_out, standardise)
        values, axes = np.linalg.eigh(train.T @ train)
        axes = axes[:, values > cutoff * values[-1]]
        return train @ axes, test @ axes, values.sum() / n_features
    gram = np.zeros((n_rows, n_rows))
    between = np.zeros((len(held_out) - n_rows, n_rows))
    for start in range(0, n_features, step):
        train, test = _centred(view[:, start : start + step], held_out, standardise)
        gram += train @ train.T
        between += test @ train.T
    values, vectors = np.linalg.eigh(gram)
    large = values > cutoff * values[-1]
    roots, vectors = np.sqrt(values[large]), vectors[:, large]
    return vectors * roots, between @ (vectors / roots), values.sum() / n_features


def _centred(columns, held_out, standardise):
    """Return training and held-out rows, centred and divided as the former say."""
    first = columns[0].astype(np.float64)
    x = np.subtract(columns, first, dtype=np.float64)
    train, test = x[~held_out], x[held_out]
    mean = train.mean(axis=0)
    train, test = train - mean, test - mean
    if standardise:
        deviations = np.sqrt(np.einsum("ij,ij->j", train, train) / (len(train) - 1))
        deviations = np.where(deviations > 0, deviations, 1.0)
        train, test = train / deviations, test / deviations
    return train, test
