"""Figures of fitted durations: (fit, …, ax=None) → Axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import must

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .predictions import NewData, Predictions
    from .result import DurationResult

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")


def axes(ax: Axes | None) -> Axes:
    """`ax`, or the current axes."""
    import matplotlib.pyplot as plt

    return plt.gca() if ax is None else ax


def share_with_effect(ax: Axes, kind: str = "marginal") -> Axes:
    """Label the axes of a survival curve."""
    share = "Share with effect" if kind == "marginal" else "Probability that effect holds, typical patient"
    ax.set(xlabel="Weeks since treatment", ylabel=share, ylim=(0, 1.02))
    ax.set_xlim(left=0)
    return ax


def curves(fit: Predictions, newdata: NewData = None, ax: Axes | None = None, kind: str = "marginal") -> Axes:
    """Survival curves with 95% bands, one for each row of `newdata`."""
    ax = axes(ax)
    longest = float(fit.quantile(0.99, newdata, kind=kind)["estimate"].max())
    weeks = np.linspace(0, longest, 200)
    table = fit.survival(weeks, newdata, kind=kind)
    _, variables = fit._rows(newdata)
    for i in range(len(variables)):
        curve = table.iloc[i * weeks.size : (i + 1) * weeks.size]
        label = ", ".join(f"{name} {variables[name].iloc[i]}" for name in variables)
        (line,) = ax.plot(weeks, curve["estimate"], STYLES[i % len(STYLES)], label=label or None)
        ax.fill_between(weeks, curve["lower"], curve["upper"], color=line.get_color(), alpha=0.2, linewidth=0)
    if len(variables.columns):
        ax.legend(frameon=False)
    return share_with_effect(ax, kind)


def forest(fits: DurationResult | Mapping[str, DurationResult], ax: Axes | None = None) -> Axes:
    """The ratios exp(β) with 95% intervals, without the intercept; of several fits, by name, side by side.

    In a formula without intercept exp(β) of a level is no ratio, and there is no line at 1.
    """
    several = fits if isinstance(fits, Mapping) else {"": fits}
    kinds = {fit.ratio.replace("_", " ") for fit in several.values()}
    must(len(kinds) == 1, f"a {' and a '.join(sorted(kinds))} cannot stand side by side: they mean the opposite")
    ax = axes(ax)
    rows: list[str] = []
    for fit in several.values():
        rows += [name for name in fit.design.names if name != "Intercept" and name not in rows]
    for i, (label, fit) in enumerate(several.items()):
        table = fit.summary_frame().loc[[name for name in rows if name in fit.design.names]]
        ratio, lower, upper = np.exp(table[["estimate", "lower", "upper"]].to_numpy().T)
        place = np.array([rows.index(name) for name in table.index]) + _beside(i, len(several))
        _interval_marks(ax, place, ratio, lower, upper, i, label)
    ratios = all("1" in map(str, fit.design.spec.formula) for fit in several.values())
    if ratios:
        ax.axvline(1, color="0.6", linewidth=1, zorder=0)
    if len(several) > 1:
        _legend_above(ax)
    what = f"{kinds.pop().capitalize()}, exp(β)" if ratios else "exp(β), no ratio as the formula has no intercept"
    return _rows_down(ax, rows, f"{what}, with 95% interval")


def medians(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Medians with 95% intervals of several fits: ``fit``, ``row``, ``estimate``, ``lower`` and ``upper`` (weeks)."""
    ax = axes(ax)
    rows = list(dict.fromkeys(table["row"]))
    names = list(dict.fromkeys(table["fit"]))
    for i, name in enumerate(names):
        part = table[table["fit"] == name]
        place = np.array([rows.index(row) for row in part["row"]]) + _beside(i, len(names))
        at, lower, upper = part[["estimate", "lower", "upper"]].to_numpy().T
        _interval_marks(ax, place, at, lower, upper, i, name)
    _legend_above(ax)
    return _rows_down(ax, rows, "Median duration, weeks, with 95% interval")


def caterpillar(ratio: np.ndarray, lower: np.ndarray, upper: np.ndarray, label: str, ax: Axes | None = None) -> Axes:
    """Each patient's ratio to a typical patient with its interval, in order, on a logarithmic scale."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax = axes(ax)
    order = np.argsort(ratio, kind="stable")
    rank, n = np.arange(1, ratio.size + 1), ratio.size
    ax.vlines(rank, lower[order], upper[order], color="0.65", linewidth=max(0.3, min(3.0, 200 / n)))
    ax.plot(rank, ratio[order], "o", markersize=max(1.5, min(5.0, 300 / n)))
    ax.axhline(1, color="0.4", linewidth=1)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="Patients, in order", ylabel=f"{label}, with 95% interval", xlim=(0, n + 1))
    return ax


def _interval_marks(
    ax: Axes, place: np.ndarray, at: np.ndarray, lower: np.ndarray, upper: np.ndarray, i: int, label: str
) -> None:
    ax.errorbar(
        at, place, xerr=[at - lower, upper - at], fmt=MARKERS[i % len(MARKERS)], capsize=3, label=label or None
    )  # fmt: skip


def _beside(i: int, n: int) -> float:
    """How far from its row the i-th of n marks is."""
    return 0.6 * ((i + 0.5) / n - 0.5)


def _rows_down(ax: Axes, rows: list[str], label: str) -> Axes:
    ax.set_yticks(np.arange(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel=label)
    return ax


def _legend_above(ax: Axes) -> None:
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
