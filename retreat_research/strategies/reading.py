"""Strategies from a file that reads like a protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..products import nearest
from .actions import actions
from .base import Strategy
from .conditions import All, condition
from .document import Document, Place
from .ladder import Ladder
from .parsing import parse_strategy

_FIELDS = ("name", "rule", "start", "early")
_START = re.compile(r"(\d+(?:\.\d+)?) weeks")
_EARLY = re.compile(r"from (\d+(?:\.\d+)?) weeks")
_LIMIT = re.compile(r"extend by .*, at most (\d+(?:\.\d+)?) weeks")


def read_strategies(path: str | Path) -> dict[str, Strategy]:
    """Read strategies from a TOML or JSON file.

    Parameters
    ----------
    path : str or Path
        Each ``[[strategy]]`` has a ``name`` and either ``rule = "Stepped(step=2).within(10, 26)"``, or ``start = "12
        weeks"`` and a ladder of ``[[strategy.rule]]`` with ``when`` and ``then``, and perhaps ``early = "from 12
        weeks"`` (the patient may come when she notices waning). In JSON the same names: ``{"strategy": [{"name":
        …}]}``.

    Returns
    -------
    dict of str to Strategy, in the order of the file

    Raises
    ------
    InputError
        With every problem and its line.
    """
    document = Document.read(path)
    found = strategies_of(document)
    for name in document.content:
        if name != "strategy":
            document.wrong((name,), f"unknown field `{name}`; a file of strategies has `strategy` only")
    document.must_be_right()
    return found


def strategies_of(document: Document) -> dict[str, Strategy]:
    """The strategies of a file; problems are left in the document."""
    tables = document.content.get("strategy")
    if not isinstance(tables, list) or not tables:
        document.wrong(("strategy",), "there is no strategy; write [[strategy]] with a name and a rule")
        return {}
    found: dict[str, Strategy] = {}
    names: dict[str, int] = {}
    for i, table in enumerate(tables):
        place: Place = ("strategy", i)
        if not isinstance(table, dict):
            document.wrong(place, "a strategy must have a name and a rule")
            continue
        for key in table:
            if key not in _FIELDS:
                document.wrong(
                    (*place, key), f"unknown field `{key}`{nearest(key, _FIELDS)}; a strategy has {_and(_FIELDS)}"
                )
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            document.wrong((*place, "name"), "a strategy needs a `name`")
            name = f"strategy {i + 1}"
        elif name in names:
            document.wrong((*place, "name"), f"two strategies are called {name!r}; the other is in line {names[name]}")
        names.setdefault(name, document.line((*place, "name")))
        strategy = _strategy(document, place, table)
        if strategy is not None:
            found[name] = strategy
    return found


def _strategy(document: Document, place: Place, table: dict[str, Any]) -> Strategy | None:
    rule = table.get("rule")
    if isinstance(rule, str):
        for key in ("start", "early"):
            if key in table:
                document.wrong((*place, key), f"`{key}` goes with a ladder of rules; here it belongs into the rule")
        return _tried(document, (*place, "rule"), parse_strategy, rule)
    if not isinstance(rule, list) or not rule:
        document.wrong((*place, "rule"), 'a strategy needs a `rule`, such as "Stepped(step=2)", or a ladder of rules')
        return None
    start = _weeks(document, (*place, "start"), table.get("start"), _START, '"12 weeks"')
    early = table.get("early")
    early_from = None if early is None else _weeks(document, (*place, "early"), early, _EARLY, '"from 12 weeks"')
    before = len(document.problems)
    pairs = [_rule(document, (*place, "rule", k), one, start) for k, one in enumerate(rule)]
    _must_be_reached(document, place, pairs)
    if start is None or len(document.problems) > before:
        return None
    return _tried(document, place, Ladder, start, tuple(pair for pair in pairs if pair), early_from)


def _rule(document: Document, place: Place, table: Any, start: float | None) -> tuple[str, str] | None:
    if not isinstance(table, dict) or set(table) != {"when", "then"}:
        others = sorted(set(table) - {"when", "then"}) if isinstance(table, dict) else []
        unknown = f"; unknown here: {', '.join(others)}" if others else ""
        document.wrong(place, f"a rule has `when` and `then`{unknown}")
        return None
    when, then = table["when"], table["then"]
    _tried(document, (*place, "when"), condition, when if isinstance(when, str) else None)
    _tried(document, (*place, "then"), actions, then)
    limit = _LIMIT.fullmatch(then) if isinstance(then, str) else None
    if limit and start is not None and float(limit[1]) <= start:
        document.wrong((*place, "then"), f"it can never extend: at most {limit[1]} weeks is not above the start")
    return str(when), str(then)


def _must_be_reached(document: Document, place: Place, pairs: list[tuple[str, str] | None]) -> None:
    """No rule stands below one that always holds, or repeats an earlier condition."""
    seen: dict[str, int] = {}
    always = None
    for k, pair in enumerate(pairs):
        if pair is None:
            continue
        try:
            when = condition(pair[0])
        except InputError:  # told already
            continue
        here: Place = (*place, "rule", k, "when")
        if always is not None:
            document.wrong(here, f"this rule is never reached: the one in line {always} always holds")
        elif when.text in seen:
            document.wrong(here, f"this rule is never reached: the one in line {seen[when.text]} holds first")
        seen.setdefault(when.text, document.line(here))
        whole = isinstance(when.holds, All) and all(p.text == "always" and not p.negated for p in when.holds.phrases)
        if whole and when.times == 1 and always is None:
            always = document.line(here)


def _weeks(document: Document, place: Place, text: Any, pattern: re.Pattern[str], example: str) -> float | None:
    found = pattern.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or float(found[1]) <= 0:
        hint = "; a month is about 4.3 weeks" if isinstance(text, str) and "month" in text else ""
        document.wrong(place, f"`{place[-1]}` must be written as {example}{hint}")
        return None
    return float(found[1])


def _tried(document: Document, place: Place, make: Any, *arguments: Any) -> Any:
    """What `make` gives, or None with the problem remembered."""
    try:
        return make(*arguments)
    except InputError as error:
        document.wrong(place, str(error))
        return None


def _and(names: tuple[str, ...]) -> str:
    return ", ".join(names)
