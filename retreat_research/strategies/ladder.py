"""A protocol as a ladder of rules: the first that holds decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import must
from .actions import SHORTEST_WEEKS, Action, Plan, actions
from .base import Strategy, must_be_weeks
from .conditions import Condition, condition
from .seen import HOLD, START, Decision, Memory, Seen

if TYPE_CHECKING:
    from ..world import World


@dataclass(frozen=True)
class Ladder(Strategy):
    """Rules of a protocol, from the top: at each visit the first whose condition holds says what to do.

    Parameters
    ----------
    start : float, weeks
        The first interval.
    rules : tuple of (when, then)
        Texts: a condition (`conditions.PHRASES`) and what to do (`actions.PHRASES`), each perhaps several joined by
        "and". Where none holds everything stays as it is. Rules are gone through when a cycle with an injection has
        ended; after a halt the last interval is given again.
    early_from : float, weeks, optional
        The patient may come when she notices waning, from then on; otherwise visits are booked.

    Examples
    --------
    >>> import retreat_research as rr
    >>> protocol = Ladder(12, (
    ...     ("tested positive", "halt for 26 weeks"),
    ...     ("waned before the visit", "shorten by 2 weeks, at least 12 weeks"),
    ...     ("lasted to the visit", "extend by 2 weeks, at most 26 weeks"),
    ... ))
    >>> cohort = rr.draw_cohort(300, indication="cervical")
    >>> same = rr.TreatAndExtend(2, 2).halt_if("tested positive", 26)
    >>> a, b = (rr.simulate(cohort, rule, years=5).patients for rule in (protocol, same))
    >>> a.equals(b)
    True
    """

    start: float
    rules: tuple[tuple[str, str], ...]
    early_from: float | None = None
    doses: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        must_be_weeks(start=self.start)
        must(self.start >= SHORTEST_WEEKS / 4, "`start` must be at least a week")
        if self.early_from is not None:
            must_be_weeks(early_from=self.early_from)
        pairs = isinstance(self.rules, tuple | list) and all(len(rule) == 2 for rule in self.rules)
        must(pairs and len(self.rules) > 0, "`rules` must be pairs of texts: when, then")
        object.__setattr__(self, "rules", tuple((str(when), str(then)) for when, then in self.rules))
        assert self._read

    @cached_property
    def _read(self) -> list[tuple[Condition, tuple[Action, ...]]]:
        doses = dict(self.doses)
        found = []
        for when, then in self.rules:
            what = (replace(a, numbers=(doses[a.product],)) if a.product in doses and not a.numbers else a
                    for a in actions(then))  # fmt: skip
            found.append((condition(when), tuple(what)))
        return found

    def prepared(self, world: World) -> Strategy:
        missing = {a.product: a.with_dose(world.indication).numbers[0]
                   for _, what in self._read for a in what if a.product and not a.numbers}  # fmt: skip
        return replace(self, doses=(*self.doses, *missing.items())) if missing else self

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start, "label": 0.0, "sessions": 0, "streaks": (0,) * len(self.rules)}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        first = seen.session == 0
        ended = seen.session > memory.sessions
        plan = Plan(
            gap=memory.gap,
            units=seen.units,
            label=np.where(first, seen.label_units, memory.label),
            product=seen.product,
            halt=np.zeros(len(seen)),
            reason=np.where(first, START, HOLD),
        )
        streaks, taken = memory.streaks.copy(), ~ended
        for i, (when, what) in enumerate(self._read):
            streaks[:, i] = np.where(ended, np.where(when.holds(seen), streaks[:, i] + 1, 0), streaks[:, i])
            acts = ~taken & (streaks[:, i] >= when.times)
            if acts.any():
                new = plan
                for k, action in enumerate(what):
                    reason = new.reason
                    new = action(new)
                    new = new if k == 0 else new._replace(reason=np.where(reason == HOLD, new.reason, reason))
                plan = Plan(*(np.where(acts, b, a) for a, b in zip(plan, new, strict=True)))
                streaks[acts, i] = 0
            taken = taken | acts
        halts = plan.halt > 0
        earliest = plan.gap if self.early_from is None else np.minimum(self.early_from, plan.gap)
        decision = Decision(
            np.where(halts, plan.halt, earliest),
            np.where(halts, plan.halt, plan.gap),
            units=np.where(halts, 0.0, plan.units),
            product=plan.product,
            reason=plan.reason,
        )
        return decision, {"gap": plan.gap, "label": plan.label, "sessions": seen.session, "streaks": streaks}

    def describe(self) -> str:
        steps = [f"{number}. If {when}: {then}." for number, (when, then) in enumerate(self.rules, 1)]
        returns = (
            "Visits are booked."
            if self.early_from is None
            else f"The patient may come when she notices waning, from {self.early_from:g} weeks on."
        )
        return " ".join([f"Starts at {self.start:g} weeks. The first rule that holds decides:", *steps, returns])
