"""What a three-cycle map is asked for: checked parameters, columns and their names."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from skextras.numerics.cycles import largest_count

FEATURES = ("cycle3", "cycle4", "clustering", "degree", "distance_degree")


@dataclass(frozen=True)
class Plan:
    """Parameters of a map in one form each, checked against each other.

    Parameters
    ----------
    thresholds : list of float
        The thresholds; one that separates 0 and 1 for adjacency matrices.

    by_density : bool
        Whether the thresholds are shares of the pairs.

    sign, scaling, input_type : object
        As given.

    features : tuple of str
        Names of the features.

    n_nodes : int
        Number of nodes.

    coordinates : ndarray of shape (n_nodes, n_dimensions) or None
        Positions of the nodes, where they are needed.

    distance_bins : ndarray of shape (n_bins + 1,) or None
        Edges of the bins, where they are needed.
    """

    thresholds: list
    by_density: bool
    sign: str
    features: tuple
    scaling: str | None
    input_type: str
    n_nodes: int
    coordinates: np.ndarray | None
    distance_bins: np.ndarray | None

    @property
    def n_bins(self):
        """Number of bins of distance; 0 if they are not needed."""
        return 0 if self.distance_bins is None else len(self.distance_bins) - 1

    @property
    def blocks(self):
        """Prefix of the columns of each feature, or bin, of one threshold."""
        found = []
        for name in self.features:
            if name == "distance_degree":
                edges = _distinct(self.distance_bins)
                found += [f"{name}_{a}-{b}" for a, b in itertools.pairwise(edges)]
            else:
                found.append(name)
        return found

    @property
    def n_columns(self):
        """Number of columns of the map."""
        return len(self.thresholds) * len(self.blocks) * self.n_nodes

    def names(self, nodes):
        """Name the columns, given the names of the nodes."""
        prefixes = [""]
        if len(self.thresholds) > 1:
            letter = "d" if self.by_density else "r"
            prefixes = [f"{letter}{value}_" for value in _distinct(self.thresholds)]
        return [
            f"{prefix}{block}_{node}"
            for prefix in prefixes
            for block in self.blocks
            for node in nodes
        ]

    def n_edges(self, threshold):
        """Number of edges that a density stands for."""
        return math.floor(threshold * math.comb(self.n_nodes, 2) + 0.5)

    def scale(self, name, counts):
        """Scale the values of a feature; the clustering is a share already."""
        if name == "clustering" or self.scaling is None:
            return counts
        if self.scaling == "log1p":
            return np.log1p(counts)
        # Where nothing can be counted, 0 of at least one.
        return counts / max(largest_count(name, self.n_nodes), 1)


def _distinct(values):
    """Format numbers shortly, but no two of them the same."""
    short = [f"{value:g}" for value in values]
    if len(set(short)) == len(short):
        return short
    return [repr(float(value)) for value in values]


def make_plan(estimator, n_nodes):
    """Check the parameters of a map against each other and the number of nodes.

    Parameters
    ----------
    estimator : ThreeCycleMap
        The parameters.

    n_nodes : int
        Number of nodes.

    Returns
    -------
    plan : Plan
        What is to be computed.

    Raises
    ------
    ValueError
        If a parameter has a value that another one, or `n_nodes`, forbids.

    Examples
    --------
    >>> from skextras import ThreeCycleMap
    >>> from skextras._three_cycle_map_plan import make_plan
    >>> plan = make_plan(ThreeCycleMap([0.2, 0.4], features=["degree", "cycle3"]), 2)
    >>> plan.names("ab")[:4]
    ['r0.2_degree_a', 'r0.2_degree_b', 'r0.2_cycle3_a', 'r0.2_cycle3_b']
    """
    thresholds = _check_thresholds(estimator)
    features = _check_features(estimator.features)
    coordinates = bins = None
    if "distance_degree" in features:
        coordinates = _check_coordinates(estimator, n_nodes)
        bins = _check_bins(estimator.distance_bins)
    adjacency = estimator.input_type == "adjacency"
    return Plan(
        thresholds=[0.5] if adjacency else thresholds,
        by_density=estimator.threshold_type == "density" and not adjacency,
        sign="positive" if adjacency else estimator.sign,
        features=features,
        scaling=estimator.scaling,
        input_type=estimator.input_type,
        n_nodes=n_nodes,
        coordinates=coordinates,
        distance_bins=bins,
    )


def _numbers(value, what):
    """Convert a parameter to a float64 array, or say which one is none."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError("not real numbers")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must hold real numbers, got {value!r}.") from error


def _check_thresholds(estimator):
    """List the thresholds; refuse values that the type or the sign forbids."""
    threshold, kind = estimator.threshold, estimator.threshold_type
    values = _numbers(threshold, "threshold")
    if values.ndim > 1 or values.size == 0:
        raise ValueError(
            f"threshold must be a number or a sequence of numbers, got {threshold!r}."
        )
    values = np.atleast_1d(values)
    if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise ValueError(
            f"threshold must be finite and strictly increasing, got {threshold!r}."
        )
    if kind == "density":
        legal, allowed = (values > 0) & (values < 1), "between 0 and 1, exclusively"
    elif estimator.sign == "positive":
        legal, allowed = np.abs(values) <= 1, "from -1 to 1"
    else:
        legal, allowed = (values >= 0) & (values <= 1), "from 0 to 1"
    if not legal.all():
        raise ValueError(
            f"threshold={threshold!r} must be {allowed}, with "
            f'threshold_type="{kind}" and sign="{estimator.sign}".'
        )
    if estimator.input_type == "adjacency" and len(values) > 1:
        raise ValueError(
            f'threshold={threshold!r} has several values, but input_type="adjacency" '
            "leaves nothing to threshold: give one number, which is ignored."
        )
    return values.tolist()


def _check_features(features):
    names = (features,) if isinstance(features, str) else tuple(features)
    unknown = [name for name in names if name not in FEATURES]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"features={features!r} must be one of {FEATURES}, or a sequence of these "
            "without repeats."
        )
    return names


def _check_coordinates(estimator, n_nodes):
    coordinates = estimator.coordinates
    if coordinates is None or estimator.distance_bins is None:
        raise ValueError(
            'features="distance_degree" needs both coordinates and distance_bins, got '
            f"coordinates={coordinates!r} and "
            f"distance_bins={estimator.distance_bins!r}."
        )
    array = _numbers(coordinates, "coordinates")
    if array.ndim != 2 or len(array) != n_nodes or not np.isfinite(array).all():
        raise ValueError(
            "coordinates must be finite, of shape (n_nodes, n_dimensions) with "
            f'n_nodes={n_nodes}, for features="distance_degree" in distance_bins; got '
            f"shape {array.shape}."
        )
    return array


def _check_bins(bins):
    edges = _numbers(bins, "distance_bins")
    legal = edges.ndim == 1 and len(edges) >= 2 and edges[0] >= 0
    # NaN compares with nothing; only the last edge can be infinite and increasing.
    if not legal or not (edges[1:] > edges[:-1]).all():
        raise ValueError(
            "distance_bins must be at least two increasing edges, the first not "
            f"negative and none but the last infinite, got {bins!r}."
        )
    return edges
