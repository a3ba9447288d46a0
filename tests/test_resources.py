"""Chunk sizes, refused allocations and the reference-counted BLAS limit."""

import os
import random
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import psutil
import pytest
from sklearn import config_context
from threadpoolctl import threadpool_info, threadpool_limits

from skextras import _resources
from skextras._resources import chunk_length, require_memory, single_blas_thread

MIB = 2**20


# -- chunk_length ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("working_memory", "bytes_per_item", "n_items", "length"),
    [
        (1, 1024, 10_000, 1024),
        (1, 1000, 10_000, 1048),
        (0.5, 1024, 10_000, 512),
        (1024, 1024, 10_000, 10_000),
        (1, MIB, 10, 1),
        (1, MIB + 1, 10, 1),
        (0, 8, 10, 1),
        (1, 0, 10, 10),
        (1, 8, 0, 1),
    ],
)
def test_chunk_length_follows_working_memory(
    working_memory, bytes_per_item, n_items, length
):
    with config_context(working_memory=working_memory):
        got = chunk_length(bytes_per_item, n_items)
    assert got == length
    assert type(got) is int


def test_chunk_length_cap_only_lowers():
    with config_context(working_memory=8):
        assert chunk_length(MIB, 100, max_bytes=5 * MIB) == 5
        assert chunk_length(MIB, 100, max_bytes=50 * MIB) == 8
        assert chunk_length(MIB, 3, max_bytes=5 * MIB) == 3


# -- require_memory --------------------------------------------------------------


@pytest.fixture
def available(monkeypatch):
    """Let the operating system report 1000 bytes."""
    reading = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: reading)
    monkeypatch.delenv("SKEXTRAS_MAX_BYTES", raising=False)


@pytest.mark.usefixtures("available")
def test_memory_up_to_what_is_available_is_granted():
    assert require_memory(1000, "The Gram matrix", "Use fewer rows.") is None
    with pytest.raises(MemoryError):
        require_memory(1001, "The Gram matrix", "Use fewer rows.")


@pytest.mark.usefixtures("available")
def test_memory_error_states_need_availability_and_remedy():
    with pytest.raises(MemoryError) as error:
        require_memory(3 * 2**30, "The Gram matrix of 20,000 rows", "Use fewer rows.")
    assert str(error.value) == (
        "The Gram matrix of 20,000 rows needs 3.0 GiB (3,221,225,472 bytes), more "
        "than the 1,000 bytes available. Use fewer rows."
    )


@pytest.mark.usefixtures("available")
@pytest.mark.parametrize("limit", ["5000", " 5000 "])
def test_environment_replaces_the_reading(monkeypatch, limit):
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", limit)
    require_memory(5000, "The table", "Use fewer columns.")
    with pytest.raises(MemoryError, match=r"4\.9 KiB .* allowed by SKEXTRAS"):
        require_memory(5001, "The table", "Use fewer columns.")


@pytest.mark.usefixtures("available")
def test_environment_may_forbid_everything_or_be_empty(monkeypatch):
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "0")
    with pytest.raises(MemoryError):
        require_memory(1, "The table", "Use fewer columns.")
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", "")
    require_memory(1000, "The table", "Use fewer columns.")


@pytest.mark.parametrize("text", ["2GB", "1e9", "-1", "1_000", "0x10", "٣", "nan"])
def test_malformed_environment_is_named(monkeypatch, text):
    monkeypatch.setenv("SKEXTRAS_MAX_BYTES", text)
    with pytest.raises(ValueError, match="SKEXTRAS_MAX_BYTES must be a whole number"):
        require_memory(1, "The table", "Use fewer columns.")


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB (1,024 bytes)"),
        (1.5 * MIB, "1.5 MiB (1,572,864 bytes)"),
        (2**80, "1048576.0 EiB (1,208,925,819,614,629,174,706,176 bytes)"),
    ],
)
def test_bytes_are_readable_and_exact(n_bytes, text):
    assert _resources._readable(n_bytes) == text


# -- single_blas_thread ----------------------------------------------------------


def blas_threads():
    """Threads of each BLAS library that is loaded, by file."""
    return {
        info["filepath"]: info["num_threads"]
        for info in threadpool_info()
        if info["user_api"] == "blas"
    }


def all_single():
    return set(blas_threads().values()) == {1}


@pytest.fixture
def three_threads():
    """Start from three threads whatever the machine has, and check the return."""
    with threadpool_limits(limits=3, user_api="blas"):
        before = blas_threads()
        if set(before.values()) != {3}:
            pytest.skip("this BLAS library does not let its threads be set")
        yield before
        assert blas_threads() == before


@pytest.mark.usefixtures("three_threads")
def test_one_thread_inside():
    with single_blas_thread() as value:
        assert all_single()
    assert value is None


@pytest.mark.usefixtures("three_threads")
def test_nested_contexts_restore_with_the_outermost():
    with single_blas_thread():
        with single_blas_thread():
            assert all_single()
        assert all_single()


def test_exception_restores_and_passes(three_threads):
    with pytest.raises(ZeroDivisionError), single_blas_thread():
        raise ZeroDivisionError
    assert blas_threads() == three_threads


def test_one_thread_before_is_one_thread_after():
    with threadpool_limits(limits=1, user_api="blas"):
        with single_blas_thread():
            assert all_single()
        assert all_single()


def in_own_threads(n_threads):
    """Return executors of one thread each, so that a test decides who runs when."""
    return [ThreadPoolExecutor(max_workers=1) for _ in range(n_threads)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_holders_leave_in_any_order(three_threads, order):
    """The first to enter may leave first, and a thread that lowered nothing last."""
    executors = in_own_threads(3)
    contexts = [single_blas_thread() for _ in executors]
    for executor, context in zip(executors, contexts, strict=True):
        executor.submit(context.__enter__).result()
        assert all_single()
    for left, i in enumerate(order):
        assert all_single()
        executors[i].submit(contexts[i].__exit__, None, None, None).result()
        assert (blas_threads() == three_threads) == (left == 2)
    for executor in executors:
        executor.shutdown()


def test_many_threads_leave_the_process_as_it_was(three_threads):
    """Random overlaps; the process limit is checked from inside every context."""
    barrier = threading.Barrier(16)
    failures = []

    def work(seed):
        pauses = random.Random(seed)
        barrier.wait()
        for _ in range(30):
            with single_blas_thread():
                if not all_single():
                    failures.append(seed)
                if pauses.random() < 0.3:
                    with single_blas_thread():
                        threading.Event().wait(pauses.random() * 1e-3)
            threading.Event().wait(pauses.random() * 1e-4)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert blas_threads() == three_threads


def test_count_set_by_others_meanwhile_is_kept():
    """A foreign limit that ends inside ours has restored the true count already."""
    foreign = threadpool_limits(limits=3, user_api="blas")
    try:
        inner = threadpool_limits(limits=2, user_api="blas")
        with single_blas_thread():
            inner.restore_original_limits()
        assert set(blas_threads().values()) == {3}
    finally:
        foreign.restore_original_limits()


@pytest.mark.usefixtures("three_threads")
def test_nested_entry_does_not_list_the_libraries(monkeypatch):
    """Listing them takes a millisecond, which chunk loops would pay every time."""
    with single_blas_thread():
        monkeypatch.setattr(_resources, "ThreadpoolController", None)
        monkeypatch.setattr(_resources._BLAS, "n_modules", -1)
        with single_blas_thread():
            assert all_single()


def test_libraries_are_listed_again_after_an_import(monkeypatch):
    with single_blas_thread():
        pass
    listed = []
    original = _resources.ThreadpoolController

    def counting():
        listed.append(True)
        return original()

    monkeypatch.setattr(_resources, "ThreadpoolController", counting)
    with single_blas_thread():
        pass
    assert not listed
    monkeypatch.setitem(sys.modules, "skextras_no_such_module", object())
    with single_blas_thread():
        pass
    assert listed == [True]


class LibraryByThread:
    """OpenBLAS on OpenMP, each of whose threads has its own count."""

    internal_api = "openblas"
    threading_layer = "openmp"

    def __init__(self):
        self.local = threading.local()

    @property
    def num_threads(self):
        return getattr(self.local, "count", 3)

    def set_num_threads(self, count):
        self.local.count = count


def test_counts_by_thread_are_lowered_and_restored_in_each(monkeypatch):
    library = LibraryByThread()
    assert _resources._counts_by_thread(library)
    monkeypatch.setattr(_resources._BLAS, "of_thread", [library])
    monkeypatch.setattr(_resources._BLAS, "_find_libraries", lambda: None)
    executors = in_own_threads(2)
    contexts = [single_blas_thread() for _ in executors]

    def counts():
        return [e.submit(lambda: library.num_threads).result() for e in executors]

    assert counts() == [3, 3]
    executors[0].submit(contexts[0].__enter__).result()
    assert counts() == [1, 3]
    executors[1].submit(contexts[1].__enter__).result()
    assert counts() == [1, 1]
    executors[0].submit(contexts[0].__exit__, None, None, None).result()
    assert counts() == [3, 1]
    executors[1].submit(contexts[1].__exit__, None, None, None).result()
    assert counts() == [3, 3]
    for executor in executors:
        executor.shutdown()


def report():
    """Threads before, inside and after, as seen in another process."""
    with threadpool_limits(limits=3, user_api="blas"):
        before = set(blas_threads().values())
        with single_blas_thread():
            inside = set(blas_threads().values())
        return before, inside, set(blas_threads().values())


@pytest.mark.usefixtures("three_threads")
def test_loky_worker():
    with single_blas_thread():
        jobs = (joblib.delayed(report)() for _ in range(2))
        results = joblib.Parallel(n_jobs=2, backend="loky")(jobs)
    assert results == [({3}, {1}, {3})] * 2


def in_fork(function):
    """Run a function in a forked child and return whether it returned True."""
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads, which is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0


needs_fork = pytest.mark.skipif(
    not hasattr(os, "register_at_fork"), reason="the platform cannot fork"
)


@needs_fork
@pytest.mark.usefixtures("three_threads")
def test_child_forgets_the_holds_of_threads_it_lacks():
    (executor,) = in_own_threads(1)
    context = single_blas_thread()
    executor.submit(context.__enter__).result()

    def child():
        free = set(blas_threads().values()) == {3}
        with single_blas_thread():
            held = all_single()
        return free and held and set(blas_threads().values()) == {3}

    assert in_fork(child)
    assert all_single()
    executor.submit(context.__exit__, None, None, None).result()
    executor.shutdown()


@needs_fork
@pytest.mark.usefixtures("three_threads")
def test_child_keeps_the_hold_that_it_was_forked_in():
    context = single_blas_thread()
    context.__enter__()

    def child():
        held = all_single()
        context.__exit__(None, None, None)
        return held and set(blas_threads().values()) == {3}

    assert in_fork(child)
    assert all_single()
    context.__exit__(None, None, None)
