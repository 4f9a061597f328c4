"""The tables of a study, as they are written to CSV and shown in the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..comparison import OUTCOMES
from ..studies import StudyResult


def study_tables(result: StudyResult) -> dict[str, pd.DataFrame]:
    """Every table by file name, index included as columns.

    No table has patients' identifiers.
    """
    comparison = result.comparison
    reference = next(iter(comparison.simulations))
    contrasts = pd.concat(
        {name: comparison.contrast(name, reference) for name in comparison.simulations if name != reference},
        names=["strategy"],
    )
    contrasts = contrasts.rename(columns={"strategy": "value", "reference": f"value of {reference}"})
    return {
        "quality": result.study.records.quality(),
        "response": result.durations.response.reset_index(),
        "durations": result.durations.table.reset_index(),
        "fit": result.durations.fit.summary_frame().reset_index(names="term"),
        "world": result.world.describe().astype({"value": str}),
        "strategies": comparison.table().reset_index(),
        "contrasts": contrasts.reset_index(),
        "matched": comparison.matched().reset_index(),
        "frontier": comparison.frontier().reset_index(),
        "sweep": result.sweep,
    }


def strategies_for_reading(result: StudyResult) -> pd.DataFrame:
    """One row per strategy, the outcomes a reader needs, as text with ± Monte Carlo standard error."""
    table = result.comparison.table()
    shown = [o for o in OUTCOMES if o.name != "benefit_per_session" and table[o.name].notna().any()]
    percent = {o.name for o in shown if o.label.startswith("share")}
    rows = {}
    for o in shown:
        scale, digits, unit = (100, 1, "%") if o.name in percent else (1, 2, "")
        rows[o.label.replace("share of ", "")] = [
            f"{scale * value:,.{digits}f}{unit} ± {scale * error:.{digits + 1}f}"
            for value, error in zip(table[o.name], table[f"{o.name}_mcse"], strict=True)
        ]
    return pd.DataFrame(rows, index=table.index)


def durations_for_reading(result: StudyResult) -> pd.DataFrame:
    """One row per arm: responders, non-response, and the durations with their intervals, as text."""
    response, table = result.durations.response, result.durations.table
    rows = {}
    for arm, counts in response.iterrows():
        row = {
            "patients": f"{counts['patients']:,.0f}",
            "cycles": f"{counts['cycles']:,.0f}",
            "assessed": f"{counts['assessed']:,.0f}",
            "responders": f"{counts['responders']:,.0f}",
            "no response": _interval(counts, "non_response", "lower", "upper", scale=100, unit="%"),
            "retreated while effective": f"{counts['retreated']:,.0f}",
        }
        if arm in table.index:
            found = table.loc[arm]
            median = found["turnbull_median"]
            row["median, Turnbull"] = f"{median:.1f}" if np.isfinite(median) else "not reached"
            for label, name in (
                ("median", "median"),
                ("mean to 26 weeks", "rmst"),
                ("median, AFT", "marginal_median"),
                ("median, own Weibull", "weibull_median"),
            ):
                row[label] = _interval(found, name, f"{name}_lower", f"{name}_upper")
        rows[arm] = row
    return pd.DataFrame.from_dict(rows, orient="index").fillna("–")


def _interval(row: pd.Series, value: str, lower: str, upper: str, scale: float = 1, unit: str = "") -> str:
    if value not in row or pd.isna(row[value]):
        return "–"
    return f"{scale * row[value]:.1f}{unit} ({scale * row[lower]:.1f} to {scale * row[upper]:.1f})"
