"""What a protocol tells to do, in its words: "extend by 2 weeks, at most 26 weeks"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, must
from ..products import PRODUCTS, nearest
from .phrases import pattern, shown, unknown
from .seen import ESCALATE, EXTEND, HALT, HOLD, SHORTEN, SWITCH, Floats

#: Where a phrase gives no limit: assumed.
LONGEST_WEEKS, SHORTEST_WEEKS, HIGHEST_DOSE, LOWEST_DOSE = 52.0, 4.0, 2.0, 0.5
_EXACT = 1e-9
#: What a usual dose can be at all, units of any product: assumed, far beyond every label.
DOSES = (1e-3, 1e6)


class Plan(NamedTuple):
    """What is planned for n patients, arrays of shape (n,), and the reason of the last action."""

    gap: Floats
    units: Floats
    label: Floats  # label dose of the product in use, in its units
    product: NDArray[np.str_]
    halt: Floats  # weeks without injection; 0: none
    reason: NDArray[np.int64]


def _extend(plan: Plan, weeks: float, most: float = LONGEST_WEEKS) -> Plan:
    gap = np.maximum(np.minimum(plan.gap + weeks, most), plan.gap)
    return plan._replace(gap=gap, reason=np.where(gap > plan.gap, EXTEND, HOLD))


def _shorten(plan: Plan, weeks: float, least: float = SHORTEST_WEEKS) -> Plan:
    gap = np.minimum(np.maximum(plan.gap - weeks, least), plan.gap)
    return plan._replace(gap=gap, reason=np.where(gap < plan.gap, SHORTEN, HOLD))


def _return(plan: Plan, weeks: float) -> Plan:
    reason = np.select([weeks > plan.gap, weeks < plan.gap], [EXTEND, SHORTEN], HOLD)
    return plan._replace(gap=np.full_like(plan.gap, weeks), reason=reason)


def _hold(plan: Plan) -> Plan:
    return plan._replace(reason=np.full_like(plan.reason, HOLD))


def _raise(plan: Plan, percent: float, most: float = HIGHEST_DOSE) -> Plan:
    units = np.maximum(np.minimum(plan.units + percent / 100 * plan.label, most * plan.label), plan.units)
    return plan._replace(units=units, reason=np.where(units > plan.units * (1 + _EXACT), ESCALATE, HOLD))


def _lower(plan: Plan, percent: float, least: float = LOWEST_DOSE) -> Plan:
    units = np.minimum(np.maximum(plan.units - percent / 100 * plan.label, least * plan.label), plan.units)
    return plan._replace(units=units, reason=np.full_like(plan.reason, HOLD))


def _halt(plan: Plan, weeks: float) -> Plan:
    return plan._replace(halt=np.full_like(plan.halt, weeks), reason=np.full_like(plan.reason, HALT))


RETURNING = "return to N weeks"
#: Phrase → what it does to a plan; N stands for a number, parts in brackets may be left out.
PHRASES: Mapping[str, Callable[..., Plan]] = {
    "hold": _hold,
    "extend by N weeks[, at most N weeks]": _extend,
    "shorten by N weeks[, at least N weeks]": _shorten,
    RETURNING: _return,
    "raise the dose by N%[ of the label dose][, at most N label doses]": _raise,
    "lower the dose by N%[ of the label dose][, at least N label doses]": _lower,
    "halt for N weeks": _halt,
}
#: N is the usual dose of the product: a dose that had been raised stays raised in proportion.
SWITCHING = "switch to PRODUCT[ at N units]"
#: What each changes, in which direction, and how far where the phrase does not say.
MOVES: Mapping[str, tuple[str, int, float]] = {
    "extend by N weeks[, at most N weeks]": ("interval", 1, LONGEST_WEEKS),
    "shorten by N weeks[, at least N weeks]": ("interval", -1, SHORTEST_WEEKS),
    "raise the dose by N%[ of the label dose][, at most N label doses]": ("dose", 1, HIGHEST_DOSE),
    "lower the dose by N%[ of the label dose][, at least N label doses]": ("dose", -1, LOWEST_DOSE),
}
#: Intervals shorter than that are none of a protocol, weeks: assumed.
_LEAST_WEEKS = 1.0
_PATTERNS = {phrase: pattern(phrase) for phrase in PHRASES}
_SWITCH = pattern(SWITCHING)


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes
    ----------
    text : str
        Of `PHRASES` or `SWITCHING`.
    numbers : tuple of float
    product : str
        To switch to; its usual dose, units, is the only number.
    """

    text: str
    numbers: tuple[float, ...] = ()
    product: str = ""

    def __call__(self, plan: Plan) -> Plan:
        if not self.product:
            return PHRASES[self.text](plan, *self.numbers)
        must(bool(self.numbers), "the protocol does not know a dose", "use `prepared(world)`, as `simulate` does")
        label = np.full_like(plan.label, self.numbers[0])
        return plan._replace(
            units=plan.units / plan.label * label,
            label=label,
            product=np.full(plan.product.shape, self.product),
            reason=np.where(plan.product == self.product, HOLD, SWITCH),
        )

    def with_dose(self, indication: str) -> Action:
        """With the label dose of the product to switch to, where none is given."""
        if not self.product or self.numbers:
            return self
        units = PRODUCTS[self.product].label_units.get(indication)
        must(units is not None, f"{self.product} has no label dose for {indication}", "say it: switch to … at N units")
        return replace(self, numbers=(float(units or 0),))


def actions(text: str) -> tuple[Action, ...]:
    """What a phrase, or several joined by "and", tells to do.

    Raises
    ------
    InputError
        For an unknown phrase, with the nearest known one, or one that does nothing.

    Examples
    --------
    >>> [action.numbers for action in actions("raise the dose by 10% and shorten by 2 weeks, at least 12 weeks")]
    [(10.0,), (2.0, 12.0)]
    """
    must(isinstance(text, str) and bool(text.strip()), "an action must be a text", 'such as "extend by 2 weeks"')
    return tuple(_action(part) for part in " ".join(text.split()).split(" and "))


def _action(text: str) -> Action:
    for known, matching in _PATTERNS.items():
        found = matching.fullmatch(text)
        if found:
            numbers = tuple(float(number) for number in found.groups() if number is not None)
            must(all(number > 0 for number in numbers), f"{shown(text)} does nothing, or something impossible")
            moves = known in MOVES
            weeks = numbers[1:] if moves and MOVES[known][0] == "interval" else () if moves else numbers
            must(all(number >= _LEAST_WEEKS for number in weeks), f"{shown(text)} must be at least a week")
            return Action(known, numbers)
    found = _SWITCH.fullmatch(text)
    if found:
        name, units = found.groups()
        products = [product for product in PRODUCTS if product != "placebo"]
        known = f"known are {', '.join(products)}"
        must(name in products, f"unknown product {shown(name)}{nearest(name, products)}; {known}")
        must(units is None or float(units) >= DOSES[0], f"{shown(text)} gives no dose")
        return Action(SWITCHING, () if units is None else (float(units),), name)
    raise InputError(unknown("action", text, (*PHRASES, SWITCHING)))
