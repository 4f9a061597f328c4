"""For whom: the gain at equal exposure by what is true of patients, and by what a clinic can observe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..simulation import simulate, whole
from ..strategies import Fixed
from .arms import Arm, Arms
from .evaluate import exposure_match

FEW = 30  # ours: below, contributions are too few for a normal interval
FIRST_CYCLE_WEEKS = 12.0  # assumed: the usual first interval, 3 months
COLUMNS = (
    "trait", "kind", "group", "patients", "few", "strategy", "time_in_benefit", "gain", "mcse", "antigen", "antibodies"
)  # fmt: skip

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Group:
    """Patients alike in a trait; `kind` is "true", "observed", or "all"."""

    trait: str
    kind: str
    name: str
    rows: Bools


def subgroups_table(arms: Mapping[str, Arm], fixed: Arms) -> pd.DataFrame:
    """Gain in time in benefit over the fixed interval of equal exposure, in subgroups.

    Parameters
    ----------
    arms : mapping of str to Arm
        The strategies.
    fixed : Arms

    Returns
    -------
    pandas.DataFrame
        ``trait``, ``kind`` ("true": latent; "observed": a clinic knows it after one cycle; "all"), ``group``,
        ``patients``, ``few`` (True: under 30, too few to go by), ``strategy``; in the group ``time_in_benefit`` of the
        strategy, its ``gain`` and ``mcse``, ``antigen`` per year and share with ``antibodies``.

    Notes
    -----
    The fixed interval is that of all patients, not the group's own: a schedule is chosen before one knows who is who.
    What is spent can then differ within a group. The first cycle that is observed is one of `Fixed(12)`.
    """
    rows = []
    groups = list(groups_of(fixed.cohort, fixed.seed))
    for name, arm in arms.items():
        found = exposure_match(arm, fixed)
        for group in groups:
            mask = group.rows.astype(float)
            gain = None if found is None else found.difference("time_in_benefit", mask)
            rows.append((
                group.trait, group.kind, group.name, int(group.rows.sum()), bool(group.rows.sum() < FEW), name,
                arm.estimate("time_in_benefit", mask).value,
                np.nan if gain is None else gain.value, np.nan if gain is None else gain.mcse,
                arm.estimate("antigen", mask).value, arm.estimate("antibodies", mask).value,
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def groups_of(cohort: Cohort, seed: int) -> Iterator[Group]:
    """Every group with patients in it."""
    n = len(cohort)
    named = [
        Group("all", "all", "all", np.ones(n, dtype=bool)),
        *_either("can form antibodies", "true", cohort.susceptible),
        *_thirds("typical duration", cohort.log_offset, ("short", "middle", "long")),
        *_thirds("prone to non-response", cohort.non_response, ("least", "middle", "most")),
        *_first_cycle(cohort, seed),
        Group("preference", "observed", "smooth effect", cohort.preference < 0.5),
        Group("preference", "observed", "long-term responsiveness", cohort.preference >= 0.5),
    ]
    return (group for group in named if group.rows.any())


def _first_cycle(cohort: Cohort, seed: int) -> list[Group]:
    """What the clinic sees of one cycle of 12 weeks, of the patients who come back."""
    years = (FIRST_CYCLE_WEEKS + 1) / WEEKS_PER_YEAR
    visits = whole(simulate(cohort, Fixed(FIRST_CYCLE_WEEKS), years=years, seed=seed, history=True)).sessions
    assert visits is not None
    first = visits.drop_duplicates("patient")  # in the order of patients and weeks
    back = (first["week"] + first["gap_weeks"]).to_numpy() < cohort.dropout_week
    assessed, responded = (first[name].to_numpy(dtype=bool) & back for name in ("assessed", "responded"))
    lasted = first["effect_at_return"].to_numpy(dtype=bool)
    return [
        *_either("response at the first check", "observed", responded, assessed),
        *_either(f"effect still there at week {FIRST_CYCLE_WEEKS:g}", "observed", lasted, back),
    ]


def _either(trait: str, kind: str, true: Bools, known: Bools | None = None) -> list[Group]:
    among = np.ones(true.size, dtype=bool) if known is None else known
    return [Group(trait, kind, "yes", true & among), Group(trait, kind, "no", ~true & among)]


def _thirds(trait: str, value: NDArray[np.float64], names: tuple[str, str, str]) -> list[Group]:
    """Thirds of the patients; none where nobody differs."""
    if value.min() == value.max():
        return []
    third = np.searchsorted(np.quantile(value, [1 / 3, 2 / 3]), value)
    return [Group(trait, "true", name, third == place) for place, name in enumerate(names)]
