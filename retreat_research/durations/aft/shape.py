"""Accelerated failure time models whose family has a shape: the likelihood's ridge is followed to its top.

At a fixed shape the log-likelihood is concave in location and scale, and `climb` finds its maximum. Along these maxima
one dimension is left; there, Newton's method looks for the root of the slope, kept between where it rises and falls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import FitError
from ..families import WEIBULL, Family, Shaped
from ..likelihood import row_terms
from ..newton import DECREMENT, FLAT, Peak
from ..observed import Observed
from ..result import LOG_SCALE
from .maximum import Columns, Maximum, Rows, columns_of, middles_of, peak_near, reported, rows_of

#: Central differences in the shape over seven places this far apart; rows are smooth in it, and errors near 1e-10.
STEP = 0.01
FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * STEP)
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / (180 * STEP**2)
STEPS = 60
LONGEST = 1.0  # step in the shape


class Place(NamedTuple):
    """The maximum at one shape, and how the log-likelihood rises there along the maxima."""

    shape: float
    location: np.ndarray  # (k,)
    scale: float
    peak: Peak
    scores: np.ndarray  # (p, n), weighted, in (δ, τ, shape), without τ where it is fixed
    information: np.ndarray  # (p, p)
    slope: float
    bend: float  # minus the second derivative

    @property
    def gain(self) -> float:
        """Twice what the log-likelihood would gain by Newton's step."""
        return self.slope**2 / self.bend if self.bend > 0 else np.inf


def maximise_shape(shaped: Shaped, data: Observed, matrix: np.ndarray, names: tuple[str, ...]) -> Maximum:
    """Find the maximum over location, scale and shape."""
    rows = rows_of(data)
    columns = columns_of(matrix[rows.row], names)
    at = _top(shaped, rows, columns, _place(shaped, rows, columns, *_best_start(shaped, rows, columns)))
    fixed = len(at.peak.information) == at.location.size
    extra = (shaped.parameter,) if fixed else (LOG_SCALE, shaped.parameter)
    other = np.array([at.shape] if fixed else [np.log(at.scale), at.shape])
    return reported(data, rows, columns, at.location, at.peak, extra, other, at.information, at.scores)


def _best_start(shaped: Shaped, rows: Rows, columns: Columns) -> tuple[float, np.ndarray, float]:
    """Shape, location and scale of the highest maximum at a shape to start from; if none has one, why not."""
    middles = middles_of(rows, columns)
    found: list[tuple[float, float, np.ndarray, float]] = []
    for shape in shaped.starts(max(middles.spread, 1e-6)):
        family = shaped.at(shape)
        try:
            location, scale, peak = _peak(family, rows, columns, *middles.start(family))
        except FitError as error:
            reason = error
        else:
            found.append((peak.llf, shape, location, scale))
    if not found:
        raise reason
    return max(found, key=lambda one: one[0])[1:]


def _peak(
    family: Family, rows: Rows, columns: Columns, start: np.ndarray, scale: float
) -> tuple[np.ndarray, float, Peak]:
    """`peak_near`; where a shape fixes the scale, it cannot say that it is a scale that runs away, and Weibull can."""
    try:
        return peak_near(family, rows, columns, start, scale)
    except FitError:
        peak_near(WEIBULL, rows, columns, *middles_of(rows, columns).start(WEIBULL))
        raise


def _top(shaped: Shaped, rows: Rows, columns: Columns, at: Place) -> Place:
    unit = float(np.abs(rows.weight).mean())
    below, above = -np.inf, np.inf
    for _ in range(STEPS):
        if at.gain <= DECREMENT * unit:
            if at.bend <= FLAT * unit:
                raise FitError(_flat(shaped))
            return at
        below, above = (at.shape, above) if at.slope > 0 else (below, at.shape)
        step = at.slope / at.bend if at.bend > 0 else np.copysign(np.inf, at.slope)
        shape = at.shape + float(np.clip(step, -LONGEST, LONGEST))
        if not below < shape < above:
            shape = (below + above) / 2
        if abs(shape) > shaped.limit:
            raise FitError(_beyond(shaped, shape))
        at = _place(shaped, rows, columns, shape, at.location, at.scale)
    raise FitError(_flat(shaped))


def _place(shaped: Shaped, rows: Rows, columns: Columns, shape: float, start: np.ndarray, scale: float) -> Place:
    """Climb at `shape` and difference the rows in it."""
    location, scale, peak = _peak(shaped.at(shape), rows, columns, start, scale)
    delta, tau = peak.theta[:-1], peak.theta[-1]
    sample, eta, free = rows.sample.shifted(start @ columns.q), delta @ columns.q, len(peak.information)
    first = np.zeros((3, eta.size))  # derivatives in the shape of a row's log-likelihood and of its η and τ scores
    second = np.zeros(eta.size)
    with np.errstate(all="ignore"):
        for j in range(-3, 4):
            moved = row_terms(shaped.at(shape + j * STEP), sample, eta, tau)
            first += FIRST[j + 3] * np.array([moved.llf, moved.eta, moved.tau])
            second += SECOND[j + 3] * moved.llf
    cross = -np.append(columns.q @ (rows.weight * first[1]), rows.weight @ first[2])[:free]
    information = np.zeros((free + 1, free + 1))
    information[:free, :free] = peak.information
    information[:free, free] = information[free, :free] = cross
    information[free, free] = -rows.weight @ second
    scores = np.vstack([peak.scores()[:free], rows.weight * first[0]])
    gradient = scores.sum(axis=1)
    along = np.linalg.solve(peak.information, np.column_stack([cross, gradient[:free]]))
    slope, bend = gradient[free] - cross @ along[:, 1], information[free, free] - cross @ along[:, 0]
    return Place(shape, location, scale, peak, scores, information, float(slope), float(bend))


def _flat(shaped: Shaped) -> str:
    return (
        f"the cycles do not tell the shape {shaped.parameter} of the {shaped.name} family: the log-likelihood hardly "
        "changes with it; use a family without a shape, such as lognormal or weibull, or narrower intervals"
    )


def _beyond(shaped: Shaped, shape: float) -> str:
    end = f"{'above' if shape > 0 else 'below'} {np.copysign(shaped.limit, shape):g}"
    return (
        f"no finite estimate for {shaped.parameter}: the log-likelihood still rises {end}; "
        f"the {shaped.name} family does not suit these durations, use another"
    )
