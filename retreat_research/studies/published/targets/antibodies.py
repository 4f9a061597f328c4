"""Published figures on neutralising antibodies: who has them, when, who fails, and what stays after stopping."""

from __future__ import annotations

from functools import partial

from ....cohort import WEEKS_PER_YEAR
from ..antibodies import (
    MHDA,
    MPA,
    MPA_PRIOR,
    Assay,
    Declined,
    EverPositive,
    Failed,
    FailedByAntibody,
    MonthsToFailure,
    MonthsToNegative,
    MonthsToPositive,
    PositiveAtExit,
    TitreHalfLife,
    Transient,
)
from ..arm import Arm
from ..target import Target

_DYSTONIA = "cervical dystonia"
_TESTED = Assay(limit=MPA, prior=MPA_PRIOR)
_CONFIRMED = Assay(limit=MPA, prior=MPA_PRIOR, false_positives=False)
_MHDA = Assay(limit=MHDA)
_LONG_TERM = Arm(indication=_DYSTONIA, sessions=43, every=12.0)
_DRESSLER = Arm(indication=_DYSTONIA, units=546.7, sessions=20, every=90.4 / 7)
_SANKHLA = Arm(indication=_DYSTONIA, units=207, sessions=16, every=27 / 8 * WEEKS_PER_YEAR / 12)

_REGION = "the immunity of the default world (a reachable region, quoted with this figure)"
_DOSE = "induction_power (ONA_DOSE, derived from it)"
_LAYERS = (
    "Layers of observation and selection are missing: when patients were tested, how a positive was confirmed, and who "
    "was tested at all are not known"
)
_FALSE = "Most of what is predicted is false: the default specificity of 0.99, assumed, is met at every test"
_INDUCTION = "At 0.15 ng a session a first response is too rare: λ and γ are reachable values, not estimates"
_NON_IMMUNE = (
    "Cycles without response, 10% by default, half of it the patient's own, come twice in a row by chance; a clinic "
    "calls that failure only when it stays"
)
_FOLLOW_UP = "How long those patients were followed, and how they were chosen, is not known"

_NULL = "With φ = 1.65 it comes nearer; the default is 1, for the effect of complexing proteins is unproven"

_share = partial(Target, group="antibodies", table="antibodies", unit="percent")
_months = partial(Target, group="antibodies", table="kinetics")

#: Indication, row, units, mean sessions, weeks between them, percent, n.
_REGISTRATION = (
    (_DYSTONIA, "ONA_CD", 187.3, 8.4, 12.0, 1.3, 319),
    ("glabellar lines", "ONA_GL", 17.2, 2.8, 17.0, 0.4, 810),
    ("crow's feet", "ONA_LCL", 33.8, 2.5, 17.0, 0, 915),
    ("axillary hyperhidrosis", "ONA_HH", 102.8, 2.8, 26.0, 0.4, 973),
    ("spasticity", "ONA_PSS", 307.3, 3.3, 12.0, 0.5, 406),
)
_arms = {
    row: Arm(indication=indication, units=units, sessions=sessions, every=every)
    for indication, row, units, sessions, every, _, _ in _REGISTRATION
}
_informs = {row: f"{_DOSE}, {_REGION}" for row in ("ONA_CD", "ONA_GL")}
_by_test = {"as tested": _TESTED, "without false positives": _CONFIRMED}

ANTIBODIES = (
    *(
        _share(
            name=f"{indication}, ever positive, {kind}", rows=(row,), published=published, n=n,
            arm=_arms[row], analysis=EverPositive(assay=assay), informs=_informs.get(row, _DOSE),
            assumed=f"a session every {every:g} weeks; a test before each and one at exit",
            reason=_FALSE if assay.false_positives else _INDUCTION if row == "ONA_GL" else _LAYERS,
        )
        for kind, assay in _by_test.items()
        for indication, row, _, _, every, published, n in _REGISTRATION
    ),
    *(
        _share(
            name=f"{indication}, positive at exit, without false positives", rows=(row,), published=published, n=n,
            arm=_arms[row], analysis=PositiveAtExit(assay=_CONFIRMED), informs=_DOSE,
            assumed=f"a session every {_arms[row].every:g} weeks; {found} of {n} (the row's note)", reason=_LAYERS,
        )
        for indication, row, found, published, n in (
            (_DYSTONIA, "ONA_CD", 1, 100 / 319, 319),
            ("glabellar lines", "ONA_GL", 0, 0, 810),
            ("axillary hyperhidrosis", "ONA_HH", 2, 200 / 973, 973),
            ("spasticity", "ONA_PSS", 2, 200 / 406, 406),
        )
    ),
    _share(
        name="dystonia, negative at exit, of those ever positive", rows=("ONA_EXIT",), published=1100 / 27, n=27,
        arm=_arms["ONA_CD"], analysis=Transient(assay=_CONFIRMED), informs=_DOSE,
        assumed="of all indications, simulated for dystonia; 11 of 27 (the row's note); no false positives",
        reason="Memory is left by half of first responses, and gaps stay the same to the end",
    ),
    _share(
        name="dystonia, today's ona", rows=("JAN03_CUR",), published=0, n=119,
        arm=_arms["ONA_CD"], analysis=PositiveAtExit(assay=_CONFIRMED),
        assumed="dose and sessions of ONA_CD; one test at exit; no false positives", reason=_LAYERS,
    ),
    _share(
        name="dystonia, original ona, 5 times the load", rows=("JAN03_ORIG",), published=9.5, n=42,
        arm=Arm(indication=_DYSTONIA, units=187.3, sessions=8.4, every=12.0, load=5.0),
        analysis=PositiveAtExit(assay=_CONFIRMED),
        assumed="dose and sessions of ONA_CD; one test at exit; no false positives; neurotoxin rises as protein",
        reason=_LAYERS,
    ),
    _share(
        name="dystonia, 10 years, positive while responding", rows=("HEF16_MHDA",), published=14.6, n=212,
        arm=_LONG_TERM, analysis=PositiveAtExit(assay=_MHDA, responding=True), informs=_REGION,
        assumed="the label dose of ona every 12 weeks for 10 years (published: 2 to 21)",
        reason=_NULL,
    ),
    _share(
        name="neurology, failure by antibody", rows=("WAL20_CSTF",), published=5.9, n=471,
        arm=Arm(indication=_DYSTONIA, sessions=31.2, every=9.8 * WEEKS_PER_YEAR / 31.2),
        analysis=Failed(by_antibody=True), informs=_REGION, assumed="dystonia and the label dose of ona for all",
        reason=_NULL,
    ),
    _share(
        name="dystonia, secondary failure of any cause", rows=("STF_RANGE",), published=4, ci=(3, 5), n=None,
        arm=_LONG_TERM, analysis=Failed(), assumed="the middle of the published 3 to 5%; 10 years", reason=_NON_IMMUNE,
    ),
    _share(
        name="dystonia, antibody among failures", rows=("STF_RANGE",), published=50, ci=(40, 60), n=None,
        arm=_LONG_TERM, analysis=FailedByAntibody(), assumed="“about half” (the row's note) is 40 to 60%; 10 years",
        reason=_NON_IMMUNE,
    ),
    _months(
        name="dystonia, first to positive test", rows=("C_latency_to_NAb+",), published=27, unit="antibody month", n=7,
        arm=_SANKHLA, analysis=MonthsToPositive(assay=_CONFIRMED),
        assumed="16 sessions, 8 in 27 months as in the row; no false positives", reason=_FOLLOW_UP,
    ),
    _months(
        name="dystonia, first session to complete failure", rows=("C_failure_exposure_cycles",), published=678.8,
        sd=385.6, unit="antibody day", n=13, arm=_DRESSLER, analysis=MonthsToFailure(),
        assumed="546.7 U of ona; 20 sessions", reason=f"{_FOLLOW_UP}; the product of the time is not simulated",
    ),
    _months(
        name="dystonia, positive to negative after stopping", rows=("D_time_NAb+_to_NAb-_after_stop",), published=30,
        unit="antibody month", n=7, arm=_SANKHLA, analysis=MonthsToNegative(assay=_CONFIRMED),
        assumed="stopped at the first positive test; every patient, where the published ones were chosen",
        reason="The published patients are those who did become negative, and were treated after the first positive",
    ),
    _months(
        name="dystonia, half-life of high titres after stopping", rows=("D_effective_half-life",), published=1.8,
        unit="antibody year", n=8, arm=_DRESSLER, analysis=TitreHalfLife(),
        assumed="from failure above 10 mU/mL to 2 mU/mL; the 8 patients whose titre fell; 20 sessions",
        reason="Short-lived output, half-life 105 days, carries a titre that has just risen",
    ),
    Target(
        name="dystonia, high titre fallen after stopping", group="antibodies", table="kinetics",
        rows=("D_titre_decline_fraction",), published=61.5, unit="percent", n=13, arm=_DRESSLER,
        analysis=Declined(days=750), informs="long_half_life_days (same patients as D_effective_half-life)",
        assumed="below 10 mU/mL at the shortest published follow-up, 750 days; 20 sessions",
        reason="No titre stays in the model: each falls by half in 105 or 830 days once treatment stops",
    ),
)  # fmt: skip
