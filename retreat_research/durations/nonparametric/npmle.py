"""The nonparametric maximum of the likelihood of interval-censored durations, with a certificate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import FitError
from .graph import Edges, covered, minimise, spans
from .intervals import Innermost

GOAL = 1e-9  # the relative KKT gap the search stops at
PROMISE = 1e-8  # the largest relative KKT gap that is returned
STEPS = 100  # Newton steps; 10 to 15 are usual
FIRST_STEPS = 3  # of EM, cheap and good far from the maximum
PROXIMAL = 1e-10  # relative; keeps a step unique where the masses are not, and moves no maximum
DUST = 1e-6  # masses below this share of the smallest row's weight are tried without
ROUNDING = 1e-12  # of the relative KKT gap
COUNTING = 8  # cells per row up to which rows are merged by counting instead of sorting


class Maximum(NamedTuple):
    """Where the likelihood is largest."""

    mass: np.ndarray  # (m,) of the innermost intervals, most of them 0
    llf: float
    kkt_gap: float


def maximise(inner: Innermost, weight: np.ndarray, start: np.ndarray | None = None) -> Maximum:
    """Maximise Σ w_i log(p_first + … + p_last) over masses p ≥ 0 that sum to 1.

    Parameters
    ----------
    inner : Innermost
    weight : float array (n,), positive
    start : float array (m,), optional
        Masses to begin at, which leave no row without; they sum to 1.

    Raises
    ------
    FitError
        If no masses are found whose KKT gap is at most 1e-8 of the sum of weights.

    Notes
    -----
    The log-likelihood is concave with gradient D_j = Σ_{i covers j} w_i/P_i, and Σ_j p_j D_j = W, the sum of weights.
    So p is the maximum if and only if no D_j exceeds W, and for any p the log-likelihood is at most
    ``kkt_gap`` = max_j D_j − W below its maximum: the certificate.

    The search is a constrained Newton method on a small support [1]_: add the innermost interval with the largest D_j
    between every two of the support, maximise the quadratic approximation over nonnegative masses, search along the
    line to it, and drop what became 0. Rows that look the same from the support are one edge of its graph.

    References
    ----------
    .. [1] Wang Y (2007). On fast computation of the non-parametric maximum likelihood estimate of a mixing
       distribution. J R Stat Soc B 69:185-198. doi:10.1111/j.1467-9868.2007.00583.x
    """
    m = inner.left.size
    total = weight.sum()
    rows = _merged(inner.first, inner.last + 1, weight / total, m + 1)
    mass = _fewest(inner) if start is None else start
    for _ in range(FIRST_STEPS):
        mass = mass * _gradient(rows, mass)
        mass /= mass.sum()
    gradient = _gradient(rows, mass)
    for _ in range(STEPS):
        if gradient.max() - 1 <= GOAL:
            break
        mass = _newton(rows, mass, gradient)
        gradient = _gradient(rows, mass)
    polished = _newton(rows, mass, gradient)  # quadratic convergence: what was left of the gap goes
    polished[polished < DUST * rows.weight.min()] = 0.0
    after = _gradient(rows, polished)
    if after.max() <= max(gradient.max(), 1 + ROUNDING):
        mass, gradient = polished, after
    gap = gradient.max() - 1
    if not gap <= PROMISE:
        span = np.log10(weight.max() / weight.min())
        raise FitError(
            f"the maximum could not be certified: the KKT gap stays at {gap:.1e} of the sum of weights (weights span "
            f"{span:.0f} orders of magnitude); weights that span fewer than 6 can always be certified"
        )
    return Maximum(mass, float(total * (rows.weight @ np.log(spans(rows, mass)))), float(total * max(gap, 0.0)))


def _merged(start: np.ndarray, end: np.ndarray, weight: np.ndarray, nodes: int) -> Edges:
    """Rows with the same nodes, as one edge with the sum of their weights."""
    key = start * nodes + end
    if nodes**2 <= COUNTING * key.size:
        table = np.bincount(key, weight, nodes**2)
        cell = np.flatnonzero(table)
        summed = table[cell]
    else:
        cell, group = np.unique(key, return_inverse=True)
        summed = np.bincount(group, weight)
    return Edges(cell // nodes, cell % nodes, summed)


def _gradient(rows: Edges, mass: np.ndarray) -> np.ndarray:
    return covered(rows, rows.weight / spans(rows, mass), mass.size)


def _fewest(inner: Innermost) -> np.ndarray:
    """Equal masses on the fewest intervals that leave no row without: the earliest last one, and again after it."""
    m = inner.left.size
    reach = np.full(m + 1, m)
    np.minimum.at(reach, inner.first, inner.last)
    reach = np.minimum.accumulate(reach[::-1])[::-1]
    chosen, at = [], int(reach[0])
    while at < m:
        chosen.append(at)
        at = int(reach[at + 1])
    mass = np.zeros(m)
    mass[chosen] = 1 / len(chosen)
    return mass


def _newton(rows: Edges, mass: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """One Newton step on the support and its best additions."""
    support = _with_peaks(np.flatnonzero(mass), gradient)
    s = support.size
    seen = np.zeros(mass.size + 1, dtype=np.intp)
    seen[support + 1] = 1
    seen = np.cumsum(seen)
    edges = _merged(seen[rows.start], seen[rows.end], rows.weight, s + 1)

    now, slope = mass[support], gradient[support]
    curved = edges._replace(weight=edges.weight / spans(edges, now) ** 2)
    proximal = PROXIMAL * covered(curved, curved.weight, s)
    every = np.arange(s)
    stiff = Edges(*map(np.concatenate, zip(curved, (every, every + 1, proximal), strict=True)))
    step = minimise(stiff, 2 * slope - 1 + proximal * now) - now
    found = np.zeros_like(mass)
    found[support] = _line_search(edges, now, step, slope @ step - step.sum())
    return found / found.sum()


def _with_peaks(support: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The support, and between every two of its members the largest gradient if it is above 1."""
    outside = gradient.copy()
    outside[support] = -np.inf
    starts = support if support[0] == 0 else np.concatenate([[0], support])
    stretch = np.zeros(gradient.size, dtype=np.intp)
    stretch[starts[1:]] = 1
    stretch = np.cumsum(stretch)
    peaks = np.flatnonzero((outside == np.maximum.reduceat(outside, starts)[stretch]) & (outside > 1))
    _, one = np.unique(stretch[peaks], return_index=True)
    return np.union1d(support, peaks[one])


def _line_search(edges: Edges, now: np.ndarray, step: np.ndarray, slope: float) -> np.ndarray:
    """Go along `step` as far as Σ w log P − Σ p rises enough (Armijo); a row without mass is never accepted."""

    def value(mass: np.ndarray) -> float:
        seen = spans(edges, mass)
        return float(edges.weight @ np.log(seen) - mass.sum()) if seen.min() > 0 else -np.inf

    here, length = value(now), 1.0
    while length > 1e-12:
        there = now + length * step
        if value(there) >= here + 1e-4 * length * slope - 1e-14:
            return there
        length *= 0.9 if length == 1.0 else 0.5
    return now
