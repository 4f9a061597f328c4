"""The tables of a clinic, described once with pandera: columns, what a cell must be, what an empty cell means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..products import PRODUCTS
from .cells import dates, numbers, with_decimal_points, written_as_date
from .files import TextTable

if TYPE_CHECKING:
    import pandera.pandas as pa

RATERS = ("investigator", "subject")

#: Problems to which `check` adds a hint.
UNKNOWN_PRODUCT = "unknown product"
NOT_A_NUMBER = "not a number"

_READ: Mapping[str, Callable[[pd.Series], pd.Series]] = {"number": numbers, "date": dates, "text": lambda text: text}


@cache
def schemas() -> Mapping[str, pa.DataFrameSchema]:
    """The schema of each table of text cells: sessions, assessments, antibodies, and ratings (assessments by week)."""
    import pandera.pandas as pa

    def column(kind: str, description: str, *rules: tuple[str, Any], **options: Any) -> pa.Column:
        checks = [pa.Check(rule, error=error) for error, rule in (*_FORM[kind], *rules)]
        options = {"nullable": False, **options}
        return pa.Column(None, checks, metadata={"kind": kind}, description=description, **options)

    def table(**columns: pa.Column) -> pa.DataFrameSchema:
        return pa.DataFrameSchema({**columns}, strict=False)

    patient = column("text", "who: any text without meaning outside the clinic")
    date = column("date", "day, YYYY-MM-DD")
    scale = column("text", "rating scale, as in SCALES; others are not checked for range")
    rater = column(
        "text", "investigator or subject; investigator if there is no such column", _known_rater, required=False
    )
    value = column("number", "rating, points; empty: not rated", nullable=True)
    maybe: dict[str, Any] = {"nullable": True, "required": False}
    return {
        "sessions": table(
            patient=patient,
            date=date,
            product=column("text", "product, as in rr.products()", _known_product),
            units=column("number", "dose, in the product's own units", ("negative dose", _not_negative)),
            indication=column("text", "what was treated"),
            lot=column("text", "lot of the product", **maybe),
            sites=column("text", "where it was injected, or how many sites", **maybe),
            injector=column("text", "who injected", **maybe),
            waned_date=column("date", "day the patient reported that the effect had worn off", **maybe),
        ),
        "assessments": table(patient=patient, date=date, scale=scale, rater=rater, value=value),
        "antibodies": table(
            patient=patient,
            date=date,
            assay=column("text", "name of the assay"),
            titre=column(
                "number", "titre, mU/mL; empty: not measured", ("negative titre", _not_negative), nullable=True
            ),
            positive=column("number", "1 positive, 0 negative", ("must be 0 or 1", _zero_or_one)),
        ),
        "ratings": table(
            patient=patient,
            week=column("number", "weeks since the session; 0: before the injection"),
            treatment=column("text", "what was injected"),
            value=value,
        ),
    }


def select(text: TextTable, table: str) -> pd.DataFrame:
    """The cells of the columns that a table has, decimals written with a point.

    Raises
    ------
    InputError
        If a column that the table needs is not there.
    """
    columns = schemas()[table].columns
    text.require([name for name, column in columns.items() if column.required])
    return in_points(text.cells[[name for name in columns if name in text.cells]], table, text.decimal_comma)


def in_points(cells: pd.DataFrame, table: str, decimal_comma: bool) -> pd.DataFrame:
    """Cells whose number columns are written with a decimal point."""
    if not decimal_comma:
        return cells
    kinds = {name: schemas()[table].columns[name].metadata["kind"] for name in cells}
    return cells.assign(**{name: with_decimal_points(cells[name]) for name in cells if kinds[name] == "number"})


def typed(cells: pd.DataFrame, table: str) -> pd.DataFrame:
    """Every column of a table as numbers, dates or text; what is missing or cannot be read is NaN, NaT or None."""
    columns = schemas()[table].columns
    empty = pd.Series(None, index=cells.index, dtype=object)
    return pd.DataFrame({name: _READ[c.metadata["kind"]](cells.get(name, empty)) for name, c in columns.items()})


# Rules get a column of text and say which cells are right. Empty cells are the schema's business (`nullable`), and a
# cell that breaks the form of its kind is named once, so the other rules let it pass.


def _right_date(text: pd.Series) -> pd.Series:
    return dates(text).notna() | ~written_as_date(text)


def _known_product_rule(text: pd.Series) -> pd.Series:
    return text.isin(list(PRODUCTS))


def _not_negative(text: pd.Series) -> pd.Series:
    return ~(numbers(text) < 0)


def _zero_or_one(text: pd.Series) -> pd.Series:
    return numbers(text).isin([0, 1]) | numbers(text).isna()


_known_product = (UNKNOWN_PRODUCT, _known_product_rule)
_known_rater = (f"must be {' or '.join(RATERS)}", lambda text: text.isin(RATERS))
_FORM: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "text": (),
    "number": ((NOT_A_NUMBER, lambda text: numbers(text).notna()),),
    "date": (
        ("not a date in the form YYYY-MM-DD", written_as_date),
        ("no such date in the years 1900 to 2200", _right_date),
    ),
}
