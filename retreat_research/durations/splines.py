"""Natural cubic splines in ln t for cumulative hazards: a basis, where it rises least, and knots from the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import must
from .nonparametric.intervals import innermost_intervals
from .nonparametric.npmle import maximise
from .observed import Observed

BISECTIONS = 55  # of the distance between the outer knots: to its last digit
PARTS = 64  # of the distance between two knots; with 16, held slopes cost the log-likelihood 0.5 in a hard case
#: Inner ones. Harrell (2015, section 2.4.6) finds no use for more than 5 beside the outer two; work and memory grow as
#: their square.
MOST_KNOTS = 50
OUTER = (0.05, 0.95)  # quantiles of the outer knots with 4 or more of them: Harrell (2015), table 2.3


class Spline(NamedTuple):
    """A basis of m − 1 functions at some places, and its derivatives in x, each of shape (m − 1, *x.shape)."""

    value: np.ndarray
    slope: np.ndarray
    bend: np.ndarray


def natural_spline(x: np.ndarray, knots: np.ndarray) -> Spline:
    """The natural cubic splines with these knots, without the constant.

    Parameters
    ----------
    x : float array, any shape
        Usually ln t.
    knots : float array (m,), increasing, m ≥ 2
        The outer two included. Below the first and above the last all functions are straight lines.

    Returns
    -------
    Spline
        The first function is x itself; the others, one for each inner knot, are 0 below the first knot.

    Notes
    -----
    The basis of Royston and Parmar [1]_: x and v_j(x) = (x − k_j)₊³ − λ_j (x − k_min)₊³ − (1 − λ_j)(x − k_max)₊³ with
    λ_j = (k_max − k_j)/(k_max − k_min), so that coefficients compare with those of R's
    ``flexsurv::flexsurvspline(scale = "hazard")``. Above the last knot the straight line is used, where the cubes
    would cancel. The columns differ in size: scale them before solving with them.

    References
    ----------
    .. [1] Royston P, Parmar MKB (2002). Flexible parametric proportional-hazards and proportional-odds models for
       censored survival data. Stat Med 21:2175-2197. doi:10.1002/sim.1203

    Examples
    --------
    >>> basis = natural_spline(np.array([0.0, 1.0, 5.0]), np.array([0.0, 1.0, 2.0]))
    >>> basis.value
    array([[  0. ,   1. ,   5. ],
           [  0. ,  -0.5, -12. ]])
    """
    x, knots = np.asarray(x, dtype=float), np.asarray(knots, dtype=float)
    first, last = knots[0], knots[-1]
    inner = knots[1:-1].reshape(-1, *(1,) * x.ndim)
    share = (last - inner) / (last - first)
    inside = np.clip(x, first, last)
    above, over = np.maximum(inside - inner, 0.0), inside - first
    bend = 6 * (above - share * over)
    slope = 3 * (above**2 - share * over**2)
    value = above**3 - share * over**3 + slope * np.maximum(x - last, 0.0)
    line = x[None]
    return Spline(
        np.concatenate([line, value]),
        np.concatenate([np.ones_like(line), slope]),
        np.concatenate([np.zeros_like(line), bend]),
    )


def spline_at(coefficients: np.ndarray, knots: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope at `x`, which may be infinite, of a spline that rises: its coefficients times the basis."""
    inside = np.clip(x, knots[0], knots[-1])
    basis = natural_spline(inside, knots)
    slope = np.tensordot(coefficients, basis.slope, axes=1)
    with np.errstate(invalid="ignore"):
        return np.tensordot(coefficients, basis.value, axes=1) + slope * (x - inside), slope


def spline_inverse(coefficients: np.ndarray, knots: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Where a spline that rises takes each `value`; by bisection between the outer knots, exactly beyond them."""
    low, high = np.full_like(value, knots[0]), np.full_like(value, knots[-1])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        under = spline_at(coefficients, knots, middle)[0] < value
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    ends, slope = spline_at(coefficients, knots, knots[[0, -1]])
    below, above = (knots[[0, -1], None] + (value.ravel() - ends[:, None]) / slope[:, None]).reshape(2, *value.shape)
    return np.select([value < ends[0], value > ends[1]], [below, above], (low + high) / 2)


def slowest(coefficients: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Where between each two neighbouring knots the spline rises least, (m − 1,).

    Its slope is a parabola there, and level beyond the outer knots; so if it rises at these places it rises
    everywhere. The slope there is concave in the coefficients, with the basis's ``slope`` there as its gradient.

    Parameters
    ----------
    coefficients : float array (m − 1,)
        Of `natural_spline`.
    knots : float array (m,)
    """
    basis = natural_spline(knots, knots)
    slope, bend = coefficients @ basis.slope, coefficients @ basis.bend
    left, right = bend[:-1], bend[1:]
    ends = np.where(slope[:-1] <= slope[1:], knots[:-1], knots[1:])
    dips = (left < 0) & (right > 0)
    down = np.where(dips, left / np.where(dips, left - right, 1.0), 0.0)  # the share of the way at which it turns
    return np.where(dips, knots[:-1] + down * np.diff(knots), ends)


def slopes_to_hold(knots: np.ndarray) -> np.ndarray:
    """Combinations of the coefficients, (m − 1, c): the spline rises everywhere if ``coefficients @ these`` > 0.

    Notes
    -----
    Between two knots the slope is a parabola. It is positive between two places a and b if its Bernstein coefficients
    are, s′(a), s′(a) + s″(a)(b − a)/2 and s′(b); the more places, the less is asked beyond that [1]_. Beyond the outer
    knots the slope is level.

    References
    ----------
    .. [1] Farouki RT (2012). The Bernstein polynomial basis: a centennial retrospective. Comput Aided Geom Des
       29:379-419. doi:10.1016/j.cagd.2012.03.001
    """
    places = np.append(np.linspace(knots[:-1], knots[1:], PARTS, endpoint=False).T.ravel(), knots[-1])
    basis = natural_spline(places, knots)
    return np.hstack([basis.slope, basis.slope[:, :-1] + basis.bend[:, :-1] * np.diff(places) / 2])


def inverse_where_held(information: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The covariance (p, p) of estimates that cannot move along `held` (h, j), gradients in the first j of them."""
    if not len(held):
        return np.linalg.inv(information)
    from scipy.linalg import null_space

    free = null_space(np.hstack([held, np.zeros((len(held), len(information) - held.shape[1]))]))
    return free @ np.linalg.inv(free.T @ information @ free) @ free.T


def knots_from_data(data: Observed, inner: int) -> np.ndarray:
    """Place `inner` + 2 knots at quantiles of the durations: evenly from 5% to 95%, of Turnbull's estimate.

    Each mass of the estimate is spread evenly over its innermost interval, and durations beyond the last bound are
    left out, as Royston and Parmar's quantiles of the uncensored leave them out.

    Returns
    -------
    float array (inner + 2,), ln weeks
        Increasing.

    Raises
    ------
    InputError
        If the durations take too few values to tell so many knots apart.

    References
    ----------
    Harrell FE (2015). Regression Modeling Strategies, 2nd ed, section 2.4.6. doi:10.1007/978-3-319-19425-7
    """
    region = innermost_intervals(data.lower, data.upper)
    mass = maximise(region, data.weight).mass
    seen = (mass > 0) & np.isfinite(region.right)
    ends = np.cumsum(mass[seen]) / mass[seen].sum()
    share = np.column_stack([np.append(0.0, ends[:-1]), ends]).ravel()
    week = np.column_stack([region.left[seen], region.right[seen]]).ravel()
    knots = np.log(np.interp(np.linspace(*OUTER, inner + 2), share, week))
    must(
        bool((np.diff(knots) > 0).all()),
        f"the durations take too few values for {inner} inner knots",
        "ask for fewer, or give `knots` in weeks",
    )
    return knots
