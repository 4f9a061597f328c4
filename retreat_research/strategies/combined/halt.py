"""A drug holiday when something is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base import must_be_weeks
from ..conditions import Condition
from ..seen import HALT, HOLD, Decision, Memory, Seen
from .base import Around, counted


@dataclass(frozen=True)
class HaltIf(Around):
    """`rule`, but nothing is injected for `weeks` once the condition is met.

    At the end of the holiday the last window is given again; the rule is not asked at either visit, so that it never
    takes the holiday for one of its cycles.
    """

    method: ClassVar[str] = "halt_if"
    condition: Condition
    weeks: float

    def __post_init__(self) -> None:
        must_be_weeks(weeks=self.weeks)

    def own_memory(self) -> dict[str, object]:
        return {"streak": 0, "sessions": 0, "halted": False, "earliest": 0.0, "latest": 0.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        met, streak = counted(self.condition, seen, memory)
        resumes = memory.halted
        met &= ~resumes
        follows = ~met & ~resumes
        earliest = np.where(follows, decision.earliest, memory.earliest)
        latest = np.where(follows, decision.latest, memory.latest)
        given = Decision(
            np.where(met, self.weeks, earliest),
            np.where(met, self.weeks, latest),
            units=np.where(met, 0.0, np.where(resumes, seen.units, decision.units)),
            product=np.where(follows, decision.product, seen.product),
            reason=np.where(met, HALT, np.where(resumes, HOLD, decision.reason)),
            adjunct=np.where(met, False, decision.adjunct),
        )
        own = {"streak": streak, "sessions": seen.session, "halted": met, "earliest": earliest, "latest": latest}
        return given, self.remembered(new, memory, follows, **own)

    def describe(self) -> str:
        return f"{self.rule.describe()} If {self.condition}: no injection for {self.weeks:g} weeks, then as before."
