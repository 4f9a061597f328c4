"""The flexible accelerated failure time model: ln H(t|x) = s(ln t − (x − x̄)β), s a natural cubic spline that rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...errors import FitError, InputError
from ..families import WEIBULL
from ..newton import HALVINGS, STEPS
from ..observed import Observed
from ..splines import inverse_where_held, knots_from_data, natural_spline, slopes_to_hold, spline_at
from .flexible_likelihood import Terms, evaluate
from .maximum import Maximum, Rows, maximise, rows_of

DECREMENT = 1e-12  # of the log-likelihood, per unit of mean weight: estimates are within 1e-6 standard errors
BARRIERS = 10.0 ** -np.arange(6)  # per unit of mean weight; the last moves the log-likelihood by less
ROOM = 0.95  # of the way to where the spline would be level somewhere, at most
SHORT = 1e-3  # without a barrier a step shorter than this is one that the spline forbids
LEVEL = 1e-3  # of the mean slope between the outer knots: as good as level
NOT_CONVERGED = (
    "the flexible fit did not converge, which happens where few visits tell the knots apart: try fewer `knots`, fewer "
    "covariates or another family"
)
PARTS = 16  # places between two knots at which that is looked at


@dataclass(frozen=True)
class Flexible:
    """The spline of a fit, but for its coefficients.

    Attributes
    ----------
    knots : tuple of float, ln weeks
        Of a cycle with the covariates `centre`; the outer two included.
    centre : tuple of float, k
        x̄, the mean covariates.
    held : tuple of float, weeks
        Where s would fall if it were not kept from it; usually none.
    """

    knots: tuple[float, ...]
    centre: tuple[float, ...]
    held: tuple[float, ...] = ()

    def curves(self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log S(t) and the log density of ln T, (rows, m), at the parameters `theta` and covariates `x` (rows, k)."""
        k = x.shape[1]
        y = log_weeks - ((x - np.array(self.centre)) @ theta[:k])[:, None]
        value, slope = spline_at(theta[k + 1 :], np.array(self.knots), y)
        value = value + theta[k]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            hazard = np.exp(value)
            return -hazard, np.log(slope) + np.where(np.isinf(hazard), -np.inf, value - hazard)


def maximise_flexible(
    inner: int, data: Observed, matrix: np.ndarray, names: tuple[str, ...], like: Flexible | None = None
) -> tuple[Maximum, Flexible, np.ndarray]:
    """Find the maximum, from the Weibull one on; `matrix` has no intercept, and the knots are those of `like` if given.

    Returns the maximum, the spline and the covariance, which takes as given where s is held level.
    """
    weibull = maximise(WEIBULL, data, np.column_stack([np.ones(len(matrix)), matrix]), ("Intercept", *names))
    beta, scale = weibull.estimate[1:-1], np.exp(weibull.estimate[-1])
    centre = data.weight @ matrix / data.weight.sum() if like is None else np.array(like.centre)
    knots = _knots(inner, data, np.exp((matrix - centre) @ beta)) if like is None else np.array(like.knots)
    rows = rows_of(data)
    x = np.ascontiguousarray((matrix - centre)[rows.row].T)
    start = np.zeros(beta.size + inner + 2)
    start[: beta.size] = beta
    start[beta.size] = -(weibull.estimate[0] + centre @ beta) / scale
    start[beta.size + 1] = 1 / scale
    (theta, terms, covariance), fell = _climb(rows, x, knots, start)
    held = _level(theta[beta.size + 1 :], knots) if fell else ()
    if held:
        rise = natural_spline(np.log(held), knots).slope
        level = np.hstack([np.zeros((len(held), beta.size + 1)), rise.T])
        covariance = inverse_where_held(terms.information, level)
    maximum = Maximum(
        tuple(f"gamma{j}" for j in range(inner + 2)),
        theta,
        terms.information,
        terms.scores * rows.weight,
        data.patient[rows.row],
        terms.llf,
        rows.interval,
        rows.weight,
    )
    return maximum, Flexible(tuple(knots.tolist()), tuple(centre.tolist()), held), covariance


def _knots(inner: int, data: Observed, shift: np.ndarray) -> np.ndarray:
    """From the durations over `shift`, which makes them those of mean covariates."""
    try:
        return knots_from_data(data._replace(lower=data.lower / shift, upper=data.upper / shift), inner)
    except InputError:
        raise InputError(f"the durations take too few values for {inner} inner knots; ask for fewer") from None


class _Place(NamedTuple):
    theta: np.ndarray
    terms: Terms
    covariance: np.ndarray  # inverse information, the barrier's included


def _climb(rows: Rows, x: np.ndarray, knots: np.ndarray, start: np.ndarray) -> tuple[_Place, bool]:
    """The maximum, and whether a barrier keeps the spline there from falling."""
    concave = evaluate(rows, x, knots, start).concave
    size = np.sqrt(np.diag(concave))
    try:
        turn = np.linalg.inv(np.linalg.cholesky(concave / np.outer(size, size))).T / size[:, None]
    except np.linalg.LinAlgError:
        raise FitError(NOT_CONVERGED) from None
    found = _newton(rows, x, knots, turn, start, 0.0)
    if found is not None:
        return found, False
    theta = start
    for barrier in BARRIERS:
        found = _newton(rows, x, knots, turn, theta, float(barrier))
        if found is None:
            raise FitError(NOT_CONVERGED)
        theta = found.theta
    assert found is not None
    return found, True


def _newton(
    rows: Rows, x: np.ndarray, knots: np.ndarray, turn: np.ndarray, theta: np.ndarray, barrier: float
) -> _Place | None:
    """Maximise among rising splines, in steps of independent columns `turn`; None if it does not arrive.

    Besides the log-likelihood, `barrier` times the logarithm of the geometric over the arithmetic mean of the slopes.
    """
    unit, k = float(np.abs(rows.weight).mean()), len(x)
    barrier = barrier * unit
    held = slopes_to_hold(knots)
    turned = turn[k + 1 :].T @ held
    terms = evaluate(rows, x, knots, theta)
    for _ in range(STEPS):
        slope = theta[k + 1 :] @ held
        value = terms.llf + barrier * _evenness(slope)
        relative = turned / slope
        push = barrier * relative @ relative.T / slope.size
        pull = barrier * (relative.mean(axis=1) - turned.mean(axis=1) / slope.mean())
        gradient = turn.T @ (terms.scores @ rows.weight) + pull
        inverse = _positive_inverse(*(turn.T @ part @ turn + push for part in (terms.information, terms.concave)))
        if inverse is None:
            return None
        step = inverse @ gradient
        decrement = float(gradient @ step)
        if decrement <= DECREMENT * unit:
            return _Place(theta, terms, turn @ inverse @ turn.T)
        step = turn @ step
        fall = -(step[k + 1 :] @ held) / slope
        length = min(1.0, ROOM / max(fall.max(), ROOM))
        if length < SHORT and barrier == 0:
            return None
        for _ in range(HALVINGS):
            tried = theta + length * step
            there = evaluate(rows, x, knots, tried)
            reached = there.llf + barrier * _evenness(tried[k + 1 :] @ held)
            if reached >= value + 1e-4 * length * decrement - 1e-13 * abs(value):
                break
            length /= 2
        else:
            return None
        theta, terms = tried, there
    return None


def _evenness(slope: np.ndarray) -> float:
    return float(np.log(slope).mean() - np.log(slope.mean()))


def _positive_inverse(information: np.ndarray, concave: np.ndarray) -> np.ndarray | None:
    """Of the information, or if that is not positive definite, of its part that is."""
    for matrix in (information, concave):
        try:
            root = np.linalg.inv(np.linalg.cholesky(matrix))
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(root).all():
            return root.T @ root
    return None


def _level(coefficients: np.ndarray, knots: np.ndarray) -> tuple[float, ...]:
    """The weeks near which a spline that would fall is held level, at most one between two knots."""
    places = np.linspace(knots[:-1], knots[1:], PARTS + 1)
    value, slope = spline_at(coefficients, knots, places)
    level = LEVEL * (value[-1, -1] - value[0, 0]) / (knots[-1] - knots[0])
    least = slope.min(axis=0)
    weeks = np.exp(places[slope.argmin(axis=0), np.arange(least.size)][least <= max(level, least.min())])
    return tuple(np.unique(weeks).tolist())
