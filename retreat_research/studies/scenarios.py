"""Declared data-generating mechanisms: how durations, visits, returns and the end of follow-up come about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import log

import numpy as np
from scipy import stats

from ..errors import must

# z of ln T = μ + σz, mean 0 and variance 1, by the distribution of T
NOISE = {
    "lognormal": stats.norm(),
    "weibull": stats.gumbel_l(loc=np.euler_gamma * np.sqrt(6) / np.pi, scale=np.sqrt(6) / np.pi),
    "loglogistic": stats.logistic(scale=np.sqrt(3) / np.pi),
}
RETURNS = {
    "at loss": "she is retreated at the visit that finds the effect lost",
    "random": "or earlier, at a week that is independent of her effect",
    "patient": "or earlier, at a week that depends on her effect b, and on T only through it",
    "waning": "or earlier, because she noticed waning in this cycle: shortly before T in 40% of cycles",
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One data-generating mechanism.

    ln T_ij = intercept + effect · arm_i + b_i + within_sd · z_ij, with b_i ~ N(0, between_sd²).

    Parameters
    ----------
    name : str
    patients : int
        Every other one in arm 1.
    cycles : int
        Of each patient.
    every : float, weeks
        Between planned visits of a cycle.
    jitter : float in [0, 1)
        Width of the uniform shift of a visit, in units of `every`.
    missed : float in [0, 1)
        Share of visits that are missed.
    family : {"lognormal", "weibull", "loglogistic"}
        Distribution of T given b; z has mean 0 and variance 1 in each.
    returns : {"at loss", "random", "patient", "waning"}
        When she is retreated, see `RETURNS`. Coming back earlier she is assessed; if the effect still lasts, the cycle
        is right-censored there.
    calendar_weeks : float, weeks, optional
        Records end so long after the first session. Without it only the last cycle is cut, at a uniform week of
        the first 52.
    intercept, effect, within_sd, between_sd : float
        On the scale of ln weeks. By default: a median of 14 weeks, 22% longer in arm 1, and the SDs of synthetic
        cohorts.
    """

    name: str
    patients: int = 100
    cycles: int = 4
    every: float = 2.0
    jitter: float = 0.0
    missed: float = 0.0
    family: str = "lognormal"
    returns: str = "at loss"
    calendar_weeks: float | None = None
    intercept: float = log(14)
    effect: float = 0.2
    within_sd: float = 0.23
    between_sd: float = 0.26

    def __post_init__(self) -> None:
        must(self.name.strip() != "", "a scenario needs a `name`")
        must(self.patients >= 2 and self.cycles >= 1, "`patients` must be 2 or more and `cycles` 1 or more")
        must(0 < self.every <= 52, "`every` must lie between 0 and 52 weeks")
        must(0 <= self.jitter < 1 and 0 <= self.missed < 1, "`jitter` and `missed` must lie in [0, 1)")
        must(self.family in NOISE, f"`family` must be one of {', '.join(NOISE)}, not {self.family!r}")
        must(self.returns in RETURNS, f"`returns` must be one of {', '.join(RETURNS)}, not {self.returns!r}")
        must(self.within_sd > 0 and self.between_sd >= 0, "`within_sd` must be positive, `between_sd` not negative")
        must(self.calendar_weeks is None or self.calendar_weeks > 0, "`calendar_weeks` must be positive")


_BASE = Scenario(name="base")
_SMALL = 0.02  # between_sd: a variance next to its boundary


def _declared() -> Iterator[Scenario]:
    """The base, and changes of one factor at a time (two where one alone would show little)."""
    yield _BASE
    for every in (1.0, 4.0, 6.0):
        yield replace(_BASE, name=f"visits every {every:g} wk", every=every)
    yield replace(_BASE, name="visits every 4 wk, jittered", every=4.0, jitter=0.5)
    yield replace(_BASE, name="visits every 4 wk, 30% missed", every=4.0, missed=0.3)
    yield replace(_BASE, name="visits every 4 wk, jittered, 30% missed", every=4.0, jitter=0.5, missed=0.3)
    for patients, cycles in ((30, 2), (30, 4), (30, 12), (100, 2), (100, 12), (500, 2), (500, 4), (500, 12)):
        yield replace(_BASE, name=f"{patients} patients × {cycles}", patients=patients, cycles=cycles)
    yield replace(_BASE, name="between SD 0.02", between_sd=_SMALL)
    yield replace(_BASE, name="between SD 0.02, 30 × 2", between_sd=_SMALL, patients=30, cycles=2)
    yield replace(_BASE, name="Weibull", family="weibull")
    yield replace(_BASE, name="log-logistic", family="loglogistic")
    yield replace(_BASE, name="Weibull, every 6 wk, 500 × 2", family="weibull", every=6.0, patients=500, cycles=2)
    yield replace(_BASE, name="returns at random", returns="random")
    yield replace(_BASE, name="returns by patient", returns="patient")
    yield replace(_BASE, name="returns on waning", returns="waning")
    yield replace(_BASE, name="records end at 52 wk", cycles=12, calendar_weeks=52.0)


#: The 24 declared scenarios.
SCENARIOS = tuple(_declared())


def factorial() -> tuple[Scenario, ...]:
    """Every combination of visits, size, between-patient SD, family and returns: 1,728 scenarios."""
    grid = product(
        (1.0, 2.0, 4.0, 6.0), (False, True), (30, 100, 500), (2, 4, 12), (_SMALL, _BASE.between_sd), NOISE, RETURNS
    )
    return tuple(
        Scenario(
            name=f"every {every:g} wk{', jittered, 30% missed' * loose}, {patients} × {cycles}, between SD {sd:g}, "
            f"{family}, {returns}",
            every=every,
            jitter=0.5 * loose,
            missed=0.3 * loose,
            patients=patients,
            cycles=cycles,
            between_sd=sd,
            family=family,
            returns=returns,
        )
        for every, loose, patients, cycles, sd, family, returns in grid
    )
