"""An oracle: what could be had if the end of each effect were known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np

from ..errors import must
from .base import Strategy, must_be_weeks
from .seen import EXTEND, HOLD, SHORTEN, START, Decision, Foreknown, Memory, Seen


@dataclass(frozen=True)
class Foresight(Strategy):
    """Come back exactly `wait` weeks after the effect is lost, known beforehand: no clinic can do this (an oracle).

    Parameters
    ----------
    wait : float, weeks, at least 0
    shortest, longest : float, weeks
        Never earlier, never later.
    unanswered : float, weeks
        After a session without response the effect counts as lost then, as it does for a patient who waits for it.

    Notes
    -----
    It gives the dose of the last main session and foresees that of the label; the two are the same unless something
    else changes the dose. With 4 weeks `unanswered` is the check of the response in the default world
    (`World.observation.check_week`, durations.csv D003). A bound of ours, for comparison only.

    Examples
    --------
    >>> import retreat_research as rr
    >>> cohort = rr.draw_cohort(500, indication="glabellar")
    >>> out = rr.simulate(cohort, Foresight(wait=1), years=5)
    >>> out.notes[-1]
    'Foresight(wait=1, shortest=1.0, longest=52.0, unanswered=4.0) is an oracle: it uses what no clinic can see.'
    """

    oracle: ClassVar[bool] = True
    wait: float = 0.0
    shortest: float = 1.0
    longest: float = 52.0
    unanswered: float = 4.0

    def __post_init__(self) -> None:
        number = isinstance(self.wait, int | float) and isfinite(self.wait) and self.wait >= 0
        must(number, "`wait` must be a number of weeks of at least 0")
        must_be_weeks(shortest=self.shortest, longest=self.longest, unanswered=self.unanswered)
        must(self.shortest <= self.longest, "`shortest` must be at most `longest`")

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        must(isinstance(seen, Foreknown), "`Foresight` needs what no clinic can see", "a strategy around it must pass "
             "`oracle` on")  # fmt: skip
        assert isinstance(seen, Foreknown)
        lost = np.where(seen.next_duration > 0, seen.next_duration, self.unanswered)
        gap = np.clip(lost + self.wait, self.shortest, self.longest)
        with np.errstate(invalid="ignore"):  # no gap before the first session
            reason = np.select([gap > seen.gap_weeks, gap < seen.gap_weeks], [EXTEND, SHORTEN], HOLD)
        return Decision.at(gap, reason=np.where(seen.session == 0, START, reason))

    def describe(self) -> str:
        return (
            f"An oracle: comes back {self.wait:g} weeks after each loss of effect, as if its date were known when "
            f"injecting, between {self.shortest:g} and {self.longest:g} weeks. No clinic can do this; it shows how "
            "much is left to gain (ours)."
        )
