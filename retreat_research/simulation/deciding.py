"""What a strategy returned, as arrays for the compiled kernel; an error names the strategy, the field and the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import must, rows_text
from ..products import PRODUCTS, nearest
from ..strategies import REASONS
from .state import Records

CODES = {name: code for code, name in enumerate(PRODUCTS)}
_REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}
_NOT = {
    "b": ", not True or False",
    "c": ", not complex numbers",
    "m": ", not time differences: divide by numpy.timedelta64(1, 'W')",
    "M": ", not dates",
    "S": ", not texts",
    "U": ", not texts",
}


@dataclass(frozen=True, eq=False)
class Reading:
    """Reads what strategy `name` returned for n patients.

    Parameters
    ----------
    name : str
    first_row : int
        Row of the first patient of the block in the whole cohort.
    position : int array (n,)
        Of the patients in the block.

    Notes
    -----
    What it returns has shape (n,), is contiguous and must not be written to.
    """

    name: str
    first_row: int
    position: NDArray[np.int64]

    def every(self, ok: NDArray[np.bool_], message: str, hint: str | None = None) -> None:
        """Refuse the rows that are not `ok`; of shape () it stands for all, and no rows are named."""
        if not ok.all():
            where = f" ({rows_text(np.sort(self.first_row + self.position[~ok]))})" if ok.ndim else ""
            must(False, f"{self.name}: {message}{where}", hint)

    def numbers(self, values: Any, what: str) -> NDArray[np.float64]:
        """Finite numbers; no dates, texts, booleans or complex numbers, as nothing says what they mean."""
        n = self.position.size
        if isinstance(values, float):
            array = np.asarray(values)
        elif type(values) is np.ndarray and values.dtype == np.float64 and values.shape == (n,):
            array = values
        else:
            array = self._real(values, what)
        self.every(np.isfinite(array), f"{what} must be finite")
        return np.full(n, array) if array.ndim == 0 else np.ascontiguousarray(array)

    def codes(self, names: Any, what: str, table: Records) -> NDArray[np.int64]:
        """Products by name as rows of `table`."""
        array = self._texts(names, what, "names of products")
        found, where = np.unique(array, return_inverse=True)
        codes = np.array([CODES.get(name, -1) for name in found.tolist()], dtype=np.int64)[where].reshape(array.shape)
        unknown = [name for name in found.tolist() if name not in CODES]
        hint = nearest(unknown[0], CODES).removeprefix("; ") if unknown else None
        self.every(codes >= 0, "unknown product", hint or None)
        known = np.isfinite(table["log_median"]) & np.isfinite(table["label_units"])
        known[CODES["placebo"]] = True
        for code in np.unique(codes[~known[codes]]):
            missing = f"this world knows no duration or no label dose of {list(PRODUCTS)[code]}"
            self.every(codes != code, missing, "see `median_weeks`")
        return self._everyone(codes, np.int64)

    def reasons(self, reason: Any, what: str) -> NDArray[np.int8]:
        """Reasons, by name or as positions in `REASONS`, as positions."""
        wanted = f"one of {', '.join(REASONS)}"
        array, missing = self.array("hold" if reason is None else reason, what, wanted)
        if array.dtype.kind in "iu":
            known = (array >= 0) & (array < len(REASONS))
            codes = np.where(known, array, 0)
        else:
            texts, where = np.unique(self._texts(array, what, wanted), return_inverse=True)
            known = np.array([text in _REASON_CODES for text in texts.tolist()])[where].reshape(array.shape)
            codes = np.array([_REASON_CODES.get(text, 0) for text in texts.tolist()])[where].reshape(array.shape)
        self.every(known & ~missing, f"{what} must be {wanted}")
        return self._everyone(codes, np.int8)

    def flags(self, values: Any, what: str) -> NDArray[np.bool_]:
        """True or False."""
        array, missing = self.array(values, what, "True or False")
        flags = _each(array, "b", lambda value: isinstance(value, bool | np.bool_))
        self.every(flags & ~missing, f"{what} must be True or False")
        return self._everyone(array, bool)

    def array(
        self, values: Any, what: str, wanted: str, each: tuple[int, ...] = ()
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """`values` as an array of shape `each` or (n, *each), and which rows of a masked array lack one."""
        masked = isinstance(values, np.ma.MaskedArray)
        missing = np.ma.getmaskarray(values) if masked else np.zeros((), dtype=bool)
        try:
            array = np.asarray(values)
        except (TypeError, ValueError):  # among others lists of different lengths
            must(False, f"{self.name}: {what} must be {wanted}, one for each patient")
            raise
        n = self.position.size
        must(array.shape in (each, (n, *each)), f"{self.name}: {what} has shape {array.shape}, not {(n, *each)}")
        if each:
            by_row = missing.reshape(n, -1) if missing.shape == (n, *each) else missing.ravel()
            missing = np.asarray(by_row.any(axis=-1))
        return array, missing

    def _real(self, values: Any, what: str) -> NDArray[np.float64]:
        array, missing = self.array(values, what, "numbers")
        kind = array.dtype.kind
        if kind == "O":
            read = [_number(value) for value in array.ravel()]
            ok = np.array([value is not None for value in read]).reshape(array.shape)
            self.every(ok | missing, f"{what} must be numbers")
            array = np.array(read, dtype=float).reshape(array.shape)
        else:
            self.every(np.full(array.shape, kind in "iuf"), f"{what} must be numbers{_NOT.get(kind, '')}")
        return np.where(missing, np.nan, array.astype(float, copy=False))

    def _texts(self, values: Any, what: str, wanted: str) -> NDArray[np.str_]:
        array, missing = self.array(values, what, wanted)
        self.every(_each(array, "U", lambda value: isinstance(value, str)) & ~missing, f"{what} must be {wanted}")
        return array.astype(str, copy=False)

    def _everyone(self, array: NDArray[Any], dtype: Any) -> NDArray[Any]:
        return np.array(np.broadcast_to(array, self.position.shape), dtype=dtype)


def _each(array: NDArray[Any], kind: str, test: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Which values are of this kind, each of an object array by itself."""
    if array.dtype.kind != "O":
        return np.full(array.shape, array.dtype.kind == kind)
    return np.array([test(value) for value in array.ravel()], dtype=bool).reshape(array.shape)


def _number(value: Any) -> float | None:
    """`value` as a float, NaN if it is missing, None if it is no number."""
    import pandas as pd

    if value is None or value is pd.NA:
        return float("nan")
    numpy_number = not isinstance(value, np.generic) or value.dtype.kind in "iuf"  # time differences pass for integers
    if isinstance(value, bool) or not numpy_number or not isinstance(value, Real | Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")
