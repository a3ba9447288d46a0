"""The benchmark of MomentProbe, on tiny data."""

import sys

import numpy as np
import pytest


@pytest.fixture
def probe(load):
    return load("moment_probe")


def test_without_peers(probe, harness, monkeypatch, capsys):
    for name in ("torch", "pyriemann", "pyriemann.estimation"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(probe, "add_features", lambda *args: None)
    table = harness.Table()
    probe.measure(table, quick=True)
    assert all(row.ours > 0 for row in table.rows)
    assert [row.peer == "" for row in table.rows] == [True] * 2 + [False] * 5 + [True]
    printed = capsys.readouterr().out
    assert "Left out: MHC3MomentProbe (torch is not installed)." in printed
    assert "Left out: pyRiemann" in printed


@pytest.mark.requires_torch
def test_trained_head(probe, harness):
    import torch

    n_threads, table = torch.get_num_threads(), harness.Table()
    probe.add_trained_head(table, 1, max_iter=1)
    (row,) = table.rows
    assert row.peer == "MHC3MomentProbe, 1 epochs"
    assert row.ratio > 1
    assert "accuracy 0.992, 0." in row.case
    assert torch.get_num_threads() == n_threads


def test_tangent_space(probe, harness):
    pytest.importorskip("pyriemann")
    table = harness.Table()
    probe.add_tangent_space(table, 1)
    assert table.rows[0].ratio > 0
    assert "accuracy 0.928, 0.904" in table.rows[0].case


def test_ridge_agrees_with_its_peer(probe, harness, monkeypatch):
    table = harness.Table()
    for shape in ((40, 60, 3), (60, 20, 4)):
        probe.add_ridge(table, shape, 1)
    assert all(row.ratio > 0 for row in table.rows)

    class Other(probe.RidgeClassifierCV):
        def fit(self, X, y):
            return super().fit(X[:, ::-1] * np.linspace(1, 2, X.shape[1]), y)

    monkeypatch.setattr(probe, "RidgeClassifierCV", Other)
    with pytest.raises(AssertionError):
        probe.add_ridge(table, (40, 60, 3), 1)


def test_moments_are_covariances(probe):
    z = np.random.default_rng(0).standard_normal((7, 9, 3), dtype=np.float32) + 2
    expected = [np.cov(tokens.T, bias=True) for tokens in z]
    for function in (
        probe.einsum_moments,
        probe.centring_moments,
        probe.chunked_moments,
        lambda z: probe.chunked_moments(z, n_bytes=3 * z[0].nbytes),
    ):
        before = z.copy()
        np.testing.assert_allclose(function(z), expected, atol=1e-5)
        np.testing.assert_array_equal(z, before)


def test_moments(probe, harness):
    table = harness.Table()
    probe.add_moments(table, (5, 8, 3), 10, None, 1)
    assert [row.target for row in table.rows] == [10, None]
    assert all(row.ratio > 0 and row.limit > 0 for row in table.rows)


def test_products_of_features(probe):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 5, 4), dtype=np.float32)
    W = rng.standard_normal((4, 2), dtype=np.float32)
    expected = [(x @ W).T @ (x @ W) for x in X]
    np.testing.assert_allclose(probe.bare_features(X, W), expected, rtol=1e-4)


def test_features(probe, harness):
    table = harness.Table()
    # The product that they are compared with takes that many values.
    probe.add_features(table, (2048, 32, 64), 1)
    (row,) = table.rows
    assert row.ours > 0
    assert row.limit > 0
    assert "% of the speed of a large product" in table.notes[0]


def test_memory(probe, harness):
    table = harness.Table()
    probe.add_peak(table, 20, 16)
    (row,) = table.rows
    assert row.unit == "MB"
    assert row.ours > row.limit > 0
    assert "154 features" in row.case


def test_writes_its_section(probe, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(probe, "measure", lambda table, quick: None)
    probe.main(["--quick"])
    assert not page.exists()
    probe.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin moment_probe -->\n## MomentProbe" in text
    assert "Measured on" in text
