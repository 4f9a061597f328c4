"""The picture of a comparison: what each strategy gives for what it takes."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .compare import Comparison

MARKERS = "osD^vP*X<>hd"
#: What a strategy takes: outcome, what is then equal in the matched arm, and the axis.
TAKEN = (("antigen", "antigen", "antigen per year (ng)"), ("sessions", "mean interval", "sessions per year"))


def draw_frontier(result: Comparison, ax: Axes | None = None) -> Axes:
    """Time in benefit against antigen per year, or sessions per year where no antigen load is published.

    The fixed intervals are a line with their weeks. From each strategy a thin line goes straight to the fixed interval
    that takes as much (open circle): its length is the gain. Bars: 95% Monte Carlo intervals of the strategy's own
    time in benefit.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    if ax is None:
        _, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
    line, table, matched = result.frontier(), result.table(), result.matched()
    outcome, equal, label = TAKEN[bool(line["antigen"].isna().any() or table["antigen"].isna().any())]
    ax.plot(line[outcome], 100 * line["time_in_benefit"], color="0.45", lw=1.5, marker="o", ms=3, zorder=1,
            label="fixed intervals")  # fmt: skip
    for weeks, row in line.iterrows():
        ax.annotate(
            f"{weeks:g}", (row[outcome], 100 * row["time_in_benefit"]), xytext=(5, -9), textcoords="offset points",
            ha="center", fontsize=7.5, color="0.35",
        )  # fmt: skip
    palette = sns.color_palette("colorblind", len(table))
    for (name, row), colour, marker in zip(table.iterrows(), palette, MARKERS * len(table), strict=False):
        at, benefit = row[outcome], 100 * row["time_in_benefit"]
        if (name, equal) in matched.index and np.isfinite(matched.loc[(name, equal), "gain"]):
            fixed = 100 * matched.loc[(name, equal), "time_in_benefit"]
            ax.plot([at, at], [fixed, benefit], color=colour, lw=1.2, zorder=2)
            ax.plot(at, fixed, "o", mfc="white", mec=colour, ms=4.5, zorder=2)
        ax.errorbar(
            at, benefit, yerr=196 * row["time_in_benefit_mcse"], fmt=marker, color=colour, ms=7, mec="black", mew=0.6,
            capsize=2, zorder=3, label=fill(f"{name} (oracle)" if row.get("oracle", False) else str(name), 30),
        )  # fmt: skip
    ax.set(xlabel=label, ylabel="time in benefit (%)")
    ax.margins(y=0.08)
    who = f"{result.years:g} years, {len(result.cohort):,} synthetic patients, {result.cohort.world.indication}"
    ax.set_title(f"{who}\ngrey numbers: weeks of a fixed interval", fontsize=9, loc="left")
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    return ax
