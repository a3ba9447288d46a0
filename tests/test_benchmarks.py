"""The harness of the benchmarks, and each benchmark on tiny data."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a script of the folder as it imports its neighbours when it runs."""
    monkeypatch.syspath_prepend(FOLDER)
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    yield importlib.import_module
    for name in scripts & set(sys.modules):
        del sys.modules[name]


@pytest.fixture
def harness(load):
    return load("_harness")


def test_row(harness):
    row = harness.Row("case", "peer", 2.0, 5.0, target=3)
    assert row.ratio == 2.5
    assert row.missed
    assert row.cells() == ["case", "peer", "2 ms", "5 ms", "2.5", "3", ""]
    assert not harness.Row("case", "peer", 2.0, 6.0, target=3).missed
    assert not harness.Row("case", "peer", 2.0, 5.0).missed
    lonely = harness.Row("case", "", 1234.5, target=3, limit=0.1234, unit="MB")
    assert lonely.ratio is None
    assert not lonely.missed
    assert lonely.cells() == ["case", "", "1234 MB", "", "", "3", "0.123 MB"]


def test_table(harness, capsys):
    table = harness.Table()
    table.add(harness.Row("one", "peer", 2.0, 5.0, target=3))
    table.note("A note.")
    head, line, row, _, note = table.markdown().splitlines()
    assert head.count("|") == line.count("|") == row.count("|") == 8
    assert row == "| one | peer | 2 ms | 5 ms | 2.5 | 3 |  |"
    assert note == "A note."
    printed = capsys.readouterr().out
    assert "MISSED" in printed
    assert "A note." in printed


def test_times_alternate_and_are_medians(harness):
    calls, ticks = [], iter([0, 1, 0, 10, 0, 9, 0, 12, 0, 2, 0, 11])
    functions = [lambda: calls.append("a"), lambda: calls.append("b")]
    seconds = harness.median_times(functions, 3, clock=lambda: next(ticks))
    # One unmeasured call of each comes first.
    assert calls == ["a", "b"] * 4
    assert seconds == [2, 11]


def test_times_are_cpu_times(harness):
    waiting, working = harness.median_times(
        [
            lambda: importlib.import_module("time").sleep(0.05),
            lambda: sum(range(10**6)),
        ],
        3,
    )
    assert waiting < working


def test_extra_peak_counts_arrays_and_results(harness):
    kept = np.ones(10**6)

    def double_twice():
        first = 2 * kept
        return 2 * first

    assert 16e6 <= harness.extra_peak(double_twice) < 17e6
    with pytest.raises(ZeroDivisionError):
        harness.extra_peak(lambda: 1 / 0)
    assert not importlib.import_module("tracemalloc").is_tracing()


def test_machine(harness):
    text = harness.describe_machine(["numpy", "no-such-package"])
    assert f"numpy {np.__version__}" in text
    assert "no no-such-package" in text


def test_arguments(harness):
    assert harness.parse_arguments("", []).page == harness.PAGE
    assert harness.parse_arguments("", ["--print-only"]).page is None
    quick = harness.parse_arguments("", ["--quick"])
    assert quick.quick
    assert quick.page is None


def test_sections(harness, tmp_path):
    page = tmp_path / "benchmarks.md"
    harness.write_section(page, "second", "## Second\n\nold")
    harness.write_section(page, "first", "## First\n")
    one = page.read_text(encoding="utf-8")
    harness.write_section(page, "second", "## Second\n\nnew")
    two = page.read_text(encoding="utf-8")
    assert one.replace("old", "new") == two
    assert two.startswith("# Benchmarks\n")
    assert two.index("## First") < two.index("## Second")
    assert two.count("<!-- begin") == two.count("<!-- end") == 2
    harness.write_section(page, "second", "## Second\n\nnew")
    assert page.read_text(encoding="utf-8") == two


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
