"""tasks.py: what it would run, without running any of it."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = """
[project.optional-dependencies]
eeg = ["mne"]
plot = ["matplotlib"]
progress = ["rich"]
torch = ["torch"]
all = ["skextras[eeg,plot,progress,torch]"]
test = ["pytest"]
doc = ["sphinx", "skextras[plot]"]
bench = ["moabb"]
"""


class Recorder:
    """Stands for run_command: notes the commands and leaves what they would leave."""

    def __init__(self, tasks, failing=None):
        self.tasks = tasks
        self.failing = failing
        self.steps = []
        self.commands = {}
        self.settings = {}

    def __call__(self, step, command, settings=None):
        self.steps.append(step)
        self.commands[step] = [str(word) for word in command]
        self.settings[step] = settings
        if step == self.failing:
            raise self.tasks.StepFailed(step, 3)
        if step == "environment":
            self.make_environment(command[-1])
        if step == "wheel":
            self.make_wheel()

    def make_environment(self, folder):
        python = self.tasks.python_of(folder)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        version = ".".join(str(number) for number in sys.version_info[:3])
        (folder / "pyvenv.cfg").write_text(f"home = x\nversion = {version}\n")
        (folder / self.tasks.STAMP).unlink(missing_ok=True)

    def make_wheel(self):
        wheel = self.tasks.ROOT / "build" / "wheel" / "skextras-1-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        wheel.touch()


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """The module tasks.py, moved to a project of its own."""
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    (tmp_path / "skextras").mkdir()
    (tmp_path / "skextras" / "__init__.py").write_text('__version__ = "1.0"\n')
    (tmp_path / "benchmarks").mkdir()
    for name in ("_peers.py", "cca.py", "acm.py"):
        (tmp_path / "benchmarks" / name).touch()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "CONSTRAINTS", tmp_path / "constraints.txt")
    return module


def run(tasks, *argv, failing=None):
    recorder = Recorder(tasks, failing)
    recorder.code = tasks.main(list(argv), recorder)
    return recorder


def stamp_of(tasks, folder=".venv"):
    return json.loads((tasks.ROOT / folder / tasks.STAMP).read_text())


def installed(recorder):
    return recorder.commands["install"][-1].partition("[")[2].rstrip("]").split(",")


def test_split_arguments(tasks):
    assert tasks.split_arguments(["test", "--slow"]) == (["test", "--slow"], [])
    split = tasks.split_arguments(["test", "--", "-k", "a", "--", "b"])
    assert split == (["test"], ["-k", "a", "--", "b"])


def test_expand_extras(tasks):
    assert tasks.expand_extras(["all"]) == ["eeg", "plot", "progress", "torch"]
    assert tasks.expand_extras(["doc", "eeg"]) == ["doc", "eeg"]


def test_expand_extras_of_this_project(tasks, monkeypatch):
    monkeypatch.setattr(tasks, "ROOT", ROOT)
    extras = ["dask", "eeg", "fmri", "plot", "progress", "torch"]
    assert tasks.expand_extras(["all"]) == extras


def test_demo(tasks):
    recorder = run(tasks, "demo", "--", "--quick")
    assert recorder.code == 0
    assert recorder.steps == ["environment", "install", "demonstration"]
    assert installed(recorder) == ["eeg", "plot", "progress"]
    assert recorder.commands["demonstration"][1:] == ["-m", "skextras", "--quick"]
    install = recorder.commands["install"]
    assert install[install.index("--constraint") + 1].endswith("constraints.txt")


def test_second_call_installs_nothing(tasks):
    run(tasks, "demo")
    assert run(tasks, "demo").steps == ["demonstration"]


def test_extras_add_up(tasks):
    run(tasks, "demo")
    recorder = run(tasks, "lint")
    assert recorder.steps == ["install", "lint", "format"]
    assert installed(recorder) == ["eeg", "plot", "progress", "test"]
    assert run(tasks, "demo").steps == ["demonstration"]
    assert run(tasks, "lint").steps == ["lint", "format"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", PROJECT + "# changed\n"),
        ("constraints.txt", "torch==2.14.0\n"),
        ("skextras/__init__.py", '__version__ = "1.1"\n'),
    ],
)
def test_changed_file_installs_again(tasks, name, text):
    run(tasks, "demo")
    (tasks.ROOT / name).write_text(text)
    assert run(tasks, "demo").steps == ["install", "demonstration"]
    assert run(tasks, "demo").steps == ["demonstration"]


def test_changed_code_installs_nothing(tasks):
    run(tasks, "demo")
    init = tasks.ROOT / "skextras" / "__init__.py"
    init.write_text(init.read_text() + "from skextras import more\n")
    assert run(tasks, "demo").steps == ["demonstration"]


@pytest.mark.parametrize("text", ["", "[]", '{"key": "other"}'])
def test_damaged_stamp_installs_again(tasks, text):
    run(tasks, "demo")
    (tasks.ROOT / ".venv" / tasks.STAMP).write_text(text)
    assert run(tasks, "demo").steps == ["install", "demonstration"]


def test_other_python_makes_the_environment_anew(tasks):
    run(tasks, "demo")
    (tasks.ROOT / ".venv" / "pyvenv.cfg").write_text("version = 3.10.1\n")
    assert run(tasks, "demo").steps == ["environment", "install", "demonstration"]


def test_failed_install_leaves_no_stamp(tasks, capsys):
    run(tasks, "demo")
    assert run(tasks, "lint", failing="install").code == 3
    assert 'step "install" failed with exit code 3' in capsys.readouterr().err
    assert not (tasks.ROOT / ".venv" / tasks.STAMP).exists()
    assert run(tasks, "lint").steps == ["install", "lint", "format"]


def test_test(tasks):
    recorder = run(tasks, "test")
    core = ["wheel", "environment", "wheel's install", "smoke test"]
    steps = ["environment", "install", "lint", "format", "tests", *core]
    assert recorder.steps == steps
    assert installed(recorder) == ["eeg", "plot", "progress", "test", "torch"]
    assert "--slow" not in recorder.commands["tests"]
    assert recorder.settings["tests"] == {
        "MPLBACKEND": "Agg",
        "SCIPY_ARRAY_API": "1",
        "OMP_NUM_THREADS": "1",
    }
    assert recorder.commands["wheel's install"][-1].endswith(".whl")
    assert "-I" in recorder.commands["smoke test"]
    assert "install" not in run(tasks, "test").steps


def test_test_passes_arguments_on(tasks):
    command = run(tasks, "test", "--slow", "--", "-k", "acm").commands["tests"]
    assert command[-3:] == ["--slow", "-k", "acm"]
    assert command[command.index("-n") + 1] == str(tasks.count_cores())


def test_test_without_an_extra_has_its_own_environment(tasks):
    recorder = run(tasks, "test", "--without", "torch")
    assert installed(recorder) == ["eeg", "plot", "progress", "test"]
    python = tasks.python_of(tasks.ROOT / ".venv-no-torch")
    assert recorder.commands["tests"][0] == str(python)
    assert stamp_of(tasks, ".venv-no-torch")["extras"] == installed(recorder)
    assert not (tasks.ROOT / ".venv").exists()


def test_core_environment_is_made_anew_when_the_constraints_change(tasks):
    run(tasks, "test")
    assert "environment" not in run(tasks, "test").steps
    (tasks.ROOT / "constraints.txt").write_text("torch==2.14.0\n")
    assert run(tasks, "test").steps.count("environment") == 1


def test_doc(tasks):
    recorder = run(tasks, "doc", "--", "-q")
    assert installed(recorder) == ["doc"]
    command = recorder.commands["documentation"]
    assert {"-W", "-q"} <= set(command)
    assert command[-1] == str(tasks.ROOT / "doc" / "_build" / "html")


def test_bench(tasks):
    recorder = run(tasks, "bench")
    assert recorder.steps[-2:] == ["benchmark acm", "benchmark cca"]
    assert run(tasks, "bench", "cca").steps == ["benchmark cca"]


def test_bench_of_an_unknown_method(tasks, capsys):
    recorder = run(tasks, "bench", "pca")
    assert recorder.code == 2
    assert recorder.steps == []
    assert "there are: acm, cca" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["lint", "format", "tests", "wheel", "smoke test"])
def test_failing_step_ends_the_task(tasks, step, capsys):
    recorder = run(tasks, "test", failing=step)
    assert recorder.code == 3
    assert recorder.steps[-1] == step
    assert f'tasks.py test: step "{step}" failed' in capsys.readouterr().err


def test_run_command(tasks, capfd):
    code = "import os; print(os.environ['SKEXTRAS_WORD'], os.getcwd())"
    command = [sys.executable, "-c", code]
    tasks.run_command("a step", command, settings={"SKEXTRAS_WORD": "well"})
    out = capfd.readouterr().out
    assert out.startswith("\n$ SKEXTRAS_WORD=well ")
    assert out.rstrip().endswith(f"well {tasks.ROOT}")


def test_run_command_reports_the_exit_code(tasks):
    command = [sys.executable, "-c", "raise SystemExit(5)"]
    with pytest.raises(tasks.StepFailed, match='"a step" failed with exit code 5'):
        tasks.run_command("a step", command)


def test_run_command_that_cannot_be_started(tasks):
    with pytest.raises(tasks.StepFailed) as caught:
        tasks.run_command("a step", [tasks.ROOT / "nothing-here"])
    assert caught.value.code == 127


def test_killed_by_a_signal(tasks):
    assert tasks.StepFailed("a step", -9).code == 137


def test_unknown_task(tasks, capsys):
    with pytest.raises(SystemExit) as caught:
        tasks.main(["deploy"], Recorder(tasks))
    assert caught.value.code == 2
    assert "deploy" in capsys.readouterr().err
