"""Another product when something is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import must
from ...products import PRODUCTS, product
from ..actions import DOSES
from ..base import Strategy
from ..conditions import Condition
from ..seen import SWITCH, Decision, Memory, Seen
from .base import Around, counted

if TYPE_CHECKING:
    from ...world import World


@dataclass(frozen=True)
class SwitchIf(Around):
    """`rule`, but with another product for good once the condition is met.

    The rule goes on in the units of its own product: the dose last given, as it sees it, and what it decides are scaled
    by the two usual doses. Doses of earlier cycles (``past_units``, ``cumulative_units``) are shown as they were given.
    """

    method: ClassVar[str] = "switch_if"
    condition: Condition
    product: str
    units: float | None = None

    def __post_init__(self) -> None:
        product(self.product)
        if self.units is not None:
            real = isinstance(self.units, int | float) and not isinstance(self.units, bool)
            must(real and 0 < self.units <= DOSES[1], "`units` must be a positive number: the new product's usual dose")

    def prepared(self, world: World) -> Strategy:
        ready = super().prepared(world)
        if self.units is not None:
            return ready
        units = PRODUCTS[self.product].label_units.get(world.indication)
        must(
            units is not None,
            f"{self.product} has no label dose for {world.indication}",
            "say how many with `units`",
        )
        return replace(ready, units=units)  # type: ignore[call-arg]

    def own_memory(self) -> dict[str, object]:
        return {"streak": 0, "sessions": 0, "switched": False, "ratio": 1.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        must(self.units is not None, "`switch_if` does not know the dose", "use `prepared(world)`, as `simulate` does")
        decision, new = self.asked(replace(seen, units=seen.units / memory.ratio), memory)
        met, streak = counted(self.condition, seen, memory)
        now = met & ~memory.switched
        switched = memory.switched | now
        usual = seen.label_units  # of the product that the rule is at now
        for name, units in self._earlier():
            usual = np.where(decision.product == name, units, usual)
        ratio = np.where(switched, (self.units or 0.0) / usual, 1.0)
        given = decision.changed(
            units=decision.units * ratio,
            product=np.where(switched, self.product, decision.product),
            reason=np.where(now, SWITCH, decision.reason),
        )
        own = {"streak": streak, "sessions": seen.session, "switched": switched, "ratio": ratio}
        return given, self.remembered(new, memory, **own)

    def _earlier(self) -> list[tuple[str, float]]:
        """Other products that the rule switches to by itself, with their usual doses; innermost first."""
        found, inner = [], self.rule
        while isinstance(inner, Around):
            if isinstance(inner, SwitchIf) and inner.product != self.product:
                found.append((inner.product, inner.units or 0.0))
            inner = inner.rule
        return found[::-1]

    def describe(self) -> str:
        dose = f" at {self.units:g} units" if self.units is not None else ""
        return f"{self.rule.describe()} If {self.condition}: {self.product}{dose} from then on."
