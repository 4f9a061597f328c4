"""Published figures on how long the effect lasts in facial lines: medians on visit grids, late responders, dose."""

from __future__ import annotations

from functools import partial

from ..arm import Arm
from ..effects import MedianDuration, Relapsed, Shows
from ..target import Target
from .reasons import ABO, ABO_125, BY_D068, BY_D140, BY_D144, CROW, DAXI, GLABELLA, ONA, RELABO, RELABO_MEDIAN
from .visits import (
    BOTH,
    DAY_150,
    EITHER_TRIAL,
    EQUAL_ARMS,
    FIVE_MONTHS,
    FOUR_MONTHS,
    INVESTIGATOR,
    SIX_MONTHS,
    SUBJECT,
    THREE_DAYS,
    TO_WEEK_36,
    TO_WEEK_48,
)

_ABO_DISAGREE = "Published figures of abo 50 U at week 24 to 26 disagree: 52.5% (D028), 24 to 27% (D049)"
_MORE_THAN_D001 = (
    "At odds with D001 and D003, which the default world was made after: half of 84.2% at 120 days leaves at most "
    "42% at 150"
)
_STEEP = "Below the label dose the published relation is steeper than g(r) with c = 0.25 (D150: exponent 0.80)"
_ABO_IMPLIES = (
    "The arms of this trial imply medians of 24.9 weeks at 50 U and 29.4 at 125 U (D140, D143); the default of 22 at "
    "50 U makes room for D049"
)
_HALF_BY_120 = "At odds with D001, where half of the responders had lost the effect by day 120"
_TWO_RATERS = (
    "The default of 22 weeks comes from visits without rater error (D154 to D156): of two raters with error one "
    "finds the loss a visit earlier"
)
_BY_RELAPSE = "dose_half (D150, derived from it)"
_BY_WEEK_24 = "dose_half (D149, derived from it), median_weeks (D156, derived from it)"

_share = partial(Target, group=GLABELLA, table="durations", unit="percent")
_median = partial(Target, group=GLABELLA, table="durations", unit="week")

GLABELLA_FIGURES = (
    _median(
        name="ona 20 U, median of day-30 responders", rows=("D001",), published=120, unit="day", n=523,
        arm=ONA, analysis=MedianDuration(visits=SIX_MONTHS),
        assumed=f"monthly visits to day 180 (D158), {THREE_DAYS}",
    ),
    _share(
        name="ona 20 U, responders at day 150", rows=("D078",), published=43, n=921, at_least=True,
        arm=ONA, analysis=Shows(week=DAY_150), assumed=THREE_DAYS, reason=_MORE_THAN_D001,
    ),
    _median(
        name="ona 20 U, median (dose-ranging)", rows=("D009",), published=19.7, n=45,
        arm=ONA, analysis=MedianDuration(visits=TO_WEEK_48),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}",
    ),
    _median(
        name="ona 20 U, median (phase 2 of daxi)", rows=("D018",), published=19, n=38,
        arm=ONA, analysis=MedianDuration(visits=TO_WEEK_36),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}",
    ),
    _share(
        name="ona 20 U, responders at week 24", rows=("D005",), published=16.0, n=45,
        arm=ONA, analysis=Shows(week=24), informs=_BY_WEEK_24, assumed=f"{EQUAL_ARMS}; {THREE_DAYS}",
    ),
    _share(
        name="ona 80 U, responders at week 24", rows=("D008",), published=38.5, n=45,
        arm=Arm(indication=GLABELLA, units=80), analysis=Shows(week=24), informs=_BY_WEEK_24,
        assumed=f"{EQUAL_ARMS}; {THREE_DAYS}",
    ),
    _share(
        name="ona 10 U, relapse by 4 months", rows=("D012",), published=83, n=20,
        arm=Arm(indication=GLABELLA, units=10), analysis=Relapsed(visits=FOUR_MONTHS), informs=_BY_RELAPSE,
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_STEEP,
    ),
    _share(
        name="ona 20 U, relapse by 4 months", rows=("D013",), published=33, n=20,
        arm=ONA, analysis=Relapsed(visits=FOUR_MONTHS), informs=_BY_RELAPSE,
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_HALF_BY_120,
    ),
    _share(
        name="ona 30 U, relapse by 4 months", rows=("D014",), published=30, n=20,
        arm=Arm(indication=GLABELLA, units=30), analysis=Relapsed(visits=FOUR_MONTHS), informs=_BY_RELAPSE,
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_HALF_BY_120,
    ),
    _median(
        name="daxi 40 U, median (phase 2)", rows=("D017",), published=24, n=38,
        arm=DAXI, analysis=MedianDuration(visits=TO_WEEK_36),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}; the endpoint is none or mild",
    ),
    *(
        _median(
            name=f"daxi 40 U, median ({trial})", rows=(row,), published=published, n=n,
            arm=DAXI, analysis=MedianDuration(visits=TO_WEEK_36, rated=BOTH),
            assumed=f"{trial_size}visits every 4 weeks to week 36, {THREE_DAYS}", reason=_TWO_RATERS,
        )
        for trial, row, published, n, trial_size in (
            ("SAKURA 1, both ratings", "D019", 24.0, 202, f"{EITHER_TRIAL}; "),
            ("SAKURA 2, both ratings", "D020", 23.9, 203, f"{EITHER_TRIAL}; "),
            ("China, both ratings", "D024", 23.9, 205, ""),
        )
    ),
    *(
        _share(
            name=f"{dose}, responders at week {week}", rows=(row,), published=published, n=n,
            arm=arm, analysis=Shows(week=week), informs=informs, assumed=f"rated by the investigator; {THREE_DAYS}",
            reason=reason,
        )
        for dose, arm, row, week, published, n, informs, reason in (
            ("abo 50 U", ABO, "D028", 24, 52.5, 80, BY_D140, _ABO_DISAGREE),
            ("abo 50 U", ABO, "D029", 36, 17.5, 80, BY_D140, ""),
            ("abo 125 U", ABO_125, "D040", 24, 69.1, 81, BY_D144, _ABO_IMPLIES),
            ("abo 125 U", ABO_125, "D041", 36, 30.9, 81, BY_D144, _ABO_IMPLIES),
        )
    ),
    _share(
        name="abo 50 U, responders at month 6 (solution)", rows=("D049",), published=25.5, n=251,
        arm=ABO, analysis=Shows(week=26), assumed=f"the middle of the published 24 to 27%; {THREE_DAYS}",
        reason=_ABO_DISAGREE,
    ),
    *(
        _share(
            name=f"relabo 50 U, subject's rating at month {month}", rows=(row,), published=published, n=233,
            arm=RELABO, analysis=Shows(week=week, rated=SUBJECT), informs=BY_D068 if row == "D067" else "",
            assumed=THREE_DAYS, reason=RELABO_MEDIAN,
        )
        for month, week, row, published in ((3, 13, "D067", 90.0), (6, 26, "D068", 71.0))
    ),
)  # fmt: skip

OTHER_LINE_FIGURES = (
    *(
        _median(
            name=f"crow's feet, median, {rater} (study {study})", group="other lines", rows=(row,), published=published,
            unit="day", n=416, arm=CROW, analysis=MedianDuration(visits=visits, rated=rated),
            informs="median_weeks (same patients as D071)" if row == "D072" else "",
            assumed=f"{EITHER_TRIAL}; monthly visits (D075), {THREE_DAYS}", reason=reason,
        )
        for study, rater, row, published, visits, rated, reason in (
            (1, "investigator", "D071", 125, FIVE_MONTHS, INVESTIGATOR, ""),
            (
                1, "subject", "D072", 144, FIVE_MONTHS, SUBJECT,
                "By default subject and investigator share a threshold (subject_shift 0, assumed)",
            ),
            (2, "investigator", "D074", 120, FOUR_MONTHS, INVESTIGATOR, ""),
        )
    ),
    *(
        _share(
            name=f"{where}, responders at day 150", group="other lines", rows=(row,), published=published, n=n,
            at_least=True, arm=arm, analysis=Shows(week=DAY_150), assumed=THREE_DAYS,
            reason="Published as a lower bound of pooled trials; in glabellar lines the same pool contradicts D001",
        )
        for where, row, published, n, arm in (
            ("crow's feet", "D079", 32, 833, CROW),
            ("forehead", "D077", 42, 921, Arm(indication="forehead lines")),
        )
    ),
)  # fmt: skip
