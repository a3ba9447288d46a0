"""Checks that scikit-learn does not have; each takes a `Case` and asserts.

`OWN_CHECKS` lists those that run on every layout of every public estimator; the data
checks and the process checks stand in the two sibling modules.
"""

import contextlib
import sys
import threading
import warnings

import numpy as np
from sklearn.base import BaseEstimator, clone

from conformance import data_checks, process_checks, state
from conformance.case import take
from conformance.entry import NoEffect

PLAIN = (np.ndarray, np.generic, int, float, str, bool, type(None), BaseEstimator)


def _parameters(case):
    for name, effect in case.entry.parameters.items():
        if effect.on in (None, case.layout):
            yield name, effect


def check_set_params_reaches_fit(case):
    """`set_params` and the constructor agree, or a grid search does nothing."""
    for name, effect in _parameters(case):
        constructed = case.fit(**{**effect.context, name: effect.value})
        changed = case.new(**effect.context)
        # Fitted before, so that nothing derived from the old value may survive.
        changed.fit(case.X, case.y).set_params(**{name: effect.value})
        changed.fit(case.X, case.y)
        case.assert_same(
            case.outputs(changed),
            case.outputs(constructed),
            what=f"set_params({name}={effect.value!r}) differs from the constructor",
        )


def check_every_parameter_has_effect(case):
    """Each parameter changes the output, unless its entry says that it must not."""
    for name, effect in _parameters(case):
        before = case.outputs(case.fit(**effect.context))
        after = case.outputs(case.fit(**{**effect.context, name: effect.value}))
        what = f"{name}={effect.value!r} with {dict(effect.context)}"
        if isinstance(effect, NoEffect):
            case.assert_same(after, before, what=f"{what} changes numbers")
            continue
        try:
            case.assert_same(after, before, what="")
        except AssertionError:
            continue
        raise AssertionError(f"{what} has no effect on {sorted(after)}")


def check_clone_gives_same_numbers(case):
    """A clone, also one of a fitted estimator, is the same estimator."""
    estimator = case.new()
    for copy in (clone(estimator), clone(estimator.fit(case.X, case.y))):
        fitted = copy.fit(case.X, case.y)
        case.assert_same(case.outputs(fitted), what="clone(estimator) differs")


def check_fit_is_idempotent(case):
    """A second fit on the same data changes nothing."""
    fitted = case.fit().fit(case.X, case.y)
    case.assert_same(case.outputs(fitted), what="the second fit differs")


def check_refit_forgets(case):
    """A fit on other data leaves no trace in the next one."""
    X, y = case.make_data(case.entry.n_samples + 6, seed=1)
    fitted = case.fit(X, y).fit(case.X, case.y)
    case.assert_same(case.outputs(fitted), what="an earlier fit shows")
    fresh = {n for n in vars(case.fit()) if not n.startswith("_")}
    extra = {n for n in vars(fitted) if not n.startswith("_")} - fresh
    assert not extra, f"attributes of an earlier fit survive: {sorted(extra)}"


def check_output_leaves_estimator_alone(case):
    """Transforming and predicting add and rebind no attribute."""
    fitted = case.fit()
    before = dict(vars(fitted))
    case.outputs(fitted)
    after = vars(fitted)
    bad = [n for n in before.keys() | after.keys() if after.get(n) is not before.get(n)]
    assert not bad, f"output methods change the attributes {sorted(bad)}"


def check_no_global_state(case):
    """Fit and output print nothing and leave the process as they found it."""
    settings = [e.context | {n: e.value} for n, e in _parameters(case)]
    for params in [{}, *settings]:
        before = state.snapshot() | state.thread_counts()
        with state.captured_output() as printed:
            case.outputs(case.fit(**params))
        changed = state.changes(before, state.snapshot() | state.thread_counts())
        assert not changed, f"changed for good with {params}: {', '.join(changed)}"
        assert not printed[0], f"printed with {params}: {printed[0]!r}"


def check_jobs_leave_no_trace(case, n_rounds=50):
    """Parallel work leaves the process as it found it, every time.

    It fails where jobs swap the warning filters, as those of `sklearn.utils.parallel`
    do: threads that put them back in another order leave the wrong ones.
    """
    if "n_jobs" not in case.new().get_params(deep=False):
        return
    with warnings.catch_warnings(), _frequent_switches():
        before = state.snapshot() | state.thread_counts()
        for _ in range(n_rounds):
            case.outputs(case.fit(**case.entry.quick, n_jobs=2))
            changed = state.changes(before, state.snapshot() | state.thread_counts())
            assert not changed, f"changed for good with n_jobs=2: {', '.join(changed)}"


def check_threads(case, n_threads=6, n_rounds=5):
    """Threads that fit and predict at once get the numbers of one alone."""
    quick = case.entry.quick
    fitted, results = case.fit(**quick), [[] for _ in range(n_threads)]
    reference = case.outputs(fitted)
    before = state.snapshot() | state.thread_counts()
    # scikit-learn's check_array swaps them, which is not safe in threads.
    del before["the warning filters"]
    together = threading.Barrier(n_threads)

    def work(i):
        together.wait(timeout=60)
        try:
            for _ in range(n_rounds):
                results[i] += [case.outputs(case.fit(**quick)), case.outputs(fitted)]
        except Exception as error:
            results[i] = error

    workers = [threading.Thread(target=work, args=(i,)) for i in range(n_threads)]
    with warnings.catch_warnings(), _frequent_switches():
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    for result in results:
        if isinstance(result, Exception):
            raise AssertionError(f"a thread failed: {result!r}") from result
        for outputs in result:
            case.assert_same(outputs, reference, what="a thread differs")
    changed = state.changes(before, state.snapshot() | state.thread_counts())
    assert not changed, f"changed for good by threads: {changed}"


@contextlib.contextmanager
def _frequent_switches():
    """Make the interpreter change threads so often that races show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def check_fitted_attributes(case):
    """Fitted attributes end in an underscore and hold plain data."""
    fitted = case.fit()
    case.outputs(fitted)
    parameters = fitted.get_params(deep=False)
    found = {n: v for n, v in vars(fitted).items() if n not in parameters}
    bad = [n for n in found if not (n.endswith("_") or n.startswith("_"))]
    assert not bad, f"attributes without trailing underscore: {sorted(bad)}"
    bad = {n: type(v).__name__ for n, v in found.items() if not _is_plain(v)}
    assert not bad, f"not plain data: {bad}"


def _is_plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, np.ndarray) and value.dtype == object:
        return all(map(_is_plain, value.flat))
    return isinstance(value, PLAIN)


def check_single_sample(case):
    """Each sample's output depends on that sample alone."""
    fitted, n_samples = case.fit(), case.entry.n_samples
    for i in (0, n_samples // 2, n_samples - 1):
        alone = _per_sample(case, fitted, take(case.X, [i]))
        expected = {n: case.reference[n][[i]] for n in alone}
        case.assert_same(alone, expected, what=f"sample {i} alone differs")


def check_sample_order(case):
    """Permuted samples give permuted output."""
    order = np.random.default_rng(0).permutation(case.entry.n_samples)
    permuted = _per_sample(case, case.fit(), take(case.X, order))
    expected = {n: case.reference[n][order] for n in permuted}
    case.assert_same(permuted, expected, what="the order of samples matters")


def _per_sample(case, fitted, X):
    outputs = case.outputs(fitted, X)
    return {n: outputs[n] for n in case.methods(fitted)}


OWN_CHECKS = [
    check_set_params_reaches_fit,
    check_every_parameter_has_effect,
    check_clone_gives_same_numbers,
    check_fit_is_idempotent,
    check_refit_forgets,
    check_output_leaves_estimator_alone,
    check_no_global_state,
    check_jobs_leave_no_trace,
    check_threads,
    check_fitted_attributes,
    check_single_sample,
    check_sample_order,
    *data_checks.DATA_CHECKS,
    *process_checks.PROCESS_CHECKS,
]
