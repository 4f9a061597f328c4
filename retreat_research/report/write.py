"""`write_report`: a study as one self-contained page, its tables, its figures and a manifest."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import pandas as pd

from .. import __version__, plots
from ..records import TABLES
from ..studies import StudyResult
from .output import whole_folder
from .sentences import findings, limits, model_sentence
from .tables import durations_for_reading, strategies_for_reading, study_tables

PACKAGES = ("numpy", "scipy", "pandas", "lifelines", "statsmodels", "formulaic", "matplotlib", "seaborn")

FIGURES = {
    "durations": (
        plots.durations,
        "How long the effect lasts in cycles with a response. Steps and dots: Turnbull's estimate, thin where the "
        "visits leave it open. Curves: the log-normal fit.",
    ),
    "frontier": (
        plots.frontier,
        "What each strategy gives and takes. A strategy above the line gives more time in benefit than a fixed "
        "interval with as many sessions; on the line it is a fixed interval by another name.",
    ),
    "gains": (
        plots.gains,
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
        (folder / f"{name}.csv").write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    figures = _figures(result, folder)
    manifest = _manifest(result, arguments or {}, inputs)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_page(result, figures, manifest, list(tables)), encoding="utf-8")


def _figures(result: StudyResult, folder: Path) -> list[dict[str, str]]:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    known = not result.comparison.table()["antibodies"].isna().any()
    figures = []
    with plots.theme(), mpl.rc_context({"svg.fonttype": "path"}):
        for name, (draw, caption) in FIGURES.items():
            if name == "antibodies" and not known:
                continue
            figure = cast(Figure, draw(result).figure)
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)
            encoded = base64.b64encode((folder / f"{name}.png").read_bytes()).decode("ascii")
            figures.append({"name": name, "caption": caption, "source": f"data:image/png;base64,{encoded}"})
    return figures


def _manifest(result: StudyResult, arguments: Mapping[str, Any], inputs: Sequence[str | Path]) -> dict[str, Any]:
    return {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "seed": result.study.seed,
        "arguments": dict(arguments),
        "endpoint": str(result.cycles.endpoint),
        "arm": result.arm,
        "inputs_sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(inputs)},
    }


def _files(inputs: Sequence[str | Path]) -> list[Path]:
    paths = [Path(p) for p in inputs]
    return [f for p in paths for f in ((p / f"{t}.csv" for t in TABLES) if p.is_dir() else [p]) if f.is_file()]


def _page(
    result: StudyResult, figures: list[dict[str, str]], manifest: Mapping[str, Any], tables: Sequence[str]
) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("retreat_research.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(
        result=result,
        figures={f["name"]: f for f in figures},
        findings=findings(result),
        model=model_sentence(result),
        limits=limits(result),
        quality=_html(result.study.records.quality(), index=False),
        durations=_html(durations_for_reading(result)),
        strategies=_html(strategies_for_reading(result)),
        matched=_html(_matched_for_reading(result), index=False),
        world=_html(_world_for_reading(result), index=False),
        manifest=json.dumps(manifest, indent=2),
        tables=tables,
    )


def _html(table: pd.DataFrame, index: bool = True) -> Any:
    from markupsafe import Markup

    shown = table.map(lambda cell: escape(str(cell)))
    shown.columns = [escape(str(c)) for c in shown.columns]
    if index:
        shown.index = pd.Index([escape(str(i)) for i in shown.index])
    body = shown.to_html(index=index, escape=False, border=0, justify="left")
    return Markup(f'<div class="wide">{body}</div>')


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
