"""Published figures beside predictions on paper: table, figure, a summary that names every misfit, and a manifest."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from .. import __version__, plots
from ..studies import Predictions
from ..studies.published.compare import STANDINGS
from ..studies.published.left_out import WITHIN_ROWS, left_out
from .validation_sentences import markdown_table

PACKAGES = ("numpy", "scipy", "pandas", "numba", "lifelines", "matplotlib")
UNITS = {"percent": "%", "weeks": " wk", "months": " months"}


def fill_predictions(result: Predictions, folder: Path, *, arguments: Mapping[str, Any] | None = None) -> None:
    """Write ``predictions.csv``, ``predictions.png``, ``summary.md`` and ``manifest.json`` into an existing folder.

    Parameters
    ----------
    result : Predictions
    folder : Path
    arguments : mapping, optional
        What the predictions were asked for with, for the manifest.
    """
    import matplotlib.pyplot as plt

    text = result.table().to_csv(index=False, float_format="%.6g", lineterminator="\n")
    (folder / "predictions.csv").write_text(text, encoding="utf-8")
    with plots.theme():
        figure = result.plot()
        figure.savefig(folder / "predictions.png", metadata={"Software": None}, dpi=100)
        plt.close(figure)
    (folder / "summary.md").write_text(_summary(result), encoding="utf-8")
    manifest = {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "seed": result.seed,
        "trials": result.trials,
        "draws": result.draws,
        "arguments": dict(arguments or {}),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _summary(result: Predictions) -> str:
    table, misfits = result.table(), result.misfits()
    agrees = table[table["verdict"] == "agrees"]
    parts = [
        "# What the default world predicts, beside what was published",
        _counts(table),
        f"Nothing is fitted: {result.trials:,} trials of the size of each published one, seed {result.seed}. "
        "Written by `retreat-research predict`; every number is computed.",
        "A figure agrees if it lies in the range of 95% of the simulated trials; one in twenty would not by chance, "
        "and with few patients the range is wide. Shares are compared as the counts that they were before rounding. "
        "Figures published without a size agree if the prediction lies in their published range.",
        _priors(result),
        _by_group(table),
        "![Published and predicted figures](predictions.png)",
        "## Misfits",
        markdown_table(_for_reading(misfits, "reason", "likely reason")),
        "## Agreements",
        markdown_table(_for_reading(agrees, "assumed", "assumed")),
        "## What was not asked for",
        "Every other row of the tables of figures, and the reason.",
        markdown_table(_not_asked()),
        "Further figures within rows:",
        markdown_table(pd.DataFrame(WITHIN_ROWS, columns=["table", "row", "figure", "reason"])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counts(table: pd.DataFrame) -> str:
    """The counts that the hand-written page repeats."""
    unseen = table[table["in_sight"] == ""]
    agree, unseen_agree = ((rows["verdict"] == "agrees").sum() for rows in (table, unseen))
    return (
        f"{agree} of {len(table)} published figures agree and {len(table) - agree} do not; of the {len(unseen)} that "
        f"no constant of the world was chosen after, {unseen_agree} agree."
    )


def _priors(result: Predictions) -> str:
    if not result.draws:
        return ""
    misfits = result.misfits()
    inside, borderline, outside = (int((misfits["priors"] == where).sum()) for where in STANDINGS)
    return (
        f"Of the {len(misfits)} misfits {inside} lie inside the range over {result.draws} worlds drawn from the "
        f"priors, {borderline} on its border, as far as so many draws can tell, and {outside} outside. Each of the "
        "first, by itself, could be met with other constants, believed as much. What the last miss is a mechanism or a "
        "wider prior."
    )


def _not_asked() -> pd.DataFrame:
    """Rows of the tables of figures by reason; of curves the studies."""
    rows = left_out()
    rows = rows[rows["asked"] == 0].assign(reason=lambda found: found["reasons"].str.join("; "))
    rows["name"] = rows["row"].where(rows["table"] != "curves", rows["row"].str.split("/").str[0])
    groups = rows.groupby(["reason", "table"], sort=False)
    return pd.DataFrame(
        [
            {"reason": reason, "table": table, "figures": len(group), "rows": ", ".join(group["name"].unique())}
            for (reason, table), group in groups
        ]
    )


def _by_group(table: pd.DataFrame) -> str:
    counts = pd.crosstab(table["group"], table["verdict"]).reindex(table["group"].unique())
    return markdown_table(counts.reset_index())


def _for_reading(rows: pd.DataFrame, last: str, heading: str) -> pd.DataFrame:
    """The rows as text."""
    return pd.DataFrame(
        [
            {
                "figure": row["target"],
                "rows": row["evidence"],
                "n": "–" if pd.isna(row["n"]) else f"{row['n']:,.0f}",
                "published": ("≥ " if row["at_least"] else "") + _with_range(row, "published", "lower", "upper"),
                "predicted": f"{row['predicted']:.{_digits(row)}f} ± {row['mcse']:.{_digits(row) + 1}f}",
                "95% of trials": _range(row, "trial_lower", "trial_upper"),
                "over priors": _range(row, "prior_lower", "prior_upper") + _standing(row),
                "chosen with it in sight": row["in_sight"] or "–",
                heading: row[last] or "–",
            }
            for row in rows.to_dict("records")
        ]
    )


def _standing(row: Mapping[Any, Any]) -> str:
    return "" if row["priors"] in (None, "inside") else f" ({row['priors']})"


def _digits(row: Mapping[Any, Any]) -> int:
    return 2 if row["axis"] == "percent" and max(row["published"], row["predicted"]) < 2 else 1


def _range(row: Mapping[Any, Any], low: str, high: str) -> str:
    digits = _digits(row)
    return "–" if pd.isna(row[low]) else f"{row[low]:.{digits}f} to {row[high]:.{digits}f}"


def _with_range(row: Mapping[Any, Any], value: str, low: str, high: str) -> str:
    shown = f"{row[value]:.{_digits(row)}f}{UNITS[row['axis']]}"
    return shown if pd.isna(row[low]) else f"{shown} ({_range(row, low, high)})"
