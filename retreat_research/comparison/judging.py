"""The finalists of a search on patients and luck that had no say in the search."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import Cohort, draw_cohort
from ..simulation import Simulation, simulate, whole
from ..strategies import Strategy
from .aims import Limit, Objective
from .arms import Arm
from .outcomes import Estimate


def judged(
    strategies: Sequence[Strategy],
    leading: pd.DataFrame,
    aim: Objective,
    limits: Sequence[Limit],
    cohort: Cohort,
    years: float,
    seed: int,
) -> tuple[pd.DataFrame, Simulation]:
    """Finalists on two fresh cohorts, the first of which ranks and the second reports; and the winner on the second."""
    fresh = []
    for purpose in ("ranking", "report"):
        own = int.from_bytes(sha256(f"{seed} {cohort.seed} {purpose}".encode()).digest()[:8], "big")
        patients = draw_cohort(len(cohort), world=cohort.world, seed=own)
        fresh.append([Arm(whole(simulate(patients, s, years=years, seed=own))) for s in strategies])
    ranking, report = ([aim.estimate(arm) for arm in arms] for arms in fresh)
    shrunk, shrunk_mcse = shrunken(ranking, report)
    table = pd.DataFrame(
        {
            "strategy": list(strategies),
            "search": aim.sign * leading["value"].to_numpy(),
            "ranking": [aim.sign * one.value for one in ranking],
            "fresh": [aim.sign * one.value for one in report],
            "mcse": [one.mcse for one in report],
            "shrunk": aim.sign * shrunk,
            "shrunk_mcse": shrunk_mcse,
        }
    )
    table["optimism"] = aim.sign * (table["search"] - table["fresh"])
    for name in dict.fromkeys(limit.name for limit in limits):
        found = [arm.estimate(name) for arm in fresh[1]]
        table[name], table[f"{name}_mcse"] = [one.value for one in found], [one.mcse for one in found]
    excess, reported = (
        np.array([max((limit.excess(arm).value for limit in limits), default=0.0) for arm in arms]) for arms in fresh
    )
    table["keeps"] = reported <= 0
    order = np.lexsort((-np.array([one.value for one in ranking]), excess > 0))
    return table.iloc[order].reset_index(drop=True), fresh[1][order[0]].out


def shrunken(*cohorts: Sequence[Estimate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of k candidates over several cohorts of one size, drawn to their mean as far as they differ by chance.

    Parameters
    ----------
    *cohorts : sequences of Estimate, each of the k candidates in the same order

    Returns
    -------
    value, mcse : float array (k,)

    Notes
    -----
    Candidates of one cohort share its patients, so it is differences from the mean of the candidates that are shrunk:
    d_i has the Monte Carlo variance v_i of the paired difference, the true differences the variance
    τ² = max(Σd²/(k − 1) − mean v, 0), and the value is mean + τ²/(τ² + v_i) d_i (empirical Bayes: Efron and Morris
    1973, doi:10.1080/01621459.1973.10481350). Its variance is that of the mean plus τ² v_i/(τ² + v_i).
    """
    values = np.mean([[one.value for one in found] for found in cohorts], axis=0)
    each = zip(*([one.influence for one in found] for found in cohorts), strict=True)
    influences = np.array([np.concatenate(parts) for parts in each])
    mean, n = values.mean(), influences.shape[1]
    middle = influences.mean(axis=0)
    noise = (influences - middle).var(axis=1, ddof=1) / n
    apart = values - mean
    spread = max(float((apart**2).sum()) / (len(values) - 1) - noise.mean(), 0.0) if len(values) > 1 else 0.0
    share = np.divide(spread, spread + noise, out=np.ones_like(noise), where=noise > 0)
    return mean + share * apart, np.sqrt(middle.var(ddof=1) / n + share * noise)
