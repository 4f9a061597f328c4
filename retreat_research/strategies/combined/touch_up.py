"""A look soon after each session, with a little more for those without effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import must, number
from ..base import SOONEST_WEEKS, Strategy, must_be_weeks
from ..seen import HOLD, Decision, Memory, Seen
from .base import Around

if TYPE_CHECKING:
    from ...world import World

_LATEST_LOOK = 3.0  # weeks: protocols.csv BOOSTER; what is injected later is a session of its own


@dataclass(frozen=True)
class TouchUp(Around):
    """`rule`, with a look `weeks` after each session and the share `p` of its dose for those without effect.

    The rule is asked at main sessions only, and counts only those; its window counts from the main session, and there
    is a look only if the window ends after it. At a look to which the patient comes too late for a touch-up (a no-show)
    nothing is injected: it would be a small session of its own.
    """

    method: ClassVar[str] = "touch_up"
    p: float
    weeks: float = 2.0
    in_time: float = field(default=_LATEST_LOOK, repr=False, metadata={"shown": False})  # the world's, once prepared

    def __post_init__(self) -> None:
        must(0 < number(self.p, "p") < 1, "`p` must lie between 0 and 1, without them: a share of the dose")
        must_be_weeks(weeks=self.weeks)
        must(
            self.weeks <= _LATEST_LOOK, f"`weeks` must be at most {_LATEST_LOOK:g}", "later it is a session of its own"
        )

    def prepared(self, world: World) -> Strategy:
        must(
            self.weeks <= world.response.touch_up_weeks,
            f"`touch_up` looks after {self.weeks:g} weeks, but in this world a touch-up must come within "
            f"{world.response.touch_up_weeks:g}",
            "see `touch_up_weeks`",
        )
        return replace(self, rule=self.rule.prepared(world), in_time=min(_LATEST_LOOK, world.response.touch_up_weeks))

    def own_memory(self) -> dict[str, object]:
        return {"looks": False, "main": 0, "earliest": 0.0, "latest": 0.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(replace(seen, session=memory.main), memory)
        in_time = seen.gap_weeks <= self.in_time
        look, units = memory.looks, decision.units
        looks = ~look & (units > 0) & (decision.latest > self.weeks)
        earliest, latest = (
            np.where(look, np.maximum(memory[name] - seen.gap_weeks, SOONEST_WEEKS), getattr(decision, name))
            for name in ("earliest", "latest")
        )
        given = Decision(
            np.where(looks, self.weeks, earliest),
            np.where(looks, self.weeks, latest),
            units=np.where(look, np.where(in_time & ~seen.effect_at_return, self.p * seen.units, 0.0), units),
            product=np.where(look, seen.product, decision.product),
            reason=np.where(look, HOLD, decision.reason),
            adjunct=np.where(look, False, decision.adjunct),
        )
        own = {"looks": looks, "main": memory.main + (~look & (units > 0))}
        own |= {name: np.where(look, memory[name], getattr(decision, name)) for name in ("earliest", "latest")}
        return given, self.remembered(new, memory, ~look, **own)

    def describe(self) -> str:
        return (
            f"{self.rule.describe()} {self.weeks:g} weeks after each session a look, with {self.p:.0%} of the dose for "
            "those without effect."
        )
