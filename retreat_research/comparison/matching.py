"""The fixed interval that spends as much as a strategy does (DESIGN §8).

Longer intervals lower exposure because there are fewer sessions; what a strategy adds is only what it gains over the
fixed interval of equal exposure, simulated with the same luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import RetreatError
from ..simulation import Simulation
from .outcomes import OUTCOMES, Outcome, estimate, standard_error

SHORTEST, LONGEST = 4.0, 52.0
FRONTIER_WEEKS = tuple(range(8, 27, 2))
_TOLERANCE = 1e-8
_BENEFIT = OUTCOMES[0]


@dataclass(frozen=True)
class Matching:
    """What is made equal: a rate per week of follow-up."""

    name: str
    column: str

    @property
    def rate(self) -> Outcome:
        """The rate as an outcome."""
        return Outcome(self.name, self.name, self.column, "weeks_observed")


ANTIGEN = Matching("antigen", "antigen_equivalents")
UNITS = Matching("units", "unit_equivalents")
INTERVAL = Matching("mean interval", "session_equivalents")


@dataclass(frozen=True, eq=False)
class Match:
    """The fixed arm whose rate equals the strategy's; `arm` is None where there is none between 4 and 52 weeks."""

    matching: Matching
    weeks: float
    arm: Simulation | None


def match(strategy: Simulation, matching: Matching, fixed: Callable[[float], Simulation]) -> Match:
    """Simulate the fixed interval g* at which the rate equals the strategy's.

    Parameters
    ----------
    strategy : Simulation
    matching : Matching
    fixed : callable
        Weeks → the simulated fixed arm with the same luck.

    Notes
    -----
    A fixed arm of dose D spends about D/g per week, exactly so when nobody misses a visit, hence the iteration
    g ← g · rate(g)/target.
    """
    target = estimate(matching.rate, strategy.patients).value
    if not target > 0:
        return Match(matching, np.nan, None)
    per_session = 1.0 if matching is INTERVAL else strategy.cohort.world.label_units
    if matching is ANTIGEN:
        immunity, product = strategy.cohort.world.immunity, strategy.cohort.world.product
        per_session *= immunity.ng_per_unit[product] * immunity.complexing.get(product, 1.0)
    weeks = per_session / target
    for _ in range(12):
        if not SHORTEST <= weeks <= LONGEST:
            return Match(matching, np.nan, None)
        arm = fixed(float(weeks))
        ratio = estimate(matching.rate, arm.patients).value / target
        if abs(ratio - 1) < _TOLERANCE:
            return Match(matching, float(weeks), arm)
        weeks *= ratio
    raise RetreatError(
        f"no fixed interval of equal {matching.name} was found near {weeks:.2f} weeks; use more patients"
    )


def gain(strategy: Simulation, found: Match, fixed: Callable[[float], Simulation]) -> dict[str, float]:
    """Time in benefit over the matched fixed arm, with the error of g* in it.

    Notes
    -----
    With B the benefit and q the matched rate, patient i contributes (u_Si − u_Fi) − B'(q)(v_Si − v_Fi), v the
    contributions to q and B'(q) the slope along the fixed intervals: g* is an estimate too. The slope is taken over
    two standard errors of g* on either side, at least a tenth of a week: the benefit of fixed intervals is saw-toothed,
    for follow-up cuts the last cycle, and it is the slope there that moves the gain.
    """
    if found.arm is None:
        return {"matched_weeks": np.nan, "time_in_benefit": np.nan, "gain": np.nan, "mcse": np.nan}
    ours, theirs = estimate(_BENEFIT, strategy.patients), estimate(_BENEFIT, found.arm.patients)
    rate = found.matching.rate
    ours_rate, theirs_rate = estimate(rate, strategy.patients), estimate(rate, found.arm.patients)
    rate_slope = -theirs_rate.value / found.weeks
    reach = max(0.1, 2 * standard_error(ours_rate.influence - theirs_rate.influence) / abs(rate_slope))
    above, below = (estimate(_BENEFIT, fixed(found.weeks + step).patients).value for step in (reach, -reach))
    slope = (above - below) / (2 * reach) / rate_slope
    influence = ours.influence - theirs.influence - slope * (ours_rate.influence - theirs_rate.influence)
    return {
        "matched_weeks": found.weeks,
        "time_in_benefit": theirs.value,
        "gain": ours.value - theirs.value,
        "mcse": standard_error(influence),
    }


def frontier_table(frontier: Mapping[float, Simulation]) -> pd.DataFrame:
    """One row per fixed interval: every outcome and its Monte Carlo standard error."""
    return pd.DataFrame(
        [{"weeks": weeks, **arm_row(arm.patients)} for weeks, arm in sorted(frontier.items())]
    ).set_index("weeks")


def arm_row(patients: pd.DataFrame) -> dict[str, float]:
    """Every outcome of one arm, each followed by its Monte Carlo standard error."""
    row: dict[str, float] = {}
    for outcome in OUTCOMES:
        found = estimate(outcome, patients)
        row[outcome.name], row[f"{outcome.name}_mcse"] = found.value, found.mcse
    return row
