"""
Who is speaking? Probabilities that can be trusted
==================================================

A vision transformer turns an image into a set of vectors, its *tokens*; a recording is
a set of vectors, too, one for each moment. To classify such sets one usually averages
the vectors and forgets the rest. :class:`~skextras.MomentProbe` also keeps how the
vectors of a set vary together, their second moments, and returns probabilities that
mean what they say.

Here we tell nine speakers apart by how they say one vowel, and read digits from small
windows. You need to know scikit-learn, and nothing about speech or networks.
"""

# %%
# Sets of different sizes
# -----------------------
#
# :func:`~skextras.datasets.load_japanese_vowels` loads 640 utterances of "ae". Each is
# a matrix with one row for each moment and twelve numbers in it, which describe the
# sound. Long utterances have more rows than short ones: there is no array of all, but a
# list of matrices, and the probe takes it as it is.

from skextras.datasets import load_japanese_vowels

vowels = load_japanese_vowels(split="train")
X, y = vowels.data, vowels.target
X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
lengths = [len(x) for x in X]
print(f"{len(X)} utterances for training, {len(X_test)} for the test")
print(f"{len(vowels.target_names)} speakers, {X[0].shape[1]} numbers a moment")
print(f"{min(lengths)} to {max(lengths)} moments")

# %%
# What is in a set, beside its mean
# ---------------------------------
#
# Here are two of the twelve numbers, for all moments of all utterances of two speakers.
# The means of the clouds are nearly the same, and tell nothing. But in one cloud one
# number falls where the other rises, and in the other cloud it does not: their second
# moments differ.

import matplotlib.pyplot as plt
import numpy as np

figure, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
for speaker, marker in ((4, "o"), (6, "^")):
    chosen = [x for x, who in zip(X, y, strict=True) if who == speaker]
    moments = np.concatenate(chosen)[:, [2, 11]]
    label = vowels.target_names[speaker]
    ax.scatter(*moments.T, s=12, alpha=0.5, marker=marker, linewidth=0, label=label)
ax.set(xlabel=vowels.feature_names[2], ylabel=vowels.feature_names[11])
ax.legend(markerscale=2)

# %%
# Does it help?
# -------------
#
# `order=1` classifies the means and is what is known as a linear probe; `order=2`, the
# default, adds the second moments. As always, the parameter can be left to a search.
# There is little else to choose: the penalty comes from leave-one-out scores, which
# ridge regression gives exactly and at almost no cost.

from sklearn.model_selection import GridSearchCV

from skextras import MomentProbe

search = GridSearchCV(MomentProbe(), {"order": [1, 2]}, cv=5).fit(X, y)
for order, score in zip((1, 2), search.cv_results_["mean_test_score"], strict=True):
    print(f"order {order}: {score:.3f}")
probe = search.best_estimator_
print(f"on the test utterances: {probe.score(X_test, y_test):.3f}")

# %%
# Padding changes nothing
# -----------------------
#
# Tools that want arrays get all utterances at the same length, filled up with NaN.
# With `missing_tokens="drop"`, rows of NaN are left out wherever they stand, and all
# numbers are the same.


def pad(X, length=29):
    padded = np.full((len(X), length, 12), np.nan, dtype=X[0].dtype)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    return padded


padded = MomentProbe(missing_tokens="drop").fit(pad(X), y)
print(f"shape of the padded array: {pad(X_test).shape}")
difference = padded.predict_proba(pad(X_test)) - probe.predict_proba(X_test)
print(f"largest difference of a probability: {np.abs(difference).max():.0e}")

# %%
# Can the probabilities be trusted?
# ---------------------------------
#
# Of all predictions of which a classifier is 80 % sure, 80 % should be right. To see
# whether this is so takes a problem that is not so easy: digits of 8 by 8 pixels, from
# their 36 windows of 3 by 3 pixels. A window is a token, as a patch is in a vision
# transformer; which window is where, the probe does not know.

from skextras.datasets import make_digit_tokens

X, y = make_digit_tokens()
order = np.random.default_rng(0).permutation(len(X))
train, test = order[:500], order[500:]
digits = MomentProbe().fit(X[train], y[train])
means = MomentProbe(order=1).fit(X[train], y[train])
print(f"shape of the array: {X.shape}")
print(f"means alone:         {means.score(X[test], y[test]):.3f}")
print(f"with second moments: {digits.score(X[test], y[test]):.3f}")

# %%
# The scores of a ridge regression are no probabilities, and whoever takes them for the
# logarithms of such (`calibrate=False`) gets a classifier that is hardly ever surer
# than 30 %. So the probe divides its scores by a number, the *temperature*. It chooses
# it such that the leave-one-out scores of the training examples fit their classes best:
# no examples need be put aside.

from sklearn.metrics import log_loss

from skextras.displays import MomentProbeDisplay

raw = MomentProbe(calibrate=False).fit(X[train], y[train])
_, ax = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
for name, model in {"before": raw, "after": digits}.items():
    MomentProbeDisplay.from_estimator(model, X[test], y[test], name=name, ax=ax)
    loss = log_loss(y[test], model.predict_proba(X[test]))
    print(f"{name:6} temperature {model.temperature_:.3f}, log-loss {loss:.3f}")

# %%
# Each point stands for the digits of similar confidence, and its area for their number.
# Before, nearly everything is right, and the classifier does not know it; the
# temperature brings it to the diagonal. ECE, the *expected calibration error*, is the
# mean distance from it. The predictions themselves are the same: which score is the
# largest does not depend on the temperature.

print((raw.predict(X[test]) == digits.predict(X[test])).all())

# %%
# What speaks for a digit?
# ------------------------
#
# The second moments are taken along the principal directions of all windows. The first
# few of them are edges and lines.

directions = digits.token_moments_.components_
figure, axes = plt.subplots(1, 5, figsize=(7.5, 1.9), layout="constrained")
for number, ax in enumerate(axes):
    ax.imshow(directions[number].reshape(3, 3), cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    ax.set(title=f"direction {number}", xticks=[], yticks=[])

# %%
# The coefficient of a pair of directions says how much it speaks for a digit when both
# vary together (red), or against it (blue); on the diagonal, how much the variation of
# one direction does. Windows are normalised first, so that their overall brightness
# does not enter here.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, digit in zip(axes, (1, 7), strict=True):
    MomentProbeDisplay.from_estimator(
        digits, kind="second_order", class_of_interest=digit, ax=ax
    )
    ax.set_title(f"digit {digit}")
