"""Maps of the cycles through the nodes of functional connectivity graphs."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skextras._base import PackageMixin
from skextras._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
)
from skextras._three_cycle_map_plan import FEATURES, make_plan
from skextras._three_cycle_map_transform import map_subjects, warnings_about
from skextras._validation_subjects import read_subjects


class ThreeCycleMap(PackageMixin, TransformerMixin, BaseEstimator):
    r"""Maps of the 3-cycles through each node of correlation graphs.

    For each subject, nodes (voxels, parcels) whose time series correlate above a
    threshold are joined by an edge, and the number of triangles through each node is
    returned: one value per node, which a masker turns back into an image and a
    classifier takes as features. The graph is exact to the last edge and is kept as
    bits, so that whole brains at voxel resolution fit into memory.

    Read more in the :doc:`user guide </guide/three_cycle_map>`.

    Parameters
    ----------
    threshold : float or array-like of float, default=0.5
        Score above which, strictly, two nodes have an edge, from -1 to 1 (from 0 unless
        `sign` is "positive"); or, between 0 and 1, the share of all pairs that are
        edges. Several values, strictly increasing, cost hardly more than one: the
        columns of each follow one another. The default is ours, not one of the paper.

    threshold_type : {"correlation", "density"}, default="correlation"
        What `threshold` is. With "density", the graphs of all subjects have the same
        number of edges, ``floor(threshold * n_pairs + 1 / 2)``: those of the largest
        scores. Use it where series differ in length, since at a fixed correlation
        shorter ones have more edges by chance.

    sign : {"positive", "negative", "absolute"}, default="positive"
        Score of a pair of nodes: its Pearson correlation r, -r or abs(r).

    features : str, or tuple or list of str, default="cycle3"
        What is computed at each node, in this order:

        - "cycle3": number of triangles;
        - "cycle4": number of 4-cycles, with chords or without;
        - "clustering": share of the pairs of neighbours that are neighbours, 0 for
          nodes with fewer than two;
        - "degree": number of neighbours;
        - "distance_degree": number of neighbours in each of the `distance_bins`.

    scaling : {"log1p", "fraction"} or None, default=None
        What is made of counts (never of "clustering"): their logarithm,
        ``log(1 + count)``; their share of the count in a complete graph; or nothing.

    input_type : {"timeseries", "correlation", "adjacency"}, default="timeseries"
        What X holds: series, or one square, symmetric matrix per subject. Of
        correlations the entries above the diagonal are thresholded as they are; of
        adjacency matrices, of zeros and ones, `threshold`, `threshold_type` and `sign`
        are ignored.

    coordinates : array-like of shape (n_nodes, n_dimensions) or None, default=None
        Positions of the nodes, for "distance_degree" only.

    distance_bins : array-like of shape (n_bins + 1,) or None, default=None
        Increasing edges of the bins of Euclidean distance, each of which holds its
        lower one, in the unit of `coordinates`; the last may be infinite. For
        "distance_degree" only.

    n_jobs : int or None, default=None
        Number of threads over the subjects, or within a single one. The result does
        not depend on it.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of the input of :term:`fit`: nodes, or the time points of a
        2-D X.

    n_nodes_ : int
        Number of nodes of each graph; 1 if X was 2-D.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen during :term:`fit`. Defined only when each subject is
        a data frame with names that are all strings.

    See Also
    --------
    ThresholdSelector : Keeps the columns of one of several thresholds.
    RegionSelector : Keeps the regions whose columns predict the target.
    nilearn.maskers.MultiNiftiMasker : Makes the list of series from images.

    Notes
    -----
    With the scores :math:`s_{ij}` and a threshold :math:`\tau`, :math:`A_{ij} = 1` if
    :math:`i \ne j` and :math:`s_{ij} > \tau`, and 0 otherwise. The values are

    .. math::
        k_i = \sum_j A_{ij}, \qquad
        t_i = \frac{1}{2} \sum_j A_{ij} (A^2)_{ij}, \qquad
        q_i = \sum_{j \ne i} \binom{(A^2)_{ij}}{2}, \qquad
        c_i = \frac{2 t_i}{k_i (k_i - 1)}

    for "degree", "cycle3", "cycle4" and "clustering".

    The correlations come in float32 panels; pairs closer to the threshold than a proven
    bound of the rounding error are decided again in float64, in an order of summation
    that nothing changes. A score within :math:`4 (T + 4) 2^{-53}` of the threshold,
    for :math:`T` time points, is a tie and no edge. Of equal scores at the cut of a
    density the pairs that come first, row by row, are edges. Constant columns have no
    edges.

    Counts are exact integers in float64, also for float32 input. `fit` learns nothing
    but the layout of the input. There is no `inverse_transform`; the masker's turns
    each map into an image: ``masker.inverse_transform(maps)``.

    A 2-D X is read as one node per sample, all of whose values are zero.

    The paper [1]_ counts cycles within a mask of useful regions, followed by principal
    component and linear discriminant analysis. It does not state its threshold, number
    of components or mask, and none here is meant to be the paper's.

    References
    ----------
    .. [1] S. Dey, A. R. Rao and M. Shah, "Exploiting the brain's network structure in
       identifying ADHD subjects", Frontiers in Systems Neuroscience 6:75, 2012,
       arXiv:2306.09239.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras import ThreeCycleMap
    >>> rng = np.random.default_rng(0)
    >>> subjects = [rng.standard_normal((n_times, 6)) for n_times in (100, 120)]
    >>> for X in subjects:
    ...     X[:, :4] += rng.standard_normal((len(X), 1))  # four nodes act together
    >>> ThreeCycleMap(threshold=0.25).fit_transform(subjects)
    array([[3., 3., 3., 3., 0., 0.],
           [3., 3., 3., 3., 0., 0.]])

    Two densities and two features in one pass:

    >>> maps = ThreeCycleMap(
    ...     threshold=[0.2, 0.4],
    ...     threshold_type="density",
    ...     features=["degree", "cycle3"],
    ... ).fit(subjects)
    >>> maps.transform(subjects).shape
    (2, 24)
    >>> maps.get_feature_names_out()[[0, 6, 12, 18]]
    array(['d0.2_degree_0', 'd0.2_cycle3_0', 'd0.4_degree_0', 'd0.4_cycle3_0'],
          dtype=object)
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, -1, 1, closed="both"), "array-like"],
        "threshold_type": [StrOptions({"correlation", "density"})],
        "sign": [StrOptions({"positive", "negative", "absolute"})],
        "features": [StrOptions(set(FEATURES)), tuple, list],
        "scaling": [StrOptions({"log1p", "fraction"}), None],
        "input_type": [StrOptions({"timeseries", "correlation", "adjacency"})],
        "coordinates": ["array-like", None],
        "distance_bins": ["array-like", None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        threshold=0.5,
        *,
        threshold_type="correlation",
        sign="positive",
        features="cycle3",
        scaling=None,
        input_type="timeseries",
        coordinates=None,
        distance_bins=None,
        n_jobs=None,
    ):
        self.threshold = threshold
        self.threshold_type = threshold_type
        self.sign = sign
        self.features = features
        self.scaling = scaling
        self.input_type = input_type
        self.coordinates = coordinates
        self.distance_bins = distance_bins
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and learn the layout of X.

        Parameters
        ----------
        X : list of array-like of shape (n_times, n_nodes), or array-like of shape \
                (n_subjects, n_times, n_nodes) or (n_samples, n_times)
            The subjects: arrays or data frames, whose numbers of time points may
            differ. Or one square matrix per subject, see `input_type`.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If X has no such shape, fewer than two time points, NaN or infinite values,
            or parameters contradict each other or X.
        """
        subjects = read_subjects(self, X, reset=True, input_type=self.input_type)
        make_plan(self, 1 if subjects.is_table else subjects.n_nodes)
        return self

    def transform(self, X):
        """Compute the maps of the subjects.

        Parameters
        ----------
        X : list of array-like of shape (n_times, n_nodes), or array-like of shape \
                (n_subjects, n_times, n_nodes) or (n_samples, n_times)
            The subjects, with the nodes seen in `fit`.

        Returns
        -------
        maps : ndarray of shape (n_subjects, n_thresholds * n_blocks * n_nodes)
            The values of the nodes; outermost are the thresholds, then the features,
            a block each, of which "distance_degree" has one for every bin.

        Raises
        ------
        ValueError
            If X has another layout than in `fit`, NaN or infinite values, or too few
            varying nodes for the density asked for.

        MemoryError
            If a graph, of ``n_nodes ** 2 / 8`` bytes, exceeds the available memory.

        Warns
        -----
        UserWarning
            If X is 2-D, series are very short or differ much in length, columns are
            constant, or graphs are empty, complete or reach scores below zero.
        """
        check_is_fitted(self)
        subjects = read_subjects(self, X, reset=False, input_type=self.input_type)
        plan = make_plan(self, self.n_nodes_)
        if subjects.is_table:
            maps, messages = np.zeros((len(subjects), plan.n_columns)), [_TABLE]
        else:
            maps, findings = map_subjects(subjects, plan, self.n_jobs)
            messages = warnings_about(subjects, plan, findings)
        for message in messages:
            warnings.warn(message, UserWarning, stacklevel=3)
        return maps

    def get_feature_names_out(self, input_features=None):
        """Name the columns of the maps.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the nodes; those seen in `fit`, or their numbers, if None. Checked
            but not used if X was 2-D.

        Returns
        -------
        feature_names_out : ndarray of str objects
            Names such as "cycle3_17", "distance_degree_0-30_17" or, with several
            thresholds, "r0.5_cycle3_17" ("d" for densities).
        """
        check_is_fitted(self)
        nodes = _check_feature_names_in(self, input_features)
        named = input_features is not None or hasattr(self, "feature_names_in_")
        if not named or self.n_nodes_ != self.n_features_in_:
            nodes = range(self.n_nodes_)
        names = make_plan(self, self.n_nodes_).names(nodes)
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        # Counts exceed the integers of float32 from some thousand nodes on.
        tags.transformer_tags.preserves_dtype = []
        return tags


_TABLE = (
    "X is 2-D and read as one node per sample: all values are zero. Pass one subject "
    "as X[None], several as a list of (n_times, n_nodes) arrays."
)
