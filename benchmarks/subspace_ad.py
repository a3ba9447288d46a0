"""SubspaceAD beside its authors' arithmetic, nearest neighbours and itself."""

import functools
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
from _harness import (
    Row,
    Table,
    describe_machine,
    extra_peak,
    median_times,
    parse_arguments,
    peak_of_process,
    write_section,
)
from sklearn.metrics import pairwise_distances_argmin_min
from threadpoolctl import threadpool_limits

from skextras import SubspaceAD
from skextras.numerics.scatter import empty_scatter, update_scatter
from skextras.numerics.subspace import moment_spectrum

try:
    import torch
except ImportError:
    torch = None

PACKAGES = ["numpy", "scipy", "scikit-learn", "torch", "transformers"]
OFFICIAL = "authors' arithmetic"
# Rows, features and target of the fits.
FITS = [(16_128, 384, 2.5), (18_432, 1024, 2.5), (71_424, 1536, 2.5)]
# Features, exponent of the spectrum, components and target of the scorings.
SCORES = [(1536, 1.65, 342, 2), (384, 1.85, 90, 1.8), (1024, 0.0, 900, 8)]
PATH = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


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
    if torch is not None:
        torch.set_num_threads(1)
    with threadpool_limits(limits=1, user_api="blas"):
        measure(table, options.quick)
    table.note(
        f'"{OFFICIAL}" restates what the published code computes: the mean in one '
        "pass, the covariance in another, both in float64 by torch, which forms both "
        "triangles; all its eigenvectors; a reconstruction of each row and its squared "
        "distance. It sets no threshold: our `fit` also scores up to 10,000 rows for "
        "one, which the rows without it leave out. "
        "The limit is the matrix products alone, in float32, and for fits the "
        "eigendecomposition in float64."
    )
    if options.page is not None:
        text = f"## SubspaceAD\n\n{table.markdown()}"
        write_section(options.page, "subspace_ad", text)
    return table


def measure(table, quick):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool
        Whether to measure once, on a fiftieth of the rows.
    """
    n_repeats, divisor = (1, 50) if quick else (5, 1)
    for n_rows, n_features, target in FITS:
        X = simulate(n_rows // divisor, n_features)
        add_fit(table, X, target, 1 if n_features > 1024 else n_repeats)
    add_fit(table, simulate(256, 1536), 20, n_repeats, name="fit of fewer rows, ")
    for n_features, exponent, n_components, target in SCORES:
        train = simulate(3 * n_features, n_features, exponent)
        X = simulate(4608 // divisor, n_features, exponent)
        add_score(table, train, X, n_components, target, n_repeats)
    add_neighbours(table, simulate(18_432 // divisor, 384), n_repeats)
    add_path(table, simulate(4608 // divisor + 100, 384), n_repeats)
    add_cross_fit(table, simulate(18_432 // divisor, 1024), n_repeats)
    add_memmap(table, 10**6 // divisor)
    add_features(table, n_repeats, image_size=112 if quick else 672)


def simulate(n_rows, n_features, exponent=1.65):
    """Draw rows whose spectrum decays as that of a vision transformer's patches.

    Parameters
    ----------
    n_rows, n_features : int
        Shape.

    exponent : float, default=1.65
        The j-th eigenvalue is j to the power of minus this.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features), float32
        With a mean of a few standard deviations, three entries of it twenty times
        larger.
    """
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    basis *= np.arange(1, n_features + 1) ** (-exponent / 2)
    mean = 2 * rng.standard_normal(n_features)
    mean[:3] *= 20
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    X = X @ basis.T.astype(np.float32)
    X += mean.astype(np.float32)
    return X


def official_fit(X, kept=0.99, batch=4096):
    """Fit as the authors' code does.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    kept : float, default=0.99
        Share of the variance that the components keep.

    batch : int, default=4096
        Rows at a time.

    Returns
    -------
    mean : ndarray of shape (n_features,)
        The mean.

    components : ndarray of shape (n_features, n_components)
        Eigenvectors, in columns.
    """
    if torch is None:
        mean = sum(x.sum(axis=0, dtype=np.float64) for x in batches(X, batch)) / len(X)
        centred = (x - mean for x in batches(X, batch))
        products, eigh = sum(x.T @ x for x in centred), np.linalg.eigh
    else:
        rows = [torch.from_numpy(x) for x in batches(X, batch)]
        mean = sum(x.to(torch.float64).sum(dim=0) for x in rows) / len(X)
        centred = (x.to(torch.float64) - mean for x in rows)
        products, eigh = sum(x.T @ x for x in centred), torch.linalg.eigh
    eigenvalues, vectors = map(np.asarray, eigh(products / (len(X) - 1)))
    share = np.cumsum(eigenvalues[::-1]) / eigenvalues.sum()
    n_components = int(np.searchsorted(share, kept)) + 1
    return np.asarray(mean), vectors[:, ::-1][:, :n_components]


def official_score(X, mean, components):
    """Score as the authors' code does.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    mean : ndarray of shape (n_features,)
        The mean, in the dtype of X.

    components : ndarray of shape (n_features, n_components)
        Eigenvectors, in columns, in the dtype of X.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        Squared distances to the subspace.
    """
    reconstruction = (X - mean) @ components @ components.T + mean
    return np.sum((X - reconstruction) ** 2, axis=1)


def batches(X, length):
    """Cut rows into batches.

    Parameters
    ----------
    X : ndarray
        The rows.

    length : int
        Rows of a batch.

    Returns
    -------
    pieces : iterator of ndarray
        Views.
    """
    return (X[start : start + length] for start in range(0, len(X), length))


def add_fit(table, X, target, n_repeats, name="fit, "):
    """Add a row for `fit` without cross-fitting.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_rows, n_features)
        The rows.

    target : float
        Ratio that is asked for.

    n_repeats : int
        Number of measurements.

    name : str, default="fit, "
        Beginning of the case.
    """
    estimator = SubspaceAD(calibration="train")
    mean, components = official_fit(X)
    ours = estimator.fit(X)
    assert ours.n_components_ == components.shape[1]
    assert np.abs(ours.mean_ - mean).max() <= 1e-4 * np.abs(mean).max()
    functions = [
        functools.partial(estimator.fit, X),
        functools.partial(official_fit, X),
        functools.partial(bare_fit, X),
        functools.partial(moments_and_spectrum, X),
    ]
    ours, theirs, limit, core = (1e3 * t for t in median_times(functions, n_repeats))
    case = f'{name}calibration="train", {X.shape}'
    if len(X) >= X.shape[1]:
        part = f"moments and eigenvectors of a fit, {X.shape}"
        table.add(Row(part, OFFICIAL, core, theirs, target, limit))
        target = None
    table.add(Row(case, OFFICIAL, ours, theirs, target, limit))


def moments_and_spectrum(X):
    """Do that part of a fit which the authors' code has, too.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    spectrum : Spectrum
        Mean, eigenvalues and eigenvectors.
    """
    state = empty_scatter(X.shape[1])
    for x in batches(X, 4096):
        state = update_scatter(state, x, single=X.shape[1] > 256)
    return moment_spectrum(state, single=True)


def bare_fit(X):
    """Do the product and the decomposition of a fit, and nothing else.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    vectors : ndarray
        Eigenvectors.
    """
    rows = X if len(X) >= X.shape[1] else X.T
    products = sum(x.T @ x for x in batches(rows, 4096)) if rows is X else X @ X.T
    return np.linalg.eigh(products.astype(np.float64))[1]


def add_score(table, train, X, n_components, target, n_repeats):
    """Add a row for the scores of new rows.

    Parameters
    ----------
    table : Table
        Receives the row.

    train, X : ndarray of shape (n_rows, n_features)
        The rows for `fit` and those to score.

    n_components : int
        Number of components.

    target : float
        Ratio that is asked for.

    n_repeats : int
        Number of measurements.
    """
    estimator = SubspaceAD(n_components, calibration="train").fit(train)
    mean = estimator.mean_.astype(np.float32)
    components = np.ascontiguousarray(estimator.components_.T, dtype=np.float32)
    theirs = functools.partial(official_score, X, mean, components)
    np.testing.assert_allclose(-estimator.score_samples(X), theirs(), rtol=5e-3)
    # The coordinates along the directions left out do as well.
    fewer = components[:, : min(n_components, X.shape[1] - n_components)].copy()
    functions = [
        functools.partial(estimator.score_samples, X),
        theirs,
        functools.partial(np.matmul, X, fewer),
    ]
    ours, theirs, limit = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"scores, {X.shape}, {n_components} components"
    table.add(Row(case, OFFICIAL, ours, theirs, target, limit))


def add_neighbours(table, X, n_repeats):
    """Add a row for scores beside distances to a bank of a tenth of the rows.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_rows, n_features)
        The rows.

    n_repeats : int
        Number of measurements.
    """
    estimator, few = SubspaceAD(calibration="train").fit(X), X[:4608]
    bank = X[::10].copy()
    functions = [
        functools.partial(estimator.score_samples, few),
        functools.partial(pairwise_distances_argmin_min, few, bank),
    ]
    ours, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"scores, {few.shape}, fitted on {len(X)} rows"
    table.add(Row(case, "nearest of a tenth of these rows", ours, theirs, 8))


def add_path(table, X, n_repeats):
    """Add a row for the residuals of many ranks from one projection.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_rows, n_features)
        The rows.

    n_repeats : int
        Number of measurements.
    """
    estimator = SubspaceAD(0.995, calibration="train").fit(X)
    one_each = [SubspaceAD(share, calibration="train").fit(X) for share in PATH]
    few = X[:4608]
    path = estimator.residual_path(few, PATH)
    for column, one in zip(path.T, one_each, strict=True):
        np.testing.assert_allclose(column, -one.score_samples(few), rtol=1e-3)
    functions = [
        functools.partial(estimator.residual_path, few, PATH),
        lambda: [one.score_samples(few) for one in one_each],
    ]
    ours, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"residual_path, {few.shape}, {len(PATH)} ranks"
    table.add(Row(case, "score_samples for each", ours, theirs, 2))


def add_cross_fit(table, X, n_repeats):
    """Add a row for what cross-fitted scores cost.

    Parameters
    ----------
    table : Table
        Receives the row.

    X : ndarray of shape (n_rows, n_features)
        The rows.

    n_repeats : int
        Number of measurements.
    """
    functions = [
        functools.partial(SubspaceAD(calibration=calibration).fit, X)
        for calibration in ("crossfit", "train")
    ]
    ours, theirs = (1e3 * t for t in median_times(functions, max(1, n_repeats // 2)))
    case = f'fit, calibration="crossfit", {X.shape}'
    table.add(Row(case, 'calibration="train"', ours, theirs, 0.4))


def add_memmap(table, n_rows):
    """Add a row for the memory of a fit to rows on disk.

    Parameters
    ----------
    table : Table
        Receives the row.

    n_rows : int
        Number of rows, of 64 features.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, simulate(n_rows, 64))
        X = np.load(path, mmap_mode="r")
        peak = 1e-6 * extra_peak(functools.partial(SubspaceAD().fit, X))
    table.add(Row(f"memory, fit to a memmap of {X.shape}", "", peak, unit="MB"))
    if peak > 64:
        table.note(f"The fit to a memmap takes {peak:.0f} MB and may take 64.")


OURS = """
from skextras import DinoPatchFeatures
features = DinoPatchFeatures(
    make_config(), layers="official", image_size={image_size}, random_init=True,
    device="cpu", dtype="float32",
).fit(images)
features.transform(images[:, :56, :56])  # makes the network
extract = lambda: features.transform(images)
"""
THEIRS = """
from transformers import Dinov2WithRegistersModel
config = make_config()
config._attn_implementation = "eager"
model = Dinov2WithRegistersModel(config).eval()
pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
def extract():
    with torch.no_grad():
        out = model(pixels, output_hidden_states=True, output_attentions=True)
    states = torch.stack(out.hidden_states[8:10]).mean(dim=0)
    return states[:, 5:].numpy(), out.attentions
"""
EXTRACTION = """
import sys, time
import numpy as np, torch
from transformers import Dinov2WithRegistersConfig
torch.set_num_threads(1)
def make_config():
    return Dinov2WithRegistersConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518,
        patch_size=14,
    )
images = np.random.default_rng(0).integers(
    0, 256, (1, {image_size}, {image_size}, 3), dtype=np.uint8
)
"""


def add_features(table, n_repeats, image_size):
    """Add rows for the time and the memory of a vision transformer's features.

    Parameters
    ----------
    table : Table
        Receives the rows.

    n_repeats : int
        Number of measurements.

    image_size : int
        Pixels of a side.
    """
    if torch is None or importlib.util.find_spec("transformers") is None:
        table.note("Left out: features of images (needs torch and transformers).")
        return
    figures = []
    for make in (OURS, THEIRS):
        setup = (EXTRACTION + make).format(image_size=image_size)
        figures.append(peak_of_process(setup, "extract()", n_repeats))
    (ours, our_peak), (theirs, their_peak) = figures
    case = f"features, ViT-S, {image_size} px"
    peer = "authors' extractor: eager attention, all states and attentions"
    table.add(Row(case, peer, 1e3 * ours, 1e3 * theirs, 2.5))
    peaks = 1e-6 * our_peak, 1e-6 * their_peak
    table.add(Row(f"memory, {case}", peer, *peaks, 10, unit="MB"))


if __name__ == "__main__":
    main()
