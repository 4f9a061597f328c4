"""The picture of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .compare import Comparison

MARKERS = "osD^vP*X<>"


def draw_frontier(result: Comparison, ax: Axes | None = None) -> Axes:
    """Time in benefit (%) against sessions per year, with the fixed frontier as a line."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    if ax is None:
        _, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    line, table = result.frontier(), result.table()
    ax.plot(line["sessions"], 100 * line["time_in_benefit"], color="0.45", lw=1.5, zorder=1, label="fixed intervals")
    for weeks, row in line.iterrows():
        ax.annotate(
            f"{weeks:g}", (row["sessions"], 100 * row["time_in_benefit"]), xytext=(0, -12), textcoords="offset points",
            ha="center", fontsize=8, color="0.35",
        )  # fmt: skip
    ax.scatter(line["sessions"], 100 * line["time_in_benefit"], s=10, color="0.45", zorder=1)
    palette = sns.color_palette("colorblind", len(table))
    for (name, row), colour, marker in zip(table.iterrows(), palette, MARKERS * len(table), strict=False):
        ax.errorbar(
            row["sessions"], 100 * row["time_in_benefit"], yerr=196 * row["time_in_benefit_mcse"], fmt=marker,
            color=colour, ms=7, mec="black", mew=0.6, capsize=2, zorder=3, label=str(name),
        )  # fmt: skip
    ax.set(xlabel="sessions per year", ylabel="time in benefit (%)")
    who = f"{result.years:g} years, {len(result.cohort):,} synthetic patients"
    ax.set_title(f"{who}; numbers: weeks of a fixed interval", fontsize=9, loc="left")
    ax.legend(fontsize=8, frameon=False)
    return ax
