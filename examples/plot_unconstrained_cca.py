"""
=====================================================
What two descriptions of the same things have in common
=====================================================

Two groups of measurements of the same rows: what do they have in common? Canonical
correlation analysis finds the linear combinations of the two that correlate most.
:class:`~skextras.UnconstrainedCCA` computes them exactly, for two views or more, and
helps to tell a finding from a fit to noise, which it easily is.
"""

# %%
# Two views of handwritten digits
# -------------------------------
#
# :func:`~skextras.datasets.load_mfeat` loads 2000 handwritten digits, described in
# three ways. Here are two of them: 76 Fourier coefficients of the shape, and 47 Zernike
# moments. Neither knows which digit it is. Half of the rows are for training.

import numpy as np

from skextras import UnconstrainedCCA
from skextras.datasets import load_mfeat

mfeat = load_mfeat()
order = np.random.default_rng(0).permutation(len(mfeat.target))
train, test = order[:1000], order[1000:]
X, Y = mfeat.fou, mfeat.zer

cca = UnconstrainedCCA(n_components=10).fit(X[train], Y[train])
print("training rows:", cca.canonical_correlations_[:3].round(2))
print(f"mean of ten, training rows: {cca.canonical_correlations_.mean():.2f}")
print(f"mean of ten, other rows:    {cca.score(X[test], Y[test]):.2f}")

# %%
# Each component is a pair of variates, one from each view. Against each other, they
# show who makes the correlation: the components are about digits, although no label was
# given.

import matplotlib.pyplot as plt

from skextras.displays import CanonicalCorrelationDisplay

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for component, ax in enumerate(axes):
    CanonicalCorrelationDisplay.from_estimator(
        cca,
        X[test],
        Y[test],
        component=component,
        labels=mfeat.target[test],
        ax=ax,
    )
    ax.set(xlabel="variate of the Fourier coefficients")
    ax.set(ylabel="variate of the Zernike moments")
axes[0].get_legend().remove()

# %%
# `loadings` says which columns a variate stands for: their correlations with it.

loadings, _ = cca.loadings(X[test], Y[test])
strongest = np.argsort(-np.abs(loadings[:, 0]))[:3]
print("Fourier coefficients of the first variate:", strongest.tolist())
print("their correlations with it:", loadings[strongest, 0].round(2).tolist())

# %%
# Correlations of training rows mean little
# -----------------------------------------
#
# A component is chosen so that the training rows correlate, so that some of the
# correlation is noise. With 1000 rows the difference is visible; the fewer rows there
# are for each column, the larger it becomes.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for n_rows, ax in zip([1000, 200], axes, strict=True):
    few = train[:n_rows]
    model = UnconstrainedCCA(n_components=10).fit(X[few], Y[few])
    CanonicalCorrelationDisplay.from_estimator(
        model, X[test], Y[test], kind="correlations", label="other rows", ax=ax
    )
    ax.set_title(f"{n_rows} training rows")
    ax.label_outer()

# %%
# Forty rows
# ----------
#
# With 40 rows and 76 + 47 columns something else happens. The columns of each view
# span all there is to span: 39 dimensions, since the mean is subtracted. Every variable
# can then be written as a combination of both, and *all* correlations are 1, whatever
# the data. The estimator says so.

import warnings

few = train[:40]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = UnconstrainedCCA(n_components=3).fit(X[few], Y[few])
print(caught[0].category.__name__)
print(caught[0].message)
print("training rows:", model.canonical_correlations_)
print(f"other rows:    {model.score(X[test], Y[test]):.2f}")

# %%
# Shrinkage is the remedy: it mixes a share of the identity into the covariance matrix
# of each view. `shrinkage="auto"` estimates the share after Ledoit and Wolf, for which
# columns must be comparable; `scale=True` makes them so.

model = UnconstrainedCCA(n_components=3, shrinkage="auto", scale=True)
model.fit(X[few], Y[few])
print("shrinkage:", model.shrinkage_.round(2))
print(f"other rows: {model.score(X[test], Y[test]):.2f}")

# %%
# Any share from 0, canonical correlation analysis, to 1, partial least squares, will
# do. The more rows there are, the less of it is needed, and the less it matters.

colors = {40: "tab:blue", 200: "tab:orange", 1000: "tab:green"}
shares = [1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0]
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for n_rows, color in colors.items():
    few = train[:n_rows]
    models = [
        UnconstrainedCCA(3, shrinkage=a, scale=True).fit(X[few], Y[few]) for a in shares
    ]
    training = [model.canonical_correlations_.mean() for model in models]
    other = [model.score(X[test], Y[test]) for model in models]
    auto = UnconstrainedCCA(3, shrinkage="auto", scale=True).fit(X[few], Y[few])
    ax.plot(shares, training, "--", color=color)
    ax.plot(shares, other, "o-", color=color, label=f"{n_rows} rows")
    # A star at the mean of the two shares that "auto" took.
    place = auto.shrinkage_.mean(), auto.score(X[test], Y[test])
    ax.plot(*place, "*", color=color, markersize=15, markeredgecolor="black")
ax.set(xscale="log", xlabel="shrinkage", ylabel="mean correlation of 3 components")
ax.set_ylim(0, 1.03)
ax.legend(title='other rows; stars: "auto"\n(dashed: training rows)', loc="lower right")

# %%
# Is there anything at all?
# -------------------------
#
# Without rows to spare, `significance` compares with data in which there is nothing to
# find: the rows of one view in another order. Here it is for 40 rows as they are, and
# for 40 rows whose second view belongs to other digits. Training correlations do not
# tell the two apart, p-values do.

few = train[:40]
cases = {"as they are": Y[few], "second view of other rows": Y[train[40:80]]}
for name, second in cases.items():
    model = UnconstrainedCCA(1, shrinkage="auto", scale=True, random_state=0)
    model.fit(X[few], second)
    p_value = model.significance(X[few], second, n_permutations=499)[0]
    r = model.canonical_correlations_[0]
    print(f"{name:26} training correlation {r:.2f}, p = {p_value:.3f}")

# %%
# Three views, in a pipeline
# --------------------------
#
# With `views`, all views are columns of one table, as a pipeline wants them; labels
# pass through to later steps. With more than two views, components correlate on average
# over pairs. What the views share is mostly the digit: here is how well it is told from
# a few components of each.

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

three = UnconstrainedCCA(2, views=mfeat.widths, shrinkage="auto", scale=True)
print("columns of the output:", three.fit(mfeat.data).get_feature_names_out())
for k in (2, 5, 9):
    pipeline = make_pipeline(three.set_params(n_components=k), LogisticRegression())
    accuracy = cross_val_score(pipeline, mfeat.data, mfeat.target, cv=5).mean()
    print(f"{k} components of each view: accuracy {accuracy:.2f}")

# %%
# And if the relation is not linear?
# ----------------------------------
#
# A point on a circle, and the point at twice its angle: the first determines the
# second, but for some noise, and no linear combinations correlate.
# :class:`~skextras.DeepUnconstrainedCCA` trains a neural network for each view by the
# same loss, in small batches. It needs torch, and this part is left out without it.

import importlib.util

from skextras import DeepUnconstrainedCCA

rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 1000)
once = np.column_stack([np.cos(angle), np.sin(angle)])
twice = np.column_stack([np.cos(2 * angle), np.sin(2 * angle)])
once += 0.1 * rng.standard_normal(once.shape)
twice += 0.1 * rng.standard_normal(twice.shape)
linear = UnconstrainedCCA(1).fit(once[:500], twice[:500])
models = {"linear combinations": linear}
if importlib.util.find_spec("torch"):
    deep = DeepUnconstrainedCCA(
        1, hidden_layer_sizes=[50], learning_rate=0.01, random_state=0
    )
    models["neural networks"] = deep.fit(once[:500], twice[:500])

figure, axes = plt.subplots(
    1, len(models), figsize=(4.5 * len(models), 4), layout="constrained", squeeze=False
)
for (name, model), ax in zip(models.items(), axes[0], strict=True):
    display = CanonicalCorrelationDisplay.from_estimator(
        model, once[500:], twice[500:], labels=angle[500:], cmap="hsv", ax=ax
    )
    display.colorbar_.set_label("angle (radians)")
    ax.set_title(f"{name}: {display.correlations[0]:.2f}")

# %%
# On the digits the networks find more as well, at some price: they have many more
# parameters, are fitted in seconds rather than milliseconds, and depend on the random
# start.

if importlib.util.find_spec("torch"):
    deep = DeepUnconstrainedCCA(10, hidden_layer_sizes=[200], random_state=0)
    deep.fit(X[train], Y[train])
    print(f"linear, other rows: {cca.score(X[test], Y[test]):.2f}")
    print(f"deep, other rows:   {deep.score(X[test], Y[test]):.2f}")

# %%
# For networks of your own there is the loss itself, :func:`~skextras.ey_loss`.
