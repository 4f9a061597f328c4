"""Text cells into numbers and dates, strictly: what cannot be read unambiguously is not a number, not a date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1900, 2201)
_SWAP_POINT_AND_COMMA = str.maketrans({",": ".", ".": ","})


def numbers(text: pd.Series) -> pd.Series:
    """Floats; NaN for an empty cell and for what is not a finite number."""
    return _by_unique(text, _number, np.nan).astype(float)


def dates(text: pd.Series) -> pd.Series:
    """Dates from ISO text; NaT for an empty cell and for what is not a date."""
    return _by_unique(text, _date, np.datetime64("NaT")).astype("datetime64[ns]")


def written_as_date(text: pd.Series) -> pd.Series:
    """Whether each cell has the form YYYY-MM-DD."""
    return _by_unique(text, lambda cell: _DATE.fullmatch(cell) is not None, False).astype(bool)


def with_decimal_points(text: pd.Series) -> pd.Series:
    """Cells with a decimal comma as cells with a point; a point becomes a comma, so it stays not a number."""
    return _by_unique(text, lambda cell: cell.translate(_SWAP_POINT_AND_COMMA), None)


def _number(cell: str) -> float:
    value = float(cell) if _NUMBER.fullmatch(cell) else np.nan
    return value if np.isfinite(value) else np.nan


def _date(cell: str) -> np.datetime64:
    try:
        date = datetime.date.fromisoformat(cell) if _DATE.fullmatch(cell) else None
    except ValueError:
        date = None
    return np.datetime64(date if date is not None and date.year in _YEARS else "NaT", "D")


def _by_unique(text: pd.Series, parse: Callable[[str], Any], missing: Any) -> pd.Series:
    """Parse each distinct text once: columns of a clinic repeat their values."""
    codes, distinct = pd.factorize(text.to_numpy(dtype=object))
    parsed = pd.Series([*(parse(cell) for cell in distinct), missing])
    return pd.Series(parsed.to_numpy()[codes], index=text.index)
