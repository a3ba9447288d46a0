"""False alarms of SubspaceAD at a nominal level, by rule of calibration."""

import numpy as np
from _harness import describe_machine, parse_arguments, write_section
from threadpoolctl import threadpool_limits

from skextras import SubspaceAD

CALIBRATIONS = ("crossfit", "train", "hbe")
# Training rows and repetitions.
SIZES = [(80, 400), (256, 400), (1024, 200), (8192, 40)]
N_TEST = 20_000
ALPHA = 0.05
_TEXT = """## SubspaceAD: false alarms

Share of {n_test:,} new normal rows that `predict` flags at a nominal {alpha:.0%}, mean
over simulations and, in brackets, its standard error. Rows of 64 independent features
of variance j^-1.5, Gaussian or of Student's t with five degrees of freedom; 95 % of the
variance kept. The last column is the share of p-values of at most 0.01 under
`calibration="crossfit"`.

{table}

{machine}"""


def main(argv=None):
    """Simulate, print the table, and write it into the page of benchmarks.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    rates : dict
        Rates of the simulations by distribution and number of training rows.
    """
    options = parse_arguments(__doc__, argv)
    sizes = [(n, 3) for n, _ in SIZES[:2]] if options.quick else SIZES
    header = ("rows", "training rows", *CALIBRATIONS, "p <= 0.01")
    lines, rates = [header, ("---",) * len(header)], {}
    for distribution, draw in DISTRIBUTIONS.items():
        for n_rows, n_repeats in sizes:
            rates[distribution, n_rows] = simulate(draw, n_rows, n_repeats)
            figures = summarise(rates[distribution, n_rows])
            lines.append((distribution, f"{n_rows:,}", *figures))
            print(" | ".join(lines[-1]), flush=True)
    if options.page is not None:
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        machine = describe_machine(["numpy", "scipy", "scikit-learn"])
        text = _TEXT.format(table=table, machine=machine, n_test=N_TEST, alpha=ALPHA)
        write_section(options.page, "subspace_ad_false_alarms", text)
    return rates


def draw_gaussian(rng, shape):
    """Draw standard normal values.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    shape : tuple of int
        Shape.

    Returns
    -------
    values : ndarray
        Of unit variance.
    """
    return rng.standard_normal(shape)


def draw_heavy_tails(rng, shape):
    """Draw from Student's t with five degrees of freedom.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    shape : tuple of int
        Shape.

    Returns
    -------
    values : ndarray
        Of unit variance.
    """
    return rng.standard_t(5, shape) / np.sqrt(5 / 3)


DISTRIBUTIONS = {"Gaussian": draw_gaussian, "t5": draw_heavy_tails}


def simulate(draw, n_rows, n_repeats):
    """Measure the false alarms of every rule on the same data.

    Parameters
    ----------
    draw : callable
        Draws values of unit variance.

    n_rows : int
        Number of training rows.

    n_repeats : int
        Number of simulations.

    Returns
    -------
    rates : ndarray of shape (n_repeats, 4)
        Rates of `CALIBRATIONS` and of small p-values.
    """
    scale = np.arange(1, 65) ** -0.75
    rates = np.empty((n_repeats, len(CALIBRATIONS) + 1))
    for row, rng in zip(rates, np.random.default_rng(0).spawn(n_repeats), strict=True):
        X, new = (draw(rng, (n, 64)) * scale for n in (n_rows, N_TEST))
        for column, calibration in enumerate(CALIBRATIONS):
            estimator = SubspaceAD(0.95, alpha=ALPHA, calibration=calibration).fit(X)
            row[column] = np.mean(estimator.predict(new) == -1)
            if calibration == "crossfit":
                row[-1] = np.mean(estimator.p_value(new) <= 0.01)
    return rates


def summarise(rates):
    """Say the mean and its standard error of each column.

    Parameters
    ----------
    rates : ndarray of shape (n_repeats, n_columns)
        Rates.

    Returns
    -------
    texts : list of str
        One for each column.
    """
    errors = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
    return [
        f"{mean:.3f} ({error:.3f})"
        for mean, error in zip(rates.mean(axis=0), errors, strict=True)
    ]


if __name__ == "__main__":
    with threadpool_limits(limits=1, user_api="blas"):
        main()
