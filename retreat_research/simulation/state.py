"""The state of a block of patients between two sessions; arrays of shape (m,), one row per patient still followed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..immunity import SEROTYPES, ImmuneState
from ..response import onset_share_of
from ..strategies import Memory
from .outcomes import Totals

Floats = NDArray[np.float64]


@dataclass
class Observed:
    """What the clinic knows, under the names of `Seen`."""

    session: NDArray[np.int64]
    gap_weeks: Floats
    units: Floats
    product: NDArray[np.intp]  # code: position in PRODUCT_NAMES
    lower: Floats
    upper: Floats
    responded: NDArray[np.bool_]
    assessed: NDArray[np.bool_]
    effect_at_return: NDArray[np.bool_]
    waned_weeks: Floats
    peak_gain: Floats
    cumulative_units: Floats
    last_test: NDArray[np.int64]
    last_test_week: Floats


@dataclass
class Open:
    """The last session: its cycle is open until the next session, visits without injection included."""

    week: Floats
    units: Floats
    antigen_ng: Floats


@dataclass
class Running:
    """The curve of effect that runs: the one that stays above the threshold for longest."""

    start: Floats  # week of its session
    peak: Floats  # amplitude; 0: none runs
    log_own: Floats  # ln weeks to the threshold of its own peak
    until: Floats  # week at which it falls below the threshold


@dataclass
class State:
    """Everything about the patients still followed.

    `traits` are the rows of the cohort. Immune states exist only for the susceptible: `susceptible` holds their
    positions among the m rows, `immune` one state per serotype.
    """

    traits: Cohort
    totals: Totals
    end_week: Floats  # of follow-up: horizon or dropout
    risen_at_check: Floats  # share of the onset that has passed at the check after a session
    week: Floats  # of the present visit
    observed: Observed
    running: Running
    open: Open
    unanswered: NDArray[np.bool_]  # the last session had no response
    unanswered_immune: NDArray[np.bool_]  # and the titre was above A50
    answered: NDArray[np.bool_]  # some session had a response
    susceptible: NDArray[np.intp]
    immune: dict[str, ImmuneState]
    memory: Memory
    past: tuple[list[Floats], list[Floats], list[Floats]] = field(default_factory=lambda: ([], [], []))

    @classmethod
    def initial(cls, cohort: Cohort, horizon: float, product_code: int, remembered: dict[str, float]) -> State:
        """Before the first session."""
        n = len(cohort)
        end_week = np.minimum(horizon, cohort.dropout_week)
        nan, no = np.full(n, np.nan), np.zeros(n, dtype=bool)
        susceptible = np.flatnonzero(cohort.susceptible)
        return cls(
            traits=cohort,
            totals=Totals.zero(end_week, horizon),
            end_week=end_week,
            risen_at_check=onset_share_of(cohort.world.observation.check_week, cohort.onset),
            week=np.zeros(n),
            observed=Observed(
                session=np.zeros(n, dtype=np.int64),
                gap_weeks=nan,
                units=np.full(n, cohort.world.label_units),
                product=np.full(n, product_code),
                lower=nan,
                upper=nan,
                responded=no,
                assessed=no,
                effect_at_return=no,
                waned_weeks=nan,
                peak_gain=nan,
                cumulative_units=np.zeros(n),
                last_test=np.full(n, -1),
                last_test_week=nan,
            ),
            running=Running(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)),
            open=Open(np.zeros(n), np.zeros(n), np.zeros(n)),
            unanswered=no,
            unanswered_immune=no,
            answered=no,
            susceptible=susceptible,
            immune={serotype: ImmuneState.naive(susceptible.size) for serotype in SEROTYPES},
            memory=Memory({name: np.full(n, value) for name, value in remembered.items()}),
        )

    def kept(self, keep: NDArray[np.bool_]) -> State:
        """The rows where `keep` holds."""
        position = np.cumsum(keep) - 1
        stays = keep[self.susceptible]
        rows, immune_rows = np.flatnonzero(keep), np.flatnonzero(stays)  # faster to take by than masks
        return State(
            traits=self.traits[rows],
            totals=self.totals.at(rows),
            end_week=self.end_week[rows],
            risen_at_check=self.risen_at_check[rows],
            week=self.week[rows],
            observed=_kept(self.observed, rows),
            running=_kept(self.running, rows),
            open=_kept(self.open, rows),
            unanswered=self.unanswered[rows],
            unanswered_immune=self.unanswered_immune[rows],
            answered=self.answered[rows],
            susceptible=position[self.susceptible[immune_rows]],
            immune={serotype: _kept(immune, immune_rows) for serotype, immune in self.immune.items()},
            memory=Memory({name: values[rows] for name, values in self.memory.items()}),
            past=tuple([column[rows] for column in columns] for columns in self.past),  # type: ignore[arg-type]
        )


def _kept(arrays: Any, rows: NDArray[np.intp]) -> Any:
    return type(arrays)(*(getattr(arrays, f.name)[rows] for f in fields(arrays)))
