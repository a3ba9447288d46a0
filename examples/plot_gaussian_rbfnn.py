"""
=====================================================
A network that tells which inputs and directions count
=====================================================

A radial basis function network is a sum of bumps. If all bumps share one shape, and
this shape is learnt, then the network is a good model of a table, and its shape tells
which inputs it uses. :class:`~skextras.GaussianRBFNN` learns it with the probability of
the data itself, so that there is nothing to tune, and adds error bars to its
predictions. Here it predicts the progress of a disease, finds a hidden direction among
ten inputs, and tells a 3 from an 8.
"""

# %%
# A table, with error bars
# ------------------------
#
# The table of 442 diabetes patients that comes with scikit-learn holds ten measurements
# and the progress of the disease a year later.

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from skextras import GaussianRBFNN

X, y = load_diabetes(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = GaussianRBFNN(random_state=0).fit(X_train, y_train)
print(f"R² of the test patients: {model.score(X_test, y_test):.2f}")

# %%
# Each prediction comes with the standard deviation of a new measurement. An interval of
# 1.96 of them to both sides should hold 95 % of the test patients.

import matplotlib.pyplot as plt
import numpy as np

mean, deviation = model.predict(X_test, return_std=True)
inside = np.abs(y_test - mean) < 1.96 * deviation
print(f"{inside.mean():.0%} of the test patients are inside their interval")

order = np.argsort(mean)
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
places = np.arange(len(mean))
low, high = (mean + sign * 1.96 * deviation for sign in (-1, 1))
ax.fill_between(places, low[order], high[order], alpha=0.25, label="95 % interval")
ax.plot(places, mean[order], label="prediction")
ax.scatter(places, y_test.to_numpy()[order], s=10, color="black", label="measured")
ax.set(xlabel="test patients, in the order of their predictions", ylabel="progress")
ax.legend(loc="upper left")

# %%
# Which inputs does it use?
# -------------------------
#
# The importance of an input is the root mean square slope of the network along it, over
# all patients, as a share of the sum. It costs nothing: the fit has computed it. Beside
# it stands what one usually does, permutation importance: how much worse the test score
# becomes when a column is shuffled.

from sklearn.inspection import permutation_importance

from skextras.displays import ActiveSubspaceDisplay

permuted = permutation_importance(model, X_test, y_test, n_repeats=10, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
display = ActiveSubspaceDisplay.from_estimator(model, ax=axes[0])
axes[0].set_title("slopes of the network")
shown = np.argsort(-model.feature_importances_, kind="stable")
axes[1].barh(X.columns[shown], permuted.importances_mean[shown], color="C1")
axes[1].invert_yaxis()
axes[1].set(xlabel="loss of R²", title="permutation importance")

# %%
# Both put a blood value (`s5`) and the body mass index (`bmi`) first, and the blood
# pressure (`bp`) and the sex behind them. Three blood values get no share at all: they
# are nearly copies of others, and where inputs can replace each other, which of them
# the network takes means little. `age` has a slope and yet does not help the test
# score: a network may well use what it had better ignored.
#
# The outlines are the importances of the paper, taken from the shape of the bumps
# alone. The next table shows what these do not see.

# %%
# Which directions count?
# -----------------------
#
# The next table is made so that we know the answer. Its ten inputs are random numbers,
# and the target depends on two sums of them only: it is a straight line along the first
# and a wave along the second. :func:`~skextras.datasets.make_ridge_function` returns
# the two directions, too.

from skextras.datasets import make_ridge_function

X, y, directions = make_ridge_function(400, kind="linear_sine", random_state=0)
model = GaussianRBFNN(100, random_state=0).fit(X, y)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
ActiveSubspaceDisplay.from_estimator(model, kind="spectrum", ax=axes[0])
ActiveSubspaceDisplay.from_estimator(model, X, y, kind="summary", ax=axes[1])

# %%
# Left: two directions explain all of the variation of the network, so `transform`,
# which by default keeps 95 % of it, maps ten inputs to two. Right: the target against
# the first of them. No single input shows more than a cloud.
#
# Are they the right directions? The angle between the plane that was found and the true
# one should be small. The eigenvectors of the shape of the bumps
# (`importance="precision"`) find the wave, but not the line.

from scipy.linalg import subspace_angles

for importance in ("gradient", "precision"):
    model.set_params(importance=importance, n_components=2).fit(X, y)
    # Components are for standardised inputs.
    found = (model.components_ / model.scale_).T
    angle = np.degrees(subspace_angles(found, directions).max())
    print(f"{importance:9} {angle:4.1f} degrees from the true plane")

# %%
# What distinguishes a 3 from an 8?
# ---------------------------------
#
# The inputs can be pixels. :class:`~skextras.GaussianRBFNNClassifier` learns to tell
# the handwritten digits 3 and 8 apart, in images of 8 by 8 pixels. With so many inputs
# for 267 images we ask for bumps with a width for each pixel, `precision="diag"`, and
# leave out those that lie askew.

from sklearn.datasets import load_digits

from skextras import GaussianRBFNNClassifier

digits = load_digits()
chosen = np.isin(digits.target, (3, 8))
X_train, X_test, y_train, y_test = train_test_split(
    digits.data[chosen], digits.target[chosen], random_state=0
)
classifier = GaussianRBFNNClassifier(precision="diag", random_state=0).fit(
    X_train, y_train
)
print(f"accuracy on {len(X_test)} test images: {classifier.score(X_test, y_test):.3f}")

# %%
# A direction in the space of images is an image. Along the leading one the decision
# changes most. `inverse_transform` brings coordinates back to images: here are the mean
# image moved to a coordinate of -3 and of 3, and the direction itself, in which red
# pixels speak for an 8.

coordinates = np.zeros((2, classifier.n_components_))
coordinates[:, 0] = -3, 3
direction = classifier.components_[0] * classifier.scale_
limit = np.abs(direction).max()

figure, axes = plt.subplots(1, 3, figsize=(8, 2.8), layout="constrained")
for ax, at, picture in zip(
    axes, coordinates[:, 0], classifier.inverse_transform(coordinates), strict=False
):
    ax.imshow(picture.reshape(8, 8), cmap="gray_r")
    ax.set_title(f"mean image at {at:g}")
image = axes[2].imshow(direction.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[2].set_title("direction")
figure.colorbar(image, ax=axes[2])
for ax in axes:
    ax.set_axis_off()

# %%
# One number, the coordinate along this direction, separates the test images. The line
# is the probability of an 8 for the mean image, moved along the direction.

display = ActiveSubspaceDisplay.from_estimator(
    classifier, X_test, y_test, kind="summary"
)
display.figure_.set_size_inches(6.4, 3.4)
