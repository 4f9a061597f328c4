"""Draw the data of one replicate: a function of (seed, scenario, replicate) and nothing else."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..cycles import Cycles
from ..streams import Purpose, normals, uniforms
from .scenarios import NOISE, Scenario

HORIZON_WEEKS = 156.0  # visits of a cycle go on so long; with the default durations P(T > 156) < 1e-9
LAST_CYCLE_WEEKS = 52.0  # the last cycle is cut at a uniform week up to this
RETURN_SHIFT, RETURN_SD = 0.15, 0.15  # of ln(week of return): about 30% of cycles come before T
NOTICED, NOTICED_BEFORE = (
    0.4,
    0.3,
)  # of "waning": the share of cycles, and how far before T she returns, as a share of T
_VISITS = 1000  # addresses for the visits of a cycle


class Drawn(NamedTuple):
    """The data of one replicate and what only the simulation knows; g patients with up to m cycles each."""

    scenario: Scenario
    cycles: Cycles  # patient, arm; in order of patient and cycle
    arm: np.ndarray  # (g,) 0 or 1
    offset: np.ndarray  # (g,) b
    weeks: np.ndarray  # (rows,) the true durations of `cycles`


def replicate_seed(seed: int, scenario: Scenario, replicate: int) -> int:
    """The 64-bit seed of one replicate: equal designs under two names draw different data."""
    return int.from_bytes(sha256(f"{seed}/{scenario.name}/{replicate}".encode()).digest()[:8], "big")


def draw(scenario: Scenario, seed: int, replicate: int) -> Drawn:
    """Draw replicate number `replicate` of a scenario.

    Notes
    -----
    A visit at week v finds the effect lost if T ≤ v, so the loss lies in (last visit before T, first visit not before
    T]. Every draw has an address (see `streams`): a patient's data do not depend on how many patients there are.
    """
    own = replicate_seed(seed, scenario, replicate)
    g, m = scenario.patients, scenario.cycles
    patient = np.repeat(np.arange(g), m)
    cycle = np.tile(np.arange(m), g)
    arm = np.arange(g) % 2
    offset = scenario.between_sd * normals(uniforms(own, Purpose.TRAITS, np.arange(g))[0])
    location = (scenario.intercept + scenario.effect * arm)[patient]
    z = NOISE[scenario.family].ppf(uniforms(own, Purpose.RESPONSE, patient, cycle)[0])
    weeks = np.exp(location + offset[patient] + scenario.within_sd * z)

    habits = uniforms(own, Purpose.HABITS, patient, cycle)
    back = _return_week(scenario, weeks, location, offset[patient], habits)
    visits = _visits(scenario, own, patient, cycle)
    last = np.full(patient.size, np.inf)  # week of the cycle at which the records end
    if scenario.calendar_weeks is None:
        last[cycle == m - 1] = LAST_CYCLE_WEEKS * habits[2, cycle == m - 1]
    else:
        ended = _seen(weeks, visits, back, last)
        length = np.where(np.isfinite(ended[1]), ended[1], back).reshape(g, m)
        started = np.concatenate([np.zeros((g, 1)), np.cumsum(length, axis=1)[:, :-1]], axis=1)
        last = scenario.calendar_weeks - started.ravel()
    lower, upper, retreated = _seen(weeks, visits, back, last)
    return _recorded(scenario, patient, arm, offset, weeks, lower, upper, retreated, last > 0)


def _return_week(
    scenario: Scenario, weeks: np.ndarray, location: np.ndarray, offset: np.ndarray, habits: np.ndarray
) -> np.ndarray:
    """The week at which she would come back by herself, inf if not."""
    if scenario.returns == "at loss":
        return np.full(weeks.size, np.inf)
    if scenario.returns == "waning":
        return np.where(habits[3] < NOTICED, weeks * (1 - NOTICED_BEFORE * habits[1]), np.inf)
    shift = offset if scenario.returns == "patient" else scenario.between_sd * normals(habits[0])
    return np.exp(location + RETURN_SHIFT + shift + RETURN_SD * normals(habits[1]))


def _visits(scenario: Scenario, seed: int, patient: np.ndarray, cycle: np.ndarray) -> np.ndarray:
    """Weeks of the planned visits, (rows or 1, k), NaN where missed."""
    k = int(np.ceil(HORIZON_WEEKS / scenario.every))
    planned = np.arange(1, k + 1, dtype=float)
    if not (scenario.jitter or scenario.missed):
        return scenario.every * planned[None, :]
    number = (cycle[:, None] * _VISITS + np.arange(k)).ravel()
    shift, missed = uniforms(seed, Purpose.VISIT, np.repeat(patient, k), number)[:2].reshape(2, -1, k)
    weeks = scenario.every * (planned + scenario.jitter * (shift - 0.5))
    return np.where(missed < scenario.missed, np.nan, weeks)


def _seen(
    weeks: np.ndarray, visits: np.ndarray, back: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bounds of the loss, and whether she was retreated while the effect lasted."""
    took_place = visits <= np.minimum(back, last)[:, None]
    before = visits < weeks[:, None]
    lower = np.where(took_place & before, visits, 0.0).max(axis=1)
    upper = np.where(took_place & ~before, visits, np.inf).min(axis=1)
    came = back <= last
    retreated = came & (back < weeks)
    lower = np.where(retreated, back, lower)
    upper = np.where(came & ~retreated, np.minimum(upper, back), upper)
    return lower, upper, retreated


def _recorded(
    scenario: Scenario,
    patient: np.ndarray,
    arm: np.ndarray,
    offset: np.ndarray,
    weeks: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    retreated: np.ndarray,
    begun: np.ndarray,
) -> Drawn:
    assessed = (lower > 0) | np.isfinite(upper)
    kind = np.select(
        [~assessed, retreated, np.isinf(upper), lower == 0],
        ["unassessed", "retreated", "follow-up", "left"],
        "interval",
    )
    data = pd.DataFrame({"patient": patient, "arm": arm[patient], "censoring": kind})
    data["responder"] = pd.array(np.ones(patient.size, dtype=bool), dtype="boolean")
    data.loc[~assessed, "responder"] = pd.NA
    cycles = Cycles(lower[begun], upper[begun], data=data[begun], endpoint=f"simulated: {scenario.name}")
    return Drawn(scenario, cycles, arm, offset, weeks[begun])
