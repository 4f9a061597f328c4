"""The picture of a fit to published curves: one panel for each study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import beta

from .quantities import ANCHOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .result import CurveFit

COLUMNS = 3
MARKERS = "osDPX*hp"  # no triangles: those are bounds
STYLES = ("-", "--", "-.", ":")
LIKE = ["level", "rater", "endpoint", "given_week", "kind"]  # of one arm, data on one curve
ONSET = "cumulative onset"
DODGE = 0.012  # of the axis, between arms
NOTES = (
    "points: published, with 95% binomial intervals\n"
    "lines: fitted, with the study's own effect\n"
    "triangles: bounds, pointing to where the share may lie\n"
    "hollow: mean effects (% of the arm's maximum),\n    predicted, not fitted\n"
    "χ² per datum: about 1 is chance\n"
    "SE: binomial standard errors, observed less fitted"
)


def draw_curves(fit: CurveFit) -> Figure:
    """Small multiples of a fit; onset by days in a panel of its own."""
    import matplotlib.pyplot as plt

    data, misfit = fit.problem.data, fit.misfit()
    onset = data["kind"] == "onset"
    panels = {str(study): (data["study"] == study) & ~onset for study in dict.fromkeys(data.loc[~onset, "study"])}
    if onset.any():
        panels[ONSET] = onset
    rows = -(-(len(panels) + 1) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(4.4 * COLUMNS, 3.2 * rows), layout="constrained", sharey=True, squeeze=False
    )
    flat = list(axes.ravel())
    for ax, (name, own) in zip(flat, panels.items(), strict=False):
        _panel(ax, fit, data[own], name == ONSET)
        ax.set_title(f"{name}\n{_misfit_text(misfit[own & (misfit['use'] == 'fitted')], name == ONSET)}", fontsize=8.5)
    for ax in flat[len(panels) :]:
        ax.set_axis_off()
    flat[len(panels)].text(0.0, 0.95, NOTES, va="top", fontsize=9, transform=flat[len(panels)].transAxes)
    for row in axes:
        row[0].set_ylabel("patients (%)")
    return figure


def _misfit_text(misfit: pd.DataFrame, days: bool) -> str:
    if misfit.empty:
        return "predicted, not fitted"
    per = f"χ² per datum {(misfit['residual'] ** 2).mean():.1f}"
    if not misfit["residual"].any():
        return f"{per}: the bounds hold"
    worst = misfit.loc[misfit["residual"].abs().idxmax()]
    when = f"day {7 * worst['week']:.0f}" if days else f"week {worst['week']:.2g}"
    return f"{per}; worst: {worst['arm']}, {when}: {worst['residual']:+.1f} SE"


def _panel(ax: Axes, fit: CurveFit, data: pd.DataFrame, days: bool) -> None:
    from matplotlib.lines import Line2D

    per_week = 7.0 if days else 1.0
    data = data.assign(who=data["study"].str.split().str[0] + ", " + data["arm"] if days else data["arm"])
    looks = _looks(list(dict.fromkeys(data["who"])))
    longest = 1.06 * float(data["week"].max())
    curves = list(dict.fromkeys(data[LIKE].astype(str).agg("|".join, axis=1)))
    legend = [
        Line2D([], [], color=colour, marker=marker, mec="black", mew=0.4, ms=5, lw=0, label=who)
        for who, (colour, marker) in looks.items()
    ]
    for like, style in zip(curves, STYLES * len(curves), strict=False):
        rows = data[data[LIKE].astype(str).agg("|".join, axis=1) == like]
        for who, own in rows.groupby("who", sort=False):
            first = own.iloc[0]
            start = longest / 200 if np.isnan(first["given_week"]) else float(first["given_week"])
            weeks = np.linspace(start, longest, 120)
            curve = pd.DataFrame([first.to_dict()] * weeks.size).assign(week=weeks)
            ax.plot(per_week * weeks, 100 * fit.predict(curve), color=looks[str(who)][0], lw=1.4, ls=style)
        if len(curves) > 1:
            legend.append(Line2D([], [], color="0.3", ls=style, lw=1.4, label=_curve_text(rows.iloc[0])))
    ax.set(
        xlim=(-0.02 * per_week * longest, per_week * longest),
        ylim=(-3, 106),
        xlabel="days since the session" if days else "weeks since the session",
    )
    for place, (who, own) in enumerate(data.groupby("who", sort=False)):
        shift = DODGE * per_week * longest * (place - (len(looks) - 1) / 2)
        _points(ax, own.assign(at=per_week * own["week"] + shift), *looks[str(who)])
    late = data["week"].min() > longest / 2  # nothing is drawn in the middle of the left side
    where = {"loc": "center left", "bbox_to_anchor": (0.12, 0.42)} if late else {"loc": "best"}
    ax.legend(handles=legend, fontsize=7, frameon=False, **where)


def _looks(arms: list[str]) -> dict[str, tuple[Any, str]]:
    """Colour and marker of each arm; placebo is grey everywhere."""
    import seaborn as sns

    colours = iter(sns.color_palette("colorblind", len(arms)))
    return {
        arm: ("0.5" if arm.lower().endswith("placebo") else next(colours), marker)
        for arm, marker in zip(arms, MARKERS * len(arms), strict=False)
    }


def _curve_text(row: pd.Series) -> str:
    """What a curve is of, where a panel has several."""
    if row["kind"] == "mean":
        return "mean effect"
    grade = "one grade better" if row["level"] == ANCHOR else str(row["level"])
    what = row["endpoint"] or grade
    return what if np.isnan(row["given_week"]) else f"{what}, of those at week {row['given_week']:.2g}"


def _points(ax: Axes, data: pd.DataFrame, colour: Any, marker: str) -> None:
    for row in data.itertuples(index=False):
        share = 100 * row.share
        shape = {0: marker, 1: "^", -1: "v"}[int(row.bound)]
        if row.kind == "mean":
            ax.plot(row.at, share, shape, color=colour, mfc="white", ms=5)
        elif row.bound:
            ax.plot(row.at, share, shape, color=colour, mec="black", mew=0.4, ms=7)
        else:
            low, high = _interval(row.share, row.n)
            error = [[share - 100 * low], [100 * high - share]]
            ax.errorbar(row.at, share, yerr=error, fmt=shape, color=colour, mec="black", mew=0.4, ms=4.5, lw=1)


def _interval(share: float, n: float) -> tuple[float, float]:
    """Jeffreys' 95% interval, which ends at 0 or 1 where all or none respond."""
    seen = share * n
    low = float(beta.ppf(0.025, seen + 0.5, n - seen + 0.5)) if seen > 0 else 0.0
    high = float(beta.ppf(0.975, seen + 0.5, n - seen + 0.5)) if seen < n else 1.0
    return min(low, share), max(high, share)
