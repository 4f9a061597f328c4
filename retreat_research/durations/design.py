"""From a formula and a table to a matrix, with errors that say which rows and columns are at fault."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import InputError, must, rows_text
from .kinds import Kind, as_in_fit, kind_of, must_be_usable, plain

if TYPE_CHECKING:
    from formulaic import ModelSpec

PATIENT = "patient"  # the column of labels, as `Cycles` has it
SHOWN = 5  # names in a message
LARGEST = 1e150  # a number whose square, summed over a million rows, is still one
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
    kinds : tuple of Kind
        What each of them held in the fit.
    """

    spec: ModelSpec
    names: tuple[str, ...]
    variables: tuple[str, ...]
    kinds: tuple[Kind, ...]

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
        must(list(table) == list(self.variables), "`newdata` must have one column of each name")
        rows = np.arange(len(table))
        _must_be_complete(table, rows, "newdata")
        kinds = zip(self.variables, self.kinds, strict=True)
        alike = table.assign(**{name: as_in_fit(table[name], name, kind) for name, kind in kinds})
        matrix = _evaluate(self.spec, alike, rows, "newdata")
        return matrix[list(self.names)].to_numpy(dtype=float), table

    def without_intercept(self, matrix: np.ndarray) -> tuple[Design, np.ndarray]:
        """The design and its matrix (n, k) without the column of ones, for models with a level of their own."""
        keep = np.array([name != "Intercept" for name in self.names], dtype=bool)
        return replace(self, names=tuple(np.array(self.names)[keep].tolist())), matrix[:, keep]


def design_of(
    formula: str, frame: pd.DataFrame, rows: np.ndarray, argument: str = "formula"
) -> tuple[Design, np.ndarray]:
    """Build the matrix of `formula`, which the user gave as `argument`, on the rows of `frame` at positions `rows`.

    Raises
    ------
    InputError
        If the formula cannot be read, names no column, or a value is missing or not finite (naming the rows).
    """
    from formulaic import Formula

    must(
        isinstance(formula, str),
        f"`{argument}` must be text such as 'log(units) + product', not {type(formula).__name__}",
    )
    must(bool(formula.strip()), f"`{argument}` is empty", "write '1' for no covariates")
    must("~" not in formula, f"`{argument}` must be the right-hand side alone", "the durations come from the cycles")
    try:
        parsed = Formula(formula)
        wanted = sorted(str(name) for name in parsed.required_variables)
    except Exception as error:  # formulaic's own, and what Python says of an expression
        raise InputError(f"`{argument}` {formula!r} cannot be read: {_reason(error)}") from None
    absent = [name for name in wanted if name not in frame]
    must(
        not absent,
        f"`{argument}` names {names_text(absent)}, which the cycles do not have",
        f"their columns are {names_text(map(str, frame.columns), 3 * SHOWN)}",
    )
    read = [name for name in frame if _reads(formula, str(name))]
    table = frame[read] if rows.size == len(frame) else frame[read].iloc[rows].reset_index(drop=True)
    _must_be_complete(table, rows, "cycles")
    kinds = {name: kind_of(table[name]) for name in read}
    for name, kind in kinds.items():
        must_be_usable(str(name), kind, "cycles")
    used = {name: table[name].cat.remove_unused_categories() for name in table.select_dtypes("category")}
    table = table.assign(**used)
    matrix = _evaluate(parsed, table, rows, "cycles")
    must(isinstance(matrix, pd.DataFrame), f"`{argument}` must have one part, without '|': {formula!r}")
    must(matrix.shape[1] > 0, f"`{argument}` {formula!r} has no term")
    names = tuple(str(name) for name in matrix.columns)
    variables = tuple(name for name in read if name in matrix.model_spec.required_variables)
    kept = tuple(kinds[name] for name in variables)
    return Design(matrix.model_spec, names, variables, kept), matrix.to_numpy(dtype=float)


def must_be_independent(names: tuple[str, ...], triangle: np.ndarray) -> None:
    """Raise `InputError` naming the columns that repeat others; `triangle` is the (k, k) R of the matrix's QR."""
    length = np.linalg.norm(triangle, axis=0)
    zero = [name for name, size in zip(names, length, strict=True) if size == 0]
    nothing = "0 in every row that tells anything, or too small a number to compute with"
    must(not zero, f"{names_text(zero)}: {nothing}", "drop or rescale it")
    unit, problems = triangle / length, []
    kept: list[int] = []
    for j, name in enumerate(names):
        share = np.linalg.lstsq(unit[:, kept], unit[:, j], rcond=None)[0]
        if np.linalg.norm(unit[:, j] - unit[:, kept] @ share) > COLLINEAR:
            kept.append(j)
        else:
            others = [names[i] for i, part in zip(kept, share, strict=True) if abs(part) > COLLINEAR]
            problems.append(f"{names_text([name])} follows from {names_text(others)}")
    must(not problems, f"columns are collinear: {listed(problems, '; ')}", "drop a term of the formula")


def names_text(columns: Iterable[str], most: int = SHOWN) -> str:
    """The names of columns of a table or a matrix; those for patients are all called patient, as labels are private."""
    return listed([PATIENT if _reads(name, PATIENT) else name for name in columns], ", ", most)


def listed(parts: Iterable[str], between: str = ", ", most: int = SHOWN) -> str:
    """What is different among `parts`, up to so many."""
    several = list(dict.fromkeys(parts))
    more = [f"and {len(several) - most} more"] if len(several) > most else []
    return between.join([*several[:most], *more])


def _reads(formula: str, name: str) -> bool:
    """Whether `name` stands in `formula` as a variable, and not as a function or an argument's name."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\s*\(|\s*=[^=])", formula) is not None


def table_of(newdata: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """`newdata` as a table; a dict of single values is one row."""
    if isinstance(newdata, pd.DataFrame):
        return newdata
    must(isinstance(newdata, Mapping), f"`newdata` must be a DataFrame or a dict, not {type(newdata).__name__}")
    try:
        single = all(np.ndim(value) == 0 for value in newdata.values())
        return pd.DataFrame(dict(newdata), index=[0] if single else None)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            "`newdata` cannot be made a table: give each column one value, or a list of values, all of one length"
        ) from None


def _must_be_complete(table: pd.DataFrame, rows: np.ndarray, source: str) -> None:
    for name in table:
        bad = rows[table[name].isna().to_numpy()]
        must(bad.size == 0, f"{name} is missing in the {source} ({rows_text(bad)})", "drop or complete these rows")


def _evaluate(maker: Any, table: pd.DataFrame, rows: np.ndarray, source: str) -> pd.DataFrame:
    """Let formulaic make the matrix, and turn what it warns of or leaves unsaid into errors."""
    from formulaic.errors import DataMismatchWarning

    table = plain(table)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = maker.get_model_matrix(table, na_action="ignore")
    except DataMismatchWarning:
        raise InputError(_unknown_levels(maker, table, rows, source)) from None
    except Exception as error:  # whatever the functions of a formula raise
        raise InputError(f"the formula cannot be evaluated on the {source}: {_reason(error)}") from None
    if isinstance(matrix, pd.DataFrame):
        for name in matrix:
            must(not np.iscomplexobj(matrix[name]), f"{names_text([name])} is a complex number in the {source}")
            values = matrix[name].to_numpy(dtype=float)
            bad = ~(np.abs(values) < LARGEST)
            if bad.any():
                logarithm = "the log of 0: model product and dose as a factor, or leave these rows out"
                hint = logarithm if "log" in str(name) else "leave these rows out, or rescale it"
                what = "too large a number" if np.isfinite(values[bad]).all() else "not a finite number"
                must(False, f"{names_text([name])} is {what} in the {source} ({rows_text(rows[bad])})", hint)
    return matrix


def _unknown_levels(maker: Any, table: pd.DataFrame, rows: np.ndarray, source: str) -> str:
    """Which factors have levels that they cannot have, and where; not which levels, as they may be anyone's label."""
    if source == "cycles":
        return "the cycles have levels that the formula leaves out; add them to `levels`, or leave those cycles out"
    found = []
    for expression, (_, state) in maker.encoder_state.items():
        direct = re.fullmatch(r"C\(\s*([^\W\d]\w*)\s*[,)].*", expression)
        name = direct[1] if direct else expression
        if "categories" in state and name in table:
            bad = rows[~table[name].isin(state["categories"]).to_numpy()]
            found += [f"{name} ({rows_text(bad)})"] if bad.size else []
    hint = "fit it with those, or leave those rows out"
    return f"`newdata` has levels that the fit did not see{': ' if found else ''}{listed(found)}; {hint}"


def _reason(error: Exception) -> str:
    """Why a formula fails: the first line of formulaic's message, without colour codes and without values of cells."""
    from formulaic.errors import FormulaParsingError

    said = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().split("\n")[0]
    if "__formulaic_variables_available__" in said:
        return "'.' cannot stand for all columns; name them"
    if isinstance(error, FormulaParsingError | SyntaxError):
        return said
    hint = "check its functions, their arguments, and what the columns hold"
    factor = re.fullmatch(r"Unable to evaluate factor (`.*`)\. \[(\w+): (.*)\]", said)
    if factor is None:
        return f"{type(error).__name__}; {hint}"
    return f"{factor[1]}: {factor[3] if factor[2] == 'NameError' else factor[2] + '; ' + hint}"
