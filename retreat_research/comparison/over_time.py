"""Weeks in benefit by periods of follow-up, and their paired difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..errors import must
from ..simulation import Simulation, simulate, whole
from ..simulation.outcomes import Estimate
from ..strategies import Strategy
from .outcomes import paired

Floats = NDArray[np.float64]

QUARTER = WEEKS_PER_YEAR / 4


def difference_over_time(
    strategy: Strategy, reference: Strategy, cohort: Cohort, *, years: float, seed: int
) -> pd.DataFrame:
    """Share of time in benefit by quarter of a year, strategy minus reference.

    Parameters
    ----------
    strategy, reference : Strategy
    cohort : Cohort
        Simulated with history under both.
    years : float
    seed : int in [0, 2**64)

    Returns
    -------
    pandas.DataFrame
        ``year`` in which the quarter begins, ``strategy`` and ``reference`` (weeks in benefit over weeks followed in
        the quarter), ``difference``, ``mcse``, ``lower``, ``upper`` (95%), ``variance_reduction``, and ``n``, patients
        followed in it.

    Examples
    --------
    >>> from retreat_research import Fixed, OnWaning, draw_cohort
    >>> cohort = draw_cohort(200, indication="glabellar")
    >>> difference_over_time(Fixed(12), OnWaning(), cohort, years=2, seed=1)["year"].round(2).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    """
    edges = np.append(np.arange(0, years * WEEKS_PER_YEAR - 1e-9, QUARTER), years * WEEKS_PER_YEAR)
    arms = [
        benefit_between(whole(simulate(cohort, rule, years=years, seed=seed, history=True)), edges)
        for rule in (strategy, reference)
    ]
    rows = []
    for period, start in enumerate(edges[:-1]):
        a, b = (_share(benefit[:, period], followed[:, period]) for benefit, followed in arms)
        n = int((arms[0][1][:, period] > 0).sum())
        rows.append({"year": start / WEEKS_PER_YEAR, "strategy": a.value, "reference": b.value, **paired(a, b), "n": n})
    return pd.DataFrame(rows)


def benefit_between(out: Simulation, edges: Floats) -> tuple[Floats, Floats]:
    """Weeks in benefit and weeks followed of each patient in each period.

    Parameters
    ----------
    out : Simulation
        With history.
    edges : float array, shape (k + 1,), weeks
        Where periods begin and end, in order.

    Returns
    -------
    benefit, followed : float arrays, shape (n, k), weeks
    """
    patients, visits = tables_of(out)
    who, end = np.searchsorted(patients["patient"], visits["patient"]), patients["weeks_observed"].to_numpy()
    start = visits["week"].to_numpy()
    stop = np.minimum(np.minimum(benefit_until(visits), start + visits["gap_weeks"].to_numpy()), end[who])
    stop = np.fmax(stop, start)
    before = [np.bincount(who, np.clip(stop, None, edge) - np.clip(start, None, edge), len(patients)) for edge in edges]
    benefit: Floats = np.diff(np.array(before, dtype=float), axis=0).T
    followed: Floats = np.diff(np.minimum(end[:, None], edges), axis=1)
    return benefit, followed


def tables_of(out: Simulation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients and visits, both in the order of patients."""
    must(isinstance(out, Simulation), f"a cohort's years must come from simulate, not {type(out).__name__}")
    patients, visits = out.patients, out.sessions
    must(patients is not None, "the simulation keeps no table of patients", "simulate with `patients=True`")
    must(visits is not None, "the simulation keeps no visits", "simulate with `history=True`")
    assert visits is not None
    return patients, visits


def opens_cycle(visits: pd.DataFrame) -> pd.Series:
    """Main sessions, which open a cycle."""
    return (visits["units"] > 0) & ~visits["touch_up"]


def benefit_until(visits: pd.DataFrame) -> Floats:
    """When the running benefit falls below the threshold, as things are after each visit; NaN before any session."""
    open_week = visits["week"].where(opens_cycle(visits)).groupby(visits["patient"]).ffill()
    return (open_week + visits["duration_weeks"]).groupby(visits["patient"]).cummax().to_numpy()


def _share(benefit: Floats, followed: Floats) -> Estimate:
    if not followed.any():
        return Estimate(np.nan, np.full(followed.size, np.nan))
    share = benefit.sum() / followed.sum()
    return Estimate(float(share), (benefit - share * followed) / followed.mean())
