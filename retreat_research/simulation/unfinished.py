"""Names of files that are not yet whole: they say who writes, so that what a killed process left is known."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

HOUR = 3600.0  # seconds


def unfinished_name(start: str) -> str:
    """A name that begins with `start` and that nobody else uses."""
    return f"{start}.{_machine()}-{os.getpid()}-{uuid4().hex[:8]}"


def is_left(path: Path, start: str, *, seconds: float) -> bool:
    """Whether `path` has a name by `unfinished_name` and was left: its process is dead, or it is older than this."""
    found = re.fullmatch(re.escape(start) + r"\.(.+)-(\d+)-[0-9a-f]{8}", path.name)
    if found is None:
        return False
    machine, process = found.groups()
    if machine == _machine() and not _is_alive(int(process)):
        return True
    with suppress(OSError):  # it was finished meanwhile
        return time.time() - path.stat().st_mtime > seconds
    return False


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname())[:40]


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True
