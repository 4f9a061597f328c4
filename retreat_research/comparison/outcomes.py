"""What strategies are compared on, and the Monte Carlo error of it.

Every outcome is a ratio of totals over patients, Σy / Σx. Its Monte Carlo standard error comes from the linearised
contribution of each patient, u_i = (y_i − R x_i)/mean(x): for one strategy SD(u)/√n, for the paired difference of two
SD(u_a − u_b)/√n, because both met the same patients with the same luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """A ratio of totals.

    Attributes
    ----------
    name : str
    label : str
        For a reader, with unit.
    numerator : str
        Column of `Simulation.patients`; a column of weeks ending in ``_week`` counts patients with an event.
    denominator : str
        Column, or "" for the number of patients.
    scale : float
    """

    name: str
    label: str
    numerator: str
    denominator: str = ""
    scale: float = 1.0


_YEAR = WEEKS_PER_YEAR
OUTCOMES = (
    Outcome("time_in_benefit", "share of time in benefit", "weeks_in_benefit", "weeks_observed"),
    Outcome("weeks_waiting", "weeks without effect while waiting, per year", "weeks_waiting", "weeks_observed", _YEAR),
    Outcome("sessions", "sessions per year", "session_equivalents", "weeks_observed", _YEAR),
    Outcome("mean_interval", "mean interval, weeks", "weeks_observed", "session_equivalents"),
    Outcome("units", "units per year", "unit_equivalents", "weeks_observed", _YEAR),
    Outcome("antigen", "antigen, ng per year", "antigen_equivalents", "weeks_observed", _YEAR),
    Outcome("benefit_per_session", "weeks in benefit per session", "weeks_in_benefit", "session_equivalents"),
    Outcome("antibodies", "share of patients ever above 0.4 mU/mL", "positive_week"),
    Outcome("tested_positive", "share of patients ever tested positive", "tested_positive_week"),
    Outcome("failure", "share of patients with two non-responses in a row", "failure_week"),
    Outcome("immune_failure", "share of patients with two in a row under antibodies", "failure_immune"),
)  # fmt: skip

#: Outcomes that need an antigen load: NaN where none is published.
NEED_ANTIGEN = ("antigen", "antibodies", "tested_positive", "immune_failure")


@dataclass(frozen=True, eq=False)
class Estimate:
    """Value of an outcome and each patient's contribution to its error (n,)."""

    value: float
    influence: Floats

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error."""
        return standard_error(self.influence)


def estimate(outcome: Outcome, patients: pd.DataFrame) -> Estimate:
    """The outcome in one simulated arm."""
    top = patients[outcome.numerator]
    if outcome.name in NEED_ANTIGEN and patients["antigen_ng"].isna().any():
        return Estimate(np.nan, np.full(len(patients), np.nan))
    y = (top.notna() if outcome.numerator.endswith("_week") else top).to_numpy(dtype=float)
    x = patients[outcome.denominator].to_numpy(dtype=float) if outcome.denominator else np.ones(len(patients))
    ratio = y.sum() / x.sum()
    return Estimate(outcome.scale * ratio, outcome.scale * (y - ratio * x) / x.mean())


def standard_error(influence: Floats) -> float:
    """SD/√n of patients' contributions; NaN for one patient."""
    n = influence.size
    return float(np.std(influence, ddof=1) / np.sqrt(n)) if n > 1 else np.nan


def paired(a: Estimate, b: Estimate) -> dict[str, float]:
    """Difference a − b, its Monte Carlo standard error, and how much variance the pairing saved.

    Returns
    -------
    dict
        ``difference``, ``mcse``, ``lower`` and ``upper`` (95%, ±1.96 mcse) and ``variance_reduction``: the variance of
        the difference had the two arms been independent, over the paired one.
    """
    difference, mcse = a.value - b.value, standard_error(a.influence - b.influence)
    independent = a.mcse**2 + b.mcse**2
    return {
        "difference": difference,
        "mcse": mcse,
        "lower": difference - 1.96 * mcse,
        "upper": difference + 1.96 * mcse,
        "variance_reduction": independent / mcse**2 if mcse > 0 else np.nan,
    }
