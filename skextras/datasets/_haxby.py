"""The bundled runs of an fMRI experiment, at very low resolution."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_N_RUNS = 12


def load_haxby_tiny():
    """Load 12 runs of functional MRI of one subject, at 25 mm.

    The subject looked at pictures of eight categories, in blocks with rest between
    them. At this resolution the brain has 129 voxels: enough to try out a pipeline,
    and real, but nothing to study the brain with.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With the attributes

        paths : list of str
            The 12 runs, NIfTI images of shape (6, 10, 10, 121).
        mask_path : str
            The mask of the brain, a NIfTI image with 129 voxels in it.
        labels : ndarray of shape (12, 121)
            What was shown when each volume was taken, "rest" or a category.
        t_r : float
            Time between volumes, in seconds.
        DESCR : str
            Description, source and licences of the data.

    References
    ----------
    .. [1] J. V. Haxby, M. I. Gobbini, M. L. Furey, A. Ishai, J. L. Schouten and P.
       Pietrini, "Distributed and overlapping representations of faces and objects in
       ventral temporal cortex", Science 293, 2425-2430, 2001. CC BY-SA 3.0.

    Examples
    --------
    >>> from skextras.datasets import load_haxby_tiny
    >>> haxby = load_haxby_tiny()
    >>> len(haxby.paths), haxby.labels.shape
    (12, (12, 121))
    >>> haxby.labels[0, :10].tolist().count("rest")
    6
    """
    folder = resources.files("skextras.datasets")
    data = folder / "data" / "haxby_tiny"
    with (data / "labels.csv").open(encoding="utf-8") as stream:
        labels = np.array([line.split(",") for line in stream.read().split()])
    return Bunch(
        paths=[str(data / f"run{run:02d}.nii.gz") for run in range(1, _N_RUNS + 1)],
        mask_path=str(data / "mask.nii.gz"),
        labels=labels,
        t_r=2.5,
        DESCR=(folder / "descr" / "haxby_tiny.rst").read_text(encoding="utf-8"),
    )
