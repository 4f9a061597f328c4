"""What is counted for each patient, each visit's record, and the outcomes read off them (DESIGN §5 and §8).

Every outcome is a ratio of totals over patients, Σy / Σx. Its Monte Carlo standard error comes from the linearised
contribution of each patient, u_i = (y_i − R x_i)/mean(x), and is SD(u)/√n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR

Floats = NDArray[np.float64]

#: Latent titre (mU/mL) from which a patient counts as positive: the limit of detection of the hemidiaphragm assay,
#: tests.csv MDA type B/detection threshold.
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
        ("peak_gain", np.float64),
        ("last_test", np.int8),  # after this visit's own: -1 none, 0 negative, 1 positive
        ("last_test_week", np.float64),
        ("last_reading", np.float64),
        ("adjunct_given", np.bool_),  # decided at this visit; `adjunct` is that of the cycle
    ]
)


#: Records that fit into a core's own cache, so that each is fetched once and not once for every field.
_AT_ONCE = 2048


def columns_of(parts: Sequence[NDArray[np.void]]) -> dict[str, NDArray[Any]]:
    """The fields of records as arrays of their own, one part after the other; at least one part."""
    dtype, n = parts[0].dtype, sum(part.size for part in parts)
    columns = {name: np.empty(n, dtype=dtype[name]) for name in dtype.names or ()}
    filled = 0
    for part in parts:
        for start in range(0, part.size, _AT_ONCE):
            few = part[start : start + _AT_ONCE]
            for name, column in columns.items():
                column[filled + start : filled + start + few.size] = few[name]
        filled += part.size
    return columns


@dataclass(frozen=True)
class Outcome:
    """A ratio of totals.

    Attributes
    ----------
    name : str
    label : str
        For a reader, with unit.
    numerator : str
        Column of `Simulation.patients`; a column of weeks ending in ``_week`` counts patients with an event.
    denominator : str
        Column, or "" for the number of patients.
    scale : float
    """

    name: str
    label: str
    numerator: str
    denominator: str = ""
    scale: float = 1.0


_YEAR = WEEKS_PER_YEAR
#: What strategies are compared on.
OUTCOMES = (
    Outcome("time_in_benefit", "share of time in benefit", "weeks_in_benefit", "weeks_observed"),
    Outcome("weeks_waiting", "weeks without effect while waiting, per year", "weeks_waiting", "weeks_observed", _YEAR),
    Outcome("sessions", "sessions per year", "session_equivalents", "weeks_observed", _YEAR),
    Outcome("mean_interval", "mean interval, weeks", "weeks_observed", "session_equivalents"),
    Outcome("units", "units per year", "unit_equivalents", "weeks_observed", _YEAR),
    Outcome("antigen", "antigen, ng per year", "antigen_equivalents", "weeks_observed", _YEAR),
    Outcome("benefit_per_session", "weeks in benefit per session", "weeks_in_benefit", "session_equivalents"),
    Outcome("antibodies", "share of patients ever above 0.4 mU/mL", "positive_week"),
    Outcome("tested_positive", "share of patients ever tested positive", "tested_positive_week"),
    Outcome("failure", "share of patients with two non-responses in a row", "failure_week"),
    Outcome("immune_failure", "share of patients with two in a row under antibodies", "failure_immune"),
)  # fmt: skip

#: Outcomes that need an antigen load: NaN where none is published.
NEED_ANTIGEN = ("antigen", "antibodies", "tested_positive", "immune_failure")


@dataclass(frozen=True, eq=False)
class Estimate:
    """Value of an outcome and each patient's contribution to its error (n,)."""

    value: float
    influence: Floats

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error."""
        return standard_error(self.influence)


def estimate(outcome: Outcome, patients: pd.DataFrame) -> Estimate:
    """The outcome in one simulated arm."""
    top = patients[outcome.numerator]
    if outcome.name in NEED_ANTIGEN and patients["antigen_ng"].isna().any():
        return Estimate(np.nan, np.full(len(patients), np.nan))
    y = (top.notna() if outcome.numerator.endswith("_week") else top).to_numpy(dtype=float)
    x = patients[outcome.denominator].to_numpy(dtype=float) if outcome.denominator else np.ones(len(patients))
    ratio = y.sum() / x.sum()
    return Estimate(outcome.scale * ratio, outcome.scale * (y - ratio * x) / x.mean())


def standard_error(influence: Floats) -> float:
    """SD/√n of patients' contributions; NaN for one patient."""
    n = influence.size
    return float(np.std(influence, ddof=1) / np.sqrt(n)) if n > 1 else np.nan
