"""`write_comparison`: strategies side by side as one self-contained page, its tables, figures and a manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import plots
from ..errors import must
from ..plots.gained import exposure_rows, moving
from ..simulation import Simulation, simulate
from .comparison_sentences import (
    answer,
    at_equal_benefit,
    cannot_tell,
    for_whom,
    how_sure,
    quoted,
    what_would_change,
)
from .comparison_tables import (
    comparison_tables,
    equal_benefit_for_reading,
    matched_for_reading,
    pareto_for_reading,
    strategies_for_reading,
    subgroups_for_reading,
)
from .output import whole_folder
from .paper import hashes, render, save_figure, save_table, table_html, versions

if TYPE_CHECKING:
    from ..comparison import Comparison

PACKAGES = ("numpy", "scipy", "pandas", "matplotlib", "seaborn")
VISITS = 300  # patients of whom every visit is drawn
OVER_TIME = 2000  # patients of the difference over time
LOGS = 3  # patients whose decisions are drawn


@dataclass(frozen=True, eq=False)
class Analyses:
    """What takes longer than a report should, and is shown if it has been done.

    Attributes
    ----------
    sobol : pandas.DataFrame, optional
        Of `Comparison.sobol`.
    tornado : mapping of str to pandas.DataFrame
        Of `Comparison.tornado`, by strategy.
    """

    sobol: pd.DataFrame | None = None
    tornado: Mapping[str, pd.DataFrame] | None = None


def write_comparison(
    result: Comparison,
    out: str | Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    inputs: Sequence[str | Path] = (),
    analyses: Analyses | None = None,
) -> Path:
    """Write ``report.html``, the tables as CSV, the figures as PNG and SVG, and ``manifest.json``.

    Parameters
    ----------
    result : Comparison
    out : str or Path
        A folder. Either everything is written or nothing.
    arguments : mapping, optional
        What the comparison was called with, for the manifest.
    inputs : sequence of paths, optional
        Files whose hashes the manifest gives.
    analyses : Analyses, optional

    Returns
    -------
    Path
        The report.
    """
    name = result.cohort.world.indication
    with whole_folder(out) as folder:
        fill_comparison(
            {name: result}, folder, arguments=arguments, inputs=inputs, analyses={name: analyses or Analyses()}
        )
    return Path(out) / "report.html"


def fill_comparison(
    results: Mapping[str, Comparison],
    folder: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    inputs: Sequence[str | Path] = (),
    analyses: Mapping[str, Analyses] | None = None,
) -> None:
    """Write everything into an existing folder.

    Parameters
    ----------
    results : mapping of str to Comparison
        By what they are called on the page, such as the indication. With several, the names of their files begin with
        it.
    folder : Path
    arguments, inputs
        As in `write_comparison`.
    analyses : mapping of str to Analyses, optional
        By the same names.
    """
    must(len(results) > 0, "`results` is empty")
    several = len(results) > 1
    chapters = []
    for place, (title, result) in enumerate(results.items()):
        begin = f"{_in_file_name(title) or place}_" if several else ""
        more = (analyses or {}).get(title, Analyses())
        chapters.append(_chapter(title, result, folder, begin, f"part{place}", more))
    manifest = {
        **versions(PACKAGES),
        "comparisons": {title: _asked(result) for title, result in results.items()},
        "arguments": dict(arguments or {}),
        "inputs_sha256": hashes(inputs),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    page = render("comparison.html", chapters=chapters, manifest=text, several=several, visits=VISITS)
    (folder / "report.html").write_text(page, encoding="utf-8")


def _asked(result: Comparison) -> dict[str, Any]:
    return {
        "indication": result.cohort.world.indication,
        "product": result.cohort.world.product,
        "patients": len(result.cohort),
        "years": result.years,
        "seed": result.seed,
        "strategies": {name: str(strategy) for name, strategy in result.strategies.items()},
    }


def _chapter(title: str, result: Comparison, folder: Path, begin: str, anchor: str, more: Analyses) -> dict[str, Any]:
    """Everything the template needs for one comparison; its tables and figures are written on the way."""
    tables = comparison_tables(result)
    if more.sobol is not None:
        tables["sobol"] = more.sobol
    for name, table in (more.tornado or {}).items():
        tables[f"tornado_{_in_file_name(name)}"] = table
    for name, table in tables.items():
        save_table(table, folder, f"{begin}{name}")
    best = _most_gaining(result)
    equal = equal_benefit_for_reading(result)
    groups = tables.get("subgroups")
    return {
        "title": title,
        "anchor": anchor,
        "result": result,
        "world": result.cohort.world,
        "answer": answer(result),
        "equal_benefit": at_equal_benefit(result),
        "for_whom": for_whom(result),
        "how_sure": how_sure(result),
        "what_would_change": what_would_change(result, more.sobol),
        "cannot_tell": cannot_tell(result),
        "strategies": [
            {"name": quoted(result, name), "text": strategy.describe()} for name, strategy in result.strategies.items()
        ],
        "outcomes": table_html(strategies_for_reading(result)),
        "matched": table_html(matched_for_reading(result), index=False) if moving(result) else "",
        "equal_benefit_table": "" if equal is None else table_html(equal),
        "subgroups": [
            {"name": quoted(result, name), "table": table_html(subgroups_for_reading(result, name), index=False)}
            for name in (moving(result) if groups is not None and len(groups) else ())
        ],
        "pareto": "" if result.uncertainty is None else table_html(pareto_for_reading(result)),
        "figures": _figures(result, folder, begin, best, more),
        "tables": [f"{begin}{name}" for name in tables],
    }


def _most_gaining(result: Comparison) -> str | None:
    """Of the strategies a clinic can follow, the one with the largest gain at equal exposure."""
    rows = exposure_rows(result.matched().reset_index()).set_index("strategy")["gain"]
    rows = rows[[name for name in moving(result) if name in rows.index and not result.strategies[name].oracle]].dropna()
    return None if rows.empty else str(rows.idxmax())


def _figures(
    result: Comparison, folder: Path, begin: str, best: str | None, more: Analyses
) -> dict[str, dict[str, str]]:
    made: dict[str, dict[str, str]] = {}

    def keep(name: str, drawn: Any, caption: str) -> None:
        figure = drawn.figure if hasattr(drawn, "figure") else drawn[0].figure
        made[name] = save_figure(figure, folder, f"{begin}{name}", caption)

    with plots.theme():
        keep(
            "frontier", plots.frontier(result),
            "What each strategy gives for what it takes. The grey line is fixed intervals; the length of the line "
            "from a strategy to its open circle is what it gains over the fixed interval that takes as much.",
        )  # fmt: skip
        if moving(result):
            keep(
                "gains", plots.gains(result),
                "The gain over the fixed interval of equal exposure and its parts. Bars: 95% Monte Carlo intervals."
                + ("" if result.sweep is None else " Grey: the smallest to the largest gain in the sweep."),
            )  # fmt: skip
        if len(result.strategies) > 1:
            keep(
                "over_time", plots.difference_over_time(result, patients=OVER_TIME),
                "Time in benefit in each quarter of follow-up, each strategy minus the first, in the same patients; "
                "not at equal exposure. Shaded: 95% Monte Carlo intervals. Waves come from sessions in the same weeks.",
            )  # fmt: skip
        if best is not None and len(result.subgroups()):
            keep(
                "subgroups", plots.subgroups(result, best),
                "The gain in groups of patients, of the strategy with the largest gain. Bars: 95% Monte Carlo "
                "intervals.",
            )  # fmt: skip
        if result.uncertainty is not None:
            keep(
                "acceptability", plots.acceptability(result),
                "In how many worlds drawn from the priors each strategy is best, by what the patient prefers: 0 is "
                "benefit now alone, 1 lasting response alone.",
            )  # fmt: skip
        if more.sobol is not None:
            keep(
                "sobol", plots.sobol(more.sobol, best if best in set(more.sobol["strategy"]) else None),
                "Which numbers of the world the gain hangs on, over their priors.",
            )  # fmt: skip
        for name, table in (more.tornado or {}).items():
            keep(
                f"tornado_{_in_file_name(name)}", plots.tornado(table),
                f"The gain of {quoted(result, name)} with one number of the world at a time at the ends of its prior. "
                "Bars: 95% Monte Carlo intervals; small numbers: the value.",
            )  # fmt: skip
        histories = _histories(result)
        keep(
            "intervals", plots.intervals(histories),
            "The interval between sessions over the years. Thick: median; shaded: the middle half; thin: single "
            "patients.",
        )  # fmt: skip
        chosen = _eventful(result, histories)
        if chosen is not None:
            name, patients = chosen
            keep(
                "decisions", plots.decision_log(histories[name], patients),
                f"What was seen and decided, visit by visit, under {quoted(result, name)}: the patients with the most "
                "kinds of decision. Above: the interval that follows and its reason; below: what was seen of the cycle "
                "that had just ended.",
            )  # fmt: skip
    return made


def _histories(result: Comparison) -> dict[str, Simulation]:
    few = result.cohort[:VISITS]
    return {
        name: simulate(few, strategy, years=result.years, seed=result.seed, history=True)
        for name, strategy in result.strategies.items()
    }


def _log(out: Simulation) -> pd.DataFrame:
    log = out.decisions
    assert log is not None  # `histories` have one
    return log


def _eventful(result: Comparison, histories: Mapping[str, Simulation]) -> tuple[str, list[int]] | None:
    """The followable strategy with the most kinds of decision, and the patients in whom most of them were made."""
    kinds = {
        name: _log(histories[name]).groupby("patient")["reason"].nunique()
        for name in moving(result)
        if not result.strategies[name].oracle
    }
    if not kinds:
        return None
    name = max(kinds, key=lambda name: (int(kinds[name].max()), float(kinds[name].mean())))
    order = np.lexsort([kinds[name].index, -kinds[name].to_numpy()])
    return name, [int(patient) for patient in kinds[name].index[order[:LOGS]]]


def _in_file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("'", "")).strip("-")[:40]
