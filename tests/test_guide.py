"""The measured figures of the guide; its examples run in test_public.py."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.signal import butter, sosfiltfilt
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skextras import AugmentedCovariance, MIScreener, ThreeCycleMap
from skextras._resources import single_blas_thread
from skextras.datasets import load_ssvep, make_screening

GUIDE = Path(__file__).resolve().parents[1] / "doc" / "guide"


def table_rows(page, header):
    """Cells of the rows of the table that has this text in its header."""
    text = (GUIDE / page).read_text(encoding="utf-8")
    table = next(
        t for t in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE) if header in t
    )
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def band_pass(X, low, high, sfreq):
    sos = butter(4, (low, high), btype="bandpass", fs=sfreq, output="sos")
    return sosfiltfilt(sos, X)


def ssvep(subject):
    bunch = load_ssvep(subject=subject)
    X = band_pass(bunch.data, 10, 25, bunch.sfreq)
    return X[:, :, 512:1024], bunch.target


def accuracy(X, y, order, classifier, scoring="accuracy"):
    folds = StratifiedKFold(5, shuffle=True, random_state=42)
    model = make_pipeline(AugmentedCovariance(order), *classifier)
    with single_blas_thread():
        return cross_val_score(model, X, y, cv=folds, scoring=scoring).mean()


def classifiers():
    classification = pytest.importorskip("pyriemann.classification")
    tangentspace = pytest.importorskip("pyriemann.tangentspace")
    return {
        "`MDM`": [classification.MDM()],
        "`TangentSpace`, linear `SVC`": [
            tangentspace.TangentSpace(),
            SVC(kernel="linear"),
        ],
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Convergence not reached")
@pytest.mark.parametrize("row", range(4))
def test_augmented_covariance_accuracies(row):
    rows = table_rows("augmented_covariance.md", "plain covariance")
    assert len(rows) == 4
    which, name, plain, default = rows[row]
    X, y = ssvep(int(which.split()[0]))
    assert f"({len(X)})" in which
    classifier = classifiers()[name]
    assert accuracy(X, y, 1, classifier) == pytest.approx(float(plain), abs=6e-4)
    # Nearly singular matrices: another LAPACK may decide one epoch otherwise.
    found = accuracy(X, y, "auto", classifier)
    assert found == pytest.approx(float(default), abs=1.5 / len(X))


def signals():
    sine_phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (8, 8, 1))
    noise = np.random.default_rng(1).standard_normal((8, 8, 512))
    sine = np.sin(2 * np.pi * 17 * np.arange(512) / 256 + sine_phases)
    return {
        "SSVEP, subject 3, 10 to 25 Hz": ssvep(3)[0][:8],
        "SSVEP, subject 12, 10 to 25 Hz": ssvep(12)[0][:8],
        "SSVEP, subject 3, unfiltered": load_ssvep(subject=3).data[:8, :, 512:1024],
        "white noise": noise,
        "sine of 17 Hz": sine,
        "the same with 1 % of noise": sine + 0.01 * noise,
    }


@pytest.mark.parametrize("name", signals())
def test_augmented_covariance_selection(name):
    rows = {row[0]: row[1:] for row in table_rows("augmented_covariance.md", "mdop")}
    assert set(rows) == set(signals())
    X = signals()[name]
    found = []
    for rule in ("autocorrelation", "mdop", "cao"):
        augmented = AugmentedCovariance(selection=rule).fit(X)
        found.append(f"{augmented.order_}, {augmented.lag_}")
    assert found == rows[name]


def test_augmented_covariance_condition_numbers():
    X = ssvep(3)[0]
    medians = []
    for order, lag in ((10, 1), (8, 2)):
        S = AugmentedCovariance(order, lag).fit_transform(X)
        values = np.linalg.eigvalsh(S)
        medians.append(np.median(values[:, -1] / np.abs(values[:, 0])))
    assert 2e15 < medians[0] < 1e16
    assert medians[1] == pytest.approx(1.3e9, rel=0.1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Convergence not reached")
def test_augmented_covariance_gains_nothing_on_motor_imagery(shared_data):
    stored = np.load(shared_data("acm/eegmmi_S001_runs03-14.npz"), allow_pickle=False)
    names, runs = stored["ch_names"].tolist(), stored["runs"].tolist()
    rows = [
        names.index(f"{row}{place}") for row in ("Fc", "C", "Cp") for place in "531z246"
    ]
    X, y = [], []
    for run in (4, 8, 12):
        microvolts = np.cumsum(stored["delta_int16"][runs.index(run)], -1, dtype=float)
        signal = band_pass(microvolts[rows], 8, 35, 160)
        for of_run, sample, code in stored["events"]:
            if of_run == run and code > 0:
                X.append(signal[:, sample : sample + 480])
                y.append(code)
    X = np.array(X)
    assert X.shape == (45, 21, 480)
    default = AugmentedCovariance().fit(X)
    assert (default.order_, default.lag_) == (3, 1)
    expected = {"`MDM`": (0.82, 0.75), "`TangentSpace`, linear `SVC`": (0.94, 0.94)}
    for name, classifier in classifiers().items():
        found = [accuracy(X, y, order, classifier, "roc_auc") for order in (1, "auto")]
        assert found == pytest.approx(expected[name], abs=0.021), name


def test_three_cycle_map_edges_by_chance():
    text = (GUIDE / "three_cycle_map.md").read_text(encoding="utf-8")
    shares = re.search(r"(\S+) % at 60 time points, (\S+) % at 120 and (\S+) %", text)
    for n_times, expected in zip((60, 120, 240), shares.groups(), strict=True):
        noise = np.random.default_rng(0).standard_normal((1, n_times, 500))
        degrees = ThreeCycleMap(0.2, features="degree").fit_transform(noise)
        share = 100 * degrees.sum() / (500 * 499)
        assert share == pytest.approx(float(expected), abs=0.05)


@pytest.fixture(scope="module")
def psychosis(shared_data):
    """Scans of good quality, without parcels that have no signal, and who was in it."""
    path = shared_data("threecycle/stages_fep_schaefer300_subcortex32.npz")
    with np.load(path, allow_pickle=False) as archive:
        stored = dict(archive)
    kept = np.setdiff1d(np.arange(332), stored["low_signal_rois"])
    scans = np.split(stored["X"][:, kept], stored["n_timepoints"].cumsum()[:-1])
    good = np.flatnonzero(~stored["qc_exclude"])
    people = {name: stored[name][good] for name in ("subject", "session", "patient")}
    return [scans[i] for i in good], people


def test_three_cycle_map_parcels_at_high_thresholds(psychosis):
    scans, people = psychosis
    assert (len(scans), scans[0].shape[1]) == (197, 316)
    assert len(np.unique(people["subject"])) == 85
    degrees = ThreeCycleMap(0.8, features="degree").fit_transform(scans)
    n_edges = degrees.sum(axis=1) / 2
    assert np.median(n_edges) == 40
    assert n_edges.max() < 0.006 * 316 * 315 / 2


@pytest.mark.slow
@pytest.mark.parametrize("row", range(2))
def test_three_cycle_map_beside_plain_correlations(psychosis, row):
    scans, people = psychosis
    cells = table_rows("three_cycle_map.md", "person identified")[row]
    if row == 0:
        options = {"threshold_type": "density", "scaling": "log1p"}
        X = ThreeCycleMap(0.1, **options).fit_transform(scans)
    else:
        upper = np.triu_indices(316, 1)
        X = np.array([np.corrcoef(x.T)[upper] for x in scans])
    model = make_pipeline(PCA(20, random_state=0), LinearDiscriminantAnalysis())
    y, groups = people["patient"], people["subject"]
    for cv, expected in zip(
        (StratifiedGroupKFold(5), GroupKFold(5)), cells[1:3], strict=True
    ):
        options = {"groups": groups, "cv": cv, "scoring": "roc_auc"}
        found = cross_val_score(model, X, y, **options).mean()
        assert found == pytest.approx(float(expected), abs=0.005)
    sessions = [people["session"] == 1, people["session"] == 2]
    by_person = [dict(zip(groups[s], X[s], strict=True)) for s in sessions]
    both = sorted(by_person[0].keys() & by_person[1].keys())
    first, second = (np.array([maps[person] for person in both]) for maps in by_person)
    similarity = np.corrcoef(first, second)[: len(both), len(both) :]
    percents = re.findall(r"\d+", cells[3])
    for axis in range(2):
        hits = 100 * (similarity.argmax(axis=axis) == np.arange(58)).mean()
        assert int(percents[0]) - 1 < hits < int(percents[-1]) + 1


SCREENERS = [
    {"method": "pearson"},
    {"method": "binning"},
    {"method": "fftkde"},
    {"method": "knn"},
    {"method": "knn", "n_neighbors": 3},
]


def ranking(base, target, effect, n_seeds):
    """Mean area under the ROC curve of each screener's scores."""
    found = []
    for seed in range(n_seeds):
        X, y, mask = make_screening(
            base=base, target=target, effect=effect, random_state=seed
        )
        for params in SCREENERS:
            scores = MIScreener(**params, pvalues=False).fit(X, y).scores_
            found.append(roc_auc_score(mask, scores))
    return np.reshape(found, (n_seeds, -1)).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("row", range(6))
def test_mi_screener_rankings(row, shared_data):
    rows = table_rows("mi_screener.md", "outcome, effect")
    assert len(rows) == 6
    what, *expected = rows[row]
    if what.startswith("Isolet"):
        stored = loadmat(shared_data("miscreener/Isolet.mat"))
        base, n_seeds = stored["X"].astype(float), 6
    else:
        base, n_seeds = make_screening(random_state=0)[0], 8
    target = "continuous" if "continuous" in what else "binary"
    effect = "square" if "square" in what else "linear"
    found = ranking(base, target, effect, n_seeds)
    assert found == pytest.approx([float(value) for value in expected], abs=2e-3)


@pytest.mark.parametrize("n_samples", [100, 1000])
def test_mi_screener_densities_are_not_centred(n_samples):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n_samples, 500)), rng.standard_normal(n_samples)
    expected = {100: 0.034, 1000: 0.012}[n_samples]
    text = (GUIDE / "mi_screener.md").read_text(encoding="utf-8")
    assert f"{expected} with {n_samples}" in text
    found = MIScreener("fftkde").fit(X, y).scores_.mean()
    assert found == pytest.approx(expected, abs=1e-3)
