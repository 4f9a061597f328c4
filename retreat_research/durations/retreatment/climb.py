"""Finding the maximum of the joint log-likelihood of `joint_likelihood`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import FitError
from .likelihood import Centre, Evaluation, Joint, centre_of, evaluate

GRADIENT = 1e-3  # per standard error of the start: quasi-Newton steps until then, Newton's afterwards
DECREMENT = 1e-9  # of Newton's method: estimates are within its square root in standard errors
NEWTON_STEPS = 10
STEP = 1e-3  # of a standard error, for differences of the gradient
MOVES = 1e-4  # the most the log-likelihood may move when nodes or places are doubled
MOST_NODES, MOST_PLACES = {1: 240, 2: 60}, 128  # nodes along each axis
STRONGEST = 12.0  # |γ|: a hazard ratio of 160,000 per SD is not an estimate
SMALLEST_SD = 1e-4  # of ln T between patients: their durations are the same
NOT_SHARED = (
    "the patient's effect has gone over from durations to returns: patients differ more in when they return than in "
    "how long effect lasts; add what sets their returns to `retreatment`, such as injector, or give habits=True"
)
NO_MAXIMUM = (
    "the joint fit did not converge: there may be too few retreatments while effective, or too few patients with "
    "several cycles; try fewer covariates, or rr.MixedAFT with rr.retreatment_sensitivity"
)


class Summit(NamedTuple):
    """The maximum."""

    theta: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)
    found: Evaluation
    llf_unrelated: float  # the maximum with γ = 0
    nodes: int
    places: int
    moved: float  # the log-likelihood when both are doubled once more


class Rules(NamedTuple):
    """How finely the integrals are taken."""

    nodes: int  # over the patient's effect
    places: int  # within an interval


def climb(joint: Joint, start: np.ndarray, covariance: np.ndarray, nodes: int, places: int) -> Summit:
    """Maximise over θ from `start`, whose γ is 0 and whose covariance is about `covariance`.

    Raises
    ------
    FitError
        If there is no maximum, or the quadrature does not settle.
    """
    root = np.linalg.cholesky(covariance)  # θ = θ₀ + root ψ, and ψ counts about in standard errors
    without = np.delete(root, joint.gamma_at, axis=1)
    rules, mode, theta = Rules(nodes, places), np.zeros((joint.groups, joint.dimension)), start
    unrelated = start
    while True:
        unrelated, there = _approach(joint, unrelated, without, mode, rules)
        theta, found = _approach(joint, unrelated if theta is start else theta, root, there.mean, rules)
        centre = centre_of(joint, theta, found.mean, rules.places)
        finer = Rules(2 * rules.nodes, rules.places), Rules(rules.nodes, 2 * rules.places)
        moves = [abs(evaluate(joint, theta, centre, *rule).llf - found.llf) for rule in finer]
        if max(moves) < MOVES:
            if joint.split(theta).sd < SMALLEST_SD:
                raise FitError(NOT_SHARED)
            if abs(theta[joint.gamma_at]) > STRONGEST:
                raise FitError(NO_MAXIMUM)
            theta, found, information = _newton(joint, theta, root, found.mean, rules)
            return Summit(theta, information, found, there.llf, *rules, sum(moves))
        mode = found.mean
        rules = Rules(*(old * (1 + (moved >= MOVES)) for old, moved in zip(rules, moves, strict=True)))
        if rules.nodes > MOST_NODES[joint.dimension] or rules.places > MOST_PLACES:
            raise FitError(
                f"the integrals over patients and intervals still move the log-likelihood by {max(moves):.1e}: cycles "
                "of a patient are too alike for quadrature; check for cycles entered twice"
            )


def _approach(
    joint: Joint, theta: np.ndarray, root: np.ndarray, mode: np.ndarray, rules: Rules
) -> tuple[np.ndarray, Evaluation]:
    """Quasi-Newton steps along the columns of `root`, to about `GRADIENT` standard errors from the maximum."""
    from scipy.optimize import minimize

    last = {"mode": mode}

    def value(psi: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(all="ignore"):  # a step too far gives −inf or NaN, which is never accepted
            found, centre = _look(joint, theta + root @ psi, last["mode"], rules)
        gradient = found.scores.sum(axis=0) @ root
        if not (np.isfinite(found.llf) and np.isfinite(gradient).all()):
            return np.inf, np.zeros(psi.size)
        last["mode"] = centre.mode
        return -found.llf, -gradient

    psi = minimize(value, np.zeros(root.shape[1]), jac=True, method="BFGS", options={"gtol": GRADIENT}).x
    theta = theta + root @ psi
    return theta, _look(joint, theta, last["mode"], rules)[0]


def _newton(
    joint: Joint, theta: np.ndarray, root: np.ndarray, mode: np.ndarray, rules: Rules
) -> tuple[np.ndarray, Evaluation, np.ndarray]:
    """Newton's steps to where the gradient is 0, with nodes and information from where they start, close by."""
    found, centre = _look(joint, theta, mode, rules)
    information = _information(joint, theta, centre, root, rules)
    for _ in range(NEWTON_STEPS):
        gradient = found.scores.sum(axis=0)
        step = np.linalg.solve(information, gradient)
        if abs(gradient @ step) <= DECREMENT:
            return theta, found, information
        theta = theta + step
        before, found = found, evaluate(joint, theta, centre, *rules)
        if not found.llf >= before.llf - MOVES:  # with few nodes the gradient is not quite that of the log-likelihood
            break
    raise FitError(NO_MAXIMUM)


def _look(joint: Joint, theta: np.ndarray, mode: np.ndarray, rules: Rules) -> tuple[Evaluation, Centre]:
    centre = centre_of(joint, theta, mode, rules.places)
    return evaluate(joint, theta, centre, *rules), centre


def _information(joint: Joint, theta: np.ndarray, centre: Centre, root: np.ndarray, rules: Rules) -> np.ndarray:
    """Minus the Hessian, from differences of the gradient along the columns of `root`."""
    slopes = []
    for column in root.T:
        ends = [evaluate(joint, theta + h * column, centre, *rules).scores.sum(axis=0) for h in (STEP, -STEP)]
        slopes.append((ends[1] - ends[0]) / (2 * STEP))
    information = np.linalg.solve(root.T, np.array(slopes))
    information = (information + information.T) / 2
    try:
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        raise FitError(NO_MAXIMUM) from None
    return information
