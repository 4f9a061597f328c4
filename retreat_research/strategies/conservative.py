"""The conservative guideline of the mission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import must
from .base import Strategy, must_be_weeks, returns
from .seen import EXTEND, HOLD, SHORTEN, START, Decision, Memory, Seen


@dataclass(frozen=True)
class Conservative(Strategy):
    """12 to 16 weeks at first, 20 to 26 if durable.

    Two sessions at `start`, then `step` weeks longer while the effect lasts to the visit, up to `usual`. Only when it
    has lasted `durable` times in a row at `usual` weeks does the interval go on to grow, up to `longest`. When the
    effect does not last the interval goes back by a step, not below `start`, and waits for `hold` cycles that last, at
    `usual` weeks for `durable` if that is more.

    Parameters
    ----------
    start, usual, longest : float, weeks
    step : float, weeks
    hold : int, at least 1
        Cycles that must last at `start`, and after each step back, before the next step.
    durable : int, at least 1
        Cycles that must last at `usual` before it is left.
    early : bool
        The patient may come when she notices waning, from `start` weeks on; otherwise the visit is booked.

    Notes
    -----
    The plan that clinics are told (the mission of this project): start at 3 to 4 months, step out by 2 to 4 weeks while
    the benefit lasts, 20 to 26 weeks only where durable. How many cycles make it durable is ours.

    Examples
    --------
    >>> print(Conservative(step=4))
    Conservative(start=12.0, usual=16.0, longest=26.0, step=4, hold=2, durable=2, early=False)
    """

    start: float = 12.0
    usual: float = 16.0
    longest: float = 26.0
    step: float = 2.0
    hold: int = 2
    durable: int = 2
    early: bool = False

    def __post_init__(self) -> None:
        must_be_weeks(start=self.start, usual=self.usual, longest=self.longest, step=self.step)
        must(self.start <= self.usual <= self.longest, "`usual` must lie from `start` to `longest`")
        for name in ("hold", "durable"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            must(whole, f"`{name}` must be a whole number of at least 1")

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start, "streak": 0, "needed": self.hold}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        lasted, waned = seen.lasted, seen.waned
        streak = np.where(lasted, memory.streak + 1, np.where(waned, 0, memory.streak))
        steps = lasted & (streak >= memory.needed) & (memory.gap < self.longest)
        cap = np.where(memory.gap < self.usual, self.usual, self.longest)
        gap = np.where(steps, np.minimum(memory.gap + self.step, cap), memory.gap)
        gap = np.where(waned, np.maximum(memory.gap - self.step, self.start), gap)
        streak = np.where(steps, 0, streak)
        needed = np.where(steps, np.where(gap == self.usual, self.durable, 1), memory.needed)
        back = np.where(gap == self.usual, max(self.hold, self.durable), self.hold)
        needed = np.where(waned, back, needed)
        reason = np.select([seen.session == 0, gap > memory.gap, gap < memory.gap], [START, EXTEND, SHORTEN], HOLD)
        earliest = np.minimum(self.start, gap) if self.early else gap
        return Decision(earliest, gap, reason=reason), {"gap": gap, "streak": streak, "needed": needed}

    def describe(self) -> str:
        return (
            f"Starts at {self.start:g} weeks; after {self.hold} cycles whose effect lasted to the visit "
            f"{self.step:g} weeks "
            f"longer each time, up to {self.usual:g} weeks; beyond, up to {self.longest:g} weeks, only when the "
            "effect has "
            f"lasted {self.durable} times in a row there. When it does not last, {self.step:g} weeks back, not below "
            f"{self.start:g}. {returns(self.early, self.start)} (Conservative guideline of the mission.)"
        )
