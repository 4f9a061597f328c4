"""What is counted for each patient, and each session's record (DESIGN §5, outcomes; §8, equivalents)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Latent titre (mU/mL) from which a patient counts as positive: the limit of detection of the hemidiaphragm assay.
POSITIVE_TITRE = 0.4

#: One patient's outcomes; the names are the columns of `Simulation.patients`.
TOTALS = np.dtype(
    [
        ("patient", np.int64),
        ("sessions", np.int32),
        ("session_equivalents", np.float64),
        ("units", np.float64),
        ("unit_equivalents", np.float64),
        ("antigen_ng", np.float64),
        ("antigen_equivalents", np.float64),
        ("weeks_observed", np.float64),
        ("weeks_in_benefit", np.float64),
        ("weeks_waiting", np.float64),
        ("positive_week", np.float64),
        ("tested_positive_week", np.float64),
        ("failure_week", np.float64),
        ("failure_immune", np.bool_),
        ("dropout_week", np.float64),
        ("first_response_week", np.float64),
    ]
)

#: One visit; the names are the columns of `Simulation.sessions`, where `product` and `reason` are spelled out.
HISTORY = np.dtype(
    [
        ("patient", np.int64),
        ("session", np.int32),  # sessions given before this visit
        ("week", np.float64),
        ("product", np.int8),  # code: position in PRODUCT_NAMES
        ("units", np.float64),
        ("antigen_ng", np.float64),
        ("titre_before", np.float64),  # mU/mL, of the product's serotype
        ("duration_weeks", np.float64),
        ("peak_effect", np.float64),
        ("earliest", np.float64),
        ("latest", np.float64),
        ("gap_weeks", np.float64),  # to the next visit
        ("reason", np.int8),  # position in REASONS
        ("lower", np.float64),
        ("upper", np.float64),
        ("responded", np.bool_),
        ("assessed", np.bool_),
        ("effect_at_return", np.bool_),
        ("waned_weeks", np.float64),
        ("touch_up", np.bool_),
        ("adjunct", np.bool_),
        ("potency", np.float64),
        ("memory", np.float64),  # right after the visit, of the product's serotype
        ("short", np.float64),
        ("long", np.float64),
        ("log_own", np.float64),  # of this cycle's curve: see `response.effect`
    ]
)


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
