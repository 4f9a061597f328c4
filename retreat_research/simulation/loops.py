"""The simulator's loops over patients, compiled: one row, one patient; the order is that of DESIGN §5.

They write into arrays that the caller made. Nothing here draws, and rows know nothing of each other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ..response import amplitude, duration_factor, effect, shortening


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


@njit(cache=True)
def respond(physics, dose, titre, injected, log_median, offset, noise, silent, non_response, peak, log_own, duration):  # type: ignore[no-untyped-def]
    """Step (6), first half: the curve of this session; `peak` and `duration` are 0 without a response."""
    for i in range(dose.size):
        log_own[i] = log_median[i] + offset[i] + physics.within_sd * noise[i]
        top, reach = 1.0, 1.0
        if dose[i] > 0 and dose[i] != 1:
            log_own[i] += math.log(duration_factor(dose[i], physics.dose_half))
            top = amplitude(dose[i], physics.amplitude_half)
            reach = shortening(top, physics.threshold, physics.hill)
        able = injected[i] and silent[i] >= non_response[i] and titre[i] <= physics.failure_titre
        peak[i] = top if able and reach > 0 else 0.0
        duration[i] = math.exp(log_own[i]) * reach if able else 0.0


@njit(cache=True)
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


@njit(cache=True)
def look(  # type: ignore[no-untyped-def]
    physics, week, injected, open_week, onset, peak, log_own, start, last_peak, last_log_own, carried, noticed, gap,
    check_missed, check_noise, return_noise, gap_weeks, lower, upper, responded, assessed, effect_at_return,
    waned_weeks, peak_gain,
):  # fmt: skip
    """What is seen of the cycle; the last eight arrays come as they were at this visit and leave as at the next.

    All weeks count from the last session: a visit without injection ends no cycle, and what was seen of it stays.
    """
    theta, hill = physics.threshold, physics.hill
    for i in range(week.size):
        ago = week[i] - start[i]  # of the curve that runs
        before = 0.0 if injected[i] else week[i] - open_week[i]
        gap_weeks[i] = before + gap[i]
        if injected[i]:
            assessed[i] = gap_weeks[i] >= physics.check_week and not check_missed[i]
            true = effect(physics.check_week, peak[i], log_own[i], onset[i], theta, hill)
            if carried[i]:
                older = effect(ago + physics.check_week, last_peak[i], last_log_own[i], onset[i], theta, hill)
                true = max(true, older)
            rated = true + physics.rater_sd * check_noise[i]
            responded[i] = assessed[i] and rated > theta
            peak_gain[i] = rated if assessed[i] else math.nan
            waned_weeks[i] = math.nan
            least, most = physics.check_week if responded[i] else 0.0, math.inf
        else:
            least, most = lower[i], upper[i]
        true = effect(gap[i], peak[i], log_own[i], onset[i], theta, hill)
        if carried[i]:
            true = max(true, effect(ago + gap[i], last_peak[i], last_log_own[i], onset[i], theta, hill))
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


@njit(cache=True)
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


@njit(cache=True)
def first_time(target, happens, week):  # type: ignore[no-untyped-def]
    """Set `target` to `week` where `happens` for the first time."""
    for i in range(target.size):
        if happens[i] and np.isnan(target[i]):
            target[i] = week[i]
