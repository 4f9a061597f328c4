"""Paired differences of outcomes.

Two strategies met the same patients with the same luck, so the Monte Carlo standard error of their difference is
SD(u_a − u_b)/√n, u the contributions of each patient (`simulation.outcomes`).
"""

from __future__ import annotations

import numpy as np

from ..simulation.outcomes import OUTCOMES, Estimate, Outcome, estimate, standard_error

__all__ = ["OUTCOMES", "Estimate", "Outcome", "estimate", "paired", "standard_error"]


def paired(a: Estimate, b: Estimate) -> dict[str, float]:
    """Difference a − b, its Monte Carlo standard error, and how much variance the pairing saved.

    Returns
    -------
    dict
        ``difference``, ``mcse``, ``lower`` and ``upper`` (95%, ±1.96 mcse) and ``variance_reduction``: the variance of
        the difference had the two arms been independent, over the paired one.
    """
    difference, mcse = a.value - b.value, standard_error(a.influence - b.influence)
    independent = a.mcse**2 + b.mcse**2
    return {
        "difference": difference,
        "mcse": mcse,
        "lower": difference - 1.96 * mcse,
        "upper": difference + 1.96 * mcse,
        "variance_reduction": independent / mcse**2 if mcse > 0 else np.nan,
    }
