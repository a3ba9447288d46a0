"""The benchmarks of UnconstrainedCCA, on tiny data."""

import numpy as np
import pytest

from skextras import UnconstrainedCCA
from skextras.datasets import load_mfeat


@pytest.fixture
def cca(load):
    return load("unconstrained_cca")


@pytest.fixture
def table(harness):
    return harness.Table()


class TestPeer:
    """Stands for cca_zoo where it is not installed."""

    __test__ = False

    def __init__(self, n_components, **options):
        self.model = UnconstrainedCCA(n_components, **options)

    def fit(self, views):
        self.model.fit(*views)
        return self

    def transform(self, views):
        return self.model.transform(*views)


class FakeZoo:
    """The names of cca_zoo that the benchmark takes."""

    class linear:
        RidgeCCA = TestPeer

        class CCA(TestPeer):
            """Exact."""

        class CCAEY(TestPeer):
            """Iterative, from a random start."""

        class PLS(TestPeer):
            """Partial least squares."""

            def __init__(self, n_components):
                super().__init__(n_components, shrinkage=1)

    class model_selection:
        @staticmethod
        def permutation_test_significance(peer, views, n_permutations, random_state):
            for _ in range(n_permutations):
                peer.fit(views)


@pytest.fixture(params=[False, True], ids=["alone", "with cca_zoo"])
def zoo(request, cca, monkeypatch):
    """Measure with a stand-in for cca_zoo, and without it."""
    monkeypatch.setattr(cca, "cca_zoo", FakeZoo if request.param else None)
    return request.param


def test_simulated_views(cca):
    X, Y = cca.simulate(20_000, (12, 9))
    found = UnconstrainedCCA(5).fit(X, Y).canonical_correlations_
    np.testing.assert_allclose(found, [0.9, 0.8, 0.7, 0.6, 0.5], atol=0.02)
    assert X.mean() == pytest.approx(1, abs=0.1)
    single, _ = cca.simulate(20, (12, 9), dtype=np.float32)
    assert single.dtype == np.float32


def test_simulated_wide_views(cca):
    X, Y = cca.simulate_wide(20_000, (8, 6), n_shared=2, dtype=np.float32)
    assert X.dtype == Y.dtype == np.float32
    found = UnconstrainedCCA().fit(X, Y).canonical_correlations_
    np.testing.assert_allclose(found, [0.5, 0.5, 0, 0, 0, 0], atol=0.06)


def test_sum_is_free_of_rotation(cca):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2))
    turned = x @ rng.standard_normal((2, 2))
    assert cca.correlation_sum(x, turned) == pytest.approx(2)


def test_limit_is_the_second_moments(cca):
    X, Y = cca.simulate(100, (8, 6))
    for factor, view in zip(cca.exact_limit(X, Y), (X, Y), strict=True):
        np.testing.assert_allclose(factor.T @ factor, view.T @ view, atol=1e-10)


def test_exact_fits(cca, table, zoo):
    cca.add_exact(table, "simulated", *cca.simulate(300, (12, 9)), 1)
    assert [row.target for row in table.rows] == [20] + [2.5, 3] * zoo
    assert all(row.ratio > 0 and row.limit > 0 for row in table.rows)
    assert "scikit-learn CCA, sum 3." in table.rows[0].peer


def test_a_peer_that_is_better_is_an_error(cca, monkeypatch, table):
    monkeypatch.setattr(cca, "correlation_sum", lambda x, y: 6.0)
    with pytest.raises(AssertionError, match="scikit-learn CCA"):
        cca.add_exact(table, "simulated", *cca.simulate(300, (12, 9)), 1)


def test_wide_and_iterative_fits(cca, table, zoo):
    cca.add_wide(table, 30, (60, 50), 1)
    cca.add_iterative(table, 400, 20)
    assert [row.target for row in table.rows] == [5 if zoo else None, 2] + [7] * zoo
    assert all(row.ours > 0 for row in table.rows)
    error = float(table.rows[1].case.rpartition(" ")[2])
    assert error < 1e-4


def test_partial_least_squares(cca, table, zoo):
    cca.add_pls(table, 100, 120, 1)
    assert [row.target for row in table.rows] == [1.1, None] + [50] * zoo
    assert [row.unit for row in table.rows] == ["ms", "MB"] + ["ms"] * zoo


def test_rows_on_disk(cca, table):
    cca.add_pls_memmap(table, 1000, 150, 1)
    assert [row.unit for row in table.rows] == ["ms", "MB"]
    assert table.rows[0].ratio > 0
    assert not table.notes


def test_descent_lowers_the_loss(cca):
    X, Y = cca.simulate_wide(4000, (10, 8), dtype=np.float32)
    weights = cca.descend(X, Y, 2, batch_size=100)
    assert [w.shape for w in weights] == [(10, 2), (8, 2)]
    start = cca.descend(X[:0], Y, 2)

    def loss(weights):
        cross, gram = np.cov(X.T, Y.T)[:10, 10:], sum(w.T @ w for w in weights)
        return (gram**2).sum() - 4 * np.trace(weights[0].T @ cross @ weights[1])

    assert loss(weights) < loss(start)


def test_search_and_permutations(cca, table, zoo):
    X, Y = cca.simulate(60, (6, 5))
    cca.add_search(table, X, Y, 2)
    cca.add_permutations(table, X, Y, 2)
    assert [row.target for row in table.rows] == [5, 8 if zoo else None]
    assert table.rows[0].ratio > 0


@pytest.mark.requires_torch
def test_networks(cca, table, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    cca.add_deep(table, load_mfeat(), 1, n_components=2)
    assert table.rows[0].unit == "s"
    assert "Sum of the 2 correlations" in table.notes[0]


def test_without_torch(cca, table, monkeypatch):
    monkeypatch.setattr(cca.importlib.util, "find_spec", lambda name: None)
    cca.add_deep(table, load_mfeat(), 1)
    assert table.notes == ["Left out: DeepUnconstrainedCCA (needs torch)."]


def test_writes_its_section(cca, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(cca, "measure", lambda table, quick: None)
    monkeypatch.setattr(cca, "cca_zoo", None)
    cca.main(["--quick"])
    assert not page.exists()
    cca.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin unconstrained_cca -->\n## UnconstrainedCCA" in text
    assert "Left out: cca_zoo" in text
