"""An output folder that is whole or not there: files are made beside it and moved in at the end."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, must


@contextmanager
def whole_folder(out: str | Path) -> Iterator[Path]:
    """A folder to write into; its files reach `out` only when the block ends without an error.

    Parameters
    ----------
    out : str or Path
        Made if need be. Files of the same names are replaced, others are left alone. If that fails half way, the old
        files are put back.

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
        work = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target))
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
