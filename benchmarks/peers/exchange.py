"""What passes between the engine and its peers: the one world that all read, and the totals that all print."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

import retreat_research as rr
from retreat_research.cohort import WEEKS_PER_YEAR
from retreat_research.simulation.outcomes import POSITIVE_TITRE

#: Parameters that say "nothing happens" in the default world; the peers leave out what they stand for.
NULL = {
    "adjunct_lengthening": 1.0, "adjunct_support": 0.0, "booster": 0.0, "dose_risk": 0.0, "protein_risk": 1.0,
    "volume_risk": 1.0, "trauma_risk": 1.0, "infection_risk": 1.0, "prior_exposure_risk": 1.0, "missed_check": 0.0,
    "visit_every": 0.0, "investigator_shift": 0.0, "subject_shift": 0.0, "sensitivity": 1.0, "no_show": 0.0,
    "return_jitter": 0.0, "technique_failure": 0.0, "storage_failure": 0.0, "lot_sd": 0.0,
}  # fmt: skip
#: What the peers print of their patients: (column of `Simulation.patients`, or the week of an event that is counted).
OUTCOMES = {
    "sessions": "sessions",
    "units": "units",
    "antigen_ng": "antigen_ng",
    "weeks_in_benefit": "weeks_in_benefit",
    "weeks_waiting": "weeks_waiting",
    "positive": "positive_week",
    "tested": "tested_positive_week",
    "failure": "failure_week",
}


def numbers(world: rr.World, years: float) -> dict[str, float]:
    """Every parameter of `world` that is one number, and those of its product.

    Raises
    ------
    ValueError
        If the world does something that the peers leave out.
    """
    parts = (world.response, world.immunity, world.observation, world.behaviour)
    found = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
    differs = [name for name, null in NULL.items() if found[name] != null]
    if differs:
        raise ValueError(f"the peers know only the null of {', '.join(differs)}")
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)} | {
        "median_weeks": world.median_weeks,
        "label_units": world.label_units,
        "ng_per_unit": found["ng_per_unit"][world.product] * found["complexing"].get(world.product, 1.0),
        "horizon_weeks": years * WEEKS_PER_YEAR,
        "weeks_per_year": WEEKS_PER_YEAR,
        "positive_titre": POSITIVE_TITRE,
    }


def write_world(world: rr.World, years: float, path: Path) -> Path:
    """`numbers` as a flat JSON file."""
    path.write_text(json.dumps(numbers(world, years), indent=1) + "\n")
    return path


def summary(patients: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over the engine's patients of what the peers print."""
    columns = {
        name: patients[column].notna() if column.endswith("_week") else patients[column]
        for name, column in OUTCOMES.items()
    }
    return {name: (float(np.mean(c)), float(np.std(c.to_numpy(float), ddof=1))) for name, c in columns.items()}


def printed(text: str) -> tuple[int, int, float, dict[str, tuple[float, float]]]:
    """Patients, sessions, seconds, and mean and standard deviation of each outcome, from what a peer printed."""
    first, *rows = (line.split() for line in text.splitlines() if line.strip())
    means = {name: (float(mean), float(sd)) for name, mean, sd in rows}
    return int(first[0]), int(first[1]), float(first[2]), means
