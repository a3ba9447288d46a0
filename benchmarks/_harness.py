"""Measure ours beside its peers, and write the table of a method."""

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import skextras

PAGE = Path(__file__).resolve().parents[1] / "doc" / "benchmarks.md"
_PREAMBLE = """# Benchmarks

Ours and its peers in one process, on one BLAS thread, in turns; medians of CPU time.
*Ratio* is the peer's figure divided by ours; *limit* is what the arithmetic and the
writing of the output cost by themselves. Results are checked for agreement before
anything is timed. `python3 tasks.py bench` measures all of this anew and rewrites this
page.
"""
_HEADER = ("case", "peer", "ours", "peer's", "ratio", "target", "limit")


@dataclass
class Row:
    """One line of a table of ratios.

    Attributes
    ----------
    case, peer : str
        What was measured, and against what.

    ours, theirs : float or None
        Medians, in the unit of the row; None for what has no peer.

    target : float or None
        Ratio that is asked for.

    limit : float or None
        Figure that cannot be undercut, in the unit of the row.

    unit : {"ms", "MB", "s"}
        Unit of the figures.
    """

    case: str
    peer: str
    ours: float
    theirs: float | None = None
    target: float | None = None
    limit: float | None = None
    unit: str = "ms"

    @property
    def ratio(self):
        """The peer's figure divided by ours; None without a peer."""
        return None if self.theirs is None else self.theirs / self.ours

    @property
    def missed(self):
        """Whether the ratio is below the target."""
        return None not in (self.ratio, self.target) and self.ratio < self.target

    def cells(self):
        """Return the texts of the line, in the order of the header.

        Returns
        -------
        cells : list of str
            One text for each column.
        """
        return [
            self.case,
            self.peer,
            *(_figure(value, self.unit) for value in (self.ours, self.theirs)),
            "" if self.ratio is None else f"{self.ratio:.3g}",
            "" if self.target is None else f"{self.target:g}",
            _figure(self.limit, self.unit),
        ]


@dataclass
class Table:
    """The rows of a method and the sentences below them.

    Attributes
    ----------
    rows : list of Row
        The rows so far.

    notes : list of str
        Paragraphs, such as peers that were left out.
    """

    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, row):
        """Append a row and print it at once.

        Parameters
        ----------
        row : Row
            The measured row.
        """
        self.rows.append(row)
        print(" | ".join(row.cells()) + ("  MISSED" if row.missed else ""), flush=True)

    def note(self, text):
        """Append a paragraph and print it.

        Parameters
        ----------
        text : str
            The paragraph.
        """
        self.notes.append(text)
        print(text, flush=True)

    def markdown(self):
        """Return the table and its notes.

        Returns
        -------
        text : str
            Markdown.
        """
        lines = [_HEADER, ("---",) * len(_HEADER), *(row.cells() for row in self.rows)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([table, *self.notes])


def _figure(value, unit):
    if value is None:
        return ""
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def median_times(functions, n_repeats, *, clock=time.process_time):
    """Time functions in turns.

    Parameters
    ----------
    functions : list of callable
        Each is called once before the first measurement.

    n_repeats : int
        Number of measurements of each.

    clock : callable, default=time.process_time
        Gives seconds; CPU time of the process by default.

    Returns
    -------
    seconds : list of float
        The median of each function.
    """
    for function in functions:
        function()
    seconds = [[] for _ in functions]
    for _ in range(n_repeats):
        for function, measured in zip(functions, seconds, strict=True):
            start = clock()
            function()
            measured.append(clock() - start)
    return [statistics.median(measured) for measured in seconds]


def extra_peak(function):
    """Measure the memory that a call allocates at its peak, its result included.

    Parameters
    ----------
    function : callable
        Its result is dropped.

    Returns
    -------
    n_bytes : int
        Peak of what Python and NumPy allocate, above what was allocated before.
    """
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def describe_machine(packages):
    """Say on what was measured, and with which versions.

    Parameters
    ----------
    packages : list of str
        Names of distributions; absent ones are named as such.

    Returns
    -------
    text : str
        One sentence for the machine and one for the versions.
    """
    versions = [
        f"Python {platform.python_version()}",
        f"skextras {skextras.__version__}",
    ]
    for package in packages:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"
    return f"Measured on {machine}; {', '.join(versions)}."


def _processor():
    """Name of the processor, where the operating system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def parse_arguments(description, argv=None):
    """Read the command line that all benchmarks share.

    Parameters
    ----------
    description : str
        What the script measures.

    argv : list of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    options : argparse.Namespace
        ``quick``, a bool, and ``page``, the file to write or None.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few repeats on small data; prints, and writes no page",
    )
    parser.add_argument(
        "--print-only", action="store_true", help="leave doc/benchmarks.md as it is"
    )
    options = parser.parse_args(argv)
    options.page = None if options.quick or options.print_only else PAGE
    return options


def write_section(page, name, text):
    """Replace a method's section of the page of benchmarks, or add it.

    Parameters
    ----------
    page : Path
        The page; made if it is not there.

    name : str
        Name of the method, as in the names of its files. Sections stand in the
        alphabetical order of these.

    text : str
        The section, in Markdown, with its heading.
    """
    sections = {}
    if page.exists():
        for piece in page.read_text(encoding="utf-8").split("<!-- begin ")[1:]:
            found, _, body = piece.partition(" -->\n")
            sections[found] = body.partition(f"\n<!-- end {found} -->")[0]
    sections[name] = text.strip()
    blocks = [
        f"<!-- begin {key} -->\n{sections[key]}\n<!-- end {key} -->\n"
        for key in sorted(sections)
    ]
    page.write_text("\n".join([_PREAMBLE, *blocks]), encoding="utf-8")


def peak_of_process(setup, call, n_repeats):
    """Time a call in a fresh process, and measure by how much it makes that grow.

    Libraries such as torch allocate where Python's own accounting does not see it.
    The memory is what Linux tells of the process.

    Parameters
    ----------
    setup : str
        Code that prepares the call.

    call : str
        The expression to measure.

    n_repeats : int
        Number of measurements; the time is their median, after an unmeasured call.

    Returns
    -------
    seconds : float
        CPU time of a call.

    n_bytes : int
        Peak of the resident memory above that before the first call.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}\n{_PROBE.format(call=call, n=n_repeats)}"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    seconds, n_bytes = done.stdout.split()[-2:]
    return float(seconds), int(n_bytes)


# Not `ru_maxrss`, which begins with the peak of the process that started this one.
_PROBE = """
import statistics, time
def resident(field):
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith(field))
    return 1024 * int(line.split()[1])
before = resident("VmRSS:")
{call}
seconds = []
for _ in range({n}):
    start = time.process_time()
    {call}
    seconds.append(time.process_time() - start)
print(statistics.median(seconds), max(0, resident("VmHWM:") - before))
"""
