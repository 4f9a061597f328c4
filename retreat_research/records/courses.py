"""From sessions and assessments to cycles: who takes part, which visit belongs to which cycle, what censored it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..cycles import Cycles
from ..errors import must
from .endpoints import Endpoint
from .scales import SCALES
from .tables import RATERS

#: The columns of the frame that `Records.cycles` gives, before the covariates.
CYCLE_COLUMNS = (
    *("patient", "cycle", "week", "product", "units", "indication", "lot", "injector", "gap_weeks", "next_weeks"),
    *("cumulative_units", "baseline", "peak_gain", "peak_week", "lower", "upper", "responder", "censoring"),
    "waning_overruled",
)


def cycles_of(sessions: pd.DataFrame, assessments: pd.DataFrame, patients: pd.DataFrame, endpoint: Endpoint) -> Cycles:
    """The cycles of `Records` under an endpoint; the tables are sorted by patient and week."""
    ratings = _ratings(assessments, endpoint)
    course = _course(sessions, ratings["patient"], endpoint.scale)
    judged = endpoint.judge(_visits(ratings, course), _baseline(ratings, course, endpoint))
    frame = pd.concat([course, judged], axis=1)

    effect = frame["responder"].fillna(False).to_numpy(dtype=bool)
    waned = _weeks_between(frame["week"], frame["waned_week"])
    reported = effect & (waned <= frame["next_weeks"].fillna(np.inf))
    frame["upper"] = frame["upper"].where(~(reported & (waned > frame["lower"])), np.fmin(frame["upper"], waned))
    frame["waning_overruled"] = reported & (waned <= frame["lower"])
    frame["censoring"] = np.select(
        [frame["responder"].isna(), ~effect, np.isfinite(frame["upper"]), frame["next_weeks"].notna()],
        ["unassessed", "non-response", "interval", "retreated"],
        "follow-up",
    )
    frame = frame[list(CYCLE_COLUMNS)].merge(patients, on="patient", how="left")
    return Cycles(frame["lower"], frame["upper"], data=frame, endpoint=endpoint)


def _ratings(assessments: pd.DataFrame, endpoint: Endpoint) -> pd.DataFrame:
    """The assessments of the scale that say something."""
    rated = assessments.dropna(subset="value")
    of_scale = rated[rated["scale"] == endpoint.scale]
    held = ", ".join(scale for scale in SCALES if (rated["scale"] == scale).any()) or "none that is registered"
    must(
        len(of_scale) > 0,
        f"the records hold no assessment of {endpoint.scale}",
        f"of scales known here they hold {held}",
    )
    absent = [rater for rater in endpoint.needs if not (of_scale["rater"] == rater).any()]
    must(not absent, f"the records hold no assessment of {endpoint.scale} by the {' or the '.join(absent)}")
    return of_scale


def _course(sessions: pd.DataFrame, rated: pd.Series, scale: str) -> pd.DataFrame:
    """One row per cycle: the sessions for what the scale rates, of the patients it was used on."""
    by_product = sessions.groupby(["patient", "product"], sort=False)["units"].cumsum()
    day = [sessions["patient"], sessions["product"], sessions["week"]]
    sessions = sessions.assign(cumulative_units=by_product.groupby(day, sort=False).transform("max"))
    takes_part = sessions["patient"].isin(rated.unique())
    if scale in SCALES:
        treats = sessions["indication"].isin(SCALES[scale].indications)
        named = " or ".join(SCALES[scale].indications)
        must(bool((treats & takes_part).any()), f"no patient with an assessment of {scale} was treated for {named}")
        takes_part &= treats
    course = _one_a_day(sessions[takes_part].reset_index(drop=True))
    by_patient = course.groupby("patient", sort=False)
    course["cycle"] = by_patient.cumcount()
    course["gap_weeks"] = _weeks_between(by_patient["week"].shift(), course["week"])
    course["next_weeks"] = _weeks_between(course["week"], by_patient["week"].shift(-1))
    return course


def _one_a_day(course: pd.DataFrame) -> pd.DataFrame:
    """Areas treated on one day as one session: units are added, the first row tells the rest."""
    again = course.duplicated(["patient", "week"]).to_numpy()
    mixed = again & (course["product"] != course["product"].shift()).to_numpy()
    must(not mixed.any(), f"{mixed.sum()} sessions combine two products on one day", "their units do not add up")
    by_day = course.groupby(np.cumsum(~again))
    course = course.assign(units=by_day["units"].transform("sum"), waned_week=by_day["waned_week"].transform("min"))
    return course[~again].reset_index(drop=True)


def _visits(ratings: pd.DataFrame, course: pd.DataFrame) -> pd.DataFrame:
    """One row per visit after a session, with its cycle: a visit on a session's day belongs to the old one."""
    by_rater = ratings.pivot_table(values="value", index=["patient", "week"], columns="rater", aggfunc="last")
    visits = by_rater.reindex(columns=list(RATERS)).reset_index().sort_values("week", kind="stable")
    starts = pd.DataFrame({"patient": course["patient"], "start": course["week"], "cycle": course.index})
    visits = pd.merge_asof(
        visits,
        starts.sort_values("start", kind="stable"),
        left_on="week",
        right_on="start",
        by="patient",
        allow_exact_matches=False,
    ).dropna(subset="cycle")
    return visits.assign(cycle=visits["cycle"].astype(int), weeks=_weeks_between(visits["start"], visits["week"]))


def _baseline(ratings: pd.DataFrame, course: pd.DataFrame, endpoint: Endpoint) -> pd.DataFrame:
    """The last rating by each rater at or before the first session of the course, or before each cycle's own."""
    of_cycle = getattr(endpoint, "baseline", "first") == "cycle"
    week = course["week"] if of_cycle else course.groupby("patient", sort=False)["week"].transform("first")
    asked = pd.DataFrame({"patient": course["patient"], "week": week, "row": course.index})
    asked, ratings = asked.sort_values("week", kind="stable"), ratings.sort_values("week", kind="stable")
    found = {}
    for rater in RATERS:
        by_rater = ratings.loc[ratings["rater"] == rater, ["patient", "week", "value"]]
        found[rater] = pd.merge_asof(asked, by_rater, on="week", by="patient").set_index("row")["value"]
    return pd.DataFrame(found).sort_index()


def _weeks_between(earlier: pd.Series, later: pd.Series) -> pd.Series:
    """The weeks between two times in weeks; whole days are exact, so that day 28 is week 4 and not a digit more."""
    weeks = later - earlier
    days = weeks * 7
    whole = days.round()
    return weeks.where((days - whole).abs() > 1e-6, whole / 7)
