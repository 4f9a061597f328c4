"""Treat and extend: longer while it lasts, shorter when it does not, for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import must
from .base import Strategy, must_be_weeks, returns
from .seen import EXTEND, HOLD, SHORTEN, START, Decision, Memory, Seen


@dataclass(frozen=True)
class TreatAndExtend(Strategy):
    """Add `up` weeks after a cycle whose effect lasted to the visit, take off `down` weeks after one that did not.

    Unlike `Stepped` it never settles. A cycle without any response changes nothing.

    Parameters
    ----------
    up, down : float, weeks
        The usual rules are +2/-2, +4/-2 and +4/-4.
    start : float, weeks
        The first interval.
    shortest, longest : float, weeks
        No interval is shorter or longer.
    early : bool
        The patient may come when she notices waning, from `start` weeks on; otherwise the visit is booked.

    Notes
    -----
    The algorithm of ophthalmology (EVIDENCE, not known): start at 12 weeks, extend by 2 or 4 while the effect lasts,
    shorten by 2 on early loss, cap at 16 to 24. Only the algorithm transfers. The bounds of 12 and 26 weeks are ours:
    protocols.csv MIN_INT_CD, and the longest interval of the mission's guideline.

    Examples
    --------
    >>> print(TreatAndExtend(up=4, down=2))
    TreatAndExtend(up=4, down=2, start=12.0, shortest=12.0, longest=26.0, early=False)
    """

    up: float = 2.0
    down: float = 2.0
    start: float = 12.0
    shortest: float = 12.0
    longest: float = 26.0
    early: bool = False

    def __post_init__(self) -> None:
        must_be_weeks(up=self.up, down=self.down, start=self.start, shortest=self.shortest, longest=self.longest)
        must(self.shortest <= self.start <= self.longest, "`start` must lie from `shortest` to `longest`")

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        gap = np.where(seen.lasted, np.minimum(memory.gap + self.up, self.longest), memory.gap)
        gap = np.where(seen.waned, np.maximum(memory.gap - self.down, self.shortest), gap)
        reason = np.select([seen.session == 0, gap > memory.gap, gap < memory.gap], [START, EXTEND, SHORTEN], HOLD)
        earliest = np.minimum(self.start, gap) if self.early else gap
        return Decision(earliest, gap, reason=reason), {"gap": gap}

    def describe(self) -> str:
        return (
            f"Starts at {self.start:g} weeks; {self.up:g} weeks longer after each cycle whose effect lasted to "
            "the visit, "
            f"{self.down:g} weeks shorter after each that did not, between {self.shortest:g} and "
            f"{self.longest:g} weeks. "
            f"{returns(self.early, self.start)} (Treat-and-extend, borrowed from ophthalmology.)"
        )
