"""Figures of a diagnosis: (diagnosis, ax) → Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from ...errors import must
from ..figures import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .diagnose import Diagnosis

NAMED = 3  # patients whose position is written beside their influence


def four(diagnosis: Diagnosis, given: Any) -> np.ndarray:
    """All on 2 × 2 axes."""
    import matplotlib.pyplot as plt

    if given is None:
        given = plt.subplots(2, 2, figsize=(9, 7.5), layout="constrained")[1]
    places = np.asarray(given, dtype=object)
    must(places.size == 4, f"`axes` must be 4 axes, not {places.size}")
    first, second, third, fourth = places.ravel()
    cox_snell_curve(diagnosis, first)
    residuals_qq(diagnosis, second)
    (residuals_by_median if diagnosis.random_effects is None else random_effects_qq)(diagnosis, third)
    influence_by_position(diagnosis, fourth)
    return places


def cox_snell_curve(diagnosis: Diagnosis, ax: Axes | None) -> Axes:
    ax = axes(ax)
    curve = diagnosis.cox_snell
    finite = curve.turnbull.right[np.isfinite(curve.turnbull.right)]
    end = float(max(finite.max(initial=1.0), curve.turnbull.left.max()))
    line = curve.turnbull.plot(ax, label="Turnbull's estimate (shaded: not unique)").lines[-1]
    ax.set_title("", loc="right")
    smooth = np.linspace(0, end, 300)
    ax.plot(smooth, np.exp(-smooth), "--", color="0.2", label="exp(−residual)")
    worst = int(np.argmax(np.abs(curve.estimate - np.exp(-curve.at))))
    at = curve.at[worst]
    ax.plot([at, at], [curve.estimate[worst], np.exp(-at)], color="0.2", linewidth=3, solid_capstyle="butt",
            label=f"largest distance, {curve.distance:.3f}", zorder=line.get_zorder() + 1)  # fmt: skip
    ax.set(
        xlabel="Cox–Snell residual (cumulative hazard)", ylabel="Share above", xlim=(0, end * 1.02), ylim=(0, 1.02),
        title="Cox–Snell residuals",
    )  # fmt: skip
    ax.legend(frameon=False)
    return ax


def residuals_qq(diagnosis: Diagnosis, ax: Axes | None) -> Axes:
    ax = _qq(diagnosis.residuals, axes(ax))
    ax.set(ylabel=f"Randomised quantile residual (seed {diagnosis.seed})", title="Quantile residuals")
    return ax


def random_effects_qq(diagnosis: Diagnosis, ax: Axes | None) -> Axes:
    effects = diagnosis.random_effects
    must(effects is not None, "this model has no random effects that vary")
    assert effects is not None
    ax = _qq(effects, axes(ax))
    ax.set(ylabel="Patient's effect, standardised", title="Random effects (empirical Bayes)")
    return ax


def _qq(values: np.ndarray, ax: Axes) -> Axes:
    """Sorted values against normal quantiles, with where 95% of each would lie."""
    from scipy.stats import beta

    n = values.size
    rank = np.arange(1, n + 1)
    expected = ndtri((rank - 0.5) / n)
    low, high = (ndtri(beta.ppf(p, rank, n + 1 - rank)) for p in (0.025, 0.975))
    ax.fill_between(expected, low, high, color="0.85", linewidth=0, label="95% of each, if independent")
    ax.axline((0, 0), slope=1, color="0.4", linewidth=1)
    ax.plot(expected, np.sort(values), "o", markersize=3, label="observed")
    ax.set(xlabel="Standard normal quantile")
    ax.legend(frameon=False, loc="upper left")
    return ax


def residuals_by_median(diagnosis: Diagnosis, ax: Axes | None) -> Axes:
    ax = axes(ax)
    fit = diagnosis.fit
    rows, which = np.unique(fit._fitted_rows(), axis=0, return_inverse=True)
    median = np.exp(fit._log_quantile(fit.estimate, rows, np.array([0.5]), "marginal")[:, 0])[which.ravel()]
    ax.axhline(0, color="0.4", linewidth=1)
    ax.plot(median, diagnosis.residuals, "o", markersize=3, alpha=0.5)
    order = np.argsort(median, kind="stable")
    parts = [part for part in np.array_split(order, min(12, len(rows))) if part.size]
    means = [(median[part].mean(), diagnosis.residuals[part].mean()) for part in parts]
    ax.plot(*np.array(means).T, "k-s", markersize=4, label=f"mean of each {'twelfth' if len(parts) == 12 else 'group'}")
    ax.set(
        xlabel="Fitted median, weeks", ylabel=f"Randomised quantile residual (seed {diagnosis.seed})",
        title="Residuals by fitted median",
    )  # fmt: skip
    ax.legend(loc="upper left")
    return ax


def influence_by_position(diagnosis: Diagnosis, ax: Axes | None) -> Axes:
    ax = axes(ax)
    distance = diagnosis.distance
    ax.vlines(np.arange(distance.size), 0, distance, linewidth=1)
    for position in np.argsort(-distance)[:NAMED]:
        ax.annotate(str(position), (position, distance[position]), xytext=(2, 2), textcoords="offset points")
    (check,) = (check for check in diagnosis.checks if check.check.startswith("influence"))
    limit = float(check.limit)
    if limit <= 2 * distance.max():
        ax.axhline(limit, linestyle="--", color="0.2")
    ax.set(
        xlabel="Patient, in the order in which they appear", ylabel="About twice the fall of the log-likelihood",
        title=f"Influence of each patient (limit {check.limit})",
    )  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.margins(y=0.1)
    return ax
