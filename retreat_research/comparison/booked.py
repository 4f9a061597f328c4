"""A strategy without return on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..strategies import Decision, Seen, Strategy
from ..strategies.seen import Memory
from ..world import World


@dataclass(frozen=True)
class Booked(Strategy):
    """A strategy with every window [earliest, latest] closed to [latest, latest]."""

    rule: Strategy

    def initial_memory(self) -> dict[str, object]:
        return self.rule.initial_memory()

    def decide(self, seen: Seen, memory: Memory) -> Decision | tuple[Decision, Mapping[str, object]]:
        answer = self.rule.decide(seen, memory)
        if isinstance(answer, Decision):
            return replace(answer, earliest=answer.latest)
        decision, remembered = answer
        return replace(decision, earliest=decision.latest), remembered

    def prepared(self, world: World) -> Strategy:
        return Booked(self.rule.prepared(world))

    def changes(self) -> Mapping[str, float]:
        return self.rule.changes()

    def is_looking(self) -> bool:
        return self.rule.is_looking()
