"""The naive twin: one patient at a time in plain Python, written from docs/simulation.md and DESIGN §5 and §6 only.

Nothing of the engine is used but the world's numbers and the table of products: not its equations, nor its random
numbers, nor its traits. A naive strategy is a function of what was seen of one patient (a dict under the names of
`Seen`) and of her memory (a dict that it may change), and returns a dict: ``earliest``, ``latest`` and, if wanted,
``units``, ``product``, ``adjunct``.
"""

import math
from dataclasses import dataclass
from functools import cache

from scipy.special import ndtri

from retreat_research.products import PRODUCTS
from retreat_research.streams import Purpose

WEEKS_PER_YEAR = 365.25 / 7
CODES = {name: code for code, name in enumerate(PRODUCTS)}
NAN, INF = math.nan, math.inf


def philox(counter, key):
    """Philox 4x32-10 with Python integers, doi:10.1145/2063384.2063405."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def luck(seed, purpose, patient, session=0):
    """The four lanes of one address."""
    counter = (patient & 0xFFFFFFFF, int(purpose) << 16 | patient >> 32, session, 0)
    return [(word + 0.5) / 2**32 for word in philox(counter, (seed & 0xFFFFFFFF, seed >> 32))]


def z(u):
    """Standard normal quantile, as a float."""
    return float(ndtri(u))


# --- traits -----------------------------------------------------------------------------------------------------------


@cache
def logit_centre(p, spread):
    """The a at which expit(a + spread·N(0, 1)) has mean p, by bisection."""
    nodes = [-8.5 + 17 * i / 1700 for i in range(1701)]
    weights = [math.exp(-x * x / 2) for x in nodes]

    def mean(a):
        risks = (w / (1 + math.exp(-a - spread * x)) for w, x in zip(weights, nodes, strict=True))
        return math.fsum(risks) / math.fsum(weights)

    low, high = -60.0, 60.0
    while high - low > 1e-14 * max(1, abs(low)):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if mean(middle) < p else (low, middle)
    return (low + high) / 2


def traits(world, seed, patient):
    """What makes this patient differ from another."""
    r, im, b = world.response, world.immunity, world.behaviour
    offset, susceptible, frailty, recall = luck(seed, Purpose.TRAITS, patient)
    onset, delay, dropout, preference = luck(seed, Purpose.HABITS, patient)
    tendency, before, _, _ = luck(seed, Purpose.NON_RESPONSE_TRAIT, patient)
    silent = r.non_response
    if r.non_response > 0 and r.non_response_icc > 0:
        spread = math.sqrt(r.non_response_icc / (1 - r.non_response_icc) * math.pi**2 / 3)
        silent = 1 / (1 + math.exp(-logit_centre(r.non_response, spread) - spread * z(tendency)))
    per_week = b.dropout_per_year / WEEKS_PER_YEAR
    return {
        "patient": patient,
        "log_offset": r.between_sd * z(offset),
        "susceptible": susceptible < im.susceptible_share,
        "frailty": math.exp(im.frailty_sd * z(frailty) - im.frailty_sd**2 / 2),
        "recall_gain": math.exp(im.recall_sd * z(recall)),
        "onset": r.onset_weeks * math.exp(r.onset_sd * z(onset)),
        "delay": b.delay_weeks * math.exp(b.delay_sd * z(delay)),
        "dropout_week": -math.log(dropout) / per_week if per_week > 0 else INF,
        "preference": preference,
        "non_response": silent,
        "treated_before": before < b.prior_exposure,
    }


# --- immunity ---------------------------------------------------------------------------------------------------------


@dataclass
class Immune:
    """One serotype of one patient, as of `week`."""

    memory: float = 0.0
    short: float = 0.0
    long: float = 0.0
    titre: float = 0.0
    week: float = 0.0
    exposed_week: float | None = None


def decay(im, state, week):
    """Bring the state to `week`, without an exposure in between."""
    a, ds, dl = (
        math.log(2) / (days / 7) for days in (im.titre_half_life_days, im.short_half_life_days, im.long_half_life_days)
    )
    u = week - state.week
    state.titre = (
        state.titre * math.exp(-a * u)
        + state.short * a * (math.exp(-ds * u) - math.exp(-a * u)) / (a - ds)
        + state.long * a * (math.exp(-dl * u) - math.exp(-a * u)) / (a - dl)
    )
    state.short, state.long, state.week = state.short * math.exp(-ds * u), state.long * math.exp(-dl * u), week


def expose(im, state, who, ng, risk, induction, leaves):
    """The antigen of one injection meets the state, already brought to its week."""
    days = None if state.exposed_week is None else 7 * (state.week - state.exposed_week)
    g = ng**im.antigen_hill / (ng**im.antigen_hill + im.half_antigen_ng**im.antigen_hill)
    if state.memory == 0:
        b = 1 if days is None else 1 + im.booster * math.exp(-((days / im.booster_days) ** 2))
        if induction < 1 - math.exp(-im.induction_rate * who["frailty"] * ng**im.induction_power * b * risk):
            state.short += im.primary_output * who["recall_gain"] * g
            if leaves < im.memory_probability:
                state.memory = im.first_memory
    else:
        rested = im.rest_floor + (1 - im.rest_floor) * (1 - math.exp(-days / im.rest_days))
        recall = im.recall_output * who["recall_gain"] * state.memory * g * rested
        recall /= 1 + state.titre / im.feedback_titre
        state.short += recall
        state.long += im.long_lived_share * recall
        state.memory += im.memory_gain * g * (1 - state.memory)
    state.exposed_week = state.week


# --- response ---------------------------------------------------------------------------------------------------------


@dataclass
class Curve:
    """The curve of one cycle; `support` is the benefit that its adjunct gives by itself."""

    start: float
    peak: float
    own: float  # T, weeks
    support: float


def lasts(r, curve, level):
    """Weeks since its start for which the curve's benefit is above `level`."""
    y = (level - curve.support) / (1 - curve.support)
    if curve.peak <= y:
        return 0.0
    return curve.own * ((curve.peak / y - 1) / (1 / r.threshold - 1)) ** (1 / r.curve_hill)


def benefit(r, curve, week, onset):
    """Benefit of the curve at `week`."""
    weeks, effect = week - curve.start, 0.0
    if curve.peak > 0 and curve.own > 0:
        half = curve.own * (r.threshold / (1 - r.threshold)) ** (1 / r.curve_hill)
        effect = curve.peak * (1 - math.exp(-weeks / onset)) / (1 + (weeks / half) ** r.curve_hill)
    return 1 - (1 - effect) * (1 - curve.support)


@dataclass
class Cycle:
    """A main session and what it opens, touch-ups included."""

    week: float
    product: str
    units: float  # of the main session
    titre: float  # before it
    e: float
    able: bool
    dose: float = 0.0  # r, label doses
    adjunct: bool = False
    curve: Curve | None = None
    duration: float = 0.0
    exposure: tuple = (0, 0.0, 0.0)  # sessions, units, antigen
    lower: float = 0.0
    upper: float = INF


def grown(world, who, cycle, dose, adjunct):
    """The curve and duration of a cycle that got another `dose` (label doses) and, maybe, an adjunct."""
    r = world.response
    cycle.dose, cycle.adjunct = cycle.dose + dose, cycle.adjunct or adjunct
    own = r.median_weeks.get(cycle.product, 0.0) * math.exp(who["log_offset"] + cycle.e)
    own *= (cycle.dose / (cycle.dose + r.dose_half)) / (1 / (1 + r.dose_half))
    own *= r.adjunct_lengthening if cycle.adjunct else 1
    peak = (1 + r.amplitude_half) * cycle.dose / (cycle.dose + r.amplitude_half) if cycle.able else 0.0
    cycle.curve = Curve(cycle.week, peak, own, r.adjunct_support if cycle.adjunct else 0.0)
    cycle.duration = lasts(r, cycle.curve, r.threshold)


def running_of(r, cycles):
    """(curve, week it falls below the threshold) of the cycle whose benefit ends last; the later of equals."""
    running, until = None, 0.0
    for cycle in cycles:
        ends = cycle.week + cycle.duration
        if running is None or ends >= until:
            running, until = cycle.curve, ends
    return running, until


# --- what is seen -----------------------------------------------------------------------------------------------------


def look(world, seed, visit, who, cycle, running, before, gap, noticed, seen):
    """What is seen of the open cycle between this visit and the next; `seen` and the cycle's bounds change."""
    r, ob = world.response, world.observation
    gap_weeks, shown = before + gap, r.threshold + ob.investigator_shift
    _, _, at_check, at_return = luck(seed, Purpose.RESPONSE, who["patient"], visit)

    def rating(weeks, lane):
        true = max(benefit(r, curve, cycle.week + weeks, who["onset"]) for curve in (cycle.curve, running))
        return true + ob.rater_sd * z(lane)

    if before < ob.check_week <= gap_weeks:
        missed = luck(seed, Purpose.ATTENDANCE, who["patient"], visit)[1]
        if not missed < ob.missed_check:
            rated = rating(ob.check_week, at_check)
            seen.update(assessed=True, responded=rated > shown, peak_gain=rated)
    if math.isnan(seen["waned_weeks"]) and noticed <= gap:
        seen["waned_weeks"] = before + noticed
    if seen["responded"]:
        cycle.lower = max(cycle.lower, ob.check_week)
    j = 1
    while ob.visit_every > 0 and cycle.upper == INF and ob.check_week + j * ob.visit_every < gap_weeks:
        planned = ob.check_week + j * ob.visit_every
        shift, missed, noise, _ = luck(seed, Purpose.FOLLOW_UP, who["patient"], 4096 * visit + j)
        week = planned + ob.visit_jitter * (2 * shift - 1)
        j += 1
        if not before < planned or not before < week < gap_weeks or missed < ob.missed_visit:
            continue
        if week >= seen["waned_weeks"]:
            break
        if rating(week, noise) > shown:
            cycle.lower = week
        else:
            cycle.upper = week
    seen["effect_at_return"] = rating(gap_weeks, at_return) > shown
    if cycle.upper == INF:
        if not math.isnan(seen["waned_weeks"]):
            cycle.upper = seen["waned_weeks"]
        elif seen["effect_at_return"]:
            cycle.lower = gap_weeks
        else:
            cycle.upper = gap_weeks
    if cycle.lower >= cycle.upper:
        cycle.lower = 0.0
    silent = seen["assessed"] and not seen["responded"]
    seen["lower"], seen["upper"] = (NAN, NAN) if silent else (cycle.lower, cycle.upper)


def assayed(world, seed, visit, who, titre):
    """(positive, reading) of an antibody test."""
    ob = world.observation
    noise, false, missed, _ = luck(seed, Purpose.ASSAY, who["patient"], visit)
    reading = titre * math.exp(ob.assay_sd * z(noise))
    if reading >= ob.detection_titre and missed < ob.sensitivity:
        return True, min(reading, ob.ceiling_titre)
    return (True, ob.detection_titre) if false >= ob.specificity else (False, 0.0)


# --- one patient ------------------------------------------------------------------------------------------------------


def label_units(world, product):
    """What counts as one dose of a product."""
    if product == world.product:
        return world.label_units
    return 1.0 if product == "placebo" else PRODUCTS[product].label_units.get(world.indication, NAN)


def delivered(world, product, week, lanes, seed):
    """What is left of a dose's potency."""
    b, left = world.behaviour, 1.0
    if lanes[0] < b.technique_failure:
        left *= 1 - b.technique_loss
    if lanes[1] < b.storage_failure:
        left *= 1 - b.storage_loss
    lot = z(luck(seed, Purpose.LOT, CODES[product], math.floor(week / b.lot_weeks))[0])
    return left * math.exp(b.lot_sd * lot - b.lot_sd**2 / 2)


def risk_of(world, product, units, lanes, treated_before):
    """Factor on the hazard of a first response."""
    im, b = world.immunity, world.behaviour
    protein = PRODUCTS[product].complex_ng_per_unit
    risk = (units / label_units(world, product)) ** im.dose_risk
    risk *= im.protein_risk ** ((0.0 if math.isnan(protein) else protein * units) / 5)
    risk *= im.volume_risk ** math.log2(b.dilution)
    if lanes[2] < b.trauma:
        risk *= im.trauma_risk
    if lanes[3] < b.infection:
        risk *= im.infection_risk
    return risk * im.prior_exposure_risk if treated_before else risk


def follow(world, cohort_seed, patient, decide, *, years, seed, memory=None):
    """Follow one patient.

    Returns
    -------
    totals : dict
        Under the names of `outcomes.TOTALS`.
    visits : list of dict
        Under the names of `outcomes.HISTORY`, without the reason; the product by name.
    """
    r, im, ob, be = world.response, world.immunity, world.observation, world.behaviour
    who, memory = traits(world, cohort_seed, patient), dict(memory or {})
    horizon = years * WEEKS_PER_YEAR
    end = min(horizon, who["dropout_week"])
    immune = {serotype: Immune() for serotype in ("A", "B", "none")}
    totals = {
        "patient": patient,
        **dict.fromkeys(("sessions", "session_equivalents", "units", "unit_equivalents"), 0.0),
        **dict.fromkeys(("antigen_ng", "antigen_equivalents", "weeks_in_benefit", "weeks_waiting"), 0.0),
        **dict.fromkeys(("positive_week", "tested_positive_week", "failure_week", "first_response_week"), NAN),
        "weeks_observed": end,
        "failure_immune": False,
        "dropout_week": end if end < horizon else NAN,
    }

    def first_time(name, happens, week):
        if happens and math.isnan(totals[name]):
            totals[name] = week
            return True
        return False

    seen = {
        "session": 0,
        "units": world.label_units,
        "product": world.product,
        "label_units": world.label_units,
        **dict.fromkeys(("gap_weeks", "lower", "upper", "waned_weeks", "peak_gain"), NAN),
        **dict.fromkeys(("responded", "assessed", "effect_at_return"), False),
        "cumulative_units": 0.0,
        "last_test": -1,
        "last_test_week": NAN,
        "last_reading": NAN,
        "preference": who["preference"],
    }
    cycles, visits = [], []  # the last cycle is the open one
    answered, week, before, visit = False, 0.0, 0.0, 0
    to_come = 0.0  # weeks until waning is noticed
    while week < end:
        # 1. decision
        decision = decide({**seen, "week": week}, memory)
        units = seen["units"] if decision.get("units") is None else decision["units"]
        product = decision.get("product") or seen["product"]
        injected, cycle = units > 0, cycles[-1] if cycles else None
        touch_up = bool(
            injected and cycle and product == cycle.product and units < cycle.units and before <= r.touch_up_weeks
        )
        opens = injected and not touch_up
        # 2. delivery
        potency = delivered(world, product, week, luck(seed, Purpose.DELIVERY, patient, visit), seed)
        # 3. titre
        state = immune[PRODUCTS[product].serotype]
        decay(im, state, week)
        titre = state.titre
        # 4. exposure
        load = im.ng_per_unit.get(product, NAN) * im.complexing.get(product, 1.0)
        antigen = load * units if injected else 0.0
        if who["susceptible"] and antigen > 0:
            lanes = luck(seed, Purpose.IMMUNITY, patient, visit)
            risk = risk_of(world, product, units, lanes, who["treated_before"])
            expose(im, state, who, antigen, risk, lanes[0], lanes[1])
        # 5. response
        if opens:
            e, able, _, _ = luck(seed, Purpose.RESPONSE, patient, visit)
            able = able >= who["non_response"] and titre <= im.failure_titre
            cycle, before = Cycle(week, product, units, titre, r.within_sd * z(e), able), 0.0
            cycles.append(cycle)
            seen.update(responded=False, assessed=False, waned_weeks=NAN, peak_gain=NAN)
        if injected:
            dose = units * potency / label_units(world, product)
            dose *= 1 / (1 + (titre / im.half_titre) ** im.neutralisation_hill)
            if touch_up and titre > im.failure_titre:
                dose = 0.0
            grown(world, who, cycle, dose, bool(decision.get("adjunct")))
        running, until = running_of(r, cycles)
        # 6. return
        left = max(running.start + lasts(r, running, r.threshold + ob.subject_shift) - week, 0.0) if running else 0.0
        if not injected:
            noticed = to_come if to_come > 0 else INF
        elif cycle.duration == 0 or left == 0:
            noticed = max(left, ob.check_week) + who["delay"]
        else:
            noticed = left + who["delay"]
        stays_away, _, jitter, _ = luck(seed, Purpose.ATTENDANCE, patient, visit)
        gap = min(decision["latest"], max(decision["earliest"], noticed))
        if be.return_jitter > 0:
            gap = max(gap + be.return_jitter * (2 * jitter - 1), 1 / 7)
        if stays_away < be.no_show:
            gap += be.no_show_weeks
        to_come = noticed - gap
        back, session = week + gap, seen["session"]

        if injected and ob.test_every and session and session % ob.test_every == 0:
            positive, seen["last_reading"] = assayed(world, seed, visit, who, titre)
            seen["last_test"], seen["last_test_week"] = int(positive), week
            first_time("tested_positive_week", positive, week)
        if cycle:
            look(world, seed, visit, who, cycle, running, before, gap, noticed, seen)
        seen["gap_weeks"] = before + gap
        visits.append(
            {
                "patient": patient,
                "session": session,
                "week": week,
                "product": product,
                "units": units,
                "antigen_ng": antigen,
                "titre_before": titre,
                "duration_weeks": cycle.duration if cycle else 0.0,
                "peak_effect": cycle.curve.peak if cycle else 0.0,
                "earliest": decision["earliest"],
                "latest": decision["latest"],
                "gap_weeks": gap,
                **{name: seen[name] for name in ("lower", "upper", "responded", "assessed", "effect_at_return")},
                **{name: seen[name] for name in ("waned_weeks", "peak_gain")},
                **{name: seen[name] for name in ("last_test", "last_test_week", "last_reading")},
                "adjunct_given": bool(decision.get("adjunct")),
                "touch_up": touch_up,
                "adjunct": bool(cycle and cycle.adjunct),
                "potency": potency,
                "memory": state.memory,
                "short": state.short,
                "long": state.long,
                "log_own": math.log(cycle.curve.own) if cycle and cycle.curve.own > 0 else -INF,
            }
        )

        # what is counted
        if injected:
            totals["sessions"] += 1
            totals["units"] += units
            totals["antigen_ng"] += antigen
            cycle.exposure = tuple(a + b for a, b in zip(cycle.exposure, (1, units, antigen), strict=True))
            seen.update(session=session + 1, units=cycle.units, product=product)
            seen["cumulative_units"] += units
            first_time("positive_week", titre > 0.4, week)
            first_time("first_response_week", cycle.duration > 0, week)
            fails = opens and len(cycles) > 1 and cycle.duration == cycles[-2].duration == 0 and answered
            if first_time("failure_week", fails, week):
                totals["failure_immune"] = min(titre, cycles[-2].titre) > im.half_titre
            answered = answered or cycle.duration > 0
        totals["weeks_in_benefit"] += max(min(until, back, end) - week, 0.0)
        week, before, visit = back, seen["gap_weeks"], visit + 1

    for cycle in cycles:
        share = 1.0 if cycle is not cycles[-1] else (end - cycle.week) / (week - cycle.week)
        for name, amount in zip(("session", "unit", "antigen"), cycle.exposure, strict=True):
            totals[f"{name}_equivalents"] += amount * share
    if not math.isnan(totals["first_response_week"]):
        waiting = end - totals["first_response_week"] - totals["weeks_in_benefit"]
        totals["weeks_waiting"] = max(waiting, 0.0)
    return totals, visits
