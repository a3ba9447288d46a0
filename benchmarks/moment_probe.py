"""MomentProbe beside the paper's head, tangent spaces, RidgeClassifierCV and einsum."""

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
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skextras import MHC3MomentProbe, MomentProbe, TokenMoments
from skextras.datasets import load_japanese_vowels, make_digit_tokens
from skextras.numerics.moments import second_moments

PACKAGES = ["numpy", "scipy", "scikit-learn", "pyriemann", "torch"]
CENTRING = "X (I/L - 11'/L²) X'"
# Samples, tokens and features, and the targets beside einsum and the centring matrix.
MOMENTS = [((300, 100, 64), 10, None), ((150, 1000, 22), 5, 100)]
PEAK_SHARE = 0.6


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
        f'"{CENTRING}" is the covariance as published code of matrix power '
        "normalisation writes it, with a centring matrix of tokens by tokens for each "
        "sample, restated in NumPy. The limits are the products by `numpy.matmul` "
        "without centring or normalisation; for memory, the features themselves."
    )
    if options.page is not None:
        text = f"## MomentProbe\n\n{table.markdown()}"
        write_section(options.page, "moment_probe", text)
    return table


def measure(table, quick):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool
        Whether to measure once, on small data.
    """
    n_repeats, divisor = (1, 10) if quick else (9, 1)
    add_trained_head(table, n_repeats, max_iter=1 if quick else 40)
    add_tangent_space(table, n_repeats)
    add_ridge(table, (1500 // divisor, 2144 // divisor, 10), n_repeats)
    for (n, length, d), *targets in MOMENTS:
        add_moments(table, (n // divisor, length, d), *targets, n_repeats)
    add_features(table, (600 // divisor, 196, 768), n_repeats)
    add_peak(table, 300 // divisor, 512 // divisor)


def add_trained_head(table, n_repeats, max_iter):
    """Add a row for a fit and predictions, beside the trained head.

    Parameters
    ----------
    table : Table
        Receives the row.

    n_repeats : int
        Number of measurements of ours; the head is trained once.

    max_iter : int
        Epochs of the head.
    """
    X, y = load_japanese_vowels(split="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
    (ours,) = median_times(
        [lambda: MomentProbe().fit(X, y).predict_proba(X_test)], n_repeats
    )
    accuracy = MomentProbe().fit(X, y).score(X_test, y_test)
    theirs, words = None, f"accuracy {accuracy:.3f}"
    try:
        import torch
    except ImportError as error:
        table.note(f"Left out: MHC3MomentProbe ({error.name} is not installed).")
    else:
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        start = time.process_time()
        head = MHC3MomentProbe(max_iter=max_iter, random_state=0).fit(X, y)
        head.predict_proba(X_test)
        theirs = time.process_time() - start
        torch.set_num_threads(n_threads)
        words += f", {head.score(X_test, y_test):.3f}"
    case = f"fit and predict, {len(X)} and {len(X_test)} vowels ({words})"
    peer = "" if theirs is None else f"MHC3MomentProbe, {max_iter} epochs"
    milliseconds = None if theirs is None else 1e3 * theirs
    table.add(Row(case, peer, 1e3 * ours, milliseconds, 200))


def add_tangent_space(table, n_repeats):
    """Add a row for digits as sets of windows, beside pyRiemann's tangent space.

    Parameters
    ----------
    table : Table
        Receives the row.

    n_repeats : int
        Number of measurements.
    """
    X, y = make_digit_tokens()
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:500], order[500:]
    functions = [lambda: MomentProbe().fit(X[train], y[train]).predict_proba(X[test])]
    accuracy = MomentProbe().fit(X[train], y[train]).score(X[test], y[test])
    peer, words = "", f"accuracy {accuracy:.3f}"
    try:
        from pyriemann.estimation import Covariances
        from pyriemann.tangentspace import TangentSpace
    except ImportError as error:
        table.note(f"Left out: pyRiemann ({error.name} is not installed).")
    else:
        peer = "pyRiemann OAS, TangentSpace, LogisticRegression"
        epochs = np.ascontiguousarray(X.transpose(0, 2, 1))
        model = make_pipeline(
            Covariances("oas"),
            TangentSpace(),
            StandardScaler(),
            LogisticRegression(max_iter=1000),
        )
        functions.append(
            lambda: model.fit(epochs[train], y[train]).predict_proba(epochs[test])
        )
        words += (
            f", {model.fit(epochs[train], y[train]).score(epochs[test], y[test]):.3f}"
        )
    ours, *theirs = (1e3 * t for t in median_times(functions, min(n_repeats, 3)))
    case = f"fit and predict, {len(train)} and {len(test)} digits ({words})"
    table.add(Row(case, peer, ours, theirs[0] if theirs else None, 4))


def add_ridge(table, shape, n_repeats):
    """Add a row for a fit of means alone, beside scikit-learn's ridge path.

    Ours computes means and scales them, and fits the temperature, too.

    Parameters
    ----------
    table : Table
        Receives the row.

    shape : tuple of int
        Samples, features and classes.

    n_repeats : int
        Number of measurements.
    """
    n, n_features, n_classes = shape
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, n_features)), np.arange(n) % n_classes
    X[:, :n_classes] += np.eye(n_classes)[y]
    standard = StandardScaler().fit_transform(X)
    alphas = np.linalg.norm(standard) ** 2 * np.logspace(-7, 0, 29)
    ours = MomentProbe(order=1, solver="ridge").fit(X, y)
    theirs = RidgeClassifierCV(alphas).fit(standard, y)
    np.testing.assert_allclose(ours.alpha_, theirs.alpha_, rtol=1e-8)
    np.testing.assert_allclose(
        2 * ours.decision_function(X) - 1,
        theirs.decision_function(standard),
        atol=1e-8,
    )
    functions = [functools.partial(ours.fit, X, y)]
    functions.append(functools.partial(theirs.fit, standard, y))
    ours, theirs = (1e3 * t for t in median_times(functions, min(n_repeats, 3)))
    case = (
        f"ridge, {X.shape}, {n_classes} classes: 29 penalties, leave-one-out, "
        "temperature"
    )
    table.add(Row(case, "RidgeClassifierCV, without the last", ours, theirs, 1))


def add_moments(table, shape, target, centring_target, n_repeats):
    """Add rows for covariances of token sets.

    Parameters
    ----------
    table : Table
        Receives the rows.

    shape : tuple of int
        Samples, tokens and features.

    target : float
        Ratio beside `numpy.einsum` that is asked for.

    centring_target : float or None
        Ratio beside the centring matrix that is asked for.

    n_repeats : int
        Number of measurements.
    """
    z = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    functions = [
        functools.partial(chunked_moments, z),
        functools.partial(einsum_moments, z),
        functools.partial(centring_moments, z),
        lambda: np.matmul(z.transpose(0, 2, 1), z),
    ]
    ours = functions[0]()
    for other in functions[1:3]:
        np.testing.assert_allclose(other(), ours, atol=1e-4)
    ours, einsum, centring, limit = (
        1e3 * t for t in median_times(functions, n_repeats)
    )
    case = f"covariances of {shape}, float32"
    table.add(Row(case, "numpy.einsum", ours, einsum, target, limit))
    table.add(Row(case, CENTRING, ours, centring, centring_target, limit))


def chunked_moments(z, n_bytes=1_000_000):
    """Compute covariances by chunks that stay in cache, as the estimators do.

    Parameters
    ----------
    z : ndarray of shape (n, n_tokens, d)
        The tokens.

    n_bytes : int, default=1_000_000
        Size of a chunk, about.

    Returns
    -------
    S : ndarray of shape (n, d, d)
        Biased covariances.
    """
    n, length, d = z.shape
    step = max(1, n_bytes // z[0].nbytes)
    S = np.empty((n, d, d), dtype=z.dtype)
    for start in range(0, n, step):
        # A copy, since it is overwritten.
        rows = z[start : start + step].reshape(-1, d).copy()
        lengths = np.full(len(rows) // length, length)
        S[start : start + step] = second_moments(rows, lengths)
    return S


def einsum_moments(z):
    """Compute covariances by `numpy.einsum`.

    Parameters
    ----------
    z : ndarray of shape (n, n_tokens, d)
        The tokens.

    Returns
    -------
    S : ndarray of shape (n, d, d)
        Biased covariances.
    """
    centred = z - z.mean(axis=1, keepdims=True)
    return np.einsum("nli,nlj->nij", centred, centred) / z.dtype.type(z.shape[1])


def centring_moments(z):
    """Compute covariances with a centring matrix, one copy of it for each sample.

    Parameters
    ----------
    z : ndarray of shape (n, n_tokens, d)
        The tokens.

    Returns
    -------
    S : ndarray of shape (n, d, d)
        Biased covariances.
    """
    length = z.shape[1]
    centring = np.eye(length, dtype=z.dtype) / length
    centring -= z.dtype.type(1 / length**2)
    copies = np.repeat(centring[None], len(z), axis=0)
    return z.transpose(0, 2, 1) @ copies @ z


def add_features(table, shape, n_repeats):
    """Add a row for the features of a vision transformer's tokens.

    Parameters
    ----------
    table : Table
        Receives the row.

    shape : tuple of int
        Samples, tokens and features.

    n_repeats : int
        Number of measurements.
    """
    n, length, d = shape
    X = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    moments = TokenMoments(normalize=None).fit(X[: max(8, n // 10)])
    k = len(moments.components_)
    square = X.reshape(-1)[: 2048**2].reshape(2048, 2048)
    projection = np.ascontiguousarray(moments.components_.T, dtype=np.float32)
    functions = [
        functools.partial(moments.transform, X),
        functools.partial(bare_features, X, projection),
        functools.partial(np.matmul, square, square),
    ]
    ours, limit, product = (1e3 * t for t in median_times(functions, n_repeats))
    table.add(Row(f"features, {shape} to {k}, float32", "", ours, limit=limit))
    ideal = product * n * length * (d * k + k**2) / len(square) ** 3
    table.note(
        f"The features reach {100 * ideal / ours:.0f} % of the speed of a large "
        f"product of matrices in float32, and their products alone "
        f"{100 * ideal / limit:.0f} %; {100 * PEAK_SHARE:.0f} % were asked for."
    )


def bare_features(X, projection):
    """Do the products of the features of tokens by chunks, and nothing else.

    Parameters
    ----------
    X : ndarray of shape (n, n_tokens, d)
        The tokens.

    projection : ndarray of shape (d, k)
        What they are multiplied by.

    Returns
    -------
    S : ndarray of shape (n, k, k)
        Products of the projected tokens.
    """
    S = np.empty((len(X), projection.shape[1], projection.shape[1]), dtype=X.dtype)
    for start in range(0, len(X), 4):
        z = X[start : start + 4] @ projection
        np.matmul(z.transpose(0, 2, 1), z, out=S[start : start + 4])
    return S


def add_peak(table, n, d):
    """Add a row for the memory of a fit with far more features than samples.

    Parameters
    ----------
    table : Table
        Receives the row.

    n, d : int
        Samples, and features of their 40 tokens.
    """
    X = np.random.default_rng(0).standard_normal((n, 40, d), dtype=np.float32)
    probe = MomentProbe(n_components=None)
    peak = 1e-6 * extra_peak(functools.partial(probe.fit, X, np.arange(n) % 2))
    width = probe.coef_.shape[1]
    case = f"memory, fit, {X.shape} float32, {width} features a sample"
    table.add(Row(case, "", peak, limit=4e-6 * n * width, unit="MB"))


if __name__ == "__main__":
    main()
