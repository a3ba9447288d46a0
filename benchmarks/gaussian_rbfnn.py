"""GaussianRBFNN beside its authors' network, Gaussian processes and bare arithmetic."""

import functools
import os
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from _harness import (
    Row,
    Table,
    describe_machine,
    median_times,
    parse_arguments,
    write_section,
)
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from threadpoolctl import threadpool_limits

from skextras import GaussianRBFNN
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_penalized import PenalizedLogLoss

try:
    import torch
except ImportError:
    torch = None

PACKAGES = ["numpy", "scipy", "scikit-learn", "torch"]
OFFICIAL = "authors' arithmetic"
UCI = "grbfnn/uci"
TABLES = ("concrete", "energy", "yacht", "wine-quality-red")
# Of the authors' network: centres, rate of Adam, weight of each of the three norms.
N_CENTERS, RATE, PENALTY = 32, 0.01, 0.01
# Rows, features, centres and target of single steps, of one batch.
STEPS = [(256, 20, 1000, 40), (256, 100, 128, 45), (256, 1000, 32, 15)]


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
        f'"{OFFICIAL}" restates in torch what the published code (Gaussian-RBFNN, MIT '
        "licence) computes in float64: differences of all pairs of rows and centres, "
        "their products with the precision matrix, a sum of losses and norms, its "
        f"gradient and a step of Adam; {N_CENTERS} learnt centres, full batches, rate "
        f"{RATE:g}, {PENALTY:g} times each norm, on standardised inputs and targets. "
        "Fits are timed once. Errors are of the test rows of one split, in standard "
        "deviations of the target. The fastest of our fits that were stopped after 1, "
        "3, 10, 30 or 100 iterations and came at least as near as the authors' network "
        "at its best epoch is what is timed up to that. Single steps are those of a "
        "classifier with learnt centres. The limit is an exponential for each pair of "
        "row and centre and the three matrix products with them."
    )
    if options.page is not None:
        text = f"## GaussianRBFNN\n\n{table.markdown()}"
        write_section(options.page, "gaussian_rbfnn", text)
    return table


def measure(table, quick=False):
    """Fill the table.

    Parameters
    ----------
    table : Table
        Receives the rows.

    quick : bool, default=False
        Whether to take few rows, epochs and repeats.
    """
    n_epochs, n_repeats, divisor = (20, 1, 20) if quick else (2000, 5, 1)
    splits = {"friedman1": simulate()} if quick else load_splits(table)
    if torch is None:
        table.note("Left out: the authors' network (it needs torch).")
    else:
        fits = [name for name in splits if name != "power-plant"]
        ratios = [add_fit(table, name, splits[name], n_epochs) for name in fits]
        middle = statistics.median(ratios)
        table.note(f"Median ratio of these fits: {middle:.3g}; target 10.")
        for *size, target in STEPS:
            small = [n // divisor + 1 for n in size]
            add_step(table, small if quick else size, target, n_repeats)
    for name in ("concrete", "energy", "friedman1"):
        if name in splits:
            add_process(table, name, splits[name])
    if "power-plant" in splits:
        add_subset(table, "power-plant", splits["power-plant"])
    add_gradient(table, (20_000 // divisor, 20, 1000 // divisor), n_repeats)


def load_splits(table):
    """Load one split of each table, standardised by its training rows.

    Parameters
    ----------
    table : Table
        Receives a note if the folder of data has no UCI tables.

    Returns
    -------
    splits : dict
        By name, inputs and targets for training and test.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKEXTRAS_DATA", default)) / UCI
    X, y = load_diabetes(return_X_y=True)
    splits = {"diabetes": split(X, y), "friedman1": simulate()}
    if not folder.exists():
        table.note(
            f"Left out: the tables of UCI (no {UCI} in the folder that the environment "
            "variable SKEXTRAS_DATA names)."
        )
        return splits
    for name in (*TABLES, "power-plant"):
        data = np.loadtxt(folder / name / "data.txt")
        columns = np.loadtxt(folder / name / "index_features.txt", dtype=int)
        target = int(np.loadtxt(folder / name / "index_target.txt"))
        files = [folder / name / f"index_{part}_0.txt" for part in ("train", "test")]
        # Of the largest table the splits are not stored.
        stored = name in TABLES
        rows = [np.loadtxt(file, dtype=int) for file in files] if stored else None
        splits[name] = split(data[:, columns], data[:, target], rows)
    return splits


def simulate():
    """Draw rows of Friedman's first function, and split them.

    Returns
    -------
    split : tuple of four ndarray
        See `split`.
    """
    return split(*make_friedman1(500, 10, noise=1.0, random_state=0))


def split(X, y, rows=None):
    """Split a table, and standardise it by its training rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs.

    y : ndarray of shape (n_rows,)
        The targets.

    rows : list of two ndarray, default=None
        Rows for training and test; 9 in 10 at random by default.

    Returns
    -------
    split : tuple of four ndarray
        Inputs and targets for training, inputs and targets for the test.
    """
    if rows is None:
        order = np.random.RandomState(0).permutation(len(X))
        cut = round(0.9 * len(X))
        rows = order[:cut], order[cut:]
    train, test = rows
    X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    y = (y - y[train].mean()) / y[train].std()
    return X[train], y[train], X[test], y[test]


def root_mean_square(residual):
    """Give the root of the mean square.

    Parameters
    ----------
    residual : ndarray
        The values.

    Returns
    -------
    root : float
        The root.
    """
    return float(np.sqrt(np.mean(np.square(residual))))


class OfficialNetwork:
    """What the authors' code computes, with one flat vector of parameters.

    Parameters
    ----------
    centers : ndarray of shape (n_centers, n_features)
        Where the centres start.

    penalty : float
        What multiplies the norms of centres, weights and triangular factor.

    classifies : bool, default=False
        Whether the loss is the log-loss, summed, or the mean squared error.
    """

    def __init__(self, centers, penalty, *, classifies=False):
        self.penalty, self.classifies = penalty, classifies
        self.m, self.d = centers.shape
        generator = torch.Generator().manual_seed(0)
        n_normal = self.m + self.d * (self.d + 1) // 2
        normal = torch.randn(n_normal, generator=generator, dtype=torch.float64)
        start = torch.cat([torch.tensor(centers).flatten(), normal])
        self.theta = start.requires_grad_()
        self.optimizer = torch.optim.Adam([self.theta], lr=RATE)
        self.triangle = torch.tril_indices(self.d, self.d).unbind()

    def parts(self):
        """Cut the parameters into centres, weights and triangular factor.

        Returns
        -------
        parts : tuple of three tensors
            The parts.
        """
        n_coordinates = self.m * self.d
        centers = self.theta[:n_coordinates].reshape(self.m, self.d)
        weights = self.theta[n_coordinates : n_coordinates + self.m]
        factor = torch.zeros(self.d, self.d, dtype=torch.float64)
        factor[self.triangle] = self.theta[n_coordinates + self.m :]
        return centers, weights, factor

    def outputs(self, X):
        """Outputs of the network.

        Parameters
        ----------
        X : tensor of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        outputs : tensor of shape (n_rows,)
            The outputs.
        """
        centers, weights, factor = self.parts()
        precision = factor @ factor.T
        difference = X[:, None] - centers
        pairs = difference.reshape(-1, self.d, 1)
        scaled = (precision @ pairs).reshape(difference.shape)
        return torch.exp(-0.5 * (difference * scaled).sum(dim=2)) @ weights

    def step(self, X, y, *, update=True):
        """Compute the objective and its gradient, and move the parameters.

        Parameters
        ----------
        X : tensor of shape (n_rows, n_features)
            The rows.

        y : tensor of shape (n_rows,)
            Their targets.

        update : bool, default=True
            Whether to move the parameters.

        Returns
        -------
        loss : float
            The objective before the step.
        """
        self.optimizer.zero_grad()
        outputs = self.outputs(X)
        if self.classifies:
            p = 1 / (1 + torch.exp(-outputs))
            loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum()
        else:
            loss = (outputs - y).square().mean()
        if self.penalty > 0:
            norms = [torch.linalg.norm(part) for part in self.parts()]
            loss = loss + self.penalty * sum(norms)
        loss.backward()
        if update:
            self.optimizer.step()
        return loss.item()


def official_fit(table_split, n_epochs, every=10):
    """Train the authors' network.

    Parameters
    ----------
    table_split : tuple of four ndarray
        See `split`.

    n_epochs : int
        Number of epochs.

    every : int, default=10
        After how many epochs to look at the errors, off the clock.

    Returns
    -------
    seconds : ndarray
        CPU time up to each look.

    errors : ndarray
        Errors of the test rows at each look.
    """
    X, y, X_test, y_test = map(torch.from_numpy, table_split)
    start, spent = time.process_time(), 0.0
    kmeans = KMeans(N_CENTERS, n_init=1, random_state=0).fit(table_split[0])
    network = OfficialNetwork(kmeans.cluster_centers_, PENALTY)
    seconds, errors = [], []
    for epoch in range(1, n_epochs + 1):
        network.step(X, y)
        if epoch % every == 0:
            spent += time.process_time() - start
            with torch.no_grad():
                residual = network.outputs(X_test) - y_test
            seconds.append(spent)
            errors.append(root_mean_square(residual.numpy()))
            start = time.process_time()
    return np.array(seconds), np.array(errors)


def our_fit(table_split, **params):
    """Fit ours once.

    Parameters
    ----------
    table_split : tuple of four ndarray
        See `split`.

    **params : dict
        Parameters other than the defaults.

    Returns
    -------
    seconds : float
        CPU time.

    error : float
        Error of the test rows.
    """
    X, y, X_test, y_test = table_split
    model = GaussianRBFNN(random_state=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - start
    return seconds, root_mean_square(model.predict(X_test) - y_test)


def add_fit(table, name, table_split, n_epochs):
    """Add rows for a default fit and for the time to the peer's best error.

    Parameters
    ----------
    table : Table
        Receives the rows.

    name : str
        Name of the table.

    table_split : tuple of four ndarray
        See `split`.

    n_epochs : int
        Epochs of the peer.

    Returns
    -------
    ratio : float
        The ratio of the fits.
    """
    seconds, errors = official_fit(table_split, n_epochs)
    ours, error = our_fit(table_split)
    case = (
        f"fit, {name}, {table_split[0].shape}, error {error:.3g} for {errors[-1]:.3g}"
    )
    peer = f"{OFFICIAL}, {n_epochs} epochs"
    table.add(Row(case, peer, ours, seconds[-1], 5, unit="s"))
    ratio = table.rows[-1].ratio
    best = int(errors.argmin())
    stopped = [our_fit(table_split, max_iter=n) for n in (1, 3, 10, 30)]
    near = [time for time, found in [*stopped, (ours, error)] if found <= errors[best]]
    case = f"the same, up to the error {errors[best]:.3g}"
    if near:
        table.add(Row(case, OFFICIAL, min(near), seconds[best], 20, unit="s"))
    else:
        table.note(f"{name}: ours does not come to the error {errors[best]:.3g}.")
    return ratio


def simulate_classes(n_rows, n_features, n_centers):
    """Draw rows of two classes, and centres.

    Parameters
    ----------
    n_rows, n_features, n_centers : int
        Sizes.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        The rows, in units of which kernels neither vanish nor are one.

    y : ndarray of shape (n_rows,)
        0 or 1.

    centers : ndarray of shape (n_centers, n_features)
        The centres.
    """
    rng = np.random.default_rng(0)
    X, centers = rng.standard_normal((2, max(n_rows, n_centers), n_features))
    X, centers = X[:n_rows] / n_features, centers[:n_centers] / n_features
    return X, (X[:, 0] > 0).astype(float), centers


def log_loss_objective(X, y, centers):
    """Make the objective of a classifier with learnt centres and a full metric.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    y : ndarray of shape (n_rows,)
        0 or 1.

    centers : ndarray of shape (n_centers, n_features)
        The centres.

    Returns
    -------
    objective : PenalizedLogLoss
        Without any penalty.
    """
    metric = Metric("full", np.ones(X.shape[1], dtype=bool))
    return PenalizedLogLoss(
        X,
        y[:, None],
        np.ones(len(X)),
        centers,
        metric,
        0.0,
        linear_term=False,
        learn_centers=True,
    )


def add_step(table, size, target, n_repeats):
    """Add a row for one value and gradient of the log-loss.

    Parameters
    ----------
    table : Table
        Receives the row.

    size : list of int
        Rows, features and centres.

    target : float
        Ratio that is asked for.

    n_repeats : int
        Number of measurements.
    """
    X, y, centers = simulate_classes(*size)
    network, objective = make_both(X, y, centers)
    check_gradients(network, objective, X, y)
    theta = our_parameters(network)
    batch = torch.from_numpy(X), torch.from_numpy(y)
    network.penalty = PENALTY
    functions = [
        functools.partial(objective, theta),
        functools.partial(network.step, *batch, update=True),
    ]
    ours, theirs = (1e3 * t for t in median_times(functions, n_repeats))
    n_rows, n_features, n_centers = size
    case = f"step, {n_rows} rows, {n_features} features, {n_centers} centres"
    table.add(Row(case, OFFICIAL, ours, theirs, target))


def make_both(X, y, centers):
    """Make the authors' network and our objective, neither with penalties.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    y : ndarray of shape (n_rows,)
        0 or 1.

    centers : ndarray of shape (n_centers, n_features)
        The centres.

    Returns
    -------
    network : OfficialNetwork
        Its parameters are those of its start.

    objective : PenalizedLogLoss
        Ours.
    """
    network = OfficialNetwork(centers, 0.0, classifies=True)
    return network, log_loss_objective(X, y, centers)


def our_parameters(network):
    """Give the parameters of the authors' network as ours; the constant is zero.

    Parameters
    ----------
    network : OfficialNetwork
        The network.

    Returns
    -------
    theta : ndarray of shape (n_parameters,)
        Factor, centres and weights.
    """
    centers, weights, factor = (p.detach().numpy() for p in network.parts())
    return np.concatenate([factor.T.ravel(), centers.ravel(), weights, [0.0]])


def check_gradients(network, objective, X, y):
    """Raise if the two objectives or their gradients are not the same.

    Parameters
    ----------
    network : OfficialNetwork
        The network.

    objective : PenalizedLogLoss
        Ours.

    X : ndarray of shape (n_rows, n_features)
        The rows.

    y : ndarray of shape (n_rows,)
        0 or 1.
    """
    value, gradient = objective(our_parameters(network))
    loss = network.step(torch.from_numpy(X), torch.from_numpy(y), update=False)
    d, m = network.d, network.m
    wanted = network.theta.grad.numpy() / len(X)
    of_factor, rest = gradient[: d * d].reshape(d, d).T, gradient[d * d : -1]
    got = np.concatenate([rest, of_factor[np.tril_indices(d)]])
    errors = np.abs(got - wanted)
    for part in (slice(m * d), slice(m * d, m * d + m), slice(m * d + m, None)):
        if not errors[part].max() <= 1e-8 * np.abs(wanted[part]).max():
            raise AssertionError("gradients differ")
    if not np.isclose(value, loss / len(X), rtol=1e-10):
        raise AssertionError(f"objectives differ: {value} and {loss / len(X)}")


def add_process(table, name, table_split):
    """Add a row for a default fit beside a Gaussian process.

    Parameters
    ----------
    table : Table
        Receives the row.

    name : str
        Name of the table.

    table_split : tuple of four ndarray
        See `split`.
    """
    X, y, X_test, y_test = table_split
    ours, error = our_fit(table_split)
    kernel = ConstantKernel() * RBF(np.ones(X.shape[1])) + WhiteKernel()
    process = GaussianProcessRegressor(kernel, random_state=0)
    with warnings.catch_warnings():
        # A length scale of an input that does not matter goes to its bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.process_time()
        process.fit(X, y)
        theirs = time.process_time() - start
    peer_error = root_mean_square(process.predict(X_test) - y_test)
    case = f"fit, {name}, {X.shape}, error {error:.3g} for {peer_error:.3g}"
    peer = "GaussianProcessRegressor, a length scale each"
    table.add(Row(case, peer, ours, theirs, 5, unit="s"))


def add_subset(table, name, table_split):
    """Add a row for a metric that a subset of many rows learns.

    Parameters
    ----------
    table : Table
        Receives the row.

    name : str
        Name of the table.

    table_split : tuple of four ndarray
        See `split`.
    """
    whole, error = our_fit(table_split, n_centers=200)
    part, part_error = our_fit(table_split, n_centers=200, max_samples=1000)
    errors = f"error {part_error:.3g} for {error:.3g}"
    case = f"fit, {name}, {table_split[0].shape}, max_samples=1000, {errors}"
    table.add(Row(case, "max_samples=None", part, whole, 2, unit="s"))


def add_gradient(table, size, n_repeats):
    """Add a row for one value and gradient on many rows, beside its arithmetic.

    Parameters
    ----------
    table : Table
        Receives the row.

    size : tuple of int
        Rows, features and centres.

    n_repeats : int
        Number of measurements.
    """
    X, y, centers = simulate_classes(*size)
    n_rows, n_features, n_centers = size
    objective = log_loss_objective(X, y, centers)
    weights = np.linspace(-1, 1, n_centers + 1)
    metric = np.eye(n_features).ravel()
    theta = np.concatenate([metric, centers.ravel(), weights])
    functions = [
        functools.partial(objective, theta),
        functools.partial(bare_arithmetic, X, centers),
    ]
    ours, limit = (1e3 * t for t in median_times(functions, n_repeats))
    case = f"value and gradient, {X.shape}, {n_centers} centres"
    table.add(Row(case, "", ours, limit=limit))
    each = 1e6 * ours / (n_rows * n_centers)
    table.note(f"Value and gradient take {each:.1f} ns for each pair, and may take 8.")


def bare_arithmetic(X, centers, block=1000):
    """Do the exponentials and the matrix products of a gradient, and nothing else.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    centers : ndarray of shape (n_centers, n_features)
        The centres.

    block : int, default=1000
        Rows at a time.

    Returns
    -------
    sums : ndarray of shape (n_centers, n_features)
        The last product.
    """
    sums = 0.0
    for start in range(0, len(X), block):
        rows = X[start : start + block]
        kernel = np.exp(rows @ centers.T)
        kernel @ centers
        sums = sums + kernel.T @ rows
    return sums


if __name__ == "__main__":
    main()
