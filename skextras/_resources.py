"""Chunk sizes, memory refused before it is allocated, and the BLAS thread limit."""

import os
import sys
import threading
from contextlib import contextmanager

import psutil
from sklearn import get_config
from threadpoolctl import ThreadpoolController

_MEMORY_VARIABLE = "SKEXTRAS_MAX_BYTES"


def chunk_length(bytes_per_item, n_items, *, max_bytes=None):
    """Return how many items a chunk may hold within the working memory.

    Parameters
    ----------
    bytes_per_item : int
        Bytes that the temporaries of one item (row, column, epoch) take.

    n_items : int
        Number of items there are; a chunk never holds more.

    max_bytes : int, default=None
        Bytes above which a chunk does not grow even where the working memory
        would allow it, for loops that run fastest while a chunk stays in cache.

    Returns
    -------
    length : int
        At least 1, since an item that exceeds the working memory alone must be
        processed all the same.

    Notes
    -----
    The working memory is `sklearn.get_config()["working_memory"]`, in MiB. It
    sizes chunks and nothing else.

    Examples
    --------
    >>> from sklearn import config_context
    >>> from skextras._resources import chunk_length
    >>> with config_context(working_memory=1):
    ...     chunk_length(8 * 1024, 1000), chunk_length(8 * 1024, 50)
    (128, 50)
    >>> with config_context(working_memory=1):
    ...     chunk_length(8 * 1024, 1000, max_bytes=80 * 1024)
    10
    """
    limit = get_config()["working_memory"] * 2**20
    if max_bytes is not None:
        limit = min(limit, max_bytes)
    length = min(limit // max(bytes_per_item, 1), n_items)
    return max(int(length), 1)


def require_memory(n_bytes, what, remedy):
    """Raise `MemoryError` if an allocation would exceed the available memory.

    Parameters
    ----------
    n_bytes : int
        Bytes about to be allocated, computed from the shapes.

    what : str
        What needs them, as the subject of a sentence.

    remedy : str
        What the user can do about it, as an imperative.

    Raises
    ------
    MemoryError
        If `n_bytes` is more than what is available.

    ValueError
        If the environment variable SKEXTRAS_MAX_BYTES is not a number of bytes.

    Notes
    -----
    The environment variable SKEXTRAS_MAX_BYTES replaces the operating system's
    figure. Set it in containers, whose limit that figure does not know.

    Examples
    --------
    >>> from skextras._resources import require_memory
    >>> require_memory(8 * 100**2, "The 100 by 100 Gram matrix", "Use fewer rows.")
    >>> require_memory(2**70, "The Gram matrix", "Lower n.")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    MemoryError: The Gram matrix needs 1024.0 EiB (1,180,591,620,717,411,303,424 ...
    """
    available, source = _available_bytes()
    if n_bytes > available:
        raise MemoryError(
            f"{what} needs {_readable(n_bytes)}, more than the "
            f"{_readable(available)} {source}. {remedy}"
        )


def _available_bytes():
    """Return the bytes that may be allocated, and where that figure is from."""
    text = os.environ.get(_MEMORY_VARIABLE, "").strip()
    if not text:
        return psutil.virtual_memory().available, "available"
    # `isdecimal` alone would let other scripts' digits through, and `int` alone
    # signs and underscores.
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(
            f"The environment variable {_MEMORY_VARIABLE} must be a whole number of "
            f"bytes, such as 2000000000, got {text!r}. Correct or unset it."
        )
    return int(text), f"allowed by {_MEMORY_VARIABLE}"


def _readable(n_bytes):
    """Return a number of bytes in its largest binary unit and exactly."""
    value, unit = float(n_bytes), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if value < 1024 or unit == "EiB":
            break
        value /= 1024
    exact = f"{int(n_bytes):,} bytes"
    return exact if unit == "bytes" else f"{value:.1f} {unit} ({exact})"


@contextmanager
def single_blas_thread():
    """Hold every BLAS library at one thread while any caller is inside.

    Batches of small factorisations run many times slower on several BLAS threads
    than on one. The thread count of most BLAS builds belongs to the process, so
    this context counts its holders: the first one saves the counts and sets them
    to one, and the last one to leave, in whatever order and thread, restores them.

    Yields
    ------
    None

    Notes
    -----
    `threadpoolctl.threadpool_limits` cannot be used for this from several threads:
    a context entered while another is active saves one thread as the original
    count, and brings it back when it leaves last.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras._resources import single_blas_thread
    >>> with single_blas_thread():
    ...     np.linalg.eigvalsh(np.broadcast_to(np.eye(3), (1000, 3, 3))).sum()
    np.float64(3000.0)
    """
    hold = _BLAS.enter()
    try:
        yield
    finally:
        _BLAS.leave(hold)


class _Hold:
    """One caller inside `single_blas_thread`, and the thread that it runs in."""

    def __init__(self):
        self.thread = threading.get_ident()
        self.lowered = ()


class _BlasThreads:
    """The BLAS thread counts of this process and those who hold them at one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.holds = set()
        self.lowered = ()
        self.n_modules = -1
        self.of_process = ()
        self.of_thread = ()

    def enter(self):
        """Add a hold; the first one lowers the counts."""
        hold = _Hold()
        with self.lock:
            if not self.holds:
                self._find_libraries()
                self.lowered = _lower(self.of_process)
            self.holds.add(hold)
            of_thread = self.of_thread
        hold.lowered = _lower(of_thread)
        return hold

    def leave(self, hold):
        """Remove a hold; the last one restores the counts."""
        _restore(hold.lowered)
        with self.lock:
            self.holds.discard(hold)
            self._restore_if_free()

    def after_fork(self):
        """Forget, in a child process, the holds of threads that did not survive."""
        thread = threading.get_ident()
        try:
            self.holds = {hold for hold in self.holds if hold.thread == thread}
            self._restore_if_free()
        finally:
            self.lock.release()

    def _restore_if_free(self):
        if not self.holds:
            lowered, self.lowered = self.lowered, ()
            _restore(lowered)

    def _find_libraries(self):
        # Listing the loaded libraries takes about a millisecond, longer than many a
        # fit. A library that appears later (SciPy's, torch's) comes with an import,
        # which changes the number of modules; one loaded without an import would be
        # overlooked until the next, which costs time and never a digit.
        n_modules = len(sys.modules)
        if n_modules == self.n_modules:
            return
        found = ThreadpoolController().select(user_api="blas").lib_controllers
        self.of_thread = [lib for lib in found if _counts_by_thread(lib)]
        self.of_process = [lib for lib in found if not _counts_by_thread(lib)]
        self.n_modules = n_modules


def _counts_by_thread(library):
    """Whether each thread has its own count, so that each must lower and restore."""
    layer = getattr(library, "threading_layer", None)
    return library.internal_api == "openblas" and layer == "openmp"


def _lower(libraries):
    """Set the libraries to one thread and return those changed, with their counts."""
    lowered = []
    for library in libraries:
        count = library.num_threads
        if count is not None and count > 1:
            _set_num_threads(library, 1)
            lowered.append((library, count))
    return lowered


def _restore(lowered):
    """Give the libraries their counts back unless someone else has set them since."""
    for library, count in lowered:
        if library.num_threads == 1:
            _set_num_threads(library, count)


def _set_num_threads(library, count):
    # From threadpoolctl 3.8 on the thread that limited OpenBLAS first owns it, and
    # what other threads set is ignored without a word. Here the holder that restores
    # is often not the one that lowered, and our lock stands in for that ownership.
    disown = getattr(library, "clear_controlling_thread", None)
    if disown is not None:
        disown(force=True)
    library.set_num_threads(count)
    if disown is not None:
        disown(force=True)


_BLAS = _BlasThreads()

if hasattr(os, "register_at_fork"):
    # Holding the lock over a fork keeps the child from inheriting it half way
    # through a change, locked by a thread that does not exist there.
    os.register_at_fork(
        before=_BLAS.lock.acquire,
        after_in_parent=_BLAS.lock.release,
        after_in_child=_BLAS.after_fork,
    )
