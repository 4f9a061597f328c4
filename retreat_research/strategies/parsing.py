"""A strategy from text: what `str` of a strategy writes, read back without running it."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ..errors import InputError, must
from ..products import nearest
from .base import Strategy
from .combining import Combining
from .own import Own

EXAMPLE = "write for example Stepped(start=12, step=2)"


def parse_strategy(text: str) -> Strategy:
    """Read a strategy.

    Parameters
    ----------
    text : str
        A call of one of the named strategies with literal values, and perhaps of its combinators.

    Returns
    -------
    Strategy

    Raises
    ------
    InputError
        If it is no such call, or the strategy's own check refuses a value.

    Examples
    --------
    >>> print(parse_strategy("OnWaning(floor=10)"))
    OnWaning(floor=10, ceiling=52.0)
    >>> print(parse_strategy("Fixed(12).halt_if('tested positive', 26)"))
    Fixed(weeks=12).halt_if(condition='tested positive', weeks=26)
    """
    must(isinstance(text, str), "a strategy must be a text", EXAMPLE)
    try:
        with warnings.catch_warnings(action="ignore"):
            call = ast.parse(" ".join(text.split("\n")).strip(), mode="eval").body  # a chain may go over several lines
        return _read(call)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the strategy cannot be read; {EXAMPLE}") from None


def _read(call: ast.expr) -> Strategy:
    """A call of a named strategy, or of a combinator on one."""
    must(isinstance(call, ast.Call), f"a strategy must be one call; {EXAMPLE}")
    assert isinstance(call, ast.Call)
    if isinstance(call.func, ast.Name):
        kinds, name = named_strategies(), call.func.id
        must(name in kinds, f"unknown strategy `{name}`{nearest(name, kinds)}; there are {', '.join(kinds)}")
        return _called(kinds[name], name, call)
    must(isinstance(call.func, ast.Attribute), f"a strategy must be one call; {EXAMPLE}")
    assert isinstance(call.func, ast.Attribute)
    rule, name = _read(call.func.value), call.func.attr
    methods = [key for key, held in vars(Combining).items() if inspect.isfunction(held)]
    must(name in methods, f"no strategy has `.{name}`{nearest(name, methods)}; there are {', '.join(methods)}")
    return _called(getattr(rule, name), name, call)


def _called(make: Callable[..., Strategy], name: str, call: ast.Call) -> Strategy:
    """What `make` gives with the literal arguments of a call."""
    known = list(inspect.signature(make).parameters)
    must(len(call.args) <= len(known), f"`{name}` takes {', '.join(known)}")
    values = {key: _value(node, key) for key, node in zip(known, call.args, strict=False)}
    for keyword in call.keywords:
        given = keyword.arg or "**"
        must(given in known, f"`{name}` has no argument `{given}`{nearest(given, known)}; it takes {', '.join(known)}")
        must(given not in values, f"`{given}` is given twice")
        values[given] = _value(keyword.value, given)
    try:
        return make(**values)
    except TypeError:  # a value is missing, or is of a kind that its check does not know
        raise InputError(f"`{name}` takes {', '.join(known)}; {EXAMPLE}") from None


def named_strategies() -> dict[str, type[Strategy]]:
    """The strategies that can be written as text, by name."""
    from .. import strategies

    found = {name: getattr(strategies, name) for name in strategies.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, Strategy) and not inspect.isabstract(kind) and kind is not Own
    }


def _value(node: ast.expr, name: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise InputError(f"`{name}` must be a number, a text in quotes, True, False or None") from None
