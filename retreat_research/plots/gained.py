"""Figures of what strategies gain over the fixed interval of equal exposure: in all, over time, and for whom."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..comparison.figure import draw_frontier
from ..errors import must
from ..strategies import Fixed
from .look import axes_or_new, key_beside, label_outer, looks, palette, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..comparison import Comparison

WIDE = 28  # letters of a name on one line
GAIN = "gain in time in benefit over the fixed interval\nof equal {} (percentage points)"


def frontier(result: Comparison, ax: Axes | None = None) -> Axes:
    """Time in benefit against antigen per year: the fixed frontier, each strategy and its matched fixed interval."""
    return draw_frontier(result, axes_or_new(ax, 8, 4.6))


def shown_name(result: Comparison, name: str) -> str:
    """The strategy's name, with what it is if no clinic could follow it."""
    return f"{name} (oracle)" if result.strategies[name].oracle else name


def moving(result: Comparison) -> list[str]:
    """Names of the strategies that are not themselves a fixed interval."""
    return [name for name, strategy in result.strategies.items() if not isinstance(strategy, Fixed)]


def exposure_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Of each strategy the row matched on exposure: antigen, else units, else mean interval.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns ``strategy`` and ``equal``.
    """
    order = {"antigen": 0, "units": 1, "mean interval": 2}
    best = table["equal"].map(order).groupby(table["strategy"]).transform("min")
    return table[table["equal"].map(order) == best]


def gains(result: Comparison, ax: Axes | None = None) -> Axes:
    """The gain of each strategy at equal exposure, with what stepping and what return on request give, and its range.

    Thick grey line: the gains in the worlds of the sweep. Bars: 95% Monte Carlo intervals.
    """
    rows = exposure_rows(result.matched().reset_index()).set_index("strategy").reindex(moving(result))
    must(len(rows) > 0, "there is no strategy besides fixed intervals")
    ax = axes_or_new(ax, 8, 1.6 + 0.72 * len(rows))
    swept = None if result.sweep is None else exposure_rows(result.sweep.table)
    parts = [("gain", "mcse", "in all", "o")]
    if "stepping" in rows and rows["stepping"].notna().any():
        parts += [
            ("stepping", "stepping_mcse", "of it stepping", "^"),
            ("request", "request_mcse", "of it return on request", "s"),
        ]
    colours = palette(3)
    for place, name in enumerate(rows.index):
        row = rows.loc[name]
        if swept is not None:
            own = 100 * swept.loc[swept["strategy"] == name, "gain"].dropna()
            if len(own):
                ax.plot([own.min(), own.max()], [place - 0.26] * 2, color="0.75", lw=5, solid_capstyle="butt", zorder=0,
                        label="in all, worlds of the sweep")  # fmt: skip
        if np.isnan(row["gain"]):
            ax.text(0.5, place, "no fixed interval matches", transform=ax.get_yaxis_transform(), ha="center",
                    va="center", fontsize=8, color="0.3")  # fmt: skip
            continue
        own_parts = parts[:1] if result.strategies[str(name)].oracle else parts  # an oracle's are not a clinic's
        for (value, error, label, marker), colour, shift in zip(own_parts, colours, (-0.26, 0.02, 0.26), strict=False):
            ax.errorbar(
                100 * row[value], place + shift, xerr=196 * row[error], fmt=marker, color=colour, ms=6, mec="black",
                mew=0.5, lw=1.2, capsize=2, label=label,
            )  # fmt: skip
    for place in range(1, len(rows), 2):
        ax.axhspan(place - 0.5, place + 0.5, color="0.96", lw=0, zorder=-2)
    ax.axvline(0, color="0.4", lw=1, zorder=-1)
    ax.set_yticks(range(len(rows)), [fill(shown_name(result, str(name)), WIDE) for name in rows.index])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    equal = ", ".join(dict.fromkeys(rows["equal"].dropna())) or "antigen"
    ax.set_xlabel(GAIN.format(equal))
    ax.set_title(_who(result), fontsize=9, loc="left")
    key_beside(ax)
    return ax


def difference_over_time(
    result: Comparison, reference: str | None = None, axes: Any = None, *, patients: int = 2000
) -> np.ndarray:
    """Time in benefit in each quarter of follow-up, each strategy minus a reference on the same patients.

    Parameters
    ----------
    result : Comparison
    reference : str, optional
        By default the first strategy.
    axes : sequence of Axes, optional
        One for each other strategy; by default in a new figure.
    patients : int
        The first of the cohort, who are simulated again with every visit kept.

    Returns
    -------
    array of Axes
        Shaded: 95% Monte Carlo intervals.
    """
    names = list(result.strategies)
    base = names[0] if reference is None else reference
    others = [name for name in names if name != base]
    must(base in names and len(others) > 0, "there is no strategy to compare with `reference`")
    places, look = panels(axes, len(others)), looks(names)
    for ax, name in zip(places, others, strict=True):
        table = result.over_time(name, base, patients=patients)
        years = table["year"] + 0.125  # the middle of the quarter
        value, error = 100 * table["difference"], 196 * table["mcse"]
        ax.axhline(0, color="0.4", lw=1, zorder=0)
        ax.fill_between(years, value - error, value + error, color=look[name]["color"], alpha=0.25, lw=0)
        ax.plot(years, value, lw=1.4, ms=3, color=look[name]["color"], marker=look[name]["marker"])
        ax.set_title(fill(shown_name(result, name), WIDE), fontsize=9)
        ax.set_xlim(0, result.years)
    label_outer(places, "years since the first session", "difference in\ntime in benefit (points)")
    n = min(patients, len(result.cohort))
    places[0].figure.suptitle(
        f"minus {shown_name(result, base)}; {n:,} synthetic patients, {result.cohort.world.indication}",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip
    return places


def subgroups(result: Comparison, strategy: str | None = None, ax: Axes | None = None) -> Axes:
    """The gain of one strategy at equal exposure in groups of patients: what a clinic can see, and what it cannot.

    Parameters
    ----------
    result : Comparison
    strategy : str, optional
        By default the first that is not a fixed interval.
    ax : Axes, optional
        Groups with few patients are left out.
    """
    names = moving(result)
    must(bool(names) or strategy is not None, "there is no strategy besides fixed intervals")
    name = names[0] if strategy is None else strategy
    table = result.subgroups()
    table = table[table["strategy"] == name].dropna(subset=["gain"])
    whole, table = table[table["kind"] == "all"], table[table["kind"].isin(["observed", "true"]) & ~table["few"]]
    ax = axes_or_new(ax, 7.5, 1.4 + 0.27 * (len(table) + table["trait"].nunique()))
    places, labels, place = [], [], 0.0
    look = {"observed": ("o", palette(1)[0]), "true": ("D", "white")}
    for (trait, kind), rows in table.sort_values("kind", kind="stable").groupby(["trait", "kind"], sort=False):
        ax.text(0, place, f" {trait}", transform=ax.get_yaxis_transform(), fontsize=8.5, va="center", weight="bold")
        ax.axhspan(place - 0.5, place + 0.5, color="0.94", lw=0, zorder=-2)
        marker, fill_colour = look[str(kind)]
        for row in rows.itertuples():
            place += 1
            ax.errorbar(100 * row.gain, place, xerr=196 * row.mcse, fmt=marker, color="black", mfc=fill_colour, ms=6,
                        mew=0.7, lw=1.1, capsize=2)  # fmt: skip
            places.append(place)
            labels.append(f"{row.group} (n = {row.patients:,})")
        place += 1
    if len(whole):
        ax.axvline(100 * whole["gain"].iloc[0], color="0.5", lw=1, ls="--", zorder=-1, label="all patients")
    for kind, words in (("observed", "what a clinic can see"), ("true", "what only the simulation knows")):
        if (table["kind"] == kind).any():
            marker, fill_colour = look[kind]
            ax.plot([], [], marker, color="black", mfc=fill_colour, ms=6, mew=0.7, label=words)
    ax.axvline(0, color="0.4", lw=1, zorder=-1)
    ax.set_yticks(places, labels, fontsize=8.5)
    ax.set_ylim(max(place, 1) - 0.4, -0.6)
    equal = exposure_rows(result.matched().reset_index()).set_index("strategy")["equal"]
    ax.set_xlabel(GAIN.format(equal.get(name, "antigen")))
    ax.set_title(f"{fill(shown_name(result, name), 60)}\n{_who(result)}", fontsize=9, loc="left")
    key_beside(ax)
    return ax


def _who(result: Comparison) -> str:
    return f"{len(result.cohort):,} synthetic patients, {result.cohort.world.indication}, {result.years:g} years"
