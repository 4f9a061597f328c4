"""From a formula and a table to a matrix, with errors that say which rows and columns are at fault."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import InputError, must, rows_text

if TYPE_CHECKING:
    from formulaic import ModelSpec

COLLINEAR = 1e-9  # a column that leaves less than this share of its length beside the others says nothing new


@dataclass(frozen=True, eq=False)
class Design:
    """A formula as it was used in a fit: the same levels, knots and columns for new data.

    Attributes
    ----------
    names : tuple of str
        The columns of the matrix that are used.
    variables : tuple of str
        The columns of the table that the formula reads.
    """

    spec: ModelSpec
    names: tuple[str, ...]
    variables: tuple[str, ...]

    def matrix(self, newdata: pd.DataFrame | Mapping[str, Any] | None) -> tuple[np.ndarray, pd.DataFrame]:
        """The matrix (n, k) for `newdata`, and the variables it was made from."""
        if newdata is None:
            must(
                not self.variables,
                f"`newdata` is needed: the formula reads {', '.join(self.variables)}",
                "give a DataFrame or a dict with these columns",
            )
            table = pd.DataFrame(index=[0])
        else:
            table = table_of(newdata)
        missing = [name for name in self.variables if name not in table]
        must(not missing, f"`newdata` has no column {', '.join(missing)}")
        table = table[list(self.variables)].reset_index(drop=True)
        matrix = _evaluate(self.spec, table, np.arange(len(table)), "newdata")
        return matrix[list(self.names)].to_numpy(dtype=float), table

    def without_intercept(self, matrix: np.ndarray) -> tuple[Design, np.ndarray]:
        """The design and its matrix (n, k) without the column of ones, for models with a level of their own."""
        keep = np.array([name != "Intercept" for name in self.names])
        return replace(self, names=tuple(np.array(self.names)[keep].tolist())), matrix[:, keep]


def design_of(formula: str, frame: pd.DataFrame, rows: np.ndarray) -> tuple[Design, np.ndarray]:
    """Build the matrix of `formula` on the rows of `frame` at the positions `rows`.

    Raises
    ------
    InputError
        If the formula cannot be read, names no column, or a value is missing or not finite (naming the rows).
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    must(
        isinstance(formula, str), f"`formula` must be text such as 'log(units) + product', not {type(formula).__name__}"
    )
    must("~" not in formula, "`formula` must be the right-hand side alone", "the durations come from the cycles")
    try:
        parsed = Formula(formula)
        wanted = sorted(str(name) for name in parsed.required_variables)
    except (FormulaicError, SyntaxError, AttributeError) as error:
        raise InputError(f"`formula` {formula!r} cannot be read: {_plain(error)}") from None
    absent = [name for name in wanted if name not in frame]
    must(
        not absent,
        f"`formula` names {', '.join(absent)}, which the cycles do not have",
        f"their columns are {', '.join(map(str, frame.columns))}",
    )
    read = [name for name in frame if _reads(formula, str(name))]
    table = frame[read] if rows.size == len(frame) else frame[read].iloc[rows].reset_index(drop=True)
    used = {name: table[name].cat.remove_unused_categories() for name in table.select_dtypes("category")}
    table = table.assign(**used)
    matrix = _evaluate(parsed, table, rows, "cycles")
    must(isinstance(matrix, pd.DataFrame), f"`formula` must have one part, without '|': {formula!r}")
    must(matrix.shape[1] > 0, f"`formula` {formula!r} has no term")
    names = tuple(str(name) for name in matrix.columns)
    variables = tuple(name for name in read if name in matrix.model_spec.required_variables)
    return Design(matrix.model_spec, names, variables), matrix.to_numpy(dtype=float)


def must_be_independent(names: tuple[str, ...], triangle: np.ndarray) -> None:
    """Raise `InputError` naming the columns that repeat others; `triangle` is the (k, k) R of the matrix's QR."""
    length = np.linalg.norm(triangle, axis=0)
    zero = [name for name, size in zip(names, length, strict=True) if size == 0]
    must(not zero, f"{', '.join(zero)}: 0 in every row that says something about the duration", "drop it")
    unit, problems = triangle / length, []
    kept: list[int] = []
    for j, name in enumerate(names):
        share = np.linalg.lstsq(unit[:, kept], unit[:, j], rcond=None)[0]
        if np.linalg.norm(unit[:, j] - unit[:, kept] @ share) > COLLINEAR:
            kept.append(j)
        else:
            others = [names[i] for i, part in zip(kept, share, strict=True) if abs(part) > COLLINEAR]
            problems.append(f"{name} follows from {', '.join(others)}")
    must(not problems, f"columns are collinear: {'; '.join(problems)}", "drop a term of the formula")


def _reads(formula: str, name: str) -> bool:
    """Whether `name` stands in `formula` as a variable, and not as a function or an argument's name."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\s*\(|\s*=[^=])", formula) is not None


def table_of(newdata: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """`newdata` as a table; a dict of single values is one row."""
    if isinstance(newdata, pd.DataFrame):
        return newdata
    must(isinstance(newdata, Mapping), f"`newdata` must be a DataFrame or a dict, not {type(newdata).__name__}")
    single = all(np.ndim(value) == 0 for value in newdata.values())
    return pd.DataFrame(dict(newdata), index=[0] if single else None)


def _evaluate(maker: Any, table: pd.DataFrame, rows: np.ndarray, source: str) -> pd.DataFrame:
    """Let formulaic make the matrix, and turn what it warns of or leaves unsaid into errors."""
    from formulaic.errors import DataMismatchWarning, FormulaicError

    for name in table:
        bad = rows[table[name].isna().to_numpy()]
        must(bad.size == 0, f"{name} is missing in the {source} ({rows_text(bad)})", "drop or complete these rows")
        if isinstance(table[name].dtype, pd.api.extensions.ExtensionDtype) and pd.api.types.is_numeric_dtype(
            table[name]
        ):
            table = table.assign(**{str(name): table[name].astype(float)})
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = maker.get_model_matrix(table, na_action="ignore")
    except DataMismatchWarning as warning:
        levels = str(warning).split("dataset): ")[-1].split("}")[0].strip("{")
        raise InputError(f"`newdata` has levels that the fit did not see: {levels}") from None
    except FormulaicError as error:
        raise InputError(f"the formula cannot be evaluated on the {source}: {_plain(error)}") from None
    if isinstance(matrix, pd.DataFrame):
        for name in matrix:
            bad = rows[~np.isfinite(matrix[name].to_numpy(dtype=float))]
            logarithm = "the log of 0: model product and dose as a factor, or leave these rows out"
            hint = logarithm if "log" in str(name) else "leave these rows out"
            must(bad.size == 0, f"{name} is not a finite number in the {source} ({rows_text(bad)})", hint)
    return matrix


def _plain(error: Exception) -> str:
    """The first line of a library's message, without colour codes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().split("\n")[0]
