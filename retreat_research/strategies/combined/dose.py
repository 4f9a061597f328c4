"""The dose: up when the effect does not last, down while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import must, number, whole_number
from ..seen import ESCALATE, SHORTEN, Decision, Memory, Seen
from .base import Around

_EXACT = 1e-9  # relative: doses are sums of tenths


@dataclass(frozen=True)
class EscalateDose(Around):
    """`rule`, but the dose rises when the effect does not last, before the interval is shortened."""

    method: ClassVar[str] = "escalate_dose"
    by: float
    cap: float = 2.0

    def __post_init__(self) -> None:
        must(number(self.by, "by") > 0, "`by` must be positive: a share of the label dose")
        must(number(self.cap, "cap") >= 1, "`cap` must be at least 1: label doses")

    def own_memory(self) -> dict[str, object]:
        return {"sessions": 0, "earliest": 0.0, "latest": 0.0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        most = self.cap * seen.label_units
        same = (decision.units > 0) & (decision.product == seen.product)
        ended = seen.session > memory.sessions  # a holiday is no cycle
        rises = ended & seen.waned & same & (seen.units < most * (1 - _EXACT))
        stays = rises & (decision.reason == SHORTEN)
        earliest = np.where(stays, memory.earliest, decision.earliest)
        latest = np.where(stays, memory.latest, decision.latest)
        given = decision.changed(
            earliest=earliest,
            latest=latest,
            units=np.where(rises, np.minimum(seen.units + self.by * seen.label_units, most), decision.units),
            reason=np.where(rises, ESCALATE, decision.reason),
        )
        return given, self.remembered(new, memory, ~stays, sessions=seen.session, earliest=earliest, latest=latest)

    def describe(self) -> str:
        return (
            f"{self.rule.describe()} When the effect does not last to the visit the dose rises by {self.by:.0%} of the "
            f"label dose, up to {self.cap:g} label doses; only then is an interval shortened."
        )


@dataclass(frozen=True)
class LowestEffectiveDose(Around):
    """`rule`, but the dose falls while the effect lasts."""

    method: ClassVar[str] = "lowest_effective_dose"
    by: float = 0.1
    floor: float = 0.5
    hold: int = 2

    def __post_init__(self) -> None:
        must(number(self.by, "by") > 0, "`by` must be positive: a share of the label dose")
        must(0 < number(self.floor, "floor") <= 1, "`floor` must be above 0 and at most 1: label doses")
        whole_number(self.hold, "hold", 1)

    def own_memory(self) -> dict[str, object]:
        return {"streak": 0, "sessions": 0, "worked": 0.0, "found": False}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        decision, new = self.asked(seen, memory)
        ended = seen.session > memory.sessions  # a holiday is no cycle
        lasted, waned, silent = ended & seen.lasted, ended & seen.waned, ended & seen.assessed & ~seen.responded
        fails = (memory.worked > 0) & ~memory.found & (waned | silent)
        found = memory.found | fails
        streak = np.where(lasted, memory.streak + 1, np.where(waned, 0, memory.streak))
        least = self.floor * seen.label_units
        injects = decision.units > 0
        raised = injects & ~fails & (decision.reason == ESCALATE)  # by the rule
        falls = injects & ~found & lasted & (streak >= self.hold) & (seen.units > least * (1 + _EXACT))
        units = np.where(falls, np.maximum(seen.units - self.by * seen.label_units, least), seen.units)
        units = np.where(found, memory.worked, units)
        units = np.where(raised, decision.units, units)
        own = {
            "streak": np.where(falls, 0, streak),
            "sessions": seen.session,
            "worked": np.where(falls, seen.units, np.where(found & raised, decision.units, memory.worked)),
            "found": found,
        }
        given = decision.changed(
            units=np.where(injects, units, 0.0),
            reason=np.where(fails & injects, ESCALATE, decision.reason),
        )
        return given, self.remembered(new, memory, **own)

    def describe(self) -> str:
        return (
            f"{self.rule.describe()} After {self.hold} cycles in a row whose effect lasted to the visit the "
            "dose falls by "
            f"{self.by:.0%} of the label dose, down to {self.floor:.0%} of it; when it then does not last, the "
            "last dose "
            "that worked is given from then on."
        )
