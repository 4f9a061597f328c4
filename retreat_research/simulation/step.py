"""One session of every patient still followed, in the order of DESIGN §5.

(1) The patient is back; (2) the cycle that ended has been recorded; (3) the strategy decides; (4) the titre neutralises
the dose; (5) the antigen raises immunity; (6) response and duration are drawn, the cycle runs, and the patient returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import must, must_all
from ..immunity import SEROTYPES, decayed, effective_share, exposed
from ..products import PRODUCTS, nearest
from ..response import amplitude, duration_factor, effect, onset_share, shortening
from ..strategies import Decision, Seen
from ..streams import Purpose, normals, uniforms
from ..world import World
from .state import Observed, Running, State

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRODUCT_NAMES = np.array(list(PRODUCTS))
CODES = {name: code for code, name in enumerate(PRODUCTS)}
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
    new: Running  # this session's curve
    running: Running  # the curve that lasts longest
    carried: NDArray[np.intp]  # rows whose running curve began at an earlier session
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
    return np.broadcast_to(array, (n,))


def _codes(names: ArrayLike, n: int, table: ProductTable, strategy: str) -> NDArray[np.intp]:
    array = np.asarray(names, dtype=str)
    must(array.shape in ((), (n,)), f"{strategy}: `product` has shape {array.shape}, not ({n},)")
    for name in set(array.ravel().tolist()) - set(CODES):
        must(False, f"{strategy}: unknown product{nearest(name, CODES)}")
    for name in set(array.ravel().tolist()) - {"placebo"}:
        known = np.isfinite(table.log_median[CODES[name]]) and np.isfinite(table.label_units[CODES[name]])
        must(bool(known), f"{strategy}: this world knows no duration or no label dose of {name}", "see `median_weeks`")
    return np.broadcast_to(np.array([CODES[name] for name in array.ravel().tolist()]).reshape(array.shape), (n,))


def cycle(world: World, state: State, given: Given, table: ProductTable, seed: int, visit: int) -> Cycle:
    """Steps (4) to (6): neutralisation, exposure, response, and when the patient is back.

    `state.immune` is brought up to date; nothing else of `state` changes.
    """
    response, traits, week = world.response, state.traits, state.week
    antigen = np.where(given.injected, given.units * table.antigen_per_unit[given.product], 0.0)
    titre = _expose(world, state, given, antigen, seed, visit)
    dose = given.units / table.label_units[given.product] * effective_share(world.immunity, titre)

    noise, silent, check, back = uniforms(seed, Purpose.RESPONSE, traits.patient, visit)
    log_own = table.log_median[given.product] + traits.log_offset + response.within_sd * normals(noise)
    peak, reach = np.ones_like(dose), np.ones_like(dose)
    altered = np.flatnonzero(dose != 1)
    if altered.size:
        r = dose[altered]
        with np.errstate(divide="ignore"):
            log_own[altered] += np.log(duration_factor(response, r))
        peak[altered] = amplitude(response, r)
        reach[altered] = shortening(response, peak[altered])
    duration = np.exp(log_own) * reach
    responds = (
        given.injected & (silent >= traits.non_response) & (titre <= world.immunity.failure_titre) & (duration > 0)
    )
    duration[~responds] = 0.0
    peak[~responds] = 0.0

    new = Running(week, peak, log_own, week + duration)
    last = state.running
    carried = np.flatnonzero(last.until > new.until)
    running = new
    if carried.size:
        running = Running(*(np.array(getattr(new, name)) for name in Running.__dataclass_fields__))
        for name in Running.__dataclass_fields__:
            getattr(running, name)[carried] = getattr(last, name)[carried]

    left = np.maximum(running.until - week, 0.0)
    noticed = np.where(responds | ~given.injected, left, np.maximum(left, world.observation.check_week)) + traits.delay
    noticed[~given.injected & (left == 0)] = np.inf
    gap = np.minimum(given.latest, np.maximum(given.earliest, noticed))
    if world.behaviour.no_show > 0:
        stays_away, *_ = uniforms(seed, Purpose.ATTENDANCE, traits.patient, visit)
        gap = gap + world.behaviour.no_show_weeks * (stays_away < world.behaviour.no_show)
    return Cycle(antigen, titre, responds, duration, gap, noticed, new, running, carried, check, back)


def _expose(world: World, state: State, given: Given, antigen: Floats, seed: int, visit: int) -> Floats:
    """Titre before the injection (m,); the immune states take the antigen in."""
    titre = np.zeros(state.week.size)
    susceptible, traits = state.susceptible, state.traits
    serotype = _SEROTYPE[given.product[susceptible]]
    for code, name in enumerate(SEROTYPES):
        here = serotype == code
        if not here.any():
            continue
        everyone = here.all()
        row = susceptible if everyone else susceptible[here]
        week = state.week[row]
        before = decayed(world.immunity, state.immune[name] if everyone else state.immune[name].at(here), week)
        titre[row] = before.titre
        meets = antigen[row] > 0  # not where the load is NaN
        if not meets.all():
            here[here] = meets
            everyone, row, week, before = False, row[meets], week[meets], before.at(meets)
        induction, memory, _, _ = uniforms(seed, Purpose.IMMUNITY, traits.patient[row], visit)
        after = exposed(
            world.immunity, before, week, antigen[row], traits.frailty[row], traits.recall_gain[row], induction, memory
        )
        if everyone:
            state.immune[name] = after
        else:
            state.immune[name].put(here, after)
    return titre


def observe(world: World, state: State, given: Given, cycle: Cycle, seed: int, visit: int) -> Observed:
    """What the clinic knows at the next visit; all weeks count from the last session."""
    observation, response, traits, last = world.observation, world.response, state.traits, state.observed
    waiting = np.where(given.injected, 0.0, state.week - state.open.week)  # a visit without injection ends no cycle
    gap = waiting + cycle.gap_weeks
    assessed = given.injected & (gap >= observation.check_week)
    if observation.missed_check > 0:
        _, missed, _, _ = uniforms(seed, Purpose.ATTENDANCE, traits.patient, visit)
        assessed &= missed >= observation.missed_check
    at_check = _effect(world, state, cycle, observation.check_week, state.risen_at_check)
    at_check += observation.rater_sd * normals(cycle.check_luck)
    at_return = _effect(world, state, cycle, cycle.gap_weeks, onset_share(cycle.gap_weeks, traits.onset))
    at_return += observation.rater_sd * normals(cycle.return_luck)
    responded = assessed & (at_check > response.threshold)
    peak_gain = np.where(assessed, at_check, np.nan)
    effect_at_return = at_return > response.threshold
    waned = waiting + np.where(cycle.noticed_weeks <= cycle.gap_weeks, cycle.noticed_weeks, np.nan)
    lower = np.where(responded, observation.check_week, 0.0)

    again = np.flatnonzero(~given.injected)
    if again.size:  # the cycle goes on: what was seen of it stays
        for now, before in ((responded, last.responded), (assessed, last.assessed), (peak_gain, last.peak_gain)):
            now[again] = before[again]
        waned[again] = np.fmin(waned[again], last.waned_weeks[again])
        lower[again] = np.nan_to_num(last.lower[again])

    # (lower, upper]: noticed waning is an upper bound; otherwise the rating at the visit says which side the loss is on
    noticed = ~np.isnan(waned)
    upper = np.where(noticed, waned, gap)
    lower[lower >= upper] = 0.0
    still = effect_at_return & ~noticed
    np.copyto(lower, gap, where=still)
    np.copyto(upper, np.inf, where=still)
    if again.size:
        lost = again[np.isfinite(last.upper[again])]
        lower[lost], upper[lost] = last.lower[lost], last.upper[lost]
    no_duration = assessed & ~responded
    lower[no_duration], upper[no_duration] = np.nan, np.nan

    return Observed(
        session=last.session + given.injected,
        gap_weeks=gap,
        units=np.where(given.injected, given.units, last.units),
        product=given.product,
        lower=lower,
        upper=upper,
        responded=responded,
        assessed=assessed,
        effect_at_return=effect_at_return,
        waned_weeks=waned,
        peak_gain=peak_gain,
        cumulative_units=last.cumulative_units + given.units,
        last_test=last.last_test,
        last_test_week=last.last_test_week,
    )


def _effect(world: World, state: State, cycle: Cycle, weeks: Floats | float, risen: Floats) -> Floats:
    """True effect `weeks` after the session: the larger of the running curves."""
    new, last, rows = cycle.new, state.running, cycle.carried
    value = effect(world.response, weeks, new.peak, new.log_own, risen)
    if rows.size:
        since = (weeks[rows] if isinstance(weeks, np.ndarray) else weeks) + state.week[rows] - last.start[rows]
        share = onset_share(since, state.traits.onset[rows])
        value[rows] = np.maximum(value[rows], effect(world.response, since, last.peak[rows], last.log_own[rows], share))
    return value


def tested_positive(world: World, state: State, titre: Floats, seed: int, visit: int) -> Bools:
    """Result of an antibody test before the session, (m,)."""
    observation = world.observation
    noise, false, _, _ = uniforms(seed, Purpose.ASSAY, state.traits.patient, visit)
    reading = titre * np.exp(observation.assay_sd * normals(noise))
    return (reading >= observation.detection_titre) | (false >= observation.specificity)
