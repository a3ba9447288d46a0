"""SubspaceAD on recorded features and tables: ranking, and false alarms."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from subspace_ad_cases import auroc

from skextras import SubspaceAD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:SubspaceAD. "),
]
CATEGORIES = ["bottle", "cable", "grid", "leather"]
CATEGORIES += ["screw", "toothbrush", "transistor", "wood"]
TABLES = {
    "cardio": "6_cardio",
    "ionosphere": "18_Ionosphere",
    "wdbc": "43_WDBC",
    "optdigits": "26_optdigits",
}


def load(shared_data, name):
    stored = np.load(shared_data(f"subspacead/adbench/{name}.npz"))
    X = stored["X"]
    return X.astype(np.float32 if X.dtype == np.float16 else X.dtype), stored["y"]


def split(X, y, seed, n_train=None):
    """Normal rows to fit, other normal rows, and the anomalies."""
    normal = np.flatnonzero(y == 0)
    np.random.default_rng(seed).shuffle(normal)
    half = len(normal) // 2
    fit = normal[: half if n_train is None else n_train]
    return X[fit], X[normal[half:]], X[y == 1]


def nearest(train, rows):
    return np.array([((train - row) ** 2).sum(axis=1).min() for row in rows])


def mean_auroc(shared_data, folder, n_train=None, peer=False):
    found, others = [], []
    for category in CATEGORIES:
        X, y = load(shared_data, f"{folder}/MVTec-AD_{category}")
        for seed in range(3):
            fit, normal, strange = split(X, y, seed, n_train)
            detector = SubspaceAD(calibration="train").fit(fit)
            scores = [-detector.score_samples(rows) for rows in (normal, strange)]
            found.append(100 * auroc(*scores))
            if peer:
                scores = [nearest(fit, rows) for rows in (normal, strange)]
                others.append(100 * auroc(*scores))
    return np.mean(found), np.mean(others) if peer else None


@pytest.mark.parametrize(
    ("folder", "n_train", "gate"),
    [
        ("mvtec_vit_f16", None, 93.0),
        ("mvtec_vit_f16", 10, 83.8),
        ("mvtec_resnet18", None, 85.2),
        ("mvtec_resnet18", 10, 78.7),
    ],
)
def test_deep_features(shared_data, folder, n_train, gate):
    peer = folder == "mvtec_vit_f16" and n_train is None
    found, nearest_neighbour = mean_auroc(shared_data, folder, n_train, peer)
    assert found >= gate
    if peer:
        assert found >= nearest_neighbour + 4


def test_bottles(shared_data):
    X, y = load(shared_data, "mvtec_vit_f16/MVTec-AD_bottle")
    fit, normal, strange = split(X, y, 0)
    detector = SubspaceAD().fit(fit)
    scores = [-detector.score_samples(rows) for rows in (normal, strange)]
    assert auroc(*scores) > 0.997


def test_tables(shared_data):
    found = []
    for name in TABLES.values():
        X, y = load(shared_data, f"classical/{name}")
        fit, *others = split(X, y, 0)
        scaler = StandardScaler().fit(fit)
        detector = SubspaceAD(0.95, statistic="combined", calibration="train")
        detector.fit(scaler.transform(fit))
        scores = [-detector.score_samples(scaler.transform(rows)) for rows in others]
        found.append(100 * auroc(*scores))
    assert np.mean(found) >= 92.5


@pytest.mark.parametrize("name", [*TABLES, "cable"])
def test_false_alarms(shared_data, name):
    path = f"classical/{TABLES.get(name)}"
    if name == "cable":
        path = "mvtec_vit_f16/MVTec-AD_cable"
    X, y = load(shared_data, path)
    rates = []
    for seed in range(10):
        fit, normal, _ = split(X, y, seed)
        if name != "cable":
            scaler = StandardScaler().fit(fit)
            fit, normal = scaler.transform(fit), scaler.transform(normal)
        rates.append(np.mean(SubspaceAD().fit(fit).predict(normal) == -1))
    assert np.mean(rates) <= 0.07
