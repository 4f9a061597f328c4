"""The maximum of the likelihood of `frailty_likelihood`, with a baseline hazard that stays positive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...errors import FitError
from ..splines import PARTS, natural_spline, slopes_to_hold, slowest
from .likelihood import FrailtySample, Terms, independent, with_frailty
from .nodes import STEP

STEPS, HALVINGS = 200, 30
DECREMENT = 1e-10  # of the log-likelihood, per unit of mean weight: about 1e-5 standard errors, and Newton squares that
SLACK = 1e-9  # relative: what the nodes' error may take off the log-likelihood along a step
LEAP = 1.5  # the most that log θ moves in a step
ROOM = 0.95  # of the way to where the baseline would be level somewhere, at most
SHORT = 1e-3  # without a barrier a step shorter than this is one that the baseline forbids
BARRIERS = 10.0 ** -np.arange(8)  # per unit of mean weight; the last costs 1e-7 for each slope that is held
PRESSED = 1e-3  # of the largest multiplier: the others are 1e-5 of it or less
MOVES = 1e-4  # the most the log-likelihood may move when the nodes are doubled
DOUBLINGS = 3
SAME = 1e-6  # per unit of mean weight; log-likelihoods closer than this are the same: the variance could as well be 0
VARIANCES = (1e-6, 1e2)  # beyond them θ is going to 0 or to infinity
FLAT = 1e-9  # information per unit of weight about a standardised column: there is none


class Point(NamedTuple):
    """The log-likelihood and the barrier at one place."""

    theta: np.ndarray  # c, and log θ where there is a frailty
    terms: Terms
    value: float
    gradient: np.ndarray
    information: np.ndarray  # minus the Hessian


@dataclass(frozen=True, eq=False)
class Summit:
    """Where the log-likelihood is largest.

    Attributes
    ----------
    theta : float array (p,) or (p + 1,)
        c, and log θ, which is −inf on its boundary.
    terms : Terms
    information : float array
        In c and log θ, in c alone on the boundary and without frailty.
    held : float array (h, p)
        Slopes of the baseline, as gradients in c, that are held at 0 where the unrestricted maximum would let it fall.
    llf_independent : float
        The largest log-likelihood without frailty.
    node_doubling : float
        How much the log-likelihood moves when the nodes are doubled.
    step : float
        Of the nodes.
    """

    theta: np.ndarray
    terms: Terms
    information: np.ndarray
    held: np.ndarray
    llf_independent: float
    node_doubling: float = 0.0
    step: float = STEP


@dataclass(frozen=True, eq=False)
class Slope:
    """What is maximised: a sample, slopes of its baseline that must be positive, and standardised columns."""

    sample: FrailtySample
    knots: np.ndarray
    rise: np.ndarray  # (p, m): the slopes are c @ rise
    turn: np.ndarray  # (p, p)

    def look(self, theta: np.ndarray, barrier: float, step: float) -> Point | None:
        """Evaluate where the baseline rises; None where the log-likelihood is not a number."""
        p = len(self.turn)
        slope = theta[:p] @ self.rise
        with np.errstate(all="ignore"):  # a step too far gives −inf or NaN, which is never accepted
            terms = (
                with_frailty(self.sample, theta[:p], theta[p], step)
                if theta.size > p
                else independent(self.sample, theta)[0]
            )
        if not (np.isfinite(terms.llf) and np.isfinite(terms.hessian).all()):
            return None
        gradient, information = terms.scores.sum(axis=0), -terms.hessian
        relative = self.rise / slope
        gradient[:p] += barrier * relative.sum(axis=1)
        information[:p, :p] += barrier * relative @ relative.T
        return Point(theta, terms, terms.llf + barrier * float(np.log(slope).sum()), gradient, information)


def climb(sample: FrailtySample, knots: np.ndarray, start: np.ndarray, frailty: bool) -> Summit:
    """Find the maximum.

    Parameters
    ----------
    sample : FrailtySample
    knots : float array (b + 1,)
        Of the baseline; its b coefficients are the last of c.
    start : float array (p,)
        c of a Weibull fit without frailty.
    frailty : bool

    Raises
    ------
    FitError
        If the maximum is not reached.
    """
    rows = np.concatenate([sample.start, sample.stop])
    triangle = np.linalg.qr(rows, mode="r")
    held = slopes_to_hold(knots)
    rise = np.vstack([np.zeros((start.size - len(held), held.shape[1])), held])
    slope = Slope(sample, knots, rise, np.linalg.inv(triangle) * np.sqrt(len(rows)))
    alone, held = _settle(slope, start, start, STEP)
    summit = Summit(alone.theta, alone.terms, -alone.terms.hessian, held, alone.terms.llf)
    if not frailty:
        return summit
    first = independent(sample, alone.theta)[1]
    guess = np.clip(first.sum() / (first**2).sum(), 0.05, 2.0)  # a Newton step from θ = 0
    at, safe, step = np.append(alone.theta, np.log(guess)), np.append(start, np.log(guess)), STEP
    for _ in range(DOUBLINGS + 1):
        here, held = _settle(slope, at, safe, step)
        if here.terms.llf < alone.terms.llf + SAME * sample.weight.mean():
            return replace(summit, theta=np.append(alone.theta, -np.inf))
        if here.theta[-1] >= np.log(VARIANCES[1]):
            raise FitError(
                "the variance of the frailty grows without bound: patients differ so much more than their own cycles "
                "do that visits hardly show the variation within; more visits, or fewer covariates, are needed"
            )
        finer = slope.look(here.theta, 0.0, step / 2)
        moved = abs(finer.terms.llf - here.terms.llf) if finer else np.inf
        if moved < MOVES:
            return Summit(here.theta, here.terms, -here.terms.hessian, held, alone.terms.llf, moved, step)
        at, step = here.theta, step / 2
    raise FitError(f"the log-likelihood still moves by {moved:.1e} when the nodes are doubled: try fewer covariates")


def _settle(slope: Slope, start: np.ndarray, safe: np.ndarray, step: float) -> tuple[Point, np.ndarray]:
    """The maximum, and the slopes that are held: by a barrier that vanishes, from `safe` on, if the way is barred."""
    point, arrived = _ascend(slope, start, 0.0, step)
    if arrived:
        return point, np.empty((0, len(slope.turn)))
    at, unit = safe, float(slope.sample.weight.mean())
    for barrier in BARRIERS * unit:
        point, arrived = _ascend(slope, at, barrier, step)
        if not arrived:
            raise FitError("the fit did not converge: try fewer covariates or fewer knots")
        at = point.theta
    c = at[: len(slope.turn)]
    pressure = 1 / (c @ slope.rise)  # the constraints' multipliers, but for a factor
    baseline = c[c.size - slope.knots.size + 1 :]
    between = np.concatenate([np.arange(part) // PARTS for part in np.array([1, 0]) + PARTS * (slope.knots.size - 1)])
    held = np.unique(np.minimum(between, slope.knots.size - 2)[pressure > PRESSED * pressure.max()])
    gradient = natural_spline(slowest(baseline, slope.knots), slope.knots).slope[:, held]
    return point, np.hstack([np.zeros((held.size, c.size - baseline.size)), gradient.T])


def _ascend(slope: Slope, start: np.ndarray, barrier: float, step: float) -> tuple[Point, bool]:
    """Newton's method; False where the baseline's slope stops it. A variance that leaves `VARIANCES` ends it too."""
    p, weight = len(slope.turn), slope.sample.weight
    turn = np.eye(start.size)
    turn[:p, :p] = slope.turn
    here = slope.look(start, barrier, step)
    if here is None:
        raise FitError("the likelihood cannot be evaluated at the start: check the range of the durations")
    for _ in range(STEPS):
        gradient = turn.T @ here.gradient
        size, axes = np.linalg.eigh(turn.T @ here.information @ turn)
        floor = FLAT * weight.sum()
        along = axes.T @ gradient
        move = axes @ (along / np.maximum(np.abs(size), floor))
        if gradient @ move <= DECREMENT * weight.mean():
            if size[0] <= floor:
                raise FitError(
                    "the data say nothing about a part of the model: a baseline with fewer knots, fewer covariates, or "
                    "more cycles per patient are needed"
                )
            return here, True
        if start.size > p and not np.log(VARIANCES[0]) < here.theta[-1] < np.log(VARIANCES[1]):
            return here, True
        gain = float(gradient @ move)
        move = turn @ move
        falls = -(move[:p] @ slope.rise) / (here.theta[:p] @ slope.rise)
        length = min(1.0, ROOM / max(falls.max(), ROOM))
        if length < SHORT and barrier == 0:
            break
        if start.size > p:
            length = min(length, LEAP / max(abs(move[-1]), 1e-300))
        for _ in range(HALVINGS):
            there = slope.look(here.theta + length * move, barrier, step)
            if there and there.value >= here.value + 1e-4 * length * gain - SLACK * abs(here.value):
                break
            length /= 2
        else:
            break
        assert there is not None
        here = there
    return here, False
