"""Checks that one content gives one result, whatever carries it."""

import tempfile
import tracemalloc
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn import config_context
from sklearn.utils import get_tags

from conformance.case import map_samples, take

MEBIBYTE = 2**20


def check_input_is_not_written(case):
    """X and y stay as they are, and need not be writeable."""
    X, y = map_samples(np.array, case.X), np.array(case.y)
    before = joblib.hash((X, y))
    case.outputs(case.fit(X, y), X)
    assert joblib.hash((X, y)) == before, "the input was written"
    X, y = map_samples(_read_only, X), _read_only(y)
    case.assert_same(case.outputs(case.fit(X, y), X), what="read-only input differs")


def check_layouts(case):
    """Memory layout, byte order and container leave the numbers alone."""
    with tempfile.TemporaryDirectory() as folder:
        for name, change in _layouts(Path(folder)).items():
            X = change(case.X)
            fitted = case.fit(X)
            case.assert_same(case.outputs(fitted, X), what=f"{name} input differs")
            fitted = case.fit()
            what = f"{name} input to a fitted estimator differs"
            case.assert_same(case.outputs(fitted, X), what=what)
            del X, fitted  # the map is closed before its folder goes


def _layouts(folder):
    def memmap(X):
        return joblib.load(joblib.dump(X, folder / "X.joblib")[0], mmap_mode="r")

    def each(function):
        return lambda X: map_samples(function, X)

    return {
        "Fortran": each(np.asfortranarray),
        "strided": each(lambda X: np.repeat(X, 2, axis=-1)[..., ::2]),
        "negatively strided": each(lambda X: X[..., ::-1].copy()[..., ::-1]),
        "big-endian": each(lambda X: X.astype(X.dtype.newbyteorder(">"))),
        "list": each(lambda X: X.tolist()),
        "memory-mapped": memmap,
    }


def _read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def check_integers(case):
    """Integers are the floats of the same value."""
    if not case.entry.integers:
        return
    integers = map_samples(lambda X: np.rint(100 * X).astype(np.int16), case.X)
    floats = map_samples(lambda X: X.astype(np.float64), integers)
    expected = case.outputs(case.fit(floats), floats)
    actual = case.outputs(case.fit(integers), integers)
    case.assert_same(actual, expected, what="int16 input differs")


def check_float32(case):
    """float32 input gives the numbers of float64, in float32 where that is promised."""
    X = map_samples(lambda X: X.astype(np.float32), case.X)
    fitted = case.fit(X)
    outputs = case.outputs(fitted, X)
    rtol = case.entry.float32_rtol
    case.assert_same(outputs, rtol=rtol, what="float32 input differs")
    tags = get_tags(fitted).transformer_tags
    if tags is not None and "float32" in tags.preserves_dtype:
        assert outputs["transform"].dtype == np.float32, outputs["transform"].dtype
    if tags is not None:
        # The first is what the others become, by scikit-learn's definition.
        default = np.dtype((*tags.preserves_dtype, "float64")[0])
        assert case.reference["transform"].dtype == default


def check_scale(case, rtol=1e-6):
    """Volts and microvolts are the same data: no absolute epsilon anywhere."""
    powers = {"predict": 0} | dict(case.entry.scale_power)
    for scale in (1e-7, 1e7):
        X = map_samples(lambda X, scale=scale: scale * X, case.X)
        outputs = case.outputs(case.fit(X), X)
        for name, output in outputs.items():
            bad = output.dtype.kind == "f" and not np.isfinite(output).all()
            assert not bad, f"{name} is not finite at scale {scale}"
        expected = {
            name: _scaled(case.reference[name], scale, powers[name])
            for name in powers.keys() & outputs.keys()
        }
        actual = {name: outputs[name] for name in expected}
        case.assert_same(actual, expected, rtol=rtol, what=f"scale {scale} shows")


def _scaled(output, scale, power):
    return output * scale**power if power else output


def check_working_memory(case):
    """The size of the chunks changes no number."""
    fitted = case.fit()
    for mebibytes in (1e-3, 1e4):  # chunks of a few samples, and a single one
        with config_context(working_memory=mebibytes), warnings.catch_warnings():
            # scikit-learn's, of a single row that is larger than that.
            warnings.filterwarnings("ignore", "Could not adhere to working_memory")
            what = f"working_memory={mebibytes} shows"
            case.assert_same(case.outputs(fitted), what=f"{what} in the output")
            case.assert_same(case.outputs(case.fit()), what=f"{what} in fit")


def check_output_memory(case, n_bytes=32 * MEBIBYTE):
    """Output methods take chunks and their output, not copies of the input."""
    fitted, X = case.fit(), _many(case, n_bytes)
    n_bytes = sum(np.asarray(sample).nbytes for sample in X)
    for name in case.methods(fitted):
        method = getattr(fitted, name)
        method(case.X)  # what is imported or compiled once is not counted
        with config_context(working_memory=4):
            tracemalloc.start()
            try:
                output = np.asarray(method(X))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        allowed = case.entry.memory_factor * output.nbytes + 16 * MEBIBYTE
        assert peak <= allowed, (
            f"{name} of {n_bytes / MEBIBYTE:.0f} MiB takes {peak / MEBIBYTE:.0f} MiB "
            f"for {output.nbytes / MEBIBYTE:.0f} MiB of output"
        )


def _many(case, n_bytes, most=100_000):
    """Repeat the case's samples; small ones do not fill the memory asked for."""
    n_samples = case.entry.n_samples
    size = sum(np.asarray(sample).nbytes for sample in case.X) / n_samples
    return take(case.X, np.arange(min(most, int(n_bytes / size))) % n_samples)


DATA_CHECKS = [
    check_input_is_not_written,
    check_layouts,
    check_integers,
    check_float32,
    check_scale,
    check_working_memory,
    check_output_memory,
]
