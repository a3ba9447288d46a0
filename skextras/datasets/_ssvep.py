"""The bundled SSVEP recordings."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_SUBJECTS = (3, 12)
# The cue codes 1 to 4 of the recordings, in order.
_TARGET_NAMES = ("rest", "13 Hz", "21 Hz", "17 Hz")


def load_ssvep(subject=12, *, return_X_y=False, as_epochs=False):
    """Load steady-state visual evoked potentials of one subject (classification).

    Eight occipital EEG channels at 256 Hz, for 5 s after the cue to look at a light
    that flickers at 13, 17 or 21 Hz, or at none. The signals are unfiltered: the
    analyses of the literature band-pass them from 10 to 25 Hz and keep 2 to 4 s.

    Parameters
    ----------
    subject : {3, 12}, default=12
        The subject: 3 (64 epochs, hard) or 12 (96 epochs, easy).

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    as_epochs : bool, default=False
        Whether `data` is an :class:`mne.EpochsArray` instead of an array. Needs the
        extra "eeg".

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n_epochs, 8, 1280) or mne.EpochsArray
            The signals, in volts as the source files say, although a thousand times
            larger than scalp EEG.
        target : ndarray of shape (n_epochs,)
            Class of each epoch, an index into `target_names`.
        target_names : list of str
            "rest", "13 Hz", "21 Hz" and "17 Hz".
        sfreq : float
            Sampling frequency, in hertz.
        ch_names : list of str
            Names of the channels.
        run : ndarray of shape (n_epochs,)
            Recording run of each epoch.
        subject : int
            The subject.
        DESCR : str
            Description, source and licence of the data.

    (data, target) : tuple if `return_X_y` is true
        The signals and their classes.

    Raises
    ------
    ValueError
        If there is no such subject in the package.

    ImportError
        If `as_epochs` is true and MNE is not installed.

    References
    ----------
    .. [1] E. K. Kalunga, S. Chevallier, Q. Barthélemy, K. Djouani, E. Monacelli and Y.
       Hamam, "Online SSVEP-based BCI using Riemannian geometry", Neurocomputing 191,
       55-68, 2016. CC0 1.0.

    Examples
    --------
    >>> from skextras.datasets import load_ssvep
    >>> ssvep = load_ssvep(subject=12)
    >>> ssvep.data.shape, ssvep.sfreq
    ((96, 8, 1280), 256.0)
    """
    if subject not in _SUBJECTS:
        raise ValueError(
            f"subject must be one of {_SUBJECTS}, got {subject!r}. The other subjects "
            "are in the original data set."
        )
    folder = resources.files("skextras.datasets")
    file = folder / "data" / f"ssvep_subject{subject:02d}.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        stored = dict(archive)
    volts = stored["counts"] * stored["volts_per_count"].astype(np.float64)[:, None]
    volts += stored["offset_volts"][:, :, None]
    target = stored["cue"].astype(np.int64) - 1
    ch_names, sfreq = stored["ch_names"].tolist(), float(stored["sfreq"])
    data = _as_epochs(volts, target, ch_names, sfreq) if as_epochs else volts
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=list(_TARGET_NAMES),
        sfreq=sfreq,
        ch_names=ch_names,
        run=stored["run"].astype(np.int64),
        subject=subject,
        DESCR=(folder / "descr" / "ssvep.rst").read_text(encoding="utf-8"),
    )


def _as_epochs(volts, target, ch_names, sfreq):
    """Wrap the signals in MNE epochs whose events are the classes."""
    try:
        import mne
    except ImportError as error:
        raise ImportError(
            'as_epochs=True needs MNE-Python: pip install "skextras[eeg]"'
        ) from error
    info = mne.create_info(ch_names, sfreq, ch_types="eeg", verbose="error")
    # One sample number per event, as MNE requires, an epoch length apart.
    samples = np.arange(len(volts)) * volts.shape[2]
    events = np.column_stack([samples, np.zeros_like(samples), target])
    return mne.EpochsArray(
        volts,
        info,
        events=events,
        tmin=0.0,
        event_id={name: code for code, name in enumerate(_TARGET_NAMES)},
        verbose="error",
    )
