"""The picture of `Predictions`: published and predicted figures side by side, a panel for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from .predict import Predictions

ANTIBODIES, PLACEBO = "antibodies", "placebo"
FAINT, PUBLISHED = "0.82", "0.15"


def draw(result: Predictions) -> Figure:
    """One panel each for shares with an effect, placebo, weeks of effect, shares and months of antibodies."""
    import matplotlib.pyplot as plt

    table = result.table()
    immune, placebo = table["group"] == ANTIBODIES, table["group"] == PLACEBO
    panels = [
        ("Effect: share of patients", "% of patients", table[(table["axis"] == "percent") & ~immune & ~placebo]),
        ("Effect of placebo: share of patients", "% of patients", table[placebo]),
        ("Effect: duration", "weeks", table[table["axis"] == "weeks"]),
        ("Antibodies: share of patients", "% of patients", table[(table["axis"] == "percent") & immune]),
        ("Antibodies: time", "months", table[table["axis"] == "months"]),
    ]
    panels = [panel for panel in panels if len(panel[2])]
    heights = [len(rows) + 2.5 for *_, rows in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(10, 0.24 * sum(heights) + 0.8), height_ratios=heights, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for ax, (title, unit, rows) in zip(axes[:, 0], panels, strict=True):
        _panel(ax, rows.reset_index(drop=True))
        if title.startswith("Antibodies: share"):
            ax.set_xscale("symlog", linthresh=1, linscale=0.6)
            ax.set_xticks([0, 0.5, 1, 2, 5, 10, 20, 50, 100], ["0", "0.5", "1", "2", "5", "10", "20", "50", "100"])
            ax.set_xlim(right=130)
            ax.minorticks_off()
            unit += " (linear to 1, then logarithmic)"
        ax.set_title(title, loc="left", fontsize=11)
        ax.set_xlabel(unit)
    handles, labels = _legend(result)
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    colours = _colours()
    lines = zip(rows["prior_lower"], rows["prior_upper"], rows["trial_lower"], rows["trial_upper"], strict=True)
    top = float(np.nanmax(rows[["published", "predicted", "upper"]].to_numpy()))
    for y, (prior_low, prior_high, trial_low, trial_high) in enumerate(lines):
        row = rows.iloc[y]
        agrees = row["verdict"] == "agrees"
        ax.plot([prior_low, min(prior_high, 1.6 * top)], [y + 0.17] * 2, color=FAINT, lw=6, solid_capstyle="butt")
        ax.plot([trial_low, min(trial_high, 1.6 * top)], [y + 0.17] * 2, color=colours[agrees], lw=2)
        ax.plot(row["predicted"], y + 0.17, "o" if agrees else "s", color=colours[agrees], ms=5, mec="black", mew=0.4)
        ax.plot([row["lower"], row["upper"]], [y - 0.17] * 2, color=PUBLISHED, lw=1.2)
        ax.plot(row["published"], y - 0.17, ">" if row["at_least"] else "D", color=PUBLISHED, ms=4.5)
    for y in range(1, len(rows), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="0.96", lw=0, zorder=-2)
    ax.set_yticks(range(len(rows)), rows["target"], fontsize=8)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def _colours() -> dict[bool, tuple[float, float, float]]:
    import seaborn as sns

    palette = sns.color_palette("colorblind")
    return {True: palette[0], False: palette[3]}


def _legend(result: Predictions) -> tuple[list[Line2D], list[str]]:
    from matplotlib.lines import Line2D

    colours = _colours()
    entries: list[tuple[Line2D, str]] = [
        (Line2D([], [], color=PUBLISHED, marker="D", ms=4.5, lw=1.2), "published, 95% interval"),
        (Line2D([], [], color=PUBLISHED, marker=">", ms=4.5, lw=0), "published as a lower bound"),
        (Line2D([], [], color=colours[True], marker="o", ms=5, lw=2), "predicted: agrees; 95% of trials of that size"),
        (Line2D([], [], color=colours[False], marker="s", ms=5, lw=2), "predicted: misfit"),
    ]
    if result.draws:
        entries.append((Line2D([], [], color=FAINT, lw=6), "95% of trials in worlds drawn from the priors"))
    handles, labels = zip(*entries, strict=True)
    return list(handles), list(labels)
