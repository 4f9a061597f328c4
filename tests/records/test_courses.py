"""Cycles against a second, deliberately naive implementation: one patient at a time, whole days and exact fractions."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from retreat_research import InputError
from retreat_research.records import BackToBaseline, LossOfBenefit, LossOfLevel, Records
from retreat_research.records.courses import CYCLE_COLUMNS

INF = float("inf")
FACIAL = ("glabellar lines", "crow's feet", "forehead lines")


# The naive implementation. A patient is {"sessions": [dict], "ratings": {(day, rater): value or None}}.


def naive_cycles(patient, endpoint, indications):
    course = {}
    for session in patient["sessions"]:
        if indications is None or session["indication"] in indications:
            course.setdefault(session["day"], []).append(session)
    if all(value is None for value in patient["ratings"].values()):
        return []
    origin = min(session["day"] for session in patient["sessions"])
    days = sorted(course)
    rows = []
    for k, day in enumerate(days):
        following = days[k + 1] if k + 1 < len(days) else None
        visits = sorted({d for d, _ in patient["ratings"] if d > day and (following is None or d <= following)})
        here = course[day]
        row = {
            "cycle": k,
            "week": (day - origin) / 7,
            "units": sum(s["units"] for s in here),
            "gap_weeks": (day - days[k - 1]) / 7 if k else None,
            "next_weeks": None if following is None else (following - day) / 7,
            "cumulative_units": sum(
                s["units"] for s in patient["sessions"] if s["day"] <= day and s["product"] == here[0]["product"]
            ),
        }
        rows.append({**row, **naive_outcome(patient, endpoint, day, days[0], following, visits, here)})
    return rows


def naive_outcome(patient, endpoint, day, first_day, following, visits, here):
    ratings = patient["ratings"]
    result = {"baseline": None, "peak_gain": None, "peak_week": None, "waning_overruled": False}
    if isinstance(endpoint, LossOfLevel):
        seen = [(d, naive_level(ratings, d, endpoint)) for d in visits]
        seen = [(d, effect) for d, effect in seen if effect is not None]
        window = [(d, effect) for d, effect in seen if d - day <= 7 * endpoint.peak_by]
        responses = [d for d, effect in window if effect]
        lost = [d for d, effect in seen if not effect]
        if endpoint.raters in ("investigator", "subject"):
            result["baseline"] = naive_baseline(ratings, first_day, endpoint.raters)
        if window:
            result["peak_week"] = ((responses or [d for d, _ in window])[0] - day) / 7
    else:
        at = first_day if endpoint.baseline == "first" else day
        before = naive_baseline(ratings, at, endpoint.rater)
        result["baseline"] = before
        seen = [] if before is None else [(d, ratings.get((d, endpoint.rater))) for d in visits]
        sign = 1 if endpoint.better == "lower" else -1
        seen = [(d, sign * (Fraction(before) - Fraction(value))) for d, value in seen if value is not None]
        window = [(d, gain) for d, gain in seen if d - day <= 7 * endpoint.peak_by]
        if window:
            peak = max(gain for _, gain in window)
            peak_day = min(d for d, gain in window if gain == peak)
            result |= {"peak_gain": float(peak), "peak_week": (peak_day - day) / 7}
        if isinstance(endpoint, LossOfBenefit):
            responses = [peak_day] if window and peak >= Fraction(str(endpoint.response)) else []
            left = 1 - Fraction(str(endpoint.loss))
            lost = [d for d, gain in seen if window and gain <= left * peak]
        else:
            responses = [d for d, gain in window if gain >= 1]
            lost = [d for d, gain in seen if gain <= 0]

    if not window or not responses:
        kind = "non-response" if window else "unassessed"
        return {**result, "responder": False if window else None, "lower": None, "upper": None, "censoring": kind}
    losses = [d for d in lost if d > responses[0]]
    upper = losses[0] if losses else INF
    lower = max(d for d, _ in seen if d < upper)
    reports = [s["waned"] for s in here if s["waned"] is not None]
    if reports and (following is None or min(reports) <= following):
        if min(reports) > lower:
            upper = min(upper, min(reports))
        else:
            result["waning_overruled"] = True
    kind = "interval" if upper < INF else "follow-up" if following is None else "retreated"
    return {**result, "responder": True, "lower": (lower - day) / 7, "upper": (upper - day) / 7, "censoring": kind}


def naive_baseline(ratings, day, rater):
    earlier = [(d, value) for (d, who), value in ratings.items() if who == rater and d <= day and value is not None]
    return max(earlier)[1] if earlier else None


def naive_level(ratings, day, endpoint):
    """True, False or None: effect at one visit."""
    raters = ("investigator", "subject") if endpoint.raters in ("both", "either") else (endpoint.raters,)
    effects = [ratings.get((day, rater)) for rater in raters]
    effects = [None if value is None else value <= Fraction(str(endpoint.at_most)) for value in effects]
    if endpoint.raters == "both" and False in effects:
        return False
    if endpoint.raters == "either" and True in effects:
        return True
    return None if None in effects else effects[0]


# Random histories, full of ties, missing values, visits on session days, second indications and reported wanings.


def random_patient(rng, grades):
    day, sessions = int(rng.integers(0, 60)), []
    for _ in range(rng.integers(1, 6)):
        product = str(rng.choice(["onabotulinumtoxinA", "abobotulinumtoxinA"]))
        areas = rng.choice([*FACIAL[:2], "cervical dystonia"], size=rng.integers(1, 3), replace=False)
        for area in areas:
            waned = day + int(rng.integers(1, 200)) if rng.random() < 0.3 else None
            units = int(rng.integers(1, 5)) * 10
            sessions.append({"day": day, "product": product, "units": units, "indication": str(area), "waned": waned})
        day += int(rng.choice([7, 28, 56, 84, 85, 100, 120]))
    ratings = {}
    starts = sorted({session["day"] for session in sessions})
    at = {
        start + int(offset)
        for start in starts
        for offset in rng.choice([-30, -7, 0, 7, 14, 28, 29, 42, 56, 84, 112], 7)
    }
    for visit in at:
        for rater, share in (("investigator", 0.9), ("subject", 0.6)):
            if rng.random() < share:
                ratings[visit, rater] = None if rng.random() < 0.15 else float(rng.choice(grades))
    return {"sessions": sessions, "ratings": ratings}


def as_records(patients, scale):
    sessions, ratings = [], []
    for i, patient in enumerate(patients):
        origin = min(session["day"] for session in patient["sessions"])
        for session in patient["sessions"]:
            waned = np.nan if session["waned"] is None else (session["waned"] - origin) / 7
            week = (session["day"] - origin) / 7
            sessions.append({**session, "patient": f"p{i}", "week": week, "waned_week": waned})
        for (day, rater), value in patient["ratings"].items():
            value = np.nan if value is None else value
            row = {"patient": f"p{i}", "week": (day - origin) / 7, "scale": scale, "rater": rater, "value": value}
            ratings.append(row)
    return Records(pd.DataFrame(sessions).drop(columns="day"), pd.DataFrame(ratings))


ENDPOINTS = [
    LossOfBenefit("FWS", loss=0.8, response=1),
    LossOfBenefit("FWS", loss=0.5, response=2, peak_by=6),
    LossOfBenefit("FWS", loss=1, response=1, rater="subject"),
    LossOfBenefit("FWS", loss=0.5, response=1, baseline="cycle"),
    LossOfBenefit("VAS", loss=0.7, response=0.3, better="lower", peak_by=8),
    LossOfBenefit("VAS", loss=0.1, response=0.3, better="higher", peak_by=8),
    BackToBaseline("FWS"),
    BackToBaseline("FWS", rater="subject", baseline="cycle", peak_by=2),
    BackToBaseline("VAS", better="higher", peak_by=4),
    LossOfLevel("FWS", at_most=1),
    LossOfLevel("FWS", at_most=0, raters="subject", peak_by=4),
    LossOfLevel("FWS", at_most=1, raters="both"),
    LossOfLevel("FWS", at_most=1, raters="either", peak_by=12),
    LossOfLevel("VAS", at_most=0.3, raters="both", peak_by=8),
]
CHECKED = ["cycle", "week", "units", "gap_weeks", "next_weeks", "cumulative_units", "baseline", "peak_gain"]
CHECKED += ["peak_week", "lower", "upper", "responder", "censoring", "waning_overruled"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_cycles_equal_a_naive_implementation(endpoint):
    rng = np.random.default_rng(ENDPOINTS.index(endpoint))
    tenths = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.4]  # whose differences are no tenths in binary
    grades, indications = ([0, 1, 2, 3], FACIAL) if endpoint.scale == "FWS" else (tenths, None)
    patients = [random_patient(rng, grades) for _ in range(500)]
    if endpoint.scale == "VAS":  # exact arithmetic on what is written, not on its binary neighbour
        for patient in patients:
            patient["ratings"] = {k: None if v is None else Fraction(str(v)) for k, v in patient["ratings"].items()}
    floats = [
        {**p, "ratings": {key: None if v is None else float(v) for key, v in p["ratings"].items()}} for p in patients
    ]
    expected = [
        {"patient": f"p{i}", **row}
        for i, patient in enumerate(patients)
        for row in naive_cycles(patient, endpoint, indications)
    ]
    expected = pd.DataFrame(expected).astype({"responder": "boolean"})
    assert {"interval", "retreated", "follow-up", "non-response", "unassessed"} == set(expected["censoring"])
    assert expected["waning_overruled"].any()

    frame = as_records(floats, endpoint.scale).cycles(endpoint).frame
    assert list(frame["patient"]) == list(expected["patient"])
    for name in CHECKED:
        exact = name not in ("baseline", "peak_gain")
        wanted = (
            expected[name] if expected[name].dtype != object or name == "censoring" else expected[name].astype(float)
        )
        pd.testing.assert_series_equal(
            frame[name],
            wanted,
            check_dtype=False,
            check_exact=exact and wanted.dtype.kind == "f",
            rtol=1e-12,
            atol=1e-12,
        )
    assert tuple(frame) == CYCLE_COLUMNS


# Single histories, by hand.


def one(values, sessions=(0,), scale="FWS", rater="investigator", **columns):
    """Records of one patient: {week: value} and the weeks of the sessions."""
    n = len(sessions)
    session = {"patient": "a", "week": sessions, "product": "onabotulinumtoxinA", "units": 20.0}
    indication = {"FWS": "glabellar lines"}.get(scale, "cervical dystonia")
    ratings = {"patient": "a", "week": list(values), "scale": scale, "rater": rater, "value": list(values.values())}
    rows = pd.DataFrame({**session, "indication": [indication] * n, **columns})
    return Records(rows, pd.DataFrame(ratings).astype({"value": float}))


def bounds(records, endpoint):
    frame = records.cycles(endpoint).frame
    return list(zip(frame["lower"], frame["upper"], frame["censoring"], strict=True))


TWSTRS = LossOfBenefit("TWSTRS", loss=0.8, response=8)


def test_a_remaining_gain_of_exactly_the_share_is_a_loss():
    assert 50 - 46 != 0.2 * 20 or (1 - 0.8) * 20 != 4  # in floating point the tie is not one
    assert bounds(one({0: 50, 4: 30, 8: 46, 12: 30}, scale="TWSTRS"), TWSTRS) == [(4, 8, "interval")]


def test_the_peak_is_the_earliest_of_equals_and_loss_is_sought_after_it():
    records = one({0: 50, 1: 49, 2: 30, 4: 30, 8: 40, 12: 50}, scale="TWSTRS")
    assert records.cycles(TWSTRS).frame.loc[0, "peak_week"] == 2
    assert bounds(records, TWSTRS) == [(8, 12, "interval")]


def test_a_missing_assessment_is_neither_effect_nor_loss():
    nan = float("nan")
    assert bounds(one({0: 50, 4: 30, 8: nan, 12: 50}, scale="TWSTRS"), TWSTRS) == [(4, 12, "interval")]
    assert bounds(one({0: 50, 4: 30, 8: nan}, scale="TWSTRS"), TWSTRS) == [(4, INF, "follow-up")]
    assert bounds(one({0: 50, 4: nan, 8: 30}, scale="TWSTRS"), TWSTRS)[0][2] == "unassessed"


def test_back_to_baseline_starts_at_the_first_response_not_at_the_peak():
    assert bounds(one({0: 3, 1: 2, 2: 3, 4: 1, 12: 3}), BackToBaseline("FWS")) == [(1, 2, "interval")]


def test_an_assessment_on_a_sessions_day_closes_the_old_cycle():
    records = one({0: 3, 4: 1, 12: 3, 16: 1}, sessions=(0, 12))
    assert bounds(records, BackToBaseline("FWS")) == [(4, 12, "interval"), (4, INF, "follow-up")]


def test_later_cycles_keep_the_first_baseline_unless_asked():
    records = one({0: 3, 4: 1, 12: 1, 16: 1}, sessions=(0, 12))
    assert bounds(records, BackToBaseline("FWS")) == [(12, INF, "retreated"), (4, INF, "follow-up")]
    assert bounds(records, BackToBaseline("FWS", baseline="cycle"))[1][2] == "non-response"


@pytest.mark.parametrize(
    ("waned", "expected", "overruled"),
    [(10.0, (4, 10, "interval"), False), (3.0, (4, 12, "interval"), True), (12.0, (4, 12, "interval"), False)],
)
def test_a_reported_waning_is_an_upper_bound_unless_an_assessment_says_otherwise(waned, expected, overruled):
    records = one({0: 3, 4: 1, 12: 3}, waned_week=[waned])
    assert bounds(records, BackToBaseline("FWS")) == [expected]
    assert records.cycles(BackToBaseline("FWS")).frame["waning_overruled"].tolist() == [overruled]


def test_a_reported_waning_ends_a_cycle_that_no_assessment_ended():
    assert bounds(one({0: 3, 4: 1}, waned_week=[9.0]), BackToBaseline("FWS")) == [(4, 9, "interval")]


def test_a_second_indication_does_not_end_a_cycle():
    records = one({0: 3, 4: 1, 12: 1, 20: 3}, sessions=(0, 6), indication=["glabellar lines", "cervical dystonia"])
    assert bounds(records, BackToBaseline("FWS")) == [(12, 20, "interval")]


def test_areas_treated_on_one_day_are_one_session_but_two_products_cannot_be_added():
    areas = ["glabellar lines", "crow's feet"]
    records = one({0: 3, 4: 1, 12: 3}, sessions=(0, 0), indication=areas)
    assert records.cycles(BackToBaseline("FWS")).frame[["units", "cumulative_units"]].to_numpy().tolist() == [[40, 40]]
    mixed = one({0: 3, 4: 1}, sessions=(0, 0), indication=areas, product=["onabotulinumtoxinA", "abobotulinumtoxinA"])
    with pytest.raises(InputError, match="two products on one day"):
        mixed.cycles(BackToBaseline("FWS"))


def test_cumulative_units_count_every_indication_but_one_product():
    records = one(
        {0: 3, 4: 1, 30: 3},
        sessions=(0, 6, 12, 24),
        indication=["glabellar lines", "cervical dystonia", "glabellar lines", "glabellar lines"],
        product=["onabotulinumtoxinA", "onabotulinumtoxinA", "abobotulinumtoxinA", "onabotulinumtoxinA"],
        units=[20.0, 100.0, 50.0, 20.0],
    )
    assert records.cycles(BackToBaseline("FWS")).frame["cumulative_units"].tolist() == [20, 50, 140]


def test_a_patient_without_a_baseline_is_not_assessed():
    assert bounds(one({4: 1, 12: 3}), BackToBaseline("FWS"))[0][2] == "unassessed"
    assert bounds(one({4: 1, 12: 3}), LossOfLevel("FWS", at_most=1)) == [(4, 12, "interval")]


def test_day_28_is_in_a_window_of_four_weeks_wherever_the_session_falls():
    days = np.arange(1, 1000)
    assert ((days + 28) / 7 - days / 7 > 4).any()  # in floating point it is not
    patient = np.repeat(days, 2)
    starts = np.column_stack([np.zeros(len(days)), days / 7]).ravel()
    sessions = pd.DataFrame({"patient": patient, "week": starts, "product": "onabotulinumtoxinA", "units": 20.0})
    ratings = pd.DataFrame({"patient": days, "scale": "FWS", "rater": "investigator"})
    ratings = pd.concat([ratings.assign(week=0.0, value=3.0), ratings.assign(week=(days + 28) / 7, value=1.0)])
    records = Records(sessions.assign(indication="glabellar lines"), ratings)
    frame = records.cycles(BackToBaseline("FWS", peak_by=4)).frame
    assert (frame.loc[frame["cycle"] == 1, ["peak_week", "lower"]] == 4).all(axis=None)


def test_nobody_responds():
    cycles = one({0: 3, 4: 3, 8: 3}).cycles(BackToBaseline("FWS"))
    assert len(cycles.responding) == 0
    assert cycles.frame["censoring"].tolist() == ["non-response"]


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (LossOfBenefit("JRS"), "no assessment of JRS; of scales known here they hold FWS"),
        (BackToBaseline("FWS", rater="subject"), "no assessment of FWS by the subject"),
        (LossOfLevel("FWS", at_most=1, raters="both"), "no assessment of FWS by the subject"),
        ("BackToBaseline", "`endpoint` must be an endpoint"),
    ],
)
def test_an_endpoint_the_records_cannot_serve(endpoint, message):
    with pytest.raises(InputError, match=message):
        one({0: 3, 4: 1}).cycles(endpoint)


def test_a_scale_without_its_indication():
    with pytest.raises(InputError, match="no patient with an assessment of FWS was treated for glabellar lines"):
        one({0: 3, 4: 1}, indication=["spasticity"]).cycles(BackToBaseline("FWS"))


def test_patients_never_rated_on_the_scale_take_no_part():
    sessions = pd.DataFrame(
        {"patient": ["a", "b"], "week": 0, "product": "placebo", "units": 0, "indication": "glabellar lines"}
    )
    ratings = pd.DataFrame(
        {"patient": ["a", "b"], "week": 4, "scale": ["FWS", "VAS"], "rater": "investigator", "value": 1.0}
    )
    assert Records(sessions, ratings).cycles(BackToBaseline("FWS")).patient.tolist() == ["a"]
