"""AugmentedCovarianceClassifierCV beside GridSearchCV over pyRiemann's classifiers."""

import contextlib
import functools
import os
import time
import warnings
from pathlib import Path

import numpy as np
from _harness import (
    Row,
    Table,
    describe_machine,
    extra_peak,
    median_times,
    parse_arguments,
    write_section,
)
from scipy.signal import butter, sosfiltfilt
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skextras import AugmentedCovariance, AugmentedCovarianceClassifierCV
from skextras.datasets import load_ssvep
from skextras.numerics import spd
from skextras.numerics.spd_mean import riemannian_mean

PACKAGES = ["numpy", "scipy", "scikit-learn", "pyriemann"]
MOTOR_IMAGERY = "acm/eegmmi_S001_runs03-14.npz"
# No order and lag at which the filtered recordings are singular but for rounding.
GRIDS = {
    "SSVEP subject 12": {"orders": (1, 2, 4, 8), "lags": (2, 4)},
    "EEGMMI subject 1": {"orders": (1, 2, 4), "lags": (2, 4)},
}
SEARCH_TOLERANCE = 1e-3


def main(argv=None):
    """Measure, print the table, and write it into the page of benchmarks.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    table : Table
        What was measured.
    """
    options = parse_arguments(__doc__, argv)
    table = Table()
    table.note(describe_machine(PACKAGES))
    with threadpool_limits(limits=1, user_api="blas"):
        measure(table, options.quick)
    table.note(
        "Searches include the fit of the best setting and are timed once. The peer is "
        "`GridSearchCV` over `AugmentedCovariance` and `TangentSpace`, `SVC` or `MDM`, "
        "without `memory`. All else is medians. Geometry: augmented covariances of "
        "order 10 and lag 5 of correlated noise, 22 channels, against the functions of "
        "pyRiemann with their own tolerance of 1e-8; ours is 1e-8 at the end of a "
        "search, 1e-3 in its course for tangent vectors, and 1e-5 for distances."
    )
    if options.page is not None:
        text = f"## AugmentedCovarianceClassifierCV\n\n{table.markdown()}"
        write_section(options.page, "augmented_covariance_cv", text)
    return table


def measure(table, quick=False):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool, default=False
        Whether to take small grids and few matrices.
    """
    recordings = {"SSVEP subject 12": load_flicker(), **load_motor_imagery(table)}
    for name, (X, y) in recordings.items():
        grid = {"orders": (1, 2), "lags": (4,)} if quick else GRIDS[name]
        for final in ("ts_svm", "mdm"):
            add_search(table, f"{name}, {X.shape}", X, y, grid, final)
        add_search_memory(table, f"{name}, {X.shape}", X, y, grid)
    shape, order, n_repeats = ((8, 6, 300), 4, 1) if quick else ((40, 22, 1000), 10, 3)
    with peer_may_not_converge():
        add_geometry(table, correlated_matrices(shape, order), n_repeats)


def load_flicker():
    """Load the bundled recording as the guide does.

    Returns
    -------
    X : ndarray of shape (96, 8, 512)
        Epochs of 2 s, 10 to 25 Hz.

    y : ndarray of shape (96,)
        Which light was looked at.
    """
    ssvep = load_ssvep(subject=12)
    band = butter(4, (10, 25), btype="bandpass", fs=ssvep.sfreq, output="sos")
    return sosfiltfilt(band, ssvep.data)[:, :, 512:1024], ssvep.target


def load_motor_imagery(table):
    """Load left and right fists, imagined, where the data folder has them.

    Parameters
    ----------
    table : Table
        Receives a note if it has not.

    Returns
    -------
    recordings : dict
        Name, and epochs of 3 s of 21 central channels, 8 to 35 Hz, with their classes;
        or nothing.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("SKEXTRAS_DATA", default)) / MOTOR_IMAGERY
    if not path.exists():
        table.note(
            f"Left out: EEGMMI (no {MOTOR_IMAGERY} in the folder that the environment "
            "variable SKEXTRAS_DATA names)."
        )
        return {}
    stored = np.load(path, allow_pickle=False)
    places = {row + place for row in ("FC", "C", "CP") for place in "531Z246"}
    central = [name.upper() in places for name in stored["ch_names"]]
    sfreq, runs = float(stored["sfreq"]), stored["runs"].tolist()
    band = butter(4, (8, 35), btype="bandpass", fs=sfreq, output="sos")
    microvolts = np.cumsum(stored["delta_int16"][:, central].astype(float), axis=-1)
    filtered, n_times = sosfiltfilt(band, microvolts), int(3 * sfreq)
    events = [e for e in stored["events"].tolist() if e[0] in (4, 8, 12) and e[2] > 0]
    X = [filtered[runs.index(run), :, at : at + n_times] for run, at, _ in events]
    return {"EEGMMI subject 1": (np.array(X), np.array([code for *_, code in events]))}


def make_searches(grid, final):
    """Make ours and the peer, of the same settings and splits.

    Parameters
    ----------
    grid : dict
        Orders and lags.

    final : {"ts_svm", "mdm"}
        The classifier.

    Returns
    -------
    ours : AugmentedCovarianceClassifierCV
        Unfitted.

    theirs : GridSearchCV or None
        Unfitted; None if pyRiemann is not installed.
    """
    folds = StratifiedKFold(5, shuffle=True, random_state=42)
    ours = AugmentedCovarianceClassifierCV(**grid, final=final, cv=folds)
    try:
        from pyriemann.classification import MDM
        from pyriemann.tangentspace import TangentSpace
    except ImportError:
        return ours, None
    steps = [MDM()] if final == "mdm" else [TangentSpace(), SVC()]
    names = {"order": grid["orders"], "lag": grid["lags"]}
    parameters = {f"augmentedcovariance__{key}": names[key] for key in names}
    if final == "ts_svm":
        parameters |= {"svc__C": ours.Cs, "svc__kernel": ours.kernels}
    pipeline = make_pipeline(AugmentedCovariance(), *steps)
    return ours, GridSearchCV(pipeline, parameters, cv=folds)


def add_search(table, name, X, y, grid, final):
    """Add rows for a search with both metrics, and say whether the scores are equal.

    Parameters
    ----------
    table : Table
        Receives the rows.

    name : str
        The recording.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    y : ndarray of shape (n_epochs,)
        Their classes.

    grid : dict
        Orders and lags.

    final : {"ts_svm", "mdm"}
        The classifier.
    """
    ours, theirs = make_searches(grid, final)
    seconds, peer_seconds = fit_seconds(ours, X, y), None
    n_settings = len(ours.cv_results_["params"])
    case = f'search, {name}, final="{final}", {n_settings} settings'
    if theirs is not None:
        peer_seconds = fit_seconds(theirs, X, y)
    peer = "" if theirs is None else "GridSearchCV"
    # MDM has no further parameters, over which the means could be shared.
    target = 10 if final == "ts_svm" else None
    table.add(Row(case, peer, seconds, peer_seconds, target, unit="s"))
    if theirs is not None:
        table.note(f"{case}: {compare(ours, theirs)}.")
    ours.set_params(metric="logeuclid")
    riemann = ours.best_score_
    logeuclid = fit_seconds(ours, X, y)
    scores = f"best accuracy {ours.best_score_:.3f} for {riemann:.3f}"
    case = f'the same, metric="logeuclid" ({scores})'
    table.add(Row(case, 'metric="riemann"', logeuclid, seconds, unit="s"))


def fit_seconds(search, X, y):
    """Fit once.

    Parameters
    ----------
    search : estimator
        The search.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    y : ndarray of shape (n_epochs,)
        Their classes.

    Returns
    -------
    seconds : float
        CPU time.
    """
    with peer_may_not_converge():
        start = time.process_time()
        search.fit(X, y)
        return time.process_time() - start


@contextlib.contextmanager
def peer_may_not_converge():
    """Leave out the warning of pyRiemann's means."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Convergence not reached")
        yield


def compare(ours, theirs):
    """Say in words whether two searches found the same.

    Parameters
    ----------
    ours : AugmentedCovarianceClassifierCV
        Fitted.

    theirs : GridSearchCV
        Fitted.

    Returns
    -------
    text : str
        Part of a sentence.
    """
    got, wanted = (s.cv_results_["mean_test_score"] for s in (ours, theirs))
    best = {name.split("__")[1]: v for name, v in theirs.best_params_.items()}
    choice = "the same" if best == ours.best_params_ else "ANOTHER"
    differ = np.count_nonzero(got != wanted)
    scores = "all mean test scores equal"
    if differ:
        largest = np.abs(got - wanted).max()
        scores = f"{differ} mean test scores DIFFER, by {largest:.3g} at most"
    return f"{scores}, {choice} setting chosen ({ours.best_params_})"


def add_search_memory(table, name, X, y, grid):
    """Add a row of memory at the peak of a search, beside what it asks for.

    Parameters
    ----------
    table : Table
        Receives the row.

    name : str
        The recording.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    y : ndarray of shape (n_epochs,)
        Their classes.

    grid : dict
        Orders and lags.
    """
    ours, _ = make_searches(grid, "ts_svm")
    peak = 1e-6 * extra_peak(functools.partial(fit_seconds, ours, X, y))
    predicted = 1e-6 * 40 * len(X) * (max(grid["orders"]) * X.shape[1]) ** 2
    case = f"extra peak memory of the search, {name}, ts_svm"
    table.add(Row(case, "n D² 40 bytes, as predicted", peak, predicted, unit="MB"))


def correlated_matrices(shape, order):
    """Simulate epochs, and compute their augmented covariances at lag 5.

    Parameters
    ----------
    shape : tuple of int
        Epochs, channels and times.

    order : int
        Number of copies.

    Returns
    -------
    matrices : ndarray of shape (n_epochs, n_rows, n_rows)
        The matrices.
    """
    rng = np.random.default_rng(0)
    n_epochs, n_channels, n_times = shape
    noise = rng.standard_normal((n_epochs, n_channels, n_times + 4))
    smooth = sum(noise[:, :, k : k + n_times] for k in range(5))
    mixing = rng.standard_normal((n_epochs, n_channels, n_channels))
    common = rng.standard_normal((n_channels, n_channels))
    X = (common + 0.3 * mixing) @ smooth
    return AugmentedCovariance(order, 5).fit_transform(X)


def add_geometry(table, S, n_repeats):
    """Add rows for means, tangent vectors and distances.

    Parameters
    ----------
    table : Table
        Receives the rows.

    S : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices.

    n_repeats : int
        Number of measurements.
    """
    try:
        from pyriemann.classification import MDM
        from pyriemann.geometry.mean import mean_riemann
        from pyriemann.tangentspace import TangentSpace
    except ImportError:
        return table.note("Left out: pyRiemann's geometry (it is not installed).")
    exact = riemannian_mean(S)
    check_geometry(S, exact, mean_riemann(S), TangentSpace())
    # Where the search stands at its second fold: at the mean of most of the matrices.
    before = riemannian_mean(S[len(S) // 5 :], tol=SEARCH_TOLERANCE).mean
    relaxed = functools.partial(riemannian_mean, S, tol=SEARCH_TOLERANCE)
    warm = functools.partial(relaxed, start=before)
    mean, tangent = "mean_riemann", "TangentSpace().fit_transform"
    cases = [
        ("Riemannian mean, 1e-8", mean, functools.partial(riemannian_mean, S), 1.5),
        ("Riemannian mean, 1e-3", mean, relaxed, 3),
        ("Riemannian mean, 1e-3 from the mean of 4/5", mean, warm, 4),
        ("mean and tangent vectors, 1e-3", tangent, relaxed, 3),
    ]
    peers = {
        mean: functools.partial(mean_riemann, S),
        tangent: lambda: TangentSpace().fit_transform(S),
    }
    names = list(peers)
    functions = [*peers.values(), *(ours for *_, ours, _ in cases)]
    times = median_times(functions, n_repeats)
    for (case, peer, _, target), ours in zip(cases, times[2:], strict=True):
        theirs = times[names.index(peer)]
        table.add(Row(f"{case}, {S.shape}", peer, 1e3 * ours, 1e3 * theirs, target))
    add_distances(table, S, MDM(), n_repeats)
    return None


def check_geometry(S, ours, mean, tangent_space):
    """Raise if means or inner products of tangent vectors are not the same.

    Parameters
    ----------
    S : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices.

    ours : RiemannianMean
        Their mean.

    mean : ndarray of shape (n_rows, n_rows)
        The peer's mean.

    tangent_space : TangentSpace
        Unfitted.
    """
    logs = ours.logs.reshape(len(S), -1)
    vectors = tangent_space.fit_transform(S)
    for got, wanted in ((ours.mean, mean), (logs @ logs.T, vectors @ vectors.T)):
        error = np.abs(got - wanted).max() / np.abs(wanted).max()
        if not error <= 1e-6:
            raise AssertionError(f"results differ by {error:.1e} of the largest entry")


def add_distances(table, S, mdm, n_repeats):
    """Add a row for the distances to two class means.

    Parameters
    ----------
    table : Table
        Receives the row.

    S : ndarray of shape (n_matrices, n_rows, n_rows)
        The matrices.

    mdm : MDM
        Unfitted.

    n_repeats : int
        Number of measurements.
    """
    mdm.fit(S[:8], np.arange(8) % 2)
    means = np.asarray(mdm.covmeans_)

    def ours():
        whiteners = spd.inverse_factors(spd.cholesky_factors(means))
        return spd.squared_distances(S, whiteners)

    if not np.allclose(np.sqrt(ours()), mdm.transform(S), rtol=1e-6):
        raise AssertionError("distances differ")
    theirs = functools.partial(mdm.transform, S)
    seconds = median_times([ours, theirs], n_repeats)
    row = (1e3 * measured for measured in seconds)
    table.add(Row(f"distances to two means, {S.shape}", "MDM.transform", *row, 1.5))


if __name__ == "__main__":
    main()
