"""Acting only on what has been seen several times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import must, whole_number
from ..seen import HOLD, START, Decision, Memory, Seen
from .base import Around


@dataclass(frozen=True)
class Confirm(Around):
    """`rule`, but a change is made only when it was proposed at `times` visits in a row."""

    method: ClassVar[str] = "confirm"
    times: int

    def __post_init__(self) -> None:
        whole_number(self.times, "times", 1)
        must(
            not self.rule.weighs,
            "`confirm` cannot go around a rule that weighs all it has seen, such as Personal",
            "it would lose what it is not allowed to act on",
        )

    def own_memory(self) -> dict[str, object]:
        return {"kind": HOLD, "count": 0, "earliest": 0.0, "latest": 0.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        proposed, new = self.asked(seen, memory)
        kind = proposed.reason
        change = (kind != HOLD) & (kind != START)
        count = np.where(change, np.where(kind == memory.kind, memory.count + 1, 1), 0)
        acts = (seen.session == 0) | ~change | (count >= self.times)
        decision = Decision(
            earliest := np.where(acts, proposed.earliest, memory.earliest),
            latest := np.where(acts, proposed.latest, memory.latest),
            units=np.where(acts, proposed.units, seen.units),
            product=np.where(acts, proposed.product, seen.product),
            reason=np.where(acts, kind, HOLD),
            adjunct=proposed.adjunct,
        )
        own = {"kind": np.where(acts, HOLD, kind), "count": np.where(acts, 0, count)}
        return decision, self.remembered(new, memory, acts, **own, earliest=earliest, latest=latest)

    def describe(self) -> str:
        return f"{self.rule.describe()} A change is made only when it was called for at {self.times} visits in a row."
