"""The tables of a comparison, as they are written to CSV and shown on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..comparison import OUTCOMES
from ..plots.gained import moving, shown_name

if TYPE_CHECKING:
    from ..comparison import Comparison

#: Outcomes that a reader needs first; all are in ``strategies.csv``.
SHOWN = (
    "time_in_benefit", "weeks_waiting", "sessions", "mean_interval", "antigen", "antibodies", "failure",
    "immune_failure", "responsiveness", "satisfaction", "cost",
)  # fmt: skip
_SEEN = {"observed": "yes", "true": "no", "all": ""}


def comparison_tables(result: Comparison) -> dict[str, pd.DataFrame]:
    """Every table by file name, index included as columns; those without data are left out."""
    tables: dict[str, pd.DataFrame | None] = {
        "strategies": result.table().reset_index(),
        "matched": result.matched().reset_index(),
        "frontier": result.frontier().reset_index(),
        "equal_benefit": _with_index(result.equal_benefit()),
        "subgroups": result.subgroups(),
    }
    if result.sweep is not None:
        tables |= {"sweep": result.sweep.table, "conclusions": _with_index(result.sweep.conclusions())}
    if result.uncertainty is not None:
        tables |= {
            "drawn": result.uncertainty.parameters.reset_index(),
            "drawn_gains": result.uncertainty.gains,
            "intervals": _with_index(result.uncertainty.intervals()),
            "acceptability": _with_index(result.uncertainty.acceptability()),
            "pareto": _with_index(result.uncertainty.pareto()),
            "information": result.uncertainty.information(),
        }
    return {name: table for name, table in tables.items() if table is not None}


def strategies_for_reading(result: Comparison) -> pd.DataFrame:
    """One row per strategy, the outcomes of `SHOWN` as text with ± Monte Carlo standard error."""
    table = result.table()
    labels = {outcome.name: outcome.label for outcome in OUTCOMES} | {"cost": "cost per year"}
    rows = {}
    for name in SHOWN:
        if name not in table or table[name].isna().all():
            continue
        label = labels[name]
        percent = label.startswith("share") or name == "satisfaction"
        scale, digits, unit = (100, 1, "%") if percent else (1, 2, "")
        rows[label.replace("share of ", "")] = [
            "–" if np.isnan(value) else f"{scale * value:,.{digits}f}{unit} ± {scale * error:.{digits + 1}f}"
            for value, error in zip(table[name], table[f"{name}_mcse"], strict=True)
        ]
    return pd.DataFrame(rows, index=[shown_name(result, str(name)) for name in table.index])


def matched_for_reading(result: Comparison) -> pd.DataFrame:
    """Each strategy that is not a fixed interval against those of equal exposure."""
    table = result.matched().reset_index()
    table = table[table["strategy"].isin(moving(result))]
    columns = {
        "strategy": [shown_name(result, name) for name in table["strategy"]],
        "equal in": table["equal"].tolist(),
        "fixed interval, weeks": ["none" if np.isnan(w) else f"{w:.2f}" for w in table["matched_weeks"]],
        "its time in benefit": ["–" if np.isnan(v) else f"{100 * v:.1f}%" for v in table["time_in_benefit"]],
        "gain, points": _points(table, "gain", "mcse"),
    }
    if "stepping" in table and table["stepping"].notna().any():
        columns |= {
            "of it stepping": _points(table, "stepping", "stepping_mcse"),
            "of it return on request": _points(table, "request", "request_mcse"),
        }
    return pd.DataFrame(columns)


def equal_benefit_for_reading(result: Comparison) -> pd.DataFrame | None:
    """What each strategy spends beyond the fixed interval of the same time in benefit."""
    found = result.equal_benefit()
    if found is None:
        return None
    table = found.loc[[name for name in moving(result) if name in found.index]]
    if table.empty:
        return None
    rows = {"fixed interval, weeks": ["none" if np.isnan(w) else f"{w:.2f}" for w in table["matched_weeks"]]}
    for name, label, scale, digits in (
        ("antigen", "antigen, ng per year", 1, 2),
        ("sessions", "sessions per year", 1, 2),
        ("antibodies", "antibodies, points of patients", 100, 2),
        ("failure", "two non-responses in a row, points of patients", 100, 2),
    ):
        if name in table and table[name].notna().any():
            rows[label] = _difference(table[name], table[f"{name}_mcse"], scale, digits)
    return pd.DataFrame(rows, index=[shown_name(result, str(name)) for name in table.index])


def subgroups_for_reading(result: Comparison, strategy: str) -> pd.DataFrame:
    """The groups of one strategy."""
    table = result.subgroups()
    table = table[table["strategy"] == strategy]
    return pd.DataFrame(
        {
            "trait": table["trait"].tolist(),
            "seen by a clinic": [_SEEN[kind] for kind in table["kind"]],
            "group": table["group"].astype(str).tolist(),
            "patients": [
                f"{n:,}{' (few)' if few else ''}" for n, few in zip(table["patients"], table["few"], strict=True)
            ],
            "time in benefit": ["–" if np.isnan(v) else f"{100 * v:.1f}%" for v in table["time_in_benefit"]],
            "gain, points": _points(table, "gain", "mcse"),
        }
    )


def pareto_for_reading(result: Comparison) -> pd.DataFrame:
    """Which strategies no other dominates, and in how many drawn worlds."""
    table = result.uncertainty.pareto()
    return pd.DataFrame(
        {
            "dominated by": [
                "no other" if front else by if isinstance(by, str) else ", ".join(map(str, by))
                for front, by in zip(table["on_front"], table["dominated_by"], strict=True)
            ],
            "not dominated in": [f"{p:.0%} of drawn worlds" for p in table["probability"]],
        },
        index=[shown_name(result, str(name)) for name in table.index],
    )


def _points(table: pd.DataFrame, value: str, error: str) -> list[str]:
    return _difference(table[value], table[error], 100, 2)


def _difference(values: pd.Series, errors: pd.Series, scale: float, digits: int) -> list[str]:
    return [
        "–" if np.isnan(v) else f"{scale * v:+.{digits}f} ± {scale * e:.{digits}f}".replace("-", "−")
        for v, e in zip(values, errors, strict=True)
    ]


def _with_index(table: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if table is None else table.reset_index()
