"""An output folder that is whole or not there: files are made beside it and moved in at the end."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, must
from ..simulation.unfinished import is_left, unfinished_name

_WORK = ".unfinished"
_WEEK = 7 * 86_400.0  # seconds; longer than a run of another machine that still goes on


def must_be_ours(out: str | Path, names: Sequence[str]) -> None:
    """Refuse to replace files of these names that no command of this package wrote.

    Raises
    ------
    InputError
        If one is there, and no manifest beside it that says so.
    """
    target = Path(out)
    there = [name for name in names if (target / name).exists()]
    try:
        manifest = json.loads((target / "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        manifest = {}
    ours = isinstance(manifest, dict) and "retreat_research" in manifest
    must(not there or ours, f"{target} holds a {', '.join(there)} of something else", "give a new or empty folder")


@contextmanager
def whole_folder(out: str | Path) -> Iterator[Path]:
    """A folder to write into; its files reach `out` only when the block ends without an error.

    Parameters
    ----------
    out : str or Path
        Made if need be. Files of the same names are replaced, others are left alone. If that fails half way, the old
        files are put back. What a killed run left there is removed.

    Raises
    ------
    InputError
        Before any work, if `out` cannot be written.
    """
    must(str(out).strip() != "", "the output folder has no name")
    target = Path(out)
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        _remove_left(target)
        work = target / unfinished_name(_WORK)
        work.mkdir()
    except OSError as error:
        raise InputError(f"cannot write to {target}: {error.strerror}") from None
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        old.mkdir()
        yield new
        _move(new, target, old)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        for folder in made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _remove_left(target: Path) -> None:
    for path in target.glob(f"{_WORK}.*"):
        if is_left(path, _WORK, seconds=_WEEK):
            shutil.rmtree(path, ignore_errors=True)


def _move(new: Path, target: Path, old: Path) -> None:
    """Move every file of `new` to `target`, or none; what was there goes to `old` meanwhile."""
    names = sorted(path.name for path in new.iterdir())
    blocked = [name for name in names if (target / name).is_dir()]
    must(not blocked, f"cannot write to {target}: {', '.join(blocked)} is a folder there")
    with _not_interrupted():
        try:
            for name in names:
                if (target / name).exists():
                    (target / name).replace(old / name)
                (new / name).replace(target / name)
        except OSError as error:
            for name in names:
                if (old / name).exists():
                    (old / name).replace(target / name)
                elif not (new / name).exists():
                    (target / name).unlink(missing_ok=True)
            raise InputError(f"cannot write to {target}: {error.strerror}") from None


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Hold Ctrl-C off: moving takes a moment, and half of it is worse than all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
