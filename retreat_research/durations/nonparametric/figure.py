"""Turnbull's estimate as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import axes, share_with_effect

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .bootstrap import TurnbullBootstrap
    from .turnbull import TurnbullResult

LIMIT_POINTS = 400  # more steps than can be seen
NOTE, LIMITS = "shaded: not determined by the data", "thin: 95% limits"


def draw(fit: TurnbullResult, ax: Axes | None = None, intervals: TurnbullBootstrap | None = None, **line: Any) -> Axes:
    """Turnbull's estimate, shaded where it is not unique, with the limits of a bootstrap as thin lines."""
    ax = axes(ax)
    finite = np.concatenate([fit.left, fit.right[np.isfinite(fit.right)]])
    end = finite.max() * (1.0 if np.isfinite(fit.right[-1]) else 1.1)
    right = np.minimum(fit.right, end)
    after = fit.survival(fit.right)["survival"].to_numpy()
    still = np.where(np.isfinite(fit.right), after, fit.mass)
    (curve,) = ax.step(np.concatenate([[0.0], right]), np.concatenate([[1.0], still]), where="post", **line)
    colour = curve.get_color()
    ax.bar(fit.left, fit.mass, right - fit.left, after, align="edge", color=colour, alpha=0.25, linewidth=0)
    if intervals is not None:
        ends = np.union1d(intervals.left, intervals.right)
        ends = ends[ends < end]
        weeks = np.concatenate([[0.0], ends[:: max(1, ends.size // LIMIT_POINTS)], [end]])
        for limit in intervals.band(weeks):
            ax.step(weeks, limit, where="post", color=colour, linewidth=0.8, linestyle=curve.get_linestyle())
    if "label" not in line:  # whoever labels the curve explains the figure
        ax.set_title(NOTE if intervals is None else f"{NOTE}; {LIMITS}", loc="right", fontsize="small")
    share_with_effect(ax)
    ax.set_xlim(left=0, auto=True)  # so that a longer curve drawn later still fits
    return ax
