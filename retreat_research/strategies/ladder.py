"""A protocol as a ladder of rules: the first that holds decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import must, number
from .actions import DOSES, Action, Plan, actions
from .base import Strategy, must_be_weeks, returns
from .conditions import Condition, condition
from .faults import faults
from .seen import HALT, HOLD, START, Bools, Decision, Memory, Seen

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
        ended; after a halt the last interval is given again. What must hold so many times in a row is counted anew once
        its rule has acted.
    early_from : float, weeks, optional
        The patient may come when she notices waning, from then on; otherwise visits are booked.
    doses : tuple of (product, units), optional
        Usual doses of products that a rule switches to without saying one; `prepared` takes the label's.

    Raises
    ------
    InputError
        For an unknown phrase, and for a rule that can never do what it says: one below another that always holds first,
        or "extend by 2 weeks, at most 8 weeks" where no interval is shorter.

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
        must(self.start >= 1, "`start` must be at least a week")
        if self.early_from is not None:
            must_be_weeks(early_from=self.early_from)
        must(isinstance(self.rules, tuple | list) and len(self.rules) > 0, "`rules` must be pairs of texts: when, then")
        pairs = all(isinstance(rule, tuple | list) and len(rule) == 2 for rule in self.rules)
        must(pairs, "`rules` must be pairs of texts: when, then")
        object.__setattr__(self, "rules", tuple((str(when), str(then)) for when, then in self.rules))
        for product, units in self.doses:
            number(units, f"the dose of {product}", *DOSES)
        for position, _, problem in faults(self.start, self._read, lambda k: f"rule {k + 1}"):
            must(False, f"rule {position + 1}: {problem}")

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
        kept = {"gap": self.start, "units": 0.0, "label": 0.0, "product": 0}
        return {**kept, "sessions": 0, "streaks": (0,) * len(self.rules)}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        first = seen.session == 0
        ended = seen.session > memory.sessions
        resumes = ~first & ~ended
        plan = Plan(
            gap=memory.gap,
            units=np.where(resumes, memory.units, seen.units),
            label=np.where(first, seen.label_units, memory.label),
            product=self._after_halt(resumes, seen, memory),
            halt=np.zeros(len(seen)),
            reason=np.where(first, START, HOLD),
        )
        if (plan.label != seen.label_units).any():  # conditions count in label doses of the product before a switch
            seen = replace(seen, units=seen.units / plan.label * seen.label_units)
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
                mixed: list[Any] = [a if a is b else np.where(acts, b, a) for a, b in zip(plan, new, strict=True)]
                plan = Plan(*mixed)
                streaks[acts, i] = 0
            taken = taken | acts
        halts = plan.halt > 0
        waiting = np.zeros(len(seen), dtype=int)  # position in `_products`, from 1, of what is injected after the halt
        for position, name in enumerate(self._products, 1):
            waiting[halts & (plan.product == name)] = position
        earliest = plan.gap if self.early_from is None else np.minimum(self.early_from, plan.gap)
        decision = Decision(
            np.where(halts, plan.halt, earliest),
            np.where(halts, plan.halt, plan.gap),
            units=np.where(halts, 0.0, plan.units),
            product=np.where(halts, seen.product, plan.product) if self._products else None,
            reason=np.where(halts, HALT, plan.reason),
        )
        kept = {"gap": plan.gap, "units": plan.units, "label": plan.label, "product": waiting}
        return decision, {**kept, "sessions": seen.session, "streaks": streaks}

    @cached_property
    def _products(self) -> tuple[str, ...]:
        """What rules switch to."""
        return tuple(dict.fromkeys(action.product for _, what in self._read for action in what if action.product))

    def _after_halt(self, resumes: Bools, seen: Seen, memory: Memory) -> NDArray[np.str_]:
        """The product in use: as injected last, unless a rule switched and halted at once."""
        if not self._products:
            return seen.product
        names = np.array(["", *self._products])
        return np.where(resumes & (memory.product > 0), names[memory.product], seen.product)

    def describe(self) -> str:
        steps = [f"{number}. If {when}: {then}." for number, (when, then) in enumerate(self.rules, 1)]
        return " ".join([
            f"Starts at {self.start:g} weeks. At each visit the first rule that holds decides:",
            *steps,
            returns(self.early_from is not None, self.early_from or 0),
        ])  # fmt: skip
