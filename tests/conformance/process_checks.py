"""Checks that an estimator survives being stored and sent to other processes."""

import pickle
import sys

import joblib
import pytest


def check_pickle(case):
    """A pickled estimator, fitted or not, gives the same output."""
    restored = pickle.loads(pickle.dumps(case.fit()))
    case.assert_same(case.outputs(restored), what="the unpickled estimator differs")
    restored = pickle.loads(pickle.dumps(case.new())).fit(case.X, case.y)
    case.assert_same(case.outputs(restored), what="fitting after unpickling differs")


def check_pickle_does_not_grow(case, slack=512):
    """The training data do not travel with the model."""
    n_samples = case.entry.n_samples
    sizes = [
        len(pickle.dumps(case.fit(*case.make_data(n))))
        for n in (n_samples, 8 * n_samples)
    ]
    growth, allowed = sizes[1] - sizes[0], case.entry.pickle_bytes_per_sample
    assert growth <= slack + allowed * 7 * n_samples, (
        f"the pickle grows by {growth} bytes with {7 * n_samples} training samples; "
        f"{allowed} bytes a sample are allowed"
    )


def check_skops(case):
    """skops restores the estimator, trusting this package's own types alone."""
    io = pytest.importorskip("skops.io")
    stored = io.dumps(case.fit())
    types = io.get_untrusted_types(data=stored)
    package = case.cls.__module__.partition(".")[0]
    foreign = [name for name in types if name.partition(".")[0] != package]
    assert not foreign, f"skops would have to trust {foreign}"
    restored = io.loads(stored, trusted=types)
    case.assert_same(case.outputs(restored), what="skops changes the output")


def _in_worker(case, fitted):
    """Outputs of a fit in this process, and of an estimator fitted elsewhere."""
    return case.outputs(case.fit()), case.outputs(fitted)


def check_loky(case):
    """joblib's worker processes get the same numbers."""
    jobs = [joblib.delayed(_in_worker)(case, case.fit())] * 2
    # On fewer threads than here, sums in float32 round differently, and training
    # carries that far.
    with joblib.parallel_config("loky", inner_max_num_threads=_count_threads()):
        found = joblib.Parallel(n_jobs=2)(jobs)
    for results in found:
        for outputs in results:
            case.assert_same(outputs, what="a loky worker differs")


def _count_threads():
    torch = sys.modules.get("torch")
    return joblib.cpu_count() if torch is None else torch.get_num_threads()


def check_dask(case, client):
    """dask's worker processes get the same numbers."""
    workers = list(client.scheduler_info()["workers"])
    fitted = case.fit()
    futures = [
        client.submit(_in_worker, case, fitted, workers=[worker], pure=False)
        for worker in workers
    ]
    assert len(futures) == 2
    for results in client.gather(futures):
        for outputs in results:
            case.assert_same(outputs, what="a dask worker differs")


PROCESS_CHECKS = [check_pickle, check_pickle_does_not_grow, check_skops, check_loky]
