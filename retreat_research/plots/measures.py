"""Figures of a simulation study: (result, …, ax=None) → Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .look import MARKERS, axes_or_new, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..studies import SimulationStudyResult


def performance(
    result: SimulationStudyResult,
    measure: str,
    estimand: str,
    ax: Axes | None = None,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """One measure of a simulation study for one estimand: scenarios down, methods side by side, ±1.96 Monte Carlo SEs.

    What lies outside `limits` is a triangle at the edge; its values are written there in the order of the methods.
    """
    ax = axes_or_new(ax, 5, 7)
    table = result.measure(measure)
    table = table[table["estimand"] == estimand]
    rows = {scenario.name: row for row, scenario in enumerate(result.study.scenarios)}
    methods = result.study.methods
    offsets = np.linspace(-0.27, 0.27, len(methods)) if len(methods) > 1 else np.zeros(1)
    low, high = (-np.inf, np.inf) if limits is None else limits
    outside: dict[tuple[str, float], list[float]] = {}
    for method, offset, colour, marker in zip(methods, offsets, palette(len(methods)), MARKERS, strict=False):
        own = table[table["method"] == method]
        place = own["scenario"].map(rows).to_numpy(dtype=float) + offset
        value, mcse = own["value"].to_numpy(), own["mcse"].to_numpy()
        inside = (value >= low) & (value <= high)
        ax.errorbar(
            value[inside], place[inside], xerr=1.96 * mcse[inside], fmt=marker, color=colour, ms=4.5, mec="black",
            mew=0.4, lw=1, label=method,
        )  # fmt: skip
        for scenario, x, y in zip(own["scenario"][~inside], value[~inside], place[~inside], strict=True):
            at, edge = (low, "<") if x < low else (high, ">")
            ax.plot(at, y, edge, color=colour, ms=4.5, mec="black", mew=0.4, clip_on=False)
            outside.setdefault((scenario, at), []).append(x)
    for (scenario, at), values in outside.items():
        left = at == low
        ax.annotate(
            " / ".join(f"{x:.2f}" for x in values), (at, rows[scenario]), (6 if left else -6, 0), va="center",
            textcoords="offset points", fontsize=6.5, ha="left" if left else "right",
        )  # fmt: skip
    for row in range(1, len(rows), 2):
        ax.axhspan(row - 0.5, row + 0.5, color="0.95", lw=0, zorder=-1)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel=measure, title=estimand)
    if limits is not None:
        ax.set_xlim(limits)
    return ax
