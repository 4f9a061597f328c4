"""Rows in groups, by one or several columns of the cycles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..cycles import Cycles
from ..errors import InputError, must, must_all

By: TypeAlias = "str | Sequence[str]"


class Groups(NamedTuple):
    """Which group each row is in."""

    by: tuple[str, ...]  # the columns
    labels: tuple[Any, ...]  # in order, categories in theirs; tuples if there are several columns
    code: np.ndarray  # (n,) int, positions in `labels`


def groups_of(cycles: Cycles, by: By, rows: np.ndarray) -> Groups:
    """Group `rows` of the cycles.

    Raises
    ------
    InputError
        If there is no such column, or a value is missing in one of the rows, or is a list.
    """
    columns: tuple[Any, ...] = tuple(by) if isinstance(by, list | tuple) else (by,)
    frame = cycles.frame
    must(len(columns) > 0, "`by` names no column")
    for column in columns:
        must(isinstance(column, str), "`by` must be the name of a column, or a list of names")
        must(columns.count(column) == 1, f"`by` names {column!r} twice")
        must(column in frame, f"`by`: there is no column {column!r}", f"the columns are {', '.join(map(str, frame))}")
        known = np.ones(len(frame), dtype=bool)
        known[rows] = frame[column].iloc[rows].notna()
        must_all(known, f"`by`: {column!r} is missing")
    part = frame.iloc[rows]
    try:
        code = part.groupby(list(columns), observed=True, sort=True).ngroup().to_numpy()
    except TypeError:
        raise InputError("`by`: a group must be one text or number for each row, not a list") from None
    _, first = np.unique(code, return_index=True)
    values = [part[column].iloc[first].tolist() for column in columns]
    return Groups(columns, tuple(values[0] if len(columns) == 1 else zip(*values, strict=True)), code)
