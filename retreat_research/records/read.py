"""From files to `Records`: a folder of tables, or one long CSV file with a mapping."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import pandas as pd

from ..errors import InputError, RecordsError, must
from .folder import load_folder
from .loaded import Loaded
from .long import load_long
from .mapping import read_mapping
from .records import Records

Source = str | PathLike[str]


def read_records(path: Source, mapping: Source | None = None) -> Records:
    """Read a clinic's or a trial's records.

    Parameters
    ----------
    path : str or path
        A folder with ``sessions.csv``, ``assessments.csv`` and, if there are tests, ``antibodies.csv``; or one long CSV
        file of assessments, with `mapping`.
    mapping : str or path, optional
        A TOML file that names the columns of a long CSV file; ``data/mappings/cdystonia.toml`` is an example.

    Returns
    -------
    Records

    Raises
    ------
    InputError
        If a file cannot be read as a table.
    RecordsError
        If any cell is wrong; its ``problems`` lists every one.

    Notes
    -----
    ======================  ==========================================================================================
    ``sessions.csv``        patient, date, product, units, indication; optional lot, sites, injector, and waned_date:
                            the day the patient reported that the effect of this session had worn off
    ``assessments.csv``     patient, date, scale, value; optional rater (investigator if there is no such column)
    ``antibodies.csv``      patient, date, assay, titre (mU/mL), positive (0 or 1)
    ======================  ==========================================================================================

    Dates are written YYYY-MM-DD. Files are UTF-8, separated by commas with decimal points or by semicolons with decimal
    commas. A patient may be treated for several indications. A baseline may be up to 26 weeks older than the first
    session. An empty ``value`` is an assessment without information. A scale that is not registered is not checked for
    range and is named in ``Records.notes``.

    Examples
    --------
    >>> records = read_records("clinic/")                                           # doctest: +SKIP
    >>> trial = read_records("cdystonia.csv", "data/mappings/cdystonia.toml")       # doctest: +SKIP
    """
    loaded = _load(path, mapping)
    if len(loaded.problems):
        raise RecordsError(loaded.problems)
    return Records(loaded.sessions, loaded.assessments, loaded.antibodies, loaded.patients, loaded.notes)


def check_records(path: Source, mapping: Source | None = None) -> pd.DataFrame:
    """List every bad cell of records.

    Parameters
    ----------
    path, mapping
        As for `read_records`.

    Returns
    -------
    pandas.DataFrame
        One row per problem: ``table``, ``row`` (as a spreadsheet numbers it), ``column``, ``problem``. Empty if there
        is none. It holds no cell's content and no patient's identifier, so it can be sent to whoever keeps the records.

    Raises
    ------
    InputError
        If a file cannot be read as a table, so that there are no cells to check.
    """
    return _load(path, mapping).problems


def _load(path: Source, mapping: Source | None) -> Loaded:
    for name, value in (("path", path), ("mapping", mapping)):
        must(value is None or isinstance(value, str | PathLike), f"`{name}` must be a path")
    path = Path(path)
    try:
        kind = "folder" if path.is_dir() else "file" if path.exists() else "nothing"
    except (OSError, ValueError) as error:
        raise InputError(f"`path` cannot be read: {error}") from None
    must(kind != "nothing", f"there is no file or folder {path}")
    if kind == "folder":
        must(mapping is None, f"{path} is a folder, which needs no mapping", "a mapping describes one long CSV file")
        return load_folder(path)
    if mapping is None:
        raise InputError(f"{path.name} is one file; give `mapping`, a TOML file that names its columns, or a folder")
    return load_long(path, read_mapping(mapping))
