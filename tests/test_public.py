"""What a user sees: names, docstrings, executed examples, pages, import weight."""

import ast
import doctest
import importlib
import importlib.metadata
import importlib.util
import inspect
import io
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import numpydoc.validate
import pytest
from conformance import lifting
from numpydoc.docscrape import ClassDoc
from packaging.requirements import Requirement
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from test_source import method_of

import skextras

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_MODULES = ["skextras"]
PUBLIC_MODULES += [
    f"skextras.{info.name}"
    for info in pkgutil.iter_modules(skextras.__path__)
    if not info.name.startswith("_") and info.name != "numerics"
]

# scikit-learn itself loads pandas, where it is installed.
NEVER_LOADED = {
    "torch",
    "transformers",
    "PIL",
    "mne",
    "pyriemann",
    "nilearn",
    "nibabel",
}
NEVER_LOADED |= {"matplotlib", "numba", "llvmlite", "dask", "distributed", "polars"}

# Not asked for: an extended summary, See Also, and returns without a name. GL01 means
# one thing in one release of numpydoc and another in the next.
DOCSTRING_CODES = set(numpydoc.validate.ERROR_MSGS) - {"ES01", "GL01", "RT02", "SA01"}


def public_names():
    """Every public name of the package, as a path from which it is imported."""
    return [
        f"{module}.{name}"
        for module in PUBLIC_MODULES
        for name in importlib.import_module(module).__all__
        if not name.startswith("__")
    ]


def resolve(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def numerics_functions():
    """Public functions of the numerics, which carry docstrings and examples too."""
    found = []
    for info in pkgutil.iter_modules(
        importlib.import_module("skextras.numerics").__path__
    ):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"skextras.numerics.{info.name}")
            found += [
                f"{module.__name__}.{name}"
                for name, value in vars(module).items()
                if inspect.isfunction(value)
                and value.__module__ == module.__name__
                and not name.startswith("_")
            ]
    return found


def own_methods(path):
    """Public methods and properties of a class that are written in this package."""
    found = set()
    for base in resolve(path).__mro__:
        if base.__module__.partition(".")[0] == "skextras":
            # set_fit_request and its like are generated, with their docstrings.
            found |= {
                name
                for name, value in vars(base).items()
                if not re.match(r"_|set_\w+_request$", name)
                and (callable(value) or hasattr(value, "__get__"))
            }
    return [f"{path}.{name}" for name in sorted(found)]


PUBLIC = public_names()
FUNCTIONS = [path for path in PUBLIC if inspect.isfunction(resolve(path))]
CLASSES = [path for path in PUBLIC if inspect.isclass(resolve(path))]
ESTIMATORS = [path for path in CLASSES if issubclass(resolve(path), BaseEstimator)]
METHODS = [method for path in CLASSES for method in own_methods(path)]
NUMERICS = numerics_functions()


def run_python(code, *arguments, **options):
    """Run code in another Python process and return what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def loaded_by(statement):
    code = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    return json.loads(run_python(code))


def test_import_loads_nothing_heavy():
    loaded = loaded_by("import skextras")
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & NEVER_LOADED
    # Whatever the public parts of scikit-learn in use load is theirs, not ours.
    parts = [n for n in loaded if n.split(".")[0] == "sklearn" and "._" not in n]
    baseline = loaded_by(f"import psutil, {', '.join(parts)}")
    baseline = {name.partition(".")[0] for name in baseline}
    added = tops - baseline - set(sys.stdlib_module_names)
    assert added == {"skextras"}


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_all_is_complete_and_sorted(module):
    module = importlib.import_module(module)
    names = module.__all__
    # The order of ruff's RUF022: constants, classes, then everything else.
    kind = {name: (not name.isupper(), not name[0].isupper()) for name in names}
    assert names == sorted(names, key=lambda name: (kind[name], name))
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(module))
    visible = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert visible <= set(names), "public without being in __all__"


@pytest.mark.parametrize("path", [*PUBLIC, *METHODS, *NUMERICS])
def test_docstring(path):
    report = numpydoc.validate.validate(path)
    # The examples of a class show its methods.
    codes = DOCSTRING_CODES - ({"EX01"} if path in METHODS else set())
    wrong = [f"{code} {text}" for code, text in report["errors"] if code in codes]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ESTIMATORS)
def test_fitted_attributes_are_documented(path):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 6)), np.arange(30) % 2
    estimator = resolve(path)()
    if not get_tags(estimator).input_tags.two_d_array:
        X = lifting.lift_array(X, "images")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skip_without_extra(lambda: estimator.fit(X, y))
    fitted = {n for n in vars(estimator) if n.endswith("_") and not n.startswith("_")}
    documented = {item.name for item in ClassDoc(type(estimator))["Attributes"]}
    assert fitted <= documented


def skip_without_extra(function):
    """Call a function; skip the test where it needs a package that is absent."""
    try:
        return function()
    except ImportError as error:
        asked = re.search(r'pip install "skextras\[\w+\]"', str(error))
        top = (error.name or "").partition(".")[0]
        absent = top and top != "skextras" and importlib.util.find_spec(top) is None
        if asked or absent:
            pytest.skip(f"needs an extra that is not installed: {error}")
        raise


def run_doctest(test):
    """Run the examples of one docstring or page; the first failure is reported."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner = doctest.DebugRunner(verbose=False, optionflags=flags)
    try:
        runner.run(test, clear_globs=False)
    except doctest.DocTestFailure as failure:
        line = (test.lineno or 0) + failure.example.lineno + 1
        pytest.fail(
            f"{test.filename}:{line}\n>>> {failure.example.source}"
            f"expected:\n{failure.example.want}got:\n{failure.got}"
        )
    except doctest.UnexpectedException as failure:
        raise failure.exc_info[1] from None


def docstring_examples():
    """Docstrings with examples of all modules but the compiled kernels."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for info in pkgutil.walk_packages(skextras.__path__, "skextras."):
        if not info.name.endswith(("_kernels", "__main__")):
            found += finder.find(importlib.import_module(info.name))
    return [pytest.param(test, id=test.name) for test in found if test.examples]


@pytest.mark.parametrize("example", docstring_examples())
def test_docstring_examples(example):
    skip_without_extra(lambda: run_doctest(example))


PAGES = [ROOT / "README.md", *sorted((ROOT / "doc" / "guide").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(path):
    """Run the Python blocks of a page, in order and in one namespace.

    A block with prompts is a doctest. A block without is executed; what it prints
    must be what the block after it shows, where that one is marked `text`.
    """
    names = {"__name__": "__page__"}
    page = path.read_text(encoding="utf-8")
    blocks = [
        (m[1], m[2], page[: m.start()].count("\n") + 1) for m in BLOCK.finditer(page)
    ]
    for (kind, code, line), following in zip(
        blocks, [*blocks[1:], ("", "", 0)], strict=True
    ):
        if kind not in {"python", "pycon"}:
            continue
        if ">>> " in code:
            test = doctest.DocTestParser().get_doctest(
                code, names, path.name, path, line
            )
            run_doctest(test)
            names = test.globs
            continue
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile("\n" * line + code, str(path), "exec"), names)
        if following[0] == "text":
            assert printed.getvalue().split() == following[1].split()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_examples(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    skip_without_extra(lambda: run_page(path))


def test_readme_shows_python():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(kind in {"python", "pycon"} for kind, _ in BLOCK.findall(readme))


OFFLINE = """
import runpy, socket, sys
def refuse(*args, **kwargs):
    raise OSError("an example must not use the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("plot_*.py")), ids=lambda path: path.stem
)
def test_gallery_example(path, tmp_path):
    for name in imported_packages(path):
        pytest.importorskip(name)
    settings = {**os.environ, "MPLBACKEND": "Agg"}
    run_python(OFFLINE, path, cwd=tmp_path, env=settings, timeout=600)


def imported_packages(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def mentions(name, paths):
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(path.read_text(encoding="utf-8")) for path in paths)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_name_has_a_test(path):
    others = set((ROOT / "tests").rglob("test_*.py")) - {Path(__file__).resolve()}
    assert mentions(path.rpartition(".")[2], others)


def pages_of(method):
    return {
        "guide": ROOT / "doc" / "guide" / f"{method}.md",
        "example": ROOT / "examples" / f"plot_{method}.py",
        "benchmark": ROOT / "benchmarks" / f"{method}.py",
    }


def methods():
    """The public names of each method, by the modules that define them."""
    found = {}
    for name in skextras.__all__:
        module = getattr(getattr(skextras, name), "__module__", "")
        stem = module.rpartition(".")[2]
        if stem.startswith("_"):
            found.setdefault(method_of(stem[1:]), []).append(name)
    return found


@pytest.mark.parametrize("kind", ["guide", "example", "benchmark"])
@pytest.mark.parametrize(("method", "names"), methods().items())
def test_method_has_its_pages(method, names, kind):
    path = pages_of(method)[kind]
    assert path.exists(), f"{path.relative_to(ROOT)} is missing"
    absent = [name for name in names if not mentions(name, [path])]
    # The guide names everything; an example or a benchmark need not try all of it.
    assert not absent or (kind != "guide" and len(absent) < len(names)), absent


@pytest.mark.parametrize("path", PUBLIC)
def test_public_name_is_in_the_api_page(path):
    assert mentions(path.rpartition(".")[2], [ROOT / "doc" / "api.rst"])


def test_version():
    version = skextras.__version__
    assert importlib.metadata.version("skextras") == version
    changelog = (ROOT / "doc" / "changelog.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.*?)\]", changelog, re.MULTILINE)
    assert sections[0] == ("Unreleased" if ".dev" in version else version)


def test_constraints_pin_every_direct_dependency():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    for line in [*project["project"]["dependencies"], *(i for e in extras for i in e)]:
        requirement = Requirement(line)
        if requirement.name != "skextras":
            assert requirement.specifier.contains(pins[requirement.name]), line
            assert {s.operator for s in requirement.specifier} == {">="}, line
