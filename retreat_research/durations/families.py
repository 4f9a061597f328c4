"""Distributions of z = (ln t − xβ)/σ for accelerated failure time models; a new family is one entry of `FAMILIES`.

All functions are at module level, so that a family pickles. The probability of an interval is a difference in the
smaller tail, where nothing is lost, and a log-difference where it is too small for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy import ndarray as Array
from scipy.special import log_expit, log_ndtr, ndtr, ndtri

from ..errors import must

TINY = 1e-290  # a probability below this has lost digits, and is computed as a logarithm
HUGE = 700.0  # e^z overflows soon after; what it multiplies there is 0


class Between(NamedTuple):
    """P(a < Z ≤ b) and what its derivatives need."""

    log_probability: Array
    density_a: Array  # f(a)/P
    density_b: Array  # f(b)/P
    score_a: Array  # (log f)'(a)
    score_b: Array


@dataclass(frozen=True)
class Family:
    """A distribution of z on the real line, log-concave, with location 0 and scale 1.

    Attributes
    ----------
    name : str
        Of the distribution of t.
    log_density, log_survival, log_distribution : function of z
        log f, log(1 − F) and log F.
    score, curvature : function of z
        First and second derivative of log f.
    between : function of (a, b), a < b, both finite
        `Between`.
    quantile : function of p
        The z with F(z) = p.
    mean, sd : float
        Of z.
    fixed_scale : bool
        Whether σ is 1 and not estimated.
    """

    name: str
    log_density: Callable[[Array], Array]
    log_survival: Callable[[Array], Array]
    log_distribution: Callable[[Array], Array]
    score: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    between: Callable[[Array, Array], Between]
    quantile: Callable[[Array], Array]
    mean: float
    sd: float
    fixed_scale: bool = False


def family_named(name: str) -> Family:
    """Look up a family of `FAMILIES`."""
    must(name in FAMILIES, f"`family` must be one of {', '.join(FAMILIES)}, not {name!r}")
    return FAMILIES[name]


# normal: t is log-normal

_SQRT_2PI = np.sqrt(2 * np.pi)


def normal_log_density(z: Array) -> Array:
    return -0.5 * z * z - np.log(_SQRT_2PI)


def normal_log_survival(z: Array) -> Array:
    return log_ndtr(-z)


def normal_score(z: Array) -> Array:
    return -z


def normal_curvature(z: Array) -> Array:
    return np.full_like(z, -1.0)


def normal_between(a: Array, b: Array) -> Between:
    up = a + b > 0
    low, high = np.where(up, -b, a), np.where(up, -a, b)
    p = ndtr(high) - ndtr(low)
    log_p, at_a, at_b = np.log(p), np.exp(-0.5 * a * a) / _SQRT_2PI / p, np.exp(-0.5 * b * b) / _SQRT_2PI / p
    far = p < TINY
    if far.any():
        smaller, larger = log_ndtr(low[far]), log_ndtr(high[far])
        log_p[far] = larger + np.log(-np.expm1(smaller - larger))
        at_a[far] = np.exp(normal_log_density(a[far]) - log_p[far])
        at_b[far] = np.exp(normal_log_density(b[far]) - log_p[far])
    return Between(log_p, at_a, at_b, -a, -b)


# smallest extreme value: t is Weibull


def extreme_log_density(z: Array) -> Array:
    return z - np.exp(z)


def extreme_log_survival(z: Array) -> Array:
    return -np.exp(z)


def extreme_log_distribution(z: Array) -> Array:
    hazard = np.exp(z)
    return np.where(hazard < 0.7, np.log(-np.expm1(-hazard)), np.log1p(-np.exp(-hazard)))


def extreme_score(z: Array) -> Array:
    return 1 - np.exp(np.minimum(z, HUGE))


def extreme_curvature(z: Array) -> Array:
    return -np.exp(np.minimum(z, HUGE))


def extreme_between(a: Array, b: Array) -> Between:
    """With A = e^a and B = e^b, P = e^(−A)(1 − e^(A − B)), which is accurate in both tails."""
    hazard_a, hazard_b = np.exp(a), np.exp(np.minimum(b, HUGE))
    within = -np.expm1(hazard_a - hazard_b)  # P(Z ≤ b | Z > a)
    log_p = np.log(within) - hazard_a
    return Between(log_p, hazard_a / within, hazard_b * (1 - within) / within, 1 - hazard_a, 1 - hazard_b)


def extreme_quantile(p: Array) -> Array:
    return np.log(-np.log1p(-p))


# logistic: t is log-logistic


def logistic_log_density(z: Array) -> Array:
    return -np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z)))


def logistic_log_survival(z: Array) -> Array:
    return log_expit(-z)


def logistic_score(z: Array) -> Array:
    return -np.tanh(z / 2)


def logistic_curvature(z: Array) -> Array:
    return -2 * np.exp(logistic_log_density(z))


def logistic_between(a: Array, b: Array) -> Between:
    """With A = e^a and B = e^b after reflection, P = (B − A)/((1 + A)(1 + B))."""
    up = a + b > 0
    low, high = np.where(up, -b, a), np.minimum(np.where(up, -a, b), HUGE)
    odds_low, odds_high = np.exp(low), np.exp(high)
    within = -np.expm1(low - high)  # 1 − A/B
    ratio = (1 + odds_high) / (1 + odds_low)
    at_low, at_high = ratio * (1 - within) / within, 1 / (ratio * within)
    score_low, score_high = (1 - odds_low) / (1 + odds_low), (1 - odds_high) / (1 + odds_high)
    return Between(
        high + np.log(within / ((1 + odds_low) * (1 + odds_high))),
        np.where(up, at_high, at_low),
        np.where(up, at_low, at_high),
        np.where(up, -score_high, score_low),
        np.where(up, -score_low, score_high),
    )


def logistic_quantile(p: Array) -> Array:
    return np.log(p) - np.log1p(-p)


LOGNORMAL = Family(
    "lognormal",
    normal_log_density,
    normal_log_survival,
    log_ndtr,
    normal_score,
    normal_curvature,
    normal_between,
    ndtri,
    mean=0.0,
    sd=1.0,
)
WEIBULL = Family(
    "weibull",
    extreme_log_density,
    extreme_log_survival,
    extreme_log_distribution,
    extreme_score,
    extreme_curvature,
    extreme_between,
    extreme_quantile,
    mean=-np.euler_gamma,
    sd=np.pi / np.sqrt(6),
)
EXPONENTIAL = replace(WEIBULL, name="exponential", fixed_scale=True)
LOGLOGISTIC = Family(
    "loglogistic",
    logistic_log_density,
    logistic_log_survival,
    log_expit,
    logistic_score,
    logistic_curvature,
    logistic_between,
    logistic_quantile,
    mean=0.0,
    sd=np.pi / np.sqrt(3),
)
FAMILIES = {family.name: family for family in (LOGNORMAL, WEIBULL, EXPONENTIAL, LOGLOGISTIC)}
