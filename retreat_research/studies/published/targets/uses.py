"""Published figures on the effect outside facial lines, and on when patients come back."""

from __future__ import annotations

from functools import partial

from ..arm import Arm
from ..effects import MeanNoticed, MedianDuration, MedianNoticed, NotYetBack
from ..target import Target
from .visits import THREE_DAYS

_DYSTONIA = "cervical dystonia"
_daxi, _daxi_250 = (Arm(indication=_DYSTONIA, product="daxibotulinumtoxinA", units=units) for units in (125, 250))
_axilla = Arm(indication="axillary hyperhidrosis", sessions=5)
_limb = Arm(indication="spasticity", product="incobotulinumtoxinA")
_lids = Arm(indication="blepharospasm", sessions=20, every=52.0)

_TREND = "Durations lengthen (D123, D124), stay (D126) and shorten (D125) with repetition; the default trend is none"
_DOSE = "In dystonia more than the label dose did not last longer (D091)"
_NOTICED = "duration as the patient notices it"
_FROM_WEEK_4 = (4.0, 6.0, *(float(week) for week in range(8, 37, 4)))

_weeks = partial(Target, group="other uses", table="durations", unit="week")
_months = partial(Target, group="other uses", table="durations", unit="month")

USES = (
    _weeks(
        name="dystonia, daxi 125 U, median", rows=("D090",), published=24.0, ci=(20.3, 29.1), n=125,
        arm=_daxi, analysis=MedianDuration(visits=_FROM_WEEK_4),
        assumed=f"responders at week 4; visits at weeks 4, 6, 8, then every 4 to week 36, {THREE_DAYS}",
    ),
    _weeks(
        name="dystonia, daxi 250 U, median", rows=("D091",), published=20.3, ci=(16.7, 24.0), n=130,
        arm=_daxi_250, analysis=MedianDuration(visits=_FROM_WEEK_4),
        assumed=f"responders at week 4; visits at weeks 4, 6, 8, then every 4 to week 36, {THREE_DAYS}", reason=_DOSE,
    ),
    _weeks(
        name="dystonia, ona, mean of pooled studies", table="kinetics", rows=("duration_ona_CD",), published=95.2,
        unit="day", ci=(88.9, 101.4), n=1900, arm=Arm(indication=_DYSTONIA), analysis=MeanNoticed(),
        assumed=f"{_NOTICED}; 1,900 patients (published: more)",
        reason="The default median of 13 weeks lies near the published mean; mean and delay of noticing come on top",
    ),
    _months(
        name="axilla, median after the first session", rows=("D123",), published=4.0, n=101,
        arm=_axilla, analysis=MedianNoticed(), assumed=f"{_NOTICED}; ona",
        reason="The default median of 18 weeks was set near the published one; the delay of noticing comes on top",
    ),
    _months(
        name="axilla, median after the second session", rows=("D123",), published=4.5, n=101,
        arm=_axilla, analysis=MedianNoticed(session=1), assumed=f"{_NOTICED}; ona", reason=_TREND,
    ),
    _months(
        name="axilla, median after the last session", rows=("D123",), published=5.0, n=101,
        arm=_axilla, analysis=MedianNoticed(session=4), assumed=f"{_NOTICED}; ona; the last is the fifth session",
        reason=_TREND,
    ),
    _months(
        name="axilla, median after the first session (France)", rows=("D124",), published=6, n=117,
        arm=_axilla, analysis=MedianNoticed(), assumed=f"{_NOTICED}; ona",
        reason="Published medians of the first session disagree: 4.0 months (D123), 6 months (D124)",
    ),
    _months(
        name="axilla, median after the last session (France)", rows=("D124",), published=8, n=117,
        arm=_axilla, analysis=MedianNoticed(session=4),
        assumed=f"{_NOTICED}; ona; the last is the fifth session (published: a mean of 5.5)", reason=_TREND,
    ),
    _weeks(
        name="blepharospasm, mean of early sessions", rows=("D125",), published=13.5, n=18,
        arm=_lids, analysis=MeanNoticed(session=4), assumed=f"{_NOTICED}; ona; the fifth session",
    ),
    _weeks(
        name="blepharospasm, mean of late sessions", rows=("D125",), published=11.4, n=18,
        arm=_lids, analysis=MeanNoticed(session=19), assumed=f"{_NOTICED}; ona; the twentieth session",
        reason=_TREND,
    ),
    *(
        Target(
            name=f"spasticity, inco, not yet back at week {week}", group="other uses", table="curves",
            rows=(f"Kanovsky 2021 inco ULS/inco <=400U/{week}/pct of intervals still not re-injected",),
            published=published, unit="percent", n=415, arm=_limb, analysis=NotYetBack(week=week, floor=12.0),
            assumed="back when waning is noticed, after 12 weeks at the earliest; 415 independent intervals",
            reason="When patients come back is the clinic's doing too; what this trial allowed is not known",
        )
        for week, published in ((14, 52.3), (16, 31.1), (18, 19.0), (20, 11.6))
    ),
)  # fmt: skip
