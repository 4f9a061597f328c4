"""`write_report`: a study as one self-contained page, its tables, its figures and a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from .. import plots
from ..studies import StudyResult
from .output import whole_folder
from .paper import hashes, render, save_figure, save_table, table_html, versions
from .sentences import findings, limits, model_sentence
from .tables import durations_for_reading, strategies_for_reading, study_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PACKAGES = ("numpy", "scipy", "pandas", "lifelines", "statsmodels", "formulaic", "matplotlib", "seaborn")

FIGURES = {
    "durations": (
        plots.durations,
        "How long the effect lasts in cycles with a response. Steps and dots: Turnbull's estimate, thin where the "
        "visits leave it open. Curves: the log-normal fit.",
    ),
    "frontier": (
        lambda result: plots.frontier(result.comparison),
        "What each strategy gives and takes. A strategy above the line gives more time in benefit than a fixed "
        "interval with as many sessions; on the line it is a fixed interval by another name.",
    ),
    "gains": (
        plots.swept_gains,
        "The gain over the fixed interval of equal exposure, and whether it survives what the data cannot tell. "
        "Bars: 95% Monte Carlo intervals.",
    ),
    "antibodies": (
        plots.antibodies,
        "Latent neutralising antibodies over the years, under assumed immunity: compare the strategies, not the level.",
    ),
}


def write_report(
    result: StudyResult,
    out: str | Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    inputs: Sequence[str | Path] = (),
) -> Path:
    """Write ``report.html``, the tables as CSV, the figures as PNG and SVG, and ``manifest.json``.

    Parameters
    ----------
    result : StudyResult
    out : str or Path
        A folder. Either everything is written or nothing.
    arguments : mapping, optional
        What the study was called with, for the manifest.
    inputs : sequence of paths, optional
        Files whose hashes the manifest gives; of a folder its tables.

    Returns
    -------
    Path
        The report.
    """
    with whole_folder(out) as folder:
        fill(result, folder, arguments=arguments, inputs=inputs)
    return Path(out) / "report.html"


def fill(
    result: StudyResult,
    folder: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    inputs: Sequence[str | Path] = (),
) -> None:
    """Write everything into an existing folder."""
    tables = study_tables(result)
    for name, table in tables.items():
        save_table(table, folder, name)
    figures = _figures(result, folder)
    manifest = _manifest(result, arguments or {}, inputs)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_page(result, figures, manifest, list(tables)), encoding="utf-8")


def _figures(result: StudyResult, folder: Path) -> list[dict[str, str]]:
    known = not result.comparison.table()["antibodies"].isna().any()
    figures = []
    with plots.theme():
        for name, (draw, caption) in FIGURES.items():
            if name == "antibodies" and not known:
                continue
            figures.append(save_figure(cast("Figure", draw(result).figure), folder, name, caption))
    return figures


def _manifest(result: StudyResult, arguments: Mapping[str, Any], inputs: Sequence[str | Path]) -> dict[str, Any]:
    return {
        **versions(PACKAGES),
        "seed": result.study.seed,
        "arguments": dict(arguments),
        "endpoint": str(result.cycles.endpoint),
        "arm": result.arm,
        "inputs_sha256": hashes(inputs),
    }


def _page(
    result: StudyResult, figures: list[dict[str, str]], manifest: Mapping[str, Any], tables: Sequence[str]
) -> str:
    return render(
        "page.html",
        result=result,
        figures={f["name"]: f for f in figures},
        findings=findings(result),
        model=model_sentence(result),
        limits=limits(result),
        quality=table_html(result.study.records.quality(), index=False),
        durations=table_html(durations_for_reading(result)),
        strategies=table_html(strategies_for_reading(result)),
        matched=table_html(_matched_for_reading(result), index=False),
        world=table_html(_world_for_reading(result), index=False),
        manifest=json.dumps(manifest, indent=2),
        tables=tables,
    )


def _matched_for_reading(result: StudyResult) -> pd.DataFrame:
    table = result.comparison.matched().reset_index()
    fixed = {name for name, arm in result.comparison.simulations.items() if hasattr(arm.strategy, "weeks")}
    table = table[~table["strategy"].isin(fixed)]
    none = table["matched_weeks"].isna()
    return pd.DataFrame(
        {
            "strategy": table["strategy"],
            "equal in": table["equal"],
            "fixed interval, weeks": [
                "none between 4 and 52" if n else f"{w:.2f}" for w, n in zip(table["matched_weeks"], none, strict=True)
            ],
            "its time in benefit": table["time_in_benefit"].map(lambda v: "–" if pd.isna(v) else f"{100 * v:.1f}%"),
            "gain, points ± MC error": [
                "–" if n else f"{100 * g:+.2f} ± {100 * e:.2f}"
                for g, e, n in zip(table["gain"], table["mcse"], none, strict=True)
            ],
        }
    )


def _world_for_reading(result: StudyResult) -> pd.DataFrame:
    table = result.world.describe()
    table = table[table["product"].isin(["", result.world.product])]
    values = ["–" if pd.isna(value) else f"{value:.4g}" for value in table["value"]]
    return table.assign(value=values)[["part", "parameter", "value", "unit", "prior", "meaning", "source"]]
