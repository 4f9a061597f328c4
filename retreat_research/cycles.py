"""Treatment cycles with the loss of effect known to lie in (lower, upper] weeks.

This is the meeting point of records, duration models and simulation: none of them knows the others' tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .errors import InputError, must, must_all, real_numbers

#: What ended a cycle's duration, as `Cycles.frame["censoring"]` says it.
CENSORING = {
    "exact": "the week of loss is known exactly (lower = upper)",
    "interval": "lost between two assessments",
    "left": "lost before the first assessment of the cycle (lower = 0)",
    "retreated": "retreated while still effective: right-censored at the last assessment with effect",
    "follow-up": "still effective when the records end: right-censored at the last assessment",
    "non-response": "no response in the peak window: not a duration",
    "unassessed": "no assessment in the peak window: not known whether there was a response",
}


class Cycles:
    """Cycles, one row each, with the event in (lower, upper] weeks since the session.

    Parameters
    ----------
    lower, upper : array_like of float, shape (n,), weeks
        The event came after `lower` and not after `upper`. ``lower = 0`` is left-censored, ``upper`` inf or NaN
        right-censored, ``lower = upper`` exact. Both NaN only where `data` has ``responder`` False or missing.
    patient : array_like, shape (n,), optional
        Who the cycle belongs to, a text or a number; without it and without a column of `data` every row is a patient
        of its own.
    data : pandas.DataFrame, n rows, optional
        Covariates and anything else to carry along. ``responder`` (bool) and ``censoring`` (a key of `CENSORING`)
        are understood; without them all rows are responders and the censoring is read off the interval. If given, it
        must agree with the bounds.
    endpoint : object, optional
        What "loss of effect" means here; `str(endpoint)` travels with every result.

    Raises
    ------
    InputError
        Naming the rows, if lengths differ, a bound is negative or not a number, `upper` is before `lower`, a patient is
        missing, or the censoring contradicts the bounds.

    Examples
    --------
    >>> cycles = Cycles([8, 12, 0], [12, float("inf"), 4], patient=["a", "a", "b"])
    >>> cycles.frame["censoring"].tolist()
    ['interval', 'follow-up', 'left']
    """

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        patient: ArrayLike | None = None,
        data: pd.DataFrame | None = None,
        endpoint: Any = None,
    ) -> None:
        lower, upper = _bounds(lower, "lower"), _bounds(upper, "upper")
        n = lower.size
        must(upper.size == n, f"`lower` has {n} rows and `upper` {upper.size}")
        frame = pd.DataFrame(index=range(n)) if data is None else _table(data, n)
        if patient is not None:
            frame["patient"] = _labels(patient, n)
        elif "patient" not in frame:
            frame["patient"] = np.arange(n)
        _must_be_labels(frame["patient"])
        if "responder" not in frame:
            frame["responder"] = True
        responder = _answers(frame["responder"])
        frame["responder"] = responder
        event = responder.fillna(False).to_numpy(dtype=bool)

        upper = np.where(np.isnan(upper) & event, np.inf, upper)
        must_all(~event | np.isfinite(lower), "`lower` must be a number")
        must_all(~event | (lower >= 0), "`lower` must not be negative")
        must_all(~event | (upper >= lower), "`upper` must not be before `lower`")
        must_all(~event | (upper > 0), "`upper` must be after week 0")
        frame["lower"] = np.where(event, lower, np.nan)
        frame["upper"] = np.where(event, upper, np.nan)
        if "censoring" not in frame:
            frame["censoring"] = _censoring(lower, upper, responder)
        else:
            _must_agree(frame["censoring"], lower, upper, event)
        self._frame = frame
        self.endpoint = endpoint

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of the table: patient, lower, upper, responder, censoring and all columns of `data`."""
        return self._frame.copy()

    @property
    def responding(self) -> Cycles:
        """The cycles with a response: the rows that have a duration."""
        return self[self._frame["responder"].fillna(False).to_numpy(dtype=bool)]

    @property
    def lower(self) -> np.ndarray:
        """float array (n,), weeks."""
        return self._frame["lower"].to_numpy(copy=True)

    @property
    def upper(self) -> np.ndarray:
        """float array (n,), weeks; inf where right-censored."""
        return self._frame["upper"].to_numpy(copy=True)

    @property
    def patient(self) -> np.ndarray:
        """array (n,): whose cycle each row is."""
        return self._frame["patient"].to_numpy(copy=True)

    def __getitem__(self, rows: Any) -> Cycles:
        """The cycles at a boolean mask, slice or list of positions, with their endpoint."""
        part = self._frame.iloc[_positions(rows, len(self))]
        return Cycles(part["lower"].to_numpy(), part["upper"].to_numpy(), data=part, endpoint=self.endpoint)

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        counts = self._frame["censoring"].value_counts()
        inside = ", ".join(f"{counts[name]} {name}" for name in CENSORING if name in counts)
        who = f"{len(self)} of {self._frame['patient'].nunique()} patients"
        return f"<Cycles: {who} ({inside or 'empty'}); {self.endpoint}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(repr(self)[1:-1])}</p>" + self._frame.head(10)._repr_html_()


def _bounds(values: ArrayLike, name: str) -> np.ndarray:
    array = real_numbers(values, name)
    must(array.ndim == 1, f"`{name}` must be one-dimensional, not of shape {array.shape}")
    return array


def _table(data: pd.DataFrame, n: int) -> pd.DataFrame:
    """A copy of `data` with rows numbered from 0."""
    must(isinstance(data, pd.DataFrame), f"`data` must be a pandas.DataFrame, not {type(data).__name__}")
    must(len(data) == n, f"`data` has {len(data)} rows, not {n}")
    twice = data.columns[data.columns.duplicated()]
    must(twice.empty, f"`data` has more than one column {', '.join(map(str, twice.unique()))}", "rename or drop one")
    return data.reset_index(drop=True).copy()


def _labels(patient: ArrayLike, n: int) -> pd.Series:
    """One label for each row; not by way of an array, which makes the same text of 1 and "1", and text of NaN."""
    values: Any = patient
    must(getattr(values, "ndim", 1) == 1 and pd.api.types.is_list_like(values), "`patient` must be one for each row")
    who = pd.Series(np.asarray(values) if hasattr(values, "dtype") else list(values))
    must(len(who) == n, f"`patient` has {len(who)} rows, not {n}")
    return who


def _must_be_labels(who: pd.Series) -> None:
    must_all(who.notna(), "`patient` is missing")
    if pd.api.types.infer_dtype(who) not in ("string", "integer", "categorical"):  # quick for those
        single = [not pd.api.types.is_list_like(label) for label in who]
        must_all(single, "`patient` must be one text or number for each row", "join several columns into one text")


def _answers(responder: pd.Series) -> pd.Series:
    """True, False and missing."""
    try:
        return responder.astype("boolean")
    except (TypeError, ValueError):
        known = responder.isna() | responder.map(lambda answer: isinstance(answer, bool | np.bool_))
        must_all(known, "`responder` must be True, False or missing")
        return responder.astype(object).astype("boolean")


def _must_agree(censoring: pd.Series, lower: np.ndarray, upper: np.ndarray, event: np.ndarray) -> None:
    """Raise `InputError` unless what is said of the rows with an `event` is what their bounds say."""
    must_all(censoring.isin(list(CENSORING)), f"`censoring` must be one of {', '.join(CENSORING)}")
    kind, ends = censoring.to_numpy(), np.isfinite(upper)
    wanted = {
        "exact": (lower == upper, "needs `lower` = `upper`"),
        "interval": (ends & (lower < upper), "needs `lower` < `upper`, both finite"),
        "left": (ends & (lower == 0), "needs `lower` = 0 and a finite `upper`"),
        "retreated": (~ends, "needs `upper` inf"),
        "follow-up": (~ends, "needs `upper` inf"),
        "non-response": (~event, "needs `responder` False"),
        "unassessed": (~event, "needs a missing `responder`"),
    }
    for name, (ok, need) in wanted.items():
        hint = "correct it, or leave `censoring` out: then it is read off the bounds"
        must_all(ok | (kind != name) | ~event, f"`censoring` {name} {need}", hint)


def _positions(rows: Any, n: int) -> np.ndarray:
    """The positions that `rows` chooses of `n`."""
    hint = "give a mask of True and False, a slice or a list of positions"
    try:
        at = np.arange(n)[rows] if isinstance(rows, slice) else np.asarray(rows)
    except (TypeError, ValueError):
        raise InputError(f"cycles cannot be chosen so; {hint}") from None
    if at.size == 0:
        at = at.astype(int)
    must(at.ndim == 1 and at.dtype.kind in "biu", "cycles cannot be chosen so", hint)
    if at.dtype.kind == "b":
        must(at.size == n, f"the mask has {at.size} entries for {n} cycles")
        return np.flatnonzero(at)
    must(bool(((at >= -n) & (at < n)).all()), f"there are {n} cycles, at positions from 0 to {n - 1}", hint)
    return at


def _censoring(lower: np.ndarray, upper: np.ndarray, responder: pd.Series) -> np.ndarray:
    kind = np.select(
        [lower == upper, np.isinf(upper), lower == 0],
        ["exact", "follow-up", "left"],
        "interval",
    ).astype(object)
    kind[responder.isna().to_numpy()] = "unassessed"
    kind[(responder == False).fillna(False).to_numpy(dtype=bool)] = "non-response"  # noqa: E712
    return kind
