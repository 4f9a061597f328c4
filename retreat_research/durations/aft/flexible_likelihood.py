"""The log-likelihood of the flexible accelerated failure time model and its derivatives.

With y = ln t − xβ and z = γ₀ + Σ γ_j v_j(y), a row's log-likelihood is that of the smallest extreme value distribution
at the z of its bounds, to which an exact row adds ln dz/dy. In z it is concave; z is not linear in β, which bends it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..families import WEIBULL
from ..splines import Spline, natural_spline
from .maximum import Rows


class Terms(NamedTuple):
    """The log-likelihood and its derivatives in the p parameters (β, γ)."""

    llf: float
    scores: np.ndarray  # (p, n), of each row, without weights
    information: np.ndarray  # (p, p), minus the Hessian
    concave: np.ndarray  # (p, p), what of it cannot be negative


class _Bound(NamedTuple):
    """z at one bound of each row, and its derivatives."""

    z: np.ndarray  # (n,)
    slope: np.ndarray  # (n,) in y
    bend: np.ndarray  # (n,) in y, twice
    jacobian: np.ndarray  # (p, n) in the parameters
    basis: Spline


class _InZ(NamedTuple):
    """Each row's log-likelihood and its derivatives in z at its bounds a and b; 0 where there is no bound. All (n,)."""

    llf: np.ndarray
    a: np.ndarray
    b: np.ndarray
    aa: np.ndarray
    ab: np.ndarray
    bb: np.ndarray


def evaluate(rows: Rows, x: np.ndarray, knots: np.ndarray, theta: np.ndarray) -> Terms:
    """At θ = (β, γ); `x` is (k, n). What is too far for numbers gives infinity or NaN."""
    k, weight = len(x), rows.weight
    with np.errstate(all="ignore"):
        a, b = (_bound(theta, x, knots, log_weeks) for log_weeks in (rows.sample.low, rows.sample.high))
        at = _in_z(rows, a.z, b.z)
        scores = a.jacobian * at.a + b.jacobian * at.b
        concave = _quadratic(a, b, at, np.maximum(weight, 0.0))
        information = _quadratic(a, b, at, weight) if weight.min() < 0 else concave.copy()
        for bound, slope in ((a, at.a), (b, at.b)):
            information -= _bent(theta.size, x, weight * slope, bound.bend, bound.basis.slope)

        exact = slice(0, rows.sample.ends[0])  # ln dz/dy
        rise, x_exact, share = a.slope[exact], x[:, exact], weight[exact]
        relative = np.vstack([-a.bend[exact] * x_exact, np.zeros((1, rise.size)), a.basis.slope[:, exact]]) / rise
        scores[:, exact] += relative
        outer = (relative * share) @ relative.T
        third = _third(theta[k + 1 :], knots, rows.sample.low[exact] - theta[:k] @ x_exact)
        information += outer - _bent(theta.size, x_exact, share / rise, third, a.basis.bend[:, exact])
        llf = at.llf + rows.sample.offset
        llf[exact] += np.log(rise)
        return Terms(float(weight @ llf), scores, information, concave + outer)


def _bound(theta: np.ndarray, x: np.ndarray, knots: np.ndarray, log_weeks: np.ndarray) -> _Bound:
    k, known = len(x), np.isfinite(log_weeks)
    basis = natural_spline(np.where(known, log_weeks, knots[0]) - theta[:k] @ x, knots)
    value, slope, bend = (theta[k + 1 :] @ part for part in basis)
    return _Bound(theta[k] + value, slope, bend, np.vstack([-slope * x, np.ones((1, value.size)), basis.value]), basis)


def _in_z(rows: Rows, a: np.ndarray, b: np.ndarray) -> _InZ:
    ends = rows.sample.ends
    exact, between = slice(0, ends[0]), slice(ends[0], ends[1])
    left, right = slice(ends[1], ends[2]), slice(ends[2], None)
    at = _InZ(*np.zeros((6, a.size)))
    at.llf[exact], at.a[exact], at.aa[exact] = (
        function(a[exact]) for function in (WEIBULL.log_density, WEIBULL.score, WEIBULL.curvature)
    )
    value, at_a, at_b, score_a, score_b = WEIBULL.between(a[between], b[between])
    at.llf[between], at.a[between], at.b[between], at.ab[between] = value, -at_a, at_b, at_a * at_b
    at.aa[between], at.bb[between] = -at_a * (score_a + at_a), at_b * (score_b - at_b)
    at.llf[left] = WEIBULL.log_distribution(b[left])
    at.b[left] = np.exp(WEIBULL.log_density(b[left]) - at.llf[left])
    at.bb[left] = at.b[left] * (WEIBULL.score(b[left]) - at.b[left])
    at.llf[right] = at.a[right] = at.aa[right] = -np.exp(a[right])
    return at


def _quadratic(a: _Bound, b: _Bound, at: _InZ, weight: np.ndarray) -> np.ndarray:
    """The information if z were linear in the parameters, (p, p)."""
    cross = (a.jacobian * (weight * at.ab)) @ b.jacobian.T
    own = (a.jacobian * (weight * at.aa)) @ a.jacobian.T + (b.jacobian * (weight * at.bb)) @ b.jacobian.T
    return -(own + cross + cross.T)


def _bent(p: int, x: np.ndarray, weight: np.ndarray, bend: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Σ weight times the second derivatives in (β, γ) of f(y; γ), y = ln t − xβ, with f″ and the basis's f′ given."""
    k, out = len(x), np.zeros((p, p))
    out[:k, :k] = (x * (weight * bend)) @ x.T
    out[:k, k + 1 :] = -(x * weight) @ slope.T
    out[k + 1 :, :k] = out[:k, k + 1 :].T
    return out


def _third(coefficients: np.ndarray, knots: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Third derivative of the spline, a step function."""
    first, last = knots[0], knots[-1]
    inner = knots[1:-1, None]
    steps = 6 * ((y > inner) - (last - inner) / (last - first))
    return np.where((y > first) & (y < last), coefficients[1:] @ steps, 0.0)
