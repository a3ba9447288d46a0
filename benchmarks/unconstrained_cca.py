"""UnconstrainedCCA beside cca_zoo, scikit-learn and itself."""

import functools
import importlib.util
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import scipy.linalg
from _harness import (
    Row,
    Table,
    describe_machine,
    extra_peak,
    median_times,
    parse_arguments,
    write_section,
)
from sklearn.cross_decomposition import CCA, PLSSVD
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from skextras import DeepUnconstrainedCCA, UnconstrainedCCA
from skextras.datasets import load_mfeat, make_correlated_views

try:
    import cca_zoo
    import cca_zoo.linear
    import cca_zoo.model_selection
except ImportError:
    cca_zoo = None

PACKAGES = ["numpy", "scipy", "scikit-learn", "cca-zoo", "torch"]
# The grid of shrinkage="cv".
SHARES = [0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.0]
# Columns of partial least squares' second view.
N_REGIONS = 82


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
    if cca_zoo is None:
        table.note("Left out: cca_zoo (not installed).")
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # Peers that stop before their tolerance say so, at every call.
        warnings.simplefilter("ignore")
        measure(table, options.quick)
    table.note(
        "Five components unless said otherwise. Before anything is timed, the sum of "
        "the correlations of the peer's variates (exactly analysed, whatever their "
        "rotation) must not exceed ours. The limit of an exact fit is one symmetric "
        "product of all columns and a Cholesky factorisation of each view's part; "
        "that of partial least squares, the product of the views. Slow peers are "
        'measured once. "An Eckart-Young epoch" is one pass of stochastic gradients, '
        "in float32 and with nothing but its products."
    )
    if options.page is not None:
        text = f"## UnconstrainedCCA\n\n{table.markdown()}"
        write_section(options.page, "unconstrained_cca", text)
    return table


def measure(table, quick):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool
        Whether to measure once, on a twentieth of the rows or columns.
    """
    n_repeats, divisor = (1, 20) if quick else (5, 1)
    mfeat = load_mfeat()
    add_exact(table, "digits", mfeat.pix, np.hstack([mfeat.fou, mfeat.zer]), n_repeats)
    for widths in ((323, 345), (1000, 1000)):
        widths = tuple(width // divisor for width in widths)
        add_exact(table, "simulated", *simulate(10_000 // divisor, widths), n_repeats)
    add_wide(table, 500, (20_000 // divisor, 10_000 // divisor), n_repeats)
    add_iterative(table, 20_000 // divisor, 2000 // divisor)
    add_pls(table, 2000 // divisor, 20_000 // divisor, n_repeats)
    add_pls_memmap(table, 4000 // divisor, 100_000 // divisor, n_repeats)
    n_components = 50 if divisor == 1 else 10
    views = simulate(8000 // divisor, (323 // min(divisor, 4), 345 // min(divisor, 4)))
    add_search(table, *views, n_components)
    add_permutations(table, mfeat.fou, mfeat.zer, 3 if quick else 99)
    add_deep(table, mfeat, max_iter=2 if quick else 30)


def simulate(n_rows, widths, dtype=np.float64):
    """Draw two views of ill-conditioned columns with five correlations.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    widths : tuple of two int
        Numbers of columns.

    dtype : dtype, default=numpy.float64
        Type of both.

    Returns
    -------
    X, Y : ndarray of shape (n_rows, widths[i])
        The views, not centred.
    """
    X, Y = make_correlated_views(
        n_rows, widths, (0.9, 0.8, 0.7, 0.6, 0.5), condition=100.0, random_state=0
    )
    return (X + 1).astype(dtype), (Y - 1).astype(dtype)


def simulate_wide(n_rows, widths, *, n_shared=5, dtype=np.float64):
    """Draw two views of unmixed columns, of which some have a common part.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    widths : tuple of two int
        Numbers of columns.

    n_shared : int, default=5
        Number of columns with a common part.

    dtype : dtype, default=numpy.float64
        Type of both.

    Returns
    -------
    X, Y : ndarray of shape (n_rows, widths[i])
        The views.
    """
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((n_rows, width), dtype=dtype) for width in widths)
    common = rng.standard_normal((n_rows, n_shared), dtype=dtype)
    X[:, :n_shared] += common
    Y[:, :n_shared] += common
    return X, Y


def correlation_sum(x, y):
    """Return the sum of the canonical correlations of variates.

    Parameters
    ----------
    x, y : ndarray of shape (n_rows, n_components)
        Variates of two views, in any rotation.

    Returns
    -------
    total : float
        Sum over the components.
    """
    return UnconstrainedCCA().fit(x, y).canonical_correlations_.sum()


def seconds_of(function):
    """Measure one call.

    Parameters
    ----------
    function : callable
        What to call.

    Returns
    -------
    seconds : float
        Its CPU time.

    result : object
        What it returned.
    """
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def exact_limit(X, Y):
    """Compute what no exact fit can do without.

    Parameters
    ----------
    X, Y : ndarray of shape (n_rows, n_features_i)
        The views.

    Returns
    -------
    factors : list of ndarray
        Cholesky factors of the views' blocks of the second moments.
    """
    both = np.hstack([X, Y])
    # A product of an array with itself takes half of the operations.
    products = both.T @ both
    cut = X.shape[1]
    blocks = products[:cut, :cut], products[cut:, cut:]
    return [scipy.linalg.cholesky(block, check_finite=False) for block in blocks]


def add_exact(table, name, X, Y, n_repeats, n_components=5):
    """Add rows for exact fits without shrinkage.

    Parameters
    ----------
    table : Table
        Receives the rows.

    name : str
        What the data are called.

    X, Y : ndarray of shape (n_rows, n_features_i)
        The views.

    n_repeats : int
        Number of measurements.

    n_components : int, default=5
        Number of components.
    """
    model = UnconstrainedCCA(n_components)
    ours, limit = median_times(
        [functools.partial(model.fit, X, Y), functools.partial(exact_limit, X, Y)],
        n_repeats,
    )
    best = model.canonical_correlations_.sum()
    case = f"fit, {name}, {len(X)} x {X.shape[1]}+{Y.shape[1]}"
    peer = CCA(n_components, max_iter=500)
    peers = [("scikit-learn CCA", 20, peer.fit, (X, Y), lambda m: m.transform(X, Y))]
    if cca_zoo is not None:
        for found, target in ((cca_zoo.linear.CCA, 2.5), (cca_zoo.linear.CCAEY, 3)):
            options = {} if target == 2.5 else {"random_state": 0}
            peer, both = found(n_components, **options), [X, Y]
            peers.append(
                (
                    f"cca_zoo {found.__name__}",
                    target,
                    peer.fit,
                    (both,),
                    lambda m: m.transform([X, Y]),
                )
            )
    for peer, target, fit, arguments, transform in peers:
        theirs, fitted = seconds_of(functools.partial(fit, *arguments))
        total = correlation_sum(*transform(fitted))
        assert total < best * (1 + 1e-9), (peer, total, best)
        if peer == "cca_zoo CCA":
            theirs = median_times([functools.partial(fit, *arguments)], n_repeats)[0]
        label = f"{peer}, sum {total:.4f} (ours {best:.4f})"
        times = 1e3 * ours, 1e3 * theirs, target, 1e3 * limit
        table.add(Row(case, label, *times))


def add_wide(table, n_rows, widths, n_repeats):
    """Add a row for views with many more columns than rows.

    Parameters
    ----------
    table : Table
        Receives the row.

    n_rows : int
        Number of rows.

    widths : tuple of two int
        Numbers of columns.

    n_repeats : int
        Number of measurements.
    """
    X, Y = simulate_wide(n_rows, widths)
    model = UnconstrainedCCA(5, shrinkage=0.1)
    functions = [
        functools.partial(model.fit, X, Y),
        # The inner products of the rows of each view.
        lambda: [view @ view.T for view in (X, Y)],
    ]
    if cca_zoo is not None:
        peer = cca_zoo.linear.RidgeCCA(5, shrinkage=0.1)
        functions.append(functools.partial(peer.fit, [X, Y]))
    times = [1e3 * t for t in median_times(functions, max(1, n_repeats // 2))]
    ours, limit, theirs = (*times, None)[:3]
    case = f"fit, a = 0.1, {n_rows} x {widths[0]}+{widths[1]}"
    name = "" if theirs is None else "cca_zoo RidgeCCA"
    table.add(Row(case, name, ours, theirs, 5 if theirs else None, limit))


def add_iterative(table, n_rows, width):
    """Add rows for several passes in place of second moments.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_rows : int
        Number of rows.

    width : int
        Number of columns of each view.
    """
    X, Y = simulate_wide(n_rows, (width, width), dtype=np.float32)
    moments = UnconstrainedCCA(5, solver="moments")
    lobpcg = UnconstrainedCCA(5, solver="lobpcg", tol=5e-5, random_state=0)
    theirs, _ = seconds_of(functools.partial(moments.fit, X, Y))
    ours, _ = seconds_of(functools.partial(lobpcg.fit, X, Y))
    best = moments.singular_values_.sum()
    error = 1 - lobpcg.singular_values_.sum() / best
    case = f"lobpcg, {n_rows} x {width}+{width} float32, error {error:.0e}"
    table.add(Row(case, "our moments", 1e3 * ours, 1e3 * theirs, 2))
    if cca_zoo is not None:
        peer = cca_zoo.linear.CCA(5)
        theirs, _ = seconds_of(functools.partial(peer.fit, [X, Y]))
        table.add(Row(case, "cca_zoo CCA", 1e3 * ours, 1e3 * theirs, 7))


def add_pls(table, n_rows, width, n_repeats):
    """Add rows for partial least squares with one wide view.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_rows : int
        Number of rows.

    width : int
        Number of columns of the wide view.

    n_repeats : int
        Number of measurements.
    """
    X, Y = simulate_wide(n_rows, (width, N_REGIONS))
    ours, theirs = UnconstrainedCCA(5, shrinkage=1), PLSSVD(5, scale=False)
    found, expected = ours.fit(X, Y).x_weights_, theirs.fit(X, Y).x_weights_
    np.testing.assert_allclose(abs((found * expected).sum(axis=0)), 1, rtol=1e-8)
    case = f"PLS, {n_rows} x {width}+{N_REGIONS}"
    calls = [functools.partial(model.fit, X, Y) for model in (ours, theirs)]
    times = median_times([*calls, lambda: Y.T @ X], n_repeats)
    ours, theirs, limit = (1e3 * t for t in times)
    table.add(Row(case, "scikit-learn PLSSVD", ours, theirs, 1.1, limit))
    peaks = (1e-6 * extra_peak(call) for call in calls)
    table.add(Row(f"memory, {case}", "scikit-learn PLSSVD", *peaks, unit="MB"))
    if cca_zoo is not None:
        peer = cca_zoo.linear.PLS(5)
        theirs, _ = seconds_of(functools.partial(peer.fit, [X, Y]))
        table.add(Row(case, "cca_zoo PLS", ours, 1e3 * theirs, 50, limit))


def add_pls_memmap(table, n_rows, width, n_repeats, n_components=10):
    """Add rows for partial least squares of counts on disk.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_rows : int
        Number of rows.

    width : int
        Number of columns of the wide view.

    n_repeats : int
        Number of measurements.

    n_components : int, default=10
        Number of components.
    """
    rng = np.random.default_rng(0)
    model = UnconstrainedCCA(n_components, shrinkage=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "genotypes.npy"
        X = np.lib.format.open_memmap(path, "w+", np.int8, shape=(n_rows, width))
        for start in range(0, n_rows, 500):
            shape = X[start : start + 500].shape
            X[start : start + 500] = rng.integers(0, 3, shape, dtype=np.int8)
        Y = rng.standard_normal((n_rows, N_REGIONS)) + X[:, :N_REGIONS]
        Y = Y.astype(np.float32)
        X.flush()
        X = np.load(path, mmap_mode="r")
        single = X[: max(1, n_rows // 8)].astype(np.float32)
        times = median_times(
            [
                functools.partial(model.fit, X, Y),
                functools.partial(descend, X, Y, n_components),
                lambda: single.T @ Y[: len(single)],
            ],
            max(1, n_repeats // 2),
        )
        peak = 1e-6 * extra_peak(functools.partial(model.fit, X, Y))
    weights = model.x_weights_
    np.testing.assert_allclose(weights.T @ weights, np.eye(n_components), atol=1e-6)
    ours, theirs, limit = (1e3 * t for t in times)
    limit *= n_rows / len(single)
    case = f"PLS, int8 memmap, {n_rows} x {width}+{N_REGIONS}"
    table.add(Row(case, "an Eckart-Young epoch", ours, theirs, 0.5, limit))
    table.add(Row(f"memory, {case}", "", peak, unit="MB"))
    if peak > 200:
        table.note(f"The fit to a memmap takes {peak:.0f} MB and may take 200.")


def descend(X, Y, n_components, batch_size=500):
    """Pass once over the rows, with stochastic gradients of the loss.

    Parameters
    ----------
    X, Y : ndarray of shape (n_rows, n_features_i)
        The views.

    n_components : int
        Number of components.

    batch_size : int, default=500
        Rows of a batch.

    Returns
    -------
    weights : list of ndarray of shape (n_features_i, n_components)
        Weights after the pass.
    """
    rng = np.random.default_rng(0)
    shapes = [(view.shape[1], n_components) for view in (X, Y)]
    weights = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    weights = [np.linalg.qr(w)[0] for w in weights]
    centred, step = Y - Y.mean(axis=0), np.float32(1e-4)
    for start in range(0, len(X), batch_size):
        rows = slice(start, start + batch_size)
        views = X[rows].astype(np.float32), centred[rows]
        variates = [view @ w for view, w in zip(views, weights, strict=True)]
        variates[0] -= variates[0].mean(axis=0)
        penalty = sum(w.T @ w for w in weights)
        for view, w, other in zip(views, weights, variates[::-1], strict=True):
            w += step * (view.T @ (other / np.float32(len(view) - 1)) - w @ penalty)
    return weights


def add_search(table, X, Y, n_components):
    """Add a row for the choice of the shrinkage by cross-validation.

    Parameters
    ----------
    table : Table
        Receives the row.

    X, Y : ndarray of shape (n_rows, n_features_i)
        The views.

    n_components : int
        Number of components.
    """
    fit = UnconstrainedCCA(n_components, shrinkage="cv").fit
    search = GridSearchCV(UnconstrainedCCA(n_components), {"shrinkage": SHARES}, cv=5)
    ours = median_times([functools.partial(fit, X, Y)], 1)[0]
    theirs, _ = seconds_of(functools.partial(search.fit, X, Y))
    case = f'shrinkage="cv", {len(X)} x {X.shape[1]}+{Y.shape[1]}, k = {n_components}'
    table.add(Row(case, "GridSearchCV of ours", 1e3 * ours, 1e3 * theirs, 5))


def add_permutations(table, X, Y, n_permutations):
    """Add a row for permutation tests.

    Parameters
    ----------
    table : Table
        Receives the row.

    X, Y : ndarray of shape (n_rows, n_features_i)
        The views.

    n_permutations : int
        Number of permutations.
    """
    model = UnconstrainedCCA(5, random_state=0).fit(X, Y)
    test = functools.partial(model.significance, X, Y, n_permutations=n_permutations)
    ours, theirs, name = median_times([test], 3)[0], None, ""
    if cca_zoo is not None:
        name = "cca_zoo permutation_test_significance"
        run = cca_zoo.model_selection.permutation_test_significance
        peer = cca_zoo.linear.CCA(5)
        call = functools.partial(run, peer, [X, Y], n_permutations, random_state=0)
        theirs = 1e3 * seconds_of(call)[0]
    case = f"{n_permutations} permutations, {len(X)} x {X.shape[1]}+{Y.shape[1]}"
    table.add(Row(case, name, 1e3 * ours, theirs, 8 if theirs else None))


def add_deep(table, mfeat, max_iter, n_components=10):
    """Add a row for networks, and say what they find in other rows.

    Parameters
    ----------
    table : Table
        Receives the row.

    mfeat : Bunch
        The digits.

    max_iter : int
        Number of epochs.

    n_components : int, default=10
        Number of components.
    """
    if importlib.util.find_spec("torch") is None:
        table.note("Left out: DeepUnconstrainedCCA (needs torch).")
        return
    import torch

    torch.set_num_threads(1)
    order = np.random.default_rng(0).permutation(len(mfeat.target))
    train, test = order[:1000], order[1000:]
    X, Y = mfeat.fou, mfeat.zer
    deep = DeepUnconstrainedCCA(n_components, max_iter=max_iter, random_state=0)
    seconds, _ = seconds_of(functools.partial(deep.fit, X[train], Y[train]))
    linear = UnconstrainedCCA(n_components, shrinkage="auto", scale=True)
    linear.fit(X[train], Y[train])
    scores = [n_components * m.score(X[test], Y[test]) for m in (deep, linear)]
    case = f"deep, {len(train)} x {X.shape[1]}+{Y.shape[1]}, {max_iter} epochs"
    table.add(Row(case, "", seconds, unit="s"))
    table.note(
        f"Sum of the {n_components} correlations of 1000 other rows of the digits: "
        f'{scores[0]:.2f} with networks, {scores[1]:.2f} without (`shrinkage="auto"`, '
        "`scale=True`)."
    )


if __name__ == "__main__":
    main()
