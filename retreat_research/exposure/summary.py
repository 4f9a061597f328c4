"""One row for each patient: what a schedule adds up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..immunity import DAYS_PER_WEEK
from ..products import PRODUCTS
from ..world import World
from .schedule import read_schedule
from .table import session_table, world_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..records import Records
    from ..simulation.run import Simulation

WEEKS_PER_YEAR = 365.25 / DAYS_PER_WEEK  # by definition


def exposure_summary(
    schedule: pd.DataFrame | Records | Simulation | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    world: World | None = None,
) -> pd.DataFrame:
    """What a schedule adds up to, patient by patient.

    Parameters
    ----------
    schedule, world
        As in `exposure`.

    Returns
    -------
    pandas.DataFrame
        One row for each patient, those without a session included: ``patient`` (if the schedule has it), ``sessions``,
        ``touch_ups``, ``first_week``, ``last_week``, ``mean_gap_weeks`` (between main sessions), ``shortest_gap_weeks``
        (between any), ``antigen_ng``, ``antigen_ng_per_year``, ``complex_protein_ng``, the number of sessions flagged
        ``booster``, ``short_gap``, ``switched``, ``above_label`` (<NA> if a label dose is not known), and
        ``units_PRODUCT`` for each product used.

    Raises
    ------
    InputError
        As `exposure`.

    Notes
    -----
    Antigen per year is that of the completed cycles over their weeks, from the first to the last main session: the last
    session counts in neither, because nobody knows how long its cycle will be. So 20 U every 12 weeks give the same
    however many sessions there are. NaN with one main session only, and where a product has no published load.

    Examples
    --------
    >>> plan = {"product": "onabotulinumtoxinA", "units": 20, "week": [0, 12, 24, 36]}
    >>> exposure_summary(plan)[["sessions", "mean_gap_weeks", "antigen_ng", "antigen_ng_per_year"]].round(3)
       sessions  mean_gap_weeks  antigen_ng  antigen_ng_per_year
    0         4            12.0        0.72                0.783
    """
    sessions = read_schedule(schedule)
    frame = session_table(sessions, world_of(schedule, world))
    count = 1 if sessions.patients is None else len(sessions.patients)
    who = sessions.patient

    def total(values: Any) -> np.ndarray:
        return np.bincount(who, weights=np.asarray(values, dtype=float), minlength=count)

    main = ~frame["touch_up"].to_numpy()
    week = pd.Series(frame["week"].to_numpy()).groupby(who)
    mains = pd.Series(frame["week"].to_numpy()[main]).groupby(who[main])
    last_main = mains.max().reindex(range(count)).to_numpy()
    years = (last_main - week.min().reindex(range(count)).to_numpy()) / WEEKS_PER_YEAR
    completed = frame["week"].to_numpy() < last_main[who]
    antigen = frame["antigen_ng"].to_numpy()
    cycles = total(main) - 1
    flags, used = ("booster", "short_gap", "switched"), set(frame["product"])
    above_label = total(frame["above_label"].to_numpy(dtype=float, na_value=np.nan))
    columns = {
        "patient": sessions.patients,
        "sessions": total(np.ones(len(frame))).astype(int),
        "touch_ups": total(~main).astype(int),
        "first_week": week.min().reindex(range(count)).to_numpy(),
        "last_week": week.max().reindex(range(count)).to_numpy(),
        "mean_gap_weeks": np.divide(years * WEEKS_PER_YEAR, cycles, out=np.full(count, np.nan), where=cycles > 0),
        "shortest_gap_weeks": frame["gap_weeks"].groupby(who).min().reindex(range(count)).to_numpy(),
        "antigen_ng": total(antigen),
        "antigen_ng_per_year": np.divide(
            total(np.where(completed, antigen, 0.0)), years, out=np.full(count, np.nan), where=cycles > 0
        ),
        "complex_protein_ng": total(frame["complex_protein_ng"]),
        **{f: total(frame[f]).astype(int) for f in flags},
        "above_label": pd.array(above_label, dtype="Int64"),
        **{f"units_{p}": total(frame["units"] * (frame["product"] == p)) for p in PRODUCTS if p in used},
    }
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})
