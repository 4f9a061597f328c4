"""Figures of a study: (result, ax=None) → Axes. One look for all: `theme`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .studies import SimulationStudyResult, StudyResult

STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X<>hd"


@contextmanager
def theme() -> Iterator[None]:
    """Seaborn's ticks style with a colour-blind-safe palette; the same bytes for the same figure."""
    import matplotlib as mpl
    import seaborn as sns

    look: dict[Any, Any] = {}
    look.update(sns.axes_style("ticks"))
    look.update(sns.plotting_context("notebook", font_scale=0.9))
    look.update({"axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans", "font.size": 10.0})
    look.update({"svg.hashsalt": "retreat_research", "savefig.dpi": 130, "figure.dpi": 100})
    with mpl.rc_context(look):
        yield


def _axes(ax: Axes | None, width: float = 7.0, height: float = 4.4) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _palette(n: int) -> list[tuple[float, float, float]]:
    import seaborn as sns

    return list(sns.color_palette("colorblind", n))


def durations(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Share of responding cycles still in effect: Turnbull's estimate and the log-normal fit.

    Turnbull's estimate is drawn thick with dots where the visits determine it and thin where they leave it open.
    """
    ax = _axes(ax, 7.5, 4.8)
    report = result.durations
    bounds = result.cycles.responding.frame[["lower", "upper"]].to_numpy()
    longest = min(1.02 * float(bounds[np.isfinite(bounds)].max()), 60.0)
    weeks = np.linspace(0.01, longest, 300)
    arms = list(report.turnbull)
    for arm, colour, style in zip(arms, _palette(len(arms)), STYLES * len(arms), strict=False):
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


def frontier(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Time in benefit against sessions per year: the fixed frontier and each strategy."""
    return result.comparison.plot(_axes(ax))


def gains(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Gain of each strategy over the fixed interval of equal exposure, in each world of the sweep."""
    ax = _axes(ax, 10, 5.2)
    table = result.sweep[result.sweep["equal"] != "mean interval"]
    worlds = list(dict.fromkeys(table["world"]))
    names = list(dict.fromkeys(table["strategy"]))
    offsets = np.linspace(-0.32, 0.32, len(worlds))
    for world, offset, colour, marker in zip(worlds, offsets, _palette(len(worlds)), MARKERS * 2, strict=False):
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

    ax = _axes(ax)
    arms = result.comparison.simulations
    for (name, arm), colour, style in zip(arms.items(), _palette(len(arms)), STYLES * len(arms), strict=False):
        positive = arm.patients["positive_week"]
        weeks = positive.fillna(arm.patients["weeks_observed"])
        curve = KaplanMeierFitter().fit(weeks, positive.notna()).cumulative_density_["KM_estimate"]
        years = curve.index.to_numpy() * 7 / 365.25
        ax.step(years, 100 * curve.to_numpy(), where="post", color=colour, ls=style, lw=1.6, label=name)
    ax.set(xlabel="years since the first session", ylabel="ever antibody-positive (%)", xlim=(0, result.study.years))
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=8, frameon=False)
    return ax


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
    ax = _axes(ax, 5, 7)
    table = result.measure(measure)
    table = table[table["estimand"] == estimand]
    rows = {scenario.name: row for row, scenario in enumerate(result.study.scenarios)}
    methods = result.study.methods
    offsets = np.linspace(-0.27, 0.27, len(methods)) if len(methods) > 1 else np.zeros(1)
    low, high = (-np.inf, np.inf) if limits is None else limits
    outside: dict[tuple[str, float], list[float]] = {}
    for method, offset, colour, marker in zip(methods, offsets, _palette(len(methods)), MARKERS, strict=False):
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
