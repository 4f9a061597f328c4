"""Published analyses of antibodies and of failure, repeated on simulated courses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...cohort import WEEKS_PER_YEAR
from ...evidence import LogNormal
from ...immunity import decayed
from ...streams import Purpose, normals, uniforms
from .arm import Course
from .statistics import Mean, Median, Share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEEKS_PER_MONTH = WEEKS_PER_YEAR / 12
#: Limits of detection, mU/mL. Mouse protection assay: assumed; it is the less sensitive one (tests.csv), and what is
#: believed of it is no parameter of the world. Mouse hemidiaphragm assay: tests.csv MDA type B/detection threshold.
MPA, MHDA = 1.2, 0.4
MPA_PRIOR = LogNormal(MPA, 0.5)
#: Below this titre complete failure is unlikely, mU/mL (tests.csv, MDA type A).
HARMLESS = 2.0
_LONGEST = 60 * 52.0  # weeks after the last session for which a titre is followed


@dataclass(frozen=True, kw_only=True)
class Assay:
    """An antibody test with this limit of detection.

    Parameters
    ----------
    limit : float, mU/mL
    prior : LogNormal, optional
        What is believed of the limit.
    false_positives : bool
        At the world's specificity. Without them every positive is one of truth, as if each had been confirmed.
    """

    limit: float
    prior: LogNormal | None = None
    false_positives: bool = True

    def drawn(self, luck: float) -> Assay:
        """The assay whose limit is this quantile of what is believed of it."""
        return self if self.prior is None else replace(self, limit=float(self.prior.quantile(luck)))

    def positive(self, course: Course) -> Bools:
        """Result at each visit of the arm after a session, (n, visits); noise and luck are the engine's."""
        observation, visits = course.cohort.world.observation, course.visits
        n, k = visits.shape
        patient, number = np.repeat(course.cohort.patient, k), np.tile(np.arange(k), n)
        noise, false, missed, _ = uniforms(course.seed, Purpose.ASSAY, patient, number)
        reading = visits["titre_before"].ravel() * np.exp(observation.assay_sd * normals(noise))
        found = (reading >= self.limit) & (missed < observation.sensitivity)
        if self.false_positives:
            found |= false >= observation.specificity
        return found.reshape(n, k) & course.tested


@dataclass(frozen=True, kw_only=True)
class EverPositive(Share):
    """Percent of patients with a positive test before a session or at the exit visit."""

    assay: Assay

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient."""
        return self.assay.positive(course).any(axis=1).astype(float)


@dataclass(frozen=True, kw_only=True)
class PositiveAtExit(Share):
    """Percent of patients positive at the exit visit.

    Parameters
    ----------
    assay : Assay
    responding : bool
        Only of the patients whose last session still had an effect.
    """

    assay: Assay
    responding: bool = False

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient."""
        rows = np.arange(course.sessions.size)
        found = self.assay.positive(course)[rows, course.sessions].astype(float)
        responds = course.visits["duration_weeks"][rows, course.sessions - 1] > 0
        return found[responds] if self.responding else found


@dataclass(frozen=True, kw_only=True)
class Transient(Share):
    """Percent of the patients ever positive who are negative at the exit visit."""

    assay: Assay

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient ever positive."""
        found = self.assay.positive(course)
        at_exit = found[np.arange(course.sessions.size), course.sessions]
        return (~at_exit[found.any(axis=1)]).astype(float)


@dataclass(frozen=True, kw_only=True)
class Failed(Share):
    """Percent of patients with secondary failure: two sessions in a row without an effect, after one with.

    Parameters
    ----------
    by_antibody : bool
        Only failure with a titre above A50 at both.
    """

    by_antibody: bool = False

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient."""
        session, immune = failures(course)
        return ((session >= 0) & (immune | (not self.by_antibody))).astype(float)


@dataclass(frozen=True, kw_only=True)
class FailedByAntibody(Share):
    """Percent of secondary failures that have a titre above A50 at both sessions."""

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient with a failure."""
        session, immune = failures(course)
        return immune[session >= 0].astype(float)


@dataclass(frozen=True, kw_only=True)
class MonthsToPositive(Mean):
    """Mean months from the first session to the first positive test, of the patients who have one."""

    assay: Assay

    def sample(self, course: Course) -> Floats:
        """Months of each patient ever positive."""
        found = self.assay.positive(course)
        return np.argmax(found, axis=1)[found.any(axis=1)] * course.every / WEEKS_PER_MONTH


@dataclass(frozen=True, kw_only=True)
class MonthsToFailure(Mean):
    """Mean months from the first session to the second without an effect, of failures by antibody."""

    def sample(self, course: Course) -> Floats:
        """Months of each failure by antibody."""
        session, immune = failures(course)
        return session[immune].astype(float) * (course.every / WEEKS_PER_MONTH)


@dataclass(frozen=True, kw_only=True)
class MonthsToNegative(Mean):
    """Mean months from the first positive test to a titre under the assay's limit, if treatment stops with the test."""

    assay: Assay

    def sample(self, course: Course) -> Floats:
        """Months of each patient whose first positive test found a titre above the limit."""
        found = self.assay.positive(course)
        first = np.argmax(found, axis=1)
        before = course.visits["titre_before"][np.arange(first.size), first]
        rows = np.flatnonzero(found.any(axis=1) & (before > self.assay.limit))
        weeks = [_weeks_until(course, int(i), int(first[i]) - 1, self.assay.limit, course.every) for i in rows]
        return np.array([w - course.every for w in weeks]) / WEEKS_PER_MONTH


@dataclass(frozen=True, kw_only=True)
class TitreHalfLife(Median):
    """Median effective half-life (months) of the titre, from failure by antibody to `HARMLESS`, treatment stopped."""

    def sample(self, course: Course) -> Floats:
        """Months of each failure by antibody whose titre was above the titre of complete failure."""
        session, immune = failures(course)
        rows = np.flatnonzero(immune)
        start = course.visits["titre_before"][rows, session[rows]]
        high = start > course.cohort.world.immunity.failure_titre
        weeks = np.array([_weeks_until(course, int(i), int(session[i]), HARMLESS) for i in rows[high]])
        return weeks / np.log2(start[high] / HARMLESS) / WEEKS_PER_MONTH


@dataclass(frozen=True, kw_only=True)
class Declined(Share):
    """Percent of failures by antibody whose titre, above complete failure, is below it so many days after stopping.

    Parameters
    ----------
    days : float
    """

    days: float

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each failure by antibody whose titre was above the titre of complete failure."""
        session, immune = failures(course)
        ceiling = course.cohort.world.immunity.failure_titre
        rows = np.flatnonzero(immune)
        rows = rows[course.visits["titre_before"][rows, session[rows]] > ceiling]
        until = [_weeks_until(course, int(i), int(session[i]), ceiling) for i in rows]
        return (np.array(until) <= self.days / 7).astype(float)


def failures(course: Course) -> tuple[NDArray[np.int64], Bools]:
    """Session (from 0) that makes each patient's failure, −1 for none, and whether the titre was above A50 at both."""
    visits, half = course.visits, course.cohort.world.immunity.half_titre
    effect = visits["duration_weeks"] > 0
    high = visits["titre_before"] > half
    fails = np.zeros(effect.shape, dtype=bool)
    fails[:, 2:] = ~effect[:, 2:] & ~effect[:, 1:-1] & np.maximum.accumulate(effect, axis=1)[:, :-2]
    fails &= course.treated
    session = np.where(fails.any(axis=1), np.argmax(fails, axis=1), -1)
    rows = np.arange(session.size)
    return session, (session >= 0) & high[rows, session] & high[rows, session - 1]


def _weeks_until(course: Course, patient: int, session: int, titre: float, after: float = 0.0) -> float:
    """Weeks from a session, if it is the last, until the titre falls under `titre`; it is above it `after` so many.

    A titre that falls does not rise again without an injection, so bisection finds the week (to a hundredth).
    """
    visit = course.visits[patient, session]
    kinetics = course.cohort.world.immunity.kinetics()
    state = float(visit["short"]), float(visit["long"]), float(visit["titre_before"])
    low, high = after, _LONGEST
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (middle, high) if decayed(kinetics, *state, middle)[2] >= titre else (low, middle)
    return high
