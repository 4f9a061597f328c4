"""Schedules: who was injected with what, how much and when, from whatever holds it; every bad row is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError, must, real_numbers, rows_text
from ..immunity import DAYS_PER_WEEK
from ..products import INDICATIONS, PRODUCTS, nearest

Floats = NDArray[np.float64]

#: Weeks that differ by less are the same day, by definition: those of records are whole days divided by 7.
SAME_DAY = 1e-6 / DAYS_PER_WEEK
_MISSING, _UNKNOWN = -1, -2
_CODES = {name: code for code, name in enumerate(PRODUCTS)}
_EXAMPLE = 'for example {"product": "onabotulinumtoxinA", "units": 20, "week": [0, 12, 24]}'


@dataclass(frozen=True, eq=False)
class Schedule:
    """Sessions by patient (in the order first met) and week; arrays of shape (m,), visits without injection left out.

    Attributes
    ----------
    patient : int array
        Position in `patients`.
    patients : pandas.Index or None
        Who they are, those without a session included; None: one patient, without a name.
    week : float array, weeks
    date : datetime64[D] array or None
    product : int array
        Position in `PRODUCTS`.
    units : float array
    indication : object array or None
        Text, as it was given.
    areas : int array
        Bit i: `INDICATIONS[i]` was treated; the bit above them: something else. 0: not said.
    """

    patient: NDArray[np.intp]
    patients: pd.Index | None
    week: Floats
    date: NDArray[np.datetime64] | None
    product: NDArray[np.intp]
    units: Floats
    indication: NDArray[np.object_] | None
    areas: NDArray[np.int64]

    def taken(self, rows: NDArray[Any]) -> dict[str, Any]:
        """The arrays at `rows`, by name."""
        names = ("patient", "week", "date", "product", "units", "indication", "areas")
        return {name: None if (all_rows := getattr(self, name)) is None else all_rows[rows] for name in names}


class Problems(list[str]):
    """What is wrong with a table, collected so that a user sees all of it at once."""

    def unless(self, ok: NDArray[np.bool_], message: str, hint: str = "") -> None:
        """Note the rows where `ok` is False."""
        if not ok.all():
            self.append(f"{message} ({rows_text(np.flatnonzero(~ok))}){hint}")

    def stop(self) -> None:
        """Raise `InputError` if there are any."""
        if self:
            several = f"the schedule has {len(self)} problems:\n  " if len(self) > 1 else ""
            raise InputError(several + "\n  ".join(self))


def read_schedule(schedule: Any) -> Schedule:
    """Read a schedule.

    Parameters
    ----------
    schedule : DataFrame, Records, Simulation, mapping of columns, or sequence of mappings (one for each session)

    Raises
    ------
    InputError
        If columns are missing or the rows are not possible; rows are numbered from 0.
    """
    table = _columns(_table(schedule))
    problems = Problems()
    patient, patients = _patients(table, problems)
    units = _numbers(table["units"], "units", problems)
    problems.unless(~(units < 0), "`units` must not be negative")
    product = _products(table["product"], problems)
    named = (product != _MISSING) | (units == 0)
    problems.unless(named, "`units` without a product", "; units of products are not interchangeable")
    week, day = _times(table, patient, units, problems)
    indication = table["indication"].to_numpy(dtype=object) if "indication" in table else None
    everything = Schedule(patient, patients, week, day, product, units, indication, _areas(table))

    rows = np.flatnonzero(units != 0)
    rows = rows[np.argsort(patient[rows], kind="stable")]
    sessions = Schedule(patients=patients, **everything.taken(rows))
    again = _in_order(sessions, rows, problems)
    problems.stop()
    return _one_a_day(sessions, again) if again.any() else sessions


def _table(schedule: Any) -> pd.DataFrame:
    if isinstance(schedule, pd.DataFrame):
        return schedule
    if hasattr(schedule, "sessions"):  # Records; a Simulation, which lies above this module
        must(schedule.sessions is not None, "this simulation kept no sessions", "simulate with history=True")
        return schedule.sessions
    rows = isinstance(schedule, Sequence) and all(isinstance(row, Mapping) for row in schedule)
    must(rows or isinstance(schedule, Mapping), "`schedule` must be a table of sessions", _EXAMPLE)
    if isinstance(schedule, Mapping) and all(np.ndim(column) == 0 for column in schedule.values()):
        schedule = [schedule]
    try:
        return pd.DataFrame(schedule)
    except ValueError:
        raise InputError(f"the columns of `schedule` must have one value for each session; {_EXAMPLE}") from None


def _columns(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that matter, rows numbered from 0."""
    must(len(table) > 0, "`schedule` has no rows", _EXAMPLE)
    wanted = ("patient", "week", "date", "product", "units", "indication")
    twice = [name for name in wanted if list(table.columns).count(name) > 1]
    must(not twice, f"`schedule` has more than one column {', '.join(twice)}")
    must("units" in table, "`schedule` has no column units", _EXAMPLE)
    must("product" in table, "`units` without a column product", "units of products are not interchangeable")
    table = table[[name for name in wanted if name in table]].reset_index(drop=True)
    if {"week", "date"} <= {*table} and table["date"].isna().all():  # records that were made of weeks
        table = table.drop(columns="date")
    must("week" in table or "date" in table, "`schedule` has neither a column week nor date", _EXAMPLE)
    return table


def _patients(table: pd.DataFrame, problems: Problems) -> tuple[NDArray[np.intp], pd.Index | None]:
    if "patient" not in table:
        return np.zeros(len(table), dtype=np.intp), None
    codes, who = _factorized(table["patient"])
    problems.unless(codes >= 0, "`patient` is missing")
    return codes, who


def _factorized(column: pd.Series) -> tuple[NDArray[np.intp], Any]:
    """For each row the position of its value among the distinct ones, -1 without one; and these."""
    try:
        return pd.factorize(column)
    except TypeError:  # lists and other things that cannot be told apart
        raise InputError(f"`{column.name}` must be one value for each row") from None


def _numbers(column: pd.Series, name: str, problems: Problems) -> Floats:
    """Floats; NaN and a problem where one is missing, infinite or not a number."""
    try:
        values = real_numbers(column.to_numpy(), name)
    except InputError as error:
        problems.append(str(error))
        return np.full(len(column), np.nan)
    if column.dtype.kind in "bO":
        truths = np.array([isinstance(value, bool | np.bool_) for value in column])
        problems.unless(~truths, f"`{name}` must be numbers, not True or False")
    problems.unless(np.isfinite(values), f"`{name}` must be a finite number")
    return np.where(np.isfinite(values), values, np.nan)


def _products(column: pd.Series, problems: Problems) -> NDArray[np.intp]:
    """Positions in `PRODUCTS`; _MISSING without one."""
    codes, names = _factorized(column.astype(object))
    known = np.array([*(_code(name) for name in names), _MISSING], dtype=np.intp)
    hints = [nearest(name, PRODUCTS) if code == _UNKNOWN else "" for name, code in zip(names, known[:-1], strict=True)]
    unknown = known[codes] == _UNKNOWN
    for hint in sorted({hints[code] for code in np.unique(codes[unknown])}):
        same = np.array([*(hint == other for other in hints), False])
        problems.unless(~(unknown & same[codes]), "unknown product", hint or f"; known are {', '.join(PRODUCTS)}")
    return known[codes]


def _code(name: Any) -> int:
    return _MISSING if isinstance(name, str) and not name.strip() else _CODES.get(name, _UNKNOWN)


def _times(
    table: pd.DataFrame, patient: NDArray[np.intp], units: Floats, problems: Problems
) -> tuple[Floats, NDArray[np.datetime64] | None]:
    """Weeks as given, or since each patient's first session; days if there are any."""
    day = _days(table["date"], problems) if "date" in table else None
    if day is None:
        return _weeks(table["week"], units, problems), None
    first = _first_rows(units, patient)
    since = (day - day[first]).astype(float)
    since[np.isnat(day)] = np.nan
    if "week" not in table:
        return since / DAYS_PER_WEEK, day
    week = _weeks(table["week"], units, problems)
    days = (week - week[first]) * DAYS_PER_WEEK
    problems.unless(~(np.abs(days - since) > 0.5), "`week` and `date` disagree", "; give one of them")
    return week, day


def _weeks(column: pd.Series, units: Floats, problems: Problems) -> Floats:
    """Weeks; one of a visit without injection can be negative, as that of a visit before the first session."""
    week = _numbers(column, "week", problems)
    problems.unless(~((week < 0) & (units != 0)), "`week` must not be negative")
    return week


def _first_rows(units: Floats, patient: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row that of the patient's first session, or first visit if there is no session."""
    order = np.lexsort((np.arange(patient.size), units == 0, patient))
    first = np.concatenate([[True], np.diff(patient[order]) != 0])
    rows = np.empty(patient.size, dtype=np.intp)
    rows[order] = order[first][np.cumsum(first) - 1]
    return rows


def _days(column: pd.Series, problems: Problems) -> NDArray[np.datetime64]:
    """Days; NaT and a problem where one is missing or not a date."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    if column.dtype.kind == "M":
        days = column.to_numpy().astype("datetime64[D]")
    else:
        codes, values = _factorized(column.astype(object))
        days = np.array([*(_day(value) for value in values), "NaT"], dtype="datetime64[D]")[codes]
    problems.unless(~np.isnat(days), "`date` must be a date", "; write YYYY-MM-DD")
    return days


def _day(value: Any) -> Any:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        return np.datetime64(pd.Timestamp(value).date(), "D") if isinstance(value, date | np.datetime64) else "NaT"
    except ValueError:
        return "NaT"


def _areas(table: pd.DataFrame) -> NDArray[np.int64]:
    if "indication" not in table:
        return np.zeros(len(table), dtype=np.int64)
    codes, names = _factorized(table["indication"].astype(object))
    other = len(INDICATIONS)
    bits = [1 << (INDICATIONS.index(name) if name in INDICATIONS else other) for name in [*names, None]]
    return np.array(bits, dtype=np.int64)[codes]


def _in_order(sessions: Schedule, rows: NDArray[np.intp], problems: Problems) -> NDArray[np.bool_]:
    """Whether each session goes on with the one before it, the same day in another area; else weeks must go up."""
    same_patient = np.diff(sessions.patient, prepend=-1) == 0
    between = np.diff(sessions.week, prepend=np.nan)
    again = same_patient & (np.abs(between) < SAME_DAY)
    _note(problems, same_patient & (between <= -SAME_DAY), rows, "`week` goes back within a patient; sort by week")
    if not again.any():
        return again
    mixed = again & (np.diff(sessions.product, prepend=-1) != 0)
    _note(problems, mixed, rows, "two products at one time: their units do not add up")
    if sessions.indication is None:
        _note(problems, again, rows, "two sessions of one patient at one time")
    else:
        area = pd.DataFrame({"session": np.cumsum(~again), "area": pd.Series(sessions.indication, dtype=object)})
        _note(problems, area.duplicated().to_numpy(), rows, "two sessions of one patient and area at one time")
    return again


def _note(problems: Problems, bad: NDArray[np.bool_], rows: NDArray[np.intp], message: str) -> None:
    """A problem of sorted sessions, told by their rows in the table."""
    if bad.any():
        problems.append(f"{message} ({rows_text(np.sort(rows[bad]))})")


def _one_a_day(sessions: Schedule, again: NDArray[np.bool_]) -> Schedule:
    """Areas treated on one day as one session: units are added."""
    start = np.flatnonzero(~again)
    merged = sessions.taken(start)
    merged["units"] = np.add.reduceat(sessions.units, start)
    merged["areas"] = np.bitwise_or.reduceat(sessions.areas, start)
    ends = [*start[1:], again.size]
    for session in np.flatnonzero(np.diff([*start, again.size]) > 1):
        texts = sessions.indication[start[session] : ends[session]]  # type: ignore[index]  # there are areas
        merged["indication"][session] = " + ".join(str(text) for text in texts)
    return Schedule(patients=sessions.patients, **merged)
