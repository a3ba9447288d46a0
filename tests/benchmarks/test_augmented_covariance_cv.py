"""The benchmark of AugmentedCovarianceClassifierCV, on tiny data."""

import sys

import numpy as np
import pytest


@pytest.fixture
def searches(load):
    return load("augmented_covariance_cv")


def colours():
    """Two classes of noise, of one colour each."""
    rng, y = np.random.default_rng(0), np.arange(20) % 2
    X = rng.standard_normal((20, 2, 81))
    return np.where(y[:, None, None], X[:, :, 1:] + X[:, :, :-1], X[:, :, 1:]), y


@pytest.mark.parametrize("final", ["ts_svm", "mdm"])
def test_searches(searches, harness, final):
    pytest.importorskip("pyriemann")
    table, grid = harness.Table(), {"orders": (1, 2), "lags": (1,)}
    searches.add_search(table, "noise", *colours(), grid, final)
    assert [row.peer for row in table.rows] == ["GridSearchCV", 'metric="riemann"']
    assert all(row.ours > 0 and row.theirs > 0 for row in table.rows)
    assert "all mean test scores equal, the same setting" in table.notes[0]
    searches.add_search_memory(table, "noise", *colours(), grid)
    assert table.rows[-1].theirs == pytest.approx(40e-6 * 20 * 4**2)


def test_searches_tell_of_differences(searches):
    pytest.importorskip("pyriemann")
    ours, theirs = searches.make_searches({"orders": (1, 2), "lags": (1,)}, "mdm")
    for search in (ours, theirs):
        search.fit(*colours())
    theirs.cv_results_["mean_test_score"][1] -= 0.5
    text = searches.compare(ours, theirs)
    assert "1 mean test scores DIFFER, by 0.5 at most" in text
    ours.best_params_ = {"order": 3, "lag": 1}
    assert "ANOTHER" in searches.compare(ours, theirs)


def test_geometry(searches, harness):
    pytest.importorskip("pyriemann")
    table, S = harness.Table(), searches.correlated_matrices((10, 2, 200), 3)
    assert S.shape == (10, 6, 6)
    with searches.peer_may_not_converge():
        searches.add_geometry(table, S, 1)
    assert [row.target for row in table.rows] == [1.5, 3, 4, 3, 1.5]
    assert all(row.ratio > 0 for row in table.rows)


def test_searches_without_peer_and_data(searches, harness, monkeypatch, tmp_path):
    for name in ("pyriemann.classification", "pyriemann.geometry.mean"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("SKEXTRAS_DATA", str(tmp_path))
    monkeypatch.setattr(searches, "load_flicker", colours)
    table = harness.Table()
    searches.measure(table, quick=True)
    assert len(table.rows) == 5
    assert not any(row.missed for row in table.rows)
    assert "Left out: EEGMMI" in table.notes[0]
    assert "Left out: pyRiemann" in table.notes[-1]


def test_searches_write_their_section(searches, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(searches, "measure", lambda table, quick: None)
    searches.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin augmented_covariance_cv -->\n## AugmentedCovarianceC" in text


def test_motor_imagery(searches, harness, shared_data):
    shared_data(searches.MOTOR_IMAGERY)
    (X, y), *others = searches.load_motor_imagery(harness.Table()).values()
    assert X.shape == (45, 21, 480)
    assert set(y.tolist()) == {1, 2}
    assert not others
