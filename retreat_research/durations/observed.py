"""What the duration models take from cycles: the intervals of the cycles with a response, and their weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..cycles import Cycles
from ..errors import FitError, must, must_all


class Observed(NamedTuple):
    """The cycles that have a duration and a positive weight, one row each."""

    rows: np.ndarray  # (n,) positions in `cycles.frame`
    lower: np.ndarray  # (n,) weeks
    upper: np.ndarray  # (n,) weeks, inf where right-censored
    weight: np.ndarray  # (n,) positive


def observe(cycles: Cycles, weights: ArrayLike | None) -> Observed:
    """Select the rows of `cycles` that are fitted; `weights` has one entry for each row of `cycles`."""
    must(isinstance(cycles, Cycles), f"`cycles` must be Cycles, not {type(cycles).__name__}", "see rr.Cycles")
    lower, upper = cycles.lower, cycles.upper
    if weights is None:
        weight = np.ones(len(cycles))
    else:
        weight = np.asarray(weights, dtype=float)
        must(weight.shape == (len(cycles),), f"`weights` has shape {weight.shape}, not ({len(cycles)},): one per cycle")
        must_all(np.isfinite(weight) & (weight >= 0), "`weights` must be finite and not negative")
    rows = np.flatnonzero(np.isfinite(lower) & (weight > 0))
    if rows.size == 0:
        raise FitError(
            f"there is no duration to fit: none of the {len(cycles)} cycles has a response and a positive weight"
        )
    return Observed(rows, lower[rows], upper[rows], weight[rows])
