"""The form of the source code: import layers, private names, sizes."""

import ast
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "skextras"
MODULES = sorted(PACKAGE.rglob("*.py"))

HELPERS = {"_base", "_validation", "_resources", "_sklearn", "_torch"}
ENTRY_POINTS = {"__init__", "__main__", "_tour"}
# Companions whose module does not carry the name of their method.
COMPANIONS = {
    "region_selector": "three_cycle_map",
    "dino_patch_features": "subspace_ad",
}

CORE = {"numpy", "scipy", "sklearn", "joblib"}
HELPER_CORE = CORE | {"threadpoolctl", "psutil"}


@dataclass(frozen=True)
class Import:
    """One imported name and where its statement stands."""

    name: str
    line: int
    in_function: bool
    level: int = 0

    @property
    def top(self):
        return self.name.partition(".")[0]


def module_id(path):
    return str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")


def imports_of(path):
    """Every import of a module; `from a import b` counts as `a.b`."""
    found = []

    def visit(node, in_function):
        if isinstance(node, ast.Import):
            found.extend(
                Import(alias.name, node.lineno, in_function) for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom):
            found.extend(
                Import(f"{node.module}.{a.name}", node.lineno, in_function, node.level)
                for a in node.names
            )
        function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, in_function or isinstance(node, function))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def layer_of(path):
    parts = path.relative_to(PACKAGE).parts
    if len(parts) > 1:
        return parts[0]
    if path.stem in HELPERS or path.stem.startswith("_validation_"):
        return "helpers"
    if path.stem in ENTRY_POINTS:
        return "entry points"
    return "exceptions" if path.stem == "exceptions" else "estimators"


def estimator_modules():
    """Stems of the modules that hold estimators, without the leading underscore."""
    return sorted(p.stem[1:] for p in MODULES if layer_of(p) == "estimators")


def method_of(stem):
    """Name the method that a module belongs to: the shortest name that it contains."""
    if stem in COMPANIONS:
        return COMPANIONS[stem]
    return min((s for s in estimator_modules() if s in stem), key=len)


def target_of(name):
    """Layer and module of an imported skextras name."""
    parts = name.split(".")[1:]
    for depth in range(len(parts), 0, -1):
        stem = PACKAGE.joinpath(*parts[:depth])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.exists():
                return layer_of(path), parts[depth - 1]
    return "entry points", parts[0]


def allowed_third_party(path, imported):
    """Tell whether a module may import this package from outside skextras."""
    layer = layer_of(path)
    if layer == "numerics":
        kernels = path.stem.endswith("_kernels")
        return imported.top in {"numpy", "scipy"} | ({"numba"} if kernels else set())
    if imported.in_function:
        return True
    return imported.top in (HELPER_CORE if layer == "helpers" else CORE)


def allowed_own(path, imported):
    """Tell whether a module may import this part of skextras."""
    layer = layer_of(path)
    if imported.name == "skextras":
        # For its __version__, read when a function is called.
        return imported.in_function or layer in {"helpers", "entry points"}
    target, stem = target_of(imported.name)
    if target == "numerics":
        # Compiling takes seconds: kernels are imported when a function needs them.
        lazy = imported.in_function or path.stem.endswith("_kernels")
        return lazy or not stem.endswith("_kernels")
    if layer == "numerics":
        return False
    if target in {"helpers", "exceptions"}:
        return True
    if layer == "estimators" and target == "estimators":
        return method_of(stem[1:]) == method_of(path.stem[1:])
    return imported.in_function or layer in {target, "entry points"}


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_import_layers(path):
    wrong = []
    for imported in imports_of(path):
        if imported.level:
            wrong.append(f"line {imported.line}: relative import")
        elif imported.top in sys.stdlib_module_names:
            continue
        elif imported.top == "skextras":
            if not allowed_own(path, imported):
                wrong.append(f"line {imported.line}: {imported.name}")
        elif not allowed_third_party(path, imported):
            wrong.append(f"line {imported.line}: {imported.name}")
    assert not wrong, f"{layer_of(path)} must not import: {wrong}"


def is_private(name):
    return any(
        part.startswith("_") and not part.startswith("__") for part in name.split(".")
    )


def dotted(node):
    """Spell an attribute chain such as sklearn.utils.x; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = dotted(node.value)
        return value and f"{value}.{node.attr}"
    return None


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_private_sklearn_names_only_in_one_module(path):
    if path.stem == "_sklearn":
        pytest.skip("the module for private names")
    names = {i.name for i in imports_of(path)}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names |= {dotted(n) or "" for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    private = sorted(n for n in names if n.startswith("sklearn.") and is_private(n))
    assert not private, f"import these through skextras._sklearn: {private}"


def code_lines(path):
    """Numbers of the lines that hold code: no comment, docstring or empty line."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT}
    layout |= {tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
    lines = set()
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type not in layout:
                lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, docstring.end_lineno + 1))
    return lines


@pytest.mark.parametrize("path", [*MODULES, ROOT / "tasks.py"], ids=module_id)
def test_sizes(path):
    lines = code_lines(path)
    total = len(path.read_text(encoding="utf-8").splitlines())
    assert len(lines) <= 300, f"{len(lines)} lines of code"
    assert total <= 600, f"{total} lines in all"
    long = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = len(lines & set(range(node.lineno, node.end_lineno + 1)))
            if n_lines > 40:
                long[node.name] = n_lines
    assert not long, f"functions of more than 40 lines of code: {long}"


def test_tests_are_at_least_as_long_as_the_source():
    source = sum(len(code_lines(path)) for path in MODULES)
    tests = sum(len(code_lines(path)) for path in (ROOT / "tests").rglob("*.py"))
    assert tests >= source


def defines_something(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    definitions = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    return any(isinstance(node, definitions) for node in body)


def needs_a_test_module(path):
    named = path.stem not in ENTRY_POINTS and not path.stem.endswith("_kernels")
    return named and defines_something(path)


WITH_TESTS = [path for path in MODULES if needs_a_test_module(path)]


@pytest.mark.parametrize("path", WITH_TESTS, ids=module_id)
def test_module_has_a_test_module(path):
    folder = ROOT / "tests" / path.parent.relative_to(PACKAGE)
    wanted = folder / f"test_{path.stem.lstrip('_')}.py"
    assert wanted.exists(), f"{wanted.relative_to(ROOT)} is missing"
