"""The benchmarks of SubspaceAD, on tiny data."""

import numpy as np
import pytest


@pytest.fixture
def subspace(load):
    return load("subspace_ad")


@pytest.mark.parametrize("with_torch", [False, True])
def test_authors_arithmetic(subspace, monkeypatch, with_torch):
    if with_torch:
        pytest.importorskip("torch")
    else:
        monkeypatch.setattr(subspace, "torch", None)
    X = np.random.default_rng(0).standard_normal((200, 6)) * [9, 7, 5, 1, 1, 1]
    mean, components = subspace.official_fit(X, kept=0.9, batch=64)
    eigenvalues, vectors = np.linalg.eigh(np.cov(X.T))
    assert eigenvalues[-2:].sum() < 0.9 * eigenvalues.sum() < eigenvalues[-3:].sum()
    assert components.shape == (6, 3)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-12)
    residual = (X - mean) @ vectors[:, :3]
    np.testing.assert_allclose(
        subspace.official_score(X, mean, components), (residual**2).sum(axis=1)
    )


def test_simulated_rows(subspace):
    X = subspace.simulate(4000, 30, exponent=2.0)
    assert X.dtype == np.float32
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T, dtype=np.float64))[::-1]
    np.testing.assert_allclose(eigenvalues, np.arange(1, 31.0) ** -2, rtol=0.15)


@pytest.mark.parametrize(("n_rows", "n_features"), [(120, 20), (20, 60)])
def test_fit(subspace, harness, n_rows, n_features):
    table = harness.Table()
    subspace.add_fit(table, subspace.simulate(n_rows, n_features), 2.5, 1)
    assert len(table.rows) == 1 + (n_rows > n_features)
    assert all(row.ratio > 0 and row.limit > 0 for row in table.rows)


@pytest.mark.parametrize("n_components", [5, 25])
def test_score(subspace, harness, n_components):
    table = harness.Table()
    train, X = subspace.simulate(90, 30), subspace.simulate(40, 30)
    subspace.add_score(table, train, X, n_components, 2, 1)
    assert table.rows[0].ratio > 0


def test_peers_of_its_own(subspace, harness, monkeypatch):
    monkeypatch.setattr(subspace, "PATH", (0.5, 0.9))
    table, X = harness.Table(), subspace.simulate(200, 20)
    subspace.add_neighbours(table, X, 1)
    subspace.add_path(table, X, 1)
    subspace.add_cross_fit(table, X, 1)
    subspace.add_memmap(table, 500)
    assert [row.target for row in table.rows] == [8, 2, 0.4, None]
    assert all(row.ours > 0 for row in table.rows)
    assert not table.notes


def test_features_without_torch(subspace, harness, monkeypatch):
    monkeypatch.setattr(subspace, "torch", None)
    table = harness.Table()
    subspace.add_features(table, 1, 56)
    assert not table.rows
    assert "Left out: features of images" in table.notes[0]


@pytest.mark.requires_torch
def test_features(subspace, harness):
    table = harness.Table()
    subspace.add_features(table, 1, 56)
    assert [row.unit for row in table.rows] == ["ms", "MB"]
    assert all(row.ratio > 0 for row in table.rows)


def test_writes_its_section(subspace, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(subspace, "measure", lambda table, quick: None)
    subspace.main(["--quick"])
    assert not page.exists()
    subspace.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin subspace_ad -->\n## SubspaceAD" in text


@pytest.fixture
def alarms(load, monkeypatch):
    script = load("subspace_ad_false_alarms")
    monkeypatch.setattr(script, "N_TEST", 200)
    return script


def test_false_alarms(alarms, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(alarms, "SIZES", [(80, 2)])
    rates = alarms.main([])
    assert set(rates) == {("Gaussian", 80), ("t5", 80)}
    crossfit, train, hbe, _ = rates["Gaussian", 80].mean(axis=0)
    assert crossfit < 0.2 < 0.8 < min(train, hbe)
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin subspace_ad_false_alarms -->\n## SubspaceAD: false al" in text
    assert f"| {crossfit:.3f} (" in text


def test_distributions_have_unit_variance(alarms):
    rng = np.random.default_rng(0)
    for draw in alarms.DISTRIBUTIONS.values():
        assert draw(rng, (400, 500)).var() == pytest.approx(1, abs=0.05)


def test_summary(alarms):
    assert alarms.summarise(np.array([[0.0, 1.0], [1.0, 1.0]])) == [
        "0.500 (0.500)",
        "1.000 (0.000)",
    ]
