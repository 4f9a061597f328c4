"""Figures of a study: (result, ax=None) → Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .look import MARKERS, STYLES, axes_or_new, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..studies import StudyResult


def durations(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Share of responding cycles still in effect: Turnbull's estimate and the log-normal fit.

    Turnbull's estimate is drawn thick with dots where the visits determine it and thin where they leave it open.
    """
    ax = axes_or_new(ax, 7.5, 4.8)
    report = result.durations
    bounds = result.cycles.responding.frame[["lower", "upper"]].to_numpy()
    longest = min(1.02 * float(bounds[np.isfinite(bounds)].max()), 60.0)
    weeks = np.linspace(0.01, longest, 300)
    arms = list(report.turnbull)
    for arm, colour, style in zip(arms, palette(len(arms)), STYLES * len(arms), strict=False):
        label = f"{arm} ({int(report.response.loc[arm, 'responders'])} cycles)"
        regions = report.turnbull[arm].intervals
        start, share = 0.0, 1.0
        for left, right, mass in regions[["left", "right", "mass"]].itertuples(index=False):
            few = len(regions) < 12
            ax.plot([start, left], [share, share], color=colour, lw=1.1, marker="o" if few else None, ms=3)
            ax.plot([left, right], [share, share - mass], color=colour, lw=0.5, alpha=0.7)
            start, share = right, share - mass
        if arm in report.table.index:
            curve = report.fit.survival(weeks, pd.DataFrame({"arm": [arm]}))
            ax.plot(weeks, curve["estimate"], color=colour, ls=style, lw=2, label=label)
        else:
            ax.plot([], [], color=colour, lw=1, label=f"{label}, Turnbull only")
    ax.axhline(0.5, color="0.7", lw=0.8, zorder=0)
    ax.set(xlabel="weeks since the session", ylabel="share of responding cycles\nstill in effect", ylim=(0, 1.02))
    ax.set_xlim(0, longest)
    ax.legend(fontsize=8, frameon=False)
    return ax


def swept_gains(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Gain of each strategy over the fixed interval of equal exposure, in each world of the sweep."""
    ax = axes_or_new(ax, 10, 5.2)
    table = result.sweep[result.sweep["equal"] != "mean interval"]
    worlds = list(dict.fromkeys(table["world"]))
    names = list(dict.fromkeys(table["strategy"]))
    offsets = np.linspace(-0.32, 0.32, len(worlds))
    for world, offset, colour, marker in zip(worlds, offsets, palette(len(worlds)), MARKERS * 2, strict=False):
        rows = table[table["world"] == world].set_index("strategy").loc[names]
        ax.errorbar(
            100 * rows["gain"], np.arange(len(names)) + offset, xerr=196 * rows["mcse"], fmt=marker, color=colour,
            ms=5, mec="black", mew=0.5, capsize=0, lw=1, label=world,
        )  # fmt: skip
    ax.axvline(0, color="0.4", lw=1, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel="gain in time in benefit over the fixed interval of equal exposure (percentage points)")
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def antibodies(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Kaplan-Meier share of patients whose latent titre has been above 0.4 mU/mL, dropout as censoring (lifelines)."""
    from lifelines import KaplanMeierFitter

    ax = axes_or_new(ax)
    arms = result.comparison.simulations
    for (name, arm), colour, style in zip(arms.items(), palette(len(arms)), STYLES * len(arms), strict=False):
        positive = arm.patients["positive_week"]
        weeks = positive.fillna(arm.patients["weeks_observed"])
        curve = KaplanMeierFitter().fit(weeks, positive.notna()).cumulative_density_["KM_estimate"]
        years = curve.index.to_numpy() * 7 / 365.25
        ax.step(years, 100 * curve.to_numpy(), where="post", color=colour, ls=style, lw=1.6, label=name)
    ax.set(xlabel="years since the first session", ylabel="ever antibody-positive (%)", xlim=(0, result.study.years))
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=8, frameon=False)
    return ax
