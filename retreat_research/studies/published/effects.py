"""Published analyses of the effect, repeated on simulated visits: what a rater saw, and what a patient noticed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import must
from ...response import effect_of, onset_share_of
from ...streams import Purpose, normals, uniforms
from .arm import Course
from .statistics import Estimate, KaplanMeierMedian, Mean, Share, median

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RATERS = {"investigator": ("investigator",), "subject": ("subject",), "both": ("investigator", "subject")}
DAYS_PER_WEEK = 7
#: Level at which a rating in whole grades shows two of them: 1.5 grades of a full benefit of two, as `rater_sd` has it
#: (`world.observation`).
TWO_GRADES = 0.75


@dataclass(frozen=True, kw_only=True)
class Rated:
    """Who rates, and from which level on it counts as an effect.

    Parameters
    ----------
    rater : {"investigator", "subject", "both"}
    level : float, share of full benefit, optional
        Without it the world's endpoint, with the shift of each rater.
    jitter : float, weeks
        A visit takes place up to this much earlier or later. 3 days: D154, assumed there.
    """

    rater: str = "investigator"
    level: float | None = None
    jitter: float = 3 / DAYS_PER_WEEK

    def __post_init__(self) -> None:
        must(self.rater in RATERS, f"`rater` must be one of {', '.join(RATERS)}")

    def at(self, course: Course, week: float) -> tuple[Floats, Bools]:
        """When patients of the first session were seen, weeks, and whether their effect was, both (n,).

        Notes
        -----
        The draws are addressed by patient and planned day, so that a visit has the same luck in every analysis.
        """
        cohort = course.cohort
        response, observation = cohort.world.response, cohort.world.observation
        lucky = uniforms(course.seed, Purpose.VISIT, cohort.patient, round(DAYS_PER_WEEK * week))
        weeks = week + self.jitter * (2 * lucky[0] - 1)
        first = course.visits[:, 0]
        effect = effect_of(
            np.log(weeks),
            first["peak_effect"],
            first["log_own"],
            onset_share_of(weeks, cohort.onset),
            response.threshold,
            response.curve_hill,
        )
        seen = np.ones(weeks.size, dtype=bool)
        for rater in RATERS[self.rater]:
            shift = getattr(observation, f"{rater}_shift")
            level = shift + (response.threshold if self.level is None else self.level)
            noise = normals(lucky[2 if rater == "investigator" else 3])
            seen &= effect + observation.rater_sd * noise > level
        return weeks, seen


@dataclass(frozen=True, kw_only=True)
class Shows(Share):
    """Percent of all patients whose effect is seen at a visit.

    Parameters
    ----------
    week : float
    rated : Rated
    """

    week: float
    rated: Rated = Rated()

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each patient."""
        return self.rated.at(course, self.week)[1].astype(float)


@dataclass(frozen=True, kw_only=True)
class MedianDuration(KaplanMeierMedian):
    """Kaplan–Meier median of the patients who respond at the first visit: loss is dated at the visit that finds it.

    Parameters
    ----------
    visits : tuple of float, weeks
        The first is the check of the response.
    rated : Rated
    """

    visits: tuple[float, ...]
    rated: Rated = Rated()

    @property
    def resolution(self) -> float:
        """Weeks: publications date a loss to the day planned or the day seen, and do not say which."""
        return self.rated.jitter

    def __post_init__(self) -> None:
        must(len(self.visits) > 1, "`visits` must be a check and at least one later visit")
        must(all(a < b for a, b in zip(self.visits, self.visits[1:], strict=False)), "`visits` must be in order")

    def sample(self, course: Course) -> Floats:
        """Of each responder, week of loss or of the last visit, and 1 for a loss; (responders, 2)."""
        check, *later = (self.rated.at(course, week) for week in self.visits)
        weeks, seen = np.array([w for w, _ in later]), np.array([s for _, s in later])
        lost = ~seen.all(axis=0)
        visit = np.where(lost, np.argmin(seen, axis=0), len(later) - 1)
        ended = weeks[visit, np.arange(lost.size)]
        return np.column_stack([ended, lost])[check[1]]


@dataclass(frozen=True, kw_only=True)
class Relapsed(Share):
    """Percent of responders whose loss is found by the last visit.

    Parameters
    ----------
    visits : tuple of float, weeks
        The first is the check of the response.
    rated : Rated
    """

    visits: tuple[float, ...]
    rated: Rated = Rated()

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each responder."""
        return MedianDuration(visits=self.visits, rated=self.rated).sample(course)[:, 1]


@dataclass(frozen=True, kw_only=True)
class MeanNoticed(Mean):
    """Mean weeks until patients noticed that the effect had gone, over cycles with a response.

    Parameters
    ----------
    session : int
        0: after the first.
    """

    session: int = 0

    def sample(self, course: Course) -> Floats:
        """Weeks of each cycle with a response."""
        cycle = course.visits[:, self.session]
        weeks = cycle["waned_weeks"][cycle["duration_weeks"] > 0]
        return weeks[np.isfinite(weeks)]


@dataclass(frozen=True, kw_only=True)
class MedianNoticed(MeanNoticed):
    """Median instead of the mean."""

    def statistic(self, sample: Floats) -> Estimate:
        """The median."""
        return median(sample)


@dataclass(frozen=True, kw_only=True)
class NotYetBack(Share):
    """Percent of intervals longer than `week`, when patients come back once they notice waning, not before `floor`.

    Parameters
    ----------
    week, floor : float, weeks
    """

    week: float
    floor: float

    def sample(self, course: Course) -> Floats:
        """0 or 1 for each first interval; a patient who never notices within the course does not come back in it."""
        noticed = np.nan_to_num(course.visits[:, 0]["waned_weeks"], nan=np.inf)
        return (np.maximum(noticed, self.floor) > self.week).astype(float)
