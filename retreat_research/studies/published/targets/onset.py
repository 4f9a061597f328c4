"""Published figures on onset: who shows or reports an effect in the first days."""

from __future__ import annotations

from functools import partial

from ..arm import Arm
from ..effects import TWO_GRADES, Rated, Shows
from ..target import Target
from .reasons import ABO, ABO_125, BY_D068, BY_D080, GLABELLA, NO_PLACEBO, ONA, ONSET, RELABO, TENTH
from .visits import DIARY, PHYSICIAN, SUBJECT, THREE_DAYS

_INCO_25 = Arm(indication=GLABELLA, product="incobotulinumtoxinA", units=25)
_DIARY = "one entry a day in a diary"
_HEIGHT = (
    "At day 3 the curve has three quarters of its height, and that is where two grades begin; a point of this scale of "
    "five is less than a grade"
)
_A_DAY = "seen on the day"

_share = partial(Target, group="onset", unit="percent")
_by_diary = partial(_share, table="durations", assumed=_DIARY, reason=ONSET)

ONSET_FIGURES = (
    *(
        _by_diary(
            name=f"ona 20 U, onset by day {day}", rows=(row,), published=published, n=45, arm=ONA,
            analysis=Shows(week=day / 7, rated=DIARY), informs="" if row in ("D080", "D083") else BY_D080,
            reason=ONSET if day < 4 else TENTH,
        )
        for day, row, published in ((1, "D080", 48), (2, "D081", 77), (3, "D082", 93), (4, "D083", 98))
    ),
    *(
        _share(
            name=f"ona 20 U, onset by day {day}, physician", table="durations", rows=(row,), published=published, n=45,
            arm=ONA, analysis=Shows(week=day / 7, rated=PHYSICIAN), informs=BY_D080 if row != "D083" else "",
            assumed=_A_DAY, reason=ONSET if day < 4 else TENTH,
        )
        for day, row, published in ((2, "D081", 87), (3, "D082", 91), (4, "D083", 100))
    ),
    _by_diary(
        name="abo 50 U, onset by day 1", rows=("D030",), published=25.6, n=80, arm=ABO,
        analysis=Shows(week=1 / 7, rated=DIARY),
    ),
    _by_diary(
        name="abo 125 U, onset by day 1", rows=("D042",), published=41.3, n=81, arm=ABO_125,
        analysis=Shows(week=1 / 7, rated=DIARY),
    ),
    _by_diary(
        name="abo 50 to 80 U, onset by day 1", rows=("D084",), published=19.7, n=1160, arm=ABO,
        analysis=Shows(week=1 / 7, rated=DIARY), assumed=f"{_DIARY}; 50 U for all",
    ),
    *(
        _by_diary(
            name=f"abo 50 U, onset by day {day} (solution)", rows=("D049",), published=published, n=251, arm=ABO,
            analysis=Shows(week=day / 7, rated=DIARY), assumed=f"{_DIARY}; “about” (the row's note) is exactly",
        )
        for day, published in ((1, 25), (3, 67))
    ),
    _share(
        name="relabo 50 U, subject's rating at day 7", table="durations", rows=("D065",), published=97.2, n=233,
        arm=RELABO, analysis=Shows(week=1, rated=SUBJECT), informs=BY_D068, assumed=THREE_DAYS,
        reason=f"{NO_PLACEBO}. {TENTH}",
    ),
    *(
        _share(
            name=f"inco 25 U, {grades} at day {day}", table="curves", rows=(f"inco 25U Prager/inco 25U/{quantity}",),
            published=published, n=23, arm=_INCO_25, analysis=Shows(week=day / 7, rated=rated),
            assumed="rated by the investigator; a point of the 5-point scale is one of four; 1 day early or late",
            reason=TENTH if grades == "one point" else _HEIGHT,
        )
        for grades, day, quantity, published, rated in (
            ("one point", 3, "0.43/pct >=1-point (5-point scale)", 95.2, Rated(jitter=1 / 7)),
            ("two points", 3, "0.43/pct >=2-point", 85.0, Rated(level=TWO_GRADES, jitter=1 / 7)),
            ("one point", 8, "1.1/pct >=1-point", 100, Rated(jitter=1 / 7)),
            ("one point", 14, "2/pct >=1-point", 100, Rated(jitter=1 / 7)),
        )
    ),
)  # fmt: skip
