"""Every number of a world in one list: what `World.describe` shows, `World.draws` draws and a table can set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from math import isnan
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from ..errors import InputError, must, must_all, real_numbers, rows_text
from ..evidence import Parameter, parameters
from ..products import nearest
from ..streams import Purpose, uniforms
from .medians import MEDIANS, Known

if TYPE_CHECKING:
    import pandas as pd

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


def drawn(world: World, n: int, seed: int) -> pd.DataFrame:
    """`n` draws of every number with a prior, one column each."""
    import pandas as pd

    draw = np.arange(n)
    found = {
        number.label: number.prior.quantile(uniforms(seed, Purpose.WORLD, draw, address(number.label))[0])
        for _, number in numbers(world)
        if number.prior is not None
    }
    return pd.DataFrame(found, index=pd.RangeIndex(n, name="draw"))


def at_quantiles(world: World, quantiles: pd.DataFrame) -> pd.DataFrame:
    """The same table with each number at that quantile of its prior."""
    priors = {number.label: number.prior for _, number in numbers(world)}
    found = quantiles.astype(float)
    for label in quantiles:
        _must_be_known(label, priors)
        prior = priors[label]
        must(prior is not None, f"`{label}` has no prior", "give it one in `priors`")
        assert prior is not None
        u = quantiles[label].to_numpy()
        must_all((u > 0) & (u < 1), f"quantiles of `{label}` must lie between 0 and 1")
        found[label] = prior.quantile(u)
    return found


def changes(world: World, table: pd.DataFrame) -> list[dict[str, dict[str, Any]]]:
    """For each row of `table` and each sub-model, the arguments that change: the numbers named by its columns."""
    known = {number.label: (part, number) for part, number in numbers(world)}
    wholes = {f.name for part in PARTS for f in fields(getattr(world, part)) if isinstance(f.default, int)}
    must(table.columns.is_unique, "the table of draws has two columns of one name")
    found: list[dict[str, dict[str, Any]]] = [{part: {} for part in PARTS} for _ in range(len(table))]
    problems = []
    for label in table:
        _must_be_known(label, known)
        part, number = known[label]
        values = real_numbers(table[label].to_numpy(), str(label))
        good = (values >= number.least) & (values <= number.most) & np.isfinite(values)
        whole = number.name in wholes
        good &= (values == np.round(values)) | (not whole)
        if not good.all():
            kind = "a whole number" if whole else "a number"
            reach = f"from {number.least:g} to {number.most:g}"
            problems.append(f"`{label}` must be {kind} {reach} ({rows_text(np.flatnonzero(~good))})")
            continue
        for change, value in zip(found, values.tolist(), strict=True):
            if number.product:
                by_product = change[part].setdefault(number.name, dict(getattr(getattr(world, part), number.name)))
                by_product[number.product] = value
            else:
                change[part][number.name] = int(value) if whole else value
    must(not problems, "; ".join(problems))
    return found


def _must_be_known(label: object, known: Collection[str]) -> None:
    if label not in known:
        raise InputError(f"no parameter is called `{label}`{nearest(label, known).replace(';', ',')}")
