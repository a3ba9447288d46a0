"""
Which light does a person look at?
==================================

A light that flickers 13 times a second makes the visual part of the brain oscillate at
13 Hz, and electrodes on the back of the head can measure it. Such a *steady-state
visual evoked potential* (SSVEP) tells which of several lights a person looks at: one
can type with it, or steer a machine.

This example finds the light from two seconds of such recordings. It compares two
descriptions of a trial: the covariance matrix of its channels, and the *augmented*
covariance matrix of :class:`~skextras.AugmentedCovariance`, which also holds
covariances between the channels now and a few samples later. You need to know
scikit-learn, and nothing about brains.
"""

# %%
# The recordings
# --------------
#
# :func:`~skextras.datasets.load_ssvep` loads one subject: 96 trials of five seconds,
# during which the person looks at a light of 13, 17 or 21 Hz, or at none ("rest"). As
# usual in this field, we keep frequencies from 10 to 25 Hz, which include those of the
# lights, and the time from 2 to 4 s, when the oscillation has built up. MNE-Python does
# both: its *epochs* are an array of shape (trials, channels, times) with names, units
# and a sampling frequency.

from skextras.datasets import load_ssvep

ssvep = load_ssvep(subject=12, as_epochs=True)
epochs = ssvep.data.filter(
    10,
    25,
    method="iir",
    iir_params={"order": 4, "ftype": "butter"},
    phase="zero",
    verbose="error",
)
epochs.crop(2, 4, include_tmax=False, verbose="error")
X, y = epochs.get_data(copy=False), ssvep.target
print(f"{X.shape[0]} trials, {X.shape[1]} channels, {X.shape[2]} samples")
print(f"classes: {', '.join(ssvep.target_names)}")

# %%
# What an augmented covariance shows
# ----------------------------------
#
# A covariance matrix says how strongly each channel varies, and which vary together. It
# does not know about time: shuffle the samples of a trial, and it stays the same. So it
# cannot tell 13 Hz from 17 Hz, other than by *where* on the head they are strong.
#
# The augmented matrix stacks `order` copies of the channels, each `lag` samples later
# than the one before, and takes the covariance of the stack. Here are eight copies,
# four samples (15.6 ms) apart, on average over all trials. Each square between the grid
# lines is a matrix of 8 by 8 channels: the one in row 0, column 31.2 holds the
# covariances of all channels with all channels 31.2 ms later. We let the display divide
# by the standard deviations, which makes correlations: strong and weak channels can be
# seen together.

from skextras import AugmentedCovariance
from skextras.displays import AugmentedCovarianceDisplay

eight_copies = AugmentedCovariance(order=8, lag=4).fit(X)
mean = AugmentedCovarianceDisplay.from_estimator(
    eight_copies, X, normalize=True, sfreq=ssvep.sfreq
)
mean.ax_.set_title("Mean of all trials")

# %%
# From left to right, the blocks of the first row go from red (a channel equals itself)
# to blue (half a period later it is the opposite) and back, ever fainter: the mixture
# of 10 to 25 Hz that any trial consists of. Now subtract this from the mean of the
# trials of one light.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, name in zip(axes, ("13 Hz", "17 Hz"), strict=True):
    trials = X[y == ssvep.target_names.index(name)]
    covariance = eight_copies.transform(trials).mean(axis=0)
    deviations = covariance.diagonal() ** 0.5
    correlation = covariance / deviations[:, None] / deviations
    display = AugmentedCovarianceDisplay(
        correlation - mean.matrix,
        eight_copies.delays_,
        eight_copies.n_channels_in_,
        sfreq=ssvep.sfreq,
    )
    display.plot(ax=ax, vmax=0.4, colorbar=False)
    ax.set_title(f"Light of {name}, minus the mean")
figure.colorbar(display.image_, ax=axes, label="difference of correlations")

# %%
# Stripes remain, and their distance is the period of the light. At 13 Hz it is 77 ms:
# the block at 78.1 ms in the first row is red, and those half a period before and after
# are blue. At 17 Hz it is 59 ms: the block at 62.5 ms is red, and those around 88 ms,
# one and a half periods, are blue. This is what a covariance matrix does not show.

# %%
# From matrices to classes
# ------------------------
#
# Covariance matrices are symmetric and positive definite: they do not fill their space,
# and straight lines are the wrong distances between them.
# :class:`pyriemann.tangentspace.TangentSpace` takes care of that: it turns the matrices
# into vectors, relative to their mean, for which the usual distances are right. After
# it, any classifier will do; we take a support vector machine.
#
# The order and the lag are hyperparameters as any other, and a grid search finds them.
# For order 1, the augmented matrix is the plain one. It is the method to beat, and it
# gets the same search over the kernel of the classifier.

import tempfile

from pyriemann.tangentspace import TangentSpace
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

# Neither the matrices nor their tangent vectors depend on the classifier: with `memory`
# the pipeline keeps them in a folder while the search varies the rest.
cache = tempfile.TemporaryDirectory()
pipeline = make_pipeline(
    AugmentedCovariance(), TangentSpace(), SVC(), memory=cache.name
)
classifier_grid = {"svc__kernel": ["linear", "rbf"]}
plain_grid = {"augmentedcovariance__order": [1], **classifier_grid}
augmented_grid = {
    "augmentedcovariance__order": [2, 4, 6],
    "augmentedcovariance__lag": [4, 8],
    **classifier_grid,
}

folds = StratifiedKFold(5, shuffle=True, random_state=42)
plain = GridSearchCV(pipeline, plain_grid, cv=folds)
# One copy has no lag. A list of two grids tries it once instead of once for each lag.
augmented = GridSearchCV(pipeline, [plain_grid, augmented_grid], cv=folds)

# %%
# A search inside a cross-validation
# ----------------------------------
#
# The best score of a search is too good: it is the largest of many, on the very trials
# that chose it. Honest scores come from trials that the search has not seen, so the
# search goes *inside* a cross-validation, which repeats it on the training part of each
# fold. (Its test trials are from the same session: a new session, or a new person,
# would be harder.) Guessing would score 0.25.
#
# The matrices are small, so that each of the two processes computes on one core best.

from joblib import parallel_config

scores = {}
with parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=1):
    for name, search in {"plain": plain, "augmented": augmented}.items():
        scores[name] = cross_val_score(search, X, y, cv=folds)
        print(f"{name:10} {scores[name].mean():.2f} ± {scores[name].std():.2f}")

# %%
# On all trials, the search itself reports a better score. Use it to look at the
# parameters, and not to say how well the method works.

with parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=1):
    augmented.fit(X, y)
print(f"score of the search: {augmented.best_score_:.2f}")
print(f"nested score:        {scores['augmented'].mean():.2f}")

# %%
# Which order and lag?
# --------------------
#
# Each cell is the score of the better kernel. Order 1 does not depend on the lag: its
# row is the plain covariance.

from skextras.displays import OrderLagDisplay

display = OrderLagDisplay.from_estimator(augmented, label="mean accuracy")
display.ax_.set_title("Scores of the search", loc="left")

# %%
# Without a search
# ----------------
#
# By default, :class:`~skextras.AugmentedCovariance` chooses both from the trials, and
# never looks at their labels: the lag from the autocorrelation of the signals, the
# order such that the matrix has at most 64 rows. It takes MNE's epochs as they are, and
# so do searches and cross-validations around it; arrays are faster there.

default = AugmentedCovariance().fit(epochs)
print(f"order {default.order_}, lag {default.lag_}")

# %%
# The folder of the intermediate results can go.

cache.cleanup()

# %%
# The same search, faster
# -----------------------
#
# For this pipeline there is :class:`~skextras.AugmentedCovarianceClassifierCV`, which
# computes each matrix, mean and tangent vector once for all folds and classifiers that
# need it. It has the same parameters, and the choice is the same. We measure the time
# that the processor works, on one core, with the grid search in its plain form: without
# the folder, which is a remedy of the same kind.

import time

from threadpoolctl import threadpool_limits

from skextras import AugmentedCovarianceClassifierCV

small_grid = {
    "augmentedcovariance__order": [1, 2, 4],
    "augmentedcovariance__lag": [4, 8],
    **classifier_grid,
}
searches = {
    "GridSearchCV": GridSearchCV(
        make_pipeline(AugmentedCovariance(), TangentSpace(), SVC()),
        small_grid,
        cv=folds,
    ),
    "AugmentedCovarianceClassifierCV": AugmentedCovarianceClassifierCV(
        orders=(1, 2, 4), lags=(4, 8), Cs=(1.0,), cv=folds
    ),
}
with threadpool_limits(limits=1):
    for name, search in searches.items():
        start = time.process_time()
        search.fit(X, y)
        seconds = time.process_time() - start
        print(f"{name:32} {seconds:5.2f} s, best score {search.best_score_:.3f}")

grid_scores, our_scores = (
    search.cv_results_["mean_test_score"] for search in searches.values()
)
print(f"{(grid_scores == our_scores).sum()} of {len(grid_scores)} scores are equal")

# %%
# What it found can be drawn in the same way. So much faster, a search over all orders
# and lags of interest costs little.

thorough = AugmentedCovarianceClassifierCV(
    orders=(1, 2, 3, 4, 6, 8), lags=(2, 4, 6, 8), Cs=(1.0,), cv=folds
)
thorough.fit(X, y)
display = OrderLagDisplay.from_estimator(thorough, label="mean accuracy")
display.ax_.set_title("Scores of a larger search", loc="left")

# %%
# Several cells are about as good as the best one, so its exact place means little, and
# its score, the largest of them, promises too much. Once more: report the nested score.
