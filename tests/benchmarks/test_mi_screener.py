"""The benchmarks of MIScreener, on tiny data."""

import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_regression


@pytest.fixture
def screening(load, monkeypatch):
    script = load("mi_screener")
    monkeypatch.setattr(script, "N_SAMPLES", 120)
    monkeypatch.setattr(script, "N_OF_PEER", 12)
    return script


@pytest.fixture
def data(screening):
    return screening.simulate(30)


@pytest.fixture
def official(monkeypatch):
    """A stand-in for fastHDMI: each function scores one feature."""
    package, module = ModuleType("fastHDMI"), ModuleType("mi_estimation")

    def estimate(outcome, feature, **options):
        assert outcome.dtype == feature.dtype == np.float64
        assert feature.flags.writeable
        return mutual_info_regression(feature[:, None], outcome, random_state=0)[0]

    module._binning_MI = module._binning_MI_discrete = estimate
    module.MI_continuous_continuous = estimate
    parent = ModuleType("fastHDMI.mi_estimation")
    parent.mi_estimation = module
    monkeypatch.setitem(sys.modules, "fastHDMI", package)
    monkeypatch.setitem(sys.modules, "fastHDMI.mi_estimation", parent)


@pytest.fixture
def no_official(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastHDMI", None)
    monkeypatch.setitem(sys.modules, "fastHDMI.mi_estimation", None)


def test_simulated_features(screening, data):
    X, y, classes = data
    assert X.shape == (120, 30)
    assert X.dtype == np.float32
    assert set(classes) == {0, 1}
    assert classes.mean() == 0.5
    r = np.abs(np.corrcoef(X[:, :10].T, y)[-1, :-1])
    assert r[9] > 0.9 > r[0] > 0.2


def test_one_by_one(screening, data):
    X, y, _ = data
    call = screening.one_by_one(lambda a, b: a @ b, X[:, :3], y)
    np.testing.assert_allclose(call(), X[:, :3].astype(float).T @ y)


def test_scores_that_disagree_are_not_timed(screening):
    scores = np.arange(9.0)
    screening.check(scores, scores[:4] ** 1.1, 0.99)
    with pytest.raises(AssertionError, match="correlate by -1"):
        screening.check(scores, -scores, 0.5)


def test_rows_scale_to_a_thousand_features(screening, harness, monkeypatch):
    monkeypatch.setattr(screening, "median_times", lambda calls, n: [0.1, 0.2, 0.3])
    table, scores = harness.Table(), np.arange(5.0)
    peer = ("peer", lambda: scores, 100, 4, 0.9)
    screening.add_rows(
        table, "case", (lambda: scores, 500), [peer], 1, limit=lambda: None
    )
    (row,) = table.rows
    assert (row.ours, row.theirs, row.limit) == pytest.approx((200, 2000, 600))
    assert row.ratio == pytest.approx(10)
    assert not row.missed


@pytest.mark.usefixtures("no_official")
def test_without_fasthdmi(screening, harness, data):
    table = harness.Table()
    screening.add_binning(table, *data, 1)
    screening.add_densities(table, *data, 1)
    assert len(table.notes) == 1
    assert table.notes[0].startswith("Left out: fastHDMI (")
    assert [row.target for row in table.rows] == [200, None, 1, *[None] * 4]


@pytest.mark.usefixtures("official")
def test_with_fasthdmi(screening, harness, data, monkeypatch):
    monkeypatch.setattr(screening, "check", lambda ours, theirs, least: None)
    table = harness.Table()
    screening.add_binning(table, *data, 1)
    screening.add_densities(table, *data, 1)
    assert not table.notes
    targets = [row.target for row in table.rows if "fastHDMI" in row.peer]
    assert targets == [40, None, 200, 5, 300]


def test_peers_of_scikit_learn(screening, harness, data):
    X, y, classes = data
    table = harness.Table()
    screening.add_neighbours(table, X, y, classes, 1)
    screening.add_correlations(table, X, y, 1)
    screening.add_threads(table, X, y, 1)
    assert [row.target for row in table.rows] == [10, 40, *[None] * 4, 0.91]
    assert all(row.ratio > 0 for row in table.rows)


def test_columns_on_disk(screening, harness):
    table = harness.Table()
    screening.add_memmap(table, 150, 1)
    assert [row.unit for row in table.rows] == ["s", "MB"] * 2
    assert "memmap of (120, 150), order F" in table.rows[0].case
    assert "order C" in table.rows[2].case
    assert not table.notes


def test_writes_its_section(screening, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(screening, "measure", lambda table, quick: None)
    screening.main(["--quick"])
    assert not page.exists()
    screening.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin mi_screener -->\n## MIScreener" in text


@pytest.fixture
def nulls(load, monkeypatch):
    script = load("mi_screener_null")
    monkeypatch.setattr(script, "CASES", script.CASES[:2])
    monkeypatch.setattr(script, "N_FEATURES", 400)
    monkeypatch.setattr(script, "N_NULL", 300)
    monkeypatch.setattr(script, "N_TRUE", 20)
    return script


def test_null_features(nulls, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    found = nulls.main([])
    for distance, *shares in found["levels"].values():
        assert 0 < distance < 0.1
        assert 0 <= min(shares) < 0.05
    for rate, power in found["discoveries"].values():
        assert 0 <= rate < 0.4
        assert 0.3 < power <= 1
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin mi_screener_null -->\n## MIScreener: p-values" in text


def test_distributions(nulls):
    rng = np.random.default_rng(0)
    drawn = {name: draw(rng, (500, 400)) for name, draw in nulls.DRAWS.items()}
    assert {values.dtype for values in drawn.values()} == {np.dtype(np.float32)}
    assert (drawn["80 % zeros"] == 0).mean() == pytest.approx(0.8, abs=0.01)
    assert drawn["exponential"].min() >= 0
    assert np.median(drawn["lognormal"]) == pytest.approx(1, abs=0.05)


def test_correlated_features(nulls):
    rng = np.random.default_rng(0)
    X, _ = nulls.simulate(rng, correlated=True)
    r = np.corrcoef(X[:, nulls.N_TRUE :].T)
    assert np.diag(r, 1).mean() == pytest.approx(0.5, abs=0.05)
    independent, y = nulls.simulate(rng, correlated=False)
    assert abs(np.diag(np.corrcoef(independent.T), 1).mean()) < 0.05
    r = np.corrcoef(independent[:, : nulls.N_TRUE].T, y)[-1, :-1]
    assert r.mean() == pytest.approx(0.24, abs=0.03)
