"""A simulated cohort over the years, under one strategy or several."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..cohort import WEEKS_PER_YEAR
from ..errors import must
from ..simulation import Simulation
from ..simulation.outcomes import POSITIVE_TITRE
from .look import MARKERS, STYLES, palette
from .over_time import benefit_by_year, over_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = ("benefit", "interval", "antigen", "antibodies", "loss", "key")
NO_LOAD = "not simulated: no antigen load\nis published for a product used"


def plot_cohort(results: Simulation | Mapping[str, Simulation], axes: Any = None) -> np.ndarray:
    """What happens to a cohort over the years.

    Parameters
    ----------
    results : Simulation or mapping of str to Simulation
        With history; several are drawn over each other, under their names.
    axes : sequence of 6 Axes, optional
        By default 2 rows of 3 in a new figure.

    Returns
    -------
    array of Axes
        Time in benefit in each year; the interval that runs; antigen so far; antibodies; loss of response; the key.

    Raises
    ------
    InputError
        If a simulation has no history.

    Notes
    -----
    Dropout censors, so the curves are those of patients who stay: see `over_time.over_time`.

    Examples
    --------
    >>> import retreat_research as rr
    >>> cohort = rr.draw_cohort(200, indication="cervical dystonia")
    >>> rules = {"12 weeks": rr.Fixed(12), "stepped": rr.Stepped()}
    >>> axes = plot_cohort({name: rr.simulate(cohort, rule, history=True) for name, rule in rules.items()})
    >>> axes.shape
    (2, 3)
    """
    several = {str(results.strategy): results} if isinstance(results, Simulation) else results
    must(isinstance(several, Mapping) and len(several) > 0, "`results` must be a Simulation or a dict of them by name")
    tables = [(str(name), out, over_time(out), benefit_by_year(out)) for name, out in several.items()]
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(2, 3, figsize=(12, 6.6), layout="constrained")[1]
    places = np.asarray(axes, dtype=object)
    must(places.size == len(PANELS), f"`axes` must be {len(PANELS)} axes, not {places.size}")
    benefit, interval, antigen, antibodies, loss, key = places.ravel()
    colours = palette(len(tables))
    for i, ((name, _, table, by_year), colour) in enumerate(zip(tables, colours, strict=True)):
        look = {"color": colour, "ls": STYLES[i % len(STYLES)], "lw": 1.8}
        _benefit(benefit, by_year, MARKERS[i % len(MARKERS)], look)
        _curves(table, interval, antigen, antibodies, loss, look)
        key.plot([], [], marker=MARKERS[i % len(MARKERS)], ms=5, mec="black", mew=0.5, label=fill(name, 34), **look)
    years = max(out.years for _, out, _, _ in tables)
    for ax in (benefit, interval, antigen, antibodies, loss):
        ax.set(xlim=(0, years), xlabel="years since the first session")
        ax.locator_params("x", steps=[1, 2, 5])
    for ax in (antigen, antibodies, loss):
        ax.set_ylim(bottom=0)
    lowest = min(100 * by_year["estimate"].min() for _, _, _, by_year in tables)
    benefit.set(ylabel="time in benefit in each year (%)", ylim=(max(10 * np.floor(lowest / 10 - 0.5), 0), 100))
    benefit.set_title("Benefit")
    interval.set(ylabel="interval between sessions (weeks)", title="Interval: median and quartiles")
    antigen.set(ylabel="antigen so far, mean (ng)", title="Antigen")
    antibodies.set(ylabel=f"titre ever above {POSITIVE_TITRE:g} mU/mL (%)", title="Antibodies")
    loss.set(ylabel="two non-responses in a row (%)", title="Loss of response")
    _key(key, [out for _, out, _, _ in tables])
    return places


def _benefit(ax: Axes, by_year: pd.DataFrame, marker: str, look: dict[str, Any]) -> None:
    ax.errorbar(
        by_year["year"] + 0.5, 100 * by_year["estimate"], yerr=196 * by_year["mcse"], marker=marker, ms=5, mec="black",
        mew=0.5, **look,
    )  # fmt: skip


def _curves(
    table: pd.DataFrame, interval: Axes, antigen: Axes, antibodies: Axes, loss: Axes, look: dict[str, Any]
) -> None:
    years = table["week"] / WEEKS_PER_YEAR
    interval.fill_between(
        years, table["lower_quartile"], table["upper_quartile"], step="post", color=look["color"], alpha=0.2, lw=0
    )
    interval.step(years, table["median"], where="post", **look)
    loss.step(years, 100 * table["failure"], where="post", **look)
    if table["antigen_ng"].isna().all():
        for ax in (antigen, antibodies):
            ax.text(0.5, 0.5, NO_LOAD, transform=ax.transAxes, ha="center", va="center", fontsize=9, color="0.3")
        return
    antigen.step(years, table["antigen_ng"], where="post", **look)
    antibodies.step(years, 100 * table["positive"], where="post", **look)
    loss.step(years, 100 * table["failure_immune"], where="post", **{**look, "lw": 0.9})


def _key(ax: Axes, results: list[Simulation]) -> None:
    ax.set_axis_off()
    ax.legend(loc="upper left", frameon=False, fontsize=9, handlelength=3.2, borderaxespad=0)
    first = results[0]
    world, n = first.cohort.world, max(len(out.cohort) for out in results)
    lines = [
        f"{n:,} synthetic patients, {world.indication}",
        "Bars: 95% Monte Carlo intervals.",
        "Shaded: the middle half of the patients.",
        "Thin: loss of response under antibodies.",
        "Patients who drop out are censored.",
    ]
    ax.text(0, 0, "\n".join(lines), transform=ax.transAxes, va="bottom", fontsize=9, color="0.3")
