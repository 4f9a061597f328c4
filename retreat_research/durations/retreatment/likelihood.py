"""The log-likelihood of durations and of retreatments while effective that share a patient's effect, and its gradient.

Given (u, v), standard normal, a cycle's ln T = xβ + sd·u + σz and its hazard of retreatment while effective at week t
is κ t^(κ−1) exp(wα + γu + ωv), independently; v is left out unless patients have habits of their own. What was seen of
a cycle gives

- loss in (L, R]: ∫ f(t|u) S_C(t|u) dt over (L, R], because only until the loss was she at risk of a retreatment while
  effective;
- loss at t: f(t|u) S_C(t|u);
- retreated at week c, effect last seen at L: S(L|u) h_C(c|u) S_C(c|u);
- still effective at L when the records end: S(L|u) S_C(L|u).

The integral is P(L < T ≤ R|u) times the mean of S_C over T in (L, R], which Gauss–Legendre takes in the probability of
T, denser towards the ends: nothing but the change of S_C within the interval has to be integrated. Integrals over u are
by Gauss–Hermite around each patient's mode, and the gradient is the posterior mean of the scores given u.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..families import TINY, Family
from ..likelihood import Sample, row_terms, sample_of
from ..quadrature import adaptive_rule

ELEMENTS = 30_000  # rows × nodes worked on at a time: what is worked on stays in the processor's cache
CLOSE = 0.01  # posterior standard deviations from the mode: the rule only needs to know about where the mass is
MODE_STEPS = 60
FAR = 40.0  # below a left-censored bound, in z: no family has 1e-17 of what lies below the bound there
HUGE = 600.0  # e^600 times a share of 0 is 0, and infinity times it is not a number


class Parameters(NamedTuple):
    """What a vector of parameters says."""

    beta: np.ndarray  # (k,)
    log_scale: float  # of σ
    sd: float  # between patients, of ln T
    alpha: np.ndarray  # (m,)
    shape: float  # κ
    gamma: float  # of the log hazard of retreatment, per `sd`
    omega: float  # SD of the log hazard between patients alike in duration; 0 without habits


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of consecutive patients, each patient's rows together.

    Attributes
    ----------
    patients : slice
    starts : int array (g,)
        Each patient's first row.
    who : int array (n,)
        Which of the block's patients.
    x : float array (n, k)
    w : float array (n, m)
        The design of the hazard of retreatment.
    sample : Sample
        The durations.
    inside : int array (i,)
        The rows known to within an interval; `low` and `high` (i, 1) are ln of the bounds.
    at_risk : float array (n,)
        ln of the week until which the patient was at risk of a retreatment while effective; −inf for week 0 and for the
        rows that are `inside`.
    retreated : bool array (n,)
        Whether it came, in that week.
    """

    patients: slice
    starts: np.ndarray
    who: np.ndarray
    x: np.ndarray
    w: np.ndarray
    sample: Sample
    inside: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    retreated: np.ndarray


@dataclass(frozen=True, eq=False)
class Joint:
    """All patients, ready to be evaluated."""

    family: Family
    blocks: tuple[Block, ...]
    groups: int
    k: int
    m: int
    dimension: int  # 2 with habits, else 1

    @property
    def gamma_at(self) -> int:
        """Where γ stands among the parameters: β, log σ unless the family fixes it, log sd, α, log κ, γ, and ω."""
        return self.k + self.m + 3 - self.family.fixed_scale

    def split(self, theta: np.ndarray) -> Parameters:
        """Name the parts of `theta`."""
        k, rest = self.k, theta[self.k + (not self.family.fixed_scale) :]
        log_scale = 0.0 if self.family.fixed_scale else theta[k]
        sd, shape = np.exp(rest[0]), np.exp(rest[1 + self.m])
        gamma, omega = theta[self.gamma_at], theta[-1] if self.dimension == 2 else 0.0
        return Parameters(theta[:k], log_scale, sd, rest[1 : 1 + self.m], shape, gamma, omega)


def joint_of(
    family: Family,
    lower: np.ndarray,
    upper: np.ndarray,
    retreated: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    patient: np.ndarray,
    nodes: int,
    dimension: int,
) -> Joint:
    """Arrange the rows by patient.

    Parameters
    ----------
    lower, upper : float array (n,), weeks
    retreated : float array (n,), weeks
        Of the retreatment while effective, NaN where there was none.
    x, w : float array (n, k), (n, m)
    patient : int array (n,)
        From 0 to g − 1, each with a row.
    nodes : int
        Of the quadrature along each axis, to size the blocks.
    dimension : int
        2 with habits, else 1.
    """
    order = np.argsort(patient, kind="stable")
    groups = int(patient.max()) + 1
    first = np.searchsorted(patient[order], np.arange(groups + 1))
    step = max(1, ELEMENTS // nodes**dimension)
    edges = np.unique(np.append(np.searchsorted(first[:-1], np.arange(0, order.size, step)), groups))
    blocks = []
    for begin, stop in pairwise(edges):
        rows = order[first[begin] : first[stop]]
        sample = sample_of(lower[rows], upper[rows])
        inside = np.sort(sample.order[sample.ends[0] : sample.ends[2]])
        with np.errstate(divide="ignore"):
            low, high, last = np.log(lower[rows]), np.log(upper[rows]), np.log(retreated[rows])
        event = ~np.isnan(last)
        at_risk = np.where(event, last, low)
        at_risk[inside] = -np.inf
        blocks.append(
            Block(
                slice(begin, stop),
                first[begin:stop] - first[begin],
                patient[rows] - begin,
                x[rows],
                w[rows],
                sample,
                inside,
                low[inside][:, None],
                high[inside][:, None],
                at_risk,
                event,
            )
        )
    return Joint(family, tuple(blocks), groups, x.shape[1], w.shape[1], dimension)


class Terms(NamedTuple):
    """Each row's log-likelihood given u and its derivatives, (n, q)."""

    llf: np.ndarray
    mu: np.ndarray  # in xβ + sd·u
    log_scale: np.ndarray
    ell: np.ndarray  # in wα + γu
    log_shape: np.ndarray
    mu_mu: np.ndarray  # of the duration's own part
    hazard: np.ndarray  # minus the second derivative in wα + γu, without the variance within intervals


@np.errstate(all="ignore")  # at nodes far out, where u has no weight, densities are 0 and hazards huge
def terms_of(family: Family, block: Block, part: Parameters, u: np.ndarray, places: int) -> Terms:
    """Evaluate the rows at `u` (n, q, d), with `places` for the integral within an interval."""
    tau = np.exp(-part.log_scale)
    mu = (block.x @ part.beta)[:, None] + part.sd * u[..., 0]
    ell = (block.w @ part.alpha)[:, None] + u @ np.array([part.gamma, part.omega])[: u.shape[-1]]
    found = Terms(*np.zeros((len(Terms._fields), *mu.shape)))

    rows = block.sample.order
    eta = tau * mu[rows]
    own = row_terms(family, block.sample, eta, tau)
    found.llf[rows] = own.llf
    found.mu[rows] = tau * own.eta
    found.log_scale[rows] = -tau * own.tau - eta * own.eta
    found.mu_mu[rows] = tau**2 * own.eta_eta

    known = np.isfinite(block.at_risk)
    last = np.where(known, block.at_risk, 0.0)[:, None]
    hazard = known[:, None] * np.exp(np.minimum(part.shape * last + ell, HUGE))
    event = block.retreated[:, None]
    found.llf[:] += event * (np.log(part.shape) + (part.shape - 1) * last + ell) - hazard
    found.ell[:] = event - hazard
    found.log_shape[:] = event * (1 + part.shape * last) - hazard * part.shape * last
    found.hazard[:] = hazard
    if block.inside.size:
        _within(family, block, part, mu[block.inside], ell[block.inside], places, found)
    return found


def _within(
    family: Family, block: Block, part: Parameters, mu: np.ndarray, ell: np.ndarray, places: int, found: Terms
) -> None:
    """Add ln E[S_C(T) | L < T ≤ R] and its derivatives to the rows known to within an interval.

    T(ξ) is where F is F(L) + ξ (F(R) − F(L)). As T(ξ) is steep where an end lies in a tail, ξ = v³(10 − 15v + 6v²), and
    the rule is in v.
    """
    at, weight = np.polynomial.legendre.leggauss(places)
    v = (at + 1) / 2
    share, weight = v**3 * (10 - 15 * v + 6 * v**2), 15 * weight * (v * (1 - v)) ** 2
    sigma = np.exp(part.log_scale)
    a, b = (block.low - mu) / sigma, (block.high - mu) / sigma
    began = np.isfinite(a)
    finite_a, least_z = np.where(began, a, 0.0), np.where(began, a, b - FAR)
    below = began * np.exp(family.log_distribution(finite_a))
    between = np.exp(family.log_distribution(b)) - below
    density_a, density_b = began * np.exp(family.log_density(finite_a)), np.exp(family.log_density(b))
    density_gap = density_b - density_a
    moment_a = finite_a * density_a
    moment_gap = b * density_b - moment_a

    least, total = np.zeros(mu.shape), np.zeros(mu.shape)
    sums = np.zeros((4, *mu.shape))  # of the rate of C, of that times two movements of ln T and times ln T
    for xi, w in zip(share, weight, strict=True):
        z = np.clip(family.quantile(below + xi * between), least_z, b)
        density = np.exp(family.log_density(z))
        here = (least_z < z) & (z < b) & (density > TINY)  # else it stands at a bound, whatever the parameters
        log_t = mu + sigma * z
        hazard = np.exp(np.minimum(part.shape * log_t + ell, HUGE))
        if xi == share[0]:
            least = hazard
        mass = w * np.exp(least - hazard)
        total += mass
        mass *= hazard
        sums[0] += mass
        sums[1] += mass * np.where(here, 1 - (density_a + xi * density_gap) / density, 0.0)
        sums[2] += mass * np.where(here, z - (moment_a + xi * moment_gap) / density, 0.0)
        sums[3] += mass * log_t
    sums /= total
    rows = block.inside
    found.llf[rows] += np.log(total) - least
    found.mu[rows] -= part.shape * sums[1]
    found.log_scale[rows] -= part.shape * sigma * sums[2]
    found.ell[rows] -= sums[0]
    found.log_shape[rows] -= part.shape * sums[3]
    found.hazard[rows] = sums[0]


class Centre(NamedTuple):
    """Where each patient's (u, v) is given her rows: the mode (g, d) and a root (g, d, d) of the inverse curvature."""

    mode: np.ndarray
    root: np.ndarray


def centre_of(joint: Joint, theta: np.ndarray, start: np.ndarray, places: int) -> Centre:
    """Find the modes from `start` (g, d) by Newton's method, halving steps that do not help."""
    part = joint.split(theta)
    found = [_centre(joint.family, block, part, start[block.patients], places) for block in joint.blocks]
    return Centre(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _centre(family: Family, block: Block, part: Parameters, u: np.ndarray, places: int) -> Centre:
    d = u.shape[1]
    of_t, of_c = np.array([part.sd, 0.0])[:d], np.array([part.gamma, part.omega])[:d]
    pairs_t, pairs_c = np.outer(of_t, of_t).ravel(), np.outer(of_c, of_c).ravel()

    def at(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        terms = terms_of(family, block, part, u[block.who][:, None], places)
        slope = terms.mu * of_t + terms.ell * of_c
        concave = np.minimum(np.nan_to_num(terms.mu_mu), 0.0)  # as it is but for rounding in the far tails
        bend = terms.hazard * pairs_c - concave * pairs_t
        sums = np.add.reduceat(np.hstack([terms.llf, slope, bend]), block.starts)
        curvature = np.eye(d) + sums[:, 1 + d :].reshape(-1, d, d)
        return sums[:, 0] - (u * u).sum(axis=1) / 2, sums[:, 1 : 1 + d] - u, curvature

    value, slope, curvature = at(u)
    length = np.ones(len(u))
    for _ in range(MODE_STEPS):
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        far = (step * slope).sum(axis=1) > CLOSE**2
        if not (far & (length > 1e-9)).any():
            break
        tried = u + np.where(far, length, 0.0)[:, None] * step
        there = at(tried)
        better = far & (there[0] >= value)
        length = np.where(better, 1.0, length / 2)
        u, slope = (np.where(better[:, None], *pair) for pair in ((tried, u), (there[1], slope)))
        value = np.where(better, there[0], value)
        curvature = np.where(better[:, None, None], there[2], curvature)
    return Centre(u, np.linalg.inv(np.linalg.cholesky(curvature)).transpose(0, 2, 1))


class Evaluation(NamedTuple):
    """The log-likelihood at some parameters."""

    llf: float
    scores: np.ndarray  # (g, p)
    mean: np.ndarray  # (g, d) of (u, v) given the patient's rows
    square: np.ndarray  # (g, d) of their squares


def evaluate(joint: Joint, theta: np.ndarray, centre: Centre, nodes: int, places: int) -> Evaluation:
    """Integrate every patient's (u, v) out at `theta`."""
    part, d = joint.split(theta), joint.dimension
    rule = adaptive_rule(nodes, d)
    found = []
    for block in joint.blocks:
        root = centre.root[block.patients]
        u = centre.mode[block.patients][:, None] + np.einsum("pij,qj->pqi", root, rule.node)
        rows = u[block.who]
        terms = terms_of(joint.family, block, part, rows, places)
        log_share = np.add.reduceat(terms.llf, block.starts) + rule.log_weight - (u * u).sum(axis=-1) / 2
        high = log_share.max(axis=1, keepdims=True)
        share = np.exp(log_share - high)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        own = share[block.who]
        mu, ell = terms.mu * own, terms.ell * own
        scale = () if joint.family.fixed_scale else ((terms.log_scale * own).sum(axis=1),)
        by_row = np.column_stack(
            [
                block.x * mu.sum(axis=1)[:, None],
                *scale,
                part.sd * (mu * rows[..., 0]).sum(axis=1),
                block.w * ell.sum(axis=1)[:, None],
                (terms.log_shape * own).sum(axis=1),
                (ell[..., None] * rows).sum(axis=1),
            ]
        )
        log_root = np.log(np.abs(np.linalg.det(root)))
        llf = (high + np.log(total))[:, 0] + log_root - 0.5 * d * np.log(2 * np.pi)
        scores = np.add.reduceat(by_row, block.starts)
        found.append((llf, scores, (share[..., None] * u).sum(axis=1), (share[..., None] * u * u).sum(axis=1)))
    llf, scores, mean, square = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Evaluation(float(llf.sum()), scores, mean, square)
