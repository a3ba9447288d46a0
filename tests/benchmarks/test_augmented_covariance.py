"""The benchmark of AugmentedCovariance, on tiny data."""

import sys

import numpy as np
import pytest


@pytest.fixture
def augmented(load):
    return load("augmented_covariance")


def test_augmented_covariance_without_peers(augmented, harness, monkeypatch, capsys):
    for name in ("moabb", "moabb.pipelines.features"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("pyriemann", "pyriemann.estimation"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(augmented, "add_selection", lambda *args: None)
    table = harness.Table()
    augmented.measure(table, (4, 2, 150), 1)
    assert len(table.rows) == len(augmented.FULL) + len(augmented.THIRD) + 5 + 4
    assert all(row.ours > 0 for row in table.rows)
    assert [row.peer for row in table.rows if row.peer] == ["n_jobs=1"]
    assert not any(row.missed for row in table.rows)
    printed = capsys.readouterr().out
    assert "Left out: MOABB" in printed
    assert "Left out: pyRiemann" in printed


def test_augmented_covariance_with_a_peer(augmented, harness):
    pytest.importorskip("pyriemann")
    table = harness.Table()
    X = np.random.default_rng(0).standard_normal((4, 2, 150))
    peer = augmented.find_time_delay(table)
    augmented.add_time(table, X, 3, 1, peer, 4, 1)
    augmented.add_peak(table, X, 3, 2, peer)
    assert not table.notes
    assert [row.peer for row in table.rows] == [augmented.DELAYS] * 2
    assert all(row.ratio > 0 and row.limit > 0 for row in table.rows)


def test_augmented_covariance_checks_agreement(augmented):
    S = np.eye(3)[None]
    augmented.check_agreement(S, S + 1e-14)
    for wrong in (S + 1e-9, S * np.nan):
        with pytest.raises(AssertionError, match="differ"):
            augmented.check_agreement(S, wrong)


def test_augmented_covariance_writes_its_section(
    augmented, harness, monkeypatch, tmp_path
):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(augmented, "measure", lambda table, shape, n_repeats: None)
    augmented.main(["--quick"])
    assert not page.exists()
    augmented.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin augmented_covariance -->\n## AugmentedCovariance" in text
    assert "Measured on" in text


def test_augmented_covariance_selection(augmented, harness):
    table = harness.Table()
    augmented.add_selection(table, 1)
    assert len(table.rows) == 3
    assert all(row.ours > 0 for row in table.rows)
