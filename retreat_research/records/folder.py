"""A folder of sessions, assessments and antibody tests, dated."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from ..errors import must
from ..products import INDICATIONS
from .check import (
    antibody_problems,
    assessment_problems,
    cell_problems,
    collected,
    notes_on,
    session_problems,
)
from .files import TextTable, read_text_table
from .loaded import Loaded
from .scales import SCALES
from .tables import RATERS, select, typed

TABLES = ("sessions", "assessments", "antibodies")
DAYS_PER_WEEK = 7


def load_folder(path: Path) -> Loaded:
    """Read and check the tables of a folder."""
    files = {table: path / f"{table}.csv" for table in TABLES}
    for table in ("sessions", "assessments"):
        must(files[table].exists(), f"the folder {path} has no {table}.csv")
    texts = {table: read_text_table(file) for table, file in files.items() if os.path.lexists(file)}
    cells = {table: select(text, table) for table, text in texts.items()}
    rows = {table: typed(text, table) for table, text in cells.items()}
    if "rater" not in cells["assessments"]:
        rows["assessments"]["rater"] = RATERS[0]

    sessions = rows["sessions"]
    first = sessions.groupby("patient")["date"].min()
    for frame in rows.values():
        frame["week"] = _weeks(frame["date"], frame["patient"].map(first))
    sessions["waned_week"] = _weeks(sessions["waned_date"], sessions["patient"].map(first))

    treated = sessions["patient"].dropna()
    problems = [
        *(cell_problems(cells[table], table, text.decimal_comma) for table, text in texts.items()),
        *session_problems(sessions),
        *assessment_problems(rows["assessments"], treated),
        *(antibody_problems(rows["antibodies"], treated) if "antibodies" in rows else []),
    ]
    notes = [
        *(note for text in texts.values() for note in text.notes),
        *(note for table, text in texts.items() for note in _unused(text, cells[table])),
        *notes_on(sessions["indication"], INDICATIONS, "sessions for an indication that is not known here"),
        *notes_on(
            rows["assessments"]["scale"],
            SCALES,
            "assessments on a scale that is not registered, so not checked for range",
        ),
    ]
    patients = pd.DataFrame({"patient": treated.unique()})
    return Loaded(collected(problems), notes, sessions, rows["assessments"], rows.get("antibodies"), patients)


def _weeks(date: pd.Series, origin: pd.Series) -> pd.Series:
    return (date - origin).dt.days / DAYS_PER_WEEK


def _unused(text: TextTable, used: pd.DataFrame) -> list[str]:
    others = [str(i) for i, column in enumerate(text.cells, start=1) if column not in used]
    return [f"{text.name}: columns not used: number {', '.join(others)}"] if others else []
