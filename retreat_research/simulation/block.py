"""One block of patients from the first visit to the last, visit by visit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..errors import InputError, rows_text
from ..strategies import Past, Strategy
from .asking import PRODUCT_NAMES, SHOWN, SHOWN_FLAGS, SHOWN_WHOLE, Asking
from .changing import changed
from .deciding import CODES
from .foretelling import foretell
from .outcomes import HISTORY, TOTALS
from .physics import physics_of, product_table, record
from .session import Shown, show_all, visit
from .state import Records, at_start, still_followed, take, totals_of

#: A block is packed anew when fewer of its patients than this are still followed.
PACK_BELOW = 0.7
MAX_VISITS = 100_000
_LOWER, _UPPER = SHOWN.index("lower"), SHOWN.index("upper")


class Block(NamedTuple):
    """What happened to the patients of one block."""

    totals: Records  # TOTALS, shape (n,), in the cohort's order
    history: Records | None  # HISTORY, one row a visit, by patient and week
    products: frozenset[str]  # injected


def run_block(
    cohort: Cohort,
    strategy: Strategy,
    horizon: float,
    seed: int,
    *,
    history: bool = False,
    check: bool = False,
    first_row: int = 0,
) -> Block:
    """Treat the patients of a cohort at once.

    Parameters
    ----------
    cohort : Cohort
        Its order is kept.
    strategy : Strategy
        Prepared.
    horizon : float, weeks
    seed : int
    history : bool
        Keep every visit.
    first_row : int
        Row of the first patient in the whole cohort, for error messages.
    check : bool
        Ask the strategy again about its patients in another order and about some of them only, see `Strategy`.
    """
    world = changed(cohort.world, strategy)
    physics, kinetics, table = record(physics_of(world)), record(world.immunity.kinetics()), product_table(world)
    asking = Asking(strategy, table, world.label_units, first_row=first_row, reasons=history or check, check=check)
    rows, immune = at_start(cohort, horizon, CODES[world.product])
    who = cohort.patient.astype(np.uint64)
    memory = asking.memory(rows.size)
    looks = history or check or strategy.is_looking()
    shown = _room(rows.size)
    show_all(rows, shown)
    totals = np.zeros(rows.size, dtype=TOTALS)
    log = np.zeros(rows.size if history else 0, dtype=HISTORY)
    lines: list[tuple[NDArray[np.int64], Records]] = []
    position, given = np.arange(rows.size), None
    past, foretold = Past(position), None
    for number in range(MAX_VISITS):
        stay = still_followed(rows)
        if stay.size < PACK_BELOW * rows.size:
            ended = np.delete(np.arange(rows.size), stay)
            totals[position[ended]] = totals_of(taken(rows, ended))
            rows, immune, log = taken(rows, stay), taken(immune, stay), log[: stay.size]
            who, position, memory = who[stay], position[stay], memory.at(stay)
            shown = Shown(*(np.take(part, stay, axis=1) for part in shown))
            past, stay, given = past.at(stay), np.arange(stay.size), None
        if stay.size == 0:
            break
        if looks or given is None:  # who looks at nothing decides the same again
            if strategy.oracle:
                foretold = foretell(physics, kinetics, table, np.uint64(seed), np.uint64(number), who, rows, immune)
            given, memory = asking(shown, past, position, memory, foretold)
        room = _room(rows.size if looks else 0)
        visit(physics, kinetics, table, np.uint64(seed), np.uint64(number), given, who, rows, immune, looks, room, log)
        if looks:
            shown = room
            past = past.and_now(shown.floats[_LOWER], shown.floats[_UPPER], given.units)
        if history:
            lines.append((position[stay], taken(log, stay)))
    else:
        where = rows_text(first_row + np.sort(position[stay]))
        what = f"`earliest` and `latest` make more than {MAX_VISITS:,} visits ({where})"
        raise InputError(f"{asking.name}: {what}; make them longer, or `years` shorter")
    return Block(totals, _sorted(lines, cohort) if history else None, frozenset(PRODUCT_NAMES[table["used"]].tolist()))


def _room(n: int) -> Shown:
    """Arrays that nothing else holds: what a strategy has seen stays as it was."""
    return Shown(
        np.empty((len(SHOWN), n)),
        np.empty((len(SHOWN_WHOLE), n), dtype=np.int64),
        np.empty((len(SHOWN_FLAGS), n), dtype=bool),
    )


def taken(rows: Records, which: NDArray[np.int64]) -> Records:
    """The records at `which`."""
    out = np.empty((which.size, *rows.shape[1:]), dtype=rows.dtype)
    width = math.prod(rows.shape[1:])
    take(rows.reshape(len(rows), width), which, out.reshape(which.size, width))
    return out


def _sorted(lines: list[tuple[NDArray[np.int64], Records]], cohort: Cohort) -> Records:
    """The visits of each patient in order, patients in the cohort's order."""
    position = np.concatenate([where for where, _ in lines])
    history = np.concatenate([line for _, line in lines])
    history["patient"] = cohort.patient[position]
    return taken(history, np.argsort(position, kind="stable"))
