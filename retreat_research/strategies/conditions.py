"""What can be seen of a patient, in the words of a protocol: "waned before the visit", "tested positive"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..cohort import WEEKS_PER_YEAR
from ..errors import InputError, must
from .phrases import pattern, shown, unknown
from .seen import Bools, Floats, Seen


def _waned_by(seen: Seen, weeks: float) -> Bools:
    return seen.waned & (seen.upper <= weeks)


def _unanswered(seen: Seen) -> Bools:
    return seen.assessed & ~seen.responded & (seen.session > 0)


def _tested_positive(seen: Seen) -> Bools:
    """By a test made at the last session: its result is known now."""
    return (seen.last_test == 1) & (seen.last_test_week >= seen.week - seen.gap_weeks - 1e-9)


def _shorter(seen: Seen) -> Bools:
    """The effect was lost sooner than it once was known to last."""
    return seen.waned & (seen.upper < _longest_before(seen))


def _longest_before(seen: Seen) -> Floats:
    before = seen.past_lower[:, :-1]
    return np.max(np.nan_to_num(before, nan=0.0), axis=1, initial=0.0)


#: Phrase → whether it is seen of the cycle that ended with this visit; N stands for a number.
PHRASES: Mapping[str, Callable[..., Bools]] = {
    "always": lambda seen: seen.session >= 0,
    "lasted to the visit": lambda seen: seen.lasted,
    "waned before the visit": lambda seen: seen.waned,
    "waned before week N": _waned_by,
    "responded": lambda seen: seen.responded & (seen.session > 0),
    "no response": _unanswered,
    "not assessed": lambda seen: ~seen.assessed & (seen.session > 0),
    "shorter than before": _shorter,
    "tested positive": _tested_positive,
    "titre of at least N mU/mL": lambda seen, titre: seen.last_reading >= titre,
    "interval of at least N weeks": lambda seen, weeks: seen.gap_weeks >= weeks - 1e-9,
    "interval below N weeks": lambda seen, weeks: seen.gap_weeks < weeks - 1e-9,
    "dose of at least N label doses": lambda seen, doses: seen.units >= (doses - 1e-9) * seen.label_units,
    "after N sessions": lambda seen, sessions: seen.session >= sessions,
    "after N weeks": lambda seen, weeks: seen.week >= weeks,
    "after N years": lambda seen, years: seen.week >= years * WEEKS_PER_YEAR,
    "prefers smoothness": lambda seen: seen.preference < 0.5,
    "prefers responsiveness": lambda seen: seen.preference >= 0.5,
}
_WANED = {"waned before the visit", "waned before week N", "shorter than before"}
#: A phrase of the first set and one of the second never hold of the same cycle.
_NEVER_TOGETHER = (
    ({"lasted to the visit"}, _WANED),
    ({"no response"}, {"responded", "not assessed", *_WANED}),
    ({"not assessed"}, {"responded"}),
    ({"prefers smoothness"}, {"prefers responsiveness"}),
)
_PATTERNS = {phrase: pattern(phrase) for phrase in PHRASES}
_COUNTED = re.compile(r"(.*?)(?:,? ([0-9]{1,3}) (?:times|cycles|sessions) in a row| again)")


@dataclass(frozen=True)
class Phrase:
    """One phrase of `PHRASES` with its numbers."""

    text: str
    numbers: tuple[float, ...] = ()
    negated: bool = False

    def __call__(self, seen: Seen) -> Bools:
        with np.errstate(invalid="ignore"):
            holds = PHRASES[self.text](seen, *self.numbers)
        return ~holds if self.negated else holds


@dataclass(frozen=True)
class All:
    """Several phrases at once."""

    phrases: tuple[Phrase, ...]

    def __call__(self, seen: Seen) -> Bools:
        holds = self.phrases[0](seen)
        for phrase in self.phrases[1:]:
            holds = holds & phrase(seen)
        return holds


@dataclass(frozen=True)
class Condition:
    """Something that is seen of a patient at a visit, so many cycles in a row.

    Attributes
    ----------
    text : str
        As it was written, or the name of the user's function.
    holds : callable
        Seen → bool array (n,): whether it holds of the cycle that ended with this visit.
    times : int
        Cycles in a row for which it must hold before anything is done.
    """

    text: str
    holds: Callable[[Seen], Bools]
    times: int = 1

    def __str__(self) -> str:
        return self.text


def condition(rule: str | Condition | Callable[[Seen], Bools]) -> Condition:
    """A condition from its text, or from a function of what is seen.

    Parameters
    ----------
    rule : str, Condition or callable
        A phrase of `PHRASES`, or several joined by "and", each with "not" before it if it must not hold; at the end
        ", 3 times in a row" if all of it must hold of so many cycles, or "again" for two. A function gets `Seen` and
        returns a bool array (n,).

    Returns
    -------
    Condition

    Raises
    ------
    InputError
        For an unknown phrase, with the nearest known one, and for what can never hold.

    Examples
    --------
    >>> condition("waned before week 10 and not tested positive, 2 times in a row").times
    2
    """
    if isinstance(rule, Condition):
        return rule
    if callable(rule):
        return Condition(getattr(rule, "__name__", type(rule).__name__), rule)
    must(isinstance(rule, str), "a condition must be a text or a function of `seen`", 'such as "tested positive"')
    text = " ".join(rule.split())
    must(bool(text), "a condition must say something", f"known are: {'; '.join(PHRASES)}")
    counted = _COUNTED.fullmatch(text)
    body, times = (counted[1], int(counted[2] or 2)) if counted else (text, 1)
    must(times >= 1, f"{shown(text)}: it must hold at least once")
    phrases = tuple(_phrase(part) for part in body.split(" and "))
    must(not _is_impossible(phrases), f"{shown(text)} can never hold")
    return Condition(text, All(phrases), times)


def _phrase(text: str) -> Phrase:
    """One phrase; an exact match first, so that "not assessed" is a phrase of its own."""
    for start, negated in (("", False), ("not ", True)):
        if text.startswith(start):
            rest = text.removeprefix(start)
            for known, matching in _PATTERNS.items():
                found = matching.fullmatch(rest)
                if found:
                    numbers = tuple(map(float, found.groups()))
                    must(all(number > 0 for number in numbers), f"{shown(text)}: the number must be above 0")
                    return Phrase(known, numbers, negated)
    raise InputError(unknown("condition", text, PHRASES))


def _is_impossible(phrases: tuple[Phrase, ...]) -> bool:
    true = {phrase.text for phrase in phrases if not phrase.negated}
    denied = any(replace(phrase, negated=not phrase.negated) in phrases for phrase in phrases)
    never = Phrase("always", negated=True) in phrases
    return denied or never or any(true & one and true & other for one, other in _NEVER_TOGETHER)
