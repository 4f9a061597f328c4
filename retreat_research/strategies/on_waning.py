"""Treatment on request, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import must
from .base import Strategy, must_be_weeks
from .seen import Decision, Memory, Seen


@dataclass(frozen=True)
class OnWaning(Strategy):
    """Treat when the patient notices waning, within limits.

    Parameters
    ----------
    floor, ceiling : float, weeks
        Never earlier, never later.
    """

    looks: ClassVar[bool] = False
    floor: float = 12.0
    ceiling: float = 52.0

    def __post_init__(self) -> None:
        must_be_weeks(floor=self.floor, ceiling=self.ceiling)
        must(self.floor <= self.ceiling, "`floor` must be at most `ceiling`")

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        return Decision(self.floor, self.ceiling, reason="hold")

    def describe(self) -> str:
        return (
            f"Treats when the patient notices waning, not before {self.floor:g} weeks and after "
            f"{self.ceiling:g} weeks at "
            "the latest (on request; the limits are ours)."
        )
