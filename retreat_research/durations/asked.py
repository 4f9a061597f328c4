"""What a user asks of a fit: numbers, and tables with columns of these names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..errors import must, real_numbers


def numbers(values: ArrayLike, name: str) -> np.ndarray:
    """One number or a list of numbers (m,), which the user gave as `name`."""
    array = np.atleast_1d(real_numbers(values, name))
    must(array.ndim == 1, f"`{name}` must be one number or a list of numbers, not of shape {array.shape}")
    return array


def one_number(value: Any, name: str) -> float:
    """A number that the user gave as `name`."""
    array = real_numbers(value, name)
    must(array.ndim == 0, f"`{name}` must be one number")
    return float(array)


def must_be_free(variables: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise `InputError` if a variable of the formula has one of the `names` that a table of predictions uses."""
    taken = [name for name in names if name in variables]
    must(
        not taken,
        f"the table of predictions has a column {', '.join(taken)} of its own, and so has `newdata`",
        "rename the variable in the cycles' data and in the formula, and fit again",
    )
