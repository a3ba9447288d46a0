"""AugmentedCovariance beside MOABB's and pyRiemann's delay embeddings."""

import functools
import time

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
from threadpoolctl import threadpool_limits

from skextras import AugmentedCovariance
from skextras.datasets import load_ssvep
from skextras.numerics.lagged import embed

PACKAGES = ["numpy", "scipy", "scikit-learn", "pyriemann", "moabb"]
# Order, lag and target of the builds that are compared with MOABB's.
FULL = [(10, 1, 3), (10, 5, 3), (10, 10, 3), (4, 5, 1.5), (1, 1, 1)]
THIRD = [(10, 1, 2), (10, 5, 2), (10, 10, 2)]
MOABB = "MOABB AugmentedDataset + Covariances"
DELAYS = "pyRiemann TimeDelayCovariances"


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
    shape, n_repeats = (
        ((288, 22, 1000), 9) if not options.quick else ((96, 22, 1000), 3)
    )
    table = Table()
    table.note(describe_machine(PACKAGES))
    with threadpool_limits(limits=1, user_api="blas"):
        measure(table, shape, n_repeats)
    table.note(
        "CPU time includes the system's, which varies: for MOABB's pipeline at 288 "
        "epochs and order 10 it was between 80 and 350 ms a call, at equal numbers of "
        "page faults. Ratios of these rows have differed by half between runs."
    )
    if options.page is not None:
        text = f"## AugmentedCovariance\n\n{table.markdown()}"
        write_section(options.page, "augmented_covariance", text)
    return table


def measure(table, shape, n_repeats):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    shape : tuple of int
        Epochs, channels and times of the simulated data.

    n_repeats : int
        Number of measurements of each case.
    """
    X = np.random.default_rng(0).standard_normal(shape)
    third = X[: max(1, len(X) // 3)]
    moabb, delays = find_moabb(table), find_time_delay(table)
    for data, cases in ((X, FULL), (third, THIRD)):
        for order, lag, target in cases:
            add_time(table, data, order, lag, moabb, target, n_repeats)
    for order in range(2, 11, 2):
        add_time(table, third, order, 1, delays, 4, n_repeats)
    add_peak(table, X, 10, 5, moabb)
    add_peak(table, X, 10, 1, delays)
    add_single_precision(table, X, moabb, n_repeats)
    add_threads(table, X, n_repeats)
    add_selection(table, n_repeats)


def find_moabb(table):
    """Return a maker of MOABB's pipeline, or None with a note.

    Parameters
    ----------
    table : Table
        Receives the note.

    Returns
    -------
    make : callable or None
        Takes order and lag; gives name, window and function of the epochs.
    """
    try:
        from moabb.pipelines.features import AugmentedDataset
        from pyriemann.estimation import Covariances
    except ImportError as error:
        return table.note(f"Left out: {MOABB} ({error.name} is not installed).")

    def make(order, lag):
        embedding, covariance = AugmentedDataset(order, lag), Covariances("cov")
        return MOABB, "moabb", lambda X: covariance.transform(embedding.transform(X))

    return make


def find_time_delay(table):
    """Return a maker of pyRiemann's transformer, or None with a note.

    Parameters
    ----------
    table : Table
        Receives the note.

    Returns
    -------
    make : callable or None
        Takes order and lag; gives name, window and function of the epochs.
    """
    try:
        from pyriemann.estimation import TimeDelayCovariances
    except ImportError as error:
        return table.note(f"Left out: {DELAYS} ({error.name} is not installed).")

    def make(order, lag):
        delays = order if lag == 1 else list(lag * np.arange(1, order))
        return DELAYS, "full", TimeDelayCovariances(delays=delays).transform

    return make


def make_case(X, order, lag, peer):
    """Fit ours, and check that both compute what they should.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    order, lag : int
        Parameters of the embedding.

    peer : callable or None
        Maker of the peer.

    Returns
    -------
    name : str
        The peer, or "" without one.

    ours, theirs : callable
        Functions without arguments; ``theirs`` is None without a peer.
    """
    name, window, transform = ("", "full", None) if peer is None else peer(order, lag)
    estimator = AugmentedCovariance(order, lag, window=window).fit(X)
    few = X[:3]
    got = estimator.transform(few)
    if window == "moabb":
        check_agreement(got, transform(few))
    else:
        # pyRiemann shifts circularly: its numbers differ near the ends.
        n_window = X.shape[2] - (order - 1) * lag
        rows = embed(few, lag * np.arange(order), n_window)
        check_agreement(got, np.array([np.cov(epoch) for epoch in rows]))
    theirs = None if peer is None else functools.partial(transform, X)
    return name, functools.partial(estimator.transform, X), theirs


def check_agreement(got, wanted):
    """Raise if matrices differ by more than rounding.

    Parameters
    ----------
    got, wanted : ndarray
        What is compared.
    """
    wanted = wanted.reshape(got.shape)
    error = np.abs(got - wanted).max() / np.abs(wanted).max()
    if not error <= 1e-12:
        raise AssertionError(f"results differ by {error:.1e} of the largest entry")


def add_time(table, X, order, lag, peer, target, n_repeats):
    """Add a row of CPU times.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    order, lag : int
        Parameters of the embedding.

    peer : callable or None
        Maker of the peer.

    target : float
        Ratio that is asked for.

    n_repeats : int
        Number of measurements.
    """
    name, *functions = make_case(X, order, lag, peer)
    functions.append(functools.partial(bare_work, X, order, lag))
    functions = [function for function in functions if function is not None]
    ours, *theirs, limit = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"{X.shape}, order {order}, lag {lag}"
    theirs = theirs[0] if theirs else None
    table.add(Row(case, name, ours, theirs, target, limit))


def bare_work(X, order, lag):
    """Do the matrix products of a build and write an output, and nothing else.

    Parameters
    ----------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    order, lag : int
        Parameters of the embedding.

    Returns
    -------
    out : ndarray of shape (n_epochs, n_rows, n_rows)
        Zeros.
    """
    n_epochs, n_channels, n_times = X.shape
    n_rows, step = order * n_channels, 4
    n_window, span = n_times - order * lag, (order - 1) * lag
    product = np.empty((step, n_channels, n_channels))
    edges = np.zeros((step, n_rows - n_channels, lag))
    gram = np.empty((step, n_rows - n_channels, n_rows - n_channels))
    out = np.empty((n_epochs, n_rows, n_rows))
    for start in range(0, n_epochs, step):
        x = X[start : start + step]
        m = len(x)
        if order == 1:
            np.matmul(x, x.transpose(0, 2, 1), out=product[:m])
        else:
            for d in lag * np.arange(order):
                left = x[:, :, span - d : n_window]
                right = x[:, :, span : n_window + d].transpose(0, 2, 1)
                np.matmul(left, right, out=product[:m])
            for _ in ("before", "behind"):
                np.matmul(edges[:m], edges[:m].transpose(0, 2, 1), out=gram[:m])
        out[start : start + step] = 0.0
    return out


def add_peak(table, X, order, lag, peer):
    """Add a row of memory at its peak, the output included.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    order, lag : int
        Parameters of the embedding.

    peer : callable or None
        Maker of the peer.
    """
    name, ours, theirs = make_case(X, order, lag, peer)
    output = 8e-6 * len(X) * (order * X.shape[1]) ** 2
    peak = 1e-6 * extra_peak(ours)
    other = None if theirs is None else 1e-6 * extra_peak(theirs)
    case = f"extra peak memory, {X.shape}, order {order}, lag {lag}"
    table.add(Row(case, name, peak, other, None, output, unit="MB"))
    within = "within" if peak <= 1.5 * output else "NOT within"
    print(f"  {peak / output:.2f} x output, {within} 1.5")


def add_single_precision(table, X, peer, n_repeats):
    """Add a row for float32 epochs.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    peer : callable or None
        Maker of the peer.

    n_repeats : int
        Number of measurements.
    """
    X = X.astype(np.float32)
    name, window, transform = ("", "full", None) if peer is None else peer(10, 5)
    estimator = AugmentedCovariance(10, 5, window=window).fit(X)
    functions = [functools.partial(estimator.transform, X)]
    if transform is not None:
        functions.append(functools.partial(transform, X))
    ours, *theirs = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"{X.shape} float32, order 10, lag 5"
    table.add(Row(case, name, ours, theirs[0] if theirs else None))


def add_threads(table, X, n_repeats):
    """Add a row of wall time, one thread against two.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The epochs.

    n_repeats : int
        Number of measurements.
    """
    fitted = [AugmentedCovariance(10, 5, n_jobs=n).fit(X) for n in (2, 1)]
    functions = [functools.partial(estimator.transform, X) for estimator in fitted]
    two, one = median_times(functions, n_repeats, clock=time.perf_counter)
    case = f"wall time, {X.shape}, order 10, lag 5, n_jobs=2"
    table.add(Row(case, "n_jobs=1", 1e3 * two, 1e3 * one))


def add_selection(table, n_repeats):
    """Add rows for the rules that choose order and lag, in time for each epoch.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_repeats : int
        Number of measurements.
    """
    ssvep = load_ssvep(subject=3)
    band = butter(4, (10, 25), btype="bandpass", fs=ssvep.sfreq, output="sos")
    X = sosfiltfilt(band, ssvep.data)[:4, :, 512:1024]
    rules = ("autocorrelation", "mdop", "cao")
    fits = [functools.partial(AugmentedCovariance(selection=r).fit, X) for r in rules]
    seconds = median_times(fits, min(n_repeats, 3))
    for rule, measured in zip(rules, seconds, strict=True):
        case = f'fit, selection="{rule}", each SSVEP epoch (8, 512)'
        table.add(Row(case, "", 1e3 * measured / len(X)))


if __name__ == "__main__":
    main()
