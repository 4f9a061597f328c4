"""Published figures on the effect in facial lines: responders, medians on visit grids, dose."""

from __future__ import annotations

from functools import partial

from ..arm import Arm
from ..effects import MedianDuration, Relapsed, Shows
from ..target import Target
from .visits import (
    BOTH,
    COMPOSITE,
    DAY_150,
    DIARY,
    EITHER_TRIAL,
    EQUAL_ARMS,
    FIVE_MONTHS,
    FOUR_MONTHS,
    INVESTIGATOR,
    MONTH,
    SIX_MONTHS,
    SUBJECT,
    THREE_DAYS,
    TO_WEEK_36,
    TO_WEEK_48,
)

_GLABELLA = "glabellar lines"
_ona = Arm(indication=_GLABELLA)
_daxi = Arm(indication=_GLABELLA, product="daxibotulinumtoxinA")
_abo = Arm(indication=_GLABELLA, product="abobotulinumtoxinA")
_abo_125 = Arm(indication=_GLABELLA, product="abobotulinumtoxinA", units=125)
_abo_placebo = Arm(indication=_GLABELLA, product="abobotulinumtoxinA", placebo=True)
_relabo = Arm(indication=_GLABELLA, product="relabotulinumtoxinA")
_relabo_placebo = Arm(indication=_GLABELLA, product="relabotulinumtoxinA", placebo=True)
_prabo = Arm(indication=_GLABELLA, product="prabotulinumtoxinA")
_crow = Arm(indication="crow's feet")

_NO_PLACEBO = (
    "The world has no response to placebo: what it shows there is rater error alone (in the placebo arm of a dystonia "
    "trial 28.6% improve at week 4, curves.csv)"
)
_NOISE = (
    "A rater error of 0.15 shows patients without effect above the threshold of 0.2 one time in eleven; an improvement "
    "by a whole grade needs 0.25"
)
_TENTH = "A tenth of cycles do not respond by default, whatever the product and the dose (prior: 5 to 15%)"
_SILENT = f"{_TENTH}, and rater error lets some of them pass for responders"
_ONSET = f"The curve rises without a lag and its threshold is a fifth of the benefit: half a day is enough. {_TENTH}"
_RELABO = f"{_NO_PLACEBO}, and subjects on placebo improve in 19 to 28% (D065 to D068); the median of relabo is assumed"
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
_BY_D140, _BY_D144 = "median_weeks[abobotulinumtoxinA] (D140)", "dose_half (D144)"

_share = partial(Target, group=_GLABELLA, table="durations", unit="percent")
_median = partial(Target, group=_GLABELLA, table="durations", unit="week")

GLABELLA = (
    _median(
        name="ona 20 U, median of day-30 responders", rows=("D001",), published=120, unit="day", n=523,
        arm=_ona, analysis=MedianDuration(visits=SIX_MONTHS),
        assumed=f"monthly visits to day 180 (D158), {THREE_DAYS}",
    ),
    _share(
        name="ona 20 U, responders at day 30", rows=("D003",), published=84.2, n=621,
        arm=_ona, analysis=Shows(week=MONTH), assumed=THREE_DAYS,
        reason=_SILENT,
    ),
    _share(
        name="ona 20 U, responders at day 150", rows=("D078",), published=43, n=921, at_least=True,
        arm=_ona, analysis=Shows(week=DAY_150), assumed=THREE_DAYS, reason=_MORE_THAN_D001,
    ),
    _median(
        name="ona 20 U, median (dose-ranging)", rows=("D009",), published=19.7, n=45,
        arm=_ona, analysis=MedianDuration(visits=TO_WEEK_48),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}",
    ),
    _median(
        name="ona 20 U, median (phase 2 of daxi)", rows=("D018",), published=19, n=38,
        arm=_ona, analysis=MedianDuration(visits=TO_WEEK_36),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}",
    ),
    _share(
        name="ona 20 U, responders at week 24", rows=("D005",), published=16.0, n=45,
        arm=_ona, analysis=Shows(week=24), informs="dose_half (D149)", assumed=f"{EQUAL_ARMS}; {THREE_DAYS}",
    ),
    _share(
        name="ona 80 U, responders at week 24", rows=("D008",), published=38.5, n=45,
        arm=Arm(indication=_GLABELLA, units=80), analysis=Shows(week=24), informs="dose_half (D149)",
        assumed=f"{EQUAL_ARMS}; {THREE_DAYS}",
    ),
    _share(
        name="placebo, responders at week 24", rows=("D004",), published=0, n=45,
        arm=Arm(indication=_GLABELLA, placebo=True), analysis=Shows(week=24), assumed=f"{EQUAL_ARMS}; {THREE_DAYS}",
        reason=_NOISE,
    ),
    _share(
        name="ona 10 U, relapse by 4 months", rows=("D012",), published=83, n=20,
        arm=Arm(indication=_GLABELLA, units=10), analysis=Relapsed(visits=FOUR_MONTHS), informs="dose_half (D150)",
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_STEEP,
    ),
    _share(
        name="ona 20 U, relapse by 4 months", rows=("D013",), published=33, n=20,
        arm=_ona, analysis=Relapsed(visits=FOUR_MONTHS), informs="dose_half (D150)",
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_HALF_BY_120,
    ),
    _share(
        name="ona 30 U, relapse by 4 months", rows=("D014",), published=30, n=20,
        arm=Arm(indication=_GLABELLA, units=30), analysis=Relapsed(visits=FOUR_MONTHS), informs="dose_half (D150)",
        assumed=f"{EQUAL_ARMS}; of responders at month 1; monthly visits, {THREE_DAYS}", reason=_HALF_BY_120,
    ),
    *(
        _share(
            name=f"ona 20 U, onset by day {day}", rows=(row,), published=published, n=45,
            arm=_ona, analysis=Shows(week=day / 7, rated=DIARY),
            assumed="one entry a day in a diary", reason=_ONSET,
        )
        for day, row, published in ((1, "D080", 48), (2, "D081", 77), (3, "D082", 93), (4, "D083", 98))
    ),
    _median(
        name="daxi 40 U, median (phase 2)", rows=("D017",), published=24, n=38,
        arm=_daxi, analysis=MedianDuration(visits=TO_WEEK_36),
        assumed=f"{EQUAL_ARMS}; visits every 4 weeks, {THREE_DAYS}; the endpoint is none or mild",
    ),
    *(
        _median(
            name=f"daxi 40 U, median ({trial})", rows=(row,), published=published, n=n,
            arm=_daxi, analysis=MedianDuration(visits=TO_WEEK_36, rated=BOTH),
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
            name=f"daxi 40 U, two grades at week 4 ({trial})", rows=("D021",), published=published, n=n,
            arm=_daxi, analysis=Shows(week=4, rated=COMPOSITE), assumed=f"{EITHER_TRIAL}; {THREE_DAYS}",
        )
        for trial, published, n in (("SAKURA 1", 73.6, 202), ("SAKURA 2", 74.0, 203))
    ),
    _share(
        name="abo 50 U, two grades at week 4", rows=("D027",), published=80.0, n=80,
        arm=_abo, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=_TENTH,
    ),
    _share(
        name="abo 125 U, two grades at week 4", rows=("D039",), published=95.1, n=81,
        arm=_abo_125, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=_TENTH,
    ),
    _share(
        name="placebo, two grades at week 4", rows=("D043",), published=2.6, n=78,
        arm=_abo_placebo, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=_NO_PLACEBO,
    ),
    *(
        _share(
            name=f"{dose}, responders at week {week}", rows=(row,), published=published, n=n,
            arm=arm, analysis=Shows(week=week), informs=informs, assumed=f"rated by the investigator; {THREE_DAYS}",
            reason=reason,
        )
        for dose, arm, row, week, published, n, informs, reason in (
            ("abo 50 U", _abo, "D028", 24, 52.5, 80, _BY_D140, _ABO_DISAGREE),
            ("abo 50 U", _abo, "D029", 36, 17.5, 80, _BY_D140, ""),
            ("abo 125 U", _abo_125, "D040", 24, 69.1, 81, _BY_D144, _ABO_IMPLIES),
            ("abo 125 U", _abo_125, "D041", 36, 30.9, 81, _BY_D144, _ABO_IMPLIES),
            ("placebo (abo trial)", _abo_placebo, "D044", 24, 5.1, 78, "", _NOISE),
            ("placebo (abo trial)", _abo_placebo, "D045", 36, 0, 78, "", _NOISE),
        )
    ),
    _share(
        name="abo 50 U, responders at month 6 (solution)", rows=("D049",), published=25.5, n=251,
        arm=_abo, analysis=Shows(week=26), assumed=f"the middle of the published 24 to 27%; {THREE_DAYS}",
        reason=_ABO_DISAGREE,
    ),
    *(
        _share(
            name=f"prabo 20 U, two grades at day 30 ({trial})", rows=("D061",), published=published, n=n,
            arm=_prabo, analysis=Shows(week=MONTH, rated=COMPOSITE), assumed=f"3 of 4 patients treated; {THREE_DAYS}",
            reason="The median of prabo is assumed to be that of ona: nothing published says so",
        )
        for trial, published, n in (("EV-001", 67.5, 248), ("EV-002", 70.4, 243))
    ),
    _share(
        name="relabo 50 U, two grades at month 1", rows=("D064",), published=82.9, n=199,
        arm=_relabo, analysis=Shows(week=MONTH, rated=COMPOSITE), assumed=THREE_DAYS, reason=_TENTH,
    ),
    *(
        _share(
            name=f"relabo 50 U, subject's rating at month {month}", rows=(row,), published=published, n=233,
            arm=_relabo, analysis=Shows(week=week, rated=SUBJECT), assumed=THREE_DAYS,
            reason=_RELABO,
        )
        for month, week, row, published in ((1, MONTH, "D066", 97.7), (3, 13, "D067", 90.0), (6, 26, "D068", 71.0))
    ),
    _share(
        name="placebo, subject's rating at month 1", rows=("D066",), published=26.8, n=74,
        arm=_relabo_placebo, analysis=Shows(week=MONTH, rated=SUBJECT), assumed=THREE_DAYS, reason=_NO_PLACEBO,
    ),
)  # fmt: skip

OTHER_LINES = (
    *(
        _median(
            name=f"crow's feet, median, {rater} (study {study})", group="other lines", rows=(row,), published=published,
            unit="day", n=416, arm=_crow, analysis=MedianDuration(visits=visits, rated=rated),
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
            ("crow's feet", "D079", 32, 833, _crow),
            ("forehead", "D077", 42, 921, Arm(indication="forehead lines")),
        )
    ),
)  # fmt: skip
