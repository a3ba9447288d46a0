"""What both networks share: parameters, weights, subspace, gradients, callbacks."""

import numpy as np
import pytest
from rbf_cases import BOTH, EXPECTED_WARNINGS, central_differences, friedman, outputs
from rbf_cases import targets as targets_of

from skextras import GaussianRBFNN, GaussianRBFNNClassifier

pytestmark = EXPECTED_WARNINGS


def fitted(cls, X, y, n_classes=3, **params):
    params = {"n_centers": 20, "max_iter": 15, "random_state": 0, **params}
    return cls(**params).fit(X, targets_of(cls, y, n_classes))


@BOTH
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"rank": 6}, "rank=6 is more than the 5 features"),
        ({"rank": 2, "precision": "diag"}, 'rank=2 .* precision="diag"'),
        ({"rank": 2, "precision": "spherical"}, 'rank=2 .* precision="spherical"'),
        ({"center_init": np.ones((4, 3))}, "center_init has 3 columns, but X has 5"),
        (
            {"center_init": np.ones((4, 5)), "n_centers": 3},
            "n_centers=3 contradicts center_init, which has 4 rows",
        ),
        ({"n_components": 6}, "n_components=6 is more than the 5 features"),
        ({"n_components": 1.5}, "n_components"),
        ({"alpha_weights": 0.0}, "alpha_weights"),
        ({"center_init": [[np.nan] * 5]}, "center_init contains NaN"),
    ],
)
def test_parameters_that_contradict(cls, params, message):
    X, y = friedman()
    with pytest.raises(ValueError, match=message):
        cls(**params).fit(X, targets_of(cls, y))


@BOTH
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.r_[-1.0, np.ones(119)], "sample_weight must not be negative, got -1"),
        (np.zeros(120), "sample_weight must not be zero"),
        (np.ones((120, 2)), "sample_weight must be one-dimensional"),
        (np.full(120, np.inf), "sample_weight contains infinity"),
        (np.ones(119), "inconsistent numbers of samples"),
    ],
)
def test_weights_that_are_none(cls, weights, message):
    X, y = friedman()
    with pytest.raises(ValueError, match=message):
        cls().fit(X, targets_of(cls, y), sample_weight=weights)


@BOTH
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"precision": "full", "center_init": "random"},
        {"learn_centers": True, "precision": "diag"},
        {"max_samples": 40},
        {"objective": "penalized", "rank": 2},
    ],
    ids=str,
)
def test_weights_are_repetitions(seed, cls, params):
    rng = np.random.default_rng(seed)
    X, y = friedman(seed, 60)
    counts, new = rng.integers(0, 4, 60), friedman(seed + 100)[0]
    y = targets_of(cls, y)
    params = {"n_centers": 20, "max_iter": 8, "random_state": 0, **params}
    expected = outputs(cls(**params).fit(X, y, sample_weight=counts), new)
    order = rng.permutation(counts.sum())
    repeated = [np.repeat(a, counts, axis=0)[order] for a in (X, y)]
    np.testing.assert_array_equal(outputs(cls(**params).fit(*repeated), new), expected)
    order = rng.permutation(120)
    twice = [np.concatenate([a, a])[order] for a in (X, y, counts / 2)]
    model = cls(**params).fit(*twice[:2], sample_weight=twice[2])
    np.testing.assert_array_equal(outputs(model, new), expected)


@BOTH
def test_one_weight_for_all(cls):
    X, y = friedman()
    y = targets_of(cls, y)
    model = cls(20, max_iter=5, random_state=0)
    expected = outputs(model.fit(X, y, sample_weight=np.full(120, 2.0)), X)
    np.testing.assert_array_equal(
        outputs(model.fit(X, y, sample_weight=2), X), expected
    )
    unweighted = outputs(model.fit(X, y), X)
    np.testing.assert_array_equal(
        outputs(model.fit(X, y, sample_weight=np.ones(120)), X), unweighted
    )


@BOTH
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("linear_term", [False, True])
def test_gradient_is_that_of_finite_differences(seed, cls, n_classes, linear_term):
    X, y = friedman(seed)
    X = X * 10.0 ** np.arange(-2, 3)
    model = fitted(cls, X, y, n_classes, linear_term=linear_term)
    gradients = model.gradient(X[:3])
    spread = X.std(axis=0)
    for x, gradient in zip(X[:3], gradients.reshape(3, 5, -1), strict=True):
        for output in range(gradient.shape[1]):
            differences = central_differences(
                lambda t, x=x, output=output: [
                    outputs(model, (x + t * spread)[None]).reshape(-1)[output]
                ],
                np.zeros(5),
                step=1e-4,
            )
            size = np.abs(differences).max()
            np.testing.assert_allclose(
                gradient[:, output] * spread, differences, atol=1e-5 * size
            )


@BOTH
def test_subspace_is_that_of_the_gradients(cls):
    X, y = friedman()
    weights = np.arange(120) % 3 + 1.0
    y_fit = targets_of(cls, y)
    model = cls(20, max_iter=15, random_state=0).fit(X, y_fit, sample_weight=weights)
    g = model.gradient(X).reshape(120, 5, -1) * model.scale_[:, None]
    if cls is GaussianRBFNN:
        g = g / np.sqrt(np.cov(y, aweights=weights, ddof=0))
    else:
        g = g - g.mean(axis=2, keepdims=True)
    M = np.einsum("i,ijo,iko->jk", weights / weights.sum(), g, g)
    np.testing.assert_allclose(model.gradient_outer_product_, M, rtol=1e-6, atol=1e-9)
    roots = np.sqrt(np.diagonal(M))
    np.testing.assert_allclose(model.feature_importances_, roots / roots.sum())


@BOTH
def test_importances_of_the_precision(cls):
    X, y = friedman()
    model = fitted(cls, X, y, importance="precision", precision="full", n_components=2)
    values, vectors = np.linalg.eigh(model.precision_)
    np.testing.assert_allclose(model.eigenvalues_, values[::-1], atol=1e-12)
    shares = np.abs(vectors) @ values
    np.testing.assert_allclose(model.feature_importances_, shares / shares.sum())
    other = fitted(cls, X, y, precision="full")
    np.testing.assert_array_equal(
        model.gradient_outer_product_, other.gradient_outer_product_
    )


@BOTH
def test_transform_and_back(cls):
    X, y = friedman()
    X = np.c_[X, np.full(120, 3.0)] * 10.0 ** np.arange(-3, 3)
    model = fitted(cls, X, y, n_components=None)
    new = X[::-1] * 1.3 + 1
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(new)), new, rtol=1e-9
    )
    components = model.components_
    np.testing.assert_allclose(components @ components.T, np.eye(6), atol=1e-12)
    expected = (new - model.mean_) / model.scale_ @ components.T
    np.testing.assert_allclose(model.transform(new), expected, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match=r"Z has 5 columns, but .* n_components_=6"):
        model.inverse_transform(np.ones((2, 5)))


@BOTH
def test_width_of_the_transform(cls):
    X, y = friedman()
    shares = np.cumsum(fitted(cls, X, y).eigenvalues_)
    shares /= shares[-1]
    for wanted in (0.3, 0.8, 0.95, 0.9999):
        model = fitted(cls, X, y, n_components=wanted)
        assert model.n_components_ == 1 + (shares < wanted).sum()
        assert model.transform(X).shape == (120, model.n_components_)
    name = cls.__name__.lower()
    model = fitted(cls, X, y, n_components=2)
    assert list(model.get_feature_names_out()) == [f"{name}0", f"{name}1"]


@BOTH
def test_float32_is_its_float64_copy(seed, cls):
    X, y = friedman(seed)
    X = X.astype(np.float32)
    single = fitted(cls, X, y)
    double = fitted(cls, X.astype(np.float64), y)
    np.testing.assert_array_equal(
        outputs(single, X), outputs(double, X.astype(np.float64))
    )
    assert outputs(single, X).dtype == np.float64
    projected = single.transform(X)
    assert projected.dtype == np.float32
    expected = double.transform(X.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(projected, expected)
    assert single.inverse_transform(projected).dtype == np.float32


@BOTH
def test_what_was_constant_does_not_matter_later(cls):
    X, y = friedman()
    with_constant = np.c_[X, np.full(120, 3.0)]
    model = fitted(cls, with_constant, y, precision="full", alpha_precision=0.0)
    moved = with_constant.copy()
    moved[:, 5] = np.linspace(-1e6, 1e6, 120)
    np.testing.assert_array_equal(outputs(model, moved), outputs(model, with_constant))
    np.testing.assert_array_equal(model.precision_[5], 0)
    np.testing.assert_array_equal(model.gradient(moved)[:, 5], 0)
    assert model.feature_importances_[5] == 0


@BOTH
def test_forms_of_the_precision(cls):
    X, y = friedman()
    P = fitted(cls, X, y, precision="spherical").precision_
    np.testing.assert_allclose(P, P[0, 0] * np.eye(5), atol=1e-15)
    P = fitted(cls, X, y, precision="diag").precision_
    np.testing.assert_array_equal(P, np.diag(np.diagonal(P)))
    model = fitted(cls, X, y, precision="full")
    assert model.precision_type_ == "full"
    assert np.abs(np.triu(model.precision_, 1)).max() > 1e-3
    model = fitted(cls, X, y, rank=2)
    assert model.precision_type_ == "full"
    assert np.linalg.matrix_rank(model.precision_) == 2


class Recorder:
    """Callback that notes what it is told, and may end the fit."""

    def __init__(self, stop_after=None, X=None):
        self.stop_after, self.X = stop_after, X
        self.notes, self.max_subtasks, self.models = [], None, []

    def setup(self, estimator, context):
        self.max_subtasks = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        self.notes.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.notes.append(f"end {context.task_name}")
        self.models.append(outputs(fitted_estimator, X))
        return self.notes.count("end iteration") == self.stop_after

    def teardown(self, estimator, context):
        self.notes.append("teardown")


@BOTH
@pytest.mark.parametrize(
    ("params", "n_stages"),
    [({}, 2), ({"precision": "diag"}, 1), ({"rank": 2}, 1), ({"precision": "full"}, 2)],
    ids=str,
)
def test_callbacks_see_each_iteration_as_a_usable_network(cls, params, n_stages):
    X, y = friedman()
    recorder = Recorder()
    y = targets_of(cls, y)
    model = cls(10, max_iter=4, random_state=0, **params).set_callbacks(recorder)
    model.fit(X, y)
    assert recorder.max_subtasks == 4 * n_stages
    iterations = ["begin iteration", "end iteration"] * model.n_iter_
    expected = ["begin fit", *iterations, "end fit", "teardown"]
    assert recorder.notes == expected
    np.testing.assert_array_equal(recorder.models[-1], outputs(model, X))
    assert not np.allclose(recorder.models[0], recorder.models[-1])
    # Watching changes nothing.
    alone = cls(10, max_iter=4, random_state=0, **params).fit(X, y)
    np.testing.assert_array_equal(outputs(alone, X), outputs(model, X))


@BOTH
def test_a_callback_may_end_the_fit(cls):
    X, y = friedman()
    recorder = Recorder(stop_after=2)
    model = cls(10, precision="full", random_state=0).set_callbacks(recorder)
    model.fit(X, targets_of(cls, y))
    assert model.n_iter_ == recorder.notes.count("end iteration") == 2
    assert recorder.notes[-2:] == ["end fit", "teardown"]
    assert model.precision_type_ == "diag"
    np.testing.assert_array_equal(recorder.models[1], outputs(model, X))


@BOTH
def test_progress_bar_and_scores(cls):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    X, y = friedman()
    monitor = ScoringMonitor(scoring="r2" if cls is GaussianRBFNN else "accuracy")
    model = cls(10, max_iter=3, precision="diag", random_state=0)
    model.set_callbacks(ProgressBar(), monitor).fit(X, targets_of(cls, y))
    assert hasattr(model, "centers_")


@BOTH
def test_attributes_of_an_earlier_fit_are_replaced(cls):
    X, y = friedman()
    model = fitted(cls, X, y)
    names = set(vars(model))
    model.set_params(objective="penalized").fit(X, targets_of(cls, y))
    again = fitted(cls, X, y, objective="penalized")
    assert set(vars(model)) == set(vars(again))
    assert names >= set(vars(again))


def test_classes_are_the_parameters_own():
    shared = set(GaussianRBFNN().get_params()) ^ set(
        GaussianRBFNNClassifier().get_params()
    )
    assert shared == {"class_weight"}
    for cls in (GaussianRBFNN, GaussianRBFNNClassifier):
        assert set(cls._parameter_constraints) == set(cls().get_params())
