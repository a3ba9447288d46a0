"""The harness of the benchmarks."""

import importlib
import subprocess

import numpy as np
import pytest


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


def test_peak_of_a_process(harness):
    seconds, n_bytes = harness.peak_of_process(
        "import numpy as np", "np.ones(4 * 10**7).sum()", 2
    )
    assert 0 < seconds < 10
    assert 3e8 < n_bytes < 5e8
    with pytest.raises(subprocess.CalledProcessError):
        harness.peak_of_process("", "1 / 0", 1)
