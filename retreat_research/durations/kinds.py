"""What a column of a table holds, so that new data can be asked to hold the same as the data of the fit."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from ..errors import InputError, must

NUMBERS, ANSWERS, TEXT, TIMES, OTHER = "numbers", "True or False", "text", "dates or times", "other things"
#: By what pandas infers of a column. Intervals are what ``pandas.cut`` makes of numbers.
KNOWN = {
    "integer": NUMBERS, "floating": NUMBERS, "mixed-integer-float": NUMBERS, "boolean": ANSWERS, "string": TEXT,
    "interval": "intervals", "datetime64": TIMES, "datetime": TIMES, "date": TIMES, "time": TIMES, "period": TIMES,
    "timedelta64": TIMES, "timedelta": TIMES,
}  # fmt: skip


class Kind(NamedTuple):
    """Of a column without missing values."""

    holds: str
    levels: bool  # whether a formula takes it for a factor as it stands


def kind_of(column: pd.Series) -> Kind:
    """What `column` holds; a categorical one, what its levels are."""
    dtype = column.dtype
    values = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else column
    inferred = pd.api.types.infer_dtype(values, skipna=False)
    return Kind(KNOWN.get(inferred, OTHER), not pd.api.types.is_numeric_dtype(dtype))


def must_be_usable(name: str, kind: Kind, source: str) -> None:
    """Raise `InputError` unless a formula can use a column that holds this."""
    hint = "give weeks as a number, or text for a factor"
    must(kind.holds != TIMES, f"{name} is a date or time in the {source}", hint)
    must(kind.holds != OTHER, f"{name} must be numbers, text, or True and False, and of one kind, in the {source}")


def as_in_fit(column: pd.Series, name: str, fitted: Kind) -> pd.Series:
    """`column` of new data for a formula that was fitted to such a `fitted` one, or `InputError` if it holds others."""
    if len(column):
        holds = kind_of(column).holds
        must(holds == fitted.holds, f"{name} must be {fitted.holds} in the newdata, as it was in the fit, not {holds}")
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if fitted.levels:
        return column if column.dtype == object else column.astype("category")
    try:
        return column if numeric else column.astype(bool if fitted.holds == ANSWERS else float)
    except OverflowError:
        raise InputError(f"{name} is too large a number in the newdata") from None


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with what formulaic knows: pandas' own types of numbers as float, and its text as Python's."""
    extended = [name for name in table if isinstance(table[name].dtype, pd.api.extensions.ExtensionDtype)]
    for name in extended:
        if pd.api.types.is_numeric_dtype(table[name].dtype):
            table = table.assign(**{str(name): table[name].astype(float)})
        elif isinstance(table[name].dtype, pd.StringDtype):
            table = table.assign(**{str(name): table[name].astype(object)})
    return table
