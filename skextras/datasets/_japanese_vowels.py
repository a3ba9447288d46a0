"""The bundled recordings of nine speakers."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_SPLITS = ("train", "test")


def load_japanese_vowels(*, split=None, return_X_y=False):
    """Load utterances of the Japanese vowels /ae/ by nine speakers (classification).

    Each of the 640 utterances is a series of 7 to 29 frames of 12 linear-prediction
    cepstrum coefficients; the speaker is to be told.

    Parameters
    ----------
    split : {"train", "test"} or None, default=None
        The 270 utterances of the official training set (30 a speaker), the 370 of the
        test set, or all, the training set first.

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : list of ndarray of shape (n_frames, 12), dtype float32
            The utterances.
        target : ndarray of shape (n_utterances,)
            Speaker of each utterance, an index into `target_names`.
        target_names : list of str
            "speaker 1" to "speaker 9".
        feature_names : list of str
            Names of the coefficients.
        n_train : int
            Number of utterances of the training set in `data`, which are the first.
        DESCR : str
            Description, source and licence of the data.

    (data, target) : tuple if `return_X_y` is true
        The utterances and their speakers.

    Raises
    ------
    ValueError
        If there is no such split.

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification
       using passing-through regions", Pattern Recognition Letters 20 (11-13),
       1103-1111, 1999.

    Examples
    --------
    >>> from skextras.datasets import load_japanese_vowels
    >>> vowels = load_japanese_vowels(split="train")
    >>> len(vowels.data), vowels.data[0].shape, vowels.target[:2]
    (270, (20, 12), array([0, 0]))
    """
    if split is not None and split not in _SPLITS:
        raise ValueError(f"split must be one of {_SPLITS} or None, got {split!r}.")
    folder = resources.files("skextras.datasets")
    file = folder / "data" / "japanese_vowels.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        stored = dict(archive)
    ends = np.cumsum(stored["lengths"], dtype=np.intp)
    # Copies, so that no utterance keeps the others in memory.
    data = [part.copy() for part in np.split(stored["coefficients"], ends[:-1])]
    target = stored["speaker"].astype(np.int64) - 1
    n_train = int(stored["n_train"])
    if split is not None:
        chosen = slice(n_train) if split == "train" else slice(n_train, None)
        data, target = data[chosen], target[chosen]
        n_train = n_train if split == "train" else 0
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=[f"speaker {i}" for i in range(1, 10)],
        feature_names=[f"lpcc{i}" for i in range(1, 13)],
        n_train=n_train,
        DESCR=(folder / "descr" / "japanese_vowels.rst").read_text(encoding="utf-8"),
    )
