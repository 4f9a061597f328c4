"""Residuals of fitted durations, from the model's own curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from ...cycles import Cycles
from ..likelihood import NARROW
from ..nonparametric.turnbull import Turnbull, TurnbullResult

if TYPE_CHECKING:
    from ..result import DurationResult

SMALLEST, LARGEST = 1e-300, 1e300  # cumulative hazards that underflow or overflow still have an order


class CoxSnell(NamedTuple):
    """Cumulative hazards at the ends of the intervals: unit exponential and censored alike, if the model is right."""

    lower: np.ndarray  # (n,)
    upper: np.ndarray  # (n,), inf where right-censored
    turnbull: TurnbullResult
    at: np.ndarray  # (m,) where the estimate is unique
    estimate: np.ndarray  # (m,) S there

    @property
    def distance(self) -> float:
        """max |S − exp(−residual)| where the estimate is unique."""
        return float(np.abs(self.estimate - np.exp(-self.at)).max())


def log_likelihood_of_curves(fit: DurationResult, theta: np.ndarray) -> float:
    """Σ w log P(lower < T ≤ upper | T > entry) at parameters `theta`, if rows are independent: from curves alone."""
    data = fit.data
    with np.errstate(divide="ignore"):
        ends = np.log(np.column_stack([data.lower, data.upper]))
    exact = ends[:, 1] - ends[:, 0] <= NARROW
    middle = np.where(exact, ends.mean(axis=1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = fit._curves(theta, fit._fitted_rows(), ends, "marginal")[0]
        density = fit._curves(theta, fit._fitted_rows(), middle[:, None], "marginal")[1][:, 0]
        width = np.where(data.upper > data.lower, np.log(ends[:, 1] - ends[:, 0]), -middle)
        first = np.where(data.lower > 0, survival[:, 0], 0.0)
        last = np.where(np.isfinite(data.upper), survival[:, 1], -np.inf)
        between = first + np.log1p(-np.exp(last - first))
        known = fit._curves(theta, fit._fitted_rows(), np.log(data.entry)[:, None], "marginal")[0][:, 0]
    value = np.where(exact, density + width, between) - np.where(data.entry > 0, known, 0.0)
    return float(data.weight @ value)


def cumulative_hazards(fit: DurationResult) -> tuple[np.ndarray, np.ndarray]:
    """H(lower) and H(upper) of each row over patients, less H(entry)."""
    data = fit.data
    with np.errstate(divide="ignore"):
        bounds = np.log(np.column_stack([data.entry, data.lower, data.upper]))
    with np.errstate(invalid="ignore"):
        hazard = np.nan_to_num(
            -fit._curves(fit.estimate, fit._fitted_rows(), bounds, "marginal")[0], nan=np.inf, posinf=np.inf
        )
    hazard[data.entry == 0, 0] = 0.0
    entry, lower, upper = hazard.T
    lower = np.minimum(np.where(data.lower > data.entry, lower - entry, 0.0), LARGEST)
    upper = np.where(np.isinf(data.upper), np.inf, np.clip(upper - entry, SMALLEST, LARGEST))
    return lower, np.maximum(lower, upper)


def cox_snell(lower: np.ndarray, upper: np.ndarray, weight: np.ndarray) -> CoxSnell:
    """Judge cumulative hazards by their own Turnbull estimate."""
    found = Turnbull().fit(Cycles(lower, upper), weight)
    at = np.unique(np.concatenate([found.left, found.right[np.isfinite(found.right)]]))
    curve = found.survival(at)
    unique = (curve["survival"] - curve["survival_low"]).abs().to_numpy() < 1e-12
    return CoxSnell(lower, upper, found, at[unique], curve["survival"].to_numpy()[unique])


def quantile_residuals(lower: np.ndarray, upper: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal if the model is right: Φ⁻¹ of a number drawn uniformly from where S of the row can be.

    Notes
    -----
    Dunn and Smyth's randomised quantile residuals [1]_, for intervals. Of a duration in a wide interval,
    much of the residual is drawn: it then says little for or against the model.

    References
    ----------
    .. [1] Dunn PK, Smyth GK (1996). Randomized quantile residuals. J Comput Graph Stat 5:236-244.
       doi:10.1080/10618600.1996.10474708
    """
    high, low = np.exp(-lower), np.exp(-upper)  # survival
    survival = low + (high - low) * rng.uniform(size=lower.size)
    return -ndtri(np.clip(survival, 1e-300, 1 - 1e-16))


def distance_from_normal(z: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The largest difference between the distribution of `z` and the standard normal one."""
    from scipy.special import ndtr

    order = np.argsort(z)
    share = np.ones(z.size) if weight is None else weight[order]
    after = np.cumsum(share) / share.sum()
    expected = ndtr(z[order])
    return float(max(np.max(after - expected), np.max(expected - np.append(0.0, after[:-1]))))
