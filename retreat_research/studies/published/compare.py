"""A published figure beside its simulated trials: the row of the table, and the two verdicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .target import LEVEL, Target

Floats = NDArray[np.float64]

STANDINGS = ("inside", "borderline", "outside")
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def compare(target: Target, sample: Floats, drawn: list[Floats]) -> dict[str, object]:
    """The row of `Predictions.table`.

    Parameters
    ----------
    target : Target
    sample : float array, first axis the eligible patients of all trials
        Of the default world.
    drawn : list of float array
        One trial in each world drawn from the priors.
    """
    n, statistic = target.n, target.analysis.statistic
    predicted = statistic(sample) if len(sample) else (np.nan, np.nan)
    low, high = target.interval()
    trial_low, trial_high = prior_low, prior_high = np.nan, np.nan
    if n is None:
        agrees = low - target.tolerance <= predicted[0] <= high + target.tolerance
    else:
        whole = len(sample) // n
        parts = np.split(sample[: whole * n], whole) if whole else []
        trial_low, trial_high = _range([statistic(part).value for part in parts])
        below = target.compared - target.tolerance <= trial_high
        agrees = below and (target.at_least or trial_low <= target.compared + target.tolerance)
    priors = None
    if drawn:
        values = [statistic(one).value for one in drawn if len(one)]
        prior_low, prior_high = _range(values)
        priors = standing(target, np.array(values))
    return {
        "group": target.group,
        "target": target.name,
        "evidence": f"{target.table}: {', '.join(target.rows)}",
        "axis": target.axis,
        "published": target.value,
        "compared": target.compared,
        "at_least": target.at_least,
        "lower": low,
        "upper": high,
        "n": n,
        "predicted": predicted[0],
        "mcse": predicted[1],
        "trial_lower": trial_low,
        "trial_upper": trial_high,
        "prior_lower": prior_low,
        "prior_upper": prior_high,
        "difference": predicted[0] - target.compared,
        "verdict": "agrees" if agrees else "misfit",
        "priors": priors,
        "in_sight": target.in_sight(),
        "assumed": target.assumed,
        "reason": target.reason,
    }


def standing(target: Target, values: Floats) -> str:
    """Where a figure stands in what the priors allow, one of `STANDINGS`; borderline if the draws cannot tell.

    Parameters
    ----------
    target : Target
    values : float array (draws,)
        One simulated trial each.

    Notes
    -----
    The figure is outside if less than 2.5% of trials lie on one side of it. With few draws that share is uncertain:
    borderline is a figure for which Clopper and Pearson's 95% interval of the smaller share contains 2.5%.
    """
    low = high = target.compared
    if target.n is None:
        low, high = target.interval()
    above = int(np.sum(values >= low - target.tolerance))
    below = int(np.sum(values <= high + target.tolerance))
    beyond = above if target.at_least else min(above, below)
    share = stats.binomtest(beyond, len(values)).proportion_ci(LEVEL, "exact") if len(values) else None
    if share is None or share.high < TAILS[0]:
        return "outside"
    return "inside" if share.low > TAILS[0] else "borderline"


def _range(values: list[float]) -> tuple[float, float]:
    """Between which 95% of the values lie; inf (a median not reached) counts as large."""
    if not values:
        return np.nan, np.nan
    low, high = np.quantile(values, TAILS, method="inverted_cdf")
    return float(low), float(high)
