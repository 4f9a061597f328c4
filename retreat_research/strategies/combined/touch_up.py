"""A look soon after each session, with a little more for those without effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...errors import must, number
from ..base import SOONEST_WEEKS, must_be_weeks
from ..seen import HOLD, Decision, Memory, Seen
from .base import Around

_LATEST_LOOK = 3.0  # weeks: protocols.csv BOOSTER; what is injected later is a session of its own


@dataclass(frozen=True)
class TouchUp(Around):
    """`rule`, with a look `weeks` after each session and the share `p` of its dose for those without effect.

    The rule is asked at main sessions only, and counts only those; its window is cut short by the look, which takes
    place only if the window ends after it.
    """

    method: ClassVar[str] = "touch_up"
    p: float
    weeks: float = 2.0

    def __post_init__(self) -> None:
        must(0 < number(self.p, "p") < 1, "`p` must lie between 0 and 1, without them: a share of the dose")
        must_be_weeks(weeks=self.weeks)
        must(
            self.weeks <= _LATEST_LOOK, f"`weeks` must be at most {_LATEST_LOOK:g}", "later it is a session of its own"
        )

    def own_memory(self) -> dict[str, object]:
        return {"looks": False, "main": 0, "earliest": 0.0, "latest": 0.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(replace(seen, session=memory.main), memory)
        look, units = memory.looks, decision.units
        looks = ~look & (units > 0) & (decision.latest > self.weeks)
        earliest = np.maximum(decision.earliest - self.weeks, SOONEST_WEEKS)
        latest = np.maximum(decision.latest - self.weeks, SOONEST_WEEKS)
        given = Decision(
            np.where(look, memory.earliest, np.where(looks, self.weeks, decision.earliest)),
            np.where(look, memory.latest, np.where(looks, self.weeks, decision.latest)),
            units=np.where(look, np.where(seen.effect_at_return, 0.0, self.p * seen.units), units),
            product=np.where(look, seen.product, decision.product),
            reason=np.where(look, HOLD, decision.reason),
            adjunct=np.where(look, False, decision.adjunct),
        )
        own = {"looks": looks, "main": memory.main + (~look & (units > 0)), "earliest": earliest, "latest": latest}
        return given, self.remembered(new, memory, ~look, **own)

    def describe(self) -> str:
        return (
            f"{self.rule.describe()} {self.weeks:g} weeks after each session a look, with {self.p:.0%} of the dose for "
            "those without effect."
        )
