"""The decision log: what was seen at each visit, and what was decided, read off the history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: What was seen, under the names of `Seen`, with its value at a patient's first visit.
SEEN_FIRST = {
    "gap_weeks": np.nan,
    "lower": np.nan,
    "upper": np.nan,
    "responded": False,
    "assessed": False,
    "effect_at_return": False,
    "waned_weeks": np.nan,
    "peak_gain": np.nan,
    "last_test": -1,
    "last_test_week": np.nan,
    "last_reading": np.nan,
}


def decision_log(sessions: pd.DataFrame) -> pd.DataFrame:
    """One row per visit: what was seen of the cycle that ended, then the decision; see `Simulation.decisions`.

    Parameters
    ----------
    sessions : pandas.DataFrame
        `Simulation.sessions`, by patient and week: what it says of a visit was observed after it.
    """
    patient = sessions["patient"].to_numpy()
    first = np.ones(patient.size, dtype=bool)
    first[1:] = patient[1:] != patient[:-1]
    before = np.maximum(np.arange(patient.size) - 1, 0)
    after = sessions[list(SEEN_FIRST)].assign(gap_weeks=_since_main_session(sessions, first))
    log = sessions[["patient", "session", "week"]].copy()
    for name, nothing in SEEN_FIRST.items():
        values = after[name].to_numpy()[before]
        values[first] = nothing
        log[name] = values
    for name in ("units", "product", "earliest", "latest"):
        log[name] = sessions[name]
    return log.assign(adjunct=sessions["adjunct_given"], reason=sessions["reason"])


def _since_main_session(sessions: pd.DataFrame, first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weeks from the main session to the visit after each one, added up visit by visit as in the simulator."""
    weeks = sessions["gap_weeks"].to_numpy(copy=True)
    opens = first | ((sessions["units"] > 0) & ~sessions["touch_up"]).to_numpy()
    row = np.arange(weeks.size)
    nth = row - np.maximum.accumulate(np.where(opens, row, 0))  # visit of its cycle
    for k in range(1, int(nth.max(initial=0)) + 1):
        now = np.flatnonzero(nth == k)
        weeks[now] += weeks[now - 1]
    return weeks
