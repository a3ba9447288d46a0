"""Versions of what is installed, and a tour: ``python -m skextras``."""

import argparse
import importlib.metadata
import importlib.util
import platform
import sys
import textwrap

import skextras

# Distributions and the modules that the tour imports of them.
REPORTED = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "mne",
    "pyriemann",
    "nilearn",
    "torch",
    "matplotlib",
    "rich",
)
NEEDED = ("mne", "pyriemann", "matplotlib", "rich")


def main(argv=None):
    """Print the versions and run the tour.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; those of the process by default.

    Returns
    -------
    code : int
        0, or 1 where an extra is missing.
    """
    options = make_parser().parse_args(argv)
    print(describe_versions(), end="\n\n", flush=True)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"The tour needs {', '.join(missing)}: "
            'pip install "skextras[eeg,plot,progress]"',
            file=sys.stderr,
        )
        return 1
    # Heavy, and not there without the extras.
    from skextras import _tour

    _tour.run_tour(options.output, _tour.QUICK if options.quick else _tour.Plan())
    return 0


def make_parser():
    """Describe the command line.

    Returns
    -------
    parser : argparse.ArgumentParser
        The parser.
    """
    parser = argparse.ArgumentParser(
        prog="python -m skextras",
        description="Print what is installed, then classify real EEG recordings with "
        "AugmentedCovariance: a nested grid search, a table of its scores, two plots. "
        "Takes a minute or two; needs no network.",
    )
    parser.add_argument(
        "--output",
        default="skextras_tour",
        metavar="DIR",
        help="folder for the plots (default: %(default)s)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one subject and a small grid: seconds"
    )
    return parser


def describe_versions():
    """List the versions of this package, Python and what is used of others.

    Returns
    -------
    text : str
        Lines of what is there and, if need be, one of what is not.
    """
    found, absent = [], []
    for name in REPORTED:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    lines = [
        f"skextras {skextras.__version__} on Python {platform.python_version()}",
        *textwrap.wrap(f"with {', '.join(found)}", 80, break_on_hyphens=False),
    ]
    if absent:
        lines.append(f"not installed: {', '.join(absent)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
