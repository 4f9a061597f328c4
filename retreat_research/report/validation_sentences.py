"""The sentences of a simulation study's summary, computed from its result."""

from __future__ import annotations

import pandas as pd
from scipy.special import ndtr

from ..studies import SimulationStudyResult
from ..studies.ademp import FLAG

NAIVE = "midpoint AFT"
SE_MATTERS = 0.05  # a standard error 5% off moves a coverage of 95% by 1 percentage point
MISSING_MATTERS = 0.01


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f}%"


def markdown_table(table: pd.DataFrame) -> str:
    """A table of text as Markdown."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.fillna("–").astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def failure_sentences(result: SimulationStudyResult) -> list[str]:
    """How many fits failed, where and why."""
    fits = len(result.study.scenarios) * result.study.replicates * len(result.study.methods)
    failures = result.failures
    if failures.empty:
        return [f"None of {fits:,} fits failed."]
    rows = [
        f"- {row.scenario}, {row.method}: {row.replicates:,} replicates, the first is number {row.first}: {row.reason}"
        for row in failures.itertuples(index=False)
    ]
    return [
        f"{failures['replicates'].sum():,} of {fits:,} fits failed; they are left out of what follows:",
        "\n".join(rows),
    ]


def coverage_sentences(coverage: pd.DataFrame, methods: tuple[str, ...]) -> list[str]:
    """Each failure with its cause; the naive comparator in one sentence."""
    chance = 2 * float(ndtr(-FLAG)) * len(coverage)
    sentences = [f"By chance alone about {chance:.1f} of the {len(coverage)} coverages would be listed here."]
    for method in methods:
        own = coverage[coverage["method"] == method]
        failed = own[own["fails"]]
        if own.empty:
            continue
        if failed.empty:
            sentences.append(f"**{method}**: none of {len(own)} coverages fails.")
            continue
        worst = failed.loc[(failed["coverage"] - failed["nominal"]).abs().idxmax()]
        head = (
            f"**{method}**: {len(failed)} of {len(own)} coverages fail; the furthest is {percent(worst['coverage'])} "
            f"({worst['estimand']}, {worst['scenario']})."
        )
        sentences.append(head if method == NAIVE else head + "\n\n" + _by_scenario(failed))
    return sentences


def _by_scenario(failed: pd.DataFrame) -> str:
    lines = []
    for scenario, rows in failed.groupby("scenario", sort=False):
        each = [f"{row['estimand']} {percent(row['coverage'])} ({why(row)})" for _, row in rows.iterrows()]
        lines.append(f"- {scenario}: " + "; ".join(each))
    return "\n".join(lines)


def why(row: pd.Series) -> str:
    """What makes a coverage fail: missing intervals, bias or standard errors; or what these are if none is enough.

    Bias counts as a cause where centring the intervals on the mean estimate takes away at least half of the failure.
    """
    nominal, found, error = row["nominal"], row["coverage"], row["relative_se_error"]
    if pd.isna(row["bias_eliminated"]):  # a predictive interval
        return "too narrow" if found < nominal else "too wide"
    bias = f"bias {row['standard_bias']:+.2f} empirical SE"
    width = f"model SE {percent(abs(error), 0)} too {'small' if error < 0 else 'large'}"
    causes = []
    if row["estimated"] < 1 - MISSING_MATTERS:
        causes.append(f"{percent(1 - row['estimated'], 0)} of fits without estimate, left out")
    if row["with_interval"] < 1 - MISSING_MATTERS:
        causes.append(f"{percent(1 - row['with_interval'], 0)} without interval")
    if abs(row["bias_eliminated"] - nominal) <= abs(found - nominal) / 2:
        causes.append(bias)
    if abs(error) >= SE_MATTERS and (error < 0) == (found < nominal):
        causes.append(width)
    return ", ".join(causes) or f"neither {bias} nor {width} is enough"
