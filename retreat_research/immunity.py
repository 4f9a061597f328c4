"""Immunity: antigen → memory and antibody-secreting cells → titre → neutralised dose (DESIGN §6).

Event-driven, after Chen, Hickling and Vicini (2014, doi:10.1038/psp.2014.31) and Andraud et al. (2012,
doi:10.1371/journal.pcbi.1002418). The states of one serotype are memory M in [0, 1], the output of short- and
long-lived plasma cells Ps and Pl, and the titre A (mU/mL). Between sessions M stands still and

    dA/dt = a (Ps + Pl − A),    dPs/dt = −ds Ps,    dPl/dt = −dl Pl

has a closed form, so nothing is integrated numerically. Types A and B do not cross-neutralise: one copy per serotype.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .errors import must
from .evidence import ASSUMED, Beta, HalfNormal, LogNormal, Normal, Uniform, keep_possible, parameter
from .products import PRODUCTS

Floats = NDArray[np.float64]

DAYS_PER_WEEK = 7.0  # by definition
HOUR, MILLENNIUM = 1 / 24, 365_250.0  # days, by definition: what a time of immunity lies between
SEROTYPES = ("A", "B")
_REACHABLE = f"{ASSUMED}: a region that is reachable with φ = 1.65 (here 1), not a calibration"
_LOADS = {name: p.ng_per_unit for name, p in PRODUCTS.items()}
#: Products known to be complexes and whose load is published or may be set: products.csv Botox/complex_mass;
#: products.csv Dysport/complex_mass; products.csv Jeuveau/complex.
_COMPLEXED = ("onabotulinumtoxinA", "abobotulinumtoxinA", "prabotulinumtoxinA")


@dataclass(frozen=True, kw_only=True)
class Immunity:
    """Parameters of the immune response; `World.describe` gives unit, meaning, prior and source of each."""

    ng_per_unit: Mapping[str, float] = parameter(
        _LOADS,
        least=0,
        most=10,
        by_product=True,
        or_nan=True,
        unit="ng per unit",
        meaning="150-kDa neurotoxin per labelled unit, NaN where none is published",
        source={name: p.load_source for name, p in PRODUCTS.items()},
    )
    complexing: Mapping[str, float] = parameter(
        dict.fromkeys(_COMPLEXED, 1.0),
        least=0,
        most=100,
        by_product=True,
        unit="1",
        meaning="φ: antigen multiplier of complexing proteins, by product; 1 where absent",
        source=f"{ASSUMED}: no effect; unproven, and the literature is industry-linked on both sides",
        prior=dict.fromkeys(_COMPLEXED, LogNormal(1, 0.4)),
    )
    susceptible_share: float = parameter(
        0.43,
        least=0,
        most=1,
        unit="probability",
        meaning="π: patients who can form antibodies",
        source=_REACHABLE,
        prior=Beta(2, 3),
    )
    frailty_sd: float = parameter(
        0.75,
        least=0,
        most=10,
        unit="ln",
        meaning="σ: SD of log-frailty; mean frailty is 1",
        source=_REACHABLE,
        prior=Uniform(0.3, 1.2),
    )
    recall_sd: float = parameter(
        1.7,
        least=0,
        most=10,
        unit="ln",
        meaning="σk: SD of log recall gain",
        source=_REACHABLE,
        prior=Uniform(0.3, 2.2),
    )
    induction_rate: float = parameter(
        0.013,
        least=0,
        most=1e9,
        unit="per session",
        meaning="λ: hazard of a first response at 1 ng",
        source=_REACHABLE,
        prior=LogNormal(0.013, 0.8),
    )
    induction_power: float = parameter(
        0.5,
        least=0,
        most=10,
        unit="1",
        meaning="γ: the hazard grows as antigen^γ",
        source=f"{_REACHABLE}; antibodies.csv ONA_DOSE: 0.51, -0.04 to 1.06",
        prior=Normal(0.6, 0.4, lower=0, upper=1.3),
    )
    memory_probability: float = parameter(
        0.54,
        least=0,
        most=1,
        unit="probability",
        meaning="q: a first response leaves memory, else it is transient",
        source=_REACHABLE,
        prior=Beta(3, 3),
    )
    primary_output: float = parameter(
        5.0,
        least=0,
        most=1e6,
        unit="mU/mL",
        meaning="K0: plasma output of a first response",
        source=_REACHABLE,
        prior=LogNormal(5, 0.7),
    )
    recall_output: float = parameter(
        5.0,
        least=0,
        most=1e6,
        unit="mU/mL",
        meaning="K: plasma output of a recall",
        source=_REACHABLE,
        prior=LogNormal(5, 0.7),
    )
    half_antigen_ng: float = parameter(
        2.0,
        least=1e-6,
        most=1e6,
        unit="ng",
        meaning="L50: antigen of half the largest response",
        source=_REACHABLE,
        prior=LogNormal(2, 0.6),
    )
    antigen_hill: float = parameter(
        1.25,
        least=0.1,
        most=10,
        unit="1",
        meaning="h of G = L^h/(L^h + L50^h)",
        source=_REACHABLE,
        prior=Uniform(1, 2.5),
    )
    first_memory: float = parameter(
        0.22,
        least=0,
        most=1,
        unit="1",
        meaning="m0: memory after a first response",
        source=_REACHABLE,
        prior=Uniform(0.1, 0.4),
    )
    memory_gain: float = parameter(
        0.25,
        least=0,
        most=1,
        unit="1",
        meaning="μ: share of the missing memory that a recall adds",
        source=_REACHABLE,
        prior=Uniform(0.1, 0.6),
    )
    long_lived_share: float = parameter(
        0.26,
        least=0,
        most=1e3,
        unit="1",
        meaning="ρ: long-lived output per short-lived output of a recall",
        source=_REACHABLE,
        prior=Uniform(0.02, 0.4),
    )
    feedback_titre: float = parameter(
        13.0,
        least=1e-6,
        most=1e12,
        unit="mU/mL",
        meaning="Kfb: titre that halves a recall",
        source=_REACHABLE,
        prior=LogNormal(15, 0.7),
    )
    rest_floor: float = parameter(
        0.3,
        least=0,
        most=1,
        unit="1",
        meaning="r0: recall right after an exposure, as a share of the rested one",
        source=f"{_REACHABLE}; the kernel of the interval is contested: sweep it",
        prior=Uniform(0.1, 1),
    )
    rest_days: float = parameter(
        86.0,
        least=HOUR,
        most=MILLENNIUM,
        unit="days",
        meaning="τm: time constant with which recall recovers",
        source=f"{_REACHABLE}; kinetics.csv interval_recall_mRNA: larger recall after longer gaps",
        prior=Uniform(30, 300),
    )
    booster: float = parameter(
        0.0,
        least=0,
        most=1e6,
        unit="1",
        meaning="β: extra induction hazard right after an exposure",
        source=f"{ASSUMED}: no effect; no hazard or odds ratio for the interval was found",
        prior=HalfNormal(1.5),
    )
    booster_days: float = parameter(
        21.0,
        least=HOUR,
        most=MILLENNIUM,
        unit="days",
        meaning="τb: time scale of the booster effect",
        source="protocols.csv BOOSTER: within 3 weeks, doi:10.2196/69960",
    )
    dose_risk: float = parameter(
        0.0,
        least=0,
        most=10,
        unit="1",
        meaning="the hazard of a first response grows as (label doses)^this, beyond its antigen",
        source=f"{ASSUMED}: no effect",
        prior=HalfNormal(0.3),
    )
    protein_risk: float = parameter(
        1.0,
        least=1e-12,
        most=1e12,
        unit="per 5 ng",
        meaning="hazard ratio of a first response per 5 ng of complexing protein",
        source=f"{ASSUMED}: no effect",
        prior=LogNormal(1, 0.4),
    )
    volume_risk: float = parameter(
        1.0,
        least=1e-12,
        most=1e12,
        unit="per doubling",
        meaning="hazard ratio of a first response per doubling of the dilution volume",
        source=f"{ASSUMED}: no effect",
        prior=LogNormal(1, 0.4),
    )
    trauma_risk: float = parameter(
        1.0,
        least=1e-12,
        most=1e12,
        unit="1",
        meaning="hazard ratio of a first response at a traumatic injection",
        source=f"{ASSUMED}: no effect",
        prior=LogNormal(1, 0.4),
    )
    infection_risk: float = parameter(
        1.0,
        least=1e-12,
        most=1e12,
        unit="1",
        meaning="hazard ratio of a first response during an infection",
        source=f"{ASSUMED}: no effect",
        prior=LogNormal(1, 0.4),
    )
    prior_exposure_risk: float = parameter(
        1.0,
        least=1e-12,
        most=1e12,
        unit="1",
        meaning="hazard ratio of a first response after earlier treatment elsewhere",
        source=f"{ASSUMED}: no effect",
        prior=LogNormal(1, 0.4),
    )
    titre_half_life_days: float = parameter(
        21.0,
        least=HOUR,
        most=MILLENNIUM,
        unit="days",
        meaning="half-life of circulating antibody",
        source="kinetics.csv antibody_lifespan: about a month, doi:10.1371/journal.pcbi.1002418",
    )
    short_half_life_days: float = parameter(
        105.0,
        least=HOUR,
        most=MILLENNIUM,
        unit="days",
        meaning="half-life of short-lived plasma output",
        source=f"{_REACHABLE}; kinetics.csv short_lived_PC_lifespan: several months",
        prior=Uniform(60, 240),
    )
    long_half_life_days: float = parameter(
        830.0,
        least=HOUR,
        most=MILLENNIUM,
        unit="days",
        meaning="half-life of long-lived plasma output",
        source="kinetics.csv D_effective_half-life: 289 to 969 days; prior: kinetics.csv D_effective_half-life",
        prior=Uniform(300, 1000),
    )
    half_titre: float = parameter(
        1.0,
        least=1e-6,
        most=1e12,
        unit="mU/mL",
        meaning="A50: titre that neutralises half a dose",
        source=f"{ASSUMED}; tests.csv MDA type A/CSTF unlikely below: 2 mU/mL",
        prior=Uniform(0.5, 2),
    )
    neutralisation_hill: float = parameter(
        2.0,
        least=0.1,
        most=20,
        unit="1",
        meaning="n of D/(1 + (A/A50)^n)",
        source=ASSUMED,
    )
    failure_titre: float = parameter(
        10.0,
        least=1e-6, most=1e12, unit="mU/mL",
        meaning="titre above which nothing responds",
        source="tests.csv MDA type A/titre band of complete failure: doi:10.1007/s00415-003-1129-6",
    )  # fmt: skip

    def __post_init__(self) -> None:
        keep_possible(self)
        for name in ("short_half_life_days", "long_half_life_days"):
            ratio = getattr(self, name) / self.titre_half_life_days
            must(
                abs(ratio - 1) > 1e-3,
                f"`{name}` and `titre_half_life_days` must differ by more than 0.1%",
                "the closed form between sessions divides by their difference",
            )

    def rate(self, half_life: str) -> float:
        """Rate per week of ``titre``, ``short`` or ``long``."""
        return log(2) * DAYS_PER_WEEK / float(getattr(self, f"{half_life}_half_life_days"))

    def kinetics(self) -> Kinetics:
        """What the equations need, per week where it is a rate."""
        return Kinetics(
            titre_rate=self.rate("titre"),
            short_rate=self.rate("short"),
            long_rate=self.rate("long"),
            **{name: float(getattr(self, name)) for name in Kinetics._fields if not name.endswith("_rate")},
            induction_rate=float(self.induction_rate),
        )


class Kinetics(NamedTuple):
    """Parameters of the equations, under the names of `Immunity`; rates of decay per week."""

    titre_rate: float
    short_rate: float
    long_rate: float
    induction_rate: float
    induction_power: float
    memory_probability: float
    primary_output: float
    recall_output: float
    half_antigen_ng: float
    antigen_hill: float
    first_memory: float
    memory_gain: float
    long_lived_share: float
    feedback_titre: float
    rest_floor: float
    rest_days: float
    booster: float
    booster_days: float
    half_titre: float
    neutralisation_hill: float


@dataclass
class ImmuneState:
    """State of one serotype just after the last exposure; every array of shape (n,)."""

    memory: Floats
    short: Floats  # plasma output, mU/mL
    long: Floats  # plasma output, mU/mL
    titre: Floats  # mU/mL
    exposed_week: Floats  # NaN: never exposed

    @classmethod
    def naive(cls, n: int) -> ImmuneState:
        """Nobody has met the antigen."""
        return cls(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.nan))


# The equations, one patient at a time: compiled, so that the simulator's loops can call them (`simulation/loops.py`).


@compiled()
def decayed(p, short, long, titre, weeks):  # type: ignore[no-untyped-def]
    """(short, long, titre) after `weeks` without an exposure; `p` is `Kinetics`.

    A(t + u) = A e^(−au) + Σ_j P_j a (e^(−d_j u) − e^(−au))/(a − d_j);  P_j(t + u) = P_j e^(−d_j u).
    """
    a = p.titre_rate
    titre_left = math.exp(-a * weeks)
    short_left, long_left = math.exp(-p.short_rate * weeks), math.exp(-p.long_rate * weeks)
    titre = (
        titre * titre_left
        + short * (a / (a - p.short_rate)) * (short_left - titre_left)
        + long * (a / (a - p.long_rate)) * (long_left - titre_left)
    )
    return short * short_left, long * long_left, titre


@compiled()
def first_hazard(p, days, antigen_power, frailty):  # type: ignore[no-untyped-def]
    """λ s L^γ b(τ), b = 1 + β exp(−(τ/τb)²): the hazard of a first response of a patient without memory.

    Parameters
    ----------
    p : Kinetics
    days : float
        τ, since the last exposure to the serotype; NaN: never exposed, then b = 1.
    antigen_power : float
        L^γ, L in ng.
    frailty : float
        s of a susceptible patient, 0 of the others.
    """
    hazard = p.induction_rate * frailty * antigen_power
    if p.booster > 0 and not math.isnan(days):
        hazard *= 1 + p.booster * math.exp(-((days / p.booster_days) ** 2))
    return hazard


@compiled()
def first_output(p, antigen_ng, recall_gain):  # type: ignore[no-untyped-def]
    """K0 k G: what a first response adds to the short-lived output; with probability q it also leaves M = m0."""
    return p.primary_output * recall_gain * strength(antigen_ng, p.half_antigen_ng, p.antigen_hill)


@compiled()
def recalled(p, memory, short, long, titre, days, antigen_ng, recall_gain):  # type: ignore[no-untyped-def]
    """(memory, short, long) right after an exposure of a patient with memory; all decayed to its day.

    d = K k M G R(τ)/(1 + A/Kfb), R = r0 + (1 − r0)(1 − exp(−τ/τm)); Ps += d, Pl += ρ d, M += μ G (1 − M).
    """
    g = strength(antigen_ng, p.half_antigen_ng, p.antigen_hill)
    rested = 1 - (1 - p.rest_floor) * math.exp(-days / p.rest_days)
    recall = p.recall_output * recall_gain * memory * g * rested / (1 + titre / p.feedback_titre)
    return memory + p.memory_gain * g * (1 - memory), short + recall, long + p.long_lived_share * recall


@compiled()
def strength(antigen_ng, half_antigen_ng, hill):  # type: ignore[no-untyped-def]
    """G = L^h/(L^h + L50^h)."""
    scaled = (antigen_ng / half_antigen_ng) ** hill
    return scaled / (1 + scaled)


@compiled()
def effective_share(titre, half_titre, hill):  # type: ignore[no-untyped-def]
    """Share of a dose that is not neutralised, 1/(1 + (A/A50)^n)."""
    return 1 / (1 + (titre / half_titre) ** hill) if titre > 0 else 1.0
