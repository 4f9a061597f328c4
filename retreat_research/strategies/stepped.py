"""Stepped extension of the interval while the benefit lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import must
from .base import Strategy, must_be_weeks, returns
from .seen import ESCALATE, EXTEND, HOLD, SHORTEN, START, Decision, Memory, Seen

ON_WANING = ("hold", "back", "dose")


@dataclass(frozen=True)
class Stepped(Strategy):
    """Start at the typical interval and step out while the effect lasts to the visit.

    After `hold` sessions at `start` weeks, each visit with effect still there adds `step` weeks. The first visit
    without it ends the extension for good: the longest rhythm is kept (``hold``), or stepped back by `step` now and
    whenever the effect does not last again (``back``), or kept with the dose raised once by a tenth (``dose``). A cycle
    without any response says nothing about how long a response lasts: the rhythm stays as it is.

    Parameters
    ----------
    start, step : float, weeks
    hold : int, at least 1
        Sessions at `start` before the first step.
    on_waning : {"hold", "back", "dose"}
    early : bool
        The patient may come when she notices waning, from `start` weeks on; otherwise the visit is booked.
    longest : float, weeks
        No interval is longer.

    Notes
    -----
    The rhythm of the mission's guideline: 3 to 4 months at first, out by 2 to 4 weeks while the benefit lasts. The same
    algorithm is treat-and-extend in ophthalmology (EVIDENCE, not known). That the end of extension is final is ours.
    """

    start: float = 12.0
    step: float = 2.0
    hold: int = 2
    on_waning: str = "hold"
    early: bool = False
    longest: float = 26.0

    def __post_init__(self) -> None:
        must_be_weeks(start=self.start, step=self.step, longest=self.longest)
        must(self.start <= self.longest, "`start` must be at most `longest`")
        must(isinstance(self.hold, int) and self.hold >= 1, "`hold` must be a whole number of at least 1")
        must(self.on_waning in ON_WANING, f"`on_waning` must be one of {', '.join(ON_WANING)}")

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start, "settled": False, "raised": False}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        first = seen.session == 0
        lasted, waned = seen.lasted, seen.waned
        settled = memory.settled | waned
        may_step = lasted & ~settled & (seen.session >= self.hold) & (memory.gap < self.longest)
        gap = np.where(may_step, np.minimum(memory.gap + self.step, self.longest), memory.gap)
        units, raise_now = None, np.zeros_like(waned)
        if self.on_waning == "back":
            gap = np.where(waned, np.maximum(gap - self.step, self.start), gap)
        if self.on_waning == "dose":
            raise_now = waned & ~memory.raised
            units = np.where(raise_now, 1.1 * seen.units, seen.units)
        reason = np.where(first, START, np.where(may_step, EXTEND, np.where(gap < memory.gap, SHORTEN, HOLD)))
        reason = np.where(raise_now, ESCALATE, reason)
        earliest = np.minimum(self.start, gap) if self.early else gap
        remembered = {"gap": gap, "settled": settled, "raised": memory.raised | raise_now}
        return Decision(earliest, gap, units=units, reason=reason), remembered

    def describe(self) -> str:
        then = {
            "hold": "the longest interval is kept from then on",
            "back": f"the interval goes back by {self.step:g} weeks, then and whenever the effect does not last again",
            "dose": "the longest interval is kept from then on and the dose raised once by a tenth",
        }[self.on_waning]
        return (
            f"{self.hold} sessions {self.start:g} weeks apart, then {self.step:g} weeks longer each time the "
            "effect lasts "
            f"to the visit, up to {self.longest:g} weeks. When it first does not last, {then}. "
            f"{returns(self.early, self.start)} "
            "(Guideline of the mission; treat-and-extend in ophthalmology; that the extension ends for good is ours.)"
        )
