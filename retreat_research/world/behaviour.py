"""Behaviour: what patients and clinics do, from noticing waning to a bad injection."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence import ASSUMED, Uniform, keep_possible, parameter


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What patients do: notice waning, stay away, leave."""

    delay_weeks: float = parameter(
        1.0, least=0, most=1e9, unit="weeks", meaning="median delay from loss of effect to noticing it", source=ASSUMED
    )
    delay_sd: float = parameter(
        0.5, least=0, most=10, unit="ln weeks", meaning="SD of ln delay between patients", source=ASSUMED
    )
    no_show: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a booked visit is missed", source=ASSUMED
    )
    no_show_weeks: float = parameter(
        2.0, least=0, most=1e4, unit="weeks", meaning="a missed visit takes place this much later", source=ASSUMED
    )
    return_jitter: float = parameter(
        0.0,
        least=0,
        most=1e4,
        unit="weeks",
        meaning="a patient returns up to this much earlier or later than agreed",
        source=ASSUMED,
    )
    technique_failure: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a session is injected beside its target", source=ASSUMED
    )
    technique_loss: float = parameter(
        1.0,
        least=0,
        most=1,
        unit="share of the dose",
        meaning="what such a session loses; its antigen stays",
        source=ASSUMED,
    )
    storage_failure: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a session's product was stored badly", source=ASSUMED
    )
    storage_loss: float = parameter(
        0.5,
        least=0,
        most=1,
        unit="share of the dose",
        meaning="what such a product has lost; its antigen stays",
        source=ASSUMED,
    )
    lot_sd: float = parameter(
        0.0,
        least=0,
        most=10,
        unit="ln potency",
        meaning="SD of log-potency between a product's lots; mean potency is 1",
        source=ASSUMED,
    )
    lot_weeks: float = parameter(
        13.0,
        least=1e-6,
        most=1e6,
        unit="weeks",
        meaning="a new lot this often, the same for all patients",
        source=ASSUMED,
    )
    dilution: float = parameter(
        1.0,
        least=1e-6,
        most=1e6,
        unit="label volumes",
        meaning="volume in which a dose is injected",
        source=f"{ASSUMED}: the label's",
    )
    trauma: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a session is a traumatic one", source=ASSUMED
    )
    infection: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="an infection at a session", source=ASSUMED
    )
    prior_exposure: float = parameter(
        0.0, least=0, most=1, unit="probability", meaning="a patient was treated elsewhere before", source=ASSUMED
    )
    dropout_per_year: float = parameter(
        0.05,
        least=0,
        most=1e6,
        unit="per year",
        meaning="hazard of leaving, in calendar time",
        source=ASSUMED,
        prior=Uniform(0, 0.15),
    )

    def __post_init__(self) -> None:
        keep_possible(self)
