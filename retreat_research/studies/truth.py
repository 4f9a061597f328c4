"""What is estimated, and its true value in a scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from .scenarios import NOISE, Scenario

RMST_WEEKS = 26.0
NODES = 128  # Gauss–Hermite over b, Gauss–Legendre over weeks: doubling moves nothing by 1e-9 (tested)


@dataclass(frozen=True)
class Estimand:
    """A quantity with a true value.

    Attributes
    ----------
    name, meaning : str
    content : float, optional
        For a predictive interval: the probability that it claims to hold. Its estimate is the probability that it holds
        in truth, so its coverage is the mean of the estimates.
    """

    name: str
    meaning: str
    content: float | None = None


_DECLARED = (
    Estimand("intercept", "mean of ln T in arm 0"),
    Estimand("effect", "log ratio of durations, arm 1 to arm 0"),
    Estimand("log SD within", "ln of the SD of ln T within a patient"),
    Estimand("log SD between", "ln of the SD of b between patients; minus infinity on the boundary is no estimate"),
    Estimand("SD between", "SD of b between patients; 0 on the boundary"),
    Estimand("log SD total", "ln of the SD of ln T over patients"),
    Estimand("median, arm 0", "weeks by which half of all cycles of arm 0 lost effect"),
    Estimand("median, arm 1", "the same of arm 1"),
    Estimand("RMST, arm 0", f"mean duration within {RMST_WEEKS:g} weeks, weeks, arm 0"),
    Estimand("RMST, arm 1", "the same of arm 1"),
    Estimand("conditional median", "median of a patient of arm 0 with b = 0, weeks"),
    Estimand("personal 80%", "content of a patient's 80% interval for her next cycle, given her true b", 0.80),
    Estimand("personal 95%", "content of a patient's 95% interval for her next cycle, given her true b", 0.95),
)
ESTIMANDS = {estimand.name: estimand for estimand in _DECLARED}


def truths(scenario: Scenario) -> dict[str, float]:
    """The true value of every estimand."""
    low, high = scenario.intercept, scenario.intercept + scenario.effect
    with np.errstate(divide="ignore"):
        between = float(np.log(scenario.between_sd))
    return {
        "intercept": low,
        "effect": scenario.effect,
        "log SD within": float(np.log(scenario.within_sd)),
        "log SD between": between,
        "SD between": scenario.between_sd,
        "log SD total": float(np.log(np.hypot(scenario.within_sd, scenario.between_sd))),
        "median, arm 0": _median(scenario, low),
        "median, arm 1": _median(scenario, high),
        "RMST, arm 0": _restricted_mean(scenario, low),
        "RMST, arm 1": _restricted_mean(scenario, high),
        "conditional median": float(np.exp(low + scenario.within_sd * NOISE[scenario.family].median())),
        **{estimand.name: estimand.content for estimand in _DECLARED if estimand.content is not None},
    }


def survival(scenario: Scenario, location: float, weeks: np.ndarray) -> np.ndarray:
    """The share of all cycles that outlast `weeks`, E_b S_z((ln t − location − b)/σ), by Gauss–Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    z = (np.log(weeks)[:, None] - location - scenario.between_sd * nodes) / scenario.within_sd
    return NOISE[scenario.family].sf(z) @ (weights / weights.sum())


def _median(scenario: Scenario, location: float) -> float:
    reach = 5 * np.hypot(scenario.within_sd, scenario.between_sd)
    at = brentq(
        lambda log_t: float(survival(scenario, location, np.exp([log_t]))[0]) - 0.5,
        location - reach,
        location + reach,
        xtol=1e-13,
    )
    return float(np.exp(at))


def _restricted_mean(scenario: Scenario, location: float) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return float(survival(scenario, location, RMST_WEEKS * (nodes + 1) / 2) @ weights * RMST_WEEKS / 2)


def content(
    scenario: Scenario, location: np.ndarray, offset: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """The probability, given b = `offset`, that a patient's next duration lies between `lower` and `upper` weeks."""
    noise = NOISE[scenario.family]
    with np.errstate(divide="ignore"):
        ends = (np.log(np.stack([lower, upper])) - location - offset) / scenario.within_sd
    below, not_above = noise.cdf(ends)
    return not_above - below
