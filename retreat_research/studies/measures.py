"""Performance measures of a simulation study, each with its Monte Carlo standard error.

References
----------
Morris, White and Crowther 2019, "Using simulation studies to evaluate statistical methods", Stat Med 38:2074,
doi:10.1002/sim.8086, Table 6; relative bias as in the R package rsimsum, ``R/performance.R``, doi:10.21105/joss.00739.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: What each measure is. n is the number of replicates with an estimate, of N in all.
MEASURES = {
    "convergence": "share of the N replicates in which the fit converged",
    "estimated": "share of the N replicates with a finite estimate",
    "with interval": "share of the replicates with an estimate that have a 95% interval too",
    "bias": "mean of the estimates minus the truth",
    "relative bias": "bias over the truth",
    "empirical SE": "standard deviation of the estimates",
    "mean squared error": "mean of (estimate − truth)²",
    "model SE": "root mean square of the standard errors",
    "relative error of model SE": "model SE over empirical SE, minus 1",
    "coverage": "share of the intervals that hold the truth; an estimate without interval counts as one that does not",
    "bias-eliminated coverage": "share of the intervals that hold the mean of the estimates",
}


def measures(
    estimate: np.ndarray,
    se: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    converged: np.ndarray,
    truth: float,
) -> pd.DataFrame:
    """Every measure of `MEASURES`, of one method for one estimand.

    Parameters
    ----------
    estimate, se, lower, upper : float array (N,)
        One entry per replicate; NaN where there is none. Without any interval there is no coverage.
    converged : bool array (N,)
    truth : float

    Returns
    -------
    pandas.DataFrame
        Indexed by measure: ``value`` and ``mcse``, its Monte Carlo standard error; NaN where it is not defined.

    Examples
    --------
    >>> table = measures(
    ...     np.array([1.0, 3.0]), np.ones(2), np.array([0.0, 2.5]), np.array([2.0, 4.5]), np.ones(2, dtype=bool), 1.5
    ... )
    >>> table.loc["bias"].round(2).to_dict()
    {'value': 0.5, 'mcse': 1.0}
    >>> table.loc["coverage"].round(2).to_dict()
    {'value': 0.5, 'mcse': 0.35}
    """
    rows = {"convergence": _share(converged), "estimated": _share(np.isfinite(estimate))}
    kept = np.isfinite(estimate)
    estimate, se, lower, upper = estimate[kept], se[kept], lower[kept], upper[kept]
    if estimate.size > 1 and np.isfinite(truth):
        rows |= _of_estimates(estimate, truth)
    has_se = np.isfinite(se)
    if has_se.sum() > 1:
        rows |= _of_standard_errors(estimate[has_se], se[has_se])
    has_interval = ~(np.isnan(lower) | np.isnan(upper))
    if estimate.size:
        rows["with interval"] = _share(has_interval)
    if has_interval.any() and np.isfinite(truth):
        rows["coverage"] = _share((lower <= truth) & (truth <= upper))
        middle = estimate.mean()
        rows["bias-eliminated coverage"] = _share((lower <= middle) & (middle <= upper))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "mcse"])
    return table.reindex(list(MEASURES)).rename_axis("measure")


def content_measures(content: np.ndarray, converged: np.ndarray, claimed: float) -> pd.DataFrame:
    """Coverage of predictive intervals as `measures` has it: the mean of their true contents, one per replicate."""
    kept = content[np.isfinite(content)]
    rows = {"convergence": _share(converged), "estimated": _share(np.isfinite(content))}
    if kept.size > 1:
        bias, mcse = kept.mean() - claimed, kept.std(ddof=1) / np.sqrt(kept.size)
        rows |= {"bias": (bias, mcse), "empirical SE": _spread(kept), "coverage": (kept.mean(), mcse)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "mcse"])
    return table.reindex(list(MEASURES)).rename_axis("measure")


def _share(yes: np.ndarray) -> tuple[float, float]:
    p = float(np.mean(yes))
    return p, float(np.sqrt(p * (1 - p) / yes.size))


def _spread(estimate: np.ndarray) -> tuple[float, float]:
    sd = float(estimate.std(ddof=1))
    return sd, sd / float(np.sqrt(2 * (estimate.size - 1)))


def _of_estimates(estimate: np.ndarray, truth: float) -> dict[str, tuple[float, float]]:
    n = estimate.size
    error = estimate - truth
    bias, mcse = error.mean(), estimate.std(ddof=1) / np.sqrt(n)
    squared = error**2
    rows = {
        "bias": (bias, mcse),
        "empirical SE": _spread(estimate),
        "mean squared error": (squared.mean(), np.sqrt(((squared - squared.mean()) ** 2).sum() / (n * (n - 1)))),
    }
    if truth != 0:
        rows["relative bias"] = (bias / truth, mcse / abs(truth))
    return rows


def _of_standard_errors(estimate: np.ndarray, se: np.ndarray) -> dict[str, tuple[float, float]]:
    """Model SE and its error relative to the empirical SE, of the replicates that have a standard error."""
    n, squared = se.size, se**2
    model, spread = float(np.sqrt(squared.mean())), float(estimate.std(ddof=1))
    rows = {"model SE": (model, float(np.sqrt(squared.var(ddof=1) / (4 * n * squared.mean()))) if model else 0.0)}
    if spread > 0 and model > 0:
        relative = model / spread
        inner = squared.var(ddof=1) / (4 * n * model**4) + 1 / (2 * (n - 1))
        rows["relative error of model SE"] = (relative - 1, relative * float(np.sqrt(inner)))
    return rows
