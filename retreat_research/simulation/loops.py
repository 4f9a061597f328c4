"""The simulator's loops over patients, compiled: one row, one patient; the order is that of DESIGN §5.

They write into arrays that the caller made. Nothing here draws, and rows know nothing of each other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ..immunity import DAYS_PER_WEEK, decayed, effective_share, exposed
from ..response import amplitude, duration_factor, effect, onset_share, shortening


class Physics(NamedTuple):
    """The parameters that the loops need; see `Response`, `Immunity` and `Observation`."""

    within_sd: float
    dose_half: float
    amplitude_half: float
    threshold: float
    hill: float
    failure_titre: float
    check_week: float
    rater_sd: float


@njit(cache=True, error_model="numpy")
def expose(  # type: ignore[no-untyped-def]
    kinetics, position, row, week, antigen, frailty, recall_gain, induction, leaves, memory, short, long, titre,
    exposed_week, titre_before,
):  # fmt: skip
    """Steps (4) and (5): `titre_before` the injection, and the immune state, at `position`, brought up to date.

    `row` says where each of the exposed stands among all patients; `induction` and `leaves` are theirs only.
    """
    for k in range(row.size):
        i, j = row[k], position[k]
        now_short, now_long, now_titre = short[j], long[j], titre[j]
        if now_short + now_long + now_titre > 0:
            now_short, now_long, now_titre = decayed(
                kinetics, now_short, now_long, now_titre, week[i] - exposed_week[j]
            )
        titre_before[i] = now_titre
        if not antigen[i] > 0:  # none, or not known
            continue
        days = math.inf if math.isnan(exposed_week[j]) else DAYS_PER_WEEK * (week[i] - exposed_week[j])
        memory[j], short[j], long[j] = exposed(
            kinetics, memory[j], now_short, now_long, now_titre, days, antigen[i], frailty[i], recall_gain[i],
            induction[k], leaves[k],
        )  # fmt: skip
        titre[j], exposed_week[j] = now_titre, week[i]


@njit(cache=True, error_model="numpy")
def respond(  # type: ignore[no-untyped-def]
    physics, kinetics, dose, titre, injected, log_median, offset, noise, silent, non_response, peak, log_own, duration
):
    """Steps (4) and (6), first half: what is left of the dose (in label doses), and the curve of this session.

    `peak` and `duration` are 0 without a response.
    """
    for i in range(dose.size):
        r = dose[i] * effective_share(titre[i], kinetics.half_titre, kinetics.neutralisation_hill)
        log_own[i] = log_median[i] + offset[i] + physics.within_sd * noise[i]
        top, reach = 1.0, 1.0
        if r > 0 and r != 1:
            log_own[i] += math.log(duration_factor(r, physics.dose_half))
            top = amplitude(r, physics.amplitude_half)
            reach = shortening(top, physics.threshold, physics.hill)
        able = injected[i] and silent[i] >= non_response[i] and titre[i] <= physics.failure_titre
        peak[i] = top if able and reach > 0 else 0.0
        duration[i] = math.exp(log_own[i]) * reach if able else 0.0


@njit(cache=True, error_model="numpy")
def pass_time(  # type: ignore[no-untyped-def]
    physics, week, injected, earliest, latest, delay, peak, log_own, duration, start, last_peak, last_log_own, until,
    noticed, gap, carried,
):  # fmt: skip
    """Step (6), second half: which curve runs, when waning is noticed, and when the patient is back.

    `start`, `last_peak`, `last_log_own` and `until` come as the curve that ran and leave as the one that runs.
    """
    for i in range(week.size):
        carried[i] = until[i] > week[i] + duration[i]
        if not carried[i]:
            start[i], last_peak[i], last_log_own[i] = week[i], peak[i], log_own[i]
            until[i] = week[i] + duration[i]
        left = max(until[i] - week[i], 0.0)
        if injected[i] and duration[i] == 0:
            noticed[i] = max(left, physics.check_week) + delay[i]
        elif not injected[i] and left == 0:
            noticed[i] = math.inf
        else:
            noticed[i] = left + delay[i]
        gap[i] = min(latest[i], max(earliest[i], noticed[i]))


@njit(cache=True, error_model="numpy")
def look(  # type: ignore[no-untyped-def]
    physics, week, injected, open_week, onset, risen_at_check, peak, log_own, start, last_peak, last_log_own,
    carried, noticed, gap, check_missed, check_noise, return_noise, gap_weeks, lower, upper, responded, assessed,
    effect_at_return, waned_weeks, peak_gain,
):  # fmt: skip
    """What is seen of the cycle; the last eight arrays come as they were at this visit and leave as at the next.

    All weeks count from the last session: a visit without injection ends no cycle, and what was seen of it stays.
    """
    theta, hill, log_check = physics.threshold, physics.hill, math.log(physics.check_week)
    gap_before, log_gap = 0.0, 0.0
    for i in range(week.size):
        ago = week[i] - start[i]  # of the curve that runs
        before = 0.0 if injected[i] else week[i] - open_week[i]
        gap_weeks[i] = before + gap[i]
        if injected[i]:
            assessed[i] = gap_weeks[i] >= physics.check_week and not check_missed[i]
            true = effect(log_check, peak[i], log_own[i], risen_at_check[i], theta, hill)
            if carried[i]:
                weeks = ago + physics.check_week
                risen = onset_share(weeks, onset[i])
                true = max(true, effect(math.log(weeks), last_peak[i], last_log_own[i], risen, theta, hill))
            rated = true + physics.rater_sd * check_noise[i]
            responded[i] = assessed[i] and rated > theta
            peak_gain[i] = rated if assessed[i] else math.nan
            waned_weeks[i] = math.nan
            least, most = physics.check_week if responded[i] else 0.0, math.inf
        else:
            least, most = lower[i], upper[i]
        if gap[i] != gap_before:  # booked gaps are mostly the same
            gap_before, log_gap = gap[i], math.log(gap[i])
        true = effect(log_gap, peak[i], log_own[i], onset_share(gap[i], onset[i]), theta, hill)
        if carried[i]:
            weeks = ago + gap[i]
            risen = onset_share(weeks, onset[i])
            true = max(true, effect(math.log(weeks), last_peak[i], last_log_own[i], risen, theta, hill))
        effect_at_return[i] = true + physics.rater_sd * return_noise[i] > theta
        if math.isnan(waned_weeks[i]) and noticed[i] <= gap[i]:
            waned_weeks[i] = before + noticed[i]

        # (lower, upper]: noticed waning is an upper bound; otherwise the rating says on which side the loss lies
        if most == math.inf:
            if not math.isnan(waned_weeks[i]):
                most = waned_weeks[i]
            elif effect_at_return[i]:
                least = gap_weeks[i]
            else:
                most = gap_weeks[i]
            if least >= most:
                least = 0.0
        silent = assessed[i] and not responded[i]
        lower[i], upper[i] = (math.nan, math.nan) if silent else (least, most)


@njit(cache=True, error_model="numpy")
def add_up(  # type: ignore[no-untyped-def]
    followed, week, end, injected, gap, units, antigen, until, open_week, open_units, open_antigen, sessions,
    session_equivalents, total_units, unit_equivalents, total_antigen, antigen_equivalents, in_benefit,
):  # fmt: skip
    """Count this session and its cycle as far as it lies inside follow-up.

    The cycle that a session ends counts whole, the one that follow-up ends by its share inside.
    """
    for i in range(week.size):
        if not followed[i]:
            continue
        back = week[i] + gap[i]
        if injected[i]:
            if sessions[i] > 0:
                session_equivalents[i] += 1
                unit_equivalents[i] += open_units[i]
                antigen_equivalents[i] += open_antigen[i]
            sessions[i] += 1
            total_units[i] += units[i]
            total_antigen[i] += antigen[i]
            open_week[i], open_units[i], open_antigen[i] = week[i], units[i], antigen[i]
        if back >= end[i] and sessions[i] > 0:
            inside = (end[i] - open_week[i]) / (back - open_week[i])
            session_equivalents[i] += inside
            unit_equivalents[i] += open_units[i] * inside
            antigen_equivalents[i] += open_antigen[i] * inside
        in_benefit[i] += max(min(until[i], back, end[i]) - week[i], 0.0)


@njit(cache=True, error_model="numpy")
def first_time(target, happens, week):  # type: ignore[no-untyped-def]
    """Set `target` to `week` where `happens` for the first time."""
    for i in range(target.size):
        if happens[i] and np.isnan(target[i]):
            target[i] = week[i]
