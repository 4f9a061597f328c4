"""Published figures on the height of the effect: who responds at week 4, day 30 or month 1, and by how much."""

from __future__ import annotations

from functools import partial

from ..effects import Shows
from ..target import Target
from .reasons import (
    ABO,
    ABO_125,
    BY_D068,
    BY_D140,
    BY_D144,
    CROW,
    DAXI,
    INCO,
    ONA,
    PRABO,
    RELABO,
    RELABO_MEDIAN,
    SILENT,
    TENTH,
)
from .visits import COMPOSITE, EITHER_TRIAL, INVESTIGATOR, MONTH, SUBJECT, THREE_DAYS

_NONE_OR_MILD = f"the endpoint is none or mild; {THREE_DAYS}"
_SCALES = (
    "None or mild is two grades for those who begin severe; the world has one endpoint and no severity at the start"
)
_GRADE = f"{TENTH}; a rating of one grade is met by nearly all others"
_CHINA = "Two grades on both ratings are met less often in China (61%) than in SAKURA (74%), with the same product"

_share = partial(Target, group="first month", table="durations", unit="percent")

MONTH_FIGURES = (
    _share(
        name="ona 20 U, responders at day 30", rows=("D003",), published=84.2, n=621,
        arm=ONA, analysis=Shows(week=MONTH), assumed=THREE_DAYS, reason=SILENT,
    ),
    *(
        _share(
            name=f"daxi 40 U, two grades at week 4 ({trial})", rows=("D021",), published=published, n=n,
            arm=DAXI, analysis=Shows(week=4, rated=COMPOSITE), assumed=f"{EITHER_TRIAL}; {THREE_DAYS}",
        )
        for trial, published, n in (("SAKURA 1", 73.6, 202), ("SAKURA 2", 74.0, 203))
    ),
    _share(
        name="daxi 40 U, two grades at week 4 (China)", rows=("D024",), published=61.0, n=205,
        arm=DAXI, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=_CHINA,
    ),
    *(
        _share(
            name=f"daxi 40 U, none or mild at week 4, {rater} (China)", rows=("D024",), published=published, n=205,
            arm=DAXI, analysis=Shows(week=4, rated=rated), assumed=_NONE_OR_MILD,
            reason="The published ratings of investigator and subject differ; by default they share a threshold",
        )
        for rater, published, rated in (("investigator", 94.1, INVESTIGATOR), ("subject", 86.3, SUBJECT))
    ),
    _share(
        name="abo 50 U, two grades at week 4", rows=("D027",), published=80.0, n=80,
        arm=ABO, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=TENTH,
    ),
    _share(
        name="abo 125 U, two grades at week 4", rows=("D039",), published=95.1, n=81,
        arm=ABO_125, analysis=Shows(week=4, rated=COMPOSITE), assumed=THREE_DAYS, reason=TENTH,
    ),
    *(
        _share(
            name=f"{dose}, responders at week 4", table="curves",
            rows=(f"Joseph 2021 JDD abo dose escalation/{key}/4/pct >=1-grade improvement",), published=published, n=n,
            arm=arm, analysis=Shows(week=4), informs=informs, assumed=f"rated by the investigator; {THREE_DAYS}",
            reason=_GRADE,
        )
        for dose, key, published, n, arm, informs in (
            ("abo 50 U", "abo 50U", 97.5, 80, ABO, BY_D140),
            ("abo 125 U", "abo 125U", 100, 81, ABO_125, BY_D144),
        )
    ),
    _share(
        name="abo 50 U, responders at month 1 (solution)", rows=("D049",), published=93, n=251,
        arm=ABO, analysis=Shows(week=MONTH), assumed=THREE_DAYS, reason=_GRADE,
    ),
    _share(
        name="abo 50 U, none or mild at month 1 (solution)", rows=("D049",), published=88, n=251,
        arm=ABO, analysis=Shows(week=MONTH), assumed=_NONE_OR_MILD, reason=_SCALES,
    ),
    _share(
        name="inco 20 U, none or mild at day 30", rows=("D059",), published=84.5, n=105,
        arm=INCO, analysis=Shows(week=MONTH), assumed=_NONE_OR_MILD, reason=_SCALES,
    ),
    *(
        _share(
            name=f"prabo 20 U, two grades at day 30 ({trial})", rows=("D061",), published=published, n=n,
            arm=PRABO, analysis=Shows(week=MONTH, rated=COMPOSITE), assumed=f"3 of 4 patients treated; {THREE_DAYS}",
            reason="The median of prabo is assumed to be that of ona: nothing published says so",
        )
        for trial, published, n in (("EV-001", 67.5, 248), ("EV-002", 70.4, 243))
    ),
    _share(
        name="relabo 50 U, two grades at month 1", rows=("D064",), published=82.9, n=199,
        arm=RELABO, analysis=Shows(week=MONTH, rated=COMPOSITE), assumed=THREE_DAYS, reason=TENTH,
    ),
    _share(
        name="relabo 50 U, subject's rating at month 1", rows=("D066",), published=97.7, n=233, arm=RELABO,
        analysis=Shows(week=MONTH, rated=SUBJECT), informs=BY_D068, assumed=THREE_DAYS, reason=RELABO_MEDIAN,
    ),
    *(
        _share(
            name=f"crow's feet, none or mild at day 30, {rater}", rows=("D075",), published=published, n=222,
            arm=CROW, analysis=Shows(week=MONTH, rated=rated), assumed=_NONE_OR_MILD, reason=_SCALES,
        )
        for rater, published, rated in (("investigator", 66.7, INVESTIGATOR), ("subject", 58.1, SUBJECT))
    ),
)  # fmt: skip
