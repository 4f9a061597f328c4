"""One block of patients from the first visit to the last, visit by visit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import Cohort
from ..errors import InputError, must
from ..strategies import REASONS, Memory, Strategy
from ..world import World
from . import loops
from .outcomes import HISTORY, POSITIVE_TITRE, TOTALS, Totals, patients_frame
from .state import Observed, State
from .step import (
    CODES,
    PRODUCT_NAMES,
    Cycle,
    Given,
    ProductTable,
    checked,
    cycle,
    observe,
    physics_of,
    seen,
    tested_positive,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A block is packed anew when fewer of its patients than this are still followed.
PACK_BELOW = 0.85
MAX_VISITS = 100_000


class Block(NamedTuple):
    """What happened to the patients of one block."""

    totals: NDArray[np.void]  # TOTALS, shape (n,), in the cohort's order
    history: NDArray[np.void] | None  # HISTORY, one row a visit, by patient and week
    products: frozenset[str]  # injected


def run_block(
    cohort: Cohort, strategy: Strategy, horizon: float, seed: int, *, history: bool = False, check: bool = False
) -> Block:
    """Treat the patients of a cohort at once.

    Parameters
    ----------
    cohort : Cohort
        Its order is kept.
    strategy : Strategy
    horizon : float, weeks
    seed : int
    history : bool
        Keep every visit.
    check : bool
        Ask the strategy again about its patients in another order and about some of them only.
    """
    world, table, name = cohort.world, ProductTable.of(cohort.world), str(strategy)
    physics, kinetics = physics_of(world), world.immunity.kinetics()
    state = State.initial(cohort, horizon, CODES[world.product], strategy.initial_memory())
    finished: list[tuple[NDArray[np.int64], Totals]] = []
    log: list[pd.DataFrame] = []
    used = np.zeros(len(PRODUCT_NAMES), dtype=bool)
    for visit in range(MAX_VISITS):
        followed = state.week < state.end_week
        count = np.count_nonzero(followed)
        if count < PACK_BELOW * followed.size:
            ended = np.flatnonzero(~followed)
            finished.append((state.traits.patient[ended], state.totals.at(ended)))
            state, followed = state.kept(followed), np.ones(count, dtype=bool)
        if count == 0:
            break
        given = _decided(strategy, name, state, table, world.label_units)
        if visit == 0 or given.product is not state.observed.product:
            used[given.product[followed & given.injected]] = True
        happened = cycle(world, physics, kinetics, state, given, table, seed, visit)
        _count(state, given, happened, followed, world.immunity.half_titre)
        observed = observe(world, physics, state, given, happened, seed, visit)
        _test(world, state, given, happened, observed, followed, seed, visit)
        if history:
            log.append(_record(state, given, happened, observed, followed))
        _advance(state, given, happened, observed, world.immunity.half_titre)
    else:
        raise InputError(f"{strategy} needs more than {MAX_VISITS} visits within follow-up")
    frame = patients_frame(finished)
    frame["weeks_waiting"] = (
        (frame["weeks_observed"] - frame["first_response_week"] - frame["weeks_in_benefit"]).clip(lower=0).fillna(0.0)
    )
    totals = np.zeros(len(frame), dtype=TOTALS)
    for column in TOTALS.names or ():
        totals[column] = frame[column]
    order = np.argsort(np.argsort(cohort.patient, kind="stable"), kind="stable")
    rows = None
    if history:
        sessions = pd.concat(log, ignore_index=True).sort_values(["patient", "week"], kind="stable", ignore_index=True)
        rows = np.zeros(len(sessions), dtype=HISTORY)
        for column in sessions:
            rows[column] = sessions[column]
    return Block(totals[order], rows, frozenset(PRODUCT_NAMES[used].tolist()))


def _decided(strategy: Strategy, name: str, state: State, table: ProductTable, label_units: float) -> Given:
    """Step (3): ask the strategy once; its new memory is kept."""
    decision: object = strategy.decide(seen(state, label_units), state.memory)
    if isinstance(decision, tuple):
        must(len(decision) == 2, f"{name} must return a Decision or (Decision, memory)")
        decision, remembered = decision
        n = state.week.size
        must(
            set(remembered) == set(state.memory),
            f"{name}: the new memory must have {', '.join(state.memory) or 'nothing'}, as at the start",
        )
        for key, values in remembered.items():
            must(np.shape(values) in ((), (n,)), f"{name}: memory `{key}` has shape {np.shape(values)}, not ({n},)")
        state.memory = Memory({key: np.broadcast_to(values, (n,)) for key, values in remembered.items()})
    return checked(decision, state, table, name)


def _count(state: State, given: Given, cycle: Cycle, followed: Bools, half_titre: float) -> None:
    """Add this session and its cycle, as far as it lies inside follow-up."""
    totals, last = state.totals, state.open
    loops.add_up(
        followed, state.week, state.end_week, given.injected, cycle.gap_weeks, given.units, cycle.antigen_ng,
        cycle.running.until, last.week, last.units, last.antigen_ng, totals.sessions, totals.session_equivalents,
        totals.units, totals.unit_equivalents, totals.antigen_ng, totals.antigen_equivalents, totals.weeks_in_benefit,
    )  # fmt: skip
    sits, week = followed & given.injected, state.week
    loops.first_time(totals.first_response_week, sits & cycle.responds, week)
    loops.first_time(totals.positive_week, sits & (cycle.titre > POSITIVE_TITRE), week)
    fails = sits & ~cycle.responds & state.unanswered & state.answered & np.isnan(totals.failure_week)
    totals.failure_immune[fails] = (state.unanswered_immune & (cycle.titre > half_titre))[fails]
    loops.first_time(totals.failure_week, fails, week)


def _test(
    world: World, state: State, given: Given, cycle: Cycle, observed: Observed, followed: Bools, seed: int, visit: int
) -> None:
    """An antibody test before every n-th session."""
    every, sessions = world.observation.test_every, state.observed.session
    if not every or (sessions[0] == visit and visit % every and (sessions == visit).all()):
        return  # never, or every visit was a session and it is not this one's turn
    asked = given.injected & (sessions > 0) & (sessions % every == 0)
    if not asked.any():
        return
    positive = tested_positive(world, state, cycle.titre, seed, visit)
    observed.last_test = np.where(asked, positive, observed.last_test)
    observed.last_test_week = np.where(asked, state.week, observed.last_test_week)
    loops.first_time(state.totals.tested_positive_week, asked & positive & followed, state.week)


def _advance(state: State, given: Given, cycle: Cycle, observed: Observed, half_titre: float) -> None:
    """Let the cycle pass: the patient is back."""
    silent = given.injected & ~cycle.responds
    state.unanswered = np.where(given.injected, silent, state.unanswered)
    state.unanswered_immune = np.where(given.injected, cycle.titre > half_titre, state.unanswered_immune)
    state.answered = state.answered | (given.injected & cycle.responds)
    state.running = cycle.running
    state.observed = observed
    state.week = state.week + cycle.gap_weeks
    for column, values in zip(state.past, (state.observed.lower, state.observed.upper, given.units), strict=True):
        column.append(values)


def _record(state: State, given: Given, cycle: Cycle, observed: Observed, followed: Bools) -> pd.DataFrame:
    """The rows of `Simulation.sessions` of one visit."""
    n = followed.size
    reason = "hold" if given.reason is None else given.reason
    columns = {
        "patient": state.traits.patient,
        "session": state.observed.session,
        "week": state.week,
        "product": given.product,
        "units": given.units,
        "antigen_ng": cycle.antigen_ng,
        "titre_before": cycle.titre,
        "duration_weeks": cycle.duration_weeks,
        "peak_effect": cycle.peak,
        "earliest": given.earliest,
        "latest": given.latest,
        "gap_weeks": cycle.gap_weeks,
        "reason": np.searchsorted(
            np.array(REASONS), np.broadcast_to(np.asarray(reason), (n,)), sorter=np.argsort(REASONS)
        ),
    }
    for name in ("lower", "upper", "responded", "assessed", "effect_at_return", "waned_weeks"):
        columns[name] = getattr(observed, name)
    return pd.DataFrame({name: np.asarray(values)[followed] for name, values in columns.items()})
