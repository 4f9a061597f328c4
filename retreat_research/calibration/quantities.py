"""What the published curves measure, and which part of the model answers: declared, not guessed."""

from __future__ import annotations

from dataclasses import dataclass

GLABELLA, DYSTONIA = "glabellar lines", "cervical dystonia"

#: The level that a loss of effect is measured at (the world's `threshold`); the other levels are fitted against it.
ANCHOR = "threshold"

#: Week of the peak: that of the trials' check of the response (EVIDENCE: peak at about week 4), 30 days.
PEAK_WEEK = 4.3


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """How a published quantity maps onto the model.

    Attributes
    ----------
    starts : str
        What its text in the table starts with.
    kind : {"rating", "onset", "mean"}
        A share of patients rated above a level; a share that has noticed the onset by then; a mean effect as a share
        of the arm's maximum, which has no published standard deviation and is predicted, not fitted.
    level, rater : str
        Names of the level and of the rater's error; the parameters are ``level, NAME`` and ``rater_sd, NAME``.
    endpoint : str
        What it takes to respond at all, where that is more than one grade: the parameter is ``non_response, NAME``.
    bound : {"", "at least", "crossing"}
        What the value is: the share; a lower bound; or the 50% that a Kaplan-Meier curve crosses at that visit, so that
        it is at most that at this visit and at least that at the one before.
    given_week : float, weeks, or None
        The share is among those rated above the level in that week.
    """

    starts: str
    kind: str = "rating"
    indication: str = GLABELLA
    level: str = ANCHOR
    rater: str = "investigator"
    endpoint: str = ""
    bound: str = ""
    given_week: float | None = None


#: The first that fits counts. One grade is the threshold: "back to baseline" is what the medians of the world are of.
#: "None or mild" is one grade for some patients and two for others: at the threshold too, but more never get there. (As
#: a level of its own it would be 0.8 and lost in a third of the time, which Glogau's curve contradicts.)
QUANTITIES: tuple[Quantity, ...] = (
    Quantity(starts="pct >=1-grade (investigator), published as a lower bound", bound="at least"),
    Quantity(starts="pct >=1-grade (subject)", rater="subject"),
    Quantity(starts="pct >=1-grade"),
    Quantity(starts="pct >=1-point"),
    Quantity(starts="pct not relapsed"),
    Quantity(starts="pct none/mild", endpoint="none or mild"),
    Quantity(starts="pct responder FWS max contraction", endpoint="none or mild"),
    Quantity(
        starts="pct of day-30 responders still responding (KM median)",
        endpoint="none or mild",
        bound="crossing",
        given_week=PEAK_WEEK,
    ),
    Quantity(starts="pct >=8-point", indication=DYSTONIA, level="8 points", rater="TWSTRS"),
    Quantity(starts="pct subject-reported onset", kind="onset"),
    Quantity(starts="pct physician-assessed onset", kind="onset"),
    Quantity(starts="pct strain reduction", kind="mean"),
    Quantity(starts="share of max mean effect", kind="mean"),
)

#: Why rows with a number and an n are left out all the same.
LEFT_OUT = {
    "pct >=2-point": "its level is seen in the onset only, so that level and onset cannot be told apart",
    "pct of intervals still not re-injected": "when patients were injected again, not how they responded",
    "mean pct Tsui": "a mean without its zero and full scale, in two weeks before any waning",
    "mean headache": "not an indication of the world",
    "mean TWSTRS": "the patients of the percentages of this arm again",
    "sd TWSTRS": "the patients of the percentages of this arm again",
    "mean change": "the patients of the percentages of this arm again",
    "LS mean": "a mean of a scale whose full benefit is not known",
}

#: Arms that do not say their product, or their dose; GL is glabellar lines (PMC9632938).
ARMS = {
    "5000U": ("rimabotulinumtoxinB", 5000.0),
    "10000U": ("rimabotulinumtoxinB", 10000.0),
    "GL": ("onabotulinumtoxinA", 20.0),
    "FHL": None,
    "CFL": None,
}

#: A lower bound of one week says nothing about a median that nothing else in the table speaks of.
OTHER_INDICATION = "the only row of its indication, and a bound"

BEGINNINGS = {
    "ona": "onabotulinumtoxinA",
    "abo": "abobotulinumtoxinA",
    "inco": "incobotulinumtoxinA",
    "daxi": "daxibotulinumtoxinA",
    "leti": "letibotulinumtoxinA",
    "prabo": "prabotulinumtoxinA",
    "relabo": "relabotulinumtoxinA",
    "rima": "rimabotulinumtoxinB",
}

#: Weeks between visits where a Kaplan-Meier curve drops (D158 of durations.csv: assumed, monthly).
VISIT_WEEKS = 30 / 7
