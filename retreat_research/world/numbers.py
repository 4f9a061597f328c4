"""Every number of a world in one list: what `World.describe` shows and `World.draws` draws."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from ..evidence import Parameter, parameters
from ..streams import Purpose, uniforms
from .medians import MEDIANS, Known

if TYPE_CHECKING:
    from .world import World

#: The sub-models of a world, in order.
PARTS = ("response", "immunity", "observation", "behaviour")
SET_HERE = "set in this world"


def numbers(world: World) -> list[tuple[str, Parameter]]:
    """(sub-model, number) for every number, with this indication's default, this world's prior, and its source."""
    found = []
    for part in PARTS:
        for number in parameters(getattr(world, part)):
            known = _known(world.indication, number)
            if known is not None:
                number = replace(number, default=known.value, source=known.source, prior=known.prior)
            if number.value != number.default and not (isnan(number.value) and isnan(number.default)):
                number = replace(number, source=SET_HERE)
            for name in (number.name, number.label):
                if name in world.priors:
                    number = replace(number, prior=world.priors[name])
            found.append((part, number))
    return found


def _known(indication: str, number: Parameter) -> Known | None:
    return MEDIANS[indication].get(number.product) if number.name == "median_weeks" else None


def address(label: str) -> int:
    """Where a parameter's luck is: a function of its name, so that no other parameter moves it."""
    return crc32(label.encode())


def drawn(world: World, n: int, seed: int) -> list[dict[str, dict[str, Any]]]:
    """For each of `n` draws and each sub-model, the arguments that change: every number with a prior."""
    draw = np.arange(n)
    changes: list[dict[str, dict[str, Any]]] = [{part: {} for part in PARTS} for _ in range(n)]
    for part, number in numbers(world):
        if number.prior is None:
            continue
        luck = uniforms(seed, Purpose.WORLD, draw, address(number.label))[0]
        for change, value in zip(changes, number.prior.quantile(luck).tolist(), strict=True):
            if number.product:
                whole = change[part].setdefault(number.name, dict(getattr(getattr(world, part), number.name)))
                whole[number.product] = value
            else:
                change[part][number.name] = value
    return changes
