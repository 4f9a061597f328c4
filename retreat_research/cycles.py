"""Treatment cycles with the loss of effect known to lie in (lower, upper] weeks.

This is the meeting point of records, duration models and simulation: none of them knows the others' tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .errors import must, must_all

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
        Who the cycle belongs to; without it every row is a patient of its own.
    data : pandas.DataFrame, n rows, optional
        Covariates and anything else to carry along. ``responder`` (bool) and ``censoring`` (a key of `CENSORING`)
        are understood; without them all rows are responders and the censoring is read off the interval.
    endpoint : object, optional
        What "loss of effect" means here; `str(endpoint)` travels with every result.

    Raises
    ------
    InputError
        Naming the rows, if lengths differ, a bound is negative or not a number, or `upper` is before `lower`.

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
        must(data is None or len(data) == n, f"`data` has {0 if data is None else len(data)} rows, not {n}")
        frame = pd.DataFrame(index=range(n)) if data is None else data.reset_index(drop=True).copy()
        if patient is not None:
            who = pd.Series(np.asarray(patient))
            must(len(who) == n, f"`patient` has {len(who)} rows, not {n}")
            must_all(who.notna(), "`patient` is missing")
            frame["patient"] = who
        elif "patient" not in frame:
            frame["patient"] = np.arange(n)
        if "responder" not in frame:
            frame["responder"] = True
        responder = frame["responder"].astype("boolean")
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
        unknown = ~frame["censoring"].isin(list(CENSORING))
        must_all(~unknown, f"`censoring` must be one of {', '.join(CENSORING)}")
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
        part = self._frame.loc[rows] if _is_mask(rows) else self._frame.iloc[rows]
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
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        numbers = pd.to_numeric(pd.Series(list(values)), errors="coerce")  # type: ignore[arg-type]
        must_all(numbers.notna() | pd.Series(list(values)).isna(), f"`{name}` must be numbers")  # type: ignore[arg-type]
        array = numbers.to_numpy(dtype=float)
    must(array.ndim == 1, f"`{name}` must be one-dimensional, not of shape {array.shape}")
    return array


def _is_mask(rows: Any) -> bool:
    return getattr(rows, "dtype", None) is not None and rows.dtype == bool


def _censoring(lower: np.ndarray, upper: np.ndarray, responder: pd.Series) -> np.ndarray:
    kind = np.select(
        [lower == upper, np.isinf(upper), lower == 0],
        ["exact", "follow-up", "left"],
        "interval",
    ).astype(object)
    kind[responder.isna().to_numpy()] = "unassessed"
    kind[(responder == False).fillna(False).to_numpy(dtype=bool)] = "non-response"  # noqa: E712
    return kind
