"""What a simulated cohort does over the years, with dropout as censoring: tables behind `plot_cohort`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR
from ..comparison.over_time import benefit_between, opens_cycle, tables_of
from ..simulation import Simulation
from ..simulation.outcomes import standard_error

Floats = NDArray[np.float64]


def benefit_by_year(out: Simulation) -> pd.DataFrame:
    """Time in benefit in each year of follow-up.

    Parameters
    ----------
    out : Simulation
        With history.

    Returns
    -------
    pandas.DataFrame
        ``year`` (from, up to and without the next), ``estimate``: weeks in benefit over weeks followed in that year, of
        all patients; ``mcse``, its Monte Carlo standard error; ``n``, patients followed in it.

    Notes
    -----
    Where everyone comes in the same weeks, as with `Fixed`, some years hold more last weeks of a cycle than others: the
    estimate waves by a point or so from year to year.
    """
    years = range(int(np.ceil(out.years)))
    edges = np.array([*years, out.years]) * WEEKS_PER_YEAR
    rows = []
    for year, benefit, followed in zip(years, *(weeks.T for weeks in benefit_between(out, edges)), strict=True):
        share = benefit.sum() / followed.sum() if followed.any() else np.nan
        n = int((followed > 0).sum())
        rows.append((year, share, standard_error((benefit - share * followed) / followed.mean()) if n else np.nan, n))
    return pd.DataFrame(rows, columns=["year", "estimate", "mcse", "n"])


def over_time(out: Simulation, step_weeks: float = 1.0) -> pd.DataFrame:
    """Intervals, antigen, antibodies and loss of response over follow-up.

    Parameters
    ----------
    out : Simulation
        With history.
    step_weeks : float, weeks

    Returns
    -------
    pandas.DataFrame
        ``week``; ``followed``, patients; ``lower_quartile``, ``median`` and ``upper_quartile`` (weeks) of the interval
        between main sessions that runs at that time in the patients followed; ``antigen_ng`` injected so far;
        ``positive``, ``failure`` and ``failure_immune``, shares of patients in whom it has happened.

    Notes
    -----
    Dropout censors: the columns say what happens to a patient who stays. Antigen is the mean cumulative function,
    Σ antigen/followed over the injections so far; ``positive`` and ``failure`` are one minus Kaplan and Meier's
    estimate (lifelines); ``failure_immune`` is Aalen and Johansen's, as a failure of the other kind precludes it. Where
    an antigen load is not published, ``antigen_ng``, ``positive`` and ``failure_immune`` are NaN.

    References
    ----------
    Mean cumulative function: Lawless and Nadeau (1995), doi:10.1080/00401706.1995.10484300.
    """
    patients, visits = tables_of(out)
    weeks = np.arange(0, out.years * WEEKS_PER_YEAR, step_weeks)
    end = np.sort(patients["weeks_observed"].to_numpy())
    table = pd.DataFrame({"week": weeks, "followed": _followed(end, weeks)})
    table[["lower_quartile", "median", "upper_quartile"]] = _intervals(patients, visits, weeks)
    order = np.argsort(visits["week"].to_numpy(), kind="stable")
    given, antigen = visits["week"].to_numpy()[order], visits["antigen_ng"].to_numpy()[order]
    total = np.cumsum(antigen / _followed(end, given))
    table["antigen_ng"] = np.concatenate([[0.0], total])[np.searchsorted(given, weeks, side="right")]
    table["positive"], _ = _incidence(patients, "positive_week", weeks)
    table["failure"], table["failure_immune"] = _incidence(patients, "failure_week", weeks)
    if np.isnan(total).any():
        table[["antigen_ng", "positive", "failure_immune"]] = np.nan
    return table


def _followed(end: Floats, weeks: Floats) -> NDArray[np.int64]:
    """Patients whose follow-up, in order, ends after each week."""
    return end.size - np.searchsorted(end, weeks, side="right")


def _intervals(patients: pd.DataFrame, visits: pd.DataFrame, weeks: Floats) -> Floats:
    """Quartiles of the interval that runs at each week."""
    main = visits[opens_cycle(visits)]
    last = visits.groupby("patient")[["week", "gap_weeks"]].last().sum(axis=1)
    following = main.groupby("patient")["week"].shift(-1).fillna(main["patient"].map(last))
    order = np.argsort(main["week"].to_numpy(), kind="stable")
    start, who = main["week"].to_numpy()[order], np.searchsorted(patients["patient"], main["patient"])[order]
    gap, end = (following - main["week"]).to_numpy()[order], patients["weeks_observed"].to_numpy()
    running, begun, quartiles = np.full(len(patients), np.nan), 0, np.full((weeks.size, 3), np.nan)
    for i, (week, stop) in enumerate(zip(weeks, np.searchsorted(start, weeks, side="right"), strict=True)):
        running[who[begun:stop]] = gap[begun:stop]  # of several, the last
        begun = stop
        now = running[(end > week) & ~np.isnan(running)]
        if now.size:
            quartiles[i] = np.quantile(now, [0.25, 0.5, 0.75])
    return quartiles


def _incidence(patients: pd.DataFrame, event: str, weeks: Floats) -> tuple[Floats, Floats]:
    """Share with the event by each week, and with it under antibodies, of patients who stay."""
    from lifelines import KaplanMeierFitter

    happened = patients[event].notna()
    time = patients[event].fillna(patients["weeks_observed"])
    found = KaplanMeierFitter().fit(time, happened)
    steps = found.event_table
    at = np.searchsorted(steps.index.to_numpy(), weeks, side="right")
    immune = time[happened & patients["failure_immune"]].value_counts().reindex(steps.index, fill_value=0)
    survival = found.survival_function_["KM_estimate"].to_numpy()
    hazard = (immune / steps["at_risk"]).to_numpy()
    first = np.cumsum(np.concatenate([[1.0], survival[:-1]]) * hazard)
    return 1 - np.concatenate([[1.0], survival])[at], np.concatenate([[0.0], first])[at]
