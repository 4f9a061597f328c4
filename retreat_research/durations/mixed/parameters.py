"""The parameters of a mixed model as they are reported, θ, and as its likelihood is climbed in, φ.

θ = (β, log σ, log sd) with a random intercept, and (β, log σ, log sd, log sd slope, atanh corr) with a slope; without
log σ where the family fixes it. φ = (β/σ, 1/σ, Λ) with ΛΛᵀ = Σ/σ², see `mixed_likelihood`.
"""

from __future__ import annotations

import numpy as np

from ..families import Family
from ..result import LOG_SCALE

SPREADS = {1: ("log(sd)",), 2: ("log(sd)", "log(sd slope)", "atanh(corr)")}


def names_of(family: Family, dimension: int) -> tuple[str, ...]:
    """The names of θ after β."""
    return (*(() if family.fixed_scale else (LOG_SCALE,)), *SPREADS[dimension])


def split(theta: np.ndarray, k: int, family: Family) -> tuple[np.ndarray, complex | float, np.ndarray]:
    """β, σ and what says how patients differ."""
    scale = 1.0 if family.fixed_scale else np.exp(theta[k])
    return theta[:k], scale, theta[k + (not family.fixed_scale) :]


def root_of(spread: np.ndarray) -> np.ndarray:
    """The Cholesky factor (d, d) of the random effects' covariance Σ."""
    if spread.size == 1:
        return np.exp(spread).reshape(1, 1)
    sd, slope, corr = np.exp(spread[0]), np.exp(spread[1]), np.tanh(spread[2])
    return np.array([[sd, 0 * sd], [corr * slope, slope * np.sqrt(1 - corr**2)]])


def phi_of(theta: np.ndarray, k: int, family: Family) -> np.ndarray:
    """φ at θ; analytic, so that complex steps give derivatives."""
    beta, scale, spread = split(theta, k, family)
    root = root_of(spread) / scale
    return np.array([*(beta / scale), 1 / scale, *root[np.tril_indices(len(root))]])


def jacobian(theta: np.ndarray, k: int, family: Family) -> np.ndarray:
    """∂φ/∂θ (m, p) by complex steps, exact to rounding; 0 for what is on its boundary."""
    columns = [phi_of(theta + 1e-30j * unit, k, family).imag / 1e-30 for unit in np.eye(theta.size)]
    return np.stack(columns, axis=-1)


def theta_of(
    beta: np.ndarray, scale: float, root: np.ndarray, centre: float, spread: float, family: Family
) -> np.ndarray:
    """θ, from the factor `root` (d, d) of the effects of (1, (s − centre)/spread)."""
    log_scale = () if family.fixed_scale else (np.log(scale),)
    with np.errstate(divide="ignore"):
        if len(root) == 1:
            return np.array([*beta, *log_scale, np.log(abs(root[0, 0]))])
        slope = root[1] / spread
        intercept = root[0] - centre * slope
        sd, sd_slope = np.hypot(*intercept), np.hypot(*slope)
        corr = 0.0 if sd == 0 or sd_slope == 0 else float(np.clip(intercept @ slope / (sd * sd_slope), -1, 1))
        if root[1, 1] == 0 and corr != 0:
            corr = np.sign(corr)
        return np.array([*beta, *log_scale, np.log(sd), np.log(sd_slope), np.arctanh(corr)])


def interior(theta: np.ndarray) -> np.ndarray:
    """Which parameters are not on their boundary, bool (p,); a correlation of nothing is."""
    inside = np.isfinite(theta)
    if not inside.all() and theta[-1] == 0:
        inside[-1] = False
    return inside
