"""Figures of what was decided: intervals over the years by strategy, and single patients' decision logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..cohort import WEEKS_PER_YEAR
from ..errors import must
from ..simulation import Simulation
from ..simulation.deciding import CODES
from ..simulation.physics import product_table
from .gained import WIDE
from .look import label_outer, looks, palette, panels
from .over_time import over_time
from .patient import DECISIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SMALL = 7.5


def intervals(results: Mapping[str, Simulation], axes: Any = None, *, patients: int = 4) -> np.ndarray:
    """The interval between sessions over the years, a panel for each strategy.

    Parameters
    ----------
    results : mapping of str to Simulation
        With history.
    axes : sequence of Axes, optional
        One for each; by default in a new figure.
    patients : int
        Single patients drawn (thin), the first of the cohort who are followed for longest.

    Returns
    -------
    array of Axes
        Thick: the median; shaded: the middle half of the patients followed.
    """
    places, look = panels(axes, len(results)), looks(results)
    for ax, (name, out) in zip(places, results.items(), strict=True):
        table, colour = over_time(out), look[name]["color"]
        sessions = out.sessions
        assert sessions is not None  # `over_time` has asked for them
        years = table["week"] / WEEKS_PER_YEAR
        ax.fill_between(
            years, table["lower_quartile"], table["upper_quartile"], step="post", color=colour, alpha=0.3, lw=0
        )
        whole = out.patients.sort_values("weeks_observed", ascending=False, kind="stable")["patient"].iloc[:patients]
        for patient, style in zip(sorted(whole), ("-", "--", "-.", ":") * patients, strict=False):
            own = _main(sessions[sessions["patient"] == patient])
            if len(own):
                weeks = np.append(own["week"], own["week"].iloc[-1] + own["interval"].iloc[-1]) / WEEKS_PER_YEAR
                ax.step(
                    weeks,
                    np.append(own["interval"], own["interval"].iloc[-1]),
                    where="post",
                    color="0.25",
                    lw=0.7,
                    ls=style,
                )
        ax.step(years, table["median"], where="post", color=colour, lw=2.4)
        oracle = " (oracle)" if out.strategy.oracle else ""
        ax.set_title(fill(name + oracle, WIDE), fontsize=9)
        ax.set_xlim(0, out.years)
    highest = max(ax.dataLim.y1 for ax in places)
    for ax in places:
        ax.set_ylim(0, 1.08 * highest)
    label_outer(places, "years since the first session", "interval (weeks)")
    first = next(iter(results.values()))
    places[0].figure.suptitle(
        f"{len(first.cohort):,} synthetic patients, {first.cohort.world.indication}: median, middle half, "
        f"and {patients} patients",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip
    return places


def decision_log(out: Simulation, patients: Sequence[int], axes: Any = None) -> np.ndarray:
    """Single patients' visits: what was seen, what was decided, and why.

    Parameters
    ----------
    out : Simulation
        With history.
    patients : sequence of int
        Addresses in the cohort.
    axes : sequence of Axes, optional
        One for each patient; by default in a new figure.

    Returns
    -------
    array of Axes
        Lines: the interval that follows each visit, under the reason for it. Below them what was seen of the cycle
        that had ended, and the dose in label doses where it was not the label's.
    """
    log = out.decisions
    must(log is not None, "the simulation keeps no visits", "simulate with `history=True`")
    assert log is not None
    known = set(log["patient"])
    must(len(patients) > 0 and all(p in known for p in patients), "`patients` must be in the cohort")
    places = panels(axes, len(patients), 9, 2.5, columns=1)
    for ax, patient in zip(places, patients, strict=True):
        _one(ax, out, log[log["patient"] == patient])
        ax.set_title(f"patient {patient}", fontsize=9, loc="left")
    highest = max(ax.dataLim.y1 for ax in places)
    for ax in places:
        ax.set(xlim=(-0.1, out.years), ylim=(-0.38 * highest, 1.1 * highest), ylabel="weeks to\nnext visit")
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.1 * highest])
    places[-1].set_xlabel("years since the first session")
    figure = places[0].figure
    handles: dict[str, Any] = {}
    for ax in places:
        handles |= {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    order = [label for label in (*DECISIONS, *SEEN) if label in handles]
    figure.legend(
        [handles[label] for label in order], order, loc="outside lower center", ncols=6, fontsize=8, frameon=False,
        handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
    figure.suptitle(fill(str(out.strategy), 100), fontsize=9, x=0.01, ha="left")
    return places


#: What was seen of the cycle that ended: marker, colour in the palette (None: black), filled.
SEEN: Mapping[str, tuple[str, int | None, bool]] = {
    "effect lasted to the visit": ("o", 2, False),
    "effect gone at the visit": ("s", 7, False),
    "waning noticed before": ("v", 1, True),
    "no response": ("x", 3, True),
    "not assessed": ("|", None, True),
    "antibody test positive": ("P", 4, True),
    "other dose (label doses)": ("", None, True),
}


def _one(ax: Axes, out: Simulation, log: pd.DataFrame) -> None:
    years = log["week"].to_numpy() / WEEKS_PER_YEAR
    sessions = out.sessions
    assert sessions is not None  # the log is made of them
    follow = np.diff(log["week"], append=log["week"].iloc[-1] + sessions.loc[log.index[-1], "gap_weeks"])
    colours = palette(10)
    end = np.minimum(years + follow / WEEKS_PER_YEAR, out.years)
    ax.hlines(follow, years, end, color="0.6", lw=1.3, zorder=1)
    for reason, (marker, colour) in DECISIONS.items():
        now = (log["reason"] == reason).to_numpy()
        if now.any():
            ax.plot(years[now], follow[now], marker, ls="", ms=6 if colour is not None else 4.5, mec="black", mew=0.5,
                    color="0.6" if colour is None else colours[colour], label=reason, zorder=2)  # fmt: skip
    highest = follow.max()
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    seen = ~log["gap_weeks"].isna().to_numpy()
    waned = ~log["waned_weeks"].isna().to_numpy()
    silent = (log["assessed"] & ~log["responded"]).to_numpy()
    lasted = log["effect_at_return"].to_numpy()
    marks = {
        "effect lasted to the visit": seen & lasted & ~waned,
        "effect gone at the visit": seen & log["responded"].to_numpy() & ~lasted & ~waned,
        "waning noticed before": seen & waned & ~silent,
        "no response": seen & silent,
        "not assessed": seen & ~log["assessed"].to_numpy() & ~lasted & ~waned,
    }
    for label, now in marks.items():
        marker, colour, filled = SEEN[label]
        shade = "black" if colour is None else colours[colour]
        if now.any():
            ax.plot(years[now], np.full(now.sum(), -0.1 * highest), marker, ls="", ms=5, mew=1.1, mec=shade,
                    mfc=shade if filled else "white", label=label, clip_on=False)  # fmt: skip
    tested = np.diff(log["last_test_week"].fillna(-1), prepend=-1) != 0
    positive = tested & (log["last_test"] == 1).to_numpy()
    if positive.any():
        marker, colour, _ = SEEN["antibody test positive"]
        ax.plot(years[positive], np.full(positive.sum(), -0.2 * highest), marker, ls="", ms=6.5, mec="black", mew=0.5,
                color=colours[colour or 0], label="antibody test positive", clip_on=False)  # fmt: skip
    label = product_table(out.cohort.world)["label_units"][log["product"].map(CODES)]
    dose = (log["units"] / label).to_numpy()
    other = np.flatnonzero(np.abs(dose - 1) > 1e-9)
    for i in other:
        ax.annotate(f"{dose[i]:.2g}×", (years[i], -0.3 * highest), ha="center", va="center", fontsize=6.5)


def _main(visits: pd.DataFrame) -> pd.DataFrame:
    """Main sessions of one patient with the interval to the next, in weeks."""
    main = visits[(visits["units"] > 0) & ~visits["touch_up"]]
    following = main["week"].shift(-1).fillna(visits["week"].iloc[-1] + visits["gap_weeks"].iloc[-1])
    return main.assign(interval=following - main["week"])[["week", "interval"]]
