"""Finished parts of a simulation in a folder: Parquet by scenario, and of each part a receipt that proves it.

    retreat-research.json                     this folder is ours
    patients/scenario=NAME/part-START.parquet
    history/scenario=NAME/part-START.parquet
    parts/scenario=NAME/scenario.json         what the results depend on, and the patients of a part
    parts/scenario=NAME/part-START.json       the receipt: exact sums; size and hash of the files

Files get their name when they are complete, the receipt last; so a folder is good whenever a run is stopped.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import MAX_PATIENTS
from ..errors import InputError, must
from ..products import PRODUCTS
from ..strategies import REASONS
from .moments import Moments
from .outcomes import HISTORY, TOTALS, columns_of
from .unfinished import HOUR, is_left, unfinished_name

MARK = "retreat-research.json"
FORMAT = {"what": "simulations of retreat_research", "format": 1}
KINDS = {"patients": TOTALS, "history": HISTORY}
#: Columns of codes and the texts behind them.
SPELLED = {"product": tuple(PRODUCTS), "reason": REASONS}


@dataclass(frozen=True)
class Receipt:
    """What is known of one finished part."""

    start: int
    stop: int
    sessions: int
    moments: Moments
    products: frozenset[str]
    files: dict[str, dict[str, Any]]  # kind → bytes, sha256


@dataclass(frozen=True)
class Store:
    """The place of one scenario in a folder."""

    folder: Path
    scenario: str
    part: int  # patients

    @classmethod
    def open(cls, folder: str | Path, arguments: dict[str, Any], part: int) -> Store:
        """Make the folder if need be; a scenario that has been begun keeps its size of parts.

        Raises
        ------
        InputError
            If `folder` is no path or a file, cannot be written, or holds something else.
        """
        top = _absolute(folder)
        with _writing(top):
            must(not top.exists() or top.is_dir(), f"cannot write to {top}: it is a file")
            top.mkdir(parents=True, exist_ok=True)
            if any(not path.name.startswith(f".{MARK}") for path in top.iterdir()):
                must(
                    (top / MARK).exists(),  # asked last: another process may have begun this folder meanwhile
                    f"{top} holds something else than simulations",
                    "give `store` a new or empty folder",
                )
            else:
                _write_first(top / MARK, json.dumps(FORMAT).encode())
        known = _read_json(top / MARK)
        must(known == FORMAT, f"{top} was not written by this version of retreat_research", "give `store` a new folder")
        with _writing(top):
            store = cls(top, _name_of(top, arguments), part)
            for kind in ("parts", *KINDS):
                store.path(kind, "").mkdir(parents=True, exist_ok=True)
                _remove_left(store.path(kind, ""))
            content = json.dumps({**arguments, "part": part}, indent=2, ensure_ascii=False)
            path = store.path("parts", "scenario.json")
            _write_first(path, content.encode(errors="backslashreplace"))  # as JSON spells half a character
            begun = _part_of(path)
            if begun is None:
                _write(path, content.encode(errors="backslashreplace"))
        return store if begun is None else cls(top, store.scenario, begun)

    def path(self, kind: str, name: str) -> Path:
        """A file of this scenario; kind is "parts", "patients" or "history"."""
        return self.folder / kind / f"scenario={self.scenario}" / name

    def load(self, start: int, stop: int, kinds: Sequence[str]) -> Receipt | None:
        """The receipt of a part, if it is whole and has files of these kinds; None: it must be done again."""
        content = _read_json(self.path("parts", f"part-{start:012d}.json"))
        try:
            seal = content.pop("seal")
            must(seal == _seal(content), "not as it was written")
            must(content["start"] == start and content["stop"] == stop, "another part")
            receipt = Receipt(
                start, stop, int(content["sessions"]), Moments.from_json(content["moments"]),
                frozenset(content["products"]), dict(content["files"]),
            )  # fmt: skip
            for kind in kinds:
                path = self.path(kind, f"part-{start:012d}.parquet")
                must(_is_whole(path, receipt.files[kind]), "another file")
        except (KeyError, TypeError, ValueError, AttributeError, OSError):  # InputError is a ValueError
            return None
        return receipt if receipt.moments.n == stop - start else None

    def save(
        self, start: int, stop: int, *, sessions: int, moments: Moments, products: frozenset[str],
        tables: Mapping[str, Sequence[NDArray[np.void]]],
    ) -> Receipt:  # fmt: skip
        """Write the files of a part, then its receipt.

        Raises
        ------
        InputError
            If the folder cannot be written or is full.
        """
        before = self.load(start, stop, ())
        files = {} if before is None else dict(before.files)  # the same content, whenever it was written
        with _writing(self.folder):
            for kind, blocks in tables.items():
                files[kind] = _write_parquet(self.path(kind, f"part-{start:012d}.parquet"), blocks)
            receipt = Receipt(start, stop, sessions, moments, products, files)
            content = {
                "start": start,
                "stop": stop,
                "sessions": sessions,
                "products": sorted(products),
                "files": files,
                "moments": moments.as_json(),
            }
            content["seal"] = _seal(content)
            _write(self.path("parts", f"part-{start:012d}.json"), json.dumps(content).encode())
        return receipt

    def frame(self, kind: str, parts: Sequence[tuple[int, int]]) -> pd.DataFrame:
        """The rows of some parts, in their order, with the columns of the kind's record type.

        Raises
        ------
        InputError
            If a part is gone, is not as it was written, or cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        paths = {part: self.path(kind, f"part-{part[0]:012d}.parquet") for part in parts}
        missing = sum(not path.exists() for path in paths.values())
        again = "simulate again to restore"
        must(missing == 0, f"{missing} of {len(paths)} parts are gone from {self.folder}", f"{again} them")

        def read(part: tuple[int, int], path: Path) -> Any:
            try:
                receipt = self.load(*part, ())
                must(receipt is None or kind not in receipt.files or _is_whole(path, receipt.files[kind]), "damaged")
                return pq.ParquetFile(path).read()
            except (InputError, OSError, pa.ArrowException):
                raise InputError(f"{path} was damaged after it was written; {again} it") from None

        table = pa.concat_tables(read(part, path) for part, path in paths.items())
        frame = table.to_pandas(split_blocks=True, self_destruct=True)
        for name in SPELLED:
            if name in frame:
                frame[name] = frame[name].astype(object)
        return frame


def _write_parquet(path: Path, parts: Sequence[NDArray[np.void]]) -> dict[str, Any]:
    """Write records, one block after the other, and tell size and hash."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(column) for name, column in columns_of(parts).items()}
    for name, texts in SPELLED.items():
        if name in columns:
            columns[name] = pa.DictionaryArray.from_arrays(columns[name], pa.array(texts))
    unfinished = _unfinished(path)
    try:
        spelled = [name for name in SPELLED if name in columns]  # a dictionary of other columns would only take time
        pq.write_table(
            pa.table(columns), unfinished, compression="zstd", compression_level=1, use_dictionary=spelled or False
        )
        told = {"bytes": unfinished.stat().st_size, "sha256": _digest(unfinished)}
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return told


def _write(path: Path, content: bytes) -> None:
    unfinished = _unfinished(path)
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _write_first(path: Path, content: bytes) -> None:
    """Write a file that is not there yet; of several processes that do so at once, one does."""
    if path.exists():
        return
    unfinished = _unfinished(path)
    try:
        unfinished.write_bytes(content)
        with suppress(FileExistsError):
            os.link(unfinished, path)
    except OSError:  # a file system without links
        _write(path, content)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(unfinished_name(f".{path.name}"))


def _remove_left(folder: Path) -> None:
    """What killed runs left in a folder; what others write now stays."""
    for path in folder.glob(".*"):
        if is_left(path, path.name.rsplit(".", 1)[0], seconds=HOUR):
            with suppress(OSError):  # a finished store may be read-only
                path.unlink(missing_ok=True)


def _absolute(folder: Any) -> Path:
    """The folder, whatever the working directory is later."""
    named = isinstance(folder, str | os.PathLike) and isinstance(os.fspath(folder), str)
    must(named, f"`store` must be a path, not {type(folder).__name__}")
    text = os.fspath(folder)
    must(text.strip() != "", "the folder of `store` has no name")
    must("\0" not in text, "the name of `store` has a character that no folder can have")
    return Path(text).absolute()


def _name_of(top: Path, arguments: Mapping[str, Any]) -> str:
    """The name of a scenario: readable, and a digest of what decides about the results."""
    text = json.dumps({name: value for name, value in arguments.items() if name != "strategy"}, sort_keys=True)
    digest = sha256(text.encode()).hexdigest()[:12]
    there = sorted((top / "parts").glob(f"scenario=*-{digest}"))  # a strategy's text may differ between processes
    if there:
        return there[0].name.removeprefix("scenario=")
    readable = re.sub(r"[^a-z0-9]+", "-", f"{arguments['indication']} {arguments['strategy']}".lower()).strip("-")
    return f"{readable[:60].strip('-')}-{digest}"


def _part_of(path: Path) -> int | None:
    """Patients of a part, as a scenario's description says; None if it cannot be read."""
    part = _read_json(path).get("part")
    return part if type(part) is int and 0 < part <= MAX_PATIENTS else None


def _seal(content: Mapping[str, Any]) -> str:
    """A digest of a receipt: a number in it that was changed is found, too."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_whole(path: Path, told: Mapping[str, Any]) -> bool:
    return path.stat().st_size == told["bytes"] and _digest(path) == told["sha256"]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusals into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}") from None


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()
