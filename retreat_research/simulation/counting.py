"""What is counted of a visit, and its line in the history."""

from __future__ import annotations

import math

from ..compiled import compiled
from ..immunity import decayed
from .outcomes import POSITIVE_TITRE


@compiled()
def count(row, week, gap, injected, touch_up, units, antigen, titre, half_titre):  # type: ignore[no-untyped-def]
    """Add this visit, as far as it lies inside follow-up.

    The exposure of a cycle counts whole when the next main session opens one, and by its share when follow-up ends.
    """
    if injected:
        if not touch_up:
            row.session_equivalents += row.open_sessions
            row.unit_equivalents += row.open_units
            row.antigen_equivalents += row.open_antigen
            row.open_sessions, row.open_units, row.open_antigen = 0, 0.0, 0.0
        row.open_sessions += 1
        row.open_units += units
        row.open_antigen += antigen
        row.sessions += 1
        row.total_units += units
        row.antigen_ng += antigen
        if titre > POSITIVE_TITRE and math.isnan(row.positive_week):
            row.positive_week = week
        responds = row.duration > 0
        if responds and math.isnan(row.first_response_week):
            row.first_response_week = week
        if not touch_up:
            if not responds and row.unanswered and row.answered and math.isnan(row.failure_week):
                row.failure_week = week
                row.failure_immune = row.unanswered_immune and titre > half_titre
            row.unanswered_immune = titre > half_titre
        row.unanswered = not responds
        row.answered |= responds
    back = week + gap
    if back >= row.end_week and row.open_sessions > 0:
        inside = (row.end_week - row.open_week) / (back - row.open_week)
        row.session_equivalents += row.open_sessions * inside
        row.unit_equivalents += row.open_units * inside
        row.antigen_equivalents += row.open_antigen * inside
    row.weeks_in_benefit += max(min(row.until, back, row.end_week) - week, 0.0)


@compiled()
def note(line, kinetics, row, immune, week, code, units, antigen, titre, touch_up, potency):  # type: ignore[no-untyped-def]
    """The part of a patient's history that is known before the cycle passes."""
    injected = units > 0
    line.session, line.week, line.product = row.session - injected, week, code
    line.units, line.antigen_ng, line.potency = units, antigen, potency
    line.duration_weeks, line.peak_effect, line.log_own = row.duration, row.peak, row.log_own
    line.touch_up, line.adjunct = touch_up, row.adjunct
    short, long, now = decayed(kinetics, immune.short, immune.long, immune.titre, week - immune.exposed_week)
    if math.isnan(immune.exposed_week):
        short = long = now = 0.0
    line.titre_before = titre if injected else now
    line.memory, line.short, line.long = immune.memory, short, long


@compiled()
def note_cycle(line, row, gap):  # type: ignore[no-untyped-def]
    """The part that is known when the patient is back."""
    line.gap_weeks, line.lower, line.upper = gap, row.lower, row.upper
    line.responded, line.assessed = row.responded, row.assessed
    line.effect_at_return, line.waned_weeks, line.peak_gain = row.effect_at_return, row.waned_weeks, row.peak_gain
    line.last_test, line.last_test_week, line.last_reading = row.last_test, row.last_test_week, row.last_reading
