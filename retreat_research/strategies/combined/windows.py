"""Around a rule's windows and care: limits, booked visits, adherence, an adjunct treatment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import must, number
from ..base import must_be_weeks
from ..seen import Decision, Memory, Seen
from .base import Windows


@dataclass(frozen=True)
class Within(Windows):
    """`rule` with its windows clipped."""

    method: ClassVar[str] = "within"
    shortest: float
    longest: float

    def __post_init__(self) -> None:
        must_be_weeks(shortest=self.shortest, longest=self.longest)
        must(self.shortest <= self.longest, "`shortest` must be at most `longest`")

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        earliest, latest = (np.clip(w, self.shortest, self.longest) for w in (decision.earliest, decision.latest))
        return decision.changed(earliest=earliest, latest=latest), self.remembered(new, memory)

    def describe(self) -> str:
        return f"{self.rule.describe()} Never back before {self.shortest:g} weeks nor after {self.longest:g}."


@dataclass(frozen=True)
class Booked(Windows):
    """`rule` with every window [earliest, latest] closed to [latest, latest]."""

    method: ClassVar[str] = "booked"

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        return decision.changed(earliest=decision.latest), self.remembered(new, memory)

    def describe(self) -> str:
        return f"{self.rule.describe()} All visits are booked: nobody returns on request."


@dataclass(frozen=True)
class WithAdherence(Windows):
    """`rule` where patients keep their visits differently."""

    method: ClassVar[str] = "with_adherence"
    no_show: float | None = None
    no_show_weeks: float | None = None
    jitter: float | None = None
    missed_check: float | None = None

    def __post_init__(self) -> None:
        must(bool(self._given()), "`with_adherence` needs one of no_show, no_show_weeks, jitter, missed_check")
        for name, most in (("no_show", 1), ("missed_check", 1), ("no_show_weeks", 1e4), ("jitter", 1e4)):
            if getattr(self, name) is not None:
                number(getattr(self, name), name, 0, most)

    def _given(self) -> dict[str, float]:
        numbers = {
            "no_show": self.no_show,
            "no_show_weeks": self.no_show_weeks,
            "return_jitter": self.jitter,
            "missed_check": self.missed_check,
        }
        return {name: value for name, value in numbers.items() if value is not None}

    def changes(self) -> Mapping[str, float]:
        return {**self.rule.changes(), **self._given()}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        return decision.changed(), self.remembered(new, memory)

    def describe(self) -> str:
        shown = ", ".join(f"{name} {value:g}" for name, value in self._given().items())
        return f"{self.rule.describe()} Patients keep their visits as given here: {shown}."


@dataclass(frozen=True)
class WithAdjunct(Windows):
    """`rule` with an adjunct treatment that lengthens the cycle."""

    method: ClassVar[str] = "with_adjunct"
    effect: float
    weeks: float = 0.0

    def __post_init__(self) -> None:
        number(self.effect, "effect", 1, 1e3)
        number(self.weeks, "weeks", 0)

    def changes(self) -> Mapping[str, float]:
        return {**self.rule.changes(), "adjunct_lengthening": self.effect}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        given = decision.adjunct | (decision.latest >= self.weeks)
        return decision.changed(adjunct=given), self.remembered(new, memory)

    def describe(self) -> str:
        when = f"sessions with an interval of at least {self.weeks:g} weeks" if self.weeks > 0 else "every session"
        return (
            f"{self.rule.describe()} An adjunct treatment goes with {when}; it is assumed to make the effect last "
            f"{self.effect:g} times as long."
        )
