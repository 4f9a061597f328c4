"""An endpoint from text: what `str` of an endpoint writes, read back without running it."""

from __future__ import annotations

import ast
import warnings
from dataclasses import fields
from typing import Any

from ..errors import InputError, must
from ..products import nearest
from .endpoints import BackToBaseline, Endpoint, LossOfBenefit, LossOfLevel

ENDPOINTS: dict[str, type[Endpoint]] = {kind.__name__: kind for kind in (LossOfBenefit, BackToBaseline, LossOfLevel)}
EXAMPLE = 'write for example LossOfBenefit("TWSTRS", loss=0.8, response=8)'


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint.

    Parameters
    ----------
    text : str
        A call of `LossOfBenefit`, `BackToBaseline` or `LossOfLevel` with literal values.

    Returns
    -------
    Endpoint

    Raises
    ------
    InputError
        If it is no such call, or the endpoint's own check refuses a value.

    Examples
    --------
    >>> parse_endpoint('LossOfLevel("FWS", at_most=1)')
    LossOfLevel("FWS", at_most=1, raters="investigator", peak_by=6)
    """
    must(isinstance(text, str), "an endpoint must be a text", EXAMPLE)
    try:
        with warnings.catch_warnings(action="ignore"):
            call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"the endpoint cannot be read; {EXAMPLE}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise InputError(f"an endpoint must be one call; {EXAMPLE}")
    name = call.func.id
    must(name in ENDPOINTS, f"unknown endpoint `{name}`{nearest(name, ENDPOINTS)}; there are {', '.join(ENDPOINTS)}")
    kind = ENDPOINTS[name]
    must(len(call.args) <= 1, f"`{name}` takes the scale first and everything else by name", EXAMPLE)
    known = [field.name for field in fields(kind)]
    values: dict[str, Any] = dict(zip(["scale"], (_value(arg, "scale") for arg in call.args), strict=False))
    for keyword in call.keywords:
        given = keyword.arg or "**"
        must(given in known, f"`{name}` has no argument `{given}`{nearest(given, known)}; it takes {', '.join(known)}")
        must(given not in values, f"`{given}` is given twice")
        values[given] = _value(keyword.value, given)
    must("scale" in values, f"`{name}` needs a scale", EXAMPLE)
    must(kind is not LossOfLevel or "at_most" in values, "`LossOfLevel` needs `at_most`")
    return kind(**values)


def _value(node: ast.expr, name: str) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise InputError(f"`{name}` must be a number or a text in quotes") from None
