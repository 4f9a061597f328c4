"""A simulation study on paper: tables, figures, a summary whose sentences are computed, and a manifest."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import __version__, plots
from ..studies import ESTIMANDS, MEASURES, METHODS, RETURNS, SimulationStudyResult, truths
from ..studies.ademp import FLAG
from .validation_sentences import NAIVE, coverage_sentences, failure_sentences, markdown_table, percent

PACKAGES = ("numpy", "scipy", "pandas", "formulaic", "matplotlib")
SHOWN = ("effect", "median, arm 0", "RMST, arm 0", "log SD within", "log SD between", "personal 80%", "personal 95%")
MOST_SCENARIOS = 40  # that a figure holds

_ALWAYS = dict.fromkeys(SHOWN, (0.75, 1.0))
_ERROR = dict.fromkeys(SHOWN[:5], (-0.3, 0.3))
_BIAS = dict(zip(SHOWN[:5], ((-0.1, 0.1), (-1.0, 3.0), (-1.0, 2.0), (-0.2, 0.2), (-0.3, 0.3)), strict=True))
# name: measure, limits of the axis of each estimand that is shown, and what to look for
FIGURES: Mapping[str, tuple[str, Mapping[str, tuple[float, float]], str]] = {
    "coverage": ("coverage", _ALWAYS, "Line: the nominal coverage."),
    "bias": ("bias", _BIAS, "Medians and restricted means in weeks, the others on the log scale."),
    "standard_errors": ("relative error of model SE", _ERROR, "Below 0 the reported standard errors are too small."),
}


def fill_validation(result: SimulationStudyResult, folder: Path, *, arguments: Mapping[str, Any] | None = None) -> None:
    """Write the tables (CSV), figures (PNG), ``summary.md`` and ``manifest.json`` into an existing folder.

    Parameters
    ----------
    result : SimulationStudyResult
    folder : Path
    arguments : mapping, optional
        What the study was called with, for the manifest.
    """
    for name, table in _tables(result).items():
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    figures = _figures(result, folder)
    (folder / "summary.md").write_text(_summary(result, figures), encoding="utf-8")
    manifest = {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "seed": result.study.seed,
        "replicates": result.study.replicates,
        "scenarios": [scenario.name for scenario in result.study.scenarios],
        "methods": list(result.study.methods),
        "arguments": dict(arguments or {}),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _tables(result: SimulationStudyResult) -> dict[str, pd.DataFrame]:
    scenarios = pd.DataFrame([asdict(scenario) for scenario in result.study.scenarios])
    true = pd.DataFrame([{"name": s.name, **truths(s)} for s in result.study.scenarios])
    return {
        "performance": result.performance,
        "coverage": result.coverage(),
        "scenarios": scenarios,
        "truths": true.replace(-np.inf, np.nan),
        "data": result.data,
        "failures": result.failures,
    }


def _figures(result: SimulationStudyResult, folder: Path) -> list[str]:
    import matplotlib.pyplot as plt

    scenarios = len(result.study.scenarios)
    if scenarios > MOST_SCENARIOS:
        return []
    made = []
    with plots.theme():
        for name, (measure, limits, _) in FIGURES.items():
            defined = set(result.measure(measure)["estimand"])
            estimands = [estimand for estimand in limits if estimand in defined]
            if not estimands:
                continue
            size = (2.6 + 1.75 * len(estimands), 1.6 + 0.29 * scenarios)
            figure, axes = plt.subplots(
                1, len(estimands), figsize=size, sharey=True, layout="constrained", squeeze=False
            )
            for ax, estimand in zip(axes[0], estimands, strict=True):
                plots.performance(result, measure, estimand, ax, limits[estimand])
                right = (ESTIMANDS[estimand].content or 0.95) if measure == "coverage" else 0.0
                ax.axvline(right, color="0.3", lw=0.8, zorder=0)
                ax.set_title(estimand, fontsize=9)
                ax.set_xlabel("")
            figure.supxlabel(f"{measure} (bars: ±1.96 Monte Carlo standard errors)", fontsize=9)
            handles, labels = _legend(axes[0], result.study.methods)
            figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
            figure.savefig(folder / f"{name}.png", metadata={"Software": None}, dpi=100)
            plt.close(figure)
            made.append(name)
    return made


def _legend(axes: Any, methods: tuple[str, ...]) -> tuple[list[Any], list[str]]:
    """A handle for each method that some panel shows."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if len(handle[0].get_xdata()):
                found.setdefault(label, handle)
    labels = [method for method in methods if method in found]
    return [found[label] for label in labels], labels


def _summary(result: SimulationStudyResult, figures: list[str]) -> str:
    study = result.study
    coverage = result.coverage()
    parts = [
        "# Does it estimate what is true?",
        f"A simulation study in ADEMP form (Morris, White and Crowther 2019, doi:10.1002/sim.8086): "
        f"{len(study.scenarios)} scenarios, {study.replicates:,} replicates each, seed {study.seed}. "
        "Written by `retreat-research validate`; every sentence with a number is computed.",
        "## Aims",
        "To see how well durations of effect, their variation within and between patients, and predictions for a "
        "patient's next cycle are estimated from visits and repeated cycles, and where 95% intervals fail.",
        "## Data-generating mechanisms",
        "ln T_ij = intercept + effect · arm_i + b_i + σ z_ij with b_i ~ N(0, σb²); half of them in arm 1. "
        "Visits see whether the effect is lost; a cycle ends at the visit that sees it, or when the patient returns "
        'earlier. Shares in the table are of all cycles; the "last cycle" is "cut" at a uniform week of the first 52.',
        "When she is retreated: " + "; ".join(f"**{name}**, {meaning}" for name, meaning in RETURNS.items()) + ".",
        markdown_table(_mechanisms(result)),
        "## Estimands",
        "\n".join(f"- **{e.name}**: {e.meaning}" for e in ESTIMANDS.values()),
        "## Methods",
        "\n".join(f"- **{name}**: {METHODS[name].meaning}" for name in study.methods),
        "Turnbull's median is the first week at which its curve is at most ½. On a grid of visits that is one, so it "
        "lies up to one spacing late.",
        "## Performance measures",
        "\n".join(f"- **{name}**: {meaning}" for name, meaning in MEASURES.items()),
        "Each has a Monte Carlo standard error (their Table 6); for a predictive interval coverage is the mean of its "
        "true contents.",
        "## Findings",
        "### Failed fits",
        *failure_sentences(result),
        f"### Where coverage fails (further than {FLAG:g} Monte Carlo standard errors from nominal)",
        *coverage_sentences(coverage, study.methods),
        "### Coverage",
        markdown_table(_coverage_table(result, coverage)),
        "### Bias of the median of arm 0, weeks (Monte Carlo standard error)",
        markdown_table(_bias_table(result)),
        "### Figures",
        *[f"![{FIGURES[name][0]} by scenario]({name}.png)\n\n{FIGURES[name][2]}" for name in figures],
    ]
    return "\n\n".join(parts) + "\n"


def _mechanisms(result: SimulationStudyResult) -> pd.DataFrame:
    data = result.data.set_index("scenario")
    rows = []
    for s in result.study.scenarios:
        visits = f"every {s.every:g} wk" + ", jittered" * (s.jitter > 0) + f", {s.missed:.0%} missed" * (s.missed > 0)
        shares = data.loc[s.name]
        rows.append(
            {
                "scenario": s.name,
                "patients × cycles": f"{s.patients} × {s.cycles}",
                "visits": visits,
                "T given b": s.family,
                "σb": f"{s.between_sd:g}",
                "returns": s.returns,
                "records end": "last cycle cut" if s.calendar_weeks is None else f"week {s.calendar_weeks:g}",
                "cycles": f"{shares['cycles']:.0f}",
                **{kind: percent(shares[kind], 0) for kind in ("interval", "left", "retreated", "follow-up")},
            }
        )
    return pd.DataFrame(rows)


def _coverage_table(result: SimulationStudyResult, coverage: pd.DataFrame) -> pd.DataFrame:
    """Percent, an asterisk where it fails; the methods of the package."""
    shown = coverage[(coverage["method"] != NAIVE) & coverage["estimand"].isin(SHOWN)]
    cells = {
        (row.scenario, f"{row.method}: {row.estimand}"): f"{100 * row.coverage:.1f}{'*' * bool(row.fails)}"
        for row in shown.itertuples(index=False)
    }
    return _crossed(result, cells)


def _bias_table(result: SimulationStudyResult) -> pd.DataFrame:
    bias = result.measure("bias")
    shown = bias[bias["estimand"] == "median, arm 0"]
    cells = {(row.scenario, row.method): f"{row.value:+.2f} ({row.mcse:.2f})" for row in shown.itertuples(index=False)}
    return _crossed(result, cells)


def _crossed(result: SimulationStudyResult, cells: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """Scenarios down, columns in the order of their first appearance."""
    columns = list(dict.fromkeys(column for _, column in cells))
    return pd.DataFrame(
        [
            {"scenario": s.name, **{column: cells.get((s.name, column), "–") for column in columns}}
            for s in result.study.scenarios
        ]
    )
