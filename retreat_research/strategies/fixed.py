"""The same interval for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Strategy, must_be_weeks
from .seen import Decision, Memory, Seen


@dataclass(frozen=True)
class Fixed(Strategy):
    """Treat every `weeks` weeks.

    Parameters
    ----------
    weeks : float, weeks
    """

    looks: ClassVar[bool] = False
    weeks: float

    def __post_init__(self) -> None:
        must_be_weeks(weeks=self.weeks)

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        return Decision.at(self.weeks, reason="hold")

    def describe(self) -> str:
        return f"Treats every {self.weeks:g} weeks, whatever is seen."
