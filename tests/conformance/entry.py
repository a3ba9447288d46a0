"""What the common tests must be told about an estimator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Effect:
    """A value of a parameter that changes the output.

    Parameters
    ----------
    value : object
        Another value than the default.

    context : mapping
        Other parameters without which this one has no say, and the value to compare
        with where that cannot be the default.

    on : str or None
        The only layout on which it changes anything ("2d" or a lift); None: on all.
    """

    value: Any
    context: Mapping[str, Any] = field(default_factory=dict)
    on: str | None = None


@dataclass(frozen=True)
class NoEffect(Effect):
    """A value that must not change any number, as of n_jobs."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How the common tests treat one estimator.

    Parameters
    ----------
    parameters : mapping of str to Effect or NoEffect
        One for every parameter of the estimator.

    lifts : tuple of str
        Keys of `lifting.LIFTS`: the layouts, beside 2-D, that all checks run on.

    data : mapping of str to callable
        By layout, `make(target, rng)` returning X for the own checks: its samples
        follow `target`, 0, 1, 2, 0, ... or real numbers for a regressor. Default:
        noisy columns along the target, lifted.

    n_samples : int
        Number of samples of the own checks.

    warnings : mapping of str to tuple of str
        By layout, the warnings that the estimator must give on the checks' data, as
        patterns that match from the start of the message. Nothing else is let through,
        and a pattern that no check meets is an error.

    stand_in : mapping
        Parameters in place of defaults under which a fit takes too long to be done a
        hundred times. The estimator's own tests fit the defaults.

    quick : mapping
        Parameters that make a fit short, for the checks that fit many times at once to
        meet races.

    named_output : mapping or None
        Parameters under which the output has names and `set_output` exists. None: the
        output is no table.

    named_layouts : tuple of str or None
        The only layouts whose output is a table then; None: all.

    observe : tuple of str
        Fitted attributes that count as output beside those of the methods.

    rounding : float
        Relative difference allowed between ways that agree up to rounding; 0: none.

    float32_rtol : float
        Relative difference allowed between float32 and float64 input.

    integers : bool
        Whether integer input must give the numbers of the same floats.

    scale_power : mapping of str to int
        By output, the p of output(s X) = s**p output(X) when fitted on s X. The output
        of `predict` is compared with p = 0 unless another p is given here; others are
        compared when they are named.

    pickle_bytes_per_sample : float
        Bytes by which the pickle may grow with each training sample.

    memory_factor : float
        Peak memory of an output method, in bytes of its output, beside 16 MiB.

    requires : tuple of str
        Packages without which the estimator cannot be fitted.

    no_two_d : str
        Why the estimator reads no 2-D X; empty if it does, as nearly all must.
    """

    parameters: Mapping[str, Effect]
    lifts: tuple[str, ...] = ()
    data: Mapping[str, Callable] = field(default_factory=dict)
    n_samples: int = 60
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stand_in: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    named_output: Mapping[str, Any] | None = field(default_factory=dict)
    named_layouts: tuple[str, ...] | None = None
    observe: tuple[str, ...] = ()
    rounding: float = 1e-9
    float32_rtol: float = 1e-4
    integers: bool = True
    scale_power: Mapping[str, int] = field(default_factory=dict)
    pickle_bytes_per_sample: float = 0.0
    memory_factor: float = 2.0
    requires: tuple[str, ...] = ()
    no_two_d: str = ""

    @property
    def layouts(self):
        """Layouts that the checks run on."""
        return (() if self.no_two_d else ("2d",)) + self.lifts

    def has_names(self, layout):
        """Whether the output on a layout is a table, whose columns have names."""
        named = self.named_layouts is None or layout in self.named_layouts
        return named and self.named_output is not None
