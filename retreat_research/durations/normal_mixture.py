"""Durations over patients whose log durations differ normally."""

from __future__ import annotations

import numpy as np

from ..errors import must
from .families import LOGNORMAL, Family
from .quadrature import Rule, even_rule

MOST = 1000  # σ_b/σ: nodes grow with it
#: The trapezium rule over patients: at most so much of σ and of the SD between nodes, and so many SDs to either side.
#: Errors in S are below 1e-10 for σ_b/σ from 0.01 to 20.
STEP, STEP_OF_SD, REACH = 0.4, 0.5, 9.0


def mixing_rule(sd: float, scale: float) -> Rule:
    """A rule in SDs of patients who differ by `sd`, fine enough for what is as steep as scale · z."""
    possible = scale > 0 and sd <= MOST * scale
    must(bool(possible), f"patients cannot differ more than {MOST} times as much as cycles of a patient do")
    return even_rule(min(STEP_OF_SD, STEP * scale / max(sd, 1e-300)), REACH)


def over_patients(
    family: Family, log_weeks: np.ndarray, location: np.ndarray, scale: float, sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """log S and the log density of ln T = location + b + scale · z, b normal with SD `sd`.

    Parameters
    ----------
    log_weeks : float array that broadcasts to (rows, m)
    location, sd : float array (rows, 1)
    scale : float

    Returns
    -------
    tuple of float array (rows, m)
    """
    with np.errstate(all="ignore"):  # far above the bulk, and at weeks 0 and inf
        if family is LOGNORMAL:  # normal within and between: normal in all
            wider = np.hypot(scale, sd)
            z = (log_weeks - location) / wider
            return family.log_survival(z), family.log_density(z) - np.log(wider)
        rule = mixing_rule(float(sd.max()), scale)
        share = np.exp(-0.5 * rule.node[:, 0] ** 2)
        log_share = np.log(share / share.sum())[:, None, None]
        z = ((log_weeks - location) - sd * rule.node[:, :, None]) / scale
        return (
            log_sum_exp(family.log_survival(z) + log_share),
            log_sum_exp(family.log_density(z) + log_share) - np.log(scale),
        )


def log_sum_exp(logs: np.ndarray) -> np.ndarray:
    """Over the first axis; −inf where all are."""
    top = np.maximum(logs.max(axis=0), -np.finfo(float).max)
    return np.log(np.exp(logs - top).sum(axis=0)) + top
