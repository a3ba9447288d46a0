"""Training of a Gaussian radial basis function network on one folded table."""

import warnings
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skextras._resources import require_memory, single_blas_thread
from skextras.numerics import rbf, rbf_training
from skextras.numerics.rbf_evidence import Evidence
from skextras.numerics.rbf_logistic import LogisticRegression
from skextras.numerics.rbf_metric import Metric
from skextras.numerics.rbf_network import Network
from skextras.numerics.rbf_penalized import PenalizedLogLoss, PenalizedSquares
from skextras.numerics.rbf_posterior import Scales
from skextras.numerics.rbf_readout import Readout, gaussian_readout, ridge_readout
from skextras.numerics.rbf_table import column_units, fold_rows, standard_columns

# More features than these get a diagonal metric and, in the classifier, slopes with a
# scale of their own: a full metric would have more parameters than most tables rows.
MANY_FEATURES = 100
# Operations of one evaluation below which a second BLAS thread costs more than it does.
_FLOPS_OF_ONE_THREAD = 2e9


class Trained(NamedTuple):
    """A network with what its training has found out beside it.

    Parameters
    ----------
    network : Network
        The network, in standard units of inputs and of targets that vary.

    centers : ndarray of shape (n_centers, n_features)
        The centres, in raw units.

    scales : Scales or None
        The variances, if they were learnt.

    readout : Readout
        The output weights and their posterior.
    """

    network: Network
    centers: np.ndarray
    scales: Scales | None
    readout: Readout


class Trainer:
    """One folded table in standard units, with the centres chosen for it.

    Parameters
    ----------
    options : estimator
        Its parameters are read.

    X : ndarray of shape (n_rows, n_features)
        Distinct inputs, see `fold_rows`.

    Y : ndarray of shape (n_rows, n_outputs)
        Targets, or for a classifier what `log_loss` wants.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    rng : RandomState
        Draws the subset, the centres and the start of a low-rank metric.

    classifies : bool
        Whether the outputs are decision scores.
    """

    def __init__(self, options, X, Y, weights, rng, *, classifies):
        self.options, self.weights, self.classifies = options, weights, classifies
        rounded = options.standardize
        self.x_units = column_units(X, weights, scaled=options.standardize)
        self.y_units = column_units(Y, weights)
        self.X = standard_columns(X, self.x_units, rounded=rounded)
        self.labels = Y
        # A constant target has nothing to learn and would pass for little noise.
        varying = standard_columns(Y, self.y_units, rounded=rounded)
        self.Y = np.ascontiguousarray(varying[:, self.y_units.varies])
        self.max_bytes = get_config()["working_memory"] * 2**20
        self._rows = slice(None)
        if options.max_samples is not None and options.max_samples < len(X):
            self._rows = np.sort(rng.permutation(len(X))[: options.max_samples])
        self._check_memory()
        self.centers = self._choose_centers(rng)
        self._rotation = None
        if options.rank is not None:
            self._rotation = rng.standard_normal((X.shape[1], options.rank))

    def metrics(self, kind):
        """List the metrics to learn, one after the other.

        Parameters
        ----------
        kind : {"auto", "full", "diag", "spherical"}
            The metric asked for.

        Returns
        -------
        metrics : list of Metric
            One, or the diagonal and a full one.
        """
        active = self.x_units.varies
        if self._rotation is not None:
            return [Metric("full", active, self.options.rank)]
        kinds = ["diag", "full"] if kind in ("auto", "full") else [kind]
        return [Metric(kind, active) for kind in kinds]

    def stages(self, kind, *, max_iter, tol, observe=None):
        """Learn the metrics, one after the other.

        Parameters
        ----------
        kind : {"auto", "full", "diag", "spherical"}
            The metric asked for.

        max_iter : int
            Most iterations for each.

        tol : float
            Relative decrease of the objective at which to stop.

        observe : callable, default=None
            See `run_stage`.

        Returns
        -------
        stages : iterator of Stage
            Where each run has ended.
        """
        metrics = self.metrics(kind)
        return rbf_training.stages(
            self._objective,
            metrics,
            self.start_scale(),
            max_iter=max_iter,
            tol=tol,
            rotation=self._rotation,
            observe=observe,
        )

    def start_scale(self):
        """Find the inverse width of the kernels to start from."""
        return rbf_training.start_scale(self.X[self._rows], self.centers)

    def start(self, kind):
        """Give the stage before any training, for targets that are constant.

        Parameters
        ----------
        kind : {"auto", "full", "diag", "spherical"}
            The metric asked for.

        Returns
        -------
        stage : Stage
            Where training would start.
        """
        metric = self.metrics(kind)[-1 if kind == "full" else 0]
        objective = self._objective(metric)
        params = metric.start(self.start_scale(), self._rotation)
        theta = objective.layout.join(params, self.centers, objective.start)
        return rbf_training.Stage(objective, theta, 0.0, 1, True, False)

    def blas(self):
        """Give the context of few BLAS threads that the size of the table asks for."""
        n, d, m = len(self.X[self._rows]), self.X.shape[1], len(self.centers)
        q = rbf.n_columns(m, d, self.options.linear_term)
        flops = 2 * n * q * (q + m) + 6 * n * m * d + 1.3 * q**3
        small = flops < _FLOPS_OF_ONE_THREAD
        return single_blas_thread() if small else nullcontext()

    def trained(self, stage):
        """Compute the output weights on all rows, for the metric of a stage.

        Parameters
        ----------
        stage : Stage
            Where the optimiser has ended, or is.

        Returns
        -------
        trained : Trained
            The network.
        """
        layout = stage.objective.layout
        params, centers, rest = layout.split(stage.theta)
        factor, units = layout.metric.factor(params), self.x_units
        # The centres as predictions will get them, back from raw units: the weights
        # compensate whatever rounding has done to the features.
        raw = centers * units.scale + units.mean
        z, z_centers = self.X @ factor.T, units.standardise(raw) @ factor.T
        evidence = self.options.objective == "evidence"
        scales = stage.objective.scales(stage.theta) if evidence else None
        if self.classifies:
            readout = self._classify(z, z_centers, scales, rest)
        else:
            readout = self._regress(z, z_centers, scales)
        network = Network(factor, z_centers, readout.weights)
        return Trained(network, raw, scales, readout)

    def _regress(self, z, z_centers, scales):
        """Output weights of a regression."""
        table = (self.X, self.Y, self.weights, z, z_centers)
        how = {"linear_term": self.options.linear_term, "max_bytes": self.max_bytes}
        if scales is None:
            return ridge_readout(*table, self.options.alpha_weights, **how)
        return gaussian_readout(*table, scales, **how)

    def _classify(self, z, z_centers, scales, rest):
        """Output weights of a logistic regression."""
        design = rbf.Design(
            self.X,
            np.ones(len(self.X)),
            len(z_centers),
            linear_term=self.options.linear_term,
            max_bytes=self.max_bytes,
        )
        if design.keeps:
            for block in design.blocks:
                design.fill(block, z, z_centers)

        def blocks():
            for block in design.blocks:
                yield block, design.again(block, z, z_centers)[1]

        n_features, n_centers = self.X.shape[1], len(z_centers)
        n_columns = rbf.n_columns(n_centers, n_features, self.options.linear_term)
        groups = np.zeros(n_columns, dtype=np.intp)
        if n_features > MANY_FEATURES:
            groups[n_centers + 1 :] = 1
        model = LogisticRegression(blocks, self.labels, self.weights, groups)
        if scales is None:
            start = rest.reshape(n_columns, self.labels.shape[1])
            ridge = np.full(groups.max() + 1, self.options.alpha_weights)
            return Readout(model.minimise(start, ridge), None, 0.0)
        weights = model.fit(scales.ridge / 4, n_columns).weights
        return Readout(weights, None, 0.0)

    def _objective(self, metric):
        """Make the objective of a metric on the rows that learn it."""
        options, rows = self.options, self._rows
        X, weights, centers = self.X[rows], self.weights[rows], self.centers
        how = {
            "linear_term": options.linear_term,
            "learn_centers": options.learn_centers,
            "alpha": options.alpha_precision,
        }
        if options.objective == "evidence":
            return Evidence(
                X,
                self.Y[rows],
                weights,
                centers,
                metric,
                kernel_prior=options.learn_centers or not self.classifies,
                tied=self.classifies and X.shape[1] <= MANY_FEATURES,
                max_bytes=self.max_bytes,
                **how,
            )
        beta = options.alpha_weights
        if self.classifies:
            labels = self.labels[rows]
            return PenalizedLogLoss(X, labels, weights, centers, metric, beta, **how)
        how["max_bytes"] = self.max_bytes
        return PenalizedSquares(X, self.Y[rows], weights, centers, metric, beta, **how)

    def _n_centers(self):
        """Number of centres asked for, before the distinct rows limit it."""
        options, (n, d) = self.options, self.X.shape
        if not isinstance(options.center_init, str):
            return len(options.center_init)
        if options.n_centers != "auto":
            return options.n_centers
        few = d <= 50
        return int(np.clip(n // 5, 100, 300) if few else np.clip(n // 4, 100, 500))

    def _check_memory(self):
        n_centers = self._n_centers()
        if isinstance(self.options.center_init, str):
            n_centers = min(n_centers, len(self.X[self._rows]))
        q = rbf.n_columns(n_centers, self.X.shape[1], self.options.linear_term)
        require_memory(
            8 * 6 * q**2,
            f"Training {q} output weights (n_centers={n_centers})",
            "Lower n_centers.",
        )

    def _choose_centers(self, rng):
        """Choose centres among, or amid, the distinct rows that learn the metric."""
        options = self.options
        if not isinstance(options.center_init, str):
            given = check_array(options.center_init, dtype=np.float64)
            rounded = options.standardize
            return standard_columns(given, self.x_units, rounded=rounded)
        X, weights = self.X[self._rows], self.weights[self._rows]
        X, _, weights = fold_rows(X, np.empty((len(X), 0)), weights)
        m = self._n_centers()
        if m >= len(X):
            return X
        if options.center_init == "random":
            return X[np.sort(rng.choice(len(X), m, replace=False))]
        return _cluster_centers(X, weights, m, rng)


def _cluster_centers(X, weights, n_centers, rng):
    """Cluster rows by k-means, on one thread: its sums depend on their number."""
    from threadpoolctl import threadpool_limits

    kmeans = KMeans(n_centers, n_init=1, max_iter=30, random_state=rng)
    # The hold comes first: what the other context saves and restores is then one
    # thread, in whatever order fits in several threads leave it.
    with (
        single_blas_thread(),
        threadpool_limits(1, user_api="openmp"),
        warnings.catch_warnings(),
    ):
        # Of an outlier, beside which the other rows round to a few distinct ones.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(X, sample_weight=weights)
    return kmeans.cluster_centers_
