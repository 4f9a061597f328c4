"""A table of published curves: checked, and each row given its place in the likelihood or a reason why it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..errors import InputError, rows_text
from ..products import PRODUCTS
from .parameters import default_world
from .quantities import ARMS, BEGINNINGS, LEFT_OUT, OTHER_INDICATION, QUANTITIES, VISIT_WEEKS, Quantity

COLUMNS = ("study", "arm", "week", "quantity", "value", "n")
NAMES = ("study", "arm", "quantity")
NO_WEEK, NO_NUMBER = "the source does not say the week", "no n"
BEFORE = "week 0: by definition 0"


def read_curves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The data of a table and all its rows with their use.

    Parameters
    ----------
    table : pandas.DataFrame
        ``study``, ``arm``, ``week``, ``quantity``, ``value`` (percent), ``n`` (a number, "80 over 4 arms" or "38/35"
        for the arms of the study in their order), as in ``evidence("curves")``.

    Returns
    -------
    data : pandas.DataFrame
        One row per datum: ``row`` of the table, ``study``, ``arm``, ``quantity``, ``week``, ``given_week``, ``share``,
        ``n``, ``bound`` (0; 1 at least; -1 at most), ``kind``, ``indication``, ``product``, ``dose`` (label doses; 0
        placebo), ``level``, ``rater``, ``endpoint``.
    uses : pandas.DataFrame
        The table with ``use`` ("fitted", "predicted" or "left out") and ``why``.

    Raises
    ------
    InputError
        Naming every bad row of every kind.
    """
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"the table has no column {', '.join(f'`{name}`' for name in missing)}")
    table = table.reset_index(drop=True)
    week, value, n = _number(table["week"]), _number(table["value"]), _sizes(table)
    quantities = [_quantity(str(text)) for text in table["quantity"]]
    _check(table, week, value, n, quantities)
    data, uses = [], []
    for row, (quantity, arm) in enumerate(zip(quantities, table["arm"].astype(str), strict=True)):
        treated = None if quantity is None else _treatment(arm, quantity.indication)
        why = _left_out(str(table["quantity"][row]), quantity, arm, treated, week[row], n[row])
        if why:
            uses.append(("left out", why))
            continue
        assert quantity is not None
        assert treated is not None
        names = {name: str(table[name][row]) for name in NAMES}
        product, dose = treated
        one = {
            "row": row,
            **names,
            "week": week[row],
            "given_week": np.nan if quantity.given_week is None else quantity.given_week,
            "share": value[row] / 100,
            "n": n[row],
            "bound": 1 if quantity.bound == "at least" else -1 if quantity.bound == "crossing" else 0,
            "kind": quantity.kind,
            "indication": quantity.indication,
            "product": product,
            "dose": dose,
            "level": quantity.level,
            "rater": quantity.rater,
            "endpoint": quantity.endpoint,
        }
        data.append(one)
        if quantity.bound == "crossing":
            data.append({**one, "week": week[row] - VISIT_WEEKS, "bound": 1})
        uses.append(("predicted", "a mean without SD") if quantity.kind == "mean" else ("fitted", quantity.bound))
    frame = table.assign(use=[use for use, _ in uses], why=[why for _, why in uses])
    return _shares_of_maximum(pd.DataFrame(data)), frame


def _number(column: pd.Series) -> np.ndarray:
    """Floats; NaN where empty, inf where it is not a number (which the check then names)."""
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    return np.where(np.isnan(number) & column.notna().to_numpy(), np.inf, number)


def _sizes(table: pd.DataFrame) -> np.ndarray:
    """Patients of each row's arm; NaN where empty, inf where it cannot be read."""
    return np.array(
        [_size(n, study, arm, table) for n, study, arm in zip(table["n"], table["study"], table["arm"], strict=True)],
        dtype=float,
    )


def _size(n: object, study: object, arm: object, table: pd.DataFrame) -> float:
    if n is None or n is pd.NA or (isinstance(n, float) and np.isnan(n)):
        return np.nan
    text = str(n).strip()
    try:
        return float(text)
    except ValueError:
        pass
    over = re.fullmatch(r"(\d+) over (\d+) arms", text)
    if over and int(over[2]):
        return int(over[1]) / int(over[2])
    parts = text.split("/")
    arms = list(dict.fromkeys(table.loc[table["study"] == study, "arm"]))
    if len(parts) == len(arms) and all(part.strip().isdigit() for part in parts):
        return float(parts[arms.index(arm)])
    return np.inf


def _quantity(text: str) -> Quantity | None:
    return next((quantity for quantity in QUANTITIES if text.startswith(quantity.starts)), None)


def _treatment(arm: str, indication: str) -> tuple[str, float] | None:
    """Product and dose in label doses of an arm such as "ona 20U", or None if it does not say them."""
    if arm.lower() == "placebo":
        return "placebo", 0.0
    said: tuple[str, float] | None = ARMS.get(arm)
    written = re.fullmatch(r"([a-z]+) (\d+(?:\.\d+)?)U", arm)
    if said is None and written and written[1] in BEGINNINGS:
        said = BEGINNINGS[written[1]], float(written[2])
    if said is None or said[0] not in default_world(indication).response.median_weeks:
        return None
    return said[0], said[1] / PRODUCTS[said[0]].label_units[indication]


def _left_out(
    text: str, quantity: Quantity | None, arm: str, treated: tuple[str, float] | None, week: float, n: float
) -> str:
    """Why a row has no place in the likelihood, or nothing."""
    if np.isnan(n):
        return NO_NUMBER
    if np.isnan(week):
        return NO_WEEK
    if quantity is None:
        known = [why for beginning, why in LEFT_OUT.items() if text.startswith(beginning)]
        return known[0] if known else "a quantity that the model has no answer to"
    if week == 0:
        return BEFORE
    if treated is None:
        return OTHER_INDICATION if arm in ARMS else "the arm's product and dose are not known to the world"
    return ""


def _check(
    table: pd.DataFrame, week: np.ndarray, value: np.ndarray, n: np.ndarray, quantities: list[Quantity | None]
) -> None:
    percent = np.array([quantity is not None for quantity in quantities], dtype=bool)
    bad: Mapping[str, np.ndarray] = {
        **{f"`{name}` is empty": table[name].isna().to_numpy() for name in NAMES},
        "`week` must be a number of weeks, not negative": ~(np.isnan(week) | ((week >= 0) & (week < np.inf))),
        "`value` must be a number": ~np.isfinite(value),
        "`value` must be between 0 and 100 percent": percent & np.isfinite(value) & ~((value >= 0) & (value <= 100)),
        '`n` must be positive: a number, "80 over 4 arms", or one number for each arm': ~(
            np.isnan(n) | ((n > 0) & (n < np.inf))
        ),
    }
    problems = [f"{what} ({rows_text(np.flatnonzero(rows))})" for what, rows in bad.items() if rows.any()]
    if problems:
        raise InputError("; ".join(problems))


def _shares_of_maximum(data: pd.DataFrame) -> pd.DataFrame:
    """Mean effects as shares of their arm's largest; one that is already a share stays."""
    if data.empty:
        return data
    mean = (data["kind"] == "mean") & ~data["quantity"].str.startswith("share of max")
    most = data[mean].groupby(["study", "arm"])["share"].transform("max")
    return data.assign(share=data["share"].where(~mean, data["share"] / most))
