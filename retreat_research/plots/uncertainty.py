"""Figures of what is not known: which strategy is best in how many worlds, and which numbers decide it."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .gained import WIDE, shown_name
from .look import axes_or_new, key_beside, looks, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..comparison import Comparison


def acceptability(result: Comparison, ax: Axes | None = None) -> Axes:
    """The share of drawn worlds in which each strategy is best, against what the patient prefers."""
    ax = axes_or_new(ax, 8, 4.2)
    table = result.uncertainty.acceptability()
    draws = len(result.uncertainty.parameters)
    every = max(len(table) // 10, 1)
    look = looks(result.strategies)
    for name in table:
        ax.plot(table.index, 100 * table[name], lw=1.6, ms=5, mec="black", mew=0.5, markevery=every,
                label=fill(shown_name(result, name), WIDE), **look[name])  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(-2, 102), ylabel=f"worlds in which it is best (% of {draws})")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\nbenefit now", "0.25", "0.5", "0.75", "1\nresponsiveness"])
    ax.set_xlabel("the patient's preference")
    ax.set_title(_world(result), fontsize=9, loc="left")
    key_beside(ax)
    return ax


def tornado(table: pd.DataFrame, ax: Axes | None = None, *, most: int = 12) -> Axes:
    """What each number of the world does to the gain, from its low to its high end, one at a time.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `Comparison.tornado`: ``parameter``, ``low``, ``high`` (its values), ``gain_low``, ``gain_high``, and the
        Monte Carlo errors of these.
    ax : Axes, optional
    most : int
        How many, from the widest.
    """
    rows = table.head(most)
    ax = axes_or_new(ax, 8, 1.3 + 0.36 * len(rows))
    low_colour, high_colour = palette(2)
    for place, row in enumerate(rows.itertuples()):
        ax.plot(
            [100 * row.gain_low, 100 * row.gain_high],
            [place, place],
            color="0.7",
            lw=6,
            solid_capstyle="butt",
            zorder=1,
        )
        for gain, error, value, colour, marker, other in (
            (row.gain_low, row.mcse_low, row.low, low_colour, "o", row.gain_high),
            (row.gain_high, row.mcse_high, row.high, high_colour, "D", row.gain_low),
        ):
            ax.errorbar(
                100 * gain, place, xerr=196 * error, fmt=marker, color=colour, ms=6, mec="black", mew=0.5, lw=1.1
            )
            left = gain < other or (gain == other and marker == "o")
            side, at = ("right", -1) if left else ("left", 1)
            ax.annotate(
                f"{value:.3g}", (100 * (gain + 1.96 * at * error), place), (7 * at, 0), textcoords="offset points",
                va="center", ha=side, fontsize=7.5,
            )  # fmt: skip
    ax.plot([], [], "o", color=low_colour, mec="black", mew=0.5, label="at its low end")
    ax.plot([], [], "D", color=high_colour, mec="black", mew=0.5, label="at its high end")
    ax.axvline(0, color="0.4", lw=1, zorder=0)
    ax.margins(x=0.14)
    ax.set_yticks(range(len(rows)), [fill(str(name), WIDE) for name in rows["parameter"]], fontsize=8.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("gain in time in benefit at equal exposure (percentage points)")
    left_out = len(table) - len(rows)
    ax.set_title("one number of the world at a time" + (f"; {left_out} with less effect left out" if left_out else ""),
                 fontsize=9, loc="left")  # fmt: skip
    key_beside(ax)
    return ax


def sobol(table: pd.DataFrame, strategy: str | None = None, ax: Axes | None = None) -> Axes:
    """Shares of the gain's variance that groups of the world's numbers account for: alone, and with all the others.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `Comparison.sobol`: ``strategy``, ``group``, ``first``, ``first_conf``, ``total``, ``total_conf``.
    strategy : str, optional
        By default the first.
    ax : Axes, optional
    """
    name = str(table["strategy"].iloc[0]) if strategy is None else strategy
    rows = table[table["strategy"] == name].sort_values("total", ascending=False, kind="stable")
    ax = axes_or_new(ax, 8, 1.4 + 0.5 * len(rows))
    colours, place = palette(2), np.arange(len(rows))
    for value, label, colour, shift, hatch in (
        ("first", "alone (first order)", colours[0], -0.19, ""),
        ("total", "with all the others (total)", colours[1], 0.19, "///"),
    ):
        ax.barh(place + shift, rows[value], 0.36, xerr=rows[f"{value}_conf"], color=colour, hatch=hatch, label=label,
                edgecolor="black", linewidth=0.5, error_kw={"elinewidth": 1, "capsize": 2})  # fmt: skip
    ax.axvline(0, color="0.4", lw=1)
    ax.set_yticks(place, [fill(str(group), WIDE) for group in rows["group"]])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("share of the variance of the gain (bars: 95% bootstrap intervals)")
    ax.set_title(fill(name, 60), fontsize=9, loc="left")
    key_beside(ax)
    return ax


def _world(result: Comparison) -> str:
    draws = len(result.uncertainty.parameters)
    return f"{draws:,} worlds drawn from the priors, {result.cohort.world.indication}, {result.years:g} years"
