"""The marginal log-likelihood of patients with normal random effects, its gradient and its information.

In the parameters φ = (δ, τ, λ) a row's z = τ·ln t − x·δ − w·Λu is linear, with u standard normal and Λ the Cholesky
factor of the random effects' covariance over σ², as in lme4 [1]_; w is 1, or (1, s) with a random slope in s. So given
u the log-likelihood is concave in φ and, given φ, in u. Integrals over u are by Gauss–Hermite quadrature around each
patient's mode. The gradient is the posterior mean of the complete-data scores, and the information is by Louis'
identity [2]_: E[−∂²ℓ_c] − Var[∂ℓ_c]. Neither differentiates the nodes: what that leaves out is of the size of the
quadrature's error.

References
----------
.. [1] Bates D, Mächler M, Bolker B, Walker S (2015). Fitting linear mixed-effects models using lme4. J Stat Softw
   67(1). doi:10.18637/jss.v067.i01
.. [2] Louis TA (1982). Finding the observed information matrix when using the EM algorithm. J R Stat Soc B 44:226-233.
   doi:10.1111/j.2517-6161.1982.tb01203.x
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..families import Family
from ..likelihood import Sample, middle_of, row_terms, sample_of
from ..quadrature import Rule

BLOCK_ROWS = 4000  # worked on at a time, at all nodes: what is worked on stays in the processor's cache
CLOSE = 0.01  # posterior standard deviations from the mode: the rule only needs to know about where the mass is
MODE_STEPS = 60
#: λ by dimension of u: (which of (1, s) it multiplies, which component of u), the lower triangle of Λ row by row.
LOADINGS = {1: ((0, 0),), 2: ((0, 0), (1, 0), (1, 1))}


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of consecutive patients, sorted by kind as `Sample` has them."""

    patients: slice
    sample: Sample
    who: np.ndarray  # (n,) which of the block's patients
    x: np.ndarray  # (n, k)
    w: np.ndarray  # (n, 1) or (n, 2): 1, and the slope's covariate
    sums: tuple[csr_array, ...]  # (patients, n): sums over a patient's rows times 1, s and each column of x

    def total(self, which: int, values: np.ndarray) -> np.ndarray:
        """Sums over each patient's rows of `values` (n, …)."""
        return self.sums[which] @ values


@dataclass(frozen=True, eq=False)
class Panel:
    """Patients with their rows, ready to be evaluated."""

    family: Family
    blocks: tuple[Block, ...]
    weight: np.ndarray  # (g,) of each patient
    k: int
    dimension: int  # of u
    narrowest: float  # the narrowest interval in ln t; 0 with an exact duration

    @property
    def size(self) -> int:
        """Parameters φ."""
        return self.k + 1 + len(LOADINGS[self.dimension])


def panel_of(
    family: Family,
    lower: np.ndarray,
    upper: np.ndarray,
    shift: np.ndarray,
    x: np.ndarray,
    slope: np.ndarray | None,
    patient: np.ndarray,
    weight: np.ndarray,
    rows: int = BLOCK_ROWS,
) -> Panel:
    """Arrange rows by patient.

    Parameters
    ----------
    lower, upper : float array (n,), weeks
    shift : float array (n,)
        Taken off ln t.
    x : float array (n, k)
    slope : float array (n,), optional
    patient : int array (n,), from 0 to g − 1
    weight : float array (g,)
    rows : int
        About how many make a block.
    """
    order = np.argsort(patient, kind="stable")
    groups = weight.size
    ends = np.searchsorted(patient[order], np.arange(groups), side="right")
    cut = np.unique(np.searchsorted(ends, np.arange(rows, order.size + rows, rows), side="left"))
    edges = np.unique(np.minimum(np.concatenate([[0], cut + 1, [groups]]), groups))
    w = np.ones((order.size, 1)) if slope is None else np.column_stack([np.ones(order.size), slope])
    blocks = []
    for begin, stop in pairwise(edges.tolist()):
        own = order[(ends[begin - 1] if begin else 0) : ends[stop - 1]]
        sample = sample_of(lower[own], upper[own])
        own = own[sample.order]
        blocks.append(_block(slice(begin, stop), sample.shifted(shift[own]), patient[own] - begin, x[own], w[own]))
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.log(upper) - np.log(lower)
    width = width[np.isfinite(width)]
    return Panel(family, tuple(blocks), weight, x.shape[1], w.shape[1], float(width.min()) if width.size else 1.0)


def _block(patients: slice, sample: Sample, who: np.ndarray, x: np.ndarray, w: np.ndarray) -> Block:
    shape = (patients.stop - patients.start, who.size)
    order = np.argsort(who, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=shape[0]))])
    sums = tuple(csr_array((column[order], order, starts), shape=shape) for column in (*w.T, *x.T))
    return Block(patients, sample, who, np.ascontiguousarray(x), np.ascontiguousarray(w), sums)


class Centre(NamedTuple):
    """Where each patient's u is, given her rows: the mode (g, d) and a root (g, d, d) of the inverse curvature."""

    mode: np.ndarray
    root: np.ndarray


def centre_of(panel: Panel, phi: np.ndarray, start: np.ndarray | None = None) -> Centre:
    """Find the modes by Newton's method from `start` (g, d) or a guess, with steps halved where they do not help."""
    with np.errstate(all="ignore"):  # a step too far gives −inf or NaN, which is never accepted
        parts = [_centre(panel, block, phi, None if start is None else start[block.patients]) for block in panel.blocks]
    return Centre(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _centre(panel: Panel, block: Block, phi: np.ndarray, start: np.ndarray | None) -> Centre:
    base, tau = block.x @ phi[: panel.k], phi[panel.k]
    g = block.w @ triangle(phi[panel.k + 1 :], panel.dimension)  # (n, d): the derivative of η in u

    def at(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        terms = row_terms(panel.family, block.sample, base + (g * u[block.who]).sum(axis=1), tau)
        value = block.total(0, terms.llf) - 0.5 * (u * u).sum(axis=1)
        slope = block.total(0, g * terms.eta[:, None]) - u
        return value, slope, np.eye(u.shape[1]) - _pairs(block, g, terms.eta_eta)

    u = _guess(panel, block, g, base, tau) if start is None else start
    value, slope, curvature = at(u)
    lost = ~np.isfinite(value)
    if lost.any() and start is not None:  # a start so far out that a row is impossible there
        u = np.where(lost[:, None], _guess(panel, block, g, base, tau), u)
        value, slope, curvature = at(u)
    length = np.ones(len(u))
    for _ in range(MODE_STEPS):
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        step = np.where(np.isfinite(step), step, 0.0)
        far = np.einsum("pi,pij,pj->p", step, curvature, step) > CLOSE**2
        if not far.any():
            break
        tried = u + np.where(far, length, 0.0)[:, None] * step
        there = at(tried)
        better = (there[0] >= value) & far
        length = np.where(better, 1.0, length / 2)
        u = np.where(better[:, None], tried, u)
        value = np.where(better, there[0], value)
        slope = np.where(better[:, None], there[1], slope)
        curvature = np.where(better[:, None, None], there[2], curvature)
        if length.max() < 1e-12:
            break
    nowhere = ~np.isfinite(curvature).all(axis=(1, 2))
    curvature[nowhere] = np.eye(u.shape[1])  # the rows are impossible here, and their log-likelihood will say so
    root = np.linalg.inv(np.linalg.cholesky(curvature)).transpose(0, 2, 1)
    return Centre(u, root)


def _pairs(block: Block, g: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Sums of weight · g gᵀ over each patient's rows, (p, d, d)."""
    d = g.shape[1]
    pairs = [block.total(0, weight * g[:, i] * g[:, j]) for i in range(d) for j in range(d)]
    return np.stack(pairs, axis=-1).reshape(-1, d, d)


def _guess(panel: Panel, block: Block, g: np.ndarray, base: np.ndarray, tau: float) -> np.ndarray:
    """The mode (p, d) if z were standard normal and known: at the middle of the interval, or at its finite end."""
    z = tau * middle_of(block.sample) - base - panel.family.mean
    return np.linalg.solve(np.eye(g.shape[1]) + _pairs(block, g, 1.0), block.total(0, g * z[:, None])[..., None])[
        ..., 0
    ]


def triangle(loadings: np.ndarray, dimension: int) -> np.ndarray:
    """Λ (d, d), lower triangular."""
    matrix = np.zeros((dimension, dimension))
    for value, place in zip(loadings, LOADINGS[dimension], strict=True):
        matrix[place] = value
    return matrix


class Evaluation(NamedTuple):
    """The log-likelihood at some φ; weights are in `value`, `gradient` and `information`, not in the others."""

    value: float
    gradient: np.ndarray  # (m,)
    information: np.ndarray  # (m, m)
    llf: np.ndarray  # (g,)
    scores: np.ndarray  # (g, m)
    mean: np.ndarray  # (g, d) of u given the patient's rows
    square: np.ndarray  # (g, d, d): the mean of u uᵀ


def evaluate(panel: Panel, phi: np.ndarray, centre: Centre, rule: Rule) -> Evaluation:
    """Integrate every patient's random effects out at φ."""
    m, d, groups = panel.size, panel.dimension, panel.weight.size
    information = np.zeros((m, m))
    llf, scores = np.empty(groups), np.empty((groups, m))
    mean, square = np.empty((groups, d)), np.empty((groups, d, d))
    for block in panel.blocks:
        at = block.patients
        nodes = nodes_of(panel, block, phi, Centre(centre.mode[at], centre.root[at]), rule)
        llf[at] = nodes.llf
        mean[at] = np.einsum("pq,pqi->pi", nodes.share, nodes.u)
        square[at] = np.einsum("pq,pqi,pqj->pij", nodes.share, nodes.u, nodes.u)
        complete = _complete_scores(panel, block, nodes)
        scores[at] = (complete * nodes.share).sum(axis=-1).T
        weight = panel.weight[at]
        weighted = complete * (nodes.share * weight[:, None])
        information -= complete.reshape(m, -1) @ weighted.reshape(m, -1).T - (scores[at].T * weight) @ scores[at]
        information += _complete_information(panel, block, nodes, weight)
    return Evaluation(
        float(panel.weight @ llf), panel.weight @ scores, (information + information.T) / 2, llf, scores, mean, square
    )


class Nodes(NamedTuple):
    """A block's rows at every node."""

    u: np.ndarray  # (p, q, d)
    share: np.ndarray  # (p, q): posterior probability of each node
    llf: np.ndarray  # (p,)
    eta: np.ndarray  # (n, q): derivatives of the rows' log-likelihoods, as in `Terms`
    tau: np.ndarray
    eta_eta: np.ndarray
    eta_tau: np.ndarray
    tau_tau: np.ndarray


def nodes_of(panel: Panel, block: Block, phi: np.ndarray, centre: Centre, rule: Rule) -> Nodes:
    """The posterior of u on the rule's nodes, and the rows there."""
    d = panel.dimension
    u = centre.mode[:, None, :] + np.einsum("pij,qj->pqi", centre.root, rule.node)
    eta = np.broadcast_to((block.x @ phi[: panel.k])[:, None], (block.who.size, rule.log_weight.size)).copy()
    g = block.w @ triangle(phi[panel.k + 1 :], d)
    for i in range(d):
        eta += g[:, i, None] * u[block.who, :, i]
    with np.errstate(all="ignore"):  # far from the data, where the likelihood is 0
        terms = row_terms(panel.family, block.sample, eta, phi[panel.k])
    log_root = np.log(np.abs(np.linalg.det(centre.root)))
    joint = block.total(0, terms.llf) + rule.log_weight - 0.5 * (u * u).sum(axis=-1)
    joint += (log_root - 0.5 * d * np.log(2 * np.pi))[:, None]
    top = joint.max(axis=1)
    share = np.exp(joint - top[:, None])
    total = share.sum(axis=1)
    share /= total[:, None]
    return Nodes(u, share, top + np.log(total), *terms[1:])


def _complete_scores(panel: Panel, block: Block, nodes: Nodes) -> np.ndarray:
    """The gradient in φ of each patient's rows at each node, (m, p, q)."""
    sums = [block.total(i, nodes.eta) for i in range(panel.dimension)]
    by_x = [block.total(panel.dimension + j, nodes.eta) for j in range(panel.k)]
    by_loading = [sums[row] * nodes.u[..., column] for row, column in LOADINGS[panel.dimension]]
    return np.stack([*by_x, block.total(0, nodes.tau), *by_loading])


def _complete_information(panel: Panel, block: Block, nodes: Nodes, weight: np.ndarray) -> np.ndarray:
    """The posterior mean of minus the complete-data Hessian, summed over the block's patients, (m, m)."""
    k, d, loadings = panel.k, panel.dimension, LOADINGS[panel.dimension]
    share = (nodes.share * weight[:, None])[block.who]
    u = [nodes.u[block.who, :, i] for i in range(d)]
    bend = share * nodes.eta_eta
    mixed = share * nodes.eta_tau
    by_u = [(bend * part).sum(axis=1) for part in u]
    by_uu = {(i, j): (bend * u[i] * u[j]).sum(axis=1) for i in range(d) for j in range(i + 1)}
    x, w = block.x, block.w
    found = np.zeros((panel.size, panel.size))
    found[:k, :k] = x.T @ (x * bend.sum(axis=1)[:, None])
    found[:k, k] = x.T @ mixed.sum(axis=1)
    found[k, k] = (share * nodes.tau_tau).sum()
    for a, (row, column) in enumerate(loadings, start=k + 1):
        found[:k, a] = x.T @ (w[:, row] * by_u[column])
        found[k, a] = w[:, row] @ (mixed * u[column]).sum(axis=1)
        for b, (other_row, other) in enumerate(loadings, start=k + 1):
            if b >= a:
                pair = by_uu[max(column, other), min(column, other)]
                found[a, b] = (w[:, row] * w[:, other_row]) @ pair
    return -(np.triu(found) + np.triu(found, 1).T)
