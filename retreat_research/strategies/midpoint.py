"""Halving the interval between what lasted and what did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import must
from .base import Strategy, must_be_weeks, returns
from .seen import EXTEND, HOLD, SHORTEN, START, Decision, Memory, Seen


@dataclass(frozen=True)
class Midpoint(Strategy):
    """The next interval lies halfway between the longest that lasted and the shortest that did not.

    Before anything was seen these are `shortest` and `longest`, and the first interval is `start`. Durations vary, so
    the two close in on one value: when they are less than `closest` weeks apart, that interval is kept as long as the
    effect lasts to the visit. When it then does not last, the search goes on below, with the room that there was at
    first; a cycle without any response changes nothing. It never searches above again: where durations vary from cycle
    to cycle its intervals drift towards `shortest` over the years.

    Parameters
    ----------
    start : float, weeks
        The first interval.
    shortest, longest : float, weeks
        No interval is shorter or longer.
    closest : float, weeks
        The search ends here.
    early : bool
        The patient may come when she notices waning, from `start` weeks on; otherwise the visit is booked.

    Notes
    -----
    Bisection; ours. The effect of a cycle that ends early on request (`early`) did not last.

    Examples
    --------
    >>> print(Midpoint(shortest=10))
    Midpoint(start=12.0, shortest=10, longest=26.0, closest=1.0, early=False)
    """

    start: float = 12.0
    shortest: float = 12.0
    longest: float = 26.0
    closest: float = 1.0
    early: bool = False

    def __post_init__(self) -> None:
        must_be_weeks(start=self.start, shortest=self.shortest, longest=self.longest, closest=self.closest)
        must(self.shortest <= self.start <= self.longest, "`start` must lie from `shortest` to `longest`")

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start, "low": self.shortest, "high": self.longest}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        lasted, waned = seen.lasted, seen.waned
        settled = memory.high - memory.low < self.closest
        low = np.where(lasted & ~settled, np.maximum(memory.low, memory.gap), memory.low)
        high = np.where(waned, np.minimum(memory.high, memory.gap), memory.high)
        low = np.where(waned & settled, self.shortest, low)  # what lasted once lasts no more
        open_still = (lasted | waned) & (high - low >= self.closest)
        closed = waned & ~open_still
        gap = np.where(open_still, (low + high) / 2, np.where(closed, low, memory.gap))
        reason = np.select([seen.session == 0, gap > memory.gap, gap < memory.gap], [START, EXTEND, SHORTEN], HOLD)
        earliest = np.minimum(self.start, gap) if self.early else gap
        return Decision(earliest, gap, reason=reason), {"gap": gap, "low": low, "high": high}

    def describe(self) -> str:
        return (
            f"Starts at {self.start:g} weeks; then halfway between the longest interval whose effect lasted to "
            "the visit "
            f"and the shortest whose did not, between {self.shortest:g} and {self.longest:g} weeks, until the two are "
            f"within {self.closest:g} weeks; that interval is kept while it lasts. {returns(self.early, self.start)} "
            "(Bisection; ours.)"
        )
