"""The log-likelihood of proportional hazards with a gamma frailty, and its derivatives.

With cumulative hazards A = H(L|x) and B = H(R|x), ln H = z·c linear in the coefficients, and a frailty u of mean 1 and
variance θ = 1/α, a patient's likelihood is ∫ g(u) Π exp(−uA)(1 − exp(−u(B − A))) du. In η = ln u the logarithm of the
integrand is

    (α + d) η − (α + Σ A) e^η + Σ log(1 − exp(−e^η (B − A))) + constant,

d the number of exact rows: concave, and only the rows known to have ended within an interval need a sum over nodes.
Without such rows the integral is a gamma function. Gradient and information are expectations over the frailty given
the data: of the scores as if it were known, and by Louis' identity [1]_.

References
----------
.. [1] Louis TA (1982). Finding the observed information matrix when using the EM algorithm. J R Stat Soc B 44:226-233.
   doi:10.1111/j.2517-6161.1982.tb01203.x
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import digamma, gammaln, polygamma

from ..likelihood import NARROW
from ..observed import Observed
from ..splines import natural_spline
from .nodes import STEP, place

USUAL = 16  # nodes
BLOCK = 16384  # rows times nodes at a time: the five arrays of that size that are worked on stay in the cache
LEAST = -690.0  # ln of a hazard below which exp would lose digits


class Block(NamedTuple):
    """Patients with equally many rows known to have ended within an interval."""

    patients: slice
    rows: slice  # of `FrailtySample.stop`
    each: int


@dataclass(frozen=True, eq=False)
class FrailtySample:
    """Rows by kind, patients in the order of how many rows of theirs ended within an interval; p coefficients.

    Attributes
    ----------
    order : int array (g,)
        Which patient of the data stands where.
    start : float array (n0, p)
        z at the lower bound of every row that has one, or at the exact time.
    whose : sparse array (g, n0)
        1 in the row of their patient, whose number is in `owner` (n0,).
    exact : int array (n1,)
        Which of them are exact; `rise` (n1, p) is dz/d ln t there.
    stop, change : float array (n2, p)
        z at the upper bound of the rows that ended within an interval, and how much of it is new since the lower.
    left : bool array (n2,)
        Whether they are left-censored.
    whose_stop : sparse array (g, n2)
        1 in the row of their patient, whose number is in `owner_stop` (n2,).
    weight : float array (g,)
        Of each patient.
    constant : float
        What the log-likelihood has besides.
    blocks : tuple of Block
    """

    order: np.ndarray
    start: np.ndarray
    whose: csr_array
    owner: np.ndarray
    exact: np.ndarray
    rise: np.ndarray
    stop: np.ndarray
    change: np.ndarray
    left: np.ndarray
    whose_stop: csr_array
    owner_stop: np.ndarray
    weight: np.ndarray
    constant: float
    blocks: tuple[Block, ...]


def sample_of(data: Observed, weight: np.ndarray, x: np.ndarray, knots: np.ndarray) -> FrailtySample:
    """Sort the rows; z is the row of `x` (n, k) and `natural_spline` of ln t, `weight` (g,) that of each patient."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.log(data.lower), np.log(data.upper)
        width = high - low
    exact = width <= NARROW
    low = np.where(exact, (low + high) / 2, low)
    g = data.labels.size
    count = np.bincount(data.patient[~exact & np.isfinite(high)], minlength=g)
    order = np.argsort(count, kind="stable")
    rank = np.empty(g, dtype=int)
    rank[order] = np.arange(g)
    owner = rank[data.patient]
    begun = np.flatnonzero(np.isfinite(low))
    ended = np.flatnonzero(~exact & np.isfinite(high))
    ended = ended[np.argsort(owner[ended], kind="stable")]
    sharp = np.flatnonzero(exact)

    def z(rows: np.ndarray, log_weeks: np.ndarray) -> np.ndarray:
        return np.column_stack([x[rows], natural_spline(log_weeks[rows], knots).value.T])

    stop, left = z(ended, high), ~np.isfinite(low[ended])
    with np.errstate(divide="ignore"):
        offset = np.where(width[sharp] == 0, -low[sharp], np.log(width[sharp]))
    return FrailtySample(
        order,
        z(begun, low),
        _sums(owner[begun], g),
        owner[begun],
        np.searchsorted(begun, sharp),
        np.column_stack([np.zeros((sharp.size, x.shape[1])), natural_spline(low[sharp], knots).slope.T]),
        stop,
        stop - z(ended, np.where(np.isfinite(low), low, high)),
        left,
        _sums(owner[ended], g),
        owner[ended],
        weight[order],
        float(data.weight[sharp] @ offset),
        _blocks(count[order]),
    )


def _sums(owner: np.ndarray, g: int) -> csr_array:
    """The matrix that adds up rows by patient."""
    return csr_array((np.ones(owner.size), (owner, np.arange(owner.size))), shape=(g, owner.size))


def _blocks(count: np.ndarray) -> tuple[Block, ...]:
    """Runs of equal `count` (sorted), cut to what `BLOCK` holds with `USUAL` nodes a row."""
    blocks, row = [], 0
    for each in np.unique(count).tolist():
        first, last = np.searchsorted(count, [each, each + 1]).tolist()
        size = max(1, BLOCK // (USUAL * max(each, 1)))
        for begin in range(first, last, size):
            end = min(begin + size, last)
            blocks.append(Block(slice(begin, end), slice(row, row + each * (end - begin)), each))
            row += each * (end - begin)
    return tuple(blocks)


class Terms(NamedTuple):
    """The log-likelihood and its derivatives in the q = p + 1 parameters c and log θ; in c alone without frailty."""

    llf: float
    scores: np.ndarray  # (g, q), of each patient in the sample's order, weights included
    hessian: np.ndarray  # (q, q)
    mean: np.ndarray  # (g,) of the frailty given the data
    sd: np.ndarray  # (g,)
    nodes: int  # the most that a patient took


class _Hazards(NamedTuple):
    """Cumulative hazards at frailty 1, and what of the patients' log-likelihoods needs no sum over nodes."""

    start: np.ndarray  # (n0,) A
    before: np.ndarray  # (n2,) A, 0 where left-censored
    stop: np.ndarray  # (n2,) B
    gap: np.ndarray  # (n2,) B − A
    gap_z: np.ndarray  # (n2, p) its gradient
    rise: np.ndarray  # (n1, p) gradient of ln (d ln H/d ln t) of exact rows
    total: np.ndarray  # (g,) Σ A
    total_z: np.ndarray  # (g, p) its gradient
    events: np.ndarray  # (g,) exact rows
    known: float  # Σ ln h of exact rows, weighted
    known_z: np.ndarray  # (g, p) its gradient, not weighted


def _hazards(sample: FrailtySample, c: np.ndarray) -> _Hazards:
    log_start, log_stop = sample.start @ c, sample.stop @ c
    grown = np.where(sample.left, np.inf, sample.change @ c)
    start, stop = np.exp(log_start), np.exp(log_stop)
    before = stop * np.exp(-grown)
    gap = np.exp(np.maximum(log_stop + np.log(-np.expm1(-grown)), LEAST))
    slope = sample.rise @ c
    rise = sample.rise / slope[:, None]
    exact = _sums(sample.owner[sample.exact], sample.weight.size)
    return _Hazards(
        start,
        before,
        stop,
        gap,
        gap[:, None] * sample.stop + before[:, None] * sample.change,
        rise,
        sample.whose @ start,
        sample.whose @ (start[:, None] * sample.start),
        exact @ np.ones(slope.size),
        float(sample.weight @ (exact @ (log_start[sample.exact] + np.log(slope)))) + sample.constant,
        exact @ (sample.start[sample.exact] + rise),
    )


class _Given(NamedTuple):
    """Expectations over the frailty given the data; q = 1/(e^x − 1) at x = u (B − A)."""

    u: np.ndarray  # (g,) E u
    uq: np.ndarray  # (n2,) E uq
    uuq: np.ndarray  # (n2,) E u²q(1 + q)


def independent(sample: FrailtySample, c: np.ndarray) -> tuple[Terms, np.ndarray]:
    """Without frailty, and each patient's derivative in θ at 0, ½ ((Σ_j ∂l_j/∂u)² + Σ_j ∂²l_j/∂u²) at u = 1, (g,)."""
    at, weight = _hazards(sample, c), sample.weight
    within = -np.expm1(-at.gap)
    q = (1 - within) / within
    given = _Given(np.ones(weight.size), q, q / within)
    first = at.events - at.total + sample.whose_stop @ (q * at.gap)
    second = -at.events - sample.whose_stop @ (given.uuq * at.gap**2)
    value = at.known + weight @ (sample.whose_stop @ np.log(within) - at.total)
    scores = at.known_z - at.total_z + sample.whose_stop @ (q[:, None] * at.gap_z)
    terms = Terms(
        float(value), scores * weight[:, None], _hessian(sample, at, given), given.u, np.zeros(weight.size), 1
    )
    return terms, weight * (first**2 + second) / 2


def with_frailty(sample: FrailtySample, c: np.ndarray, log_theta: float, step: float = STEP) -> Terms:
    """Evaluate at variance θ; `step` is that of `place`."""
    at, weight, alpha = _hazards(sample, c), sample.weight, float(np.exp(-log_theta))
    g, p = at.total_z.shape
    value, nodes = at.known, 1
    scores = np.column_stack([at.known_z, np.zeros(g)])
    mean, square = np.empty(g), np.empty(g)
    given = _Given(mean, np.empty(at.gap.size), np.empty(at.gap.size))
    spread = np.zeros((p + 1, p + 1))  # Σ covariances of the scores given the data
    constant = alpha * np.log(alpha) - alpha - float(gammaln(alpha))
    bend = np.log(alpha) - float(digamma(alpha))
    for block in sample.blocks:
        who, rows = block.patients, block.rows
        if block.each == 0:
            value += _closed(at, weight, who, alpha, scores, spread, mean, square)
            continue
        total, events, gap = at.total[who], at.events[who], at.gap[rows].reshape(-1, block.each)
        eta, log_weight = place(gap, alpha + total, alpha + events, step)
        u = np.exp(eta)
        apart = np.expm1(eta) - eta  # the log density of η is constant − α (e^η − 1 − η)
        within = -np.expm1(-gap[:, :, None] * u[:, None, :])
        log_f = np.log(within).sum(axis=1) + log_weight + events[:, None] * eta - total[:, None] * u - alpha * apart
        top = log_f.max(axis=1, keepdims=True)
        chance = np.exp(log_f - top)
        mass = chance.sum(axis=1, keepdims=True)
        chance /= mass
        value += float(weight[who] @ (top + np.log(mass) + constant)[:, 0])
        nodes = max(nodes, u.shape[1])
        over = u[:, None, :] / within  # u (1 + q)
        uq = over * (1 - within)
        mean[who], square[who] = (chance * u).sum(axis=1), (chance * u * u).sum(axis=1)
        given.uq[rows] = (uq @ chance[:, :, None]).ravel()
        parts = np.empty((*u.shape, p + 1))  # the scores with the frailty known, but for constants
        parts[..., :p] = uq.transpose(0, 2, 1) @ at.gap_z[rows].reshape(*gap.shape, p)
        parts[..., :p] -= u[..., None] * at.total_z[who, None, :]
        parts[..., p] = alpha * (apart - bend)
        over *= uq
        given.uuq[rows] = (over @ chance[:, :, None]).ravel()
        middle = (chance[:, None, :] @ parts)[:, 0]
        scores[who] += middle
        parts -= middle[:, None, :]
        parts *= np.sqrt(chance * weight[who, None])[..., None]
        flat = parts.reshape(-1, p + 1)
        spread += flat.T @ flat
    scores *= weight[:, None]
    spread[:p, :p] += _hessian(sample, at, given)
    # what α log α − log Γ(α) − α (e^η − η) bends in log θ
    spread[p, p] += float(weight.sum()) * (alpha - alpha**2 * float(polygamma(1, alpha))) - float(scores[:, p].sum())
    return Terms(value, scores, spread, mean, np.sqrt(np.maximum(square - mean**2, 0.0)), nodes)


def _closed(
    at: _Hazards,
    weight: np.ndarray,
    who: slice,
    alpha: float,
    scores: np.ndarray,
    spread: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
) -> float:
    """Patients without intervals: given the data u is gamma. Fills in what is theirs; returns their log-likelihood."""
    shape, rate, w = alpha + at.events[who], alpha + at.total[who], weight[who]
    expected, variance, total_z = shape / rate, shape / rate**2, at.total_z[who]
    p = total_z.shape[1]
    mean[who], square[who] = expected, variance + expected**2
    scores[who, :p] -= expected[:, None] * total_z
    scores[who, p] = alpha * (expected - 1 - digamma(shape) + np.log(rate / alpha) + digamma(alpha))
    spread[:p, :p] += (total_z.T * (w * variance)) @ total_z
    cross = -alpha * (total_z.T @ (w * (variance - 1 / rate)))
    spread[:p, p] += cross
    spread[p, :p] += cross
    spread[p, p] += alpha**2 * float(w @ (variance + polygamma(1, shape) - 2 / rate))
    return float(w @ (gammaln(shape) - gammaln(alpha) + alpha * np.log(alpha) - shape * np.log(rate)))


def _hessian(sample: FrailtySample, at: _Hazards, given: _Given) -> np.ndarray:
    """The expected Hessian in c of the log-likelihood with the frailty known."""
    weight, rows = sample.weight, sample.weight[sample.owner_stop]
    first, second = rows * given.uq, rows * given.uuq
    before = sample.stop - sample.change
    hessian = -(sample.start.T * (at.start * (weight * given.u)[sample.owner])) @ sample.start
    hessian -= (at.rise.T * weight[sample.owner[sample.exact]]) @ at.rise
    hessian += (sample.stop.T * (first * at.stop)) @ sample.stop
    hessian -= (before.T * (first * at.before)) @ before
    hessian -= (at.gap_z.T * second) @ at.gap_z
    return hessian
