"""The tour: nested search over order and lag on the bundled recordings, in plots."""

import tempfile
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from joblib import cpu_count, parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skextras._augmented_covariance import AugmentedCovariance
from skextras._resources import single_blas_thread
from skextras.datasets import load_ssvep
from skextras.displays import AugmentedCovarianceDisplay, OrderLagDisplay

# What is compared: covariances without and with delays; and whether the parameters
# are searched or those of the constructors.
PLAIN = "plain, searched"
DEFAULT = "augmented, defaults"
SEARCHED = "augmented, searched"


@dataclass(frozen=True)
class Plan:
    """What the tour computes.

    Parameters
    ----------
    subjects : tuple of int, default=(3, 12)
        Subjects of :func:`~skextras.datasets.load_ssvep`.

    orders, lags : tuple of int, default=(1, 2, 4, 8) and (2, 4, 8)
        The values that are searched. A lag of one sample is left out: on band-passed
        signals it makes matrices of large order nearly singular.

    costs : tuple of float, default=(1.0, 10.0)
        Values of the parameter C of :class:`~sklearn.svm.SVC`.

    kernels : tuple of str, default=("linear", "rbf")
        Its kernels.

    n_splits : int, default=5
        Folds of the outer and of the inner cross-validation.

    n_jobs : int, default=min(4, cpu_count())
        Processes of a search.

    Examples
    --------
    >>> from skextras._tour import Plan
    >>> Plan(orders=(1, 2)).subjects
    (3, 12)
    """

    subjects: tuple = (3, 12)
    orders: tuple = (1, 2, 4, 8)
    lags: tuple = (2, 4, 8)
    costs: tuple = (1.0, 10.0)
    kernels: tuple = ("linear", "rbf")
    n_splits: int = 5
    # Starting more processes takes longer than they save here.
    n_jobs: int = field(default_factory=lambda: min(4, cpu_count()))


QUICK = Plan(subjects=(12,), orders=(1, 4), costs=(1.0,), n_splits=3, n_jobs=1)


@dataclass(frozen=True)
class Score:
    """Nested scores of one method on one subject.

    Parameters
    ----------
    subject : int
        The subject.

    method : str
        The method.

    accuracies : list of float
        Accuracy on each outer fold.

    chosen : list of tuple of int
        Order and lag that were used for each outer fold.

    chance : float
        Share of the most frequent class.
    """

    subject: int
    method: str
    accuracies: list
    chosen: list
    chance: float


def run_tour(output, plan=None):
    """Run the searches, print the table of their scores and write the plots.

    Parameters
    ----------
    output : str or Path
        Folder for the plots; made if it is not there.

    plan : Plan, default=None
        What to compute; everything by default.

    Returns
    -------
    scores : list of Score
        The nested scores.
    """
    plan = Plan() if plan is None else plan
    output = Path(output)
    # Not after minutes of work should a folder turn out to be read-only.
    output.mkdir(parents=True, exist_ok=True)
    data = {subject: load_trials(subject) for subject in plan.subjects}
    _print_introduction(plan, data)
    with _quiet_means(), _one_thread_each(), _progress(_sum_work(plan, data)) as report:
        scores = [
            score_nested(method, subject, *data[subject][:2], plan, report)
            for subject in plan.subjects
            for method in (PLAIN, DEFAULT, SEARCHED)
        ]
        searches = {
            subject: _search_all_trials(subject, *data[subject][:2], plan, report)
            for subject in plan.subjects
        }
    print(format_table(scores))
    print(f"\n{_describe_resolution(data, plan)}\n\nPlots:")
    for path in (
        _plot_searches(searches, output / "accuracy_by_order_and_lag.png"),
        _plot_trial(data, plan, output / "augmented_covariance.png"),
    ):
        print(f"  {path}")
    return scores


def load_trials(subject):
    """Load the recordings of a subject as MNE epochs, band-passed and cropped.

    Parameters
    ----------
    subject : int
        The subject.

    Returns
    -------
    X : ndarray of shape (n_epochs, n_channels, n_times)
        The trials, 10 to 25 Hz, from 2 to 4 s after the cue.

    y : ndarray of shape (n_epochs,)
        Their classes.

    target_names : list of str
        The names of the classes.

    sfreq : float
        Sampling frequency, in hertz.
    """
    ssvep = load_ssvep(subject, as_epochs=True)
    epochs = ssvep.data.filter(
        10.0,
        25.0,
        method="iir",
        iir_params={"order": 4, "ftype": "butter"},
        phase="zero",
        verbose="error",
    )
    epochs.crop(2.0, 4.0, include_tmax=False, verbose="error")
    return epochs.get_data(copy=False), ssvep.target, ssvep.target_names, ssvep.sfreq


def _print_introduction(plan, data):
    """Say what is going to be computed."""
    trials = " and ".join(
        f"subject {subject} ({len(data[subject][1])} trials)"
        for subject in plan.subjects
    )
    grid = _make_grid(SEARCHED, plan)
    print(
        "Which flickering light does a person look at: none, or one of 13, 17 or 21 "
        "Hz?\n"
        f"EEG of {trials}, 8 channels, 10 to 25 Hz, 2 s.\n"
        "Pipeline: AugmentedCovariance, TangentSpace, SVC; grid search over order, lag,"
        f"\nC and kernel ({_count_settings(grid)} settings), nested in "
        f"{plan.n_splits} outer folds.\n",
        flush=True,
    )


@contextmanager
def _quiet_means():
    """Silence pyRiemann's warning that a mean of nearly singular matrices is inexact.

    The tour's scores are those of such means.
    """
    with warnings.catch_warnings():
        # scikit-learn hands the filters on to the processes of a search.
        warnings.filterwarnings("ignore", "Convergence not reached", UserWarning)
        # joblib complains of a slow disk.
        warnings.filterwarnings("ignore", "Persisting input arguments", UserWarning)
        yield


@contextmanager
def _one_thread_each():
    """Let each process of a search use one core: the matrices are small."""
    parallel = parallel_config(backend="loky", inner_max_num_threads=1)
    with single_blas_thread(), parallel:
        yield


@contextmanager
def _progress(total):
    """Show a progress bar in a terminal, and lines of text elsewhere.

    scikit-learn's own ProgressBar shows two bars for each search, without a name: of
    the dozens of searches here, that would be a screen full of equal lines.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    if not console.is_interactive:
        yield lambda text, work: None if work else print(f"{text} ...", flush=True)
        print()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text, work: bar.update(task, description=text, advance=work)


def _sum_work(plan, data):
    """Add up the work of all searches, in settings times trials."""
    settings = {
        method: _count_settings(_make_grid(method, plan))
        for method in (PLAIN, DEFAULT, SEARCHED)
    }
    once = plan.n_splits * sum(settings.values()) + settings[SEARCHED]
    return once * sum(len(y) for _, y, *_ in data.values())


def _make_grid(method, plan):
    """List the parameter grids of a method."""
    classifier = {"svc__C": plan.costs, "svc__kernel": plan.kernels}
    # One copy has no lag: it stands apart, lest it be fitted for every lag.
    plain = {"augmentedcovariance__order": [1], **classifier}
    if method == DEFAULT:
        return [{}]
    if method == PLAIN:
        return [plain]
    orders = [order for order in plan.orders if order > 1]
    augmented = {
        "augmentedcovariance__order": orders,
        "augmentedcovariance__lag": plan.lags,
        **classifier,
    }
    return [plain, augmented]


def _count_settings(grid):
    """Count the settings of parameter grids."""
    return sum(int(np.prod([len(values) for values in g.values()])) for g in grid)


def fit_method(method, X, y, plan):
    """Fit a method, which includes the search of its parameters.

    Parameters
    ----------
    method : str
        The method.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The trials.

    y : ndarray of shape (n_epochs,)
        Their classes.

    plan : Plan
        What the tour computes.

    Returns
    -------
    estimator : Pipeline or GridSearchCV
        The fitted pipeline, or the fitted search where there is one.
    """
    from pyriemann.tangentspace import TangentSpace

    with tempfile.TemporaryDirectory(prefix="skextras-") as folder:
        # The tangent vectors of an order and lag serve for each C and kernel.
        pipeline = make_pipeline(
            AugmentedCovariance(), TangentSpace(), SVC(), memory=folder
        )
        if method == DEFAULT:
            return pipeline.fit(X, y)
        search = GridSearchCV(
            pipeline,
            _make_grid(method, plan),
            cv=_make_folds(plan),
            n_jobs=plan.n_jobs,
            error_score="raise",
        )
        return search.fit(X, y)


def _make_folds(plan):
    """Make the splitter of both cross-validations."""
    return StratifiedKFold(plan.n_splits, shuffle=True, random_state=42)


def score_nested(method, subject, X, y, plan, report):
    """Score a method on trials that neither its fit nor its search has seen.

    Parameters
    ----------
    method : str
        The method.

    subject : int
        The subject.

    X : ndarray of shape (n_epochs, n_channels, n_times)
        The trials.

    y : ndarray of shape (n_epochs,)
        Their classes.

    plan : Plan
        What the tour computes.

    report : callable
        Takes what is going on and the work that was done.

    Returns
    -------
    score : Score
        The accuracies and the chosen orders and lags.
    """
    work = _count_settings(_make_grid(method, plan)) * len(y)
    text = f"subject {subject}: {method}"
    report(text, 0)
    accuracies, chosen = [], []
    for train, test in _make_folds(plan).split(X, y):
        fitted = fit_method(method, X[train], y[train], plan)
        accuracies.append(float(fitted.score(X[test], y[test])))
        augmented = getattr(fitted, "best_estimator_", fitted)[0]
        chosen.append((augmented.order_, augmented.lag_))
        report(text, work)
    chance = np.bincount(y).max() / len(y)
    return Score(subject, method, accuracies, chosen, float(chance))


def _search_all_trials(subject, X, y, plan, report):
    """Search order and lag on all trials, for the plot."""
    text = f"subject {subject}: search on all trials"
    report(text, 0)
    search = fit_method(SEARCHED, X, y, plan)
    report(text, _count_settings(_make_grid(SEARCHED, plan)) * len(y))
    return search


def format_table(scores):
    """Write the scores as a table.

    Parameters
    ----------
    scores : list of Score
        The scores.

    Returns
    -------
    table : str
        Its lines.

    Examples
    --------
    >>> from skextras._tour import Score, format_table
    >>> score = Score(12, "some method", [0.5, 0.7], [(4, 2), (4, 2)], 0.25)
    >>> print(format_table([score]).splitlines()[-1])
    12       some method           0.60 ± 0.10  0.25    (4, 2) ×2
    """
    lines = [
        "Accuracy on trials that the search has not seen (mean ± sd over outer folds)",
        "",
        f"subject  {'covariance':<20}  accuracy     chance  (order, lag) of the folds",
        f"-------  {'-' * 20}  -----------  ------  -------------------------",
    ]
    for score in scores:
        mean, deviation = np.mean(score.accuracies), np.std(score.accuracies)
        lines.append(
            f"{score.subject:<7}  {score.method:<20}  {mean:.2f} ± {deviation:.2f}  "
            f"{score.chance:<6.2f}  {_format_chosen(score.chosen)}"
        )
    return "\n".join(lines)


def _format_chosen(chosen):
    """Write how often which order and lag was chosen."""
    # Between the copies, where there is only one, is no lag.
    pairs = Counter((order, lag if order > 1 else "-") for order, lag in chosen)
    return ", ".join(
        f"({order}, {lag})" + (f" ×{count}" if count > 1 else "")
        for (order, lag), count in pairs.most_common()
    )


def _describe_resolution(data, plan):
    """Say how much of a difference in the table one trial makes."""
    steps = sorted(plan.n_splits / len(y) for _, y, *_ in data.values())
    span = " to ".join(dict.fromkeys(f"{step:.2f}" for step in steps))
    return f"A single trial changes the accuracy of its fold by {span}."


def _plot_searches(searches, path):
    """Draw accuracy over order and lag, one panel a subject."""
    # Not pyplot: it would open windows, or fail where there is no screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(searches), 4.2), layout="constrained")
    panels = figure.subplots(1, len(searches), squeeze=False)[0]
    for ax, (subject, search) in zip(panels, searches.items(), strict=True):
        # Panels of one colour scale can be compared; below chance there is nothing.
        OrderLagDisplay.from_estimator(
            search, ax=ax, label="mean accuracy", vmin=0.25, vmax=1.0
        )
        ax.set_title(f"Subject {subject}", loc="left")
    figure.suptitle(
        "Accuracy of the search itself, with the best C and kernel: optimistic"
    )
    figure.savefig(path, dpi=150)
    return path


def _plot_trial(data, plan, path):
    """Draw the augmented covariance of one trial of the last subject."""
    from matplotlib.figure import Figure

    subject = plan.subjects[-1]
    X, y, target_names, sfreq = data[subject]
    target = target_names.index("13 Hz")
    trial = X[np.flatnonzero(y == target)[:1]]
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    display = AugmentedCovarianceDisplay.from_estimator(
        AugmentedCovariance().fit(X),
        trial,
        normalize=True,
        sfreq=sfreq,
        ax=figure.subplots(),
    )
    display.ax_.set_title(
        f"One trial of subject {subject}, {target_names[target]}: "
        f"{X.shape[1]} channels in each block"
    )
    figure.savefig(path, dpi=150)
    return path
