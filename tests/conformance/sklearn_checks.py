"""scikit-learn's own checks: those it yields, and those it runs on itself only."""

import contextlib
import inspect
import re
import unittest
import warnings
from functools import partial

from sklearn.base import clone
from sklearn.utils import estimator_checks as checks
from sklearn.utils.validation import has_fit_parameter

from conformance.lifting import lifted

# The only good reasons to skip a check: what it needs is not on this machine.
SKIP_REASON = re.compile(
    r"(array_api_strict|cupy|torch|dpnp) is not installed"
    r"|requires cuda, which is not available"
    r"|no (SYCL|\w+) devices? (is )?(found|available)"
    r"|(XPU|MPS) is not available"
    r"|Skipping MPS device test",
    re.IGNORECASE,
)

# These fit on a frame and transform an array, or the reverse, and scikit-learn warns.
MIXED_INPUT_CHECKS = (
    checks.check_set_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_global_output_transform_pandas,
    checks.check_global_set_output_transform_polars,
)
MIXED_INPUT_WARNINGS = (
    r"X does not have valid feature names, but \w+ was fitted with feature names",
    r"X has feature names, but \w+ was fitted without feature names",
)

NAME_CHECKS = (
    checks.check_transformer_get_feature_names_out,
    checks.check_get_feature_names_out_error,
    checks.check_set_output_transform,
    *MIXED_INPUT_CHECKS,
)

# Only a table has column names: not run lifted.
COLUMN_CHECKS = (checks.check_dataframe_column_names_consistency,)
COLUMN_NAME_CHECKS = (checks.check_transformer_get_feature_names_out_pandas,)


def prepare(cls, entry, layout, params=()):
    """Unfitted default estimator that reads the checks' 2-D data in a layout."""
    estimator = cls(**{**entry.stand_in, **dict(params)})
    return estimator if layout == "2d" else lifted(estimator, layout)


def yielded_checks(cls, entry, layout):
    """Pairs of estimator and check, those of ``parametrize_with_checks``."""
    yield from checks.estimator_checks_generator(prepare(cls, entry, layout))


def unyielded_checks(cls, entry, layout):
    """Pairs of estimator and check, of what scikit-learn asks of itself alone."""
    estimator, on_table = prepare(cls, entry, layout), layout == "2d"
    wanted = [(estimator, checks.check_param_validation)]
    if on_table:
        wanted += [(estimator, check) for check in COLUMN_CHECKS]
    if has_fit_parameter(estimator, "sample_weight"):
        wanted.append((estimator, checks.check_all_zero_sample_weights_error))
    copy = {"copy", "copy_X"} & estimator.get_params(deep=False).keys()
    if copy:
        in_place = clone(estimator).set_params(**dict.fromkeys(copy, False))
        wanted.append((in_place, checks.check_inplace_ensure_writeable))
    if hasattr(cls, "transform") and entry.named_output is not None:
        named = prepare(cls, entry, layout, entry.named_output)
        names = NAME_CHECKS + (COLUMN_NAME_CHECKS if on_table else ())
        wanted += [(named, check) for check in names]
    for estimator, check in wanted:
        yield estimator, partial(check, cls.__name__)


def check_id(check):
    """Name of a check, with the arguments that tell it from its like."""
    function = inspect.unwrap(check.func)
    arguments = ",".join(f"{k}={v}" for k, v in (check.keywords or {}).items())
    return f"{function.__name__}({arguments})" if arguments else function.__name__


@contextlib.contextmanager
def expected_warnings(patterns):
    """Let pass the listed warnings and nothing else."""
    with warnings.catch_warnings():
        for pattern in patterns:
            warnings.filterwarnings("ignore", message=pattern)
        yield


def run(check, estimator, patterns=()):
    """Run one check; return the reason if it may be skipped."""
    if check.func in MIXED_INPUT_CHECKS:
        patterns = (*patterns, *MIXED_INPUT_WARNINGS)
    with expected_warnings(patterns):
        try:
            check(estimator)
        except unittest.SkipTest as skip:
            if SKIP_REASON.search(str(skip)) is None:
                raise AssertionError(f"no reason to skip: {skip}") from skip
            return str(skip)
    return None


def unseen_warnings(patterns, checks_to_run):
    """Patterns that no warning of the checks matches; stop when all are seen."""
    unseen = set(patterns)
    for check in checks_to_run if unseen else ():
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            # Whether it passes is another test's question.
            with contextlib.suppress(Exception):
                check()
        messages = [str(warning.message) for warning in record]
        unseen -= {p for p in unseen if any(re.match(p, m, re.I) for m in messages)}
        if not unseen:
            break
    return unseen
