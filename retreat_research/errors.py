"""The errors a user can meet, and the one way to raise them.

Rows are named by number and never by patient: the rows of a CSV file are numbered as a
spreadsheet shows them (the header is row 1), the rows of arrays and data frames from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def rows_text(rows: Any) -> str:
    """Name row numbers: ``row 3``, ``rows 1, 7, 12``, ``rows 0, 1, … and 90 more``."""
    rows = [int(r) for r in rows]
    shown = ", ".join(str(r) for r in rows[:SHOWN_ROWS])
    more = len(rows) - SHOWN_ROWS
    return ("row " if len(rows) == 1 else "rows ") + shown + (f" and {more} more" if more > 0 else "")
