"""Survival, quantiles and restricted means of fitted durations, with delta-method intervals.

Each function returns the estimate and its gradient in (μ, log σ), where ln T = μ + σz, for every row of new data
(axis 0) and every week or share asked for (axis 1), on the scale on which the interval is symmetric.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .families import Family

TAIL = 1e-18  # z below this share of the distribution, or above it, is outside the bulk
PANELS, NODES = 32, 16  # Gauss–Legendre in z: a panel of the bulk is at most 2.6 wide, the relative error below 1e-9


class Curve(NamedTuple):
    """An estimate on a scale where its interval is symmetric; all arrays of shape (rows, columns)."""

    value: np.ndarray
    by_location: np.ndarray  # derivative in μ
    by_log_scale: np.ndarray  # derivative in log σ


def survival_scale(family: Family, location: np.ndarray, scale: float, weeks: np.ndarray) -> Curve:
    """z = (ln t − μ)/σ: the complementary log-log of S for Weibull, minus its logit for log-logistic."""
    with np.errstate(divide="ignore"):
        z = (np.log(weeks)[None, :] - location[:, None]) / scale
    return Curve(z, np.full_like(z, -1 / scale), -z)


def log_quantile(family: Family, location: np.ndarray, scale: float, p: np.ndarray) -> Curve:
    """ln t_p = μ + σ z_p."""
    spread = np.broadcast_to(scale * family.quantile(p)[None, :], (location.size, p.size))
    return Curve(location[:, None] + spread, np.ones_like(spread), spread)


def log_rmst(family: Family, location: np.ndarray, scale: float, weeks: np.ndarray) -> Curve:
    """ln ∫_0^τ S(t) dt, by Gauss–Legendre panels in z = (ln t − μ)/σ.

    Below the bulk S is 1; the bulk and what lies above it, where S falls like an exponential or faster, have panels of
    their own.
    """
    end = (np.log(weeks)[None, :] - location[:, None]) / scale
    tail = family.quantile(np.array([TAIL]))[0]
    begin = np.minimum(tail, end)
    middle = np.clip(-tail, begin, end)
    total = np.exp(location[:, None] + scale * begin)
    by_location, by_log_scale = np.zeros_like(total), np.zeros_like(total)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    for start, stop in ((begin, middle), (middle, end)):
        width = (stop - start)[..., None, None] / PANELS
        z = start[..., None, None] + width * (np.arange(PANELS)[:, None] + (nodes + 1) / 2)
        weeks_at_z = np.exp(location[:, None, None, None] + scale * z) * (width * weights / 2)
        with np.errstate(over="ignore"):  # far above the bulk of a Weibull
            density, survival = np.exp(family.log_density(z)), np.exp(family.log_survival(z))
        density *= weeks_at_z
        total += scale * (weeks_at_z * survival).sum((-2, -1))
        by_location += density.sum((-2, -1))
        by_log_scale += scale * (z * density).sum((-2, -1))
    return Curve(np.log(total), by_location / total, by_log_scale / total)
