"""Phrases with numbers in them: what conditions and actions share."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..products import nearest

#: No protocol needs more digits; more of them can be no float.
_NUMBER = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"
_PLURAL = re.compile(r"\b(weeks|sessions|years|doses|units)\b")
_SHOWN = 60


def pattern(phrase: str) -> re.Pattern[str]:
    """What a phrase matches: N stands for a number, parts in brackets may be left out, "1 week" will do."""
    escaped = re.escape(phrase).replace(r"\[", "(?:").replace(r"\]", ")?")
    escaped = _PLURAL.sub(r"\1?", escaped)
    return re.compile(re.sub(r"\bN\b", lambda _: _NUMBER, escaped).replace("PRODUCT", r"(\w+)"))


def unknown(what: str, text: str, phrases: Iterable[str]) -> str:
    """The message about a text that is none of the phrases, with the nearest one."""
    known = list(phrases)
    short = [re.sub(r"\[.*?\]", "", phrase) for phrase in known]
    long = [re.sub(r"[\[\]]", "", phrase) for phrase in known]
    near = nearest(re.sub(_NUMBER, "N", text), dict.fromkeys((*short, *long)))
    return f"unknown {what} {shown(text)}{near}; known are: {'; '.join(known)}"


def shown(text: str) -> str:
    """A text in quotes, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
