"""An output folder that is whole or not there: files are made beside it and moved in at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError


@contextmanager
def whole_folder(out: str | Path, last: str = "report.html") -> Iterator[Path]:
    """A folder to write into; its files reach `out` only when the block ends without an error.

    Parameters
    ----------
    out : str or Path
        Made if need be. Files of the same names are replaced, others are left alone.
    last : str
        The file that is moved last: where it is, all is.

    Raises
    ------
    InputError
        Before any work, if `out` cannot be written.
    """
    target = Path(out)
    try:
        target.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target))
    except OSError as error:
        raise InputError(f"cannot write to {target}: {error.strerror}") from None
    try:
        yield work
        (target / last).unlink(missing_ok=True)
        for made in sorted(work.iterdir(), key=lambda path: path.name == last):
            if made.is_dir():
                shutil.rmtree(target / made.name, ignore_errors=True)
            made.replace(target / made.name)
    except OSError as error:
        raise InputError(f"cannot write to {target}: {error.strerror}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not any(target.iterdir()):
            target.rmdir()
