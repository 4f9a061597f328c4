"""A whole comparison in one file that a clinician can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cohort import draw_cohort
from ..errors import InputError, must
from ..evidence import Frozen
from ..products import INDICATIONS, nearest
from ..strategies import Strategy
from ..strategies.document import Document
from ..strategies.reading import place_of, strategies_of
from ..world import World, indication_named
from .compare import Comparison, compare
from .costs import Costs

#: Parts of a world that are no numbers, or are said elsewhere in the file.
_NO_NUMBERS = ("indication", "product", "response", "immunity", "observation", "behaviour", "priors")
_OF_COSTS = ("session", "unit")
_ONA = "onabotulinumtoxinA"


@dataclass(frozen=True)
class Plan:
    """What to compare, in whom and for how long; `read_plan` reads it.

    Attributes
    ----------
    strategies : mapping of str to Strategy
    indications : tuple of str
    product : str
    patients : int
    years : float
    seed : int
    draws : int
        Worlds drawn from the priors; 0 for none.
    changes : mapping of str to float
        Numbers of the world other than by default.
    preferences : tuple of float in [0, 1]
        At which the value of each strategy is reported: 0 smooth effect, 1 long-term responsiveness.
    costs : Costs or None
    """

    strategies: Mapping[str, Strategy]
    indications: tuple[str, ...]
    product: str = _ONA
    patients: int = 10_000
    years: float = 10.0
    seed: int = 1
    draws: int = 0
    preferences: tuple[float, ...] = (0.0, 0.5, 1.0)
    changes: Mapping[str, float] = field(default_factory=lambda: Frozen({}))
    costs: Costs | None = None

    def run(
        self, *, store: str | Path | None = None, workers: int | None = None, progress: bool = False
    ) -> dict[str, Comparison]:
        """Compare in every indication; arguments as in `compare`."""
        found = {}
        for indication in self.indications:
            world = World.default(indication, self.product).replace(**self.changes)
            cohort = draw_cohort(self.patients, world=world, seed=self.seed)
            found[indication] = compare(
                self.strategies, cohort, years=self.years, seed=self.seed, costs=self.costs, draws=self.draws or None,
                store=store, workers=workers, progress=progress,
            )  # fmt: skip
        return found


def read_plan(path: str | Path) -> Plan:
    """Read a comparison from a TOML or JSON file.

    Parameters
    ----------
    path : str or Path
        Strategies as in `strategies.read_strategies`, and beside them ``indication`` (a name or a list of names),
        ``product``, ``patients``, ``years``, ``seed``, ``draws``, ``preferences`` (numbers from 0 to 1), a table
        ``[world]`` of numbers other than by default
        (``within_sd = 0.2``) and a table ``[costs]`` (``session``, ``unit``). All but the indication may be left out.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        With every problem and its line.
    """
    document = Document.read(path)
    content = document.content
    strategies = strategies_of(document)
    indications = _indications(document)
    product = content.get("product", _ONA)
    if not isinstance(product, str):
        document.wrong(("product",), "`product` must be a name")
    whole = {
        "patients": _whole(document, "patients", 10_000, 2, 10_000_000),
        "seed": _whole(document, "seed", 1, 0, 2**64 - 1),
        "draws": _whole(document, "draws", 0, 0, 100_000),
    }
    years = content.get("years", 10)
    if not _real(years) or not 0.5 <= years <= 100:
        document.wrong(("years",), "`years` must be a number from 0.5 to 100")
    preferences = content.get("preferences", [0, 0.5, 1])
    weights = preferences if isinstance(preferences, list) else [preferences]
    if not weights or not all(_real(weight) and 0 <= weight <= 1 for weight in weights):
        document.wrong(
            ("preferences",), "`preferences` must be numbers from 0 (smooth) to 1 (long-term responsiveness)"
        )
    costs = _costs(document)
    worlds, changes = _worlds(document, indications, product)
    _must_be_possible(document, strategies, worlds)
    document.must_be_right()
    return Plan(
        strategies=Frozen(strategies), indications=indications, product=product, years=float(years), costs=costs,
        changes=Frozen(changes), preferences=tuple(map(float, weights)), **whole,
    )  # fmt: skip


def _indications(document: Document) -> tuple[str, ...]:
    given = document.content.get("indication")
    names = given if isinstance(given, list) else [given]
    found = []
    if given is None:
        document.wrong(("indication",), f"the `indication` is missing; known are {', '.join(INDICATIONS)}")
        return ()
    for name in names:
        try:
            found.append(indication_named(name if isinstance(name, str) else ""))
        except InputError as error:
            document.wrong(("indication",), str(error))
    if len(set(found)) < len(found):
        document.wrong(("indication",), "an indication is named twice")
    if not names:
        document.wrong(("indication",), "`indication` names none")
    return tuple(dict.fromkeys(found))


def _worlds(document: Document, indications: tuple[str, ...], product: Any) -> tuple[list[World], dict[str, Any]]:
    """The world of each indication, and the numbers that are changed in all: each is tried in the first of them."""
    table = document.content.get("world", {})
    if not isinstance(table, dict):
        document.wrong(("world",), "`world` must be a table of numbers, such as within_sd = 0.2")
        table = {}
    before = len(document.problems)
    worlds: list[World] = []
    for indication in indications if isinstance(product, str) else ():
        try:
            world = World.default(indication, product)
        except InputError as error:
            document.wrong(("product",), str(error))
            continue
        for name, value in table.items() if not worlds else ():
            try:
                must(name not in _NO_NUMBERS, f"`{name}` is no number of the world")
                world.replace(**{name: value})
            except (InputError, TypeError) as error:
                document.wrong(("world", name), str(error))
        try:
            worlds.append(world.replace(**table) if len(document.problems) == before else world)
        except InputError as error:
            document.wrong(("world",), str(error))
    return worlds, table


def _must_be_possible(document: Document, strategies: Mapping[str, Strategy], worlds: list[World]) -> None:
    """What each strategy must know of the population is there, such as the label dose of a product it switches to."""
    for name, strategy in strategies.items():
        for world in worlds:
            try:
                strategy.prepared(world)
            except InputError as error:
                document.wrong((*place_of(document, name), "rule"), str(error))
                break


def _costs(document: Document) -> Costs | None:
    table = document.content.get("costs")
    if table is None:
        return None
    before = len(document.problems)
    if not isinstance(table, dict) or "session" not in table:
        document.wrong(("costs",), "`costs` has `session`, the price of one, and perhaps `unit`")
    for name in table if isinstance(table, dict) else ():
        if name not in _OF_COSTS:
            document.wrong(
                ("costs", name), f"unknown field `{name}`{nearest(name, _OF_COSTS)}; known are session, unit"
            )
    if len(document.problems) > before:
        return None
    try:
        return Costs(**table)
    except (InputError, TypeError) as error:
        place = ("costs", "unit") if "unit" in str(error) else ("costs", "session")
        document.wrong(place, str(error))
        return None


def _whole(document: Document, name: str, default: int, least: int, most: int) -> int:
    value = document.content.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        document.wrong((name,), f"`{name}` must be a whole number from {least:,} to {most:,}")
        return default
    return value


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
