"""The errors a user can meet, and the one way to raise them.

Rows are named by number and never by patient: the rows of a CSV file are numbered as a
spreadsheet shows them (the header is row 1), the rows of arrays and data frames from 0.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import inf, isfinite, nan
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SHOWN_ROWS = 10
SHOWN_PROBLEMS = 20


class RetreatError(Exception):
    """Base of every error that tells a user what to do; the command line shows it without a traceback."""


class InputError(RetreatError, ValueError):
    """An argument, a file or a table that cannot be used as it is."""


class RecordsError(InputError):
    """Records with bad cells.

    Attributes
    ----------
    problems : pandas.DataFrame
        Every bad cell, one row each: ``table``, ``row`` (as a spreadsheet numbers it), ``column``, ``problem``.
    """

    def __init__(self, problems: pd.DataFrame) -> None:
        self.problems = problems
        shown = [
            f"  {p.table}, row {p.row}, {p.column}: {p.problem}"
            for p in problems.head(SHOWN_PROBLEMS).itertuples(index=False)
        ]
        more = len(problems) - len(shown)
        if more > 0:
            shown.append(f"  and {more} more")
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"the records have {count}:", *shown]))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems,))


class FitError(RetreatError, RuntimeError):
    """A model that cannot be fitted to these data; the message says why and what to do."""


def must(condition: bool, message: str, hint: str | None = None) -> None:
    """Raise `InputError` with `message` (and `hint`) unless `condition` holds."""
    if not condition:
        raise InputError(message if hint is None else f"{message}; {hint}")


def must_all(ok: Any, message: str, hint: str | None = None) -> None:
    """Raise `InputError` naming the rows (counted from 0) where the boolean array `ok` is False."""
    import numpy as np

    ok = np.asarray(ok, dtype=bool)
    if not ok.all():
        must(False, f"{message} ({rows_text(np.flatnonzero(~ok))})", hint)


def whole_number(value: Any, name: str, least: int, most: int | None = None, hint: str | None = None) -> int:
    """`value` as an int, if it is a whole number from `least` to `most`: of Python or NumPy, but not True or 2.0."""
    import numpy as np

    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    reach = f", {least} or more" if most is None else f" from {least} to {most}"
    inside = whole and least <= value and (most is None or value <= most)
    must(inside, f"`{name}` must be a whole number{reach}", hint)
    return int(value)


def number(value: Any, name: str, least: float = -inf, most: float = inf) -> float:
    """`value` as a float, if it is one number from `least` to `most`: of Python or NumPy, but not NaN, True or text."""
    try:
        plain = float(value) if isinstance(value, Real) and not isinstance(value, bool) else nan
    except OverflowError:  # 10**400
        plain = inf
    reach = f"from {least:g} to {most:g}" if least > -inf and most < inf else "that is finite"
    must(isfinite(plain) and least <= plain <= most, f"`{name}` must be a number {reach}")
    return plain


def real_numbers(values: Any, name: str) -> np.ndarray:
    """`values` as a float array of the same shape, NaN where one is missing.

    Raises
    ------
    InputError
        If one is not a number; dates and time differences are not, as nothing says their unit.
    """
    import numpy as np

    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise InputError(f"`{name}` must be numbers, not lists of them") from None
    if array.dtype.kind in "biuf":
        return array.astype(float)
    known = np.array([_real(value) for value in array.ravel()], dtype=float).reshape(*array.shape, 2)
    timed = array.dtype.kind in "mM" or any(isinstance(value, date | timedelta) for value in array.ravel())
    wanted = f"`{name}` must be numbers" if array.ndim else f"`{name}` must be a number"
    hint = "weeks as numbers: divide by pandas.Timedelta(weeks=1)" if timed else None
    if array.ndim == 1:
        must_all(known[..., 1], wanted, hint)
    must(bool(known[..., 1].all()), wanted, hint)
    return known[..., 0]


def _real(value: Any) -> tuple[float, bool]:
    """`value` as a float, and whether it is one or missing."""
    import numpy as np
    import pandas as pd

    if value is None or value is pd.NA:
        return float("nan"), True
    try:
        if isinstance(value, np.generic) and value.dtype.kind not in "biufUS":  # complex, and times as their ticks
            raise TypeError
        return float(value), True
    except (TypeError, ValueError, OverflowError):
        return float("nan"), False


def rows_text(rows: Any) -> str:
    """Name row numbers: ``row 3``, ``rows 1, 7, 12``, ``rows 0, 1, … and 90 more``."""
    rows = [int(r) for r in rows]
    shown = ", ".join(str(r) for r in rows[:SHOWN_ROWS])
    more = len(rows) - SHOWN_ROWS
    return ("row " if len(rows) == 1 else "rows ") + shown + (f" and {more} more" if more > 0 else "")
