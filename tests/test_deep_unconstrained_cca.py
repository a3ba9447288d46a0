"""DeepUnconstrainedCCA: what it finds, how it folds, and what it refuses."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from cca_data import load_halves
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skextras import DeepUnconstrainedCCA, UnconstrainedCCA
from skextras.datasets import load_mfeat
from skextras.exceptions import DegenerateCorrelationWarning

pytestmark = pytest.mark.requires_torch


def circle(seed=0, n_rows=400):
    """Two views that share an angle, and correlate in no linear way."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    Y = np.column_stack([np.cos(2 * angle), np.sin(2 * angle)])
    return X + 0.05 * rng.standard_normal(X.shape), Y + 0.05 * rng.standard_normal(
        Y.shape
    )


def small(**params):
    params = {"n_components": 2, "hidden_layer_sizes": (20,), "max_iter": 20} | params
    return DeepUnconstrainedCCA(**({"learning_rate": 0.01, "random_state": 0} | params))


def test_finds_what_no_line_shows():
    X, Y = circle()
    assert UnconstrainedCCA().fit(X, Y).score(X, Y) < 0.2
    deep = small(max_iter=60).fit(X, Y)
    new = circle(seed=1)
    assert deep.score(*new) > 0.9


def test_without_hidden_layers_it_is_linear():
    mfeat = load_mfeat()
    X, Y = mfeat.zer[:, :6], mfeat.fou[:, :5]
    deep = small(hidden_layer_sizes=(), learning_rate=0.02, max_iter=60).fit(X, Y)
    exact = UnconstrainedCCA(2).fit(X, Y).canonical_correlations_
    assert (deep.canonical_correlations_ <= exact + 1e-9).all()
    assert deep.canonical_correlations_.sum() > 0.97 * exact.sum()
    assert [c.shape for c in deep.coefs_[0]] == [(6, 2)]


def test_variates_are_white_and_paired(seed):
    X, Y = circle(seed)
    deep = small().fit(X, Y)
    Z1, Z2 = deep.transform(X, Y)
    C = np.cov(np.hstack([Z1, Z2]), rowvar=False)
    assert_allclose(C[:2, :2], np.eye(2), atol=1e-8)
    assert_allclose(C[2:, 2:], np.eye(2), atol=1e-8)
    assert_allclose(C[:2, 2:], np.diag(deep.canonical_correlations_), atol=1e-8)
    assert_allclose(Z1.mean(axis=0), 0, atol=1e-10)
    assert (np.diff(deep.canonical_correlations_) <= 0).all()
    assert deep.score(X, Y) == pytest.approx(deep.canonical_correlations_.mean())


def test_attributes():
    X, Y = circle()
    deep = small(hidden_layer_sizes=(7, 5), max_iter=3).fit(X, Y)
    assert [c.shape for c in deep.coefs_[1]] == [(2, 7), (7, 5), (5, 2)]
    assert [b.shape for b in deep.intercepts_[1]] == [(7,), (5,), (2,)]
    assert deep.loss_.shape == (deep.n_iter_,) == (3,)
    assert (deep.loss_ < 0).all()
    assert_allclose(deep.view_scales_[0], np.sqrt(X.var(0, ddof=1).mean()))
    assert_allclose(deep.view_means_[1], Y.mean(0), atol=1e-12)


def test_views():
    X, Y = circle()
    table, widths = np.hstack([X, Y, X + Y]), [2, 2, 2]
    deep = small(views=widths).fit(table, np.zeros(len(X)))
    assert deep.transform(table).shape == (400, 6)
    assert deep.get_feature_names_out()[-1] == "deepunconstrainedcca5"
    assert 0 < deep.score(table) <= 1
    two = small(views=[2, 2]).fit(table[:, :4])
    assert_allclose(
        two.transform(table[:, :4]), np.hstack(small().fit(X, Y).transform(X, Y))
    )


def test_seed_determines_everything(seed):
    X, Y = circle(seed)
    first, again = (small(random_state=seed, max_iter=3).fit(X, Y) for _ in range(2))
    assert_array_equal(first.transform(X), again.transform(X))
    other = small(random_state=seed + 1, max_iter=3).fit(X, Y)
    assert (other.transform(X) != first.transform(X)).any()


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_units_of_a_view(scale):
    X, Y = circle()
    deep, scaled = small(max_iter=5).fit(X, Y), small(max_iter=5).fit(scale * X, Y)
    assert_allclose(
        scaled.canonical_correlations_, deep.canonical_correlations_, atol=1e-3
    )


def test_single_precision():
    X, Y = circle()
    deep = small(max_iter=3).fit(X.astype(np.float32), Y)
    assert deep.transform(X.astype(np.float32)).dtype == np.float32
    assert deep.transform(X).dtype == np.float64


@pytest.mark.parametrize("share", [0.3, "auto", "cv", [0.1, 0.2]])
def test_shrinkage_of_the_encodings(share):
    X, Y = circle()
    deep = small(shrinkage=share, max_iter=3).fit(X, Y)
    assert (np.abs(deep.canonical_correlations_) <= 1).all()


def test_too_few_rows_are_said():
    X, Y = circle(n_rows=15)
    with pytest.warns(DegenerateCorrelationWarning, match="n_samples=15"):
        small(n_components=8, max_iter=2).fit(X, Y)


def test_encodings_of_low_rank_are_said():
    X, Y = circle()
    deep = small(n_components=4, hidden_layer_sizes=())
    with pytest.warns(UserWarning, match=r"n_components=4 is more .*: 2 components"):
        deep.fit(X, Y)
    assert deep.transform(X).shape == (400, 2)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"hidden_layer_sizes": (5, 0)}, r"hidden_layer_sizes=\(5, 0\) .*got 0"),
        ({"hidden_layer_sizes": (5.0,)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": [True]}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": 5}, "hidden_layer_sizes"),
        ({"batch_size": 1}, "batch_size"),
        ({"n_components": None}, "n_components"),
        ({"device": "nowhere"}, "device='nowhere' is not available"),
        ({"shrinkage": [0.1]}, "has 1 values for 2 views"),
        ({"views": [1, 2]}, "n_features=2"),
    ],
)
def test_refused(params, words):
    X, Y = circle()
    with pytest.raises(ValueError, match=words):
        small(max_iter=1, **params).fit(X, Y)


def test_bad_input():
    X, Y = circle()
    deep = small(max_iter=1)
    with pytest.raises(NotFittedError):
        deep.transform(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        deep.fit(X)
    with pytest.raises(ValueError, match="view 1 is constant"):
        deep.fit(X, np.ones(400))
    deep.fit(X, Y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        deep.score(X)
    with pytest.raises(ValueError, match="y has 1 columns"):
        deep.transform(X, Y[:, 0])


def test_callback_per_epoch():
    from test_unconstrained_cca_passes import Recorder

    X, Y = circle()
    recorder = Recorder()
    small(max_iter=4).set_callbacks(recorder).fit(X, Y)
    assert recorder.names == ["epoch"] * 4 + ["fit"]
    stopped = small(max_iter=9).set_callbacks(Recorder(stop_after=2)).fit(X, Y)
    assert stopped.n_iter_ == len(stopped.loss_) == 2


def test_fitted_without_torch(tmp_path):
    """What was fitted transforms where torch is not installed."""
    X, Y = circle()
    deep = small(max_iter=2).fit(X, Y)
    (tmp_path / "deep.pickle").write_bytes(pickle.dumps(deep))
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(f'no {name}', name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "import pickle, numpy as np\n"
        "from skextras import DeepUnconstrainedCCA\n"
        "X = np.load('x.npy')\n"
        "deep = pickle.load(open('deep.pickle', 'rb'))\n"
        "np.save('z.npy', deep.transform(X))\n"
        "try:\n    DeepUnconstrainedCCA(1).fit(X, X)\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'pip install "skextras[torch]"' in done.stdout
    assert_allclose(np.load(tmp_path / "z.npy"), deep.transform(X), rtol=1e-12)


@pytest.mark.slow
def test_held_out_images(shared_data):
    """Linear reaches 26.5 of 50, the classic loss at small batches 20.8 to 24.6."""
    X, Y = load_halves(shared_data)
    deep = DeepUnconstrainedCCA(50, random_state=0).fit(X[:8000], Y[:8000])
    assert 50 * deep.score(X[8000:], Y[8000:]) > 43.5
