"""The fixed interval that spends, or gives, as much as a strategy does (DESIGN §8).

Longer intervals lower exposure because there are fewer sessions; what a strategy adds is only what it gains over the
fixed interval of equal exposure, simulated with the same luck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..simulation.outcomes import Estimate, Outcome, standard_error
from .arms import Arm, Arms
from .outcomes import outcome_of

SHORTEST, LONGEST = 4.0, 52.0
FRONTIER_WEEKS = tuple(range(8, 27, 2))
#: What is looked at first for the interval of equal benefit, longest first; the frontier's are simulated anyway.
_SCANNED = tuple(sorted({SHORTEST, 6.0, *map(float, FRONTIER_WEEKS), 32.0, 40.0, LONGEST}, reverse=True))
_TOLERANCE = 1e-8  # of exposure, relative
_BENEFIT_TOLERANCE, _WEEKS_TOLERANCE = 1e-6, 1e-4
_BENEFIT = outcome_of("time_in_benefit")


@dataclass(frozen=True)
class Matching:
    """What is made equal: a rate per week of follow-up."""

    name: str
    rate: Outcome


ANTIGEN = Matching("antigen", Outcome("antigen", "antigen", "antigen_equivalents", "weeks_observed"))
UNITS = Matching("units", Outcome("units", "units", "unit_equivalents", "weeks_observed"))
INTERVAL = Matching("mean interval", Outcome("sessions", "sessions", "session_equivalents", "weeks_observed"))
BENEFIT = Matching("time in benefit", _BENEFIT)


@dataclass(frozen=True, eq=False)
class Match:
    """A strategy and the fixed interval whose rate equals its own.

    Attributes
    ----------
    matching : Matching
    strategy : Arm
    weeks : float
        g*.
    fixed : Arm
        Simulated at g*.
    """

    matching: Matching
    strategy: Arm
    weeks: float
    fixed: Arm
    _arms: Arms = field(repr=False)

    def difference(self, outcome: Outcome | str, rows: NDArray[np.float64] | None = None) -> Estimate:
        """Strategy minus fixed arm, with the error of g* in the contributions.

        Parameters
        ----------
        outcome : Outcome or str
        rows : array of 0 and 1, shape (n,), optional
            The difference in a subgroup; g* is that of all patients.

        Notes
        -----
        With q the matched rate, v the contributions to it and B the outcome, patient i contributes
        (u_Si − u_Fi) − (dB/dq)(v_Si − v_Fi): g* is an estimate too. The slope dB/dq is taken along the fixed intervals,
        over two standard errors of g* on either side, at least a tenth of a week: the benefit of fixed intervals is
        saw-toothed, for follow-up cuts the last cycle, and it is the slope there that moves the gain.
        """
        if self.strategy is self.fixed:
            unknown = np.isnan(self.fixed.value(outcome))
            return Estimate(np.nan, np.full(self.fixed.n, np.nan)) if unknown else Estimate(0.0, np.zeros(self.fixed.n))
        ours, theirs = self.strategy.estimate(outcome, rows), self.fixed.estimate(outcome, rows)
        shorter, longer = self._neighbours
        rise = longer.value(self.matching.rate) - shorter.value(self.matching.rate)
        if rows is None:
            climb = longer.value(outcome) - shorter.value(outcome)
        else:
            climb = longer.estimate(outcome, rows).value - shorter.estimate(outcome, rows).value
        slope = climb / rise if rise != 0 else np.nan
        return Estimate(ours.value - theirs.value, ours.influence - theirs.influence - slope * self._rate_influence)

    @cached_property
    def _rate_influence(self) -> NDArray[np.float64]:
        rate = self.matching.rate
        return self.strategy.estimate(rate).influence - self.fixed.estimate(rate).influence

    @cached_property
    def _neighbours(self) -> tuple[Arm, Arm]:
        """Fixed arms on either side of g*, far enough apart for the slope that its error meets."""
        error = standard_error(self._rate_influence)
        if self.matching is BENEFIT:
            # A week on either side averages over the teeth, whose slope is not that of the trend that was inverted.
            reach = min(1.0, self.weeks / 2)
            shorter, longer = (self._arms.fixed(self.weeks + step) for step in (-reach, reach))
            slope = abs(longer.value(_BENEFIT) - shorter.value(_BENEFIT)) / (2 * reach)
            wanted = 2 * error / slope if slope > 0 else 0.0
            if not wanted > reach:
                return shorter, longer
        else:
            slope = self.fixed.value(self.matching.rate) / self.weeks
            wanted = max(0.1, 2 * error / slope)
        reach = min(wanted, self.weeks / 2)
        return self._arms.fixed(self.weeks - reach), self._arms.fixed(self.weeks + reach)


def exposure_matching(arm: Arm) -> Matching | None:
    """Antigen; units of the cohort's product where its load is not published; None where nothing can be made equal."""
    world = arm.out.cohort.world
    if arm.antigen_known and np.isfinite(world.immunity.ng_per_unit[world.product]):
        return ANTIGEN
    return UNITS if arm.out.products == (world.product,) else None


def match(strategy: Arm, matching: Matching, arms: Arms) -> Match | None:
    """The fixed interval g* at which the rate equals the strategy's, None if there is none from 4 to 52 weeks.

    Parameters
    ----------
    strategy : Arm
    matching : Matching
    arms : Arms
        Simulates the fixed arms with the same luck.

    Notes
    -----
    A fixed arm of dose D spends about D/g per week, exactly so when nobody misses a visit, hence the iteration
    g ← g · rate(g)/target. Time in benefit falls with the interval, but not everywhere: teeth, and antibodies at short
    intervals. Its g* is where it is crossed for the last time, the longest interval that gives as much.
    """
    if matching is BENEFIT:
        return _match_of_benefit(strategy, arms)
    target = strategy.value(matching.rate)
    if not target > 0:
        return None
    weeks = _per_session(strategy, matching) / target
    for _ in range(12):
        if not SHORTEST - _TOLERANCE <= weeks <= LONGEST + _TOLERANCE:
            return None
        fixed = arms.fixed(weeks)
        ratio = fixed.value(matching.rate) / target
        if abs(ratio - 1) < _TOLERANCE:
            return Match(matching, strategy, float(weeks), fixed, arms)
        weeks *= ratio
    return None


def _per_session(strategy: Arm, matching: Matching) -> float:
    world = strategy.out.cohort.world
    if matching is INTERVAL:
        return 1.0
    if matching is UNITS:
        return world.label_units
    immunity, product = world.immunity, world.product
    return world.label_units * immunity.ng_per_unit[product] * immunity.complexing.get(product, 1.0)


def _match_of_benefit(strategy: Arm, arms: Arms) -> Match | None:
    target = strategy.value(_BENEFIT)

    def above(weeks: float) -> float:
        return arms.fixed(weeks).value(_BENEFIT) - target

    low = next((weeks for weeks in _SCANNED if above(weeks) >= 0), None)
    if low is None or (low == LONGEST and above(low) > 0):
        return None
    if above(low) > 0:
        low = _crossing(above, low, _SCANNED[_SCANNED.index(low) - 1])
    return Match(BENEFIT, strategy, low, arms.fixed(low), arms)


def _crossing(above: Callable[[float], float], low: float, high: float) -> float:
    """Where `above` changes its sign between `low` and `high`, by false position that halves a side that stays.

    Notes
    -----
    Illinois algorithm: Dowell and Jarratt (1971), doi:10.1007/BF01934364.
    """
    at_low, at_high = above(low), above(high)
    side = 0
    while high - low > _WEEKS_TOLERANCE:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = above(middle)
        if abs(value) < _BENEFIT_TOLERANCE:
            return middle
        if value > 0:
            low, at_low = middle, value
            at_high, side = (at_high / 2, 1) if side == 1 else (at_high, 1)
        else:
            high, at_high = middle, value
            at_low, side = (at_low / 2, -1) if side == -1 else (at_low, -1)
    return low
