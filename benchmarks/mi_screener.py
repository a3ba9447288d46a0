"""MIScreener beside fastHDMI and the scores of scikit-learn."""

import functools
import tempfile
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
from sklearn import config_context
from sklearn.feature_selection import (
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
)
from threadpoolctl import threadpool_limits

from skextras import MIScreener
from skextras.datasets import make_screening

PACKAGES = ["numpy", "scipy", "scikit-learn", "numba", "fastHDMI"]
N_SAMPLES, N_FEATURES = 1050, 1000
# Peers that take milliseconds a feature see the first ones only.
N_OF_PEER = 25
N_ON_DISK = 100_000
_REGRESSION, _CLASSIF = "`mutual_info_regression`", "`mutual_info_classif`"


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
        f"Times are those of {N_FEATURES} features of {N_SAMPLES} samples in float32, "
        "scaled up where a peer was given fewer; those of binning include p-values "
        "unless said otherwise. fastHDMI bins by the rule of Birgé and Rozenholc, and "
        "its densities leave the bandwidth out. The limit of quantile bins is sorting "
        "alone, that of memory maps reading."
    )
    if options.page is not None:
        text = f"## MIScreener\n\n{table.markdown()}"
        write_section(options.page, "mi_screener", text)
    return table


def measure(table, quick):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool
        Whether to measure once, on a twentieth of the features.
    """
    n_repeats, divisor = (1, 20) if quick else (7, 1)
    X, y, classes = simulate(N_FEATURES // divisor)
    add_binning(table, X, y, classes, n_repeats)
    add_densities(table, X, y, classes, n_repeats)
    add_neighbours(table, X, y, classes, n_repeats)
    add_correlations(table, X, y, n_repeats)
    add_threads(table, X, y, n_repeats)
    add_memmap(table, N_ON_DISK // divisor, 1 if quick else 3)


def simulate(n_features):
    """Draw features, some of them informative, and an outcome of either kind.

    Parameters
    ----------
    n_features : int
        Number of features.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float32
        The features.

    y : ndarray of shape (n_samples,)
        The outcome.

    classes : ndarray of shape (n_samples,)
        Whether the outcome exceeds its median, as 0 and 1.
    """
    X, y, _ = make_screening(N_SAMPLES, n_features, 20, random_state=0)
    # Strong effects of different strength, by which agreement can be told.
    X[:, :10] += np.linspace(0.5, 3, 10) * ((y - y.mean()) / y.std())[:, None]
    return X.astype(np.float32), y, (y > np.median(y)).astype(np.int64)


def find_fasthdmi(table):
    """Import fastHDMI's estimates for one feature.

    Parameters
    ----------
    table : Table
        Receives a note if the package is not installed.

    Returns
    -------
    estimates : module or None
        The module.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from fastHDMI.mi_estimation import mi_estimation
    except ImportError as error:
        note = f"Left out: fastHDMI ({error.name or error} is not installed)."
        if note not in table.notes:
            table.note(note)
        return None
    return mi_estimation


def one_by_one(estimate, X, outcome):
    """Score features one after the other, as fastHDMI does.

    Parameters
    ----------
    estimate : callable
        Of outcome and feature.

    X : ndarray of shape (n_samples, n_features)
        The features.

    outcome : ndarray of shape (n_samples,)
        The outcome.

    Returns
    -------
    call : callable
        Without arguments; returns the scores.
    """
    # It takes double precision that it may write to.
    columns = [np.array(x, np.float64) for x in X.T]
    outcome = outcome.astype(np.float64)
    return lambda: np.array([estimate(outcome, x) for x in columns])


def screening(X, outcome, **params):
    """Prepare a screening.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The features.

    outcome : ndarray of shape (n_samples,)
        The outcome.

    **params : dict
        Parameters of `MIScreener`.

    Returns
    -------
    call : callable
        Without arguments; returns the scores.
    """
    params.setdefault("pvalues", False)
    screener = MIScreener(discrete_features=False, **params)
    return lambda: screener.fit(X, outcome).scores_


def check(ours, theirs, least):
    """Refuse to time what does not agree.

    Parameters
    ----------
    ours, theirs : ndarray of shape (n_features,)
        Scores.

    least : float
        Least correlation between them.
    """
    correlation = np.corrcoef(ours[: len(theirs)], theirs)[0, 1]
    assert correlation >= least, f"scores correlate by {correlation:.4f} only"


def add_rows(table, case, ours, peers, n_repeats, limit=None):
    """Add a row for each peer of a case, all timed in turns.

    Parameters
    ----------
    table : Table
        Receives the rows.

    case : str
        What is measured.

    ours : tuple of callable and int
        Ours, and its number of features.

    peers : list of tuple
        Name, callable, number of features, target and least correlation with ours.

    n_repeats : int
        Number of measurements.

    limit : callable, default=None
        The part that cannot be done without, on all features.
    """
    ours, n_features = ours
    scores = ours()
    for _, theirs, _, _, least in peers:
        check(scores, theirs(), least)
    calls = [ours, *(peer[1] for peer in peers), *([limit] if limit else [])]
    sizes = [n_features, *(peer[2] for peer in peers), n_features]
    times = [
        1e3 * N_FEATURES / size * seconds
        for size, seconds in zip(sizes, median_times(calls, n_repeats), strict=False)
    ]
    bound = times[-1] if limit else None
    if not peers:
        table.add(Row(case, "", times[0], limit=bound))
    for (name, _, _, target, _), theirs in zip(peers, times[1:], strict=False):
        table.add(Row(case, name, times[0], theirs, target, bound))


def add_binning(table, X, y, classes, n_repeats):
    """Add rows for contingency tables.

    Parameters
    ----------
    table : Table
        Receives the rows.

    X : ndarray of shape (n_samples, n_features)
        The features.

    y, classes : ndarray of shape (n_samples,)
        Outcomes.

    n_repeats : int
        Number of measurements.
    """
    few, p = X[:, :N_OF_PEER], X.shape[1]
    n = few.shape[1]
    official, official_classes = [], []
    if estimates := find_fasthdmi(table):
        both = estimates._binning_MI, estimates._binning_MI_discrete
        official = [one_by_one(both[0], few, y)]
        official_classes = [one_by_one(both[1], few, classes)]
    regression = functools.partial(mutual_info_regression, few, y, random_state=0)
    classif = functools.partial(mutual_info_classif, few, classes, random_state=0)
    f_test, block = functools.partial(f_regression, X, y), np.ascontiguousarray(X.T)

    def peers(calls, target):
        return [("fastHDMI, binning", call, n, target, 0.95) for call in calls]

    add_rows(
        table,
        'binning, strategy="quantile", with p-values',
        (screening(X, y, pvalues="auto"), p),
        [*peers(official, 40), (_REGRESSION, regression, n, 200, 0.9)],
        n_repeats,
        functools.partial(np.sort, block, axis=1),
    )
    add_rows(
        table,
        'binning, strategy="quantile", two classes, with p-values',
        (screening(X, classes, pvalues="auto"), p),
        [*peers(official_classes, None), (_CLASSIF, classif, n, None, 0.9)],
        n_repeats,
        functools.partial(np.sort, block, axis=1),
    )
    add_rows(
        table,
        'binning, strategy="uniform", 16 bins',
        (screening(X, y, strategy="uniform", n_bins=16), p),
        [*peers(official, 200), ("`f_regression`", lambda: f_test()[0], p, 1, 0.5)],
        n_repeats,
    )
    add_rows(
        table,
        'binning, n_bins="birge-rozenholc"',
        (screening(X, y, strategy="uniform", n_bins="birge-rozenholc"), p),
        peers(official, 5),
        n_repeats,
    )


def add_densities(table, X, y, classes, n_repeats):
    """Add rows for kernel densities.

    Parameters
    ----------
    table : Table
        Receives the rows.

    X : ndarray of shape (n_samples, n_features)
        The features.

    y, classes : ndarray of shape (n_samples,)
        Outcomes.

    n_repeats : int
        Number of measurements.
    """
    few, p, official = X[:, :N_OF_PEER], X.shape[1], []
    if estimates := find_fasthdmi(table):
        estimate = functools.partial(
            estimates.MI_continuous_continuous, bw_multiplier=1.0
        )
        call = one_by_one(estimate, few, y)
        official = [("fastHDMI, densities", call, few.shape[1], 300, 0.9)]
    ours = screening(X, y, method="fftkde")
    add_rows(table, "fftkde", (ours, p), official, n_repeats)
    ours = screening(X, y, method="fftkde", bandwidth_matrix="full")
    case = 'fftkde, bandwidth_matrix="full"'
    add_rows(table, case, (ours, p), [], max(1, n_repeats // 3))
    ours = screening(X, classes, method="fftkde")
    add_rows(table, "fftkde, two classes", (ours, p), [], n_repeats)


def add_neighbours(table, X, y, classes, n_repeats):
    """Add rows for nearest neighbours.

    Parameters
    ----------
    table : Table
        Receives the rows.

    X : ndarray of shape (n_samples, n_features)
        The features.

    y, classes : ndarray of shape (n_samples,)
        Outcomes.

    n_repeats : int
        Number of measurements.
    """
    few, p, n_repeats = X[:, :N_OF_PEER], X.shape[1], max(1, n_repeats // 2)
    n = few.shape[1]
    for k, targets in ((3, (10, 40)), (10, (None, None))):
        regression = functools.partial(
            mutual_info_regression, few, y, n_neighbors=k, random_state=0
        )
        classif = functools.partial(
            mutual_info_classif, few, classes, n_neighbors=k, random_state=0
        )
        # The peer clamps at zero, and its jitter moves the last digits.
        wanted = np.maximum(screening(few, y, method="knn", n_neighbors=k)(), 0)
        assert np.abs(wanted - regression()).max() < 0.01
        ours = screening(X, y, method="knn", n_neighbors=k)
        peers = [(_REGRESSION, regression, n, targets[0], 0.99)]
        add_rows(table, f"knn, {k} neighbours", (ours, p), peers, n_repeats)
        ours = screening(X, classes, method="knn", n_neighbors=k)
        peers = [(_CLASSIF, classif, n, targets[1], 0.99)]
        case = f"knn, {k} neighbours, two classes"
        add_rows(table, case, (ours, p), peers, n_repeats)


def add_correlations(table, X, y, n_repeats):
    """Add rows for correlations, with p-values.

    Parameters
    ----------
    table : Table
        Receives the rows.

    X : ndarray of shape (n_samples, n_features)
        The features.

    y : ndarray of shape (n_samples,)
        The outcome.

    n_repeats : int
        Number of measurements.
    """
    p = X.shape[1]
    f_test = functools.partial(f_regression, X, y)
    for method in ("pearson", "gaussian"):
        ours = screening(X, y, method=method, pvalues="auto")
        # Its F is not linear in the correlation.
        peers = [("`f_regression`", lambda: f_test()[0], p, None, 0.5)]
        add_rows(table, f"{method}, with p-values", (ours, p), peers, n_repeats)


def add_threads(table, X, y, n_repeats):
    """Add a row for the CPU time of two threads, all threads summed.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_samples, n_features)
        The features.

    y : ndarray of shape (n_samples,)
        The outcome.

    n_repeats : int
        Number of measurements.
    """
    # Blocks of a tenth of a second, beside which starting threads is nothing.
    X = np.tile(X, 8)
    calls = [screening(X, y, method="fftkde", n_jobs=jobs) for jobs in (2, 1)]
    with config_context(working_memory=24):
        two, one = (1e3 * t for t in median_times(calls, max(1, n_repeats // 2)))
    table.add(
        Row(f"fftkde, {X.shape[1]} features, two threads", "one thread", two, one, 0.91)
    )


def add_memmap(table, n_features, n_repeats):
    """Add rows for wall-clock time and memory of screening columns on disk.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_features : int
        Number of features.

    n_repeats : int
        Number of measurements.
    """
    rng = np.random.default_rng(0)
    y = rng.standard_normal(N_SAMPLES)
    for order in "FC":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "columns.npy"
            shape = (N_SAMPLES, n_features)
            X = np.lib.format.open_memmap(
                path, "w+", np.float32, shape, fortran_order=order == "F"
            )
            for start in range(0, n_features, 1000):
                part = X[:, start : start + 1000]
                part[:] = rng.standard_normal(part.shape, np.float32)
            X.flush()
            add_screen_on_disk(table, np.load(path, mmap_mode="r"), y, n_repeats)


def add_screen_on_disk(table, X, y, n_repeats):
    """Add rows for one memory map.

    Parameters
    ----------
    table : Table
        Receives the rows.

    X : memmap of shape (n_samples, n_features)
        The features.

    y : ndarray of shape (n_samples,)
        The outcome.

    n_repeats : int
        Number of measurements.
    """
    call = screening(X, y, pvalues="auto")
    read = functools.partial(np.max, X)
    seconds, limit = median_times([call, read], n_repeats, clock=time.perf_counter)
    what = f"memmap of {X.shape}, order {'F' if X.flags.f_contiguous else 'C'}"
    table.add(Row(f"wall clock, {what}", "", seconds, limit=limit, unit="s"))
    if seconds > 3:
        table.note(f"The {what} takes {seconds:.1f} s and may take 3.")
    with config_context(working_memory=16):
        peak = 1e-6 * extra_peak(call)
    table.add(Row(f"memory, working_memory=16, {what}", "", peak, unit="MB"))
    if peak > 64:
        table.note(f"The {what} takes {peak:.0f} MB and may take 64.")


if __name__ == "__main__":
    main()
