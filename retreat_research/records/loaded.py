"""What reading gives, before it is known to be right."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Loaded:
    """Typed tables with weeks since each patient's first session, and what is wrong with them."""

    problems: pd.DataFrame
    notes: list[str]
    sessions: pd.DataFrame
    assessments: pd.DataFrame
    antibodies: pd.DataFrame | None
    patients: pd.DataFrame
