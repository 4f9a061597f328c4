"""The main job: from records to a comparison of fixed with stepped intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from ..cohort import draw_cohort
from ..comparison import Comparison, compare, gains_in
from ..cycles import Cycles
from ..durations import MixedAFTResult
from ..errors import InputError, must
from ..records import SCALES, Endpoint, Records, parse_endpoint
from ..strategies import Fixed, OnWaning, Stepped, Strategy
from ..streams import checked_seed
from ..world import BETWEEN_SHARE, World
from .durations import DurationReport, arm_names, estimate_durations

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "fixed 12": Fixed(12),
        "fixed 16": Fixed(16),
        "stepped +2, booked": Stepped(step=2),
        "stepped +2, early return": Stepped(step=2, early=True),
        "stepped +4, booked": Stepped(step=4),
        "stepped +4, early return": Stepped(step=4, early=True),
        "on waning": OnWaning(floor=12, ceiling=52),
    }
)
SWEPT_PATIENTS = 2000
PRIOR_BETWEEN_SD = 0.26  # EVIDENCE, priors to start from
PRIOR_WITHIN_SDS = (0.10, 0.23, 0.35)  # the same: the sweep it asks for
MOST_PATIENTS = 1_000_000  # each arm keeps about 150 bytes a patient
LONGEST_YEARS = 100.0
FEWEST_RESPONSES = 0.02


@dataclass(frozen=True, eq=False)
class StudyResult:
    """Everything the report tells; tables are copied out of the parts.

    Attributes
    ----------
    study : Study
    cycles : Cycles
    durations : DurationReport
    arm : str
        The product and dose that the synthetic cohort is treated with.
    world : World
        Durations follow the fit of `arm`.
    comparison : Comparison
    sweep : pandas.DataFrame
        The gain over the fixed interval of equal exposure in worlds that differ in what the data cannot tell.
    notes : tuple of str
    """

    study: Study
    cycles: Cycles
    durations: DurationReport
    arm: str
    world: World
    comparison: Comparison
    sweep: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """Read off durations, simulate strategies in a world that follows them, compare.

    Parameters
    ----------
    records : Records
    endpoint : Endpoint, optional
        Without it, the usual endpoint of the scale with the most assessments.
    patients : int
        Size of the synthetic cohort.
    years : float
    seed : int in [0, 2**64)
    """

    records: Records
    endpoint: Endpoint | None = None
    patients: int = 10_000
    years: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        most, longest = MOST_PATIENTS, LONGEST_YEARS
        whole = isinstance(self.patients, int) and 2 <= self.patients <= most
        must(whole, f"`patients` must be a whole number from 2 to {most:,}")
        must(0.5 <= self.years <= longest, f"`years` must be a number from 0.5 to {longest:g}")
        checked_seed(self.seed)

    def run(self, *, progress: bool = False) -> StudyResult:
        """Run the study.

        Raises
        ------
        RetreatError
            If the records hold nothing to estimate durations from; the message says what is missing.
        """
        endpoint = self.endpoint or usual_endpoint(self.records)
        cycles = self.records.cycles(endpoint)
        durations = estimate_durations(cycles)
        arm, world, notes = fitted_world(cycles, durations)
        cohort = draw_cohort(self.patients, world=world, seed=self.seed)
        comparison = compare(STRATEGIES, cohort, years=self.years, seed=self.seed, sweep=False, progress=progress)
        swept = gains_in(
            uncertain_worlds(world, durations, arm),
            {name: s for name, s in STRATEGIES.items() if not isinstance(s, Fixed)},
            patients=min(self.patients, SWEPT_PATIENTS),
            years=self.years,
            seed=self.seed,
            progress=progress,
        )
        all_notes = (*self.records.notes, *durations.notes, *notes, *comparison.notes)
        return StudyResult(self, cycles, durations, arm, world, comparison, swept, all_notes)


def usual_endpoint(records: Records) -> Endpoint:
    """The usual endpoint of the scale with the most assessments."""
    for scale in records.assessments["scale"].value_counts().index:
        if scale in SCALES:
            return parse_endpoint(SCALES[scale].endpoint)
    raise InputError(
        "no assessment is on a scale that has a usual endpoint; "
        'give one, such as LossOfBenefit("SCALE", loss=0.8, response=8, better="lower")'
    )


def fitted_world(cycles: Cycles, durations: DurationReport) -> tuple[str, World, list[str]]:
    """The arm with the most responding cycles (the lower dose on a tie), and the world that follows its fit."""
    frame = cycles.frame
    frame["arm"] = arm_names(frame)
    active = frame[(frame["units"] > 0) & frame["arm"].isin(durations.table.index)]
    must(len(active) > 0, "no active treatment has a duration to follow: only placebo responded and lost its effect")
    ranked = active.groupby(["product", "units"], sort=True)["responder"].sum().astype(float)
    product, units = ranked.index[int(np.argmax(ranked.to_numpy()))]
    own = active[(active["product"] == product) & (active["units"] == units)]
    arm = str(own["arm"].iloc[0])
    observed = float(durations.response.loc[arm, "non_response"])
    world = World.from_fit(
        durations.fit,
        pd.DataFrame({"arm": [arm]}),
        indication=str(own["indication"].mode().iloc[0]),
        product=str(product),
        units=float(units),
        non_response=min(observed, 1 - FEWEST_RESPONSES),
    )
    between, within = world.response.between_sd, world.response.within_sd
    estimated = isinstance(durations.fit, MixedAFTResult)
    notes = [
        f"The SD of ln duration is {between:.2f} between patients and {within:.2f} within a patient, as estimated."
        if estimated
        else f"The fit gives one variance of ln duration, {between**2 + within**2:.3f}; it is split "
        f"{BETWEEN_SHARE:.2f} between and {1 - BETWEEN_SHARE:.2f} within patients, an assumption, and that is swept.",
        "The SD within a patient holds the error of the ratings as well as biology, where assumed biology has "
        f"{min(PRIOR_WITHIN_SDS):g} to {max(PRIOR_WITHIN_SDS):g}, and {PRIOR_BETWEEN_SD:g} between patients. Worlds "
        "with those are swept.",
        f"{observed:.0%} of assessed cycles in {arm} had no response as rated; the simulation takes that as the truth, "
        "though rating error makes some responses and hides others.",
    ]
    if not hasattr(cycles.endpoint, "loss"):
        notes.append(
            f"The endpoint is not a fraction of the benefit: in the simulation the effect counts as lost below "
            f"{world.response.threshold:.0%} of it, an assumption."
        )
    return arm, world, notes


def uncertain_worlds(world: World, durations: DurationReport, arm: str) -> dict[str, World]:
    """Worlds that differ in what the data cannot tell.

    The kernel of the interval is swept where immunity is simulated at all: recall that does not depend on the gap, and
    recall that grows with it for a year. (Extra induction after gaps of under 12 weeks, β, has nothing to act on here.)
    """
    total = float(np.hypot(world.response.between_sd, world.response.within_sd))
    row = durations.table.loc[arm]

    def split(share: float) -> World:
        return world.replace(between_sd=total * share**0.5, within_sd=total * (1 - share) ** 0.5)

    def median(weeks: float) -> World:
        return world.replace(median_weeks={**world.response.median_weeks, world.product: float(weeks)})

    worlds = {
        "as fitted": world,
        "variance 20% between patients": split(0.2),
        "variance 90% between patients": split(0.9),
        "median at its lower limit": median(row["median_lower"]),
        "median at its upper limit": median(row["median_upper"]),
        **{
            f"SD {PRIOR_BETWEEN_SD:g} between, {sd:g} within": world.replace(between_sd=PRIOR_BETWEEN_SD, within_sd=sd)
            for sd in PRIOR_WITHIN_SDS
        },
    }
    if np.isfinite(world.immunity.ng_per_unit[world.product]):
        worlds["recall does not depend on the gap"] = world.replace(rest_floor=1.0)
        worlds["recall grows with the gap for a year"] = world.replace(rest_floor=0.1, rest_days=300.0)
    return worlds
