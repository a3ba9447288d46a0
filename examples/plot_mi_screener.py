"""
=============================================================
Keep the features that matter, whatever the shape of an effect
=============================================================

A table may have more columns than a model can bear: voxels, genes, questions of a form.
:class:`~skextras.MIScreener` scores each column by its mutual information with the
outcome, which is zero only if they are independent, and keeps the best. First it finds
its place in a pipeline; then we look at what it chose and how sure it is; and finally
it finds a region of the brain that a correlation does not see.
"""

# %%
# A step of a pipeline
# --------------------
#
# Thirty measurements of the cell nuclei in 569 breast tumours come with scikit-learn,
# with the diagnosis. We add a thousand columns of noise, as if much else had been
# measured. The screener is a step like any other: `GridSearchCV` fits it anew to the
# training rows of each fold.

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skextras import MIScreener

rng = np.random.default_rng(0)
data = load_breast_cancer()
y = data.target
X = np.column_stack([data.data, rng.standard_normal((len(y), 1000))])
names = np.array([*data.feature_names, *(f"noise {j}" for j in range(1000))])

pipeline = make_pipeline(
    StandardScaler(), MIScreener(pvalues=False), LogisticRegression()
)
methods, sizes = (
    ["binning", "fftkde", "knn", "pearson"],
    [3, 10, 20, 30, 100, 300, 1030],
)
grid = {"miscreener__k": sizes, "miscreener__method": methods}
search = GridSearchCV(pipeline, grid, cv=5).fit(X, y)
print(search.best_params_)
print(f"accuracy in cross-validation: {search.best_score_:.3f}")

# %%
# Few columns tell too little, and with many a model learns the noise. By which score
# they are chosen matters less here: the measurements rise or fall with the diagnosis,
# which a correlation sees as well as anything.

import matplotlib.pyplot as plt

accuracy = search.cv_results_["mean_test_score"].reshape(len(sizes), len(methods))
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for method, curve in zip(methods, accuracy.T, strict=True):
    ax.plot(sizes, curve, "o-", markersize=4, label=method)
ax.set(xscale="log", xlabel="columns kept", ylabel="accuracy")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend(title="method")

# %%
# What was chosen, and how sure is it?
# ------------------------------------
#
# Instead of a number of columns, an error level may be asked for: of those selected
# here, one in ten may be noise. :class:`~skextras.displays.ScreeningDisplay` draws the
# sorted scores, in nats, and the p-values. Those of noise are spread evenly between 0
# and 1.

from skextras.displays import ScreeningDisplay

screener = MIScreener(k="all", alpha=0.1).fit(X, y)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
ScreeningDisplay.from_estimator(screener, ax=axes[0])
ScreeningDisplay.from_estimator(screener, kind="pvalues", ax=axes[1])
chosen = screener.get_support(indices=True)
print(f"selected: {len(chosen)}, of which noise: {np.sum(chosen >= 30)}")

# %%
# Many of the measurements say the same thing: radius, perimeter and area. `clump` goes
# through the selected from the best on, and drops what shares much with a better one.

for name in names[screener.clump(X)]:
    print(name)

# %%
# Inside the pipeline, always
# ---------------------------
#
# The best of many features look good by chance. Whoever screens all rows first and
# splits them afterwards, validates on rows that have had their say already. Here is
# pure noise, eight tables of it, where nothing can be predicted:

from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

screener, label = MIScreener(k=20, pvalues=False), np.arange(100) % 2
inside, outside = [], []
for _ in range(8):
    noise = rng.standard_normal((100, 5000))
    inside.append(cross_val_score(make_pipeline(screener, SVC()), noise, label))
    outside.append(cross_val_score(SVC(), screener.fit_transform(noise, label), label))
print(f"screened inside the pipeline: accuracy {np.mean(inside):.2f}")
print(f"screened before splitting:    accuracy {np.mean(outside):.2f}")

# %%
# Into the brain and back
# -----------------------
#
# Now the columns are voxels. We simulate a map of the brain for each of 150 people: in
# one sphere activity rises with age, in another it is lowest in middle age. All else is
# smooth noise.

import nibabel
from nilearn.datasets import load_mni152_brain_mask
from nilearn.maskers import NiftiMasker
from scipy.ndimage import gaussian_filter

mask = load_mni152_brain_mask(resolution=6)
n_people = 150
age = rng.uniform(20, 80, n_people)
position = (age - 50) / 30


def sphere(centre, radius):
    """Voxels within some millimetres of a point."""
    voxels = np.indices(mask.shape).reshape(3, -1)
    points = mask.affine[:3, :3] @ voxels + mask.affine[:3, 3:]
    distances = np.linalg.norm(points - np.array(centre)[:, None], axis=0)
    return distances.reshape(mask.shape) <= radius


rising, bent = sphere((-36, 10, 30), 14), sphere((36, 10, 30), 14)
maps = rng.standard_normal((n_people, *mask.shape))
maps = gaussian_filter(maps, sigma=(0, 1, 1, 1))
maps /= maps.std()
maps += 0.85 * position[:, None, None, None] * rising
maps += 1.8 * (position[:, None, None, None] ** 2 - 1 / 3) * bent
images = [nibabel.Nifti1Image(one.astype(np.float32), mask.affine) for one in maps]

# %%
# `NiftiMasker` turns the images into a table with one column for each voxel of the
# brain, and turns what there is for each column into an image again: `scores_`, too.

masker = NiftiMasker(mask, standardize=None)
voxels = masker.fit_transform(images)
print(f"{voxels.shape[0]} people, {voxels.shape[1]} voxels")

screeners = {
    "mutual information": MIScreener("fftkde", k="all", alpha=0.05, random_state=0),
    "absolute correlation": MIScreener("pearson", k="all", alpha=0.05),
}
inside = {"rising": rising, "bent": bent, "elsewhere": ~(rising | bent)}
inside = {name: region[mask.get_fdata() > 0] for name, region in inside.items()}
for name, screener in screeners.items():
    screener.fit(voxels, age)
    found = [
        f"{screener.support_[region].sum()} of {region.sum()} {where}"
        for where, region in inside.items()
    ]
    print(f"{name:21} {', '.join(found)}")

# %%
# Both find the sphere on the left, where activity rises with age. Only the mutual
# information finds the one on the right.

from nilearn.plotting import plot_stat_map

figure, axes = plt.subplots(2, 1, figsize=(8, 5.4))
for ax, (name, screener) in zip(axes, screeners.items(), strict=True):
    plot_stat_map(
        masker.inverse_transform(screener.scores_.astype(np.float32)),
        cut_coords=(36, 10, 30),
        draw_cross=False,
        threshold=float(screener.scores_[screener.support_].min()),
        cmap="autumn",
        vmin=0,
        title=name,
        axes=ax,
    )

# %%
# What is drawn passes a false discovery rate of 5 %. The correlation is the sharper
# tool where effects are linear, and it costs next to nothing: it pays to look at both.
