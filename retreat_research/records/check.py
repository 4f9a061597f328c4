"""What is wrong in which cell: one row per problem, never with the cell's content or a patient's identifier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from ..errors import rows_text
from ..products import INDICATIONS, PRODUCTS, nearest
from .scales import SCALES, Scale
from .tables import NOT_A_NUMBER, UNKNOWN_PRODUCT, schemas

#: A baseline may be taken this long before the first session (weeks; assumed: half a year).
BASELINE_WITHIN = 26.0

#: No dose of any product is near this (units; label doses go to 10,000).
MOST_UNITS = 100_000.0


def found(table: str, column: str, bad: pd.Series, problem: str | pd.Series) -> pd.DataFrame:
    """Problems of one kind: the rows of `bad` that are True (indexed by spreadsheet row)."""
    text = problem if isinstance(problem, str) else problem[bad]
    return pd.DataFrame({"table": table, "row": bad.index[bad], "column": column, "problem": text})


def collected(problems: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All problems, each once, by table and row."""
    rows = pd.concat([found("", "", pd.Series([], dtype=bool), ""), *problems], ignore_index=True).drop_duplicates()
    order = rows["table"].map({name: i for i, name in enumerate(rows["table"].unique())})
    rows = rows.assign(order=order).sort_values(["order", "row"], kind="stable").drop(columns="order")
    return rows.astype({"row": int}).reset_index(drop=True)


def cell_problems(cells: pd.DataFrame, table: str, decimal_comma: bool = False) -> pd.DataFrame:
    """Cells that their own column's description refuses."""
    from pandera.errors import SchemaErrors

    try:
        schemas()[table].validate(cells, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    else:
        return found(table, "", pd.Series([], dtype=bool), "")
    comma = " (in a file with semicolons, decimals have a comma)" if decimal_comma else ""
    problem = cases["check"].replace({"not_nullable": "missing", NOT_A_NUMBER: NOT_A_NUMBER + comma})
    unknown = problem == UNKNOWN_PRODUCT
    problem[unknown] += cases["failure_case"][unknown].map(product_hint)
    return pd.DataFrame({"table": table, "row": cases["index"], "column": cases["column"], "problem": problem})


def product_hint(name: str) -> str:
    """The nearest product as a question, or where the names are listed."""
    return nearest(name, PRODUCTS) or "; rr.products() lists the names"


def duplicates(table: str, column: str, rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Rows whose key was seen before; rows with a part of the key missing are left out."""
    whole = rows[rows[list(key)].notna().all(axis=1)]
    first = whole.index.to_series().groupby([whole[part] for part in key]).transform("first")
    problem = f"duplicate key ({', '.join(key)}): same as row " + first.astype(str)
    return found(table, column, whole.duplicated(list(key)), problem)


def outside_scale(table: str, column: str, ratings: pd.DataFrame) -> list[pd.DataFrame]:
    """Values that a registered scale cannot have."""
    return [
        found(table, column, (ratings["scale"] == scale.name) & ~_possible(ratings["value"], scale), _outside(scale))
        for scale in SCALES.values()
    ]


def too_early(table: str, column: str, weeks: pd.Series) -> pd.DataFrame:
    """Assessments so long before the first session that they are no baseline."""
    problem = f"assessment before the first session (a baseline may be {BASELINE_WITHIN:g} weeks old)"
    return found(table, column, weeks < -BASELINE_WITHIN, problem)


def session_problems(sessions: pd.DataFrame) -> list[pd.DataFrame]:
    """Sessions that contradict themselves or each other."""
    units, placebo = sessions["units"], sessions["product"] == "placebo"
    toxin = sessions["product"].isin(list(PRODUCTS)) & ~placebo
    in_order = sessions.drop_duplicates(["patient", "date", "indication"]).sort_values("date", kind="stable")
    following = in_order.groupby(["patient", "indication"])["date"].shift(-1).reindex(sessions.index)
    hints = sessions["indication"].map(
        {name: indication_hint(name) for name in sessions["indication"].dropna().unique()}
    )
    return [
        duplicates("sessions", "date", sessions, ["patient", "date", "indication"]),
        found("sessions", "units", placebo & (units != 0) & units.notna(), "placebo must have 0 units"),
        found("sessions", "units", toxin & (units == 0), "a product must have more than 0 units"),
        found("sessions", "units", units > MOST_UNITS, f"a dose above {MOST_UNITS:,.0f} units"),
        found("sessions", "indication", hints.fillna("") != "", "unknown indication" + hints.fillna("")),
        found(
            "sessions", "waned_date", sessions["waned_date"] <= sessions["date"], "date reversed: not after its session"
        ),
        found("sessions", "waned_date", sessions["waned_date"] > following, "date reversed: after the next session"),
    ]


def assessment_problems(assessments: pd.DataFrame, treated: pd.Series) -> list[pd.DataFrame]:
    """Assessments that contradict the scale, each other or the sessions; `treated`: the patients with a session."""
    return [
        duplicates("assessments", "date", assessments, ["patient", "date", "scale", "rater"]),
        untreated("assessments", assessments, treated),
        too_early("assessments", "date", assessments["week"]),
        *outside_scale("assessments", "value", assessments),
    ]


def antibody_problems(antibodies: pd.DataFrame, treated: pd.Series) -> list[pd.DataFrame]:
    """Tests that contradict each other or the sessions."""
    return [
        duplicates("antibodies", "date", antibodies, ["patient", "date", "assay"]),
        untreated("antibodies", antibodies, treated),
    ]


def untreated(table: str, rows: pd.DataFrame, treated: pd.Series) -> pd.DataFrame:
    """Rows of a patient who has no session."""
    patient = rows["patient"]
    return found(table, "patient", patient.notna() & ~patient.isin(treated), "this patient has no session")


def indication_hint(name: str) -> str:
    """The known indication that is probably meant; nothing for a known one and for one that resembles none."""
    return "" if name in INDICATIONS else nearest(name, INDICATIONS)


def notes_on(column: pd.Series, known: Iterable[str], what: str) -> list[str]:
    """One note on the rows of a column that hold what is not known; their content is not repeated."""
    other = column.notna() & ~column.isin(list(known))
    if not other.any():
        return []
    hints = {nearest(name, known) for name in column[other].unique()} - {""}
    return [f"{what} ({rows_text(column.index[other])}){next(iter(sorted(hints)), '')}"]


def _possible(value: pd.Series, scale: Scale) -> pd.Series:
    inside = value.isin(scale.grades) if scale.grades else value.between(scale.minimum, scale.maximum)
    return inside | value.isna()


def _outside(scale: Scale) -> str:
    grades = ", ".join(f"{grade:g}" for grade in scale.grades)
    return f"value outside the scale ({scale.name}: {grades or f'{scale.minimum:g} to {scale.maximum:g}'})"
