"""Cross-validation of one order and lag, in which each thing is computed once."""

import time
import warnings
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from skextras._resources import require_memory, single_blas_thread
from skextras.numerics import spd
from skextras.numerics.lagged import augmented_covariance
from skextras.numerics.spd_mean import riemannian_mean

# At these gradient norms of a mean, predictions differ from those at the exact mean
# only where they are ties, or nearly so. Distances to several means, each with an error
# of its own, take more digits than kernels.
_TANGENT_TOLERANCE = 1e-3
_DISTANCE_TOLERANCE = 1e-5
# Of the matrices of one setting: themselves, the training ones, their factors and
# logarithms, in float64, and what else there is at that moment (measured: 20 to 34).
_BYTES_PER_ENTRY = 40


class Outcome(NamedTuple):
    """Scores and times of the candidates of one order and lag.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
        Test scores.

    fit_times : ndarray of shape (n_candidates, n_splits)
        Seconds of fitting; what the candidates share is divided among them.

    score_times : ndarray of shape (n_candidates, n_splits)
        Seconds of scoring.

    n_floored : int
        Number of matrices whose eigenvalues had to be raised, in the worst split.

    Examples
    --------
    >>> from skextras._augmented_covariance_search import Outcome
    >>> Outcome([[0.5]], [[0.1]], [[0.1]], 0).n_floored
    0
    """

    scores: np.ndarray
    fit_times: np.ndarray
    score_times: np.ndarray
    n_floored: int


def feasible_settings(search, X):
    """List the distinct orders and lags that the epochs are long enough for.

    Parameters
    ----------
    search : AugmentedCovarianceClassifierCV
        The search.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    Returns
    -------
    settings : list of (int, int)
        Order and lag; the lag of order 1, which has none, is 1.

    Raises
    ------
    ValueError
        If there is no such setting.
    """
    _, n_channels, n_times = X.shape
    pairs = [(order, lag) for lag in search.lags for order in search.orders]
    fits = {
        (order, lag): n_times - (order - 1) * lag > order * n_channels
        for order, lag in pairs
    }
    refused = [f"(order={o}, lag={k})" for (o, k), fit in fits.items() if not fit]
    if len(refused) == len(fits):
        raise ValueError(
            f"Epochs of {n_times} samples and {n_channels} channels are too short for "
            "all orders and lags: the window must have more samples than the matrix "
            "has rows. Lower orders and lags, or take fewer channels."
        )
    if refused:
        warnings.warn(
            f"{len(refused)} of {len(fits)} settings get the score NaN, since epochs "
            f"of {n_times} samples and {n_channels} channels are too short for them: "
            f"{', '.join(refused)}.",
            FitFailedWarning,
            stacklevel=4,
        )
    return list(dict.fromkeys(_setting(*pair) for pair in pairs if fits[pair]))


def _setting(order, lag):
    """One key for all settings that give the same matrices."""
    return (order, lag if order > 1 else 1)


def run(search, X, y, splits, settings, root):
    """Evaluate settings, over threads.

    Parameters
    ----------
    search : AugmentedCovarianceClassifierCV
        The search.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    y : ndarray of shape (n_epochs,)
        Their classes.

    splits : list of (ndarray, ndarray)
        Training and test indices of each split.

    settings : list of (int, int)
        Those of :func:`feasible_settings`.

    root : CallbackContext
        Context of the fit.

    Returns
    -------
    outcomes : dict of Outcome
        One for each setting.

    Raises
    ------
    MemoryError
        If the matrices of as many settings as there are threads do not fit.
    """
    n_rows = max(order for order, _ in settings) * X.shape[1]
    n_threads = min(effective_n_jobs(search.n_jobs), len(settings))
    require_memory(
        n_threads * len(X) * n_rows**2 * _BYTES_PER_ENTRY,
        f"the search over {len(X)} epochs with up to {n_rows} matrix rows, in "
        f"{n_threads} threads,",
        "Lower orders or n_jobs.",
    )

    outcomes = {}
    with single_blas_thread():
        # Only what is NumPy runs in the threads: scikit-learn's checks of arrays change
        # the warning filters of the process, which threads may leave changed.
        prepared = Parallel(
            n_jobs=search.n_jobs, require="sharedmem", return_as="generator"
        )(delayed(prepare)(X, y, splits, *setting, search) for setting in settings)
        for index, setting in enumerate(settings):
            context = root.subcontext(task_name="setting", task_id=index)
            context.call_on_fit_task_begin(estimator=search, X=X, y=y)
            outcomes[setting] = score(next(prepared), y, splits, search)
            context.call_on_fit_task_end(estimator=search, X=X, y=y)
    return outcomes


def tabulate(search, outcomes):
    """Put all settings into ParameterGrid's order, with what GridSearchCV keeps.

    Parameters
    ----------
    search : AugmentedCovarianceClassifierCV
        The search.

    outcomes : dict of Outcome
        Those of :func:`run`.

    Returns
    -------
    candidates : list of dict
        Parameters of each setting; the lag varies slowest, then order, C and kernel.

    out : list of dict
        ``test_scores``, ``fit_time`` and ``score_time`` of each split of each setting.
    """
    failed = {"test_scores": np.nan, "fit_time": 0.0, "score_time": 0.0}
    candidates, out = [], []
    for lag in search.lags:
        for order in search.orders:
            outcome = outcomes.get(_setting(order, lag))
            for row, final in enumerate(final_candidates(search)):
                candidates.append({"order": order, "lag": lag, **final})
                if outcome is None:
                    out += [failed] * search.n_splits_
                    continue
                columns = (outcome.scores, outcome.fit_times, outcome.score_times)
                out += [
                    dict(zip(failed, values, strict=True))
                    for values in zip(*(column[row] for column in columns), strict=True)
                ]
    return candidates, out


class Prepared(NamedTuple):
    """What the classifiers of one order and lag are given.

    Parameters
    ----------
    inputs : list of dict
        For each split, by kernel (None for "mdm"), what the classifier is fitted on and
        what it predicts from.

    seconds : list of float
        Time that each took.

    n_floored : int
        Number of matrices whose eigenvalues had to be raised, in the worst split.
    """

    inputs: list
    seconds: list
    n_floored: int


def prepare(X, y, splits, order, lag, search):
    """Compute kernel matrices or distances of one order and lag for each split.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs, long enough for order and lag.

    y : ndarray of shape (n_epochs,)
        Their classes.

    splits : list of (ndarray, ndarray)
        Training and test indices of each split.

    order, lag : int
        Number of copies and samples between them.

    search : AugmentedCovarianceClassifierCV
        Its parameters say what is needed.

    Returns
    -------
    prepared : Prepared
        Small arrays: the matrices are not kept.
    """
    begin = time.perf_counter()
    geometry = GEOMETRIES[search.metric](covariances(X, order, lag))
    inputs, seconds = [], []
    for train, test in splits:
        if search.final == "mdm":
            distances = geometry.distances(train, test, y[train])
            inputs.append({None: (None, distances)})
        else:
            vectors = geometry.tangent(train, test)
            inputs.append(kernel_matrices(*vectors, search.kernels))
        seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
    return Prepared(inputs, seconds, geometry.n_floored)


def score(prepared, y, splits, search):
    """Fit and score all candidates of one order and lag on each split.

    Parameters
    ----------
    prepared : Prepared
        What :func:`prepare` made for the splits.

    y : ndarray of shape (n_epochs,)
        Classes of the epochs.

    splits : list of (ndarray, ndarray)
        Training and test indices of each split.

    search : AugmentedCovarianceClassifierCV
        Its parameters say which candidates there are.

    Returns
    -------
    outcome : Outcome
        Rows in the order of :func:`final_candidates`.
    """
    candidates = final_candidates(search)
    shape = (len(candidates), len(splits))
    scores, fit_times, score_times = np.empty(shape), np.empty(shape), np.empty(shape)
    for column, (train, test) in enumerate(splits):
        shared = prepared.seconds[column] / len(candidates)
        for row, candidate in enumerate(candidates):
            fit_on, score_on = prepared.inputs[column][candidate.get("kernel")]
            begin = time.perf_counter()
            classifier = make_classifier(candidate).fit(fit_on, y[train])
            middle = time.perf_counter()
            scores[row, column] = search.scorer_(classifier, score_on, y[test])
            fit_times[row, column] = shared + middle - begin
            score_times[row, column] = time.perf_counter() - middle
    return Outcome(scores, fit_times, score_times, prepared.n_floored)


def final_candidates(search):
    """List the settings of the final classifier, those with the kernel fastest.

    Parameters
    ----------
    search : AugmentedCovarianceClassifierCV
        The search.

    Returns
    -------
    candidates : list of dict
        Values of C and kernel; one empty dict for "mdm".
    """
    if search.final == "mdm":
        return [{}]
    return [{"C": C, "kernel": kernel} for C in search.Cs for kernel in search.kernels]


def make_classifier(candidate):
    """Make the classifier of a candidate, for kernel matrices or distances.

    Parameters
    ----------
    candidate : dict
        One of :func:`final_candidates`.

    Returns
    -------
    classifier : SVC or MinimumDistance
        Unfitted.
    """
    if "C" in candidate:
        # Without a seed it would draw one from NumPy's global generator, for nothing.
        return SVC(C=candidate["C"], kernel="precomputed", random_state=0)
    return MinimumDistance()


def covariances(X, order, lag):
    """Compute the augmented covariances of all epochs.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    order, lag : int
        Number of copies and samples between them.

    Returns
    -------
    matrices : ndarray of shape (n_epochs, order * n_channels, order * n_channels)
        Those of :class:`skextras.AugmentedCovariance` with its other defaults.
    """
    delays = lag * np.arange(order)
    return augmented_covariance(X, delays, X.shape[2] - delays[-1])


def eigenvalue_floor(matrices):
    """Return the smallest eigenvalue that rounding lets be told from zero.

    Parameters
    ----------
    matrices : ndarray of shape (n_matrices, n_rows, n_rows)
        The training matrices.

    Returns
    -------
    floor : float
        The largest eigenvalue of all times ``n_rows`` and the machine precision.
    """
    largest = np.linalg.eigvalsh(matrices)[:, -1].max()
    return float(matrices.shape[1] * np.finfo(np.float64).eps * largest)


def kernel_matrices(train, test, kernels):
    """Compute the kernel matrices of an SVC with gamma="scale".

    Parameters
    ----------
    train : ndarray of shape (n_train, n_features)
        Training vectors, of mean zero.

    test : ndarray of shape (n_test, n_features)
        Test vectors.

    kernels : list of {"linear", "rbf"}
        What is needed.

    Returns
    -------
    matrices : dict
        For each kernel, the matrices (n_train, n_train) and (n_test, n_train).
    """
    linear = train @ train.T, test @ train.T
    matrices = {"linear": linear}
    if "rbf" in kernels:
        squares = np.einsum("ij,ij->i", train, train)
        test_squares = np.einsum("ij,ij->i", test, test)
        # gamma = 1 / (n_features * variance), as vectors of mean zero have it. Equal
        # vectors have no scale, and any will do.
        gamma = len(train) / (squares.sum() or 1.0)
        matrices["rbf"] = tuple(
            np.exp(-gamma * (norms[:, None] + squares - 2 * products))
            for norms, products in zip((squares, test_squares), linear, strict=True)
        )
    return matrices


class MinimumDistance(ClassifierMixin, BaseEstimator):
    """Classifier by squared distances to the classes, given in place of features.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._augmented_covariance_search import MinimumDistance
    >>> classifier = MinimumDistance().fit(None, np.array(["a", "b"]))
    >>> classifier.predict(np.array([[4.0, 1.0]])).tolist()
    ['b']
    """

    def fit(self, X, y):
        """Learn the classes.

        Parameters
        ----------
        X : None
            Ignored.

        y : ndarray of shape (n_samples,)
            Their sorted values are the columns of the distances.

        Returns
        -------
        self : object
            Fitted classifier.
        """
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """Tell how near the classes are.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_classes)
            Squared distances to the classes.

        Returns
        -------
        decisions : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Negated distances; of two classes, the first distance less the second.
        """
        return X[:, 0] - X[:, 1] if len(self.classes_) == 2 else -X

    def predict(self, X):
        """Return the nearest class.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_classes)
            Squared distances to the classes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The first of the nearest classes.
        """
        return self.classes_[X.argmin(axis=1)]


class Riemannian:
    """The affine-invariant geometry of a set of matrices.

    Parameters
    ----------
    matrices : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices.
    """

    def __init__(self, matrices):
        self.matrices = matrices
        self.n_floored = 0
        # The means of the splits differ little: each starts from the one before.
        self.starts = {}

    def tangent(self, train, test):
        """Map matrices to the tangent space at the mean of the training matrices.

        Parameters
        ----------
        train, test : ndarray of int
            Indices of the matrices.

        Returns
        -------
        train_vectors, test_vectors : ndarray of shape (n, n_rows * n_rows)
            Tangent vectors in some rotated frame, which kernels do not notice.
        """

        def compute(matrices):
            mean = self._mean(matrices[train], "all", _TANGENT_TOLERANCE)
            logs = spd.whitened_logs(matrices[test], mean.whitener)
            return mean.logs.reshape(len(train), -1), logs.reshape(len(test), -1)

        return self._definite(compute, train)

    def distances(self, train, test, classes):
        """Measure squared distances of the test matrices to the class means.

        Parameters
        ----------
        train, test : ndarray of int
            Indices of the matrices.

        classes : ndarray of shape (n_train,)
            Classes of the training matrices.

        Returns
        -------
        distances : ndarray of shape (n_test, n_classes)
            A column for each sorted class.
        """

        def compute(matrices):
            whiteners = []
            for label in np.unique(classes):
                members = matrices[train[classes == label]]
                mean = self._mean(members, label, _DISTANCE_TOLERANCE)
                whiteners.append(mean.whitener)
            return spd.squared_distances(matrices[test], np.stack(whiteners))

        return self._definite(compute, train)

    def _mean(self, matrices, key, tol):
        mean = riemannian_mean(matrices, start=self.starts.get(key), tol=tol)
        self.starts[key] = mean.mean
        return mean

    def _definite(self, compute, train):
        """Raise eigenvalues, for one split, where a matrix is not definite."""
        try:
            return compute(self.matrices)
        except spd.NotPositiveDefiniteError:
            floor = eigenvalue_floor(self.matrices[train])
            floored, count = spd.floor_eigenvalues(self.matrices, floor)
            self.n_floored = max(self.n_floored, count)
            self.starts = {}
            return compute(floored)


class LogEuclidean:
    """The geometry in which the logarithms of matrices are vectors.

    Parameters
    ----------
    matrices : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices.
    """

    def __init__(self, matrices):
        self.n_floored = 0
        try:
            logs = spd.matrix_log(matrices)
        except spd.NotPositiveDefiniteError:
            floor = eigenvalue_floor(matrices)
            matrices, self.n_floored = spd.floor_eigenvalues(matrices, floor)
            logs = spd.matrix_log(matrices)
        self.vectors = logs.reshape(len(logs), -1)

    def tangent(self, train, test):
        """Centre the logarithms; see :meth:`Riemannian.tangent`."""
        centre = self.vectors[train].mean(axis=0)
        return self.vectors[train] - centre, self.vectors[test] - centre

    def distances(self, train, test, classes):
        """Measure squared distances; see :meth:`Riemannian.distances`."""
        return np.stack(
            [
                np.square(
                    self.vectors[test] - self.vectors[train[classes == label]].mean(0)
                ).sum(axis=1)
                for label in np.unique(classes)
            ],
            axis=1,
        )


GEOMETRIES = {"riemann": Riemannian, "logeuclid": LogEuclidean}
