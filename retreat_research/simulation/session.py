"""One visit of every patient of a block, compiled: the order of docs/simulation.md, one patient at a time.

Rows know nothing of each other. `row` is a record of `state.PATIENT`, `immune` one of `state.IMMUNE`, `physics` and
`kinetics` are records too: numba passes a record as one pointer, but a tuple as each of its members, at every call.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiled import compiled
from ..immunity import DAYS_PER_WEEK, effective_share
from ..streams import Purpose, fill_lanes, lanes, normals_of
from .counting import count, note, note_cycle
from .observing import assay, look, show
from .responding import delivered, expose, notice, respond

_RESPONSE, _IMMUNITY, _ATTENDANCE = (
    np.uint64(Purpose.RESPONSE),
    np.uint64(Purpose.IMMUNITY),
    np.uint64(Purpose.ATTENDANCE),
)
_SOONEST = 1 / DAYS_PER_WEEK  # nobody returns on the same day


class Given(NamedTuple):
    """A decision, checked; arrays of shape (n,)."""

    units: NDArray[np.float64]
    product: NDArray[np.int64]
    adjunct: NDArray[np.bool_]
    earliest: NDArray[np.float64]
    latest: NDArray[np.float64]
    reason: NDArray[np.int8]


class Shown(NamedTuple):
    """What the clinic knows, in the order of `asking.SHOWN`; arrays of shape (·, n)."""

    floats: NDArray[np.float64]
    wholes: NDArray[np.int64]
    flags: NDArray[np.bool_]


@compiled()
def show_all(rows, shown):  # type: ignore[no-untyped-def]
    """What the clinic knows before the first visit."""
    for i in range(rows.size):
        show(rows[i], i, shown.floats, shown.wholes, shown.flags)


@compiled(nogil=True)
def visit(physics, kinetics, products, seed, number, given, who, rows, immune, looks, shown, log):  # type: ignore[no-untyped-def]
    """Treat every patient who is still followed.

    `shown` takes what the clinic knows at the next visit, `log`, if it has rows, a record of `HISTORY` for each.
    Without `looks` nobody asks what the clinic knows: it is not worked out, and `shown` stays as it was.
    """
    (noise, silent, check_luck, return_luck), (induction, leaves, trauma, infection) = drawn(seed, number, who, looks)
    known_gap, log_gap = 1.0, 0.0  # gaps are mostly those of the last patient
    for i in range(rows.size):
        row = rows[i]
        if row.week >= row.end_week:
            if looks:
                show(row, i, shown.floats, shown.wholes, shown.flags)
            continue
        week, units, code = row.week, given.units[i], given.product[i]
        injected, product = units > 0, products[code]
        state = immune[i, max(product.serotype, 0)]
        before = 0.0 if math.isnan(row.gap_weeks) else row.gap_weeks  # weeks since the main session
        touch_up, titre, antigen, potency = False, 0.0, 0.0, 1.0
        if injected:
            touch_up = before <= physics.touch_up_weeks and units < row.main_units and code == row.main_product
            potency = delivered(physics, seed, who[i], number, week, code)
            antigen = units * product.antigen_per_unit
            if product.serotype >= 0:
                titre = expose(physics, kinetics, product, row, state, week, units, antigen, induction[i], leaves[i],
                               trauma[i], infection[i])  # fmt: skip
            dose = units * potency / product.label_units
            dose *= effective_share(titre, kinetics.half_titre, kinetics.neutralisation_hill)
            respond(physics, row, touch_up, dose, units, code, given.adjunct[i], titre, noise[i], silent[i],
                    product.log_median)  # fmt: skip
            product.used = True
        opens = injected and not touch_up
        before = 0.0 if opens else before
        noticed = notice(physics, row, week, injected)
        gap = min(given.latest[i], max(given.earliest[i], noticed))
        gap, missed = come_back(physics, seed, who[i], number, gap)
        row.pending = noticed - gap

        count(row, week, gap, injected, touch_up, units, antigen, titre, kinetics.half_titre)
        if injected:
            if physics.test_every > 0 and row.session > 0 and row.session % physics.test_every == 0:
                assay(physics, row, week, titre, seed, who[i], number)
            row.session += 1
            row.product, row.units = code, row.main_units
            row.cumulative_units += units
        if log.size:
            note(log[i], kinetics, row, state, week, code, units, antigen, titre, touch_up, potency)
            log[i].earliest, log[i].latest, log[i].reason = given.earliest[i], given.latest[i], given.reason[i]
            log[i].adjunct_given = given.adjunct[i]
        row.gap_weeks = before + gap
        row.week = week + gap
        if looks:
            if row.gap_weeks != known_gap:
                known_gap, log_gap = row.gap_weeks, math.log(row.gap_weeks)
            look(physics, row, before, gap, log_gap, noticed, opens, missed, check_luck[i], return_luck[i], seed,
                 who[i], number)  # fmt: skip
            show(row, i, shown.floats, shown.wholes, shown.flags)
        if log.size:
            note_cycle(log[i], row, gap)


@compiled()
def drawn(seed, number, who, looks):  # type: ignore[no-untyped-def]
    """The luck of this visit: of the response (e and two rating errors as standard normals) and of immunity."""
    n = who.size
    noise, silent, check, back = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    induction, leaves, trauma, infection = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    fill_lanes(seed, _RESPONSE, who, number, noise, silent, check, back)
    fill_lanes(seed, _IMMUNITY, who, number, induction, leaves, trauma, infection)
    if looks:
        check, back = normals_of(check), normals_of(back)
    return (normals_of(noise), silent, check, back), (induction, leaves, trauma, infection)


@compiled()
def come_back(physics, seed, who, number, gap):  # type: ignore[no-untyped-def]
    """Step 6, its end: the gap after no-shows and jitter, and whether the check is missed."""
    if physics.return_jitter == 0 and physics.no_show == 0 and physics.missed_check == 0:
        return gap, False
    stays_away, misses, moved, _ = lanes(seed, _ATTENDANCE, who, number)
    if physics.return_jitter > 0:
        gap = max(gap + physics.return_jitter * (2 * moved - 1), _SOONEST)
    if stays_away < physics.no_show:
        gap += physics.no_show_weeks
    return gap, misses < physics.missed_check
