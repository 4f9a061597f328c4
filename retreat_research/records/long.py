"""One long CSV file of assessments after one session per patient, its columns named by a mapping."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import must, rows_text
from ..products import INDICATIONS
from .cells import numbers, with_decimal_points
from .check import cell_problems, collected, duplicates, found, notes_on, outside_scale, too_early
from .files import TextTable, read_text_table
from .loaded import Loaded
from .mapping import LongMapping, Rating
from .scales import SCALES
from .tables import in_points, typed

TABLE = "assessments"


def load_long(path: Path, mapping: LongMapping) -> Loaded:
    """Read and check a long file."""
    text = read_text_table(path)
    text.require(mapping.columns)
    who = text.cells[mapping.patient]
    treatment = text.cells[mapping.treatment]
    _must_know(treatment, mapping, text.name)

    cells = {column: _cells(text, mapping, column) for column in mapping.ratings}
    ratings = {column: _ratings(cells[column], rating) for column, rating in mapping.ratings.items()}
    one = next(iter(ratings.values()))
    known = one.dropna(subset=["patient", "week"])
    back = known["week"] < known.groupby("patient")["week"].shift()
    problems = [
        *(_named(cell_problems(cells[column], "ratings", text.decimal_comma), mapping, column) for column in ratings),
        _named(duplicates(TABLE, "week", one, ["patient", "week"]), mapping),
        found(TABLE, mapping.week, back, "date reversed: before the week of this patient's row above"),
        too_early(TABLE, mapping.week, one["week"]),
        *(p for column, rows in ratings.items() for p in outside_scale(TABLE, column, rows)),
        *(_varying(text.cells[column], who) for column in (mapping.treatment, *mapping.covariates)),
    ]
    patients = text.cells[[mapping.patient, *mapping.covariates]].rename(columns={mapping.patient: "patient"})
    patients = patients.groupby("patient", sort=False).first().reset_index()
    for column in mapping.covariates:
        patients[column] = _covariate(patients[column], text.decimal_comma)
    assessments = pd.concat(ratings.values())
    notes = [
        f"{text.name}: one session per patient at week 0, as {mapping.name} says",
        *text.notes,
        *([] if mapping.indication in INDICATIONS else ["the mapping's indication is not known here"]),
        *notes_on(
            assessments["scale"], SCALES, "assessments on a scale that is not registered, so not checked for range"
        ),
    ]
    return Loaded(collected(problems), notes, _sessions(who, treatment, mapping), assessments, None, patients)


def _must_know(treatment: pd.Series, mapping: LongMapping, file: str) -> None:
    unknown = treatment.notna() & ~treatment.isin(list(mapping.treatments))
    must(
        not unknown.any(),
        f"{file}: `{mapping.treatment}` holds what `treatments` in {mapping.name} does not name "
        f"({rows_text(unknown.index[unknown])})",
        "entries must agree to the letter",
    )


def _cells(text: TextTable, mapping: LongMapping, column: str) -> pd.DataFrame:
    sources = {"patient": mapping.patient, "week": mapping.week, "treatment": mapping.treatment, "value": column}
    cells = pd.DataFrame({name: text.cells[source] for name, source in sources.items()})
    return in_points(cells, "ratings", text.decimal_comma)


def _ratings(cells: pd.DataFrame, rating: Rating) -> pd.DataFrame:
    return typed(cells, "ratings").drop(columns="treatment").assign(scale=rating.scale, rater=rating.rater)


def _named(problems: pd.DataFrame, mapping: LongMapping, value: str = "") -> pd.DataFrame:
    """Problems under the file's own names of table and columns."""
    names = {"patient": mapping.patient, "week": mapping.week, "treatment": mapping.treatment, "value": value}
    return problems.assign(table=TABLE, column=problems["column"].map(names))


def _varying(cells: pd.Series, who: pd.Series) -> pd.DataFrame:
    differs = cells.notna() & who.notna() & (cells != cells.groupby(who).transform("first"))
    return found(TABLE, str(cells.name), differs, "not the same in all rows of this patient")


def _covariate(cells: pd.Series, decimal_comma: bool) -> pd.Series:
    """Numbers if every cell is one, else text."""
    values = numbers(with_decimal_points(cells) if decimal_comma else cells)
    if not values.notna().equals(cells.notna()):
        return cells
    return values.astype(int) if (values % 1 == 0).all() else values


def _sessions(who: pd.Series, treatment: pd.Series, mapping: LongMapping) -> pd.DataFrame:
    given = treatment.groupby(who, sort=False).first()
    return pd.DataFrame(
        {
            "patient": given.index,
            "week": 0.0,
            "product": given.map({name: t.product for name, t in mapping.treatments.items()}).to_numpy(),
            "units": given.map({name: t.units for name, t in mapping.treatments.items()}).to_numpy(dtype=float),
            "indication": mapping.indication,
        }
    )
