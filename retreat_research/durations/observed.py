"""What the duration models take from cycles: the intervals of the cycles with a response, and whose they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..cycles import Cycles
from ..errors import FitError, must, must_all, real_numbers, rows_text

HEAVIEST = 1e6  # and its inverse the lightest: rounding and stopping rules leave such weights their digits


class Observed(NamedTuple):
    """The cycles that have a duration and a positive weight, one row each."""

    rows: np.ndarray  # (n,) positions in `cycles.frame`
    lower: np.ndarray  # (n,) weeks
    upper: np.ndarray  # (n,) weeks, inf where right-censored
    weight: np.ndarray  # (n,) positive
    entry: np.ndarray  # (n,) weeks; the cycle is known only because its duration is longer than this, 0 if always known
    patient: np.ndarray  # (n,) int, positions in `labels`
    labels: np.ndarray  # (g,) the patients


def observe(cycles: Cycles, weights: ArrayLike | None, entry: ArrayLike | None = None) -> Observed:
    """Select the rows of `cycles` that are fitted; `weights` and `entry` have one entry for each row of `cycles`."""
    must(isinstance(cycles, Cycles), f"`cycles` must be Cycles, not {type(cycles).__name__}", "see rr.Cycles")
    lower, upper = cycles.lower, cycles.upper
    weight = one_each(weights, "weights", len(cycles), 1.0)
    within = (weight == 0) | ((weight >= 1 / HEAVIEST) & (weight <= HEAVIEST))
    must_all(within, f"`weights` must be 0 or from {1 / HEAVIEST:g} to {HEAVIEST:g}", "divide all by their mean")
    start = one_each(entry, "entry", len(cycles), 0.0)
    rows = np.flatnonzero(np.isfinite(lower) & (weight > 0))
    if rows.size == 0:
        raise FitError(
            f"there is no duration to fit: none of the {len(cycles)} cycles has a response and a positive weight"
        )
    late = np.zeros(len(cycles), dtype=bool)
    late[rows] = start[rows] > lower[rows]
    must_all(~late, "`entry` must not be after `lower`", "a cycle is known only if its effect outlasts its entry")
    patient, labels = pd.factorize(cycles.patient[rows])
    return Observed(rows, lower[rows], upper[rows], weight[rows], start[rows], patient, np.asarray(labels))


def must_have_events(data: Observed) -> None:
    """Raise `FitError` unless a loss of effect was seen, and not always before the first assessment."""
    seen, n = np.isfinite(data.upper), data.rows.size
    if not seen.any():
        raise FitError(
            f"no cycle ended in loss of effect: all {n} are right-censored, so no duration can be estimated; "
            "check the endpoint, or wait for longer follow-up"
        )
    if not (data.lower > 0).any():
        raise FitError(
            f"every one of the {n} cycles had lost its effect before its first assessment, so how early cannot be "
            "estimated; earlier assessments are needed"
        )


def one_each(values: ArrayLike | None, name: str, n: int, otherwise: float) -> np.ndarray:
    """One finite number that is not negative per cycle, from an argument called `name`."""
    if values is None:
        return np.full(n, otherwise)
    array = real_numbers(values, name)
    must(array.shape == (n,), f"`{name}` has shape {array.shape}, not ({n},): one per cycle")
    must_all(np.isfinite(array) & (array >= 0), f"`{name}` must be finite and not negative")
    return array


def weight_of_patients(data: Observed) -> np.ndarray:
    """The weight (g,) of each patient, for models with random effects: the same for all her cycles."""
    weight = np.zeros(data.labels.size)
    weight[data.patient] = data.weight
    same = weight[data.patient] == data.weight
    must(
        bool(same.all()),
        f"`weights` must be the same for all cycles of a patient ({rows_text(data.rows[~same])} differ)",
        "a random effect is a patient's; leave cycles out with weight 0",
    )
    return weight
