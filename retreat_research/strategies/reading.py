"""Strategies from a file that reads like a protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..products import nearest
from .actions import actions
from .base import Strategy
from .conditions import condition
from .document import Document, Place
from .faults import Rule, faults
from .ladder import Ladder
from .parsing import parse_strategy
from .phrases import pattern, shown

#: What a file may say beside its strategies: `comparison.read_plan` reads that.
OF_COMPARISON = ("indication", "product", "patients", "years", "seed", "draws", "preferences", "world", "costs")
_FIELDS = ("name", "rule", "start", "early")
_OF_RULE = {"when": "tested positive", "then": "extend by 2 weeks"}
_START, _EARLY = pattern("N weeks"), pattern("from N weeks")


def read_strategies(path: str | Path) -> dict[str, Strategy]:
    """Read strategies from a TOML or JSON file.

    Parameters
    ----------
    path : str or Path
        Each ``[[strategy]]`` has a ``name`` and either ``rule = "Stepped(step=2).within(10, 26)"``, or ``start = "12
        weeks"`` and a ladder of ``[[strategy.rule]]`` with ``when`` and ``then``, and perhaps ``early = "from 12
        weeks"`` (the patient may come when she notices waning). In JSON the same names: ``{"strategy": [{"name":
        …}]}``. What `comparison.read_plan` reads of the same file is left alone.

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
    document.must_be_right()
    return found


def strategies_of(document: Document) -> dict[str, Strategy]:
    """The strategies of a file; problems are left in the document, unknown fields too."""
    fields = ("strategy", *OF_COMPARISON)
    for name in document.content:
        if name not in fields:
            document.wrong((name,), f"unknown field `{name}`{nearest(name, fields)}; there are {', '.join(fields)}")
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
                known = f"{nearest(key, _FIELDS)}; a strategy has {', '.join(_FIELDS)}"
                document.wrong((*place, key), f"unknown field `{key}`{known}")
        name = _name(table)
        if not name:
            document.wrong((*place, "name"), "a strategy needs a `name`")
            name = f"strategy {i + 1}"
        if name in names:
            other = f"the other is in line {names[name]}"
            document.wrong((*place, "name"), f"two strategies are called {shown(name)}; {other}")
        names.setdefault(name, document.line((*place, "name")))
        strategy = _strategy(document, place, table)
        if strategy is not None:
            found[name] = strategy
    return found


def place_of(document: Document, name: str) -> Place:
    """Where the strategy of that name stands."""
    tables = document.content["strategy"]
    return ("strategy", next(i for i, table in enumerate(tables) if isinstance(table, dict) and _name(table) == name))


def _name(table: dict[str, Any]) -> str:
    return " ".join(table["name"].split()) if isinstance(table.get("name"), str) else ""


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
    read = [_rule(document, (*place, "rule", k), one) for k, one in enumerate(rule)]
    for k, key, problem in faults(start, read, lambda k: f"line {document.line((*place, 'rule', k, 'when'))}"):
        document.wrong((*place, "rule", k, key), problem)
    if start is None or len(document.problems) > before:
        return None
    return _tried(document, place, Ladder, start, tuple((one["when"], one["then"]) for one in rule), early_from)


def _rule(document: Document, place: Place, table: Any) -> Rule:
    """What could be read of a rule."""
    if not isinstance(table, dict):
        document.wrong(place, "a rule has `when` and `then`")
        return None, None
    for key in table:
        if key not in _OF_RULE:
            document.wrong(
                (*place, key), f"unknown field `{key}`{nearest(key, _OF_RULE)}; a rule has `when` and `then`"
            )
    for key, example in _OF_RULE.items():
        if not isinstance(table.get(key), str):
            document.wrong((*place, key), f'a rule needs a `{key}`, such as "{example}"')
    when, then = (table[key] if isinstance(table.get(key), str) else None for key in _OF_RULE)
    return (
        None if when is None else _tried(document, (*place, "when"), condition, when),
        None if then is None else _tried(document, (*place, "then"), actions, then),
    )


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
