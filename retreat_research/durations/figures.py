"""Figures of fitted durations: (fit, …, ax=None) → Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .predictions import NewData
    from .result import DurationResult

STYLES = ("-", "--", "-.", ":")


def axes(ax: Axes | None) -> Axes:
    """`ax`, or the current axes."""
    import matplotlib.pyplot as plt

    return plt.gca() if ax is None else ax


def share_with_effect(ax: Axes) -> Axes:
    """Label the axes of a survival curve."""
    ax.set(xlabel="Weeks since treatment", ylabel="Share with effect", ylim=(0, 1.02))
    ax.set_xlim(left=0)
    return ax


def curves(fit: DurationResult, newdata: NewData = None, ax: Axes | None = None, kind: str = "marginal") -> Axes:
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
    return share_with_effect(ax)


def forest(fit: DurationResult, ax: Axes | None = None) -> Axes:
    """The ratios exp(β) with 95% intervals, without the intercept."""
    ax = axes(ax)
    table = fit.summary_frame().loc[list(fit.design.names)].drop(index="Intercept", errors="ignore")
    ratio, lower, upper = np.exp(table[["estimate", "lower", "upper"]].to_numpy().T)
    place = np.arange(len(table))
    ax.errorbar(ratio, place, xerr=[ratio - lower, upper - ratio], fmt="o", capsize=3)
    ax.axvline(1, color="0.6", linewidth=1, zorder=0)
    ax.set_yticks(place, table.index)
    ax.set(xlabel=f"{fit.ratio.replace('_', ' ').capitalize()}, exp(β), with 95% interval")
    ax.invert_yaxis()
    return ax
