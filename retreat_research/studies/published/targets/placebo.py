"""Published figures of placebo arms."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..effects import Shows
from ..target import Target
from .reasons import ABO, CROW, DAXI, INCO, NO_PLACEBO, NOISE, ONA, PRABO, RELABO
from .visits import (
    COMPOSITE,
    DIARY,
    EITHER_TRIAL,
    EQUAL_ARMS,
    INVESTIGATOR,
    MONTH,
    SUBJECT,
    THREE_DAYS,
)

_ONA, _ABO, _RELABO, _PRABO, _DAXI, _INCO, _CROW = (
    replace(arm, placebo=True) for arm in (ONA, ABO, RELABO, PRABO, DAXI, INCO, CROW)
)
_BY_INVESTIGATOR = f"rated by the investigator; {THREE_DAYS}"
_NONE_OR_MILD = f"the endpoint is none or mild; {THREE_DAYS}"

_share = partial(Target, group="placebo", table="durations", unit="percent")

PLACEBO_FIGURES = (
    _share(
        name="placebo, responders at week 24", rows=("D004",), published=0, n=45, arm=_ONA,
        analysis=Shows(week=24), assumed=f"{EQUAL_ARMS}; {THREE_DAYS}", reason=NOISE,
    ),
    _share(
        name="placebo (abo trial), onset by day 1", rows=("D046",), published=8.0, n=78, arm=_ABO,
        analysis=Shows(week=1 / 7, rated=DIARY), assumed="one entry a day in a diary", reason=NOISE,
    ),
    _share(
        name="placebo (abo trial), responders at week 4", table="curves",
        rows=("Joseph 2021 JDD abo dose escalation/placebo/4/pct >=1-grade improvement",), published=12.8, n=78,
        arm=_ABO, analysis=Shows(week=4), assumed=_BY_INVESTIGATOR, reason=NOISE,
    ),
    *(
        _share(
            name=f"placebo (abo trial), responders at week {week}", rows=(row,), published=published, n=78, arm=_ABO,
            analysis=Shows(week=week), assumed=_BY_INVESTIGATOR, reason=NOISE,
        )
        for row, week, published in (("D044", 24, 5.1), ("D045", 36, 0))
    ),
    *(
        _share(
            name=f"placebo, two grades at {when} ({trial})", rows=(row,), published=published, n=n, arm=arm,
            analysis=Shows(week=week, rated=COMPOSITE), assumed=assumed, reason=NO_PLACEBO,
        )
        for trial, row, when, week, published, n, arm, assumed in (
            ("abo", "D043", "week 4", 4, 2.6, 78, _ABO, THREE_DAYS),
            ("SAKURA 1", "D021", "week 4", 4, 0.0, 102, _DAXI, f"{EITHER_TRIAL}; {THREE_DAYS}"),
            ("SAKURA 2", "D021", "week 4", 4, 1.0, 102, _DAXI, f"{EITHER_TRIAL}; {THREE_DAYS}"),
            ("prabo EV-001", "D061", "day 30", MONTH, 1.2, 82, _PRABO, f"1 of 4 patients; {THREE_DAYS}"),
            ("prabo EV-002", "D061", "day 30", MONTH, 1.3, 81, _PRABO, f"1 of 4 patients; {THREE_DAYS}"),
            ("relabo", "D064", "month 1", MONTH, 0, 67, _RELABO, THREE_DAYS),
        )
    ),
    _share(
        name="placebo (inco trial), none or mild at day 30", rows=("D059",), published=0, n=51, arm=_INCO,
        analysis=Shows(week=MONTH), assumed=_NONE_OR_MILD, reason=NOISE,
    ),
    *(
        _share(
            name=f"placebo, subject's rating at {when}", rows=(row,), published=published, n=74, arm=_RELABO,
            analysis=Shows(week=week, rated=SUBJECT), assumed=THREE_DAYS, reason=NO_PLACEBO,
        )
        for when, week, row, published in (
            ("day 7", 1, "D065", 18.9), ("month 1", MONTH, "D066", 26.8), ("month 3", 13, "D067", 27.5),
            ("month 6", 26, "D068", 22.4),
        )
    ),
    *(
        _share(
            name=f"placebo (crow's feet), none or mild at day 30, {rater}", rows=("D075",), published=published, n=223,
            arm=_CROW, analysis=Shows(week=MONTH, rated=rated), assumed=_NONE_OR_MILD, reason=NOISE,
        )
        for rater, published, rated in (("investigator", 6.7, INVESTIGATOR), ("subject", 5.4, SUBJECT))
    ),
)  # fmt: skip
