"""Rules of a ladder that can never do what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .actions import MOVES, RETURNING, Action
from .conditions import All, Condition, Phrase

#: None: what could not be read.
Rule = tuple[Condition | None, tuple[Action, ...] | None]
Fault = tuple[int, str, str]

_ALWAYS = {Phrase("always")}


def faults(start: float | None, rules: Sequence[Rule], called: Callable[[int], str]) -> Iterator[Fault]:
    """What is impossible in a ladder.

    Parameters
    ----------
    start : float, weeks, or None
        None: it could not be read.
    rules : sequence of (condition, actions)
        Conditions read from texts.
    called : callable
        What an error calls the rule at a position, such as "line 7".

    Yields
    ------
    position of the rule, "when" or "then", what is wrong with it
    """
    yield from _unreached([(k, when) for k, (when, _) in enumerate(rules) if when is not None], called)
    if start is not None and all(what is not None for _, what in rules):
        yield from _motionless(start, [(k, action) for k, (_, what) in enumerate(rules) for action in what or ()])


def _unreached(conditions: list[tuple[int, Condition]], called: Callable[[int], str]) -> Iterator[Fault]:
    """Rules below one that acts whenever they could."""
    for place, (k, when) in enumerate(conditions):
        for above, earlier in conditions[:place]:
            phrases = _phrases(earlier)
            if earlier.times == 1 and (phrases == _ALWAYS or phrases <= _phrases(when)):
                why = "always holds" if phrases == _ALWAYS else "holds first"
                yield k, "when", f"this rule is never reached: the one in {called(above)} {why}"
                break


def _motionless(start: float, actions: list[tuple[int, Action]]) -> Iterator[Fault]:
    """Steps towards a limit beyond which everything is already."""
    reached = {"interval": [start], "dose": [1.0]}
    reached["interval"] += [action.numbers[0] for _, action in actions if action.text == RETURNING]
    ends = {-1: {what: list(values) for what, values in reached.items()}, 1: reached}
    moves = [(k, action, *MOVES[action.text]) for k, action in actions if action.text in MOVES]
    for _, action, what, direction, default in moves:
        ends[direction][what].append(_limit(action, default))
    for k, action, what, direction, default in moves:
        limit = _limit(action, default)
        if direction > 0 and limit <= min(ends[-1][what]):
            yield k, "then", f"it can never do that: no {what} is ever below {limit:g}"
        if direction < 0 and limit >= max(ends[1][what]):
            yield k, "then", f"it can never do that: no {what} is ever above {limit:g}"


def _phrases(when: Condition) -> set[Phrase]:
    assert isinstance(when.holds, All)
    return set(when.holds.phrases)


def _limit(action: Action, default: float) -> float:
    return action.numbers[1] if len(action.numbers) > 1 else default
