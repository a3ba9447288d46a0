"""The bundled images of printed circuit boards."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

# The types 1 to 6 of the annotations, in order.
_DEFECT_NAMES = ("open", "short", "mousebite", "spur", "spurious copper", "pin hole")


def load_pcb():
    """Load four printed circuit boards with and without defects (anomaly detection).

    Each pair is a template without defects and an aligned image of a board with six to
    ten: open and short circuits, mousebites, spurs, spurious copper and pin holes.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With the attributes

        templates : ndarray of shape (4, 640, 640)
            The boards without defects: grey levels from 0 (copper) to 255, in uint8.
        images : ndarray of shape (4, 640, 640)
            The tested boards, in the order of their templates.
        masks : ndarray of shape (4, 640, 640)
            Whether a pixel of a tested board belongs to the box of a defect.
        boxes : list of 4 ndarray of shape (n_defects, 4)
            Boxes of the defects of each board, in pixels: top row, left column, bottom
            row, right column, the latter two not included.
        defects : list of 4 ndarray of shape (n_defects,)
            Type of each defect, an index into `defect_names`.
        defect_names : list of str
            "open", "short", "mousebite", "spur", "spurious copper" and "pin hole".
        names : list of str
            Name of each pair in the original data set.
        DESCR : str
            Description, source and licence of the data.

    See Also
    --------
    BaselinePatchFeatures : Describes the patches of such images.

    References
    ----------
    .. [1] S. Tang, F. He, X. Huang and J. Yang, "Online PCB Defect Detector On A New
       PCB Defect Dataset", arXiv:1902.06197, 2019. MIT licence.

    Examples
    --------
    >>> from skextras.datasets import load_pcb
    >>> pcb = load_pcb()
    >>> pcb.images.shape, [len(boxes) for boxes in pcb.boxes]
    ((4, 640, 640), [10, 6, 9, 9])
    >>> pcb.defect_names[pcb.defects[0][0]]
    'mousebite'
    """
    folder = resources.files("skextras.datasets")
    file = folder / "data" / "pcb.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        stored = dict(archive)
    masks = np.zeros(stored["images"].shape, dtype=bool)
    for pair, box in zip(stored["pair"], stored["boxes"], strict=True):
        top, left, bottom, right = box
        masks[pair, top:bottom, left:right] = True
    pairs = range(len(masks))
    return Bunch(
        templates=stored["templates"],
        images=stored["images"],
        masks=masks,
        boxes=[stored["boxes"][stored["pair"] == i].astype(np.int64) for i in pairs],
        defects=[
            stored["defects"][stored["pair"] == i].astype(np.int64) for i in pairs
        ],
        defect_names=list(_DEFECT_NAMES),
        names=stored["names"].tolist(),
        DESCR=(folder / "descr" / "pcb.rst").read_text(encoding="utf-8"),
    )
