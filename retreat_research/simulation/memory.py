"""Whether a table of patients fits into memory, asked before any work."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import must
from .outcomes import HISTORY, TOTALS

VISITS_PER_YEAR = 4.5  # a little more than at a visit every 12 weeks; only for estimates of size and time
_TEXTS = 16  # bytes a visit: `product` and `reason` as Python objects
_CGROUP = Path("/sys/fs/cgroup")


def must_fit(patients: int, years: float, *, totals: bool, history: bool) -> None:
    """Refuse tables that are larger than the memory there is.

    Raises
    ------
    InputError
        With what to do instead.
    """
    there = available_bytes()
    needed = patients * TOTALS.itemsize * totals
    if history:  # the visits of all blocks, and their table
        needed += round(patients * visits_of(years) * (2 * HISTORY.itemsize + _TEXTS))
    must(
        there is None or needed <= there,
        f"{patients:,} patients need about {_read(needed)} of memory and there are {_read(there or 0)}",
        "give `store` a folder for the visits" if history else "use `patients=False`, or give `store` a folder",
    )


def visits_of(years: float) -> float:
    """About how many visits a patient makes."""
    return 1 + VISITS_PER_YEAR * years


def available_bytes() -> int | None:
    """Memory that could be used now; None where the system does not say."""
    found: list[int] = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    with suppress(OSError, ValueError):  # "max": no limit
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        found.append(limit - int((_CGROUP / "memory.current").read_text(encoding="ascii")))
    if not found:
        with suppress(AttributeError, OSError, ValueError):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(min(found), 0) if found else None


def _read(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
