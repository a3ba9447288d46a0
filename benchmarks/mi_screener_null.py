"""P-values of MIScreener on features that tell nothing, and false discoveries."""

import numpy as np
from _harness import describe_machine, parse_arguments, write_section
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from skextras import MIScreener

N_SAMPLES, N_FEATURES, N_BLOCK = 1000, 100_000, 5000
# Settings, distribution of the features, and the share of them that is drawn.
CASES = [
    ({}, "normal", 1),
    ({"n_bins": 16}, "normal", 1),
    ({}, "80 % zeros", 1),
    ({"method": "fftkde"}, "normal", 1),
    ({"method": "fftkde"}, "80 % zeros", 0.2),
    ({"method": "knn"}, "normal", 0.2),
    ({"method": "knn"}, "exponential", 0.2),
    ({"method": "knn"}, "lognormal", 0.2),
    ({"method": "knn"}, "80 % zeros", 0.2),
    ({"method": "pearson"}, "normal", 1),
    ({"method": "pearson"}, "lognormal", 1),
    ({"method": "gaussian"}, "lognormal", 1),
]
LEVELS = (0.05, 0.01, 0.001)
N_NULL, N_TRUE, SLOPE, N_REPEATS = 20_000, 200, 0.25, 5
CONTROLS = ("fdr_bh", "fdr_by")
_TEXT = """## MIScreener: p-values

P-values of features that are independent of a normal outcome, {n_samples} samples:
greatest distance to the uniform distribution, and how often they are below a level
(which it should be equal to).

{levels}

False discoveries at `alpha=0.1` by binning: {n_null:,} features that tell nothing and
{n_true} that follow the outcome with slope {slope}, means of {n_repeats} simulations;
independent, or each correlated by 0.5 with the next.

{discoveries}

{machine}"""


def _draw_zeros(rng, shape):
    values = rng.standard_normal(shape, np.float32)
    values[rng.random(shape, np.float32) < 0.8] = 0
    return values


DRAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape, np.float32),
    "exponential": lambda rng, shape: rng.standard_exponential(shape, np.float32),
    "lognormal": lambda rng, shape: np.exp(2 * rng.standard_normal(shape, np.float32)),
    "80 % zeros": _draw_zeros,
}


def main(argv=None):
    """Simulate, print the tables, and write them into the page of benchmarks.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    found : dict
        ``levels``: distance and shares of each case; ``discoveries``: false discovery
        rate and power of each kind of features and control.
    """
    options = parse_arguments(__doc__, argv)
    divisor = 20 if options.quick else 1
    levels, discoveries = {}, {}
    for params, features, share in CASES:
        name = ", ".join(f"{key}={value!r}" for key, value in params.items())
        case = name or 'method="binning"', features
        n_features = max(N_BLOCK, int(share * N_FEATURES) // divisor)
        levels[case] = null_levels(params, DRAWS[features], min(n_features, N_FEATURES))
        print(*case, *(f"{value:.2g}" for value in levels[case]), flush=True)
    for correlated in (False, True):
        for control in CONTROLS:
            case = "correlated" if correlated else "independent", control
            repeats = 1 if options.quick else N_REPEATS
            discoveries[case] = false_discoveries(correlated, control, repeats)
            print(*case, *(f"{value:.3f}" for value in discoveries[case]), flush=True)
    if options.page is not None:
        write_section(options.page, "mi_screener_null", _text(levels, discoveries))
    return {"levels": levels, "discoveries": discoveries}


def _text(levels, discoveries):
    """Lay out both tables."""
    header = ("settings", "features", "distance", *(f"p <= {a}" for a in LEVELS))
    rows = [(f"`{s}`", x, *(f"{v:.2g}" for v in f)) for (s, x), f in levels.items()]
    others = [
        (x, f"`{c}`", *(f"{v:.3f}" for v in f)) for (x, c), f in discoveries.items()
    ]
    return _TEXT.format(
        n_samples=N_SAMPLES,
        n_null=N_NULL,
        n_true=N_TRUE,
        slope=SLOPE,
        n_repeats=N_REPEATS,
        levels=_table(header, rows),
        discoveries=_table(("features", "control", "false", "found"), others),
        machine=describe_machine(["numpy", "scipy", "scikit-learn", "numba"]),
    )


def _table(header, rows):
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def null_levels(params, draw, n_features):
    """Compare p-values of independent features with the uniform distribution.

    Parameters
    ----------
    params : dict
        Parameters of `MIScreener`.

    draw : callable
        Of a generator and a shape, returning features.

    n_features : int
        Number of features.

    Returns
    -------
    distance : float
        Kolmogorov-Smirnov distance.

    *shares : tuple of float
        Shares of the p-values that do not exceed the levels.
    """
    rng = np.random.default_rng(0)
    y = rng.standard_normal(N_SAMPLES)
    # With alpha, p-values are computed by every method.
    screener = MIScreener(alpha=0.05, random_state=0, **params)
    parts = []
    for start in range(0, n_features, N_BLOCK):
        X = draw(rng, (N_SAMPLES, min(N_BLOCK, n_features - start)))
        parts.append(screener.fit(X, y).pvalues_)
    p_values = np.concatenate(parts)
    shares = [float((p_values <= level).mean()) for level in LEVELS]
    return kstest(p_values, "uniform").statistic, *shares


def false_discoveries(correlated, control, n_repeats):
    """Select among features that tell nothing and a few that do.

    Parameters
    ----------
    correlated : bool
        Whether neighbouring features correlate.

    control : str
        As of `MIScreener`.

    n_repeats : int
        Number of simulations.

    Returns
    -------
    rate : float
        Mean share of the selected that tell nothing.

    power : float
        Mean share of the others that are selected.
    """
    rates, powers = [], []
    screener = MIScreener(k="all", alpha=0.1, control=control)
    for seed in range(n_repeats):
        X, y = simulate(np.random.default_rng(seed), correlated)
        chosen = screener.fit(X, y).support_
        rates.append(chosen[N_TRUE:].sum() / max(chosen.sum(), 1))
        powers.append(chosen[:N_TRUE].mean())
    return float(np.mean(rates)), float(np.mean(powers))


def simulate(rng, correlated):
    """Draw features, of which the first follow the outcome, each by itself.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    correlated : bool
        Whether each feature's noise is correlated by 0.5 with the next one's.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float32
        The features.

    y : ndarray of shape (n_samples,)
        The outcome.
    """
    n = N_TRUE + N_NULL
    X = rng.standard_normal((N_SAMPLES, n + 1), np.float32)
    X = (X[:, 1:] + X[:, :-1]) / np.sqrt(np.float32(2)) if correlated else X[:, 1:]
    y = rng.standard_normal(N_SAMPLES)
    X[:, :N_TRUE] += SLOPE * y[:, None].astype(np.float32)
    return X, y


if __name__ == "__main__":
    with threadpool_limits(limits=1, user_api="blas"):
        main()
