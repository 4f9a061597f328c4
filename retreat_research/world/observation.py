"""Observation: what the clinic can see of the effect and of the antibodies, and how well."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import must
from ..evidence import ASSUMED, Beta, LogNormal, keep_possible, parameter


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the clinic can see of the effect and of the antibodies, and how well."""

    check_week: float = parameter(
        4.0,
        least=1e-3,
        most=1e3,
        unit="weeks",
        meaning="check of the response after each session",
        source="durations.csv D003: rated at day 30; durations.csv D097: peak at 3.6 weeks in dystonia",
    )
    rater_sd: float = parameter(
        0.15,
        least=0,
        most=10,
        unit="share of full benefit",
        meaning="rater error",
        source="durations.csv D173: 0.20 to 0.42 grade; full benefit assumed two grades; prior: durations.csv D173",
        prior=LogNormal.within(0.10, 0.21, median=0.15),
    )
    missed_check: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="the check does not take place", source=ASSUMED
    )
    visit_every: float = parameter(
        0.0,
        least=0,
        most=1e4,
        unit="weeks",
        meaning="further visits after the check, this far apart; 0: none",
        source=ASSUMED,
    )
    visit_jitter: float = parameter(
        0.0,
        least=0,
        most=1e4,
        unit="weeks",
        meaning="a further visit takes place up to this much earlier or later",
        source=ASSUMED,
    )
    missed_visit: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a further visit does not take place", source=ASSUMED
    )
    investigator_shift: float = parameter(
        0.0,
        least=-1,
        most=1,
        unit="share of full benefit",
        meaning="threshold of the investigator above the endpoint's",
        source=f"{ASSUMED}: no difference",
    )
    subject_shift: float = parameter(
        0.0,
        least=-1,
        most=1,
        unit="share of full benefit",
        meaning="threshold at which the subject notices waning, above the endpoint's",
        source=f"{ASSUMED}: no difference",
    )
    test_every: int = parameter(
        4,
        least=0,
        most=10**6,
        unit="sessions",
        meaning="an antibody test after every n-th session, before the next; 0: never",
        source=ASSUMED,
    )
    detection_titre: float = parameter(
        0.4,
        least=1e-9,
        most=1e12,
        unit="mU/mL",
        meaning="limit of detection of the assay, a hemidiaphragm assay",
        source="tests.csv MDA type B/detection threshold",
    )
    ceiling_titre: float = parameter(
        10.0,
        least=1e-9,
        most=1e12,
        unit="mU/mL",
        meaning="highest reading of the assay",
        source="tests.csv MDA type A/titre band of complete failure: upper limit of the assay",
    )
    sensitivity: float = parameter(
        1.0,
        least=0,
        most=1,
        unit="probability",
        meaning="a reading above the limit of detection is called positive",
        source=ASSUMED,
        prior=Beta(19, 1),
    )
    assay_sd: float = parameter(0.3, least=0, most=10, unit="ln mU/mL", meaning="noise of the assay", source=ASSUMED)
    specificity: float = parameter(
        0.99,
        least=0,
        most=1,
        unit="probability",
        meaning="negative without any antibody",
        source=f"{ASSUMED}; tests.csv EDB test/specificity vs MDA: 23 of 23",
        prior=Beta(99, 1),
    )

    def __post_init__(self) -> None:
        keep_possible(self)
        must(self.ceiling_titre > self.detection_titre, "`ceiling_titre` must be above `detection_titre`")
        must(
            self.visit_every == 0 or self.visit_every >= 1 / 7,
            "`visit_every` must be 0, for no further visits, or at least a day",
        )
        must(
            2 * self.visit_jitter < self.visit_every or self.visit_jitter == 0,
            "`visit_jitter` must be less than half of `visit_every`",
        )
