"""`compiled`: numba's njit with a cache that knows of every compiled module of this package.

numba stores a function's machine code with that of all it calls, and looks only at the function's own file to see
whether it is still up to date: after a change of `immunity.py` a cached `session.visit` would go on with the old
equations. Here one stamp stands for the sources of all compiled modules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

#: The modules with compiled functions; a test checks that none is missing.
MODULES = (
    "streams.py", "response.py", "immunity.py", "exposure/table.py", "simulation/counting.py", "simulation/moments.py",
    "simulation/observing.py", "simulation/responding.py", "simulation/session.py", "simulation/state.py",
    "simulation/outcomes.py", "strategies/predictive.py", "simulation/foretelling.py",
)  # fmt: skip


def _stamp() -> bytes:
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in MODULES)).digest()


_STAMP = _stamp()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the machine code on disk; options are those of `numba.njit`.

    Division by zero gives inf or NaN, as in NumPy.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        dispatcher = njit(cache=True, error_model="numpy", **options)(function)
        dispatcher._cache._cache_file._source_stamp = _STAMP
        return dispatcher

    return compile_later
