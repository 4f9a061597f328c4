"""What is counted for each patient, and each session's record (DESIGN §5, outcomes; §8, equivalents)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Latent titre (mU/mL) from which a patient counts as positive: the limit of detection of the hemidiaphragm assay.
POSITIVE_TITRE = 0.4


@dataclass
class Totals:
    """Running totals of a block; arrays of shape (n,). The names are the columns of `Simulation.patients`."""

    sessions: Floats
    session_equivalents: Floats
    units: Floats
    unit_equivalents: Floats
    antigen_ng: Floats
    antigen_equivalents: Floats
    weeks_observed: Floats
    weeks_in_benefit: Floats
    weeks_waiting: Floats
    positive_week: Floats
    tested_positive_week: Floats
    failure_week: Floats
    failure_immune: NDArray[np.bool_]
    dropout_week: Floats
    first_response_week: Floats

    @classmethod
    def zero(cls, end_week: Floats, horizon: float) -> Totals:
        """Before the first session of patients followed to `end_week`."""
        n = end_week.size
        never = {name: np.full(n, np.nan) for name in ("positive_week", "tested_positive_week", "failure_week")}
        counts = {
            name: np.zeros(n)
            for name in (
                "sessions",
                "session_equivalents",
                "units",
                "unit_equivalents",
                "antigen_ng",
                "antigen_equivalents",
                "weeks_in_benefit",
                "weeks_waiting",
            )
        }
        return cls(
            **counts,
            **never,
            failure_immune=np.zeros(n, dtype=bool),
            weeks_observed=end_week.copy(),
            dropout_week=np.where(end_week < horizon, end_week, np.nan),
            first_response_week=np.full(n, np.nan),
        )

    def at(self, rows: NDArray[np.intp]) -> Totals:
        """The totals of `rows`."""
        return Totals(*(getattr(self, f.name)[rows] for f in fields(self)))


def patients_frame(finished: list[tuple[NDArray[np.int64], Totals]]) -> pd.DataFrame:
    """One row per patient, in the order of their addresses, from the totals of finished patients."""
    columns = {f.name: np.concatenate([getattr(totals, f.name) for _, totals in finished]) for f in fields(Totals)}
    patient = np.concatenate([patient for patient, _ in finished])
    order = np.argsort(patient, kind="stable")
    return pd.DataFrame({"patient": patient[order], **{name: values[order] for name, values in columns.items()}})
