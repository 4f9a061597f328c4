"""Where the likelihood of an accelerated failure time model is largest, in the parameters that are reported."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import FitError
from ..design import must_be_independent, names_text
from ..families import Family
from ..likelihood import Sample, middle_of, sample_of
from ..newton import CERTAIN, NO_SCALE, Peak, climb
from ..observed import Observed
from ..result import LOG_SCALE

NO_LENGTH = (
    "no finite estimate for Intercept: all losses of effect may have come directly after `entry`, so how long effect "
    "lasts cannot be told; narrower intervals or earlier entries are needed"
)


class Maximum(NamedTuple):
    """The maximum in p parameters: β, and what the family has besides."""

    extra: tuple[str, ...]  # names of the parameters besides β
    estimate: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)
    scores: np.ndarray  # (p, n'), weighted, of each row; entries are rows of their own
    patient: np.ndarray  # (n',) whose they are
    llf: float
    interval: np.ndarray  # (n',) bool, whether the row is interval-censored
    weight: np.ndarray  # (n',)

    def scores_in_r(self) -> np.ndarray:
        """(p, n'): with the two slips of R, see `AFT`."""
        scores = self.scores / self.weight
        if LOG_SCALE in self.extra:
            scores[-1, self.interval] *= -1
        return scores


class Rows(NamedTuple):
    """What is fitted, sorted by kind; a late entry is a right-censored row of negative weight."""

    sample: Sample
    weight: np.ndarray  # (n,)
    row: np.ndarray  # (n,) where in the data
    interval: np.ndarray  # (n,) bool, whether interval-censored


class Columns(NamedTuple):
    """The design on orthogonal columns of mean square 1: matrix = q.T @ r."""

    names: tuple[str, ...]
    q: np.ndarray  # (k, n)
    r: np.ndarray  # (k, k)


def rows_of(data: Observed) -> Rows:
    """Sort `data`; rows that say nothing are left out."""
    row, weight, lower, upper = np.arange(data.rows.size), data.weight, data.lower, data.upper
    late = np.flatnonzero(data.entry > 0)
    if late.size:
        row, weight = np.concatenate([row, late]), np.concatenate([weight, -weight[late]])
        lower = np.concatenate([lower, data.entry[late]])
        upper = np.concatenate([upper, np.full(late.size, np.inf)])
    sample = sample_of(lower, upper)
    place = np.arange(sample.order.size)
    interval = (place >= sample.ends[0]) & (place < sample.ends[1])
    return Rows(sample, weight[sample.order], row[sample.order], interval)


def columns_of(matrix: np.ndarray, names: tuple[str, ...]) -> Columns:
    """Make the columns orthogonal; an error names those that cannot be told apart."""
    q, r = np.linalg.qr(matrix)
    must_be_independent(names, r)
    root = np.sqrt(len(matrix))
    return Columns(names, np.ascontiguousarray(q.T) * root, r / root)


class Middles(NamedTuple):
    """Least squares of the middles of the intervals, ln weeks."""

    location: np.ndarray  # (k,) on the orthogonal columns
    residual: np.ndarray  # (n,)
    constant: np.ndarray  # (k,) what adds 1 to every row, as well as the columns can

    @property
    def spread(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residual**2)))

    def start(self, family: Family) -> tuple[np.ndarray, float]:
        """A location and scale of `family` with such a mean and spread; with a fixed scale, such a mean of T."""
        scale = self.spread / family.sd
        if family.fixed_scale:
            top = self.residual.max()
            return self.location + (top + np.log(np.exp(self.residual - top).mean())) * self.constant, 1.0
        scale = scale if scale > 1e-6 else 1.0
        return self.location - scale * family.mean * self.constant, scale


def middles_of(rows: Rows, columns: Columns) -> Middles:
    """Of every row; of one without two ends, its end."""
    middle = middle_of(rows.sample)
    location = columns.q @ middle / middle.size
    return Middles(location, middle - location @ columns.q, columns.q.mean(axis=1))


def peak_near(
    family: Family, rows: Rows, columns: Columns, start: np.ndarray, scale: float
) -> tuple[np.ndarray, float, Peak]:
    """Climb from location `start` and `scale`: the location (k,) and scale found, and the peak around `start`."""
    peak = climb(family, rows.sample.shifted(start @ columns.q), columns.q, rows.weight, 1 / scale)
    if peak.flat is not None:
        raise FitError(_no_maximum(family, peak, columns, scale))
    return start + peak.theta[:-1] / peak.theta[-1], 1 / peak.theta[-1], peak


def maximise(family: Family, data: Observed, matrix: np.ndarray, names: tuple[str, ...]) -> Maximum:
    """Find the maximum on orthogonal columns around a least-squares start."""
    rows = rows_of(data)
    columns = columns_of(matrix[rows.row], names)
    location, scale, peak = peak_near(family, rows, columns, *middles_of(rows, columns).start(family))
    extra = () if family.fixed_scale else (LOG_SCALE,)
    other = np.array([np.log(scale)])[: len(extra)]
    return reported(data, rows, columns, location, peak, extra, other, peak.information, peak.scores())


def reported(
    data: Observed,
    rows: Rows,
    columns: Columns,
    location: np.ndarray,
    peak: Peak,
    extra: tuple[str, ...],
    other: np.ndarray,
    information: np.ndarray,
    scores: np.ndarray,
) -> Maximum:
    """From (δ, τ, shape) to (β, log σ, shape); `information` and `scores` are without τ where it is fixed."""
    k, p = location.size, len(information)
    fixed = len(peak.information) == k
    delta, tau = peak.theta[:-1], peak.theta[-1]
    inverse = np.linalg.inv(columns.r)
    jacobian = np.eye(k + 2)  # of (β, log σ, shape) in (δ, τ, shape)
    jacobian[:k, :k] = inverse / tau
    jacobian[:k, k] = -inverse @ delta / tau**2
    jacobian[k, k] = -1 / tau
    used = np.delete(np.arange(k + 2), k)[:p] if fixed else np.arange(p)
    back = np.linalg.inv(jacobian[np.ix_(used, used)])
    information = back.T @ information @ back
    return Maximum(
        extra,
        np.append(inverse @ location, other),
        (information + information.T) / 2,
        back.T @ scores[:p],
        data.patient[rows.row],
        peak.llf,
        rows.interval,
        rows.weight,
    )


def _no_maximum(family: Family, peak: Peak, columns: Columns, scale: float) -> str:
    """Name what runs away along the flat direction; `scale` is σ at the start."""
    assert peak.flat is not None
    moves = np.linalg.solve(columns.r, peak.flat[:-1] - peak.theta[:-1] * peak.flat[-1] / peak.theta[-1])
    size = np.abs(moves) * np.sqrt(np.mean((columns.r.T @ columns.q) ** 2, axis=1))
    sure = abs(peak.llf) < CERTAIN * np.abs(peak.weight).mean()
    if not family.fixed_scale and (sure or size.max() < 0.1 * scale * abs(peak.flat[-1])):
        return NO_SCALE
    runaway = [name for name, part in zip(columns.names, size, strict=True) if part > 0.1 * size.max()]
    if runaway == ["Intercept"] and peak.weight.min() < 0:
        return NO_LENGTH
    return (
        f"no finite estimate for {names_text(runaway)}: there no cycle lost its effect, or every one had lost it by "
        "its first assessment; merge levels, or leave those cycles out"
    )
