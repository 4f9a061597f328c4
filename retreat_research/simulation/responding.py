"""The body's part of a visit: what reaches its target, immunity, the curve of effect, and when waning is noticed."""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled
from ..immunity import DAYS_PER_WEEK, decayed, first_hazard, first_output, recalled
from ..response import amplitude, below_support, duration_factor, effect, lasting, onset_share
from ..streams import Purpose, lanes, normal

_DELIVERY, _LOT = np.uint64(Purpose.DELIVERY), np.uint64(Purpose.LOT)


@compiled()
def delivered(physics, seed, who, number, week, product):  # type: ignore[no-untyped-def]
    """Step 2: the share of the potency that reaches its target."""
    potency = 1.0
    if physics.technique_failure > 0 or physics.storage_failure > 0:
        technique, storage, _, _ = lanes(seed, _DELIVERY, who, number)
        if technique < physics.technique_failure:
            potency *= 1 - physics.technique_loss
        if storage < physics.storage_failure:
            potency *= 1 - physics.storage_loss
    if physics.lot_sd > 0:
        lot, _, _, _ = lanes(seed, _LOT, np.uint64(product), np.uint64(math.floor(week / physics.lot_weeks)))
        potency *= math.exp(physics.lot_sd * normal(lot) - physics.lot_sd**2 / 2)
    return potency


@compiled()
def risk_ratio(physics, product, units, trauma, infection, treated_before):  # type: ignore[no-untyped-def]
    """Hazard ratio of a first response: the product of the risk factors present."""
    ratio = physics.volume_ratio
    ratio *= (units / product.label_units) ** physics.dose_risk
    ratio *= physics.protein_risk ** (units * product.protein_per_unit / 5)
    if trauma < physics.trauma:
        ratio *= physics.trauma_risk
    if infection < physics.infection:
        ratio *= physics.infection_risk
    if treated_before:
        ratio *= physics.prior_exposure_risk
    return ratio


@compiled()
def expose(  # type: ignore[no-untyped-def]
    physics, kinetics, product, row, immune, week, units, antigen, induction, leaves, trauma, infection
):
    """Steps 3 and 4: the titre before the injection; the immune state takes the antigen in."""
    weeks = week - immune.exposed_week
    short, long, titre = immune.short, immune.long, immune.titre
    if short + long + titre > 0:
        short, long, titre = decayed(kinetics, short, long, titre, weeks)
    if not antigen > 0:  # none, or not known
        return titre
    days = DAYS_PER_WEEK * weeks
    if immune.memory > 0:
        immune.memory, short, long = recalled(
            kinetics, immune.memory, short, long, titre, days, antigen, row.recall_gain
        )
    else:
        if antigen != product.known_antigen:  # doses are mostly those of the last patient
            product.known_antigen, product.antigen_power = antigen, antigen**kinetics.induction_power
        hazard = first_hazard(kinetics, days, product.antigen_power, row.frailty)
        if physics.risky:
            hazard *= risk_ratio(physics, product, units, trauma, infection, row.treated_before)
        if induction < hazard and induction < -math.expm1(-hazard):  # 1 − e^(−x) ≤ x: the first spares the second
            short += first_output(kinetics, antigen, row.recall_gain)
            if leaves < kinetics.memory_probability:
                immune.memory = kinetics.first_memory
    immune.short, immune.long, immune.titre, immune.exposed_week = short, long, titre, week
    return titre


@compiled()
def respond(physics, row, touch_up, dose, units, code, adjunct, titre, noise, silent, log_median):  # type: ignore[no-untyped-def]
    """Step 5: the curve of this cycle, how long it lasts, and which curve runs."""
    if touch_up:
        row.dose += dose if titre <= physics.failure_titre else 0.0
        row.adjunct |= adjunct
    else:
        row.open_week, row.main_units, row.main_product, row.adjunct = row.week, units, code, adjunct
        row.dose, row.noise = dose, physics.within_sd * noise
        row.able = silent >= row.non_response and titre <= physics.failure_titre
    row.log_own = log_median + row.log_offset + row.noise
    top = 1.0
    if row.dose != 1:
        top = amplitude(row.dose, physics.amplitude_half)
        row.log_own += math.log(duration_factor(row.dose, physics.dose_half))
    if row.adjunct:
        row.log_own += math.log(physics.adjunct_lengthening)
    row.duration = 0.0
    if row.able:
        level = below_support(physics.threshold, physics.adjunct_support if row.adjunct else 0.0)
        row.duration = math.exp(row.log_own) * lasting(top, level, physics.threshold, physics.curve_hill)
    row.peak = top if row.able else 0.0
    until = row.open_week + row.duration
    row.carried = row.until > until
    if not row.carried:
        row.run_start, row.run_peak, row.run_log_own, row.run_adjunct = (
            row.open_week,
            row.peak,
            row.log_own,
            row.adjunct,
        )
        row.until = until


@compiled()
def notice(physics, row, week, injected):  # type: ignore[no-untyped-def]
    """Step 6: weeks until the patient notices that the benefit has gone; without injection what of it is to come."""
    if not injected:
        return row.pending if row.pending > 0 else math.inf
    left = row.until - week
    if physics.subject_level != physics.threshold:
        level = below_support(physics.subject_level, physics.adjunct_support if row.run_adjunct else 0.0)
        share = lasting(row.run_peak, level, physics.threshold, physics.curve_hill)
        left = row.run_start - week + (math.exp(row.run_log_own) * share if share > 0 else 0.0)
    left = max(left, 0.0)
    if row.duration == 0 or left == 0:
        left = max(left, physics.check_week)
    return left + row.delay


@compiled()
def benefit(physics, row, weeks, log_weeks, risen):  # type: ignore[no-untyped-def]
    """The larger benefit of the cycle's curve, `weeks` after its start, and of the one that runs."""
    theta, hill = physics.threshold, physics.curve_hill
    value = effect(log_weeks, row.peak, row.log_own, risen, theta, hill)
    if row.adjunct:
        value = 1 - (1 - value) * (1 - physics.adjunct_support)
    if row.carried:
        ago = row.open_week - row.run_start + weeks
        other = effect(math.log(ago), row.run_peak, row.run_log_own, onset_share(ago, row.onset), theta, hill)
        if row.run_adjunct:
            other = 1 - (1 - other) * (1 - physics.adjunct_support)
        value = max(value, other)
    return value
