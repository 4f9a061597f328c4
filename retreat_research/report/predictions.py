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
    blind = table[table["in_sight"] == ""]
    parts = [
        "# What the default world predicts, beside what was published",
        f"{len(agrees)} of {len(table)} published figures agree, {len(misfits)} do not; of the {len(blind)} that no "
        f"constant of the world was chosen after, {int((blind['verdict'] == 'agrees').sum())} agree. "
        f"Nothing is fitted: {result.trials:,} trials of the size of each published one, seed {result.seed}. "
        "Written by `retreat-research predict`; every number is computed.",
        "A figure agrees if it lies in the range of 95% of the simulated trials; one in twenty would not by chance. "
        "Figures published without a size agree if the prediction lies in their published range.",
        _priors(result),
        _by_group(table),
        "![Published and predicted figures](predictions.png)",
        "## Misfits",
        markdown_table(_for_reading(misfits, "reason", "likely reason")),
        "## Agreements",
        markdown_table(_for_reading(agrees, "in_sight", "chosen with it in sight")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _priors(result: Predictions) -> str:
    if not result.draws:
        return ""
    misfits = result.misfits()
    outside = misfits[misfits["within_priors"] == False]  # noqa: E712 - None is neither
    return (
        f"Of the {len(misfits)} misfits {len(misfits) - len(outside)} lie in the range over {result.draws} worlds "
        f"drawn from the priors: each of them, by itself, could be met with other constants, believed as much. The "
        f"other {len(outside)} lie outside: what is missing there is a mechanism or a wider prior."
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
                "over priors": _range(row, "prior_lower", "prior_upper"),
                heading: row[last] or "–",
            }
            for row in rows.to_dict("records")
        ]
    )


def _digits(row: Mapping[Any, Any]) -> int:
    return 2 if row["axis"] == "percent" and max(row["published"], row["predicted"]) < 2 else 1


def _range(row: Mapping[Any, Any], low: str, high: str) -> str:
    digits = _digits(row)
    return "–" if pd.isna(row[low]) else f"{row[low]:.{digits}f} to {row[high]:.{digits}f}"


def _with_range(row: Mapping[Any, Any], value: str, low: str, high: str) -> str:
    shown = f"{row[value]:.{_digits(row)}f}{UNITS[row['axis']]}"
    return shown if pd.isna(row[low]) else f"{shown} ({_range(row, low, high)})"
