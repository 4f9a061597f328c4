"""A CSV file as text: encoding, delimiter, header and row numbers, and what to do when one of them is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from ..errors import InputError, must, rows_text
from ..products import nearest

#: What an empty cell may look like: nothing, and the marks that R, pandas, Stata and SAS write.
MISSING = frozenset({"", "NA", "NaN", "nan", "."})

SAVE_AS_UTF8 = 'in the spreadsheet choose "CSV UTF-8" when saving'


@dataclass(frozen=True, eq=False)
class TextTable:
    """The cells of one CSV file.

    Attributes
    ----------
    name : str
        The file's name.
    cells : pandas.DataFrame of str
        Indexed by the row number that a spreadsheet shows (the header is row 1); None where a cell is empty.
    decimal_comma : bool
        Separated by semicolons, so decimals are written with a comma, as European spreadsheets do.
    """

    name: str
    cells: pd.DataFrame
    decimal_comma: bool

    @property
    def notes(self) -> list[str]:
        """What was assumed in reading."""
        return [f"{self.name}: read with semicolons and decimal commas"] if self.decimal_comma else []

    def require(self, columns: Sequence[str]) -> None:
        """Raise `InputError` for the columns that are not there, with the nearest header as a hint."""
        missing = [column for column in columns if column not in self.cells]
        # A file without a header has patients in its first row: then nothing of that row is shown.
        headed = len(missing) < len(columns)
        named = [f"`{column}`{nearest(column, self.cells) if headed else ''}" for column in missing]
        word = "column" if len(missing) == 1 else "columns"
        must(
            not missing,
            f"{self.name} has no {word} {', '.join(named)}",
            "names are matched exactly" if headed else "its first row must hold the names of the columns",
        )


def read_text_table(path: str | PathLike[str]) -> TextTable:
    """Read one CSV file as text.

    Raises
    ------
    InputError
        If the file is missing, empty, not UTF-8, has no data rows, or is not separated by commas or semicolons.
    """
    path = Path(path)
    text = _decoded(path)
    must(bool(text.strip()), f"{path.name} is empty")
    delimiter = _delimiter(text, path.name)
    rows = _rows(text, delimiter, path.name)
    must(bool(rows), f"{path.name} is empty")
    header = list(rows.pop(0)[1])
    while not header[-1]:  # a spreadsheet's empty columns on the right
        header.pop()
    must(bool(rows), f"{path.name} has no rows below its header")
    _check_header(header, path.name)

    width = len(header)
    long = [i for i, cells in rows if any(cells[width:])]
    must(
        not long,
        f"{path.name} has more cells than columns ({rows_text(long)})",
        "a text that holds the separator must stand in quotes",
    )
    whole = [cells if len(cells) == width else (*cells, *[""] * width)[:width] for _, cells in rows]
    frame = pd.DataFrame(whole, columns=header, index=[i for i, _ in rows], dtype=object)
    return TextTable(path.name, frame.mask(frame.isin(MISSING), None), decimal_comma=delimiter == ";")


def read_bytes(path: Path) -> bytes:
    """The content of a file, or an `InputError` that says why not."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} cannot be read: it is not a file")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _decoded(path: Path) -> str:
    data = read_bytes(path)
    must(not data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")), f"{path.name} is a workbook, not CSV", SAVE_AS_UTF8)
    must(not data.startswith((b"\xff\xfe", b"\xfe\xff")), f"{path.name} is UTF-16, not UTF-8", SAVE_AS_UTF8)
    must(b"\0" not in data, f"{path.name} is not a text file (or is UTF-16)", SAVE_AS_UTF8)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name} is not UTF-8 (line {row}; Latin-1, perhaps); {SAVE_AS_UTF8}") from None


def _rows(text: str, delimiter: str, name: str) -> list[tuple[int, tuple[str, ...]]]:
    """The rows that are not blank, each with its number."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        stripped = (tuple(map(str.strip, record)) for record in reader)
        return [(i, cells) for i, cells in enumerate(stripped, start=1) if any(cells)]
    except csv.Error as error:
        if "field larger" in str(error):
            raise InputError(f"{name} has a cell of more than {csv.field_size_limit():,} characters") from None
        raise InputError(f"{name} is not well-formed CSV near line {reader.line_num}; look for a stray quote") from None


def _delimiter(text: str, name: str) -> str:
    header = next(line for line in text.splitlines() if line.strip())
    commas, semicolons = (len(next(csv.reader([header], delimiter=d))) > 1 for d in ",;")
    must(
        not (commas and semicolons),
        f"{name} has commas and semicolons in its header",
        "separate columns by one of them",
    )
    must(
        commas or semicolons or "\t" not in header,
        f"{name} is separated by tabs",
        "save it separated by commas, or by semicolons with decimal commas",
    )
    return ";" if semicolons else ","


def _check_header(header: list[str], name: str) -> None:
    unnamed = [str(i) for i, column in enumerate(header, start=1) if not column]
    must(not unnamed, f"{name} has a column without a name (column {', '.join(unnamed)})")
    twice = [str(i) for i, column in enumerate(header, start=1) if header.count(column) > 1]
    must(not twice, f"{name} has two columns of one name (columns {', '.join(twice)})")
