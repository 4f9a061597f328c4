"""The arithmetic of `Personal`, compiled: a posterior on nodes and a quantile of the mixture, one patient at a time."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from ..compiled import compiled

_ROOT_HALF = math.sqrt(0.5)
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
_TINY = 1e-280  # a difference of two tail probabilities below it has lost its digits
_LIGHT = -34.0  # ln of a weight that does not matter beside 1 in double precision


# Φ and φ at steps of 1/128 from −9 to 9, between which cubic Hermite interpolation errs by less than 2e-11: a fifth of
# the time of erfc, which is most of what `Personal` costs.
_STEPS, _END = 128, 9.0
_AT = np.arange(-_END, _END + 0.5 / _STEPS, 1 / _STEPS)
_DENSITY = np.exp(-0.5 * _AT**2) / math.sqrt(2 * math.pi)
_BELOW = ndtr(_AT)
_ENOUGH = 1e-4  # a share above it keeps seven digits


@compiled()
def normal_cdf(z):  # type: ignore[no-untyped-def]
    """Φ(z), to 2e-11."""
    if z <= -_END:
        return 0.0
    if z >= _END:
        return 1.0
    place = (z + _END) * _STEPS
    i = int(place)
    t = place - i
    d0, d1 = _DENSITY[i] / _STEPS, _DENSITY[i + 1] / _STEPS
    rise = _BELOW[i + 1] - _BELOW[i]
    return _BELOW[i] + t * (d0 + t * (3 * rise - 2 * d0 - d1 + t * (d0 + d1 - 2 * rise)))


@compiled()
def normal_density(z):  # type: ignore[no-untyped-def]
    """φ(z), to 1e-5, which is all that a Newton step needs."""
    if abs(z) >= _END:
        return 0.0
    place = (z + _END) * _STEPS
    i = int(place)
    return _DENSITY[i] + (place - i) * (_DENSITY[i + 1] - _DENSITY[i])


@compiled()
def log_share(low, high):  # type: ignore[no-untyped-def]
    """ln[Φ(high) − Φ(low)], to 1e-6; a small difference is taken in the smaller tail."""
    share = normal_cdf(high) - normal_cdf(low)
    if share > _ENOUGH:
        return math.log(share)
    if low > 0:
        low, high = -high, -low
    share = 0.5 * (math.erfc(-high * _ROOT_HALF) - math.erfc(-low * _ROOT_HALF))
    if share > _TINY:
        return math.log(share)
    # Far in the lower tail, where ln Φ(z) = −z²/2 − ln(−z√2π) + ln(1 − 1/z²) and Φ(low) is nothing beside Φ(high).
    return -0.5 * high * high - math.log(-high) - _LOG_ROOT_2PI + math.log1p(-1 / (high * high))


@compiled(nogil=True)
def weigh(log_weight, lower, upper, nodes, sd):  # type: ignore[no-untyped-def]
    """Add ln P(lower < T ≤ upper | node) to the weights (n, k) in place, and scale them to a largest of 0.

    `nodes` are ln typical durations (k,), `lower` and `upper` weeks (n,), 0 and inf among them.
    """
    for i in range(log_weight.shape[0]):
        log_lower = math.log(lower[i]) if lower[i] > 0 else -math.inf
        log_upper = math.log(upper[i])
        largest = -math.inf
        for k in range(nodes.size):
            log_weight[i, k] += log_share((log_lower - nodes[k]) / sd, (log_upper - nodes[k]) / sd)
            largest = max(largest, log_weight[i, k])
        for k in range(nodes.size):
            log_weight[i, k] -= largest


@compiled(nogil=True)
def quantiles(log_weight, nodes, sd, share, start):  # type: ignore[no-untyped-def]
    """The quantile `share` of ln T = node + N(0, sd²) under the weights (n, k), to 1e-8, from a guess (n,) on."""
    n, k = log_weight.shape
    found, weight = np.empty(n), np.empty(k)
    for i in range(n):
        first, last, total = k, 0, 0.0
        for j in range(k):
            weight[j] = 0.0
            if log_weight[i, j] > _LIGHT:
                weight[j] = math.exp(log_weight[i, j])
                total += weight[j]
                first, last = min(first, j), j
        low, high = nodes[first] - 9 * sd, nodes[last] + 9 * sd
        point = min(max(start[i], low), high)
        for _ in range(100):
            below = density = 0.0
            for j in range(first, last + 1):
                z = (point - nodes[j]) / sd
                below += weight[j] * normal_cdf(z)
                density += weight[j] * normal_density(z)
            off = below / total - share
            if off > 0:
                high = point
            else:
                low = point
            density /= total * sd
            new = point - off / density if density > 0 else math.inf
            if not low < new < high:
                new = 0.5 * (low + high)
            step, point = abs(new - point), new
            if step < 1e-8:
                break
        found[i] = point
    return found
