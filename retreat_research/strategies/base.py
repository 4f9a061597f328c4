"""What every strategy is: a frozen object that turns what was seen into a decision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import ClassVar

from ..errors import must
from .seen import Decision, Memory, Seen


@dataclass(frozen=True, kw_only=True)
class Strategy(ABC):
    """A rule for dose and next visit. Deterministic and row-wise: one patient's decision never depends on another's.

    Subclasses are frozen dataclasses with `decide`; `initial_memory` says what it remembers from session 0 on.
    """

    #: True for a strategy that uses what no clinic can see; it is labelled so in every output.
    oracle: ClassVar[bool] = False
    #: False for a rule whose `decide` looks at nothing of what it is shown: what the clinic would see is then not
    #: worked out, which is half of the work. It holds for the class that says so, not for one that decides otherwise.
    looks: ClassVar[bool] = True

    @abstractmethod
    def decide(self, seen: Seen, memory: Memory) -> Decision | tuple[Decision, Mapping[str, object]]:
        """The decision for each patient seen, or (decision, new memory)."""

    def initial_memory(self) -> dict[str, float]:
        """Initial value of each memory array."""
        return {}

    def is_looking(self) -> bool:
        """Whether what is seen can make a difference to the decision."""
        decides = next(kind for kind in type(self).__mro__ if "decide" in vars(kind))
        return bool(vars(decides).get("looks", True) or self.initial_memory())

    def __str__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"{type(self).__name__}({', '.join(shown)})"


def must_be_weeks(**values: float) -> None:
    """Each value a positive, finite number of weeks."""
    for name, value in values.items():
        must(
            isinstance(value, int | float) and isfinite(value) and value > 0,
            f"`{name}` must be a positive number of weeks",
        )
