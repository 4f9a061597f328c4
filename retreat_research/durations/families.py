"""Distributions of z = (ln t − xβ)/σ for accelerated failure time models: data, all in this place.

A new family is one short entry. If its density is log-concave and has no shape, write its functions and constants into
a `Family` in `FAMILIES`; then AFT, MixedAFT, their predictions and the tests know it. The largest extreme value, of a
Fréchet T, for instance::

    def largest_log_density(z): return -z - np.exp(-z)
    def largest_log_survival(z): return np.log(-np.expm1(-np.exp(-z)))
    def largest_log_distribution(z): return -np.exp(-z)
    def largest_score(z): return np.expm1(-z)
    def largest_curvature(z): return -np.exp(-z)
    def largest_quantile(p): return -np.log(-np.log(p))

    Family("frechet", largest_log_density, largest_log_survival, largest_log_distribution, largest_score,
           largest_curvature, largest_quantile, mean=np.euler_gamma, sd=np.pi / np.sqrt(6))

`interval`, the probability of an interval with its derivatives in one go, makes it faster and is optional. A family
with a shape, log-concave at each value of it, is a `Shaped` in `SHAPED`: a function from the shape to such a `Family`;
AFT knows it. All functions are at module level, so that a family pickles. The probability of an interval is a
difference in the smaller tail, where nothing is lost, and a log-difference where it is too small for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy import ndarray as Array
from scipy.special import log_expit, log_ndtr, ndtr, ndtri

from ..errors import must
from . import gengamma

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
    quantile : function of p
        The z with F(z) = p.
    mean, sd : float
        Of z.
    interval : function of (a, b), optional
        What `between` gives, faster than from the tails.
    fixed_scale : bool
        Whether σ is 1 and not estimated.
    """

    name: str
    log_density: Callable[[Array], Array]
    log_survival: Callable[[Array], Array]
    log_distribution: Callable[[Array], Array]
    score: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    quantile: Callable[[Array], Array]
    mean: float
    sd: float
    interval: Callable[[Array, Array], Between] | None = None
    fixed_scale: bool = False

    @cached_property
    def median(self) -> float:
        """Of z."""
        return float(self.quantile(np.array(0.5)))

    def between(self, a: Array, b: Array) -> Between:
        """P(a < Z ≤ b) and what its derivatives need; a < b, both finite."""
        return self.interval(a, b) if self.interval else between_tails(self, a, b)

    def curves(self, theta: Array, x: Array, log_weeks: Array) -> tuple[Array, Array]:
        """log S(t) and the log density of ln T, (rows, m), at θ = (β, log σ), without σ if fixed, and x (rows, k)."""
        k = x.shape[1]
        log_scale = 0.0 if self.fixed_scale else theta[k]
        z = (log_weeks - (x @ theta[:k])[:, None]) / np.exp(log_scale)
        with np.errstate(over="ignore", invalid="ignore"):  # far above the bulk, and at weeks 0 and inf
            return self.log_survival(z), self.log_density(z) - log_scale


@dataclass(frozen=True)
class Shaped:
    """A family with a shape parameter.

    Attributes
    ----------
    name : str
    parameter : str
        Name of the shape in the fit.
    at : function of the shape
        The `Family` there; smooth in the shape.
    starts : function of the standard deviation of ln T given x
        Shapes to start from.
    limit : float
        Beyond ± this the family looks like what it tends to, and no estimate is finite.
    """

    name: str
    parameter: str
    at: Callable[[float], Family]
    starts: Callable[[float], tuple[float, ...]]
    limit: float

    def curves(self, theta: Array, x: Array, log_weeks: Array) -> tuple[Array, Array]:
        """As `Family.curves`; the shape is the last of θ."""
        return self.at(float(theta[-1])).curves(theta[:-1], x, log_weeks)


def family_named(name: str) -> Family:
    """Look up a family of `FAMILIES`."""
    must(name in FAMILIES, f"`family` must be one of {', '.join(FAMILIES)}, not {name!r}")
    return FAMILIES[name]


def between_tails(family: Family, a: Array, b: Array) -> Between:
    """From the logarithms of the smaller tails."""
    up = a + b > 2 * family.median
    larger, smaller = np.empty_like(a), np.empty_like(a)
    larger[up], smaller[up] = family.log_survival(a[up]), family.log_survival(b[up])
    larger[~up], smaller[~up] = family.log_distribution(b[~up]), family.log_distribution(a[~up])
    log_p = larger + np.log(-np.expm1(smaller - larger))
    at_a, at_b = np.exp(family.log_density(a) - log_p), np.exp(family.log_density(b) - log_p)
    return Between(log_p, at_a, at_b, family.score(a), family.score(b))


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
    ndtri,
    mean=0.0,
    sd=1.0,
    interval=normal_between,
)
WEIBULL = Family(
    "weibull",
    extreme_log_density,
    extreme_log_survival,
    extreme_log_distribution,
    extreme_score,
    extreme_curvature,
    extreme_quantile,
    mean=-np.euler_gamma,
    sd=np.pi / np.sqrt(6),
    interval=extreme_between,
)
EXPONENTIAL = replace(WEIBULL, name="exponential", fixed_scale=True)
LOGLOGISTIC = Family(
    "loglogistic",
    logistic_log_density,
    logistic_log_survival,
    log_expit,
    logistic_score,
    logistic_curvature,
    logistic_quantile,
    mean=0.0,
    sd=np.pi / np.sqrt(3),
    interval=logistic_between,
)


# generalised gamma: Q = 1 is Weibull, Q = 0 log-normal, Q equal to the scale gamma


def gengamma_at(q: float) -> Family:
    """Prentice's family at Q = q."""
    mean, sd = gengamma.moments(q)
    return Family(
        "gengamma",
        partial(gengamma.log_density, q),
        partial(gengamma.log_survival, q),
        partial(gengamma.log_distribution, q),
        partial(gengamma.score, q),
        partial(gengamma.curvature, q),
        partial(gengamma.quantile, q),
        mean=mean,
        sd=sd,
    )


def gengamma_starts(_: float) -> tuple[float, ...]:
    return 0.0, 1.0, -1.0


def gamma_at(log_shape: float) -> Family:
    """ln of a gamma variable of mean 1: Q times Prentice's z, with Q = shape^(−½)."""
    q = float(np.exp(-log_shape / 2))
    standard = gengamma_at(q)
    return Family(
        "gamma",
        partial(gamma_log_density, q),
        partial(gamma_log_survival, q),
        partial(gamma_log_distribution, q),
        partial(gamma_score, q),
        partial(gamma_curvature, q),
        partial(gamma_quantile, q),
        mean=q * standard.mean,
        sd=q * standard.sd,
        fixed_scale=True,
    )


def gamma_log_density(q: float, z: Array) -> Array:
    return gengamma.log_density(q, z / q) - np.log(q)


def gamma_log_survival(q: float, z: Array) -> Array:
    return gengamma.log_survival(q, z / q)


def gamma_log_distribution(q: float, z: Array) -> Array:
    return gengamma.log_distribution(q, z / q)


def gamma_score(q: float, z: Array) -> Array:
    return gengamma.score(q, z / q) / q


def gamma_curvature(q: float, z: Array) -> Array:
    return gengamma.curvature(q, z / q) / q**2


def gamma_quantile(q: float, p: Array) -> Array:
    return q * gengamma.quantile(q, p)


def gamma_starts(sd: float) -> tuple[float, ...]:
    """Where about 1/shape + 1/shape², the variance of ln T, is that of the middles."""
    return (float(np.log((1 + np.sqrt(1 + 4 * sd * sd)) / (2 * sd * sd))),)


FAMILIES = {family.name: family for family in (LOGNORMAL, WEIBULL, EXPONENTIAL, LOGLOGISTIC)}
SHAPED = {
    shaped.name: shaped
    for shaped in (
        Shaped("gamma", "log(shape)", gamma_at, gamma_starts, limit=25.0),
        Shaped("gengamma", "Q", gengamma_at, gengamma_starts, limit=12.0),
    )
}
