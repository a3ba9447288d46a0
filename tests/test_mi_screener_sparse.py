import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skextras import MIScreener

SETTINGS = (
    {},
    {"n_bins": 9},
    {"strategy": "uniform"},
    {"strategy": "uniform", "n_bins": "birge-rozenholc", "pvalues": False},
    {"discrete_features": False},
    {"discrete_features": [1, 3]},
)


def sparse_table(seed, n=150):
    """Counts, reals of either sign, an empty, a full and a constant column."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, 8))
    X[:, 0] = rng.poisson(0.2, n)
    X[:, 1] = rng.poisson(3, n)
    X[:, 2] = rng.standard_normal(n) * (rng.random(n) < 0.1)
    X[:, 3] = (rng.standard_normal(n) + 3) * (rng.random(n) < 0.6)
    X[:, 4] = -rng.exponential(size=n) * (rng.random(n) < 0.5)
    X[:, 6] = rng.standard_normal(n)
    X[:, 7] = 2.5
    y = X[:, 1] + X[:, 2] + rng.standard_normal(n)
    return X, y


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("discrete", [False, True])
def test_columns_score_as_dense_ones(params, discrete, seed):
    X, y = sparse_table(seed)
    y = (y > 2).astype(int) if discrete else y
    wanted = MIScreener(random_state=0, **params).fit(X, y)
    for format in ("csr", "csc"):
        fitted = MIScreener(random_state=0, **params).fit(sparse.csr_array(X), y)
        fitted = MIScreener(random_state=0, **params).fit(
            sparse.csr_array(X).asformat(format), y
        )
        assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
        if fitted.pvalues_ is not None:
            assert_allclose(fitted.pvalues_, wanted.pvalues_, rtol=1e-9)


def test_float32_and_integers(seed):
    X, y = sparse_table(seed)
    for dtype in (np.float32, np.int64, bool):
        wanted = MIScreener().fit(X.astype(dtype), y)
        fitted = MIScreener().fit(sparse.csr_array(X.astype(dtype)), y)
        assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)


def test_stored_gaps(seed):
    X, y = sparse_table(seed)
    X[::7, 1] = np.nan
    X[::9, 5] = np.nan
    wanted = MIScreener().fit(X, y)
    fitted = MIScreener().fit(sparse.csr_array(X), y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
    assert_array_equal(fitted.n_valid_, wanted.n_valid_)


def test_constant_outcome():
    X, _ = sparse_table(0)
    with pytest.warns(UserWarning, match="only one class"):
        fitted = MIScreener().fit(sparse.csr_array(X), np.zeros(150, int))
    assert (fitted.scores_ == 0).all()
    assert (fitted.pvalues_ == 1).all()


def test_sparse_stays_sparse():
    X, y = sparse_table(0)
    fitted = MIScreener(k=2).fit(sparse.csr_array(X), y)
    reduced = fitted.transform(sparse.csr_array(X))
    assert sparse.issparse(reduced)
    assert_array_equal(reduced.toarray(), X[:, fitted.support_])


def test_basehock(shared_data):
    from scipy.io import loadmat

    mat = loadmat(shared_data("miscreener/BASEHOCK.mat"))
    X, y = sparse.csr_array(mat["X"]), mat["Y"].ravel()
    X = X[:, :600]
    fitted = MIScreener(pvalues=False).fit(X, y)
    wanted = MIScreener(pvalues=False).fit(X.toarray(), y)
    assert_allclose(fitted.scores_, wanted.scores_, rtol=0, atol=1e-12)
