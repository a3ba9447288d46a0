"""
====================================================
Find anomalies, with a threshold that can be trusted
====================================================

An anomaly detector sees normal examples only, and later has to say of a new one how
unusual it is. :class:`~skextras.SubspaceAD` keeps the directions in which normal data
vary, and scores what is left: the squared distance to their subspace. First we use it
on a table of measurements and look closely at its threshold; then, without any change,
on the parts of an image, where it shows *where* the defect is.
"""

# %%
# A table of measurements
# -----------------------
#
# Thirty measurements of the cell nuclei in 569 breast tumours come with scikit-learn.
# The benign ones play the normal examples: half of them are for training, the other
# half and all malignant ones are for the test. The measurements have different units,
# which a subspace takes seriously, so they are standardised first.

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
benign, malignant = X[y == 1], X[y == 0]
train, benign = train_test_split(benign, test_size=0.5, random_state=0)
print(f"{len(train)} benign for training")
print(f"{len(benign)} benign and {len(malignant)} malignant for the test")

# %%
# With few features, what an example does *inside* the subspace is informative, too. The
# statistic "combined" adds both, each in units of its variance.

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skextras import SubspaceAD

detector = make_pipeline(StandardScaler(), SubspaceAD(0.95, statistic="combined"))
detector.fit(train)

test = np.concatenate([benign, malignant])
is_anomaly = np.arange(len(test)) >= len(benign)
auroc = roc_auc_score(is_anomaly, -detector.score_samples(test))
print(f"components: {detector[-1].n_components_} of {X.shape[1]}")
print(f"area under the ROC curve: {auroc:.2f}")

# %%
# How many false alarms?
# ----------------------
#
# The ranking is half of the job. To raise an alarm one needs a threshold, and the usual
# one, a quantile of the scores of the training examples, promises too much: the
# subspace has been fitted to these very examples, so that new ones are farther from it.
# By default, each training example is scored by a model that has not seen it
# (`calibration="crossfit"`). Here is the share of *benign* test examples that raise an
# alarm, where 5 % are asked for, on average over twenty splits.

rates = {"crossfit": [], "train": []}
for seed in range(20):
    train, new = train_test_split(X[y == 1], test_size=0.5, random_state=seed)
    for calibration, found in rates.items():
        model = make_pipeline(
            StandardScaler(),
            SubspaceAD(0.95, statistic="combined", calibration=calibration),
        )
        found.append(np.mean(model.fit(train).predict(new) == -1))
for calibration, found in rates.items():
    print(f"{calibration:10} {np.mean(found):.3f} ± {np.std(found) / 20**0.5:.3f}")

# %%
# The fewer examples there are for each feature, the worse it gets. A hundred normal
# examples of 64 features, simulated: with the quantile of their own scores, most new
# normal examples raise an alarm.

rng = np.random.default_rng(0)
scale = np.arange(1, 65) ** -0.75
few, new = rng.normal(size=(100, 64)) * scale, rng.normal(size=(5000, 64)) * scale
for calibration in rates:
    model = SubspaceAD(0.95, calibration=calibration).fit(few)
    print(f"{calibration:10} {np.mean(model.predict(new) == -1):.3f}")

# %%
# A p-value for each example
# --------------------------
#
# `p_value` compares a score with those of the calibration: a small p-value means that
# hardly any normal example scored as high. Those of normal examples are spread evenly
# between 0 and 1; those of anomalies gather at the left.

import matplotlib.pyplot as plt

p_values = detector[-1].p_value(detector[:-1].transform(test))
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
bins = np.linspace(0, 1, 21)
for label, chosen in {"benign": ~is_anomaly, "malignant": is_anomaly}.items():
    weights = np.full(chosen.sum(), 1 / chosen.sum())
    ax.hist(p_values[chosen], bins, weights=weights, alpha=0.6, label=label)
ax.axhline(0.05, color="black", linewidth=0.8, linestyle="--")
ax.set(xlabel="p-value", ylabel="share of the examples")
ax.legend()

# %%
# The dashed line is where a bar of evenly spread values ends.

# %%
# Where is the defect?
# --------------------
#
# :func:`~skextras.datasets.load_pcb` loads four pairs of images of printed circuit
# boards: each a template without a defect and a tested board. An image is a grid of
# patches, and each patch a vector of features; the model is fitted to the patches of
# the template alone. The features of the paper are those of a large vision transformer
# (:class:`~skextras.DinoPatchFeatures`). Here a handful of filters must do, which need
# no weights: :class:`~skextras.datasets.BaselinePatchFeatures`.

import warnings

from skextras import ImageSubspaceAD
from skextras.datasets import BaselinePatchFeatures, load_pcb

pcb = load_pcb()
template, board, mask = pcb.templates[0], pcb.images[0], pcb.masks[0]

# One image is enough for a ranking of its parts, but it does not tell how much images
# differ from each other: `fit` warns that the threshold is not calibrated.
warnings.filterwarnings("ignore", "SubspaceAD: with n=1")
detector = ImageSubspaceAD(
    BaselinePatchFeatures(), SubspaceAD(0.999), n_rotations=0
).fit(template[None])

# %%
# Boards always lie the same way, so we ask for no rotated copies of the template. The
# map can be drawn over the board, beside the boxes that the makers of the data drew
# around the defects.

from skextras.displays import AnomalyMapDisplay

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
axes[0].imshow(template, cmap="gray")
axes[0].set_title("template")
axes[1].imshow(board, cmap="gray")
axes[1].contour(mask, [0.5], colors="tab:red", linewidths=1)
axes[1].set_title("board, with its defects")
display = AnomalyMapDisplay.from_estimator(detector, board[None], ax=axes[2])
axes[2].set_title("board, with the anomaly map")
for ax in axes:
    ax.set_axis_off()

# %%
# The blue line surrounds what exceeds the threshold of a patch. All ten defects are
# inside it, and so are some bends and ends of tracks: the model does not know *where* a
# patch is, and calls rare what is rare on the template.

# %%
# How many components?
# --------------------
#
# The share of the variance to keep is the one parameter that matters. All smaller
# numbers of components can be had from one fitted model and one projection: each column
# of `residual_path` is the map of a smaller one. A pixel is right when it scores higher
# inside a box than outside.

from skextras.displays import pixel_map

shares = [0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995]
extractor, scores = BaselinePatchFeatures(), []
for template, board, mask in zip(pcb.templates, pcb.images, pcb.masks, strict=True):
    patches = extractor.fit(template[None]).transform(template[None])
    model = SubspaceAD(0.999).fit(patches)
    path = model.residual_path(
        extractor.transform(board[None]), [*shares, model.n_components_]
    )
    maps = pixel_map(np.moveaxis(path[0], -1, 0), board.shape)
    scores.append([roc_auc_score(mask.ravel(), map_.ravel()) for map_ in maps])

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
left_out = 1 - np.array([*shares, 0.999])
for number, curve in enumerate(scores):
    ax.plot(left_out, curve, "o-", label=f"board {number}")
ax.set(
    xscale="log",
    xlabel="share of the variance that is left out",
    ylabel="area under the ROC curve, pixels",
)
ax.invert_xaxis()
ax.legend()

# %%
# With these features, what distinguishes a defect is in the last percent of the
# variance, and the default of 0.99 is too small. For a vision transformer's features it
# is about right. There is no value for all data: look at the path, on a few known
# anomalies if you have any.
