"""One patient's years on one time axis: benefit, decisions, dose, antigen, titre, memory."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..cohort import WEEKS_PER_YEAR
from ..errors import must
from ..immunity import SEROTYPES
from ..simulation import Simulation
from ..simulation.trajectory import Trajectory, trajectory
from ..strategies.seen import REASONS
from .look import STYLES, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHTS = {"benefit": 2.2, "interval": 1.5, "dose": 1.1, "antigen": 1.3, "titre": 1.8, "memory": 0.9}
#: Marker and place in the palette of each decision; what is not a change is grey.
DECISIONS = dict(zip(REASONS, ((">", 7), ("^", 2), ("o", None), ("v", 1), ("P", 3), ("D", 4), ("X", 8)), strict=True))
LOWEST_TITRE = 0.03  # mU/mL, bottom of the axis: far below any limit of detection
_GREY = "0.45"
_SMALL = 7.5


def plot_patient(source: Simulation | Trajectory, patient: int | None = None, axes: Any = None) -> np.ndarray:
    """One patient's years: what she feels, what is decided and given, and what no clinic sees.

    Parameters
    ----------
    source : Simulation or Trajectory
    patient : int, optional
        Her address in the cohort of a simulation of several.
    axes : sequence of 6 Axes, optional
        One below the other; by default in a new figure.

    Returns
    -------
    array of Axes
        Benefit (latent), with the sessions as ticks and what was noticed; interval and decision of each visit; dose;
        antigen of each session and in all; latent titre; immune memory. All against years since the first session.

    Raises
    ------
    InputError
        If the patient is not in the cohort.

    Examples
    --------
    >>> import retreat_research as rr
    >>> cohort = rr.draw_cohort(10, indication="cervical dystonia")
    >>> axes = plot_patient(rr.simulate(cohort, rr.Stepped()), patient=5)
    >>> axes[-1].get_xlabel()
    'years since the first session'
    """
    if isinstance(source, Trajectory):
        must(patient in (None, source.patient), "`patient` is not the one of the trajectory", "leave it out")
        one = source
    else:
        one = trajectory(source, patient)
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(
            len(HEIGHTS), figsize=(8.5, 10), sharex=True, layout="constrained",
            gridspec_kw={"height_ratios": list(HEIGHTS.values())},
        )[1]  # fmt: skip
    places = np.asarray(axes, dtype=object)
    must(places.size == len(HEIGHTS), f"`axes` must be {len(HEIGHTS)} axes, not {places.size}")
    benefit, interval, dose, antigen, titre, memory = places.ravel()
    _benefit(benefit, one)
    _decisions(interval, one)
    _doses(dose, one)
    _antigen(antigen, one)
    _titre(titre, one)
    _memory(memory, one)
    for ax in places.ravel():
        _followed(ax, one)
    share = one.totals["weeks_in_benefit"] / one.end_week
    benefit.set_title(
        f"Patient {one.patient}, {one.world.indication}: in benefit {share:.0%} of the time\n"
        + fill(str(one.strategy), 64),
        loc="left", fontsize=9, pad=24,
    )  # fmt: skip
    memory.set(xlabel="years since the first session", xlim=(0, one.years))
    return places


def _years(weeks: Any) -> Any:
    return weeks / WEEKS_PER_YEAR


def _injected(one: Trajectory) -> pd.DataFrame:
    return one.visits[one.visits["units"] > 0]


def _above(ax: Axes, **rest: Any) -> None:
    """A legend in one row above the panel, if there is anything to say."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            frameon=False, fontsize=_SMALL, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=8, borderaxespad=0,
            handletextpad=0.3, columnspacing=1.1, handlelength=1.4, **rest,
        )  # fmt: skip


def _level(ax: Axes, value: float, text: str) -> None:
    """A horizontal line, named on the right."""
    ax.axhline(value, color=_GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
    ax.annotate(text, (1.005, value), xycoords=ax.get_yaxis_transform(), va="center", fontsize=_SMALL, color="0.25")


def _followed(ax: Axes, one: Trajectory) -> None:
    """What lies after dropout, and the loss of response."""
    if one.end_week < one.years * WEEKS_PER_YEAR:
        ax.axvspan(_years(one.end_week), one.years, color="0.9", lw=0, zorder=0)
    failure = one.totals["failure_week"]
    if not np.isnan(failure):
        ax.axvline(_years(failure), color="black", lw=0.9, ls=":", zorder=0)


def _benefit(ax: Axes, one: Trajectory) -> None:
    course, cycles, colours = one.course, _injected(one).groupby("cycle").last(), palette(8)
    years, value, theta = _years(course["week"]), 100 * course["effect"], 100 * one.world.response.threshold
    ax.plot(years, value, color=colours[0], lw=1)
    ax.fill_between(years, 0, theta, where=value < theta, color=colours[1], alpha=0.45, lw=0, label="without benefit")
    ax.vlines(_years(_injected(one)["week"]), -9, -2, color="black", lw=0.8, label="session")
    silent = cycles[cycles["duration_weeks"] == 0]
    ax.plot(_years(silent["open_week"]), np.full(len(silent), 6.0), "x", color=colours[3], ms=5, mew=1.3, ls="",
            label="no response")  # fmt: skip
    waned = cycles.loc[cycles["waned_week"] < one.end_week, "waned_week"]
    ax.plot(_years(waned), np.full(len(waned), theta), "v", color=colours[4], ms=3.5, ls="", label="waning noticed")
    _level(ax, theta, f"threshold\n({100 - theta:.0f}% lost)")
    ax.set(ylabel="benefit\n(% of full)", ylim=(-10, 118), yticks=(0, 50, 100))
    _above(ax)
    if one.end_week < one.years * WEEKS_PER_YEAR:
        ax.text((_years(one.end_week) + one.years) / 2, 50, "dropped out", ha="center", fontsize=9, color="0.3")
    failure = one.totals["failure_week"]
    if not np.isnan(failure):
        why = "under antibodies" if one.totals["failure_immune"] else "not by antibodies"
        late = failure > one.end_week / 2
        ax.annotate(
            f"two without response, {why}", (_years(failure), 110), (-4 if late else 4, 0), fontsize=_SMALL,
            textcoords="offset points", ha="right" if late else "left", va="center",
        )  # fmt: skip


def _decisions(ax: Axes, one: Trajectory) -> None:
    visits, colours = one.visits, palette(10)
    back = np.minimum(visits["week"] + visits["gap_weeks"], one.end_week)
    ax.hlines(visits["gap_weeks"], _years(visits["week"]), _years(back), color="0.7", lw=1.2, zorder=1)
    for reason in REASONS:
        marker, place = DECISIONS[reason]
        look: dict[str, Any] = {"ms": 4, "color": _GREY} if place is None else {"ms": 6, "color": colours[place]}
        own = visits[visits["reason"] == reason]
        if len(own):
            ax.plot(
                _years(own["week"]), own["gap_weeks"], marker, ls="", mec="black", mew=0.4, label=reason, clip_on=False,
                **look,
            )  # fmt: skip
    ax.set(ylabel="weeks to\nnext visit", ylim=(0, 1.15 * visits["gap_weeks"].max()))
    _above(ax)


def _doses(ax: Axes, one: Trajectory) -> None:
    """In units if there is one product, otherwise in label doses, which products have in common."""
    given = _injected(one)
    products = list(dict.fromkeys(given["product"]))
    amount = "units" if len(products) == 1 else "label_doses"
    for product, colour in zip(products, palette(len(products)), strict=True):
        own = given[given["product"] == product]
        touch_up = own["touch_up"].to_numpy()
        ax.vlines(_years(own["week"]), 0, own[amount], color=colour, lw=2, label=product)
        if touch_up.any():
            ax.plot(_years(own["week"][touch_up]), own[amount][touch_up], "o", mfc="white", mec=colour, ms=4,
                    label="touch-up")  # fmt: skip
    adjunct = given[given["adjunct"]]
    if len(adjunct):
        ax.plot(_years(adjunct["week"]), np.zeros(len(adjunct)), "*", color="black", ms=5, clip_on=False,
                label="adjunct")  # fmt: skip
    ax.set(ylabel="dose\n(units)" if len(products) == 1 else "dose\n(label doses)")
    ax.set_ylim(0, 1.15 * max(given[amount].max(), 0.1) if len(given) else 1)
    _above(ax)


def _antigen(ax: Axes, one: Trajectory) -> None:
    given, colours = _injected(one), palette(3)
    if given["antigen_ng"].isna().any():
        ax.text(0.5, 0.5, "no antigen load is published for a product used", transform=ax.transAxes, ha="center",
                va="center", fontsize=9, color="0.3")  # fmt: skip
        ax.set(ylabel="antigen (ng)", yticks=())
        return
    week, so_far = given["week"].to_numpy(), given["antigen_ng"].cumsum().to_numpy()
    ax.step(
        _years(np.append(week, one.end_week)), np.append(so_far, so_far[-1:]), where="post", color=colours[2], lw=1.4,
        label="in all",
    )  # fmt: skip
    ax.set_ylabel("antigen\nin all (ng)", color=colours[2])
    ax.set_ylim(0, 1.1 * max(so_far.max(initial=0), 0.1))
    each = ax.twinx()
    each.vlines(_years(week), 0, given["antigen_ng"], color=_GREY, lw=1.6, label="each session")
    each.set_ylabel("each session\n(ng)", color="0.35")
    each.tick_params(axis="y", colors="0.35")
    each.spines["right"].set_visible(True)
    each.spines["top"].set_visible(False)
    each.set_ylim(0, 3 * max(given["antigen_ng"].max(), 0.1) if len(given) else 1)


def _met(one: Trajectory) -> list[str]:
    """Serotypes that the patient has met, A if none."""
    return [serotype for serotype in SEROTYPES if (_injected(one)["serotype"] == serotype).any()] or ["A"]


def _titre(ax: Axes, one: Trajectory) -> None:
    course, immunity = one.course, one.world.immunity
    years, highest, serotypes = _years(course["week"]), immunity.failure_titre, _met(one)
    for serotype, style, colour in zip(serotypes, STYLES, palette(2), strict=False):
        titre = course[f"titre_{serotype}"].to_numpy()
        highest = max(highest, titre.max())
        ax.plot(years, np.maximum(titre, LOWEST_TITRE / 10), style, color=colour, lw=1.5,
                label=f"type {serotype}" if len(serotypes) > 1 else None)  # fmt: skip
    if not (course[[f"titre_{serotype}" for serotype in serotypes]] >= LOWEST_TITRE).any(axis=None):
        middle = _years(one.end_week) / 2
        ax.annotate("no antibodies", (middle, 0.15), xycoords=("data", "axes fraction"), ha="center", fontsize=9,
                    color="0.3")  # fmt: skip
    _level(ax, immunity.failure_titre, "nothing responds")
    _level(ax, immunity.half_titre, "half a dose lost")
    _level(ax, one.world.observation.detection_titre, "detectable")
    ax.set_yscale("log")
    ax.set(ylabel="titre\n(mU/mL)", ylim=(LOWEST_TITRE, 2 * highest))
    ax.yaxis.set_major_formatter("{x:g}")
    _above(ax)


def _memory(ax: Axes, one: Trajectory) -> None:
    serotypes = _met(one)
    for serotype, style, colour in zip(serotypes, STYLES, palette(2), strict=False):
        ax.plot(_years(one.course["week"]), one.course[f"memory_{serotype}"], style, color=colour, lw=1.5,
                drawstyle="steps-post", label=f"type {serotype}" if len(serotypes) > 1 else None)  # fmt: skip
    ax.set(ylabel="memory\n(0–1)", ylim=(-0.05, 1.05), yticks=(0, 1))
