"""The clinic's part of a visit: what is seen of the cycle, and the antibody test."""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled
from ..response import onset_share
from ..streams import Purpose, lanes, normal
from .responding import benefit

_ASSAY, _FOLLOW_UP = np.uint64(Purpose.ASSAY), np.uint64(Purpose.FOLLOW_UP)
_FURTHER_VISITS = np.uint64(4096)  # addresses kept for the further visits of one cycle


@compiled()
def look(physics, row, before, gap, log_gap, noticed, opens, missed, check_luck, return_luck, seed, who, number):  # type: ignore[no-untyped-def]
    """What is seen of the cycle until the next visit; all weeks count from the main session."""
    if opens:
        row.lower, row.upper, row.waned_weeks, row.peak_gain = 0.0, math.inf, math.nan, math.nan
        row.assessed = row.responded = False
    if before < physics.check_week <= row.gap_weeks and row.session > 0 and not missed:
        row.assessed = True
        rated = benefit(physics, row, physics.check_week, physics.log_check_week, row.risen_at_check)
        row.peak_gain = rated + physics.rater_sd * check_luck
        row.responded = row.peak_gain > physics.investigator_level
        if row.responded and row.upper == math.inf:
            row.lower = max(row.lower, physics.check_week)
    if math.isnan(row.waned_weeks) and noticed <= gap:
        row.waned_weeks = before + noticed
    if physics.visit_every > 0 and row.upper == math.inf:
        visit_further(physics, row, before, seed, who, number)
    risen = onset_share(row.gap_weeks, row.onset)
    rated = benefit(physics, row, row.gap_weeks, log_gap, risen) + physics.rater_sd * return_luck
    row.effect_at_return = row.session > 0 and rated > physics.investigator_level
    if row.assessed and not row.responded:
        row.lower = row.upper = math.nan
    elif row.upper == math.inf:
        if not math.isnan(row.waned_weeks):
            row.upper = row.waned_weeks
        elif row.effect_at_return:
            row.lower = row.gap_weeks
        else:
            row.upper = row.gap_weeks
    if row.lower >= row.upper:
        row.lower = 0.0


@compiled()
def visit_further(physics, row, before, seed, who, number):  # type: ignore[no-untyped-def]
    """Visits between the check and the return, up to the first without effect or until waning is noticed."""
    end = row.gap_weeks if math.isnan(row.waned_weeks) else min(row.gap_weeks, row.waned_weeks)
    j = max(math.floor((before - physics.check_week) / physics.visit_every), 0) + 1
    while physics.check_week + j * physics.visit_every < row.gap_weeks:
        moved, misses, luck, _ = lanes(seed, _FOLLOW_UP, who, _FURTHER_VISITS * number + np.uint64(j))
        weeks = physics.check_week + j * physics.visit_every + physics.visit_jitter * (2 * moved - 1)
        j += 1
        if weeks >= end:
            if weeks < row.gap_weeks:
                return
            continue
        if weeks <= before or misses < physics.missed_visit:
            continue
        rated = benefit(physics, row, weeks, math.log(weeks), onset_share(weeks, row.onset))
        if rated + physics.rater_sd * normal(luck) > physics.investigator_level:
            row.lower = weeks
        else:
            row.upper = weeks
            return


@compiled()
def assay(physics, row, week, titre, seed, who, number):  # type: ignore[no-untyped-def]
    """An antibody test before the session."""
    noise, false, missed, _ = lanes(seed, _ASSAY, who, number)
    reading = titre * math.exp(physics.assay_sd * normal(noise)) if titre > 0 else 0.0
    detected = reading >= physics.detection_titre and missed < physics.sensitivity
    positive = detected or false >= physics.specificity
    row.last_test, row.last_test_week = np.int64(positive), week
    row.last_reading = min(reading, physics.ceiling_titre) if detected else physics.detection_titre * positive
    if positive and math.isnan(row.tested_positive_week):
        row.tested_positive_week = week


@compiled()
def show(row, i, floats, wholes, flags):  # type: ignore[no-untyped-def]
    """Copy what the clinic knows of one patient out of her record, in the order of `asking.SHOWN`."""
    floats[0, i], floats[1, i], floats[2, i], floats[3, i] = row.week, row.gap_weeks, row.units, row.lower
    floats[4, i], floats[5, i], floats[6, i] = row.upper, row.waned_weeks, row.peak_gain
    floats[7, i], floats[8, i], floats[9, i] = row.cumulative_units, row.last_test_week, row.last_reading
    floats[10, i] = row.preference
    wholes[0, i], wholes[1, i], wholes[2, i] = row.session, row.last_test, row.product
    flags[0, i], flags[1, i], flags[2, i] = row.responded, row.assessed, row.effect_at_return
