"""Published figures that the default world is not asked for, each with the reason: what `TARGETS` leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from ...evidence import evidence
from ...evidence.tables import KEYS
from .targets import TARGETS

TABLES = ("durations", "curves", "antibodies", "kinetics")


@dataclass(frozen=True)
class LeftOut:
    """Rows of one table that are not asked for.

    Parameters
    ----------
    table, reason : str
    rows : tuple of str
        Regular expressions for what names the rows, see `evidence.tables.KEYS`.
    """

    table: str
    reason: str
    rows: tuple[str, ...]


def _durations(numbers: str) -> tuple[str, ...]:
    """Rows of durations.csv by number: "2 73" are D002 and D073, "96-106" the rows from D096 to D106."""
    rows: list[str] = []
    for part in numbers.split():
        first, _, last = part.partition("-")
        rows += [f"D{number:03d}" for number in range(int(first), int(last or first) + 1)]
    return tuple(rows)


REPEATS = "Says again what is asked for in another row"
NO_ENDPOINT = "The endpoint is not in the model: lines at rest, points of a scale, strain, mean scores, satisfaction"
NO_SIZE = "Neither a size nor a range is published, or the visit is not known"
NO_WORLD = "There is no default world of this use, or it is pooled with such a use"
CALENDAR = (
    "When clinics treat again, or patients recall that they do, which follows a calendar that is not published; asked "
    "when its patients notice waning the world would be late in dystonia (D093, D094, D110), as it is for the mean of "
    "pooled studies"
)
ONSET_TIME = (
    "The time of onset or of the first decline, for which there is no analysis; onset would come too early, as in the "
    "onset figures asked for"
)
DERIVED = "Derived from rows that are asked for, or from a simulation"
NO_PATIENTS = "About rules, scales, raters, animals or other drugs, not about effect or antibodies of patients"
OTHER_ANTIBODIES = "Antibodies that the model does not have: binding ones, to toxoid, to vaccines, to other drugs"
NOT_ANALYSED = (
    "Change within patients, reduced response with antibody, self-report or a plateau of titres: there is no analysis "
    "of these"
)

LEFT_OUT = (
    LeftOut("durations", REPEATS, _durations("23")),
    LeftOut("durations", NO_ENDPOINT, _durations("2 58 73 86-89 92 95 100 109 128 134 174")),
    LeftOut("durations", NO_SIZE, _durations("57 76 85")),
    LeftOut("durations", NO_WORLD, _durations("111-113 119-122 126-127 130-132")),
    LeftOut("durations", CALENDAR, _durations("60 62 93-94 99 101-102 105-106 110 118 175")),
    LeftOut("durations", ONSET_TIME, _durations("47 70 96-98 103-104")),
    LeftOut("durations", DERIVED, _durations("140 143-145 148-152 154-158")),
    LeftOut("durations", NO_PATIENTS, _durations("16 25 50 54 69 129 133 135-139 159-173 176-185")),
    LeftOut("curves", REPEATS, (
        "Joseph 2021 JDD abo dose escalation/.*/(24|36|0.14)/.*", "Joseph 2021/22 ASJ ona dose-ranging/.*",
        "READY-1/.*", "Beer 2011 onset/.*", "abo solution pooled phase 3/.*", "Carruthers & Said 2005 women/.*",
        "Glogau 2012/.*", "pooled UFL ona/.*",
    )),
    LeftOut("curves", NO_ENDPOINT, (
        "inco 25U Prager/.*share of max mean effect, pct", "Lemdani 2025/.*", "Truong 2010 CD phase 3/.*",
        "Odergren 1998 CD/.*", r"cdystonia \(BotB RCT\)/.*",
    )),
    LeftOut("curves", NO_SIZE, ("Joseph 2021 JDD abo dose escalation/.*earliest visit.*",)),
    LeftOut("curves", NO_WORLD, ("SciELO 2021 chronic migraine wear-off/.*",)),
    LeftOut("antibodies", REPEATS, ("ONA_ALL", "BRIN08")),
    LeftOut("antibodies", NO_WORLD, ("ONA_MIG", "ONA_NDO")),
    LeftOut("antibodies", DERIVED, ("ONA_HAZ", "ONA_DOSE")),
    LeftOut("antibodies", OTHER_ANTIBODIES, ("HEF16_ELISA", "DAXI_RTP")),
    LeftOut("antibodies", NOT_ANALYSED, ("HEF22_10Y", "RIMA_ALL", "COSM_SURVEY")),
    LeftOut("kinetics", REPEATS, ("D_time_below_2mU",)),
    LeftOut("kinetics", NOT_ANALYSED, ("D_onset_of_decline",)),
    LeftOut("kinetics", NO_PATIENTS, (
        "C_partial_precedes_complete", "interval_recall_alum_mouse", "extended_priming",
        "ADA_clearance_effect_analogue",
    )),
    LeftOut("kinetics", NO_ENDPOINT, ("E_effect_dose_response",)),
    LeftOut("kinetics", OTHER_ANTIBODIES, (
        "memory_persistence_toxoid", "anamnestic_.*", "toxoid_.*", "interval_recall_mRNA.*", "antibody_lifespan",
        ".*_lived_PC_lifespan", "tetanus_Ab_half-life", "diphtheria_Ab_half-life",
    )),
)  # fmt: skip

#: Further figures that rows hold beside the one that is asked for: table, row, figure, reason.
WITHIN_ROWS = (
    ("durations", "D024", "the difference from placebo, 60.0% (49.4 to 66.5)", REPEATS),
    ("durations", "D049", "123 patients on placebo", NO_SIZE),
    ("durations", "D059", "crow's feet 64.1%, forehead 70.9%, all three 55.3%", NO_WORLD),
    ("durations", "D084", "median onset 3 days, on placebo 15", ONSET_TIME),
    ("durations", "D123", "unchanged throughout in 25.7%", NOT_ANALYSED),
    ("durations", "D124", "longer in 62%", NOT_ANALYSED),
    ("antibodies", "ONA_EXIT", "16 of 5,876 at exit, of all uses", NO_WORLD),
    ("antibodies", "WAL20_CSTF", "from the 3rd to the 103rd cycle, 0.61% a year", DERIVED),
    ("kinetics", "C_failure_exposure_cycles", "7.7 injection series (SD 2.9), at fixed intervals the time", REPEATS),
    ("kinetics", "D_titre_decline_fraction", "of 5 that did not fall, 2 up to 2,400 days", NOT_ANALYSED),
)


def rows_of(table: str) -> list[str]:
    """What names each row of a table, with the meaning of `evidence.tables.KEYS`."""
    text = evidence(table).map(lambda cell: f"{cell:g}" if isinstance(cell, float) else str(cell))
    return text[list(KEYS[table])].agg("/".join, axis=1).tolist()


def left_out() -> pd.DataFrame:
    """Every row of the four tables of figures, and why it is not asked for.

    Returns
    -------
    pandas.DataFrame
        ``table``, ``row``, ``asked`` (the number of targets that name it) and ``reasons``, a tuple: none where it is
        asked for, otherwise one.
    """
    records = []
    for table in TABLES:
        groups = [group for group in LEFT_OUT if group.table == table]
        for row in rows_of(table):
            asked = sum(row in target.rows for target in TARGETS if target.table == table)
            reasons = tuple(group.reason for group in groups if any(re.fullmatch(rows, row) for rows in group.rows))
            records.append({"table": table, "row": row, "asked": asked, "reasons": reasons})
    return pd.DataFrame(records)
