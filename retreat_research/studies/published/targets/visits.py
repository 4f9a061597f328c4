"""Visit grids and raters of the published trials, in weeks."""

from __future__ import annotations

from ..effects import TWO_GRADES, Rated

MONTH = 30 / 7
FOUR_MONTHS = tuple(MONTH * k for k in range(1, 5))
FIVE_MONTHS = tuple(MONTH * k for k in range(1, 6))
SIX_MONTHS = tuple(MONTH * k for k in range(1, 7))
TO_WEEK_36 = tuple(float(week) for week in range(4, 37, 4))
TO_WEEK_48 = tuple(float(week) for week in range(4, 49, 4))
DAY_150 = 150 / 7

INVESTIGATOR, SUBJECT, BOTH = Rated(), Rated(rater="subject"), Rated(rater="both")
COMPOSITE = Rated(rater="both", level=TWO_GRADES)
DIARY, PHYSICIAN = Rated(rater="subject", jitter=0.0), Rated(jitter=0.0)

THREE_DAYS = "visits up to 3 days early or late"
EQUAL_ARMS = "arms of equal size"
EITHER_TRIAL = "half of the patients in each trial"
