"""Newton's method for the marginal log-likelihood of `mixed_likelihood`, from a start that needs no tuning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import FitError
from ..quadrature import Rule, adaptive_rule
from .likelihood import LOADINGS, Centre, Evaluation, Panel, centre_of, evaluate

STARTS = (0.3, 1.0, 3.0)  # σ_b/σ in units of the SD of z; the best is climbed from
FEW_NODES = 5  # far from the maximum
ROUGH, FINE = 1e-2, 1e-10  # of the Newton decrement, per unit of mean weight: about its square root in standard errors
STEPS, HALVINGS = 100, 14
PATIENCE = 2  # steps that only the slack allows before it is said that quadrature is in the way
MOVES = 1e-4  # the most the log-likelihood may move when the nodes are doubled
MOST_NODES = {1: 120, 2: 60}  # along each axis, before doubling
SAME = 1e-6  # per unit of mean weight; log-likelihoods closer than this are the same: the variance could as well be 0
NEAR = 0.01  # also per unit; a loading that costs less than this where it is left out is worth a climb without it
WIDEST = 50.0  # standard deviations within a patient that even the narrowest interval spans: σ is going to 0
STEEPEST = 1e8  # the same where durations are exact: times the σ of the fit without random effects
NO_WITHIN = (
    "the variation within patients goes to 0: each patient's cycles could all be of one duration; narrower intervals "
    "or more cycles are needed"
)
NOT_EVALUATED = (
    "the mixed fit did not converge: the likelihood cannot be evaluated near durations of such different size; check "
    "the bounds, which are in weeks"
)
NOT_SETTLED = (
    "the mixed fit did not settle with {nodes} quadrature nodes: patients may differ so much more than their own "
    "cycles do that visits hardly show the variation within, or the model is too large: try fewer covariates, another "
    "family or no slope"
)
SLACK = 1e-9  # relative: what the quadrature's error may take off the log-likelihood along a step


@dataclass(frozen=True, eq=False)
class Summit:
    """Where the marginal log-likelihood is largest.

    Attributes
    ----------
    phi : float array (m,)
    ways : float array (m, f)
        The directions in which φ is free to move: all, but a loading on its boundary and a scale that the family fixes.
    centre : Centre
    found : Evaluation
    nodes : int
        Along each axis, after doubling.
    steepness : float
        1/σ of the fit without random effects.
    moved : float
        How much the log-likelihood moves when they are doubled once more; NaN if that was not asked for.
    """

    phi: np.ndarray
    ways: np.ndarray
    centre: Centre
    found: Evaluation
    nodes: int
    steepness: float
    moved: float = np.nan


def climb(panel: Panel, scale: float, constant: np.ndarray, nodes: int, doubling: bool = True) -> Summit:
    """Find the maximum.

    Parameters
    ----------
    panel : Panel
        With ln t shifted by the fit without random effects.
    scale : float
        σ of that fit.
    constant : float array (k,)
        The coefficients that make x·δ the constant 1, or come closest.
    nodes : int
        Along each axis; doubled until the log-likelihood moves by less than 1e-4.

    Raises
    ------
    FitError
        If the maximum is not reached, or not with the most nodes.
    """
    ways = free_ways(panel)
    few = adaptive_rule(FEW_NODES, panel.dimension)
    starts = [_start(panel, ratio, scale, constant) for ratio in STARTS]
    at_start = [look(panel, phi, None, few) for phi in starts]
    order = np.argsort([-np.nan_to_num(found.value, nan=-np.inf) for _, found in at_start])
    best = int(order[0])
    rough, _ = _ascend(panel, Summit(starts[best], ways, *at_start[best], FEW_NODES, 1 / scale), ROUGH)
    return settle(panel, rough, nodes, doubling)


def settle_without(panel: Panel, summit: Summit, loading: int, doubling: bool = True) -> Summit | None:
    """The maximum with the loading at `loading` held at 0, if that costs no log-likelihood; else None."""
    phi, at = summit.phi.copy(), panel.k + 1 + loading
    phi[at] = 0.0
    ways = summit.ways[:, summit.ways[at] == 0]
    rule = adaptive_rule(summit.nodes, panel.dimension)
    centre, found = look(panel, phi, summit.centre.mode, rule)
    unit = float(panel.weight.mean())
    if not found.value > summit.found.value - NEAR * unit:
        return None
    settled = settle(panel, Summit(phi, ways, centre, found, summit.nodes, summit.steepness), summit.nodes, doubling)
    return settled if settled.found.value >= summit.found.value - SAME * unit else None


def settle(panel: Panel, summit: Summit, nodes: int, doubling: bool) -> Summit:
    """Ascend at `nodes`, and again at twice as many until doubling moves neither log-likelihood nor estimates."""
    while True:
        rule = adaptive_rule(nodes, panel.dimension)
        centre, found = look(panel, summit.phi, summit.centre.mode, rule)
        summit, arrived = _ascend(panel, replace(summit, centre=centre, found=found, nodes=nodes), FINE)
        if arrived and not doubling:
            return summit
        _, twice = look(panel, summit.phi, summit.centre.mode, adaptive_rule(2 * nodes, panel.dimension))
        moved = abs(twice.value - summit.found.value)
        _, decrement, concave = _step(twice, panel.weight, summit.ways)
        if arrived and concave and moved < MOVES and decrement < MOVES:
            return replace(summit, moved=moved)
        if nodes >= MOST_NODES[panel.dimension]:
            raise FitError(NOT_SETTLED.format(nodes=nodes))
        nodes *= 2


def _start(panel: Panel, ratio: float, scale: float, constant: np.ndarray) -> np.ndarray:
    """φ with the variance of the fit without random effects split, σ_b = ratio · sd(z) · σ."""
    family = panel.family
    within = 1.0 if family.fixed_scale else scale / np.hypot(1.0, ratio)
    loadings = [ratio * family.sd * (row == column) for row, column in LOADINGS[panel.dimension]]
    if panel.dimension == 2:
        loadings[-1] *= 0.3  # a slope's share is usually small
    return np.array([*((scale - within) * family.mean * constant / within), 1 / within, *loadings])


def look(panel: Panel, phi: np.ndarray, mode: np.ndarray | None, rule: Rule) -> tuple[Centre, Evaluation]:
    try:
        with np.errstate(all="ignore"):  # a step too far gives −inf or NaN, which is never accepted
            centre = centre_of(panel, phi, mode)
            return centre, evaluate(panel, phi, centre, rule)
    except np.linalg.LinAlgError:
        raise FitError(NOT_EVALUATED) from None


def _ascend(panel: Panel, summit: Summit, goal: float) -> tuple[Summit, bool]:
    """Newton's method to a decrement of `goal`; False if it got stuck, as it does where quadrature needs more nodes.

    Or if what it found is not a maximum.
    """
    rule, unit = adaptive_rule(summit.nodes, panel.dimension), float(panel.weight.mean())
    phi, ways, centre, here = summit.phi, summit.ways, summit.centre, summit.found
    idle = 0
    for _ in range(STEPS):
        step, decrement, concave = _step(here, panel.weight, ways)
        if decrement <= goal * unit:
            return replace(summit, phi=phi, centre=centre, found=here), concave
        if phi[panel.k] * panel.narrowest > WIDEST or phi[panel.k] > STEEPEST * summit.steepness:
            raise FitError(NO_WITHIN)
        length = _longest(panel, phi, step)
        for _ in range(HALVINGS):
            tried = phi + length * step
            there_centre, there = look(panel, tried, centre.mode, rule)
            if there.value >= here.value + 1e-4 * length * decrement - SLACK * abs(here.value):
                break
            length /= 2
        else:
            break
        idle = 0 if there.value > here.value or decrement <= MOVES * unit else idle + 1
        phi, centre, here = tried, there_centre, there
        if idle > PATIENCE:
            break
    return replace(summit, phi=phi, centre=centre, found=here), False


def free_ways(panel: Panel) -> np.ndarray:
    """Every direction, but for a scale that the family fixes."""
    return np.delete(np.eye(panel.size), [panel.k] if panel.family.fixed_scale else [], axis=1)


def _step(here: Evaluation, weight: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """Newton's step, its decrement, and whether the log-likelihood is concave here; if not, the step is scoring's."""
    gradient, information = ways.T @ here.gradient, ways.T @ here.information @ ways
    concave = is_definite(information)
    if not concave:
        scores = here.scores @ ways
        information = (scores.T * weight) @ scores
        information += 1e-6 * np.diag(np.diag(information)) + 1e-12 * np.trace(information) * np.eye(len(information))
    try:
        part = np.linalg.solve(information, gradient)
    except np.linalg.LinAlgError:
        raise FitError(NOT_EVALUATED) from None
    return ways @ part, float(gradient @ part), concave


def is_definite(matrix: np.ndarray) -> bool:
    """Whether a symmetric matrix is positive definite."""
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(matrix).all())


def _longest(panel: Panel, phi: np.ndarray, step: np.ndarray) -> float:
    """1, or less so that τ stays positive and no loading moves by more than 1 or twice itself."""
    limit = 1.0
    if step[panel.k] < 0:
        limit = min(limit, 0.9 * phi[panel.k] / -step[panel.k])
    loadings, moves = phi[panel.k + 1 :], np.abs(step[panel.k + 1 :])
    room = np.maximum(1.0, 2 * np.abs(loadings))
    return min(limit, *(room / np.maximum(moves, 1e-300)))
