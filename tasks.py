"""Set up, test, document and measure skextras, with nothing but Python and pip.

python3 tasks.py demo     install what the demonstration needs and run it
python3 tasks.py test     lint, run the tests, then try the wheel without any extra
python3 tasks.py lint     ruff alone
python3 tasks.py doc      build the documentation into doc/_build/html
python3 tasks.py bench    run the benchmarks, which write doc/benchmarks.md

Everything is installed into `.venv` beside this file, with the versions of
constraints.txt. A second call installs nothing when neither pyproject.toml nor
constraints.txt has changed.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CONSTRAINTS = ROOT / "constraints.txt"
STAMP = "skextras-stamp.json"
TEST_SETTINGS = {"MPLBACKEND": "Agg", "SCIPY_ARRAY_API": "1"}
# There are as many test processes as cores: more threads would wait for each other.
ONE_THREAD_EACH = {"OMP_NUM_THREADS": "1"}


class StepFailed(Exception):
    """A command of a task ended with an error."""

    def __init__(self, step, code):
        super().__init__(f'step "{step}" failed with exit code {code}')
        # A child killed by signal n reports -n; shells report 128 + n.
        self.code = code if code > 0 else 128 - code


def main(argv=None, run=None):
    """Carry out the task named on the command line.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; those of the process by default. What follows ``--`` goes
        to pytest, to sphinx-build or to the demonstration as it is.

    run : callable, default=None
        Runs one command, as :func:`run_command` does; another one in tests.

    Returns
    -------
    code : int
        0, or the exit code of the step that failed.
    """
    own, rest = split_arguments(sys.argv[1:] if argv is None else argv)
    options = make_parser().parse_args(own)
    start = time.monotonic()
    try:
        TASKS[options.task](options, rest, run or run_command)
    except StepFailed as failure:
        print(f"\ntasks.py {options.task}: {failure}", file=sys.stderr, flush=True)
        return failure.code
    seconds = time.monotonic() - start
    print(f"\ntasks.py {options.task}: done in {seconds:.0f} s", flush=True)
    return 0


def split_arguments(argv):
    """Split the arguments at the first ``--``.

    Parameters
    ----------
    argv : list of str
        All arguments.

    Returns
    -------
    own, rest : list of str
        Those before and those after.
    """
    cut = argv.index("--") if "--" in argv else len(argv)
    return argv[:cut], argv[cut + 1 :]


def make_parser():
    """Describe the command line.

    Returns
    -------
    parser : argparse.ArgumentParser
        The parser of what stands before ``--``.
    """
    parser = argparse.ArgumentParser(
        prog="tasks.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    tasks.add_parser("demo", help="run `python -m skextras` [-- its arguments]")
    test = tasks.add_parser("test", help="lint and test [-- pytest arguments]")
    test.add_argument("--slow", action="store_true", help="the slow tests too")
    test.add_argument(
        "--without",
        action="append",
        default=[],
        choices=expand_extras(["all"]),
        help="leave an extra out, in an environment of its own; its tests skip",
    )
    tasks.add_parser("lint", help="run ruff")
    tasks.add_parser("doc", help="build the pages [-- sphinx-build arguments]")
    bench = tasks.add_parser("bench", help="run the benchmarks")
    bench.add_argument("names", nargs="*", help="methods to measure; all by default")
    return parser


def run_demo(options, rest, run):
    """Install the package with what the demonstration needs, and run that.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    rest : list of str
        Arguments for ``python -m skextras``.

    run : callable
        Runs one command.
    """
    python = prepare(ROOT / ".venv", ["eeg", "plot", "progress"], run)
    run("demonstration", [python, "-m", "skextras", *rest])


def run_tests(options, rest, run):
    """Lint, test, and try the built wheel in an environment without extras.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    rest : list of str
        Arguments for pytest.

    run : callable
        Runs one command.
    """
    extras = [e for e in expand_extras(["all"]) if e not in options.without]
    folder = "-".join([".venv", *(f"no-{e}" for e in sorted(set(options.without)))])
    python = prepare(ROOT / folder, [*extras, "test"], run)
    lint_with(python, run)
    pytest = [python, "-m", "pytest", "-n", str(count_cores()), "--dist", "worksteal"]
    if options.slow:
        pytest.append("--slow")
    run("tests", [*pytest, *rest], settings=TEST_SETTINGS | ONE_THREAD_EACH)
    try_wheel(python, run)


def run_lint(options, rest, run):
    """Check the form of the source code.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    rest : list of str
        Ignored.

    run : callable
        Runs one command.
    """
    lint_with(prepare(ROOT / ".venv", ["test"], run), run)


def run_doc(options, rest, run):
    """Build the documentation; a warning is an error.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    rest : list of str
        Arguments for sphinx-build.

    run : callable
        Runs one command.
    """
    python = prepare(ROOT / ".venv", ["doc"], run)
    build = [python, "-m", "sphinx", "-W", "--keep-going", "-b", "html", *rest]
    target = ROOT / "doc" / "_build" / "html"
    run("documentation", [*build, ROOT / "doc", target], settings=TEST_SETTINGS)


def run_benchmarks(options, rest, run):
    """Run the benchmark scripts one after the other.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    rest : list of str
        Arguments for each script.

    run : callable
        Runs one command.
    """
    scripts = {s.stem: s for s in sorted((ROOT / "benchmarks").glob("[!_]*.py"))}
    for name in options.names:
        if name not in scripts:
            print(f"No benchmark {name!r}; there are: {', '.join(scripts)}.")
            raise StepFailed("choice of benchmarks", 2)
    python = prepare(ROOT / ".venv", ["bench"], run)
    for name in options.names or scripts:
        run(f"benchmark {name}", [python, scripts[name], *rest])


TASKS = {
    "demo": run_demo,
    "test": run_tests,
    "lint": run_lint,
    "doc": run_doc,
    "bench": run_benchmarks,
}


def lint_with(python, run):
    """Run both halves of ruff.

    Parameters
    ----------
    python : Path
        Interpreter of an environment that has ruff.

    run : callable
        Runs one command.
    """
    run("lint", [python, "-m", "ruff", "check", ROOT])
    run("format", [python, "-m", "ruff", "format", "--check", ROOT])


def try_wheel(python, run):
    """Build the wheel and test it where no extra is installed.

    Parameters
    ----------
    python : Path
        Interpreter of an environment that has hatchling.

    run : callable
        Runs one command.
    """
    folder = ROOT / "build" / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run("wheel", [python, "-m", "pip", *build, "--wheel-dir", folder, ROOT])
    wheels = [str(wheel) for wheel in sorted(folder.glob("*.whl"))]

    environment = ROOT / ".venv-core"
    stamp = make_stamp(environment, [])
    core = python_of(environment)
    if is_usable(environment) and read_stamp(environment) == stamp:
        again = ["--quiet", "--no-deps", "--force-reinstall"]
        run("wheel's install", [core, "-m", "pip", "install", *again, *wheels])
    else:
        # Made anew: what an older wheel required must not lie about.
        make_environment(environment, run)
        run("wheel's install", [core, *install_command(wheels)])
        write_stamp(environment, stamp)
    # -I: the wheel is imported, not the sources beside this file.
    run("smoke test", [core, "-I", ROOT / "tests" / "smoke_core.py"])


def prepare(environment, extras, run):
    """Make an environment that holds the package with some extras, or reuse it.

    Parameters
    ----------
    environment : Path
        Its folder.

    extras : list of str
        What it must hold; what it holds already stays.

    run : callable
        Runs one command.

    Returns
    -------
    python : Path
        Its interpreter.
    """
    stamp = make_stamp(environment, extras)
    found = read_stamp(environment)
    python = python_of(environment)
    if is_usable(environment):
        stamp["extras"] = sorted({*extras, *found.get("extras", [])})
        if found == stamp:
            print(f"{environment.name}: up to date ({', '.join(found['extras'])})")
            return python
    else:
        make_environment(environment, run)
    # A failed install must not pass for a finished one.
    (environment / STAMP).unlink(missing_ok=True)
    package = f"{ROOT}[{','.join(stamp['extras'])}]"
    run("install", [python, *install_command(["--editable", package])])
    write_stamp(environment, stamp)
    return python


def is_usable(environment):
    """Tell whether an environment is there and of the running Python's version.

    Parameters
    ----------
    environment : Path
        Its folder.

    Returns
    -------
    usable : bool
        False where it has to be made anew.
    """
    try:
        settings = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return False
    version = re.search(r"^version\s*=\s*(\S+)", settings, re.MULTILINE)
    running = ".".join(str(number) for number in sys.version_info[:3])
    same = version is not None and version.group(1) == running
    return same and python_of(environment).exists()


def make_environment(environment, run):
    """Make an empty virtual environment.

    Parameters
    ----------
    environment : Path
        Its folder; what it held is lost.

    run : callable
        Runs one command.
    """
    run("environment", [Path(sys.executable), "-m", "venv", "--clear", environment])


def install_command(what):
    """Word the pip command that installs within the constraints.

    Parameters
    ----------
    what : list of str
        Packages.

    Returns
    -------
    command : list
        Arguments of an interpreter.
    """
    pip = ["-m", "pip", "install", "--disable-pip-version-check"]
    return [*pip, "--constraint", CONSTRAINTS, *what]


def python_of(environment):
    """Find the interpreter of an environment.

    Parameters
    ----------
    environment : Path
        Its folder.

    Returns
    -------
    python : Path
        Path of the interpreter, which need not exist.
    """
    if os.name == "nt":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def make_stamp(environment, extras):
    """Say what an environment depends on.

    Parameters
    ----------
    environment : Path
        Its folder: an editable install points at the root that it was made from.

    extras : list of str
        What is installed of the extras.

    Returns
    -------
    stamp : dict
        ``key``, a hash of Python, place and the files that say what to install;
        ``extras``.
    """
    key = hashlib.sha256(f"{sys.version} {environment}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        key.update((ROOT / name).read_bytes() + b"\0")
    # An editable install records the version once and for all.
    source = (ROOT / "skextras" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.*)"', source, re.MULTILINE)
    key.update(version.group(1).encode() if version else b"")
    return {"key": key.hexdigest(), "extras": sorted(set(extras))}


def read_stamp(environment):
    """Read what a finished install wrote.

    Parameters
    ----------
    environment : Path
        Its folder.

    Returns
    -------
    stamp : dict
        Empty when no install has finished.
    """
    try:
        stamp = json.loads((environment / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(environment, stamp):
    """Note that an install has finished.

    Parameters
    ----------
    environment : Path
        Its folder.

    stamp : dict
        As :func:`make_stamp` gives it.
    """
    text = json.dumps(stamp, indent=1) + "\n"
    (environment / STAMP).write_text(text, encoding="utf-8")


def expand_extras(extras):
    """Replace extras that only name other extras, such as ``all``.

    Parameters
    ----------
    extras : list of str
        Extras of pyproject.toml.

    Returns
    -------
    expanded : list of str
        Extras that name packages, sorted.
    """
    import tomllib  # not in the Pythons that main turns away

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    known = project["project"]["optional-dependencies"]
    expanded = set()
    for extra in extras:
        nested = [re.fullmatch(r"skextras\[(.*)\]", item) for item in known[extra]]
        if all(nested):
            expanded.update(*(match.group(1).split(",") for match in nested))
        else:
            expanded.add(extra)
    return sorted(expanded)


def count_cores():
    """Count the cores that this process may use.

    Returns
    -------
    n_cores : int
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_command(step, command, settings=None):
    """Print a command, run it from the root folder, and stop if it fails.

    Parameters
    ----------
    step : str
        What the command is for.

    command : list of str or Path
        The command.

    settings : dict, default=None
        Environment variables to set.

    Raises
    ------
    StepFailed
        When the command ends with an error or cannot be started.
    """
    settings = settings or {}
    words = [str(word) for word in command]
    prefix = [f"{name}={value}" for name, value in settings.items()]
    shown = shlex.join([*prefix, *words]).replace(f"{ROOT}{os.sep}", "")
    print(f"\n$ {shown}", flush=True)
    try:
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, **settings})
    except OSError as error:
        print(error, file=sys.stderr)
        raise StepFailed(step, 127) from error
    if done.returncode:
        raise StepFailed(step, done.returncode)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("skextras needs Python 3.11 or later; this is " + sys.version)
    sys.exit(main())
