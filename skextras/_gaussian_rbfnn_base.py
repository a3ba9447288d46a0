"""What the regressor and the classifier have in common."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from skextras._base import PackageMixin
from skextras._resources import chunk_length
from skextras._sklearn import Interval, RealNotInt, StrOptions
from skextras.numerics import rbf_network
from skextras.numerics.rbf import CONSTANT
from skextras.numerics.rbf_network import Network
from skextras.numerics.rbf_table import Units
from skextras.numerics.rbf_training import cheaper


class BaseGaussianRBFNN(
    PackageMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Parameters, the transformer, and the steps of fit of both estimators."""

    _parameter_constraints: dict = {
        "n_centers": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "precision": [StrOptions({"auto", "full", "diag", "spherical"})],
        "rank": [None, Interval(Integral, 1, None, closed="left")],
        "center_init": [StrOptions({"kmeans", "random"}), "array-like"],
        "learn_centers": ["boolean"],
        "linear_term": ["boolean"],
        "objective": [StrOptions({"evidence", "penalized"})],
        "alpha_precision": [Interval(Real, 0, None, closed="left")],
        "alpha_weights": [Interval(Real, 0, None, closed="neither")],
        "importance": [StrOptions({"gradient", "precision"})],
        "n_components": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "standardize": ["boolean"],
        "max_samples": [None, Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def transform(self, X):
        """Project rows onto the leading directions of the active subspace.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X_new : ndarray of shape (n_samples, `n_components_`)
            Standardised rows times the transposed components.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        width, dtype = self.n_components_, X.dtype
        projected = np.empty((len(X), width), dtype=dtype)
        for rows in _chunks(len(X), X.shape[1] + width):
            projected[rows] = self._standardise(X[rows]) @ self.components_.T
        return projected

    def inverse_transform(self, Z):
        """Map coordinates back into the space of the inputs.

        Parameters
        ----------
        Z : array-like of shape (n_samples, `n_components_`)
            Coordinates that `transform` has returned, or others.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The nearest rows with these coordinates to the mean: the rows themselves for
            `n_components=None`.
        """
        check_is_fitted(self)
        Z = check_array(
            Z, dtype=[np.float64, np.float32], input_name="Z", estimator=self
        )
        if Z.shape[1] != self.n_components_:
            raise ValueError(
                f"Z has {Z.shape[1]} columns, but {type(self).__name__} has "
                f"n_components_={self.n_components_}."
            )
        X = (Z @ self.components_) * self.scale_ + self.mean_
        return X.astype(Z.dtype, copy=False)

    def gradient(self, X):
        """Compute the gradients of the output with respect to the inputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        gradient : ndarray of shape (n_samples, n_features) or \
                (n_samples, n_features, n_outputs)
            Partial derivatives of what `predict` or, for a classifier,
            `decision_function` returns, in raw units.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        network = self._network()
        n_outputs = network.weights.shape[1]
        gradients = np.empty((*X.shape, n_outputs))
        per_row = 2 * len(network.z_centers) + (3 + n_outputs) * X.shape[1]
        for rows in _chunks(len(X), per_row):
            gradients[rows] = network.gradients(self._standardise(X[rows]))
            gradients[rows] /= self.scale_[:, None]
        return gradients[:, :, 0] if self._one_output() else gradients

    @property
    def _n_features_out(self):
        return self.n_components_

    def _standardise(self, X):
        X = np.asarray(X, dtype=np.float64)
        return Units(self.mean_, self.scale_, None).standardise(X)

    def _network(self):
        """Make the network of the fitted attributes; its constant is left out."""
        z_centers = self._standardise(self.centers_) @ self._factor.T
        constant = np.zeros((1, self.weights_.shape[1]))
        weights = np.vstack([self.weights_, constant, self.linear_weights_])
        return Network(self._factor, z_centers, weights)

    def _outputs(self, X):
        """Outputs of validated rows, by chunks."""
        network = self._network()
        outputs = np.empty((len(X), network.weights.shape[1]))
        per_row = 3 * len(network.weights) + 2 * X.shape[1]
        for rows in _chunks(len(X), per_row):
            outputs[rows] = network.outputs(self._standardise(X[rows]))
        outputs += self.intercept_
        return outputs

    def _check_parameters(self, n_features):
        """Refuse what the constraints let through."""
        if self.rank is not None:
            if self.precision in ("diag", "spherical"):
                raise ValueError(
                    f"rank={self.rank} is for a full metric, not for precision="
                    f'"{self.precision}". Set rank=None, or precision to "auto" or '
                    '"full".'
                )
            _check_at_most("rank", self.rank, n_features)
        if isinstance(self.n_components, Integral):
            _check_at_most("n_components", self.n_components, n_features)
        if isinstance(self.center_init, str):
            return
        centers = check_array(
            self.center_init, dtype=np.float64, input_name="center_init"
        )
        if centers.shape[1] != n_features:
            raise ValueError(
                f"center_init has {centers.shape[1]} columns, but X has {n_features} "
                "features: give one column for each feature."
            )
        if self.n_centers not in ("auto", len(centers)):
            raise ValueError(
                f"n_centers={self.n_centers} contradicts center_init, which has "
                f'{len(centers)} rows: set n_centers="auto".'
            )

    def _check_weights(self, sample_weight, X):
        """Weights as an array; an error if they are no weights of the rows."""
        if sample_weight is None:
            return np.ones(len(X))
        if isinstance(sample_weight, Real):
            sample_weight = np.full(len(X), sample_weight)
        weights = check_array(
            sample_weight,
            dtype=np.float64,
            ensure_2d=False,
            input_name="sample_weight",
            estimator=self,
        )
        if weights.ndim != 1:
            raise ValueError(
                f"sample_weight must be one-dimensional, got shape {weights.shape}."
            )
        check_consistent_length(X, weights)
        if weights.min() < 0:
            raise ValueError(
                f"sample_weight must not be negative, got {weights.min()}."
            )
        if weights.max() == 0:
            raise ValueError("sample_weight must not be zero for all rows.")
        return weights

    def _begin(self, X, y, sample_weight):
        """Open the context of the callbacks and report the beginning of fit."""
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        about = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        single = self.precision in ("diag", "spherical") or self.rank is not None
        context = self._init_callback_context(
            max_subtasks=self.max_iter * (1 if single else 2)
        )
        context.call_on_fit_task_begin(**about)
        return context, about

    def _observer(self, trainer, context, about):
        """Make the function that reports iterations to the callbacks."""

        def observe(stage):
            task = context.subcontext(task_name="iteration")
            task.call_on_fit_task_begin(**about)
            return task.call_on_fit_task_end(
                **about,
                reconstruction_attributes=lambda: self._attributes(trainer, stage),
            )

        return observe

    def _train(self, trainer, kind, observe):
        """Learn the metric; the stage to keep and the iterations of all."""
        found = list(
            trainer.stages(kind, max_iter=self.max_iter, tol=self.tol, observe=observe)
        )
        kept = found[-1]
        if kind == "auto" and len(found) == 2:
            kept = cheaper(*found, kept.objective.total)
        if not kept.converged:
            warnings.warn(
                f"{type(self).__name__} stopped after max_iter={self.max_iter} "
                "iterations, before it converged. Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return kept, max(1, sum(stage.n_iter for stage in found))

    def _set(self, attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def _attributes(self, trainer, stage):
        """Fitted attributes at a stage of training."""
        trained = trainer.trained(stage)
        network = trained.network
        factor, m = network.factor, len(trained.centers)
        varies, scale = trainer.y_units.varies, self._output_scale(trainer)
        weights = np.zeros((len(network.weights), len(varies)))
        weights[:, varies] = network.weights * scale[varies]
        slopes = np.zeros((factor.shape[1], len(varies)))
        if network.linear_term:
            slopes = weights[m + 1 :].copy()
        attributes = {
            "centers_": trained.centers,
            "precision_": factor.T @ factor,
            "precision_type_": stage.objective.layout.metric.kind,
            "weights_": weights[:m].copy(),
            "intercept_": CONSTANT * weights[m] + self._output_mean(trainer),
            "linear_weights_": slopes,
            "mean_": trainer.x_units.mean,
            "scale_": trainer.x_units.scale,
            "loss_": stage.value,
            "_factor": factor,
        }
        attributes |= self._describe(trainer, network)
        return attributes | self._uncertainty(trainer, trained)

    def _describe(self, trainer, network):
        """Active subspace and importances."""
        if network.weights.shape[1] > 1 and trainer.classifies:
            # Only differences between the scores of classes matter.
            centred = network.weights - network.weights.mean(axis=1, keepdims=True)
            network = network._replace(weights=centred)
        M = rbf_network.gradient_outer_product(network, trainer.X, trainer.weights)
        if self.importance == "gradient":
            subspace = rbf_network.active_subspace(M)
            importances = rbf_network.gradient_importances(M)
        else:
            subspace = rbf_network.active_subspace(network.factor.T @ network.factor)
            importances = rbf_network.precision_importances(subspace)
        width = subspace.width(self.n_components)
        return {
            "gradient_outer_product_": M,
            "eigenvalues_": subspace.eigenvalues,
            "components_": subspace.components[:width].copy(),
            "n_components_": width,
            "feature_importances_": importances,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_at_most(name, value, n_features):
    if value > n_features:
        raise ValueError(
            f"{name}={value} is more than the {n_features} features of X: lower {name}."
        )


def _chunks(n_rows, floats_per_row):
    """Cut rows into chunks that fit into the working memory."""
    return gen_batches(n_rows, chunk_length(8 * floats_per_row, n_rows))
