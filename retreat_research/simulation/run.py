"""`simulate`: a strategy on a cohort over years, in blocks of patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..errors import InputError, must
from ..products import PRODUCTS
from ..strategies import Memory, Strategy
from ..streams import checked_seed
from ..world import World
from . import loops
from .outcomes import POSITIVE_TITRE, Totals, patients_frame
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

BLOCK = 16_384
#: A block is packed anew when fewer of its patients than this are still followed.
PACK_BELOW = 0.85
MAX_VISITS = 100_000


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a strategy did to a cohort.

    Attributes
    ----------
    strategy : Strategy
    cohort : Cohort
    years : float
    seed : int
    patients : pandas.DataFrame
        One row per patient: ``patient``, ``sessions``, ``session_equivalents``, ``units``, ``unit_equivalents``,
        ``antigen_ng``, ``antigen_equivalents``, ``weeks_observed``, ``weeks_in_benefit``, ``weeks_waiting``,
        ``positive_week``, ``tested_positive_week``, ``failure_week``, ``failure_immune``, ``dropout_week``,
        ``first_response_week`` (NaN: never). The equivalents count the last cycle by the share of its gap that lies
        inside follow-up; its gap is taken to end with the visit after follow-up, whether that is a session or not.
    sessions : pandas.DataFrame or None
        With ``history=True`` one row per visit: ``patient``, ``session``, ``week``, ``product``, ``units``,
        ``antigen_ng``, ``titre_before`` (mU/mL), ``duration_weeks``, ``peak_effect``, ``earliest``, ``latest``,
        ``gap_weeks``, ``reason``, and what was observed of the cycle: ``lower``, ``upper``, ``responded``,
        ``assessed``, ``effect_at_return``, ``waned_weeks``.
    products : tuple of str
        Those injected; their units add up only if there is one.
    notes : tuple of str
        What a reader must know, for instance that no antigen load is published.

    Notes
    -----
    Weeks in benefit count from the day of the session; the days of onset are not taken off.
    """

    strategy: Strategy
    cohort: Cohort
    years: float
    seed: int
    patients: pd.DataFrame
    sessions: pd.DataFrame | None
    products: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Simulation: {self.strategy}, {len(self.patients)} patients, {self.years:g} years, seed {self.seed}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(repr(self)[1:-1])}</p>" + self.patients.head(10)._repr_html_()


def simulate(
    cohort: Cohort,
    strategy: Strategy,
    *,
    years: float = 10,
    seed: int = 1,
    history: bool = False,
    block: int | None = None,
) -> Simulation:
    """Treat a cohort by a strategy.

    Parameters
    ----------
    cohort : Cohort
    strategy : Strategy
    years : float
        Follow-up; a patient's ends earlier when she drops out.
    seed : int in [0, 2**64)
        The same seed gives two strategies the same luck, patient by patient and session by session.
    history : bool
        Keep every session.
    block : int, optional
        Patients at a time; changes speed, never results.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        Among others when the strategy returns something that is not a decision for each patient.

    Examples
    --------
    >>> from retreat_research import Fixed, draw_cohort
    >>> out = simulate(draw_cohort(100, indication="glabellar"), Fixed(12), years=2)
    >>> float(out.patients["sessions"].max())
    9.0
    """
    must(
        isinstance(strategy, Strategy),
        f"`strategy` must be a strategy such as Fixed(12), not {type(strategy).__name__}",
    )
    must(np.isfinite(years) and years > 0, "`years` must be positive")
    block = BLOCK if block is None else block
    must(isinstance(block, int) and block > 0, "`block` must be a whole number of at least 1")
    seed = checked_seed(seed)
    _keep_memory()
    parts = [
        _run_block(cohort[start : start + block], strategy, years * WEEKS_PER_YEAR, seed, history)
        for start in range(0, len(cohort), block)
    ]
    patients = pd.concat([part.patients for part in parts], ignore_index=True)
    products = tuple(name for name in PRODUCTS if any(name in part.products for part in parts))
    sessions = None
    if history:
        sessions = pd.concat([part.sessions for part in parts], ignore_index=True)
        sessions = sessions.sort_values(["patient", "week"], kind="stable", ignore_index=True)
    return Simulation(strategy, cohort, years, seed, patients, sessions, products, _notes(patients, products))


def _keep_memory() -> None:
    """Make glibc keep freed memory up to 62 MB for the next array instead of handing it back and faulting it in again.

    Freeing a large block raises its thresholds for mapping and trimming (mallopt(3), "dynamic mmap threshold"); the
    block itself is never touched. Worth a tenth to a quarter of the running time, and nothing elsewhere.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _notes(patients: pd.DataFrame, products: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if patients["antigen_ng"].isna().any():
        notes.append(
            "No antigen load is published for a product used: antigen is NaN and immunity to it is not simulated. "
            "Set one with `world.replace(ng_per_unit={...})`."
        )
    if len(products) > 1:
        notes.append("Several products were used: their units are not interchangeable and must not be added.")
    return tuple(notes)


class _Part(NamedTuple):
    patients: pd.DataFrame
    sessions: pd.DataFrame | None
    products: set[str]


def _run_block(cohort: Cohort, strategy: Strategy, horizon: float, seed: int, history: bool) -> _Part:
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
    products = set(PRODUCT_NAMES[used].tolist())
    return _Part(frame, pd.concat(log, ignore_index=True) if history else None, products)


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
    reason = "" if given.reason is None else given.reason
    columns = {
        "patient": state.traits.patient,
        "session": state.observed.session,
        "week": state.week,
        "product": PRODUCT_NAMES[given.product].astype(object),
        "units": given.units,
        "antigen_ng": cycle.antigen_ng,
        "titre_before": cycle.titre,
        "duration_weeks": cycle.duration_weeks,
        "peak_effect": cycle.peak,
        "earliest": given.earliest,
        "latest": given.latest,
        "gap_weeks": cycle.gap_weeks,
        "reason": np.broadcast_to(np.asarray(reason, dtype=object), (n,)),
    }
    for name in ("lower", "upper", "responded", "assessed", "effect_at_return", "waned_weeks"):
        columns[name] = getattr(observed, name)
    return pd.DataFrame({name: np.asarray(values)[followed] for name, values in columns.items()})
