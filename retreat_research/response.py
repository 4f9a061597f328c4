"""Response: dose → effect over weeks → duration of effect (DESIGN §6).

One curve gives the effect, from 0 (none) to about 1 (the full benefit of the label dose), at every week after a
session; the duration is the time for which it stays above the endpoint's threshold. Everything here is arithmetic on
arrays: who the patients are and what is drawn is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log, pi, sqrt

import numpy as np
from numba import vectorize
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from .compiled import compiled
from .errors import must
from .evidence import ASSUMED, Beta, LogNormal, Uniform, keep_possible, parameter

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Response:
    """Parameters of the response to one session; see `World.describe` for units, meaning and source of each."""

    median_weeks: Mapping[str, float] = parameter(
        least=1e-3,
        most=1e6,
        by_product=True,
        unit="weeks",
        meaning="median duration of the label dose at the threshold, by product",
        source=f"{ASSUMED}, unless the indication's default says more (world/medians.py)",
    )
    between_sd: float = parameter(
        0.26,
        least=0,
        most=10,
        unit="ln weeks",
        meaning="SD of log-duration between patients",
        source="durations.csv D151: 0.26 between patients in blepharospasm; prior assumed: 0.15 to 0.40",
        prior=LogNormal.within(0.15, 0.40, median=0.26),
    )
    within_sd: float = parameter(
        0.23,
        least=0,
        most=10,
        unit="ln weeks",
        meaning="SD of log-duration between a patient's cycles",
        source=f"{ASSUMED}: no study reports it; sweep it",
        prior=Uniform(0.10, 0.35),
    )
    dose_half: float = parameter(
        0.25,
        least=1e-6,
        most=1e6,
        unit="label doses",
        meaning="c in g(r) = r/(r + c): saturation of duration with dose",
        source=f"{ASSUMED}: 0.15 per ln dose from the label dose to its double; durations.csv D149: 0.10 to 0.20; "
        "durations.csv D150: steep below the label dose; durations.csv D091: none in dystonia; "
        "prior assumed: 0.06 to 0.33",
        prior=LogNormal(0.25, 0.5),
    )
    amplitude_half: float = parameter(
        0.05,
        least=1e-6,
        most=1e6,
        unit="label doses",
        meaning="ca in (1 + ca) r/(r + ca): saturation of the peak effect with dose",
        source=f"{ASSUMED}; kinetics.csv E_effect_dose_response: 85 to 90% of the largest effect at 15 to 20 U",
        prior=LogNormal(0.05, 0.5),
    )
    curve_hill: float = parameter(
        3.0,
        least=0.5,
        most=20,
        unit="1",
        meaning="steepness of the decline of effect",
        source=f"{ASSUMED}: ln 4/ln(T80/T50) is 2.6 to 3.8 in the arms of one BotB trial",
        prior=Uniform(2.5, 4),
    )
    onset_weeks: float = parameter(
        0.3,
        least=1e-6,
        most=1e3,
        unit="weeks",
        meaning="median time constant of onset",
        source="assumed; durations.csv D080, 48% by day 1, would need 0.6 to 0.8; durations.csv D083: 98% by day 4",
    )
    onset_sd: float = parameter(
        0.3,
        least=0,
        most=10,
        unit="ln weeks",
        meaning="SD of log-onset between patients",
        source=ASSUMED,
    )
    touch_up_weeks: float = parameter(
        3.0,
        least=0,
        most=1e4,
        unit="weeks",
        meaning="a smaller dose of the same product within this time of a session joins its cycle",
        source="protocols.csv BOOSTER",
    )
    adjunct_lengthening: float = parameter(
        1.0,
        least=1,
        most=1e3,
        unit="1",
        meaning="factor on the duration of a cycle with an adjunct treatment",
        source=f"{ASSUMED}: no effect",
    )
    adjunct_support: float = parameter(
        0.0,
        least=0,
        most=0.999,
        unit="share of full benefit",
        meaning="benefit that an adjunct treatment gives by itself, throughout its cycle",
        source=f"{ASSUMED}: no effect",
    )
    threshold: float = parameter(
        0.2,
        least=0.001,
        most=0.999,
        unit="share of full benefit",
        meaning="effect below which the endpoint calls it lost (1 - loss)",
        source="durations.csv D090: loss of 80% of the peak improvement",
    )
    non_response: float = parameter(
        0.10,
        least=0,
        most=0.9999,
        unit="probability",
        meaning="cycles without response, over all patients, when nothing is neutralised",
        source="assumed 10%; durations.csv D003: 16% do not at day 30; prior assumed: 5 to 15%",
        prior=Uniform(0.05, 0.15),
    )
    non_response_icc: float = parameter(
        0.5,
        least=0,
        most=0.9999,
        unit="1",
        meaning="how much of non-response is the patient's own (logit scale)",
        source=ASSUMED,
        prior=Beta(3, 3),
    )

    def __post_init__(self) -> None:
        keep_possible(self)
        must(bool(self.median_weeks), "`median_weeks` needs at least one product")
        must(
            self.adjunct_support < self.threshold,
            "`adjunct_support` must be less than `threshold`",
            "an adjunct that gives the benefit by itself needs no toxin",
        )

    def log_median(self, product: str) -> float:
        """ln of the median duration (weeks) of a product's label dose; -inf for a product without one (placebo)."""
        return log(self.median_weeks[product]) if product in self.median_weeks else -np.inf


def non_response_probability(response: Response, tendency: Floats) -> Floats:
    """Each patient's probability that a cycle gives no response.

    Parameters
    ----------
    response : Response
    tendency : float array (n,), standard normal

    Returns
    -------
    float array (n,)
        expit(a + s·tendency), s² = ICC/(1 − ICC)·π²/3, with a such that the mean over patients is `non_response`.
    """
    p, icc = float(response.non_response), float(response.non_response_icc)
    if p == 0 or icc == 0:
        return np.full(tendency.shape, p)
    spread = _logit_spread(icc)
    return expit(_logit_centre(p, spread) + spread * tendency)


def _logit_spread(icc: float) -> float:
    return sqrt(icc / (1 - icc) * pi**2 / 3)


@lru_cache
def _logit_centre(p: float, spread: float) -> float:
    """The a at which the mean of expit(a + spread·N(0, 1)) is p."""
    nodes = np.linspace(-9, 9, 2001)  # the trapezoidal rule converges geometrically on a Gaussian
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    middle, reach = logit(p), 60 + 10 * spread
    mean_less_p = lambda a: float(weights @ expit(a + spread * nodes)) - p  # noqa: E731
    return float(brentq(mean_less_p, middle - reach, middle + reach, xtol=1e-14))


# The equations, one patient at a time: compiled, so that the simulator's loops can call them (`simulation/loops.py`).
# What ends in `_of` is the same function over arrays.


@compiled()
def duration_factor(dose, dose_half):  # type: ignore[no-untyped-def]
    """g(r)/g(1): how much longer than the label dose an effective dose of r label doses lasts."""
    return dose / (dose + dose_half) * (1 + dose_half)


@compiled()
def amplitude(dose, amplitude_half):  # type: ignore[no-untyped-def]
    """Peak effect of an effective dose of r label doses: (1 + ca) r/(r + ca), 1 at the label dose."""
    return (1 + amplitude_half) * dose / (dose + amplitude_half)


@compiled()
def lasting(peak, level, threshold, hill):  # type: ignore[no-untyped-def]
    """Weeks above a level y as a share of T, the weeks for which a full peak stays above the threshold θ.

    ((peak/y − 1)/(1/θ − 1))^(1/h), 0 for a peak that never reaches y.
    """
    ratio = (peak - level) / (1 - threshold) * (threshold / level)
    if ratio == 1:
        return 1.0
    return ratio ** (1 / hill) if ratio > 0 else 0.0


@compiled()
def shortening(peak, threshold, hill):  # type: ignore[no-untyped-def]
    """`lasting` at the threshold itself: 1 for a full peak, falling to 0 for one that never reaches the threshold; so
    neutralised doses first shorten the effect and then lose it.
    """
    return lasting(peak, threshold, threshold, hill)


@compiled()
def below_support(level, support):  # type: ignore[no-untyped-def]
    """Level of the effect at which the benefit, 1 − (1 − effect)(1 − support), is at `level`."""
    return (level - support) / (1 - support)


#: From this many time constants on the onset counts as complete, by definition: 1 − e^−20 is 1 to 2e-9.
_RISEN = 20.0


@compiled()
def onset_share(weeks, onset):  # type: ignore[no-untyped-def]
    """1 − e^(−t/onset), the share of the onset that has passed."""
    return 1.0 if weeks >= _RISEN * onset else -math.expm1(-weeks / onset)


@compiled()
def effect(log_weeks, peak, log_own, risen, threshold, hill):  # type: ignore[no-untyped-def]
    """Effect t weeks after the session: peak·(1 − e^(−t/onset))/(1 + (t/T½)^h), T½ = T (θ/(1 − θ))^(1/h).

    Parameters
    ----------
    log_weeks : float, ln weeks
        ln t.
    peak : float
        Amplitude of the curve (0: no response).
    log_own : float, ln weeks
        ln T: the curve is down to `threshold` of its own peak after T weeks.
    risen : float
        1 − e^(−t/onset), `onset_share`.
    threshold, hill : float
        θ and h.
    """
    if peak == 0.0:
        return 0.0
    decline = 1 + math.exp(hill * (log_weeks - log_own)) * ((1 - threshold) / threshold)
    return peak * risen / decline


# Functions of their own, not `vectorize(effect.py_func)`: numba would keep both in one cache file and crash.
@vectorize(cache=True)
def onset_share_of(weeks, onset):  # type: ignore[no-untyped-def]
    """`onset_share` over arrays."""
    return onset_share(weeks, onset)


@vectorize(cache=True)
def effect_of(log_weeks, peak, log_own, risen, threshold, hill):  # type: ignore[no-untyped-def]
    """`effect` over arrays."""
    return effect(log_weeks, peak, log_own, risen, threshold, hill)


@vectorize(cache=True)
def shortening_of(peak, threshold, hill):  # type: ignore[no-untyped-def]
    """`shortening` over arrays."""
    return shortening(peak, threshold, hill)
