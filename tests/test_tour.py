"""`python -m skextras`: versions, and the tour on a reduced plan."""

import importlib.metadata
import importlib.util
import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, ParameterGrid, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_info

import skextras
from skextras import AugmentedCovariance, __main__, _tour

PACKAGES = __main__.NEEDED
needs_extras = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason=f"needs {', '.join(PACKAGES)}",
)
SMALL = _tour.Plan(
    subjects=(12,),
    orders=(1, 2),
    lags=(4, 8),
    costs=(1.0,),
    kernels=("linear",),
    n_splits=2,
    n_jobs=1,
)


@pytest.fixture(scope="module")
def trials():
    """Trials of subject 12 and their classes."""
    pytest.importorskip("mne")
    return _tour.load_trials(12)


def test_plan_has_the_default_order_and_lag_in_its_grid(trials):
    default = AugmentedCovariance().fit(trials[0])
    assert default.order_ in _tour.Plan().orders
    assert default.lag_ in _tour.Plan().lags


def test_trials(trials):
    X, y, target_names, sfreq = trials
    assert X.shape == (96, 8, 512)
    assert sfreq == 256
    assert np.bincount(y).tolist() == [24] * 4
    assert target_names[0] == "rest"
    # Almost no power outside the band.
    power = (np.abs(np.fft.rfft(X * np.hanning(512))) ** 2).mean(axis=(0, 1))
    frequencies = np.fft.rfftfreq(512, 1 / sfreq)
    outside = (frequencies < 8) | (frequencies > 30)
    assert power[outside].sum() < 0.01 * power.sum()


def test_trials_do_not_change_the_bundled_recordings(trials):
    again = _tour.load_trials(12)[0]
    np.testing.assert_array_equal(again, trials[0])


def test_grids():
    plan = _tour.Plan()
    assert _tour._make_grid(_tour.DEFAULT, plan) == [{}]
    for method in (_tour.PLAIN, _tour.DEFAULT, _tour.SEARCHED):
        grid = _tour._make_grid(method, plan)
        assert _tour._count_settings(grid) == len(ParameterGrid(grid))
    plain = list(ParameterGrid(_tour._make_grid(_tour.PLAIN, plan)))
    searched = list(ParameterGrid(_tour._make_grid(_tour.SEARCHED, plan)))
    assert {p["augmentedcovariance__order"] for p in plain} == {1}
    # The plain method is a part of the search, and is in it once.
    ones = [p for p in searched if p["augmentedcovariance__order"] == 1]
    assert ones == plain


@needs_extras
def test_nested_scores_are_those_of_scikit_learn(trials):
    from pyriemann.tangentspace import TangentSpace

    X, y, *_ = trials
    plan = _tour.Plan(kernels=("linear",), n_splits=3, n_jobs=1)
    with _tour._one_thread_each():
        score = _tour.score_nested(_tour.PLAIN, 12, X, y, plan, lambda text, work: None)
        search = GridSearchCV(
            make_pipeline(AugmentedCovariance(), TangentSpace(), SVC()),
            _tour._make_grid(_tour.PLAIN, plan),
            cv=_tour._make_folds(plan),
        )
        expected = cross_val_score(search, X, y, cv=_tour._make_folds(plan))
    assert score.accuracies == expected.tolist()
    assert score.chance == 0.25
    assert [order for order, _ in score.chosen] == [1, 1, 1]


class Recorder:
    """Stands for a fitted method: remembers what it was fitted and scored on."""

    calls = []

    def __init__(self, X):
        self.train = X

    def score(self, X, y):
        self.calls.append((self.train, X))
        return 0.5

    def __getitem__(self, step):
        augmented = AugmentedCovariance()
        augmented.order_, augmented.lag_ = 3, 2
        return augmented


def test_no_method_sees_the_trials_that_it_is_scored_on(monkeypatch):
    monkeypatch.setattr(_tour, "fit_method", lambda method, X, y, plan: Recorder(X))
    monkeypatch.setattr(Recorder, "calls", [])
    X, y = np.arange(40), np.arange(40) % 4
    reports = []
    score = _tour.score_nested(
        _tour.SEARCHED, 7, X, y, _tour.Plan(), lambda *report: reports.append(report)
    )
    assert len(Recorder.calls) == 5
    for train, test in Recorder.calls:
        assert not set(train) & set(test)
        assert len(train) + len(test) == 40
    assert score.chosen == [(3, 2)] * 5
    assert {text for text, _ in reports} == {"subject 7: augmented, searched"}


def test_reported_work_adds_up(monkeypatch):
    monkeypatch.setattr(_tour, "fit_method", lambda method, X, y, plan: Recorder(X))
    monkeypatch.setattr(Recorder, "calls", [])
    plan = _tour.Plan(subjects=(1, 2))
    data = {s: (np.arange(20 * s), np.arange(20 * s) % 4, [], 1.0) for s in (1, 2)}
    work = []
    for subject in plan.subjects:
        arguments = subject, *data[subject][:2], plan, lambda _, done: work.append(done)
        for method in (_tour.PLAIN, _tour.DEFAULT, _tour.SEARCHED):
            _tour.score_nested(method, *arguments)
        _tour._search_all_trials(*arguments)
    assert sum(work) == _tour._sum_work(plan, data)


@needs_extras
def test_run(tmp_path, capsys):
    folder = tmp_path / "new" / "plots"
    scores = _tour.run_tour(folder, SMALL)
    methods = [_tour.PLAIN, _tour.DEFAULT, _tour.SEARCHED]
    assert [score.method for score in scores] == methods
    assert all(len(score.accuracies) == 2 for score in scores)
    # Accuracies of the defaults are .87 and of plain covariances .6 on five folds.
    means = [np.mean(score.accuracies) for score in scores]
    assert means[1] > means[0] + 0.1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert _tour.format_table(scores) in printed.out
    plots = sorted(folder.iterdir())
    assert [path.name for path in plots] == [
        "accuracy_by_order_and_lag.png",
        "augmented_covariance.png",
    ]
    for path in plots:
        assert str(path) in printed.out
        assert path.read_bytes()[:4] == b"\x89PNG"


@needs_extras
def test_plots_do_not_use_pyplot(tmp_path, trials):
    plt = pytest.importorskip("matplotlib.pyplot")
    before = plt.get_fignums()
    path = _tour._plot_trial({12: trials}, SMALL, tmp_path / "trial.png")
    assert path.exists()
    assert plt.get_fignums() == before


def test_unusable_folder_fails_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(_tour, "load_trials", lambda subject: pytest.fail("worked"))
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        _tour.run_tour(tmp_path / "file")


def test_table():
    scores = [
        _tour.Score(3, _tour.PLAIN, [0.5, 0.7], [(1, 4), (1, 2)], 0.25),
        _tour.Score(12, _tour.SEARCHED, [0.9, 0.9], [(8, 2), (4, 16)], 0.3),
    ]
    lines = _tour.format_table(scores).splitlines()
    assert lines[-2].split("  ")[-1] == "(1, -) ×2"
    assert lines[-1].split("  ")[-1] == "(8, 2), (4, 16)"
    # Columns stand below their names.
    header = lines[-4]
    for name, texts in {
        "covariance": (_tour.PLAIN, _tour.SEARCHED),
        "accuracy": ("0.60 ± 0.10", "0.90 ± 0.00"),
        "chance": ("0.25", "0.30"),
        "(order, lag)": ("(1, -)", "(8, 2)"),
    }.items():
        column = header.index(name)
        for line, text in zip(lines[-2:], texts, strict=True):
            assert line[column:].startswith(text)


def test_resolution():
    data = {1: (None, np.zeros(50)), 2: (None, np.zeros(100))}
    assert _tour._describe_resolution(data, _tour.Plan()).endswith("0.05 to 0.10.")
    same = {1: (None, np.zeros(50)), 2: (None, np.zeros(50))}
    assert _tour._describe_resolution(same, _tour.Plan()).endswith("by 0.10.")


@needs_extras
def test_progress_without_a_terminal_is_lines(capsys):
    with _tour._progress(10) as report:
        report("first", 0)
        report("first", 6)
        report("second", 0)
    assert capsys.readouterr().out == "first ...\nsecond ...\n\n"


@needs_extras
def test_progress_in_a_terminal_is_one_bar(monkeypatch):
    import rich.console

    screen = io.StringIO()

    class Terminal(rich.console.Console):
        def __init__(self):
            super().__init__(
                file=screen, force_terminal=True, force_interactive=True, width=80
            )

    monkeypatch.setattr(rich.console, "Console", Terminal)
    with _tour._progress(8) as report:
        report("first", 0)
        report("first", 8)
    shown = screen.getvalue()
    assert "first" in shown
    assert "100%" in shown
    # One line, drawn again and again, and cleared at the end.
    assert shown.count("\n") <= 1
    assert shown.rstrip().endswith("\x1b[2K")


def test_quiet_means_is_quiet_about_nothing_else():
    with _tour._quiet_means():
        warnings.warn("Convergence not reached", UserWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="something else"):
            warnings.warn("something else", UserWarning, stacklevel=1)
    with pytest.raises(UserWarning, match="Convergence"):
        warnings.warn("Convergence not reached", UserWarning, stacklevel=1)


def test_one_thread_each():
    np.eye(2) @ np.eye(2)
    before = [pool["num_threads"] for pool in threadpool_info()]
    with _tour._one_thread_each():
        blas = [p for p in threadpool_info() if p["user_api"] == "blas"]
        assert {pool["num_threads"] for pool in blas} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_versions(monkeypatch):
    version = importlib.metadata.version
    absent = {"torch", "mne"}

    def without(name):
        if name in absent:
            raise importlib.metadata.PackageNotFoundError(name)
        return "9.9" if name in PACKAGES or name == "nilearn" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    lines = __main__.describe_versions().splitlines()
    assert lines[0].startswith(f"skextras {skextras.__version__} on Python 3.")
    assert f"numpy {np.__version__}" in lines[1]
    assert lines[-1] == "not installed: mne, torch"
    assert all(len(line) <= 80 for line in lines)
    absent.clear()
    monkeypatch.setattr(__main__, "REPORTED", ("numpy", "rich"))
    assert "not installed" not in __main__.describe_versions()


@pytest.mark.parametrize(
    ("arguments", "folder", "quick"),
    [([], "skextras_tour", False), (["--output", "x", "--quick"], "x", True)],
)
def test_main(arguments, folder, quick, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(__main__, "NEEDED", ())
    monkeypatch.setattr(_tour, "run_tour", lambda *call: calls.append(call))
    assert __main__.main(arguments) == 0
    [(output, plan)] = calls
    assert output == folder
    assert (plan == _tour.QUICK) == quick
    assert plan == _tour.QUICK or plan.subjects == (3, 12)
    assert skextras.__version__ in capsys.readouterr().out


def test_main_without_an_extra(monkeypatch, capsys):
    monkeypatch.setattr(__main__, "NEEDED", ("numpy", "no_such_a", "no_such_b"))
    monkeypatch.setattr(_tour, "run_tour", lambda *call: pytest.fail("has run"))
    assert __main__.main([]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "The tour needs no_such_a, no_such_b: "
        'pip install "skextras[eeg,plot,progress]"\n'
    )
    assert skextras.__version__ in printed.out


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        __main__.main(["--help"])
    assert caught.value.code == 0
    assert "python -m skextras" in capsys.readouterr().out


@needs_extras
@pytest.mark.slow
def test_full_run(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "skextras", "--output", tmp_path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        # The text has characters that are not ASCII, in whatever locale.
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    rows = [line for line in done.stdout.splitlines() if " ± " in line and "0." in line]
    accuracy = [float(row.split(" ± ")[0].split()[-1]) for row in rows]
    for plain, default, searched in (accuracy[:3], accuracy[3:]):
        assert min(default, searched) > plain + 0.1
        assert plain > 0.4
    assert len(list(tmp_path.glob("*.png"))) == 2
