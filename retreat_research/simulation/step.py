"""One session of every patient still followed, in the order of DESIGN §5.

(1) The patient is back; (2) the cycle that ended has been recorded; (3) the strategy decides; (4) the titre neutralises
the dose; (5) the antigen raises immunity; (6) response and duration are drawn, the cycle runs, and the patient returns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import must, must_all
from ..immunity import SEROTYPES, Kinetics
from ..products import PRODUCTS, nearest
from ..strategies import Decision, Seen
from ..streams import Purpose, normals, uniforms
from ..world import World
from . import loops
from .state import Observed, Running, State

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRODUCT_NAMES = np.array(list(PRODUCTS))
CODES = {name: code for code, name in enumerate(PRODUCTS)}
#: What is seen of one cycle, in the order of `loops.look`.
OF_A_CYCLE = (
    "gap_weeks", "lower", "upper", "responded", "assessed", "effect_at_return", "waned_weeks", "peak_gain",
)  # fmt: skip
_SEROTYPE = np.array([SEROTYPES.index(p.serotype) if p.serotype in SEROTYPES else -1 for p in PRODUCTS.values()])


@dataclass(frozen=True, eq=False)
class Given:
    """A decision, checked: arrays of shape (m,)."""

    units: Floats
    product: NDArray[np.intp]  # code: position in PRODUCT_NAMES
    injected: Bools
    earliest: Floats
    latest: Floats
    reason: ArrayLike | None


@dataclass(frozen=True, eq=False)
class Cycle:
    """What happened from this session to the next, latent part included; arrays of shape (m,)."""

    antigen_ng: Floats
    titre: Floats  # before the injection, mU/mL
    responds: Bools
    duration_weeks: Floats  # 0 without response
    gap_weeks: Floats
    noticed_weeks: Floats  # inf: not before something else happens
    peak: Floats  # of this session's curve; 0 without response
    log_own: Floats  # of this session's curve, ln weeks
    running: Running  # the curve that lasts longest
    carried: Bools  # it began at an earlier session
    check_luck: Floats  # uniforms behind the two ratings of the cycle
    return_luck: Floats


@dataclass(frozen=True, eq=False)
class ProductTable:
    """What the world says of each product, by its code."""

    log_median: Floats  # ln weeks of the label dose; -inf: none known
    label_units: Floats  # NaN: none known
    antigen_per_unit: Floats  # ng, φ included; NaN: none published

    @classmethod
    def of(cls, world: World) -> ProductTable:
        """The table of a world: its own label dose for its own product, the label's for the others."""
        load, phi = world.immunity.ng_per_unit, world.immunity.complexing
        label = {name: p.label_units.get(world.indication, np.nan) for name, p in PRODUCTS.items()}
        label |= {world.product: world.label_units, "placebo": 1.0}
        return cls(
            np.array([world.response.log_median(name) for name in PRODUCTS]),
            np.array([label[name] for name in PRODUCTS]),
            np.array([load.get(name, np.nan) * phi.get(name, 1.0) for name in PRODUCTS]),
        )


def seen(state: State, label_units: float) -> Seen:
    """What the strategy is shown: observations only, copied."""
    observed = {name: getattr(state.observed, name) for name in Observed.__dataclass_fields__}
    codes = observed.pop("product")
    return Seen(
        **observed,
        _products=(PRODUCT_NAMES, codes),
        week=state.week,
        last_reading=np.full(state.week.size, np.nan),
        label_units=np.full(state.week.size, label_units),
        preference=state.traits.preference,
        _past=state.past,
    )


def checked(decision: object, state: State, table: ProductTable, strategy: str) -> Given:
    """`decision` as arrays; an error names the strategy, the field and the rows."""
    if not isinstance(decision, Decision):
        must(False, f"{strategy} must return a Decision, not {type(decision).__name__}")
    assert isinstance(decision, Decision)
    n, last = state.week.size, state.observed
    earliest = _numbers(decision.earliest, "earliest", n, strategy)
    latest = _numbers(decision.latest, "latest", n, strategy)
    must_all(earliest > 0, f"{strategy}: `earliest` must be positive")
    must_all(earliest <= latest, f"{strategy}: `latest` must not be before `earliest`")
    units = last.units if decision.units is None else _numbers(decision.units, "units", n, strategy)
    must_all(units >= 0, f"{strategy}: `units` must not be negative")
    product = last.product if decision.product is None else _codes(decision.product, n, table, strategy)
    return Given(units, product, units > 0, earliest, latest, decision.reason)


def _numbers(values: ArrayLike, name: str, n: int, strategy: str) -> Floats:
    array = np.asarray(values, dtype=float)
    must(array.shape in ((), (n,)), f"{strategy}: `{name}` has shape {array.shape}, not ({n},)")
    must_all(np.isfinite(array.ravel()), f"{strategy}: `{name}` must be finite")
    return np.full(n, array) if array.shape == () else np.ascontiguousarray(array)


def _codes(names: ArrayLike, n: int, table: ProductTable, strategy: str) -> NDArray[np.intp]:
    array = np.asarray(names, dtype=str)
    must(array.shape in ((), (n,)), f"{strategy}: `product` has shape {array.shape}, not ({n},)")
    for name in set(array.ravel().tolist()) - set(CODES):
        must(False, f"{strategy}: unknown product{nearest(name, CODES)}")
    for name in set(array.ravel().tolist()) - {"placebo"}:
        known = np.isfinite(table.log_median[CODES[name]]) and np.isfinite(table.label_units[CODES[name]])
        must(bool(known), f"{strategy}: this world knows no duration or no label dose of {name}", "see `median_weeks`")
    return np.broadcast_to(np.array([CODES[name] for name in array.ravel().tolist()]).reshape(array.shape), (n,))


def physics_of(world: World) -> loops.Physics:
    """The parameters that the loops need."""
    response, observation = world.response, world.observation
    return loops.Physics(
        within_sd=float(response.within_sd),
        dose_half=float(response.dose_half),
        amplitude_half=float(response.amplitude_half),
        threshold=float(response.threshold),
        hill=float(response.curve_hill),
        failure_titre=float(world.immunity.failure_titre),
        check_week=float(observation.check_week),
        rater_sd=float(observation.rater_sd),
    )


def cycle(
    world: World,
    physics: loops.Physics,
    kinetics: Kinetics,
    state: State,
    given: Given,
    table: ProductTable,
    seed: int,
    visit: int,
) -> Cycle:
    """Steps (4) to (6): neutralisation, exposure, response, and when the patient is back.

    `state.immune` is brought up to date; nothing else of `state` changes.
    """
    traits, week = state.traits, state.week
    antigen = np.where(given.injected, given.units * table.antigen_per_unit[given.product], 0.0)
    titre = _expose(kinetics, state, given, antigen, seed, visit)
    dose = given.units / table.label_units[given.product]

    noise, silent, check_luck, return_luck = uniforms(seed, Purpose.RESPONSE, traits.patient, visit)
    peak, log_own, duration = np.empty((3, week.size))
    loops.respond(
        physics, kinetics, dose, titre, given.injected, table.log_median[given.product], traits.log_offset,
        normals(noise), silent, traits.non_response, peak, log_own, duration,
    )  # fmt: skip
    running = Running(*(getattr(state.running, f.name).copy() for f in fields(Running)))
    noticed, gap = np.empty((2, week.size))
    carried = np.empty(week.size, dtype=bool)
    loops.pass_time(
        physics, week, given.injected, given.earliest, given.latest, traits.delay, peak, log_own, duration,
        running.start, running.peak, running.log_own, running.until, noticed, gap, carried,
    )  # fmt: skip
    if world.behaviour.no_show > 0:
        stays_away, *_ = uniforms(seed, Purpose.ATTENDANCE, traits.patient, visit)
        gap += world.behaviour.no_show_weeks * (stays_away < world.behaviour.no_show)
    return Cycle(
        antigen, titre, duration > 0, duration, gap, noticed, peak, log_own, running, carried, check_luck, return_luck
    )


def _expose(kinetics: Kinetics, state: State, given: Given, antigen: Floats, seed: int, visit: int) -> Floats:
    """Titre before the injection (m,); the immune states take the antigen in."""
    titre = np.zeros(state.week.size)
    susceptible, traits = state.susceptible, state.traits
    serotype = _SEROTYPE[given.product[susceptible]]
    for code, name in enumerate(SEROTYPES):
        position = np.flatnonzero(serotype == code)
        if not position.size:
            continue
        row, immune = susceptible[position], state.immune[name]
        induction, leaves, _, _ = uniforms(seed, Purpose.IMMUNITY, traits.patient[row], visit)
        loops.expose(
            kinetics, position, row, state.week, antigen, traits.frailty, traits.recall_gain, induction, leaves,
            immune.memory, immune.short, immune.long, immune.titre, immune.exposed_week, titre,
        )  # fmt: skip
    return titre


def observe(
    world: World, physics: loops.Physics, state: State, given: Given, cycle: Cycle, seed: int, visit: int
) -> Observed:
    """What the clinic knows at the next visit."""
    traits, last = state.traits, state.observed
    missed = np.zeros(state.week.size, dtype=bool)
    if world.observation.missed_check > 0:
        missed = uniforms(seed, Purpose.ATTENDANCE, traits.patient, visit)[1] < world.observation.missed_check
    seen_now = [getattr(last, name).copy() for name in OF_A_CYCLE]
    running = cycle.running
    loops.look(
        physics, state.week, given.injected, state.open.week, traits.onset, state.risen_at_check, cycle.peak,
        cycle.log_own, running.start, running.peak, running.log_own, cycle.carried, cycle.noticed_weeks,
        cycle.gap_weeks, missed, normals(cycle.check_luck), normals(cycle.return_luck), *seen_now,
    )  # fmt: skip
    return Observed(
        **dict(zip(OF_A_CYCLE, seen_now, strict=True)),
        session=last.session + given.injected,
        units=np.where(given.injected, given.units, last.units),
        product=given.product,
        cumulative_units=last.cumulative_units + given.units,
        last_test=last.last_test,
        last_test_week=last.last_test_week,
    )


def tested_positive(world: World, state: State, titre: Floats, seed: int, visit: int) -> Bools:
    """Result of an antibody test before the session, (m,)."""
    observation = world.observation
    noise, false, _, _ = uniforms(seed, Purpose.ASSAY, state.traits.patient, visit)
    reading = titre * np.exp(observation.assay_sd * normals(noise))
    return (reading >= observation.detection_titre) | (false >= observation.specificity)
